use serde::{Deserialize, Serialize};

/// What stood behind the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Hardware.
    Hardware,
    /// hwptop's own model.
    Modelled,
    /// A unit that a virtual machine monitor emulates.
    Emulated,
    /// The kernel's selftest mock (`CONFIG_IOMMUFD_TEST`).
    Mock,
}

impl Kind {
    /// The word for it in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Modelled => "modelled",
            Self::Emulated => "emulated",
            Self::Mock => "mock",
        }
    }

    /// What it means for the figures, where they are not of hardware.
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        match self {
            Self::Hardware => None,
            Self::Modelled => Some("a model stood in for hardware"),
            Self::Emulated => Some("a virtual machine monitor emulated the IOMMU"),
            Self::Mock => Some("the kernel's selftest mock, no IOMMU behind it"),
        }
    }
}

/// What a batch was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// One request of `batch` entries for each target.
    #[default]
    Requests,
    /// One `IOMMU_IOAS_UNMAP` of `batch` mapped pages of 4 KiB: no request to a HWPT.
    Unmap,
}

impl Work {
    /// The word for it in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Unmap => "unmap",
        }
    }

    /// What a batch of n was, in words.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Requests => "one request of n entries",
            Self::Unmap => "one unmap of n pages of 4 KiB from an IOAS, no HWPT request",
        }
    }
}
