use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::{Error, check_once, check_outputs, one_of, tell};
use crate::datasets::idx;
use crate::perception::{self, Architecture, Checkpoint, DeviceChoice, DigitNet};
use crate::possibility::{Attribute, Domain};
use crate::whole_file;

/// Read images with a trained network: probabilities for `pinesy infer`, `learn` and `abduce`.
///
/// IMAGES is an IDX file of images (gzipped or not), PNG files, or a folder of PNG files, read in
/// the order of their names (img10 before img2). All are 28×28 pixels, without transparency; digits
/// are light on dark, as in MNIST. Writes JSON lines: with --inputs a1,a2 one for every two images,
/// {"a1":[…],"a2":[…]}, otherwise one an image, {"image":…,"probabilities":[…]}. With --npy FOLDER
/// it writes arrays, shape (cases, classes), one file an input, that `pinesy infer --npy` reads.
#[derive(Debug, Args)]
pub struct Perceive {
    /// Weights of the network (safetensors), as written by `pinesy train`.
    #[arg(long)]
    model: PathBuf,
    /// The inputs that the images stand for in turn, such as a1,a2.
    #[arg(long, value_name = "INPUTS", value_delimiter = ',', value_parser = parse_name)]
    inputs: Vec<String>,
    /// Folder to write arrays to instead of lines: a1.npy, a2.npy (probabilities.npy without
    /// --inputs).
    #[arg(long, value_name = "FOLDER")]
    npy: Option<PathBuf>,
    /// Where to run.
    #[arg(long, default_value_t, value_parser = one_of::<DeviceChoice>())]
    device: DeviceChoice,
    /// Images.
    #[arg(required = true)]
    images: Vec<PathBuf>,
}

/// The name of an attribute, which can be that of a file as well.
fn parse_name(text: &str) -> Result<String, String> {
    let known = Attribute::new(text, Domain::integers(0..=0).expect("one value"));
    known.map(|attribute| attribute.name().to_owned()).map_err(|error| error.to_string())
}

impl Perceive {
    pub fn run(self) -> Result<(), Error> {
        check_once("--inputs", self.inputs.iter())?;
        let (files, outputs) = (self.files()?, self.arrays());
        let read: Vec<Option<&Path>> = files.iter().chain([&self.model]).map(|path| Some(path.as_path())).collect();
        check_outputs(&outputs.iter().map(|path| Some(path.as_path())).collect::<Vec<_>>(), &read)?;
        let device = self.device.open()?;
        tell!("{}", device.description);
        let reader = Checkpoint::read(&self.model)?.own_reader::<DigitNet>(&device)?;
        let (images, names) = read_images(&files, reader.architecture().input())?;
        let group = self.inputs.len().max(1);
        if !images.len_of(Axis(0)).is_multiple_of(group) {
            return Err(Error::Grouping { images: images.len_of(Axis(0)), inputs: group });
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} images, {eta} left").expect("a valid template");
        let bar = ProgressBar::new(names.len() as u64).with_style(style);
        let probabilities = reader.probabilities_observed(images.view(), |count| bar.inc(count as u64));
        let probabilities = probabilities.map_err(|error| match error {
            perception::Error::NotFinite { image } => self.overflow(&files, &names[image], image),
            error => error.into(),
        })?;
        bar.finish_and_clear();
        if outputs.is_empty() {
            return self.write_lines(&probabilities, &names);
        }
        let cases = (names.len() / group, group, reader.architecture().classes());
        let by_case = probabilities.into_shape_with_order(cases).expect("whole cases");
        for (path, input) in outputs.iter().zip(by_case.axis_iter(Axis(1))) {
            write_array(path, input)?;
        }
        Ok(())
    }

    /// The files of arrays to write.
    fn arrays(&self) -> Vec<PathBuf> {
        let Some(folder) = &self.npy else { return Vec::new() };
        let alone = ["probabilities".to_owned()];
        let names = if self.inputs.is_empty() { &alone[..] } else { &self.inputs };
        names.iter().map(|name| folder.join(format!("{name}.npy"))).collect()
    }

    /// That the network gives no numbers for an image.
    fn overflow(&self, files: &[PathBuf], name: &Json, image: usize) -> Error {
        let model = self.model.clone();
        match name.as_str() {
            Some(path) => Error::Picture { path: path.into(), fault: PictureFault::Overflow { model } },
            None => Error::Picture { path: files[0].clone(), fault: PictureFault::OverflowAt { image, model } },
        }
    }

