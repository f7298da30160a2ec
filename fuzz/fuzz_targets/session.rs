#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| sparkwise_fuzz::session::run(script));
