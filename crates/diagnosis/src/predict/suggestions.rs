//! What the tree should say and does not: causes and links that repairs show, for an engineer to accept or reject.
//!
//! Predictions already use what repairs show; a suggestion asks to make it part of the expert's tree, with a name and a version.
//! `grounds.rs` says in numbers and words how much speaks for it, `accept.rs` writes it into the engineer's file.
//! The same repairs give the same suggestions with the same ids, so a rejected one can be left out by its id.

use serde::{Deserialize, Serialize};
use shifu_domain::{FaultCode, PartNumber, SymptomId, TicketId};

use super::Diagnosis;
use super::grounds::Grounds;
use crate::error::{DiagnoseError, Place};
use crate::learn::{Fit, Mark};
use crate::tree::{Event, FaultTree, Input, Link, Replacement};

/// Repairs that a suggested cause or link needs.
const CAUSE_REPAIRS: usize = 5;
const LINK_REPAIRS: usize = 4;
/// Strength from which a link is worth suggesting.
const LINK_STRENGTH: f64 = 0.15;
/// Tickets named with a suggestion.
const TICKETS: usize = 20;

/// A symptom or fault code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// A symptom.
    Symptom(SymptomId),
    /// A fault code, on the models that the tree names for it.
    FaultCode(FaultCode),
}

/// How strongly a cause shows as a sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SuggestedLink {
    /// What shows.
    pub sign: Sign,
    /// Chance that it shows, 0..=1.
    pub probability: f64,
}

/// A change of the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A cause that the tree lacks.
    NewCause {
        /// Identifier of the new event.
        event: String,
        /// Its name: the technicians' own words, or the parts that its repair takes.
        name: String,
        /// Words by which reports name it; none where only parts show it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
        /// Its share of all repairs.
        probability: f64,
        /// Parts of its repair, those of all models together.
        parts: Vec<PartNumber>,
        /// What it shows.
        shows: Vec<SuggestedLink>,
    },
    /// A symptom or code that a known cause shows, which the tree does not say.
    NewLink {
        /// The cause.
        event: String,
        /// What it shows.
        link: SuggestedLink,
    },
}

/// A change that repairs suggest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Suggestion {
    /// The same for the same change as long as the tree is the same.
    pub id: String,
    /// What should change.
    pub change: Change,
    /// Repairs that suggest it.
    pub repairs: usize,
    /// The first of their tickets, at most 20.
    pub tickets: Vec<TicketId>,
    /// How much speaks for it.
    pub grounds: Grounds,
}

impl Diagnosis {
    /// What the tree lacks, judged by all repairs: most repairs first.
    #[must_use]
    pub fn suggestions(&self) -> Vec<Suggestion> {
        let learnt = self.learnt();
        let Some(fit) = learnt.fit.as_ref().filter(|fit| fit.links.is_some()) else {
            return Vec::new();
        };
        let mut found = self.new_causes(learnt, fit);
        found.extend(self.new_links(fit));
        found.sort_by(|a, b| b.repairs.cmp(&a.repairs).then_with(|| a.id.cmp(&b.id)));
        found
    }

    fn new_causes(&self, learnt: &Self, fit: &Fit) -> Vec<Suggestion> {
        let events = self.tree.events.len();
        let suggestion = |(at, cause): (usize, &crate::learn::Unlisted)| {
            let tickets: Vec<&str> = cause.reports.iter().map(|(ticket, _)| &**ticket).collect();
            let event = &learnt.tree.events[events + at];
            let key = match &cause.mark {
                Mark::Words(words) => format!("words {words}"),
                Mark::Parts(_) => format!("parts {}", event.id),
            };
            let id = format!("learnt_{:08x}", fingerprint(&key));
            let words = match &cause.mark {
                Mark::Words(words) => Some(words.clone()),
                Mark::Parts(_) => None,
            };
            Suggestion {
                id: format!("cause/{id}"),
                repairs: tickets.len(),
                tickets: first(&tickets),
                grounds: self.grounds_of_cause(fit, events + at, cause),
                change: Change::NewCause {
                    event: id,
                    name: words.clone().unwrap_or_else(|| self.fault_of_parts(cause)),
                    words,
                    probability: rounded(fit.share(events + at)),
                    parts: event
                        .repaired_by
                        .iter()
                        .map(|part| part.part_number.clone())
                        .collect(),
                    shows: self.shows(fit, events + at, 0.05),
                },
            }
        };
        let causes = fit.unlisted.iter().enumerate().map(suggestion);
        causes
            .filter(|suggestion| suggestion.repairs >= CAUSE_REPAIRS)
            .collect()
    }

