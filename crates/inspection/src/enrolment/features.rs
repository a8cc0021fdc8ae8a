//! Features of an enrolled photo as they are kept: 16 bits a number, so that memory and file agree to the last bit.

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use shifu_domain::models::ImageFeatures;

use super::bank::Patches;

/// Quantised patches and the whole-photo vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredFeatures {
    pub(crate) shape: FeatureShape,
    /// Value of one step of `patches`.
    pub(crate) step: f32,
    pub(crate) patches: Vec<i16>,
    pub(crate) global: Vec<f32>,
}

/// The grid of an encoder's patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeatureShape {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) dimensions: usize,
    pub(crate) global: usize,
}

/// Most numbers of one photo's patches that are accepted: 128 x 128 patches of 256.
const MAX_VALUES: usize = 1 << 22;

impl FeatureShape {
    pub(crate) fn of(features: &ImageFeatures) -> Self {
        let ImageFeatures {
            columns,
            rows,
            dimensions,
            global,
            ..
        } = features;
        Self {
            columns: *columns,
            rows: *rows,
            dimensions: *dimensions,
            global: global.len(),
        }
    }

    /// Numbers of all patches; `None` when the grid is empty or absurd.
    pub(crate) fn values(&self) -> Option<usize> {
        let values = self
            .columns
            .checked_mul(self.rows)?
            .checked_mul(self.dimensions)?;
        (1..=MAX_VALUES)
            .contains(&values)
            .then_some(values)
            .filter(|_| self.global <= MAX_VALUES)
    }
}

impl StoredFeatures {
    /// `None` when an encoder hands out an inconsistent grid or a number that is not finite.
    pub(crate) fn of(features: &ImageFeatures) -> Option<Self> {
        let shape = FeatureShape::of(features);
        let sane = shape.values()? == features.patches.len()
            && features
                .patches
                .iter()
                .chain(&features.global)
                .all(|v| v.is_finite());
        if !sane {
            return None;
        }
        let largest = features.patches.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let step = if largest > 0.0 { largest / 32_767.0 } else { 1.0 };
        let patches = features
            .patches
            .iter()
            .map(|v| (v / step).round().clamp(-32_767.0, 32_767.0) as i16)
            .collect();
        Some(Self {
            shape,
            step,
            patches,
            global: features.global.clone(),
        })
    }

    /// One patch a row, with its position appended: `reach` times the column and row in fractions of the photo.
    pub(crate) fn matrix(&self, reach: f32) -> Patches {
        let FeatureShape {
            columns,
            rows,
            dimensions,
            ..
        } = self.shape;
        let mut values = Vec::with_capacity(columns * rows * (dimensions + 2));
        for (i, patch) in self.patches.chunks_exact(dimensions).enumerate() {
            values.extend(patch.iter().map(|v| f32::from(*v) * self.step));
            values.push(reach * ((i % columns) as f32 + 0.5) / columns as f32);
            values.push(reach * ((i / columns) as f32 + 0.5) / rows as f32);
        }
        Array2::from_shape_vec((columns * rows, dimensions + 2), values).unwrap_or_default()
    }

    /// Mean distance of the patches at the same place, in units of the spread; infinite for grids that differ.
    pub(crate) fn difference(&self, other: &Self) -> f32 {
        if self.shape != other.shape {
            return f32::INFINITY;
        }
        let (a, b) = (self.matrix(0.0), other.matrix(0.0));
        let lengths = (&a - &b)
            .outer_iter()
            .map(|patch| patch.dot(&patch).sqrt())
            .sum::<f32>();
        lengths / a.nrows().max(1) as f32 / self.spread().max(1e-9)
    }

    /// Mean length of the patch vectors less their mean vector: the scale against which positions are weighed.
    pub(crate) fn spread(&self) -> f32 {
        let matrix = self.matrix(0.0);
        let Some(mean) = matrix.mean_axis(ndarray::Axis(0)) else {
            return 0.0;
        };
        let lengths = matrix
            .outer_iter()
            .map(|patch| (&patch - &mean).mapv(|v| v * v).sum().sqrt());
        lengths.sum::<f32>() / matrix.nrows().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(patches: Vec<f32>) -> ImageFeatures {
        ImageFeatures {
            columns: 2,
            rows: 1,
            dimensions: 2,
            patches,
            global: vec![1.0],
        }
    }

    #[test]
    fn patches_are_kept_to_a_thirty_thousandth_with_their_places() {
        let stored = StoredFeatures::of(&features(vec![1.0, -0.5, 0.25, 0.0])).unwrap();
        let matrix = stored.matrix(2.0);
        let expected = [[1.0, -0.5, 0.5, 1.0], [0.25, 0.0, 1.5, 1.0]];
        for (row, expected) in matrix.outer_iter().zip(expected) {
            for (value, expected) in row.iter().zip(expected) {
                assert!((value - expected).abs() < 4e-5, "{matrix}");
            }
        }
    }

    #[test]
    fn an_encoder_that_hands_out_nonsense_is_refused() {
        assert_eq!(StoredFeatures::of(&features(vec![1.0, f32::NAN, 0.0, 0.0])), None);
        assert_eq!(StoredFeatures::of(&features(vec![1.0])), None);
        let none = ImageFeatures {
            columns: 0,
            ..features(vec![])
        };
        assert_eq!(StoredFeatures::of(&none), None);
        assert!(StoredFeatures::of(&features(vec![0.0; 4])).is_some());
    }
}
