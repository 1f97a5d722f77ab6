use ndarray::{Array2, ArrayView3, Axis};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::reader::check_size;
use super::{Architecture, Error, accuracy};
use crate::datasets::Digits;

/// What a network is trained on: images, and what it should have said of them.
pub trait Supervision: Sync {
    /// The training images, 0 black to 255 white.
    fn images(&self) -> ArrayView3<'_, u8>;

    /// The steps of one epoch, of about `batch` images each, in a random order. None is
    /// empty, and no position beyond the images.
    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep>;

    /// The probabilities the network should have given to the images of a step, shape (images,
    /// classes), when it gave these. A row of zeros teaches nothing.
    fn targets(&self, step: &TrainingStep, given: &Array2<f32>) -> Array2<f32>;

    /// What [`Self::targets`] gives where it does not depend on what the network gave, which a GPU need
    /// then not hand back before the step can go on. By default none: it may depend on it.
    fn fixed_targets(&self, _step: &TrainingStep, _classes: usize) -> Option<Array2<f32>> {
        None
    }

    /// The images by which the best epoch is chosen.
    fn validation_images(&self) -> ArrayView3<'_, u8>;

    /// How well the network does on these, from 0 to 1, given its probabilities.
    fn validation_accuracy(&self, given: &Array2<f32>) -> f64;

    /// Checks that a network of so many classes can learn from it in steps of `batch` images; asked
    /// once, before anything else.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, classes: usize, batch: usize) -> Result<(), Error>;
}

/// The images of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingStep {
    /// Positions among the training images.
    pub images: Vec<usize>,
    /// The numbers of the cases that they make up, if they make up any.
    pub cases: Vec<usize>,
}

pub(super) fn check_images(architecture: &impl Architecture, supervision: &dyn Supervision) -> Result<(), Error> {
    check_size(architecture, supervision.images())?;
    check_size(architecture, supervision.validation_images())
}

/// Every image has a label. Images that fill no whole step are left out of an epoch, others each time.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// What is trained on.
    pub train: &'a Digits,
    /// What the best epoch is chosen by.
    pub validation: &'a Digits,
}

impl Labels<'_> {
    fn one_hot(&self, step: &TrainingStep, classes: usize) -> Array2<f32> {
        let mut targets = Array2::zeros((step.images.len(), classes));
        for (row, &image) in step.images.iter().enumerate() {
            targets[(row, usize::from(self.train.labels[image]))] = 1.0;
        }
        targets
    }
}

impl Supervision for Labels<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.train.images.view()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(random);
        order.chunks_exact(batch).map(|images| TrainingStep { images: images.to_vec(), cases: Vec::new() }).collect()
    }

    fn targets(&self, step: &TrainingStep, given: &Array2<f32>) -> Array2<f32> {
        self.one_hot(step, given.ncols())
    }

    fn fixed_targets(&self, step: &TrainingStep, classes: usize) -> Option<Array2<f32>> {
        Some(self.one_hot(step, classes))
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.validation.images.view()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        accuracy(given, self.validation.labels.view())
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        let (train, validation) = (self.train, self.validation);
        for digits in [train, validation] {
            let (images, labels) = (digits.images.len_of(Axis(0)), digits.labels.len());
            if images != labels {
                return Err(Error::Unlabelled { images, labels });
            }
        }
        if train.len() < batch || validation.is_empty() {
            return Err(Error::TooFewImages { train: train.len(), validation: validation.len(), batch });
        }
        for digits in [train, validation] {
            if let Some(image) = digits.labels.iter().position(|&label| usize::from(label) >= classes) {
                return Err(Error::Label { image, label: digits.labels[image], classes });
            }
        }
        Ok(())
    }
}
