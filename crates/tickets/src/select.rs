//! Which sentences a summary shows: the slots of the form first, then by rank and novelty until the room is used.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use shifu_domain::{FormKind, Speaker};

use crate::appointment::proposed;
use crate::cues::{Topic, topics};
use crate::graph::Graph;
use crate::utterance::{Clause, Sentence, joined};

/// Weight of novelty against rank in maximal marginal relevance (Carbonell & Goldstein 1998); tuned on the dev dialogues.
const NOVELTY: f64 = 0.35;
/// Share of the dialogue's characters a summary may use, and the least and most; tuned on the dev dialogues, whose
/// references use 0.11 to 0.21.
const SHARE: f64 = 0.20;
/// A customer's clause of so many characters is kept even where no cue is known.
const TELLING_CHARS: usize = 12;
const LEAST_CHARS: usize = 40;
const MOST_CHARS: usize = 240;

/// A sentence with what its choice depends on.
pub(crate) struct Candidate {
    pub(crate) sentence: Sentence,
    pub(crate) text: String,
    pub(crate) topics: BTreeSet<Topic>,
    /// LexRank times what speaks for it, about 0..=3.
    pub(crate) score: f64,
}

/// Ranks all sentences.
pub(crate) fn candidates(sentences: Vec<Sentence>, mentions: impl Fn(&str) -> usize) -> Vec<Candidate> {
    let texts: Vec<String> = sentences.iter().map(Sentence::text).collect();
    let ranks = Graph::new(&texts).ranks();
    let last = sentences.last().map_or(1, |s| s.line).max(1) as f64;
    sentences
        .into_iter()
        .zip(texts)
        .zip(ranks)
        .map(|((sentence, whole), rank)| {
            let text = told(&sentence, &mentions).unwrap_or(whole);
            let found: BTreeSet<Topic> = sentence
                .clauses
                .iter()
                .flat_map(|clause| topics(&clause.text, sentence.speaker, clause.asks))
                .filter(|topic| *topic != Topic::Schedule)
                .chain(scheduled(&sentence))
                .collect();
            let mentions = mentions(&text);
            let position = sentence.line as f64 / last;
            let score = score(&sentence, &text, &found, mentions, rank, position);
            Candidate {
                sentence,
                text,
                topics: found,
                score,
            }
        })
        .collect()
}

/// The clauses of a sentence that say something of use, when not all do.
fn told(sentence: &Sentence, mentions: &impl Fn(&str) -> usize) -> Option<String> {
    let of_use = |clause: &&Clause| {
        let said = topics(&clause.text, sentence.speaker, clause.asks);
        // A long clause of the customer tells the matter in words no list holds.
        let tells = sentence.speaker == Speaker::Customer && clause.text.chars().count() >= TELLING_CHARS;
        tells
            || said.iter().any(|topic| *topic != Topic::Schedule)
            || proposed(&clause.text).is_some()
            || mentions(&clause.text) > 0
    };
    let kept = joined(sentence.clauses.iter().filter(of_use));
    (!kept.is_empty()).then_some(kept)
}

fn score(
    sentence: &Sentence,
    text: &str,
    topics: &BTreeSet<Topic>,
    mentions: usize,
    rank: f64,
    position: f64,
) -> f64 {
    let chars = text.chars().count();
    let facts = 0.25 * (mentions.min(4) as f64) + 0.2 * (topics.len().min(4) as f64);
    // What opens a dialogue states the task, what closes it is mostly courtesy.
    let opening = if sentence.speaker == Speaker::Customer {
        0.4 * (1.0 - position)
    } else {
        0.0
    };
    let question = if sentence.asks() && sentence.speaker != Speaker::Customer {
        0.25
    } else {
        1.0
    };
    let length = if chars < 5 { 0.3 } else { 1.0 };
    (0.6 * rank + facts + opening) * question * length
}

/// A sentence names the time of a visit or a call.
fn scheduled(sentence: &Sentence) -> Option<Topic> {
    sentence
        .clauses
        .iter()
        .any(|clause| proposed(&clause.text).is_some())
        .then_some(Topic::Schedule)
}

