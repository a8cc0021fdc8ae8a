//! One checkpoint's memory: bank of good patches, patches typical of each violation, calibration scores.
//!
//! The checks of a photo — how it differs from the good photos, and how it resembles each violation — are put on one scale
//! and their largest is the photo's score; only that is calibrated, so that a photo spends one budget, not one a check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bank::{Nearest, PatchBank, Patches, coreset, top_mean};
use super::conformal::{CalibrationMode, p_value, photos_needed};
use super::features::{FeatureShape, StoredFeatures};
use super::{EnrolmentConfig, StoredPhoto};
use crate::heat::HeatMap;

/// What fitting decided, and nothing that can be rebuilt from the photos: this is what the file keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fit {
    pub(crate) mode: CalibrationMode,
    /// Factor of the patch positions.
    reach: f32,
    /// Position among the checkpoint's photos, and the patches kept.
    bank: Vec<(usize, Vec<u32>)>,
    /// Per violation label, the patches that good photos do not have.
    violations: BTreeMap<String, Vec<(usize, Vec<u32>)>>,
    /// Difference first, then one a label.
    scales: Vec<Scale>,
    /// Per label, from where a photo counts as showing it.
    thresholds: BTreeMap<String, f64>,
    /// Score of each calibration photo, and the owner to leave out when a new photo is compared with it.
    calibration: Vec<(f64, Option<u32>)>,
    /// Usual distance of the most unusual patches of a good photo: where the heat map begins to glow.
    usual: f32,
}

/// Mean and spread of a check's scores on good photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(scores: &[f64]) -> Self {
        let count = scores.len().max(1) as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count;
        // A spread of nothing (identical photos) would turn rounding into alarms.
        Self {
            mean,
            deviation: variance.sqrt().max(1e-3 * mean.abs()).max(1e-6),
        }
    }

    fn standard(&self, score: f64) -> f64 {
        (score - self.mean) / self.deviation
    }
}

/// A fitted checkpoint, ready to judge.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointModel {
    pub(crate) fit: Fit,
    pub(crate) shape: FeatureShape,
    bank: PatchBank,
    violations: Vec<(String, PatchBank)>,
}

/// What a checkpoint's memory says about one photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Mean of the top 1 % of the patch distances.
    pub difference: f64,
    /// Conformal p-value of the combined score; `None` with too few photos.
    pub p_value: Option<f64>,
    /// The violation it resembles most, where it resembles one more than the good photos.
    pub violation: Option<String>,
    /// Where it differs.
    pub heat: HeatMap,
    /// What the p-value rests on.
    pub mode: CalibrationMode,
    /// Calibration photos behind the p-value.
    pub calibration_photos: usize,
}

/// Scores of one photo: the distance to the bank of every patch, and to every violation.
struct Distances {
    good: Vec<Nearest>,
    violations: Vec<Vec<f32>>,
}

impl CheckpointModel {
    /// Learns from `photos` (sorted, without near-duplicates); `None` without a good photo.
    pub(crate) fn fit(photos: &[StoredPhoto], config: &EnrolmentConfig) -> Option<Self> {
        let good: Vec<usize> = (0..photos.len())
            .filter(|i| photos[*i].violation().is_none())
            .collect();
        let shape = photos[*good.first()?].features.shape;
        let reach = config.position_weight * mean(good.iter().map(|i| photos[*i].features.spread()));
        let matrices: Vec<Patches> = photos.iter().map(|photo| photo.features.matrix(reach)).collect();
        let (bank_photos, held_out, mode) = divide(photos, &good, config);
        let most = (config.max_bank_patches / bank_photos.len().max(1)).clamp(16, 4096);
        let bank = bank_photos
            .iter()
            .map(|&i| (i, coreset(&matrices[i], most)))
            .collect();
        let fit = Fit {
            mode,
            reach,
            bank,
            violations: BTreeMap::new(),
            scales: Vec::new(),
            thresholds: BTreeMap::new(),
            calibration: Vec::new(),
            usual: 0.0,
        };
        let mut model = Self::assemble(fit, shape, photos, &matrices);
        model.learn_violations(photos, &matrices);
        model.calibrate(photos, &matrices, &bank_photos, &held_out);
        Some(model)
    }

    /// Rebuilds from what the file kept; `None` when the fit does not belong to these photos.
    pub(crate) fn restore(fit: Fit, photos: &[StoredPhoto]) -> Option<Self> {
        let shape = photos
            .iter()
            .find(|photo| photo.violation().is_none())?
            .features
            .shape;
        let chosen = fit.bank.iter().chain(fit.violations.values().flatten());
        if chosen.clone().any(|(photo, _)| *photo >= photos.len())
            || fit.scales.len() != fit.violations.len() + 1
        {
            return None;
        }
        let matrices: Vec<Patches> = photos
            .iter()
            .map(|photo| photo.features.matrix(fit.reach))
            .collect();
        Some(Self::assemble(fit, shape, photos, &matrices))
    }

