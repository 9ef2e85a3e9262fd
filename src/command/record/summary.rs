use hwptop_agent::{CommandCounts, CommandStream};

use super::files::{Files, InstanceFile};

/// What a recording holds, a line per instance, and what is missing in it.
pub(super) fn lines(stream: &CommandStream, files: &Files) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files.iter() {
        let counts = stream
            .instances()
            .find_map(|(name, counts)| (name == file.instance()).then_some(counts));
        match counts {
            Some(counts) if counts.recorded_submissions > 0 => {
                lines.push(format!(
                    "{}, in {}",
                    told(file.instance(), counts),
                    file.path().display()
                ));
                lines.extend(warnings(file, counts));
            }
            Some(counts) => lines.push(format!("{}; no file", told(file.instance(), counts))),
            None => lines.push(format!("{}: no commands, no file", file.instance())),
        }
    }
    if stream.missed() > 0 {
        lines.push(format!(
            "{} more submissions were lost, of which nothing is known: the kernel does not run a \
             program on a CPU where it interrupted it, and keeps at most 256 units apart",
            stream.missed()
        ));
    }
    lines
}

fn told(instance: &str, counts: &CommandCounts) -> String {
    let syncs = match counts.syncs {
        0 => String::new(),
        syncs => format!(" and {syncs} appended syncs"),
    };
    format!(
        "{instance}: {} commands{syncs} in {} submissions, {} commands in {} submissions lost",
        counts.recorded_commands,
        counts.recorded_submissions,
        counts.lost_commands,
        counts.lost_submissions
    )
}

fn warnings(file: &InstanceFile, counts: &CommandCounts) -> Vec<String> {
    let mut lines = Vec::new();
    if counts.lost_submissions > 0 {
        lines.push(format!(
            "{}: commands came faster than they could be written; a larger --ring holds more",
            file.instance()
        ));
    }
    if counts.wide > 0 {
        lines.push(format!(
            "{}: {} commands have more than the low 128 bits, which are all that a capture has",
            file.instance(),
            counts.wide
        ));
    }
    if file.left_out() > 0 {
        lines.push(format!(
            "{}: {} commands and syncs more than a capture may have were left out",
            file.instance(),
            file.left_out()
        ));
    }
    lines
}