    fn new_links(&self, fit: &Fit) -> Vec<Suggestion> {
        let mut found = Vec::new();
        for (at, event) in self.tree.events.iter().enumerate() {
            for link in self.shows(fit, at, LINK_STRENGTH) {
                let signs = self.position(&link.sign);
                if self.says(at, &signs) {
                    continue;
                }
                let tickets = self.tickets_of(fit, at, &signs);
                if tickets.len() >= LINK_REPAIRS {
                    let name = match &link.sign {
                        Sign::Symptom(id) => id.as_str(),
                        Sign::FaultCode(code) => code.as_str(),
                    };
                    found.push(Suggestion {
                        id: format!("link/{}/{name}", event.id),
                        repairs: tickets.len(),
                        tickets: first(&tickets),
                        grounds: self.grounds_of_link(fit, at, &signs, tickets.len()),
                        change: Change::NewLink {
                            event: event.id.clone(),
                            link,
                        },
                    });
                }
            }
        }
        found
    }

    /// Learnt links of a cause at least this strong; of a code with several entries the strongest.
    fn shows(&self, fit: &Fit, cause: usize, least: f64) -> Vec<SuggestedLink> {
        let Some(links) = &fit.links else {
            return Vec::new();
        };
        let mut found: Vec<SuggestedLink> = Vec::new();
        for (sign, &probability) in links.shows[cause]
            .iter()
            .enumerate()
            .filter(|(_, p)| **p >= least)
        {
            let sign = self.sign(sign);
            match found.iter_mut().find(|link| link.sign == sign) {
                Some(link) => link.probability = link.probability.max(probability),
                None => found.push(SuggestedLink { sign, probability }),
            }
        }
        found
            .iter_mut()
            .for_each(|link| link.probability = rounded(link.probability));
        found
    }

    fn sign(&self, at: usize) -> Sign {
        match at.checked_sub(self.tree.symptoms.len()) {
            None => Sign::Symptom(self.tree.symptoms[at].id.clone()),
            Some(code) => Sign::FaultCode(self.tree.codes[code].code.clone()),
        }
    }

    /// Positions of a sign: a code may have several entries.
    fn position(&self, sign: &Sign) -> Vec<usize> {
        match sign {
            Sign::Symptom(id) => self.tree.symptom(id).into_iter().collect(),
            Sign::FaultCode(code) => {
                let entries = (0..self.tree.codes.len()).filter(|&at| self.tree.codes[at].code == *code);
                entries.map(|at| self.tree.symptoms.len() + at).collect()
            }
        }
    }

    /// Whether the expert's tree links the event to the sign, through whichever gates.
    fn says(&self, event: usize, signs: &[usize]) -> bool {
        let symptoms = self.tree.symptoms.len();
        signs.iter().any(|&sign| {
            let links = match sign.checked_sub(symptoms) {
                None => &self.tree.symptoms[sign].causes,
                Some(code) => &self.tree.codes[code].causes,
            };
            links
                .iter()
                .any(|link| super::chances::under(&self.tree, link.input).contains(&event))
        })
    }

