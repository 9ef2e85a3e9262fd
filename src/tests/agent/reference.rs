//! The table of exported metrics in docs/reference.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::everything::{Everything, labels};

const REFERENCE: &str = include_str!("../../../docs/reference.md");

/// What there is to say of a family.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

impl Family {
    /// Of one of its values, or of what a histogram is of, by the name.
    fn unit(name: &str) -> &'static str {
        match name {
            _ if name.contains("_seconds") => "s",
            _ if name.ends_with("_ratio") => "part, 0 to 1",
            _ if name.ends_with("_total") || name.ends_with("_batch") => "count",
            "hwptop_agent_followers" | "hwptop_objects_left_out" => "count",
            _ => "",
        }
    }
}

/// The families of the text format.
fn families(text: &str, families: &mut BTreeMap<String, Family>) {
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
            }
            ["#", "TYPE", name, kind] => {
                kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
            }
            _ => {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                let suffixes = ["", "_bucket", "_sum", "_count"];
                let family = suffixes
                    .iter()
                    .filter_map(|suffix| name.strip_suffix(suffix))
                    .find(|family| families.contains_key(*family));
                let family = family.and_then(|family| families.get_mut(family));
                let labels = labels(line).into_iter().filter(|label| *label != "le");
                let family = family.unwrap_or_else(|| panic!("of no family: {line}"));
                family.labels.extend(labels.map(str::to_owned));
            }
        }
    }
}

#[test]
fn the_table_of_exported_metrics_is_what_is_exported() {
    let everything = Everything::start();
    let mut all = BTreeMap::new();
    for agent in everything.agents() {
        families(&agent.get("/metrics").1, &mut all);
    }
    let mut table =
        String::from("| metric | type | unit | labels | what |\n|---|---|---|---|---|\n");
    for (name, family) in all {
        let labels: Vec<String> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let Family { kind, help, .. } = &family;
        let (unit, labels) = (Family::unit(&name), labels.join(", "));
        writeln!(table, "| `{name}` | {kind} | {unit} | {labels} | {help} |").expect("to a string");
    }
    let told = REFERENCE.split("<!-- exported -->\n").nth(1);
    let told = told
        .and_then(|rest| rest.split("<!-- end -->").next())
        .expect("a table");
    assert!(told == table, "docs/reference.md has to say:\n{table}");
}
