//! Symptom phrases → ids, tolerant of the little words that people put inside them, with negation and hedging.
//!
//! Text and phrases are reduced alike: words that carry no claim (了, 就, 一直, 有点 …) are taken out and positions kept. One
//! automaton then finds the longest phrase at each place in linear time.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};

use super::folded::{Folded, ends_clause, fold_phrase};
use super::negation::polarity;
use super::{LexiconEntries, Mention, MentionKind};
use crate::names::SymptomId;
use crate::text::{Span, is_han};

/// Words taken out before matching, longest first.
const FILLERS: [&str; 35] = [
    "有点儿",
    "有一点",
    "根本就",
    "有点",
    "有些",
    "一直",
    "总是",
    "老是",
    "经常",
    "特别",
    "非常",
    "根本",
    "完全",
    "突然",
    "怎么",
    "什么",
    "这个",
    "那个",
    "开始",
    "一点",
    "现在",
    "还是",
    "了",
    "就",
    "也",
    "都",
    "还",
    "又",
    "很",
    "太",
    "的",
    "在",
    "它",
    "会",
    "总",
];
/// At most this many characters may be skipped inside one phrase.
const MOST_SKIPPED: usize = 6;
/// One-character verbs that people use alone when they deny ("没漏", "不滴了").
const BARE_VERBS: [char; 3] = ['漏', '滴', '响'];

pub(super) struct Symptoms {
    ids: Vec<SymptomId>,
    phrases: Option<AhoCorasick>,
    /// For each phrase of the automaton, the symptoms it stands for.
    meant: Vec<Vec<usize>>,
    /// Bare verb → the one symptom whose phrases begin with it.
    bare: BTreeMap<char, usize>,
}

