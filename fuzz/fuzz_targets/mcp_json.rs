#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| isolet_bindings::fuzzing::mcp_json(text));
