//! Which language a text is written in, as far as it decides which encoder can read it.

use shifu_domain::models::Language;
use shifu_domain::text::is_han;

/// Words that make up a third of English running text, and next to nothing of French, German or Spanish. `a`, `me`, `no` and the like are
/// left out: other languages have them too.
const ENGLISH: [&str; 40] = [
    "the", "and", "of", "to", "is", "are", "for", "with", "you", "your", "that", "this", "it", "be", "can",
    "not", "or", "from", "when", "if", "by", "will", "which", "have", "has", "at", "as", "how", "what",
    "does", "do", "my", "why", "where", "should", "may", "use", "using", "into", "all",
];
/// Share of such words in a text above which it is English: technical English has .15 to .40, Spanish manuals below .02.
const ENGLISH_SHARE: f64 = 0.08;
/// A shorter text tells nothing by its words.
const TELLING_WORDS: usize = 12;

/// What stands in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    han: usize,
    words: usize,
    english: usize,
}

impl Counts {
    pub(crate) fn of(text: &str) -> Self {
        let han = text.chars().filter(|&c| is_han(c)).count();
        let words = || {
            text.split(|c: char| !c.is_alphabetic() || is_han(c))
                .filter(|word| !word.is_empty())
        };
        let known = |word: &&str| ENGLISH.iter().any(|english| english.eq_ignore_ascii_case(word));
        Self {
            han,
            words: words().count(),
            english: words().filter(known).count(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.han += other.han;
        self.words += other.words;
        self.english += other.english;
    }

    /// The language, or that of what is `around` for a text too short to tell.
    pub(crate) fn language(self, around: Option<Language>) -> Option<Language> {
        if self.han > self.words {
            return Some(Language::Chinese);
        }
        if self.words < TELLING_WORDS {
            return around.filter(|&language| language != Language::Chinese || self.han > 0);
        }
        (self.english as f64 >= ENGLISH_SHARE * self.words as f64).then_some(Language::English)
    }
}

/// The language that a question must be encoded in: Chinese where it has a Chinese character, otherwise English, as what is compared
/// with it is known to be English.
pub(crate) fn of_question(text: &str) -> Option<Language> {
    if text.chars().any(is_han) {
        Some(Language::Chinese)
    } else {
        text.chars()
            .any(|c| c.is_ascii_alphabetic())
            .then_some(Language::English)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, around: Option<Language>, expected: Option<Language>) {
        assert_eq!(Counts::of(text).language(around), expected, "{text}");
    }

    #[test]
    fn languages_are_told_apart_by_script_and_common_words() {
        check(
            "Press and hold the two buttons for 3 seconds when you turn on the TV for the first time.",
            None,
            Some(Language::English),
        );
        check(
            "Pulse los dos botones durante tres segundos cuando encienda el televisor por primera vez en su casa.",
            None,
            None,
        );
        check("长按电源键 3 秒，TV 自动配对", None, Some(Language::Chinese));
    }

    #[test]
    fn a_short_text_is_in_the_language_around_it() {
        check(
            "DivX 5.x 1920x1080",
            Some(Language::English),
            Some(Language::English),
        );
        check("E6 sensor", Some(Language::Chinese), None);
        check("E6 sensor", None, None);
    }

    #[test]
    fn a_question_without_letters_has_no_language() {
        assert_eq!(of_question("42?"), None);
        assert_eq!(of_question("显示E6"), Some(Language::Chinese));
        assert_eq!(of_question("HDMI black level"), Some(Language::English));
    }
}
