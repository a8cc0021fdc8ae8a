//! A page of a PDF as pixels (`hayro`), once it is known what drawing it costs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro::hayro_interpret::hayro_syntax::object::{Object, Stream};
use hayro::hayro_interpret::hayro_syntax::page::Page;
use hayro::hayro_interpret::hayro_syntax::{Filter, Pdf};
use hayro::hayro_interpret::{InterpreterCache, InterpreterSettings};
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

use super::{bombs, cost, pdf};
use crate::limits::Limits;

/// Pixels of one picture: an A3 page at 600 dpi has 70 million.
const MOST_PICTURE: u64 = 100_000_000;
/// Most pixels a point: a business card is not blown up to the size of a page.
const MOST_SCALE: f64 = 6.0;

/// Draws a page on white, its longer side `long_side` pixels (less for a very small page).
///
/// # Errors
/// Why it cannot be drawn, in words a person can act on.
pub(super) fn draw(pdf: &Pdf, at: usize, long_side: u16, limits: &Limits) -> Result<Pixmap, String> {
    let page = pdf
        .pages()
        .get(at)
        .ok_or_else(|| "there is no such page".to_owned())?;
    let (width, height) = page.render_dimensions();
    let scale = (f64::from(long_side) / f64::from(width.max(height))).min(MOST_SCALE);
    // A side below one pixel would leave nothing to draw on.
    if !scale.is_finite() || f64::from(width.min(height)) * scale < 1.0 {
        return Err("the page is a line without area".to_owned());
    }
    if let Some(reason) = cost::refuses(pdf, page, &InterpreterCache::new(), scale, limits) {
        return Err(reason);
    }
    catch_unwind(AssertUnwindSafe(|| rendered(page, scale as f32))).map_err(|_| pdf::DAMAGED.to_owned())
}

fn rendered<'a>(page: &'a Page<'a>, scale: f32) -> Pixmap {
    let settings = PixmapSettings {
        x_scale: scale,
        y_scale: scale,
        bg_color: WHITE,
    };
    render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &settings,
    )
}

/// Why no page of a file must be drawn, if there is a reason: a picture that would unfold beyond bounds, wherever it is used.
pub(super) fn refuses_pictures(pdf: &Pdf, limits: &Limits) -> Option<String> {
    let looked_at = catch_unwind(AssertUnwindSafe(|| {
        pdf.objects().into_iter().find_map(|object| match object {
            Object::Stream(stream) => refuses_picture(&stream, limits),
            _ => None,
        })
    }));
    looked_at.unwrap_or_else(|_| Some("its pictures cannot be told apart".to_owned()))
}

fn refuses_picture(stream: &Stream<'_>, limits: &Limits) -> Option<String> {
    let dictionary = stream.dict();
    if dictionary.contains_key("ShadingType") && stream.raw_data().len() > MOST_SHADING {
        return Some("a shading of the file has too many corners".to_owned());
    }
    let side = |key| dictionary.get::<u32>(key).map(u64::from);
    let declared = side("Width").zip(side("Height"));
    let coded = match stream.filters().last() {
        Some(Filter::DctDecode | Filter::JpxDecode | Filter::Jbig2Decode) => {
            let Some(data) = bombs::packed_picture(stream, limits.unpacked_bytes) else {
                return Some("a picture of the file is packed several times over".to_owned());
            };
            match stream.filters().last() {
                Some(Filter::DctDecode) => jpeg_size(&data),
                Some(Filter::JpxDecode) => jpeg_2000_size(&data),
                _ => jbig2_size(&data),
            }
        }
        _ => None,
    };
    let pixels = |(width, height): (u64, u64)| width.saturating_mul(height);
    let most = declared.into_iter().chain(coded).map(pixels).max()?;
    (most > MOST_PICTURE)
        .then(|| format!("a picture of the file has {most} pixels; at most {MOST_PICTURE} are drawn"))
}

/// Bytes of a shading's mesh, packed.
const MOST_SHADING: usize = 1 << 20;

fn sides(width: &[u8], height: &[u8]) -> (u64, u64) {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    (number(width), number(height))
}

