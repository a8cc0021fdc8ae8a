//! Text positions and the foldings that every flow applies before it compares text.

use serde::{Deserialize, Serialize};

/// A half-open range of Unicode scalar values (`char`s) in a text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Span {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
}

impl Span {
    /// The characters of `text` within the span, cut at the text's end.
    #[must_use]
    pub fn of(self, text: &str) -> String {
        text.chars()
            .skip(self.start)
            .take(self.end.saturating_sub(self.start))
            .collect()
    }

    /// The span of a byte range of `text`. Cost: linear in the text.
    ///
    /// # Panics
    /// When a bound is not on a character boundary or lies outside the text (a caller's mistake, never input's).
    #[must_use]
    pub fn from_bytes(text: &str, start: usize, end: usize) -> Self {
        let first = text[..start].chars().count();
        Self {
            start: first,
            end: first + text[start..end].chars().count(),
        }
    }

    /// Number of characters.
    #[must_use]
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the span holds no character.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Full-width ASCII to half width, ideographic space to space; one character in, one character out, so spans survive.
#[must_use]
pub fn fold_width(text: &str) -> String {
    text.chars().map(fold_width_char).collect()
}

/// [`fold_width`] of one character.
#[must_use]
pub fn fold_width_char(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// Whether a character is a Chinese ideograph of the common blocks.
#[must_use]
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_characters_not_bytes() {
        let text = "报Ｅ６故障";
        let byte = text.find('Ｅ').unwrap();
        let span = Span::from_bytes(text, byte, byte + "Ｅ６".len());
        assert_eq!(span, Span { start: 1, end: 3 });
        assert_eq!(span.of(text), "Ｅ６");
    }

    #[test]
    fn folding_keeps_the_number_of_characters() {
        let text = "Ｅ６　ＯＫ（１）";
        assert_eq!(fold_width(text), "E6 OK(1)");
        assert_eq!(fold_width(text).chars().count(), text.chars().count());
    }
}
