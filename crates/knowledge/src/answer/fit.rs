//! How well each sentence of a passage answers a question: what is measured of it, and what each measure counts.
//!
//! A passage is about one subject, which its first sentence tends to name; the sentence that answers is the one that has what the
//! question asks *of* the subject. So the words of a question are weighed three times: all of them, those left when the longest piece
//! shared with the first sentence is taken away, and those left when the longest piece shared with any sentence is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;
use shifu_domain::text::is_han;

use super::quote::{has_number_with, units_asked};
use crate::analysis;
use crate::trade;

/// Measures of a sentence.
pub(super) const MEASURES: usize = 19;

/// What each measure counts, in the order of [`Fit::measures`]: a linear scorer whose softmax over a passage's sentences is fitted to the
/// sentences that hold an answer, CMRC 2018 trial and DRCD dev (`models/quote/fit.py`).
const WEIGHTS: [f64; MEASURES] = [
    1.04, 3.50, 0.80, 1.45, 1.08, -0.22, 1.31, 1.25, 4.10, 0.44, 1.11, -1.35, 3.79, 0.76, 1.65, 1.06, -0.75,
    0.46, 0.64,
];

/// What a written form of the trade counts for a spoken one; a rare word counts some 2.
const CONCEPT_WEIGHT: f64 = 1.5;
/// Longest piece of a question that is looked for whole.
const LONGEST_SHARED: usize = 24;

/// What the answer must look like, judged by the question's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Time,
    Number,
    Reason,
    Person,
    Place,
    Name,
    List,
    Manner,
    Which,
    What,
    Anything,
}

/// Words of a question, the first kind that has one counts.
const ASKS: [(Wanted, &[&str]); 10] = [
    (
        Wanted::Time,
        &[
            "什么时候",
            "啥时候",
            "何时",
            "哪一年",
            "哪年",
            "哪一天",
            "哪天",
            "几月",
            "几年",
            "何年",
            "哪个世纪",
            "年份",
            "日期",
            "时间",
            "cuando",
            "when",
        ],
    ),
    (
        Wanted::Number,
        &[
            "多少", "几", "多大", "多长", "多高", "多久", "多远", "多重", "cuant", "how many", "how much",
            "how long",
        ],
    ),
    (
        Wanted::Reason,
        &[
            "为什么",
            "为何",
            "原因",
            "因为什么",
            "因何",
            "为啥",
            "por que",
            "why",
        ],
    ),
    (Wanted::Person, &["谁", "哪位", "何人", "什么人", "quien", "who"]),
    (
        Wanted::Place,
        &[
            "哪里",
            "哪儿",
            "何地",
            "何处",
            "地点",
            "位于",
            "在哪",
            "什么地方",
            "哪个国家",
            "哪国",
            "哪个城市",
            "哪个省",
            "donde",
            "where",
        ],
    ),
    (
        Wanted::Name,
        &[
            "叫什么",
            "叫啥",
            "名称",
            "称为",
            "什么名",
            "名字",
            "别名",
            "又称",
            "又叫",
            "什么称",
        ],
    ),
    (Wanted::List, &["哪些", "有什么", "有啥", "什么样", "包括"]),
    (Wanted::Manner, &["怎么", "如何", "怎样", "咋", "como", "how"]),
    (Wanted::Which, &["哪", "cual", "which"]),
    (Wanted::What, &["什么", "啥", "que ", "what"]),
];

/// What a sentence that answers tends to have, by what is wanted.
const TELLS: [(Wanted, &str); 10] = [
    (
        Wanted::Time,
        r"\d|世纪|年代|年间|朝|时期|[一二三四五六七八九十]+[月日]",
    ),
    (Wanted::Number, r"[\d一二三四五六七八九十百千万两]"),
    (
        Wanted::Reason,
        r"因|由于|所以|导致|为了|原因|使得|以便|避免|故|鉴于|致使|引起|造成|令|porque|debido|because",
    ),
    (
        Wanted::Person,
        r"·|由.{2,6}|先生|女士|教授|博士|导演|皇帝|将军|饰|作者|创办|发明|发现|《|“|称为|简称|又称",
    ),
    (
        Wanted::Place,
        r"位于|位在|[省市县区镇村州岛路街国]|地区|坐落|附近|[东西南北]部",
    ),
    (Wanted::Name, r"称|叫|名|即|《|“|「|『|‘|（|\(|[a-z]{2,}"),
    (Wanted::List, r"、.*、|包括|分为|以及|有.*和|例如|如"),
    (Wanted::Manner, r"通过|利用|使用|以.{1,8}方式|采用|用"),
    (
        Wanted::Which,
        r"《|“|「|『|‘|称|名|即|[省市县区镇村州岛路街国]|是|为",
    ),
    (Wanted::What, r"是|为|称|名|即|《|“|「|『|‘|、.*、|包括"),
];

