//! A question as understood: exact names taken out of it, content words, and what kind of answer it asks for.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use regex::Regex;
use shifu_domain::recognise::{Lexicon, Mention, MentionKind};
use shifu_domain::text::is_han;
use shifu_domain::{FaultCode, ModelNumber, PartNumber, ProductLine};

use crate::analysis;
use crate::api::{Intent, Recognised};
use crate::index::QueryTerms;
use crate::rank::Element;
use crate::terms::{self, Shape};
use crate::trade;

/// Words around a code that ask what it is and what to do, nothing more.
const CODE_TALK: &str = "故障 代码 故障代码 报 显示 提示 出现 出 跳 毛病 问题 意思 含义 原因 处理 解决 办 修 维修 检修 排查 检查 空调 机器 客户 用户 屏 显示屏 面板 表示 \
    错误 报警 一直 老是 总是 师傅 现在 家 家里 用 开机 停机 亮 闪 次 次数 下 灯 指示灯 整屏 整 屏幕 运行 情况 怎么回事 回事 啥 咋 说 方法 措施 码 故障码 代号 \
    error code fault mean meaning display show unit fix solve repair alarm falla codigo error significa pantalla muestra aparece solucion averia problema aire acondicionado equipo causa";

/// Whether a folded word, or the stem of one, belongs to the talk around a fault and not to its subject.
pub(crate) fn is_talk(word: &str) -> bool {
    static TALK: OnceLock<BTreeSet<String>> = OnceLock::new();
    let forms = |word: &str| [word.to_owned(), analysis::stem(word)];
    TALK.get_or_init(|| CODE_TALK.split_whitespace().flat_map(forms).collect())
        .contains(word)
}

/// What a question amounts to before anything is searched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Understood {
    /// The text, folded.
    pub folded: String,
    /// Content words in order, without repetition.
    pub words: Vec<String>,
    pub terms: QueryTerms,
    /// Names that look like fault codes, models and parts, canonical letters and digits, with their spelling.
    pub codes: Vec<String>,
    pub models: Vec<NamedModel>,
    pub parts: Vec<String>,
    pub blinks: Vec<u32>,
    pub product_lines: Vec<ProductLine>,
    pub mentions: Vec<Mention>,
    pub intent: Intent,
    /// Content words beyond the code and the talk around it.
    pub detail: Vec<String>,
    /// No ideograph in it.
    pub latin: bool,
}

/// A model as named in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedModel {
    pub canonical: String,
    pub written: String,
    /// Models of the lexicon that it may mean.
    pub candidates: Vec<ModelNumber>,
}

impl Understood {
    /// Reads a question. `is_code` tells whether a name stands in a code column of the library.
    pub(crate) fn new(
        question: &str,
        lexicon: Option<&Lexicon>,
        mut is_code: impl FnMut(&str) -> bool,
    ) -> Self {
        let text: String = question.chars().take(2_000).collect();
        let folded = analysis::fold(&text);
        let mut found = Self {
            latin: !text.chars().any(is_han),
            mentions: lexicon.map(|l| l.recognise(&text)).unwrap_or_default(),
            ..Self::default()
        };
        found.take_mentions();
        found.take_tokens(&text);
        found.take_letters(&text, &mut is_code);
        found.take_shown(&text, &mut is_code);
        for count in terms::blinks(&text) {
            push_new(&mut found.blinks, count);
        }
        found.take_words(&folded);
        if found.asks_meaning(&folded) {
            found.detail.clear();
        }
        found.terms.exact = found.exact_terms();
        found.intent = found.intent_of(&folded);
        found.folded = folded;
        found
    }

    fn take_mentions(&mut self) {
        for mention in &self.mentions {
            match &mention.kind {
                MentionKind::FaultCode { code, .. } => {
                    push_new(&mut self.codes, terms::canonical(code.as_str()))
                }
                MentionKind::Model { model, candidates } => {
                    let canonical = terms::canonical(model.as_str());
                    let digits = canonical.bytes().filter(u8::is_ascii_digit).count();
                    if digits > 0 && !self.models.iter().any(|m| m.canonical == canonical) {
                        self.models.push(NamedModel {
                            canonical,
                            written: model.as_str().to_owned(),
                            candidates: candidates.clone(),
                        });
                    }
                }
                MentionKind::Part { part, .. } => push_new(&mut self.parts, terms::canonical(part.as_str())),
                MentionKind::Blinks { count } => push_new(&mut self.blinks, *count),
                MentionKind::ProductLine { product_line } => {
                    push_new(&mut self.product_lines, product_line.clone())
                }
                _ => {}
            }
        }
    }

