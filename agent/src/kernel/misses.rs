use std::{
    fs,
    os::fd::{AsRawFd as _, BorrowedFd},
};

/// How often the kernel left a program out, because it was already running on that CPU.
/// Kernels before 5.12 do not tell; it is 0 there.
pub(crate) fn of_program(program: BorrowedFd<'_>) -> u64 {
    // aya has no accessor for `bpf_prog_info.recursion_misses`; the same is shown here.
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd()));
    let info = info.unwrap_or_default();
    value(&info, "recursion_misses:").unwrap_or(0)
}

/// How often the kernel had no room to note where a call returns to, so that this process'
/// kretprobes did not see its end. Kernels before 6.17 do not tell; it is 0 there.
pub(super) fn of_kretprobes() -> u64 {
    // aya keeps the descriptors of these links to itself; `bpf_link_info` has the number, too.
    let Ok(descriptors) = fs::read_dir("/proc/self/fdinfo") else {
        return 0;
    };
    descriptors
        .filter_map(|one| fs::read_to_string(one.ok()?.path()).ok())
        .filter_map(|info| of_kretprobe(&info))
        .sum()
}

fn of_kretprobe(info: &str) -> Option<u64> {
    let is_one = info.lines().any(|line| line == "event_type:\tkretprobe");
    is_one.then(|| value(info, "missed:"))?
}

fn value(info: &str, name: &str) -> Option<u64> {
    let value = info.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_misses_are_read_from_what_the_kernel_shows() {
        let info = "pos:\t0\nprog_type:\t26\nrun_cnt:\t7\nrecursion_misses:\t12\n";
        assert_eq!(value(info, "recursion_misses:"), Some(12));
        assert_eq!(value("pos:\t0\n", "recursion_misses:"), None);
    }

    #[test]
    fn of_links_only_kretprobes_count() {
        let link = |kind: &str| {
            format!("link_type:\tperf\nname:\tqi_submit_sync\nmissed:\t3\nevent_type:\t{kind}\n")
        };
        assert_eq!(of_kretprobe(&link("kretprobe")), Some(3));
        assert_eq!(of_kretprobe(&link("kprobe")), None);
    }
}