/// Words that ask, which no answer repeats.
const QUESTION_WORDS: &str = "什么时候|为什么|是什么|有什么|什么|啥|多少|怎么样|怎么|咋|怎样|如何|哪些|哪个|哪里|哪儿|哪种|哪一[年天个位种]|\
    哪[年位国]|哪|谁|何时|何地|何|几|请问|多[大长高久远重]|吗|呢|\\?|？";
/// What stands before the thing that is counted or chosen: 多少`人`, 哪个`省`.
const BEFORE_MEASURE: &str = "什么|哪些|哪个|哪种|哪一[个位种]?|哪|多少|几";

fn constant(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|_| unreachable!("a constant"))
}

fn question_words() -> &'static Regex {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX.get_or_init(|| constant(QUESTION_WORDS))
}

fn tells(wanted: Wanted) -> Option<&'static Regex> {
    static REGEXES: OnceLock<Vec<(Wanted, Regex)>> = OnceLock::new();
    let all = REGEXES.get_or_init(|| {
        TELLS
            .iter()
            .map(|(wanted, tells)| (*wanted, constant(tells)))
            .collect()
    });
    all.iter()
        .find(|(kind, _)| *kind == wanted)
        .map(|(_, regex)| regex)
}

fn wanted(folded_question: &str) -> Wanted {
    ASKS.iter()
        .find(|(_, words)| words.iter().any(|word| folded_question.contains(word)))
        .map_or(Wanted::Anything, |(wanted, _)| *wanted)
}

/// Pieces of text, each with a weight.
struct Pieces {
    weighed: Vec<(String, f64)>,
    total: f64,
}

impl Pieces {
    fn new(weighed: BTreeMap<String, f64>) -> Self {
        let total = weighed.values().sum();
        Self {
            weighed: weighed.into_iter().collect(),
            total,
        }
    }

    /// Share of the weight that stands in a text, 0..=1; 0 when there are no pieces.
    fn share(&self, stands: impl Fn(&str) -> bool) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        let standing = self.weighed.iter().filter(|(piece, _)| stands(piece));
        standing.map(|(_, weight)| weight).sum::<f64>() / self.total
    }
}

/// What a question asks of the passage's subject.
struct Aspect {
    characters: Pieces,
    pairs: Pieces,
    words: Pieces,
}

impl Aspect {
    fn of(sentence: &str, pieces: &Pieces) -> f64 {
        pieces.share(|piece| sentence.contains(piece))
    }

    /// Characters and pairs that stand in a sentence, 0..=2.
    fn fits(&self, sentence: &str) -> f64 {
        Self::of(sentence, &self.characters) + Self::of(sentence, &self.pairs)
    }
}

/// Where a piece of text stands in its passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of its sentence, from 0.
    pub sentence: usize,
    /// Whether it is only a part of that sentence.
    pub part: bool,
}

/// Measures the sentences of one passage against one question.
pub(super) struct Fit<'a> {
    sentences: &'a [String],
    whole: Pieces,
    concepts: Vec<&'static [String]>,
    characters: Pieces,
    /// Without what the first sentence shares, and without what any sentence shares.
    of_subject: Aspect,
    of_nearest: Pieces,
    last_word: Option<String>,
    wanted: Wanted,
    measure: Option<char>,
    numbers: Vec<String>,
    units: &'static [&'static str],
    overlaps: Vec<f64>,
    aspects: Vec<f64>,
}

