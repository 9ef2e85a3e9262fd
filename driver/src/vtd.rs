//! A guest's VT-d invalidation queue, from the registers to the requests.

mod decode;
mod fault;
mod frontend;
mod group;
mod queue;
mod tally;

pub use decode::{Descriptor, DescriptorType, Granularity, decode};
pub use fault::{Fault, FaultReason, IqError};
pub use frontend::FrontEnd;
pub use queue::Width;
