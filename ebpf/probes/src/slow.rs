//! Events that are kept one by one: those beyond the threshold of their stage, so many a second.

use hwptop_abi::{Config, SLOW_WINDOW_NS, SlowCell, SlowRecord, Stage};

use crate::{
    maps::{SLOW, SLOW_COUNTS},
    stage::add,
};

/// Written by user space, also while programs run. In a section of its own: to user space that
/// is a map with one value.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.config")]
static mut CONFIG: Config = Config::NOTHING;

/// Whether an event is beyond the threshold of its stage.
#[inline(always)]
pub fn is_slow(stage: Stage, latency_ns: u64) -> bool {
    // SAFETY: a map's memory. Volatile, because user space sets it behind the compiler's back.
    latency_ns >= unsafe { (&raw const CONFIG.slow_ns[stage as usize]).read_volatile() }
}

/// Counts an event beyond the threshold; whether it is not too many in this CPU's window. One
/// program that another preempts between look and addition may let one more through.
#[inline(always)]
pub fn has_room(end_ns: u64) -> bool {
    let Some(cell) = SLOW_COUNTS.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: `cell` points to this CPU's value of the map, `CONFIG` into a map's memory.
    unsafe {
        add(&raw mut (*cell).seen, 1);
        if end_ns >= (*cell).window_ns + SLOW_WINDOW_NS {
            (*cell).window_ns = end_ns;
            (*cell).let_through = 0;
        }
        if (*cell).let_through < (&raw const CONFIG.slow_rate).read_volatile() {
            add(&raw mut (*cell).let_through, 1);
            return true;
        }
        drop_one(cell);
    }
    false
}

/// Puts an event that there is room for into the ring buffer, where that has room.
#[inline(always)]
pub fn keep(record: &SlowRecord) {
    if SLOW.output::<SlowRecord>(record, 0).is_err() {
        ring_is_full();
    }
}

/// Counts an event that did not get into the ring buffer.
#[inline(always)]
pub fn ring_is_full() {
    if let Some(cell) = SLOW_COUNTS.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { drop_one(cell) };
    }
}

/// # Safety
/// `cell` points to this CPU's value of the map.
#[inline(always)]
unsafe fn drop_one(cell: *mut SlowCell) {
    // SAFETY: the caller's.
    unsafe { add(&raw mut (*cell).dropped, 1) };
}
