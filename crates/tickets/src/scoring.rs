//! How near the fields of a summary come to expected ones: for evaluations.

use serde::{Deserialize, Serialize};
use shifu_domain::{Field, PartMention, SummaryFields};

use crate::rouge::rouge;

/// A value counts as right from this character ROUGE-1 F1 × 100 on, when it also shares a line with the expected one.
pub const RIGHT_FROM: f64 = 40.0;

/// Counts over fields; add up over dialogues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldCounts {
    /// Given and right.
    pub right: usize,
    /// Given and sharing a line with the expected field, whatever the words.
    pub right_lines: usize,
    /// Given.
    pub given: usize,
    /// Expected.
    pub expected: usize,
}

impl FieldCounts {
    /// Right of given; 1 when none is given.
    #[must_use]
    pub fn precision(&self) -> f64 {
        if self.given == 0 {
            1.0
        } else {
            self.right as f64 / self.given as f64
        }
    }

    /// Right of expected; 1 when none is expected.
    #[must_use]
    pub fn recall(&self) -> f64 {
        if self.expected == 0 {
            1.0
        } else {
            self.right as f64 / self.expected as f64
        }
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        if self.given + self.expected == 0 {
            1.0
        } else {
            2.0 * self.right as f64 / (self.given + self.expected) as f64
        }
    }

    /// Counts of two sets together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            right_lines: self.right_lines + other.right_lines,
            given: self.given + other.given,
            expected: self.expected + other.expected,
        }
    }
}

/// Compares all eleven fields; the name of each with its counts.
#[must_use]
pub fn score_fields(given: &SummaryFields, expected: &SummaryFields) -> Vec<(&'static str, FieldCounts)> {
    let text = |given: &Option<Field<String>>, expected: &Option<Field<String>>| {
        count(given, expected, |g, e| alike(g, e))
    };
    vec![
        ("phenomenon", text(&given.phenomenon, &expected.phenomenon)),
        ("location", text(&given.location, &expected.location)),
        ("cause", text(&given.cause, &expected.cause)),
        ("action", text(&given.action, &expected.action)),
        (
            "parts",
            count(&given.parts, &expected.parts, |g, e| same_parts(g, e)),
        ),
        ("result", text(&given.result, &expected.result)),
        ("pending", text(&given.pending, &expected.pending)),
        ("request", text(&given.request, &expected.request)),
        ("warranty", text(&given.warranty, &expected.warranty)),
        ("fee", text(&given.fee, &expected.fee)),
        ("appointment", text(&given.appointment, &expected.appointment)),
    ]
}

fn count<T>(
    given: &Option<Field<T>>,
    expected: &Option<Field<T>>,
    same: impl Fn(&T, &T) -> bool,
) -> FieldCounts {
    let both = given.as_ref().zip(expected.as_ref());
    let shares = both.is_some_and(|(g, e)| g.lines.iter().any(|line| e.lines.contains(line)));
    let right = shares && both.is_some_and(|(g, e)| same(&g.value, &e.value));
    FieldCounts {
        right: usize::from(right),
        right_lines: usize::from(shares),
        given: usize::from(given.is_some()),
        expected: usize::from(expected.is_some()),
    }
}

fn alike(given: &str, expected: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let (given, expected) = (bare(given), bare(expected));
    given.contains(&expected) || expected.contains(&given) || rouge(&given, &expected).rouge_1 >= RIGHT_FROM
}

/// At least half of the expected parts, by number or by name.
fn same_parts(given: &[PartMention], expected: &[PartMention]) -> bool {
    let found = expected.iter().filter(|e| {
        given.iter().any(|g| {
            g.part_number.is_some() && g.part_number == e.part_number
                || e.name.contains(&g.name)
                || g.name.contains(&e.name)
        })
    });
    2 * found.count() >= expected.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: &str, lines: &[usize]) -> Option<Field<String>> {
        Some(Field {
            value: value.to_owned(),
            lines: lines.to_vec(),
            confidence: 0.8,
        })
    }

    #[test]
    fn a_field_is_right_when_words_and_line_agree() {
        let check =
            |given: Option<Field<String>>, expected: Option<Field<String>>, right: usize, lines: usize| {
                let found = count(&given, &expected, |g, e| alike(g, e));
                assert_eq!(
                    (found.right, found.right_lines),
                    (right, lines),
                    "{given:?} {expected:?}"
                );
            };
        check(field("内机漏水", &[2]), field("漏水", &[2, 3]), 1, 1);
        check(field("内机漏水", &[1]), field("漏水", &[2]), 0, 0);
        check(field("保修六年", &[2]), field("漏水", &[2]), 0, 1);
        check(None, field("漏水", &[2]), 0, 0);
        check(None, None, 0, 0);
    }

    #[test]
    fn counts_give_precision_recall_and_f1() {
        let counts = FieldCounts {
            right: 3,
            right_lines: 4,
            given: 4,
            expected: 6,
        };
        assert!((counts.precision() - 0.75).abs() < 1e-12);
        assert!((counts.recall() - 0.5).abs() < 1e-12);
        assert!((counts.f1() - 0.6).abs() < 1e-12); // 2·3/(4+6)
        assert!((FieldCounts::default().f1() - 1.0).abs() < 1e-12);
    }
}
