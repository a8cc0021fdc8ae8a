//! Malformed photos, each with what must come of it. Also sent through HTTP by `tests/hostile.rs` of the workspace.
#![allow(dead_code, reason = "each test binary uses a part")]

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use shifu_inspection::{ExifState, Limits, decode};

pub(crate) const SIDE: u32 = 256;

/// What must come of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// An error that says this.
    Error(&'static str),
    /// A photo: the damage costs nothing.
    Photo,
    /// A photo whose EXIF block is read so: its state, the orientation, whether place and time are known.
    Facts(ExifState, u8, bool, bool),
}
use Expected::{Error, Facts, Photo};

pub(crate) struct Case {
    pub(crate) format: &'static str,
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

fn case(
    format: &'static str,
    what: impl Into<String>,
    bytes: impl Into<Vec<u8>>,
    expected: Expected,
) -> Case {
    Case {
        format,
        what: what.into(),
        bytes: bytes.into(),
        expected,
    }
}

impl Case {
    /// Decodes the file and says what is not as expected.
    pub(crate) fn problem(&self) -> Option<String> {
        let start = std::time::Instant::now();
        let found = decode(&self.bytes, Limits::default());
        let took = start.elapsed();
        let as_expected = match (self.expected, &found) {
            (Error(says), Err(error)) => error.to_string().contains(says) && !error.advice().is_empty(),
            (Photo, Ok(_)) => true,
            (Facts(state, orientation, placed, timed), Ok(photo)) => {
                let facts = &photo.facts;
                (facts.exif, facts.orientation) == (state, orientation)
                    && (facts.place.is_some(), facts.captured_at.is_some()) == (placed, timed)
            }
            _ => false,
        };
        if as_expected && took < std::time::Duration::from_secs(5) {
            return None;
        }
        let found = found.map(|photo| (photo.facts, photo.full_width, photo.full_height));
        Some(format!(
            "{} {}: expected {:?}, found {found:?} in {took:?}",
            self.format, self.what, self.expected
        ))
    }
}

pub(crate) fn pixels() -> Vec<u8> {
    (0..SIDE * SIDE * 3)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8)
        .collect()
}