    fn take_tokens(&mut self, text: &str) {
        for token in terms::tokens(text) {
            let known = self.codes.contains(&token.canonical)
                || self.parts.contains(&token.canonical)
                || self
                    .models
                    .iter()
                    .any(|m| m.canonical == token.canonical || m.canonical.starts_with(&token.canonical));
            if known {
                continue;
            }
            match token.shape {
                Shape::Code => push_new(&mut self.codes, token.canonical),
                Shape::Part => push_new(&mut self.parts, token.canonical),
                Shape::Model => self.models.push(NamedModel {
                    canonical: token.canonical,
                    written: token.written,
                    candidates: Vec::new(),
                }),
                Shape::Other => self.terms.exact.push(format!("t:{}", token.canonical)),
            }
        }
    }

    /// Codes of letters only (`LE`, `EE`) are told by the library's code columns.
    fn take_letters(&mut self, text: &str, is_code: &mut impl FnMut(&str) -> bool) {
        let folded = shifu_domain::text::fold_width(text);
        for run in folded.split(|c: char| !c.is_ascii_alphanumeric()) {
            let letters = (2..=3).contains(&run.len()) && run.bytes().all(|b| b.is_ascii_alphabetic());
            let spoken = !self.latin
                || run.bytes().all(|b| b.is_ascii_uppercase())
                || run.bytes().skip(1).any(|b| b.is_ascii_uppercase());
            if letters && spoken {
                let code = run.to_ascii_uppercase();
                if is_code(&code) {
                    push_new(&mut self.codes, code);
                }
            }
        }
    }

    /// Codes that are a number, a single letter or a sign (`显示 4`, `代码!`) are told by the word before them and the library's code columns.
    fn take_shown(&mut self, text: &str, is_code: &mut impl FnMut(&str) -> bool) {
        static SHOWN: OnceLock<Regex> = OnceLock::new();
        let shown = SHOWN.get_or_init(|| {
            Regex::new(r"(?i)(?:代码|故障码|错误码|代号|显示|报|跳|出现|code|codigo)[是为:：了个]?\s*([0-9]{1,2}|[a-z]{1,9}|!)(?:$|[^a-z0-9%℃.-])|^\s*([0-9]{1,2}|[a-z]{1,9}|!)(?:是什么|是啥|什么|怎么|故障|代表)")
                .unwrap_or_else(|_| unreachable!("constant"))
        });
        let folded = shifu_domain::text::fold_width(text);
        let Some(found) = shown.captures(&folded) else {
            return;
        };
        if let Some(name) = found.get(1).or_else(|| found.get(2)) {
            let code = terms::canonical_code(name.as_str());
            if is_code(&code) {
                push_new(&mut self.codes, code);
            }
        }
    }

    fn take_words(&mut self, folded: &str) {
        let mut seen = BTreeSet::new();
        for word in analysis::coarse_words(folded) {
            if !analysis::is_stop_word(&word) && seen.insert(word.clone()) {
                self.words.push(word);
            }
        }
        let mut index_words = BTreeSet::new();
        for word in self
            .words
            .iter()
            .flat_map(|word| analysis::words(word))
            .chain(self.words.iter().cloned())
        {
            if !analysis::is_stop_word(&word) && index_words.insert(word.clone()) {
                self.terms.words.push(word);
            }
        }
        for word in &self.words {
            self.terms.synonyms.extend(
                analysis::synonyms(word)
                    .filter(|other| other.chars().count() >= 2)
                    .map(str::to_owned),
            );
        }
        self.terms.written = trade::concepts(folded)
            .into_iter()
            .map(|concept| concept.written)
            .collect();
        self.terms.bigrams = content_bigrams(folded);
        let named: BTreeSet<String> = self
            .codes
            .iter()
            .chain(&self.parts)
            .cloned()
            .chain(self.models.iter().map(|m| m.canonical.clone()))
            .map(|name| name.to_lowercase())
            .collect();
        self.detail = self
            .words
            .iter()
            .filter(|word| {
                !is_talk(word)
                    && !named.iter().any(|name| name.contains(word.as_str()))
                    && !(word
                        .chars()
                        .all(|c| c.is_ascii_digit() || "一二三四五六七八九十两".contains(c)))
            })
            .cloned()
            .collect();
    }

