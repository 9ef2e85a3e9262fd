//! The commands that this kernel gives to its IOMMUs, one by one: what a recording is
//! made of.
//!
//! ```text
//! program on the driver's function ─▶ ring buffer ─▶ decode, add the sync ─▶ order ─▶ caller
//! ```
//! Programs and maps are a recording's own: whatever times the same functions is neither
//! needed nor disturbed.

use std::{
    fs,
    os::fd::AsFd as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use aya::{
    Btf,
    maps::{Array, HashMap, Map, MapData, MapError, RingBuf},
    programs::{FEntry, KProbe, Program, fentry::FEntryLink, kprobe::KProbeLink},
};
use hwptop_abi::{Submission, Vendor};

use crate::{
    ebpf::{OBJECT, Purpose, loader},
    kernel::{
        btf::KernelTypes,
        facts::{Facts, Lockdown},
        host::Host,
        instances::vendor_of,
        misses,
        reason::Reason,
        site::MODULES,
        symbols::Symbols,
    },
    message::{full_message, program_message},
    readiness::may_load_ebpf,
    totals::SourceError,
};

mod error;
mod form;
mod instances;
mod order;
mod plain;
mod site;

pub use error::CommandError;
use form::Form;
pub use instances::CommandCounts;
use instances::Instances;
use order::Order;
use plain::Unit;
use site::Site;

/// How long a submission waits for ones that were made before it. A program can be
/// interrupted between looking at the clock and having room in the ring buffer.
const SETTLE: Duration = Duration::from_millis(50);

/// The most submissions that are read at once: there may always be more to come.
const READ_MAX: usize = 1 << 16;

/// How often the programs' counters are read again at the end while one of them runs.
const SETTLE_ATTEMPTS: u32 = 100;

/// Where the kernel names its IOMMUs.
const IOMMUS: &str = "/sys/class/iommu";

/// Where the kernel's types are.
const TYPES: &str = "/sys/kernel/btf";

/// What an instance was given in one call of its driver's function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedCommands {
    /// When: `CLOCK_MONOTONIC`, in nanoseconds.
    pub time_ns: u64,
    /// Index into [`CommandStream::instances`].
    pub instance: usize,
    /// The low 128 bits of each command, low word first; the sync that the driver appends
    /// by itself is the last.
    pub words: Vec<[u64; 2]>,
}

/// The commands that this kernel's IOMMUs are given, while it lives. Dropping it, or the
/// end of the process however it comes, detaches the program: the kernel holds it by file
/// descriptors.
pub struct CommandStream {
    vendor: Vendor,
    names: Vec<String>,
    attached_by: &'static str,
    /// `None` once it is detached.
    link: Option<Link>,
    loaded: aya::Ebpf,
    program: &'static str,
    ring: RingBuf<MapData>,
    units: HashMap<MapData, u64, Unit>,
    elsewhere: Array<MapData, u64>,
    instances: Instances,
    form: Form,
    order: Order<SubmittedCommands>,
    released: Instant,
    /// Submissions that no counter of an instance has: as many as the kernel left out.
    missed: u64,
}

/// Holds the program on its function; dropping it detaches.
enum Link {
    Fentry { _link: FEntryLink },
    Kprobe { _link: KProbeLink },
}

impl CommandStream {
    /// Puts the program on the function through which this kernel's IOMMU driver hands
    /// over commands. They are taken from a ring buffer of `ring_bytes`, rounded up to a
    /// power of two of pages; what finds it full is lost and counted.
    ///
    /// # Errors
    /// [`CommandError`], naming what is missing and the remedy.
    pub fn attach(ring_bytes: u32) -> Result<Self, CommandError> {
        let (vendor, names) = instances_here(Path::new(IOMMUS))?;
        may_load_ebpf()?;
        let facts = Facts::of_this_machine();
        may_read_kernel(&facts).map_err(CommandError::Site)?;
        let symbols = Symbols::read(&Host::running(), site::functions(vendor));
        let types = KernelTypes::read(Path::new(TYPES), &MODULES)?;
        let site = Site::find(vendor, (&symbols, &facts.config), &types)?;
        let mut loaded = load(&site, ring_bytes)?;
        let (program, attached_by, link) = attach(&mut loaded, &site)?;
        Ok(Self {
            vendor,
            names,
            attached_by,
            link: Some(link),
            program,
            ring: take(&mut loaded, "COMMANDS")?,
            units: take(&mut loaded, "COMMAND_UNITS")?,
            elsewhere: take(&mut loaded, "COMMANDS_ELSEWHERE")?,
            loaded,
            instances: Instances::default(),
            form: Form::new(vendor),
            order: Order::default(),
            released: Instant::now(),
            missed: 0,
        })
    }

