//! Suggestions for an editor: what is open now, and what was decided for good.
//!
//! Whoever makes suggestions hands over all that it has now ([`Store::offer_suggestions`]): new ones open, open ones that are gone
//! leave, decided ones stay as they were decided, so that nothing comes back. What a suggestion says is JSON that is not looked into.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Row as _;

use crate::definitions::{NewDefinition, add_definition};
use crate::page::{Page, PageRequest};
use crate::{Result, Row, Store, StoreError, Transaction, from_json, new_id, now_ms, to_json};

/// Where a suggestion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionState {
    /// Nobody has decided yet.
    Open,
    /// It was taken over.
    Accepted,
    /// It was not, and does not come back.
    Rejected,
}

impl SuggestionState {
    /// Its name in records and replies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Accepted, Self::Rejected];
        all.into_iter().find(|state| state.as_str() == name)
    }
}

/// A suggestion as its maker has it now.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedSuggestion {
    /// The same for the same suggestion, from one offer to the next.
    pub suggestion_id: String,
    /// What is suggested, in a word.
    pub kind: String,
    /// What it says.
    pub body: Value,
    /// Tickets that speak for it.
    pub tickets: Vec<String>,
}

/// A stored suggestion.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestionRecord {
    /// Its identifier.
    pub suggestion_id: String,
    /// What is suggested, in a word.
    pub kind: String,
    /// The product line that it is about.
    pub product_line: String,
    /// Where it stands.
    pub state: SuggestionState,
    /// What it says.
    pub body: Value,
    /// Tickets that speak for it and are still kept, in order.
    pub tickets: Vec<String>,
    /// When it was first offered, milliseconds since 1970.
    pub first_seen: i64,
    /// When it was decided, milliseconds since 1970.
    pub decided_at: Option<i64>,
    /// Who decided.
    pub key_id: Option<String>,
    /// Why, in the decider's words.
    pub note: Option<String>,
    /// What accepting it made.
    pub outcome: Option<Value>,
    place: String,
}

/// What an editor decided.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestionDecision<'a> {
    /// Accepted or rejected.
    pub state: SuggestionState,
    /// Why, in the decider's words.
    pub note: Option<&'a str>,
    /// Who decided.
    pub key_id: &'a str,
    /// What accepting it makes.
    pub outcome: Option<Value>,
}

const COLUMNS: &str = "s.suggestion_id, s.place, s.kind, s.product_line, s.state, s.body, s.first_seen, s.decided_at, s.key_id, s.note, s.outcome";

