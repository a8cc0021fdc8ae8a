//! Answers with the process that led to them, feedback on them, and the gaps both show.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;

use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, StoreError, from_json, new_id, now_ms, to_json};

/// An answer to keep.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    /// The question as asked.
    pub question: String,
    /// The appliance model given.
    pub model: Option<String>,
    /// The product line given.
    pub product_line: Option<String>,
    /// The conversation it belongs to.
    pub conversation_id: Option<String>,
    /// Whether every sentence is supported.
    pub grounded: bool,
    /// The reason, where it was refused.
    pub refusal_reason: Option<String>,
    /// The answer as given.
    pub body: Value,
    /// How it came about.
    pub process: Value,
    /// Who asked.
    pub key_id: String,
}

/// A stored answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRecord {
    /// Its identifier.
    pub answer_id: String,
    /// The question as asked.
    pub question: String,
    /// The appliance model given.
    pub model: Option<String>,
    /// The product line given.
    pub product_line: Option<String>,
    /// The conversation it belongs to.
    pub conversation_id: Option<String>,
    /// The answer as given.
    pub body: Value,
    /// How it came about.
    pub process: Value,
    /// Who asked.
    pub key_id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// What the agent thought of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackVerdict {
    /// It helped.
    Helpful,
    /// It is wrong.
    Wrong,
    /// Something is missing.
    Incomplete,
}

impl FeedbackVerdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Helpful => "helpful",
            Self::Wrong => "wrong",
            Self::Incomplete => "incomplete",
        }
    }
}

/// A question that was refused or voted down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    /// The question as asked.
    pub question: String,
    /// The product line given.
    pub product_line: Option<String>,
    /// The refusal's reason, or the verdict (`wrong`, `incomplete`).
    pub reason: String,
    /// The answer.
    pub answer_id: String,
    /// What the agent wrote instead.
    pub correction: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

const COLUMNS: &str =
    "answer_id, question, model, product_line, conversation_id, body, process, key_id, created_at";

impl Store {
    /// An identifier for an answer about to be kept.
    #[must_use]
    pub fn new_answer_id() -> String {
        new_id()
    }

    /// Keeps an answer under `answer_id`.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn add_answer(&self, answer_id: &str, answer: &NewAnswer) -> Result<()> {
        sqlx::query(
            "INSERT INTO answers (answer_id, question, model, product_line, conversation_id, grounded, refusal_reason, body, \
             process, key_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(answer_id)
        .bind(&answer.question)
        .bind(answer.model.clone())
        .bind(answer.product_line.clone())
        .bind(answer.conversation_id.clone())
        .bind(i64::from(answer.grounded))
        .bind(answer.refusal_reason.clone())
        .bind(to_json("answer", &answer.body)?)
        .bind(to_json("answer process", &answer.process)?)
        .bind(&answer.key_id)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// One answer with its process.
    ///
    /// # Errors
    /// `NotFound` when there is no such answer.
    pub async fn answer(&self, answer_id: &str) -> Result<AnswerRecord> {
        let sql = format!("SELECT {COLUMNS} FROM answers WHERE answer_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(answer_id)
            .fetch_optional(&self.pool)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("answer", answer_id))?)
    }

    /// The latest answers of a conversation asked with `key_id`, newest first.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn conversation(
        &self,
        conversation_id: &str,
        key_id: &str,
        most: u32,
    ) -> Result<Vec<AnswerRecord>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM answers WHERE conversation_id = $1 AND key_id = $2 ORDER BY answer_id DESC LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(conversation_id)
            .bind(key_id)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Keeps what an agent thought of an answer.
    ///
    /// # Errors
    /// `NotFound` when there is no such answer.
    pub async fn add_feedback(
        &self,
        answer_id: &str,
        verdict: FeedbackVerdict,
        correction: Option<&str>,
        key_id: &str,
    ) -> Result<()> {
        let added = sqlx::query(
            "INSERT INTO feedback (feedback_id, answer_id, verdict, correction, key_id, created_at) \
             SELECT $1, answer_id, $3, $4, $5, $6 FROM answers WHERE answer_id = $2",
        )
        .bind(new_id())
        .bind(answer_id)
        .bind(verdict.as_str())
        .bind(correction.map(str::to_owned))
        .bind(key_id)
        .bind(now_ms())
        .execute(&self.pool)
        .await?;
        if added.rows_affected() == 0 {
            return Err(StoreError::not_found("answer", answer_id));
        }
        Ok(())
    }

    /// Refused questions and questions whose answer was voted down, newest first; of those asked with `keys` when it is not empty.
    ///
    /// # Errors
    /// `BadCursor` for a cursor of another list.
    pub async fn gaps(&self, request: &PageRequest, keys: &[String]) -> Result<Page<GapRow>> {
        let condition = crate::page_condition("a.key_id", keys, 5, false);
        let sql = format!(
            "SELECT a.answer_id AS answer_id, a.question AS question, a.product_line AS product_line, a.created_at AS created_at, \
             a.refusal_reason AS refusal_reason, f.verdict AS verdict, f.correction AS correction \
             FROM answers a LEFT JOIN feedback f ON f.answer_id = a.answer_id AND f.verdict <> 'helpful' \
             AND f.feedback_id = (SELECT MAX(g.feedback_id) FROM feedback g WHERE g.answer_id = a.answer_id AND g.verdict <> 'helpful') \
             WHERE (a.refusal_reason IS NOT NULL OR f.verdict IS NOT NULL) AND ($1 = '' OR a.answer_id < $1) \
             AND a.created_at >= $2 AND a.created_at < $3{condition} ORDER BY a.answer_id DESC LIMIT $4"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(request.fetch());
        for key in keys {
            query = query.bind(key.clone());
        }
        let rows = query.fetch_all(&self.pool).await?;
        let items = rows.iter().map(read_gap).collect::<Result<Vec<_>>>()?;
        Ok(request.page(items, |gap| gap.answer_id.clone()))
    }
}

fn read(row: &Row) -> Result<AnswerRecord> {
    Ok(AnswerRecord {
        answer_id: row.try_get("answer_id")?,
        question: row.try_get("question")?,
        model: row.try_get("model")?,
        product_line: row.try_get("product_line")?,
        conversation_id: row.try_get("conversation_id")?,
        body: from_json("answer", row.try_get("body")?)?,
        process: from_json("answer process", row.try_get("process")?)?,
        key_id: row.try_get("key_id")?,
        created_at: row.try_get("created_at")?,
    })
}

fn read_gap(row: &Row) -> Result<GapRow> {
    let verdict: Option<String> = row.try_get("verdict")?;
    let refusal: Option<String> = row.try_get("refusal_reason")?;
    Ok(GapRow {
        question: row.try_get("question")?,
        product_line: row.try_get("product_line")?,
        reason: verdict.or(refusal).unwrap_or_default(),
        answer_id: row.try_get("answer_id")?,
        correction: row.try_get("correction")?,
        created_at: row.try_get("created_at")?,
    })
}
