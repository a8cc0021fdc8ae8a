//! Which checkpoint does a photo show? The whole-photo vector against those of the enrolled photos, with the right to
//! say "none of them".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shifu_domain::CheckpointId;

use super::StoredPhoto;

/// Photos a checkpoint needs before its shots are recognised.
pub(crate) const MIN_SHOTS: usize = 3;
/// Neighbours whose mean similarity counts.
const NEIGHBOURS: usize = 3;
/// Share of a checkpoint's own photos that may fall below its limit.
const REJECTED_SHARE: f64 = 0.02;

/// Recognises checkpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShotRecogniser {
    centre: Vec<f32>,
    classes: BTreeMap<CheckpointId, Class>,
}

#[derive(Debug, Clone)]
struct Class {
    vectors: Vec<Vec<f32>>,
    /// Mean and spread of the similarity of its own photos, each without itself.
    mean: f64,
    deviation: f64,
    /// Similarity below which a photo is not of this class.
    limit: f64,
}

/// What the recogniser thinks of a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotGuess {
    /// The checkpoint it shows; `None` when it resembles none enough.
    pub checkpoint: Option<CheckpointId>,
    /// Per checkpoint that can be recognised: how many spreads more (or less) similar than its own photos usually are.
    pub scores: BTreeMap<CheckpointId, f64>,
    /// Checkpoints whose own limit the photo reaches.
    pub accepted: Vec<CheckpointId>,
}

impl ShotRecogniser {
    /// Learns from the photos of every checkpoint that has at least three.
    pub(crate) fn fit<'a>(checkpoints: impl Iterator<Item = (&'a CheckpointId, &'a [StoredPhoto])>) -> Self {
        let enough: Vec<_> = checkpoints
            .filter(|(_, photos)| photos.len() >= MIN_SHOTS)
            .collect();
        let means: Vec<Vec<f32>> = enough.iter().map(|(_, photos)| mean_vector(photos)).collect();
        // What all checkpoints have in common tells none apart; with one checkpoint there is nothing to tell apart.
        let length = means.first().map_or(0, Vec::len);
        let share = if means.len() > 1 {
            1.0 / means.len() as f32
        } else {
            0.0
        };
        let centre: Vec<f32> = (0..length)
            .map(|d| {
                means
                    .iter()
                    .map(|m| m.get(d).copied().unwrap_or(0.0))
                    .sum::<f32>()
                    * share
            })
            .collect();
        let class_of = |photos: &[StoredPhoto]| Class::of(photos, &centre);
        let classes = enough
            .iter()
            .map(|(id, photos)| ((*id).clone(), class_of(photos)))
            .collect();
        Self { centre, classes }
    }

    pub(crate) fn knows(&self, id: &CheckpointId) -> bool {
        self.classes.contains_key(id)
    }

    /// Recognises a whole-photo vector; `None` when no checkpoint has enough photos.
    pub(crate) fn recognise(&self, global: &[f32]) -> Option<ShotGuess> {
        if self.classes.is_empty() || global.len() != self.centre.len() {
            return None;
        }
        let vector = centred(global, &self.centre);
        let mut scores = BTreeMap::new();
        let mut accepted = Vec::new();
        let mut best: Option<(&CheckpointId, f64)> = None;
        for (id, class) in &self.classes {
            let similarity = class.similarity(&vector, None);
            scores.insert(id.clone(), (similarity - class.mean) / class.deviation);
            if similarity >= class.limit {
                accepted.push(id.clone());
                if best.is_none_or(|(_, most)| similarity > most) {
                    best = Some((id, similarity));
                }
            }
        }
        Some(ShotGuess {
            checkpoint: best.map(|(id, _)| id.clone()),
            scores,
            accepted,
        })
    }
}

impl Class {
    fn of(photos: &[StoredPhoto], centre: &[f32]) -> Self {
        let vectors: Vec<Vec<f32>> = photos
            .iter()
            .map(|photo| centred(&photo.features.global, centre))
            .collect();
        let mut class = Self {
            vectors,
            mean: 0.0,
            deviation: 1.0,
            limit: 0.0,
        };
        let mut own: Vec<f64> = (0..photos.len())
            .map(|i| class.similarity(&class.vectors[i], Some((photos, photos[i].group))))
            .collect();
        own.retain(|similarity| similarity.is_finite());
        own.sort_by(f64::total_cmp);
        let count = own.len().max(1) as f64;
        class.mean = own.iter().sum::<f64>() / count;
        class.deviation = (own.iter().map(|s| (s - class.mean).powi(2)).sum::<f64>() / count)
            .sqrt()
            .max(1e-3);
        let allowed = (own.len() as f64 * REJECTED_SHARE) as usize;
        let lowest = own.get(allowed).copied().unwrap_or(class.mean);
        // With few photos the lowest seen is not the lowest there is: one spread more is allowed per ten photos missing to 50.
        let unseen = (1.0 - own.len() as f64 / 50.0).max(0.0);
        // And a quarter more than the farthest seen: a defect in the right shot must not become a wrong shot.
        class.limit = lowest - 1.5 * unseen * class.deviation - 0.25 * (1.0 - lowest).max(0.0);
        class
    }

    /// Mean of the largest three cosines; photos of a group can be left out.
    fn similarity(&self, vector: &[f32], without: Option<(&[StoredPhoto], u32)>) -> f64 {
        let left_out = |i: usize| without.is_some_and(|(photos, group)| photos[i].group == group);
        let mut cosines: Vec<f32> = (0..self.vectors.len())
            .filter(|i| !left_out(*i))
            .map(|i| vector.iter().zip(&self.vectors[i]).map(|(a, b)| a * b).sum())
            .collect();
        cosines.sort_by(|a, b| b.total_cmp(a));
        cosines.truncate(NEIGHBOURS);
        if cosines.is_empty() {
            return f64::NEG_INFINITY;
        }
        cosines.iter().map(|c| f64::from(*c)).sum::<f64>() / cosines.len() as f64
    }
}

fn mean_vector(photos: &[StoredPhoto]) -> Vec<f32> {
    let length = photos.first().map_or(0, |photo| photo.features.global.len());
    let at = |d: usize| {
        photos
            .iter()
            .map(|p| p.features.global.get(d).copied().unwrap_or(0.0))
            .sum::<f32>()
    };
    (0..length).map(|d| at(d) / photos.len() as f32).collect()
}

fn centred(vector: &[f32], centre: &[f32]) -> Vec<f32> {
    let moved: Vec<f32> = vector.iter().zip(centre).map(|(v, c)| v - c).collect();
    let norm = moved.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
    moved.iter().map(|v| v / norm).collect()
}
