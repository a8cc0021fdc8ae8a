//! Content words of a clause, and whether a cited text has them.

use std::collections::BTreeSet;

use shifu_domain::text::is_han;

use super::items::is_numeral;
use crate::{analysis, trade};

/// A content word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) word: String,
    /// How much it says (see `analysis::Located::subject`).
    pub(super) weight: f64,
    /// Whether a sentence that the citation supports must have it from there.
    pub(super) strict: bool,
}

/// Words that any retelling may bring along: they join, address and announce, and claim nothing about the appliance.
const LIGHT: &str = "请 需 需要 须 必须 应 应当 应该 即可 进行 首先 然后 接着 其次 最后 之后 以后 随后 同时 并 并且 以及 或者 此时 此外 另外 还有 \
    表示 说明 意味着 意味 代表 意思 指 指的是 即 属于 如下 具体 根据 依据 按照 按 手册 说明书 资料 维修手册 规定 要求 步骤 方法 操作 处理 情况 内容 信息 \
    含义 代码 故障代码 使用 采用 通过 针对 对应 相应 相关 出现 发生 存在 如果 若 如 当 则 时 后 再 能够 注意 分别 均 各 它 您 您的 用户 也就是说 就是 也就是 \
    please need means mean indicate indicates refer first then next finally also following according manual use used using step when \
    significa indica segun siguiente primero luego despues manual";

/// Modal words that weaken: where the citation does not have them, the sentence must not either.
const MODAL: [&str; 8] = [
    "可以",
    "建议",
    "最好",
    "不妨",
    "可选",
    "optional",
    "optionally",
    "recommended",
];

/// A word with one of these means the opposite with another: it is never made up for by the rest of its clause.
const TURNING: &str = "内外上下左右前高低大小开关合断进出升降增减正负冷热顺逆快慢长短多少新旧干湿满空松紧最";
/// The same of Latin letters.
const TURNING_LATIN: [&str; 28] = [
    "open",
    "close",
    "left",
    "right",
    "before",
    "after",
    "above",
    "below",
    "high",
    "low",
    "indoor",
    "outdoor",
    "on",
    "off",
    "more",
    "less",
    "least",
    "most",
    "minimum",
    "maximum",
    "increas",
    "decreas",
    "hot",
    "cold",
    "clockwis",
    "counterclockwis",
    "first",
    "last",
];

/// Whether a folded word says anything about the subject.
pub(super) fn says_something(word: &str) -> bool {
    !analysis::is_stop_word(word) && !LIGHT.split_whitespace().any(|light| light == word)
}

/// The content words of folded text, in order.
pub(super) fn content(folded: &str) -> Vec<Word> {
    let chinese = folded.contains(is_han);
    analysis::located_words_by(folded, analysis::singular)
        .into_iter()
        .filter(|located| says_something(&located.word) || is_modal(&located.word))
        .map(|located| {
            let turns = located.word.contains(|c| TURNING.contains(c) || is_numeral(c))
                || TURNING_LATIN.contains(&located.word.as_str());
            let latin = !located.word.contains(is_han);
            // Verbs and adjectives claim; a name in Latin letters within Chinese is a name.
            let claims = (latin && chinese) || (!latin && (0.5..0.9).contains(&located.subject));
            Word {
                strict: turns || claims || is_modal(&located.word),
                weight: located.subject,
                word: located.word,
            }
        })
        .collect()
}

fn is_modal(word: &str) -> bool {
    MODAL.contains(&word)
}

/// Whether a folded word is one of the signs that [`TURNING`] lists and nothing else: `开` of `断开` is another word.
pub(super) fn is_bare_turn(word: &str) -> bool {
    word.chars().count() == 1 && TURNING.contains(word)
}

/// Signs that mean each other's opposite: where a clause has both, their order tells which thing is which.
const OPPOSITES: [(char, char); 10] = [
    ('内', '外'),
    ('上', '下'),
    ('左', '右'),
    ('前', '后'),
    ('高', '低'),
    ('大', '小'),
    ('进', '出'),
    ('正', '负'),
    ('冷', '热'),
    ('新', '旧'),
];

/// Whether a clause turns a cited text round: `后` for its `前`, `或` for its `和`, or a pair of opposites in another order.
pub(super) fn turned(clause: &str, cited: &str) -> Option<&'static str> {
    if clause.contains('后') && cited.contains('前') && !cited.contains('后') {
        return Some("后");
    }
    if clause.contains('或') && !cited.contains('或') {
        return Some("或");
    }
    OPPOSITES.iter().find_map(|(one, other)| {
        let first = |text: &str| Some(text.find(*one)? < text.find(*other)?);
        let turned = first(clause)? != first(cited)?;
        turned.then(|| {
            let at = TURNING.find(*one).unwrap_or_default();
            &TURNING[at..at + one.len_utf8()]
        })
    })
}

/// Whether folded text has a word, in the same form or in another of the trade.
pub(super) fn has(text: &str, latin: &BTreeSet<String>, word: &str) -> bool {
    let stands = |form: &str| {
        if form.contains(is_han) {
            text.contains(form)
        } else {
            latin.contains(form) || latin.iter().any(|other| same_root(other, form))
        }
    };
    if stands(word) || analysis::synonyms(word).any(stands) {
        return true;
    }
    let concepts = trade::concepts(word);
    concepts
        .iter()
        .any(|concept| concept.at == (0..word.len()) && concept.written.iter().any(|form| stands(form)))
        || compound(text, word)
}

/// A word of three characters and more whose every pair of neighbours stands in the text: `通信故障码` of `通信故障` and `故障码`.
fn compound(text: &str, word: &str) -> bool {
    let pairs = analysis::bigrams(word);
    word.chars().count() >= 3
        && word.chars().all(is_han)
        && pairs.iter().all(|pair| text.contains(pair.as_str()))
}

/// `disconnect` and `disconnecting`: all but the last three letters, and at least five, agree.
fn same_root(a: &str, b: &str) -> bool {
    let (shorter, longer) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let root = shorter.len().saturating_sub(1).max(5);
    shorter.is_ascii()
        && longer.is_ascii()
        && longer.len() <= shorter.len() + 3
        && shorter.len() >= root
        && longer.starts_with(&shorter[..root])
}

/// Words of Latin letters in folded text.
pub(super) fn latin_words(folded: &str) -> BTreeSet<String> {
    analysis::runs(folded)
        .filter(|(_, han)| !han)
        .map(|(run, _)| analysis::singular(run))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_other_forms_of_the_trade() {
        let check = |text: &str, word: &str, expected: bool| {
            let folded = analysis::fold(text);
            assert_eq!(
                has(&folded, &latin_words(&folded), word),
                expected,
                "{word} in {text}"
            );
        };
        check("更换室外机主板", "外机", true);
        check("室内外机通讯故障", "通信", true);
        check("检查连接线", "更换", false);
        check("Disconnect the power supply", "disconnecting", true);
        check("Open the unit", "operat", false);
    }

    #[test]
    fn what_turns_a_sentence_round_is_strict() {
        let strict = |text: &str| -> Vec<String> {
            content(&analysis::fold(text))
                .into_iter()
                .filter(|word| word.strict)
                .map(|word| word.word)
                .collect()
        };
        assert!(
            strict("室内机连接线").contains(&"室内".to_owned()),
            "{:?}",
            strict("室内机连接线")
        );
        assert!(strict("更换主板").contains(&"更换".to_owned()));
        assert!(
            strict("请按照说明书处理").is_empty(),
            "{:?}",
            strict("请按照说明书处理")
        );
    }
}
