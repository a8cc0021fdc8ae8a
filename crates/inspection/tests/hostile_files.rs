//! Files that are cut off, mislabelled, huge or wrong: each a clear error, none a panic.

mod cases;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cases::{SIDE, crc32, jpeg, png, webp};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use proptest::prelude::*;
use shifu_inspection::{DecodeError, ExifState, Limits, PhotoFormat, decode, decode_detail};

#[test]
fn every_malformed_photo_has_its_expected_outcome() {
    let all = cases::all();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &all {
        *counts.entry(case.format).or_default() += 1;
    }
    eprintln!("malformed photos: {counts:?}, {} in all", all.len());
    let problems: Vec<String> = all.iter().filter_map(cases::Case::problem).collect();
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(all.len() >= 100, "{} cases", all.len());
}

/// Decodes within small limits, in less than five seconds.
fn outcome(bytes: &[u8]) -> Result<Result<(u32, u32), DecodeError>, TestCaseError> {
    let limits = Limits {
        max_pixels: 4_000_000,
        working_side_px: 128,
        ..Limits::default()
    };
    let start = Instant::now();
    let found = decode(bytes, limits);
    prop_assert!(start.elapsed() < Duration::from_secs(5));
    if let Ok(decoded) = &found {
        prop_assert!(decoded.photo.width().max(decoded.photo.height()) <= 128);
    }
    Ok(found.map(|decoded| (decoded.full_width, decoded.full_height)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_have_an_outcome(
        head in prop::sample::select(vec![&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8 "]),
        bytes in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        let _ = outcome(&[head, &bytes].concat())?;
    }

    #[test]
    fn mutated_photos_have_an_outcome(
        kind in 0..3usize,
        changes in prop::collection::vec((0.0..1.0f64, any::<u8>(), any::<bool>()), 1..8),
    ) {
        let (_, mut bytes) = kinds()[kind].clone();
        for (place, byte, in_the_head) in changes {
            let reach = if in_the_head { bytes.len().min(700) } else { bytes.len() };
            let at = (reach as f64 * place) as usize;
            bytes[at] = byte;
        }
        let _ = outcome(&bytes)?;
    }

    #[test]
    fn valid_photos_keep_their_size_and_colour(
        width in 1..200u32,
        height in 1..200u32,
        colour in any::<[u8; 3]>(),
        kind in 0..2usize,
    ) {
        let rgb = colour.repeat((width * height) as usize);
        let mut bytes = Vec::new();
        if kind == 0 {
            image::codecs::png::PngEncoder::new(&mut bytes).write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
        } else {
            image::codecs::webp::WebPEncoder::new_lossless(&mut bytes).write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
        }
        let decoded = decode(&bytes, Limits::default()).unwrap();
        prop_assert_eq!((decoded.photo.width(), decoded.photo.height()), (width, height));
        prop_assert!(decoded.photo.rgb().chunks_exact(3).all(|pixel| pixel == colour));
    }
}

fn kinds() -> [(PhotoFormat, Vec<u8>); 3] {
    [
        (PhotoFormat::Jpeg, jpeg()),
        (PhotoFormat::Png, png()),
        (PhotoFormat::WebP, webp()),
    ]
}

#[test]
fn whole_files_of_every_format_are_decoded() {
    for (format, bytes) in kinds() {
        let decoded = decode(&bytes, Limits::default()).unwrap();
        assert_eq!(
            (decoded.format, decoded.full_width, decoded.photo.width()),
            (format, SIDE, SIDE)
        );
        assert_eq!(decoded.facts.exif, ExifState::Absent);
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    for (format, bytes) in kinds() {
        for sixteenth in 1..16 {
            let cut = &bytes[..bytes.len() * sixteenth / 16];
            let error = decode(cut, Limits::default()).expect_err(&format!("{format} cut at {sixteenth}/16"));
            assert!(!error.advice().is_empty());
            let named = matches!(
                &error,
                DecodeError::Truncated { .. } | DecodeError::Damaged { .. }
            );
            assert!(named, "{format} {sixteenth}/16: {error}");
        }
    }
}

#[test]
fn damage_anywhere_never_panics() {
    for (_, bytes) in kinds() {
        for at in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = decode(&damaged, Limits::default());
        }
    }
}

#[test]
fn a_jpeg_that_announces_200_megapixels_is_refused_before_decoding() {
    let mut bytes = jpeg();
    let frame = bytes
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    // Height and width stand five bytes behind the marker: 10,000 x 20,000.
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x4e, 0x20]);
    let error = decode(&bytes, Limits::default()).unwrap_err();
    let expected = "the photo has 20000 x 10000 = 200000000 pixels, at most 64000000 are allowed";
    assert_eq!(error.to_string(), expected);
    assert!(error.advice().contains("6400 万"), "{}", error.advice());
}

#[test]
fn a_png_bomb_is_refused_before_decoding() {
    // A PNG's header with 50,000 x 50,000 pixels and no data.
    let mut bytes = png();
    bytes[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert!(matches!(
        decode(&bytes, Limits::default()),
        Err(DecodeError::TooManyPixels {
            actual: 2_500_000_000,
            ..
        })
    ));
}

#[test]
fn files_of_another_kind_are_named() {
    let check = |bytes: &[u8], expected: &str, chinese: &str| {
        let error = decode(bytes, Limits::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.advice().contains(chinese), "{}", error.advice());
    };
    check(b"", "empty", "空");
    check(b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photo", "兼容性最佳");
    check(b"GIF89a\x01\0\x01\0", "a GIF", "GIF");
    check(b"%PDF-1.4 ...", "a PDF", "PDF");
    check("这不是照片".as_bytes(), "a text file", "文本");
    check(&[0xfe; 64], "of an unknown kind", "未知");
    check(b"\xff\xd8\xff", "JPEG", "JPEG");
}

#[test]
fn too_many_bytes_are_refused_with_both_numbers() {
    let limits = Limits {
        max_bytes: 1000,
        ..Limits::default()
    };
    let actual = jpeg().len() as u64;
    assert_eq!(
        decode(&jpeg(), limits),
        Err(DecodeError::TooManyBytes { limit: 1000, actual })
    );
}

#[test]
fn large_photos_are_decoded_small_and_again_large_for_detail() {
    let (width, height) = (4000u32, 3000u32);
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|i| [(i % width / 16) as u8, (i / width / 12) as u8, 128])
        .collect();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 80)
        .write_image(&rgb, width, height, ExtendedColorType::Rgb8)
        .unwrap();
    let decoded = decode(&bytes, Limits::default()).unwrap();
    assert_eq!((decoded.photo.width(), decoded.photo.height()), (1024, 768));
    assert_eq!((decoded.full_width, decoded.full_height), (4000, 3000));
    let middle = decoded.photo.pixel(512, 384);
    for (found, expected) in middle.iter().zip([125, 125, 128]) {
        assert!(found.abs_diff(expected) <= 3, "{middle:?}");
    }
    assert_eq!(
        decode_detail(&bytes, Limits::default()).unwrap().photo.width(),
        2560
    );
}

/// The folder of real photos that the measurements use, where there is one.
fn shared_images() -> Option<std::path::PathBuf> {
    let mut folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
    while folder.pop() {
        let images = folder.join("shared/data/images");
        if images.is_dir() {
            return Some(images);
        }
    }
    None
}

#[test]
fn real_and_broken_exif_is_read_or_unknown() {
    let Some(images) = shared_images() else {
        eprintln!("skipped: no shared/data/images beside the checkout");
        return;
    };
    let (mut files, mut placed, mut timed, mut turned) = (0, 0, 0, 0);
    for folder in ["gps", "orientation", "mobile", "invalid"] {
        let mut paths: Vec<_> = std::fs::read_dir(images.join("exif_samples").join(folder))
            .unwrap()
            .collect();
        paths.sort_by_key(|entry| entry.as_ref().unwrap().path());
        for path in paths.into_iter().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "jpg") {
                continue;
            }
            files += 1;
            let outcome = decode(&std::fs::read(&path).unwrap(), Limits::default());
            if folder == "invalid" {
                continue;
            }
            let decoded = outcome.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            placed += usize::from(decoded.facts.place.is_some());
            timed += usize::from(decoded.facts.captured_at.is_some());
            let upright = path
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .starts_with("portrait");
            if folder == "orientation" {
                turned += 1;
                assert_eq!(
                    decoded.photo.height() > decoded.photo.width(),
                    upright,
                    "{}",
                    path.display()
                );
            }
        }
    }
    assert_eq!((files, turned), (34, 16));
    assert!(placed >= 9 && timed >= 9, "{placed} places, {timed} times");
}
