//! What a rephrased sentence must have letter by letter from its citation: numbers with their units, codes, models, part numbers.

use std::ops::Range;

use shifu_domain::recognise::parse_numeral;
use shifu_domain::text::is_han;

use crate::analysis;

/// Something exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A number in one spelling (`2.0` is `2`, `五` is `5`) and its unit in one spelling (`毫安` is `ma`); no unit: empty.
    Number { value: String, unit: String },
    /// A name of letters and digits as written, upper case: `E6`, `KFR-35GW/QH1`, `AC-PCB-201`, `R32`.
    Name(String),
}

impl Item {
    /// Whether one could be taken for the other: numbers of one unit, names of one length class.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number { unit, .. }, Self::Number { unit: others, .. }) => unit == others,
            (Self::Name(name), Self::Name(other)) => (name.len() <= 4) == (other.len() <= 4),
            _ => false,
        }
    }

    /// `一个`, `一种`, `one`: an article more often than a count.
    pub(super) fn is_article(&self) -> bool {
        matches!(self, Self::Number { value, unit } if value == "1"
            && (unit.is_empty() || matches!(unit.as_str(), "个" | "种" | "下" | "项" | "条" | "处") || unit.is_ascii()))
    }
}

/// An item with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) item: Item,
    /// As written.
    pub(super) written: String,
    /// Characters of the text, the unit included.
    pub(super) at: Range<usize>,
}

/// Units in Chinese and the spelling they are compared by; longer ones first.
const HAN_UNITS: [(&str, &str); 66] = [
    ("个小时", "h"),
    ("个星期", "周"),
    ("摄氏度", "℃"),
    ("平方米", "m²"),
    ("千瓦时", "kwh"),
    ("转/分", "r/min"),
    ("兆帕", "mpa"),
    ("千帕", "kpa"),
    ("兆欧", "MΩ"),
    ("千欧", "kΩ"),
    ("欧姆", "Ω"),
    ("毫安", "ma"),
    ("微安", "μa"),
    ("安培", "a"),
    ("千伏", "kv"),
    ("毫伏", "mv"),
    ("伏特", "v"),
    ("度电", "kwh"),
    ("千瓦", "kw"),
    ("赫兹", "hz"),
    ("微法", "μf"),
    ("毫米", "mm"),
    ("厘米", "cm"),
    ("公分", "cm"),
    ("平米", "m²"),
    ("公斤", "kg"),
    ("千克", "kg"),
    ("毫克", "mg"),
    ("毫升", "ml"),
    ("小时", "h"),
    ("分钟", "min"),
    ("个月", "月"),
    ("星期", "周"),
    ("块钱", "元"),
    ("帕", "pa"),
    ("欧", "Ω"),
    ("安", "a"),
    ("伏", "v"),
    ("瓦", "w"),
    ("度", "℃"),
    ("米", "m"),
    ("克", "g"),
    ("升", "l"),
    ("秒", "s"),
    ("天", "天"),
    ("日", "日"),
    ("年", "年"),
    ("月", "月"),
    ("周", "周"),
    ("元", "元"),
    ("块", "元"),
    ("匹", "匹"),
    ("倍", "倍"),
    ("次", "次"),
    ("下", "下"),
    ("遍", "遍"),
    ("个", "个"),
    ("根", "根"),
    ("颗", "颗"),
    ("只", "只"),
    ("台", "台"),
    ("步", "步"),
    ("层", "层"),
    ("档", "档"),
    ("圈", "圈"),
    ("页", "页"),
];

/// Units as words and the spelling they are compared by, without plural endings.
const WORD_UNITS: [(&str, &str); 22] = [
    ("minute", "min"),
    ("minuto", "min"),
    ("second", "s"),
    ("sec", "s"),
    ("segundo", "s"),
    ("hour", "h"),
    ("hora", "h"),
    ("hr", "h"),
    ("volt", "v"),
    ("voltio", "v"),
    ("amp", "a"),
    ("ampere", "a"),
    ("amperio", "a"),
    ("ohm", "Ω"),
    ("ohmio", "Ω"),
    ("gram", "g"),
    ("gramo", "g"),
    ("degree", "°"),
    ("grado", "°"),
    ("percent", "%"),
    ("uf", "μf"),
    ("°c", "℃"),
];

/// Numbers as English words.
const NUMBER_WORDS: [(&str, &str); 20] = [
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("fifteen", "15"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("hundred", "100"),
    ("half", "0.5"),
];

/// Everything exact in a text whose characters are half width, left to right, not overlapping.
pub(super) fn items(chars: &[char]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let next = if c.is_ascii_digit() {
            number(chars, at, &mut found)
        } else if is_numeral(c) {
            han_number(chars, at, &mut found)
        } else if c.is_ascii_alphabetic() {
            latin(chars, at, &mut found)
        } else if let Some(value) = circled(c) {
            push(chars, at..at + 1, value.to_string(), "①".to_owned(), &mut found);
            at + 1
        } else {
            at + 1
        };
        at = next.max(at + 1);
    }
    units_of_ranges(chars, &mut found);
    found
}