    fn assemble(fit: Fit, shape: FeatureShape, photos: &[StoredPhoto], matrices: &[Patches]) -> Self {
        let dimensions = shape.dimensions + 2;
        let bank_of = |chosen: &[(usize, Vec<u32>)]| {
            PatchBank::of(
                dimensions,
                chosen
                    .iter()
                    .map(|(i, rows)| (photos[*i].group, &matrices[*i], &rows[..])),
            )
        };
        let bank = bank_of(&fit.bank);
        let violations = fit
            .violations
            .iter()
            .map(|(label, chosen)| (label.clone(), bank_of(chosen)))
            .collect();
        Self {
            bank,
            violations,
            fit,
            shape,
        }
    }

    /// Keeps of each violation photo the 5 % of its patches that the good photos know least.
    fn learn_violations(&mut self, photos: &[StoredPhoto], matrices: &[Patches]) {
        for (i, photo) in photos.iter().enumerate() {
            let Some(label) = photo.violation() else { continue };
            let nearest = self.bank.nearest(matrices[i].view());
            let mut rows: Vec<u32> = (0..nearest.len() as u32).collect();
            rows.sort_by(|a, b| {
                nearest[*b as usize]
                    .distance
                    .total_cmp(&nearest[*a as usize].distance)
            });
            rows.truncate(rows.len().div_ceil(20));
            self.fit
                .violations
                .entry(label.to_owned())
                .or_default()
                .push((i, rows));
        }
        *self = Self::assemble(self.fit.clone(), self.shape, photos, matrices);
    }

    fn calibrate(
        &mut self,
        photos: &[StoredPhoto],
        matrices: &[Patches],
        bank: &[usize],
        held_out: &[usize],
    ) {
        let left_out: Vec<(Vec<f64>, f32)> = bank
            .iter()
            .map(|&i| {
                let distances = self.distances(&matrices[i], None);
                let without = Some(photos[i].group);
                (
                    self.checks(&distances, without),
                    top_mean(distances.good.iter().map(|n| n.without(without))) as f32,
                )
            })
            .collect();
        let finite = |scores: Vec<f64>| scores.into_iter().filter(|s| s.is_finite()).collect::<Vec<_>>();
        let scores_of = |check: usize| finite(left_out.iter().map(|(checks, _)| checks[check]).collect());
        self.fit.scales = (0..=self.violations.len())
            .map(|check| Scale::of(&scores_of(check)))
            .collect();
        self.fit.usual = mean(left_out.iter().map(|(_, top)| *top).filter(|top| top.is_finite()));
        self.learn_thresholds(photos, matrices);
        self.fit.calibration = match self.fit.mode {
            CalibrationMode::TooFew => Vec::new(),
            CalibrationMode::Split => held_out
                .iter()
                .map(|&i| {
                    (
                        self.combined(&self.checks(&self.distances(&matrices[i], None), None)),
                        None,
                    )
                })
                .collect(),
            CalibrationMode::LeaveOneOut => bank
                .iter()
                .zip(&left_out)
                .map(|(&i, (checks, _))| (self.combined(checks), Some(photos[i].group)))
                .collect(),
        };
        // Photos that are all of one group have nothing to be compared with.
        self.fit.calibration.retain(|(score, _)| score.is_finite());
        if self.fit.calibration.is_empty() {
            self.fit.mode = CalibrationMode::TooFew;
        }
    }

    /// Half way between the good photos and the violation's own photos, each scored without itself.
    fn learn_thresholds(&mut self, photos: &[StoredPhoto], matrices: &[Patches]) {
        for (at, (label, _)) in self.violations.iter().enumerate() {
            let own: Vec<f64> = (0..photos.len())
                .filter(|i| photos[*i].violation() == Some(label))
                .map(|i| self.checks(&self.distances(&matrices[i], Some(photos[i].group)), None)[at + 1])
                .filter(|score| score.is_finite())
                .collect();
            let good = self.fit.scales[at + 1].mean;
            let threshold = if own.is_empty() {
                0.0
            } else {
                (good + own.iter().sum::<f64>() / own.len() as f64) / 2.0
            };
            self.fit.thresholds.insert(label.clone(), threshold);
        }
    }

    fn distances(&self, patches: &Patches, without_violation: Option<u32>) -> Distances {
        let good = self.bank.nearest(patches.view());
        let to_violation = |bank: &PatchBank| -> Vec<f32> {
            bank.nearest(patches.view())
                .iter()
                .map(|n| n.without(without_violation))
                .collect()
        };
        let violations = self
            .violations
            .iter()
            .map(|(_, bank)| to_violation(bank))
            .collect();
        Distances { good, violations }
    }

