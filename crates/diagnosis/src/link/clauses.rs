//! A text → the clauses that the recognisers leave unexplained, as words and runs of words.

use shifu_domain::recognise::{Mention, MentionKind};

use crate::past_repairs::words;

/// What ends a clause; a space does too beside a Chinese character.
const ENDS: &str = "，。！？；：、,.!?;:\n“”\"()（）…—";
/// Characters that carry no claim.
const FILLERS: &str = "了就也都还又很太的在它会总";
/// Characters that deny.
const DENIALS: &str = "不没无未";
/// Words by which a clause only supposes.
const HEDGES: [&str; 10] = [
    "好像",
    "可能",
    "似乎",
    "疑似",
    "怀疑",
    "估计",
    "也许",
    "大概",
    "会不会",
    "是不是",
];
/// Words with which a technician's own account begins.
const FINDINGS: [&str; 13] = [
    "上门", "到场", "师傅", "检查", "拆检", "排查", "判断", "判定", "确认", "更换", "换了", "原因", "实为",
];
/// Longest run of words that is compared.
const WORDS_IN_RUN: usize = 3;

/// A clause that nothing was recognised in, or what is left of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    words: Vec<String>,
    /// Whether it holds a word that denies: "不" of a phrase ("不排水") and of its denial look alike, so clauses are only compared
    /// with clauses that agree in this.
    pub(super) denies: bool,
    /// Whether it only supposes.
    pub(super) hedged: bool,
}

impl Clause {
    pub(super) fn new(text: &str) -> Self {
        let kept: String = text.chars().filter(|c| !FILLERS.contains(*c)).collect();
        Self {
            words: words::words(&kept)
                .into_iter()
                .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
                .collect(),
            denies: text.contains(|c| DENIALS.contains(c)),
            hedged: HEDGES.iter().any(|hedge| text.contains(hedge)),
        }
    }

    /// Single words and pairs, each once: what phrases are compared by.
    pub(super) fn pieces(&self) -> Vec<(u32, usize)> {
        let mut pieces: Vec<(u32, usize)> = (1..=2)
            .flat_map(|length| {
                self.words
                    .windows(length)
                    .map(move |run| (key(run, false), length))
            })
            .collect();
        pieces.sort_unstable();
        pieces.dedup();
        pieces
    }

    /// Runs of words that say something by themselves, each once: pairs, triples and Latin words.
    pub(super) fn runs(&self) -> Vec<u32> {
        let telling = |run: &&[String]| run.len() > 1 || run[0].len() > 2 && run[0].is_ascii();
        let mut runs: Vec<u32> = (1..=WORDS_IN_RUN)
            .flat_map(|length| self.words.windows(length).filter(telling))
            .map(|run| key(run, self.denies))
            .collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }
}

/// FNV-1a of a run of words and of whether its clause denies: two runs in ten thousand share a key by chance.
fn key(run: &[String], denies: bool) -> u32 {
    let bytes = run.iter().flat_map(|word| word.bytes().chain([b' ']));
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    bytes.chain([u8::from(denies)]).fold(0x811c_9dc5, hash)
}

/// The clauses of a text without what `mentions` has recognised in it: a symptom that was found ends a clause, codes, models and
/// values are left out. Names of parts and appliances stay, as symptoms are told of them.
pub(crate) fn clauses(text: &str, mentions: &[Mention]) -> Vec<Clause> {
    let mut chars: Vec<char> = text.chars().collect();
    for mention in mentions {
        let with = match mention.kind {
            MentionKind::Symptom { .. } => '，',
            MentionKind::PartName { .. } | MentionKind::ProductLine { .. } => continue,
            _ => '\0',
        };
        let end = mention.span.end.min(chars.len());
        chars[mention.span.start.min(end)..end].fill(with);
    }
    let ends = |at: usize| match chars[at] {
        ' ' => [at.checked_sub(1), Some(at + 1)]
            .into_iter()
            .flatten()
            .any(|beside| chars.get(beside).is_some_and(|c| !c.is_ascii())),
        c => ENDS.contains(c),
    };
    let mut found = Vec::new();
    let mut from = 0;
    for at in 0..=chars.len() {
        if at == chars.len() || ends(at) {
            let clause: String = chars[from..at].iter().filter(|c| **c != '\0').collect();
            let clause = Clause::new(&clause);
            if !clause.words.is_empty() {
                found.push(clause);
            }
            from = at + 1;
        }
    }
    found
}

/// The part of a repair's text before the first clause that tells what the technician found or did: one with a part, with a word of
/// [`FINDINGS`], or with one of `causes`, the names of causes.
pub(crate) fn before_findings<'t>(
    text: &'t str,
    mentions: &[Mention],
    causes: impl Iterator<Item = &'t str>,
) -> &'t str {
    let part = |mention: &&Mention| {
        matches!(
            mention.kind,
            MentionKind::Part { .. } | MentionKind::PartName { .. }
        )
    };
    let byte = |char: usize| text.char_indices().nth(char).map_or(text.len(), |(at, _)| at);
    let parts = mentions
        .iter()
        .filter(part)
        .map(|mention| byte(mention.span.start));
    let words = FINDINGS.into_iter().chain(causes.filter(|name| !name.is_empty()));
    let first = parts.chain(words.filter_map(|word| text.find(word))).min();
    let Some(first) = first else { return text };
    let start = text[..first].rfind(|c| ENDS.contains(c));
    &text[..start.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recognised_symptom_ends_a_clause_and_numbers_are_no_words() {
        let lexicon = shifu_domain::recognise::Lexicon::new(shifu_domain::recognise::LexiconEntries {
            symptoms: vec![("not_draining".parse().unwrap(), vec!["不排水".to_owned()])],
            ..Default::default()
        });
        let text = "洗衣机不排水还一直嗡嗡响，1390 not spinning";
        let found = clauses(text, &lexicon.recognise(text));
        let words: Vec<String> = found.iter().map(|clause| clause.words.join("")).collect();
        assert_eq!(words, ["洗衣机", "一直嗡嗡响", "notspinning"]);
    }

    #[test]
    fn a_run_of_a_clause_that_denies_is_another_run() {
        let (says, denies) = (Clause::new("闻到糊味"), Clause::new("没闻到糊味"));
        assert!(says.runs().iter().all(|run| !denies.runs().contains(run)));
        // 糊, 味, 糊味 are the same pieces.
        assert!(
            Clause::new("糊味")
                .pieces()
                .iter()
                .all(|piece| denies.pieces().contains(piece))
        );
    }

    #[test]
    fn what_the_technician_found_is_cut_off() {
        let cut = |text| before_findings(text, &[], ["四通阀线圈断路"].into_iter());
        assert_eq!(cut("客户说不暖，跳U7。检查发现是线圈。"), "客户说不暖，跳U7");
        assert_eq!(cut("客户说不暖。四通阀线圈断路。"), "客户说不暖");
        assert_eq!(cut("客户说不暖。"), "客户说不暖。");
        assert_eq!(cut("上门看过"), "");
    }
}
