#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| sparkwise_fuzz::decode::run(payload));