    /// The difference score, then for each label how much nearer the photo's patches are to it than to the good photos.
    fn checks(&self, distances: &Distances, without: Option<u32>) -> Vec<f64> {
        let good: Vec<f32> = distances.good.iter().map(|n| n.without(without)).collect();
        let label_score = |to: &Vec<f32>| {
            let margins: Vec<f32> = good.iter().zip(to).map(|(good, label)| good - label).collect();
            if margins.iter().any(|m| m.is_nan()) {
                f64::NEG_INFINITY
            } else {
                top_mean(margins.into_iter())
            }
        };
        let labels = distances.violations.iter().map(label_score);
        std::iter::once(top_mean(good.iter().copied()))
            .chain(labels)
            .collect()
    }

    fn combined(&self, checks: &[f64]) -> f64 {
        let standard = checks
            .iter()
            .zip(&self.fit.scales)
            .map(|(score, scale)| scale.standard(*score));
        standard.fold(f64::NEG_INFINITY, f64::max)
    }

    /// Judges a photo by its features; `None` when they come from another encoder.
    pub(crate) fn judge(&self, features: &StoredFeatures) -> Option<Judgement> {
        if features.shape.dimensions != self.shape.dimensions {
            return None;
        }
        let distances = self.distances(&features.matrix(self.fit.reach), None);
        let checks = self.checks(&distances, None);
        let good = distances.good.iter().map(|n| n.distance).collect();
        let heat = HeatMap::new(features.shape.columns, features.shape.rows, good, self.fit.usual);
        Some(Judgement {
            difference: checks[0],
            p_value: self.p_value(&distances),
            violation: self.violation(&checks),
            heat,
            mode: self.fit.mode,
            calibration_photos: self.fit.calibration.len(),
        })
    }

    /// Cross-conformal: each calibration score is compared with the new photo's score in the same bank.
    fn p_value(&self, distances: &Distances) -> Option<f64> {
        if self.fit.calibration.is_empty() {
            return None;
        }
        let mut own: BTreeMap<Option<u32>, f64> = BTreeMap::new();
        let as_extreme = self.fit.calibration.iter().filter(|(score, owner)| {
            let own = own
                .entry(*owner)
                .or_insert_with(|| self.combined(&self.checks(distances, *owner)));
            *score >= *own
        });
        Some(p_value(as_extreme.count(), self.fit.calibration.len()))
    }

    fn violation(&self, checks: &[f64]) -> Option<String> {
        let labels = self
            .violations
            .iter()
            .zip(checks.iter().zip(&self.fit.scales).skip(1));
        let shown = labels.filter(|((label, _), (score, _))| **score > self.fit.thresholds[label]);
        let nearest = shown.max_by(|a, b| a.1.1.standard(*a.1.0).total_cmp(&b.1.1.standard(*b.1.0)));
        nearest.map(|((label, _), _)| label.clone())
    }

    pub(crate) fn bank_patches(&self) -> usize {
        self.bank.len()
    }

    pub(crate) fn calibration_photos(&self) -> usize {
        self.fit.calibration.len()
    }
}

/// Which good photos go into the bank and which are held out for calibration, and what that proves.
fn divide(
    photos: &[StoredPhoto],
    good: &[usize],
    config: &EnrolmentConfig,
) -> (Vec<usize>, Vec<usize>, CalibrationMode) {
    let needed = photos_needed(config.budget);
    if good.len() < needed {
        return (good.to_vec(), Vec::new(), CalibrationMode::TooFew);
    }
    let target = needed.max(good.len() / 2);
    // Photos are sorted by the hash of their content, which is as good as shuffled; groups go as a whole.
    let mut held_out = Vec::new();
    let mut groups = std::collections::BTreeSet::new();
    for &i in good {
        let whole_group = good
            .iter()
            .filter(|j| photos[**j].group == photos[i].group)
            .count();
        let fits = held_out.len() + whole_group <= target.max(needed) || held_out.len() < needed;
        if fits && groups.insert(photos[i].group) {
            held_out.extend(
                good.iter()
                    .copied()
                    .filter(|j| photos[*j].group == photos[i].group),
            );
        }
        if held_out.len() >= target {
            break;
        }
    }
    let bank: Vec<usize> = good
        .iter()
        .copied()
        .filter(|i| !groups.contains(&photos[*i].group))
        .collect();
    if held_out.len() >= needed && bank.len() >= config.min_bank_photos {
        return (bank, held_out, CalibrationMode::Split);
    }
    (good.to_vec(), Vec::new(), CalibrationMode::LeaveOneOut)
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0f32));
    if count > 0.0 { sum / count } else { 0.0 }
}
