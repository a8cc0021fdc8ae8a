//! Appliance models: known ones in any spelling, the parts of them that people say ("KFR-35", "35GW", "35机"), and strings
//! that look like a model of another maker.

use std::collections::BTreeMap;

use super::folded::{Folded, Run, key};
use super::{LexiconEntries, Mention, MentionKind};
use crate::names::ModelNumber;
use crate::text::Span;

/// Standards and interfaces that look like models.
const NOT_MODELS: [&str; 18] = [
    "GB", "ISO", "IEC", "EN", "UL", "QB", "JB", "DB", "HG", "CCC", "RS", "USB", "WIFI", "IP", "IPX", "HTTP",
    "COVID", "PM",
];

pub(super) struct Models {
    known: Vec<ModelNumber>,
    /// Key of a whole model → its places in `known`.
    whole: BTreeMap<String, Vec<usize>>,
    /// Key of a piece between two boundaries of a model → the models that hold it.
    pieces: BTreeMap<String, Vec<usize>>,
    /// Letters that known models begin with.
    heads: Vec<String>,
}

impl Models {
    pub(super) fn new(entries: &LexiconEntries) -> Self {
        let mut known = entries.models.clone();
        known.sort();
        known.dedup();
        let (mut whole, mut pieces) = (
            BTreeMap::<String, Vec<usize>>::new(),
            BTreeMap::<String, Vec<usize>>::new(),
        );
        let mut heads = Vec::new();
        for (place, model) in known.iter().enumerate() {
            whole.entry(key(model.as_str())).or_default().push(place);
            for piece in pieces_of(model.as_str()) {
                let models = pieces.entry(piece).or_default();
                if models.last() != Some(&place) {
                    models.push(place);
                }
            }
            let head: String = model
                .as_str()
                .chars()
                .take_while(char::is_ascii_alphabetic)
                .collect();
            if head.len() >= 2 && !heads.contains(&head) {
                heads.push(head);
            }
        }
        Self {
            known,
            whole,
            pieces,
            heads,
        }
    }

    /// The known model whose letters and digits are `key`.
    pub(super) fn exact(&self, key: &str, span: Span) -> Option<Mention> {
        let candidates = self.named(self.whole.get(key)?);
        let model = candidates.first()?.clone();
        Some(Mention {
            span,
            kind: MentionKind::Model { model, candidates },
        })
    }

    /// A run that is a piece of known models: "KFR-35", "35GW", "QH1".
    pub(super) fn piece(&self, text: &Folded, run: Run) -> Option<Mention> {
        let written = text.upper_of(run.start, run.end);
        let key = key(&written);
        let both = key.bytes().any(|b| b.is_ascii_digit()) && key.bytes().any(|b| b.is_ascii_alphabetic());
        if !both || key.len() < 3 {
            return None;
        }
        mention(&written, run, self.named(self.pieces.get(&key)?))
    }

    /// "35机", "35的机器": a size that known models carry, said before the word for the machine.
    pub(super) fn size(&self, text: &Folded, run: Run) -> Option<Mention> {
        let written = text.upper_of(run.start, run.end);
        if !(2..=4).contains(&written.len()) || !written.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let after = text.after(run.end, 4);
        let before = text.before(run.start, 4);
        let pointed_at = after.starts_with('的')
            && ["台", "那个", "这个", "挂机", "柜机"]
                .iter()
                .any(|word| before.contains(word));
        let machine = pointed_at
            || ["机", "的机", "挂机", "柜机", "型"]
                .iter()
                .any(|word| after.starts_with(word));
        if !machine {
            return None;
        }
        mention(&written, run, self.named(self.pieces.get(&written)?))
    }

    /// A run that looks like a model no lexicon knows.
    pub(super) fn unknown(&self, text: &Folded, run: Run) -> Option<Mention> {
        let written = text.upper_of(run.start, run.end);
        if !self.looks_like_model(&written) {
            return None;
        }
        mention(&written, run, Vec::new())
    }

    fn looks_like_model(&self, written: &str) -> bool {
        let head: String = written.chars().take_while(char::is_ascii_alphabetic).collect();
        let digits = written.bytes().filter(u8::is_ascii_digit).count();
        let rest = &written[head.len()..];
        let digit_next = rest
            .trim_start_matches(['-', '/'])
            .starts_with(|c: char| c.is_ascii_digit());
        if head.is_empty()
            || NOT_MODELS.contains(&head.as_str())
            || digits < 2
            || !digit_next
            || written.contains('_')
        {
            return false;
        }
        let same_maker = self.heads.contains(&head) && key(written).len() >= 5;
        let joined =
            written.contains(['-', '/']) && key(written).len() >= 6 && head.len() >= 2 && head.len() <= 6;
        (same_maker || joined) && written.len() <= 32 && !written.contains("//")
    }

    fn named(&self, places: &[usize]) -> Vec<ModelNumber> {
        places.iter().map(|&place| self.known[place].clone()).collect()
    }
}

/// A model as written, and the known models that it may be.
fn mention(written: &str, run: Run, candidates: Vec<ModelNumber>) -> Option<Mention> {
    Some(Mention {
        span: Span {
            start: run.start,
            end: run.end,
        },
        kind: MentionKind::Model {
            model: ModelNumber::new(written).ok()?,
            candidates,
        },
    })
}

/// Keys of all stretches of a model between two boundaries (a separator, or letters beside digits).
fn pieces_of(model: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    let mut last = None;
    for c in model.chars() {
        let class = if c.is_ascii_digit() {
            Some(0)
        } else {
            c.is_ascii_alphabetic().then_some(1)
        };
        if class.is_some() && class == last {
            if let Some(segment) = segments.last_mut() {
                segment.push(c);
            }
        } else if class.is_some() {
            segments.push(c.to_string());
        }
        last = class;
    }
    // More than twelve boundaries are no model; the bound keeps the index small.
    segments.truncate(12);
    let mut pieces = Vec::new();
    for from in 0..segments.len() {
        for to in from + 1..=segments.len() {
            pieces.push(segments[from..to].concat());
        }
    }
    pieces
}
