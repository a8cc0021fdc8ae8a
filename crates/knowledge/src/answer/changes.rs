//! What a revision changed: `新版手册改了什么`, `E6 那一行和旧版有什么不同`.
//!
//! What is in force is compared with what it replaced, passage by passage; only the new wording is said and cited, since a superseded
//! revision is never cited.

use std::collections::BTreeSet;

use shifu_domain::Span;

use super::render::{Rendered, labelled, row_citation};
use super::{Stop, citation, quote, say};
use crate::analysis;
use crate::api::{DocumentRecord, RefusalReason};
use crate::error::KnowledgeError;
use crate::library::{Library, Retrieval};
use crate::passages::{Kind, StoredPassage};
use crate::terms;

/// Changes shown; whoever wants the rest is told to ask for less.
const MOST_SHOWN: usize = 8;

/// Words for a revision beside another one.
const REVISION: [&str; 22] = [
    "新版",
    "旧版",
    "老版",
    "上版",
    "上一版",
    "前一版",
    "上个版本",
    "旧版本",
    "老版本",
    "新版本",
    "改版",
    "修订",
    "新手册",
    "旧手册",
    "老手册",
    "新说明书",
    "旧说明书",
    "老说明书",
    "new edition",
    "revision",
    "previous",
    "version anterior",
];
/// Words for what is revised.
const DOCUMENT: [&str; 6] = ["手册", "说明书", "资料", "版本", "manual", "edition"];

/// Words that ask for differences: between revisions only where one is named, since models and parts differ as well.
const DIFFERENCE: [&str; 20] = [
    "什么变化",
    "啥变化",
    "哪些变化",
    "变化吗",
    "什么不同",
    "啥不同",
    "哪些不同",
    "哪里不同",
    "哪里不一样",
    "什么不一样",
    "啥不一样",
    "哪些不一样",
    "什么区别",
    "啥区别",
    "哪些区别",
    "什么差别",
    "哪些差别",
    "differ",
    "diferen",
    "what is new",
];
/// Words that ask what was done to a document.
const REVISED: [&str; 25] = [
    "改了什么",
    "改了啥",
    "改了哪",
    "改了些",
    "改动了",
    "什么改动",
    "哪些改动",
    "啥改动",
    "更新了什么",
    "更新了啥",
    "更新了哪",
    "什么更新",
    "哪些更新",
    "变了什么",
    "变了啥",
    "变了哪",
    "哪里变了",
    "什么变了",
    "哪里改了",
    "新增了什么",
    "新增了哪",
    "what changed",
    "what has changed",
    "que cambi",
    "que ha cambiado",
];

/// Whether a folded question asks what a revision changed.
pub(super) fn asked(folded: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    has(&REVISION) && (has(&DIFFERENCE) || has(&REVISED)) || has(&DOCUMENT) && has(&REVISED)
}

/// A passage, or a sentence of one, that stands in the revision in force and not in the one before.
struct Change {
    passage: StoredPassage,
    /// The sentence; `None`: the whole row.
    sentence: Option<(String, Span)>,
}

impl Change {
    fn text(&self) -> String {
        match &self.sentence {
            Some((text, _)) => text.clone(),
            None => labelled(&self.passage.header, &self.passage.cells, "；"),
        }
    }
}

