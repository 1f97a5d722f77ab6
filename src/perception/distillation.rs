use std::hash::Hasher;

use ndarray::{Array2, ArrayView3};
use rand_chacha::ChaCha8Rng;

use super::{Architecture, Attempt, Checkpoint, Error, OpenDevice, Reader, Supervision, TrainingStep};
use crate::rules::Fingerprint;

/// A network taught by others: what it should have said of an image is what they say of it on average,
/// distorted as the network sees it (Hinton, Vinyals & Dean 2015, at temperature 1).
///
/// Several networks read better than one of them, and take as much longer. One that they taught comes
/// near to them and takes no longer than one. The teachers are of one architecture; the network may be
/// of another. Of the supervision that they stand in for, the images, the steps and the choice of the
/// best epoch remain.
///
/// ```no_run
/// use std::ops::ControlFlow;
///
/// use pinesy::datasets::Mnist;
/// use pinesy::perception::{Checkpoint, DeviceChoice, DigitNet, Distillation, Labels, Training, TrainingConfig};
///
/// let mnist = Mnist::read("datasets/mnist")?;
/// let device = DeviceChoice::Auto.open()?;
/// let labels = Labels { train: &mnist.train, validation: &mnist.validation };
/// let teachers = [Checkpoint::read("a.safetensors")?, Checkpoint::read("b.safetensors")?];
/// let taught = Distillation::<_, DigitNet>::new(labels, &teachers, &device)?;
/// let training = Training::new(TrainingConfig::default())?;
/// let (checkpoint, _) = training.run(&DigitNet::default(), &taught, &device, |_| ControlFlow::Continue(()))?;
/// checkpoint.write("one.safetensors")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Distillation<S, A: Architecture> {
    supervision: S,
    teachers: Vec<Teacher<A>>,
}

#[derive(Debug, Clone)]
struct Teacher<A: Architecture> {
    /// Its number, from 1, and its file.
    name: String,
    identity: Fingerprint,
    reader: Reader<A>,
    /// On the validation images.
    accuracy: f64,
}

impl<S: Supervision, A: Architecture> Distillation<S, A> {
    /// Teachers for the images of a supervision. Each reads the validation images once, to show that it
    /// can.
    ///
    /// # Errors
    /// [`Error::Config`] without teachers, [`Error::Checkpoint`] for one that is no such network,
    /// [`Error::Teacher`] for one that reads images of another size, gives no numbers or has classes that
    /// do not go with the supervision.
    pub fn new(supervision: S, teachers: &[Checkpoint], device: &OpenDevice) -> Result<Self, Error> {
        if teachers.is_empty() {
            return Err(Error::Config { setting: "teachers", expected: "at least one network" });
        }
        let numbered = (1..).zip(teachers);
        let teachers = numbered.map(|(number, teacher)| Teacher::new(number, teacher, &supervision, device));
        Ok(Self { teachers: teachers.collect::<Result<_, _>>()?, supervision })
    }

    /// How well each teacher does on the validation images, from 0 to 1.
    pub fn teacher_accuracies(&self) -> impl Iterator<Item = f64> {
        self.teachers.iter().map(|teacher| teacher.accuracy)
    }
}

impl<A: Architecture> Teacher<A> {
    fn new(
        number: usize,
        checkpoint: &Checkpoint,
        supervision: &impl Supervision,
        device: &OpenDevice,
    ) -> Result<Self, Error> {
        let name = format!("{number} {}", checkpoint.path().display()).trim_end().to_owned();
        let reader: Reader<A> = checkpoint.own_reader(device)?;
        let given = supervision.check(reader.architecture().classes(), 1);
        let given = given.and_then(|()| reader.probabilities(supervision.validation_images()));
        let given = given.map_err(|source| Error::Teacher { teacher: name.clone(), source: Box::new(source) })?;
        let accuracy = supervision.validation_accuracy(&given);
        Ok(Self { name, identity: checkpoint.fingerprint(), reader, accuracy })
    }
}

impl<S: Supervision, A: Architecture> Supervision for Distillation<S, A> {
    fn images(&self) -> ArrayView3<'_, u8> {
        self.supervision.images()
    }

    fn steps(&self, batch: usize, random: &mut ChaCha8Rng) -> Vec<TrainingStep> {
        self.supervision.steps(batch, random)
    }

    fn targets(&self, attempt: &Attempt<'_>) -> Array2<f32> {
        let mut mean = Array2::zeros((attempt.step().images.len(), attempt.classes()));
        for teacher in &self.teachers {
            mean += &teacher.reader.read(attempt.pixels());
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
        for teacher in &self.teachers {
            hasher.write(teacher.identity.to_string().as_bytes());
        }
    }

    fn check(&self, classes: usize, batch: usize) -> Result<(), Error> {
        self.supervision.check(classes, batch)?;
        for Teacher { name, reader, .. } in &self.teachers {
            let found = reader.architecture().classes();
            if found != classes {
                return Err(Error::TeacherClasses { teacher: name.clone(), found, expected: classes });
            }
        }
        Ok(())
    }
}
