//! The agent on a real kernel.

use super::guest::run;

const PROFILE: &str = "x86-intel";

#[test]
#[ignore = "needs the lab x86-intel: boots it"]
fn an_agent_of_the_kernel_reads_everything_without_a_capability() {
    let left = run(
        PROFILE,
        &[],
        r#"
        hwptop agent --target kernel --interval 100ms --socket /tmp/agent.sock 2>said & agent=$!
        until grep -q 'agent: ' said; do kill -0 $agent || fail "the agent ended: $(cat said)"; usleep 20000; done
        cat /proc/$agent/task/*/status >status
        hwptop top --target selftest --passes 1 --speed max --once --format json >driven
        usleep 300000
        hwptop top --target agent:/tmp/agent.sock --once --format json >followed
        kill -TERM $agent
        code=0
        wait $agent || code=$?
        echo code $code
        [ ! -e /tmp/agent.sock ] || fail "the socket is left"
        "#,
    );
    assert_eq!(left.printed("code"), 0);
    let status = left.file("status");
    let effective = status.lines().filter(|line| line.starts_with("CapEff:"));
    let effective: Vec<&str> = effective.collect();
    // The collector, HTTP, the socket.
    assert!(effective.len() >= 3, "{status}");
    for line in effective {
        assert_eq!(line, "CapEff:\t0000000000000000");
    }
    let [driven, followed] = ["driven", "followed"].map(|name| left.snapshot(name));
    assert_eq!(followed.0["target"], "kernel");
    let request = |of: &super::guest::Snapshot| of.instance()["total"]["stages"]["request"].clone();
    let (driven, followed) = (request(&driven), request(&followed));
    assert!(followed["seen"].as_u64() > Some(1000), "{followed}");
    for count in ["seen", "recorded", "lost", "items", "errors"] {
        assert_eq!(followed[count], driven[count], "{count}");
    }
}
