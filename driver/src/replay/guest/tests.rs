use std::io::Write;

use super::*;
use crate::double::RecordingBackend;
use crate::{
    Capture, Counts, DomainId, InvalidateError, ObjectId, Pasid, Policy, TimingProfile, Vendor,
    modelled_guest,
    vtd::{DescriptorType, Width},
};

mod bounds;
mod errors;

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::Vtd, true);

fn builtin(name: &str) -> Stream {
    Stream::from_capture(&Capture::builtin(name).unwrap()).unwrap()
}

fn capture_of(commands: &[(u64, u64, u64)]) -> Capture {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "t_us,lo,hi").unwrap();
    for (at, lo, hi) in commands {
        writeln!(file, "{at},{lo:016x},{hi:016x}").unwrap();
    }
    Capture::open(file.path()).unwrap()
}

fn replay<B: Backend>(guest: &mut Guest<B>) -> Counts {
    while !guest.step().unwrap().last {}
    guest.counters().snapshot()
}

/// A guest on a recording backend, with HWPTs from 1 for the stream's targets.
fn recorded(
    stream: &Stream,
    width: Width,
) -> (Guest<Arc<RecordingBackend>>, Arc<RecordingBackend>) {
    let backend = Arc::new(RecordingBackend::new());
    let counters = Arc::new(Counters::new(Vendor::Vtd));
    let mut guest = Guest::with_queue(
        stream.clone(),
        (width.bytes(), QUEUE_BYTES),
        INSTANCE,
        Arc::clone(&backend),
        counters,
    )
    .unwrap();
    guest.iommu_mut().attach_numbered(stream);
    (guest, backend)
}

#[test]
fn the_first_stage_capture_replays_to_its_last_descriptor_on_the_model() {
    let stream = builtin("vtd-first-stage-nvme-strict");
    assert_eq!(stream.targets(), [(DomainId(4), Pasid::RID)]);
    let mut guest = modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap();
    let counts = replay(&mut guest);
    assert_eq!(counts.of(DescriptorType::PasidIotlb.name()), 17_614);
    assert_eq!(counts.of(DescriptorType::Iotlb.name()), 1);
    assert_eq!(counts.of(DescriptorType::ContextCache.name()), 1);
    assert_eq!(counts.of(DescriptorType::Wait.name()), 17_617);
    assert_eq!(counts.waits, 17_617);
    assert_eq!(counts.doorbells, 17_617);
    assert_eq!(counts.requests, 17_615);
    assert_eq!((counts.entries, counts.handled), (17_615, 17_615));
    assert_eq!((counts.submissions, counts.commands), (17_615, 17_615));
    assert_eq!((counts.absorbed, counts.untargeted), (1, 0));
    assert_eq!(
        (counts.request_errors, counts.faults, counts.fault),
        (0, 0, None)
    );
}

#[test]
fn the_second_stage_capture_invalidates_one_hwpt_per_domain() {
    let stream = builtin("vtd-second-stage-nvme-net-strict");
    assert_eq!(
        stream.targets(),
        [(DomainId(4), Pasid::RID), (DomainId(5), Pasid::RID)]
    );
    let mut guest = modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap();
    let counts = replay(&mut guest);
    assert_eq!(counts.of(DescriptorType::Iotlb.name()), 9_968);
    assert_eq!(counts.of(DescriptorType::Wait.name()), 9_970);
    assert_eq!(counts.of(DescriptorType::ContextCache.name()), 1);
    assert_eq!(counts.waits, 9_970);
    // The global invalidation reaches both HWPTs.
    assert_eq!((counts.requests, counts.entries), (9_969, 9_969));
    assert_eq!((counts.request_errors, counts.faults), (0, 0));
}

