//! The one sentence of a passage that answers a question.

use shifu_domain::Span;

use super::fit::{Fit, Place};
use crate::analysis;
use crate::encoder::Encoder;

/// Most characters of a quote.
pub(crate) const MOST_QUOTE_CHARS: usize = 120;

/// A quote with its place in the passage's text and how well it fits, 0 and above.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub text: String,
    pub span: Span,
    pub score: f64,
}

/// The one quoted sentence for a question: at most 120 characters, verbatim, never across a sentence end.
///
/// ```
/// let quote = shifu_knowledge::best_quote("压缩机保修几年？", "整机保修 6 年。压缩机保修 10 年。遥控器不保修。");
/// assert_eq!(quote, "压缩机保修 10 年。");
/// ```
#[must_use]
pub fn best_quote(question: &str, passage: &str) -> String {
    best(&analysis::fold(question), passage)
        .map(|quote| quote.text)
        .unwrap_or_default()
}

/// The best sentence by its words.
pub(crate) fn best(folded_question: &str, passage: &str) -> Option<Quote> {
    ranked(folded_question, passage).into_iter().next()
}

/// What nearness in meaning to the question counts for a sentence beside its words (some -3 to 5).
const MEANING_WEIGHT: f64 = 5.0;

/// All that may be quoted of a passage, best first by words and meaning.
pub(crate) fn ranked_by_meaning(folded_question: &str, passage: &str) -> Vec<Quote> {
    let mut quotes = ranked(folded_question, passage);
    let encoder = Encoder::built_in();
    if let Some(question) = encoder.question(folded_question) {
        for quote in &mut quotes {
            let nearness = encoder.text(&quote.text).cosine(&question.vector);
            quote.score += MEANING_WEIGHT * question.trust * nearness;
        }
        sort(&mut quotes);
    }
    quotes
}

/// All candidate quotes, best first.
fn ranked(folded_question: &str, passage: &str) -> Vec<Quote> {
    let mut quotes = Vec::new();
    candidates(folded_question, passage, |fit, text, folded, span, place| {
        let score = fit.score(folded, place);
        quotes.push(Quote { text, span, score });
    });
    sort(&mut quotes);
    quotes
}

fn sort(quotes: &mut [Quote]) {
    quotes.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start.cmp(&b.span.start)));
}

/// Every candidate quote of a passage with what is measured of it (`fit.rs`), for `models/quote/fit.py`.
#[doc(hidden)]
#[must_use]
pub fn quote_measures(question: &str, passage: &str) -> Vec<(String, Vec<f64>)> {
    let mut all = Vec::new();
    candidates(
        &analysis::fold(question),
        passage,
        |fit, text, folded, _, place| {
            all.push((text, fit.measures(folded, place).to_vec()));
        },
    );
    all
}

