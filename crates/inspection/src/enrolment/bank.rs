//! Patch memory: which patch of the good photos is nearest, and which is nearest without one photo.
//!
//! PatchCore (Roth et al. 2022) keeps a coreset of all patches; here each photo contributes its own coreset, so that
//! leaving a photo out of the bank is exact: the answer without photo `i` is the nearest patch of another photo.

use ndarray::{Array2, ArrayView2, Axis};

/// Patches of one photo, position appended, one a row.
pub(crate) type Patches = Array2<f32>;

/// The nearest patch of a bank, and the nearest that belongs to another owner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) distance: f32,
    pub(crate) owner: u32,
    /// Infinite in a bank of one owner.
    pub(crate) distance_of_another: f32,
}

impl Nearest {
    /// Distance to the bank without `owner`'s patches.
    pub(crate) fn without(&self, owner: Option<u32>) -> f32 {
        if owner == Some(self.owner) {
            self.distance_of_another
        } else {
            self.distance
        }
    }
}

/// A bounded set of patches, each with the photo (or group of photos) it came from.
#[derive(Debug, Clone)]
pub(crate) struct PatchBank {
    patches: Patches,
    squares: Vec<f32>,
    owners: Vec<u32>,
}

/// Patches compared at a time: 512 x 100 floats stay in the second-level cache.
const BLOCK: usize = 512;

impl PatchBank {
    /// Of the chosen rows of each photo; `photos` are (owner, patches, rows).
    pub(crate) fn of<'a>(
        dimensions: usize,
        photos: impl Iterator<Item = (u32, &'a Patches, &'a [u32])>,
    ) -> Self {
        let mut values = Vec::new();
        let mut owners = Vec::new();
        for (owner, patches, rows) in photos {
            for &row in rows {
                if let Some(patch) = patches.outer_iter().nth(row as usize) {
                    values.extend(patch.iter());
                    owners.push(owner);
                }
            }
        }
        let patches = Array2::from_shape_vec((owners.len(), dimensions), values).unwrap_or_default();
        let squares = squares(patches.view());
        Self {
            patches,
            squares,
            owners,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// The nearest patches of every row of `query`, by Euclidean distance. Rows do not influence one another.
    pub(crate) fn nearest(&self, query: ArrayView2<'_, f32>) -> Vec<Nearest> {
        let unknown = Nearest {
            distance: f32::INFINITY,
            owner: u32::MAX,
            distance_of_another: f32::INFINITY,
        };
        let mut found = vec![unknown; query.nrows()];
        if query.ncols() != self.patches.ncols() {
            return found;
        }
        let query_squares = squares(query);
        for (block, chunk) in self.patches.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
            let products = query.dot(&chunk.t());
            for ((row, best), square) in products.outer_iter().zip(&mut found).zip(&query_squares) {
                for (i, product) in row.iter().enumerate() {
                    let at = block * BLOCK + i;
                    let distance = square + self.squares[at] - 2.0 * product;
                    take_nearer(best, distance, self.owners[at]);
                }
            }
        }
        for best in &mut found {
            best.distance = best.distance.max(0.0).sqrt();
            best.distance_of_another = best.distance_of_another.max(0.0).sqrt();
        }
        found
    }
}

fn take_nearer(best: &mut Nearest, distance: f32, owner: u32) {
    if distance < best.distance {
        if owner != best.owner {
            best.distance_of_another = best.distance;
        }
        (best.distance, best.owner) = (distance, owner);
    } else if owner != best.owner && distance < best.distance_of_another {
        best.distance_of_another = distance;
    }
}

fn squares(patches: ArrayView2<'_, f32>) -> Vec<f32> {
    patches.outer_iter().map(|patch| patch.dot(&patch)).collect()
}

