//! Multipart bodies: the content type is the first line, the body what follows.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../crates/server/src/multipart.rs"]
mod multipart;

fuzz_target!(init: shifu_fuzz::only_uncaught_panics_count(), |bytes: &[u8]| {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let content_type = String::from_utf8_lossy(&bytes[..end]);
    let body = Bytes::copy_from_slice(bytes.get(end + 1..).unwrap_or_default());
    if let Ok(parts) = multipart::parts(&content_type, &body, 45) {
        assert!(parts.len() <= 45);
        assert!(parts.iter().map(|part| part.bytes.len()).sum::<usize>() <= body.len());
    }
});
