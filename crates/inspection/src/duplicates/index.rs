//! Earlier photos near a new one, by multi-index hashing (Norouzi, Punjani & Fleet 2012).
//!
//! The 64-bit hash is cut into four words of 16 bits, each with its own table. Two hashes within 11 bits agree in one of
//! the words up to 2 bits, so looking up the 137 words within 2 bits in each table finds them all. Candidates must then
//! agree in the 256-bit hash and the dHash of the same pair of areas.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::{Index, IndexMut};
use std::path::Path;

use serde::{Deserialize, Serialize};
use shifu_domain::TicketId;

use super::fingerprint::{AREAS, AreaHash, Fingerprint};
use super::hashes::Hashes;

/// Who submitted a photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRef {
    /// The server's own name of the photo; inserting it again replaces it.
    pub photo_id: String,
    /// Its ticket; photos of one ticket are not duplicates of each other.
    pub ticket_id: TicketId,
}

/// How near is the same.
///
/// The defaults were chosen with `--example duplicate_rates` on 980 photos (479,710 pairs), where they take fewer than
/// ten pairs of other names for the same (by their names mostly consecutive shots; not looked at) and find all copies
/// saved at quality 50, halved, or cropped along one of the stored areas; of a translucent watermark 0.75. A crop that
/// lies between the stored areas is often missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DuplicateLimits {
    /// Most differing bits of 256 in the DCT hash.
    pub fine_bits: u32,
    /// Most differing bits of 64 in the dHash.
    pub steps_bits: u32,
}

impl Default for DuplicateLimits {
    fn default() -> Self {
        Self {
            fine_bits: 56,
            steps_bits: 14,
        }
    }
}

/// An earlier photo that is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DuplicateMatch {
    /// The earlier photo.
    pub photo: PhotoRef,
    /// Share of the 256 bits that agree, 0..=1; 1 for the very same file.
    pub similarity: f64,
    /// Whether the files are equal byte for byte.
    pub same_file: bool,
    /// Whether one shows only part of the other.
    pub cropped: bool,
}

const WORDS: usize = 4;
const WORD_BITS: u32 = 16;
/// Differing bits allowed in one word; 4 * (2 + 1) - 1 = 11 in the whole hash.
const COARSE_BITS: u32 = 11;

/// All earlier photos: in memory about 350 bytes and two names each, most of it in the tables; the long hashes, 440 bytes, stand in
/// memory as well or in a scratch file.
#[derive(Debug)]
pub struct PhotoIndex {
    limits: DuplicateLimits,
    entries: Chunks<Option<Entry>>,
    hashes: Hashes,
    /// Hash of a photo's name, and the entry.
    by_id: BTreeSet<(u64, u32)>,
    /// First bytes of a file's digest, and the entry.
    by_file: BTreeSet<(u64, u32)>,
    tables: [Table; WORDS],
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    photo: PhotoRef,
    /// First bytes of the file's digest.
    file: u64,
    /// The 64-bit hash of each area, where the photo is telling.
    coarse: Option<[u64; AREAS.len()]>,
}

/// A list that grows in pieces: one that doubles in a long-lived process leaves a hole of its old size behind at each step.
#[derive(Debug)]
struct Chunks<T>(Vec<Vec<T>>);

const CHUNK: usize = 1024;