impl<'a> Fit<'a> {
    /// `sentences` are folded, in order.
    pub(super) fn new(folded_question: &str, sentences: &'a [String]) -> Self {
        let rarity = |piece: &str| {
            let with = sentences
                .iter()
                .filter(|sentence| sentence.contains(piece))
                .count() as f64;
            (1.0 + (sentences.len() as f64 - with + 0.5) / (with + 0.5)).ln()
        };
        let told = question_words().replace_all(folded_question, "，").into_owned();
        let words_of = |text: &str| -> Vec<String> {
            let words = analysis::coarse_words(text).into_iter();
            words.filter(|word| !analysis::is_stop_word(word)).collect()
        };
        let weigh_words = |words: &[String]| -> BTreeMap<String, f64> {
            words
                .iter()
                .map(|word| (word.clone(), 1.0 + 0.5 * rarity(word)))
                .collect()
        };
        let weigh = |pieces: Vec<String>| -> BTreeMap<String, f64> {
            let distinct: std::collections::BTreeSet<String> = pieces.into_iter().collect();
            distinct
                .into_iter()
                .map(|piece| {
                    let weight = rarity(&piece);
                    (piece, weight)
                })
                .collect()
        };
        let words = words_of(&told);
        let mut whole = weigh_words(&words);
        for piece in windows(folded_question, 2)
            .into_iter()
            .chain(windows(folded_question, 3))
        {
            let weight = 0.4 * rarity(&piece);
            whole.entry(piece).or_insert(weight);
        }
        let concepts: Vec<&'static [String]> = trade::concepts(folded_question)
            .into_iter()
            .map(|concept| concept.written)
            .filter(|forms| {
                forms
                    .iter()
                    .any(|form| sentences.iter().any(|sentence| sentence.contains(form)))
            })
            .collect();
        let without = |shared: &str| {
            if shared.is_empty() {
                told.clone()
            } else {
                told.replace(shared, "，")
            }
        };
        let subject = sentences
            .first()
            .map(|first| longest_shared(&told, first))
            .unwrap_or_default();
        let shared = sentences.iter().map(|sentence| longest_shared(&told, sentence));
        let nearest = shared
            .max_by_key(|piece| piece.chars().count())
            .unwrap_or_default();
        let asked = without(&subject);
        let of_subject = Aspect {
            characters: Pieces::new(weigh(characters(&asked))),
            pairs: Pieces::new(weigh(windows(&asked, 2))),
            words: Pieces::new(weigh_words(&words_of(&asked))),
        };
        let mut fit = Self {
            sentences,
            whole: Pieces::new(whole),
            concepts,
            characters: Pieces::new(weigh(windows(&told, 1))),
            of_nearest: Pieces::new(weigh(characters(&without(&nearest)))),
            of_subject,
            last_word: words.last().cloned(),
            wanted: wanted(folded_question),
            measure: measure(folded_question),
            numbers: numbers(folded_question),
            units: units_asked(folded_question),
            overlaps: Vec::new(),
            aspects: Vec::new(),
        };
        fit.overlaps = sentences
            .iter()
            .map(|sentence| fit.overlap(|piece| sentence.contains(piece)))
            .collect();
        fit.aspects = sentences
            .iter()
            .map(|sentence| fit.of_subject.fits(sentence))
            .collect();
        fit
    }

    /// Share of the question's words, pairs, triples and concepts that stand, 0..=1.
    fn overlap(&self, stands: impl Fn(&str) -> bool) -> f64 {
        let of_concepts = CONCEPT_WEIGHT * self.concepts.len() as f64;
        let total = self.whole.total + of_concepts;
        if total <= 0.0 {
            return 0.0;
        }
        let meant = self
            .concepts
            .iter()
            .filter(|forms| forms.iter().any(|form| stands(form)))
            .count();
        (self.whole.share(&stands) * self.whole.total + CONCEPT_WEIGHT * meant as f64) / total
    }

    /// The score of a sentence or a part of one; comparable within the passage.
    pub(super) fn score(&self, text: &str, place: Place) -> f64 {
        self.measures(text, place)
            .iter()
            .zip(WEIGHTS)
            .map(|(measure, weight)| measure * weight)
            .sum()
    }

    /// What is measured of a sentence or a part of one, each about 0..=1.
    pub(super) fn measures(&self, text: &str, place: Place) -> [f64; MEASURES] {
        let Place { sentence, part } = place;
        let has = |piece: &str| text.contains(piece);
        let yes = |condition: bool| f64::from(u8::from(condition));
        let before = sentence.checked_sub(1).map(|at| self.sentences[at].as_str());
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let (own, aspect) = if part {
            (self.overlap(has), self.of_subject.fits(text))
        } else {
            (self.overlaps[sentence], self.aspects[sentence])
        };
        let most_overlap = largest(&self.overlaps);
        let most_aspect = largest(&self.aspects);
        let counts = matches!(self.wanted, Wanted::Number | Wanted::Time);
        let own_numbers = numbers(text);
        let news = own_numbers.iter().any(|number| !self.numbers.contains(number));
        [
            if most_overlap > 0.0 {
                own / most_overlap
            } else {
                0.0
            },
            self.overlap(|piece| has(piece) || before.is_some_and(|before| before.contains(piece))),
            self.characters.share(has),
            self.of_subject.characters.share(has),
            self.of_subject.words.share(has),
            aspect - most_aspect,
            yes(most_aspect > 0.0 && aspect >= most_aspect),
            self.of_nearest.share(has),
            self.overlaps.get(sentence + 1).copied().unwrap_or(0.0),
            largest(&self.overlaps[..sentence]),
            yes(sentence == 0),
            yes(part),
            yes(counts && self.measure.is_some_and(|measure| counted(text, measure))),
            yes(tells(self.wanted).is_some_and(|tells| tells.is_match(text))),
            yes(own_numbers.iter().any(|number| self.numbers.contains(number))),
            yes(counts && news),
            yes(counts && !news && !text.chars().any(is_numeral)),
            yes(self.last_word.as_ref().is_some_and(|word| has(word))),
            yes(!self.units.is_empty() && has_number_with(text, self.units)),
        ]
    }
}

