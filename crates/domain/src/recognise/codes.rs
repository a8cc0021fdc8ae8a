//! Fault codes in every spelling, and counts of lamp blinks.
//!
//! A code of the lexicon is taken in any width, case and hyphenation; `O`/`0`, `I`/`1` and a leading zero are folded only where
//! a known code results. A code that the lexicon does not know needs the grammar and a reason (words such as 报, 显示, 代码
//! beside it, or standing alone), so that `R32`, `IPX4`, `5A`, `M8` or `GB 4706` are not taken for codes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::folded::{Folded, Run};
use super::{LexiconEntries, Mention, MentionKind, numerals};
use crate::names::FaultCode;
use crate::text::{Span, is_han};

/// Words before a code that say that it is one.
const CONTEXT_BEFORE: [&str; 14] = [
    "报", "显示", "代码", "故障", "错误", "码", "ERROR", "ERR", "CODE", "FAULT", "出现", "跳出", "屏",
    "DISPLAY",
];
/// Words after a code that say that it is one.
const CONTEXT_AFTER: [&str; 10] = [
    "故障",
    "代码",
    "错误",
    "报警",
    "报错",
    "保护",
    "什么意思",
    "是什么",
    "ERROR",
    "FAULT",
];
/// What, directly after letters and digits, makes them something else: a building, a page, a terminal, a battery.
const OTHER_THINGS: [&str; 27] = [
    "栋", "座", "室", "层", "楼", "单元", "号", "页", "图", "端", "线", "口", "键", "排", "区", "级", "螺",
    "纸", "门", "值", "型", "系列", "网络", "电池", "幢", "出口", "章",
];
/// Letters before digits that are standards, protection classes, sizes and sockets, never codes.
const NOT_CODES: [&str; 22] = [
    "GB", "IP", "DN", "RJ", "CR", "CN", "PM", "CO", "AC", "DC", "RS", "EN", "UL", "QB", "JB", "DB", "VC",
    "QQ", "TV", "AA", "NO", "PE",
];

/// Numerals that are said after a letter, and how many at most.
const NUMERALS: &str = "零〇一幺二三四五六七八九十";
const MOST_NUMERALS: usize = 3;
/// What a number before it counts.
const COUNTED: &str = "次下个台回遍天年月度档只根块";
/// With 一 before it these are adverbs: 一直, 一般, 一会.
const AFTER_ONE: &str = "直般些起样点边定开会旦时再共闪";

pub(super) struct Codes {
    known: BTreeSet<String>,
}

/// How sure the surroundings are that a code stands here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Context {
    Denied,
    None,
    Near,
}

impl Codes {
    pub(super) fn new(entries: &LexiconEntries) -> Self {
        Self {
            known: entries
                .fault_codes
                .iter()
                .map(|(code, _)| code.as_str().to_owned())
                .collect(),
        }
    }

    /// The code or codes of one run (`E6`, `E-06`, `H3/H5`); empty when the run is something else.
    pub(super) fn of_run(&self, text: &Folded, run: Run) -> Vec<Mention> {
        let mut found = Vec::new();
        let mut start = run.start;
        for at in run.start..=run.end {
            if at != run.end && text.chars[at] != '/' {
                continue;
            }
            match self.of_piece(text, strip_word(text, start, at), at) {
                Some(mention) => found.push(mention),
                None => return Vec::new(),
            }
            start = at + 1;
        }
        found
    }

    /// `E 6`, `E - 6`: letters and digits set apart by spaces; `L C`: two letters, where the lexicon has such a code.
    pub(super) fn of_spaced(&self, text: &Folded, letters: Run, digits: Run) -> Option<Mention> {
        let gap = text.upper_of(letters.end, digits.start);
        let letter = |run: Run| run.end - run.start == 1 && text.chars[run.start].is_ascii_alphabetic();
        if gap == " " && letter(letters) && letter(digits) {
            let pair = self.of_piece(text, letters.start, digits.end);
            return pair.filter(|mention| matches!(mention.kind, MentionKind::FaultCode { known: true, .. }));
        }
        let plausible = gap.chars().count() <= 3
            && gap.chars().all(|c| matches!(c, ' ' | '-' | '.' | '_'))
            && letters.end - letters.start <= 2
            && text.chars[letters.start..letters.end]
                .iter()
                .all(char::is_ascii_alphabetic)
            && digits.end - digits.start <= 3
            && text.chars[digits.start..digits.end]
                .iter()
                .all(char::is_ascii_digit);
        if !plausible {
            return None;
        }
        self.of_piece(text, letters.start, digits.end)
    }