impl<T> Chunks<T> {
    fn len(&self) -> usize {
        self.0
            .last()
            .map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => {
                let mut last = Vec::with_capacity(CHUNK);
                last.push(value);
                self.0.push(last);
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;
    fn index(&self, at: usize) -> &T {
        &self.0[at / CHUNK][at % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.0[at / CHUNK][at % CHUNK]
    }
}

/// Slots (entry * areas + area) by the value of one word, chained through one array: a list of its own for each of the 65,536
/// values would cost eight times the memory while most hold one slot or two.
#[derive(Debug)]
struct Table {
    /// By value: the first slot of its chain.
    heads: Vec<u32>,
    /// By slot: the next slot of the same chain.
    next: Chunks<u32>,
}

/// Ends a chain.
const NONE: u32 = u32::MAX;

impl Table {
    fn new() -> Self {
        Self {
            heads: vec![NONE; 1 << WORD_BITS],
            next: Chunks(Vec::new()),
        }
    }

    fn insert(&mut self, value: usize, slot: u32) {
        let at = slot as usize;
        while self.next.len() <= at {
            self.next.push(NONE);
        }
        self.next[at] = std::mem::replace(&mut self.heads[value], slot);
    }

    fn remove(&mut self, value: usize, slot: u32) {
        let after = self.next[slot as usize];
        let mut at = self.heads[value];
        if at == slot {
            self.heads[value] = after;
            return;
        }
        while at != NONE {
            let next = self.next[at as usize];
            if next == slot {
                self.next[at as usize] = after;
                return;
            }
            at = next;
        }
    }

    fn of(&self, value: usize) -> impl Iterator<Item = u32> {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(some(self.heads[value]), move |slot| {
            some(self.next[*slot as usize])
        })
    }
}

impl Default for PhotoIndex {
    fn default() -> Self {
        Self::new(DuplicateLimits::default())
    }
}

impl PhotoIndex {
    /// An empty index, in memory.
    #[must_use]
    pub fn new(limits: DuplicateLimits) -> Self {
        Self {
            limits,
            hashes: Hashes::default(),
            entries: Chunks(Vec::new()),
            by_id: BTreeSet::new(),
            by_file: BTreeSet::new(),
            tables: std::array::from_fn(|_| Table::new()),
            free: Vec::new(),
        }
    }

    /// An empty index whose long hashes stand in a scratch file in `directory`. The file has no name and ends with the process; what
    /// cannot be written to it stays in memory.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn in_directory(limits: DuplicateLimits, directory: &Path) -> io::Result<Self> {
        Ok(Self {
            hashes: Hashes::in_directory(directory)?,
            ..Self::new(limits)
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
        let coarse = fingerprint
            .telling
            .then(|| fingerprint.areas.map(|area| area.coarse));
        if let Some(coarse) = &coarse {
            for (slot, hash) in slots(entry).zip(coarse.iter()) {
                for (word, table) in self.tables.iter_mut().enumerate() {
                    table.insert(word_of(*hash, word), slot);
                }
            }
            self.hashes.put(entry, fingerprint);
        }
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
        let hash = hash_of(photo_id);
        let named = |entry: &u32| {
            let photo = self.entries[*entry as usize].as_ref();
            photo.is_some_and(|one| one.photo.photo_id == photo_id)
        };
        let same_hash = self
            .by_id
            .range((hash, 0)..=(hash, NONE))
            .map(|&(_, entry)| entry);
        let Some(entry) = same_hash.into_iter().find(named) else {
            return false;
        };
        self.by_id.remove(&(hash, entry));
        let Some(removed) = self.entries[entry as usize].take() else {
            return false;
        };
        if let Some(coarse) = removed.coarse {
            for (slot, hash) in slots(entry).zip(coarse.iter()) {
                for (word, table) in self.tables.iter_mut().enumerate() {
                    table.remove(word_of(*hash, word), slot);
                }
            }
            self.hashes.forget(entry);
        }
        self.by_file.remove(&(removed.file, entry));
        self.free.push(entry);
        true
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

    /// Earlier photos of other tickets that are the same, most similar first, at most ten.
    #[must_use]
    pub fn query(&self, fingerprint: &Fingerprint, ticket_id: &TicketId) -> Vec<DuplicateMatch> {
        let mut best: BTreeMap<u32, DuplicateMatch> = BTreeMap::new();
        let same_file = (fingerprint.file, 0)..=(fingerprint.file, NONE);
        for &(_, entry) in self.by_file.range(same_file) {
            self.offer(&mut best, entry, ticket_id, 1.0, true, false);
        }
        if fingerprint.telling {
            for (area, hash) in fingerprint.areas.iter().enumerate() {
                self.near(area, hash, &mut |entry, similarity, cropped| {
                    self.offer(&mut best, entry, ticket_id, similarity, false, cropped);
                });
            }
        }
        let mut matches: Vec<DuplicateMatch> = best.into_values().collect();
        matches.sort_by(|a, b| {
            b.similarity
                .total_cmp(&a.similarity)
                .then_with(|| a.photo.photo_id.cmp(&b.photo.photo_id))
        });
        matches.truncate(10);
        matches
    }

    fn offer(
        &self,
        best: &mut BTreeMap<u32, DuplicateMatch>,
        entry: u32,
        ticket_id: &TicketId,
        similarity: f64,
        same_file: bool,
        cropped: bool,
    ) {
        let Some(Entry { photo, .. }) = &self.entries[entry as usize] else {
            return;
        };
        let known = best
            .get(&entry)
            .is_some_and(|known| known.same_file || known.similarity >= similarity);
        if photo.ticket_id != *ticket_id && !known {
            best.insert(
                entry,
                DuplicateMatch {
                    photo: photo.clone(),
                    similarity,
                    same_file,
                    cropped,
                },
            );
        }
    }

    /// Calls `found(entry, similarity, cropped)` for every stored area that is the same as `hash`. The whole new photo is
    /// compared with every stored area, a part of it only with whole stored photos.
    fn near(&self, area: usize, hash: &AreaHash, found: &mut dyn FnMut(u32, f64, bool)) {
        for (word, table) in self.tables.iter().enumerate() {
            let value = word_of(hash.coarse, word);
            for &flips in FLIPS.iter() {
                for slot in table.of(value ^ usize::from(flips)) {
                    let (entry, stored) = (slot / AREAS.len() as u32, slot as usize % AREAS.len());
                    if area != 0 && stored != 0 {
                        continue;
                    }
                    if let Some(distance) = self.same(hash, entry, stored) {
                        found(entry, 1.0 - f64::from(distance) / 256.0, area != stored);
                    }
                }
            }
        }
    }

    /// Bits of 256 by which a stored area differs, where it is the same.
    fn same(&self, hash: &AreaHash, entry: u32, area: usize) -> Option<u32> {
        let coarse = self.entries[entry as usize].as_ref()?.coarse.as_ref()?[area];
        if (hash.coarse ^ coarse).count_ones() > COARSE_BITS {
            return None;
        }
        let read = self.hashes.get(entry, area, coarse);
        let stored = read
            .inspect_err(|error| tracing::error!(%error, "the hashes of an earlier photo cannot be read"))
            .ok()?;
        if hash.steps_distance(&stored) > self.limits.steps_bits {
            return None;
        }
        Some(hash.fine_distance(&stored)).filter(|distance| *distance <= self.limits.fine_bits)
    }
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn slots(entry: u32) -> impl Iterator<Item = u32> {
    (0..AREAS.len() as u32).map(move |area| entry * AREAS.len() as u32 + area)
}

fn word_of(hash: u64, word: usize) -> usize {
    (hash >> (word as u32 * WORD_BITS)) as usize & 0xffff
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

    fn resaved(photo: &Photo, quality: u8) -> Fingerprint {
        let bytes = jpeg(photo, quality);
        Fingerprint::of(&decode(&bytes, Limits::default()).unwrap().photo, &bytes)
    }

    fn filled(photos: u64) -> PhotoIndex {
        let mut index = PhotoIndex::default();
        for i in 0..photos {
            index.insert(reference(i as usize, "OLD"), &resaved(&scene(320, 240, i), 90));
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
            ];
            for (edit, fingerprint) in edits {
                let found = index.query(&fingerprint, &new);
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
        index.insert(reference(3, "OLD"), &third);
        index.insert(reference(3, "OLD"), &third);
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
        let mut file = PhotoIndex::in_directory(DuplicateLimits::default(), folder.path()).unwrap();
        for i in 0..20 {
            file.insert(reference(i as usize, "OLD"), &resaved(&scene(320, 240, i), 90));
        }
        let new = TicketId::new("NEW").unwrap();
        for i in 0..25 {
            let copy = resaved(&scene(320, 240, i), 50);
            let found = file.query(&copy, &new);
            assert_eq!(found, memory.query(&copy, &new), "{i}");
            assert_eq!(found.len(), usize::from(i < 20), "{i}");
        }
        assert!(file.remove("p3"));
        file.insert(reference(30, "OLD"), &resaved(&scene(320, 240, 30), 90));
        assert_eq!(file.query(&resaved(&scene(320, 240, 3), 50), &new), []);
        assert_eq!(file.query(&resaved(&scene(320, 240, 30), 50), &new).len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(PhotoIndex::in_directory(DuplicateLimits::default(), &folder.path().join("none")).is_err());
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