/// Chooses sentences for the form; positions ascending.
pub(crate) fn choose(candidates: &[Candidate], form: FormKind) -> Vec<usize> {
    let total: usize = candidates.iter().map(|c| c.text.chars().count()).sum();
    let room = ((total as f64 * SHARE) as usize).clamp(LEAST_CHARS, MOST_CHARS);
    let texts: Vec<String> = candidates.iter().map(|c| c.text.clone()).collect();
    let graph = Graph::new(&texts);
    let mut chosen = BTreeSet::new();
    for slot in slots(form) {
        if let Some(best) = best_for(candidates, *slot) {
            chosen.insert(best);
        }
    }
    let customers = |i: &usize| candidates[*i].sentence.speaker == Speaker::Customer;
    if !chosen.iter().any(customers) {
        // Whatever words the customer has for it: the ask stands in the summary.
        chosen.extend(
            (0..candidates.len())
                .filter(customers)
                .max_by(|&a, &b| by_score(candidates, a, b)),
        );
    }
    let mut used: usize = chosen.iter().map(|&i| candidates[i].text.chars().count()).sum();
    while used < room {
        let next = (0..candidates.len())
            .filter(|i| !chosen.contains(i) && used + candidates[*i].text.chars().count() <= room + room / 4)
            .map(|i| (i, marginal(candidates, &graph, &chosen, i, form)))
            .filter(|(_, gain)| *gain > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((next, _)) = next else { break };
        used += candidates[next].text.chars().count();
        chosen.insert(next);
    }
    if chosen.is_empty() && !candidates.is_empty() {
        chosen.insert(0);
    }
    chosen.into_iter().collect()
}

/// The better score; of equals the earlier.
fn by_score(candidates: &[Candidate], a: usize, b: usize) -> Ordering {
    candidates[a]
        .score
        .total_cmp(&candidates[b].score)
        .then(b.cmp(&a))
}

fn marginal(
    candidates: &[Candidate],
    graph: &Graph,
    chosen: &BTreeSet<usize>,
    at: usize,
    form: FormKind,
) -> f64 {
    let likeness = chosen
        .iter()
        .map(|&other| graph.similarity(at, other))
        .fold(0.0, f64::max);
    let wanted = candidates[at]
        .topics
        .iter()
        .filter(|topic| focus(form).contains(topic))
        .count()
        .min(2) as f64;
    (1.0 - NOVELTY) * (candidates[at].score + 0.3 * wanted) - NOVELTY * likeness * 2.0
}

/// A line that a form must have where the dialogue gives one: the topic, and who is best asked for it.
type Slot = (Topic, Option<Speaker>);

/// The customer's ask, the resolution and what is left open stand in every form.
fn slots(form: FormKind) -> &'static [Slot] {
    const CUSTOMER: Option<Speaker> = Some(Speaker::Customer);
    match form {
        FormKind::Overall => &[
            (Topic::Phenomenon, CUSTOMER),
            (Topic::Request, CUSTOMER),
            (Topic::Cause, None),
            (Topic::Result, None),
            (Topic::Pending, None),
            (Topic::Schedule, None),
        ],
        FormKind::Ticket => &[
            (Topic::Phenomenon, CUSTOMER),
            (Topic::Request, CUSTOMER),
            (Topic::Result, None),
            (Topic::Pending, None),
            (Topic::Fee, None),
            (Topic::Schedule, None),
        ],
        FormKind::Fault => &[
            (Topic::Phenomenon, CUSTOMER),
            (Topic::Cause, None),
            (Topic::Action, None),
            (Topic::Result, None),
            (Topic::Pending, None),
        ],
    }
}

fn focus(form: FormKind) -> &'static [Topic] {
    match form {
        FormKind::Overall => &[
            Topic::Phenomenon,
            Topic::Cause,
            Topic::Action,
            Topic::Result,
            Topic::Pending,
            Topic::Request,
        ],
        FormKind::Ticket => &[Topic::Request, Topic::Warranty, Topic::Fee, Topic::Pending],
        FormKind::Fault => &[Topic::Phenomenon, Topic::Cause, Topic::Action, Topic::Result],
    }
}

fn best_for(candidates: &[Candidate], (topic, speaker): Slot) -> Option<usize> {
    let matching = |c: &Candidate, strict: bool| {
        c.topics.contains(&topic) && (!strict || speaker.is_none_or(|s| s == c.sentence.speaker))
    };
    let last = candidates.len().max(1) as f64;
    let best = |strict: bool| {
        (0..candidates.len())
            .filter(|&i| matching(&candidates[i], strict))
            .map(|i| {
                let place = i as f64 / last;
                // Trouble is told early, results and what is left come late.
                let timely = match topic {
                    Topic::Phenomenon => 1.0 - place,
                    Topic::Result | Topic::Pending => place,
                    _ => 0.5,
                };
                (i, candidates[i].score + 0.8 * timely)
            })
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
            .map(|(i, _)| i)
    };
    best(true).or_else(|| best(false))
}
