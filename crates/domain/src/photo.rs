//! A decoded photo: upright, 8-bit RGB, within limits.

/// Pixels of an upright photo, row-major RGB, 8 bits a channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// Why pixels do not form a photo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// Width or height is zero.
    #[error("the photo has no pixels ({width} x {height})")]
    Empty {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The buffer is not `width * height * 3` bytes.
    #[error("{actual} bytes given for a {width} x {height} RGB photo, {expected} needed")]
    WrongLength {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
}

impl Photo {
    /// Takes row-major RGB bytes.
    ///
    /// # Errors
    /// `Empty` for a zero side, `WrongLength` when `rgb` is not `width * height * 3` bytes.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, PhotoError> {
        if width == 0 || height == 0 {
            return Err(PhotoError::Empty { width, height });
        }
        let expected = width as usize * height as usize * 3;
        if rgb.len() != expected {
            return Err(PhotoError::WrongLength {
                width,
                height,
                expected,
                actual: rgb.len(),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Row-major RGB bytes, `width * height * 3` of them.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixel at column `x`, row `y`.
    ///
    /// # Panics
    /// When the position lies outside the photo.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(
            x < self.width && y < self.height,
            "({x}, {y}) outside {} x {}",
            self.width,
            self.height
        );
        let at = (y as usize * self.width as usize + x as usize) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    /// The pixels, given up.
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

impl std::fmt::Debug for Photo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Photo({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_holds_exactly_its_pixels() {
        let photo = Photo::from_rgb(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(photo.pixel(1, 0), [4, 5, 6]);
        assert!(matches!(
            Photo::from_rgb(2, 2, vec![0; 6]),
            Err(PhotoError::WrongLength { expected: 12, .. })
        ));
        assert!(matches!(
            Photo::from_rgb(0, 2, vec![]),
            Err(PhotoError::Empty { .. })
        ));
    }
}
