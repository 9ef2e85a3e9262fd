use aya_ebpf::bindings::BPF_EXIST;
use hwptop_abi::EndedObject;

use super::{
    layout::layout,
    maps::ENDED_OBJECTS,
    method::{Method, ints_anywhere},
};

/// Offset of the uAPI structure.
const ID: u32 = 4;

/// `iommufd_destroy(ucmd)` begins. Whether it will succeed is not waited for: an object that lives
/// on goes on making requests, and user space looks for these.
#[inline(always)]
pub(super) fn destroy<M: Method>(ucmd: *const u8) {
    let command = M::long(ucmd, layout!(ucmd_cmd)) as *const u8;
    let [id] = ints_anywhere(command, ID);
    let object = EndedObject {
        context: M::long(ucmd, layout!(ucmd_ictx)),
        id,
        reserved: 0,
    };
    // Where it is full the earliest gives way.
    let _ = ENDED_OBJECTS.push(object, u64::from(BPF_EXIST));
}
