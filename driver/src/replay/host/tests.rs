use super::*;
use crate::double::RecordingQueue;
use crate::model::unit::{CacheState, Tag};
use crate::{Capture, Guest, Policy, TimingProfile, decorated_guest, modelled_guest};

/// What a stream's commands become on the modelled hardware.
fn submitted(vendor: Vendor, commands: &[[u64; 2]]) -> Vec<[u64; 2]> {
    let stream = Stream::from_capture(&Capture::of(vendor, commands.iter().copied())).unwrap();
    let queue = Arc::new(RecordingQueue::new());
    let around = Arc::clone(&queue);
    let profile = &TimingProfile::INSTANT;
    let mut guest = decorated_guest(&stream, 0, profile, |_| around, |backend| backend).unwrap();
    // Attaching the devices is not about what follows.
    drop(queue.take());
    while !guest.step().unwrap().last {}
    let counts = guest.counters().snapshot();
    assert_eq!((counts.request_errors, counts.untargeted), (0, 0));
    let submissions = queue.take();
    submissions
        .iter()
        .flat_map(|(_, commands)| commands)
        .map(|command| command.words())
        .collect()
}

fn guest_of(
    vendor: Vendor,
    commands: impl Iterator<Item = [u64; 2]>,
) -> Guest<crate::ModelledBackend> {
    let stream = Stream::from_capture(&Capture::of(vendor, commands)).unwrap();
    modelled_guest(&stream, 0, &TimingProfile::INSTANT).unwrap()
}

#[test]
fn every_pasid_of_a_domain_has_an_hwpt_under_the_same_host_domain() {
    // Pages of PASIDs 3 and 5 of domain 7 and of PASID 0 of domain 8; a page of every
    // PASID of domain 7.
    let words = submitted(
        Vendor::Vtd,
        &[
            [3 << 32 | 7 << 16 | 0x36, 0x1000],
            [5 << 32 | 7 << 16 | 0x36, 0x2000],
            [8 << 16 | 0x36, 0x3000],
            [5, 0],
            [7 << 16 | 0x32, 0x4000],
        ],
    );
    let pasid = |words: &[u64; 2]| (words[0] >> 32 & 0xf_ffff, words[1] & !0xfff);
    let found: Vec<_> = words.iter().map(pasid).collect();
    assert_eq!(
        found,
        [
            (3, 0x1000),
            (5, 0x2000),
            (0, 0x3000),
            (3, 0x4000),
            (5, 0x4000)
        ]
    );
}

#[test]
fn stream_ids_of_a_guest_become_those_of_the_host_whatever_their_width() {
    // ATC_INV of StreamIDs 0x20001 and 0xfffffffe, CFGI_CD of 0x10.
    let words = submitted(
        Vendor::SmmuV3,
        &[
            [0x0002_0001_0000_0040, 0x1000],
            [0x46, 0],
            [0xffff_fffe_0000_0040, 0x2000],
            [0x46, 0],
            [0x0000_0010_0000_0005, 0],
            [0x46, 0],
        ],
    );
    let sids: Vec<_> = words
        .iter()
        .map(|words| (words[0] & 0xff, words[0] >> 32))
        .collect();
    // Devices in the order of the guest's ids, from 1.
    assert_eq!(sids, [(0x40, 2), (0x40, 3), (0x05, 1)]);
}

#[test]
fn devices_and_domains_of_an_amd_guest_become_those_of_the_host() {
    let words = submitted(
        Vendor::AmdVi,
        &[
            [0x3000_0007_0000_0000, 0x1004],
            [0x4000_0018_0000_0018, 0x1000],
            [0x4000_ffff_0000_ffff, 0x2000],
            [0x1000_0000_0000_0000, 0],
        ],
    );
    let opcodes: Vec<_> = words.iter().map(|words| words[0] >> 60).collect();
    assert_eq!(opcodes, [3, 4, 4]);
    let devices: Vec<_> = words[1..].iter().map(|words| words[0] & 0xffff).collect();
    assert_eq!(
        devices,
        [1, 2],
        "one of them in the domain, the other in none"
    );
    // The pages stay what they are.
    let pages: Vec<_> = words.iter().map(|words| words[1]).collect();
    assert_eq!(pages, [0x1004, 0x1000, 0x2000]);
}

#[test]
fn as_many_targets_or_devices_as_a_stream_may_have_fit_the_host() {
    type Nth = fn(u64) -> [u64; 2];
    let cases: [(Vendor, Nth, [u64; 2]); 5] = [
        (Vendor::Vtd, |n| [n << 32 | 0x26, 0], [5, 0]),
        (Vendor::Vtd, |n| [n << 16 | 0x22, 0], [5, 0]),
        (Vendor::SmmuV3, |n| [n << 40 | 0x40, 0], [0x46, 0]),
        (
            Vendor::AmdVi,
            |n| [0x3000_0000_0000_0000 | n << 32, 0x1000],
            [1 << 60, 0],
        ),
        (
            Vendor::AmdVi,
            |n| [0x4000_0000_0000_0000 | n, 0x1000],
            [1 << 60, 0],
        ),
    ];
    for (vendor, nth, sync) in cases {
        let mut guest = guest_of(vendor, (0..4096).map(nth).chain([sync]));
        while !guest.step().unwrap().last {}
        let counts = guest.counters().snapshot();
        assert_eq!((counts.entries, counts.handled), (4096, 4096), "{vendor:?}");
        assert_eq!((counts.request_errors, counts.waits), (0, 1), "{vendor:?}");
    }
}

#[test]
fn targets_and_devices_of_an_amd_guest_may_both_be_as_many() {
    let domain = |n: u64| [0x3000_0000_0000_0000 | n << 32, 0x1000];
    let device = |n: u64| [0x4000_0000_0000_0000 | n, 0x1000];
    let commands = (0..4096).map(domain).chain((0..4096).map(device));
    let mut guest = guest_of(Vendor::AmdVi, commands.chain([[1 << 60, 0]]));
    guest.iommu_mut().set_policy(Policy::Single);
    while !guest.step().unwrap().last {}
    assert_eq!(guest.counters().snapshot().handled, 2 * 4096);
}

#[test]
fn a_replayed_guests_devices_translate_nothing() {
    let stream = Stream::synthetic(Vendor::Vtd, [(DomainId(1), Pasid(3))]);
    let (model, memory) = unit(Vendor::Vtd).unwrap();
    let ModelUnit::Vtd(vtd) = &model else {
        panic!("VT-d");
    };
    let vtd = Arc::clone(vtd);
    let instance = InstanceArg::new(0, Vendor::Vtd, true);
    let queue = RecordingQueue::new();
    let host = Host::new(&stream, instance, (model, memory), queue).unwrap();
    assert_eq!(host.targets.hwpts.len(), 1);
    assert_eq!(vtd.cache_state(), CacheState::default());
    let iova = crate::model::config::Iova(0x1000);
    vtd.translate(DeviceId(1), Pasid(3), iova, false)
        .unwrap_err();
    // The empty table itself was found, through stage 2.
    let state = vtd.cache_state();
    assert!(
        state
            .lines
            .iter()
            .any(|line| matches!(line.tag, Tag::Stage2(_)))
    );
}
