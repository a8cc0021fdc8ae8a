//! The outbox and what is owed to webhooks, through the public methods.

use serde_json::json;
use shifu_store::{
    Attempt, Delivery, DeliveryRecord, DeliveryStatus, EventKind, NewWebhook, PageRequest, RepairRecord,
    Retry, Store, StoreError,
};

#[path = "../../../tests/common/database.rs"]
mod database;

const LEASE_MS: i64 = 60_000;

/// Ten seconds later, for a day.
const RETRY: Retry = Retry {
    after_ms: 10_000,
    within_ms: 86_400_000,
};

async fn open() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (open_in(directory.path()).await, directory)
}

async fn open_in(directory: &std::path::Path) -> Store {
    match database::url_of(directory) {
        Some(url) => Store::open_url(&url, directory).await.unwrap(),
        None => Store::open(directory).await.unwrap(),
    }
}

async fn webhook(store: &Store, events: &[EventKind]) -> String {
    let webhook = NewWebhook {
        url: "https://a.example/".into(),
        events: events.to_vec(),
        key_id: "k".into(),
    };
    store.add_webhook(&webhook, 10).await.unwrap().webhook.webhook_id
}

async fn report(store: &Store, ticket_id: &str) {
    let repair = RepairRecord {
        ticket_id: ticket_id.into(),
        visit: 1,
        product_line: "l".into(),
        body: json!({}),
    };
    store.put_repairs(&[repair]).await.unwrap();
}

async fn owed(store: &Store, webhook_id: &str) -> Vec<DeliveryRecord> {
    let all = PageRequest::default();
    store.deliveries(webhook_id, &all).await.unwrap().items
}

async fn claim(store: &Store) -> Option<Delivery> {
    store.claim_delivery(LEASE_MS, &[]).await.unwrap()
}

fn failure() -> Attempt {
    Attempt {
        response_status: Some(500),
        error: Some("no success".into()),
        took_ms: 3,
    }
}

#[tokio::test]
async fn an_event_is_owed_once_to_every_webhook_that_wants_it() {
    let (store, _directory) = open().await;
    report(&store, "before").await;
    let all = webhook(&store, &[]).await;
    let repairs = webhook(&store, &[EventKind::AlertRaised, EventKind::RepairReported]).await;
    let alerts = webhook(&store, &[EventKind::AlertRaised]).await;
    report(&store, "T-1").await;
    let (first, second) = (owed(&store, &all).await, owed(&store, &repairs).await);
    assert_eq!((first.len(), second.len()), (1, 1), "what was before is not told");
    assert_eq!(first[0].event_id, second[0].event_id);
    assert_ne!(first[0].delivery_id, second[0].delivery_id);
    assert_eq!((first[0].kind, first[0].attempts), (EventKind::RepairReported, 0));
    assert!(owed(&store, &alerts).await.is_empty());
}

#[tokio::test]
async fn a_change_that_is_not_kept_is_not_told() {
    let (store, _directory) = open().await;
    let all = webhook(&store, &[]).await;
    let gone = shifu_domain::DocumentId("none".into());
    assert!(matches!(
        store.finish_document(&gone, 1, 1, &[]).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store
            .decide_alert("none", shifu_store::AlertState::Confirmed, None, "k")
            .await,
        Err(StoreError::NotFound { .. })
    ));
    store.fail_inspection("none", "no standard").await.unwrap();
    assert!(owed(&store, &all).await.is_empty());
}

#[tokio::test]
async fn a_delivery_is_claimed_once_and_again_when_its_process_is_gone() {
    let (store, directory) = open().await;
    webhook(&store, &[]).await;
    report(&store, "T-1").await;
    let first = claim(&store).await.unwrap();
    assert_eq!(first.attempts, 1);
    assert_eq!(first.url, "https://a.example/");
    assert!(first.secret.starts_with("whsec_") && first.secret.len() == 70);
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(body["event_id"], json!(first.event_id));
    assert_eq!(claim(&store).await, None, "claimed");
    assert_eq!(
        store.release_deliveries_of_others().await.unwrap(),
        0,
        "it is our own"
    );
    let next_process = open_in(directory.path()).await;
    assert_eq!(claim(&next_process).await, None, "the claim holds");
    assert_eq!(next_process.release_deliveries_of_others().await.unwrap(), 1);
    let again = claim(&next_process).await.unwrap();
    assert_eq!(
        (again.delivery_id.as_str(), again.attempts),
        (first.delivery_id.as_str(), 2)
    );
    assert_eq!(again.body, first.body);
    let late = store
        .record_attempt(&first, &Attempt::default(), RETRY)
        .await
        .unwrap();
    assert_eq!(late, None, "the first claim does not count any more");
    let done = next_process
        .record_attempt(&again, &Attempt::default(), RETRY)
        .await;
    assert_eq!(done.unwrap(), Some(DeliveryStatus::Delivered));
}

