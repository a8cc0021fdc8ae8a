//! Installation photos to verdicts.

#[cfg(test)]
mod testing;

mod decode;
mod duplicates;
mod enrolment;
mod heat;
mod luma;
mod quality;
mod standard;
mod submission;
mod visit;

pub use decode::{
    CaptureFacts, CaptureTime, DecodeError, DecodedPhoto, ExifState, Limits, PhotoFormat, decode,
    decode_detail, shrink,
};
pub use duplicates::{
    DuplicateLimits, DuplicateMatch, Fingerprint, InvalidFingerprint, PhotoIndex, PhotoRef,
};
pub use enrolment::{
    CalibrationMode, CheckpointReport, EnrolledStandard, Enrolment, EnrolmentConfig, EnrolmentError,
    EnrolmentLabel, EnrolmentPhoto, EnrolmentReport, FileError, Judgement, NearDuplicate, PhotoAdded,
    RefusedPhoto, ShotGuess, photos_needed,
};
pub use heat::{HeatMap, overlay_png};
pub use quality::{Defect, Quality, QualityLimits};
pub use standard::{Check, Checkpoint, Standard, StandardError, ViolationTitle};
pub use submission::{PhotoMeta, PhotoSource, Stage, Submission, SubmittedPhoto, Ticket};
pub use visit::{Agreement, Contradiction, VisitLimits, check_place, check_time};
