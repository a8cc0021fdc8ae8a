//! Whether a rephrased text says only what its citations say, decided without a model.
//!
//! Every clause of a sentence must rest on one and the same citation: its numbers with their units, codes, models and part numbers
//! stand there letter by letter and belong to the same thing, its words stand there in the same or another form of the trade, it
//! denies what the citation denies and nothing else, and steps come in the citation's order. A text is complete when nothing exact,
//! nothing forbidden and no statement of the extractive answer is missing. A doubt is a failure: then the extractive answer is served.

mod denial;
mod items;
mod words;

use std::collections::BTreeSet;

use shifu_domain::text::fold_width_char;

use super::quote;
use crate::analysis;
use denial::Denial;
use items::{Found, Item};
use words::Word;

/// Share of a clause's words, by what they say, that its citation must have: one adverb of a long clause may be new, no noun of a
/// short one.
const COVERAGE_FLOOR: f64 = 0.8;
/// Share of a statement's words that must return in the rephrased text.
const COMPLETE_FLOOR: f64 = 0.5;

/// Why a sentence, or the text as a whole, does not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// It says nothing that a citation could support.
    #[error("says nothing that a citation could support")]
    Empty,
    /// It names a citation that there is not.
    #[error("names citation {number}, which does not exist")]
    NoSuchCitation {
        /// As named, from 1.
        number: usize,
    },
    /// A number, unit, code, model or part number that does not stand in the citation.
    #[error("{written:?} does not stand in the citation")]
    Exact {
        /// As written in the sentence.
        written: String,
    },
    /// The citation has it, but says it of something else.
    #[error("the citation says {written:?} of something else")]
    Elsewhere {
        /// As written in the sentence.
        written: String,
    },
    /// Words that the citation does not have.
    #[error("{words:?} is not what the citation says")]
    Words {
        /// The words, joined by blanks.
        words: String,
    },
    /// Denied or forbidden on one side only.
    #[error("{word:?} is denied on one side and not on the other")]
    Denial {
        /// The word that is denied.
        word: String,
    },
    /// Steps in another order or under another number.
    #[error("the steps are not in the citation's order")]
    Order,
    /// Supported in parts by several citations, by none as a whole.
    #[error("rests on several citations at once")]
    Mixed,
    /// A safety warning in other words.
    #[error("rewords a safety warning")]
    Warning,
    /// Something of the answer is missing at the end.
    #[error("leaves out {what:?}")]
    Incomplete {
        /// A number, name, prohibition or statement.
        what: String,
    },
}

impl Unsupported {
    /// How far a sentence got before it failed; the furthest reason is the one worth telling.
    fn stage(&self) -> u8 {
        match self {
            Self::Empty | Self::NoSuchCitation { .. } => 0,
            Self::Exact { .. } => 1,
            Self::Elsewhere { .. } => 2,
            Self::Words { .. } => 3,
            Self::Denial { .. } => 4,
            Self::Order | Self::Mixed | Self::Warning | Self::Incomplete { .. } => 5,
        }
    }

    fn further(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.stage() >= self.stage() => other,
            _ => self,
        }
    }
}

/// Judges a rephrased text sentence by sentence against the citations of one answer.
///
/// ```
/// use shifu_knowledge::{SupportCheck, Unsupported};
///
/// let quote = "KFR-35GW/QH1 的制冷剂充注量为 820 g，使用 R32 制冷剂。";
/// let mut check = SupportCheck::new(quote, &[quote]);
/// assert_eq!(check.sentence("KFR-35GW/QH1 使用 R32 制冷剂，充注量为 820 克。[1]"), Ok(0));
/// assert_eq!(check.complete(), Ok(()));
/// let wrong = check.sentence("充注量为 280 g。");
/// assert_eq!(wrong, Err(Unsupported::Exact { written: "280 g".into() }));
/// ```
#[derive(Debug)]
pub struct SupportCheck {
    sources: Vec<Source>,
    /// Statements of the extractive answer.
    answer: Vec<Sentence>,
    /// What passed so far.
    served: Vec<Clause>,
}

/// One citation: its quote, and the part of the extractive answer that was rendered from it where that adds labels.
#[derive(Debug)]
struct Source {
    texts: Vec<Text>,
    /// What may stand verbatim: of the quote alone.
    exact: Vec<Item>,
}

