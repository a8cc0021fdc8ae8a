//! Whether the best candidates support an answer at all: an absolute measure, not a rank.

use super::quote;
use crate::analysis;
use crate::api::{Intent, Support};
use crate::error::KnowledgeError;
use crate::library::{Library, Retrieval};
use crate::passages::Kind;
use crate::question;
use crate::rank::{self, Ranked};

/// Evidence that an answer needs. Where the encoder knows the subject: the probability below, of which the floor refuses about a fifth
/// of the answerable questions of the bundled appliances' agents-dev (`models/paraphrase/fit.py` prints what other floors would). Where it
/// does not: the share of the question's words that the passage has, by CMRC 2018 trial questions against their own passages and
/// against others.
pub(crate) const FLOOR: f64 = 0.44;
/// Below this nothing in the library is about the question.
pub(crate) const OUT_OF_SCOPE: f64 = 0.25;

/// Candidates that may be answered from, best first, with the evidence of the best.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// Places in `Retrieval::ranked`.
    pub order: Vec<usize>,
    /// What each of them has of the question.
    pub supports: Vec<Support>,
    pub evidence: f64,
}

/// Candidates looked at.
const LOOKED_AT: usize = 20;
/// Of the regression by meaning; its weights stand in [`by_meaning`].
const INTERCEPT: f64 = -3.31;
/// What a value of the kind asked for and the clause that asks count beside the score of the search.
const FITS_WEIGHT: f64 = 7.0;
const CLAUSE_WEIGHT: f64 = 3.0;

pub(super) fn judge(
    library: &Library,
    retrieval: &Retrieval,
    carried_codes: bool,
) -> Result<Judged, KnowledgeError> {
    let understood = &retrieval.understood;
    let has_code = !understood.codes.is_empty()
        || !understood.blinks.is_empty()
        || !understood.parts.is_empty()
        || carried_codes;
    let code_terms: Vec<&String> = understood
        .terms
        .exact
        .iter()
        .filter(|term| !is_model_term(term, understood))
        .collect();
    let hits = |ranked: &Ranked| {
        code_terms
            .iter()
            .filter(|term| ranked.stored.exact.binary_search(term).is_ok())
            .count()
    };
    let mut order: Vec<usize> = (0..retrieval.ranked.len().min(LOOKED_AT * 3))
        .filter(|&at| !matches!(retrieval.ranked[at].stored.kind, Kind::Contents | Kind::Heading))
        .filter(|&at| !has_code || code_terms.is_empty() || hits(&retrieval.ranked[at]) > 0)
        .take(LOOKED_AT)
        .collect();
    if order.is_empty() {
        return Ok(Judged::default());
    }
    let asked = asked_weights(library, retrieval);
    let known = asked.first().map_or(0.0, |asked| {
        asked.weighted.share(|element| library.knows(retrieval, element))
    });
    let supports: Vec<Support> = order
        .iter()
        .map(|&at| support(&retrieval.ranked[at], retrieval, &asked, known))
        .collect();
    // The search looks at the whole story: the clause that asks and what it asks for choose the passage to answer from.
    let mut weighed: Vec<(usize, Support, f64)> = order
        .iter()
        .zip(supports)
        .map(|(&at, support)| {
            let rank =
                retrieval.ranked[at].score + FITS_WEIGHT * support.fits + CLAUSE_WEIGHT * support.clause;
            (at, support, rank)
        })
        .collect();
    weighed.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
    order = weighed.iter().map(|(at, _, _)| *at).collect();
    let supports: Vec<Support> = weighed.iter().map(|(_, support, _)| *support).collect();
    let evidence = supports[0].evidence;
    let trust = retrieval.sense.trust;
    let evidence = trust * by_meaning(retrieval, &weighed) + (1.0 - trust) * evidence;
    let evidence = if has_code && understood.detail.is_empty() && hits(&retrieval.ranked[order[0]]) > 0 {
        1.0
    } else {
        evidence
    };
    // A question about a code's detail is carried by the code; its words need less.
    let evidence = if has_code && hits(&retrieval.ranked[order[0]]) > 0 {
        evidence.max(0.45)
    } else {
        evidence
    };
    Ok(Judged {
        order,
        supports,
        evidence,
    })
}

