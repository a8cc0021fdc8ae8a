//! Numbers with units, Chinese and SI: 0.85 MPa, 8公斤压力, 二十六度, ￥200, 一个半小时.

use std::sync::LazyLock;

use regex::Regex;

use super::folded::Folded;
use super::{Mention, MentionKind, numerals};
use crate::text::Span;

/// Spellings and the canonical unit; longer spellings first. Latin ones are matched with their case as written here.
const UNITS: [(&str, &str); 93] = [
    ("min", "min"),
    ("公斤的压力", "kgf/cm²"),
    ("公斤压力", "kgf/cm²"),
    ("kgf/cm²", "kgf/cm²"),
    ("兆帕", "MPa"),
    ("千帕", "kPa"),
    ("MPa", "MPa"),
    ("Mpa", "MPa"),
    ("mpa", "MPa"),
    ("MPA", "MPa"),
    ("kPa", "kPa"),
    ("Kpa", "kPa"),
    ("kpa", "kPa"),
    ("KPA", "kPa"),
    ("bar", "bar"),
    ("psi", "psi"),
    ("兆欧", "MΩ"),
    ("千欧", "kΩ"),
    ("欧姆", "Ω"),
    ("kΩ", "kΩ"),
    ("KΩ", "kΩ"),
    ("MΩ", "MΩ"),
    ("Ω", "Ω"),
    ("欧", "Ω"),
    ("毫安", "mA"),
    ("安培", "A"),
    ("mA", "mA"),
    ("安", "A"),
    ("A", "A"),
    ("a", "A"),
    ("千伏", "kV"),
    ("毫伏", "mV"),
    ("伏特", "V"),
    ("kV", "kV"),
    ("mV", "mV"),
    ("伏", "V"),
    ("V", "V"),
    ("v", "V"),
    ("度电", "kWh"),
    ("千瓦时", "kWh"),
    ("kWh", "kWh"),
    ("千瓦", "kW"),
    ("kW", "kW"),
    ("KW", "kW"),
    ("kw", "kW"),
    ("瓦", "W"),
    ("W", "W"),
    ("w", "W"),
    ("赫兹", "Hz"),
    ("Hz", "Hz"),
    ("HZ", "Hz"),
    ("hz", "Hz"),
    ("微法", "μF"),
    ("μF", "μF"),
    ("uF", "μF"),
    ("摄氏度", "℃"),
    ("℃", "℃"),
    ("°C", "℃"),
    ("°c", "℃"),
    ("度", "℃"),
    ("毫米", "mm"),
    ("厘米", "cm"),
    ("公分", "cm"),
    ("平方米", "m²"),
    ("平米", "m²"),
    ("㎡", "m²"),
    ("m²", "m²"),
    ("mm", "mm"),
    ("MM", "mm"),
    ("cm", "cm"),
    ("米", "m"),
    ("m", "m"),
    ("公斤", "kg"),
    ("千克", "kg"),
    ("kg", "kg"),
    ("KG", "kg"),
    ("毫克", "mg"),
    ("克", "g"),
    ("g", "g"),
    ("毫升", "mL"),
    ("升", "L"),
    ("L", "L"),
    ("个小时", "h"),
    ("小时", "h"),
    ("分钟", "min"),
    ("秒", "s"),
    ("h", "h"),
    ("元", "元"),
    ("块钱", "元"),
    ("块", "元"),
    ("匹", "匹"),
    ("%", "%"),
    ("转/分", "r/min"),
];
/// Units of time that are counted with 天, 年 and 个月, apart because their Chinese words begin others.
const PERIODS: [(&str, &str); 4] = [("个月", "月"), ("年", "年"), ("天", "d"), ("个星期", "周")];