/// Greedy k-centre coreset (Gonzalez 1985) of one photo: row 0 first, then always the row farthest from those chosen.
pub(crate) fn coreset(patches: &Patches, most: usize) -> Vec<u32> {
    if patches.nrows() <= most {
        return (0..patches.nrows() as u32).collect();
    }
    let squares = squares(patches.view());
    let mut away = vec![f32::INFINITY; patches.nrows()];
    let mut chosen = vec![0u32];
    while chosen.len() < most {
        let last = chosen[chosen.len() - 1] as usize;
        let products = patches.dot(&patches.row(last));
        let mut farthest = 0;
        for row in 0..away.len() {
            away[row] = away[row].min(squares[row] + squares[last] - 2.0 * products[row]);
            if away[row] > away[farthest] {
                farthest = row;
            }
        }
        if away[farthest] <= 0.0 {
            break;
        }
        chosen.push(farthest as u32);
    }
    chosen.sort_unstable();
    chosen
}

/// Mean of the largest 1 % of the values, at least one: the score of a photo from those of its patches (AnomalyDINO).
pub(crate) fn top_mean(values: impl Iterator<Item = f32>) -> f64 {
    let mut values: Vec<f32> = values.collect();
    let count = values.len().div_ceil(100);
    if count == 0 {
        return 0.0;
    }
    values.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    let top = &mut values[..count];
    // Summed in order of size, so that the order of the patches does not show in the last digit.
    top.sort_unstable_by(f32::total_cmp);
    top.iter().map(|v| f64::from(*v)).sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use ndarray::array;

    #[test]
    fn nearest_patches_are_found_with_and_without_their_photo() {
        let (a, b) = (
            array![[0.0f32, 0.0], [10.0, 0.0]],
            array![[3.0f32, 4.0], [10.0, 1.0]],
        );
        let bank = PatchBank::of(2, [(0, &a, &[0u32, 1][..]), (1, &b, &[0, 1][..])].into_iter());
        let found = bank.nearest(array![[0.0f32, 0.0], [10.0, 1.0]].view());
        assert_eq!(
            found[0],
            Nearest {
                distance: 0.0,
                owner: 0,
                distance_of_another: 5.0
            }
        );
        assert_eq!(
            found[1],
            Nearest {
                distance: 0.0,
                owner: 1,
                distance_of_another: 1.0
            }
        );
        assert_eq!(
            (
                found[0].without(Some(0)),
                found[0].without(Some(1)),
                found[0].without(None)
            ),
            (5.0, 0.0, 0.0)
        );
    }

    #[test]
    fn leaving_a_photo_out_equals_a_bank_without_it() {
        let photo = |seed: u64| {
            Array2::from_shape_fn((40, 5), |(r, c)| noise(seed * 999 + (r * 7 + c) as u64) as f32)
        };
        let photos: Vec<Patches> = (0..20).map(photo).collect();
        let rows: Vec<u32> = (0..40).collect();
        let all = PatchBank::of(
            5,
            photos.iter().enumerate().map(|(i, p)| (i as u32, p, &rows[..])),
        );
        let query = photo(99);
        for left_out in 0..20u32 {
            let others = photos.iter().enumerate().filter(|(i, _)| *i as u32 != left_out);
            let without = PatchBank::of(5, others.map(|(i, p)| (i as u32, p, &rows[..])));
            let expected = without.nearest(query.view());
            for (found, expected) in all.nearest(query.view()).iter().zip(&expected) {
                assert!((found.without(Some(left_out)) - expected.distance).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_coreset_keeps_the_patches_that_differ() {
        let patches = array![[0.0f32], [0.01], [5.0], [0.02], [5.01], [9.0]];
        assert_eq!(coreset(&patches, 3), [0, 2, 5]);
        assert_eq!(coreset(&patches, 10), [0, 1, 2, 3, 4, 5]);
        assert_eq!(coreset(&array![[1.0f32], [1.0], [1.0]], 2), [0]);
    }

    #[test]
    fn the_score_is_the_mean_of_the_top_one_percent() {
        assert_eq!(top_mean((0..200).map(|v| v as f32)), 198.5); // the top 2 of 200: (198 + 199) / 2
        assert_eq!(top_mean([3.0, 1.0].into_iter()), 3.0);
        assert_eq!(top_mean(std::iter::empty()), 0.0);
    }
}
