//! The dispatcher: sends what webhooks are owed, a few at a time, until it arrived or its day is over.
//!
//! At least once: an attempt whose end could not be recorded is made again. A receiver tells repetitions by `Shifu-Event-Id`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shifu_store::{Delivery, DeliveryStatus};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::ApiError;
use crate::state::AppState;

/// Attempts at once.
const MOST_AT_ONCE: usize = 16;
/// Attempts at once to one webhook, so that four receivers that hang do not keep the others waiting.
const MOST_AT_ONCE_EACH: usize = 4;
/// Looks for what is due so often.
const POLL: Duration = Duration::from_millis(500);
/// Waits so long when the database is away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Removes old events so often.
const PRUNE: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;

/// Takes over what an earlier process was sending, then starts the dispatcher.
pub(crate) async fn start(state: &AppState) -> Result<(), ApiError> {
    let taken = state.engine.store().release_deliveries_of_others().await?;
    if taken > 0 {
        tracing::info!(taken, "deliveries that an earlier process left are sent again");
    }
    tokio::spawn(dispatch(state.engine.clone(), state.stopping.clone()));
    Ok(())
}

/// Attempts being made, and to which webhook each.
#[derive(Default)]
struct Attempts {
    tasks: JoinSet<()>,
    webhooks: BTreeMap<Id, String>,
}

impl Attempts {
    /// The webhooks that get no more for now.
    fn busy(&self) -> Vec<String> {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for webhook_id in self.webhooks.values() {
            *counts.entry(webhook_id).or_default() += 1;
        }
        counts.retain(|_, count| *count >= MOST_AT_ONCE_EACH);
        counts.into_keys().cloned().collect()
    }

    fn make(&mut self, engine: &Arc<Engine>, delivery: Delivery, stopping: &CancellationToken) {
        let webhook_id = delivery.webhook_id.clone();
        let attempt = make(engine.clone(), delivery, stopping.clone());
        let id = self.tasks.spawn(attempt).id();
        self.webhooks.insert(id, webhook_id);
    }

    /// Resolves when an attempt ended; never while there is none.
    async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => {
                self.webhooks.remove(&id);
            }
            Some(Err(error)) => {
                self.webhooks.remove(&error.id());
                tracing::error!(%error, "an attempt broke off; its delivery is sent again");
            }
            None => std::future::pending().await,
        }
    }
}

async fn dispatch(engine: Arc<Engine>, stopping: CancellationToken) {
    let mut attempts = Attempts::default();
    let mut prune_at = Instant::now();
    while !stopping.is_cancelled() {
        if prune_at <= Instant::now() {
            prune(&engine).await;
            prune_at = Instant::now() + PRUNE;
        }
        let mut wait = POLL;
        if attempts.tasks.len() < MOST_AT_ONCE {
            match claim(&engine, &attempts).await {
                Ok(Some(delivery)) => {
                    attempts.make(&engine, delivery, &stopping);
                    continue;
                }
                Ok(None) => {}
                Err(error) if stopping.is_cancelled() => tracing::debug!(%error, "stopping"),
                Err(error) => {
                    tracing::error!(%error, "cannot claim a delivery");
                    wait = PATIENCE;
                }
            }
        }
        tokio::select! {
            () = attempts.ended() => {}
            () = tokio::time::sleep(wait) => {}
            () = stopping.cancelled() => {}
        }
    }
    // What is being sent comes to its end, which its timeout bounds, as long as the process lets it.
    while !attempts.tasks.is_empty() {
        attempts.ended().await;
    }
}

async fn claim(engine: &Engine, attempts: &Attempts) -> Result<Option<Delivery>, shifu_store::StoreError> {
    engine
        .store()
        .claim_delivery(engine.delivery_lease_ms(), &attempts.busy())
        .await
}

async fn make(engine: Arc<Engine>, delivery: Delivery, stopping: CancellationToken) {
    let attempt = engine.attempt(&delivery).await;
    let delivered = attempt.error.is_none();
    metrics::counter!("shifu_webhook_attempts_total", "ok" => delivered.to_string()).increment(1);
    let status = loop {
        match engine.record_attempt(&delivery, &attempt).await {
            Ok(status) => break status,
            // Recorded late is recorded, unless the claim ended before: then the delivery is sent again.
            Err(error) if error.is_unavailable() && !stopping.is_cancelled() => {
                tokio::time::sleep(PATIENCE).await
            }
            Err(error) => {
                tracing::error!(%error, delivery_id = delivery.delivery_id, "cannot record what became of a delivery");
                return;
            }
        }
    };
    let error = attempt.error.unwrap_or_default();
    match status {
        Some(DeliveryStatus::Failed) => {
            tracing::error!(
                delivery_id = delivery.delivery_id,
                webhook_id = delivery.webhook_id,
                error,
                "delivery failed for good"
            );
        }
        Some(DeliveryStatus::Pending) => {
            tracing::warn!(
                delivery_id = delivery.delivery_id,
                webhook_id = delivery.webhook_id,
                error,
                attempt = delivery.attempts,
                "delivery will be tried again"
            );
        }
        Some(DeliveryStatus::Delivered) | None => {}
    }
}

async fn prune(engine: &Engine) {
    let kept_ms = i64::from(engine.config().webhooks.keep_days) * DAY_MS;
    let before_ms = jiff::Timestamp::now().as_millisecond() - kept_ms;
    match engine.store().prune_events(before_ms).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "events past their days were removed"),
        Err(error) => tracing::warn!(%error, "old events cannot be removed"),
    }
}
