//! Dialogue → summary, by speaker too, with fields.

use std::sync::Arc;

use shifu_domain::recognise::{Lexicon, MentionKind};
use shifu_domain::{Dialogue, FormKind, Speaker, Summary, SummaryByRole, SummaryLine};

use crate::error::TicketError;
use crate::fields;
use crate::limits::{MOST_RANKED, check_dialogue};
use crate::select::{Candidate, candidates, choose};
use crate::utterance::sentences;

/// Summarises dialogues; cheap to clone, safe to share.
#[derive(Clone)]
pub struct Summarizer {
    lexicon: Arc<Lexicon>,
}

/// Sentences a speaker gets in `by_role` beyond those chosen for the whole.
const LEAST_BY_ROLE: usize = 1;

impl Summarizer {
    /// A summariser that knows the operator's words.
    #[must_use]
    pub fn new(lexicon: Arc<Lexicon>) -> Self {
        Self { lexicon }
    }

    /// Summarises a dialogue. Every sentence is an utterance without its fillers and carries its line, from 1; every field
    /// carries the lines it was read from. Deterministic.
    ///
    /// # Errors
    /// `TicketError` when the dialogue is blank or longer than [`crate::limits`].
    pub fn summarize(&self, dialogue: &Dialogue, form: FormKind) -> Result<Summary, TicketError> {
        check_dialogue(dialogue)?;
        let mut sentences = sentences(dialogue);
        let fields = fields::read(&self.lexicon, &sentences);
        if sentences.len() > MOST_RANKED {
            let tail = sentences.split_off(sentences.len() - MOST_RANKED / 2);
            sentences.truncate(MOST_RANKED / 2);
            sentences.extend(tail);
        }
        let candidates = candidates(sentences, |text| self.mentions(text));
        let chosen = choose(&candidates, form);
        let summary = match chosen.as_slice() {
            [] => vec![first_line(dialogue)],
            chosen => lines(&candidates, chosen, true),
        };
        Ok(Summary {
            summary,
            by_role: by_role(&candidates, &chosen),
            fields,
        })
    }

    fn mentions(&self, text: &str) -> usize {
        let weighs = |kind: &MentionKind| !matches!(kind, MentionKind::ProductLine { .. });
        self.lexicon
            .recognise(text)
            .iter()
            .filter(|mention| weighs(&mention.kind))
            .count()
    }
}

/// A dialogue of courtesy alone is summed up by its first words.
fn first_line(dialogue: &Dialogue) -> SummaryLine {
    let (place, line) = dialogue
        .lines
        .iter()
        .enumerate()
        .find(|(_, line)| !line.text.trim().is_empty())
        .map_or((0, None), |(place, line)| (place, Some(line)));
    let text = line.map_or_else(String::new, |line| {
        format!("{}：{}", title(line.speaker), line.text.trim())
    });
    SummaryLine {
        text,
        lines: vec![place + 1],
    }
}

/// Chosen sentences as shown; neighbours of one line become one sentence.
fn lines(candidates: &[Candidate], chosen: &[usize], titled: bool) -> Vec<SummaryLine> {
    let mut shown: Vec<SummaryLine> = Vec::new();
    for candidate in chosen.iter().map(|&i| &candidates[i]) {
        let line = candidate.sentence.line;
        match shown.last_mut() {
            Some(last) if last.lines == [line] => {
                last.text.push('；');
                last.text.push_str(&candidate.text);
            }
            _ => {
                let title = if titled {
                    format!("{}：", title(candidate.sentence.speaker))
                } else {
                    String::new()
                };
                shown.push(SummaryLine {
                    text: format!("{title}{}", candidate.text),
                    lines: vec![line],
                });
            }
        }
    }
    for line in &mut shown {
        line.text.push('。');
    }
    shown
}

fn by_role(candidates: &[Candidate], chosen: &[usize]) -> SummaryByRole {
    let of = |speaker: Speaker| {
        let mut own: Vec<usize> = chosen
            .iter()
            .copied()
            .filter(|&i| candidates[i].sentence.speaker == speaker)
            .collect();
        if own.len() < LEAST_BY_ROLE {
            let best = (0..candidates.len())
                .filter(|&i| candidates[i].sentence.speaker == speaker)
                .max_by(|&a, &b| {
                    candidates[a]
                        .score
                        .total_cmp(&candidates[b].score)
                        .then(b.cmp(&a))
                });
            own.extend(best);
        }
        lines(candidates, &own, false)
    };
    SummaryByRole {
        customer: of(Speaker::Customer),
        agent: of(Speaker::Agent),
        technician: of(Speaker::Technician),
    }
}

fn title(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Customer => "客户",
        Speaker::Agent => "客服",
        Speaker::Technician => "师傅",
    }
}