    /// `E二`, `F 零九`, `E十一`: letters and a number as it is said. Only codes of the lexicon: "E一直闪" is a story.
    pub(super) fn of_spoken(&self, text: &Folded, letters: Run) -> Option<Mention> {
        let written = text.upper_of(letters.start, letters.end);
        if written.len() > 2 || !written.chars().all(|c| c.is_ascii_alphabetic()) {
            return None;
        }
        let from = letters.end + usize::from(matches!(text.get(letters.end), Some(' ' | '-')));
        let said = (from..from + MOST_NUMERALS)
            .take_while(|&at| text.get(at).is_some_and(|c| NUMERALS.contains(c)))
            .count();
        (from + 1..=from + said).rev().find_map(|end| {
            let numeral = text.upper_of(from, end);
            let next = text.get(end);
            let counts = next.is_some_and(|c| COUNTED.contains(c));
            let adverb = numeral.ends_with('一') && next.is_some_and(|c| AFTER_ONE.contains(c));
            let span = Span {
                start: letters.start,
                end,
            };
            if counts || adverb || context(text, span) == Context::Denied {
                return None;
            }
            let digits = numerals::said_digits(&numeral)?;
            let known = self.known_as(&format!("{written}{digits}"), &[])?;
            let code = FaultCode::new(&known).ok()?;
            Some(Mention {
                span,
                kind: MentionKind::FaultCode { code, known: true },
            })
        })
    }

    fn of_piece(&self, text: &Folded, start: usize, end: usize) -> Option<Mention> {
        if end <= start || end - start > 12 {
            return None;
        }
        let written = text.upper_of(start, end);
        let code = FaultCode::new(&written).ok()?;
        let span = Span { start, end };
        let context = context(text, span);
        let known = self.known_as(code.as_str(), &text.chars[start..end]);
        let accepted = match &known {
            Some(known) => self.known_is_meant(known, text, span, context),
            None => unknown_is_meant(code.as_str(), text, span, context),
        };
        if !accepted {
            return None;
        }
        let (code, known) = match known {
            Some(known) => (FaultCode::new(&known).ok()?, true),
            None => (code, false),
        };
        Some(Mention {
            span,
            kind: MentionKind::FaultCode { code, known },
        })
    }

    /// The known code meant by `code`: itself, without a leading zero, or with O/0 and I/1 taken for each other.
    fn known_as(&self, code: &str, original: &[char]) -> Option<String> {
        if self.known.contains(code) {
            return Some(code.to_owned());
        }
        let swaps: [fn(char) -> char; 4] = [
            |c| if c == 'O' { '0' } else { c },
            |c| if c == '0' { 'O' } else { c },
            |c| if c == 'I' { '1' } else { c },
            |c| if c == '1' { 'I' } else { c },
        ];
        let mut spellings: Vec<String> = swaps
            .iter()
            .map(|swap| code.chars().map(swap).collect())
            .collect();
        spellings.push(code.replace('O', "0").replace('I', "1"));
        if original.contains(&'l') {
            spellings.push(
                original
                    .iter()
                    .map(|&c| if c == 'l' { '1' } else { c })
                    .collect::<String>()
                    .to_uppercase(),
            );
        }
        let letters = code.chars().take_while(char::is_ascii_alphabetic).count();
        if letters > 0 && letters < code.len() {
            let (head, digits) = code.split_at(letters);
            spellings.push(format!("{head}{}", digits.trim_start_matches('0')));
            spellings.push(format!("{head}0{digits}"));
        }
        spellings
            .into_iter()
            .filter_map(|s| FaultCode::new(&s).ok())
            .map(|s| s.as_str().to_owned())
            .find(|s| self.known.contains(s))
    }

    fn known_is_meant(&self, code: &str, text: &Folded, span: Span, context: Context) -> bool {
        if context == Context::Denied {
            return false;
        }
        let has_digit = code.chars().any(|c| c.is_ascii_digit());
        let has_letter = code.chars().any(|c| c.is_ascii_alphabetic());
        match (has_letter, has_digit) {
            (true, true) => !reads_as_quantity(text, span, code),
            // "PH", "LE": a code between Chinese, not a word of an English sentence.
            (true, false) => context == Context::Near || !beside_latin(text, span),
            _ => directly_called_a_code(text, span),
        }
    }
}

/// The count of lamp blinks in the text: "显示屏闪6次", "指示灯闪烁三下", "blinks 3 times".
pub(super) fn blinks(text: &Folded) -> Vec<Mention> {
    static BLINKS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        [
            r"闪烁?(?:动|亮)?[了着过的]?[:,]?\s*([0-9]{1,3}|[一二两三四五六七八九十]{1,3})\s*(?:次|下)",
            r"([0-9]{1,3}|[一二两三四五六七八九十]{1,3})\s*(?:次|下)闪烁?",
            r"(?:BLINK|FLASH)(?:S|ES|ED|ING)?\s+([0-9]{1,3})\s*(?:TIMES|X)",
        ]
        .iter()
        .filter_map(|pattern| Regex::new(pattern).ok())
        .collect()
    });
    let mut found: Vec<Mention> = Vec::new();
    for captures in BLINKS
        .iter()
        .flat_map(|pattern| pattern.captures_iter(&text.upper))
    {
        let (Some(whole), Some(number)) = (captures.get(0), captures.get(1)) else {
            continue;
        };
        let span = text.span(whole.start(), whole.end());
        let overlaps = found
            .iter()
            .any(|m| m.span.start < span.end && span.start < m.span.end);
        if let (false, Some(count)) = (overlaps, numerals::parse_count(number.as_str())) {
            found.push(Mention {
                span,
                kind: MentionKind::Blinks { count },
            });
        }
    }
    found
}

