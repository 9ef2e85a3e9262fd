use hdrhistogram::Histogram;
use hwptop_abi::Stage;

use crate::snapshot::{ObjectSnapshot, Owner, Snapshot, StageActivity};

/// The latencies of one stage of one instance or object in an interval.
pub(super) struct Latencies<'a> {
    /// `INSTANCE/STAGE`, and for an object `/pidN/contextN/hwptN` or `/other` behind it.
    pub(super) tag: String,
    /// How many there are.
    pub(super) recorded: u64,
    pub(super) histogram: &'a mut Histogram<u64>,
}

/// All latencies of the interval, in the order in which they are written.
pub(super) fn latencies(snapshot: &mut Snapshot) -> Vec<Latencies<'_>> {
    let mut all = Vec::new();
    let names: Vec<(u16, String)> = snapshot
        .instances
        .iter()
        .map(|one| (one.number, one.name.clone()))
        .collect();
    for instance in &mut snapshot.instances {
        for (stage, activity) in instance.interval.stages_mut() {
            add(&mut all, activity, || tag(&instance.name, stage, ""));
        }
    }
    for object in &mut snapshot.objects {
        let suffix = suffix(object);
        let number = object.instance;
        let name = names.iter().find(|(own, _)| Some(*own) == number);
        let name = name.map_or("none", |(_, name)| name.as_str());
        for (stage, activity) in object.interval.stages_mut() {
            add(&mut all, activity, || tag(name, stage, &suffix));
        }
    }
    all
}

fn add<'a>(
    all: &mut Vec<Latencies<'a>>,
    activity: &'a mut StageActivity,
    tag: impl FnOnce() -> String,
) {
    if activity.recorded > 0 {
        all.push(Latencies {
            tag: tag(),
            recorded: activity.recorded,
            histogram: &mut activity.latency,
        });
    }
}

fn suffix(object: &ObjectSnapshot) -> String {
    let Some(Owner {
        process,
        context,
        hwpt,
    }) = &object.owner
    else {
        return "/other".into();
    };
    let context = context.map_or_else(String::new, |context| format!("/context{context}"));
    format!("/pid{}{context}/hwpt{hwpt}", process.id)
}

/// Without what a tag of an interval log cannot have, and without `?`: a control character is
/// read as that.
pub(super) fn tag(instance: &str, stage: Stage, suffix: &str) -> String {
    let instance: String = instance.chars().map(plain).collect();
    format!("{instance}/{}{suffix}", stage.name().replace(' ', "-"))
}

fn plain(character: char) -> char {
    if character.is_ascii_graphic() && !matches!(character, ',' | '?') {
        character
    } else {
        '_'
    }
}
