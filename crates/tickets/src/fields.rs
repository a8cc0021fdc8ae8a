//! Fields of a dialogue: stretches of its lines, chosen by what their words say, who says them and when.

use shifu_domain::recognise::{Lexicon, MentionKind};
use shifu_domain::{Field, Speaker, SummaryFields};

use crate::cues::{Topic, topics};
use crate::utterance::{Clause, Sentence};
use crate::{address, appointment, parts};

/// A clause with its line and what it says.
struct Said<'a> {
    line: usize,
    speaker: Speaker,
    clause: &'a Clause,
    topics: Vec<Topic>,
    /// A code, blinks or a symptom that is claimed.
    claims: bool,
    /// Only symptoms that are denied.
    denies: bool,
    /// 0..=1 through the dialogue.
    place: f64,
}

/// Reads all fields.
pub(crate) fn read(lexicon: &Lexicon, sentences: &[Sentence]) -> SummaryFields {
    let said = said(lexicon, sentences);
    SummaryFields {
        phenomenon: phenomenon(&said),
        location: location(&said),
        cause: cause(&said),
        action: listed(&said, Topic::Action, 3, action_weight),
        parts: parts::read(lexicon, sentences),
        result: listed(&said, Topic::Result, 2, result_weight),
        pending: listed(&said, Topic::Pending, 2, pending_weight),
        request: listed(&said, Topic::Request, 1, request_weight),
        warranty: listed(&said, Topic::Warranty, 1, told_by_staff),
        fee: listed(&said, Topic::Fee, 1, told_by_staff),
        appointment: appointment(&said),
    }
}

fn said<'a>(lexicon: &Lexicon, sentences: &'a [Sentence]) -> Vec<Said<'a>> {
    let last = sentences.last().map_or(1, |s| s.line).max(1) as f64;
    let mut found = Vec::new();
    for sentence in sentences {
        for clause in &sentence.clauses {
            let mentions = lexicon.recognise(&clause.text);
            let claims = mentions.iter().any(|m| match &m.kind {
                MentionKind::FaultCode { .. } | MentionKind::Blinks { .. } => true,
                MentionKind::Symptom {
                    present, uncertain, ..
                } => *present && !*uncertain,
                _ => false,
            });
            let denies = !claims
                && mentions
                    .iter()
                    .any(|m| matches!(m.kind, MentionKind::Symptom { present: false, .. }));
            found.push(Said {
                line: sentence.line,
                speaker: sentence.speaker,
                clause,
                topics: topics(&clause.text, sentence.speaker, clause.asks),
                claims,
                denies,
                place: sentence.line as f64 / last,
            });
        }
    }
    found
}

/// What the customer complains of, in the order told, from the first part of the dialogue.
fn phenomenon(said: &[Said<'_>]) -> Option<Field<String>> {
    let reporter = |s: &&Said<'_>| {
        s.speaker == Speaker::Customer
            || ["客户", "用户", "现场"]
                .iter()
                .any(|word| s.clause.text.contains(word))
            || s.speaker == Speaker::Technician
    };
    let trouble = |s: &&Said<'_>| {
        s.clause.text.chars().count() >= 3
            && !s.clause.asks
            && !s.denies
            && (s.claims || s.topics.contains(&Topic::Phenomenon))
            && !s.topics.contains(&Topic::Result)
    };
    let weigh = |s: &Said<'_>| {
        let claims = if s.claims { 1.0 } else { 0.0 };
        let customer = if s.speaker == Speaker::Customer { 0.8 } else { 0.0 };
        claims + customer + 0.9 * (1.0 - s.place)
    };
    let candidates: Vec<&Said<'_>> = said.iter().filter(reporter).filter(trouble).collect();
    gather(&candidates, 3, weigh, 0.9, 0.7)
}

