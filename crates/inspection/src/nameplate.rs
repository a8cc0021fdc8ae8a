//! Does the label show the ticket's model and serial? Three outcomes: confirmed, different, unreadable.
//!
//! The expected text is aligned with every stretch of every line, at a cost per edit that knows which characters a
//! recogniser confuses (0/O, 1/I, 8/B, 5/S, 2/Z). "Confirmed" needs a near-exact stretch; "different" needs a line that is
//! clearly read, has the shape of such a number and is far from the expected one; everything between is "unreadable".

use shifu_domain::models::TextLine;
use shifu_domain::text::fold_width;
use shifu_domain::{BoundingBox, ModelNumber};

/// What the label says about one expected text.
#[derive(Debug, Clone, PartialEq)]
pub enum NameplateReading {
    /// The expected text stands there.
    Confirmed {
        /// The line, as read.
        read: String,
        /// Chance that it is right by character confidences and confusions, 0..=1.
        likelihood: f64,
    },
    /// Another text of its kind stands there.
    Different {
        /// The line, as read.
        read: String,
        /// Where it stands.
        area: BoundingBox,
    },
    /// Nothing that would decide it.
    Unreadable {
        /// The nearest line, where there is one.
        nearest: Option<String>,
    },
}

/// Characters that readers take for one another.
const CONFUSED: [&str; 12] = [
    "0OQD", "1IL|", "8B", "5S", "2Z", "6G", "4A", "7T", "UV", "CG", "MN", "-_/",
];
/// Cost of an edit among confused characters; any other costs 1.
const CONFUSION_COST: f64 = 0.3;
/// Mean confidence above which a line is held to be read.
const READ_CONFIDENCE: f32 = 0.80;
/// Shortest expected text that is compared: shorter ones stand on every label by chance.
const MIN_CHARACTERS: usize = 4;

/// Looks for `expected` in the lines of a label.
#[must_use]
pub fn read_nameplate(expected: &str, lines: &[TextLine]) -> NameplateReading {
    let wanted = fold(expected);
    let mut best: Option<(f64, f64, &TextLine)> = None;
    let mut rival: Option<&TextLine> = None;
    for line in lines {
        let text = spaced(&line.text);
        if text.is_empty() {
            continue;
        }
        let cost = stretch_cost(&wanted, &text) / wanted.len().max(1) as f64;
        let likelihood = (1.0 - cost) * f64::from(line.confidence.clamp(0.0, 1.0));
        if best.is_none_or(|(_, most, _)| likelihood > most) {
            best = Some((cost, likelihood, line));
        }
        // A stretch of the right shape that is read with certainty but is another number.
        if line.confidence >= READ_CONFIDENCE && cost > 0.12 && same_shape(&wanted, &fold(&line.text)) {
            rival = rival.or(Some(line));
        }
    }
    let Some((cost, likelihood, line)) = best.filter(|_| wanted.len() >= MIN_CHARACTERS) else {
        return NameplateReading::Unreadable { nearest: None };
    };
    if confirmed(cost, wanted.len()) && line.confidence >= 0.5 {
        return NameplateReading::Confirmed {
            read: line.text.clone(),
            likelihood,
        };
    }
    match rival {
        Some(other) => NameplateReading::Different {
            read: other.text.clone(),
            area: other.area(),
        },
        None => NameplateReading::Unreadable {
            nearest: Some(line.text.clone()),
        },
    }
}

/// Looks for a model as [`read_nameplate`]; sibling models differ in one digit, so an edit that is no confusion never confirms.
#[must_use]
pub fn read_model(expected: &ModelNumber, lines: &[TextLine]) -> NameplateReading {
    read_nameplate(expected.as_str(), lines)
}

/// At most one confusion in six characters and nothing else: `KFR-35` is not `KFR-26`, and one wrong digit of a serial is
/// another appliance.
fn confirmed(cost: f64, characters: usize) -> bool {
    let confusions = (characters / 6).max(1) as f64;
    cost * characters as f64 <= confusions * CONFUSION_COST + 1e-9
}

/// Upper case, half width, spaces and the punctuation that labels add or lose as one kind of space.
fn spaced(text: &str) -> Vec<char> {
    let space = |c: char| c.is_whitespace() || matches!(c, ':' | '.' | ',' | '·' | '*' | '(' | ')');
    fold_width(text)
        .to_uppercase()
        .chars()
        .map(|c| if space(c) { ' ' } else { c })
        .collect()
}

/// As [`spaced`], without the spaces.
fn fold(text: &str) -> Vec<char> {
    spaced(text).into_iter().filter(|c| *c != ' ').collect()
}

fn substitution(a: char, b: char) -> f64 {
    if a == b {
        0.0
    } else if CONFUSED
        .iter()
        .any(|group| group.contains(a) && group.contains(b))
    {
        CONFUSION_COST
    } else {
        1.0
    }
}

