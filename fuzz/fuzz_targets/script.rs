#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| isolet_runtime::fuzzing::script(text));
