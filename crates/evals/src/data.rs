//! Evaluation data as it lies on disk: JSON lines, BEIR folders, SQuAD files, folders of photos.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Reads a file of one JSON document a line; blank lines are passed over.
///
/// # Errors
/// A file that cannot be read, or a line that is not what `T` needs: file and line are named.
pub fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = read_text(path)?;
    let mut rows = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        rows.push(
            serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), index + 1))?,
        );
    }
    if rows.is_empty() {
        bail!("{} holds no rows", path.display());
    }
    Ok(rows)
}

/// Reads a UTF-8 text.
///
/// # Errors
/// A file that cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// A retrieval collection in BEIR layout.
#[derive(Debug)]
pub struct Beir {
    /// (id, title, text).
    pub corpus: Vec<(String, String, String)>,
    /// (id, text), only queries that have a judgement.
    pub queries: Vec<(String, String)>,
    /// Query id to document id to score, scores above 0 only.
    pub qrels: HashMap<String, HashMap<String, f64>>,
}

#[derive(Deserialize)]
struct BeirRow {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

impl Beir {
    /// Reads `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` of `dir`.
    ///
    /// # Errors
    /// A file that is missing or malformed, with its line.
    pub fn read(dir: &Path) -> Result<Self> {
        let corpus = json_lines::<BeirRow>(&dir.join("corpus.jsonl"))?;
        let queries = json_lines::<BeirRow>(&dir.join("queries.jsonl"))?;
        let qrels = read_qrels(&dir.join("qrels.tsv"))?;
        Ok(Self {
            corpus: corpus
                .into_iter()
                .map(|row| (row.id, row.title, row.text))
                .collect(),
            queries: queries
                .into_iter()
                .filter(|row| qrels.contains_key(&row.id))
                .map(|row| (row.id, row.text))
                .collect(),
            qrels,
        })
    }
}

fn read_qrels(path: &Path) -> Result<HashMap<String, HashMap<String, f64>>> {
    let mut qrels: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for (index, line) in read_text(path)?
        .lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let cells: Vec<&str> = line.split('\t').collect();
        let &[query, document, score] = cells.as_slice() else {
            bail!(
                "{}, line {}: three tab-separated cells needed",
                path.display(),
                index + 1
            );
        };
        let score: f64 = score
            .trim()
            .parse()
            .with_context(|| format!("{}, line {}: score", path.display(), index + 1))?;
        if score > 0.0 {
            qrels
                .entry(query.to_owned())
                .or_default()
                .insert(document.to_owned(), score);
        }
    }
    Ok(qrels)
}

/// A question over one passage, in SQuAD layout.
#[derive(Debug, Clone)]
pub struct SquadQuestion {
    /// Its id.
    pub id: String,
    /// The question.
    pub question: String,
    /// Gold answers, without duplicates.
    pub answers: Vec<String>,
    /// Position of its own passage in [`Squad::passages`].
    pub passage: usize,
}

/// A SQuAD file: its passages in order, and the questions over them.
#[derive(Debug)]
pub struct Squad {
    /// (id, title, text).
    pub passages: Vec<(String, String, String)>,
    /// Questions.
    pub questions: Vec<SquadQuestion>,
}

#[derive(Deserialize)]
struct SquadFile {
    data: Vec<SquadArticle>,
}
#[derive(Deserialize)]
struct SquadArticle {
    #[serde(default)]
    title: String,
    paragraphs: Vec<SquadParagraph>,
}
#[derive(Deserialize)]
struct SquadParagraph {
    context: String,
    qas: Vec<SquadQa>,
}
#[derive(Deserialize)]
struct SquadQa {
    id: String,
    question: String,
    answers: Vec<SquadAnswer>,
}
#[derive(Deserialize)]
struct SquadAnswer {
    text: String,
}

