//! SMMUv3: the decoder and the front end of the command queue.

#![no_main]

use hwptop_driver_fuzz::SmmuV3;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| hwptop_driver_fuzz::run::<SmmuV3>(input));
