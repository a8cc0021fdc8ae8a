//! From a ticket's text to the parts that past repairs of such tickets needed: the answer where no fault tree exists, and one
//! more voice where one does.
//!
//! Comes in: closed repairs (text, parts used) and the text of an open ticket. Goes out: parts with calibrated chances and the
//! tickets that speak for them. Two linear models (over parts and over the words of part names), the nearest past repairs and
//! the part names that the text itself has give a few clues for each candidate; a conditional logit weighs them. An added
//! repair counts among the neighbours, the shares and the names at once; the linear models are renewed by
//! [`PastRepairs::refit`], which a caller runs in the background.

mod clues;
mod linear;
mod neighbours;
mod weights;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clues::{Clues, Findings, Named, PartFacts, STARTING_WEIGHTS, likeliest, named, normal_name, votes};
use linear::{Example, LinearModel, TextVector, Vocabulary};
use neighbours::Neighbours;
use weights::{Choice, Weights};

/// Neighbours that vote.
const NEIGHBOURS: usize = 50;
/// Parts taken as candidates for their chance by the linear model alone.
const LIKELIEST: usize = 30;
/// Longest part name, in words, that is looked for in a text.
const MAX_NAME_WORDS: usize = 6;
/// Tickets named for a part.
const SIMILAR: usize = 5;
/// Repairs to train on in all to learn the weights: it bounds how many folds are held out in turn. The more folds, the nearer
/// are the models that learn without one of them to those that predict.
const TRAINED_ON: usize = 8_000;
const FEWEST_FOLDS: usize = 3;
const MOST_FOLDS: usize = 8;
/// The newest repairs, held out once where there are more than twice as many.
const NEWEST: usize = 5_000;

/// A closed repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRepair {
    /// Ticket, as it is named to the reader of a prediction.
    pub ticket: String,
    /// What was known before the visit: the customer's words, fault code, model.
    pub text: String,
    /// Parts used, by number or name; a repair without parts is kept but votes for nothing.
    pub parts: Vec<String>,
}

/// A part that may be needed.
#[derive(Debug, Clone, PartialEq)]
pub struct PartChance {
    /// The part, as the repairs name it.
    pub part: String,
    /// Chance in 0..=1 that this is the part used. Chances sum to at most 1; the rest is for parts not listed.
    pub probability: f64,
    /// Up to five of the nearest tickets that used it, nearest first.
    pub similar: Vec<String>,
}

/// Everything learnt from past repairs.
#[derive(Debug, Clone)]
pub struct PastRepairs {
    names: BTreeMap<String, String>,
    repairs: Vec<Known>,
    neighbours: Neighbours,
    parts: Vec<KnownPart>,
    part_ids: HashMap<String, usize>,
    parts_by_name: HashMap<String, Vec<usize>>,
    after: HashMap<String, Tally>,
    any_name: Tally,
    models: Models,
    weights: Weights,
}

#[derive(Debug, Clone)]
struct Known {
    ticket: String,
    words: Vec<String>,
    parts: Vec<usize>,
}

#[derive(Debug, Clone)]
struct KnownPart {
    part: String,
    name: String,
    used: usize,
}

/// How often a part named in a text was the part used.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    named: f64,
    used: f64,
}

impl Tally {
    fn count(&mut self, used: bool, times: f64) {
        self.named += times;
        self.used += times * f64::from(u8::from(used));
    }
}

/// The two linear models.
#[derive(Debug, Clone, Default)]
struct Models {
    vocabulary: Vocabulary,
    over_parts: LinearModel,
    over_words: LinearModel,
    word_ids: HashMap<String, usize>,
}

impl PastRepairs {
    /// Learns from `repairs`. `names` gives the name of a part where repairs have its number; other parts are their own name.
    /// Takes as long as [`PastRepairs::refit`].
    #[must_use]
    pub fn fit(repairs: impl IntoIterator<Item = PastRepair>, names: BTreeMap<String, String>) -> Self {
        let mut learnt = Self {
            names,
            repairs: Vec::new(),
            neighbours: Neighbours::default(),
            parts: Vec::new(),
            part_ids: HashMap::new(),
            parts_by_name: HashMap::new(),
            after: HashMap::new(),
            any_name: Tally::default(),
            models: Models::default(),
            weights: Weights::new(STARTING_WEIGHTS),
        };
        for repair in repairs {
            let known = learnt.known(repair);
            learnt.repairs.push(known);
        }
        for at in 0..learnt.repairs.len() {
            learnt.count(at);
        }
        learnt.refit();
        learnt
    }

    /// Adds a repair; the next prediction counts it.
    pub fn add(&mut self, repair: PastRepair) {
        let known = self.known(repair);
        self.repairs.push(known);
        self.count(self.repairs.len() - 1);
    }

