//! What a clause denies or forbids: two texts agree only when they deny the same words in the same way.

use std::ops::Range;

use shifu_domain::text::is_han;

use super::words;
use crate::analysis;

/// How something is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `不`, `未`, `无`, `not`.
    Not,
    /// `禁止`, `不得`, `勿`.
    Forbidden,
    /// `不必`, `无需`.
    Needless,
    /// `避免`, `防止`.
    Avoided,
}

/// A denial with the words that follow it, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) how: How,
    /// Characters of the clause.
    pub(super) at: Range<usize>,
    /// The first two content words behind it, before the next denial and before a word that ends its reach.
    pub(super) heads: Vec<String>,
}

/// Longer ones first; those of Latin letters are words of their own.
const DENIALS: [(&str, How); 56] = [
    ("不需要", How::Needless),
    ("不可以", How::Forbidden),
    ("不允许", How::Forbidden),
    ("严禁", How::Forbidden),
    ("禁止", How::Forbidden),
    ("切勿", How::Forbidden),
    ("请勿", How::Forbidden),
    ("切忌", How::Forbidden),
    ("不得", How::Forbidden),
    ("不要", How::Forbidden),
    ("不能", How::Forbidden),
    ("不可", How::Forbidden),
    ("不应", How::Forbidden),
    ("不宜", How::Forbidden),
    ("不准", How::Forbidden),
    ("不许", How::Forbidden),
    ("不必", How::Needless),
    ("不用", How::Needless),
    ("无需", How::Needless),
    ("无须", How::Needless),
    ("不需", How::Needless),
    ("避免", How::Avoided),
    ("防止", How::Avoided),
    ("以免", How::Avoided),
    ("没有", How::Not),
    ("并未", How::Not),
    ("尚未", How::Not),
    ("不会", How::Not),
    ("不", How::Not),
    ("未", How::Not),
    ("勿", How::Forbidden),
    ("没", How::Not),
    ("无", How::Not),
    ("非", How::Not),
    ("别", How::Forbidden),
    ("must not", How::Forbidden),
    ("do not", How::Forbidden),
    ("don't", How::Forbidden),
    ("don’t", How::Forbidden),
    ("no debe", How::Forbidden),
    ("need not", How::Needless),
    ("cannot", How::Not),
    ("without", How::Not),
    ("never", How::Forbidden),
    ("nunca", How::Forbidden),
    ("jamas", How::Forbidden),
    ("avoid", How::Avoided),
    ("evite", How::Avoided),
    ("evitar", How::Avoided),
    ("isn't", How::Not),
    ("doesn't", How::Not),
    ("can't", How::Not),
    ("not", How::Not),
    ("sin", How::Not),
    ("nor", How::Not),
    ("no", How::Not),
];

/// Words that hold a sign of denial and deny nothing.
const NO_DENIALS: [&str; 30] = [
    "不锈钢",
    "差不多",
    "只不过",
    "不仅",
    "不但",
    "不论",
    "不管",
    "不断",
    "不久",
    "不过",
    "无论",
    "无线",
    "无刷",
    "无氟",
    "无霜",
    "无极",
    "非常",
    "特别",
    "分别",
    "区别",
    "级别",
    "类别",
    "识别",
    "辨别",
    "判别",
    "别墅",
    "未来",
    "淹没",
    "是否",
    "鉴别",
];

/// What a denial does not reach beyond: `不启动时检查…`.
const ENDS: [&str; 14] = [
    "时", "后", "前", "则", "即", "就", "再", "才", "when", "if", "until", "before", "after", "then",
];

/// The denials of a clause, whose characters are folded.
pub(super) fn denials(folded: &[char]) -> Vec<Denial> {
    let mut found: Vec<(Range<usize>, How)> = Vec::new();
    let mut at = 0;
    while at < folded.len() {
        let harmless = NO_DENIALS.iter().find(|word| starts_with(folded, at, word));
        if let Some(word) = harmless {
            at += word.chars().count();
            continue;
        }
        match DENIALS.iter().find(|(word, _)| is_word_at(folded, at, word)) {
            Some((word, how)) => {
                let end = at + word.chars().count();
                found.push((at..end, *how));
                at = end;
            }
            None => at += 1,
        }
    }
    let ends: Vec<usize> = found
        .iter()
        .skip(1)
        .map(|(at, _)| at.start)
        .chain([folded.len()])
        .collect();
    found
        .into_iter()
        .zip(ends)
        .map(|((at, how), end)| Denial {
            how,
            heads: heads(&folded[at.end..end]),
            at,
        })
        .collect()
}

fn heads(behind: &[char]) -> Vec<String> {
    let text: String = behind.iter().collect();
    let mut heads = Vec::new();
    for located in analysis::located_words_by(&text, analysis::singular) {
        if ENDS.contains(&located.word.as_str()) || heads.len() == 2 {
            break;
        }
        if words::says_something(&located.word) {
            heads.push(located.word);
        }
    }
    heads
}

fn starts_with(folded: &[char], at: usize, word: &str) -> bool {
    word.chars()
        .enumerate()
        .all(|(offset, c)| folded.get(at + offset) == Some(&c))
}

fn is_word_at(folded: &[char], at: usize, word: &str) -> bool {
    if !starts_with(folded, at, word) {
        return false;
    }
    let letter = |at: Option<&char>| at.is_some_and(|c| c.is_alphabetic() && !is_han(*c));
    !word.is_ascii() && word.starts_with(is_han)
        || !letter(at.checked_sub(1).and_then(|at| folded.get(at)))
            && !letter(folded.get(at + word.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_reaches_the_words_behind_it() {
        let check = |text: &str, expected: &[(How, &str)]| {
            let chars: Vec<char> = text.chars().map(analysis::fold_char).collect();
            let found = denials(&chars);
            let found: Vec<(How, String)> = found
                .into_iter()
                .map(|denial| (denial.how, denial.heads.first().cloned().unwrap_or_default()))
                .collect();
            let expected: Vec<(How, String)> = expected
                .iter()
                .map(|(how, head)| (*how, (*head).to_owned()))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("不得断电", &[(How::Forbidden, "断电")]);
        check("压缩机不启动时检查电容", &[(How::Not, "启动")]);
        check("未断电不得拆机", &[(How::Not, "断电"), (How::Forbidden, "拆机")]);
        check("不锈钢内胆非常重要，分别检查", &[]);
        check("Do not rinse the control box", &[(How::Forbidden, "rins")]);
        check("Note the knob", &[]);
    }
}
