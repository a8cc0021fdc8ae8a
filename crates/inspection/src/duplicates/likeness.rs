//! Are two photos the same picture? The places of one must lie on those of the other, and then the pictures must agree.
//!
//! Two photos of the same kind of bottle share a few places, and their pictures agree a little. A copy shares most places, or
//! its picture agrees nearly everywhere; a watermark hides some of both.

use super::alignment::{Alignment, Similarity, align};
use super::keypoint::Keypoint;
use super::thumbnail::{Agreement, Shape, Thumbnail};
use crate::luma::Areas;

/// What it takes to be the same picture: all of one row.
struct Enough {
    places: usize,
    share: f32,
    detail: f32,
    agreeing: f32,
}

/// Chosen on every second photo of 720 household objects with fourteen edits each (1.8 million pairs), so that no other photo
/// passes: see `shifu eval duplicates`.
const ENOUGH: [Enough; 4] = [
    // Most places are found again: a watermark may cover much of the picture.
    Enough {
        places: 8,
        share: 0.42,
        detail: 0.25,
        agreeing: 0.45,
    },
    // Some of both.
    Enough {
        places: 5,
        share: 0.30,
        detail: 0.70,
        agreeing: 0.70,
    },
    Enough {
        places: 10,
        share: 0.18,
        detail: 0.80,
        agreeing: 0.75,
    },
    // Few places there are, and the picture is the same.
    Enough {
        places: 3,
        share: 0.10,
        detail: 0.93,
        agreeing: 0.92,
    },
];
/// Share of the smaller picture that the other must cover: a copy shows a part of its original, or all of it.
const COVERED: f32 = 0.85;
/// Correlation that the whole frames must have where no places are compared.
const WHOLE_DETAIL: f32 = 0.95;
const WHOLE_AGREEING: f32 = 0.92;
/// The same before one is fitted on the other.
const WHOLE_UNFITTED: f32 = 0.6;

/// A photo as it is compared with stored ones.
pub(super) struct Picture<'a> {
    pub(super) places: &'a [Keypoint],
    pub(super) areas: &'a Areas,
    pub(super) shape: Shape,
}

/// How a photo is the same as a stored one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// Correlation of their detail, 0..=1.
    pub(super) similarity: f64,
    /// Whether one shows only a part of the other.
    pub(super) cropped: bool,
}

/// Compares by places; `None` where the pictures are not the same.
pub(super) fn by_places(places: &[Keypoint], thumbnail: &Thumbnail, other: &Picture<'_>) -> Option<Likeness> {
    let alignment = align(places, other.places).filter(|found| found.places >= least_places())?;
    let (on, agreement) = thumbnail.fitted(alignment.on, other.areas, other.shape)?;
    let enough = ENOUGH.iter().any(|limits| limits.met(&alignment, &agreement));
    (enough && agreement.covered >= COVERED)
        .then(|| Likeness::of(&on, &agreement, thumbnail.shape, other.shape))
}

/// Compares frame with frame; `None` where the pictures are not the same.
pub(super) fn by_frame(thumbnail: &Thumbnail, other: &Picture<'_>) -> Option<Likeness> {
    let unfitted = thumbnail.agreement(&Similarity::SAME, other.areas, other.shape)?;
    // Fitting costs forty times as much, and moves by a cell or two.
    if unfitted.detail < WHOLE_UNFITTED {
        return None;
    }
    let (on, agreement) = thumbnail.fitted(Similarity::SAME, other.areas, other.shape)?;
    let same = agreement.detail >= WHOLE_DETAIL
        && agreement.places >= WHOLE_AGREEING
        && agreement.covered >= COVERED;
    same.then(|| Likeness::of(&on, &agreement, thumbnail.shape, other.shape))
}

fn least_places() -> usize {
    ENOUGH.iter().map(|limits| limits.places).min().unwrap_or(0)
}

impl Enough {
    fn met(&self, alignment: &Alignment, agreement: &Agreement) -> bool {
        alignment.places >= self.places
            && alignment.share >= self.share
            && agreement.detail >= self.detail
            && agreement.places >= self.agreeing
    }
}

impl Likeness {
    /// Of the very same file.
    pub(super) const EQUAL: Self = Self {
        similarity: 1.0,
        cropped: false,
    };

    fn of(on: &Similarity, agreement: &Agreement, stored: Shape, other: Shape) -> Self {
        let area = |shape: Shape| shape.across() * shape.down();
        let relative = area(stored) * on.scale().powi(2) / area(other);
        Self {
            similarity: f64::from(agreement.detail.clamp(0.0, 1.0)),
            // A copy of the same extent has the same area but for rounding; 10 % of the area cut off is 1.11.
            cropped: !(0.95..=1.05).contains(&relative),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alignment(places: usize, share: f32) -> Alignment {
        Alignment {
            on: Similarity::SAME,
            places,
            share,
        }
    }

    #[test]
    fn a_copy_needs_its_places_or_its_picture() {
        let check = |places, share, detail, agreeing, expected| {
            let agreement = Agreement {
                covered: 1.0,
                detail,
                places: agreeing,
            };
            let met = ENOUGH
                .iter()
                .any(|limits| limits.met(&alignment(places, share), &agreement));
            assert_eq!(met, expected, "{places} {share} {detail} {agreeing}");
        };
        check(14, 0.55, 0.30, 0.50, true); // a large watermark
        check(14, 0.31, 0.60, 0.55, false); // the same page shot twice
        check(7, 0.25, 0.85, 0.79, false); // the same kind of bottle
        check(6, 0.35, 0.80, 0.80, true);
        check(12, 0.20, 0.85, 0.80, true); // marks all over the picture
        check(3, 0.15, 0.98, 0.97, true); // little to see, all of it the same
        check(2, 1.00, 1.00, 1.00, false);
    }
}