/// Cheapest way to find `wanted` somewhere inside `text` (semi-global alignment): edits before and after are free, but
/// a letter or digit directly before or after the stretch makes it part of a longer number, which costs one edit.
fn stretch_cost(wanted: &[char], text: &[char]) -> f64 {
    let mut above: Vec<(f64, usize)> = (0..=text.len()).map(|start| (0.0, start)).collect();
    for (i, &w) in wanted.iter().enumerate() {
        // A lost hyphen or slash is a loss of nothing that tells numbers apart.
        let lost = if w.is_alphanumeric() { 1.0 } else { 0.1 };
        let mut row = vec![((i + 1) as f64, 0); text.len() + 1];
        row[0] = (above[0].0 + lost, 0);
        for (j, &t) in text.iter().enumerate() {
            let added = match t {
                ' ' => 0.02,
                t if t.is_alphanumeric() => 1.0,
                _ => 0.1,
            };
            let candidates = [
                (above[j].0 + substitution(w, t), above[j].1),
                (above[j + 1].0 + lost, above[j + 1].1),
                (row[j].0 + added, row[j].1),
            ];
            row[j + 1] = candidates
                .into_iter()
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap_or((f64::MAX, 0));
        }
        above = row;
    }
    let joined = |end: usize, start: usize| {
        let digit = |at: Option<&char>| at.is_some_and(char::is_ascii_digit);
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        let first_is_digit = digit(wanted.first());
        f64::from(digit(text.get(end)) && digit(wanted.last())) + f64::from(first_is_digit && digit(before))
    };
    above
        .iter()
        .enumerate()
        .map(|(end, (cost, start))| cost + joined(end, *start))
        .fold(f64::MAX, f64::min)
}

/// Whether some stretch of `text` has letters where `wanted` has letters and digits where it has digits, in four fifths
/// of the places: another number of the same kind.
fn same_shape(wanted: &[char], text: &[char]) -> bool {
    let kind = |c: &char| {
        if c.is_ascii_digit() {
            0
        } else if c.is_alphabetic() {
            1
        } else {
            2
        }
    };
    if text.len() < wanted.len() || wanted.len() < MIN_CHARACTERS {
        return false;
    }
    text.windows(wanted.len()).any(|stretch| {
        let alike = stretch
            .iter()
            .zip(wanted)
            .filter(|(a, b)| kind(a) == kind(b))
            .count();
        let equal = stretch
            .iter()
            .zip(wanted)
            .filter(|(a, b)| substitution(**a, **b) < 1.0)
            .count();
        // Of one kind and sharing a third of the characters: the family name of a model, the prefix of a serial.
        alike * 5 >= wanted.len() * 4 && equal * 3 >= wanted.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[(&str, f32)]) -> Vec<TextLine> {
        let corners = [(0.1, 0.1), (0.5, 0.1), (0.5, 0.2), (0.1, 0.2)];
        let line = |(text, confidence): &(&str, f32)| TextLine {
            text: (*text).to_owned(),
            confidence: *confidence,
            corners,
            character_confidences: vec![*confidence; text.chars().count()],
        };
        texts.iter().map(line).collect()
    }

    fn outcome(expected: &str, texts: &[(&str, f32)]) -> &'static str {
        match read_nameplate(expected, &lines(texts)) {
            NameplateReading::Confirmed { .. } => "confirmed",
            NameplateReading::Different { .. } => "different",
            NameplateReading::Unreadable { .. } => "unreadable",
        }
    }

    #[test]
    fn labels_confirm_differ_or_stay_unreadable() {
        let check = |expected: &str, texts: &[(&str, f32)], result: &str| {
            assert_eq!(outcome(expected, texts), result, "{expected} in {texts:?}");
        };
        let model = "KFR-35GW/QH1";
        check(model, &[("型号：KFR-35GW/QH1", 0.95)], "confirmed");
        check(
            model,
            &[("清禾空调", 0.99), ("Model KFR-35GW/QHI 220V", 0.9)],
            "confirmed",
        );
        check(model, &[("KFR35GW/QH1", 0.9)], "confirmed");
        check(model, &[("型号 KFR-26GW/QH1", 0.95)], "different");
        check(model, &[("KFR-36GW/QH1", 0.95)], "unreadable");
        check(model, &[("KFR-50GW/QH1", 0.55)], "unreadable");
        check(model, &[("额定电压 220V", 0.99)], "unreadable");
        check(model, &[], "unreadable");
        check("QH25041500123", &[("SN:QH25O415OO123", 0.9)], "unreadable");
        check("QH25041500123", &[("SN:QH25O41500123", 0.9)], "confirmed");
        check("QH25041500123", &[("SN QH25041500987", 0.95)], "different");
        check("MXR-310A", &[("Model: MXR-310A", 0.8)], "confirmed");
        check("MXR-310A", &[("Model: RFX-200X", 0.9)], "unreadable");
        check("A1", &[("A1", 0.99)], "unreadable");
    }

    #[test]
    fn a_longer_number_does_not_confirm_a_shorter_one() {
        assert_eq!(outcome("250415", &[("2504159", 0.99)]), "different");
        assert_eq!(outcome("250415", &[("9250415", 0.99)]), "different");
        assert_eq!(outcome("250415", &[("50 250415 1", 0.99)]), "confirmed");
        assert_eq!(outcome("250415", &[("SN250415", 0.99)]), "confirmed");
    }

    #[test]
    fn no_single_other_character_is_ever_confirmed() {
        let expected = "KFR-35GW/QH1";
        for at in 0..expected.len() {
            for other in "KFRGWQHX3579".chars() {
                let mut wrong: Vec<char> = expected.chars().collect();
                if !wrong[at].is_alphanumeric() || substitution(wrong[at], other) < 1.0 {
                    continue;
                }
                wrong[at] = other;
                let text: String = wrong.iter().collect();
                assert_ne!(outcome(expected, &[(&text, 0.99)]), "confirmed", "{text}");
            }
        }
    }
}
