//! Exact terms: the codes, models, part numbers and lamp blinks that stand in a text, in one canonical spelling each.
//!
//! They are harvested from every passage, so that the index knows an unseen manual's codes without any list, and taken from
//! every question in the same way.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;
use shifu_domain::text::fold_width;

/// A token of letters and digits as written, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Letters and digits, upper case, without hyphens, dots and slashes.
    pub canonical: String,
    /// As written, width folded, upper case.
    pub written: String,
    /// What it looks like.
    pub shape: Shape,
}

/// What a token looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One or two letters and up to three digits, perhaps a letter more: `E6`, `F0`, `P04`, `E1H`.
    Code,
    /// Letters, hyphen, digits, longer: `KFR-35GW/QH1`, `AFLEX-C-12`.
    Model,
    /// Letter groups before digits: `AC-PCB-201`.
    Part,
    /// Anything else with a letter and a digit: `R410A`, `12K`.
    Other,
}

fn token_regex() -> &'static Regex {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX.get_or_init(|| {
        Regex::new(r"[A-Z0-9]+(?:[-‐–_/.][A-Z0-9]+)*(?:\([A-Z0-9]{1,8}\)[A-Z0-9/-]*)?")
            .unwrap_or_else(|_| unreachable!("constant"))
    })
}

fn blink_regex() -> &'static Regex {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX.get_or_init(|| {
        Regex::new(
            r"(?i)(?:闪烁?|闪灯|亮灭|parpadea?(?:o|n)?|destella?|blink(?:s|ing)?|flash(?:es|ing)?)[^0-9一二三四五六七八九十。；\n]{0,6}([0-9]{1,2}|[一二两三四五六七八九十]{1,3})\s*(?:次|下|ve(?:z|ces)|times?)",
        )
        .unwrap_or_else(|_| unreachable!("constant"))
    })
}

/// Tokens with at least one letter and one digit, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let folded = join_spaced_codes(&fold_width(text).to_uppercase());
    let mut found = Vec::new();
    for hit in token_regex().find_iter(&folded) {
        let written = hit.as_str();
        // A list such as E1/E2/E3 is three codes, a model such as KFR-35GW/QH1 is one.
        let pieces: Vec<&str> = written.split('/').collect();
        if pieces.len() > 1 && pieces.iter().all(|piece| shape(piece) == Some(Shape::Code)) {
            found.extend(pieces.iter().filter_map(|piece| token(piece)));
        } else if !is_quantity(written) {
            found.extend(token(written));
        }
    }
    found
}

/// `E 6` and `E - 6` to `E6` (only a single letter E, F, H, P, C, L, U, D or A before one or two digits).
fn join_spaced_codes(text: &str) -> String {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    let regex = REGEX.get_or_init(|| {
        Regex::new(r"(^|[^A-Z0-9/-])([EFHPCLUDA])(?: ?- ?| )([0-9]{1,2})($|[^A-Z0-9./%~-])")
            .unwrap_or_else(|_| unreachable!("constant"))
    });
    regex.replace_all(text, "$1$2$3$4").into_owned()
}

fn token(written: &str) -> Option<Token> {
    let shape = shape(written)?;
    let canonical: String = written.chars().filter(char::is_ascii_alphanumeric).collect();
    (canonical.len() <= 40).then(|| Token {
        canonical,
        written: written.to_owned(),
        shape,
    })
}

/// Numbers with a unit (`220V`, `3.5MPA`, `50HZ`) are values, not names.
fn is_quantity(written: &str) -> bool {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    REGEX
        .get_or_init(|| {
            Regex::new(
                r"^[0-9]+(?:[.,/×X-][0-9]+)*(?:V|W|KW|HZ|A|MA|MM|CM|M|M2|M3|G|KG|MPA|KPA|PA|BAR|PSI|C|F|S|MIN|H|L|ML|DB|UF|OHM|K?Ω|%|RPM|NM|AC|DC|VAC|VDC|W/H|KW/H)?$",
            )
            .unwrap_or_else(|_| unreachable!("constant"))
        })
        .is_match(written)
}