    /// Whether a question names one code and asks what it stands for, whatever else it tells (`E2，老师傅说是门锁坏了，对不对`).
    fn asks_meaning(&self, folded: &str) -> bool {
        const ASKS: [&str; 21] = [
            "什么意思",
            "啥意思",
            "那意思",
            "指什么",
            "指啥",
            "指的是",
            "代表什么",
            "代表啥",
            "什么故障",
            "啥故障",
            "什么毛病",
            "啥毛病",
            "有毛病",
            "什么问题",
            "啥问题",
            "改成什么",
            "改成啥",
            "对不对",
            "怎么回事",
            "mean",
            "significa",
        ];
        self.codes.len() == 1 && (ASKS.iter().any(|ask| folded.contains(ask)) || asks_what_it_is(folded))
    }

    fn exact_terms(&mut self) -> Vec<String> {
        let mut exact = std::mem::take(&mut self.terms.exact);
        exact.extend(self.codes.iter().map(|code| format!("t:{code}")));
        if self.detail.is_empty() {
            // What a code is stands in its own column; a detail about it may stand anywhere.
            exact.extend(self.codes.iter().map(|code| format!("c:{code}")));
        }
        exact.extend(self.parts.iter().map(|part| format!("t:{part}")));
        exact.extend(self.models.iter().map(|model| format!("t:{}", model.canonical)));
        exact.extend(self.blinks.iter().map(|count| format!("b:{count}")));
        exact
    }

    fn intent_of(&self, folded: &str) -> Intent {
        let asks = |words: &[&str]| words.iter().any(|word| folded.contains(word));
        let quantity = asks(&[
            "多少", "几", "多久", "多大", "多长", "多高", "多重", "多厚", "多远", "cuanto", "cuanta",
            "how many", "how much", "how long",
        ]);
        let procedure = asks(&[
            "怎么",
            "如何",
            "怎样",
            "咋",
            "步骤",
            "流程",
            "方法",
            "how to",
            "how do",
            "how can",
            "¿como ",
            "como se",
            "como puedo",
            "pasos",
            "procedimiento",
            "steps",
        ]);
        if (!self.codes.is_empty() || !self.blinks.is_empty()) && self.detail.is_empty() {
            Intent::Code
        } else if quantity {
            Intent::Quantity
        } else if procedure {
            Intent::Procedure
        } else {
            Intent::Fact
        }
    }

    /// The record of what was recognised.
    pub(crate) fn recognised(&self) -> Recognised {
        Recognised {
            codes: self
                .codes
                .iter()
                .filter_map(|code| FaultCode::new(code).ok())
                .collect(),
            models: self
                .models
                .iter()
                .filter_map(|model| ModelNumber::new(&model.written).ok())
                .collect(),
            parts: self
                .parts
                .iter()
                .filter_map(|part| PartNumber::new(part).ok())
                .collect(),
            blinks: self.blinks.clone(),
            words: self.words.clone(),
            mentions: self.mentions.clone(),
            intent: self.intent,
        }
    }
}

/// `p8是什么保护？`, `e6代表哪种故障`: a code, and what kind of thing it is.
fn asks_what_it_is(folded: &str) -> bool {
    static ASKS: OnceLock<Regex> = OnceLock::new();
    ASKS.get_or_init(|| {
        Regex::new(r"[a-z0-9]\s*(?:代码|码)?(?:是|为|代表|表示|属于|算)(?:什么|啥|哪种|哪个|哪类|何种)\p{Han}{0,4}[?？。!！啊呀呢]*\s*$")
            .unwrap_or_else(|_| unreachable!("constant"))
    })
    .is_match(folded)
}

