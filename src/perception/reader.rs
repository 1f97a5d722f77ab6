use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayBase, ArrayView1, ArrayView3, Axis, Data, Dimension};

use super::checkpoint::{CheckpointFault, Weights};
use super::cpu_learner::evaluator;
use super::{Architecture, Error, Network, OpenDevice, cpu};

/// A trained network on a device, ready to read images.
#[derive(Debug, Clone)]
pub struct Reader<A: Architecture> {
    architecture: A,
    engine: Engine<A::Network>,
}

/// What evaluates the network.
#[derive(Debug, Clone)]
enum Engine<N> {
    Burn(Box<N>, Device),
    /// A chain of convolutions on the CPU, its normalisations folded into its weights.
    Chain(Arc<cpu::Reader>),
}

/// Pixels read at once, 1,337 images of digits: enough to keep a GPU or many cores busy, while what the
/// layers of a network make of them still fits.
const PIXELS: usize = 1 << 20;

impl<A: Architecture> Reader<A> {
    /// From weights, if they fit.
    pub(super) fn new(architecture: &A, weights: &Weights, device: &OpenDevice) -> Result<Self, CheckpointFault> {
        let network = weights.network(architecture, &device.device)?;
        let engine = match architecture.chain().filter(|_| device.is_cpu) {
            Some(shape) => Engine::Chain(Arc::new(evaluator(&shape, architecture.classes(), weights))),
            None => Engine::Burn(Box::new(network), device.device.clone()),
        };
        Ok(Self { architecture: architecture.clone(), engine })
    }

    /// The settings of the network.
    pub fn architecture(&self) -> &A {
        &self.architecture
    }

    /// The softmax probability of every class for every image (0 black to 255 white), shape
    /// (images, classes). What a chain of convolutions gives of an image on the CPU does not depend
    /// on those beside it.
    ///
    /// # Errors
    /// [`Error::ImageSize`] for images of another size than the network reads, [`Error::NotFinite`]
    /// if its weights are such that it gives no numbers.
    pub fn probabilities(&self, images: ArrayView3<'_, u8>) -> Result<Array2<f32>, Error> {
        self.probabilities_observed(images, |_| ())
    }

    /// The same. `observe` is told, each time some were read, how many.
    ///
    /// # Errors
    /// Those of [`Self::probabilities`].
    pub fn probabilities_observed(
        &self,
        images: ArrayView3<'_, u8>,
        mut observe: impl FnMut(usize),
    ) -> Result<Array2<f32>, Error> {
        check_size(&self.architecture, images)?;
        let [rows, columns] = self.architecture.input();
        let batch = (PIXELS / (rows * columns).max(1)).max(1);
        let mut probabilities = Array2::zeros((images.len_of(Axis(0)), self.architecture.classes()));
        for (images, mut rows) in
            images.axis_chunks_iter(Axis(0), batch).zip(probabilities.axis_chunks_iter_mut(Axis(0), batch))
        {
            rows.assign(&self.read(images.mapv(|pixel| f32::from(pixel) / 255.0).view()));
            observe(images.len_of(Axis(0)));
        }
        match probabilities.indexed_iter().find(|(_, probability)| !probability.is_finite()) {
            Some(((image, _), _)) => Err(Error::NotFinite { image }),
            None => Ok(probabilities),
        }
    }

    /// The probabilities, shape (images, classes), of pixels from 0 to 1.
    pub(super) fn read(&self, pixels: ArrayView3<'_, f32>) -> Array2<f32> {
        let (images, classes) = (pixels.len_of(Axis(0)), self.architecture.classes());
        let rows = match &self.engine {
            Engine::Burn(network, device) => read_back(softmax(network.scores(pixel_tensor(pixels, device)), 1)),
            Engine::Chain(chain) => {
                let pixels = pixels.as_standard_layout();
                let mut scores = chain.read(pixels.as_slice().expect("standard layout"));
                scores.chunks_exact_mut(classes).for_each(cpu::softmax);
                scores
            }
        };
        Array2::from_shape_vec((images, classes), rows).expect("one row of classes an image")
    }
}

/// The numbers of a tensor.
pub(super) fn read_back<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec::<f32>().expect("f32 was asked for")
}

pub(super) fn check_size(architecture: &impl Architecture, images: ArrayView3<'_, u8>) -> Result<(), Error> {
    let (_, rows, columns) = images.dim();
    let expected = architecture.input();
    if [rows, columns] == expected { Ok(()) } else { Err(Error::ImageSize { rows, columns, expected }) }
}

/// Pixels in 0..1 as the tensor networks read.
pub(super) fn pixel_tensor(pixels: ArrayView3<'_, f32>, device: &Device) -> Tensor<4> {
    let (images, rows, columns) = pixels.dim();
    Tensor::from_data(TensorData::new(row_major(pixels), [images, 1, rows, columns]), device)
}

/// The elements of an array, row after row.
pub(super) fn row_major<S: Data<Elem = f32>, D: Dimension>(array: ArrayBase<S, D>) -> Vec<f32> {
    array.as_standard_layout().into_owned().into_raw_vec_and_offset().0
}

/// The share of images whose most probable class is their label.
pub fn accuracy(probabilities: &Array2<f32>, labels: ArrayView1<'_, u8>) -> f64 {
    let right = probabilities.outer_iter().zip(labels).filter(|(row, label)| {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(usize::from(**label))
    });
    right.count() as f64 / labels.len().max(1) as f64
}