/// Width and height by the largest frame head (ISO/IEC 10918-1, B.2.2).
fn jpeg_size(data: &[u8]) -> Option<(u64, u64)> {
    let frames = memchr::memchr_iter(0xff, data).filter_map(|at| match data.get(at + 1..at + 9)? {
        // SOF0 to SOF15 without DHT, JPG and DAC; samples of 8 or 12 bits.
        [
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf,
            0,
            _,
            8 | 12,
            size @ ..,
        ] => Some(sides(&size[2..], &size[..2])),
        _ => None,
    });
    frames.max_by_key(|(width, height)| width * height)
}

/// Width and height by the image size marker (ISO/IEC 15444-1, A.5.1).
fn jpeg_2000_size(data: &[u8]) -> Option<(u64, u64)> {
    let at = memchr::memmem::find(data, b"\xff\x4f\xff\x51")?;
    let size = data.get(at + 8..at + 16)?;
    Some(sides(&size[..4], &size[4..]))
}

/// The largest page or region of a stream as PDF embeds it (ISO/IEC 14492, 7.2 and 7.4).
fn jbig2_size(data: &[u8]) -> Option<(u64, u64)> {
    let mut largest = None;
    let mut at = 0;
    while let Some(segment) = Segment::at(data, at) {
        if let (true, Some(size)) = (segment.is_area, data.get(segment.body..segment.body + 8)) {
            let (width, height) = sides(&size[..4], &size[4..]);
            // A page of unknown height grows with its stripes.
            let height = if height == 0xffff_ffff { 0 } else { height };
            largest = largest.max(Some((width.saturating_mul(height), (width, height))));
        }
        at = segment.end;
    }
    largest.map(|(_, size)| size)
}

/// The head of a JBIG2 segment.
struct Segment {
    /// Whether its body begins with the size of a page or region.
    is_area: bool,
    body: usize,
    end: usize,
}

impl Segment {
    fn at(data: &[u8], at: usize) -> Option<Self> {
        let number = |from: usize| Some(sides(data.get(from..from.checked_add(4)?)?, &[]).0);
        let (flags, references) = (*data.get(at + 4)?, *data.get(at + 5)?);
        let reference_bytes = match number(at)? {
            0..=256 => 1,
            257..=65_536 => 2,
            _ => 4,
        };
        let (count, next) = match references >> 5 {
            7 => {
                let count = number(at + 5)? as usize & 0x1fff_ffff;
                (count, at + 9 + (count + 8) / 8)
            }
            count => (usize::from(count), at + 6),
        };
        let page_bytes = if flags & 0x40 == 0 { 1 } else { 4 };
        let length_at = next + count * reference_bytes + page_bytes;
        let body = length_at + 4;
        Some(Self {
            is_area: matches!(flags & 0x3f, 4..=7 | 20..=23 | 36..=43 | 48),
            body,
            end: body.checked_add(usize::try_from(number(length_at)?).ok()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_pictures_themselves() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x11\x08\x01\x02\x03\x04\x03";
        assert_eq!(jpeg_size(jpeg), Some((0x0304, 0x0102)));
        assert_eq!(jpeg_size(b"\xff\xd8\xff\xc0\0"), None);
        let jp2 = b"....\xff\x4f\xff\x51\0\x29\0\0\0\0\x10\0\0\0\x20\0";
        assert_eq!(jpeg_2000_size(jp2), Some((0x1000, 0x2000)));
        // Segment 1, page information, no references, page 1, 19 bytes; then a region of another size.
        let page = |kind: u8, width: u32, height: u32, number: u32| {
            let mut segment = number.to_be_bytes().to_vec();
            segment.extend([kind, 0, 1]);
            segment.extend(19_u32.to_be_bytes());
            segment.extend(width.to_be_bytes());
            segment.extend(height.to_be_bytes());
            segment.extend([0; 11]);
            segment
        };
        let data = [page(48, 100, 200, 0), page(38, 5_000, 6_000, 1)].concat();
        assert_eq!(jbig2_size(&data), Some((5_000, 6_000)));
        assert_eq!(jbig2_size(&data[..40]), Some((100, 200)));
        assert_eq!(jbig2_size(b"abc"), None);
    }
}
