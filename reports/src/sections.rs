//! What a report says of each kind of input, a file per section.

pub(crate) mod batching;
pub(crate) mod comparison;
pub(crate) mod general;
pub(crate) mod history;
pub(crate) mod how;
pub(crate) mod percentiles;
pub(crate) mod places;
pub(crate) mod recording;
mod series;
pub(crate) mod split;