pub(crate) fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 80)
        .write_image(&pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

pub(crate) fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

pub(crate) fn webp() -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
    encoder
        .write_image(&pixels(), SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = jpegs();
    cases.extend(pngs());
    cases.extend(webps());
    cases.extend(exif());
    cases.extend(kinds());
    cases
}

/// Where a JPEG's segment of this marker begins.
fn segment(bytes: &[u8], marker: u8) -> usize {
    bytes
        .windows(2)
        .position(|pair| pair == [0xff, marker])
        .unwrap_or_else(|| panic!("no segment {marker:x}"))
}

fn jpegs() -> Vec<Case> {
    let whole = jpeg();
    let (dqt, sof, dht, sos) = (
        segment(&whole, 0xdb),
        segment(&whole, 0xc0),
        segment(&whole, 0xc4),
        segment(&whole, 0xda),
    );
    let scan = sos + 2 + usize::from(whole[sos + 3]);
    let cut = |what: &str, at: usize| case("JPEG", format!("cut {what}"), &whole[..at], Error("cut off"));
    let with = |what: &str, at: usize, bytes: &[u8], expected| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        case("JPEG", what, changed, expected)
    };
    let inserted = |what: &str, at: usize, bytes: &[u8], expected| {
        case(
            "JPEG",
            what,
            [&whole[..at], bytes, &whole[at..]].concat(),
            expected,
        )
    };
    let without = |what: &str, from: usize, expected| {
        let length = 2 + usize::from(u16::from_be_bytes([whole[from + 2], whole[from + 3]]));
        case(
            "JPEG",
            what,
            [&whole[..from], &whole[from + length..]].concat(),
            expected,
        )
    };
    let end = whole.len() - 2;
    let one_scan = &whole[sos..end];
    let mut scans = whole[..end].to_vec();
    for _ in 0..120 {
        scans.extend(one_scan);
    }
    scans.extend([0xff, 0xd9]);
    vec![
        cut("after its first marker", 3),
        cut("inside the tables", dqt + 20),
        cut("before the frame", sof),
        cut("inside the frame", sof + 6),
        cut("before the codes", dht),
        cut("inside the codes", dht + 9),
        cut("before the scan", sos),
        cut("inside the scan's head", sos + 5),
        cut("before the scan's data", scan),
        cut("in the first quarter of the scan", scan + (end - scan) / 4),
        cut("in the middle of the scan", scan + (end - scan) / 2),
        cut("near the end of the scan", end - 40),
        with(
            "200 megapixels",
            sof + 5,
            &[0x27, 0x10, 0x4e, 0x20],
            Error("at most 64000000"),
        ),
        with("a width of 0", sof + 7, &[0, 0], Error("damaged")),
        with("a height of 0", sof + 5, &[0, 0], Error("damaged")),
        with("no component", sof + 9, &[0], Error("damaged")),
        with("two components", sof + 9, &[2], Error("damaged")),
        with("five components", sof + 9, &[5], Error("damaged")),
        with("a precision of 3 bits", sof + 4, &[3], Error("damaged")),
        with("a precision of 255 bits", sof + 4, &[255], Error("damaged")),
        with("a sampling of 0", sof + 11, &[0], Error("damaged")),
        with("a sampling of 15", sof + 11, &[0xff], Error("damaged")),
        with("a table that is not there", sof + 12, &[3], Error("damaged")),
        with("a frame of length 2", sof + 2, &[0, 2], Error("damaged")),
        with(
            "a frame of length 65535",
            sof + 2,
            &[0xff, 0xff],
            Error("damaged"),
        ),
        with("lossless coding", sof + 1, &[0xc3], Error("damaged")),
        with("arithmetic coding", sof + 1, &[0xc9], Error("damaged")),
        with("hierarchical coding", sof + 1, &[0xc5], Error("damaged")),
        with("a table of an unknown kind", dqt + 4, &[0xff], Error("damaged")),
        with("codes of an unknown kind", dht + 4, &[0xff], Error("damaged")),
        with("too many codes", dht + 5, &[0xff; 16], Error("damaged")),
        with("a scan of no component", sos + 4, &[0], Error("damaged")),
        with("a scan of 200 components", sos + 4, &[200], Error("damaged")),
        with("a scan of an unknown component", sos + 5, &[99], Error("damaged")),
        without("no tables", dqt, Error("damaged")),
        without("no frame", sof, Error("damaged")),
        inserted("a second frame", sos, &whole[sof..sof + 19], Error("damaged")),
        inserted("a segment of length 0", 2, &[0xff, 0xe1, 0, 0], Error("damaged")),
        inserted("a segment of length 1", 2, &[0xff, 0xe1, 0, 1], Error("damaged")),
        inserted(
            "a segment that reaches beyond the end",
            end,
            &[0xff, 0xe1, 0xff, 0xff],
            Error("cut off"),
        ),
        inserted(
            "a thousand comments",
            2,
            &[0xff, 0xfe, 0, 4, b'h', b'i'].repeat(1_000),
            Photo,
        ),
        case("JPEG", "121 scans", scans, Error("121 scans")),
        case(
            "JPEG",
            "a video behind it",
            [&whole[..], &[0xff, 0xda, 0, 1].repeat(50_000)].concat(),
            Photo,
        ),
        case(
            "JPEG",
            "another JPEG behind it",
            [&whole[..], &whole].concat(),
            Photo,
        ),
        case(
            "JPEG",
            "its first marker a thousand times",
            [0xff, 0xd8].repeat(1_000),
            Error("JPEG"),
        ),
        case(
            "JPEG",
            "fill bytes only",
            [&[0xff, 0xd8][..], &[0xff; 100_000]].concat(),
            Error("cut off"),
        ),
    ]
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&kind[..], data].concat();
    [
        &(data.len() as u32).to_be_bytes()[..],
        &named,
        &crc32(&named).to_be_bytes(),
    ]
    .concat()
}

fn header(width: u32, height: u32, kind: [u8; 5]) -> Vec<u8> {
    chunk(
        b"IHDR",
        &[&width.to_be_bytes()[..], &height.to_be_bytes(), &kind].concat(),
    )
}

fn png_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat()
}