/// Calls `each` with every piece that may be quoted: as written, folded, its span and its place.
fn candidates(
    folded_question: &str,
    passage: &str,
    mut each: impl FnMut(&Fit<'_>, String, &str, Span, Place),
) {
    let chars: Vec<char> = passage.chars().collect();
    let folded: Vec<char> = passage.chars().map(analysis::fold_char).collect();
    let spans = sentences(&chars);
    let texts: Vec<String> = spans
        .iter()
        .map(|span| folded[span.start..span.end].iter().collect())
        .collect();
    let fit = Fit::new(folded_question, &texts);
    for (sentence, span) in spans.iter().enumerate() {
        for piece in pieces(&chars, *span) {
            let place = Place {
                sentence,
                part: piece != *span,
            };
            let text: String = chars[piece.start..piece.end].iter().collect();
            let folded: String = folded[piece.start..piece.end].iter().collect();
            each(&fit, text, &folded, piece, place);
        }
    }
}

/// Spans of sentences: ended by 。！？!?； or a line break, trimmed.
pub(crate) fn sentences(chars: &[char]) -> Vec<Span> {
    let mut out = Vec::new();
    let mut start = 0;
    for at in 0..=chars.len() {
        let latin_stop = at > 0
            && at < chars.len()
            && chars[at - 1] == '.'
            && chars[at] == ' '
            && at >= 2
            && chars[at - 2].is_alphabetic();
        let ends = at == chars.len() || matches!(chars[at], '\n') || latin_stop;
        let closes = at < chars.len() && matches!(chars[at], '。' | '！' | '？' | '!' | '?' | '；');
        if !(ends || closes) {
            continue;
        }
        let mut end = if closes { at + 1 } else { at };
        // A closing quotation mark belongs to its sentence.
        if closes
            && chars
                .get(end)
                .is_some_and(|c| matches!(c, '”' | '」' | '』' | '"' | '）'))
        {
            end += 1;
        }
        let (mut first, mut last) = (start, end);
        while first < last && chars[first].is_whitespace() {
            first += 1;
        }
        while last > first && chars[last - 1].is_whitespace() {
            last -= 1;
        }
        if last > first && chars[first..last].iter().any(|c| c.is_alphanumeric()) {
            out.push(Span {
                start: first,
                end: last,
            });
        }
        start = end.max(start);
    }
    out
}

/// A sentence, or where it is too long its runs of clauses of at most 120 characters.
fn pieces(chars: &[char], span: Span) -> Vec<Span> {
    if span.len() <= MOST_QUOTE_CHARS {
        return vec![span];
    }
    let mut starts = vec![span.start];
    let inner = chars
        .iter()
        .enumerate()
        .take(span.end.saturating_sub(1))
        .skip(span.start);
    starts.extend(
        inner
            .filter(|(_, c)| matches!(c, '，' | ',' | '、' | '：' | ':' | '|' | '；' | ';'))
            .map(|(at, _)| at + 1),
    );
    let mut out: Vec<Span> = Vec::new();
    for &start in &starts {
        let most = (start + MOST_QUOTE_CHARS).min(span.end);
        let end = if most == span.end {
            most
        } else {
            starts
                .iter()
                .rev()
                .copied()
                .find(|&s| s <= most && s > start)
                .unwrap_or(most)
        };
        let mut piece = Span { start, end };
        while piece.start < piece.end && chars[piece.start].is_whitespace() {
            piece.start += 1;
        }
        while piece.end > piece.start && chars[piece.end - 1].is_whitespace() {
            piece.end -= 1;
        }
        if !piece.is_empty() && out.last().is_none_or(|last| piece.end > last.end) {
            out.push(piece);
        }
    }
    out
}

/// Unit spellings that a folded question asks for (`克` → g); empty when it names none.
pub(crate) fn units_asked(folded_question: &str) -> &'static [&'static str] {
    const UNITS: [(&[&str], &[&str]); 14] = [
        (
            &["多少克", "几克", "克数", "充注量", "多少g"],
            &["g", "克", "kg", "千克"],
        ),
        (&["微法", "电容量", "容值"], &["μf", "uf", "微法", "µf"]),
        (&["几年", "多少年", "保修期"], &["年", "个月"]),
        (&["欧", "阻值", "电阻"], &["ω", "欧"]),
        (&["多少伏", "几伏", "电压", "voltaje", "tension"], &["v", "伏"]),
        (&["多少安", "几安", "电流", "corriente"], &["a", "安"]),
        (
            &[
                "多久",
                "多长时间",
                "几分钟",
                "多少分钟",
                "几小时",
                "cuanto tiempo",
                "how long",
            ],
            &["分钟", "小时", "秒", "min", "天", "h", "s", "年", "月", "日"],
        ),
        (
            &["多少度", "几度", "温度", "temperatura"],
            &["℃", "°c", "度", "c"],
        ),
        (
            &["多大压力", "多少压力", "兆帕", "mpa", "presion"],
            &["mpa", "bar", "kpa", "兆帕", "psi"],
        ),
        (
            &["多少毫米", "几毫米", "外径", "管径", "diametro"],
            &["mm", "毫米"],
        ),
        (&["多少米", "几米", "多长", "多高", "多远"], &["m", "米"]),
        (&["力矩", "扭矩", "torque"], &["n·m", "nm", "n.m", "牛", "kgf"]),
        (&["多少瓦", "功率", "potencia"], &["w", "瓦", "kw"]),
        (&["多少公斤", "几公斤", "净重", "peso"], &["kg", "公斤", "千克"]),
    ];
    UNITS
        .iter()
        .find(|(asks, _)| asks.iter().any(|ask| folded_question.contains(ask)))
        .map_or(&[], |(_, units)| units)
}

/// Whether a folded text has a number with one of the units.
pub(crate) fn has_number_with(text: &str, units: &[&str]) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.iter().enumerate().any(|(at, c)| {
        c.is_ascii_digit() && {
            let rest: String = chars[at + 1..]
                .iter()
                .take(8)
                .filter(|c| !matches!(c, ' '))
                .collect();
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            units.iter().any(|unit| rest.starts_with(unit))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_verbatim_short_and_one_sentence() {
        let passage =
            "甲公司成立于1990年，总部在青岛。创始人张三于2001年离开公司，转而创办了乙公司！乙公司做什么？";
        let quote = best("谁创办了乙公司", passage).unwrap();
        assert_eq!(quote.text, "创始人张三于2001年离开公司，转而创办了乙公司！");
        assert_eq!(quote.span.of(passage), quote.text);
    }

    #[test]
    fn a_long_sentence_is_cut_at_its_clauses() {
        let passage = format!(
            "{}压缩机绕组阻值为1.42欧，{}",
            "前面的话，".repeat(40),
            "后面的话，".repeat(40)
        );
        let quote = best_quote("压缩机绕组阻值是多少欧", &passage);
        assert!(
            quote.contains("1.42欧") && quote.chars().count() <= MOST_QUOTE_CHARS,
            "{quote}"
        );
    }

    #[test]
    fn sentences_end_where_the_contract_says() {
        let chars: Vec<char> = "一。二！三？四；五\n六 “七。”八".chars().collect();
        let texts: Vec<String> = sentences(&chars)
            .iter()
            .map(|s| chars[s.start..s.end].iter().collect())
            .collect();
        assert_eq!(texts, ["一。", "二！", "三？", "四；", "五", "六 “七。”", "八"]);
    }

    #[test]
    fn units_are_read_from_question_and_sentence() {
        assert!(has_number_with("充注量为 680 g", units_asked("该充多少克")));
        assert!(!has_number_with("按铭牌充注", units_asked("该充多少克")));
        assert!(units_asked("谁来修").is_empty());
    }
}
