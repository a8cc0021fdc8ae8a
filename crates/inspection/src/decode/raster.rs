//! Pixels: header limits, decoding (JPEG at reduced size), turning upright, shrinking.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{ImageDecoder, ImageReader};
use shifu_domain::Photo;

use super::sniff::PhotoFormat;
use super::{DecodeError, Limits};

/// Decoded pixels, not yet upright, and the size the header announced.
pub(super) struct Raster {
    pub(super) photo: Photo,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Decodes so that the long side is at least `side_px` where the file has that many pixels.
pub(super) fn decode(
    bytes: &[u8],
    format: PhotoFormat,
    limits: Limits,
    side_px: u32,
) -> Result<Raster, DecodeError> {
    // The decoders are other people's code on hostile input: a panic there is a damaged file here.
    let outcome = catch_unwind(AssertUnwindSafe(|| match format {
        PhotoFormat::Jpeg => jpeg(bytes, limits, side_px),
        PhotoFormat::Png | PhotoFormat::WebP => png_or_webp(bytes, format, limits),
    }));
    outcome.unwrap_or_else(|_| Err(damaged(format, "the decoder gave up")))
}

fn damaged(format: PhotoFormat, reason: impl ToString) -> DecodeError {
    DecodeError::Damaged {
        format,
        reason: reason.to_string().chars().take(200).collect(),
    }
}

fn within_pixels(width: u32, height: u32, limits: Limits) -> Result<(), DecodeError> {
    let actual = u64::from(width) * u64::from(height);
    if actual > limits.max_pixels {
        return Err(DecodeError::TooManyPixels {
            width,
            height,
            actual,
            limit: limits.max_pixels,
        });
    }
    Ok(())
}

fn jpeg(bytes: &[u8], limits: Limits, side_px: u32) -> Result<Raster, DecodeError> {
    let format = PhotoFormat::Jpeg;
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(
        usize::try_from(limits.max_pixels.saturating_mul(4)).unwrap_or(usize::MAX),
    );
    decoder.read_info().map_err(|error| jpeg_error(&error))?;
    let header = decoder.info().ok_or_else(|| damaged(format, "no frame header"))?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    within_pixels(width, height, limits)?;
    within_scans(bytes, u64::from(width) * u64::from(height))?;
    let wanted = |own: u32| scaled_side(own, width.max(height), side_px);
    decoder
        .scale(wanted(width), wanted(height))
        .map_err(|error| jpeg_error(&error))?;
    let pixels = decoder.decode().map_err(|error| jpeg_error(&error))?;
    let info = decoder.info().ok_or_else(|| damaged(format, "no frame header"))?;
    let rgb = jpeg_rgb(pixels, info.pixel_format);
    let photo = Photo::from_rgb(u32::from(info.width), u32::from(info.height), rgb)
        .map_err(|error| damaged(format, error))?;
    Ok(Raster { photo, width, height })
}

/// Scans that a JPEG may have: encoders write 1 to 15.
const MOST_SCANS: u64 = 100;
/// Pixels times scans: every scan of a progressive JPEG visits every block, however few bytes it takes.
const MOST_SCANNED_PIXELS: u64 = 25 * 64_000_000;

/// Refuses a progressive JPEG of so many scans that decoding would take minutes.
fn within_scans(bytes: &[u8], pixels: u64) -> Result<(), DecodeError> {
    let scans = scans(bytes);
    if scans > MOST_SCANS || scans * pixels > MOST_SCANNED_PIXELS {
        let reason = format!("{scans} scans of {pixels} pixels are too many");
        return Err(damaged(PhotoFormat::Jpeg, reason));
    }
    Ok(())
}

/// Scans up to the end of the image; what a phone appends behind it (a video, a depth map) does not count.
fn scans(bytes: &[u8]) -> u64 {
    let (mut at, mut scans) = (2, 0);
    while let Some(&[first, marker]) = bytes.get(at..at + 2) {
        at += match (first, marker) {
            (0xff, 0xd9) => break,
            // Stuffed and restart markers inside a scan, fill bytes, and markers without a length.
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
            (0xff, 0xff) => 1,
            (0xff, marker) => {
                scans += u64::from(marker == 0xda);
                let length = bytes.get(at + 2..at + 4).unwrap_or(&[0, 2]);
                2 + usize::from(u16::from_be_bytes([length[0], length[1]]).max(2))
            }
            _ => 1,
        };
    }
    scans
}

/// The side to ask the scaling decoder for, so that the long side does not fall below `side_px`.
fn scaled_side(own: u32, long: u32, side_px: u32) -> u16 {
    let scaled = (u64::from(own) * u64::from(side_px)).div_ceil(u64::from(long.max(1)));
    u16::try_from(scaled.clamp(1, u64::from(own.max(1)))).unwrap_or(u16::MAX)
}

fn jpeg_error(error: &jpeg_decoder::Error) -> DecodeError {
    match error {
        jpeg_decoder::Error::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated {
                format: PhotoFormat::Jpeg,
            }
        }
        other => damaged(PhotoFormat::Jpeg, other),
    }
}

