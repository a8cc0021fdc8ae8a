//! A photo in 32 × 32 grey values, to tell a copy from another photo of the same thing once one lies on the other.

use super::alignment::Similarity;
use crate::luma::Areas;

/// Cells along each side.
pub(super) const SIDE: usize = 32;
/// Spread of the brightness of nine neighbours, of 255, from which they show something.
const STRUCTURE: f32 = 4.0;
/// Correlation from which nine neighbours show the same.
const SAME: f32 = 0.7;
/// Rounds of the search for a better fit, each with half the steps of the one before.
const ROUNDS: u32 = 5;

/// Grey values by row, and the shape of the photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thumbnail {
    pub(super) cells: Box<[u8; SIDE * SIDE]>,
    pub(super) shape: Shape,
}

/// Width and height of a photo; coordinates are fractions of the longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Shape {
    fn long(self) -> f32 {
        f32::from(self.width.max(self.height).max(1))
    }
    pub(super) fn across(self) -> f32 {
        f32::from(self.width) / self.long()
    }
    pub(super) fn down(self) -> f32 {
        f32::from(self.height) / self.long()
    }
}

/// How well a photo agrees with the stored one that is laid on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreement {
    /// Share of the smaller one that the other covers, 0..=1.
    pub(super) covered: f32,
    /// Correlation of the steps of brightness between neighbouring cells, -1..=1.
    pub(super) detail: f32,
    /// Of the places that show something in either, the share that shows the same in both.
    pub(super) places: f32,
}

impl Thumbnail {
    pub(super) fn of(areas: &Areas, shape: Shape) -> Self {
        let means = areas.grid(0.0, 0.0, 1.0, 1.0, SIDE);
        Self {
            cells: Box::new(std::array::from_fn(|i| means[i].round().clamp(0.0, 255.0) as u8)),
            shape,
        }
    }

    /// The way near `on` in which this photo agrees best with the one of `areas` and `shape`, and how well it does.
    pub(super) fn fitted(
        &self,
        on: Similarity,
        areas: &Areas,
        shape: Shape,
    ) -> Option<(Similarity, Agreement)> {
        let score = |on: &Similarity| self.detail(&self.seen(on, areas, shape)).unwrap_or(-1.0);
        let (mut best, mut most) = (on, score(&on));
        let mut step = 0.5 / SIDE as f32;
        for _ in 0..ROUNDS {
            for change in best.neighbours(step) {
                let now = score(&change);
                if now > most {
                    (best, most) = (change, now);
                }
            }
            step /= 2.0;
        }
        Some((best, self.agreement(&best, areas, shape)?))
    }

    /// How well this photo agrees with the one of `areas` and `shape` where it lies on it.
    pub(super) fn agreement(&self, on: &Similarity, areas: &Areas, shape: Shape) -> Option<Agreement> {
        let seen = self.seen(on, areas, shape);
        let covered = seen.iter().filter(|v| !v.is_nan()).count() as f32 / (SIDE * SIDE) as f32;
        let sizes =
            self.shape.across() * self.shape.down() * on.scale().powi(2) / (shape.across() * shape.down());
        Some(Agreement {
            covered: covered.max((covered * sizes).min(1.0)),
            detail: self.detail(&seen)?,
            places: self.places(&seen),
        })
    }

