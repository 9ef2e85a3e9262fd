//! What the maps of the kernel probes hold, as [`Totals`].

use std::{
    collections::{BTreeMap, btree_map::Entry},
    os::fd::AsFd as _,
};

use aya::maps::{Array, HashMap, Map, MapError, PerCpuArray, RingBuf};
use hwptop_abi::{
    InstanceArg, LostCell, MOCK_INSTANCE, RequestCell, STAGES, SlowRecord, Stage, StageCell, Vendor,
};

use super::{
    attach::{Kernel, program_name},
    host::Host,
    misses,
    plain::{HwQueue, Instance, Key, Lost, Request, Submission},
    plan::{Method, StagePlan},
    site::Watch,
};
use crate::totals::{
    HwQueues, InstanceKind, InstanceTotals, ObjectKey, ObjectTotals, Source, SourceError,
    StageTotals, Totals,
};

/// How often a cell is read again that was copied in the middle of an event.
const SETTLE_ATTEMPTS: u32 = 16;

type Stages = [StageTotals; STAGES as usize];

/// The number that no instance has.
const NONE: u16 = u16::MAX;

/// An instance's number in the totals, by its number in the maps.
fn number_of(number: u32) -> u16 {
    match number {
        0 => NONE,
        _ => u16::try_from(number).unwrap_or(NONE),
    }
}

