//! Refuses PDF streams that unfold beyond the limit, before any of them is unfolded in memory.

use std::io::Read;

use super::{Fault, OverLimit};

/// Deflate reaches 1,032 : 1 at most, so streams below this many bytes unfold to less than 66 MiB and need no look.
const HARMLESS_BYTES: usize = 64 << 10;

/// Counts what every long Flate stream unfolds to.
pub(super) fn check(bytes: &[u8], most: u64) -> Result<(), Fault> {
    let mut at = 0;
    while let Some(start) = find(bytes, b"stream", at) {
        at = start + 6;
        if bytes[..start].ends_with(b"end") {
            continue;
        }
        let mut data = start + 6;
        while bytes.get(data).is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            data += 1;
        }
        let end = find(bytes, b"endstream", data).unwrap_or(bytes.len());
        at = end;
        let dictionary = &bytes[start.saturating_sub(1024)..start];
        if end - data > HARMLESS_BYTES && find(dictionary, b"FlateDecode", 0).is_some() {
            let unpacked = count(&bytes[data..end], most);
            if unpacked > most {
                return Err(Fault::Over(OverLimit {
                    limit: "unpacked_bytes",
                    max: most,
                    actual: unpacked,
                }));
            }
        }
    }
    Ok(())
}

fn count(packed: &[u8], most: u64) -> u64 {
    let mut unpacked = flate2::read::ZlibDecoder::new(packed).take(most + 1);
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    while let Ok(read) = unpacked.read(&mut buffer) {
        if read == 0 {
            break;
        }
        total += read as u64;
    }
    total
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..)?, needle).map(|at| at + from)
}
