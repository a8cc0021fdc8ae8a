//! Has this photo been submitted before, for another ticket? Also after re-saving, a change of light, a crop, a turn or under
//! a watermark.
//!
//! [`Fingerprint`] is what is kept of a photo; [`PhotoIndex`] finds earlier ones that an [`Impression`] of a new photo is a
//! copy of. The server stores fingerprints and fills the index at start. Photos of the same ticket are never reported.
//!
//! | stage | module | what it decides |
//! | --- | --- | --- |
//! | pixels → places | `scale_space`, `keypoint` | blobs at all scales, each with 64 bits of what it looks like |
//! | places → candidates | `index` | stored photos that share keys of places, or the hash of the whole frame |
//! | candidates → copies | `alignment`, `thumbnail`, `likeness` | how one lies on the other, and whether the pictures agree then |

mod alignment;
mod fingerprint;
mod impression;
mod index;
mod keypoint;
mod likeness;
mod records;
mod scale_space;
mod table;
mod thumbnail;

pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use impression::Impression;
pub use index::{DuplicateMatch, PhotoIndex, PhotoRef};
