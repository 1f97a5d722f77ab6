use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Tensor as PackedTensor;
use burn::tensor::{Bytes, DType, Device, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{Error, Network, NetworkConfig, OpenDevice};
use crate::whole_file;

/// Named f32 tensors, detached from any device.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Weights(BTreeMap<String, Weight>);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weight {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Weights {
    pub(super) fn of(network: &Network) -> Self {
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

    /// Moves every weight towards `other`'s: w ← keep·w + (1 − keep)·other.
    pub(super) fn average(&mut self, other: &Self, keep: f32) {
        for (name, weight) in &mut self.0 {
            for (w, o) in weight.values.iter_mut().zip(&other.0[name].values) {
                *w = keep * *w + (1.0 - keep) * o;
            }
        }
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

    /// A network of these weights; `Err` says which tensor does not fit and how.
    pub(super) fn network(&self, config: &NetworkConfig, device: &Device) -> Result<Network, String> {
        let mut network = config.init(device);
        let expected = Self::of(&network);
        for (name, weight) in &expected.0 {
            match self.0.get(name) {
                None => return Err(format!("tensor {name} is missing: expected one of shape {:?}", weight.shape)),
                Some(found) if found.shape != weight.shape => {
                    return Err(format!("tensor {name} has shape {:?}: expected {:?}", found.shape, weight.shape));
                }
                Some(_) => {}
            }
        }
        if let Some(name) = self.0.keys().find(|name| !expected.0.contains_key(*name)) {
            return Err(format!("tensor {name} is unknown: expected only {}", names(&expected)));
        }
        let tensors = self.0.iter().map(|(name, weight)| {
            let bytes = Bytes::from_bytes_vec(to_bytes(&weight.values));
            PackedTensor::new(name.clone(), DType::F32, weight.shape.clone(), None, bytes)
        });
        let result = network.apply(tensors.collect(), None, None, false);
        if result.is_success() { Ok(network) } else { Err(format!("{:?}", result.errors)) }
    }
}

fn names(weights: &Weights) -> String {
    weights.0.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// What a checkpoint says of itself, kept as JSON under the metadata key `pinesy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Version of the layout, now 1.
    pub version: u32,
    /// Number of classes the network tells apart.
    pub classes: usize,
    /// Epochs trained until these weights were taken.
    pub epochs: usize,
    /// Share of the validation images read rightly, by which these weights were chosen.
    pub validation_accuracy: f64,
    /// How they were trained.
    pub training: super::TrainingConfig,
}

/// Weights of a network in a safetensors file.
///
/// The file holds one F32 tensor for each of the network's parameters and running statistics,
/// named by its place in the network (`block1.conv.weight`, `head.bias`, …), and one metadata
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
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is no safetensors file
    /// of f32 tensors with our metadata.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (weights, info) = read_weights(path)?;
        Ok(Self { path: path.to_owned(), weights, info })
    }

    /// Writes the checkpoint, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_weights(path.as_ref(), &self.weights, &self.info)
    }

    /// The network with these weights, on a device.
    ///
    /// # Errors
    /// [`Error::Shape`] if the checkpoint was made for another number of classes or another
    /// network.
    pub fn network(&self, classes: usize, device: &OpenDevice) -> Result<Network, Error> {
        let shape = |reason| Error::Shape { path: self.path.clone(), reason };
        if self.info.classes != classes {
            return Err(shape(format!("made for {} classes: expected {classes}", self.info.classes)));
        }
        self.weights.network(&NetworkConfig::new(classes), &device.device).map_err(shape)
    }
}

const METADATA_KEY: &str = "pinesy";

pub(super) fn read_weights<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<(Weights, T), Error> {
    let format = |reason: String| Error::Format { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let broken = |e: safetensors::SafeTensorError| format(format!("expected a safetensors file ({e})"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let info = header.metadata().as_ref().and_then(|entries| entries.get(METADATA_KEY));
    let info = info
        .ok_or_else(|| format(format!("no metadata entry '{METADATA_KEY}': expected a checkpoint of this program")))?;
    let info = serde_json::from_str(info).map_err(|e| format(format!("metadata entry '{METADATA_KEY}': {e}")))?;
    let mut weights = Weights::default();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(broken)?.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(format(format!("tensor {name} is {:?}: expected F32", view.dtype())));
        }
        let values: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(format(format!("tensor {name} holds {} at position {i}: expected finite numbers", values[i])));
        }
        weights.0.insert(name.to_owned(), Weight { shape: view.shape().to_vec(), values });
    }
    Ok((weights, info))
}

pub(super) fn write_weights(path: &Path, weights: &Weights, info: &impl Serialize) -> Result<(), Error> {
    let data: Vec<_> = weights.iter().map(|(name, weight)| (name, &weight.shape, to_bytes(&weight.values))).collect();
    let views = data.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes).expect("as many values as the shape says");
        (*name, view)
    });
    let info = serde_json::to_string(info).expect("plain data");
    let metadata = Some([(METADATA_KEY.to_owned(), info)].into());
    let bytes = safetensors::serialize(views, metadata)
        .map_err(|e| Error::Format { path: path.to_owned(), reason: e.to_string() })?;
    whole_file::write(path, |w| w.write_all(&bytes)).map_err(|source| Error::Io { path: path.to_owned(), source })
}
