use hwptop_abi::KernelLayout;

/// Written by user space before the programs are loaded.
#[unsafe(no_mangle)]
pub(super) static LAYOUT: KernelLayout = KernelLayout::UNKNOWN;

/// One member of [`LAYOUT`]. To the verifier it is a constant.
macro_rules! layout {
    ($field:ident) => {
        $crate::kernel::layout::load(&$crate::kernel::layout::LAYOUT.$field)
    };
}
pub(super) use layout;

#[inline(always)]
pub(super) fn load<T: Copy>(field: &T) -> T {
    // SAFETY: from a reference. Volatile, because user space sets it behind the compiler's
    // back.
    unsafe { core::ptr::read_volatile(field) }
}
