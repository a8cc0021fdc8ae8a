//! Parts by number (known ones in any spelling, unknown ones by the shape of the known) and by name.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};

use super::folded::{Folded, Run, fold_phrase, key};
use super::{LexiconEntries, Mention, MentionKind};
use crate::names::PartNumber;
use crate::text::Span;

/// A shape counts as learnt when this many known numbers have it.
const NUMBERS_PER_SHAPE: usize = 3;

/// Words for a place that people leave out or shorten before a part's name.
const PLACES: [(&str, &[&str]); 4] = [
    ("室内机", &["内机", "室内", ""]),
    ("室外机", &["外机", "室外", ""]),
    ("室内", &["内机", "室内机", ""]),
    ("室外", &["外机", "室外机", ""]),
];
/// What the same kind of part is called in another workshop.
const SYNONYMS: [(&str, &[&str]); 9] = [
    ("感温包", &["温度传感器", "感温头", "探头"]),
    ("主板", &["电路板", "电脑板", "控制板", "线路板", "板子"]),
    ("风机", &["风扇电机", "电机", "马达"]),
    ("接水盘", &["水盘"]),
    ("排水软管", &["排水管"]),
    ("遥控器", &["遥控"]),
    ("过滤网", &["滤网"]),
    ("制冷剂", &["冷媒", "雪种", "氟利昂"]),
    ("过滤器", &["滤芯"]),
];

pub(super) struct Parts {
    by_key: BTreeMap<String, PartNumber>,
    shapes: BTreeMap<String, Shape>,
    names: Option<AhoCorasick>,
    named: Vec<Vec<PartNumber>>,
}

/// What the known numbers of one pattern of separators and classes have in common.
#[derive(Default)]
struct Shape {
    numbers: usize,
    heads: BTreeSet<String>,
    lengths: Vec<(usize, usize)>,
}

impl Parts {
    pub(super) fn new(entries: &LexiconEntries) -> Self {
        let mut by_key = BTreeMap::new();
        let mut shapes = BTreeMap::<String, Shape>::new();
        let mut aliases = BTreeMap::<String, BTreeSet<PartNumber>>::new();
        for (part, name) in &entries.parts {
            by_key.insert(key(part.as_str()), part.clone());
            learn(&mut shapes, part.as_str());
            for alias in aliases_of(name) {
                aliases.entry(alias).or_default().insert(part.clone());
            }
        }
        shapes.retain(|pattern, shape| shape.numbers >= NUMBERS_PER_SHAPE && pattern.len() > 1);
        let names = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(aliases.keys())
            .ok();
        let named = aliases
            .into_values()
            .map(|parts| parts.into_iter().collect())
            .collect();
        Self {
            by_key,
            shapes,
            names,
            named,
        }
    }

    /// The known part whose letters and digits are `key`.
    pub(super) fn exact(&self, key: &str, span: Span) -> Option<Mention> {
        let part = self.by_key.get(key)?.clone();
        Some(Mention {
            span,
            kind: MentionKind::Part { part, known: true },
        })
    }

    /// A run of the shape of known numbers that is none of them.
    pub(super) fn unknown(&self, text: &Folded, run: Run) -> Option<Mention> {
        let written = text.upper_of(run.start, run.end);
        let segments = segments_of(&written);
        let shape = self.shapes.get(&pattern_of(&written))?;
        let head_known = shape.heads.contains(segments.first()?.as_str());
        let lengths_fit = segments
            .iter()
            .zip(&shape.lengths)
            .all(|(s, &(least, most))| (least..=most).contains(&s.len()));
        if !head_known || !lengths_fit {
            return None;
        }
        let part = PartNumber::new(&written).ok()?;
        Some(Mention {
            span: Span {
                start: run.start,
                end: run.end,
            },
            kind: MentionKind::Part { part, known: false },
        })
    }

    /// Parts by name: leftmost, longest.
    pub(super) fn names(&self, text: &Folded) -> Vec<Mention> {
        let Some(names) = &self.names else {
            return Vec::new();
        };
        names
            .find_iter(&text.upper)
            .map(|found| (text.span(found.start(), found.end()), found.pattern().as_usize()))
            .filter(|(span, _)| text.is_whole_word(*span))
            .map(|(span, pattern)| Mention {
                span,
                kind: MentionKind::PartName {
                    parts: self.named[pattern].clone(),
                },
            })
            .collect()
    }
}

fn learn(shapes: &mut BTreeMap<String, Shape>, number: &str) {
    let shape = shapes.entry(pattern_of(number)).or_default();
    let segments = segments_of(number);
    if let Some(head) = segments.first() {
        shape.heads.insert(head.clone());
    }
    for (place, segment) in segments.iter().enumerate() {
        match shape.lengths.get_mut(place) {
            Some((least, most)) => {
                (*least, *most) = ((*least).min(segment.len()), (*most).max(segment.len()))
            }
            None => shape.lengths.push((segment.len(), segment.len())),
        }
    }
    shape.numbers += 1;
}

/// Runs of letters or of digits.
fn segments_of(number: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in number.chars() {
        let class = class_of(c);
        if class == last && matches!(class, 'A' | '9') {
            if let Some(segment) = segments.last_mut() {
                segment.push(c);
            }
        } else if matches!(class, 'A' | '9') {
            segments.push(c.to_string());
        }
        last = class;
    }
    segments
}

/// `AC-PCB-201` → `A-A-9`.
fn pattern_of(number: &str) -> String {
    let mut pattern = String::new();
    for class in number.chars().map(class_of) {
        if !(matches!(class, 'A' | '9') && pattern.ends_with(class)) {
            pattern.push(class);
        }
    }
    pattern
}

fn class_of(c: char) -> char {
    match c {
        c if c.is_ascii_alphabetic() => 'A',
        c if c.is_ascii_digit() => '9',
        c => c,
    }
}

/// What people call a part: its name without sizes and brackets, without the place, with its synonyms.
fn aliases_of(name: &str) -> BTreeSet<String> {
    let folded = fold_phrase(name);
    let bare = folded.split('(').next().unwrap_or("").trim().to_owned();
    let words: Vec<&str> = bare.split_whitespace().collect();
    // Sizes stand after the name ("电容 2.0 μF/450 V"), a refrigerant's number before it ("R32 制冷剂 1 kg").
    let sized = |word: &&&str| word.chars().any(|c| c.is_ascii_digit());
    let spoken: Vec<&str> = words
        .iter()
        .skip_while(sized)
        .take_while(|word| !sized(word))
        .copied()
        .collect();
    let spoken = spoken.join(" ");
    let mut aliases: BTreeSet<String> = [folded.clone(), bare, spoken.clone()].into_iter().collect();
    aliases.insert(spoken.replace(' ', ""));
    for (place, others) in PLACES {
        if let Some(rest) = spoken.strip_prefix(place) {
            aliases.extend(others.iter().map(|other| format!("{other}{rest}")));
            break;
        }
    }
    for (term, others) in SYNONYMS {
        let with_term: Vec<String> = aliases
            .iter()
            .filter(|alias| alias.ends_with(term))
            .cloned()
            .collect();
        for alias in with_term {
            aliases.extend(others.iter().map(|other| alias.replace(term, other)));
        }
    }
    aliases.retain(|alias| alias.chars().count() >= 2 && alias.chars().any(char::is_alphabetic));
    aliases
}
