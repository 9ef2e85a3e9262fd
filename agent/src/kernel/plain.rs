#![expect(
    unsafe_code,
    reason = "aya asks for an unsafe promise about every type in a map"
)]

use aya::Pod;
use hwptop_abi::{
    EndedObject, HwQueueCell, KernelInstance, KernelLayout, LostCell, RequestCell, SlotKey,
    StageCell,
};

// aya's `Pod` and the records belong to other crates: wrappers bring them together.
macro_rules! pod {
    ($($name:ident($record:ty), $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(super) struct $name(pub(super) $record);

        // SAFETY: `repr(transparent)` around a `repr(C)` record of integers only, whose size
        // the abi crate asserts: no padding, and every bit pattern is a value.
        unsafe impl Pod for $name {}
    )*};
}

pod! {
    Layout(KernelLayout), "The global `LAYOUT`.";
    Request(RequestCell), "A value of `REQUESTS`.";
    Submission(StageCell), "A value of `SUBMISSIONS`.";
    Key(SlotKey), "A key of `SLOT_OF`.";
    Instance(KernelInstance), "A value of `KERNEL_INSTANCES`.";
    Object(EndedObject), "A value of `ENDED_OBJECTS`.";
    Lost(LostCell), "A value of `LOST`.";
    HwQueue(HwQueueCell), "A value of `HW_QUEUES`.";
}