/// Probability that the first candidate answers, by logistic regression over manuals of `datasets/paraphrases` that the encoder had not
/// seen; questions that their manual does not answer count tenfold (`models/paraphrase/fit.py`).
fn by_meaning(retrieval: &Retrieval, candidates: &[(usize, Support, f64)]) -> f64 {
    let Some((first, support, score)) = candidates.first() else {
        return 0.0;
    };
    let meaning = |at: usize| retrieval.ranked[at].parts.meaning;
    let mut all: Vec<f64> = candidates.iter().map(|(at, _, _)| meaning(*at)).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    let others = &all[1..all.len().min(5)];
    let ahead = match others.len() {
        0 => 1.0,
        count => meaning(*first) - others.iter().sum::<f64>() / count as f64,
    };
    let next = candidates.get(1).map_or(0.0, |(_, _, next)| *next);
    let answered = retrieval.sense.answered.clamp(1e-4, 1.0 - 1e-4);
    let sum = INTERCEPT
        + 0.71 * (answered / (1.0 - answered)).ln()
        + 6.05 * meaning(*first)
        + 3.76 * ahead
        + 0.11 * (score - next)
        + 1.37 * support.coverage
        + 0.58 * support.fits
        - 1.73 * support.known;
    1.0 / (1.0 + (-sum).exp())
}

fn is_model_term(term: &str, understood: &crate::question::Understood) -> bool {
    term.strip_prefix("t:")
        .is_some_and(|name| understood.models.iter().any(|model| model.canonical == name))
}

/// The question as a whole and, where it has several clauses, the one that asks: people tell a story before they ask.
fn asked_weights(library: &Library, retrieval: &Retrieval) -> Vec<Asked> {
    let folded = &retrieval.understood.folded;
    let mut texts = vec![folded.clone()];
    if retrieval.understood.latin {
        texts.extend(asking_clause(folded).map(str::to_owned));
    } else {
        let clauses: Vec<&str> = folded
            .split(['，', ',', '。', ';', '；', '！', '!', ' '])
            .filter(|c| !c.trim().is_empty())
            .collect();
        if clauses.len() > 1 {
            texts.extend(
                clauses
                    .iter()
                    .filter(|clause| asks(clause))
                    .map(|clause| (*clause).to_owned()),
            );
        }
    }
    texts
        .iter()
        .map(|text| Asked::new(text, library, retrieval))
        .filter(|asked| !asked.weighted.is_empty())
        .collect()
}

/// The clause of a story told in Latin letters that asks: from `¿`, or from the last comma or full stop before a question word;
/// `None` where the whole text asks.
fn asking_clause(folded: &str) -> Option<&str> {
    const QUESTION_WORDS: [&str; 14] = [
        "how", "what", "where", "which", "why", "when", "who", "can", "should", "como", "que", "donde",
        "cual", "cuanto",
    ];
    let marked = folded.find('¿').map(|at| &folded[at + '¿'.len_utf8()..]);
    let asking = marked.or_else(|| {
        let mut clauses = folded
            .match_indices([',', '.', ';', '!'])
            .map(|(at, _)| folded[at + 1..].trim_start());
        let asks = |clause: &&str| {
            let first = clause.split(|c: char| !c.is_alphabetic()).next();
            first.is_some_and(|first| QUESTION_WORDS.contains(&first))
        };
        clauses.rfind(asks)
    })?;
    let clause = asking.split('?').next().unwrap_or(asking).trim();
    let more = folded.chars().filter(|c| c.is_alphanumeric()).count();
    (!clause.is_empty() && clause.chars().filter(|c| c.is_alphanumeric()).count() < more).then_some(clause)
}

fn asks(clause: &str) -> bool {
    [
        "多少",
        "几",
        "什么",
        "怎么",
        "如何",
        "哪",
        "吗",
        "多久",
        "多大",
        "多长",
        "为何",
        "谁",
        "是否",
        "能不能",
        "要不要",
        "啥",
        "咋",
        "?",
        "？",
    ]
    .iter()
    .any(|word| clause.contains(word))
}

/// What a (part of a) question asks for and what each element of it weighs, and its bigrams.
struct Asked {
    weighted: rank::Weighted,
    bigrams: Vec<String>,
}

