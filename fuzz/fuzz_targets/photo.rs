//! Photo decoding: sniffing, EXIF, JPEG, PNG, WebP, turning upright, shrinking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shifu_inspection::{Limits, decode};

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    let limits = Limits {
        max_pixels: 8_000_000,
        working_side_px: 256,
        ..Limits::default()
    };
    match decode(bytes, limits) {
        Ok(decoded) => {
            assert!(decoded.photo.width().max(decoded.photo.height()) <= limits.working_side_px);
            assert!(u64::from(decoded.full_width) * u64::from(decoded.full_height) <= limits.max_pixels);
        }
        Err(error) => assert!(!error.advice().is_empty()),
    }
});