/// `①` is 1.
pub(super) fn circled(c: char) -> Option<u32> {
    ('①'..='⑳').contains(&c).then(|| c as u32 - '①' as u32 + 1)
}

pub(super) fn is_numeral(c: char) -> bool {
    "零〇一二两三四五六七八九十百千万亿半".contains(c)
}

fn push(chars: &[char], at: Range<usize>, value: String, unit: String, found: &mut Vec<Found>) {
    let ordinal = chars[..at.start]
        .iter()
        .rev()
        .find(|c| **c != ' ')
        .is_some_and(|c| *c == '第');
    let unit = if ordinal { format!("第{unit}") } else { unit };
    found.push(Found {
        item: Item::Number { value, unit },
        written: chars[at.clone()].iter().collect::<String>().trim().to_owned(),
        at,
    });
}

/// `0.85 MPa`, `-5℃`, `±10%`, `1/4`, `1,200`; the end of what was read.
fn number(chars: &[char], start: usize, found: &mut Vec<Found>) -> usize {
    let digit = |at: usize| chars.get(at).is_some_and(char::is_ascii_digit);
    let mut end = start;
    while digit(end) || (matches!(chars.get(end), Some('.' | ',' | '/')) && digit(end + 1)) {
        end += 1;
    }
    let written: String = chars[start..end].iter().collect();
    let mut from = start;
    let before = |at: usize| at.checked_sub(1).map(|at| chars[at]);
    let mut value = spelled(&written);
    if let Some(sign @ ('-' | '−' | '±' | '<' | '>' | '≤' | '≥')) = before(start) {
        let joins = matches!(sign, '-' | '−')
            && before(start - 1).is_some_and(|c| c.is_alphanumeric() || matches!(c, ')' | '℃' | '%'));
        if !joins {
            from = start - 1;
            value = format!("{}{value}", if sign == '−' { '-' } else { sign });
        }
    }
    let (unit, end) = unit(chars, end);
    push(chars, from..end, value, unit, found);
    end
}

/// `2.0` and `2` are one spelling, `1,200` and `1200` too; what is no plain number stays as written.
fn spelled(written: &str) -> String {
    let groups: Vec<&str> = written.split(',').collect();
    let thousands = groups.len() > 1 && groups[1..].iter().all(|group| group.len() == 3);
    let plain = if thousands {
        groups.concat()
    } else {
        written.to_owned()
    };
    let whole = plain.split('.').next().unwrap_or_default().len();
    match plain.parse::<f64>() {
        Ok(number) if whole <= 15 => number.to_string(),
        _ => plain,
    }
}

/// `五分钟`, `一个半小时`, `第三步`; numerals without a unit (`四通阀`, `一般`) are words.
fn han_number(chars: &[char], start: usize, found: &mut Vec<Found>) -> usize {
    let mut end = start;
    let goes_on = |end: usize| {
        chars.get(end).is_some_and(|c| is_numeral(*c))
            || (chars.get(end) == Some(&'点') && chars.get(end + 1).is_some_and(|c| is_numeral(*c)))
    };
    while goes_on(end) {
        end += 1;
    }
    let written: String = chars[start..end].iter().collect();
    let half = chars.get(end) == Some(&'个') && chars.get(end + 1) == Some(&'半');
    let unit_at = if half { end + 2 } else { end };
    let (unit, unit_end) = unit(chars, unit_at);
    let Some(value) = parse_numeral(&written).filter(|_| !unit.is_empty()) else {
        return end;
    };
    let value = if half { value + 0.5 } else { value };
    push(chars, start..unit_end, value.to_string(), unit, found);
    unit_end
}

/// A name with a digit, a number as a word, or any other word, which is no item.
fn latin(chars: &[char], start: usize, found: &mut Vec<Found>) -> usize {
    let of_name = |at: usize| chars.get(at).is_some_and(char::is_ascii_alphanumeric);
    let mut end = start;
    while of_name(end) || (matches!(chars.get(end), Some('-' | '_' | '/' | '.')) && of_name(end + 1)) {
        end += 1;
    }
    let written: String = chars[start..end].iter().collect();
    if written.contains(|c: char| c.is_ascii_digit()) {
        let pieces: Vec<&str> = written.split('/').collect();
        let codes = pieces.iter().all(|piece| {
            piece.len() <= 4
                && piece.starts_with(|c: char| c.is_ascii_alphabetic())
                && piece.contains(|c: char| c.is_ascii_digit())
        });
        let names = if codes { pieces } else { vec![written.as_str()] };
        for name in names {
            found.push(Found {
                item: Item::Name(name.to_uppercase()),
                written: name.to_owned(),
                at: start..end,
            });
        }
        return end;
    }
    let word_end = (start..end)
        .find(|&at| !chars[at].is_ascii_alphabetic())
        .unwrap_or(end);
    let word: String = chars[start..word_end].iter().collect::<String>().to_lowercase();
    if let Some((_, value)) = NUMBER_WORDS.iter().find(|(spelling, _)| *spelling == word) {
        let (unit, unit_end) = unit(chars, word_end);
        push(chars, start..unit_end, (*value).to_owned(), unit, found);
        return unit_end;
    }
    word_end
}

