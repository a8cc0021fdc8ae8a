//! How one photo lies on another: the turn, scale and shift under which most of their places agree.

use std::f32::consts::PI;

use super::keypoint::Keypoint;

/// Most bits of 64 by which two views of one place differ.
const MAX_BITS: u32 = 14;
/// Distance between a place and where it should be, in long sides.
const NEAR: f32 = 0.015;
/// Difference of the logarithms (base 2) of two sizes.
const MAX_OCTAVES: f32 = 0.5;
/// Difference of two directions, radians.
const MAX_TURN: f32 = 0.35;
/// Smallest scale of a copy on its original.
const LEAST_SCALE: f32 = 0.4;
/// Pairs of places from which ways to lie are made, most alike first.
const MOST_PAIRS: usize = 96;

/// Turn, scale and shift: x' = a x - b y + c, y' = b x + a y + d.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Similarity {
    a: f32,
    b: f32,
    c: f32,
    d: f32,
}

impl Similarity {
    /// One photo lies on the other corner by corner, the longer sides along each other.
    pub(super) const SAME: Self = Self {
        a: 1.0,
        b: 0.0,
        c: 0.0,
        d: 0.0,
    };

    /// The one that lays `from` on `to`.
    fn between(from: &Keypoint, to: &Keypoint) -> Self {
        let scale = to.sigma / from.sigma;
        let turn = to.angle - from.angle;
        let (a, b) = (scale * turn.cos(), scale * turn.sin());
        Self {
            a,
            b,
            c: to.x - a * from.x + b * from.y,
            d: to.y - b * from.x - a * from.y,
        }
    }

    /// The least squares of the pairs.
    fn fitted(pairs: &[(Keypoint, Keypoint)]) -> Option<Self> {
        let count = pairs.len() as f32;
        let mean =
            |value: &dyn Fn(&(Keypoint, Keypoint)) -> f32| pairs.iter().map(value).sum::<f32>() / count;
        let (x, y) = (mean(&|p| p.0.x), mean(&|p| p.0.y));
        let (u, v) = (mean(&|p| p.1.x), mean(&|p| p.1.y));
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (from, to) in pairs {
            let (fx, fy, tx, ty) = (from.x - x, from.y - y, to.x - u, to.y - v);
            along += fx * tx + fy * ty;
            across += fx * ty - fy * tx;
            spread += fx * fx + fy * fy;
        }
        if spread < 1e-4 {
            return None;
        }
        let (a, b) = (along / spread, across / spread);
        Some(Self {
            a,
            b,
            c: u - a * x + b * y,
            d: v - b * x - a * y,
        })
    }

    pub(super) fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }

    pub(super) fn turn(&self) -> f32 {
        self.b.atan2(self.a)
    }

    pub(super) fn apply(&self, x: f32, y: f32) -> (f32, f32) {
        (self.a * x - self.b * y + self.c, self.b * x + self.a * y + self.d)
    }

    /// The eight ways that differ by `step`: turned, scaled and shifted either way.
    pub(super) fn neighbours(&self, step: f32) -> [Self; 8] {
        let changed = |grown: f32, turned: f32, right: f32, down: f32| {
            let (a, b) = (
                self.a * (1.0 + grown) - self.b * turned,
                self.b * (1.0 + grown) + self.a * turned,
            );
            // About the middle of the photo, so that a turn is no shift.
            let (x, y) = self.apply(0.5, 0.5);
            Self {
                a,
                b,
                c: x - (a - b) * 0.5 + right,
                d: y - (b + a) * 0.5 + down,
            }
        };
        [
            changed(0.0, 0.0, step, 0.0),
            changed(0.0, 0.0, -step, 0.0),
            changed(0.0, 0.0, 0.0, step),
            changed(0.0, 0.0, 0.0, -step),
            changed(0.0, step, 0.0, 0.0),
            changed(0.0, -step, 0.0, 0.0),
            changed(step, 0.0, 0.0, 0.0),
            changed(-step, 0.0, 0.0, 0.0),
        ]
    }

    fn agrees(&self, from: &Keypoint, to: &Keypoint) -> bool {
        let (x, y) = self.apply(from.x, from.y);
        let near = NEAR * self.scale().max(1.0);
        (x - to.x).abs() < near
            && (y - to.y).abs() < near
            && (from.sigma * self.scale() / to.sigma).log2().abs() < MAX_OCTAVES
            && turned(to.angle - from.angle - self.turn()).abs() < MAX_TURN
    }
}

/// An angle in -π..=π.
fn turned(angle: f32) -> f32 {
    (angle + PI).rem_euclid(2.0 * PI) - PI
}

/// How one photo lies on another, by its places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Alignment {
    pub(super) on: Similarity,
    /// Places found again where they should be.
    pub(super) places: usize,
    /// Share of the places that should be found again, 0..=1.
    pub(super) share: f32,
}

