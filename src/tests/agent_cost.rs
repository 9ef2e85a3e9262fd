//! `bench agent-cost`: every part of it is measured, or says why not.

use serde_json::Value;

use crate::run::hwptop;

#[test]
#[ignore = "needs root: loads eBPF"]
fn what_the_agent_costs_is_measured_in_every_part() {
    let arguments = "bench agent-cost --rounds 1 --time 1s --instances 2 --format json";
    let run = hwptop(&arguments.split(' ').collect::<Vec<_>>());
    let cost = run.json();
    assert_eq!(cost["schema"], "hwptop.agent-cost/2");
    assert_eq!(cost["whole"], true);

    let list = |value: &Value| value.as_array().expect("a list").clone();
    let events = &cost["million_events"];
    let measured = list(&events["measured"]);
    assert_eq!(measured.len() + list(&events["absent"]).len(), 3);
    assert_eq!(measured[0]["by"], "hwptop");
    for one in &measured {
        let seconds = one["cpu_seconds_per_million"][0].as_f64();
        assert!(seconds.is_some_and(|seconds| seconds > 0.0), "{one}");
    }
    let watched = list(&cost["watched"]);
    let doing: Vec<&Value> = watched.iter().map(|one| &one["doing"]).collect();
    assert_eq!(doing, ["idle", "busy"]);
    for one in &watched {
        let figure = |name: &str| one[name].as_f64().expect("a number");
        assert!(figure("core_share") > 0.0 && figure("peak_resident_bytes") > 1e6);
    }
    let took = list(&cost["took"]);
    let what: Vec<&Value> = took.iter().map(|one| &one["what"]).collect();
    assert_eq!(what, ["scrape", "start to first figures", "detach"]);
    assert!(took.iter().all(|one| one["p50_ns"].as_u64() > Some(0)));
    assert!(took[2]["probes"].as_u64() >= Some(100));
    for one in list(&cost["scaling"]) {
        assert!(one["ratio"][0].as_f64() > Some(0.0), "{one}");
    }
}
