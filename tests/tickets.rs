//! Dialogues to summaries and text to tickets, through HTTP.

mod common;

use common::{BOM, Server, TREE};
use serde_json::json;

fn dialogue() -> serde_json::Value {
    json!([
        {"speaker": "customer", "text": "你好，我家空调不制冷了，显示E6。"},
        {"speaker": "agent", "text": "请问是什么机型？"},
        {"speaker": "customer", "text": "KFR-35GW的，麻烦明天上午派人来修。"},
        {"speaker": "technician", "text": "检查发现室内机主板损坏，更换了室内机主板，试机制冷正常。"},
        {"speaker": "agent", "text": "好的，感谢您的来电。"}
    ])
}

async fn loaded() -> Server {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    server
}

#[tokio::test]
async fn every_sentence_and_field_of_a_summary_points_at_its_lines() {
    let server = loaded().await;
    let reply = server
        .post("agent", "/v1/summaries", &json!({"dialogue": dialogue()}))
        .await
        .ok();
    let lines = |value: &serde_json::Value| -> Vec<u64> {
        value["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_u64().unwrap())
            .collect()
    };
    for sentence in reply["summary"].as_array().unwrap() {
        assert!(
            !lines(sentence).is_empty() && lines(sentence).iter().all(|line| (1..=5).contains(line)),
            "{sentence}"
        );
    }
    assert_eq!(lines(&reply["fields"]["phenomenon"]), [1], "{reply}");
    let parts = &reply["fields"]["parts"];
    assert_eq!(
        (&parts["value"][0]["part_number"], lines(parts)),
        (&json!("AC-PCB-201"), vec![4]),
        "{parts}"
    );
    assert!(reply["took_ms"].is_number() && reply["by_role"]["technician"].is_array());
}

#[tokio::test]
async fn a_batch_equals_the_single_calls_and_reports_bad_items() {
    let server = loaded().await;
    let single = server
        .post(
            "agent",
            "/v1/summaries",
            &json!({"dialogue": dialogue(), "form": "fault"}),
        )
        .await
        .ok();
    let items =
        json!({"items": [{"dialogue": dialogue(), "form": "fault"}, {"dialogue": []}, {"dialogue": "text"}]});
    let reply = server
        .post("dispatcher", "/v1/summaries/batch", &items)
        .await
        .ok();
    assert_eq!(reply["items"][0]["fields"], single["fields"]);
    assert_eq!(reply["items"][1]["error"]["code"], "unprocessable");
    assert_eq!(reply["items"][2]["error"]["code"], "unprocessable");
}

#[tokio::test]
async fn a_note_becomes_a_ticket_with_what_is_missing() {
    let server = loaded().await;
    let note = json!({"text": "空调不制冷，显示E6，厦门市思明区湖滨南路12号，电话13800138000", "received_at": "2025-05-01T10:00:00+08:00"});
    let ticket = server.post("dispatcher", "/v1/intakes", &note).await.ok();
    assert_eq!(ticket["fault_codes"][0]["value"], "E6", "{ticket}");
    assert_eq!(ticket["symptoms"][0]["id"], "not_cooling", "{ticket}");
    assert!(
        ticket["missing"]
            .as_array()
            .unwrap()
            .iter()
            .any(|missing| missing["field"] == "model"),
        "{ticket}"
    );
}

#[tokio::test]
async fn bad_dialogues_and_notes_are_refused_with_the_place() {
    let server = Server::start().await;
    server
        .post("agent", "/v1/summaries", &json!({"dialogue": []}))
        .await
        .error(422, "unprocessable");
    let odd = json!({"dialogue": [{"speaker": "cat", "text": "喵"}]});
    let error = server
        .post("agent", "/v1/summaries", &odd)
        .await
        .error(422, "unprocessable");
    assert_eq!(error["fields"][0]["field"], "dialogue[0].speaker");
    let long = json!({"dialogue": [{"speaker": "agent", "text": "好".repeat(100_001)}]});
    let error = server
        .post("agent", "/v1/summaries", &long)
        .await
        .error(413, "payload_too_large");
    assert_eq!(error["limit"]["actual"], 100_001);
    server
        .post("agent", "/v1/intakes", &json!({"text": ""}))
        .await
        .error(422, "unprocessable");
    server
        .post(
            "agent",
            "/v1/intakes",
            &json!({"text": "a", "received_at": "yesterday"}),
        )
        .await
        .error(422, "unprocessable");
    let broken = b"{\"text\": \"\xc3\x28\"}".to_vec();
    server
        .raw("agent", "POST", "/v1/intakes", "application/json", broken)
        .await
        .error(400, "bad_request");
    server
        .raw("agent", "POST", "/v1/intakes", "text/plain", "空调")
        .await
        .error(415, "unsupported_media_type");
    server
        .raw(
            "agent",
            "POST",
            "/v1/intakes",
            "application/json",
            "{\"text\": \"a\"} more",
        )
        .await
        .error(400, "bad_request");
}

#[tokio::test]
async fn removing_a_ticket_leaves_nothing_of_it() {
    let server = loaded().await;
    let store = server.state.engine.store();
    server
        .post(
            "agent",
            "/v1/summaries",
            &json!({"dialogue": dialogue(), "ticket": "T-7"}),
        )
        .await
        .ok();
    let predicted = json!({"product_line": "split_air_conditioner", "ticket_id": "T-7", "text": "不制冷"});
    let before = server
        .post("agent", "/v1/part-predictions", &predicted)
        .await
        .ok();
    let repair = json!({"ticket_id": "T-7", "visit": 1, "product_line": "split_air_conditioner", "cause": "board_failed", "fixed": true});
    server.post("dispatcher", "/v1/repairs", &repair).await.ok();
    assert_eq!(store.ticket_records("T-7").await.unwrap().len(), 2);
    let removed = server.delete("admin", "/v1/tickets/T-7").await.ok();
    assert_eq!(
        (&removed["removed"]["records"], &removed["removed"]["repairs"]),
        (&json!(2), &json!(1))
    );
    assert!(store.ticket_records("T-7").await.unwrap().is_empty());
    let asked = json!({"product_line": "split_air_conditioner", "text": "不制冷"});
    let after = server.post("agent", "/v1/part-predictions", &asked).await.ok();
    assert_eq!(before["causes"], after["causes"], "the repair is unlearnt");
    server
        .delete("admin", "/v1/tickets/T-7")
        .await
        .error(404, "not_found");
    let audit = server.get("admin", "/v1/audit").await.ok();
    assert_eq!(audit["items"][0]["action"], "ticket.remove", "{audit}");
}
