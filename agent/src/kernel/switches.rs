//! The kernel's own switches, by which probes stay attached and see nothing.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::PathBuf,
};

use super::{
    host::Host,
    plan::{Method, StagePlan},
};

const FTRACE: &str = "proc/sys/kernel/ftrace_enabled";
const KPROBES: &str = "sys/kernel/debug/kprobes/enabled";

/// What turns the programs off that are attached here.
#[derive(Debug)]
pub(super) struct Switches {
    /// fentry programs are called by ftrace, and kprobes at the beginning of a function where
    /// the architecture puts them there by ftrace.
    ftrace: Option<PathBuf>,
    /// Open since the probes were attached: later there may be no right to. `None` where
    /// there is no kprobe, or debugfs is not there to tell.
    kprobes: Option<File>,
    was_off: bool,
}

impl Switches {
    /// Those of what is attached.
    pub(super) fn of_plans(host: &Host, plans: &[StagePlan]) -> Self {
        let has = |method| plans.iter().any(|plan| plan.chosen == Some(method));
        let kprobes_by_ftrace = cfg!(target_arch = "x86_64");
        let by_ftrace = has(Method::Fentry) || has(Method::Kprobe) && kprobes_by_ftrace;
        let kprobes = || File::open(host.path(KPROBES)).ok();
        Self {
            ftrace: by_ftrace.then(|| host.path(FTRACE)),
            kprobes: has(Method::Kprobe).then(kprobes).flatten(),
            was_off: false,
        }
    }

    /// Why programs did not run for a time since this was asked last, if one of the switches is
    /// off, or was then. One that was off in between and is on again is not noticed.
    pub(super) fn blind(&mut self) -> Option<String> {
        let off = self.off();
        let was_off = std::mem::replace(&mut self.was_off, off.is_some());
        match off {
            Some(off) => Some(format!("the probes see nothing: {off}")),
            None if was_off => {
                Some("the probes saw nothing for a part of the interval; they do again".to_owned())
            }
            None => None,
        }
    }

    fn off(&self) -> Option<&'static str> {
        let ftrace = self.ftrace.as_ref();
        if ftrace.is_some_and(|path| fs::read(path).is_ok_and(|text| is_off(&text))) {
            return Some("kernel.ftrace_enabled is 0; `sysctl kernel.ftrace_enabled=1` mends it");
        }
        let mut first = [0];
        let kprobes = self.kprobes.as_ref();
        if kprobes.is_some_and(|file| file.read_at(&mut first, 0).is_ok() && is_off(&first)) {
            return Some(
                "kprobes are turned off; `echo 1 > /sys/kernel/debug/kprobes/enabled` mends it",
            );
        }
        None
    }
}

fn is_off(text: &[u8]) -> bool {
    text.first() == Some(&b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_told_while_it_is_off_and_once_after_it() {
        let root = tempfile::tempdir().unwrap();
        let [ftrace, kprobes] = [FTRACE, KPROBES].map(|name| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "1\n").unwrap();
            path
        });
        let mut switches = Switches {
            ftrace: Some(ftrace.clone()),
            kprobes: Some(File::open(&kprobes).unwrap()),
            was_off: false,
        };
        assert_eq!(switches.blind(), None);
        for (path, word) in [(ftrace, "ftrace_enabled"), (kprobes, "kprobes/enabled")] {
            fs::write(&path, "0\n").unwrap();
            for _ in 0..2 {
                let said = switches.blind().unwrap();
                assert!(said.contains(word), "{said}");
            }
            fs::write(&path, "1\n").unwrap();
            assert!(switches.blind().unwrap().contains("a part of the interval"));
            assert_eq!(switches.blind(), None);
        }
    }
}