fn shape(written: &str) -> Option<Shape> {
    let letters = written.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = written.bytes().filter(u8::is_ascii_digit).count();
    if letters == 0 || digits == 0 {
        return None;
    }
    let bytes = written.as_bytes();
    let plain: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let head = plain.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let number = plain[head..].iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = plain.len() - head - number;
    let separators = bytes.iter().filter(|b| !b.is_ascii_alphanumeric()).count();
    // R32 and R410A are refrigerants, A4 is paper: no display shows them.
    let refrigerant = plain.first() == Some(&b'R') && number >= 2;
    if !refrigerant
        && (1..=2).contains(&head)
        && (1..=3).contains(&number)
        && rest <= 1
        && separators <= 1
        && plain.len() <= 5
    {
        return Some(Shape::Code);
    }
    let groups: Vec<&str> = written.split(['-', '_']).collect();
    if groups.len() >= 3
        && groups[..groups.len() - 1]
            .iter()
            .all(|g| g.len() >= 2 && g.bytes().all(|b| b.is_ascii_alphabetic()))
    {
        return Some(Shape::Part);
    }
    if separators >= 1 && letters >= 2 && head >= 2 && plain.len() >= 5 {
        return Some(Shape::Model);
    }
    Some(Shape::Other)
}

/// Places of the values in folded text that tell one row of a table from another: decimal numbers (`9.52`, `0,054`), and whole ones of
/// two digits and more with a unit (`25 amperios`). Parts of names and of section numbers are none.
pub(crate) fn values(folded: &str) -> Vec<Range<usize>> {
    static REGEX: OnceLock<Regex> = OnceLock::new();
    let regex = REGEX.get_or_init(|| {
        Regex::new(r"[a-z0-9.,-]*[0-9][a-z0-9.,-]*").unwrap_or_else(|_| unreachable!("constant"))
    });
    let numbers = regex.find_iter(folded).filter_map(|found| {
        let digits = found
            .as_str()
            .bytes()
            .take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b','));
        let number = found.as_str()[..digits.count()].trim_end_matches(['.', ',']);
        let at = found.start()..found.start() + number.len();
        let signs = number.bytes().filter(|b| !b.is_ascii_digit()).count();
        let rest = folded[at.end..].trim_start_matches(' ');
        let unit = rest
            .split(|c: char| !c.is_ascii_alphabetic())
            .next()
            .unwrap_or_default();
        let attached =
            found.end() > at.end && folded[at.end..].starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = !attached || is_unit(unit);
        let tells = signs == 1 || (signs == 0 && number.len() >= 2 && is_unit(unit));
        (plain && tells && !folded[at.end..].starts_with('-')).then_some(at)
    });
    numbers.collect()
}

/// Units that stand behind a number, folded: signs, then words.
const UNIT_SIGNS: &str =
    "mm cm m km in ft kg g mg lb l ml v kv mv w kw a ma hz khz kpa mpa pa bar psi c f s h min btu rpm db";
const UNIT_WORDS: &str = "inch inches pulgada pulgadas feet pies ohm ohms ohmios metro metros meter meters milimetro milimetros grado grados \
    degrees voltio voltios volt volts amperio amperios amp amps vatio vatios watt watts litro litros gramo gramos kilo kilos";

fn is_unit(word: &str) -> bool {
    let all = UNIT_SIGNS.split_whitespace().chain(UNIT_WORDS.split_whitespace());
    !word.is_empty() && all.into_iter().any(|unit| unit == word)
}

/// Whether a word at a place of folded text is the sign of the unit of the number before it: it says how the number is meant and nothing
/// by itself.
pub(crate) fn is_unit_of_number(folded: &str, at: &Range<usize>) -> bool {
    let before = folded[..at.start].trim_end_matches(' ');
    let word = &folded[at.clone()];
    before.ends_with(|c: char| c.is_ascii_digit()) && UNIT_SIGNS.split_whitespace().any(|unit| unit == word)
}