/// All values of a text, left to right, not overlapping.
pub(super) fn values(text: &Folded) -> Vec<Mention> {
    static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&pattern()).ok());
    let Some(value) = VALUE.as_ref() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for captures in value.captures_iter(&text.plain) {
        let Some(whole) = captures.get(0) else { continue };
        if let (Some(number), Some(unit)) = (captures.name("n"), captures.name("u")) {
            let low = captures
                .name("low")
                .map(|low| (text.span(low.start(), low.end()), low.as_str()));
            let half = captures.name("half").is_some();
            let first = low.map_or_else(
                || number.start(),
                |_| captures.name("low").map_or(number.start(), |l| l.start()),
            );
            if !begins_freely(text, text.span(first, first).start) {
                continue;
            }
            let unit = unit.as_str();
            if let Some((span, low)) = low {
                push(&mut found, text, span, low, unit, false);
            }
            push(
                &mut found,
                text,
                text.span(number.start(), whole.end()),
                number.as_str(),
                unit,
                half,
            );
        } else if let Some(money) = captures.name("money") {
            push(
                &mut found,
                text,
                text.span(whole.start(), whole.end()),
                money.as_str(),
                "元",
                false,
            );
        }
    }
    found
}

fn pattern() -> String {
    let number = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,9}(?:\.[0-9]{1,6})?|[零一二两三四五六七八九十百千万]{1,8}(?:点[零一二三四五六七八九]{1,3})?|半";
    let units: Vec<String> = UNITS
        .iter()
        .chain(&PERIODS)
        .map(|(spelling, _)| regex::escape(spelling))
        .collect();
    format!(
        r"[¥￥]\s*(?P<money>[0-9][0-9,]{{0,11}}(?:\.[0-9]{{1,2}})?)|(?:(?P<low>{number})\s*(?:~|-|到|至|～)\s*)?(?P<n>-?(?:{number}))\s*(?P<half>个半)?\s*(?P<u>{})",
        units.join("|")
    )
}

/// A number that follows a letter, a digit or a point belongs to something longer.
fn begins_freely(text: &Folded, at: usize) -> bool {
    let previous = text.previous(at);
    let goes_on = previous.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '第'));
    // "KFR-35": the hyphen joins the number to letters.
    let joined =
        previous == Some('-') && at >= 2 && text.get(at - 2).is_some_and(|c| c.is_ascii_alphabetic());
    !goes_on && !joined
}

fn push(found: &mut Vec<Mention>, text: &Folded, span: Span, number: &str, spelling: &str, half: bool) {
    let ends_with_letter = spelling.ends_with(|c: char| c.is_ascii_alphabetic());
    if ends_with_letter && text.get(span.end).is_some_and(|c| c.is_ascii_alphanumeric()) {
        return;
    }
    if is_other_word(text, span, number, spelling) {
        return;
    }
    let Some(value) = numerals::parse(number) else {
        return;
    };
    let unit = UNITS
        .iter()
        .chain(&PERIODS)
        .find(|(s, _)| *s == spelling)
        .map_or("", |(_, unit)| unit);
    let pressure = unit == "kg" && text.before(span.start, 6).contains("压力");
    let unit = if pressure { "kgf/cm²" } else { unit }.to_owned();
    let number = if half { value + 0.5 } else { value };
    found.push(Mention {
        span,
        kind: MentionKind::Value { number, unit },
    });
}

/// "一块去", "16A级", "5g网络", "三安路", "2025年": numbers before a word that is not a unit here.
fn is_other_word(text: &Folded, span: Span, number: &str, spelling: &str) -> bool {
    let next = text.get(span.end);
    let after = text.after(span.end, 3);
    match spelling {
        "块" => matches!(number, "一") || matches!(next, Some('板' | '屏' | '电')),
        "A" | "a" | "L" | "W" => matches!(next, Some('级' | '栋' | '座' | '区' | '口')),
        "安" => matches!(next, Some('全' | '装' | '排' | '静' | '路')),
        "米" => matches!(next, Some('饭' | '粉')),
        "度" => matches!(next, Some('假' | '过')),
        "元" => matches!(next, Some('件' | '素')),
        "克" | "升" | "瓦" | "伏" | "欧" => {
            matches!(next, Some('服' | '级' | '斯' | '天' | '洲' | '降'))
        }
        "天" => after.starts_with("然气") || matches!(next, Some('气' | '花' | '线')),
        "年" => {
            number.chars().count() == 4
                || number.chars().count() == 2
                    && number.starts_with(|c: char| c.is_ascii_digit())
                    && next == Some('款')
        }
        "g" => matches!(number, "2" | "3" | "4" | "5" | "2.4"),
        _ => false,
    }
}
