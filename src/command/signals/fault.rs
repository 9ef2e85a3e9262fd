//! Faults of the program itself while the dashboard holds the terminal: it is given back, and then
//! the fault does what it did before.
//!
//! The C library is asked directly: signal-hook refuses these signals, since a handler that returns
//! from one makes it happen again. That is what is wanted here.

#![expect(
    unsafe_code,
    reason = "handlers of faults are for the kernel to call, and no crate sets them"
)]

use std::{
    io,
    mem::{self, MaybeUninit},
    ptr,
    sync::OnceLock,
};

use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, c_int, c_void, sigaction, siginfo_t};

const FAULTS: [c_int; 4] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE];

/// What each of them did before: the standard library tells of a stack that overflowed.
static BEFORE: [OnceLock<sigaction>; FAULTS.len()] = [const { OnceLock::new() }; FAULTS.len()];

/// Gives the terminal back at each of [`FAULTS`].
pub(super) fn give_terminal_back() -> io::Result<()> {
    for (signal, before) in FAULTS.into_iter().zip(&BEFORE) {
        // Known before the first of them can be caught; ours is not what was before.
        before.get_or_init(|| current(signal));
        set(signal, &ours())?;
    }
    Ok(())
}

/// The handler, on the stack that the standard library has for it beside each thread's own, which may
/// be what is full. Nothing interrupts it.
fn ours() -> sigaction {
    // SAFETY: all of it is numbers and a pointer that may be null.
    let mut ours: sigaction = unsafe { mem::zeroed() };
    ours.sa_sigaction = on_fault as *const () as usize;
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the set is this function's own.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    ours
}

/// Does only what a signal handler may: it waits for no lock and allocates nothing.
extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    hwptop_tui::give_back_terminal();
    // SAFETY: because of SA_SIGINFO the kernel says what it knows of the signal.
    let is_sent = unsafe { (*info).si_code } <= 0;
    let mut known = FAULTS.iter().zip(&BEFORE);
    let before = known.find(|(one, _)| **one == signal);
    match before.and_then(|(_, before)| before.get()) {
        // On return the same instruction faults again, and now as if nobody had looked: with the
        // standard library's words, or a core dump that has the place.
        Some(before) if !is_sent && set(signal, before).is_ok() => {}
        // Sent by someone, it would not come again by itself. It waits until this returns.
        // SAFETY: both may be called in a handler.
        _ => unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        },
    }
}

/// What `signal` does now; what the system does where nobody says.
fn current(signal: c_int) -> sigaction {
    let mut current = MaybeUninit::zeroed();
    // SAFETY: with no new action it only writes the current one; zeros are SIG_DFL.
    unsafe {
        sigaction(signal, ptr::null(), current.as_mut_ptr());
        current.assume_init()
    }
}

fn set(signal: c_int, action: &sigaction) -> io::Result<()> {
    // SAFETY: what is set is a handler of this module, or what was set before.
    match unsafe { sigaction(signal, action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
