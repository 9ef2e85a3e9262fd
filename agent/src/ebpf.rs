//! eBPF programs on a process' static probes, and what they counted.

use aya::{
    include_bytes_aligned,
    maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{UProbe, uprobe::UProbeAttachLocation, uprobe::UProbeScope},
    util::nr_cpus,
};
use aya_log::EbpfLogger;
use hwptop_abi::{GuestCell, InstanceArg, MAX_INSTANCES, PROBE_STAGES, Stage, StageCell};

use crate::{
    looking::{Sampler, program_times},
    process::TargetProcess,
    readiness::{Missing, can_load_ebpf},
    slow::{SlowOptions, Thresholds},
    snapshot::{AttachedProbe, ProgramTime},
    static_probe::{PROVIDER, StaticProbe},
    totals::{InstanceTotals, Source, SourceError, StageTotals, Totals, settled},
};

mod diagnostics;
mod empty;
mod error;
mod multi;
mod plain;
mod room;
mod slow;

use diagnostics::Diagnostics;
pub use empty::EmptyProbes;
pub use error::EbpfError;
use multi::Links;
use plain::{Cell, Guest, Unattributed};
pub(crate) use plain::{Settings, SlowCount};
pub(crate) use room::{Purpose, loader, small_object};
pub(crate) use slow::{CONFIG, COUNTS, count_slow, slow_records, tell};

/// Built from `ebpf/probes` by `cargo xtask ebpf`.
#[cfg(target_arch = "x86_64")]
pub(crate) static OBJECT: &[u8] = include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ebpf/object/hwptop.x86_64.bpf.o"
));
/// As above.
#[cfg(target_arch = "aarch64")]
pub(crate) static OBJECT: &[u8] = include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ebpf/object/hwptop.aarch64.bpf.o"
));
/// Programs read their arguments from registers: there are none for this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) static OBJECT: &[u8] = &[];

/// The programs; each is named after the static probe it belongs on. With it, how
/// many arguments the probe has.
const PROGRAMS: [(&str, usize); 6] = [
    ("invalidate_begin", 4),
    ("invalidate_end", 5),
    ("queue_submit", 4),
    ("queue_complete", 5),
    ("guest_doorbell", 4),
    ("guest_fault", 3),
];

/// Where the programs find a probe's arguments: in the registers of a function's.
#[cfg(not(target_arch = "aarch64"))]
const ARGUMENTS: [&str; 5] = ["8@%rdi", "4@%esi", "4@%edx", "4@%ecx", "-4@%r8d"];
/// As above.
#[cfg(target_arch = "aarch64")]
const ARGUMENTS: [&str; 5] = ["8@x0", "4@x1", "4@x2", "4@x3", "-4@x4"];

/// The most kernel memory that the histograms may take, all CPUs together: 64
/// instances up to 46 CPUs, 23 at 128 CPUs.
const CELLS_BYTES_MAX: usize = 64 << 20;

/// The programs while they are attached. Dropping it, or the end of the process
/// however it comes, detaches them: the kernel holds them by file descriptors.
pub struct Ebpf {
    // Hold what keeps the programs attached: ours where the kernel has such links, else aya's.
    links: Links,
    loaded: aya::Ebpf,
    sampler: Sampler,
    probes: Vec<AttachedProbe>,
    instances: Array<MapData, u64>,
    cells: PerCpuArray<MapData, Cell>,
    guests: PerCpuArray<MapData, Guest>,
    unattributed: PerCpuArray<MapData, Unattributed>,
    slow: RingBuf<MapData>,
    slow_counts: PerCpuArray<MapData, SlowCount>,
    config: Array<MapData, Settings>,
    thresholds: Thresholds,
    log: EbpfLogger<Diagnostics>,
    diagnostics: Diagnostics,
}

