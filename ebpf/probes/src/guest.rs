use aya_ebpf::programs::ProbeContext;
use hwptop_abi::{GuestCell, InstanceArg};

use crate::{
    maps::GUESTS,
    stage::{add, note_instance},
};

/// Counts one doorbell and what it made the driver consume.
#[inline(always)]
pub fn doorbell(ctx: &ProbeContext) {
    let descriptors = ctx.arg::<u64>(2).unwrap_or(0) as u32;
    let waits = ctx.arg::<u64>(3).unwrap_or(0) as u32;
    if let Some(cell) = cell(ctx) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe {
            add(&raw mut (*cell).doorbells, 1);
            add(&raw mut (*cell).descriptors, u64::from(descriptors));
            add(&raw mut (*cell).waits, u64::from(waits));
        }
    }
}

/// Counts one fault that froze a guest queue.
#[inline(always)]
pub fn fault(ctx: &ProbeContext) {
    if let Some(cell) = cell(ctx) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { add(&raw mut (*cell).faults, 1) };
    }
}

#[inline(always)]
fn cell(ctx: &ProbeContext) -> Option<*mut GuestCell> {
    let instance = InstanceArg::from_raw(ctx.arg::<u64>(1)? as u32);
    let number = u32::from(instance.number());
    note_instance(number, instance);
    GUESTS.get_ptr_mut(number)
}
