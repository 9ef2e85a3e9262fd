use aya_ebpf::bindings::BPF_EXIST;
use hwptop_abi::{EndedObject, WHOLE_CONTEXT};

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
    ended(M::long(ucmd, layout!(ucmd_ictx)), id);
}

/// `iommufd_fops_release(inode, file)` begins: the last descriptor of a context was closed.
#[inline(always)]
pub(super) fn release<M: Method>(file: *const u8) {
    let context = M::long(file, layout!(file_private_data));
    ended(context, WHOLE_CONTEXT);
}

#[inline(always)]
fn ended(context: u64, id: u32) {
    let object = EndedObject {
        context,
        id,
        reserved: 0,
    };
    // Where it is full the earliest gives way.
    let _ = ENDED_OBJECTS.push(object, u64::from(BPF_EXIST));
}
