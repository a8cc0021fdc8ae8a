//! What is done to a photo before it is submitted again. A photo's position decides where it is cropped and which way it is turned.

use anyhow::Result;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// An edit by name: photo and position to the bytes of a JPEG.
pub(super) struct Edit {
    pub(super) name: &'static str,
    pub(super) apply: fn(&RgbImage, usize) -> Result<Vec<u8>>,
}

/// 10 % of the area gone leaves √0.9 of each side.
const SIDE_OF_90_PERCENT: f32 = 0.9487;

pub(super) const EDITS: [Edit; 9] = [
    Edit {
        name: "jpeg_50",
        apply: |photo, _| jpeg(photo, 50),
    },
    Edit {
        name: "lighter_20",
        apply: |photo, _| jpeg(&scaled(photo, 1.2), 85),
    },
    Edit {
        name: "darker_20",
        apply: |photo, _| jpeg(&scaled(photo, 0.8), 85),
    },
    Edit {
        name: "half_size",
        apply: |photo, _| {
            let (width, height) = (photo.width().div_ceil(2), photo.height().div_ceil(2));
            jpeg(&imageops::resize(photo, width, height, FilterType::Triangle), 85)
        },
    },
    Edit {
        name: "watermark",
        apply: |photo, _| jpeg(&watermarked(photo), 85),
    },
    Edit {
        name: "crop_10_percent_of_area",
        apply: |photo, at| {
            // Anywhere: both offsets run through the twentieth that is cut off.
            let rest = 1.0 - SIDE_OF_90_PERCENT;
            let (left, top) = ((at % 5) as f32 / 4.0 * rest, (at % 7) as f32 / 6.0 * rest);
            jpeg(&cut(photo, left, top, SIDE_OF_90_PERCENT), 85)
        },
    },
    Edit {
        name: "crop_10_percent_a_side",
        apply: |photo, _| jpeg(&cut(photo, 0.1, 0.1, 0.8), 85),
    },
    Edit {
        name: "turned_5_degrees",
        apply: |photo, at| jpeg(&turned(photo, degrees(at)), 85),
    },
    Edit {
        name: "turned_5_degrees_without_corners",
        apply: |photo, at| jpeg(&cut(&turned(photo, degrees(at)), 0.08, 0.08, 0.84), 85),
    },
];

fn degrees(at: usize) -> f32 {
    if at.is_multiple_of(2) { 5.0 } else { -5.0 }
}

fn jpeg(photo: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(photo)?;
    Ok(bytes)
}

fn scaled(photo: &RgbImage, factor: f32) -> RgbImage {
    let mut scaled = photo.clone();
    scaled
        .iter_mut()
        .for_each(|value| *value = (f32::from(*value) * factor).min(255.0) as u8);
    scaled
}

/// Keeps `share` of width and height from the given corner on.
fn cut(photo: &RgbImage, left: f32, top: f32, share: f32) -> RgbImage {
    let part = |side: u32, share: f32| (side as f32 * share) as u32;
    let (width, height) = photo.dimensions();
    let (x, y) = (part(width, left), part(height, top));
    imageops::crop_imm(photo, x, y, part(width, share), part(height, share)).to_image()
}

/// A half transparent white band over the lower right, 30 % of the width and 20 % of the height, with strokes of white on it.
fn watermarked(photo: &RgbImage) -> RgbImage {
    let (width, height) = photo.dimensions();
    let mut marked = photo.clone();
    for y in height * 7 / 10..height * 9 / 10 {
        for x in width * 6 / 10..width * 9 / 10 {
            let stroke = (x * 80 / width).is_multiple_of(2) && (y * 50 / height).is_multiple_of(2);
            let Rgb(pixel) = marked.get_pixel_mut(x, y);
            *pixel = pixel.map(|value| if stroke { 255 } else { value / 2 + 127 });
        }
    }
    marked
}

/// Turned about its middle, between pixels; what comes from outside is black.
fn turned(photo: &RgbImage, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = photo.dimensions();
    let (x0, y0) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 - x0, y as f32 - y0);
        between(photo, cos * u + sin * v + x0, cos * v - sin * u + y0)
    })
}

fn between(photo: &RgbImage, x: f32, y: f32) -> Rgb<u8> {
    let (left, top) = (x.floor(), y.floor());
    let inside =
        left >= 0.0 && top >= 0.0 && x < (photo.width() - 1) as f32 && y < (photo.height() - 1) as f32;
    if !inside {
        return Rgb([0; 3]);
    }
    let (column, row, u, v) = (left as u32, top as u32, x - left, y - top);
    let value =
        |right: u32, down: u32, channel: usize| f32::from(photo[(column + right, row + down)][channel]);
    Rgb(std::array::from_fn(|channel| {
        let upper = value(0, 0, channel) * (1.0 - u) + value(1, 0, channel) * u;
        let lower = value(0, 1, channel) * (1.0 - u) + value(1, 1, channel) * u;
        (upper * (1.0 - v) + lower * v).round() as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> RgbImage {
        RgbImage::from_fn(40, 20, |x, y| Rgb([x as u8 * 5, y as u8 * 10, 90]))
    }

    #[test]
    fn every_edit_gives_a_photo() {
        for edit in &EDITS {
            let edited = image::load_from_memory(&(edit.apply)(&photo(), 3).unwrap()).unwrap();
            assert!(edited.width() >= 20 && edited.height() >= 10, "{}", edit.name);
        }
    }

    #[test]
    fn a_cut_keeps_its_share() {
        let kept = cut(&photo(), 0.1, 0.1, 0.8);
        assert_eq!(kept.dimensions(), (32, 16));
        assert_eq!(kept[(0, 0)], photo()[(4, 2)]);
    }

    #[test]
    fn a_turned_photo_keeps_its_middle_and_loses_its_corners() {
        let turned = turned(&photo(), 5.0);
        // The middle of 40 x 20 lies between columns 19 and 20, so a pixel there moves by less than a step of colour.
        assert!(turned[(20, 10)].0[0].abs_diff(photo()[(20, 10)].0[0]) <= 2);
        assert_eq!(turned[(0, 0)], Rgb([0; 3]));
    }
}
