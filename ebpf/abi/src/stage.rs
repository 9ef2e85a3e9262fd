/// The timed parts of a request.
///
/// ```text
/// request ├──────────────────────────────────────┤
/// driver op    ├─────────────────────────────┤
/// submission      ├──────┤    ├──────┤
/// unattributed = request − driver op
/// ```
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// One `IOMMU_HWPT_INVALIDATE`, or the driver call that stands for it.
    Request = 0,
    /// One hand-over of commands to a hardware queue, until its sync completes; with
    /// kernel probes, only those that a request made on its thread.
    Submission = 1,
    /// The IOMMU driver's own part of a request, its submissions included (kernel
    /// probes only).
    DriverOp = 2,
    /// What is left of a request without its driver op (kernel probes only).
    Unattributed = 3,
    /// A submission outside any request: the host's own DMA unmaps (kernel probes
    /// only).
    HostSubmission = 4,
}

/// How many stages there are.
pub const STAGES: u32 = 5;

/// How many of them static probes delimit: the row length of every (instance, stage)
/// map of theirs.
pub const PROBE_STAGES: u32 = 2;

impl Stage {
    /// Every stage, by number.
    pub const ALL: [Self; STAGES as usize] = [
        Self::Request,
        Self::Submission,
        Self::DriverOp,
        Self::Unattributed,
        Self::HostSubmission,
    ];

    /// The stages that static probes delimit, outermost first.
    pub const PROBED: [Self; PROBE_STAGES as usize] = [Self::Request, Self::Submission];

    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Request),
            1 => Some(Self::Submission),
            2 => Some(Self::DriverOp),
            3 => Some(Self::Unattributed),
            4 => Some(Self::HostSubmission),
            _ => None,
        }
    }

    /// The name used in every view, file and report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Submission => "submission",
            Self::DriverOp => "driver op",
            Self::Unattributed => "unattributed",
            Self::HostSubmission => "host submission",
        }
    }

    /// The index of (instance, stage) in the static probes' maps, for the stages in
    /// [`Self::PROBED`].
    #[must_use]
    pub const fn cell_index(self, instance_number: u32) -> u32 {
        instance_number * PROBE_STAGES + self as u32
    }
}
