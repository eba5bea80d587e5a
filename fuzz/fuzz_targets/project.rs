#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| isolet_wrangler_compat::fuzzing::project(text));
