//! `shots DIR`: which class a photo shows, from N enrolled photos a class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::json;
use shifu_domain::CheckpointId;
use shifu_domain::models::ImageEncoder;
use shifu_inspection::{EnrolledStandard, Enrolment, EnrolmentLabel, EnrolmentPhoto, PhotoOutcome};

use crate::data::{folders_in, name_of, photos_in};
use crate::inspection::{enrolment_config, inspector, outcome, standard_of};
use crate::metrics;
use crate::report::Report;

/// Draws `count` of the photos by `seed`: (drawn, rest), both in their old order. xorshift, so that it never changes.
pub(crate) fn draw(photos: &[PathBuf], count: usize, seed: u64) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut keyed: Vec<(u64, usize)> = (0..photos.len())
        .map(|at| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state, at)
        })
        .collect();
    keyed.sort_unstable();
    let mut drawn: Vec<usize> = keyed.iter().take(count).map(|(_, at)| *at).collect();
    drawn.sort_unstable();
    let rest = (0..photos.len())
        .filter(|at| drawn.binary_search(at).is_err())
        .map(|at| photos[at].clone())
        .collect();
    (drawn.iter().map(|&at| photos[at].clone()).collect(), rest)
}

struct Class {
    name: String,
    enrolled: Vec<PathBuf>,
    rest: Vec<PathBuf>,
}

/// Enrols `shots` photos of each class and asks which class every other photo shows; then leaves each class out once and asks
/// whether its photos are told from the enrolled classes' own.
///
/// # Errors
/// A folder without class folders, or classes whose names are no checkpoint ids.
pub fn run(dir: &Path, shots: usize, seed: u64, encoder: &Arc<dyn ImageEncoder>) -> Result<Report> {
    let mut classes = Vec::new();
    for folder in folders_in(dir)? {
        let (enrolled, rest) = draw(&photos_in(&folder)?, shots, seed);
        classes.push(Class {
            name: name_of(&folder).to_lowercase(),
            enrolled,
            rest,
        });
    }
    if classes.len() < 2 {
        bail!("{} needs at least two class folders", dir.display());
    }
    let all: Vec<&Class> = classes.iter().collect();
    let standard = enrol(&all, encoder)?;
    let mut confusion: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let (mut right, mut asked) = (0, 0);
    let mut guesses = Vec::new();
    for class in &classes {
        for photo in &class.rest {
            let guess = guessed(encoder, &standard, photo)?;
            right += usize::from(guess.nearest.as_deref() == Some(&class.name));
            asked += 1;
            let shown = guess.nearest.clone().unwrap_or_else(|| "none".to_owned());
            *confusion
                .entry(class.name.clone())
                .or_default()
                .entry(shown)
                .or_default() += 1;
            guesses.push(guess);
        }
    }
    let unknown = left_out(&classes, encoder)?;
    let known: Vec<f64> = guesses.iter().map(|guess| guess.best).collect();
    Ok(Report::new(
        "shots",
        json!({
            "accuracy": metrics::share(right, asked),
            "accepted": metrics::share(guesses.iter().filter(|guess| guess.accepted).count(), guesses.len()),
            "leave_one_class_out_auroc": metrics::auroc(&unknown.iter().map(|guess| guess.best).collect::<Vec<_>>(), &known),
            "unknown_rejected": metrics::share(unknown.iter().filter(|guess| !guess.accepted).count(), unknown.len()),
            "confusion": confusion,
            "photos": asked,
            "shots": shots,
        }),
    ))
}

struct Guess {
    nearest: Option<String>,
    best: f64,
    accepted: bool,
}

fn guessed(encoder: &Arc<dyn ImageEncoder>, standard: &EnrolledStandard, photo: &Path) -> Result<Guess> {
    let (found, _): (PhotoOutcome, f64) = outcome(&inspector(encoder), standard, None, photo)?;
    let shot = found.shot;
    let scores = shot.iter().flat_map(|guess| &guess.scores);
    let nearest = scores.max_by(|a, b| a.1.total_cmp(b.1));
    Ok(Guess {
        best: nearest.map_or(f64::MIN, |(_, score)| *score),
        nearest: nearest.map(|(id, _)| id.to_string()),
        accepted: shot.as_ref().is_some_and(|guess| guess.checkpoint.is_some()),
    })
}

/// At most 40 photos of each class, judged against the other classes only.
fn left_out(classes: &[Class], encoder: &Arc<dyn ImageEncoder>) -> Result<Vec<Guess>> {
    let mut guesses = Vec::new();
    for out in classes {
        let others: Vec<&Class> = classes.iter().filter(|class| class.name != out.name).collect();
        let standard = enrol(&others, encoder)?;
        for photo in out.rest.iter().take(40) {
            guesses.push(guessed(encoder, &standard, photo)?);
        }
    }
    Ok(guesses)
}

fn enrol(classes: &[&Class], encoder: &Arc<dyn ImageEncoder>) -> Result<EnrolledStandard> {
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let mut photos = Vec::new();
    for class in classes {
        for path in &class.enrolled {
            photos.push(EnrolmentPhoto {
                checkpoint: CheckpointId::new(&class.name)?,
                label: EnrolmentLabel::Good,
                name: name_of(path),
                group: None,
                bytes: std::fs::read(path)?,
            });
        }
    }
    Ok(Enrolment::build(standard_of(&names)?, photos, &**encoder, &enrolment_config())?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_repeatable_and_splits_all_photos() {
        let photos: Vec<PathBuf> = (0..20).map(|n| PathBuf::from(format!("{n:02}.jpg"))).collect();
        let (drawn, rest) = draw(&photos, 5, 7);
        assert_eq!((drawn.len(), rest.len()), (5, 15));
        assert_eq!(draw(&photos, 5, 7).0, drawn);
        assert_ne!(draw(&photos, 5, 8).0, drawn);
        assert!(drawn.iter().all(|photo| !rest.contains(photo)));
    }
}
