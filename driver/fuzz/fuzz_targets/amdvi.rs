//! AMD-Vi: the decoder and the front end of the command buffer.

#![no_main]

use hwptop_driver_fuzz::AmdVi;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| hwptop_driver_fuzz::run::<AmdVi>(input));