    /// Tickets whose likeliest cause is the event and that show the sign.
    fn tickets_of(&self, fit: &Fit, event: usize, signs: &[usize]) -> Vec<&str> {
        let symptoms = self.tree.symptoms.len();
        let counted = self
            .memory
            .reports
            .iter()
            .filter_map(|(key, report)| Some((key, report.as_ref()?)));
        let shown = |report: &crate::learn::Remembered| {
            let shown = |sign: &usize| match sign.checked_sub(symptoms) {
                None => report.symptoms.contains(sign),
                Some(code) => report.code_entries.contains(&code),
            };
            signs.iter().any(shown)
        };
        let of_event = counted
            .zip(&fit.likeliest)
            .filter(|((_, report), cause)| **cause == event as u32 && shown(report));
        of_event.map(|((key, _), _)| &*key.0).collect()
    }
}

/// To three decimals, or two digits below a hundredth: what a person would write into a tree.
fn rounded(chance: f64) -> f64 {
    let steps = if chance < 0.01 { 1e5 } else { 1e3 };
    (chance * steps).round() / steps
}

fn first(tickets: &[&str]) -> Vec<TicketId> {
    tickets
        .iter()
        .take(TICKETS)
        .filter_map(|ticket| TicketId::new(ticket).ok())
        .collect()
}

/// FNV-1a, for identifiers that stay the same from run to run.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

impl FaultTree {
    /// The tree with an accepted change, as `version`.
    ///
    /// # Errors
    /// `BadRequest` when the change names an event, symptom or code that the tree does not have, adds an event that it has,
    /// or carries a chance outside 0..=1.
    pub fn with_change(&self, change: &Change, version: &str) -> Result<Self, DiagnoseError> {
        let bad = |reason: String| {
            Err(DiagnoseError::BadRequest {
                field: "change",
                reason,
            })
        };
        let mut tree = Self {
            version: version.to_owned(),
            ..self.clone()
        };
        let (event, links) = match change {
            Change::NewCause {
                event,
                name,
                words,
                probability,
                parts,
                shows,
            } => {
                if tree.event(event).is_some() || tree.gate(event).is_some() {
                    return bad(format!("the tree has {event:?} already"));
                }
                let other = words.iter().filter(|words| *words != name && *words != event);
                tree.called
                    .extend(other.map(|words| (words.clone(), tree.events.len())));
                let replacement = |part: &PartNumber| Replacement {
                    part_number: part.clone(),
                    quantity: 1,
                };
                tree.events.push(Event {
                    id: event.clone(),
                    name: name.clone(),
                    probability: *probability,
                    repaired_by: parts.iter().map(replacement).collect(),
                    place: Place {
                        file: "accepted suggestion".to_owned(),
                        line: 0,
                    },
                });
                (tree.events.len() - 1, shows.as_slice())
            }
            Change::NewLink { event, link } => match tree.event(event) {
                Some(at) => (at, std::slice::from_ref(link)),
                None => return bad(format!("the tree has no event {event:?}")),
            },
        };
        let chances = links
            .iter()
            .map(|link| link.probability)
            .chain([tree.events[event].probability]);
        if let Some(wrong) = chances.into_iter().find(|chance| !(0.0..=1.0).contains(chance)) {
            return bad(format!("{wrong} is no chance from 0 to 1"));
        }
        for SuggestedLink { sign, probability } in links {
            let link = Link {
                input: Input::Event(event as u32),
                probability: *probability,
            };
            let mut targets: Vec<&mut Vec<Link>> = match sign {
                Sign::Symptom(id) => tree
                    .symptoms
                    .iter_mut()
                    .filter(|s| s.id == *id)
                    .map(|s| &mut s.causes)
                    .collect(),
                Sign::FaultCode(code) => tree
                    .codes
                    .iter_mut()
                    .filter(|c| c.code == *code)
                    .map(|c| &mut c.causes)
                    .collect(),
            };
            if targets.is_empty() {
                return bad(format!("the tree has no {sign:?}"));
            }
            targets.iter_mut().for_each(|links| links.push(link));
        }
        Ok(tree)
    }
}
