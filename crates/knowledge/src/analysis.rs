//! Text to index terms: folding, words, character bigrams.
//!
//! Chinese is indexed twice, as jieba words in search mode and as bigrams; other scripts as lower-case words without accents
//! and plural endings. Folding keeps the number of characters, so that positions in folded text are positions in the text.

use std::ops::Range;
use std::sync::OnceLock;

use jieba_rs::Jieba;
use shifu_domain::text::{fold_width_char, is_han};
use unicode_normalization::char::decompose_canonical;

pub(crate) use crate::stem::stemmed;

/// The dictionary, loaded at first use (about 0.2 s) and shared by the process.
fn jieba() -> &'static Jieba {
    static JIEBA: OnceLock<Jieba> = OnceLock::new();
    JIEBA.get_or_init(Jieba::new)
}

const FIRST_HAN: u32 = 0x4e00;
const LAST_HAN: u32 = 0x9fff;

/// Simplified form of every ideograph of the basic block, one character for one.
fn simplified(c: char) -> char {
    static TABLE: OnceLock<Vec<char>> = OnceLock::new();
    let code = c as u32;
    if !(FIRST_HAN..=LAST_HAN).contains(&code) {
        return c;
    }
    let table = TABLE.get_or_init(|| {
        (FIRST_HAN..=LAST_HAN)
            .map(|code| {
                let traditional = char::from_u32(code).unwrap_or('\u{fffd}');
                fast2s::convert(traditional.encode_utf8(&mut [0; 4]))
                    .chars()
                    .next()
                    .unwrap_or(traditional)
            })
            .collect()
    });
    table[(code - FIRST_HAN) as usize]
}

/// One character folded: half width, simplified, lower case, without accent.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if is_han(c) {
        return simplified(c);
    }
    let narrow = fold_width_char(c);
    let mut base = narrow;
    if narrow.is_alphabetic() && (narrow as u32) < 0x250 {
        let mut first = None;
        decompose_canonical(narrow, |part| {
            first.get_or_insert(part);
        });
        base = first.unwrap_or(narrow);
    }
    let mut lower = base.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => base,
    }
}

/// [`fold_char`] of every character; as many characters as came in.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// Words of folded text, in order, with repetitions: jieba words in search mode for Chinese, stemmed words elsewhere.
pub(crate) fn words(folded: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (run, han) in runs(folded) {
        if han {
            out.extend(
                jieba()
                    .cut_for_search(run, true)
                    .into_iter()
                    .map(|token| token.word.to_owned()),
            );
        } else {
            out.push(stem(run));
        }
    }
    out
}

/// Words of a question: the coarse cut, without the overlapping sub-words of search mode.
pub(crate) fn coarse_words(folded: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (run, han) in runs(folded) {
        if han {
            for token in jieba().cut(run, true) {
                push_split(&mut out, token.word);
            }
        } else {
            out.push(stem(run));
        }
    }
    out
}

/// The model of unknown words joins single characters (`该充`): a pair that no dictionary has, with a word that only asks in it,
/// is two words. Other unknown pairs are names and stay whole.
fn push_split(out: &mut Vec<String>, word: &str) {
    let chars: Vec<String> = word.chars().map(String::from).collect();
    if chars.len() == 2 && chars.iter().any(|c| is_stop_word(c)) && !jieba().has_word(word) {
        out.extend(chars);
    } else {
        out.push(word.to_owned());
    }
}

/// A word of a text with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Located {
    /// Bytes of the folded text.
    pub at: Range<usize>,
    pub word: String,
    /// How much it says about its subject, by its part of speech: things 1, actions 0.6, the rest 0.3.
    pub subject: f64,
}

/// Words of folded text with their places, as [`coarse_words`] cuts them.
pub(crate) fn located_words(folded: &str) -> Vec<Located> {
    located_words_by(folded, stem)
}