/// The best way to lay the places of one photo on those of another.
pub(super) fn align(from: &[Keypoint], to: &[Keypoint]) -> Option<Alignment> {
    let pairs = likely_pairs(from, to);
    let ways = pairs
        .iter()
        .map(|&(i, j)| Similarity::between(&from[i], &to[j]))
        .filter(|on| (LEAST_SCALE..=1.0 / LEAST_SCALE).contains(&on.scale()));
    let (mut agreeing, mut on) = ways
        .map(|on| (agreeing(&pairs, from, to, &on), on))
        .max_by_key(|(agreeing, _)| agreeing.len())?;
    for _ in 0..2 {
        let Some(fitted) = Similarity::fitted(&agreeing) else {
            break;
        };
        let now = self::agreeing(&pairs, from, to, &fitted);
        if now.len() < agreeing.len() {
            break;
        }
        (agreeing, on) = (now, fitted);
    }
    Some(Alignment {
        on,
        places: agreeing.len(),
        share: (agreeing.len() as f32 / expected(from, to, &on).max(1) as f32).min(1.0),
    })
}

/// Places that look alike, most alike first.
fn likely_pairs(from: &[Keypoint], to: &[Keypoint]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(u32, usize, usize)> = Vec::new();
    for (i, a) in from.iter().enumerate() {
        for (j, b) in to.iter().enumerate() {
            let apart = (a.bits ^ b.bits).count_ones();
            if apart <= MAX_BITS {
                pairs.push((apart, i, j));
            }
        }
    }
    pairs.sort_unstable();
    pairs.truncate(MOST_PAIRS);
    pairs.into_iter().map(|(_, i, j)| (i, j)).collect()
}

/// The pairs that lie on each other, each place in one pair.
fn agreeing(
    pairs: &[(usize, usize)],
    from: &[Keypoint],
    to: &[Keypoint],
    on: &Similarity,
) -> Vec<(Keypoint, Keypoint)> {
    let (mut used_from, mut used_to) = (vec![false; from.len()], vec![false; to.len()]);
    let mut chosen = Vec::new();
    for &(i, j) in pairs {
        if !used_from[i] && !used_to[j] && on.agrees(&from[i], &to[j]) {
            (used_from[i], used_to[j]) = (true, true);
            chosen.push((from[i], to[j]));
        }
    }
    chosen
}

/// How many places lie within the rectangle in which the other photo has any.
fn expected(from: &[Keypoint], to: &[Keypoint], on: &Similarity) -> usize {
    let nowhere = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    let (left, top, right, bottom) = to.iter().fold(nowhere, |(left, top, right, bottom), k| {
        (left.min(k.x), top.min(k.y), right.max(k.x), bottom.max(k.y))
    });
    let inside = |place: &&Keypoint| {
        let (x, y) = on.apply(place.x, place.y);
        (left - NEAR..=right + NEAR).contains(&x) && (top - NEAR..=bottom + NEAR).contains(&y)
    };
    from.iter().filter(inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places on a spiral; their bits as different as can be.
    fn places(count: u32) -> Vec<Keypoint> {
        (0..count)
            .map(|i| Keypoint {
                x: 0.5 + 0.02 * i as f32 * (i as f32).cos(),
                y: 0.5 + 0.02 * i as f32 * (i as f32).sin(),
                sigma: 0.02,
                angle: 0.1 * i as f32,
                bits: (crate::testing::noise(u64::from(i)) * u64::MAX as f64) as u64,
            })
            .collect()
    }

    #[test]
    fn a_turned_and_shrunk_photo_is_laid_on_its_original() {
        let from = places(20);
        // Half the size, turned by 0.3 radians, moved.
        let (a, b) = (0.5 * 0.3f32.cos(), 0.5 * 0.3f32.sin());
        let known = Similarity { a, b, c: 0.2, d: 0.1 };
        let to: Vec<Keypoint> = from
            .iter()
            .map(|k| {
                let (x, y) = known.apply(k.x, k.y);
                Keypoint {
                    x,
                    y,
                    sigma: k.sigma / 2.0,
                    angle: k.angle + 0.3,
                    bits: k.bits ^ 0b1011,
                }
            })
            .collect();
        let found = align(&from, &to).unwrap();
        assert_eq!((found.places, found.share), (20, 1.0));
        assert!((found.on.scale() - 0.5).abs() < 1e-4 && (found.on.turn() - 0.3).abs() < 1e-4);
    }

    #[test]
    fn places_in_another_order_do_not_agree() {
        let from = places(20);
        let mut to = from.clone();
        for (i, place) in to.iter_mut().enumerate() {
            (place.x, place.y) = (from[(i * 7 + 3) % 20].x, from[(i * 7 + 3) % 20].y);
        }
        assert!(align(&from, &to).is_none_or(|found| found.places <= 3));
        assert_eq!(align(&from, &[]), None);
    }

    #[test]
    fn angles_are_compared_around_the_circle() {
        assert!((turned(2.0 * PI - 0.1) + 0.1).abs() < 1e-5);
        assert!((turned(-3.5) - (2.0 * PI - 3.5)).abs() < 1e-5);
    }
}