fn location(said: &[Said<'_>]) -> Option<Field<String>> {
    said.iter().rev().find_map(|s| {
        let (value, _) = address::stretch(&s.clause.text)?;
        Some(Field {
            value,
            lines: vec![s.line],
            confidence: 0.85,
        })
    })
}

/// The last cause that staff state; a supposition gives way to a statement.
fn cause(said: &[Said<'_>]) -> Option<Field<String>> {
    let hedged = |text: &str| {
        ["可能", "估计", "也许", "还不好说", "会不会", "应该"]
            .iter()
            .any(|word| text.contains(word))
    };
    let weigh = |s: &Said<'_>| {
        let text = s.clause.text.as_str();
        let strong = [
            "多半",
            "八成",
            "就是",
            "原因",
            "导致",
            "判断",
            "因为",
            "那就是",
            "的问题",
            "是因为",
            "说明",
        ]
        .iter()
        .any(|w| text.contains(w));
        let future = ["如果", "要是", "免得", "建议"].iter().any(|w| text.contains(w));
        0.5 + if strong { 0.6 } else { 0.0 }
            - if hedged(text) { 0.2 } else { 0.0 }
            - if future { 0.8 } else { 0.0 }
            + 0.2 * s.place
    };
    let candidates: Vec<&Said<'_>> = said
        .iter()
        .filter(|s| s.topics.contains(&Topic::Cause) && !s.denies && weigh(s) > 0.3)
        .collect();
    let mut field = gather(&candidates, 1, weigh, 0.8, 0.6)?;
    if hedged(&field.value) {
        field.confidence = 0.5;
    }
    Some(field)
}

fn action_weight(s: &Said<'_>) -> f64 {
    let text = s.clause.text.as_str();
    let done = ["了", "过", "已", "更换", "重新"]
        .iter()
        .any(|w| text.contains(w));
    let short = text.chars().count() < 4;
    let not = short
        || ["不用", "不能", "没换", "没有", "还没", "要不", "别"]
            .iter()
            .any(|w| text.contains(w));
    let staff = s.speaker != Speaker::Customer;
    0.4 + if done { 0.4 } else { 0.0 } + if staff { 0.3 } else { 0.0 } - if not { 0.9 } else { 0.0 }
}

fn result_weight(s: &Said<'_>) -> f64 {
    let text = s.clause.text.as_str();
    let not = [
        "没好",
        "其他",
        "请",
        "帮忙",
        "能不能",
        "会不会",
        "没有出现",
        "不正常",
        "没解决",
        "还是",
        "如果",
        "就好了",
        "才能",
        "是正常",
        "都正常",
    ]
    .iter()
    .any(|w| text.contains(w));
    0.4 + 0.6 * s.place - if not { 0.7 } else { 0.0 }
}

fn pending_weight(s: &Said<'_>) -> f64 {
    let text = s.clause.text.as_str();
    let done = s.topics.contains(&Topic::Fee)
        || ["已经", "好了", "不需要", "不用", "看完了"]
            .iter()
            .any(|w| text.contains(w));
    0.4 + 0.5 * s.place - if done { 0.6 } else { 0.0 }
}

fn request_weight(s: &Said<'_>) -> f64 {
    let text = s.clause.text.as_str();
    let firm = [
        "我要",
        "尽快",
        "能不能",
        "什么时候能",
        "希望",
        "要求",
        "今天能",
        "快点",
        "减",
        "赔",
        "退",
        "投诉",
        "帮我",
    ]
    .iter()
    .any(|w| text.contains(w));
    0.4 + if firm { 0.5 } else { 0.0 } + if text.chars().count() < 5 { -0.2 } else { 0.1 }
}

fn told_by_staff(s: &Said<'_>) -> f64 {
    let staff = if s.speaker == Speaker::Customer { 0.0 } else { 0.6 };
    0.4 + staff + 0.1 * s.place
}

fn listed(
    said: &[Said<'_>],
    topic: Topic,
    most: usize,
    weigh: fn(&Said<'_>) -> f64,
) -> Option<Field<String>> {
    let candidates: Vec<&Said<'_>> = said
        .iter()
        .filter(|s| s.topics.contains(&topic) && weigh(s) > 0.3)
        .collect();
    gather(&candidates, most, weigh, 0.8, 0.6)
}

/// The `most` weightiest clauses in the order told; confidence `clear` when the best weighs at least 1, else `vague`.
fn gather(
    said: &[&Said<'_>],
    most: usize,
    weigh: impl Fn(&Said<'_>) -> f64,
    clear: f64,
    vague: f64,
) -> Option<Field<String>> {
    let mut order: Vec<usize> = (0..said.len()).collect();
    order.sort_by(|&a, &b| weigh(said[b]).total_cmp(&weigh(said[a])).then(a.cmp(&b)));
    order.truncate(most);
    let confidence = if weigh(said.get(*order.first()?)?) >= 1.0 {
        clear
    } else {
        vague
    };
    order.sort_unstable();
    let mut texts: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for &at in &order {
        let text = said[at].clause.text.as_str();
        if !texts.contains(&text) {
            texts.push(text);
            lines.push(said[at].line);
        }
    }
    lines.dedup();
    Some(Field {
        value: texts.join("，"),
        lines,
        confidence,
    })
}

/// The last time that is proposed or confirmed; what is corrected later replaces what was said before. A bare hour of a
/// later line takes over the day of an earlier one only when the later line says none.
fn appointment(said: &[Said<'_>]) -> Option<Field<String>> {
    let mut best: Option<(String, Vec<usize>, usize)> = None;
    for s in said {
        let Some((value, precision)) = appointment::proposed(&s.clause.text) else {
            continue;
        };
        if s.speaker == Speaker::Customer && best.is_none() && s.place < 0.3 && precision < 2 {
            continue;
        }
        match &mut best {
            Some((known, lines, rank)) if precision < *rank && !corrects(&s.clause.text) => {
                if known.contains(&value) && lines.last() != Some(&s.line) {
                    lines.push(s.line);
                }
            }
            _ => best = Some((value, vec![s.line], precision)),
        }
    }
    let (value, lines, _) = best?;
    Some(Field {
        value,
        lines,
        confidence: 0.85,
    })
}

fn corrects(text: &str) -> bool {
    ["不对", "不是", "改到", "改成", "改约", "说错", "换到", "还是"]
        .iter()
        .any(|word| text.contains(word))
}