    /// The files given, and the pictures in the folders given.
    fn files(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        for path in &self.images {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let entries = std::fs::read_dir(path).map_err(|source| Error::Read { path: path.clone(), source })?;
            let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            inside.retain(|path| is_png(path) && path.is_file());
            if inside.is_empty() {
                return Err(Error::NoPictures(path.clone()));
            }
            inside.sort();
            files.extend(inside);
        }
        Ok(files)
    }

    fn write_lines(&self, probabilities: &Array2<f32>, names: &[Json]) -> Result<(), Error> {
        let mut out = BufWriter::new(stdout().lock());
        let group = self.inputs.len().max(1);
        for (rows, names) in probabilities.axis_chunks_iter(Axis(0), group).zip(names.chunks(group)) {
            let mut json = serde_json::Serializer::new(&mut out);
            let rows = rows.outer_iter().map(|row| row.to_vec());
            let written = if self.inputs.is_empty() {
                rows.zip(names)
                    .try_for_each(|(probabilities, image)| Line { image, probabilities }.serialize(&mut json))
            } else {
                (&mut json).collect_map(self.inputs.iter().zip(rows))
            };
            written.map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Ok(out.flush()?)
    }
}

/// What is written of an image that stands for no input.
#[derive(Serialize)]
struct Line<'a> {
    image: &'a Json,
    probabilities: Vec<f32>,
}

/// All images of one IDX file or of pictures, with their names.
fn read_images(files: &[PathBuf], size: [usize; 2]) -> Result<(Array3<u8>, Vec<Json>), Error> {
    match (files, files.iter().find(|path| !is_png(path))) {
        ([only], Some(_)) => {
            let images = idx::read_images(only)?;
            let (_, rows, columns) = images.dim();
            check_size(columns as u32, rows as u32, size)
                .map_err(|fault| Error::Picture { path: only.clone(), fault })?;
            let names = (0..images.len_of(Axis(0))).map(Json::from).collect();
            return Ok((images, names));
        }
        (_, Some(other)) => return Err(Error::MixedImages(other.clone())),
        (_, None) => {}
    }
    let mut pixels = Vec::with_capacity(files.len() * size[0] * size[1]);
    for path in files {
        let read = File::open(path).map_err(PictureFault::Io).and_then(|file| read_png(BufReader::new(file), size));
        pixels.extend(read.map_err(|fault| Error::Picture { path: path.clone(), fault })?);
    }
    let shape = (files.len(), size[0], size[1]);
    let names = files.iter().map(|path| path.display().to_string().into()).collect();
    Ok((Array3::from_shape_vec(shape, pixels).expect("each was checked"), names))
}

