//! A modelled instance: everything behind the requests, without hardware.

mod backend;
mod hardware;
mod patience;
mod ring;
mod timing;

pub use backend::ModelBackend;
pub use ring::InvalidationRing;
pub use timing::TimingProfile;
