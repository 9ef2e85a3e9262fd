use std::collections::HashMap;

use hwptop_abi::UnitCell;

/// What was counted of one instance. As soon as the program is detached,
/// `submissions = recorded_submissions + lost_submissions`, and so for commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    /// Submissions, by the program.
    pub submissions: u64,
    /// Commands given with them, by the program; syncs that the driver appends by itself
    /// are not among them.
    pub commands: u64,
    /// Submissions that are not in the stream, by the program.
    pub lost_submissions: u64,
    /// Commands given with those, by the program.
    pub lost_commands: u64,
    /// Submissions in the stream, as they were read.
    pub recorded_submissions: u64,
    /// Commands in the stream, as they were read.
    pub recorded_commands: u64,
    /// Syncs that the driver appended by itself; in the stream, too.
    pub syncs: u64,
    /// Commands whose high 128 bits are not 0; a capture has no place for those.
    pub wide: u64,
}

/// The instances that were seen, in the order of their first submission.
#[derive(Debug, Default)]
pub(super) struct Instances {
    by_unit: HashMap<u64, usize>,
    seen: Vec<(String, CommandCounts)>,
}

impl Instances {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &CommandCounts)> {
        self.seen
            .iter()
            .map(|(name, counts)| (name.as_str(), counts))
    }

    pub(super) fn find(&self, unit: u64) -> Option<usize> {
        self.by_unit.get(&unit).copied()
    }

    pub(super) fn counts_mut(&mut self, instance: usize) -> &mut CommandCounts {
        &mut self.seen[instance].1
    }

    /// Takes what a program counted of a unit.
    pub(super) fn count(&mut self, unit: u64, cell: &UnitCell) {
        let number = self.seen.len();
        let instance = *self.by_unit.entry(unit).or_insert(number);
        if instance == number {
            self.seen
                .push((name(cell, number), CommandCounts::default()));
        }
        let counts = self.counts_mut(instance);
        counts.submissions = cell.submissions;
        counts.commands = cell.commands;
        counts.lost_submissions = cell.lost_submissions;
        counts.lost_commands = cell.lost_commands;
    }

    /// Whether everything that the programs counted is recorded or lost.
    pub(super) fn are_settled(&self) -> bool {
        self.seen.iter().all(|(_, counts)| {
            counts.submissions == counts.recorded_submissions + counts.lost_submissions
        })
    }
}

/// The unit's name in the kernel, or its number where it has none. File names are made
/// of it: bytes that could mean something there become `_`.
fn name(cell: &UnitCell, number: usize) -> String {
    let end = cell.name.iter().position(|&byte| byte == 0);
    let bytes = &cell.name[..end.unwrap_or(cell.name.len())];
    if bytes.is_empty() {
        return format!("unit{number}");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let plain = |&byte: &u8| {
        if is_plain(byte) {
            char::from(byte)
        } else {
            '_'
        }
    };
    bytes.iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use hwptop_abi::UNIT_NAME_BYTES;

    use super::*;

    fn cell(name: &[u8], submissions: u64, lost_submissions: u64) -> UnitCell {
        let mut bytes = [0; UNIT_NAME_BYTES];
        bytes[..name.len()].copy_from_slice(name);
        UnitCell {
            name: bytes,
            submissions,
            commands: 2 * submissions,
            lost_submissions,
            lost_commands: 2 * lost_submissions,
        }
    }

    fn names(instances: &Instances) -> Vec<&str> {
        instances.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn instances_have_their_names_in_the_order_of_their_first_submission() {
        let mut instances = Instances::default();
        instances.count(0xb, &cell(b"dmar1", 1, 0));
        instances.count(0xa, &cell(b"dmar0", 1, 0));
        instances.count(0xb, &cell(b"dmar1", 5, 0));
        assert_eq!(names(&instances), ["dmar1", "dmar0"]);
        assert_eq!(instances.find(0xa), Some(1));
        assert_eq!(instances.find(0xc), None);
        assert_eq!(instances.counts_mut(0).submissions, 5);
    }

    #[test]
    fn a_name_can_be_part_of_a_file_name_whatever_it_is() {
        let mut instances = Instances::default();
        for (unit, name) in [
            (1, b"../../etc/x".as_slice()),
            (2, b""),
            (3, b"a\xff\nb"),
            (4, &[b'n'; UNIT_NAME_BYTES]),
            (5, b"smmu3.0x0000000009050000"),
        ] {
            instances.count(unit, &cell(name, 1, 0));
        }
        let long = "n".repeat(UNIT_NAME_BYTES);
        assert_eq!(
            names(&instances),
            [
                ".._.._etc_x",
                "unit1",
                "a__b",
                &long,
                "smmu3.0x0000000009050000"
            ]
        );
    }

    #[test]
    fn counters_are_settled_when_everything_is_recorded_or_lost() {
        let mut instances = Instances::default();
        assert!(instances.are_settled());
        instances.count(1, &cell(b"dmar0", 5, 2));
        assert!(!instances.are_settled());
        instances.counts_mut(0).recorded_submissions = 3;
        assert!(instances.are_settled());
    }
}
