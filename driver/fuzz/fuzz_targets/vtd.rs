//! VT-d: the decoder and the front end of the invalidation queue.

#![no_main]

use hwptop_driver_fuzz::Vtd;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| hwptop_driver_fuzz::run::<Vtd>(input));
