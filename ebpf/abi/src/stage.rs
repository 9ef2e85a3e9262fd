/// The timed parts of a request that static probes delimit.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// One `IOMMU_HWPT_INVALIDATE`, or the driver call that stands for it.
    Request = 0,
    /// One hand-over of commands to a hardware queue, until its sync completes.
    Submission = 1,
}

/// How many stages there are: the row length of every (instance, stage) map.
pub const STAGES: u32 = 2;

impl Stage {
    /// Every stage, outermost first.
    pub const ALL: [Self; STAGES as usize] = [Self::Request, Self::Submission];

    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Request),
            1 => Some(Self::Submission),
            _ => None,
        }
    }

    /// The name used in every view, file and report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Submission => "submission",
        }
    }

    /// The index of (instance, stage) in the maps that are keyed by it.
    #[must_use]
    pub const fn cell_index(self, instance_number: u32) -> u32 {
        instance_number * STAGES + self as u32
    }
}