/// The changes that a question asks for; `None` when it asks for something else, or when nothing in scope replaced anything.
pub(super) fn answer(
    library: &Library,
    retrieval: &Retrieval,
) -> Result<Option<Result<Rendered, Stop>>, KnowledgeError> {
    if !asked(&retrieval.understood.folded) {
        return Ok(None);
    }
    let latin = retrieval.understood.latin;
    let catalog = &retrieval.snapshot.catalog;
    let records = retrieval.allowed.iter().filter_map(|id| catalog.get(id));
    let revised: Vec<&DocumentRecord> = records
        .filter(|record| before(record, retrieval).is_some())
        .collect();
    if revised.is_empty() {
        return Ok(None);
    }
    let lines: BTreeSet<&str> = revised
        .iter()
        .map(|record| record.metadata.product_line.as_str())
        .collect();
    if lines.len() > 1 {
        let lines = lines.into_iter().collect::<Vec<_>>().join("、");
        let ask = say(
            latin,
            &format!("产品类别（{lines}）"),
            &format!("the product line ({lines})"),
        );
        return Ok(Some(Err(Stop::new(RefusalReason::ProductLineNeeded, vec![ask]))));
    }
    let mut changes = Vec::new();
    for record in revised {
        changes.extend(changes_of(library, retrieval, record)?);
    }
    let about = topic(retrieval);
    if !about.is_empty() {
        let named = |change: &Change| {
            let text = analysis::fold(&format!(
                "{} {}",
                change.passage.passage.section.join(" "),
                change.text()
            ));
            about.iter().filter(|word| text.contains(word.as_str())).count()
        };
        let most = changes.iter().map(&named).max().unwrap_or(0);
        changes.retain(|change| most > 0 && named(change) == most);
    }
    // The manual's own record of changes and the row of a code say most.
    changes.sort_by_key(|change| !leads(change, &retrieval.understood.codes));
    if changes.is_empty() {
        return Ok(Some(Err(Stop::new(
            RefusalReason::NoEvidence,
            vec![say(
                latin,
                "要比较的代码、部件或章节",
                "the code, part or section to compare",
            )],
        ))));
    }
    Ok(Some(Ok(rendered(&changes, latin))))
}

fn leads(change: &Change, codes: &[String]) -> bool {
    if change.sentence.is_some() {
        return false;
    }
    let header = analysis::fold(&change.passage.header.join(" "));
    let of_code = change
        .passage
        .cells
        .first()
        .is_some_and(|cell| codes.contains(&terms::canonical(cell)));
    of_code
        || ["改动", "修订内容", "变更", "change"]
            .iter()
            .any(|word| header.contains(word))
}

fn rendered(changes: &[Change], latin: bool) -> Rendered {
    let mut rendered = Rendered {
        answer: say(
            latin,
            "现行版本与上一版不同的内容：",
            "What the revision in force says otherwise than the one before:",
        ),
        citations: Vec::new(),
        printed_warnings: Vec::new(),
    };
    for change in changes.iter().take(MOST_SHOWN) {
        rendered.answer.push_str(&format!("\n- {}", change.text()));
        rendered.citations.push(match &change.sentence {
            Some((text, span)) => citation(&change.passage, text.clone(), *span),
            None => row_citation(&change.passage, true),
        });
    }
    if changes.len() > MOST_SHOWN {
        rendered.answer.push_str(&say(
            latin,
            "\n其余改动请按代码、部件或章节再问。",
            "\nThere are more; ask by code, part or section.",
        ));
    }
    rendered
}

/// The revision that a document replaced directly, as far as the library still has it.
fn before<'a>(record: &DocumentRecord, retrieval: &'a Retrieval) -> Option<&'a DocumentRecord> {
    let catalog = &retrieval.snapshot.catalog;
    let direct = record.metadata.supersedes.as_ref().and_then(|id| catalog.get(id));
    direct.or_else(|| record.replaces.iter().rev().find_map(|id| catalog.get(id)))
}

/// Rows and sentences of a document that the revision before does not have, in reading order.
fn changes_of(
    library: &Library,
    retrieval: &Retrieval,
    record: &DocumentRecord,
) -> Result<Vec<Change>, KnowledgeError> {
    let Some(old) = before(record, retrieval) else {
        return Ok(Vec::new());
    };
    let searcher = &retrieval.snapshot.searcher;
    let index = library.index();
    let was: Vec<StoredPassage> = index.passages_of(searcher, &old.document_id)?;
    let rows: BTreeSet<String> = was
        .iter()
        .filter(|passage| passage.kind == Kind::Row)
        .map(row_key)
        .collect();
    let sentences: BTreeSet<String> = was
        .iter()
        .filter(|passage| passage.kind != Kind::Row)
        .flat_map(sentences_of)
        .map(|(text, _)| compared(&text))
        .collect();
    let mut changes = Vec::new();
    for passage in index.passages_of(searcher, &record.document_id)? {
        match passage.kind {
            Kind::Heading | Kind::Contents => {}
            Kind::Row => {
                if !rows.contains(&row_key(&passage)) {
                    changes.push(Change {
                        passage,
                        sentence: None,
                    });
                }
            }
            Kind::Text | Kind::Steps | Kind::Warning => {
                for (text, span) in sentences_of(&passage) {
                    if !sentences.contains(&compared(&text)) {
                        changes.push(Change {
                            passage: passage.clone(),
                            sentence: Some((text, span)),
                        });
                    }
                }
            }
        }
    }
    Ok(changes)
}