impl Squad {
    /// Reads a SQuAD file; a passage that stands there twice is kept once.
    ///
    /// # Errors
    /// A file that cannot be read or has another layout.
    pub fn read(path: &Path) -> Result<Self> {
        let file: SquadFile = serde_json::from_str(&read_text(path)?)
            .with_context(|| format!("{} is not in SQuAD layout", path.display()))?;
        let mut squad = Self {
            passages: Vec::new(),
            questions: Vec::new(),
        };
        let mut seen: HashMap<String, usize> = HashMap::new();
        for article in file.data {
            for paragraph in article.paragraphs {
                let passage = *seen.entry(paragraph.context.clone()).or_insert_with(|| {
                    let id = format!("p{}", squad.passages.len());
                    squad
                        .passages
                        .push((id, article.title.clone(), paragraph.context.clone()));
                    squad.passages.len() - 1
                });
                squad.questions.extend(paragraph.qas.into_iter().map(|qa| {
                    let mut answers: Vec<String> = qa.answers.into_iter().map(|answer| answer.text).collect();
                    answers.sort();
                    answers.dedup();
                    SquadQuestion {
                        id: qa.id,
                        question: qa.question,
                        answers,
                        passage,
                    }
                }));
            }
        }
        Ok(squad)
    }
}

/// The photos of a folder in name order, not of its subfolders.
///
/// # Errors
/// A folder that cannot be read.
pub fn photos_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut photos: Vec<PathBuf> = entries(dir)?
        .into_iter()
        .filter(|path| path.is_file() && is_photo(path))
        .collect();
    photos.sort();
    Ok(photos)
}

/// The subfolders of a folder in name order.
///
/// # Errors
/// A folder that cannot be read.
pub fn folders_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = entries(dir)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(dir)
        .with_context(|| format!("cannot read folder {}", dir.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

fn is_photo(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(extension.as_str(), "jpg" | "jpeg" | "png" | "webp" | "bmp")
}

/// The last component of a path as text.
#[must_use]
pub fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beir_folder_keeps_only_judged_queries() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("corpus.jsonl"),
            "{\"_id\":\"d1\",\"title\":\"t\",\"text\":\"x\"}\n",
        )
        .unwrap();
        fs::write(
            dir.path().join("queries.jsonl"),
            "{\"_id\":\"q1\",\"text\":\"a\"}\n\n{\"_id\":\"q2\",\"text\":\"b\"}\n",
        )
        .unwrap();
        fs::write(
            dir.path().join("qrels.tsv"),
            "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td1\t0\n",
        )
        .unwrap();
        let beir = Beir::read(dir.path()).unwrap();
        assert_eq!(beir.queries, [("q1".to_owned(), "a".to_owned())]);
        assert_eq!(beir.qrels["q1"]["d1"], 1.0);
    }

    #[test]
    fn a_malformed_row_is_named_by_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        fs::write(&path, "{\"_id\":\"d1\",\"text\":\"x\"}\nnot json\n").unwrap();
        let error = json_lines::<BeirRow>(&path).err().unwrap();
        assert!(format!("{error:#}").contains("rows.jsonl, line 2"), "{error:#}");
    }

    #[test]
    fn a_passage_that_stands_twice_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.json");
        let qa = |id: &str| {
            format!(
                "{{\"context\":\"同一段\",\"qas\":[{{\"id\":\"{id}\",\"question\":\"?\",\"answers\":[{{\"text\":\"段\"}},{{\"text\":\"段\"}}]}}]}}"
            )
        };
        fs::write(
            &path,
            format!(
                "{{\"data\":[{{\"title\":\"T\",\"paragraphs\":[{},{}]}}]}}",
                qa("a"),
                qa("b")
            ),
        )
        .unwrap();
        let squad = Squad::read(&path).unwrap();
        assert_eq!((squad.passages.len(), squad.questions.len()), (1, 2));
        assert_eq!(squad.questions[1].answers, ["段"]);
    }
}
