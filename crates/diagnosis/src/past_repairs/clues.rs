//! What speaks for each candidate part of a ticket, as numbers that the weights multiply.

use std::collections::{BTreeMap, BTreeSet};

use super::neighbours::Neighbour;
use super::words::words;

/// Number of clues of a candidate.
pub(super) const CLUES: usize = 13;

/// The clues of one candidate, in the order of [`STARTING_WEIGHTS`].
pub(super) type Clues = [f64; CLUES];

/// Weights before anything is learnt, near those that 3,000 repairs of another trade gave; the order names the clues.
pub(super) const STARTING_WEIGHTS: Clues = [
    0.25, // ln chance by the linear model over parts
    0.35, // ln share among the near repairs
    0.15, // ln share among the nearest
    0.15, // ln share among all repairs
    1.0,  // share of the words of the part's name that the text has
    0.2,  // words of the name where the text has it whole
    0.2,  // ln how often a name before that next word was the part used
    -0.4, // 1 where the name is only a piece of a longer part name in the text
    0.25, // mean over the name's words of ln chance by the linear model over words
    0.15, // lowest of the same
    8.0,  // 1 for "another part"
    0.0,  // for "another part": ln chance of the linear model's best
    0.0,  // for "another part": ln share of the near repairs' best
];

/// Chance at which a clue begins to speak: below it is no evidence, 0, as for "another part".
const FLOOR: f64 = 1e-4;
/// The same for shares among a few dozen neighbours, and for words.
const COARSE_FLOOR: f64 = 1e-2;
const WORD_FLOOR: f64 = 1e-3;

/// Softness of the neighbours' votes, as a share of the best score: e-fold per 30 % below the best, and per 5 %.
const NEAR: f64 = 0.3;
const NEAREST: f64 = 0.05;

/// What the models and the index say of one text.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    pub(super) text: &'a [String],
    pub(super) part_chances: Vec<f32>,
    pub(super) word_chances: Vec<f32>,
    pub(super) near: BTreeMap<usize, f64>,
    pub(super) nearest: BTreeMap<usize, f64>,
    pub(super) named: Vec<Named>,
}

/// A part name that occurs in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) name: String,
    /// First word, and the word after the last.
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Named {
    /// The word after the name; `$` at the end.
    pub(super) fn next<'a>(&self, text: &'a [String]) -> &'a str {
        text.get(self.to).map_or("$", String::as_str)
    }

    fn within(&self, other: &Named) -> bool {
        other.from <= self.from && self.to <= other.to && other.to - other.from > self.to - self.from
    }
}

/// What the clues need to know of one part.
#[derive(Debug)]
pub(super) struct PartFacts<'a> {
    pub(super) part: usize,
    /// Words of its name, joined by a space.
    pub(super) name: &'a str,
    /// Ids of the name's words in the linear model over words; `None` for words newer than the model.
    pub(super) word_ids: Vec<Option<usize>>,
    /// Share of the repairs that used it.
    pub(super) share: f64,
}

impl Findings<'_> {
    /// The clues for a part; `after` gives, for the word after a name, ln how often the named part was used.
    pub(super) fn clues(&self, part: &PartFacts<'_>, after: impl Fn(&str) -> f64) -> Clues {
        let name: Vec<&str> = part.name.split(' ').collect();
        let there = name
            .iter()
            .filter(|word| self.text.iter().any(|other| other == *word))
            .count();
        let whole = self.named.iter().find(|named| named.name == part.name);
        let (mean, lowest) = self.name_chances(&part.word_ids);
        let chance = self.part_chances.get(part.part).copied().unwrap_or(0.0);
        [
            above(f64::from(chance), FLOOR),
            above(share(&self.near, part.part), COARSE_FLOOR),
            above(share(&self.nearest, part.part), COARSE_FLOOR),
            above(part.share, FLOOR),
            there as f64 / name.len() as f64,
            whole.map_or(0.0, |named| (named.to - named.from) as f64),
            whole.map_or(0.0, |named| after(named.next(self.text))),
            whole.map_or(0.0, |whole| {
                f64::from(u8::from(self.named.iter().any(|other| whole.within(other))))
            }),
            mean,
            lowest,
            0.0,
            0.0,
            0.0,
        ]
    }

    /// The clues of the candidate that stands for every other part.
    pub(super) fn another_part(&self) -> Clues {
        let mut clues = [0.0; CLUES];
        let likeliest = self.part_chances.iter().copied().fold(0.0, f32::max);
        clues[10] = 1.0;
        clues[11] = above(f64::from(likeliest), FLOOR);
        clues[12] = above(self.near.values().copied().fold(0.0, f64::max), COARSE_FLOOR);
        clues
    }

    fn name_chances(&self, word_ids: &[Option<usize>]) -> (f64, f64) {
        let chances = word_ids.iter().map(|id| {
            let chance = id
                .and_then(|id| self.word_chances.get(id))
                .copied()
                .unwrap_or(0.0);
            above(f64::from(chance), WORD_FLOOR)
        });
        let lowest = chances.clone().reduce(f64::min).unwrap_or(0.0);
        (chances.sum::<f64>() / word_ids.len().max(1) as f64, lowest)
    }
}

