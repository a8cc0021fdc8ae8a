//! Parts that a dialogue says are changed, ordered or taken along.

use std::sync::LazyLock;

use regex::Regex;
use shifu_domain::recognise::{Lexicon, MentionKind};
use shifu_domain::{Field, PartMention, Speaker};

use crate::utterance::{Clause, Sentence};

/// Parts with their lines; `None` when no clause says that a part is changed, ordered or brought.
pub(crate) fn read(lexicon: &Lexicon, sentences: &[Sentence]) -> Option<Field<Vec<PartMention>>> {
    let mut found: Vec<PartMention> = Vec::new();
    let mut lines = Vec::new();
    for sentence in sentences.iter().filter(|s| s.speaker != Speaker::Customer) {
        for clause in &sentence.clauses {
            for part in parts_of(lexicon, clause) {
                if let Some(known) = found.iter_mut().find(|p| same(p, &part)) {
                    known.part_number = known.part_number.take().or(part.part_number);
                    known.quantity = known.quantity.max(part.quantity);
                } else {
                    found.push(part);
                }
                lines.push(sentence.line);
            }
        }
    }
    lines.dedup();
    (!found.is_empty()).then_some(Field {
        value: found,
        lines,
        confidence: 0.85,
    })
}

fn same(left: &PartMention, right: &PartMention) -> bool {
    left.name == right.name
        || left.part_number.is_some() && left.part_number == right.part_number
        || left.name.ends_with(&right.name)
        || right.name.ends_with(&left.name)
}

fn parts_of(lexicon: &Lexicon, clause: &Clause) -> Vec<PartMention> {
    static USED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"换|更换|申请|要|订|领|发|带[^电]|锁|用了|配件|充|补|加了|replaced?|install|order").ok()
    });
    static NOT_USED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"不用|不需要|没换|未换|不换|无需|没有换|不必|别带|没事|没坏|检查|查一下|not ").ok()
    });
    let is = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|p| p.is_match(&clause.text));
    if clause.asks && !clause.text.ends_with("是吧") || !is(&USED) || is(&NOT_USED) {
        return Vec::new();
    }
    let mentions = lexicon.recognise(&clause.text);
    let mut found = Vec::new();
    for mention in &mentions {
        let (part_number, name) = match &mention.kind {
            MentionKind::Part { part, .. } => (
                Some(part.clone()),
                name_of(lexicon, part.as_str()).unwrap_or_else(|| part.to_string()),
            ),
            MentionKind::PartName { parts } => {
                let single = (parts.len() == 1).then(|| parts[0].clone());
                (single, mention.span.of(&clause.text))
            }
            _ => continue,
        };
        let quantity = quantity(&clause.text, mention.span.start, mention.span.end);
        found.push(PartMention {
            part_number,
            name,
            quantity,
        });
    }
    found
}

fn name_of(lexicon: &Lexicon, number: &str) -> Option<String> {
    lexicon
        .entries()
        .parts
        .iter()
        .find(|(part, _)| part.as_str() == number)
        .map(|(_, name)| name.clone())
}

/// The count beside a part: "两个螺栓", "主板一块"; 1 when none is said.
fn quantity(text: &str, start: usize, end: usize) -> u32 {
    static COUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"([0-9]{1,3}|[一二两三四五六七八九十]) ?(?:个|块|只|根|套|台|条|片|件|颗|副|张|节|pcs)")
            .ok()
    });
    let Some(count) = COUNT.as_ref() else { return 1 };
    let chars: Vec<char> = text.chars().collect();
    let before: String = chars[start.saturating_sub(4)..start].iter().collect();
    let after: String = chars[end..(end + 4).min(chars.len())].iter().collect();
    let near = |text: &str| count.captures(text).and_then(|c| number(c.get(1)?.as_str()));
    near(&after)
        .or_else(|| near(&before))
        .filter(|n| *n > 0)
        .unwrap_or(1)
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| {
        let digits = ['一', '二', '三', '四', '五', '六', '七', '八', '九', '十'];
        let c = if text == "两" {
            '二'
        } else {
            text.chars().next()?
        };
        digits
            .iter()
            .position(|d| *d == c)
            .and_then(|at| u32::try_from(at + 1).ok())
    })
}
