//! The whole nested path: a guest's commands through the front end into a real SMMUv3's queue.

use hwptop_driver::{
    Capture, DeviceId,
    smmuv3::{Asid, command},
};
use serde_json::json;

use super::guest::{Snapshot, capture, commands, is_whole, run, total};

const PROFILE: &str = "arm64-smmuv3";

/// The commands of one `__arm_smmu_cmdq_issue_cmdlist` that `arm_vsmmu_cache_invalidate`
/// makes (`CMDQ_BATCH_ENTRIES` - 1); a sync follows them.
const BLOCK: usize = 63;

/// Commands before each sync of a stream: at, below and above the kernel's blocks.
const BATCHES: [usize; 8] = [1, 2, 62, 63, 64, 126, 127, 200];

const SYNC: [u64; 2] = [0x46, 0];

fn tlbi(page: u64) -> [u64; 2] {
    command::tlbi_nh_va(Asid(3), page << 12, true).words()
}

/// Batches of these lengths, no two commands of one the same.
fn batches(lengths: &[usize]) -> String {
    let batch = |&length: &usize| (1..=length).map(|page| tlbi(2 * page as u64)).chain([SYNC]);
    capture(lengths.iter().flat_map(batch))
}

/// What a picture says, without its marks: words with one space between.
fn words(svg: &str) -> String {
    let pieces = svg.split('<').filter_map(|piece| piece.split_once('>'));
    let words: Vec<&str> = pieces
        .flat_map(|(_, text)| text.split_whitespace())
        .collect();
    words.join(" ")
}

/// What a run must have counted.
#[derive(Clone, Copy)]
struct Expected {
    requests: u64,
    entries: u64,
    submissions: u64,
}

/// A submission of the host's that an interrupt makes while a program runs on that CPU is lost,
/// and told: how many.
fn has_lost_few(snapshot: &Snapshot) -> u64 {
    let events = &snapshot.0["events"];
    let [seen, lost] = ["seen", "lost"].map(|name| events[name].as_u64().expect("a count"));
    assert!(lost < seen / 100, "{events}");
    lost
}