#[derive(Debug)]
struct Text {
    sentences: Vec<Sentence>,
    /// Whether the order of its sentences is part of what it says.
    ordered: bool,
    /// The last sentence that was used, where the order counts.
    reached: usize,
}

#[derive(Debug)]
struct Sentence {
    /// Number of the step it belongs to.
    step: Option<u32>,
    written: String,
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone)]
struct Clause {
    folded: String,
    latin: BTreeSet<String>,
    items: Vec<Found>,
    words: Vec<Word>,
    denials: Vec<Denial>,
}

/// Clauses of a citation that are taken together to support one clause.
struct Scope<'a> {
    clauses: Vec<&'a Clause>,
    /// The sentence, where it is one.
    sentence: Option<usize>,
    /// Whether it is more than one clause, so that an exact item may belong to another part of it.
    wide: bool,
}

impl SupportCheck {
    /// Prepares the citations' quotes, in their order, and the extractive answer that was made of them.
    #[must_use]
    pub fn new(answer: &str, quotes: &[&str]) -> Self {
        let blocks: Vec<&str> = if quotes.len() == 1 {
            vec![answer]
        } else {
            answer.split("\n\n").collect()
        };
        let sources = quotes
            .iter()
            .enumerate()
            .map(|(at, quote)| {
                let mut texts = vec![Text::new(quote)];
                let block = blocks.get(at).filter(|_| blocks.len() == quotes.len());
                texts.extend(
                    block
                        .filter(|block| !quote.contains(**block))
                        .map(|block| Text::new(block)),
                );
                let exact = texts[0].items().cloned().collect();
                Source { texts, exact }
            })
            .collect();
        Self {
            sources,
            answer: sentences_of(answer),
            served: Vec::new(),
        }
    }

    /// The citation, from 0, that a sentence rests on. It may name it, as in `…[1]`; then no other counts.
    ///
    /// # Errors
    /// Why none supports it. What failed leaves no trace.
    pub fn sentence(&mut self, text: &str) -> Result<usize, Unsupported> {
        let (plain, named) = without_markers(text);
        let sentence = Sentence::new(&plain, None);
        if sentence.says_nothing() {
            return Err(Unsupported::Empty);
        }
        if let Some(number) = named
            .iter()
            .find(|number| !(1..=self.sources.len()).contains(number))
        {
            return Err(Unsupported::NoSuchCitation { number: *number });
        }
        if is_warning(&plain) && !self.stands_verbatim(&plain) {
            return Err(Unsupported::Warning);
        }
        let tried: Vec<usize> = if named.is_empty() {
            (0..self.sources.len()).collect()
        } else {
            named.iter().map(|number| number - 1).collect()
        };
        let mut failed = None;
        for &at in &tried {
            match self.sources[at].supports(&sentence) {
                Ok(reached) => {
                    for (text, reached) in self.sources[at].texts.iter_mut().zip(reached) {
                        text.reached = reached;
                    }
                    self.served.extend(sentence.clauses);
                    return Ok(at);
                }
                Err(reason) => failed = Some(reason.further(failed)),
            }
        }
        let by_any = |clause: &Clause| {
            self.sources
                .iter()
                .any(|source| source.supports_clause(clause, sentence.step).is_ok())
        };
        let mixed = tried.len() > 1 && sentence.clauses.len() > 1 && sentence.clauses.iter().all(by_any);
        Err(match failed {
            Some(reason) if !mixed => reason,
            _ => Unsupported::Mixed,
        })
    }

    /// Whether the sentences that passed say all that the extractive answer says.
    ///
    /// # Errors
    /// `Incomplete` with what is missing.
    pub fn complete(&self) -> Result<(), Unsupported> {
        let missing = |what: String| Err(Unsupported::Incomplete { what });
        let served: Vec<&Item> = self.served.iter().flat_map(Clause::exact).collect();
        let says = |word: &str| self.served.iter().any(|clause| clause.has(word));
        for statement in &self.answer {
            for clause in &statement.clauses {
                if let Some(found) = clause.items.iter().find(|found| !served.contains(&&found.item)) {
                    return missing(found.written.clone());
                }
                for denial in &clause.denials {
                    let kept = |head: &String| {
                        self.served
                            .iter()
                            .any(|clause| !clause.denials.is_empty() && clause.has(head))
                    };
                    if !denial.heads.is_empty() && !denial.heads.iter().any(kept) {
                        return missing(statement.written.clone());
                    }
                }
            }
            // Labels that no quote has are the renderer's words.
            let cited = |word: &&Word| {
                let texts = self.sources.iter().map(|source| &source.texts[0]);
                texts.flat_map(Text::clauses).any(|clause| clause.has(&word.word))
            };
            let words: Vec<&Word> = statement
                .clauses
                .iter()
                .flat_map(|clause| &clause.words)
                .filter(cited)
                .collect();
            let total: f64 = words.iter().map(|word| word.weight).sum();
            let returned: f64 = words
                .iter()
                .filter(|word| says(&word.word))
                .map(|word| word.weight)
                .sum();
            if returned < COMPLETE_FLOOR * total {
                return missing(statement.written.clone());
            }
        }
        Ok(())
    }

