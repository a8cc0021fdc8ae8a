//! The one sentence of a passage that answers a question.

use std::collections::BTreeMap;

use shifu_domain::Span;

use crate::analysis;
use crate::encoder::Encoder;
use crate::trade;

/// Most characters of a quote.
pub(crate) const MOST_QUOTE_CHARS: usize = 120;

/// A quote with its place in the passage's text and how well it fits, 0 and above.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quote {
    pub text: String,
    pub span: Span,
    pub score: f64,
}

/// What the answer must look like, judged by the question's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Number,
    Time,
    Person,
    Place,
    Reason,
    Name,
    Nothing,
}

/// The one quoted sentence for a question: at most 120 characters, verbatim, never across a sentence end.
///
/// ```
/// let quote = shifu_knowledge::best_quote("压缩机保修几年？", "整机保修 6 年。压缩机保修 10 年。遥控器不保修。");
/// assert_eq!(quote, "压缩机保修 10 年。");
/// ```
#[must_use]
pub fn best_quote(question: &str, passage: &str) -> String {
    let folded = analysis::fold(question);
    best(&folded, &[], passage, None)
        .map(|quote| quote.text)
        .unwrap_or_default()
}

/// The best sentence. `units` are unit spellings one of which the answer must have; `idf` weighs words (by rarity within the
/// passage when missing).
pub(crate) fn best(
    folded_question: &str,
    units: &[&str],
    passage: &str,
    idf: Option<&dyn Fn(&str) -> f64>,
) -> Option<Quote> {
    sentences_ranked(folded_question, units, passage, idf)
        .into_iter()
        .next()
}

/// What nearness in meaning to the question counts for a sentence, against its words (some 0 to 1).
const MEANING_WEIGHT: f64 = 1.0;

/// As [`best`], by words and meaning.
pub(crate) fn best_by_meaning(
    folded_question: &str,
    units: &[&str],
    passage: &str,
    idf: &dyn Fn(&str) -> f64,
) -> Option<Quote> {
    let mut quotes = sentences_ranked(folded_question, units, passage, Some(idf));
    let encoder = Encoder::built_in();
    if let Some(question) = encoder.question(folded_question) {
        for quote in &mut quotes {
            quote.score += MEANING_WEIGHT * encoder.text(&quote.text).cosine(&question.vector);
        }
        quotes.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start.cmp(&b.span.start)));
    }
    quotes.into_iter().next()
}

/// All candidate quotes, best first.
fn sentences_ranked(
    folded_question: &str,
    units: &[&str],
    passage: &str,
    idf: Option<&dyn Fn(&str) -> f64>,
) -> Vec<Quote> {
    let chars: Vec<char> = passage.chars().collect();
    let folded: Vec<char> = passage.chars().map(analysis::fold_char).collect();
    let spans = sentences(&chars);
    let texts: Vec<String> = spans
        .iter()
        .map(|span| folded[span.start..span.end].iter().collect())
        .collect();
    let model = Fit::new(folded_question, units, &texts, idf);
    let base: Vec<f64> = texts.iter().map(|text| model.overlap(text)).collect();
    let mut quotes: Vec<Quote> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        // The subject often stands one sentence earlier.
        let context = if at > 0 { base[at - 1] } else { 0.0 };
        for piece in pieces(&chars, *span) {
            let text: String = folded[piece.start..piece.end].iter().collect();
            let own = if piece == *span {
                base[at]
            } else {
                model.overlap(&text)
            };
            let score = own + 0.25 * context.min(base[at]) + model.kind_bonus(&text);
            quotes.push(Quote {
                text: chars[piece.start..piece.end].iter().collect(),
                span: piece,
                score,
            });
        }
    }
    quotes.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.span.start.cmp(&b.span.start)));
    quotes
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

/// What a written form counts for a spoken one; a rare word counts some 2.
const CONCEPT_WEIGHT: f64 = 1.5;

/// Weighs sentences against one question.
struct Fit<'a> {
    grams: Vec<(String, f64)>,
    /// What manuals write for the question's spoken forms.
    concepts: Vec<(&'static [String], f64)>,
    total: f64,
    wanted: Wanted,
    units: &'a [&'a str],
}

