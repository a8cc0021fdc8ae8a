//! A ticket's text → the words that neighbours are found by, and the finer features of the linear models.
//!
//! No dictionary: a Latin word without its plural `s`, a number, or one Chinese character is a word; what Chinese words
//! would tell is in the n-grams of characters.

/// Bytes of a text that are read; a longer one is cut at a character. Real tickets stay below 2 KiB.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Longest run of words that is a feature, and of Chinese characters, four of which cover most technical terms.
const WORDS_IN_RUN: usize = 2;
const CHARACTERS_IN_RUN: usize = 4;

/// Characters of a piece of a Latin word, so that a misspelt word still shares most of its features.
const PIECE: usize = 4;

/// The words of `text`, in order, in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    for letter in beginning(text).chars().flat_map(char::to_lowercase) {
        if word.chars().next_back().is_some_and(|last| !joins(last, letter)) {
            found.push(singular(std::mem::take(&mut word)));
        }
        if letter.is_alphanumeric() {
            word.push(letter);
        }
    }
    if !word.is_empty() {
        found.push(singular(word));
    }
    found
}

/// Words and pairs of words; what BM25 counts.
pub(super) fn terms(words: &[String]) -> Vec<String> {
    (1..=WORDS_IN_RUN)
        .flat_map(|length| runs(words, length))
        .collect()
}

/// Words, pairs, longer runs of Chinese characters, and pieces of Latin words; what the linear models weigh.
pub(super) fn features(words: &[String]) -> Vec<String> {
    let mut features = terms(words);
    for characters in words.chunk_by(|a, b| !latin(a) && !latin(b)) {
        features.extend((WORDS_IN_RUN + 1..=CHARACTERS_IN_RUN).flat_map(|length| runs(characters, length)));
    }
    for word in words.iter().filter(|word| word.len() >= PIECE && latin(word)) {
        let marked: Vec<char> = format!("^{word}$").chars().collect();
        features.extend(
            marked
                .windows(PIECE)
                .map(|piece| format!("~{}", piece.iter().collect::<String>())),
        );
    }
    features
}

fn runs(words: &[String], length: usize) -> impl Iterator<Item = String> {
    words.windows(length).map(|run| run.join(" "))
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether `letter` continues the word that ends in `last`: Latin letters join, digits join, Chinese characters stand alone.
fn joins(last: char, letter: char) -> bool {
    (last.is_ascii_alphabetic() && letter.is_ascii_alphabetic())
        || (last.is_ascii_digit() && letter.is_ascii_digit())
        || (spaced(last) && spaced(letter))
}

/// A letter of an alphabet outside ASCII whose words are written with spaces or accents (é, ж), below the CJK blocks.
fn spaced(letter: char) -> bool {
    letter.is_alphabetic() && letter < '\u{2e80}'
}

fn latin(word: &str) -> bool {
    word.chars().all(spaced)
}

/// Drops the plural `s` of words of four letters and more that do not end in `ss`.
fn singular(mut word: String) -> String {
    if word.len() > 3 && latin(&word) && word.ends_with('s') && !word.ends_with("ss") {
        word.pop();
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).join(" "), expected, "{text}");
    }

    #[test]
    fn words_are_singular_lower_case_and_one_chinese_character_each() {
        check("#2 Rocker COVERS leaking.", "2 rocker cover leaking");
        check("loss of gas", "loss of gas");
        check("外机不转E4", "外 机 不 转 e 4");
        check("08:30起URL异常", "08 30 起 url 异 常");
        check("Válvulas rotas", "válvula rota");
        check("", "");
        check("…!", "");
    }

    #[test]
    fn features_hold_runs_and_pieces() {
        let features = features(&words("oil leak"));
        assert_eq!(features, ["oil", "leak", "oil leak", "~^lea", "~leak", "~eak$"]);
    }

    #[test]
    fn a_megabyte_is_read_up_to_the_limit() {
        let found = words(&"水".repeat(400_000));
        assert_eq!(found.len(), MAX_TEXT_BYTES / 3);
    }
}