/// [`located_words`] with other stems.
pub(crate) fn located_words_by(folded: &str, stem: fn(&str) -> String) -> Vec<Located> {
    let mut out: Vec<Located> = Vec::new();
    for (run, han) in runs(folded) {
        let mut start = run.as_ptr() as usize - folded.as_ptr() as usize;
        if !han {
            out.push(Located {
                at: start..start + run.len(),
                word: stem(run),
                subject: 1.0,
            });
            continue;
        }
        for tag in jieba().tag(run, true) {
            let weight = match tag.tag {
                "vn" | "an" | "nz" | "x" => 1.0,
                tag if tag.starts_with('n') => 1.0,
                tag if tag.starts_with('v') => 0.6,
                "a" | "ad" | "b" | "s" | "l" | "i" | "j" => 0.6,
                _ => 0.3,
            };
            let mut pieces = Vec::new();
            push_split(&mut pieces, tag.word);
            for word in pieces {
                let at = start..start + word.len();
                start = at.end;
                out.push(Located {
                    at,
                    word,
                    subject: weight,
                });
            }
        }
    }
    out
}

/// Words of the trade that mean the same; customers say the later ones.
const SYNONYMS: [&[&str]; 30] = [
    &["室外机", "外机"],
    &["室内机", "内机"],
    &["制冷剂", "冷媒", "雪种", "氟利昂", "氟"],
    &["充注", "充注量", "加氟", "充氟", "加注", "充"],
    &["电机", "马达"],
    &["主板", "电脑板", "控制板", "板子", "线路板", "电路板"],
    &["通讯", "通信"],
    &["感温包", "温度传感器", "探头", "传感器"],
    &["保修", "质保", "三包", "包修", "保"],
    &["备件", "零件", "配件", "部件"],
    &["更换", "换", "换上去", "换上"],
    &["熔断管", "保险丝", "保险管", "熔断器"],
    &["空气开关", "空开"],
    &["遥控器", "遥控"],
    &["过滤网", "滤网"],
    &["化霜", "除霜"],
    &["抽真空", "真空"],
    &["漏水", "滴水", "流水"],
    &["噪声", "噪音", "异响", "响声"],
    &["阻值", "电阻", "欧姆", "欧"],
    &["维修", "修理", "检修", "修"],
    &["安装", "装", "新装"],
    &["拆卸", "拆下", "拆除", "拆"],
    &["清洗", "清洁", "洗"],
    &["儿童锁", "童锁"],
    &["排水管", "下水管"],
    &["蓄电池", "电瓶"],
    &["儿童", "孩子", "小孩"],
    &["低于", "以下", "不足", "小于"],
    &["不得", "不能", "禁止", "严禁", "切勿", "请勿"],
];

/// Other words for a word, by [`SYNONYMS`] and the Spanish ones.
pub(crate) fn synonyms(word: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    SYNONYMS
        .iter()
        .filter(move |group| group.contains(&word))
        .flat_map(|group| group.iter().copied())
        .filter(move |other| *other != word)
        .chain(crate::trade_es::synonyms(word))
}

/// Character bigrams of the Chinese runs of folded text (a run of one character gives itself).
pub(crate) fn bigrams(folded: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (run, han) in runs(folded) {
        if !han {
            continue;
        }
        let chars: Vec<char> = run.chars().collect();
        if chars.len() == 1 {
            out.push(run.to_owned());
        }
        out.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
    }
    out
}

/// Maximal runs of ideographs and of other letters and digits; everything else separates.
pub(crate) fn runs(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !is_word(c));
        let first = rest.chars().next()?;
        let han = is_han(first);
        let end = rest
            .char_indices()
            .find(|&(_, c)| !is_word(c) || is_han(c) != han)
            .map_or(rest.len(), |(at, _)| at);
        let (run, after) = rest.split_at(end);
        rest = after;
        Some((run, han))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

/// The stem of a word; words that only ask or join stay as they are, so that they are known for what they are.
pub(crate) fn stem(word: &str) -> String {
    if is_stop_word(word) {
        word.to_owned()
    } else {
        crate::stem::stem(word)
    }
}

