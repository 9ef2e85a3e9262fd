//! A snapshot in few bytes, made without a copy of its histograms: that would take longer than all the rest.

use std::{fmt, io::BufReader, sync::Arc};

use flate2::{Compress, Compression, FlushCompress, Status, read::DeflateDecoder};
use serde::Serialize;

use crate::{
    InstanceKind,
    snapshot::{Activity, DriverCounts, InstanceSnapshot, ObjectSnapshot, Owner, Snapshot},
};

/// Made several times a second and kept for some minutes: speed is worth more than the last byte.
const LEVEL: Compression = Compression::fast();

/// Makes bytes of snapshots. Its memory is used again: to get it costs more than to pack a small one.
pub(super) struct Packer {
    compress: Compress,
    json: Vec<u8>,
    packed: Vec<u8>,
}

/// An [`InstanceSnapshot`], to be written.
#[derive(Serialize)]
struct Instance<'a> {
    number: u16,
    name: &'a str,
    kind: InstanceKind,
    interval: &'a Activity,
    total: Activity,
    driver: Option<&'a DriverCounts>,
    fault: Option<&'a str>,
}

/// An [`ObjectSnapshot`], to be written.
#[derive(Serialize)]
struct Object<'a> {
    instance: Option<u16>,
    owner: Option<&'a Owner>,
    interval: &'a Activity,
    total: Activity,
}

impl Packer {
    pub(super) fn pack(&mut self, snapshot: &Snapshot) -> Option<Arc<[u8]>> {
        self.json.clear();
        self.packed.clear();
        self.compress.reset();
        let instances = snapshot.instances.iter().map(Instance::of);
        let objects = snapshot.objects.iter().map(Object::of);
        let parts = (
            without_parts(snapshot),
            instances.collect::<Vec<_>>(),
            objects.collect::<Vec<_>>(),
        );
        serde_json::to_writer(&mut self.json, &parts).ok()?;
        loop {
            // It writes into what is reserved only.
            self.packed.reserve(self.json.len() / 2 + 64);
            let read = usize::try_from(self.compress.total_in()).ok()?;
            let rest = self.json.get(read..)?;
            let (compress, packed) = (&mut self.compress, &mut self.packed);
            let written = compress.compress_vec(rest, packed, FlushCompress::Finish);
            if written.ok()? == Status::StreamEnd {
                return Some(Arc::from(&self.packed[..]));
            }
        }
    }
}

/// What [`Packer::pack`] was given.
pub(super) fn unpacked(packed: &[u8]) -> Option<Snapshot> {
    type Parts = (Snapshot, Vec<InstanceSnapshot>, Vec<ObjectSnapshot>);
    let json = BufReader::new(DeflateDecoder::new(packed));
    let (snapshot, instances, objects): Parts = serde_json::from_reader(json).ok()?;
    Some(Snapshot {
        instances,
        objects,
        ..snapshot
    })
}

impl<'a> Instance<'a> {
    fn of(instance: &'a InstanceSnapshot) -> Self {
        Self {
            number: instance.number,
            name: &instance.name,
            kind: instance.kind,
            interval: &instance.interval,
            total: instance.total.without_latencies(),
            driver: instance.driver.as_ref(),
            fault: instance.fault.as_deref(),
        }
    }
}

impl<'a> Object<'a> {
    fn of(object: &'a ObjectSnapshot) -> Self {
        Self {
            instance: object.instance,
            owner: object.owner.as_ref(),
            interval: &object.interval,
            total: object.total.without_latencies(),
        }
    }
}

/// All but what there are many of.
fn without_parts(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        taken_at: snapshot.taken_at,
        interval: snapshot.interval,
        since_start: snapshot.since_start,
        target: snapshot.target.clone(),
        measured_by: snapshot.measured_by.clone(),
        policy: snapshot.policy.clone(),
        timing_profile: snapshot.timing_profile.clone(),
        probes: snapshot.probes.clone(),
        stages: snapshot.stages.clone(),
        events: snapshot.events,
        slow_threshold: snapshot.slow_threshold,
        slow_running: snapshot.slow_running.clone(),
        slow: snapshot.slow.clone(),
        diagnostics: snapshot.diagnostics.clone(),
        blind: snapshot.blind.clone(),
        instances: Vec::new(),
        objects: Vec::new(),
        objects_left_out: snapshot.objects_left_out,
        failures: snapshot.failures.clone(),
        failures_dropped: snapshot.failures_dropped,
        hw_queues: snapshot.hw_queues,
        perf: snapshot.perf.clone(),
        looking: snapshot.looking.clone(),
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self {
            compress: Compress::new(LEVEL, false),
            json: Vec::new(),
            packed: Vec::new(),
        }
    }
}

/// It keeps nothing from one snapshot to the next.
impl Clone for Packer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}