impl Ebpf {
    /// Loads the programs and puts them on the probes of `process`. Slow events are kept
    /// one by one; they have no stack, since they are none of the kernel's.
    ///
    /// # Errors
    /// [`EbpfError`], naming the program, probe or map and the remedy.
    pub fn attach(
        process: &TargetProcess,
        slow: impl Into<SlowOptions>,
    ) -> Result<Self, EbpfError> {
        can_load_ebpf()?;
        let sampler = Sampler::start();
        let mut loaded = load()?;
        let mut links = Links::new(&loaded);
        let diagnostics = Diagnostics::default();
        let log = EbpfLogger::init_with_logger(&mut loaded, diagnostics.clone())?;
        let mut config: Array<MapData, Settings> = take(&mut loaded, CONFIG)?;
        let thresholds = Thresholds::new(&slow.into());
        tell(&mut config, &thresholds).map_err(|source| EbpfError::Map {
            map: CONFIG,
            source,
        })?;
        let maps = (
            take(&mut loaded, "INSTANCES")?,
            take(&mut loaded, "CELLS")?,
            take(&mut loaded, "GUESTS")?,
            take(&mut loaded, "UNATTRIBUTED")?,
            take(&mut loaded, "SLOW")?,
            take(&mut loaded, COUNTS)?,
        );
        let mut probes = Vec::new();
        for (program, arguments) in PROGRAMS {
            check_arguments(process, program, &ARGUMENTS[..arguments].join(" "))?;
            probes.extend(attach(&mut loaded, &mut links, program, process, program)?);
        }
        let (instances, cells, guests, unattributed, slow, slow_counts) = maps;
        Ok(Self {
            links,
            loaded,
            sampler,
            probes,
            instances,
            cells,
            guests,
            unattributed,
            slow,
            slow_counts,
            config,
            thresholds,
            log,
            diagnostics,
        })
    }

    /// The probes the programs sit on.
    #[must_use]
    pub fn probes(&self) -> &[AttachedProbe] {
        &self.probes
    }

    /// Ends the first sample of how long the programs run, for who measures what they cost
    /// while they are not timed.
    pub fn stop_timing(&mut self) {
        self.sampler.stop();
    }

    /// How many instances are kept apart, from number 0 on; events of others count as
    /// lost.
    #[must_use]
    pub fn instances_kept(&self) -> u32 {
        self.instances.len()
    }

    fn instance(&self, number: u32) -> Result<Option<InstanceTotals>, SourceError> {
        let known = self
            .instances
            .get(&number, 0)
            .map_err(SourceError::of_map("INSTANCES"))?;
        // The programs store the argument plus 1, because 0 is an argument too.
        let Some(Ok(raw)) = known.checked_sub(1).map(u32::try_from) else {
            return Ok(None);
        };
        let mut totals = InstanceTotals::new(InstanceArg::from_raw(raw));
        for stage in Stage::PROBED {
            totals.stages[stage as usize] = self.settled(stage.cell_index(number))?;
        }
        let guests = self
            .guests
            .get(&number, 0)
            .map_err(SourceError::of_map("GUESTS"))?;
        totals.guest = guests
            .iter()
            .fold(GuestCell::default(), |sum, Guest(cell)| GuestCell {
                doorbells: sum.doorbells + cell.doorbells,
                descriptors: sum.descriptors + cell.descriptors,
                waits: sum.waits + cell.waits,
                faults: sum.faults + cell.faults,
            });
        Ok(Some(totals))
    }

    /// The totals of a cell. Where events come too fast, those in the middle are left to the
    /// next read.
    fn settled(&self, index: u32) -> Result<StageTotals, SourceError> {
        let read = || {
            let cells = self.cells.get(&index, 0);
            cells.map(|cells| cells.to_vec())
        };
        let cells = settled(read, |Cell(cell)| cell.is_settled());
        let mut totals = StageTotals::default();
        for Cell(cell) in &cells.map_err(SourceError::of_map("CELLS"))? {
            totals.add(cell);
        }
        totals.leave_the_unsettled();
        Ok(totals)
    }
}