    /// What the other photo shows where this one's cells lie on it; not a number outside of it.
    fn seen(&self, on: &Similarity, areas: &Areas, shape: Shape) -> Vec<f32> {
        let cell = (self.shape.across() / SIDE as f32, self.shape.down() / SIDE as f32);
        let lies_turned = on.turn().sin().abs() > 0.7;
        let half = if lies_turned { (cell.1, cell.0) } else { cell };
        let (half_x, half_y) = (half.0 * on.scale() / 2.0, half.1 * on.scale() / 2.0);
        let (width, height) = (shape.across(), shape.down());
        // A cell may reach over the border by a third of its size.
        let (slack_x, slack_y) = (half_x * 0.33, half_y * 0.33);
        let mean = |(x, y): (f32, f32)| {
            let (left, right, top, bottom) = (x - half_x, x + half_x, y - half_y, y + half_y);
            if left < -slack_x || top < -slack_y || right > width + slack_x || bottom > height + slack_y {
                return f32::NAN;
            }
            let part = |at: f32, whole: f32| f64::from((at / whole).clamp(0.0, 1.0));
            areas.mean(
                part(left, width),
                part(top, height),
                part(right, width),
                part(bottom, height),
            )
        };
        (0..SIDE * SIDE)
            .map(|i| ((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5))
            .map(|(column, row)| mean(on.apply(column * cell.0, row * cell.1)))
            .collect()
    }

    fn own(&self, i: usize) -> f32 {
        f32::from(self.cells[i])
    }

    /// Correlation of the steps between neighbouring cells.
    fn detail(&self, seen: &[f32]) -> Option<f32> {
        let right = (0..SIDE * SIDE)
            .filter(|i| i % SIDE + 1 < SIDE)
            .map(|i| (i, i + 1));
        let below = (0..SIDE * (SIDE - 1)).map(|i| (i, i + SIDE));
        let steps = right
            .chain(below)
            .map(|(i, j)| (self.own(j) - self.own(i), seen[j] - seen[i]));
        correlation(steps.filter(|(_, step)| !step.is_nan()))
    }

    fn places(&self, seen: &[f32]) -> f32 {
        let (mut shown, mut same) = (0, 0);
        for at in 0..SIDE * (SIDE - 2) {
            if at % SIDE + 2 >= SIDE {
                continue;
            }
            let nine: [(f32, f32); 9] = std::array::from_fn(|k| {
                let i = at + k / 3 * SIDE + k % 3;
                (self.own(i), seen[i])
            });
            if nine.iter().any(|(_, v)| v.is_nan()) {
                continue;
            }
            if spread(nine.map(|v| v.0)).max(spread(nine.map(|v| v.1))) >= STRUCTURE {
                shown += 1;
                same += usize::from(correlation(nine.into_iter()).is_some_and(|c| c > SAME));
            }
        }
        if shown == 0 {
            0.0
        } else {
            same as f32 / shown as f32
        }
    }
}

fn spread(values: [f32; 9]) -> f32 {
    let mean = values.iter().sum::<f32>() / 9.0;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 9.0).sqrt()
}

/// Pearson's correlation; `None` where one side does not vary.
fn correlation(pairs: impl Iterator<Item = (f32, f32)>) -> Option<f32> {
    let (mut n, mut x, mut y, mut xx, mut yy, mut xy) = (0.0f64, 0.0f64, 0.0f64, 0.0f64, 0.0f64, 0.0f64);
    for (a, b) in pairs {
        let (a, b) = (f64::from(a), f64::from(b));
        n += 1.0;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let (vx, vy) = (xx - x * x / n.max(1.0), yy - y * y / n.max(1.0));
    (n >= 9.0 && vx > 1e-6 && vy > 1e-6).then(|| ((xy - x * y / n) / (vx * vy).sqrt()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::luma::Luma;
    use crate::testing::{from_fn, scene};
    use shifu_domain::Photo;

    fn read(photo: &Photo) -> (Areas, Shape) {
        let shape = Shape {
            width: photo.width() as u16,
            height: photo.height() as u16,
        };
        (Areas::of(&Luma::of(photo)), shape)
    }

    fn compare(stored: &Photo, other: &Photo) -> Agreement {
        let (areas, shape) = read(stored);
        let thumbnail = Thumbnail::of(&areas, shape);
        let (areas, shape) = read(other);
        thumbnail.fitted(Similarity::SAME, &areas, shape).unwrap().1
    }

    #[test]
    fn a_photo_agrees_with_itself_and_not_with_another() {
        let same = compare(&scene(320, 240, 1), &scene(320, 240, 1));
        assert!(
            same.detail > 0.99 && same.places > 0.99 && same.covered == 1.0,
            "{same:?}"
        );
        let other = compare(&scene(320, 240, 1), &scene(320, 240, 2));
        assert!(other.detail < 0.3 && other.places < 0.5, "{other:?}");
    }

    #[test]
    fn a_shift_of_a_cell_is_found() {
        let photo = scene(320, 240, 3);
        let shifted = from_fn(310, 234, |x, y| photo.pixel(x + 10, y + 6));
        let found = compare(&photo, &shifted);
        assert!(found.detail > 0.9 && found.places > 0.9, "{found:?}");
    }

    #[test]
    fn half_of_a_photo_is_covered_whole() {
        // The left half, as large as it was: half of the stored photo is seen, and all of the other.
        let photo = scene(320, 160, 4);
        let half = from_fn(160, 160, |x, y| photo.pixel(x, y));
        let (areas, shape) = read(&photo);
        let thumbnail = Thumbnail::of(&areas, shape);
        let (areas, shape) = read(&half);
        // In long sides: 320 pixels become 160, so everything is twice as large.
        let on = Similarity::SAME.neighbours(1.0)[6];
        let moved = on.apply(0.5, 0.5);
        assert_eq!((on.scale(), moved), (2.0, (0.5, 0.5)));
        let shifted = on.neighbours(0.5)[0].neighbours(0.5)[2];
        let agreement = thumbnail.agreement(&shifted, &areas, shape).unwrap();
        assert!(
            agreement.covered > 0.95 && agreement.detail > 0.99,
            "{agreement:?}"
        );
    }
}