/// The share of each part among the neighbours' votes, near and nearest; a neighbour's vote is shared by its parts.
pub(super) fn votes<'a>(
    neighbours: &[Neighbour],
    parts_of: impl Fn(usize) -> &'a [usize],
) -> (BTreeMap<usize, f64>, BTreeMap<usize, f64>) {
    let cast = |softness: f64| {
        let mut votes = BTreeMap::new();
        let best = neighbours.first().map_or(1.0, |neighbour| neighbour.score);
        let loudness = |neighbour: &Neighbour| ((neighbour.score / best - 1.0) / softness).exp();
        let whole: f64 = neighbours.iter().map(loudness).sum();
        for neighbour in neighbours {
            let parts = parts_of(neighbour.repair);
            for &part in parts {
                *votes.entry(part).or_insert(0.0) += loudness(neighbour) / whole / parts.len() as f64;
            }
        }
        votes
    };
    (cast(NEAR), cast(NEAREST))
}

/// ln of a chance over its floor: 0 where it is 0, so that more of it never speaks for "another part".
fn above(chance: f64, floor: f64) -> f64 {
    (chance / floor).ln_1p()
}

fn share(votes: &BTreeMap<usize, f64>, part: usize) -> f64 {
    votes.get(&part).copied().unwrap_or(0.0)
}

/// The `names` that occur in `text`; names of more than `longest` words are not looked for.
pub(super) fn named(text: &[String], longest: usize, is_name: impl Fn(&str) -> bool) -> Vec<Named> {
    let mut found = Vec::new();
    for from in 0..text.len() {
        for to in from + 1..=text.len().min(from + longest) {
            let name = text[from..to].join(" ");
            if is_name(&name) {
                found.push(Named { name, from, to });
            }
        }
    }
    found
}

/// A part's name as the clues compare it.
pub(super) fn normal_name(name: &str) -> String {
    words(name).join(" ")
}

/// The `count` classes with the highest chance; ties in favour of the lower number.
pub(super) fn likeliest(chances: &[f32], count: usize) -> BTreeSet<usize> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[b].total_cmp(&chances[a]).then(a.cmp(&b)));
    order.truncate(count);
    order.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_shared_by_the_parts_of_a_repair() {
        let neighbours = [
            Neighbour {
                repair: 0,
                score: 2.0,
            },
            Neighbour {
                repair: 1,
                score: 2.0,
            },
        ];
        let parts: [&[usize]; 2] = [&[0], &[0, 1]];
        let (near, nearest) = votes(&neighbours, |repair| parts[repair]);
        // Two equal votes: ½ + ¼ and ¼.
        assert_eq!(near, BTreeMap::from([(0, 0.75), (1, 0.25)]));
        assert_eq!(near, nearest);
    }

    #[test]
    fn a_name_inside_a_longer_one_is_told_apart() {
        let text = words("Intake gasket leaks");
        let found = named(&text, 4, |name| ["gasket", "intake gasket"].contains(&name));
        assert_eq!(found.len(), 2);
        let findings = Findings {
            text: &text,
            named: found,
            ..Findings::default()
        };
        let clues = |name| {
            let facts = PartFacts {
                part: 0,
                name,
                word_ids: vec![],
                share: 0.0,
            };
            findings.clues(&facts, |next| if next == "leak" { -1.0 } else { 0.0 })
        };
        assert_eq!(clues("intake gasket")[4..8], [1.0, 2.0, -1.0, 0.0]);
        assert_eq!(clues("gasket")[4..8], [1.0, 1.0, -1.0, 1.0]);
        assert_eq!(clues("drain pump")[..8], [0.0; 8]);
    }
}
