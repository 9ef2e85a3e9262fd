//! What a long-running process gives up once its probes are attached: reading maps takes
//! their file descriptors and nothing else.
#![expect(
    unsafe_code,
    reason = "bpf(2) is asked here without any object, which no safe wrapper does"
)]

use std::{io, thread};

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// `enum bpf_cmd`.
const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;

/// What was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// No capability.
    Nothing,
    /// CAP_BPF: kernels before 5.19 let no one else read a map where unprivileged BPF is off,
    /// not even by its file descriptor.
    CapBpf,
}

/// Drops every capability of this thread and of those that it starts from now on, and sees to
/// it that no program they execute gets one back. The bounding set stays where the thread
/// has no CAP_SETPCAP; without capabilities and with `no_new_privs` it gives nothing.
///
/// # Errors
/// Where the kernel refuses; capabilities may be held then.
pub fn drop_privileges() -> io::Result<Kept> {
    let held = capabilities(None)?;
    let needs_bpf = held.effective.contains(CapabilitySet::BPF) && !maps_are_readable_without()?;
    let keep = if needs_bpf {
        CapabilitySet::BPF
    } else {
        CapabilitySet::empty()
    };
    set_no_new_privs(true)?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        // Ends at the first one that this kernel does not know.
        for bit in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << bit);
            if remove_capability_from_bounding_set(one).is_err() {
                break;
            }
        }
    }
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: keep,
            permitted: keep,
            ..NONE
        },
    )?;
    Ok(if needs_bpf {
        Kept::CapBpf
    } else {
        Kept::Nothing
    })
}

/// Whether a thread without capabilities may read maps: one tries.
fn maps_are_readable_without() -> io::Result<bool> {
    let asked = thread::Builder::new().spawn(|| {
        set_capabilities(None, NONE)?;
        Ok(lookup_in_no_map().kind() != io::ErrorKind::PermissionDenied)
    })?;
    asked
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that asks for it died")))
}

/// The kernel's answer to a look-up in a map that is not there: EBADF, or EPERM where it does
/// not even look.
fn lookup_in_no_map() -> io::Error {
    // `union bpf_attr`, as far as BPF_MAP_ELEM commands read it: `map_fd` and padding, `key`,
    // `value`, `flags`.
    let attributes: [u64; 4] = [u64::from(u32::MAX), 0, 0, 0];
    // SAFETY: `attributes` outlives the call, has the size that is given, and holds no
    // pointers that the kernel would follow: there is no such map.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_LOOKUP_ELEM,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    debug_assert_eq!(answer, -1, "no map has this descriptor");
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The sets of the calling thread, from its `status`.
    fn status() -> String {
        fs::read_to_string("/proc/thread-self/status").expect("a thread has a status")
    }

    #[test]
    fn a_thread_that_dropped_them_has_no_capability_and_gets_none() {
        let after = thread::spawn(|| {
            drop_privileges().expect("what is held can be dropped");
            // A thread inherits the sets.
            thread::spawn(status).join().expect("it reads its status")
        });
        let after = after.join().expect("it ends");
        let none = "\t0000000000000000";
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert!(after.contains(&format!("{set}{none}")), "{set} in {after}");
        }
        assert!(after.contains("NoNewPrivs:\t1"), "{after}");
    }

    #[test]
    fn the_kernel_says_that_there_is_no_map_or_that_it_does_not_look() {
        let error = lookup_in_no_map().raw_os_error();
        assert!(
            matches!(error, Some(libc::EBADF | libc::EPERM)),
            "{error:?}"
        );
    }
}
