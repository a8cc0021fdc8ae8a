//! PDF to text, and its first page to a picture.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    shifu_fuzz::document(bytes, "a.pdf");
    shifu_fuzz::page_picture(bytes);
});