    /// Whose commands they are.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// How the program is attached: `fentry` or `kprobe`.
    #[must_use]
    pub const fn attached_by(&self) -> &'static str {
        self.attached_by
    }

    /// The names of the instances that the kernel had when the program was attached.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The instances seen until now, with what was counted up to the last
    /// [`Self::finish`]; the others' counters are those of what was read.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &CommandCounts)> {
        self.instances.iter()
    }

    /// Submissions of which nothing is known but that they were: the kernel does not run
    /// a program on a CPU where it interrupted the same one, or they were for a unit
    /// beyond those that are kept apart.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// What has come, oldest first. What came in the last 50 ms or so waits for the next
    /// time, since something older may still come.
    ///
    /// # Errors
    /// Where a map cannot be read.
    pub fn read(&mut self) -> Result<Vec<SubmittedCommands>, SourceError> {
        self.drain(READ_MAX)?;
        if self.released.elapsed() < SETTLE {
            return Ok(self.order.overflow());
        }
        self.released = Instant::now();
        Ok(self.order.release())
    }

    /// Detaches the program and answers the rest. After that the counters are whole: what
    /// an instance was given is what was recorded and what was lost.
    ///
    /// # Errors
    /// Where a map cannot be read.
    pub fn finish(&mut self) -> Result<Vec<SubmittedCommands>, SourceError> {
        self.link = None;
        for _ in 0..SETTLE_ATTEMPTS {
            self.count()?;
            // Nothing is put into it any more.
            self.drain(usize::MAX)?;
            if self.instances.are_settled() {
                break;
            }
            // A program that ran when it was detached is at its end soon.
            thread::sleep(Duration::from_millis(1));
        }
        self.count_missed()?;
        Ok(self.order.rest())
    }

    /// Reads what the programs counted of each instance.
    ///
    /// # Errors
    /// Where a map cannot be read.
    pub fn count(&mut self) -> Result<(), SourceError> {
        for entry in &self.units {
            let (key, Unit(cell)) = entry.map_err(SourceError::of_map("COMMAND_UNITS"))?;
            self.instances.count(key, &cell);
        }
        Ok(())
    }

    fn count_missed(&mut self) -> Result<(), SourceError> {
        let elsewhere = self.elsewhere.get(&0, 0);
        let program = self.loaded.program(self.program);
        let fd = program.and_then(|program| program.fd().ok());
        let left_out = fd.map_or(0, |fd| misses::of_program(fd.as_fd()));
        self.missed = elsewhere.map_err(SourceError::of_map("COMMANDS_ELSEWHERE"))? + left_out;
        Ok(())
    }

    /// Takes up to `most` submissions out of the ring buffer.
    fn drain(&mut self, most: usize) -> Result<(), SourceError> {
        for _ in 0..most {
            let Some(bytes) = self.ring.next() else {
                break;
            };
            // Only this version's programs write to it.
            let Some(submission) = Submission::decode(&bytes) else {
                continue;
            };
            let unit = submission.header.unit;
            if self.instances.find(unit).is_none() {
                let Unit(cell) = self
                    .units
                    .get(&unit, 0)
                    .map_err(SourceError::of_map("COMMAND_UNITS"))?;
                self.instances.count(unit, &cell);
            }
            let Some(instance) = self.instances.find(unit) else {
                continue;
            };
            let counts = self.instances.counts_mut(instance);
            let words = self.form.words(instance, &submission, counts);
            let time_ns = submission.header.time_ns;
            self.order.put(
                time_ns,
                words.len(),
                SubmittedCommands {
                    time_ns,
                    instance,
                    words,
                },
            );
        }
        Ok(())
    }
}