    /// Number of repairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.repairs.len()
    }

    /// Whether there is no repair yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repairs.is_empty()
    }

    /// Trains the linear models and the weights anew on all repairs. The same repairs in the same order give the same result.
    pub fn refit(&mut self) {
        let choices: Vec<Choice> = held_out(self.repairs.len())
            .iter()
            .flat_map(|fold| self.choices(fold))
            .collect();
        self.weights = Weights::new(STARTING_WEIGHTS).learn(&choices);
        self.models = self.train(|_| true);
    }

    /// The parts that `text` speaks for, likeliest first; none where nothing is known of any of them.
    #[must_use]
    pub fn predict(&self, text: &str) -> Vec<PartChance> {
        let words = words::words(text);
        let neighbours = self.neighbours.nearest(&words, NEIGHBOURS, None);
        let findings = self.findings(&words, &self.models, None);
        let (parts, clues) = self.candidates(&findings, None);
        let chances = self.weights.chances(&clues);
        let mut found: Vec<PartChance> = parts
            .iter()
            .zip(chances)
            .map(|(&part, probability)| {
                let tickets = neighbours.iter().map(|neighbour| &self.repairs[neighbour.repair]);
                let similar = tickets.filter(|repair| repair.parts.contains(&part));
                PartChance {
                    part: self.parts[part].part.clone(),
                    probability,
                    similar: similar
                        .take(SIMILAR)
                        .map(|repair| repair.ticket.clone())
                        .collect(),
                }
            })
            .collect();
        found.sort_by(|a, b| {
            b.probability
                .total_cmp(&a.probability)
                .then_with(|| a.part.cmp(&b.part))
        });
        found
    }

    fn known(&mut self, repair: PastRepair) -> Known {
        let parts: BTreeSet<usize> = repair.parts.iter().map(|part| self.part_id(part)).collect();
        Known {
            ticket: repair.ticket,
            words: words::words(&repair.text),
            parts: parts.into_iter().collect(),
        }
    }

    fn part_id(&mut self, part: &str) -> usize {
        if let Some(&id) = self.part_ids.get(part) {
            return id;
        }
        let id = self.parts.len();
        let name = normal_name(self.names.get(part).map_or(part, String::as_str));
        self.parts_by_name.entry(name.clone()).or_default().push(id);
        self.part_ids.insert(part.to_owned(), id);
        self.parts.push(KnownPart {
            part: part.to_owned(),
            name,
            used: 0,
        });
        id
    }

    /// Counts repair `at` in everything that learns at once.
    fn count(&mut self, at: usize) {
        let repair = self.repairs[at].clone();
        self.neighbours.add(&repair.words);
        for &part in &repair.parts {
            self.parts[part].used += 1;
        }
        for (next, used) in self.namings(&repair) {
            self.after.entry(next).or_default().count(used, 1.0);
            self.any_name.count(used, 1.0);
        }
    }

    /// For each part name in a repair's text the word after it, and whether that part was used.
    fn namings(&self, repair: &Known) -> Vec<(String, bool)> {
        let used = |name: &Named| {
            repair
                .parts
                .iter()
                .any(|&part| self.parts[part].name == name.name)
        };
        self.named(&repair.words)
            .iter()
            .map(|name| (name.next(&repair.words).to_owned(), used(name)))
            .collect()
    }

    fn named(&self, text: &[String]) -> Vec<Named> {
        named(text, MAX_NAME_WORDS, |name| self.parts_by_name.contains_key(name))
    }

    fn findings<'a>(&self, text: &'a [String], models: &Models, without: Option<usize>) -> Findings<'a> {
        let neighbours = self.neighbours.nearest(text, NEIGHBOURS, without);
        let (near, nearest) = votes(&neighbours, |repair| &self.repairs[repair].parts);
        let vector = models.vocabulary.vector(text);
        Findings {
            text,
            part_chances: models.over_parts.chances(&vector),
            word_chances: models.over_words.chances(&vector),
            near,
            nearest,
            named: self.named(text),
        }
    }

    /// The candidates and their clues, one more than the candidates: the last stands for every other part.
    fn candidates(&self, findings: &Findings<'_>, without: Option<usize>) -> (Vec<usize>, Vec<Clues>) {
        let own = without.map(|at| &self.repairs[at]);
        let mut parts = likeliest(&findings.part_chances, LIKELIEST);
        parts.extend(findings.near.keys());
        for name in &findings.named {
            parts.extend(self.parts_by_name.get(&name.name).into_iter().flatten());
        }
        let own_namings = own.map(|own| self.namings(own)).unwrap_or_default();
        let mut kept = Vec::new();
        let mut clues = Vec::new();
        for part in parts {
            let counted = own.is_some_and(|own| own.parts.contains(&part));
            if self.parts[part].used > usize::from(counted) {
                let facts = self.facts(part);
                clues.push(findings.clues(&facts, |next| self.used_before(next, &own_namings)));
                kept.push(part);
            }
        }
        clues.push(findings.another_part());
        (kept, clues)
    }

    /// The share is of all repairs, also where one is held out: less by that one, it would tell which part the one used, and
    /// the weights would learn to prefer rarer parts.
    fn facts(&self, part: usize) -> PartFacts<'_> {
        let share = self.parts[part].used as f64 / self.repairs.len().max(1) as f64;
        let name = self.parts[part].name.as_str();
        let word_ids = name
            .split(' ')
            .map(|word| self.models.word_ids.get(word).copied())
            .collect();
        PartFacts {
            part,
            name,
            word_ids,
            share,
        }
    }

    /// ln how much oftener than usual a part named before the word `next` was used, without the namings in `own`.
    fn used_before(&self, next: &str, own: &[(String, bool)]) -> f64 {
        let usual = (self.any_name.used + 1.0) / (self.any_name.named + 2.0);
        let mut tally = self.after.get(next).copied().unwrap_or_default();
        for (_, used) in own.iter().filter(|(other, _)| other == next) {
            tally.count(*used, -1.0);
        }
        ((tally.used + 2.0 * usual) / (tally.named + 2.0) / usual).ln()
    }

    /// What each repair of `fold` teaches the weights, by models that never saw the fold.
    fn choices(&mut self, fold: &BTreeSet<usize>) -> Vec<Choice> {
        self.models = self.train(|at| !fold.contains(&at));
        fold.iter()
            .filter(|&&at| !self.repairs[at].parts.is_empty())
            .map(|&at| {
                let repair = &self.repairs[at];
                let findings = self.findings(&repair.words, &self.models, Some(at));
                let (parts, candidates) = self.candidates(&findings, Some(at));
                let mut used: Vec<bool> = parts.iter().map(|part| repair.parts.contains(part)).collect();
                used.push(!used.contains(&true));
                Choice { candidates, used }
            })
            .collect()
    }

    fn train(&self, learns: impl Fn(usize) -> bool) -> Models {
        let kept: Vec<&Known> = self
            .repairs
            .iter()
            .enumerate()
            .filter(|(at, repair)| learns(*at) && !repair.parts.is_empty())
            .map(|(_, repair)| repair)
            .collect();
        let vocabulary = Vocabulary::of(kept.iter().map(|repair| repair.words.as_slice()));
        let texts: Vec<TextVector> = kept
            .iter()
            .map(|repair| vocabulary.vector(&repair.words))
            .collect();
        let word_ids = self.word_ids();
        let parts: Vec<Vec<usize>> = kept.iter().map(|repair| repair.parts.clone()).collect();
        let words: Vec<Vec<usize>> = kept
            .iter()
            .map(|repair| self.name_words(repair, &word_ids))
            .collect();
        Models {
            over_parts: LinearModel::fit(&examples(&texts, &parts), &vocabulary, self.parts.len()),
            over_words: LinearModel::fit(&examples(&texts, &words), &vocabulary, word_ids.len()),
            vocabulary,
            word_ids,
        }
    }

    fn word_ids(&self) -> HashMap<String, usize> {
        let mut ids = HashMap::new();
        for word in self.parts.iter().flat_map(|part| part.name.split(' ')) {
            let next = ids.len();
            ids.entry(word.to_owned()).or_insert(next);
        }
        ids
    }

    fn name_words(&self, repair: &Known, ids: &HashMap<String, usize>) -> Vec<usize> {
        let names = repair
            .parts
            .iter()
            .flat_map(|&part| self.parts[part].name.split(' '));
        let words: BTreeSet<usize> = names.filter_map(|word| ids.get(word).copied()).collect();
        words.into_iter().collect()
    }
}

fn examples<'a>(texts: &'a [TextVector], classes: &'a [Vec<usize>]) -> Vec<Example<'a>> {
    let pairs = texts.iter().zip(classes);
    pairs.map(|(text, classes)| Example { text, classes }).collect()
}

/// The repairs to hold out, fold by fold.
fn held_out(repairs: usize) -> Vec<BTreeSet<usize>> {
    if repairs > 2 * NEWEST {
        return vec![(repairs - NEWEST..repairs).collect()];
    }
    let folds = (TRAINED_ON / repairs.max(1)).clamp(FEWEST_FOLDS, MOST_FOLDS);
    (0..folds.min(repairs))
        .map(|fold| (fold..repairs).step_by(folds).collect())
        .collect()
}

#[cfg(test)]
mod tests;
