use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Tensor as PackedTensor;
use burn::tensor::{Bytes, DType, Device, TensorData};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use siphasher::sip128::SipHasher13;

use super::{Architecture, Error, OpenDevice, Reader, TrainingConfig};
use crate::rules::Fingerprint;
use crate::{limited, unique, whole_file};

/// Named f32 tensors, detached from any device.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Weights(BTreeMap<String, Weight>);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weight {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Weights {
    pub(super) fn of(network: &impl Module) -> Self {
        let mut weights = Self::default();
        for tensor in network.collect(None, None, false) {
            let bytes = tensor.to_bytes().expect("a tensor in memory can be read");
            let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            weights.0.insert(tensor.name.clone(), Weight { shape: tensor.shape.to_vec(), values });
        }
        weights
    }

    pub(super) fn get(&self, name: &str) -> Option<&Weight> {
        self.0.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Weight)> {
        self.0.iter().map(|(name, weight)| (name.as_str(), weight))
    }

    pub(super) fn insert(&mut self, name: String, data: &TensorData) {
        let values = data.try_to_vec::<f32>().expect("weights are f32");
        self.0.insert(name, Weight { shape: data.shape().to_vec(), values });
    }

    pub(super) fn set(&mut self, name: String, weight: Weight) {
        self.0.insert(name, weight);
    }

    /// The shape of each tensor.
    pub(super) fn shapes(&self) -> Vec<(&str, &[usize])> {
        self.iter().map(|(name, weight)| (name, weight.shape.as_slice())).collect()
    }

    pub(super) fn extend(&mut self, prefix: &str, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, weight)| (format!("{prefix}.{name}"), weight.clone())));
    }

    pub(super) fn part(&self, prefix: &str) -> Self {
        let strip = |(name, weight): (&String, &Weight)| {
            Some((name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned(), weight.clone()))
        };
        Self(self.0.iter().filter_map(strip).collect())
    }

    /// A network of these weights, if each tensor fits.
    pub(super) fn network<A: Architecture>(
        &self,
        architecture: &A,
        device: &Device,
    ) -> Result<A::Network, CheckpointFault> {
        let mut network = architecture.init(device);
        let expected = Self::of(&network);
        for (name, weight) in &expected.0 {
            match self.0.get(name) {
                None => {
                    return Err(CheckpointFault::MissingTensor { tensor: name.clone(), shape: weight.shape.clone() });
                }
                Some(found) if found.shape != weight.shape => {
                    return Err(CheckpointFault::TensorShape {
                        tensor: name.clone(),
                        found: found.shape.clone(),
                        expected: weight.shape.clone(),
                    });
                }
                Some(_) => {}
            }
        }
        if let Some(name) = self.0.keys().find(|name| !expected.0.contains_key(*name)) {
            let expected = expected.0.into_keys().collect();
            return Err(CheckpointFault::UnknownTensor { tensor: name.clone(), expected });
        }
        let tensors = self.0.iter().map(|(name, weight)| {
            let bytes = Bytes::from_bytes_vec(to_bytes(&weight.values));
            PackedTensor::new(name.clone(), DType::F32, weight.shape.clone(), None, bytes)
        });
        let result = network.apply(tensors.collect(), None, None, false);
        assert!(result.is_success(), "names and shapes are those expected: {:?}", result.errors);
        Ok(network)
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The settings that are not the same, such as `epochs 4 instead of 5`.
fn differences(found: &TrainingConfig, expected: &TrainingConfig) -> String {
    let entries = |config| match serde_json::to_value(config).expect("plain data") {
        Json::Object(entries) => entries,
        _ => unreachable!("a struct"),
    };
    let (found, expected) = (entries(found), entries(expected));
    let other = found.iter().filter(|(name, value)| expected.get(*name) != Some(value));
    let told = other.map(|(name, value)| format!("{} {value} instead of {}", name.replace('_', " "), expected[name]));
    told.collect::<Vec<_>>().join(", ")
}

fn to_json(info: &impl Serialize) -> String {
    serde_json::to_string(info).expect("plain data")
}

/// What a checkpoint says of itself, kept as JSON under the metadata key `pinesy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Version of the layout, now 2.
    pub version: u32,
    /// The kind of network: [`Architecture::NAME`].
    pub network: String,
    /// Its settings: the architecture as JSON.
    pub architecture: serde_json::Value,
    /// Epochs trained until these weights were taken.
    pub epochs: usize,
    /// Share of the validation images read rightly, by which these weights were chosen.
    pub validation_accuracy: f64,
    /// How they were trained.
    pub training: TrainingConfig,
}