/// Plural endings of English and Spanish off words of five letters and more; other words as they are. For comparing what is claimed,
/// where [`stem`] would let too much pass.
pub(crate) fn singular(word: &str) -> String {
    if word.len() < 5 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let plural = if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word
    } else if let Some(root) = word.strip_suffix("ies") {
        return format!("{root}y");
    } else if let Some(root) = word
        .strip_suffix("es")
        .filter(|root| root.len() >= 4 && root.ends_with(['n', 'r', 'l', 'd', 's', 'x', 'h']))
    {
        root
    } else {
        word.strip_suffix('s').unwrap_or(word)
    };
    plural
        .strip_suffix('e')
        .filter(|root| root.len() >= 4)
        .unwrap_or(plural)
        .to_owned()
}

/// Words that ask or join and say nothing about the subject; folded.
const STOP_WORDS: &str = "的 了 是 在 和 与 或 及 吗 呢 吧 啊 呀 么 嘛 也 都 就 还 又 而 且 之 其 于 以 为 被 把 将 从 到 对 对于 关于 \
    什么 哪 哪个 哪些 哪种 哪里 哪儿 哪位 哪一 哪年 谁 几 多少 多 怎么 怎样 如何 怎么办 怎么样 为什么 为何 何时 何 是否 能否 可否 多久 多大 多长 多高 请问 \
    请 我 你 他 她 它 我们 你们 他们 您 这 那 这个 那个 这些 那些 该 此 一个 一下 有 有没有 会 能 可以 要 需要 应该 应 得 想 说 让 给 \
    时候 什么样 什么时候 是什么 属于 叫 叫做 称为 中 里 上 下 个 些 种 吗 么 来 去 着 过 等 等等 但 但是 如果 那么 因为 所以 咋 咋办 啥 麻烦 帮 帮忙 \
    the a an of to in on at for and or is are was were be been do does did how what which who whom whose when where why much many can \
    could should would will shall may might must i my me you your it its this that these those with from by as if there have has had \
    el la los las un una uno unos unas de del al y o u en con por para que cual cuale como cuando donde cuanto cuanta cuanto se es son \
    esta estan ser hay lo su sus mi tu si no debe deben puede pueden significa hacer hago tiene not \
    sin sobre entre desde hasta muy mas ya yo te le les nos quiero necesito tengo tener este ese esa eso esos esas estos estas mis tus \
    pero porque cada fue era ha han he haber hace quien paso pasa";

/// Whether a folded word only asks or joins.
pub(crate) fn is_stop_word(word: &str) -> bool {
    static STOPS: OnceLock<std::collections::HashSet<&'static str>> = OnceLock::new();
    STOPS
        .get_or_init(|| STOP_WORDS.split_whitespace().collect())
        .contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_positions_and_joins_spellings() {
        let check = |text: &str, expected: &str| {
            assert_eq!(fold(text), expected);
            assert_eq!(fold(text).chars().count(), text.chars().count());
        };
        check("Ｅ６故障", "e6故障");
        check("壓縮機與冷媒", "压缩机与冷媒");
        check("Presión de Descarga", "presion de descarga");
        check("ÜBER İ ß", &fold("ÜBER İ ß"));
    }

    #[test]
    fn chinese_is_cut_into_words_and_bigrams() {
        let folded = fold("室外機風機不轉 E6");
        let cut = words(&folded);
        assert!(
            cut.contains(&"风机".to_owned()) && cut.contains(&"e6".to_owned()),
            "{cut:?}"
        );
        assert_eq!(bigrams("压缩机a水"), ["压缩", "缩机", "水"]);
    }

    #[test]
    fn plurals_meet_their_singulars() {
        for (plural, one) in [
            ("sensores", "sensor"),
            ("valves", "valve"),
            ("tuberias", "tuberia"),
            ("batteries", "battery"),
            ("unidades", "unidad"),
        ] {
            assert_eq!(singular(plural), singular(one), "{plural}");
        }
        assert_eq!(singular("gas"), "gas");
    }
}
