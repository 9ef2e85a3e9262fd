use crate::{run_file::RunFile, statistics::ratio::RUNS_LEAST, turns::places};

/// Why the runs of `base` cannot be what others are held against: too few tell nothing, however
/// many they are held against, and a process that was stopped measured other places.
#[must_use]
pub fn unfit(base: &RunFile) -> Option<String> {
    let there = base.runs.len();
    if there < RUNS_LEAST {
        return Some(format!(
            "processes that it has figures of: {there}; a base has {RUNS_LEAST} or more"
        ));
    }
    let all = places(&base.runs[0]);
    let is_part = |run| places(run) != all || all.is_empty();
    let part = base.runs.iter().position(is_part)?;
    Some(format!(
        "runs[{part}] is not whole: its points are not those of the first process"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        run_file::{Point, fixture},
        statistics::ratio::RUNS_LEAST,
    };

    const WHOLE: &[&str] = &["1", "64"];

    fn file(batches: &[&[&str]]) -> RunFile {
        let point = |batch: &&str| Point::at([("batch", (*batch).to_owned())]);
        let points = |batches: &&[&str]| batches.iter().map(point).collect();
        fixture::run(None, batches.iter().map(points).collect())
    }

    #[test]
    fn a_base_has_enough_processes_that_are_all_whole() {
        assert_eq!(unfit(&file(&[WHOLE; RUNS_LEAST])), None);
        let few = unfit(&file(&[WHOLE; RUNS_LEAST - 1])).expect("too few");
        assert!(few.contains("figures of: 4; a base has 5"), "{few}");
        let mut part = [WHOLE; RUNS_LEAST];
        part[3] = &["1"];
        let part = unfit(&file(&part)).expect("one is not whole");
        assert!(part.starts_with("runs[3] is not whole"), "{part}");
        let empty = unfit(&file(&[&[][..]; RUNS_LEAST])).expect("nothing is there");
        assert!(empty.starts_with("runs[0] is not whole"), "{empty}");
    }
}