impl<'a> Fit<'a> {
    fn new(
        folded_question: &str,
        units: &'a [&'a str],
        texts: &[String],
        idf: Option<&dyn Fn(&str) -> f64>,
    ) -> Self {
        let mut grams: BTreeMap<String, f64> = BTreeMap::new();
        let rarity = |gram: &str| {
            let with = texts.iter().filter(|text| text.contains(gram)).count() as f64;
            (1.0 + (texts.len() as f64 - with + 0.5) / (with + 0.5)).ln()
        };
        for word in analysis::coarse_words(folded_question) {
            if !analysis::is_stop_word(&word) {
                let weight = idf.map_or_else(
                    || 1.0 + 0.5 * rarity(&word),
                    |idf| 0.35 * idf(&word) + 0.5 * rarity(&word),
                );
                grams.insert(word, weight);
            }
        }
        for (run, han) in analysis::runs(folded_question) {
            if han {
                let chars: Vec<char> = run.chars().collect();
                for length in [2, 3] {
                    for window in chars.windows(length) {
                        let gram: String = window.iter().collect();
                        let weight = 0.4 * rarity(&gram);
                        grams.entry(gram).or_insert(weight);
                    }
                }
            }
        }
        let concepts: Vec<(&'static [String], f64)> = trade::concepts(folded_question)
            .into_iter()
            .filter(|concept| {
                concept
                    .written
                    .iter()
                    .any(|form| texts.iter().any(|text| text.contains(form)))
            })
            .map(|concept| (concept.written, CONCEPT_WEIGHT))
            .collect();
        let total = grams
            .values()
            .chain(concepts.iter().map(|(_, weight)| weight))
            .sum();
        Self {
            grams: grams.into_iter().collect(),
            concepts,
            total,
            wanted: wanted(folded_question),
            units,
        }
    }

    fn overlap(&self, text: &str) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        let hit: f64 = self
            .grams
            .iter()
            .filter(|(gram, _)| text.contains(gram.as_str()))
            .map(|(_, weight)| weight)
            .sum();
        let meant: f64 = self
            .concepts
            .iter()
            .filter(|(forms, _)| forms.iter().any(|form| text.contains(form)))
            .map(|(_, weight)| weight)
            .sum();
        (hit + meant) / self.total
    }

    /// Bonus for a sentence that has what is asked for.
    fn kind_bonus(&self, text: &str) -> f64 {
        let digit = text
            .chars()
            .any(|c| c.is_ascii_digit() || "一二三四五六七八九十百千万两".contains(c));
        let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let fits = match self.wanted {
            Wanted::Number => digit && (self.units.is_empty() || has_number_with(text, self.units)),
            Wanted::Time => {
                text.chars().any(|c| c.is_ascii_digit())
                    && any(&["年", "月", "日", "时", "世纪", "天", "点", "年代"])
                    || any(&["世纪", "时期", "年代"])
            }
            Wanted::Person => any(&["人", "由", "者", "任", "的", "氏", "·"]),
            Wanted::Place => any(&["在", "位于", "于", "省", "市", "县", "区", "国", "路", "部"]),
            Wanted::Reason => any(&[
                "因", "由于", "所以", "导致", "为了", "原因", "使得", "以便", "避免", "porque", "debido",
                "because",
            ]),
            Wanted::Name => any(&["为", "是", "称", "叫", "名", "《", "“"]),
            Wanted::Nothing => return 0.0,
        };
        if fits { 0.12 } else { 0.0 }
    }
}

fn wanted(question: &str) -> Wanted {
    let any = |words: &[&str]| words.iter().any(|word| question.contains(word));
    if any(&[
        "什么时候",
        "何时",
        "哪一年",
        "哪年",
        "哪一天",
        "几月",
        "时间",
        "日期",
        "年份",
        "哪个世纪",
        "cuando",
        "when",
    ]) {
        Wanted::Time
    } else if any(&[
        "多少", "几", "多大", "多长", "多高", "多久", "多远", "多重", "cuant", "how many", "how much",
        "how long",
    ]) {
        Wanted::Number
    } else if any(&["为什么", "为何", "原因", "por que", "why"]) {
        Wanted::Reason
    } else if any(&["谁", "哪位", "quien", "who"]) {
        Wanted::Person
    } else if any(&["哪里", "哪儿", "何地", "地点", "位于", "在哪", "donde", "where"]) {
        Wanted::Place
    } else if any(&["叫什么", "名称", "称为", "什么名", "是什么", "哪个", "哪种"]) {
        Wanted::Name
    } else {
        Wanted::Nothing
    }
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
        let quote = best("谁创办了乙公司", &[], passage, None).unwrap();
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
