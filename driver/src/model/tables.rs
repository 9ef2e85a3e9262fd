//! Page tables in memory, in the formats of the three vendors.

mod alloc;
mod format;
mod walk;
mod words;
mod writer;

pub use alloc::PageAllocator;
pub use format::Format;
pub use walk::{Leaf, Node, WalkFault, WalkFaultReason, walk};
pub use words::{Shifted, Words};
pub use writer::{Mapping, Table, TableError};

#[cfg(test)]
mod tests;
