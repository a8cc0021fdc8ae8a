//! Earlier photos that a new one is a copy of.
//!
//! Candidates share keys of places with the new photo (votes), or the hash of the whole frame, found by multi-index hashing
//! (Norouzi, Punjani & Fleet 2012): the 64-bit hash is cut into four words of 16 bits, each with its own table. Two hashes
//! within 11 bits agree in one of the words up to 2 bits, so looking up the 137 words within 2 bits in each table finds them
//! all. `likeness` decides which candidates are the same picture.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use shifu_domain::TicketId;

use super::fingerprint::{Fingerprint, FrameHash, Kept};
use super::impression::Impression;
use super::keypoint::{KEY_BITS, Keypoint};
use super::likeness::{Likeness, by_frame, by_places};
use super::records::Records;
use super::table::{Chunks, NONE, Table};

/// Who submitted a photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRef {
    /// The server's own name of the photo; inserting it again replaces it.
    pub photo_id: String,
    /// Its ticket; photos of one ticket are not duplicates of each other.
    pub ticket_id: TicketId,
}

/// An earlier photo that is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DuplicateMatch {
    /// The earlier photo.
    pub photo: PhotoRef,
    /// Correlation of what both show, 0..=1; 1 for the very same file.
    pub similarity: f64,
    /// Whether the files are equal byte for byte.
    pub same_file: bool,
    /// Whether one shows only part of the other.
    pub cropped: bool,
}

const WORDS: usize = 4;
const WORD_BITS: usize = 16;
/// Differing bits allowed in one word; 4 * (2 + 1) - 1 = 11 in the whole hash.
const COARSE_BITS: u32 = 11;
/// Differing bits of the frame's 256-bit hash and dHash up to which it is the same, where a fingerprint of version 1 holds no
/// picture. Chosen on 980 photos (479,710 pairs), where fewer than ten pairs of others passed.
const FINE_BITS: u32 = 56;
const STEPS_BITS: u32 = 14;
/// Places of a photo that are filed: the strongest.
const FILED: usize = 40;
/// Fewest keys that a candidate shares.
const LEAST_VOTES: u8 = 2;
/// Most candidates by votes that are compared.
const MOST_COMPARED: usize = 64;

/// All earlier photos: in memory about 200 bytes and two names each, most of it in the tables; the rest, 2 KB, stands in memory as
/// well or in a scratch file.
#[derive(Debug)]
pub struct PhotoIndex {
    entries: Chunks<Option<Entry>>,
    records: Records,
    /// Hash of a photo's name, and the entry.
    by_id: BTreeSet<(u64, u32)>,
    /// First bytes of a file's digest, and the entry.
    by_file: BTreeSet<(u64, u32)>,
    /// Entries by the words of the frame's hash.
    frames: [Table; WORDS],
    /// Slots (entry * FILED + place) by the key of the place.
    places: Table,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    photo: PhotoRef,
    /// First bytes of the file's digest.
    file: u64,
    /// The 64-bit hash of the frame, where the photo is telling.
    coarse: Option<u64>,
}

impl Default for PhotoIndex {
    fn default() -> Self {
        Self {
            records: Records::default(),
            entries: Chunks::default(),
            by_id: BTreeSet::new(),
            by_file: BTreeSet::new(),
            frames: std::array::from_fn(|_| Table::new(WORD_BITS)),
            places: Table::new(KEY_BITS),
            free: Vec::new(),
        }
    }
}

