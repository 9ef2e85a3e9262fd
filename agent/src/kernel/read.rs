//! What the maps of the kernel probes hold, as [`Totals`].

use std::{
    collections::{BTreeMap, btree_map::Entry},
    os::fd::AsFd as _,
};

use aya::maps::{Array, HashMap, Map, MapError, PerCpuArray, RingBuf};
use hwptop_abi::{
    BATCH_BUCKETS, InstanceArg, LostCell, MOCK_INSTANCE, NOT_KNOWN, RequestCell, Stage, StageCell,
    Vendor,
};

use super::{
    attach::{Kernel, program_name},
    host::Host,
    misses,
    plain::{HwQueue, Instance, Key, Lost, Request, Submission},
    plan::{Method, StagePlan},
    site::Watch,
};
use crate::{
    ebpf::{CONFIG, COUNTS, SlowCount, count_slow, slow_records, tell},
    looking::program_times,
    totals::{
        HwQueues, InstanceKind, InstanceTotals, NO_INSTANCE, ObjectKey, ObjectTotals, SlowCall,
        Source, SourceError, StageTotals, Stages, Totals, settled,
    },
};

impl Source for Kernel {
    fn read(&mut self) -> Result<Totals, SourceError> {
        let host = Host::running();
        for module in &self.modules {
            module.is_there(&host)?;
        }
        self.retire_the_gone()?;
        let mut totals = Totals {
            blind: self.switches.blind(),
            ..Totals::default()
        };
        let mut instances: BTreeMap<u32, InstanceTotals> = BTreeMap::new();
        for (key, slot) in self.slots_of_keys()? {
            let stages = self.slot(slot)?;
            // Number 0 is no instance: none was reached, or nothing tells which.
            if self.number_of(key.0.instance, key.0.tgid) != NO_INSTANCE {
                let instance = self.instance(&mut instances, key.0.instance)?;
                add(&mut instance.stages, &stages);
            }
            totals.objects.push(ObjectTotals {
                key: ObjectKey {
                    instance: self.number_of(key.0.instance, key.0.tgid),
                    tgid: Some(key.0.tgid),
                    context: key.0.context,
                    hwpt: key.0.hwpt,
                },
                stages,
            });
        }
        for number in 0..self.instances {
            let mut beyond = self.slot(number)?;
            if let Some(retired) = self.retired.get(&number) {
                add(&mut beyond, retired);
            }
            for (_, slot) in self.ended.parted.iter().filter(|(of, _)| *of == number) {
                add(&mut beyond, &self.slot(*slot)?);
            }
            if did_anything(&beyond) {
                if self.number_of(number, 0) != NO_INSTANCE {
                    add(&mut self.instance(&mut instances, number)?.stages, &beyond);
                }
                totals.objects.push(ObjectTotals {
                    key: ObjectKey {
                        instance: self.number_of(number, 0),
                        tgid: None,
                        context: 0,
                        hwpt: 0,
                    },
                    stages: beyond,
                });
            }
            let host = self.submissions(self.slots + number)?;
            if host.0.seen > 0 {
                let instance = self.instance(&mut instances, number)?;
                instance.stages[Stage::HostSubmission as usize].add(&host.0);
            }
        }
        totals.instances = instances.into_values().collect();
        self.lost(&mut totals)?;
        totals.hw_queues = Some(self.hw_queues()?);
        let failures = self.records("FAILURES")?;
        totals.failures = failures.into_iter().map(|one| one.record).collect();
        let counts: PerCpuArray<_, SlowCount> = self.map(COUNTS)?;
        count_slow(&counts, &mut totals)?;
        totals.slow = self.records("SLOW")?;
        totals.run_times = Some(self.sampler.read(program_times(&self.loaded)));
        if self.thresholds.follow(&mut totals) {
            let found = self.loaded.map_mut(CONFIG).ok_or_else(|| absent(CONFIG))?;
            Array::try_from(found)
                .and_then(|mut config| tell(&mut config, &self.thresholds))
                .map_err(SourceError::of_map(CONFIG))?;
        }
        Ok(totals)
    }
}

impl Kernel {
    /// How often hardware queues were given to guests: what such a guest submits takes no
    /// request and is not seen.
    ///
    /// # Errors
    /// [`SourceError`] where the kernel refuses to hand out the map.
    fn hw_queues(&self) -> Result<HwQueues, SourceError> {
        let cells: PerCpuArray<_, HwQueue> = self.map("HW_QUEUES")?;
        let cells = cells.get(&0, 0).map_err(SourceError::of_map("HW_QUEUES"))?;
        Ok(cells
            .iter()
            .fold(HwQueues::default(), |sum, HwQueue(cell)| HwQueues {
                allocated: sum.allocated + cell.allocated,
                failed: sum.failed + cell.failed,
            }))
    }

