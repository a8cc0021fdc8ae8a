//! What is seen of a photo that is to be compared with earlier ones: its [`Fingerprint`], which is kept, and more places and
//! pixels than are kept.

use shifu_domain::Photo;

use super::fingerprint::Fingerprint;
use super::keypoint::{Keypoint, Sight, sights};
use super::likeness::Picture;
use super::thumbnail::Shape;
use crate::decode::shrink;
use crate::luma::{Areas, Luma};

/// Long side at which a photo is read, pixels.
const READ_SIDE: u32 = 320;
/// Places looked up: more than are kept of a photo, as those of a crop are the weaker ones of its original.
const MOST_SIGHTS: usize = 160;

/// A photo to be looked up among earlier ones.
pub struct Impression {
    /// What is kept of it.
    pub fingerprint: Fingerprint,
    pub(super) sights: Vec<Sight>,
    places: Vec<Keypoint>,
    areas: Areas,
    shape: Shape,
}

impl Impression {
    /// Of a decoded photo and the file it came from.
    #[must_use]
    pub fn of(photo: &Photo, bytes: &[u8]) -> Self {
        let luma = Luma::of(&shrink(photo.clone(), READ_SIDE));
        let areas = Areas::of(&luma);
        let side = |own: usize| u16::try_from(own).unwrap_or(u16::MAX);
        let shape = Shape {
            width: side(luma.width),
            height: side(luma.height),
        };
        let sights = sights(&luma, MOST_SIGHTS);
        let places: Vec<Keypoint> = sights.iter().map(|sight| sight.place).collect();
        Self {
            fingerprint: Fingerprint::made_of(bytes, &areas, shape, &places),
            sights,
            places,
            areas,
            shape,
        }
    }

    pub(super) fn picture(&self) -> Picture<'_> {
        Picture {
            places: &self.places,
            areas: &self.areas,
            shape: self.shape,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{flat, scene};

    #[test]
    fn a_bare_wall_has_no_places() {
        let wall = Impression::of(&flat(400, 300, [180; 3]), b"");
        assert!(
            wall.sights.is_empty() && wall.fingerprint == Fingerprint::of(&flat(400, 300, [180; 3]), b"")
        );
        assert!(Impression::of(&scene(400, 300, 1), b"").sights.len() > 40);
    }
}