    fn stands_verbatim(&self, text: &str) -> bool {
        let text = text.trim();
        let texts = self.sources.iter().map(|source| &source.texts[0]);
        texts
            .flat_map(|cited| &cited.sentences)
            .any(|sentence| sentence.written.contains(text) || text == sentence.written)
    }
}

impl Source {
    /// How far each text was read when the whole sentence rests on this citation.
    fn supports(&self, sentence: &Sentence) -> Result<Vec<usize>, Unsupported> {
        let mut reached: Vec<usize> = self.texts.iter().map(|text| text.reached).collect();
        for clause in sentence.clauses.iter().filter(|clause| !clause.says_nothing()) {
            let mut failed = None;
            let places = self.supports_clause(clause, sentence.step)?;
            let mut in_order = false;
            for (at, place) in places {
                let text = &self.texts[at];
                match place {
                    Some(place) if text.ordered && place < reached[at] => failed = Some(Unsupported::Order),
                    Some(place) if text.ordered => {
                        reached[at] = place;
                        in_order = true;
                    }
                    _ => in_order = true,
                }
                if in_order {
                    break;
                }
            }
            if !in_order {
                return Err(failed.unwrap_or(Unsupported::Order));
            }
        }
        Ok(reached)
    }

    /// Where the citation supports a clause: the text and the sentence, in their order.
    fn supports_clause(
        &self,
        clause: &Clause,
        step: Option<u32>,
    ) -> Result<Vec<(usize, Option<usize>)>, Unsupported> {
        if clause.says_nothing() {
            return Ok(vec![(0, None)]);
        }
        if let Some(found) = clause.items.iter().find(|found| !self.has_exactly(&found.item)) {
            return Err(Unsupported::Exact {
                written: found.written.clone(),
            });
        }
        let (mut places, mut failed) = (Vec::new(), None);
        for (at, text) in self.texts.iter().enumerate() {
            for scope in text.scopes(step) {
                match scope.supports(clause) {
                    Ok(()) => places.push((at, scope.sentence)),
                    Err(reason) => failed = Some(reason.further(failed)),
                }
            }
        }
        if places.is_empty() {
            // Without a scope there is no step of that number.
            return Err(failed.unwrap_or(Unsupported::Order));
        }
        places.sort_unstable();
        Ok(places)
    }

    fn has_exactly(&self, item: &Item) -> bool {
        let counted = || {
            self.exact.iter().any(|other| match (item, other) {
                (Item::Number { unit, .. }, Item::Number { unit: others, .. }) => unit == others,
                _ => false,
            })
        };
        self.exact.contains(item) || (item.is_article() && !counted())
    }
}

impl Text {
    fn new(text: &str) -> Self {
        let sentences = sentences_of(text);
        let steps = sentences
            .iter()
            .filter(|sentence| sentence.step.is_some())
            .count();
        let told_in_order = ["先", "然后", "再", "最后", "first", "then", "finally", "luego"];
        let ordered = steps >= 2
            || sentences
                .iter()
                .flat_map(|sentence| &sentence.clauses)
                .any(|clause| told_in_order.iter().any(|word| clause.has(word)));
        Self {
            sentences,
            ordered,
            reached: 0,
        }
    }

    fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.sentences.iter().flat_map(|sentence| &sentence.clauses)
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.clauses().flat_map(Clause::exact)
    }

    /// Single clauses, sentences, neighbours, all of it; of one step only where the sentence names one.
    fn scopes(&self, step: Option<u32>) -> Vec<Scope<'_>> {
        let within: Vec<usize> = (0..self.sentences.len())
            .filter(|&at| step.is_none() || self.sentences[at].step == step)
            .collect();
        let mut scopes = Vec::new();
        for &at in &within {
            let clauses = &self.sentences[at].clauses;
            scopes.extend(clauses.iter().map(|clause| Scope {
                clauses: vec![clause],
                sentence: Some(at),
                wide: false,
            }));
            scopes.push(Scope {
                clauses: clauses.iter().collect(),
                sentence: Some(at),
                wide: true,
            });
        }
        let joined = within
            .windows(2)
            .chain([within.as_slice()])
            .filter(|these| these.len() > 1);
        scopes.extend(joined.map(|these| Scope {
            clauses: these.iter().flat_map(|&at| &self.sentences[at].clauses).collect(),
            sentence: None,
            wide: true,
        }));
        scopes
    }
}

impl Scope<'_> {
    fn supports(&self, clause: &Clause) -> Result<(), Unsupported> {
        let exact: Vec<&Item> = self.clauses.iter().flat_map(|cited| cited.exact()).collect();
        let elsewhere = |found: &Found| Unsupported::Elsewhere {
            written: found.written.clone(),
        };
        for found in &clause.items {
            if !exact.contains(&&found.item) && !found.item.is_article() {
                return Err(elsewhere(found));
            }
            let rival = |other: &&Item| {
                other.rivals(&found.item) && clause.items.iter().all(|own| own.item != **other)
            };
            if self.wide && exact.iter().any(rival) {
                return Err(elsewhere(found));
            }
        }
        if let Some(found) = self.swapped(clause) {
            return Err(elsewhere(found));
        }
        self.has_words(clause)?;
        self.denies_the_same(clause)
    }

    /// The first of two items that could be taken for each other (`从 0.8 MPa 升到 2.5 MPa`) and stand the other way round here.
    fn swapped<'a>(&self, clause: &'a Clause) -> Option<&'a Found> {
        let exact: Vec<&Item> = self.clauses.iter().flat_map(|cited| cited.exact()).collect();
        let place = |found: &Found| exact.iter().position(|item| **item == found.item);
        clause.items.windows(2).find_map(|pair| {
            let rivals = pair[0].item != pair[1].item && pair[0].item.rivals(&pair[1].item);
            (rivals && place(&pair[0]) > place(&pair[1])).then_some(&pair[0])
        })
    }

    fn has_words(&self, clause: &Clause) -> Result<(), Unsupported> {
        let cited: Vec<&str> = self.clauses.iter().map(|cited| cited.folded.as_str()).collect();
        if let Some(word) = words::turned(&clause.folded, &cited.join(" ")) {
            return Err(Unsupported::Words {
                words: word.to_owned(),
            });
        }
        let (mut total, mut covered) = (0.0, 0.0);
        let (mut lacking, mut strict): (Vec<&str>, Option<&str>) = (Vec::new(), None);
        for word in &clause.words {
            total += word.weight;
            if self.clauses.iter().any(|cited| cited.has(&word.word)) {
                covered += word.weight;
            } else {
                lacking.push(&word.word);
                strict = strict.or(word.strict.then_some(word.word.as_str()));
            }
        }
        // Neighbouring sentences lend their subject to a value, never their words to a claim.
        let unplaced = self.sentence.is_none() && clause.items.is_empty();
        if strict.is_none() && covered >= COVERAGE_FLOOR * total && !unplaced {
            return Ok(());
        }
        let words = match strict {
            Some(word) => word.to_owned(),
            None if lacking.is_empty() => clause.folded.clone(),
            None => lacking.join(" "),
        };
        Err(Unsupported::Words { words })
    }

    /// Each word that either side denies is denied, in the same way, by the cited clause that has most of the clause's words.
    fn denies_the_same(&self, clause: &Clause) -> Result<(), Unsupported> {
        let own = clause.denials.iter().flat_map(|denial| &denial.heads);
        let cited = self.clauses.iter().flat_map(|cited| &cited.denials);
        let cited = cited
            .flat_map(|denial| &denial.heads)
            .filter(|head| clause.has(head));
        for head in own.chain(cited) {
            let holders: Vec<(&Clause, usize)> = self
                .clauses
                .iter()
                .filter(|cited| cited.has(head))
                .map(|cited| {
                    let shared = clause.words.iter().filter(|word| cited.has(&word.word));
                    (*cited, shared.count())
                })
                .collect();
            let most = holders.iter().map(|(_, shared)| *shared).max();
            let agree = holders
                .iter()
                .any(|(cited, shared)| Some(*shared) == most && clause.denies_as(cited, head));
            if !agree {
                return Err(Unsupported::Denial { word: head.clone() });
            }
        }
        let bare = clause.denials.iter().find(|denial| denial.heads.is_empty());
        match bare {
            Some(denial) if !self.clauses.iter().any(|cited| cited.denies_somehow(denial)) => {
                Err(Unsupported::Denial {
                    word: clause.folded.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

impl Sentence {
    /// `step` is the one that an earlier sentence opened.
    fn new(text: &str, step: Option<u32>) -> Self {
        let chars: Vec<char> = text.trim().chars().map(fold_width_char).collect();
        let (own_step, start) = step_marker(&chars);
        Self {
            step: own_step.or(step),
            written: text.trim().to_owned(),
            clauses: clauses(&chars[start..]),
        }
    }

    fn says_nothing(&self) -> bool {
        self.clauses.iter().all(Clause::says_nothing)
    }
}

impl Clause {
    fn new(chars: &[char]) -> Self {
        let folded: Vec<char> = chars.iter().map(|c| analysis::fold_char(*c)).collect();
        let items = items::items(chars);
        let denials = denial::denials(&folded);
        let mut rest = folded.clone();
        let taken = items
            .iter()
            .map(|found| &found.at)
            .chain(denials.iter().map(|denial| &denial.at));
        for at in taken {
            rest[at.clone()].fill('|');
        }
        let rest: String = rest.into_iter().collect();
        let folded: String = folded.into_iter().collect();
        Self {
            latin: words::latin_words(&folded),
            words: words::content(&rest),
            folded,
            items,
            denials,
        }
    }

    fn says_nothing(&self) -> bool {
        self.words.is_empty() && self.items.is_empty() && self.denials.is_empty()
    }

    fn exact(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().map(|found| &found.item)
    }

    fn has(&self, word: &str) -> bool {
        if words::is_bare_turn(word) {
            return self.words.iter().any(|own| own.word == word);
        }
        words::has(&self.folded, &self.latin, word)
    }

    fn denial_of(&self, head: &str) -> Option<(&Denial, bool)> {
        self.denials.iter().find_map(|denial| {
            // Words grow together differently in different clauses (`带电`, `带电插`).
            let same = |other: &String| other.contains(head) || head.contains(other.as_str());
            let at = denial.heads.iter().position(same)?;
            Some((denial, at == 0))
        })
    }

    fn denies_somehow(&self, denial: &Denial) -> bool {
        self.denials.iter().any(|own| own.how == denial.how)
    }

    /// Whether both deny the word or neither does. The second word behind a denial may stand a little further off on the other side.
    fn denies_as(&self, cited: &Self, head: &str) -> bool {
        match (self.denial_of(head), cited.denial_of(head)) {
            (None, None) => true,
            (Some((own, _)), Some((other, _))) => own.how == other.how,
            (Some((own, nearest)), None) => !nearest && cited.denies_somehow(own),
            (None, Some((other, nearest))) => !nearest && self.denies_somehow(other),
        }
    }
}

/// The sentences of a text with the steps they belong to. What speaks to a language model supports nothing and is left out.
fn sentences_of(text: &str) -> Vec<Sentence> {
    let chars: Vec<char> = text.chars().collect();
    let mut step = None;
    let mut sentences = Vec::new();
    for span in quote::sentences(&chars) {
        let written: String = chars[span.start..span.end].iter().collect();
        if is_instruction(&written) {
            continue;
        }
        let sentence = Sentence::new(&written, step);
        step = sentence.step;
        sentences.push(sentence);
    }
    sentences
}

/// Runs between commas, semicolons, bars and wide gaps (cells of a row).
fn clauses(chars: &[char]) -> Vec<Clause> {
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let (mut out, mut start) = (Vec::new(), 0);
    for at in 0..=chars.len() {
        let ends = match chars.get(at) {
            None => true,
            Some(',') => !(digit(at.checked_sub(1)) && digit(Some(at + 1))),
            Some(';' | '|' | '\t') => true,
            Some(' ') => chars.get(at + 1) == Some(&' '),
            Some(_) => false,
        };
        if ends {
            if chars[start..at].iter().any(|c| c.is_alphanumeric()) {
                out.push(Clause::new(&chars[start..at]));
            }
            start = (at + 1).min(chars.len());
        }
    }
    out
}

/// The number of a step (`1.`, `(2)`, `③`, `第三步：`, `Step 4:`) and where its text begins.
fn step_marker(chars: &[char]) -> (Option<u32>, usize) {
    let list = chars
        .iter()
        .take_while(|c| matches!(c, '-' | '*' | '•' | ' ' | '#'))
        .count();
    let rest = &chars[list..];
    if let Some(number) = rest.first().and_then(|c| items::circled(*c)) {
        return (Some(number), list + 1);
    }
    let open = usize::from(rest.first() == Some(&'('));
    let digits: String = rest[open..]
        .iter()
        .take_while(|c| c.is_ascii_digit())
        .take(3)
        .collect();
    let end = open + digits.len();
    let closes = matches!(rest.get(end), Some('.' | '、' | ')'))
        && !rest.get(end + 1).is_some_and(char::is_ascii_digit);
    if closes && (1..=2).contains(&digits.len()) {
        return (digits.parse().ok(), list + end + 1);
    }
    let text: String = rest.iter().take(12).collect::<String>().to_lowercase();
    for (head, tail) in [("第", "步"), ("步骤", ""), ("step", "")] {
        let Some(after) = text.strip_prefix(head) else {
            continue;
        };
        let blanks = after.chars().take_while(|c| *c == ' ').count();
        let numeral: String = after
            .chars()
            .skip(blanks)
            .take_while(|c| c.is_ascii_digit() || items::is_numeral(*c))
            .collect();
        let length = head.chars().count() + blanks + numeral.chars().count() + tail.chars().count();
        let number = shifu_domain::recognise::parse_numeral(&numeral).filter(|number| number.fract() == 0.0);
        if let Some(number) =
            number.filter(|_| after.trim_start()[numeral.len()..].trim_start().starts_with(tail))
        {
            let colon = usize::from(matches!(rest.get(length), Some(':' | ',' | '.' | '、')));
            return (Some(number as u32), (list + length + colon).min(chars.len()));
        }
    }
    (None, list)
}

/// A sentence without `[1]`, `【2】` and marks of emphasis, and the numbers that were named.
pub(super) fn without_markers(text: &str) -> (String, Vec<usize>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut plain, mut named, mut at) = (String::new(), Vec::new(), 0);
    while at < chars.len() {
        let opens = matches!(fold_width_char(chars[at]), '[' | '【');
        let digits: String = chars[at + 1..]
            .iter()
            .map(|c| fold_width_char(*c))
            .take_while(char::is_ascii_digit)
            .take(3)
            .collect();
        let close = at + 1 + digits.len();
        let closes = chars
            .get(close)
            .is_some_and(|c| matches!(fold_width_char(*c), ']' | '】'));
        if opens
            && closes
            && let Ok(number) = digits.parse()
        {
            named.push(number);
            at = close + 1;
            continue;
        }
        if chars[at] != '*' {
            plain.push(chars[at]);
        }
        at += 1;
    }
    (plain.trim().to_owned(), named)
}

/// Whether a text is or holds a safety warning as manuals print them.
pub(super) fn is_warning(text: &str) -> bool {
    const HEADS: [&str; 13] = [
        "警告",
        "危险",
        "小心",
        "当心",
        "安全须知",
        "安全警示",
        "⚠",
        "warning",
        "danger",
        "caution",
        "advertencia",
        "peligro",
        "precaucion",
    ];
    text.lines().any(|line| {
        let line = analysis::fold(line);
        let line = line.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '⚠');
        HEADS.iter().any(|head| line.starts_with(head))
    })
}

/// Whether a sentence speaks to a language model instead of a technician: it supports nothing, whoever wrote it into a manual.
fn is_instruction(text: &str) -> bool {
    const DISMISS: [&str; 8] = [
        "忽略",
        "无视",
        "忘记",
        "不要理会",
        "ignore",
        "disregard",
        "forget",
        "ignora",
    ];
    const WHAT: [&str; 14] = [
        "指令",
        "指示",
        "提示词",
        "系统提示",
        "以上",
        "之前",
        "上文",
        "instruction",
        "prompt",
        "previous",
        "above",
        "instruccion",
        "anterior",
        "规则",
    ];
    let folded = analysis::fold(text);
    let any = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    (any(&DISMISS) && any(&WHAT))
        || any(&[
            "<|im_",
            "<|start_header",
            "system prompt",
            "你现在是",
            "你是一个ai",
            "as an ai",
        ])
}

#[cfg(test)]
mod tests;
