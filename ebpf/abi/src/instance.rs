/// The most instances that one load of the programs can tell apart. Where a machine
/// has so many CPUs that the maps would grow too large, it is fewer. An event of an
/// instance beyond is counted as lost, never attributed to another one.
pub const MAX_INSTANCES: u32 = 64;

/// Whose IOMMU architecture an instance has.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vendor {
    /// Intel VT-d.
    Vtd = 0,
    /// Arm SMMUv3.
    SmmuV3 = 1,
    /// AMD-Vi.
    AmdVi = 2,
}

impl Vendor {
    /// The short name used in targets (`model:vtd`) and instance names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vtd => "vtd",
            Self::SmmuV3 => "smmuv3",
            Self::AmdVi => "amdvi",
        }
    }
}

/// The `instance` argument of every static probe.
///
/// | bits  | field                                        |
/// |-------|----------------------------------------------|
/// | 15:0  | instance number, from 0                      |
/// | 23:16 | vendor                                       |
/// | 30:24 | reserved, 0                                  |
/// | 31    | modelled: no hardware stands behind it       |
///
/// The modelled bit travels with every event, so that an observer of a foreign
/// process cannot take a model's figures for hardware's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceArg(u32);

const MODELLED: u32 = 1 << 31;

impl InstanceArg {
    /// Puts the argument together.
    #[must_use]
    pub const fn new(number: u16, vendor: Vendor, modelled: bool) -> Self {
        let modelled = if modelled { MODELLED } else { 0 };
        Self(number as u32 | (vendor as u32) << 16 | modelled)
    }

    /// Takes the argument as it came out of a register or a map.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The argument as it goes into a register.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The instance number.
    #[must_use]
    pub const fn number(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The vendor, or the unknown code that a foreign process passed.
    ///
    /// # Errors
    /// The raw code where it names no [`Vendor`].
    pub const fn vendor(self) -> Result<Vendor, u8> {
        match (self.0 >> 16 & 0xff) as u8 {
            0 => Ok(Vendor::Vtd),
            1 => Ok(Vendor::SmmuV3),
            2 => Ok(Vendor::AmdVi),
            unknown => Err(unknown),
        }
    }

    /// Whether a model stands behind the instance instead of hardware.
    #[must_use]
    pub const fn is_modelled(self) -> bool {
        self.0 & MODELLED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_has_the_documented_bits() {
        let arg = InstanceArg::new(3, Vendor::AmdVi, true);
        assert_eq!(arg.raw(), 0x8002_0003);
        assert_eq!(arg.number(), 3);
        assert_eq!(arg.vendor(), Ok(Vendor::AmdVi));
        assert!(arg.is_modelled());
        assert!(!InstanceArg::from_raw(0x0000_0003).is_modelled());
    }

    #[test]
    fn an_unknown_vendor_code_is_told_and_not_guessed() {
        assert_eq!(InstanceArg::from_raw(0x00ff_0000).vendor(), Err(0xff));
    }
}
