//! The guest's half: memory, a ring in it, and a stream of descriptors.

mod guest;
mod machine;
mod memory;
mod stream;

pub use guest::{Guest, ReplayError, Step};
pub use machine::{decorated_guest, modelled_guest};
pub use stream::Stream;