#[tokio::test]
async fn a_claim_ends_with_its_lease() {
    let (store, _directory) = open().await;
    webhook(&store, &[]).await;
    report(&store, "T-1").await;
    let first = store.claim_delivery(0, &[]).await.unwrap().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let second = claim(&store).await.unwrap();
    assert_eq!((first.attempts, second.attempts), (1, 2));
}

#[tokio::test]
async fn an_attempt_that_failed_waits_for_the_next_until_its_time_is_over() {
    let (store, _directory) = open().await;
    let webhook_id = webhook(&store, &[]).await;
    report(&store, "T-1").await;
    let claimed = claim(&store).await.unwrap();
    let status = store.record_attempt(&claimed, &failure(), RETRY).await.unwrap();
    assert_eq!(status, Some(DeliveryStatus::Pending));
    assert_eq!(claim(&store).await, None, "not before its time");
    let waiting = owed(&store, &webhook_id).await.remove(0);
    let wait_ms = waiting.next_attempt_at.unwrap() - waiting.created_at;
    assert!((10_000..20_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(
        (waiting.response_status, waiting.error.as_deref(), waiting.took_ms),
        (Some(500), Some("no success"), Some(3))
    );
    assert_eq!(
        store
            .redeliver(&webhook_id, Some(&waiting.delivery_id))
            .await
            .unwrap(),
        1
    );
    let claimed = claim(&store).await.unwrap();
    let soon_over = Retry {
        after_ms: 10_000,
        within_ms: 9_000,
    };
    let status = store
        .record_attempt(&claimed, &failure(), soon_over)
        .await
        .unwrap();
    assert_eq!(status, Some(DeliveryStatus::Failed));
    assert_eq!(owed(&store, &webhook_id).await[0].next_attempt_at, None);
    assert_eq!(claim(&store).await, None);
    assert_eq!(store.redeliver(&webhook_id, None).await.unwrap(), 1);
    let claimed = claim(&store).await.unwrap();
    store
        .record_attempt(&claimed, &Attempt::default(), RETRY)
        .await
        .unwrap();
    assert_eq!(
        store.redeliver(&webhook_id, None).await.unwrap(),
        0,
        "nothing failed"
    );
}

#[tokio::test]
async fn a_delivery_queued_again_while_it_is_sent_is_sent_again() {
    let (store, _directory) = open().await;
    let webhook_id = webhook(&store, &[]).await;
    report(&store, "T-1").await;
    let claimed = claim(&store).await.unwrap();
    store
        .redeliver(&webhook_id, Some(&claimed.delivery_id))
        .await
        .unwrap();
    let recorded = store
        .record_attempt(&claimed, &Attempt::default(), RETRY)
        .await
        .unwrap();
    assert_eq!(recorded, None);
    assert_eq!(claim(&store).await.unwrap().delivery_id, claimed.delivery_id);
}

#[tokio::test]
async fn a_busy_webhook_does_not_keep_the_others_waiting() {
    let (store, _directory) = open().await;
    let (slow, quick) = (webhook(&store, &[]).await, webhook(&store, &[]).await);
    report(&store, "T-1").await;
    let busy = [slow];
    let claimed = store.claim_delivery(LEASE_MS, &busy).await.unwrap().unwrap();
    assert_eq!(claimed.webhook_id, quick);
    assert_eq!(store.claim_delivery(LEASE_MS, &busy).await.unwrap(), None);
    assert_eq!(claim(&store).await.unwrap().webhook_id, busy[0]);
}

#[tokio::test]
async fn removing_a_webhook_a_ticket_or_old_events_removes_deliveries() {
    let (store, _directory) = open().await;
    let (kept, removed) = (webhook(&store, &[]).await, webhook(&store, &[]).await);
    for ticket in ["T-1", "T-2", "T-3"] {
        report(&store, ticket).await;
    }
    store.remove_webhook(&removed).await.unwrap();
    assert!(matches!(
        store.remove_webhook(&removed).await,
        Err(StoreError::NotFound { .. })
    ));
    store.remove_ticket("T-2").await.unwrap();
    assert_eq!(owed(&store, &kept).await.len(), 2);
    // T-1 is delivered, T-3 still waits.
    let done = claim(&store).await.unwrap();
    assert!(done.body.contains("T-1"));
    store
        .record_attempt(&done, &Attempt::default(), RETRY)
        .await
        .unwrap();
    assert_eq!(store.prune_events(0).await.unwrap(), 0, "nothing is that old");
    assert_eq!(store.prune_events(i64::MAX).await.unwrap(), 1);
    let left = owed(&store, &kept).await;
    assert_eq!((left.len(), left[0].status), (1, DeliveryStatus::Pending));
    assert!(claim(&store).await.unwrap().body.contains("T-3"));
}

#[tokio::test]
async fn there_are_only_so_many_webhooks() {
    let (store, _directory) = open().await;
    let new = NewWebhook {
        url: "https://a.example/".into(),
        events: Vec::new(),
        key_id: "k".into(),
    };
    store.add_webhook(&new, 1).await.unwrap();
    let refused = store.add_webhook(&new, 1).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there are 1 webhooks already, which is the most; remove one first"
    );
}