impl Source for Kernel {
    fn read(&mut self) -> Result<Totals, SourceError> {
        let host = Host::running();
        for module in &self.modules {
            module.is_there(&host)?;
        }
        let mut totals = Totals::default();
        let mut instances: BTreeMap<u32, InstanceTotals> = BTreeMap::new();
        for (key, slot) in self.slots_of_keys()? {
            let stages = self.slot(slot)?;
            // Number 0 is no instance: the request ended before one was reached.
            if key.0.instance != 0 {
                add(self.instance(&mut instances, key.0.instance)?, &stages);
            }
            totals.objects.push(ObjectTotals {
                key: ObjectKey {
                    instance: number_of(key.0.instance),
                    tgid: Some(key.0.tgid),
                    context: key.0.context,
                    hwpt: key.0.hwpt,
                },
                stages,
            });
        }
        for number in 0..self.instances {
            let beyond = self.slot(number)?;
            if did_anything(&beyond) {
                if number != 0 {
                    add(self.instance(&mut instances, number)?, &beyond);
                }
                totals.objects.push(ObjectTotals {
                    key: ObjectKey {
                        instance: number_of(number),
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
        totals.failures = self.records("FAILURES")?;
        totals.slow = self.records("SLOW")?;
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
        let cells = cells.get(&0, 0).map_err(in_map("HW_QUEUES"))?;
        Ok(cells
            .iter()
            .fold(HwQueues::default(), |sum, HwQueue(cell)| HwQueues {
                allocated: sum.allocated + cell.allocated,
                failed: sum.failed + cell.failed,
            }))
    }

    fn slots_of_keys(&self) -> Result<Vec<(Key, u32)>, SourceError> {
        let map: HashMap<_, Key, u32> = self.map("SLOT_OF")?;
        map.iter()
            .collect::<Result<_, _>>()
            .map_err(in_map("SLOT_OF"))
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
        let Instance(found) = map.get(&number, 0).map_err(in_map("KERNEL_INSTANCES"))?;
        let arg = InstanceArg::new(
            u16::try_from(number).unwrap_or(u16::MAX),
            Vendor::Vtd,
            false,
        );
        let mut totals = InstanceTotals::new(arg);
        let (name, kind) = if number == 0 {
            ("other".to_owned(), self.kind())
        } else if found.address == MOCK_INSTANCE {
            ("iommufd_selftest_iommu.0".to_owned(), InstanceKind::Mock)
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

    fn slot(&self, slot: u32) -> Result<Stages, SourceError> {
        let mut stages = self.requests(slot)?;
        stages[Stage::Submission as usize] = self.submissions(slot)?;
        Ok(stages)
    }

    /// Reads a cell until no request is half counted in the copy. Where they come too fast
    /// for that, those in the middle are left to the next read.
    fn requests(&self, slot: u32) -> Result<Stages, SourceError> {
        let map: PerCpuArray<_, Request> = self.map("REQUESTS")?;
        let mut stages = Stages::default();
        for _ in 0..SETTLE_ATTEMPTS {
            let cells = map.get(&slot, 0).map_err(in_map("REQUESTS"))?;
            stages = Stages::default();
            for Request(cell) in cells.iter() {
                add_request(&mut stages, cell);
            }
            if stages[Stage::Request as usize].is_settled() {
                return Ok(stages);
            }
        }
        let request = &mut stages[Stage::Request as usize];
        request.0.seen = request.recorded();
        Ok(stages)
    }

    /// As [`Self::requests`].
    fn submissions(&self, index: u32) -> Result<StageTotals, SourceError> {
        let map: PerCpuArray<_, Submission> = self.map("SUBMISSIONS")?;
        let mut totals = StageTotals::default();
        for _ in 0..SETTLE_ATTEMPTS {
            let cells = map.get(&index, 0).map_err(in_map("SUBMISSIONS"))?;
            totals = StageTotals::default();
            for Submission(cell) in cells.iter() {
                totals.add(cell);
            }
            if totals.is_settled() {
                return Ok(totals);
            }
        }
        totals.0.seen = totals.recorded();
        Ok(totals)
    }

    /// Counts what no slot has: ends without a start, and ends whose program did not run.
    fn lost(&self, totals: &mut Totals) -> Result<(), SourceError> {
        let map: PerCpuArray<_, Lost> = self.map("LOST")?;
        for Lost(LostCell {
            requests,
            ops,
            submissions,
            records,
        }) in map.get(&0, 0).map_err(in_map("LOST"))?.iter()
        {
            totals.unattributed += requests + ops + submissions;
            totals.slow_dropped += records;
        }
        for plan in &self.plans {
            let (Watch::Stage(_), Some(method), Some(site)) = (plan.watch, plan.chosen, plan.site)
            else {
                continue;
            };
            let end = site.end.map(|end| program_name(end, method));
            let program = end.and_then(|end| self.loaded.program(&end));
            if let Some(Ok(program)) = program.map(aya::programs::Program::fd) {
                totals.unattributed += misses::of_program(program.as_fd());
            }
        }
        let by_kprobe = |plan: &StagePlan| plan.chosen == Some(Method::Kprobe);
        if self.plans.iter().any(by_kprobe) {
            totals.unattributed += misses::of_kretprobes();
        }
        Ok(())
    }

    fn records(&mut self, map: &'static str) -> Result<Vec<SlowRecord>, SourceError> {
        let found = self.loaded.map_mut(map).ok_or_else(|| absent(map))?;
        let mut ring = RingBuf::try_from(found).map_err(in_map(map))?;
        let mut records = Vec::new();
        while let Some(record) = ring.next() {
            records.extend(SlowRecord::decode(&record));
        }
        Ok(records)
    }

    fn map<'a, M: TryFrom<&'a Map, Error = MapError>>(
        &'a self,
        map: &'static str,
    ) -> Result<M, SourceError> {
        let found = self.loaded.map(map).ok_or_else(|| absent(map))?;
        M::try_from(found).map_err(in_map(map))
    }
}

fn in_map(map: &'static str) -> impl Fn(MapError) -> SourceError {
    move |source| SourceError::Map { map, source }
}

fn absent(map: &'static str) -> SourceError {
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

fn add(instance: &mut InstanceTotals, stages: &Stages) {
    for (sum, stage) in instance.stages.iter_mut().zip(stages) {
        sum.add(&stage.0);
    }
}

/// A cell's three histograms as three stages. What is left of a request is known for all of
/// them where any driver op is timed.
fn add_request(stages: &mut Stages, cell: &RequestCell) {
    let sum = |buckets: &[u64]| buckets.iter().sum::<u64>();
    let (ops, rests) = (sum(&cell.op), sum(&cell.rest));
    stages[Stage::Request as usize].add(&StageCell {
        seen: cell.seen,
        items: cell.items,
        errors: cell.errors,
        total_ns: cell.request_ns,
        buckets: cell.request,
        ..StageCell::ZERO
    });
    stages[Stage::DriverOp as usize].add(&StageCell {
        seen: ops,
        items: if ops > 0 { cell.items } else { 0 },
        errors: cell.op_errors,
        total_ns: cell.op_ns,
        buckets: cell.op,
        ..StageCell::ZERO
    });
    if rests > 0 {
        stages[Stage::Unattributed as usize].add(&StageCell {
            seen: rests,
            total_ns: cell.request_ns.saturating_sub(cell.op_ns),
            buckets: cell.rest,
            ..StageCell::ZERO
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_split_so_that_the_sums_add_up() {
        let mut cell = RequestCell {
            seen: 2,
            items: 65,
            errors: 1,
            op_errors: 0,
            request_ns: 3_000,
            op_ns: 1_200,
            request: [0; hwptop_abi::BUCKETS],
            op: [0; hwptop_abi::BUCKETS],
            rest: [0; hwptop_abi::BUCKETS],
        };
        cell.request[100] = 2;
        cell.op[90] = 1;
        cell.rest[80] = 2;
        let mut stages = Stages::default();
        add_request(&mut stages, &cell);
        let [request, _, op, rest, host] = &stages;
        assert_eq!(
            (request.0.seen, request.0.items, request.0.errors),
            (2, 65, 1)
        );
        assert_eq!((op.0.seen, op.0.total_ns), (1, 1_200));
        assert_eq!((rest.0.seen, rest.0.total_ns), (2, 1_800));
        assert_eq!(request.0.total_ns, op.0.total_ns + rest.0.total_ns);
        assert_eq!(host.0.seen, 0);
        assert!(stages.iter().all(StageTotals::is_settled));
    }
}
