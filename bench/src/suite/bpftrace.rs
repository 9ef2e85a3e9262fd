//! bpftrace as the yardstick: a child process with a script that makes histograms.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// What to tell where there is none.
pub(super) const NOT_INSTALLED: &str =
    "bpftrace is not installed (Debian: apt-get install bpftrace)";

/// A running bpftrace. Dropping it ends it, and with it its probes.
pub(super) struct Bpftrace(Child);

impl Bpftrace {
    /// Whether bpftrace can be started at all.
    pub(super) fn is_installed() -> bool {
        Command::new("bpftrace")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// A histogram of the time between the static probes of a request in this
    /// process, whose program is `program`.
    pub(super) fn on_static_probes(program: &Path) -> io::Result<Self> {
        let site = |probe| format!("usdt:{}:hwptop:{probe}", program.display());
        let pair = [site("invalidate_begin"), site("invalidate_end")];
        Self::in_this_process(&histograms(&[pair]))
    }

    /// A histogram of the time that `function` of `program` takes.
    pub(super) fn on_function(program: &Path, function: &str) -> io::Result<Self> {
        let site = |kind| format!("{kind}:{}:{function}", program.display());
        Self::in_this_process(&histograms(&[[site("uprobe"), site("uretprobe")]]))
    }

    /// Histograms of the time that functions of the kernel take, by its two kinds of
    /// `probes`: `kprobe` and `kretprobe`, `kfunc` and `kretfunc`.
    pub(super) fn in_the_kernel(probes: [&str; 2], functions: &[&str]) -> io::Result<Self> {
        let pair = |function| probes.map(|kind| format!("{kind}:{function}"));
        let pairs: Vec<_> = functions.iter().map(pair).collect();
        Self::start(&["-e", &histograms(&pairs)])
    }

    fn in_this_process(script: &str) -> io::Result<Self> {
        Self::start(&["-p", &std::process::id().to_string(), "-e", script])
    }

    fn start(arguments: &[&str]) -> io::Result<Self> {
        Command::new("bpftrace")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    /// Waits until every probe is on; `false` where it ended instead.
    pub(super) fn wait_until_attached(&mut self) -> bool {
        let lines = self
            .0
            .stdout
            .as_mut()
            .map(|out| BufReader::new(out).lines());
        let mut lines = lines.into_iter().flatten().map_while(Result::ok);
        lines.any(|line| line == ATTACHED)
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it ended by itself: it could not attach.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

/// What a script prints once its last probe is on: they are put on in their order.
const ATTACHED: &str = "attached";

/// A script with one histogram for each begin and end.
fn histograms(pairs: &[[String; 2]]) -> String {
    let mut script = String::new();
    for (number, [begin, end]) in pairs.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(
            script,
            "{begin} {{ @start{number}[tid] = nsecs; }} {end} /@start{number}[tid]/ \
             {{ @ns{number} = hist(nsecs - @start{number}[tid]); delete(@start{number}[tid]); }} "
        );
    }
    let _ = write!(
        script,
        "interval:ms:100 /@said == 0/ {{ printf(\"{ATTACHED}\\n\"); @said = 1; }}"
    );
    script
}

impl Drop for Bpftrace {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
