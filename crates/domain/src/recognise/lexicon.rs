//! The lexicon and the order in which its recognisers are asked.

use aho_corasick::{AhoCorasick, MatchKind};

use super::codes::{Codes, blinks};
use super::folded::{Folded, Run, fold_phrase, key};
use super::models::Models;
use super::parts::Parts;
use super::symptoms::Symptoms;
use super::values::values;
use super::{LexiconEntries, Mention, MentionKind};
use crate::names::ProductLine;
use crate::text::Span;

/// Known numbers may be written as this many runs ("AC PCB 201", "KFR-35 GW/QH1").
const MOST_JOINED: usize = 4;
/// No name of the domain is longer than 64 characters.
const LONGEST_RUN: usize = 64;

/// Everything an operator's appliances are called, ready to be found in text. Built once, shared by reference.
pub struct Lexicon {
    entries: LexiconEntries,
    codes: Codes,
    models: Models,
    parts: Parts,
    symptoms: Symptoms,
    lines: Option<AhoCorasick>,
    line_of: Vec<ProductLine>,
}

impl Lexicon {
    /// Builds the automata. Cost: linear in the entries.
    #[must_use]
    pub fn new(entries: LexiconEntries) -> Self {
        let named: Vec<(String, ProductLine)> = entries
            .product_lines
            .iter()
            .flat_map(|(line, names)| names.iter().map(|name| (fold_phrase(name), line.clone())))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        let lines = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(named.iter().map(|(name, _)| name))
            .ok();
        Self {
            codes: Codes::new(&entries),
            models: Models::new(&entries),
            parts: Parts::new(&entries),
            symptoms: Symptoms::new(&entries),
            lines,
            line_of: named.into_iter().map(|(_, line)| line).collect(),
            entries,
        }
    }

    /// What the lexicon was built from.
    #[must_use]
    pub fn entries(&self) -> &LexiconEntries {
        &self.entries
    }

    /// Everything recognised in `text`, by start, then end. Identifiers and values (codes, blinks, models, part numbers,
    /// values) never overlap one another; neither do part names, symptom phrases or product lines among themselves, except
    /// that one phrase may stand for several symptoms. Cost: linear in the text.
    #[must_use]
    pub fn recognise(&self, text: &str) -> Vec<Mention> {
        let text = Folded::new(text);
        let mut found = self.identifiers(&text);
        found.extend(self.parts.names(&text));
        found.extend(self.symptoms.find(&text));
        found.extend(self.product_lines(&text));
        found.sort_by_key(|mention| (mention.span.start, mention.span.end));
        found
    }

    fn identifiers(&self, text: &Folded) -> Vec<Mention> {
        let runs = text.runs();
        let mut found = Vec::new();
        let mut next = 0;
        while next < runs.len() {
            let (used, mentions) = self.at_run(text, &runs, next);
            found.extend(mentions);
            next += used;
        }
        let mut taken = vec![false; text.chars.len()];
        mark(&mut taken, &found);
        for mention in blinks(text).into_iter().chain(values(text)) {
            if !taken[mention.span.start..mention.span.end].contains(&true) {
                mark(&mut taken, std::slice::from_ref(&mention));
                found.push(mention);
            }
        }
        found
    }

    /// What the runs from `at` on are, and how many of them that takes.
    fn at_run(&self, text: &Folded, runs: &[Run], at: usize) -> (usize, Vec<Mention>) {
        let run = runs[at];
        if run.end - run.start > LONGEST_RUN {
            return (1, Vec::new());
        }
        if let Some((used, mention)) = self.known_number(text, runs, at) {
            return (used, vec![mention]);
        }
        let spaced = runs
            .get(at + 1)
            .and_then(|&digits| self.codes.of_spaced(text, run, digits));
        if let Some(mention) = spaced {
            return (2, vec![mention]);
        }
        if let Some(mention) = self.codes.of_spoken(text, run) {
            return (1, vec![mention]);
        }
        let codes = self.codes.of_run(text, run);
        let known_code = codes
            .iter()
            .any(|m| matches!(m.kind, MentionKind::FaultCode { known: true, .. }));
        if known_code {
            return (1, codes);
        }
        let identifier = self
            .models
            .piece(text, run)
            .or_else(|| self.models.size(text, run))
            .or_else(|| self.parts.unknown(text, run))
            .or_else(|| codes.is_empty().then(|| self.models.unknown(text, run)).flatten());
        (1, identifier.map_or(codes, |mention| vec![mention]))
    }

    /// A known part or model number written over one to four runs, the longest first.
    fn known_number(&self, text: &Folded, runs: &[Run], at: usize) -> Option<(usize, Mention)> {
        let mut longest = 1;
        while longest < MOST_JOINED
            && at + longest < runs.len()
            && runs[at + longest].end - runs[at].start <= LONGEST_RUN
            && joinable(text, runs[at + longest - 1].end, runs[at + longest].start)
        {
            longest += 1;
        }
        (1..=longest).rev().find_map(|count| {
            let span = Span {
                start: runs[at].start,
                end: runs[at + count - 1].end,
            };
            let key = key(&text.upper_of(span.start, span.end));
            if key.len() < 3 {
                return None;
            }
            self.parts
                .exact(&key, span)
                .or_else(|| self.models.exact(&key, span))
                .map(|mention| (count, mention))
        })
    }

    fn product_lines(&self, text: &Folded) -> Vec<Mention> {
        let Some(lines) = &self.lines else {
            return Vec::new();
        };
        lines
            .find_iter(&text.upper)
            .map(|hit| (text.span(hit.start(), hit.end()), hit.pattern().as_usize()))
            .filter(|(span, _)| text.is_whole_word(*span))
            .map(|(span, place)| Mention {
                span,
                kind: MentionKind::ProductLine {
                    product_line: self.line_of[place].clone(),
                },
            })
            .collect()
    }
}

fn joinable(text: &Folded, end: usize, start: usize) -> bool {
    start - end <= 3
        && text.chars[end..start]
            .iter()
            .all(|c| matches!(c, ' ' | '-' | '/' | '_'))
}

fn mark(taken: &mut [bool], mentions: &[Mention]) {
    for mention in mentions {
        taken[mention.span.start..mention.span.end].fill(true);
    }
}