fn jpeg_rgb(pixels: Vec<u8>, format: jpeg_decoder::PixelFormat) -> Vec<u8> {
    use jpeg_decoder::PixelFormat;
    match format {
        PixelFormat::RGB24 => pixels,
        PixelFormat::L8 => pixels.iter().flat_map(|&l| [l, l, l]).collect(),
        PixelFormat::L16 => pixels.chunks_exact(2).flat_map(|l| [l[0], l[0], l[0]]).collect(),
        // The decoder hands out CMYK with 0 for full ink, as Adobe writes it.
        PixelFormat::CMYK32 => pixels
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]].map(|c| (u16::from(c) * u16::from(p[3]) / 255) as u8))
            .collect(),
    }
}

fn png_or_webp(bytes: &[u8], format: PhotoFormat, limits: Limits) -> Result<Raster, DecodeError> {
    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.set_format(match format {
        PhotoFormat::Png => image::ImageFormat::Png,
        _ => image::ImageFormat::WebP,
    });
    let mut allowed = image::Limits::default();
    // 16-bit RGBA is 8 bytes a pixel; as much again for the decoder's own rows.
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(16));
    reader.limits(allowed);
    let decoder = reader
        .into_decoder()
        .map_err(|error| image_error(format, &error))?;
    let (width, height) = decoder.dimensions();
    within_pixels(width, height, limits)?;
    // Pixels of more than 4 bytes count for more: the limit is one of memory.
    let bytes_per_pixel = u64::from(decoder.color_type().bytes_per_pixel()).max(4);
    within_pixels(
        width,
        height,
        Limits {
            max_pixels: limits.max_pixels.saturating_mul(4) / bytes_per_pixel,
            ..limits
        },
    )?;
    let image = image::DynamicImage::from_decoder(decoder).map_err(|error| image_error(format, &error))?;
    let rgb = if image.color().has_alpha() {
        over_white(&image.into_rgba8())
    } else {
        image.into_rgb8().into_raw()
    };
    let photo = Photo::from_rgb(width, height, rgb).map_err(|error| damaged(format, error))?;
    Ok(Raster { photo, width, height })
}

fn image_error(format: PhotoFormat, error: &image::ImageError) -> DecodeError {
    let text = error.to_string();
    let cut = matches!(error, image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof)
        || text.to_lowercase().contains("unexpected eof")
        || text.to_lowercase().contains("unexpected end");
    if cut {
        DecodeError::Truncated { format }
    } else {
        damaged(format, text)
    }
}

fn over_white(image: &image::RgbaImage) -> Vec<u8> {
    image
        .pixels()
        .flat_map(|p| {
            let alpha = u16::from(p[3]);
            [p[0], p[1], p[2]].map(|c| ((u16::from(c) * alpha + 255 * (255 - alpha)) / 255) as u8)
        })
        .collect()
}

/// Turns a photo upright by its EXIF orientation 1..=8; any other value leaves it.
pub(super) fn upright(photo: Photo, orientation: u8) -> Photo {
    if !(2..=8).contains(&orientation) {
        return photo;
    }
    let (width, height) = (photo.width(), photo.height());
    let (out_width, out_height) = if orientation >= 5 {
        (height, width)
    } else {
        (width, height)
    };
    let mut rgb = Vec::with_capacity(photo.rgb().len());
    for y in 0..out_height {
        for x in 0..out_width {
            let (from_x, from_y) = match orientation {
                2 => (width - 1 - x, y),
                3 => (width - 1 - x, height - 1 - y),
                4 => (x, height - 1 - y),
                5 => (y, x),
                6 => (y, height - 1 - x),
                7 => (width - 1 - y, height - 1 - x),
                _ => (width - 1 - y, x),
            };
            rgb.extend_from_slice(&photo.pixel(from_x, from_y));
        }
    }
    Photo::from_rgb(out_width, out_height, rgb).unwrap_or(photo)
}

/// Shrinks by area averaging so that the long side is `side_px`; a smaller photo is returned as it is.
#[must_use]
pub fn shrink(photo: Photo, side_px: u32) -> Photo {
    let long = photo.width().max(photo.height());
    if long <= side_px || side_px == 0 {
        return photo;
    }
    let scaled = |own: u32| {
        let side = (u64::from(own) * u64::from(side_px) + u64::from(long) / 2) / u64::from(long);
        u32::try_from(side).unwrap_or(side_px).max(1)
    };
    let (width, height) = (scaled(photo.width()), scaled(photo.height()));
    Photo::from_rgb(width, height, area_average(&photo, width, height)).unwrap_or(photo)
}

