//! An enrolled standard as bytes: magic, version, length, SHA-256, then a JSON head and the features.
//!
//! Numbers in the head round-trip exactly (`float_roundtrip` of serde_json), so that a standard read back gives the same
//! p-values to the last digit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shifu_domain::CheckpointId;
use shifu_domain::models::ModelVersion;

use super::features::{FeatureShape, StoredFeatures};
use super::fit::{CheckpointModel, Fit};
use super::{EnrolledStandard, EnrolmentConfig, EnrolmentLabel, NearDuplicate, RefusedPhoto, StoredPhoto};
use crate::duplicates::Fingerprint;
use crate::enrolment::shots::ShotRecogniser;
use crate::standard::Standard;

const MAGIC: &[u8; 8] = b"SHIFUSTD";
const VERSION: u32 = 1;
/// Magic, version, length of the body, its SHA-256.
const HEAD: usize = 8 + 4 + 8 + 32;

/// Why bytes are no enrolled standard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// They do not begin like one.
    #[error("not an enrolled standard")]
    NotAStandard,
    /// Written by another version of this program.
    #[error("enrolled standard of version {found}, this program reads version {VERSION}; enrol it again")]
    AnotherVersion {
        /// The version found.
        found: u32,
    },
    /// Shorter or longer than it says.
    #[error("enrolled standard is cut off: {actual} bytes of {expected}")]
    WrongLength {
        /// Bytes it announces.
        expected: u64,
        /// Bytes there are.
        actual: u64,
    },
    /// The checksum does not match.
    #[error("enrolled standard is damaged: its checksum does not match")]
    Checksum,
    /// Intact, but its content makes no sense.
    #[error("enrolled standard is inconsistent: {reason}")]
    Inconsistent {
        /// What is wrong.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    standard: Standard,
    config: EnrolmentConfig,
    encoder: ModelVersion,
    photos: BTreeMap<CheckpointId, Vec<PhotoHead>>,
    fits: BTreeMap<CheckpointId, Fit>,
    near_duplicates: Vec<NearDuplicate>,
    refused: Vec<RefusedPhoto>,
}

#[derive(Serialize, Deserialize)]
struct PhotoHead {
    label: EnrolmentLabel,
    name: String,
    group_name: Option<String>,
    group: u32,
    fingerprint: Fingerprint,
    shape: FeatureShape,
    /// Bits of `StoredFeatures::step`.
    step: u32,
}

impl EnrolledStandard {
    /// The standard as bytes; equal standards give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = Head {
            standard: self.standard.clone(),
            config: self.config.clone(),
            encoder: self.encoder.clone(),
            photos: self
                .photos
                .iter()
                .map(|(id, photos)| (id.clone(), photos.iter().map(head_of).collect()))
                .collect(),
            fits: self
                .models
                .iter()
                .map(|(id, model)| (id.clone(), model.fit.clone()))
                .collect(),
            near_duplicates: self.near_duplicates.clone(),
            refused: self.refused.clone(),
        };
        // Every type in the head serialises: string keys, no maps of other keys.
        let json = serde_json::to_vec(&head).unwrap_or_default();
        let mut body = (json.len() as u64).to_le_bytes().to_vec();
        body.extend(json);
        for photo in self.photos.values().flatten() {
            body.extend(photo.features.patches.iter().flat_map(|v| v.to_le_bytes()));
            body.extend(photo.features.global.iter().flat_map(|v| v.to_le_bytes()));
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(Sha256::digest(&body));
        bytes.extend(body);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FileError`] for anything else; never panics.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        let body = checked_body(bytes)?;
        let (length, rest) = body.split_at_checked(8).ok_or_else(|| inconsistent("no head"))?;
        let length = usize::try_from(number(length)).map_err(|_| inconsistent("head too long"))?;
        let (json, mut blob) = rest
            .split_at_checked(length)
            .ok_or_else(|| inconsistent("head too long"))?;
        let mut head: Head =
            serde_json::from_slice(json).map_err(|error| inconsistent(&error.to_string()))?;
        let mut photos = BTreeMap::new();
        for (id, heads) in std::mem::take(&mut head.photos) {
            let read: Result<Vec<StoredPhoto>, FileError> =
                heads.into_iter().map(|h| photo(h, &mut blob)).collect();
            photos.insert(id, read?);
        }
        let mut models = BTreeMap::new();
        for (id, fit) in std::mem::take(&mut head.fits) {
            let of_checkpoint = photos.get(&id).map_or(&[][..], Vec::as_slice);
            let model =
                CheckpointModel::restore(fit, of_checkpoint).ok_or_else(|| inconsistent("fit and photos"))?;
            models.insert(id, model);
        }
        let Head {
            standard,
            config,
            encoder,
            near_duplicates,
            refused,
            ..
        } = head;
        let shots = ShotRecogniser::default();
        let mut enrolled = Self {
            standard,
            config,
            encoder,
            photos,
            models,
            shots,
            near_duplicates,
            refused,
        };
        enrolled.refit_shots();
        Ok(enrolled)
    }
}

fn head_of(photo: &StoredPhoto) -> PhotoHead {
    PhotoHead {
        label: photo.label.clone(),
        name: photo.name.clone(),
        group_name: photo.group_name.clone(),
        group: photo.group,
        fingerprint: photo.fingerprint.clone(),
        shape: photo.features.shape,
        step: photo.features.step.to_bits(),
    }
}

fn checked_body(bytes: &[u8]) -> Result<&[u8], FileError> {
    let magic = bytes.get(..8).ok_or(FileError::NotAStandard)?;
    if magic != MAGIC {
        return Err(FileError::NotAStandard);
    }
    let (head, body) = bytes.split_at_checked(HEAD).ok_or(FileError::WrongLength {
        expected: HEAD as u64,
        actual: bytes.len() as u64,
    })?;
    let found = number(&head[8..12]) as u32;
    if found != VERSION {
        return Err(FileError::AnotherVersion { found });
    }
    let expected = number(&head[12..20]);
    if expected != body.len() as u64 {
        return Err(FileError::WrongLength {
            expected,
            actual: body.len() as u64,
        });
    }
    if Sha256::digest(body)[..] != head[20..] {
        return Err(FileError::Checksum);
    }
    Ok(body)
}

/// Little-endian number of at most 8 bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

fn inconsistent(reason: &str) -> FileError {
    FileError::Inconsistent {
        reason: reason.to_owned(),
    }
}

fn photo(head: PhotoHead, blob: &mut &[u8]) -> Result<StoredPhoto, FileError> {
    let values = head.shape.values().ok_or_else(|| inconsistent("feature shape"))?;
    let mut take = |count: usize| -> Result<&[u8], FileError> {
        let (taken, rest) = blob
            .split_at_checked(count)
            .ok_or_else(|| inconsistent("features missing"))?;
        *blob = rest;
        Ok(taken)
    };
    let patches = take(values * 2)?
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect();
    let global = take(head.shape.global * 4)?
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let features = StoredFeatures {
        shape: head.shape,
        step: f32::from_bits(head.step),
        patches,
        global: global.collect(),
    };
    Ok(StoredPhoto {
        label: head.label,
        name: head.name,
        group_name: head.group_name,
        group: head.group,
        fingerprint: head.fingerprint,
        features,
    })
}
