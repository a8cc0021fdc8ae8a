//! HTML, Markdown and plain text, by the first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'M', text)) => shifu_fuzz::document(text, "a.md"),
        Some((b'T', text)) => shifu_fuzz::document(text, "a.txt"),
        _ => shifu_fuzz::document(bytes, "a.html"),
    }
});
