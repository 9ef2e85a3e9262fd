//! Layouts and constants of the specifications. Definitions only: decoding and
//! queue handling are elsewhere.

pub(crate) mod amdvi;
pub(crate) mod smmuv3;
pub(crate) mod vtd;