impl Asked {
    fn new(text: &str, library: &Library, retrieval: &Retrieval) -> Self {
        let understood = &retrieval.understood;
        let named = |word: &str| {
            let upper = word.to_uppercase();
            word.bytes().all(|b| b.is_ascii_digit())
                || understood
                    .models
                    .iter()
                    .any(|model| model.canonical.contains(&upper))
        };
        // A single character that is not a word of the library says nothing against a passage.
        let says_something = |word: &str| {
            word.chars().count() > 1 || word.is_ascii() || analysis::synonyms(word).next().is_some()
        };
        let weigh = |word: &str, subject: f64| {
            let talk = if question::is_talk(word) { 0.3 } else { 1.0 };
            (!named(word) && says_something(word)).then(|| subject * talk * library.idf(retrieval, word))
        };
        let elements = question::elements(text, &weigh, &|form| library.form_idf(retrieval, form));
        // What has other words in the manuals need not stand there letter by letter.
        let verbatim = elements
            .iter()
            .filter(|element| !element.others.is_empty())
            .fold(text.to_owned(), |text, element| text.replace(&element.word, " "));
        let bigrams = understood
            .terms
            .bigrams
            .iter()
            .filter(|bigram| verbatim.contains(bigram.as_str()))
            .cloned()
            .collect();
        Self {
            weighted: rank::Weighted::new(elements),
            bigrams,
        }
    }
}

/// What one passage has of a question. The best of the clauses that ask counts as the clause; one of a single word next to nothing.
fn support(ranked: &Ranked, retrieval: &Retrieval, asked: &[Asked], known: f64) -> Support {
    let text = analysis::stemmed(&analysis::fold(&rank::searchable(&ranked.stored)));
    let mut found = Support {
        known,
        answered: retrieval.sense.answered,
        trust: retrieval.sense.trust,
        fits: fits(ranked, retrieval),
        ..Support::default()
    };
    let mut evidence: f64 = 0.0;
    for (at, asked) in asked.iter().enumerate() {
        let (coverage, window) = rank::coverage(&text, &asked.weighted);
        let bigrams = (!asked.bigrams.is_empty()).then(|| {
            let shared = asked
                .bigrams
                .iter()
                .filter(|bigram| text.contains(bigram.as_str()));
            shared.count() as f64 / asked.bigrams.len() as f64
        });
        // A clause alone says less than the whole question.
        let trust = match (at, asked.weighted.len()) {
            (0, _) => 1.0,
            (_, 0 | 1) => 0.6,
            _ => 0.9,
        };
        if at == 0 {
            (found.coverage, found.window, found.bigrams) = (coverage, window, bigrams.unwrap_or(coverage));
            (found.clause, found.clause_window) = (coverage, window);
        } else {
            found.clause = found.clause.max(trust * coverage);
            found.clause_window = found.clause_window.max(trust * window);
        }
        let value = match bigrams {
            None => 0.55 * coverage + 0.45 * window,
            Some(bigrams) => 0.45 * coverage + 0.25 * window + 0.3 * bigrams,
        };
        evidence = evidence.max(trust * value);
    }
    let missing = match (retrieval.understood.intent == Intent::Quantity, found.fits) {
        (true, 0.0) => 0.7,
        (true, 0.5) => 0.85,
        _ => 1.0,
    };
    found.evidence = (evidence * missing).clamp(0.0, 1.0);
    found
}

/// Whether a passage has the kind of value that is asked for.
fn fits(ranked: &Ranked, retrieval: &Retrieval) -> f64 {
    let understood = &retrieval.understood;
    if understood.intent != Intent::Quantity {
        return 0.5;
    }
    let units = quote::units_asked(&understood.folded);
    let body = analysis::fold(&ranked.stored.passage.text);
    let number = |c: char| c.is_ascii_digit() || "一二三四五六七八九十百千万两".contains(c);
    if !body.chars().any(number) {
        0.0
    } else if units.is_empty() || units.iter().any(|unit| body.contains(unit)) {
        1.0
    } else {
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clause_that_asks_stands_after_the_story() {
        assert_eq!(
            asking_clause("no tengo detector electronico, ¿como busco una fuga con agua y jabon?"),
            Some("como busco una fuga con agua y jabon")
        );
        assert_eq!(
            asking_clause("my tv lost its signal yesterday. how do i scan for channels?"),
            Some("how do i scan for channels")
        );
        assert_eq!(asking_clause("¿como se limpia el filtro?"), None);
        assert_eq!(asking_clause("r32, 9.52 mm pipe"), None);
    }
}
