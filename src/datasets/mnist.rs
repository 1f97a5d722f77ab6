use std::path::{Path, PathBuf};

use ndarray::{Array1, Array3, ArrayView3, s};

use super::{Error, idx};

/// Images of single digits with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// Shape (images, rows, columns), one byte a pixel, 0 = background.
    pub images: Array3<u8>,
    /// The digit each image shows, 0 to 9.
    pub labels: Array1<u8>,
}

impl Digits {
    /// Reads one pair of IDX files.
    ///
    /// # Errors
    /// Whatever [`idx`] finds wrong in either file, or [`Error::Mismatch`] if they do not hold
    /// the same number of items.
    pub fn read(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self, Error> {
        let digits = Self { images: idx::read_images(&images)?, labels: idx::read_labels(&labels, 10)? };
        if digits.images.dim().0 == digits.labels.len() {
            return Ok(digits);
        }
        Err(Error::Mismatch {
            left: images.as_ref().to_owned(),
            left_count: digits.images.dim().0,
            right: labels.as_ref().to_owned(),
            right_count: digits.labels.len(),
        })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images and labels of one range of positions.
    ///
    /// # Panics
    /// If the range reaches past the end.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            images: self.images.slice(s![range.clone(), .., ..]).to_owned(),
            labels: self.labels.slice(s![range]).to_owned(),
        }
    }

    /// All images, borrowed.
    pub fn views(&self) -> ArrayView3<'_, u8> {
        self.images.view()
    }
}

/// The MNIST handwritten digits (LeCun, Cortes and Burges) in their customary split: the first
/// 50,000 images of the training file to train, its last 10,000 to validate, and the 10,000
/// images of the test file.
#[derive(Debug, Clone)]
pub struct Mnist {
    /// Training images.
    pub train: Digits,
    /// Validation images.
    pub validation: Digits,
    /// Test images.
    pub test: Digits,
}

impl Mnist {
    /// Images of the training file kept for validation.
    pub const VALIDATION: usize = 10_000;

    /// The four standard files of a folder: images and labels to train by, then those to test by.
    pub fn files(folder: impl AsRef<Path>) -> [PathBuf; 4] {
        let names =
            ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
        names.map(|name| folder.as_ref().join(format!("{name}.gz")))
    }

    /// Reads the four standard files, gzipped, from a folder.
    ///
    /// # Errors
    /// Whatever is wrong with one of the files. A training file of fewer than
    /// [`Self::VALIDATION`] images is used for training alone.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let [images, labels, test_images, test_labels] = Self::files(folder);
        let train = Digits::read(images, labels)?;
        let split = train.len().saturating_sub(Self::VALIDATION);
        let split = if split == 0 { train.len() } else { split };
        let test = Digits::read(test_images, test_labels)?;
        Ok(Self { validation: train.slice(split..train.len()), train: train.slice(0..split), test })
    }
}