    pub(super) fn slots_of_keys(&self) -> Result<Vec<(Key, u32)>, SourceError> {
        let map: HashMap<_, Key, u32> = self.map("SLOT_OF")?;
        map.iter()
            .collect::<Result<_, _>>()
            .map_err(SourceError::of_map("SLOT_OF"))
    }

    /// The totals of an instance, made on first use.
    fn instance<'a>(
        &self,
        instances: &'a mut BTreeMap<u32, InstanceTotals>,
        number: u32,
    ) -> Result<&'a mut InstanceTotals, SourceError> {
        match instances.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => Ok(vacant.insert(self.new_instance(number)?)),
        }
    }

    fn new_instance(&self, number: u32) -> Result<InstanceTotals, SourceError> {
        let map: Array<_, Instance> = self.map("KERNEL_INSTANCES")?;
        let Instance(found) = map
            .get(&number, 0)
            .map_err(SourceError::of_map("KERNEL_INSTANCES"))?;
        let arg = InstanceArg::new(
            u16::try_from(number).unwrap_or(u16::MAX),
            Vendor::Vtd,
            false,
        );
        let mut totals = InstanceTotals::new(arg);
        let is_mock =
            found.address == MOCK_INSTANCE || number == 0 && self.untold_mock_tgid().is_some();
        let (name, kind) = if is_mock {
            ("iommufd_selftest_iommu.0".to_owned(), InstanceKind::Mock)
        } else if number == 0 {
            ("other".to_owned(), self.kind())
        } else {
            let name = found.name.split(|byte| *byte == 0).next().unwrap_or(&[]);
            let name = String::from_utf8_lossy(name).into_owned();
            let known = if name.is_empty() {
                format!("iommu{number}")
            } else {
                name
            };
            (known, self.kind())
        };
        totals.name = Some(name);
        totals.kind = kind;
        Ok(totals)
    }

    fn kind(&self) -> InstanceKind {
        if self.emulated {
            InstanceKind::Emulated
        } else {
            InstanceKind::Hardware
        }
    }

    pub(super) fn slot(&self, slot: u32) -> Result<Stages, SourceError> {
        let mut stages = self.requests(slot)?;
        stages[Stage::Submission as usize] = self.submissions(slot)?;
        Ok(stages)
    }

    /// What a slot's requests did. Where they come too fast for a settled copy, those in the
    /// middle are left to the next read.
    fn requests(&self, slot: u32) -> Result<Stages, SourceError> {
        let map: PerCpuArray<_, Request> = self.map("REQUESTS")?;
        let read = || map.get(&slot, 0).map(|cells| cells.to_vec());
        let cells = settled(read, |Request(cell)| cell.is_settled());
        let mut stages = Stages::default();
        for Request(cell) in &cells.map_err(SourceError::of_map("REQUESTS"))? {
            add_request(&mut stages, cell);
        }
        stages[Stage::Request as usize].leave_the_unsettled();
        Ok(stages)
    }

    /// As [`Self::requests`].
    fn submissions(&self, index: u32) -> Result<StageTotals, SourceError> {
        let map: PerCpuArray<_, Submission> = self.map("SUBMISSIONS")?;
        let read = || map.get(&index, 0).map(|cells| cells.to_vec());
        let cells = settled(read, |Submission(cell)| cell.is_settled());
        let mut totals = StageTotals::default();
        for Submission(cell) in &cells.map_err(SourceError::of_map("SUBMISSIONS"))? {
            totals.add(cell);
        }
        totals.leave_the_unsettled();
        Ok(totals)
    }

    /// Counts what no slot has: ends without a start, and ends whose program did not run. A
    /// driver op without an end is counted by its request; a request without one takes its op
    /// with it.
    fn lost(&self, totals: &mut Totals) -> Result<(), SourceError> {
        let map: PerCpuArray<_, Lost> = self.map("LOST")?;
        let mut unfinished = 0;
        for Lost(LostCell {
            requests,
            requests_unfinished,
            ops,
            submissions,
            failures,
        }) in map.get(&0, 0).map_err(SourceError::of_map("LOST"))?.iter()
        {
            totals.unattributed += requests + ops + submissions;
            totals.failures_dropped += failures;
            unfinished += requests_unfinished;
        }
        let with_ops = self.is_timed(Stage::DriverOp);
        for plan in &self.plans {
            totals.unattributed += match plan.watch {
                Watch::Stage(Stage::Request) => {
                    let missed = self.missed(plan, unfinished);
                    if with_ops { 2 * missed } else { missed }
                }
                Watch::Stage(Stage::Submission) => self.missed(plan, 0),
                _ => 0,
            };
        }
        Ok(())
    }

    /// How many ends the kernel left out at a place: those it tells, or those that the programs
    /// noticed where they are more.
    fn missed(&self, plan: &StagePlan, noticed: u64) -> u64 {
        let (Some(method), Some(site)) = (plan.chosen, plan.site) else {
            return 0;
        };
        let end = site.end.map(|end| program_name(end, method));
        let program = end.and_then(|end| self.loaded.program(&end)?.fd().ok());
        let of_program = program.map_or(0, |program| misses::of_program(program.as_fd()));
        let of_kretprobe = match method {
            Method::Kprobe => misses::of_kretprobe(&plan.to_string()),
            _ => 0,
        };
        (of_program + of_kretprobe).max(noticed)
    }

    fn records(&mut self, map: &'static str) -> Result<Vec<SlowCall>, SourceError> {
        let found = self.loaded.map_mut(map).ok_or_else(|| absent(map))?;
        let mut ring = RingBuf::try_from(found).map_err(SourceError::of_map(map))?;
        let records = slow_records(&mut ring);
        let calls = records.into_iter().map(|(mut record, frames)| {
            // The rest of the kernel's submissions is an instance like others.
            if record.stage != Stage::HostSubmission as u32 {
                record.instance = u32::from(self.number_of(record.instance, record.tgid));
            }
            if !self.is_timed(Stage::Submission) {
                record.submissions = NOT_KNOWN;
            }
            let functions = self.functions.as_ref();
            SlowCall {
                record,
                stack: functions.map_or_else(Vec::new, |functions| functions.stack(&frames)),
            }
        });
        Ok(calls.collect())
    }

    fn is_timed(&self, stage: Stage) -> bool {
        let times = |plan: &StagePlan| plan.watch == Watch::Stage(stage) && plan.chosen.is_some();
        self.plans.iter().any(times)
    }

    /// An instance's number in the totals, by its number in the maps and whose request it is.
    fn number_of(&self, number: u32, tgid: u32) -> u16 {
        if number == 0 && self.untold_mock_tgid() != Some(tgid) {
            return NO_INSTANCE;
        }
        u16::try_from(number).unwrap_or(NO_INSTANCE)
    }

    /// The process whose requests are the mock's, where no driver op tells the instance: 0 is
    /// the mock's number then.
    fn untold_mock_tgid(&self) -> Option<u32> {
        let untold = |plan: &StagePlan| {
            plan.watch == Watch::Stage(Stage::Request) && plan.chosen == Some(Method::Tracepoint)
        };
        self.mock_tgid.filter(|_| self.plans.iter().any(untold))
    }

    fn map<'a, M: TryFrom<&'a Map, Error = MapError>>(
        &'a self,
        map: &'static str,
    ) -> Result<M, SourceError> {
        let found = self.loaded.map(map).ok_or_else(|| absent(map))?;
        M::try_from(found).map_err(SourceError::of_map(map))
    }
}