/// `ERRORE6`, `CODE12`: the code without the word grown onto it.
fn strip_word(text: &Folded, start: usize, end: usize) -> usize {
    let written = text.upper_of(start, end.min(start + 12));
    ["ERROR", "FAULT", "CODE", "ERR"]
        .iter()
        .find(|word| written.starts_with(**word) && written.len() > word.len())
        .map_or(start, |word| {
            start + word.len() + usize::from(matches!(text.get(start + word.len()), Some('-' | '_' | '.')))
        })
}

fn context(text: &Folded, span: Span) -> Context {
    let after = text.after(span.end, 6);
    let directly_after = after.trim_start();
    if CONTEXT_AFTER.iter().any(|word| directly_after.starts_with(word)) {
        return Context::Near;
    }
    if OTHER_THINGS.iter().any(|word| directly_after.starts_with(word)) {
        return Context::Denied;
    }
    let before = text.before(span.start, 10);
    let near = CONTEXT_BEFORE.iter().any(|word| before.contains(word))
        || CONTEXT_AFTER.iter().any(|word| after.contains(word));
    if near { Context::Near } else { Context::None }
}

fn unknown_is_meant(code: &str, text: &Folded, span: Span, context: Context) -> bool {
    if context == Context::Denied {
        return false;
    }
    let letters = code.chars().take_while(char::is_ascii_alphabetic).count();
    let digits = code
        .chars()
        .skip(letters)
        .take_while(char::is_ascii_digit)
        .count();
    let whole = letters + digits == code.len();
    let prefix = &code[..letters];
    if NOT_CODES.contains(&prefix)
        || prefix.starts_with('R')
        || prefix == "M"
        || prefix == "G"
        || prefix == "V"
    {
        return false;
    }
    match (whole, letters, digits) {
        (true, 1, 1..=3) => context == Context::Near || stands_alone(code, text, span),
        (true, 2, 1..=2) => context == Context::Near && !prefix.starts_with("KF"),
        (true, 0, 1..=4) => directly_called_a_code(text, span),
        (true, 2, 0) => directly_called_a_code(text, span) || directly_reported(text, span),
        _ => false,
    }
}

/// One letter that codes begin with, up to two digits, and no Latin word beside it. C10 and D16 are circuit breakers.
fn stands_alone(code: &str, text: &Folded, span: Span) -> bool {
    let most = if code.starts_with(['C', 'D']) { 2 } else { 4 };
    code.starts_with(['E', 'F', 'H', 'P', 'U', 'L', 'C', 'J', 'D', 'B', 'Y'])
        && code.len() <= most
        && !beside_latin(text, span)
}

fn beside_latin(text: &Folded, span: Span) -> bool {
    let letter_past_space = |mut step: Box<dyn Iterator<Item = &char> + '_>| {
        step.find(|c| **c != ' ').is_some_and(|c| c.is_ascii_alphabetic())
    };
    letter_past_space(Box::new(text.chars[..span.start].iter().rev().take(4)))
        || letter_past_space(Box::new(text.chars[span.end..].iter().take(4)))
}

/// "故障代码 11", "错误码是 3", "error code: 12": the number itself is called a code.
fn directly_called_a_code(text: &Folded, span: Span) -> bool {
    let before = text.before(span.start, 10);
    let before = before.trim_end_matches([' ', ':', '为', '是', '"', '“', '「', '#']);
    let called = ["代码", "故障码", "错误码", "CODE", "ERROR"]
        .iter()
        .any(|word| before.ends_with(word));
    let unit_follows = text
        .get(span.end)
        .is_some_and(|c| is_han(c) && "度元块次下天年月个分秒小安伏瓦克米".contains(c));
    called && !unit_follows
}

fn directly_reported(text: &Folded, span: Span) -> bool {
    let before = text.before(span.start, 6);
    let before = before.trim_end_matches([' ', ':', '"', '“', '「', '了']);
    ["报", "显示", "跳出"].iter().any(|word| before.ends_with(word))
}

/// "5A" and "16A" are currents even where a lexicon holds such a code, unless it is called one.
fn reads_as_quantity(text: &Folded, span: Span, code: &str) -> bool {
    let unit = code.trim_start_matches(|c: char| c.is_ascii_digit());
    code.starts_with(|c: char| c.is_ascii_digit())
        && matches!(
            unit,
            "A" | "V" | "W" | "G" | "M" | "L" | "P" | "H" | "S" | "MM" | "KG"
        )
        && !directly_called_a_code(text, span)
        && !directly_reported(text, span)
}
