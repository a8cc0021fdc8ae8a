//! Installation photos to verdicts.
//!
//! In: a [`Submission`] of photos for a ticket, an [`EnrolledStandard`] (good photos and violations per checkpoint) and the
//! [`PhotoIndex`] of all earlier photos. Out: an [`Inspection`] with findings, each with its evidence in Chinese, and a
//! verdict; or, on site and before submission, a [`PhotoCheck`] with advice.
//!
//! | stage | module | what it decides |
//! | --- | --- | --- |
//! | bytes → photo | `decode` | limits before pixels, orientation, EXIF facts, any of which may be unknown |
//! | usable? | `quality` | blurred, too dark, too bright, too small |
//! | of this visit? | `visit`, `duplicates` | time, place, earlier photos of other tickets |
//! | this checkpoint? as it should be? | `enrolment` | shot recognition, patch memory, conformal p-values |
//! | this appliance? | `nameplate` | model and serial against the ticket |
//! | so what? | `verdict` | pass, review, reject, do not install; alerts by expected harm |
//!
//! Measured (unoptimised example builds at `opt-level = 2`; rates only): of 52 photos of outdoor units 0.058 are flagged as they
//! are and 60 household photos 0.000; of a blur of 0.5 % of the long side 0.981 and 1.000 are caught, of 0.3 % 0.37, of a
//! camera moved by 3 % of the width 0.69; light × 0.2 is always caught. Duplicates: `shifu eval duplicates`.
//!
//! No file, environment or SQL, and no clock but for `took_ms`: the server stores what [`EnrolledStandard::to_bytes`] and [`Fingerprint`] give it.

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
pub use duplicates::{DuplicateMatch, Fingerprint, Impression, InvalidFingerprint, PhotoIndex, PhotoRef};
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