/// Runs of `length` characters within the Chinese runs of a text.
fn windows(text: &str, length: usize) -> Vec<String> {
    let han = analysis::runs(text).filter(|(_, han)| *han);
    han.flat_map(|(run, _)| {
        let chars: Vec<char> = run.chars().collect();
        chars
            .windows(length)
            .map(|window| window.iter().collect::<String>())
            .collect::<Vec<_>>()
    })
    .collect()
}

/// Characters that say something.
fn characters(text: &str) -> Vec<String> {
    let telling = windows(text, 1).into_iter();
    telling
        .filter(|one| !"的了是在有和与及或等也都而被把对从到以于为其之中上下个这那时".contains(one.as_str()))
        .collect()
}

/// The longest piece of `question`, two characters or more and no punctuation, that stands in `text`.
fn longest_shared(question: &str, text: &str) -> String {
    let chars: Vec<char> = question.chars().collect();
    for length in (2..=chars.len().min(LONGEST_SHARED)).rev() {
        for window in chars.windows(length) {
            if window.iter().all(|&c| c.is_alphanumeric() || c == '·') {
                let piece: String = window.iter().collect();
                if text.contains(&piece) {
                    return piece;
                }
            }
        }
    }
    String::new()
}

/// The first character of what is counted or chosen: 多少`公`里.
fn measure(folded_question: &str) -> Option<char> {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    let last = REGEX
        .get_or_init(|| constant(BEFORE_MEASURE))
        .find_iter(folded_question)
        .last()?;
    folded_question[last.end()..]
        .chars()
        .next()
        .filter(|&c| is_han(c))
}

fn is_numeral(c: char) -> bool {
    c.is_ascii_digit() || "一二三四五六七八九十百千万两亿多".contains(c)
}

/// Whether a number stands before `measure`.
fn counted(text: &str, measure: char) -> bool {
    let mut last = None;
    text.chars().filter(|&c| c != ' ').any(|c| {
        let before = last.replace(c);
        c == measure && before.is_some_and(is_numeral)
    })
}

/// Runs of digits.
fn numbers(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_the_subject_counts_more_than_its_name() {
        let sentences: Vec<String> = [
            "纽西兰鸡毛松是罗汉松科的一种。",
            "树高可达55米。",
            "纽西兰鸡毛松的木材可制矛。",
        ]
        .map(str::to_owned)
        .into();
        let fit = Fit::new("纽西兰鸡毛松有多高？", &sentences);
        let score = |at: usize| {
            fit.score(
                &sentences[at],
                Place {
                    sentence: at,
                    part: false,
                },
            )
        };
        assert!(
            score(1) > score(0) && score(1) > score(2),
            "{} {} {}",
            score(0),
            score(1),
            score(2)
        );
    }

    #[test]
    fn the_thing_that_is_counted_follows_the_question_word() {
        assert_eq!(measure("这个村有多少人"), Some('人'));
        assert!(counted("全村共 120 人", '人') && !counted("村里的人", '人'));
        assert_eq!(
            longest_shared("黄鳍紫鱼体长，", "黄鳍紫鱼，又称黄鳍姬鲷"),
            "黄鳍紫鱼"
        );
        assert_eq!(longest_shared("甲", "乙"), "");
    }

    #[test]
    fn an_empty_question_measures_nothing_and_does_not_fail() {
        let sentences = vec!["先断电。".to_owned()];
        let fit = Fit::new("", &sentences);
        assert!(
            fit.score(
                &sentences[0],
                Place {
                    sentence: 0,
                    part: false
                }
            )
            .is_finite()
        );
    }
}
