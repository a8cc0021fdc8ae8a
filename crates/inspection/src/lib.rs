//! Installation photos to verdicts.

#[cfg(test)]
mod testing;

mod decode;
mod duplicates;
mod enrolment;
mod heat;
mod inspector;
mod luma;
mod nameplate;
mod quality;
mod standard;
mod submission;
mod verdict;
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
pub use inspector::{
    Inspection, InspectionError, Inspector, InspectorConfig, PhotoCheck, PhotoOutcome, Versions,
};
pub use nameplate::{NameplateReading, read_model, read_nameplate};
pub use quality::{Defect, Quality, QualityLimits};
pub use standard::{Check, Checkpoint, Standard, StandardError, ViolationTitle};
pub use submission::{PhotoMeta, PhotoSource, Stage, Submission, SubmittedPhoto, Ticket};
pub use verdict::{Alert, alert_for, alerts_for, verdict, verdict_of};
pub use visit::{Agreement, Contradiction, VisitLimits, check_place, check_time};
