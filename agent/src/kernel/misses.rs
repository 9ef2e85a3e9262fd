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

/// How often the kernel had no room to note where a call of `function` returns to, so that this
/// process' kretprobe did not see its end. There is room for max(10, 2 × CPUs) calls that are
/// under way at a time; perf, by which the probe is made, has no option for more. The kernel does
/// not count atomically: a few may be missing. Kernels before 6.17 do not tell; it is 0 there.
pub(super) fn of_kretprobe(function: &str) -> u64 {
    // aya keeps the descriptors of these links to itself; `bpf_link_info` has the number, too.
    let Ok(descriptors) = fs::read_dir("/proc/self/fdinfo") else {
        return 0;
    };
    descriptors
        .filter_map(|one| fs::read_to_string(one.ok()?.path()).ok())
        .filter_map(|info| of_link(&info, function))
        .sum()
}

fn of_link(info: &str, function: &str) -> Option<u64> {
    let name = format!("name:\t{function}");
    let has = |wanted: &str| info.lines().any(|line| line == wanted);
    let is_it = has("event_type:\tkretprobe") && has(&name);
    is_it.then(|| value(info, "missed:"))?
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
    fn of_links_only_the_functions_kretprobe_counts() {
        let link = |kind: &str| {
            format!("link_type:\tperf\nname:\tqi_submit_sync\nmissed:\t3\nevent_type:\t{kind}\n")
        };
        assert_eq!(of_link(&link("kretprobe"), "qi_submit_sync"), Some(3));
        assert_eq!(of_link(&link("kretprobe"), "qi_submit"), None);
        assert_eq!(of_link(&link("kprobe"), "qi_submit_sync"), None);
    }
}
