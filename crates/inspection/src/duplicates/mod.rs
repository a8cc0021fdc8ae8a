//! Has this photo been submitted before, for another ticket? Also after re-saving, a change of light, or a crop.
//!
//! [`Fingerprint`] is what is kept of a photo; [`PhotoIndex`] finds earlier fingerprints near a new one. The server stores
//! fingerprints and fills the index at start. Photos of the same ticket are never reported.

mod fingerprint;
mod hashes;
mod index;

pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use index::{DuplicateLimits, DuplicateMatch, PhotoIndex, PhotoRef};