/// Whether a snapshot has exactly that, in its only instance and in the sum of its objects.
fn adds_up(snapshot: &Snapshot, expected: Expected) {
    let instance = snapshot.instance();
    assert_eq!(instance["kind"], "emulated");
    let name = instance["name"].as_str().unwrap();
    assert!(name.starts_with("smmu3."), "{name}");
    has_lost_few(snapshot);
    let Expected {
        requests,
        entries,
        submissions,
    } = expected;
    let objects = snapshot.objects();
    assert_eq!(objects.len(), 1, "{objects:?}");
    for of in [instance, objects[0]] {
        for (stage, seen, items) in [
            ("request", requests, entries),
            ("driver op", requests, entries),
            ("submission", submissions, entries),
        ] {
            let counted = ["seen", "items", "lost"].map(|figure| total(of, stage, figure));
            assert_eq!(counted, [seen, items, 0], "{stage}: {of}");
        }
        is_whole(of, &["request", "driver op", "submission"]);
        assert_eq!(total(of, "unattributed", "seen"), requests, "{of}");
        let time = |stage| total(of, stage, "latency_ns_total");
        let parts = time("driver op") + time("unattributed");
        assert_eq!(time("request"), parts, "{of}");
        assert!(time("submission") < time("driver op"), "{of}");
    }
    let driver = &instance["driver"];
    assert_eq!(
        (&driver["requests"], &driver["entries"]),
        (&json!(requests), &json!(entries))
    );
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: replays into its SMMU"]
fn requests_submissions_and_commands_of_a_vsmmu_add_up_beside_the_hosts_own() {
    /// How often the stream is replayed; as array as long as the host's disk needs to show.
    const ARRAY: u64 = 200;
    const SINGLE: u64 = 20;
    let script = "
        count __arm_smmu_cmdq_issue_cmdlist
        watch all
        disk=$(ls /dev/nvme*n1)
        for policy in array single; do
            while [ ! -e done ]; do dd if=/dev/zero of=$disk bs=64k count=16 conv=fsync; done 2>dd & writer=$!
            [ $policy = array ] && passes=200 || passes=20
            drive --capture batches --passes $passes --policy $policy --format json >$policy
            touch done; wait $writer; rm done
        done
        unwatch all
        echo hits $(hits __arm_smmu_cmdq_issue_cmdlist)";
    let left = run(PROFILE, &[("batches", batches(&BATCHES))], script);

    let entries = BATCHES.iter().sum::<usize>() as u64;
    let blocks = BATCHES
        .iter()
        .map(|length| length.div_ceil(BLOCK))
        .sum::<usize>() as u64;
    let array = Expected {
        requests: ARRAY * BATCHES.len() as u64,
        entries: ARRAY * entries,
        submissions: ARRAY * blocks,
    };
    let single = Expected {
        requests: SINGLE * entries,
        entries: SINGLE * entries,
        submissions: SINGLE * entries,
    };
    for (name, expected) in [("array", array), ("single", single)] {
        let snapshot = left.snapshot(name);
        adds_up(&snapshot, expected);
        // Attaching the device alone makes some.
        let host = total(snapshot.instance(), "host submission", "seen");
        assert!(host > 50, "{name}: {host}");
    }

    // The watch saw both runs and what was between them.
    let all = left.snapshot("all");
    let seen = |stage| total(all.instance(), stage, "seen");
    assert_eq!(seen("request"), array.requests + single.requests);
    assert_eq!(seen("submission"), array.submissions + single.submissions);
    assert_eq!(all.objects().len(), 2);
    let submissions = seen("submission") + seen("host submission");
    assert_eq!(submissions + has_lost_few(&all), left.printed("hits"));
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: replays into its SMMU"]
fn a_command_that_the_kernel_refuses_is_one_failed_entry_in_every_view() {
    // This SMMU has no ATS.
    let refused = command::atc_inv(DeviceId(1), None, 0, 52).words();
    let stream = (1..=3).map(|page| tlbi(2 * page)).chain([refused, SYNC]);
    let script = "
        for format in json text svg; do drive --capture stream --passes 1 --format $format >$format; done";
    let left = run(PROFILE, &[("stream", capture(stream))], script);

    let snapshot = left.snapshot("json");
    let [failure] = snapshot.0["failures"].as_array().unwrap().as_slice() else {
        panic!("{}", snapshot.0["failures"])
    };
    for (figure, value) in [
        ("asked", json!(4)),
        ("handled", json!(3)),
        ("errno", json!(5)),
        ("errno_name", json!("EIO")),
        ("process", json!("hwptop")),
    ] {
        assert_eq!(failure[figure], value, "{figure}: {failure}");
    }
    let instance = snapshot.instance();
    assert_eq!(failure["instance"], instance["name"]);
    assert_eq!(failure["hwpt"], snapshot.objects()[0]["hwpt"]);
    // The kernel drops what is in front of the command: the backend sends it again.
    let request = |figure| total(instance, "request", figure);
    assert_eq!((request("seen"), request("errors")), (2, 1), "{instance}");
    assert_eq!(total(instance, "submission", "items"), 3, "{instance}");
    // Three entries each: those in front of the failure, and again.
    for stage in ["request", "driver op"] {
        let stage = &instance["total"]["stages"][stage];
        assert_eq!(stage["batches"], json!([{ "items": 3, "count": 2 }]));
        let failed = json!([{ "errno": 5, "errno_name": "EIO", "count": 1 }]);
        assert_eq!(stage["error_codes"], failed, "{stage}");
    }

    let shown = "entry 3 of 4, EIO, handled 3";
    let (text, svg) = (left.file("text"), words(&left.file("svg")));
    assert!(text.contains(shown), "{text}");
    assert!(svg.contains(shown), "{svg}");
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: replays into its SMMU and records its queue"]
fn a_guests_commands_reach_the_hardware_queue_one_by_one_in_its_vmid() {
    const CAPTURED: &str = "smmuv3-nvme-strict";
    let script = "
        for stream in smmuv3-nvme-strict batches; do for policy in array single; do
            hwptop record --commands -o $stream.$policy.csv.gz -- hwptop top --target vfio:$HWPTOP_LAB_VFIO_CDEV \
                --speed max --once --passes 1 --policy $policy --capture $stream
        done; done";
    let left = run(PROFILE, &[("batches", batches(&BATCHES))], script);
    let captured = Capture::builtin(CAPTURED).unwrap();
    let captured: Vec<_> = captured.commands().iter().map(|it| it.words).collect();
    let synthetic = commands(&left.path("batches"));
    for (name, stream) in [(CAPTURED, captured), ("batches", synthetic)] {
        let ends_at_sync = stream.split(|&words| words == SYNC);
        let guests: Vec<_> = ends_at_sync.filter(|batch| !batch.is_empty()).collect();
        assert!(guests.len() >= BATCHES.len());
        for (policy, block) in [("array", BLOCK), ("single", 1)] {
            let recorded = commands(&left.path(&format!("{name}.{policy}.csv.gz")));
            let blocks = guests.iter().flat_map(|batch| batch.chunks(block));
            let expected: Vec<_> = blocks.flat_map(|block| [block, &[SYNC]].concat()).collect();
            assert_eq!(of_a_guest(&recorded), expected, "{name}, {policy}");
        }
    }
}

/// Of recorded commands those of a vSMMU, with the syncs right behind them, as its guest wrote
/// them: without the VMID, which is the same in all and no host's.
fn of_a_guest(recorded: &[[u64; 2]]) -> Vec<[u64; 2]> {
    /// Bits 47 to 32 of a TLBI command.
    const VMID: u64 = 0xffff << 32;
    const NH_VA: u64 = 0x12;
    let mut vmid = None;
    let mut is_last = false;
    let mut its = Vec::new();
    for &[low, high] in recorded {
        let here = low & VMID;
        if low & 0xff == NH_VA && here != 0 {
            assert_eq!(*vmid.get_or_insert(here), here);
            its.push([low & !VMID, high]);
            is_last = true;
        } else {
            if is_last && [low, high] == SYNC {
                its.push(SYNC);
            }
            is_last = false;
        }
    }
    its
}