/// The unit that begins at `at` or after blanks, in one spelling, and where it ends; empty where there is none.
fn unit(chars: &[char], at: usize) -> (String, usize) {
    let mut start = at;
    while chars.get(start) == Some(&' ') && start < at + 2 {
        start += 1;
    }
    let rest: String = chars[start..chars.len().min(start + 4)].iter().collect();
    if rest.starts_with(is_han) {
        return match HAN_UNITS.iter().find(|(spelling, _)| rest.starts_with(spelling)) {
            Some((spelling, unit)) => ((*unit).to_owned(), start + spelling.chars().count()),
            None => (String::new(), at),
        };
    }
    let of_unit = |c: &char| {
        c.is_ascii_alphabetic()
            || matches!(
                c,
                'Ω' | '\u{2126}' | 'μ' | '\u{b5}' | '°' | '℃' | '%' | '‰' | '²' | '³' | '·' | '㎡'
            )
    };
    let mut end = start;
    while chars.get(end).is_some_and(of_unit)
        || (chars.get(end) == Some(&'/') && chars.get(end + 1).is_some_and(of_unit) && end > start)
    {
        end += 1;
    }
    let written: String = chars[start..end].iter().collect();
    let unit = compared(&written);
    let apart = start > at;
    // "5 in the morning" has no unit, "6.5 A" has.
    let word = apart && analysis::is_stop_word(&written);
    let joined = apart && chars.get(end).is_some_and(char::is_ascii_digit);
    if unit.is_empty() || word || joined {
        return (String::new(), at);
    }
    (unit, end)
}

/// One spelling of a unit: case counts only before Ω (`MΩ`, `mΩ`).
fn compared(written: &str) -> String {
    let written = written
        .replace('\u{2126}', "Ω")
        .replace('\u{b5}', "μ")
        .replace('㎡', "m²");
    if written.contains('Ω') {
        return written.replace('K', "k");
    }
    let lower = written.to_lowercase();
    let singular = analysis::singular(&lower);
    WORD_UNITS
        .iter()
        .find(|(word, _)| *word == lower || *word == singular || lower.strip_suffix('s') == Some(*word))
        .map_or(singular, |(_, unit)| (*unit).to_owned())
}

/// The lower end of a range has the unit of the upper one: `1.6-2.5 MPa`, `0～24 V`, `五到十分钟`.
fn units_of_ranges(chars: &[char], found: &mut [Found]) {
    for at in (1..found.len()).rev() {
        let (low, high) = found.split_at_mut(at);
        let (Some(low), Some(high)) = (low.last_mut(), high.first()) else {
            continue;
        };
        let between: String = chars[low.at.end.min(high.at.start)..high.at.start]
            .iter()
            .collect();
        let joins = matches!(
            between.trim(),
            "-" | "–" | "—" | "~" | "～" | "到" | "至" | "to" | "a"
        );
        if let (Item::Number { unit, .. }, Item::Number { unit: upper, .. }) = (&mut low.item, &high.item)
            && joins
            && unit.is_empty()
        {
            unit.clone_from(upper);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let chars: Vec<char> = shifu_domain::text::fold_width(text).chars().collect();
        let found: Vec<String> = items(&chars)
            .into_iter()
            .map(|found| match found.item {
                Item::Number { value, unit } => format!("{value} {unit}").trim().to_owned(),
                Item::Name(name) => name,
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn numbers_and_units_have_one_spelling() {
        check("０．８５ ＭＰａ", &["0.85 mpa"]);
        check("等待五分钟，再等 5 min", &["5 min", "5 min"]);
        check("820 g、820克", &["820 g", "820 g"]);
        check("0～24 V", &["0 v", "24 v"]);
        check("1.6-2.5MPa", &["1.6 mpa", "2.5 mpa"]);
        check("-5℃，±10%", &["-5 ℃", "±10 %"]);
        check("2.0μF/450V", &["2 μf", "450 v"]);
        check("1,200 W", &["1200 w"]);
        check("一个半小时", &["1.5 h"]);
        check("第三步，第 3 步", &["3 第步", "3 第步"]);
        check("two screws, wait five minutes", &["2 screw", "5 min"]);
    }

    #[test]
    fn milliamperes_are_no_amperes() {
        check("0.5 A", &["0.5 a"]);
        check("0.5 mA", &["0.5 ma"]);
        check("0.5 毫安", &["0.5 ma"]);
        check("5 MΩ", &["5 MΩ"]);
        check("5 mΩ", &["5 mΩ"]);
    }

    #[test]
    fn names_are_whole_and_numerals_in_words_are_words() {
        check("报E6/E7，机型 kfr-35gw/qh1", &["E6", "E7", "KFR-35GW/QH1"]);
        check("更换 AC-PCB-201", &["AC-PCB-201"]);
        check("四通阀一般用万用表检查三相", &[]);
        check("R32", &["R32"]);
    }
}