#[test]
fn the_lazy_capture_replays_with_either_width() {
    for width in [Width::Bits128, Width::Bits256] {
        let (mut guest, _) = recorded(&builtin("vtd-first-stage-nvme-buffered-lazy"), width);
        let counts = replay(&mut guest);
        let by_type: Vec<_> = counts.by_type().filter(|(_, count)| *count != 0).collect();
        assert_eq!(
            by_type,
            [
                ("context-cache", 1),
                ("iotlb", 1),
                ("wait", 95),
                ("pasid-iotlb", 92)
            ]
        );
        assert_eq!(counts.waits, 95);
        assert_eq!((counts.requests, counts.entries), (93, 93));
    }
}

#[test]
fn a_rewound_stream_goes_on_where_the_ring_is_and_wraps() {
    let (mut guest, _) = recorded(
        &builtin("vtd-first-stage-nvme-buffered-lazy"),
        Width::Bits256,
    );
    let rounds = 3 * u64::from(guest.capacity()) / 189;
    for _ in 0..rounds {
        replay(&mut guest);
        assert!(matches!(guest.step(), Err(ReplayError::AtEnd)));
        guest.rewind();
    }
    assert_eq!(guest.counters().snapshot().waits, rounds * 95);
}

#[test]
fn a_step_tells_when_its_last_command_was_captured() {
    let (mut guest, _) = recorded(&builtin("vtd-first-stage-nvme-strict"), Width::Bits256);
    let first = guest.step().unwrap();
    assert_eq!(
        first,
        Step {
            at: Duration::from_micros(62),
            descriptors: 2,
            last: false
        }
    );
    let second = guest.step().unwrap();
    assert_eq!(
        second,
        Step {
            at: Duration::from_micros(192),
            descriptors: 1,
            last: false
        }
    );
}

#[test]
fn the_queue_lies_where_no_status_word_of_the_stream_is() {
    let waits: Vec<_> = (0..600)
        .map(|page| (page, 0x0000_0002_0000_0025, page << 12 | 4))
        .collect();
    let (mut guest, _) = recorded(
        &Stream::from_capture(&capture_of(&waits)).unwrap(),
        Width::Bits256,
    );
    assert_eq!(replay(&mut guest).waits, 600);
}

#[test]
fn a_batch_of_1024_invalidations_and_a_wait_is_one_doorbell_and_one_request() {
    let stream = Stream::synthetic(Vendor::Vtd, [(DomainId(7), Pasid(3))]);
    for width in [Width::Bits128, Width::Bits256] {
        let (mut guest, backend) = recorded(&stream, width);
        let mut batch: Vec<_> = (0..1024_u64)
            .map(|page| {
                crate::vtd::command::pasid_iotlb_pages(DomainId(7), Pasid(3), page << 12, 0, true)
                    .words()
            })
            .collect();
        batch.push(crate::vtd::command::wait(guest.status_address(), 2).words());
        for _ in 0..5 {
            guest.submit(&batch).unwrap();
            let requests = backend.take();
            assert_eq!(requests.len(), 1);
            assert_eq!(requests[0].entries.len(), 1024);
        }
        assert_eq!(guest.counters().snapshot().waits, 5);
        let too_many = vec![[0x11, 0]; guest.capacity() as usize + 1];
        assert!(matches!(
            guest.submit(&too_many),
            Err(ReplayError::TooManyCommands { .. })
        ));
        assert!(matches!(guest.step(), Err(ReplayError::AtEnd)));
    }
}

#[test]
fn a_guest_runs_on_a_thread_while_another_reads_its_counters() {
    let mut guest = modelled_guest(
        &builtin("vtd-first-stage-nvme-buffered-lazy"),
        3,
        &TimingProfile::STRICT,
    )
    .unwrap();
    assert_eq!(
        guest.iommu().instance(),
        InstanceArg::new(3, Vendor::Vtd, true)
    );
    let counters = guest.counters();
    std::thread::scope(|scope| {
        let running = scope.spawn(move || replay(&mut guest));
        let mut last = 0;
        while !running.is_finished() {
            let waits = counters.snapshot().waits;
            assert!(waits >= last, "counters only grow");
            last = waits;
            std::thread::yield_now();
        }
    });
    assert_eq!(counters.snapshot().waits, 95);
}