fn is_png(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

fn write_array(path: &Path, array: ArrayView2<'_, f32>) -> Result<(), Error> {
    use ndarray_npy::WriteNpyExt;
    let mut bytes = Vec::new();
    array.to_owned().write_npy(&mut bytes).map_err(std::io::Error::other)?;
    whole_file::write(path, |w| w.write_all(&bytes)).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// What is wrong with a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureFault {
    /// It cannot be opened.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It cannot be decoded.
    #[error("{}: expected a PNG file", .0.to_string().trim_end_matches('.'))]
    Png(#[from] png::DecodingError),
    /// Of another size.
    #[error("{width}×{height} pixels: expected {}×{}", expected[1], expected[0])]
    Size {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Rows and columns expected.
        expected: [usize; 2],
    },
    /// The network gives no numbers for it.
    #[error("the scores of {} are not finite: expected other weights", model.display())]
    Overflow {
        /// The network's file.
        model: PathBuf,
    },
    /// The network gives no numbers for one of many in a file.
    #[error("image {image}: the scores of {} are not finite: expected other weights", model.display())]
    OverflowAt {
        /// Its position, from 0.
        image: usize,
        /// The network's file.
        model: PathBuf,
    },
    /// What is behind it is not known.
    #[error("pixel {pixel} is transparent: expected a picture without transparency")]
    Transparent {
        /// The first such pixel, counted row by row from 0.
        pixel: usize,
    },
}

fn check_size(width: u32, height: u32, expected: [usize; 2]) -> Result<(), PictureFault> {
    let is_fit = [height as usize, width as usize] == expected;
    if is_fit { Ok(()) } else { Err(PictureFault::Size { width, height, expected }) }
}

/// The grey values of a picture; colours by their luminance.
fn read_png(file: impl BufRead + Seek, [rows, columns]: [usize; 2]) -> Result<Vec<u8>, PictureFault> {
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    // Before any memory is taken for it.
    check_size(reader.info().width, reader.info().height, [rows, columns])?;
    let mut pixels = vec![0; rows * columns * 4];
    let info = reader.next_frame(&mut pixels)?;
    let channels = info.color_type.samples();
    let grey = |pixel: &[u8]| match pixel {
        [grey] | [grey, _] => *grey,
        [red, green, blue, ..] => {
            let sum = 299 * u32::from(*red) + 587 * u32::from(*green) + 114 * u32::from(*blue);
            (sum / 1000) as u8
        }
        [] => 0,
    };
    let pixels = pixels[..info.buffer_size()].chunks_exact(channels);
    let is_transparent = |pixel: &[u8]| matches!(pixel, [.., alpha] if channels % 2 == 0 && *alpha < u8::MAX);
    if let Some(pixel) = pixels.clone().position(is_transparent) {
        return Err(PictureFault::Transparent { pixel });
    }
    Ok(pixels.map(grey).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use png::{BitDepth, ColorType};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn picture(color: ColorType, depth: BitDepth) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 28, 28);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.set_palette((0..=255).flat_map(|grey| [grey; 3]).collect::<Vec<u8>>());
        let line = (28 * color.samples() * depth as usize).div_ceil(8);
        encoder.write_header().unwrap().write_image_data(&vec![0xff; 28 * line]).unwrap();
        bytes
    }

    /// Sets those of all chunks right, so that more than these is looked at.
    fn set_checksums(png: &mut [u8]) {
        let mut rest = png.get_mut(8..).unwrap_or_default();
        while let Some((length, after)) = rest.split_first_chunk_mut::<4>() {
            let length = 4 + u32::from_be_bytes(*length) as usize;
            let Some((chunk, after)) = after.split_at_mut_checked(length) else { return };
            let Some((checksum, after)) = after.split_first_chunk_mut::<4>() else { return };
            let mut sum = flate2::Crc::new();
            sum.update(chunk);
            *checksum = sum.sum().to_be_bytes();
            rest = after;
        }
    }

    /// Every kind of picture, whole and with bytes changed or missing.
    #[test]
    fn a_picture_is_read_whole_or_refused() {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let colors = [ColorType::Grayscale, ColorType::Rgb, ColorType::GrayscaleAlpha, ColorType::Rgba];
        let deep = colors.into_iter().flat_map(|color| [(color, BitDepth::Eight), (color, BitDepth::Sixteen)]);
        let flat = [BitDepth::One, BitDepth::Two, BitDepth::Four, BitDepth::Eight];
        let flat = flat.into_iter().flat_map(|depth| [(ColorType::Grayscale, depth), (ColorType::Indexed, depth)]);
        for (color, depth) in deep.chain(flat) {
            let whole = picture(color, depth);
            let white = match (color, depth) {
                (ColorType::Indexed, _) => ((1u32 << depth as u32) - 1) as u8,
                _ => u8::MAX,
            };
            assert_eq!(read_png(Cursor::new(&whole), [28, 28]).unwrap(), vec![white; 784], "{color:?} {depth:?}");
            assert!(matches!(read_png(Cursor::new(&whole), [28, 27]), Err(PictureFault::Size { .. })));
            let mut read = 0;
            for _ in 0..1000 {
                let mut bytes = whole.clone();
                for _ in 0..random.random_range(1..4) {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] =
                        if random.random() { random.random() } else { bytes[at] ^ 1 << random.random_range(0..8) };
                }
                bytes.truncate(if random.random() { bytes.len() } else { random.random_range(0..bytes.len()) });
                set_checksums(&mut bytes);
                if let Ok(pixels) = read_png(Cursor::new(&bytes), [28, 28]) {
                    assert_eq!(pixels.len(), 784, "{color:?} {depth:?}");
                    read += 1;
                }
            }
            assert!((10..900).contains(&read), "{color:?} {depth:?}: {read}");
        }
    }
}
