#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| comfydeck_fuzz::share(data));