fn sentences_of(passage: &StoredPassage) -> Vec<(String, Span)> {
    let chars: Vec<char> = passage.passage.text.chars().collect();
    let spans = quote::sentences(&chars).into_iter();
    spans
        .map(|span| (chars[span.start..span.end].iter().collect(), span))
        .collect()
}

/// A row is the same when its cells are, whatever table it stands in.
fn row_key(passage: &StoredPassage) -> String {
    passage
        .cells
        .iter()
        .map(|cell| compared(cell))
        .collect::<Vec<_>>()
        .join("|")
}

/// Letters and digits of a folded text, without the number of a step before it: moving a step changes nothing.
fn compared(text: &str) -> String {
    let folded = analysis::fold(text);
    let numbered = folded.trim_start_matches(|c: char| c.is_ascii_digit());
    let body = numbered
        .strip_prefix(['.', '、', ')', '）', '．'])
        .unwrap_or(&folded);
    body.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Codes, parts and words that narrow the question down; none when it asks for all changes.
fn topic(retrieval: &Retrieval) -> Vec<String> {
    let understood = &retrieval.understood;
    let mut names: Vec<String> = understood
        .codes
        .iter()
        .chain(&understood.parts)
        .map(|name| name.to_lowercase())
        .collect();
    if !names.is_empty() {
        return names;
    }
    let mut rest = understood.folded.clone();
    let mut phrases: Vec<&str> = REVISION
        .iter()
        .chain(&DOCUMENT)
        .chain(&DIFFERENCE)
        .chain(&REVISED)
        .copied()
        .collect();
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    for phrase in phrases {
        rest = rest.replace(phrase, " ");
    }
    let models: Vec<String> = understood
        .models
        .iter()
        .map(|model| model.canonical.clone())
        .collect();
    for word in analysis::coarse_words(&rest) {
        let named = models
            .iter()
            .any(|model| model.contains(&terms::canonical(&word)));
        let telling =
            word.chars().count() > 1 && !analysis::is_stop_word(&word) && !ALL.contains(&word.as_str());
        if telling && !named && !word.bytes().all(|b| b.is_ascii_digit()) {
            names.push(word);
        }
    }
    names
}

/// Words beside the question for all changes.
const ALL: [&str; 36] = [
    "维修",
    "用户",
    "服务",
    "安装",
    "空调",
    "热水器",
    "洗衣机",
    "坐便器",
    "马桶",
    "机器",
    "产品",
    "内容",
    "地方",
    "相比",
    "对比",
    "比较",
    "之前",
    "以前",
    "原来",
    "现在",
    "最新",
    "新的",
    "旧的",
    "老的",
    "主要",
    "具体",
    "帮我",
    "看看",
    "告诉",
    "一版",
    "这次",
    "本次",
    "service",
    "changed",
    "new",
    "compared",
];

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn revisions_are_compared_only_where_the_question_is_about_them() {
        for question in [
            "新版手册改了什么",
            "e6 和旧版有什么不同",
            "说明书更新了哪些内容",
            "what changed in the new edition",
        ] {
            assert!(asked(question), "{question}");
        }
        for question in [
            "手册里电流变化范围是多少",
            "这两个型号在手册里有什么区别",
            "遥控器改了什么设置才能制热",
            "what is the difference between the two models in the manual",
        ] {
            assert!(!asked(question), "{question}");
        }
    }
}
