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
                if !last.text.ends_with('？') {
                    last.text.push('；');
                }
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
        if !line.text.ends_with('？') {
            line.text.push('。');
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shifu_domain::Line;
    use shifu_domain::recognise::LexiconEntries;

    use super::*;

    fn dialogue(lines: &[(Speaker, &str)]) -> Dialogue {
        let lines = lines.iter().map(|(speaker, text)| Line {
            speaker: *speaker,
            text: (*text).to_owned(),
            at: None,
        });
        Dialogue {
            lines: lines.collect(),
        }
    }

    fn summarize(dialogue: &Dialogue) -> Summary {
        let summarizer = Summarizer::new(Arc::new(Lexicon::new(LexiconEntries::default())));
        summarizer.summarize(dialogue, FormKind::Overall).unwrap()
    }

    /// Every piece of every sentence and text field stands in one of its lines.
    fn assert_grounded(dialogue: &Dialogue, summary: &Summary) {
        let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let check = |text: &str, lines: &[usize]| {
            assert!(!lines.is_empty() && lines.is_sorted(), "{text} {lines:?}");
            for piece in text
                .split(['，', '；', '？', '。', '：'])
                .map(bare)
                .filter(|p| !matches!(p.as_str(), "客户" | "客服" | "师傅"))
            {
                let stands = lines.iter().any(|&line| {
                    dialogue
                        .line(line)
                        .is_some_and(|l| bare(&l.text).contains(&piece))
                });
                assert!(stands, "{piece:?} of {text:?} stands in none of {lines:?}");
            }
        };
        for line in &summary.summary {
            check(&line.text, &line.lines);
        }
        let fields = &summary.fields;
        let texts = [
            &fields.phenomenon,
            &fields.location,
            &fields.cause,
            &fields.action,
            &fields.result,
            &fields.pending,
            &fields.request,
            &fields.warranty,
            &fields.fee,
            &fields.appointment,
        ];
        for field in texts.into_iter().flatten() {
            check(&field.value, &field.lines);
        }
    }

    #[test]
    fn a_visit_is_summed_up_with_its_lines() {
        let dialogue = dialogue(&[
            (Speaker::Agent, "您好，请问有什么可以帮您？"),
            (Speaker::Customer, "你好，我家洗衣机漏水，地上全是水"),
            (Speaker::Agent, "好的，师傅周二上午上门可以吗"),
            (Speaker::Customer, "不对，改到周三上午"),
            (
                Speaker::Technician,
                "是排水管老化开裂了，给您换了一根，现在不漏了",
            ),
            (Speaker::Agent, "在保修期内，不收费"),
            (Speaker::Customer, "谢谢"),
        ]);
        let summary = summarize(&dialogue);
        assert_grounded(&dialogue, &summary);
        let lines: Vec<usize> = summary
            .summary
            .iter()
            .flat_map(|line| line.lines.clone())
            .collect();
        assert!(
            lines.contains(&2) && lines.contains(&5) && !lines.contains(&1) && !lines.contains(&7),
            "{summary:?}"
        );
        let fields = summary.fields;
        assert_eq!(
            fields.appointment.map(|f| (f.value, f.lines)),
            Some(("周三上午".to_owned(), vec![4]))
        );
        assert_eq!(fields.cause.map(|f| f.lines), Some(vec![5]));
        assert_eq!(fields.fee.map(|f| f.value), Some("不收费".to_owned()));
        assert_eq!(fields.warranty.map(|f| f.lines), Some(vec![6]));
        assert!(fields.result.is_some_and(|f| f.value.contains("现在不漏了")));
    }

    #[test]
    fn other_scripts_and_empty_courtesy_do_not_fail() {
        let check = |speaker: Speaker, text: &str, line: &str| {
            let dialogue = dialogue(&[(speaker, text)]);
            let summary = summarize(&dialogue);
            assert_eq!(summary.summary[0].text, line);
            assert_eq!(summary.summary[0].lines, [1]);
        };
        check(
            Speaker::Customer,
            "The water heater is leaking since Monday.",
            "客户：The water heater is leaking since Monday。",
        );
        check(
            Speaker::Customer,
            "冷氣不冷，還會滴水",
            "客户：冷氣不冷，還會滴水。",
        );
        check(Speaker::Agent, "您好", "客服：您好");
    }

    #[test]
    fn two_thousand_lines_are_summed_up_within_bounds() {
        let lines: Vec<(Speaker, &str)> = (0..2_000)
            .map(|_| (Speaker::Customer, "空调不制冷，外机不转，什么时候能来"))
            .collect();
        let summary = summarize(&dialogue(&lines));
        assert!(
            summary
                .summary
                .iter()
                .map(|line| line.text.chars().count())
                .sum::<usize>()
                < 400
        );
    }

    #[test]
    fn the_form_decides_what_is_told() {
        let dialogue = dialogue(&[
            (Speaker::Customer, "热水器打不着火"),
            (Speaker::Technician, "是点火针积碳了"),
            (Speaker::Technician, "清理了点火针，重新装上"),
            (Speaker::Technician, "现在打着了"),
            (Speaker::Technician, "检测费收您三十元"),
        ]);
        let summarizer = Summarizer::new(Arc::new(Lexicon::new(LexiconEntries::default())));
        let lines = |form| {
            let summary = summarizer.summarize(&dialogue, form).unwrap();
            summary
                .summary
                .iter()
                .flat_map(|line| line.lines.clone())
                .collect::<Vec<_>>()
        };
        assert!(
            [1, 2, 3, 4]
                .iter()
                .all(|line| lines(FormKind::Fault).contains(line))
        );
        assert!(lines(FormKind::Ticket).contains(&5));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_appears_that_no_line_supports(
            texts in proptest::collection::vec(prop_oneof![
                any::<String>(),
                proptest::collection::vec(prop_oneof![
                    Just("空调"), Just("不制冷"), Just("，"), Just("。"), Just("好的"), Just("明天"), Just("上午九点"), Just("保修"), Just("换了"), Just("？"),
                    Just("主板"), Just(" "), Just("现在好了"), Just("西湖区文三路188号"), Just("@客服"), Just("三十元"), Just("，不对，"), Just("E6"),
                ], 1..12).prop_map(|pieces| pieces.concat()),
            ], 1..8)
        ) {
            let speakers = [Speaker::Customer, Speaker::Agent, Speaker::Technician];
            let lines: Vec<(Speaker, &str)> = texts.iter().enumerate().map(|(at, text)| (speakers[at % 3], text.as_str())).collect();
            let dialogue = dialogue(&lines);
            let summarizer = Summarizer::new(Arc::new(Lexicon::new(LexiconEntries::default())));
            if let Ok(summary) = summarizer.summarize(&dialogue, FormKind::Overall) {
                assert_grounded(&dialogue, &summary);
                prop_assert_eq!(summarizer.summarize(&dialogue, FormKind::Overall).unwrap(), summary);
            }
        }
    }
}
