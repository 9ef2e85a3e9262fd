//! bpftrace as the yardstick: a child process with a one-line histogram script.

use std::{
    io,
    path::Path,
    process::{Child, Command, Stdio},
};

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
        let program = program.display();
        Self::start(&format!(
            "usdt:{program}:hwptop:invalidate_begin {{ @start[tid] = nsecs; }} \
             usdt:{program}:hwptop:invalidate_end /@start[tid]/ \
             {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }}"
        ))
    }

    /// A histogram of the time that `function` of `program` takes.
    pub(super) fn on_function(program: &Path, function: &str) -> io::Result<Self> {
        let program = program.display();
        Self::start(&format!(
            "uprobe:{program}:{function} {{ @start[tid] = nsecs; }} \
             uretprobe:{program}:{function} /@start[tid]/ \
             {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }}"
        ))
    }

    fn start(script: &str) -> io::Result<Self> {
        Command::new("bpftrace")
            .args(["-p", &std::process::id().to_string(), "-e", script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    /// Whether it ended by itself: it could not attach.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Bpftrace {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