impl Symptoms {
    pub(super) fn new(entries: &LexiconEntries) -> Self {
        let mut ids = Vec::new();
        let mut phrases = BTreeMap::<String, BTreeSet<usize>>::new();
        let mut bare = BTreeMap::<char, BTreeSet<usize>>::new();
        for (id, words) in &entries.symptoms {
            let place = ids.len();
            ids.push(id.clone());
            for word in words {
                let folded = fold_phrase(word);
                let reduced = reduce(&folded.chars().collect::<Vec<_>>()).0;
                // "有异味" is denied as "没异味" too.
                let bare_noun = reduced.strip_prefix('有').map(str::to_owned);
                for reduced in bare_noun.into_iter().chain([reduced]) {
                    if reduced.chars().count() >= 2 {
                        phrases.entry(reduced).or_default().insert(place);
                    }
                }
                let mut chars = folded.chars();
                if let (Some(verb), 2) = (chars.next(), folded.chars().count())
                    && BARE_VERBS.contains(&verb)
                {
                    bare.entry(verb).or_default().insert(place);
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(phrases.keys())
            .ok();
        let meant = phrases
            .into_values()
            .map(|places| places.into_iter().collect())
            .collect();
        let bare = bare
            .into_iter()
            .filter_map(|(verb, places)| Some((verb, *places.first()?)).filter(|_| places.len() == 1));
        Self {
            ids,
            phrases: automaton,
            meant,
            bare: bare.collect(),
        }
    }

    pub(super) fn find(&self, text: &Folded) -> Vec<Mention> {
        let matches = self.matches(text);
        let own: Vec<Span> = matches.iter().map(|(span, _)| *span).collect();
        let mut found = Vec::new();
        for (span, places) in &matches {
            let polarity = polarity(text, span.start, span.end, |at| belongs(&own, at));
            for &place in *places {
                found.push(self.mention(*span, place, polarity.present, polarity.uncertain));
            }
        }
        found.extend(self.denied_verbs(text, &own));
        found
    }

    fn matches(&self, text: &Folded) -> Vec<(Span, &[usize])> {
        let Some(phrases) = &self.phrases else {
            return Vec::new();
        };
        let upper: Vec<char> = text.chars.iter().map(char::to_ascii_uppercase).collect();
        let (reduced, positions) = reduce(&upper);
        let mut found = Vec::new();
        let (mut byte, mut at) = (0, 0);
        let mut chars = reduced.chars();
        // Both the matches and the characters run left to right, so one walk turns bytes into positions.
        let mut position_of = |target: usize| {
            while byte < target {
                let Some(c) = chars.next() else { break };
                byte += c.len_utf8();
                at += 1;
            }
            at
        };
        for hit in phrases.find_iter(&reduced) {
            let (first, past) = (position_of(hit.start()), position_of(hit.end()));
            let span = Span {
                start: positions[first],
                end: positions[past - 1] + 1,
            };
            if span.len() <= past - first + MOST_SKIPPED && text.is_whole_word(span) {
                found.push((span, self.meant[hit.pattern().as_usize()].as_slice()));
            }
        }
        found
    }

    /// "没漏", "不滴了": denials that name only the verb.
    fn denied_verbs(&self, text: &Folded, own: &[Span]) -> Vec<Mention> {
        let mut found = Vec::new();
        if self.bare.is_empty() {
            return found;
        }
        for at in 1..text.chars.len() {
            let Some(&place) = self.bare.get(&text.chars[at]) else {
                continue;
            };
            let denied = matches!(text.chars[at - 1], '没' | '不')
                || (at >= 2 && text.chars[at - 2] == '没' && text.chars[at - 1] == '有');
            let asked = at >= 2
                && (text.chars[at - 2] == text.chars[at]
                    || text.chars[at - 2] == '有' && text.chars[at - 1] == '有');
            let end = (at + 1..text.chars.len())
                .find(|&i| !matches!(text.chars[i], '了' | '过' | '的' | '啊' | '呀' | '吧'))
                .unwrap_or(text.chars.len());
            let clause_over = text.get(end).is_none_or(|c| ends_clause(c) || c == ' ');
            if denied && !asked && clause_over && !belongs(own, at) {
                found.push(self.mention(
                    Span {
                        start: at,
                        end: at + 1,
                    },
                    place,
                    false,
                    false,
                ));
            }
        }
        found
    }

    fn mention(&self, span: Span, place: usize, present: bool, uncertain: bool) -> Mention {
        Mention {
            span,
            kind: MentionKind::Symptom {
                id: self.ids[place].clone(),
                present,
                uncertain,
            },
        }
    }
}

/// Whether a position lies in one of the spans, which are ascending and disjoint.
fn belongs(spans: &[Span], at: usize) -> bool {
    let next = spans.partition_point(|span| span.end <= at);
    spans.get(next).is_some_and(|span| span.start <= at)
}

/// The text without fillers and without spaces between ideographs, and each remaining character's position.
fn reduce(chars: &[char]) -> (String, Vec<usize>) {
    let mut reduced = String::with_capacity(chars.len() * 3);
    let mut positions = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let skipped = filler_length(&chars[at..]);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        if chars[at] == ' '
            && at > 0
            && is_han(chars[at - 1])
            && chars.get(at + 1).is_some_and(|&c| is_han(c))
        {
            at += 1;
            continue;
        }
        // "一会儿" is "一会"; 婴儿 keeps its 儿.
        if chars[at] == '儿' && reduced.ends_with(['会', '点']) {
            at += 1;
            continue;
        }
        reduced.push(chars[at]);
        positions.push(at);
        at += 1;
    }
    (reduced, positions)
}

fn filler_length(chars: &[char]) -> usize {
    use std::sync::LazyLock;
    static WORDS: LazyLock<Vec<Vec<char>>> =
        LazyLock::new(|| FILLERS.iter().map(|word| word.chars().collect()).collect());
    // "会" stays before 不会; "一会" and "一点" stay inside phrases as written, because both sides are reduced alike.
    WORDS
        .iter()
        .find(|word| chars.starts_with(word))
        .map_or(0, Vec::len)
}
