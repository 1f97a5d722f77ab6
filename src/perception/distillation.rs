use std::hash::Hasher;

use ndarray::{Array2, ArrayView3};
use rand_chacha::ChaCha8Rng;

use super::reader::check_size;
use super::{Architecture, Attempt, Error, Reader, Supervision, TrainingStep};

/// A network taught by others: what it should have said of an image is what they say of it on average,
/// distorted as the network sees it (Hinton, Vinyals & Dean 2015, at temperature 1).
///
/// Several networks read better than one of them, and take as much longer. One that they taught comes
/// near to them and takes no longer than one. What else says what images show only gives the images, the
/// steps and the choice of the best epoch.
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use pinesy::datasets::Mnist;
/// use pinesy::perception::{
///     Checkpoint, DeviceChoice, DigitNet, Distillation, Labels, Reader, Training, TrainingConfig,
/// };
///
/// let mnist = Mnist::read("datasets/mnist")?;
/// let device = DeviceChoice::Auto.open()?;
/// let teachers = ["a.safetensors", "b.safetensors"].map(|path| Checkpoint::read(path)?.own_reader(&device));
/// let teachers: Vec<Reader<DigitNet>> = teachers.into_iter().collect::<Result<_, _>>()?;
/// let labels = Labels { train: &mnist.train, validation: &mnist.validation };
/// let taught = Distillation::new(labels, teachers)?;
/// let training = Training::new(TrainingConfig::default())?;
/// let (checkpoint, _) = training.run(&DigitNet::default(), &taught, &device, |_| ControlFlow::Continue(()))?;
/// checkpoint.write("one.safetensors")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Distillation<S, A: Architecture> {
    supervision: S,
    teachers: Vec<Reader<A>>,
}

impl<S: Supervision, A: Architecture> Distillation<S, A> {
    /// Teachers for the images of a supervision.
    ///
    /// # Errors
    /// [`Error::Config`] without teachers, [`Error::ImageSize`] for one that reads images of another size.
    pub fn new(supervision: S, teachers: Vec<Reader<A>>) -> Result<Self, Error> {
        if teachers.is_empty() {
            return Err(Error::Config { setting: "teachers", expected: "at least one network" });
        }
        teachers.iter().try_for_each(|teacher| check_size(teacher.architecture(), supervision.images()))?;
        Ok(Self { supervision, teachers })
    }
}

impl<S: Supervision, A: Architecture> Supervision for Distillation<S, A>
where
    Reader<A>: Sync,
{
    fn images(&self) -> ArrayView3<'_, u8> {
        self.supervision.images()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        self.supervision.steps(batch, random)
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let mut mean = Array2::zeros((attempt.step().images.len(), attempt.classes()));
        for teacher in &self.teachers {
            mean += &teacher.read(attempt.pixels());
        }
        mean / self.teachers.len() as f32
    }

    fn validation_images(&self) -> ArrayView3<'_, u8> {
        self.supervision.validation_images()
    }

    fn validation_accuracy(&self, given: &Array2<f32>) -> f64 {
        self.supervision.validation_accuracy(given)
    }

    fn identify(&self, hasher: &mut dyn Hasher) {
        self.supervision.identify(hasher);
        self.teachers.iter().for_each(|teacher| hasher.write(teacher.fingerprint().to_string().as_bytes()));
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        self.supervision.check(classes, batch)?;
        match self.teachers.iter().map(|teacher| teacher.architecture().classes()).find(|&found| found != classes) {
            Some(found) => Err(Error::Teacher { found, expected: classes }),
            None => Ok(()),
        }
    }
}