/// What can be wrong with a checkpoint, or with the state of a training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointFault {
    /// It is no safetensors file.
    #[error("expected a safetensors file ({0})")]
    NotSafetensors(#[source] SafeTensorError),
    /// A safetensors file that does not say how it came about.
    #[error("no metadata entry '{METADATA_KEY}': expected a checkpoint of this program")]
    NoMetadata,
    /// The metadata are not what was expected.
    #[error("metadata entry '{METADATA_KEY}': {0}")]
    Metadata(#[source] serde_json::Error),
    /// A tensor of other numbers than f32.
    #[error("tensor {tensor} is {found:?}: expected F32")]
    TensorType {
        /// Its name.
        tensor: String,
        /// Its type of number.
        found: Dtype,
    },
    /// An infinite weight, or one that is no number.
    #[error("tensor {tensor} holds {value} at position {position}: expected finite numbers")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
        /// The weight's position in it, from 0.
        position: usize,
        /// The weight.
        value: f32,
    },
    /// A tensor of the network that is not there.
    #[error("tensor {tensor} is missing: expected one of shape {shape:?}")]
    MissingTensor {
        /// Its name.
        tensor: String,
        /// The shape it should have.
        shape: Vec<usize>,
    },
    /// A tensor of another shape than in the network.
    #[error("tensor {tensor} has shape {found:?}: expected {expected:?}")]
    TensorShape {
        /// Its name.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor that the network does not have.
    #[error("tensor {tensor} is unknown: expected only {}", expected.join(", "))]
    UnknownTensor {
        /// Its name.
        tensor: String,
        /// The network's tensors.
        expected: Vec<String>,
    },
    /// The header says something twice, of which a reader would keep one.
    #[error("header: {0}")]
    Header(#[source] serde_json::Error),
    /// Of another layout than this version of the program writes.
    #[error("layout {0}: expected {VERSION}")]
    Version(u32),
    /// Of another kind of network.
    #[error("a network {found}: expected {expected}")]
    Network {
        /// The kind it is.
        found: String,
        /// The kind asked for.
        expected: &'static str,
    },
    /// Of a network with other settings than it is asked to be read with.
    #[error("a network with settings {found}: expected {expected}")]
    Architecture {
        /// The settings it was made with.
        found: String,
        /// Those asked for.
        expected: String,
    },
    /// The settings of its network cannot be read.
    #[error("settings of its network: {0}")]
    Settings(#[source] serde_json::Error),
    /// The settings of its network are outside their range.
    #[error("its network: {0}")]
    Range(#[source] Box<Error>),
    /// The share of validation images read rightly is none.
    #[error("validation accuracy {0}: expected 0 to 1")]
    Accuracy(f64),
    /// A variance below 0.
    #[error("tensor {tensor} holds {value} at position {position}: expected variances from 0 up")]
    Variance {
        /// The tensor's name.
        tensor: String,
        /// The variance's position in it, from 0.
        position: usize,
        /// The variance.
        value: f32,
    },
    /// The state of a training on another kind of device.
    #[error("the state of a training on a {found}: expected one on a {expected}")]
    Engine {
        /// What it was trained on.
        found: String,
        /// What it is to go on with.
        expected: &'static str,
    },
    /// The state of a training whose optimiser is not of this network.
    #[error("the moments of its optimiser do not fit: expected one of each for every weight")]
    Moments,
    /// The state of a training with other settings than those to go on with.
    #[error("made with {}: expected the same settings", differences(.found, .expected))]
    OtherSettings {
        /// Those it was made with.
        found: Box<TrainingConfig>,
        /// Those to go on with.
        expected: Box<TrainingConfig>,
    },
    /// The state of a training that a new one would write over.
    #[error("an unfinished training: expected to resume it, or to remove this file")]
    Unfinished,
    /// No state of a training where one is to go on from.
    #[error("no unfinished training: expected to start without resuming")]
    NothingToResume,
    /// The state of a training that had something else to learn than what it is to go on with.
    #[error("made with other images, labels, rules or teachers: expected the same ones, in the same order")]
    OtherSupervision,
}

/// Weights of a network in a safetensors file.
///
/// The file holds one F32 tensor for each of the network's parameters and running statistics,
/// named by its place in the network (`blocks.0.conv.weight`, `head.weight`, …), and one metadata
/// entry `pinesy` with a [`CheckpointInfo`] as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    path: PathBuf,
    weights: Weights,
    /// What the file says of itself.
    pub info: CheckpointInfo,
}

impl Checkpoint {
    pub(super) fn new(weights: Weights, info: CheckpointInfo) -> Self {
        Self { path: PathBuf::new(), weights, info }
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Checkpoint`] if it is no safetensors
    /// file of f32 tensors with our metadata.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (weights, info): (_, CheckpointInfo) = read_weights(path)?;
        if info.version != VERSION {
            let fault = CheckpointFault::Version(info.version);
            return Err(Error::Checkpoint { path: path.to_owned(), fault });
        }
        if !(0.0..=1.0).contains(&info.validation_accuracy) {
            let fault = CheckpointFault::Accuracy(info.validation_accuracy);
            return Err(Error::Checkpoint { path: path.to_owned(), fault });
        }
        Ok(Self { path: path.to_owned(), weights, info })
    }

    /// Writes the checkpoint, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_weights(path.as_ref(), &self.weights, &self.info)
    }

    /// The network with these weights and the settings it was made with, on a device, ready to read.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the checkpoint is of another kind of network, or its settings are not
    /// those of this kind.
    pub fn own_reader<A: Architecture>(&self, device: &OpenDevice) -> Result<Reader<A>, Error> {
        let found = self.architecture().and_then(|found: A| Reader::new(&found, &self.weights, device));
        found.map_err(|fault| self.wrong(fault))
    }

    /// The network with these weights, on a device, ready to read.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the checkpoint was made for another network, or one of other
    /// settings.
    pub fn reader<A: Architecture>(&self, architecture: &A, device: &OpenDevice) -> Result<Reader<A>, Error> {
        let found: A = self.architecture().map_err(|fault| self.wrong(fault))?;
        if found != *architecture {
            let settings = |of: &A| serde_json::to_string(of).expect("plain data");
            let (found, expected) = (settings(&found), settings(architecture));
            return Err(self.wrong(CheckpointFault::Architecture { found, expected }));
        }
        Reader::new(architecture, &self.weights, device).map_err(|fault| self.wrong(fault))
    }

    /// Where it was read; empty for one that was not.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells the network with these weights apart from others, on every machine.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = SipHasher13::new();
        hasher.write(format!("{} {}", self.info.network, self.info.architecture).as_bytes());
        for (name, weight) in self.weights.iter() {
            hasher.write(format!("{name} {:?}", weight.shape).as_bytes());
            hasher.write(&to_bytes(&weight.values));
        }
        Fingerprint::of(hasher)
    }

    /// The settings it was made with.
    fn architecture<A: Architecture>(&self) -> Result<A, CheckpointFault> {
        if self.info.network != A::NAME {
            return Err(CheckpointFault::Network { found: self.info.network.clone(), expected: A::NAME });
        }
        let settings: A = serde_json::from_value(self.info.architecture.clone()).map_err(CheckpointFault::Settings)?;
        settings.check().map_err(|error| CheckpointFault::Range(Box::new(error)))?;
        Ok(settings)
    }

    fn wrong(&self, fault: CheckpointFault) -> Error {
        Error::Checkpoint { path: self.path.clone(), fault }
    }
}

/// The version of the layout of checkpoints.
pub(super) const VERSION: u32 = 2;
const METADATA_KEY: &str = "pinesy";

pub(super) fn read_weights<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<(Weights, T), Error> {
    let bytes =
        limited::read(path, limited::FILE_LIMIT).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    parse_weights(&bytes).map_err(|fault| Error::Checkpoint { path: path.to_owned(), fault })
}

fn parse_weights<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<(Weights, T), CheckpointFault> {
    let (length, header) = SafeTensors::read_metadata(bytes).map_err(CheckpointFault::NotSafetensors)?;
    let _: Header = serde_json::from_slice(&bytes[8..8 + length]).map_err(CheckpointFault::Header)?;
    let info = header.metadata().as_ref().and_then(|entries| entries.get(METADATA_KEY));
    let info = serde_json::from_str(info.ok_or(CheckpointFault::NoMetadata)?).map_err(CheckpointFault::Metadata)?;
    let mut weights = Weights::default();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(CheckpointFault::NotSafetensors)?.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(CheckpointFault::TensorType { tensor: name.to_owned(), found: view.dtype() });
        }
        let values: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(CheckpointFault::NotFinite { tensor: name.to_owned(), position, value: values[position] });
        }
        if name.ends_with(".running_var")
            && let Some(position) = values.iter().position(|&v| v < 0.0)
        {
            return Err(CheckpointFault::Variance { tensor: name.to_owned(), position, value: values[position] });
        }
        weights.0.insert(name.to_owned(), Weight { shape: view.shape().to_vec(), values });
    }
    Ok((weights, info))
}

/// Tensors and metadata by name, and what is said of each: read for what is there twice alone.
type Header = Entries<Entries<IgnoredAny>>;

#[derive(Deserialize)]
#[serde(bound = "V: Deserialize<'de>")]
struct Entries<V>(
    #[allow(dead_code)]
    #[serde(deserialize_with = "unique::map")]
    BTreeMap<String, V>,
);

pub(super) fn write_weights(path: &Path, weights: &Weights, info: &impl Serialize) -> Result<(), Error> {
    let data: Vec<_> = weights.iter().map(|(name, weight)| (name, &weight.shape, to_bytes(&weight.values))).collect();
    let views = data.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes).expect("as many values as the shape says");
        (*name, view)
    });
    let metadata = Some([(METADATA_KEY.to_owned(), to_json(info))].into());
    let bytes = safetensors::serialize(views, metadata).expect("tensors in memory, and a short header");
    whole_file::write(path, |w| w.write_all(&bytes)).map_err(|source| Error::Io { path: path.to_owned(), source })
}