/// Blink counts named in a text (`闪6次`, `Parpadeo 3 veces`).
pub(crate) fn blinks(text: &str) -> Vec<u32> {
    let folded = fold_width(text);
    blink_regex()
        .captures_iter(&folded)
        .filter_map(|hit| numeral(hit.get(1)?.as_str()))
        .collect()
}

fn numeral(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let digit = |c: char| {
        "一二三四五六七八九"
            .chars()
            .position(|d| d == c)
            .map(|at| at as u32 + 1)
            .or((c == '两').then_some(2))
    };
    let chars: Vec<char> = text.chars().collect();
    match chars[..] {
        ['十'] => Some(10),
        ['十', units] => Some(10 + digit(units)?),
        [tens, '十'] => Some(digit(tens)? * 10),
        [tens, '十', units] => Some(digit(tens)? * 10 + digit(units)?),
        [one] => digit(one),
        _ => None,
    }
}

/// Index terms for everything exact in a passage: `t:E6` for each token, `t:` also for every piece of a model from its start
/// (`KFR35` of `KFR-35GW/QH1`), `b:6` for blinks, `c:LE` for codes that only their column tells.
pub(crate) fn exact_terms(text: &str, codes: &[String]) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for token in tokens(text) {
        if token.shape == Shape::Model {
            terms.extend(
                model_prefixes(&token.written)
                    .into_iter()
                    .map(|prefix| format!("t:{prefix}")),
            );
        }
        terms.insert(format!("t:{}", token.canonical));
    }
    terms.extend(blinks(text).into_iter().map(|count| format!("b:{count}")));
    for code in codes {
        terms.insert(format!("c:{code}"));
        terms.insert(format!("t:{code}"));
    }
    terms
}

/// `KFR-35GW/QH1` → `KFR35`, `KFR35GW`: what a person may say of it, always with a digit and from its start.
fn model_prefixes(written: &str) -> Vec<String> {
    let chars: Vec<char> = written.chars().collect();
    let mut prefixes = Vec::new();
    for end in 2..chars.len() {
        let boundary = !chars[end].is_ascii_alphanumeric()
            || (chars[end].is_ascii_digit() != chars[end - 1].is_ascii_digit()
                && chars[end - 1].is_ascii_alphanumeric());
        if boundary {
            let prefix: String = chars[..end]
                .iter()
                .filter(|c| c.is_ascii_alphanumeric())
                .collect();
            if prefix.len() >= 4 && prefix.bytes().any(|b| b.is_ascii_digit()) {
                prefixes.push(prefix);
            }
        }
    }
    prefixes
}

/// Letters and digits of a name, upper case.
pub(crate) fn canonical(name: &str) -> String {
    fold_width(name)
        .to_uppercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect()
}

/// Whether a column title says that the column holds fault codes.
pub(crate) fn is_code_column(title: &str) -> bool {
    names_codes(title) && title.chars().count() <= LONGEST_CODE_TITLE
}

const LONGEST_CODE_TITLE: usize = 24;
/// Titles of sentence length (`Contenido de la Pantalla del LED Interior`) say it only together with the cell.
const LONGEST_TITLE: usize = 64;

fn names_codes(title: &str) -> bool {
    let title = crate::analysis::fold(title);
    let names = [
        "代码",
        "代号",
        "故障码",
        "错误码",
        "显示",
        "codigo",
        "pantalla",
        "display",
        "code",
    ];
    names.iter().any(|word| title.contains(word))
}

/// The codes of a cell, where its column title says that it holds any.
pub(crate) fn codes_under(title: &str, cell: &str) -> Vec<String> {
    let short = cell.trim().chars().count() <= 4 && cell.trim().starts_with(|c: char| c.is_ascii_uppercase());
    if is_code_column(title) || (short && names_codes(title) && title.chars().count() <= LONGEST_TITLE) {
        codes_of_cell(cell)
    } else {
        Vec::new()
    }
}

/// [`canonical`]; a sign stands for itself.
pub(crate) fn canonical_code(name: &str) -> String {
    let name = fold_width(name);
    if name.trim() == "!" {
        "!".to_owned()
    } else {
        canonical(&name)
    }
}

