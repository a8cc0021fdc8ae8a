//! What customers say and what manuals write for it: `抽水的泵` → 排水泵. The list is `trade_zh.txt` beside this file, one concept a
//! line, `written forms = spoken forms`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use shifu_domain::text::is_han;

use crate::analysis;

/// The list, reviewed like code.
const LIST: &str = include_str!("trade_zh.txt");

/// A place of a text that the trade has other words for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concept {
    /// Bytes of the folded text.
    pub at: Range<usize>,
    /// What manuals write for it, folded.
    pub written: &'static [String],
}

struct Trade {
    /// Finds the forms; the pattern's number is the place in `written`.
    forms: AhoCorasick,
    written: Vec<Vec<String>>,
}

impl Trade {
    fn parse(list: &str) -> Self {
        let mut by_form: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let (written, spoken) = line.split_once('=').unwrap_or((line, ""));
            let written: Vec<String> = written.split_whitespace().map(analysis::fold).collect();
            let spoken = spoken.split_whitespace().map(analysis::fold);
            for form in spoken.chain(written.iter().cloned()) {
                let others = by_form.entry(form.clone()).or_default();
                for other in &written {
                    if *other != form && !others.contains(other) {
                        others.push(other.clone());
                    }
                }
            }
        }
        by_form.retain(|_, others| !others.is_empty());
        let (forms, written): (Vec<String>, Vec<Vec<String>>) = by_form.into_iter().unzip();
        let forms = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&forms)
            .unwrap_or_else(|_| unreachable!("a list of some thousand words"));
        Self { forms, written }
    }

    fn built_in() -> &'static Self {
        static TRADE: OnceLock<Trade> = OnceLock::new();
        TRADE.get_or_init(|| Self::parse(LIST))
    }

    fn concepts(&self, folded: &str) -> impl Iterator<Item = (Range<usize>, &[String])> {
        self.forms
            .find_iter(folded)
            .map(|found| (found.range(), self.written[found.pattern()].as_slice()))
    }
}

/// Places of a folded text that the trade has other words for, in order, the longest forms first, none overlapping.
pub(crate) fn concepts(folded: &str) -> Vec<Concept> {
    Trade::built_in()
        .concepts(folded)
        .map(|(at, written)| Concept { at, written })
        .collect()
}

/// Complements of direction and result (`拔不出来`), with what stays of them after 无法 (`无法拔出`).
const COMPLEMENTS: [(&str, &str); 22] = [
    ("出来", "出"),
    ("出去", "出"),
    ("进去", "进"),
    ("进来", "进"),
    ("上去", "上"),
    ("下来", "下"),
    ("下去", "下"),
    ("起来", "起"),
    ("回去", "回"),
    ("出", "出"),
    ("开", "开"),
    ("上", "上"),
    ("下", "下"),
    ("了", ""),
    ("动", "动"),
    ("掉", "掉"),
    ("住", "住"),
    ("紧", "紧"),
    ("进", "进"),
    ("着", "着"),
    ("到", "到"),
    ("通", "通"),
];

/// A question with what cannot be done as manuals write it, where `stands` finds that in the library: `拔不出来` → 无法拔出. Longer spoken
/// forms of the list (`打不开门`) stay.
pub(crate) fn in_writing(question: &str, stands: impl Fn(&str) -> bool) -> String {
    let folded = analysis::fold(question);
    let concepts = concepts(&folded);
    let mut chars: Vec<char> = question.chars().collect();
    // From the end, so that places further ahead stay where they are.
    for (at, forms) in unable(&folded).into_iter().rev() {
        let within = |concept: &Concept| concept.at.start < at.end && at.start < concept.at.end;
        let longer = |concept: &Concept| within(concept) && concept.at.len() > at.len();
        let Some(form) = forms.iter().find(|form| stands(form)) else {
            continue;
        };
        if !concepts.iter().any(longer) {
            let start = folded[..at.start].chars().count();
            let length = folded[at].chars().count();
            chars.splice(start..start + length, form.chars());
        }
    }
    chars.into_iter().collect()
}

/// Places of verbs with 不 and a complement, in bytes and in order, with what manuals may write for each.
fn unable(folded: &str) -> Vec<(Range<usize>, [String; 2])> {
    let all = folded.match_indices('不').filter_map(|(at, not)| {
        let verb = folded[..at].chars().next_back().filter(|&c| is_han(c))?;
        let behind = &folded[at + not.len()..];
        let (spoken, stays) = COMPLEMENTS
            .iter()
            .find(|(spoken, _)| behind.starts_with(spoken))?;
        let place = at - verb.len_utf8()..at + not.len() + spoken.len();
        Some((
            place,
            [format!("无法{verb}{stays}"), format!("不能{verb}{stays}")],
        ))
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_form_wins_and_written_forms_stand_for_each_other() {
        let trade = Trade::parse("# 部件\n排水泵 = 抽水泵 抽水的泵\n力矩 扭矩 = 多大劲\n泵 = 抽水\n");
        let found = |text: &str| -> Vec<(String, Vec<String>)> {
            trade
                .concepts(text)
                .map(|(at, written)| (text[at].to_owned(), written.to_vec()))
                .collect()
        };
        let form = |form: &str, written: &[&str]| {
            (
                form.to_owned(),
                written.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            found("抽水的泵拧多大劲"),
            [form("抽水的泵", &["排水泵"]), form("多大劲", &["力矩", "扭矩"])]
        );
        assert_eq!(found("扭矩"), [form("扭矩", &["力矩"])]);
        assert_eq!(found("排水泵"), []);
    }

    #[test]
    fn what_cannot_be_done_is_asked_as_manuals_write_it() {
        let check = |spoken: &str, written: &str| assert_eq!(in_writing(spoken, |_| true), written);
        check("充电枪卡住拔不出来了怎么办", "充电枪卡住无法拔出了怎么办");
        check("盖子拧不紧，锁也拔不掉", "盖子无法拧紧，锁也无法拔掉");
        check("不出水，水温不高", "不出水，水温不高");
        check("打不开门", "打不开门");
        assert_eq!(in_writing("拔不出来", |form| form == "不能拔出"), "不能拔出");
        assert_eq!(in_writing("拔不出来", |_| false), "拔不出来");
    }

    #[test]
    fn every_line_of_the_list_says_something() {
        for line in LIST
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let (written, spoken) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
            assert!(!written.trim().is_empty() && !spoken.trim().is_empty(), "{line}");
            for form in spoken.split_whitespace() {
                assert!(
                    form.chars().count() >= 2,
                    "{form} of {line} would be found everywhere"
                );
                assert!(
                    !written.split_whitespace().any(|word| word == form),
                    "{form} of {line}"
                );
            }
        }
    }
}