impl Store {
    /// Takes over everything that the makers of these kinds suggest for a product line now.
    ///
    /// # Errors
    /// `Database` when it refuses; then nothing changed.
    pub async fn offer_suggestions(
        &self,
        product_line: &str,
        kinds: &[&str],
        offered: &[OfferedSuggestion],
    ) -> Result<()> {
        let open = self.open_suggestions(product_line, kinds).await?;
        if self.is_news(&open, offered).await? {
            let mut transaction = self.begin_write().await?;
            let offers: BTreeSet<&str> = offered.iter().map(|one| one.suggestion_id.as_str()).collect();
            for gone in open.keys().filter(|id| !offers.contains(id.as_str())) {
                withdraw(&mut transaction, gone).await?;
            }
            for one in offered {
                offer(&mut transaction, product_line, one).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    async fn open_suggestions(
        &self,
        product_line: &str,
        kinds: &[&str],
    ) -> Result<BTreeMap<String, SuggestionRecord>> {
        let sql =
            format!("SELECT {COLUMNS} FROM suggestions s WHERE s.product_line = $1 AND s.state = 'open'");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(product_line)
            .fetch_all(&self.pool)
            .await?;
        let mut open = BTreeMap::new();
        for row in &rows {
            let record = read(row)?;
            if kinds.contains(&record.kind.as_str()) {
                let record = self.with_tickets(record).await?;
                open.insert(record.suggestion_id.clone(), record);
            }
        }
        Ok(open)
    }

    /// Whether there is anything to write; most offers are those of before.
    async fn is_news(
        &self,
        open: &BTreeMap<String, SuggestionRecord>,
        offered: &[OfferedSuggestion],
    ) -> Result<bool> {
        let mut still_open = 0;
        for one in offered {
            match open.get(&one.suggestion_id) {
                Some(record) if record.body == one.body && record.tickets == sorted(&one.tickets) => {
                    still_open += 1;
                }
                Some(_) => return Ok(true),
                None => match self.suggestion(&one.suggestion_id).await {
                    Ok(record) if record.state != SuggestionState::Open => {}
                    Ok(_) | Err(StoreError::NotFound { .. }) => return Ok(true),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(still_open < open.len())
    }

    /// Suggestions of a state, newest first. `request.status` is not looked at.
    ///
    /// # Errors
    /// `BadCursor` when the cursor is none of a list.
    pub async fn suggestions(
        &self,
        state: SuggestionState,
        request: &PageRequest,
    ) -> Result<Page<SuggestionRecord>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM suggestions s WHERE ($1 = '' OR s.place < $1) AND s.first_seen >= $2 AND s.first_seen < $3 \
             AND s.state = $4 AND ($5 = '' OR EXISTS (SELECT 1 FROM suggestion_tickets t \
             WHERE t.suggestion_id = s.suggestion_id AND t.ticket_id = $5)) ORDER BY s.place DESC LIMIT $6"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(request.after()?.to_owned())
            .bind(request.from())
            .bind(request.to())
            .bind(state.as_str())
            .bind(request.ticket_id.clone().unwrap_or_default())
            .bind(request.fetch())
            .fetch_all(&self.pool)
            .await?;
        let records = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let mut page = request.page(records, |record| record.place.clone());
        let mut items = Vec::with_capacity(page.items.len());
        for record in page.items {
            items.push(self.with_tickets(record).await?);
        }
        page.items = items;
        Ok(page)
    }

    /// One suggestion.
    ///
    /// # Errors
    /// `NotFound` when there is no such suggestion.
    pub async fn suggestion(&self, suggestion_id: &str) -> Result<SuggestionRecord> {
        let sql = format!("SELECT {COLUMNS} FROM suggestions s WHERE s.suggestion_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(suggestion_id)
            .fetch_optional(&self.pool)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found("suggestion", suggestion_id))?;
        self.with_tickets(read(&row)?).await
    }

    async fn with_tickets(&self, mut record: SuggestionRecord) -> Result<SuggestionRecord> {
        let rows = sqlx::query(
            "SELECT ticket_id FROM suggestion_tickets WHERE suggestion_id = $1 ORDER BY ticket_id",
        )
        .bind(&record.suggestion_id)
        .fetch_all(&self.pool)
        .await?;
        let tickets: Result<Vec<String>> = rows.iter().map(|row| Ok(row.try_get(0)?)).collect();
        record.tickets = sorted(&tickets?);
        Ok(record)
    }

    /// Decides an open suggestion, and with it puts a new version of a definition into force, or neither. The same decision again
    /// changes nothing.
    ///
    /// # Errors
    /// `NotFound` when there is no such suggestion, `Conflict` when the other was decided.
    pub async fn decide_suggestion(
        &self,
        suggestion_id: &str,
        decision: &SuggestionDecision<'_>,
        definition: Option<NewDefinition<'_>>,
    ) -> Result<SuggestionRecord> {
        let mut transaction = self.begin_write().await?;
        let outcome = decision.outcome.as_ref();
        let changed = sqlx::query(
            "UPDATE suggestions SET state = $2, note = $3, key_id = $4, decided_at = $5, outcome = $6 \
             WHERE suggestion_id = $1 AND state = 'open'",
        )
        .bind(suggestion_id)
        .bind(decision.state.as_str())
        .bind(decision.note.map(str::to_owned))
        .bind(decision.key_id)
        .bind(now_ms())
        .bind(outcome.map(|outcome| to_json("outcome", outcome)).transpose()?)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            transaction.rollback().await?;
            let record = self.suggestion(suggestion_id).await?;
            if record.state == decision.state {
                return Ok(record);
            }
            return Err(StoreError::Conflict {
                what: format!("the decision {:?} on {suggestion_id:?}", record.state.as_str()),
            });
        }
        if let Some(definition) = definition {
            add_definition(&mut transaction, definition).await?;
        }
        transaction.commit().await?;
        self.suggestion(suggestion_id).await
    }
}

async fn withdraw(transaction: &mut Transaction, suggestion_id: &str) -> Result<()> {
    for sql in [
        "DELETE FROM suggestion_tickets WHERE suggestion_id IN (SELECT suggestion_id FROM suggestions \
         WHERE suggestion_id = $1 AND state = 'open')",
        "DELETE FROM suggestions WHERE suggestion_id = $1 AND state = 'open'",
    ] {
        sqlx::query(sql)
            .bind(suggestion_id)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Opens it or says it anew; one that is decided stays as it is.
async fn offer(transaction: &mut Transaction, product_line: &str, one: &OfferedSuggestion) -> Result<()> {
    let kept = sqlx::query(
        "INSERT INTO suggestions (suggestion_id, place, kind, product_line, state, body, first_seen) \
         VALUES ($1, $2, $3, $4, 'open', $5, $6) ON CONFLICT (suggestion_id) DO UPDATE SET body = excluded.body \
         WHERE suggestions.state = 'open'",
    )
    .bind(&one.suggestion_id)
    .bind(new_id())
    .bind(&one.kind)
    .bind(product_line)
    .bind(to_json("suggestion", &one.body)?)
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    if kept.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM suggestion_tickets WHERE suggestion_id = $1")
        .bind(&one.suggestion_id)
        .execute(&mut **transaction)
        .await?;
    for ticket in sorted(&one.tickets) {
        sqlx::query("INSERT INTO suggestion_tickets (suggestion_id, ticket_id) VALUES ($1, $2)")
            .bind(&one.suggestion_id)
            .bind(ticket)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Byte by byte, whatever the database's own collation, each once.
fn sorted(tickets: &[String]) -> Vec<String> {
    tickets
        .iter()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn read(row: &Row) -> Result<SuggestionRecord> {
    let state: String = row.try_get("state")?;
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(SuggestionRecord {
        suggestion_id: row.try_get("suggestion_id")?,
        kind: row.try_get("kind")?,
        product_line: row.try_get("product_line")?,
        state: SuggestionState::parse(&state)
            .ok_or_else(|| StoreError::corrupt("suggestion state", &state))?,
        body: from_json("suggestion", row.try_get("body")?)?,
        tickets: Vec::new(),
        first_seen: row.try_get("first_seen")?,
        decided_at: row.try_get("decided_at")?,
        key_id: row.try_get("key_id")?,
        note: row.try_get("note")?,
        outcome: outcome.map(|text| from_json("outcome", &text)).transpose()?,
        place: row.try_get("place")?,
    })
}
