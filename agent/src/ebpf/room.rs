use aya::EbpfLoader;

use super::OBJECT;

/// The object's programs by what they are for. One load serves one purpose: the maps of the
/// others take no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Events of a process' static probes.
    StaticProbes,
    /// Requests and submissions of the kernel.
    Kernel,
    /// Commands that the kernel submits.
    Commands,
}

/// The maps that take room, by purpose; `COMMANDS` is small until it is asked for.
const MAPS: [(Purpose, &[&str]); 3] = [
    (
        Purpose::StaticProbes,
        &[
            "INSTANCES",
            "CELLS",
            "GUESTS",
            "REQUEST_STARTS",
            "SUBMISSION_STARTS",
        ],
    ),
    (
        Purpose::Kernel,
        &[
            "THREADS",
            "REQUESTS",
            "SUBMISSIONS",
            "SLOT_OF",
            "FREE_SLOTS",
            "INSTANCE_OF",
            "FREE_INSTANCES",
            "KERNEL_INSTANCES",
        ],
    ),
    (Purpose::Commands, &["COMMAND_UNITS"]),
];

/// A loader of the object for one purpose.
pub(crate) fn loader(purpose: Purpose) -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    let others = MAPS.iter().filter(|(other, _)| *other != purpose);
    for map in others.flat_map(|(_, maps)| *maps) {
        loader.map_max_entries(map, 1);
    }
    loader
}

/// The object with maps as small as they can be, for programs that use none.
pub(crate) fn small_object() -> Result<aya::Ebpf, aya::EbpfError> {
    let mut loader = EbpfLoader::new();
    for map in MAPS.iter().flat_map(|(_, maps)| *maps) {
        loader.map_max_entries(map, 1);
    }
    loader.load(OBJECT)
}
