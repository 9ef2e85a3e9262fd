use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1},
    flag,
};

use crate::failure::Failure;

/// A flag that the first SIGINT, SIGTERM, SIGHUP or SIGQUIT sets; the second one ends the
/// process at once.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        // In this order: the second signal finds the flag set by the first.
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
