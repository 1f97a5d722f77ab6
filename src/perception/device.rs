use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use burn::tensor::Device;
use burn::tensor::wgpu::wgpu::DeviceType;
use serde::{Deserialize, Serialize};

use super::Error;

/// Where the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A real GPU when there is one, otherwise the CPU.
    #[default]
    Auto,
    /// A wgpu adapter, be it a GPU or a software one; an error where there is none.
    Wgpu,
    /// The CPU, in pure Rust.
    Cpu,
}

/// A device ready for use, with a line that tells which one it is.
#[derive(Debug, Clone)]
pub struct OpenDevice {
    pub(crate) device: Device,
    /// Such as `device: CPU (no GPU adapter found)`.
    pub description: String,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] for [`DeviceChoice::Wgpu`] where no adapter can be used.
    pub fn open(self) -> Result<OpenDevice, Error> {
        let cpu = |why: &str| OpenDevice { device: Device::flex(), description: format!("device: CPU{why}") };
        match self {
            Self::Cpu => Ok(cpu("")),
            Self::Wgpu => {
                adapter().as_ref().map(Adapter::open).map_err(|reason| Error::NoAdapter { reason: reason.clone() })
            }
            Self::Auto => Ok(match adapter() {
                Ok(adapter) if adapter.is_gpu => adapter.open(),
                Ok(adapter) => cpu(&format!(" (the only wgpu adapter, {}, is software)", adapter.name)),
                Err(_) => cpu(" (no GPU adapter found)"),
            }),
        }
    }
}

struct Adapter {
    device: Device,
    name: String,
    is_gpu: bool,
}

impl Adapter {
    fn open(&self) -> OpenDevice {
        let kind = if self.is_gpu { "GPU" } else { "software adapter" };
        OpenDevice { device: self.device.clone(), description: format!("device: {kind} {} (wgpu)", self.name) }
    }
}

/// The best wgpu adapter, looked for once: the runtime can be initialised only once a process.
fn adapter() -> &'static Result<Adapter, String> {
    static ADAPTER: OnceLock<Result<Adapter, String>> = OnceLock::new();
    ADAPTER.get_or_init(|| {
        let (device, setup) = Device::wgpu_options().init_with_setup().map_err(|e| e.to_string())?;
        let info = setup.adapter.get_info();
        let is_gpu =
            matches!(info.device_type, DeviceType::DiscreteGpu | DeviceType::IntegratedGpu | DeviceType::VirtualGpu);
        Ok(Adapter { device, name: info.name, is_gpu })
    })
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "auto" => Ok(Self::Auto),
            "wgpu" => Ok(Self::Wgpu),
            "cpu" => Ok(Self::Cpu),
            _ => Err(Error::UnknownDevice(name.to_owned())),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Wgpu => "wgpu",
            Self::Cpu => "cpu",
        })
    }
}