/// Whose IOMMUs the folder has, and their names.
fn instances_here(folder: &Path) -> Result<(Vendor, Vec<String>), CommandError> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let Some(vendor) = names.iter().find_map(|name| vendor_of(name)) else {
        return Err(CommandError::NoIommu { names });
    };
    names.retain(|name| vendor_of(name) == Some(vendor));
    Ok((vendor, names))
}

/// Loads the object with this recording's ring buffer, and without room for what
/// others measure.
fn load(site: &Site, ring_bytes: u32) -> Result<aya::Ebpf, CommandError> {
    let loaded = loader(Purpose::Commands)
        .map_max_entries("COMMANDS", ring_bytes)
        .override_global("RECORD_DEVICE_AT", &site.device_at, true)
        .override_global("RECORD_NAME_AT", &site.name_at, true)
        .override_global("RECORD_COMMAND_BYTES", &site.command_bytes, true)
        .load(OBJECT)?;
    Ok(loaded)
}

fn attach(
    loaded: &mut aya::Ebpf,
    site: &Site,
) -> Result<(&'static str, &'static str, Link), CommandError> {
    let fentry = match by_fentry(loaded, site) {
        Ok(link) => return Ok((site.fentry, "fentry", link)),
        Err(refusal) => refusal,
    };
    match by_kprobe(loaded, site) {
        Ok(link) => Ok((site.kprobe, "kprobe", link)),
        Err(kprobe) => Err(CommandError::Refused {
            function: site.symbol.clone(),
            fentry,
            kprobe,
        }),
    }
}

/// By the kernel's own answer to a program that reads it.
fn may_read_kernel(facts: &Facts) -> Result<(), Reason> {
    match facts.answers.kprobe {
        _ if facts.lockdown == Lockdown::Confidentiality => Err(Reason::Lockdown(facts.lockdown)),
        Some(Err(errno)) => Err(Reason::Refused(errno)),
        Some(Ok(())) | None => Ok(()),
    }
}

/// The program's link, or why there is none.
fn by_fentry(loaded: &mut aya::Ebpf, site: &Site) -> Result<Link, String> {
    let function = site.by_fentry.as_ref().map_err(ToString::to_string)?;
    let types = Btf::from_sys_fs().map_err(|error| full_message(&error))?;
    let program: &mut FEntry = program(loaded, site.fentry)?;
    let attached = program
        .load(function, &types)
        .and_then(|()| program.attach())
        .and_then(|id| program.take_link(id));
    attached
        .map(|link| Link::Fentry { _link: link })
        .map_err(|error| program_message(&error))
}

/// As [`by_fentry`].
fn by_kprobe(loaded: &mut aya::Ebpf, site: &Site) -> Result<Link, String> {
    let program: &mut KProbe = program(loaded, site.kprobe)?;
    let attached = program
        .load()
        .and_then(|()| program.attach(&site.symbol, 0))
        .and_then(|id| program.take_link(id));
    attached
        .map(|link| Link::Kprobe { _link: link })
        .map_err(|error| program_message(&error))
}

fn program<'a, P>(loaded: &'a mut aya::Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = aya::programs::ProgramError>,
{
    let program = loaded.program_mut(name);
    let program = program.ok_or_else(|| format!("the eBPF object has no program {name}"))?;
    program.try_into().map_err(|error| full_message(&error))
}

fn take<M: TryFrom<Map, Error = MapError>>(
    loaded: &mut aya::Ebpf,
    map: &'static str,
) -> Result<M, CommandError> {
    let found = loaded.take_map(map).ok_or(CommandError::Foreign(map))?;
    M::try_from(found).map_err(|source| CommandError::Map { map, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_an_iommu_is_told_what_there_is() {
        let missing = instances_here(Path::new("/no/such/folder")).unwrap_err();
        assert!(missing.to_string().contains("intel_iommu=on"), "{missing}");
    }
}
