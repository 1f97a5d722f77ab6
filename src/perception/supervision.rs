use std::fmt;
use std::hash::Hasher;

use ndarray::{Array2, ArrayView3, Axis};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::reader::check_size;
use super::{Architecture, Error, accuracy};
use crate::datasets::Digits;

/// What a network is trained on: images, and what it should have said of them.
pub trait Supervision {
    /// The training images, 0 black to 255 white.
    fn images(&self) -> ArrayView3<'_, u8>;

    /// The steps of one epoch, of about `batch` images each, in a random order. None is
    /// empty, and no position beyond the images.
    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep>;

    /// The probabilities the network should have given to the images of a step, shape (images,
    /// classes). A row of zeros teaches nothing.
    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32>;

    /// The images by which the best epoch is chosen.
    fn validation_images(&self) -> ArrayView3<'_, u8>;

    /// How well the network does on these, from 0 to 1, given its probabilities.
    fn validation_accuracy(&self, given: &Array2<f32>) -> f64;

    /// Feeds `hasher` all but the images that decides what is learned and which epoch is chosen: a training
    /// is resumed only with the same.
    fn identify(&self, hasher: &mut dyn Hasher);

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

/// What a network made of the images of a step, for a [`Supervision`] to judge.
pub struct Attempt<'a> {
    step: &'a TrainingStep,
    pixels: ArrayView3<'a, f32>,
    classes: usize,
    given: &'a dyn Fn() -> Array2<f32>,
}

impl<'a> Attempt<'a> {
    /// Of a network with so many classes. `given` hands over the probabilities that it gave, shape
    /// (images, classes).
    pub fn new(
        step: &'a TrainingStep,
        pixels: ArrayView3<'a, f32>,
        classes: usize,
        given: &'a dyn Fn() -> Array2<f32>,
    ) -> Self {
        Self { step, pixels, classes, given }
    }

    /// The images, and the cases that they make up.
    pub fn step(&self) -> &'a TrainingStep {
        self.step
    }

    /// The images as the network saw them, distorted, 0 black to 1 white.
    pub fn pixels(&self) -> ArrayView3<'a, f32> {
        self.pixels
    }

    /// The network's number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The probabilities that the network gave, shape (images, classes). To be asked once, and only if
    /// needed: each time the device hands them over, and cannot go on until then.
    pub fn given(&self) -> Array2<f32> {
        (self.given)()
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("step", self.step).field("classes", &self.classes).finish_non_exhaustive()
    }
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

impl Supervision for Labels<'_> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.train.images.view()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(random);
        order.chunks_exact(batch).map(|images| TrainingStep { images: images.to_vec(), cases: Vec::new() }).collect()
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let images = &attempt.step().images;
        let mut targets = Array2::zeros((images.len(), attempt.classes()));
        for (row, &image) in images.iter().enumerate() {
            targets[(row, usize::from(self.train.labels[image]))] = 1.0;
        }
        targets
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.validation.images.view()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        accuracy(given, self.validation.labels.view())
    }

    fn identify(&self, hasher: &mut dyn Hasher) {
        for digits in [self.train, self.validation] {
            digits.labels.iter().for_each(|&label| hasher.write_u8(label));
        }
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

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array3, array};

    use super::*;

    #[test]
    fn labels_are_the_targets_whatever_was_given() {
        let digits = Digits { images: Array3::zeros((3, 28, 28)), labels: Array1::from(vec![2, 0, 1]) };
        let labels = Labels { train: &digits, validation: &digits };
        let step = TrainingStep { images: vec![1, 0], cases: Vec::new() };
        let pixels = Array3::zeros((2, 28, 28));
        let attempt = Attempt::new(&step, pixels.view(), 3, &|| unreachable!("a GPU would have to wait"));
        assert_eq!(labels.targets(&attempt), array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    }
}