impl PhotoIndex {
    /// An empty index whose larger part stands in a scratch file in `directory`. The file has no name and ends with the process;
    /// what cannot be written to it stays in memory.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn in_directory(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            records: Records::in_directory(directory)?,
            ..Self::default()
        })
    }

    /// Photos in the index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds a photo; one with the same `photo_id` is replaced.
    pub fn insert(&mut self, mut photo: PhotoRef, fingerprint: &Fingerprint) {
        self.remove(&photo.photo_id);
        photo.photo_id.shrink_to_fit();
        let entry = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        let coarse = fingerprint.telling.then_some(fingerprint.frame.coarse);
        if let Some(coarse) = coarse {
            for (word, table) in self.frames.iter_mut().enumerate() {
                table.insert(word_of(coarse, word), entry);
            }
        }
        for (key, slot) in filed(fingerprint.kept.as_ref(), entry) {
            self.places.insert(key, slot);
        }
        self.records.put(entry, fingerprint);
        self.by_file.insert((fingerprint.file, entry));
        self.by_id.insert((hash_of(&photo.photo_id), entry));
        self.entries[entry as usize] = Some(Entry {
            photo,
            file: fingerprint.file,
            coarse,
        });
    }

    /// Removes a photo; whether it was there.
    pub fn remove(&mut self, photo_id: &str) -> bool {
        let Some((hash, entry)) = self.entry_of(photo_id) else {
            return false;
        };
        self.by_id.remove(&(hash, entry));
        let Some(removed) = self.entries[entry as usize].take() else {
            return false;
        };
        self.by_file.remove(&(removed.file, entry));
        if let Some(coarse) = removed.coarse {
            for (word, table) in self.frames.iter_mut().enumerate() {
                table.remove(word_of(coarse, word), entry);
            }
        }
        // An entry whose places are not known stays in the tables, empty, and is not used again.
        if let Some((_, kept)) = self.record(entry) {
            for (key, slot) in filed(kept.as_ref(), entry) {
                self.places.remove(key, slot);
            }
            self.free.push(entry);
        }
        self.records.forget(entry);
        true
    }

    fn entry_of(&self, photo_id: &str) -> Option<(u64, u32)> {
        let hash = hash_of(photo_id);
        let named = |entry: u32| {
            let photo = self.entries[entry as usize].as_ref();
            photo.is_some_and(|one| one.photo.photo_id == photo_id)
        };
        let same_hash = self.by_id.range((hash, 0)..=(hash, NONE));
        same_hash.copied().find(|&(_, entry)| named(entry))
    }

    /// Removes all photos of a ticket; how many there were. Linear in the size of the index.
    pub fn remove_ticket(&mut self, ticket_id: &TicketId) -> usize {
        let entries = self.entries.iter().flatten();
        let ids: Vec<String> = entries
            .filter(|entry| entry.photo.ticket_id == *ticket_id)
            .map(|entry| entry.photo.photo_id.clone())
            .collect();
        ids.iter().filter(|id| self.remove(id)).count()
    }

    /// Earlier photos of other tickets that the photo is a copy of, most similar first, at most ten.
    #[must_use]
    pub fn query(&self, photo: &Impression, ticket_id: &TicketId) -> Vec<DuplicateMatch> {
        let fingerprint = &photo.fingerprint;
        let other_ticket = |entry: &u32| {
            let stored = self.entries[*entry as usize].as_ref();
            stored.is_some_and(|stored| stored.photo.ticket_id != *ticket_id)
        };
        let mut found: BTreeMap<u32, (Likeness, bool)> = BTreeMap::new();
        let same_file = (fingerprint.file, 0)..=(fingerprint.file, NONE);
        for entry in self.by_file.range(same_file).map(|&(_, entry)| entry) {
            found.insert(entry, (Likeness::EQUAL, true));
        }
        let mut candidates = self.same_frame(fingerprint);
        candidates.extend(self.sharing_places(photo));
        for entry in candidates.into_iter().filter(other_ticket) {
            if !found.contains_key(&entry)
                && let Some(likeness) = self.likeness(photo, entry)
            {
                found.insert(entry, (likeness, false));
            }
        }
        let matches = found.into_iter().filter(|(entry, _)| other_ticket(entry));
        let mut matches: Vec<DuplicateMatch> = matches
            .filter_map(|(entry, (likeness, same_file))| {
                Some(DuplicateMatch {
                    photo: self.entries[entry as usize].as_ref()?.photo.clone(),
                    similarity: likeness.similarity,
                    same_file,
                    cropped: likeness.cropped,
                })
            })
            .collect();
        matches.sort_by(|a, b| {
            b.similarity
                .total_cmp(&a.similarity)
                .then_with(|| a.photo.photo_id.cmp(&b.photo.photo_id))
        });
        matches.truncate(10);
        matches
    }

    /// The entries that share most keys of places with the photo.
    fn sharing_places(&self, photo: &Impression) -> Vec<u32> {
        let mut votes = vec![0u8; self.entries.len()];
        for key in photo.sights.iter().flat_map(|sight| sight.keys) {
            for slot in self.places.of(key as usize) {
                let count = &mut votes[slot as usize / FILED];
                *count = count.saturating_add(1);
            }
        }
        // How many entries have each number of votes; from which number on at most MOST_COMPARED have it.
        let mut having = [0usize; 256];
        votes.iter().for_each(|count| having[usize::from(*count)] += 1);
        let mut least = u8::MAX;
        let mut total = having[usize::from(least)];
        while least > LEAST_VOTES && total + having[usize::from(least) - 1] <= MOST_COMPARED {
            least -= 1;
            total += having[usize::from(least)];
        }
        let entries = votes.iter().enumerate().filter(|(_, count)| **count >= least);
        entries
            .map(|(entry, _)| entry as u32)
            .take(MOST_COMPARED)
            .collect()
    }

    /// The entries whose frame has nearly the same 64-bit hash.
    fn same_frame(&self, fingerprint: &Fingerprint) -> BTreeSet<u32> {
        if !fingerprint.telling {
            return BTreeSet::new();
        }
        let hash = fingerprint.frame.coarse;
        let near = |entry: &u32| {
            let stored = self.entries[*entry as usize].as_ref().and_then(|one| one.coarse);
            stored.is_some_and(|coarse| (coarse ^ hash).count_ones() <= COARSE_BITS)
        };
        let mut entries: BTreeSet<u32> = BTreeSet::new();
        for (word, table) in self.frames.iter().enumerate() {
            for &flips in FLIPS.iter() {
                let value = word_of(hash, word) ^ usize::from(flips);
                entries.extend(table.of(value).filter(near));
            }
        }
        entries
    }

    fn record(&self, entry: u32) -> Option<(FrameHash, Option<Kept>)> {
        self.records
            .get(entry)
            .inspect_err(|error| tracing::error!(%error, "what is kept of an earlier photo cannot be read"))
            .ok()
    }

    fn likeness(&self, photo: &Impression, entry: u32) -> Option<Likeness> {
        let (frame, kept) = self.record(entry)?;
        let picture = photo.picture();
        let Some(kept) = kept else {
            return same_hashes(&photo.fingerprint, &frame);
        };
        let places: Vec<Keypoint> = kept.places.iter().map(|place| place.place()).collect();
        let by_places = by_places(&places, &kept.thumbnail, &picture);
        by_places.or_else(|| {
            let near = (frame.coarse ^ photo.fingerprint.frame.coarse).count_ones() <= COARSE_BITS;
            let told = near && photo.fingerprint.telling;
            told.then(|| by_frame(&kept.thumbnail, &picture)).flatten()
        })
    }
}

