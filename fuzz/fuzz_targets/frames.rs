#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| isolet_runtime::fuzzing::frames(bytes));