/// Stored, without compression, as RFC 1950 and 1951 have it; `repeat` blocks of zeros.
fn stored(data: &[u8]) -> Vec<u8> {
    let (mut a, mut b) = (1u32, 0u32);
    let mut out = vec![0x78, 0x01];
    let mut blocks = data.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
        for &byte in block {
            a = (a + u32::from(byte)) % 65_521;
            b = (b + a) % 65_521;
        }
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

fn pngs() -> Vec<Case> {
    let whole = png();
    let cut = |what: &str, at: usize| case("PNG", format!("cut {what}"), &whole[..at], Error("cut off"));
    const RGB: [u8; 5] = [8, 2, 0, 0, 0];
    let row = |bytes: usize| vec![0u8; bytes + 1];
    let small = |head: Vec<u8>, more: &[Vec<u8>], data: &[u8]| {
        let mut chunks = vec![head];
        chunks.extend(more.iter().cloned());
        chunks.push(chunk(b"IDAT", &stored(data)));
        chunks.push(chunk(b"IEND", b""));
        png_of(&chunks)
    };
    let one = |more: &[Vec<u8>]| small(header(16, 1, RGB), more, &row(48));
    let mut wrong = one(&[]);
    wrong[30] ^= 1;
    let mut long = one(&[chunk(b"tEXt", b"a\0b")]);
    long[33..37].copy_from_slice(&[0xff; 4]);
    let big = |kind: [u8; 5], side: u32| png_of(&[header(side, side, kind), chunk(b"IDAT", &stored(b""))]);
    let text = [&b"Comment\0"[..], &vec![b'a'; 3 << 20]].concat();
    vec![
        cut("after its mark", 8),
        cut("inside the header", 20),
        cut("before the data", 33),
        cut("in the first quarter", whole.len() / 4),
        cut("in the middle", whole.len() / 2),
        cut("in the last quarter", whole.len() * 3 / 4),
        case("PNG", "whole", one(&[]), Photo),
        case(
            "PNG",
            "no header",
            png_of(&[chunk(b"IDAT", &stored(&row(48))), chunk(b"IEND", b"")]),
            Error("damaged"),
        ),
        case("PNG", "a wrong checksum", wrong, Error("damaged")),
        case(
            "PNG",
            "a width of 0",
            small(header(0, 1, RGB), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "a height of 0",
            small(header(1, 0, RGB), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "a width of 4 billion",
            small(header(u32::MAX, 1, RGB), &[], &row(48)),
            Error("PNG"),
        ),
        case(
            "PNG",
            "50,000 x 50,000",
            big(RGB, 50_000),
            Error("at most 64000000"),
        ),
        case(
            "PNG",
            "7,000 x 7,000 of 16 bits and alpha",
            big([16, 6, 0, 0, 0], 7_000),
            Error("at most 32000000"),
        ),
        case(
            "PNG",
            "an unknown kind of colour",
            small(header(16, 1, [8, 5, 0, 0, 0]), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "a depth of 3 bits",
            small(header(16, 1, [3, 2, 0, 0, 0]), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "an unknown compression",
            small(header(16, 1, [8, 2, 9, 0, 0]), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "an unknown interlacing",
            small(header(16, 1, [8, 2, 0, 0, 9]), &[], &row(48)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "an unknown row filter",
            small(header(16, 1, RGB), &[], &[9; 49]),
            Error("damaged"),
        ),
        case(
            "PNG",
            "too little data",
            small(header(16, 4, RGB), &[], &row(48)),
            Error("PNG"),
        ),
        case(
            "PNG",
            "too much data",
            small(header(16, 1, RGB), &[], &vec![0; 5 << 20]),
            Photo,
        ),
        case(
            "PNG",
            "data that is not packed",
            png_of(&[header(16, 1, RGB), chunk(b"IDAT", &[7; 60]), chunk(b"IEND", b"")]),
            Error("damaged"),
        ),
        case(
            "PNG",
            "no data",
            png_of(&[header(16, 1, RGB), chunk(b"IEND", b"")]),
            Error("damaged"),
        ),
        case(
            "PNG",
            "a palette that is missing",
            small(header(16, 1, [8, 3, 0, 0, 0]), &[], &row(16)),
            Error("damaged"),
        ),
        case(
            "PNG",
            "a palette of 900 bytes",
            small(
                header(16, 1, [8, 3, 0, 0, 0]),
                &[chunk(b"PLTE", &[0; 900])],
                &row(16),
            ),
            Error("PNG"),
        ),
        case("PNG", "a chunk of 4 billion bytes", long, Error("PNG")),
        case(
            "PNG",
            "10,000 texts",
            one(&[chunk(b"tEXt", b"a\0b").repeat(10_000)]),
            Photo,
        ),
        case("PNG", "a text of 3 MB", one(&[chunk(b"tEXt", &text)]), Photo),
        case(
            "PNG",
            "a colour profile that is none",
            one(&[chunk(b"iCCP", b"x\0\0nonsense")]),
            Photo,
        ),
        case(
            "PNG",
            "an unknown critical chunk",
            one(&[chunk(b"ABCD", b"x")]),
            Error("Unrecognized critical chunk"),
        ),
    ]
}

fn webps() -> Vec<Case> {
    let whole = webp();
    let cut = |what: &str, at: usize| case("WebP", format!("cut {what}"), &whole[..at], Error("WebP"));
    let with = |what: &str, at: usize, bytes: &[u8], expected| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        case("WebP", what, changed, expected)
    };
    let riff = |chunks: &[(&[u8; 4], Vec<u8>)]| {
        let mut body = b"WEBP".to_vec();
        for (kind, data) in chunks {
            body.extend(*kind);
            body.extend((data.len() as u32).to_le_bytes());
            body.extend(data);
            body.extend(vec![0; data.len() % 2]);
        }
        [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
    };
    let canvas = |flags: u8, width: u32, height: u32| {
        let size = |n: u32| (n - 1).to_le_bytes()[..3].to_vec();
        [vec![flags, 0, 0, 0], size(width), size(height)].concat()
    };
    let image = whole[20..].to_vec();
    vec![
        cut("after its mark", 12),
        cut("inside the first chunk's head", 18),
        cut("after the first chunk's head", 21),
        cut("in the first quarter", whole.len() / 4),
        cut("in the middle", whole.len() / 2),
        cut("in the last quarter", whole.len() * 3 / 4),
        with("a size of 0", 4, &[0; 4], Photo),
        with("a chunk of size 0", 16, &[0; 4], Error("WebP")),
        with("a chunk of 4 billion bytes", 16, &[0xff; 4], Photo),
        with("an unknown chunk", 12, b"ABCD", Error("WebP")),
        with("a wrong signature inside", 20, &[0], Error("WebP")),
        case("WebP", "an empty file", riff(&[]), Error("WebP")),
        case(
            "WebP",
            "a canvas without a picture",
            riff(&[(b"VP8X", canvas(0, 256, 256))]),
            Error("WebP"),
        ),
        case(
            "WebP",
            "a canvas of 16,384 x 16,384",
            riff(&[(b"VP8X", canvas(0, 16_384, 16_384)), (b"VP8L", image.clone())]),
            Error("at most 64000000"),
        ),
        case(
            "WebP",
            "a canvas that is not the picture's",
            riff(&[(b"VP8X", canvas(0, 100, 100)), (b"VP8L", image)]),
            Error("WebP"),
        ),
        case(
            "WebP",
            "an animation without frames",
            riff(&[(b"VP8X", canvas(2, 256, 256)), (b"ANIM", vec![0; 6])]),
            Error("WebP"),
        ),
        case(
            "WebP",
            "lossy data that is none",
            riff(&[(b"VP8 ", vec![0x55; 100])]),
            Error("WebP"),
        ),
        case(
            "WebP",
            "lossless data that is none",
            riff(&[(b"VP8L", [&[0x2f][..], &[0xff; 100]].concat())]),
            Error("WebP"),
        ),
    ]
}

/// A big-endian TIFF of one directory with these entries (tag, type, count, value or offset) and what follows it.
fn tiff(entries: &[(u16, u16, u32, [u8; 4])], next: u32, data: &[u8]) -> Vec<u8> {
    let mut out = b"MM\0*\0\0\0\x08".to_vec();
    out.extend((entries.len() as u16).to_be_bytes());
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_be_bytes());
        out.extend(kind.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(value);
    }
    out.extend(next.to_be_bytes());
    out.extend(data);
    out
}

/// The offset of the first byte behind a directory of so many entries.
fn behind(entries: usize) -> u32 {
    8 + 2 + 12 * entries as u32 + 4
}

fn with_exif(tiff: &[u8]) -> Vec<u8> {
    let whole = jpeg();
    let block = [&b"Exif\0\0"[..], tiff].concat();
    let length = (block.len() as u16 + 2).to_be_bytes();
    [&whole[..2], &[0xff, 0xe1], &length, &block, &whole[2..]].concat()
}

fn exif() -> Vec<Case> {
    use ExifState::{Absent, Invalid, Read};
    let orientation = |value: [u8; 4], kind: u16, count: u32| tiff(&[(0x112, kind, count, value)], 0, b"");
    let read = |what: &str, tiff: &[u8], state, turned, placed, timed| {
        case("EXIF", what, with_exif(tiff), Facts(state, turned, placed, timed))
    };
    let time = |text: &[u8]| tiff(&[(0x132, 2, text.len() as u32, behind(1).to_be_bytes())], 0, text);
    // Latitude and longitude as three rationals each in a directory of its own.
    let place = |latitude: [(u32, u32); 3], reference: &[u8; 4]| {
        let gps = behind(1);
        let values = gps + 2 + 12 * 4 + 4;
        let mut data = 4u16.to_be_bytes().to_vec();
        for (tag, kind, count, value) in [
            (1u16, 2u16, 2u32, *reference),
            (2, 5, 3, values.to_be_bytes()),
            (3, 2, 2, *b"E\0\0\0"),
            (4, 5, 3, (values + 24).to_be_bytes()),
        ] {
            data.extend(tag.to_be_bytes());
            data.extend(kind.to_be_bytes());
            data.extend(count.to_be_bytes());
            data.extend(value);
        }
        data.extend([0; 4]);
        for (over, under) in latitude.into_iter().chain([(121, 1), (28, 1), (0, 1)]) {
            data.extend(over.to_be_bytes());
            data.extend(under.to_be_bytes());
        }
        tiff(&[(0x8825, 4, 1, gps.to_be_bytes())], 0, &data)
    };
    let shanghai = [(31, 1), (14, 1), (0, 1)];
    let large_png = {
        let whole = png();
        let block = chunk(
            b"eXIf",
            &[&orientation([0, 6, 0, 0], 3, 1)[..], &vec![0; 300 << 10]].concat(),
        );
        [&whole[..33], &block, &whole[33..]].concat()
    };
    vec![
        read(
            "an orientation",
            &orientation([0, 6, 0, 0], 3, 1),
            Read,
            6,
            false,
            false,
        ),
        read(
            "an orientation of 0",
            &orientation([0, 0, 0, 0], 3, 1),
            Read,
            1,
            false,
            false,
        ),
        read(
            "an orientation of 9",
            &orientation([0, 9, 0, 0], 3, 1),
            Read,
            1,
            false,
            false,
        ),
        read(
            "an orientation of 65535",
            &orientation([0xff, 0xff, 0, 0], 3, 1),
            Read,
            1,
            false,
            false,
        ),
        read(
            "an orientation that is text",
            &orientation(*b"six\0", 2, 4),
            Read,
            1,
            false,
            false,
        ),
        read(
            "an orientation of an unknown type",
            &orientation([0, 6, 0, 0], 999, 1),
            Read,
            1,
            false,
            false,
        ),
        read(
            "no orientation at all",
            &orientation([0, 6, 0, 0], 3, 0),
            Read,
            1,
            false,
            false,
        ),
        read(
            "4 billion orientations",
            &orientation([0, 6, 0, 0], 3, u32::MAX),
            Invalid,
            1,
            false,
            false,
        ),
        read("no byte order", b"XX\0*\0\0\0\x08\0\0", Invalid, 1, false, false),
        read(
            "another magic number",
            b"MM\0+\0\0\0\x08\0\0",
            Invalid,
            1,
            false,
            false,
        ),
        read("nothing", b"", Invalid, 1, false, false),
        read("half a head", b"MM\0*", Invalid, 1, false, false),
        read(
            "a directory beyond the end",
            b"MM\0*\xff\xff\xff\xff",
            Invalid,
            1,
            false,
            false,
        ),
        read(
            "a directory inside the head",
            b"MM\0*\0\0\0\0",
            Read,
            1,
            false,
            false,
        ),
        read(
            "65,535 entries that are not there",
            b"MM\0*\0\0\0\x08\xff\xff",
            Invalid,
            1,
            false,
            false,
        ),
        read(
            "a directory that follows itself",
            &tiff(&[(0x112, 3, 1, [0, 6, 0, 0])], 8, b""),
            Invalid,
            6,
            false,
            false,
        ),
        read(
            "a directory inside itself",
            &tiff(&[(0x8769, 4, 1, [0, 0, 0, 8])], 0, b""),
            Invalid,
            1,
            false,
            false,
        ),
        read(
            "a place in a directory beyond the end",
            &tiff(&[(0x8825, 4, 1, [0x7f; 4])], 0, b""),
            Invalid,
            1,
            false,
            false,
        ),
        read(
            "a text beyond the end",
            &tiff(&[(0x132, 2, 20, [0x7f; 4])], 0, b""),
            Invalid,
            1,
            false,
            false,
        ),
        read("a time", &time(b"2025:05:01 09:30:15\0"), Read, 1, false, true),
        read(
            "a time that is none",
            &time(b"yesterday afternoon\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a time of the 13th month",
            &time(b"2025:13:01 09:30:15\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a time of broken bytes",
            &time(&[0xff; 20]),
            Read,
            1,
            false,
            false,
        ),
        read("a time of zeros", &time(&[0; 20]), Read, 1, false, false),
        read("a place", &place(shanghai, b"N\0\0\0"), Read, 1, true, false),
        read(
            "a place of 0 parts",
            &place([(31, 0), (14, 0), (0, 0)], b"N\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a place beyond the pole",
            &place([(91, 1), (0, 1), (0, 1)], b"N\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a place of 75 minutes",
            &place([(31, 1), (75, 1), (0, 1)], b"N\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a place of 4 billion degrees",
            &place([(u32::MAX, 1), (0, 1), (0, 1)], b"N\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a place in no hemisphere",
            &place(shanghai, b"Q\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        read(
            "a place in a hemisphere of zeros",
            &place(shanghai, b"\0\0\0\0"),
            Read,
            1,
            false,
            false,
        ),
        case(
            "EXIF",
            "a block of 300 KiB",
            large_png,
            Facts(Invalid, 1, false, false),
        ),
        case("EXIF", "none", jpeg(), Facts(Absent, 1, false, false)),
    ]
}

fn kinds() -> Vec<Case> {
    let other = |what: &str, bytes: &[u8], says| case("other", what, bytes, Error(says));
    vec![
        other("nothing", b"", "empty"),
        other("one byte", b"x", "a text file"),
        other("half a mark", b"\xff\xd8", "unknown kind"),
        other("a GIF", b"GIF89a\x01\0\x01\0", "a GIF"),
        other("a PDF", b"%PDF-1.4", "a PDF"),
        other("a BMP", b"BM\0\0\0\0", "a BMP"),
        other("a TIFF", b"II*\0\x08\0\0\0", "a TIFF"),
        other("a big-endian TIFF", b"MM\0*\0\0\0\x08", "a TIFF"),
        other("a ZIP", b"PK\x03\x04\0\0", "a ZIP"),
        other("a gzip file", b"\x1f\x8b\x08\0", "a gzip"),
        other("a Matroska video", b"\x1aE\xdf\xa3\0", "a video"),
        other("an MP4 video", b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        other("a HEIC photo", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photo"),
        other("an AVIF photo", b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF photo"),
        other("a program", b"\x7fELF\x02\x01\x01\0", "a program"),
        other("words", "这不是照片".as_bytes(), "a text file"),
        other(
            "a page",
            b"<!DOCTYPE html><script>alert(1)</script>",
            "a text file",
        ),
        other("zeros", &[0; 5000], "unknown kind"),
        other(
            "a RIFF that is a sound",
            b"RIFF\x24\0\0\0WAVEfmt ",
            "unknown kind",
        ),
        case(
            "other",
            "20 MiB and a byte",
            vec![0xff; (20 << 20) + 1],
            Error("at most 20971520 are allowed"),
        ),
    ]
}
