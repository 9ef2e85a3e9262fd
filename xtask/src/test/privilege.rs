//! Whether tests can run here that need more than a Linux machine.

use std::fs;
use std::path::Path;

use crate::setup;

/// Capability numbers of capabilities(7).
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The kernel's perf source of user-space probes.
const UPROBE: &str = "/sys/bus/event_source/devices/uprobe/type";

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// The processor's own counters.
const CPU_COUNTERS: &str = "/sys/bus/event_source/devices/cpu";

/// Whether eBPF can be loaded and attached to user-space probes.
///
/// # Errors
/// The first thing that is missing, as the end of a sentence.
pub(super) fn check() -> Result<(), String> {
    if !setup::is_root() {
        return Err("this run is not root's".into());
    }
    if !setup::has_capability(CAP_SYS_ADMIN) {
        for (bit, name) in [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")] {
            if !setup::has_capability(bit) {
                return Err(format!(
                    "this root has no {name} (a container without --privileged?)"
                ));
            }
        }
    }
    if !Path::new(UPROBE).exists() {
        return Err(format!(
            "{UPROBE} is not there (a kernel without CONFIG_UPROBE_EVENTS, or no sysfs)"
        ));
    }
    let lockdown = fs::read_to_string(LOCKDOWN).unwrap_or_default();
    if lockdown.contains("[confidentiality]") {
        return Err(
            "the kernel is locked down to confidentiality, where eBPF may not read memory".into(),
        );
    }
    Ok(())
}

/// Whether instructions and cycles are counted.
///
/// # Errors
/// What is missing, as the end of a sentence.
pub(super) fn hardware_counters() -> Result<(), String> {
    if Path::new(CPU_COUNTERS).exists() {
        return Ok(());
    }
    Err(format!(
        "{CPU_COUNTERS} is not there (a virtual machine without counters?)"
    ))
}