pub(super) fn absent(map: &'static str) -> SourceError {
    SourceError::Map {
        map,
        source: MapError::InvalidName {
            name: map.to_owned(),
        },
    }
}

fn did_anything(stages: &Stages) -> bool {
    stages.iter().any(|stage| stage.0.seen > 0)
}

/// Adds what was counted elsewhere, stage by stage.
pub(super) fn add(sums: &mut Stages, stages: &Stages) {
    for (sum, stage) in sums.iter_mut().zip(stages) {
        sum.add(&stage.0);
    }
}

/// A cell's three histograms as three stages.
fn add_request(stages: &mut Stages, cell: &RequestCell) {
    let sum = |buckets: &[u64]| buckets.iter().sum::<u64>();
    let (ops, rests) = (sum(&cell.op) + cell.ops_lost, sum(&cell.rest));
    stages[Stage::Request as usize].add(&StageCell {
        seen: cell.seen,
        items: cell.items,
        errors: cell.errors,
        total_ns: cell.request_ns,
        buckets: cell.request,
        batches: cell.batches,
        error_codes: cell.error_codes,
        ..StageCell::ZERO
    });
    if ops > 0 {
        stages[Stage::DriverOp as usize].add(&StageCell {
            seen: ops,
            lost_no_start: cell.ops_lost,
            items: cell.items,
            errors: cell.op_errors,
            total_ns: cell.op_ns,
            buckets: cell.op,
            batches: op_batches(cell, ops),
            error_codes: cell.op_error_codes,
        });
    }
    if rests > 0 {
        stages[Stage::Unattributed as usize].add(&StageCell {
            seen: rests,
            total_ns: cell.request_ns.saturating_sub(cell.unsplit_ns + cell.op_ns),
            buckets: cell.rest,
            ..StageCell::ZERO
        });
    }
}

/// What the requests' driver ops handled: what the requests did, less those that ended before.
/// These handled nothing, so the smallest are taken away.
fn op_batches(cell: &RequestCell, ops: u64) -> [u64; BATCH_BUCKETS] {
    let mut batches = cell.batches;
    let mut before = cell.seen.saturating_sub(ops);
    for count in &mut batches {
        let taken = before.min(*count);
        *count -= taken;
        before -= taken;
    }
    batches
}

#[cfg(test)]
mod tests;
