use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    consts::{
        SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP,
        SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
    },
    flag,
    low_level::{self, emulate_default_handler},
};

use crate::failure::Failure;

mod fault;

/// SIGSTKFLT and SIGPWR, where x86 and Arm have them.
const UNNAMED: [i32; 2] = [16, 30];
/// Those that no one has a use for yet; the ones before are the C library's own.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// A flag that the first SIGINT, SIGTERM, SIGHUP or SIGQUIT sets; the second one ends the
/// process at once, and gives the terminal back where it is held.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // In this order: the second signal finds the flag set by the first.
        let is_second = Arc::clone(&stop);
        register(signal, move || {
            if is_second.load(Ordering::Relaxed) {
                hwptop_tui::give_back_terminal();
            }
        })?;
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// A flag that `signal` sets each time, in place of what it would do.
pub(super) fn flag_of(signal: i32) -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::default();
    flag::register(signal, Arc::clone(&flag))?;
    Ok(flag)
}

/// Lets SIGUSR1 be without effect: it asks for a dump, and would end who has nothing to dump, and
/// leave a terminal that is held as it is.
pub(super) fn survive_dump_request() -> Result<(), Failure> {
    flag::register(SIGUSR1, Arc::default())?;
    Ok(())
}

/// Gives the terminal back where any other signal ends the process, which it still does.
pub(super) fn give_terminal_back_at_the_end() -> io::Result<()> {
    let named = [
        SIGABRT, SIGALRM, SIGIO, SIGPROF, SIGSYS, SIGTRAP, SIGUSR2, SIGVTALRM, SIGXCPU,
    ];
    for signal in named.into_iter().chain(UNNAMED).chain(REAL_TIME) {
        register(signal, move || {
            hwptop_tui::give_back_terminal();
            let _ = emulate_default_handler(signal);
            // Where it knows of none, or thinks that nothing is done.
            low_level::exit(128 + signal);
        })?;
    }
    // A file that must not become larger is as a full disk: what is written fails, and says so.
    flag::register(SIGXFSZ, Arc::default())?;
    fault::give_terminal_back()
}

/// Does `action` at each `signal`. It may do only what a signal handler may: wait for nothing and
/// allocate nothing.
#[expect(
    unsafe_code,
    reason = "what a handler may do is not for a compiler to see"
)]
fn register(signal: i32, action: impl Fn() + Sync + Send + 'static) -> io::Result<()> {
    // SAFETY: the actions above load atomics and make system calls, and do not panic.
    unsafe { low_level::register(signal, action) }.map(drop)
}