/// Whether the whole frames have the same hashes.
fn same_hashes(fingerprint: &Fingerprint, stored: &FrameHash) -> Option<Likeness> {
    let frame = &fingerprint.frame;
    let apart = frame.fine_distance(stored);
    let same = fingerprint.telling
        && (frame.coarse ^ stored.coarse).count_ones() <= COARSE_BITS
        && frame.steps_distance(stored) <= STEPS_BITS
        && apart <= FINE_BITS;
    same.then(|| Likeness {
        similarity: 1.0 - f64::from(apart) / 256.0,
        cropped: false,
    })
}

/// Keys and slots of the places that are filed.
fn filed(kept: Option<&Kept>, entry: u32) -> impl Iterator<Item = (usize, u32)> {
    let places = kept.into_iter().flat_map(|kept| kept.places.iter().take(FILED));
    let first = entry * FILED as u32;
    places
        .zip(first..)
        .map(|(place, slot)| (place.place().key() as usize, slot))
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn word_of(hash: u64, word: usize) -> usize {
    (hash >> (word * WORD_BITS)) as usize & 0xffff
}

/// The 137 words of 16 bits with at most two bits set.
static FLIPS: std::sync::LazyLock<Vec<u16>> =
    std::sync::LazyLock::new(|| (0..=u16::MAX).filter(|word| word.count_ones() <= 2).collect());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{from_fn, jpeg, noise, scene};
    use crate::{Limits, decode};
    use shifu_domain::Photo;

    fn reference(photo: usize, ticket: &str) -> PhotoRef {
        PhotoRef {
            photo_id: format!("p{photo}"),
            ticket_id: TicketId::new(ticket).unwrap(),
        }
    }

    fn resaved(photo: &Photo, quality: u8) -> Impression {
        let bytes = jpeg(photo, quality);
        Impression::of(&decode(&bytes, Limits::default()).unwrap().photo, &bytes)
    }

    /// Turned about its middle; the corners that come from outside are black.
    fn turned(photo: &Photo, degrees: f64) -> Photo {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        from_fn(photo.width(), photo.height(), |x, y| {
            let (u, v) = (f64::from(x) - width / 2.0, f64::from(y) - height / 2.0);
            let (u, v) = (cos * u + sin * v + width / 2.0, cos * v - sin * u + height / 2.0);
            let inside = (0.0..width).contains(&u) && (0.0..height).contains(&v);
            if inside {
                photo.pixel(u as u32, v as u32)
            } else {
                [0; 3]
            }
        })
    }

    /// Under a half transparent white band over the lower right: 30 % of the width, 20 % of the height.
    fn banded(photo: &Photo) -> Photo {
        let (width, height) = (photo.width(), photo.height());
        from_fn(width, height, |x, y| {
            let across = (width * 6 / 10..width * 9 / 10).contains(&x);
            let under = across && (height * 7 / 10..height * 9 / 10).contains(&y);
            let pixel = photo.pixel(x, y);
            if under { pixel.map(|v| v / 2 + 127) } else { pixel }
        })
    }

    #[test]
    fn a_version_1_fingerprint_is_found_by_its_frame() {
        let photo = resaved(&scene(320, 240, 7), 90);
        let mut index = PhotoIndex::default();
        let old = Fingerprint {
            kept: None,
            ..photo.fingerprint.clone()
        };
        index.insert(reference(7, "OLD"), &old);
        let new = TicketId::new("NEW").unwrap();
        assert_eq!(index.query(&resaved(&scene(320, 240, 7), 50), &new).len(), 1);
        assert_eq!(index.query(&resaved(&scene(320, 240, 8), 50), &new), []);
        assert!(index.remove("p7") && index.is_empty());
    }

    fn filled(photos: u64) -> PhotoIndex {
        let mut index = PhotoIndex::default();
        for i in 0..photos {
            index.insert(
                reference(i as usize, "OLD"),
                &resaved(&scene(320, 240, i), 90).fingerprint,
            );
        }
        index
    }

    #[test]
    fn an_edited_copy_is_found_and_nothing_else() {
        let index = filled(30);
        let new = TicketId::new("NEW").unwrap();
        let light = |factor: f64| move |p: [u8; 3]| p.map(|c| (f64::from(c) * factor).min(255.0) as u8);
        for i in 0..30u64 {
            let photo = scene(320, 240, i);
            let edits = [
                ("jpeg 50", resaved(&photo, 50)),
                (
                    "brighter",
                    resaved(&from_fn(320, 240, |x, y| light(1.2)(photo.pixel(x, y))), 80),
                ),
                (
                    "darker",
                    resaved(&from_fn(320, 240, |x, y| light(0.8)(photo.pixel(x, y))), 80),
                ),
                (
                    "crop 5 % a side",
                    resaved(&from_fn(288, 216, |x, y| photo.pixel(x + 16, y + 12)), 80),
                ),
                (
                    "an eighth cut off at the left, a tenth at the top",
                    resaved(&from_fn(280, 216, |x, y| photo.pixel(x + 40, y + 24)), 80),
                ),
                ("turned by 5 degrees", resaved(&turned(&photo, 5.0), 80)),
                ("under a band", resaved(&banded(&photo), 80)),
            ];
            for (edit, copy) in edits {
                let found = index.query(&copy, &new);
                assert_eq!(found.len(), 1, "{edit} of {i}: {found:?}");
                assert_eq!(found[0].photo.photo_id, format!("p{i}"), "{edit}");
                assert!(!found[0].same_file);
            }
        }
        for i in 30..60 {
            assert_eq!(
                index.query(&resaved(&scene(320, 240, i), 90), &new),
                [],
                "{i} is new"
            );
        }
    }

    #[test]
    fn photos_of_the_same_ticket_are_not_duplicates() {
        let index = filled(3);
        let again = resaved(&scene(320, 240, 1), 90);
        assert_eq!(index.query(&again, &TicketId::new("OLD").unwrap()), []);
        let found = index.query(&again, &TicketId::new("OTHER").unwrap());
        assert!(found[0].same_file && found[0].similarity == 1.0);
    }

    #[test]
    fn removed_photos_are_forgotten_and_their_place_is_used_again() {
        let mut index = filled(5);
        let other = TicketId::new("OTHER").unwrap();
        let third = resaved(&scene(320, 240, 3), 90);
        assert!(index.remove("p3") && !index.remove("p3"));
        assert_eq!((index.len(), index.query(&third, &other).len()), (4, 0));
        index.insert(reference(3, "OLD"), &third.fingerprint);
        index.insert(reference(3, "OLD"), &third.fingerprint);
        assert_eq!(
            (
                index.len(),
                index.query(&third, &other).len(),
                index.entries.len()
            ),
            (5, 1, 5)
        );
        assert_eq!(index.remove_ticket(&TicketId::new("OLD").unwrap()), 5);
        assert!(index.is_empty() && index.query(&third, &other).is_empty());
    }

    #[test]
    fn a_scratch_file_finds_the_same_as_memory_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let memory = filled(20);
        let mut file = PhotoIndex::in_directory(folder.path()).unwrap();
        for i in 0..20 {
            file.insert(
                reference(i as usize, "OLD"),
                &resaved(&scene(320, 240, i), 90).fingerprint,
            );
        }
        let new = TicketId::new("NEW").unwrap();
        for i in 0..25 {
            let copy = resaved(&scene(320, 240, i), 50);
            let found = file.query(&copy, &new);
            assert_eq!(found, memory.query(&copy, &new), "{i}");
            assert_eq!(found.len(), usize::from(i < 20), "{i}");
        }
        assert!(file.remove("p3"));
        file.insert(
            reference(30, "OLD"),
            &resaved(&scene(320, 240, 30), 90).fingerprint,
        );
        assert_eq!(file.query(&resaved(&scene(320, 240, 3), 50), &new), []);
        assert_eq!(file.query(&resaved(&scene(320, 240, 30), 50), &new).len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(PhotoIndex::in_directory(&folder.path().join("none")).is_err());
    }

    #[test]
    fn every_hash_within_eleven_bits_is_a_candidate() {
        for round in 0..200u64 {
            let hash = (noise(round) * u64::MAX as f64) as u64;
            let mut near = hash;
            for bit in 0..11 {
                near ^= 1 << (noise(round * 100 + bit) * 64.0) as u32;
            }
            let agrees =
                (0..WORDS).any(|word| FLIPS.contains(&((word_of(hash, word) ^ word_of(near, word)) as u16)));
            assert!(agrees, "{hash:x} {near:x}");
        }
        assert_eq!(FLIPS.len(), 1 + 16 + 120);
    }
}
