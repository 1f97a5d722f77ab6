use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use super::Error;

/// Where the network runs.
///
/// As text: `auto`, `wgpu`, `cpu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumString, Display, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum DeviceChoice {
    /// A real GPU when there is one and the feature `gpu` is on, otherwise the CPU.
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
    pub(crate) is_cpu: bool,
    /// Such as `device: CPU (no GPU adapter found)`.
    pub description: String,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// `Error::NoAdapter` for [`DeviceChoice::Wgpu`] where no adapter can be used, `Error::NoGpuFeature`
    /// where the feature `gpu` is off.
    pub fn open(self) -> Result<OpenDevice, Error> {
        let cpu =
            |why: &str| OpenDevice { device: Device::flex(), is_cpu: true, description: format!("device: CPU{why}") };
        #[cfg(not(feature = "gpu"))]
        match self {
            Self::Cpu => Ok(cpu("")),
            Self::Wgpu => Err(Error::NoGpuFeature),
            Self::Auto => Ok(cpu(" (built without GPUs)")),
        }
        #[cfg(feature = "gpu")]
        match self {
            Self::Cpu => Ok(cpu("")),
            Self::Wgpu => gpu::adapter().as_ref().map(gpu::Adapter::open).map_err(|source| Error::NoAdapter { source }),
            Self::Auto => Ok(match gpu::adapter() {
                Ok(adapter) if adapter.is_gpu => adapter.open(),
                Ok(adapter) => cpu(&format!(" (the only wgpu adapter, {}, is software)", adapter.name)),
                Err(_) => cpu(" (no GPU adapter found)"),
            }),
        }
    }
}

#[cfg(feature = "gpu")]
mod gpu {
    use std::sync::OnceLock;

    use burn::tensor::Device;
    use burn::tensor::wgpu::WgpuInitError;
    use burn::tensor::wgpu::wgpu::DeviceType;

    use super::OpenDevice;

    pub struct Adapter {
        device: Device,
        pub name: String,
        pub is_gpu: bool,
    }

    impl Adapter {
        pub fn open(&self) -> OpenDevice {
            let kind = if self.is_gpu { "GPU" } else { "software adapter" };
            let description = format!("device: {kind} {} (wgpu)", self.name);
            OpenDevice { device: self.device.clone(), is_cpu: false, description }
        }
    }

    /// The best wgpu adapter, looked for once: the runtime can be initialised only once a process.
    pub fn adapter() -> &'static Result<Adapter, WgpuInitError> {
        static ADAPTER: OnceLock<Result<Adapter, WgpuInitError>> = OnceLock::new();
        ADAPTER.get_or_init(|| {
            let (device, setup) = Device::wgpu_options().init_with_setup()?;
            let info = setup.adapter.get_info();
            let is_gpu = matches!(
                info.device_type,
                DeviceType::DiscreteGpu | DeviceType::IntegratedGpu | DeviceType::VirtualGpu
            );
            Ok(Adapter { device, name: info.name, is_gpu })
        })
    }
}