/// Separable area averaging in 16.16 fixed point, so that every machine gives the same bytes.
fn area_average(photo: &Photo, width: u32, height: u32) -> Vec<u8> {
    let columns = spans(photo.width(), width);
    let rows = spans(photo.height(), height);
    let stride = photo.width() as usize * 3;
    let mut narrow = vec![0u32; width as usize * 3];
    let mut sums = vec![0u64; width as usize * 3];
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for row in &rows {
        sums.fill(0);
        for (offset, &row_weight) in row.weights.iter().enumerate() {
            let line = &photo.rgb()[(row.first + offset) * stride..][..stride];
            narrow_row(line, &columns, &mut narrow);
            for (sum, value) in sums.iter_mut().zip(&narrow) {
                *sum += u64::from(*value) * u64::from(row_weight);
            }
        }
        // value is 8.16, weights sum to 2^16: 8.32 in all.
        rgb.extend(sums.iter().map(|sum| ((sum + (1 << 31)) >> 32).min(255) as u8));
    }
    rgb
}

fn narrow_row(line: &[u8], columns: &[Span], narrow: &mut [u32]) {
    for (column, out) in columns.iter().zip(narrow.chunks_exact_mut(3)) {
        let mut sum = [0u32; 3];
        for (pixel, &weight) in line[column.first * 3..].chunks_exact(3).zip(&column.weights) {
            for channel in 0..3 {
                sum[channel] += u32::from(pixel[channel]) * weight;
            }
        }
        out.copy_from_slice(&sum);
    }
}

/// The source pixels one target pixel averages, with weights that sum to 2^16.
struct Span {
    first: usize,
    weights: Vec<u32>,
}

fn spans(from: u32, to: u32) -> Vec<Span> {
    let ratio = f64::from(from) / f64::from(to);
    (0..to)
        .map(|at| {
            let (start, end) = (f64::from(at) * ratio, (f64::from(at) + 1.0) * ratio);
            let first = start.floor() as usize;
            let last = (end.ceil() as usize).min(from as usize).max(first + 1);
            let mut weights: Vec<u32> = (first..last)
                .map(|i| {
                    let covered = (end.min(i as f64 + 1.0) - start.max(i as f64)).max(0.0);
                    (covered / ratio * 65_536.0).round() as u32
                })
                .collect();
            let total: u32 = weights.iter().sum();
            let middle = weights.len() / 2;
            weights[middle] = (weights[middle] + 65_536).saturating_sub(total);
            Span { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: u32, height: u32) -> Photo {
        let rgb = (0..width * height).flat_map(|i| [i as u8, 0, 0]).collect();
        Photo::from_rgb(width, height, rgb).unwrap()
    }

    #[test]
    fn orientations_turn_the_photo_as_exif_says() {
        // Stored 3 x 2:  0 1 2 / 3 4 5. The first row of the upright photo by orientation:
        let check = |orientation: u8, size: (u32, u32), first_row: &[u8]| {
            let photo = upright(numbered(3, 2), orientation);
            assert_eq!((photo.width(), photo.height()), size, "{orientation}");
            let row: Vec<u8> = (0..photo.width()).map(|x| photo.pixel(x, 0)[0]).collect();
            assert_eq!(row, first_row, "{orientation}");
        };
        check(1, (3, 2), &[0, 1, 2]);
        check(2, (3, 2), &[2, 1, 0]);
        check(3, (3, 2), &[5, 4, 3]);
        check(4, (3, 2), &[3, 4, 5]);
        check(5, (2, 3), &[0, 3]);
        check(6, (2, 3), &[3, 0]);
        check(7, (2, 3), &[5, 2]);
        check(8, (2, 3), &[2, 5]);
        check(9, (3, 2), &[0, 1, 2]);
    }

    #[test]
    fn scans_are_counted_to_the_end_of_the_image() {
        let scan = b"\xff\xda\0\x03\x01entropy\xff\0\xff\xd1more";
        let image = [
            b"\xff\xd8\xff\xe1\0\x06\xff\xda\0\0",
            &scan.repeat(3)[..],
            b"\xff\xd9",
        ]
        .concat();
        assert_eq!(scans(&image), 3);
        assert_eq!(scans(&[&image[..], &b"\xff\xda".repeat(500)].concat()), 3);
        assert_eq!(scans(b"\xff\xd8\xff\xda"), 1);
    }

    #[test]
    fn shrinking_averages_areas() {
        let photo = Photo::from_rgb(
            4,
            2,
            [0u8, 100, 200, 100, 100, 0, 100, 200]
                .iter()
                .flat_map(|&v| [v; 3])
                .collect(),
        );
        let small = shrink(photo.unwrap(), 2);
        assert_eq!((small.width(), small.height()), (2, 1));
        assert_eq!(small.pixel(0, 0), [50; 3]); // (0 + 100 + 100 + 0) / 4
        assert_eq!(small.pixel(1, 0), [150; 3]); // (200 + 100 + 100 + 200) / 4
    }

    #[test]
    fn shrinking_keeps_a_flat_photo_flat_at_any_ratio() {
        for side in [1, 3, 7, 50, 99] {
            let flat = Photo::from_rgb(100, 37, vec![255; 100 * 37 * 3]).unwrap();
            assert!(shrink(flat, side).rgb().iter().all(|&v| v == 255), "{side}");
        }
    }
}