/// The elements of a (part of a) question, each once: a spoken form of the trade where the library has what is written for it, the
/// words outside such forms otherwise. `weigh` gives a word's weight from the word and how much it says about the subject (`None`: leave
/// it out), `written` the rarity of a written form, `None` where the library has none.
pub(crate) fn elements(
    folded: &str,
    weigh: &dyn Fn(&str, f64) -> Option<f64>,
    written: &dyn Fn(&str) -> Option<f64>,
) -> Vec<Element> {
    /// A spoken form with the written ones that the library has, and how rare they are.
    struct Spoken {
        at: std::ops::Range<usize>,
        known: Vec<(&'static String, f64)>,
    }
    let spoken: Vec<Spoken> = trade::concepts(folded)
        .into_iter()
        .map(|concept| {
            let known = concept
                .written
                .iter()
                .filter_map(|form| written(form).map(|rarity| (form, rarity)));
            Spoken {
                known: known.collect(),
                at: concept.at,
            }
        })
        .filter(|spoken| !spoken.known.is_empty())
        .collect();
    let mut out: Vec<Element> = Vec::new();
    let mut add = |element: Element| {
        if out.iter().all(|other| other.word != element.word) {
            out.push(element);
        }
    };
    let values = terms::values(folded);
    for at in &values {
        let number = &folded[at.clone()];
        // What stands nowhere in the manuals may be said in another unit there.
        if let Some(weight) = written(number) {
            add(Element {
                word: number.to_owned(),
                others: vec![if number.contains('.') {
                    number.replace('.', ",")
                } else {
                    number.replace(',', ".")
                }],
                weight,
            });
        }
    }
    let of_value = |at: &std::ops::Range<usize>| {
        values
            .iter()
            .any(|number| number.start <= at.start && at.end <= number.end)
    };
    for located in analysis::located_words(folded) {
        if of_value(&located.at) || terms::is_unit_of_number(folded, &located.at) {
            continue;
        }
        let within = spoken
            .iter()
            .find(|Spoken { at, .. }| at.start <= located.at.start && located.at.end <= at.end);
        if let Some(Spoken { at, known }) = within {
            add(Element {
                word: folded[at.clone()].to_owned(),
                others: known.iter().map(|(form, _)| analysis::stemmed(form)).collect(),
                weight: known.iter().map(|(_, rarity)| rarity).sum::<f64>() / known.len() as f64,
            });
        } else if !analysis::is_stop_word(&located.word)
            && let Some(weight) = weigh(&located.word, located.subject)
        {
            let others = analysis::synonyms(&located.word)
                .filter(|other| other.chars().count() >= 2)
                .map(str::to_owned)
                .collect();
            add(Element {
                word: located.word,
                others,
                weight,
            });
        }
    }
    out
}

/// Bigrams of the question without those of words that only ask.
fn content_bigrams(folded: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    let mut flush = |piece: &mut String| {
        for bigram in analysis::bigrams(piece) {
            if bigram.chars().count() == 2 && seen.insert(bigram.clone()) {
                out.push(bigram);
            }
        }
        piece.clear();
    };
    for (run, han) in analysis::runs(folded) {
        if !han {
            continue;
        }
        let mut piece = String::new();
        for word in analysis::coarse_words(run) {
            if analysis::is_stop_word(&word) {
                flush(&mut piece);
            } else {
                piece.push_str(&word);
            }
        }
        flush(&mut piece);
    }
    out
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(question: &str) -> Understood {
        Understood::new(question, None, |code| code == "LE")
    }

    #[test]
    fn codes_models_and_parts_are_taken_out() {
        let found = understood("ＫＦＲ－３５ＧＷ／ＱＨ１报Ｅ－６，换AC-PCB-201行吗");
        assert_eq!(found.codes, ["E6"]);
        assert_eq!(found.models[0].canonical, "KFR35GWQH1");
        assert_eq!(found.parts, ["ACPCB201"]);
    }

    #[test]
    fn letters_are_codes_only_where_the_library_has_them() {
        assert_eq!(understood("空调显示le").codes, ["LE"]);
        assert!(understood("空调显示ok").codes.is_empty());
        assert!(understood("por que no le llega agua").codes.is_empty());
    }

    #[test]
    fn intent_follows_the_question() {
        for (question, intent) in [
            ("空调报E6怎么办", Intent::Code),
            ("显示屏闪6次是什么故障", Intent::Code),
            ("R32该充多少克", Intent::Quantity),
            ("怎么拆室内机面板", Intent::Procedure),
            ("E6测通信电压应该是多少", Intent::Quantity),
            ("谁可以维修", Intent::Fact),
        ] {
            assert_eq!(understood(question).intent, intent, "{question}");
        }
    }

    #[test]
    fn what_a_code_is_called_is_no_detail_of_it() {
        assert_eq!(understood("P8是什么保护？").intent, Intent::Code);
        assert_eq!(understood("显示屏上的E6代表哪种故障").intent, Intent::Code);
        assert_eq!(understood("P8的保护温度是什么范围").intent, Intent::Fact);
    }

    #[test]
    fn words_that_only_ask_are_left_out() {
        let found = understood("请问压缩机的保修期是多少年？");
        assert!(
            found.words.contains(&"压缩机".to_owned())
                && !found.words.iter().any(|w| w == "请问" || w == "的"),
            "{:?}",
            found.words
        );
    }
}
