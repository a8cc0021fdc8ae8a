//! Suggestions: what is offered opens, what is decided stays, and a definition comes with its decision or not at all.

use serde_json::json;
use shifu_store::{
    DefinitionKind, NewDefinition, OfferedSuggestion, PageRequest, RepairRecord, RetainedKind, Store,
    StoreError, SuggestionDecision, SuggestionState,
};

#[path = "../../../tests/common/database.rs"]
mod database;

async fn open() -> (Store, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = match database::url_of(directory.path()) {
        Some(url) => Store::open_url(&url, directory.path()).await.unwrap(),
        None => Store::open(directory.path()).await.unwrap(),
    };
    (store, directory)
}

fn offered(id: &str, kind: &str, text: &str) -> OfferedSuggestion {
    OfferedSuggestion {
        suggestion_id: id.to_owned(),
        kind: kind.to_owned(),
        body: json!({"text": text}),
        tickets: vec!["T-2".to_owned(), "T-1".to_owned()],
    }
}

async fn ids(store: &Store, state: SuggestionState) -> Vec<String> {
    let page = store.suggestions(state, &PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|one| one.suggestion_id).collect()
}

fn rejected() -> SuggestionDecision<'static> {
    SuggestionDecision {
        state: SuggestionState::Rejected,
        note: Some("偶然"),
        key_id: "k",
        outcome: None,
    }
}

#[tokio::test]
async fn an_offer_opens_what_is_new_and_withdraws_what_is_gone() {
    let (store, _directory) = open().await;
    let offer = async |line: &str, kinds: &[&str], all: &[OfferedSuggestion]| {
        store.offer_suggestions(line, kinds, all).await.unwrap();
    };
    offer(
        "oven",
        &["cause"],
        &[offered("a", "cause", "一"), offered("b", "cause", "二")],
    )
    .await;
    offer("fridge", &["cause"], &[offered("c", "cause", "三")]).await;
    offer("oven", &["faq"], &[offered("d", "faq", "四")]).await;
    assert_eq!(ids(&store, SuggestionState::Open).await, ["d", "c", "b", "a"]);
    let first = store.suggestion("a").await.unwrap();
    assert_eq!(first.tickets, ["T-1", "T-2"]);
    // Another line's and another maker's stay; what is said anew keeps its place.
    offer(
        "oven",
        &["cause"],
        &[offered("e", "cause", "五"), offered("a", "cause", "一改")],
    )
    .await;
    assert_eq!(ids(&store, SuggestionState::Open).await, ["e", "d", "c", "a"]);
    let anew = store.suggestion("a").await.unwrap();
    assert_eq!(
        (anew.first_seen, &anew.body),
        (first.first_seen, &json!({"text": "一改"}))
    );
    assert!(matches!(
        store.suggestion("b").await,
        Err(StoreError::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_list_is_stable_while_others_arrive_and_leave() {
    let (store, _directory) = open().await;
    let all: Vec<OfferedSuggestion> = ["a", "b", "c"].map(|id| offered(id, "cause", id)).to_vec();
    store.offer_suggestions("oven", &["cause"], &all).await.unwrap();
    let mut request = PageRequest {
        limit: Some(1),
        ..PageRequest::default()
    };
    let page = store.suggestions(SuggestionState::Open, &request).await.unwrap();
    assert_eq!(page.items[0].suggestion_id, "c");
    request.cursor = page.next_cursor;
    // The row of the cursor leaves, another arrives.
    let now = [
        offered("a", "cause", "a"),
        offered("b", "cause", "b"),
        offered("x", "cause", "x"),
    ];
    store.offer_suggestions("oven", &["cause"], &now).await.unwrap();
    let page = store.suggestions(SuggestionState::Open, &request).await.unwrap();
    assert_eq!(page.items[0].suggestion_id, "b");
    request.cursor = Some("nonsense".to_owned());
    let page = store.suggestions(SuggestionState::Open, &request).await;
    assert!(matches!(page, Err(StoreError::BadCursor(_))));
    let of_ticket = PageRequest {
        ticket_id: Some("T-9".to_owned()),
        ..PageRequest::default()
    };
    let page = store
        .suggestions(SuggestionState::Open, &of_ticket)
        .await
        .unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn what_is_decided_stays_and_is_decided_once() {
    let (store, _directory) = open().await;
    let all = [offered("a", "cause", "一"), offered("b", "cause", "二")];
    store.offer_suggestions("oven", &["cause"], &all).await.unwrap();
    let first = store.decide_suggestion("a", &rejected(), None).await.unwrap();
    assert_eq!(
        (first.key_id.as_deref(), first.note.as_deref()),
        (Some("k"), Some("偶然"))
    );
    let again = store.decide_suggestion("a", &rejected(), None).await.unwrap();
    assert_eq!(again, first);
    let accepted = SuggestionDecision {
        state: SuggestionState::Accepted,
        outcome: Some(json!({"revision": 1})),
        ..rejected()
    };
    let definition = NewDefinition {
        kind: DefinitionKind::FaultTree,
        product_line: "oven",
        format: "toml",
        content: "next",
    };
    // The other decision is refused, and its definition with it.
    let error = store.decide_suggestion("a", &accepted, Some(definition)).await;
    assert!(matches!(error, Err(StoreError::Conflict { .. })));
    let error = store.decide_suggestion("z", &accepted, Some(definition)).await;
    assert!(matches!(error, Err(StoreError::NotFound { .. })));
    let kept = store.definition(DefinitionKind::FaultTree, "oven").await.unwrap();
    assert_eq!(kept, None);
    let second = store
        .decide_suggestion("b", &accepted, Some(definition))
        .await
        .unwrap();
    assert_eq!(second.outcome, Some(json!({"revision": 1})));
    let kept = store.definition(DefinitionKind::FaultTree, "oven").await.unwrap();
    assert_eq!(kept.unwrap().content, "next");
    // Offered again or no longer, neither opens nor leaves.
    for now in [&all[..], &[]] {
        store.offer_suggestions("oven", &["cause"], now).await.unwrap();
        assert!(ids(&store, SuggestionState::Open).await.is_empty());
        assert_eq!(ids(&store, SuggestionState::Rejected).await, ["a"]);
        assert_eq!(ids(&store, SuggestionState::Accepted).await, ["b"]);
    }
}

#[tokio::test]
async fn tickets_leave_with_their_repairs() {
    let (store, _directory) = open().await;
    let all = [offered("a", "cause", "一")];
    store.offer_suggestions("oven", &["cause"], &all).await.unwrap();
    store.decide_suggestion("a", &rejected(), None).await.unwrap();
    let repair = RepairRecord {
        ticket_id: "T-1".to_owned(),
        visit: 1,
        product_line: "oven".to_owned(),
        body: json!({}),
    };
    store.put_repairs(&[repair]).await.unwrap();
    let tomorrow = jiff::Timestamp::now().as_millisecond() + 86_400_000;
    let swept = store.sweep(RetainedKind::Repairs, tomorrow, 100).await.unwrap();
    assert_eq!(swept.removed, 1);
    // T-2 is no repair's: it stays until it is removed itself.
    assert_eq!(store.suggestion("a").await.unwrap().tickets, ["T-2"]);
    store.remove_ticket("T-2").await.unwrap();
    assert!(store.suggestion("a").await.unwrap().tickets.is_empty());
}
