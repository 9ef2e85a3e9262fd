//! The doctor's findings as text, at most 80 columns wide.

use std::fmt::Write as _;

use hwptop_agent::kernel::{
    facts::Facts,
    plan::{Method, StagePlan},
    reason::Reason,
};

use super::{check::checks, json::kind, subject};

const COLUMNS: usize = 80;

/// How many devices of an instance are named.
const DEVICES_SHOWN: usize = 16;

/// SGR codes of good, bad and headings.
const GOOD: &str = "\x1b[32m";
const BAD: &str = "\x1b[31m";
const HEADING: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Verdict, stages, instances and facts, in this order.
pub(super) fn render(facts: &Facts, plans: &[StagePlan], colour: bool) -> String {
    let mut page = Page {
        text: String::new(),
        colour,
    };
    let virtual_machine = facts
        .virtual_machine
        .as_ref()
        .map_or_else(String::new, |name| format!(", virtual machine ({name})"));
    page.wrapped(
        "",
        &format!(
            "Linux {} {}{virtual_machine}",
            facts.release, facts.architecture
        ),
    );
    verdict(&mut page, plans);
    page.heading("Stages");
    for plan in plans {
        stage(&mut page, plan);
    }
    instances(&mut page, facts);
    page.heading("Facts");
    for one in checks(facts) {
        let mark = match one.good {
            Some(true) => page.painted(GOOD, "+"),
            Some(false) => page.painted(BAD, "-"),
            None => " ".to_owned(),
        };
        page.hanging(&format!("  {mark} {:<21}", one.name), 25, &one.found);
    }
    page.text
}

/// The IOMMUs, with whether they nest and what is behind them.
fn instances(page: &mut Page, facts: &Facts) {
    page.heading("Instances");
    if facts.instances.is_empty() {
        page.wrapped(
            "  ",
            "none in /sys/class/iommu: this machine has no IOMMU that the kernel uses",
        );
    }
    for one in &facts.instances {
        let vendor = one.vendor.map_or("-", |vendor| vendor.name());
        page.line(&format!(
            "  {:<26} {vendor:<7} {}",
            one.name,
            kind(one.kind)
        ));
        let nesting = match one.nesting.offered {
            Some(true) => page.painted(GOOD, "yes"),
            Some(false) => page.painted(BAD, "no"),
            None => "unknown".to_owned(),
        };
        page.wrapped(
            "      ",
            &format!("nesting: {nesting}, {}", one.nesting.why),
        );
        let shown = one.devices.len().min(DEVICES_SHOWN);
        let more = match one.devices.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        if shown > 0 {
            let names = one.devices[..shown].join(" ");
            page.wrapped("      ", &format!("devices: {names}{more}"));
        }
    }
}

/// What the machine can show and what not, because of what.
fn verdict(page: &mut Page, plans: &[StagePlan]) {
    let mut can = Vec::new();
    let mut cannot: Vec<(String, Vec<String>)> = Vec::new();
    for plan in plans {
        let subject = subject(plan);
        match (plan.chosen, plan.reason()) {
            (Some(_), _) if can.contains(&subject) => {}
            (Some(_), _) => can.push(subject),
            (None, reason) => {
                let why = reason.map_or_else(String::new, Reason::with_remedy);
                let known = cannot.iter().position(|(known, _)| *known == why);
                let at = known.unwrap_or_else(|| {
                    cannot.push((why, Vec::new()));
                    cannot.len() - 1
                });
                if !cannot[at].1.contains(&subject) {
                    cannot[at].1.push(subject);
                }
            }
        }
    }
    can.push("the model".to_owned());
    let mark = page.painted(GOOD, "can show:");
    page.hanging(&format!("{mark} "), 10, &can.join("; "));
    for (why, subjects) in cannot {
        let mark = page.painted(BAD, "cannot show:");
        let what = format!("{}: {why}", subjects.join("; "));
        page.hanging(&format!("{mark} "), 13, &what);
    }
}

/// One place: what would attach, and why nothing better.
fn stage(page: &mut Page, plan: &StagePlan) {
    let method = plan.chosen.map_or("nothing", Method::name);
    let colour = if plan.chosen.is_some() { GOOD } else { BAD };
    let method = page.painted(colour, &format!("{method:<10}"));
    page.line(&format!("  {:<21} {method} {plan}", subject(plan)));
    // Methods that fail for one reason share its line.
    let mut rest = plan.rejected.as_slice();
    while let Some((_, reason)) = rest.first() {
        let same = rest.iter().take_while(|(_, other)| other == reason).count();
        let (these, others) = rest.split_at(same);
        let names: Vec<_> = these.iter().map(|(method, _)| method.name()).collect();
        page.wrapped(
            "      ",
            &format!("no {}: {}", names.join(", "), reason.with_remedy()),
        );
        rest = others;
    }
}

/// Text in the making.
struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("{colour}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, text: &str) {
        writeln!(self.text, "{}", text.trim_end()).expect("writing to a String cannot fail");
    }

    fn heading(&mut self, text: &str) {
        let text = self.painted(HEADING, text);
        self.line("");
        self.line(&text);
    }

    /// A paragraph behind the same blanks on every line.
    fn wrapped(&mut self, indent: &str, text: &str) {
        self.hanging(indent, indent.len(), text);
    }

    /// A paragraph behind `first`, which takes `indent` columns; the lines after the first
    /// are indented as far.
    fn hanging(&mut self, first: &str, indent: usize, text: &str) {
        let mut line = first.to_owned();
        let mut columns = indent;
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if columns > indent && columns + 1 + width > COLUMNS {
                self.line(&line);
                line = " ".repeat(indent);
                columns = indent;
            }
            if columns > indent {
                line.push(' ');
                columns += 1;
            }
            line.push_str(word);
            columns += width;
        }
        self.line(&line);
    }
}
