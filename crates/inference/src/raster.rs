//! RGB pixels: resizing and sampling.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use shifu_domain::Photo;

/// Row-major RGB, 8 bits a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raster {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
}

impl Raster {
    pub(crate) fn from_photo(photo: &Photo) -> Self {
        Self {
            width: photo.width() as usize,
            height: photo.height() as usize,
            rgb: photo.rgb().to_vec(),
        }
    }

    /// Resized with a triangle filter as wide as the shrink asks, so that nothing aliases.
    pub(crate) fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        Self {
            width,
            height,
            rgb: resize_rgb(&self.rgb, self.width, self.height, width, height),
        }
    }

    /// Turned by 180 degrees.
    pub(crate) fn upside_down(&self) -> Self {
        let rgb = self.rgb.chunks_exact(3).rev().flatten().copied().collect();
        Self { rgb, ..*self }
    }

    /// Turned by 90 degrees counter-clockwise.
    pub(crate) fn turned_left(&self) -> Self {
        let (width, height) = (self.height, self.width);
        let mut rgb = Vec::with_capacity(self.rgb.len());
        for y in 0..height {
            for x in 0..width {
                let at = (x * self.width + (self.width - 1 - y)) * 3;
                rgb.extend_from_slice(&self.rgb[at..at + 3]);
            }
        }
        Self { width, height, rgb }
    }
}

/// Resizes RGB bytes; sides are at least 1 and `rgb` holds `width * height * 3` bytes.
pub(crate) fn resize_rgb(
    rgb: &[u8],
    width: usize,
    height: usize,
    to_width: usize,
    to_height: usize,
) -> Vec<u8> {
    let (to_width, to_height) = (to_width.max(1), to_height.max(1));
    let mut target = Image::new(to_width as u32, to_height as u32, PixelType::U8x3);
    if let Ok(source) = ImageRef::new(width as u32, height as u32, rgb, PixelType::U8x3) {
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        // Fails only when pixel types differ, and both are U8x3.
        let _ = Resizer::new().resize(&source, &mut target, &options);
    }
    target.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: usize, height: usize) -> Raster {
        Raster {
            width,
            height,
            rgb: (0..width * height).flat_map(|i| [i as u8; 3]).collect(),
        }
    }

    #[test]
    fn turning_moves_every_pixel() {
        let raster = numbered(3, 2); // 0 1 2 / 3 4 5
        let first = |r: &Raster| r.rgb.chunks(3).map(|p| p[0]).collect::<Vec<_>>();
        assert_eq!(first(&raster.turned_left()), [2, 5, 1, 4, 0, 3]);
        assert_eq!(first(&raster.upside_down()), [5, 4, 3, 2, 1, 0]);
        assert_eq!((raster.turned_left().width, raster.turned_left().height), (2, 3));
    }

    #[test]
    fn shrinking_averages_instead_of_skipping() {
        let stripes = Raster {
            width: 64,
            height: 64,
            rgb: (0..64 * 64).flat_map(|i| [(i % 2 * 255) as u8; 3]).collect(),
        };
        let small = stripes.resized(16, 16);
        assert!(
            small.rgb.iter().all(|&v| (100..=155).contains(&v)),
            "{:?}",
            &small.rgb[..12]
        );
        assert_eq!(stripes.resized(64, 64), stripes);
    }
}