/// The codes of a cell under a code column: `E6`, `LE`, `E1/E2`, `Ed`, `4`, `!`.
pub(crate) fn codes_of_cell(cell: &str) -> Vec<String> {
    fold_width(cell)
        .split(['/', '、', ',', '，', ' ', '\n', ';', '；', '或'])
        .map(canonical_code)
        .filter(|code| match code.len() {
            1 => true,
            2..=6 if code.bytes().all(|b| b.is_ascii_digit()) => code.len() == 2,
            2..=6 => code.bytes().any(|b| b.is_ascii_digit()) || code.len() <= 3,
            length => length <= 12 && cell.trim().len() == length,
        })
        .take(12)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<(String, Shape)> {
        tokens(text)
            .into_iter()
            .map(|token| (token.canonical, token.shape))
            .collect()
    }

    #[test]
    fn codes_are_found_in_every_spelling() {
        for text in ["E6", "e6", "E-6", "Ｅ６", "报E6", "显示 E 6 了", "出现E6故障"] {
            assert_eq!(shapes(text), [("E6".to_owned(), Shape::Code)], "{text}");
        }
        assert_eq!(shapes("E1/E2/F0").len(), 3);
    }

    #[test]
    fn models_parts_and_values_are_told_apart() {
        assert_eq!(shapes("KFR-35GW/QH1"), [("KFR35GWQH1".into(), Shape::Model)]);
        assert_eq!(shapes("AC-PCB-201"), [("ACPCB201".into(), Shape::Part)]);
        assert_eq!(shapes("220V 50Hz 3.5MPa 12.7mm"), []);
        assert_eq!(
            shapes("AFLEX-C-12 R410A"),
            [("AFLEXC12".into(), Shape::Model), ("R410A".into(), Shape::Other)]
        );
    }

    #[test]
    fn values_and_units_are_told_from_names() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<&str> = values(text).into_iter().map(|at| &text[at]).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("linea de 9.52 mm, 0,054 kg.", &["9.52", "0,054"]);
        check("铜管9.52mm", &["9.52"]);
        check("un aparato de 25 amperios, 220v", &["25", "220"]);
        check("3.2.16 v1.2 1-2.5 5 m 12k 35gw 30 segundos", &[]);
        let text = "pasa de 5 metros o 3 m de tubo";
        let units: Vec<&str> = crate::analysis::located_words(text)
            .into_iter()
            .filter(|word| is_unit_of_number(text, &word.at))
            .map(|word| &text[word.at])
            .collect();
        assert_eq!(units, ["m"]);
    }

    #[test]
    fn blinks_are_counted_in_three_languages() {
        assert_eq!(blinks("显示屏闪6次，指示灯闪烁三下"), [6, 3]);
        assert_eq!(blinks("Parpadeo 7 veces"), [7]);
        assert_eq!(blinks("the lamp blinks 12 times"), [12]);
        assert_eq!(blinks("闪烁十二次"), [12]);
    }

    #[test]
    fn a_model_is_found_by_what_people_say_of_it() {
        let terms = exact_terms("KFR-35GW/QH1", &[]);
        for term in ["t:KFR35", "t:KFR35GW", "t:KFR35GWQH1"] {
            assert!(terms.contains(term), "{term} in {terms:?}");
        }
    }

    #[test]
    fn letters_are_codes_under_a_code_column() {
        assert!(is_code_column("故障代码") && is_code_column("Pantalla") && !is_code_column("名称"));
        assert_eq!(codes_of_cell("LE"), ["LE"]);
        assert_eq!(codes_of_cell("Ed / E4"), ["ED", "E4"]);
        assert!(codes_of_cell("正常").is_empty());
        let title = "Contenido de la Pantalla del LED Interior";
        assert_eq!(codes_under(title, "HE"), ["HE"]);
        assert!(codes_under(title, "Normal").is_empty() && codes_under("Motivo", "HE").is_empty());
    }
}