impl Source for Ebpf {
    fn read(&mut self) -> Result<Totals, SourceError> {
        let mut totals = Totals::default();
        for number in 0..self.instances.len() {
            totals.instances.extend(self.instance(number)?);
        }
        let unattributed = self
            .unattributed
            .get(&0, 0)
            .map_err(SourceError::of_map("UNATTRIBUTED"))?;
        for Unattributed(cell) in unattributed.iter() {
            totals.unattributed += cell.seen;
        }
        count_slow(&self.slow_counts, &mut totals)?;
        let records = slow_records(&mut self.slow);
        totals.slow = records
            .into_iter()
            .map(|(record, _)| record.into())
            .collect();
        if self.thresholds.follow(&mut totals) {
            tell(&mut self.config, &self.thresholds).map_err(SourceError::of_map(CONFIG))?;
        }
        self.log.flush();
        totals.diagnostics = self.diagnostics.take();
        let programs = run_times(&self.loaded, &self.links);
        totals.run_times = Some(self.sampler.read(programs));
        Ok(totals)
    }
}

/// What every program that is attached took while programs were timed.
fn run_times(loaded: &aya::Ebpf, links: &Links) -> Vec<ProgramTime> {
    let mut programs = program_times(loaded);
    programs.extend(links.program_times());
    programs
}

/// Loads the object, with maps that fit the machine.
fn load() -> Result<aya::Ebpf, EbpfError> {
    let instances = instances_kept(nr_cpus().unwrap_or(1));
    let loaded = loader(Purpose::StaticProbes)
        .map_max_entries("INSTANCES", instances)
        .map_max_entries("GUESTS", instances)
        .map_max_entries("CELLS", instances * PROBE_STAGES)
        .load(OBJECT)?;
    Ok(loaded)
}

/// For how many instances there is room within [`CELLS_BYTES_MAX`].
fn instances_kept(cpus: usize) -> u32 {
    let per_instance = size_of::<StageCell>() * PROBE_STAGES as usize * cpus.max(1);
    let room = u32::try_from(CELLS_BYTES_MAX / per_instance).unwrap_or(u32::MAX);
    room.clamp(1, MAX_INSTANCES)
}

fn take<M: TryFrom<Map, Error = MapError>>(
    loaded: &mut aya::Ebpf,
    map: &'static str,
) -> Result<M, EbpfError> {
    let found = loaded.take_map(map).ok_or(EbpfError::Foreign(map))?;
    M::try_from(found).map_err(|source| EbpfError::Map { map, source })
}

/// Refuses a driver whose probes keep their arguments where the programs do not look:
/// the figures would be nonsense.
fn check_arguments(
    process: &TargetProcess,
    probe: &'static str,
    expected: &str,
) -> Result<(), EbpfError> {
    let odd = process
        .probes
        .iter()
        .find(|site| site.name == probe && site.arguments != expected);
    odd.map_or(Ok(()), |site| {
        Err(EbpfError::Arguments {
            probe,
            pid: process.pid.get(),
            found: site.arguments.clone(),
            expected: expected.to_owned(),
        })
    })
}

/// Puts `program` on every place where `probe` sits.
fn attach(
    loaded: &mut aya::Ebpf,
    links: &mut Links,
    program: &'static str,
    process: &TargetProcess,
    probe: &'static str,
) -> Result<Vec<AttachedProbe>, EbpfError> {
    let failed = |source| EbpfError::Program {
        program: program.to_owned(),
        source,
    };
    let sites: Vec<&StaticProbe> = process
        .probes
        .iter()
        .filter(|found| found.name == probe)
        .collect();
    if sites.is_empty() {
        return Err(EbpfError::NoProbe {
            probe,
            pid: process.pid.get(),
        });
    }
    let attached = sites.iter().map(|site| AttachedProbe {
        name: format!("{PROVIDER}:{probe}"),
        offset: site.offset,
    });
    let attached = attached.collect();
    let offsets: Vec<u64> = sites.iter().map(|site| site.offset).collect();
    if links.attach(program, process, &offsets) {
        return Ok(attached);
    }
    let uprobe: &mut UProbe = loaded
        .program_mut(program)
        .ok_or(EbpfError::Foreign(program))?
        .try_into()
        .map_err(failed)?;
    if uprobe.fd().is_err() {
        uprobe.load().map_err(failed)?;
    }
    for offset in offsets {
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        let scope = UProbeScope::OneProcess(process.pid);
        uprobe
            .attach(location, &process.program, scope)
            .map_err(|source| match Missing::from_refusal(&source) {
                Some(missing) => EbpfError::Missing(missing),
                None => failed(source),
            })?;
    }
    Ok(attached)
}

#[cfg(test)]
mod tests;
