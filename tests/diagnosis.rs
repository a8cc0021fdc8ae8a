//! Parts lists, fault trees and repairs in, predictions out, through HTTP.

mod common;

use common::{BOM, Server, TREE};
use serde_json::{Value, json};

async fn loaded() -> Server {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    server
}

fn evidence() -> Value {
    json!({"product_line": "split_air_conditioner", "symptoms": [{"id": "not_cooling", "present": true}]})
}

fn repair(ticket: &str, cause: &str, part: &str) -> Value {
    json!({"ticket_id": ticket, "visit": 1, "product_line": "split_air_conditioner", "cause": cause, "fixed": true,
        "symptoms": [{"id": "not_cooling", "present": true}], "parts_used": [{"part_number": part, "quantity": 1}],
        "region": "3502", "date": "2025-05-01"})
}

async fn probability(server: &Server, event: &str) -> f64 {
    let prediction = server
        .post("dispatcher", "/v1/part-predictions", &evidence())
        .await
        .ok();
    let cause = prediction["causes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cause| cause["event"] == event)
        .cloned();
    cause.unwrap_or_else(|| panic!("{prediction}"))["probability"]
        .as_f64()
        .unwrap()
}

#[tokio::test]
async fn a_symptom_gives_the_posterior_worked_out_by_hand_and_a_kit() {
    let server = loaded().await;
    // P(or) = 1 - .98 × .92 = .0984; P(symptom) = 1 - (1 - .95 × .0984) × .999; P(board | symptom) = .02 × (1 - .05 × .999) / P(symptom).
    let symptom = 1.0 - (1.0 - 0.95 * 0.0984) * 0.999;
    let board = 0.02 * (1.0 - 0.05 * 0.999) / symptom;
    let found = probability(&server, "board_failed").await;
    assert!((found - board).abs() < 1e-9, "{found} is not {board}");
    let prediction = server
        .post("agent", "/v1/part-predictions", &evidence())
        .await
        .ok();
    assert_eq!(prediction["causes"][0]["event"], "capacitor_failed");
    let kit: Vec<_> = prediction["kit"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["part_number"].clone())
        .collect();
    assert!(kit.contains(&json!("AC-CAP-35")), "{prediction}");
    for field in [
        "kit_cost",
        "certificate",
        "first_time_fix",
        "next_questions",
        "evidence",
        "versions",
        "took_ms",
    ] {
        assert!(prediction.get(field).is_some(), "{field}");
    }
}

#[tokio::test]
async fn text_and_codes_are_evidence() {
    let server = loaded().await;
    let asked = json!({"product_line": "split_air_conditioner", "text": "空调不制冷，显示 E-6"});
    let prediction = server
        .post("dispatcher", "/v1/part-predictions", &asked)
        .await
        .ok();
    assert_eq!(prediction["causes"][0]["event"], "board_failed", "{prediction}");
    assert_eq!(prediction["evidence"]["fault_codes"][0]["code"], "E6");
}

#[tokio::test]
async fn repairs_shift_the_posterior_and_survive_a_restart() {
    let server = loaded().await;
    let before = probability(&server, "board_failed").await;
    for number in 0..20 {
        let report = repair(&format!("T-{number}"), "board_failed", "AC-PCB-201");
        assert_eq!(
            server.post("technician", "/v1/repairs", &report).await.ok()["counted"],
            true
        );
    }
    let after = probability(&server, "board_failed").await;
    assert!(after > 2.0 * before, "{before} → {after}");
    let server = server.restart().await;
    let replayed = probability(&server, "board_failed").await;
    assert!((replayed - after).abs() < 1e-9, "{after} → {replayed}");
}

#[tokio::test]
async fn a_second_report_of_a_visit_replaces_the_first_and_its_counts() {
    let server = loaded().await;
    server
        .post(
            "technician",
            "/v1/repairs",
            &repair("T-1", "capacitor_failed", "AC-CAP-35"),
        )
        .await
        .ok();
    let once = probability(&server, "capacitor_failed").await;
    server
        .post(
            "technician",
            "/v1/repairs",
            &repair("T-1", "board_failed", "AC-PCB-201"),
        )
        .await
        .ok();
    let again = server
        .post(
            "technician",
            "/v1/repairs",
            &repair("T-1", "capacitor_failed", "AC-CAP-35"),
        )
        .await
        .ok();
    assert_eq!(again["replaced"], true);
    let twice = probability(&server, "capacitor_failed").await;
    assert!((once - twice).abs() < 1e-12, "{once} {twice}");
}

#[tokio::test]
async fn an_import_keeps_good_rows_and_names_bad_ones() {
    let server = loaded().await;
    let good = repair("T-1", "board_failed", "AC-PCB-201");
    let body = format!(
        "{good}\n{{\"ticket_id\": \"T-2\"\n{}\n\n{good}\n",
        json!({"ticket_id": "T-3", "product_line": "fridge", "fixed": true})
    );
    let report = server
        .raw(
            "dispatcher",
            "POST",
            "/v1/repairs/import",
            "application/x-ndjson",
            body,
        )
        .await
        .ok();
    assert_eq!(
        (&report["imported"], &report["replaced"]),
        (&json!(2), &json!(1)),
        "{report}"
    );
    let rows: Vec<_> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [2, 3]);
    let csv = "ticket_id,product_line,symptoms,parts_used,cause,fixed\nT-9,split_air_conditioner,not_cooling,AC-CAP-35*1,capacitor_failed,true\n";
    let report = server
        .raw("dispatcher", "POST", "/v1/repairs/import", "text/csv", csv)
        .await
        .ok();
    assert_eq!((&report["imported"], &report["errors"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn a_batch_reports_a_bad_item_beside_the_good_ones() {
    let server = loaded().await;
    let body = json!({"items": [evidence(), {"product_line": "fridge"}, {"product_line": 7}, evidence()]});
    let reply = server
        .post("dispatcher", "/v1/part-predictions/batch", &body)
        .await
        .ok();
    let items = reply["items"].as_array().unwrap();
    let single = server
        .post("dispatcher", "/v1/part-predictions", &evidence())
        .await
        .ok();
    assert_eq!(
        (&items[0]["causes"], &items[3]["kit"]),
        (&single["causes"], &single["kit"])
    );
    assert_eq!(
        (&items[1]["error"]["code"], &items[2]["error"]["code"]),
        (&json!("unprocessable"), &json!("unprocessable"))
    );
}

#[tokio::test]
async fn a_bad_definition_names_the_line_and_the_one_in_force_stays() {
    let server = loaded().await;
    let check = async |text: &str, words: &[&str]| {
        let reply = server
            .put_toml("/v1/fault-trees/split_air_conditioner", text)
            .await;
        let error = reply.error(422, "unprocessable");
        let message = error["message"].as_str().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        let kept = server
            .get("admin", "/v1/fault-trees/split_air_conditioner")
            .await
            .ok();
        assert_eq!((&kept["revision"], &kept["content"]), (&json!(1), &json!(TREE)));
    };
    let cyclic = format!(
        "{TREE}\n[[gate]]\nid = \"a\"\ntype = \"or\"\ninputs = [\"b\"]\n[[gate]]\nid = \"b\"\ntype = \"or\"\ninputs = [\"a\"]\n"
    );
    check(&cyclic, &["cycle", "fault-tree.toml:"]).await;
    check(&TREE.replace("0.08", "1.08"), &["1.08", "fault-tree.toml:"]).await;
    check(
        &TREE.replace("\"not_running\", probability", "\"nowhere\", probability"),
        &["nowhere"],
    )
    .await;
    check(&TREE.replace("AC-CAP-35", "AC-NONE"), &["AC-NONE"]).await;
    check("product_line = ", &["fault-tree.toml:1"]).await;
    check(&TREE.replace("split_air", "fridge_air"), &["fridge_air"]).await;
    let broken = server
        .raw(
            "admin",
            "PUT",
            "/v1/fault-trees/split_air_conditioner",
            "application/toml",
            b"version = \"\xff\"".to_vec(),
        )
        .await;
    assert!(
        broken.error(400, "bad_request")["message"]
            .as_str()
            .unwrap()
            .contains("UTF-8")
    );
    let price = server
        .put_toml("/v1/boms/split_air_conditioner", &BOM.replace("25.00", "-1"))
        .await;
    assert!(
        price.error(422, "unprocessable")["message"]
            .as_str()
            .unwrap()
            .contains("bom.toml:")
    );
    probability(&server, "board_failed").await;
}

#[tokio::test]
async fn an_unknown_product_line_or_symptom_is_said() {
    let server = loaded().await;
    let error = server
        .post(
            "agent",
            "/v1/part-predictions",
            &json!({"product_line": "fridge"}),
        )
        .await
        .error(422, "unprocessable");
    assert_eq!(error["fields"][0]["field"], "product_line");
    server
        .get("admin", "/v1/boms/fridge")
        .await
        .error(404, "not_found");
    server
        .get("admin", "/v1/fault-trees/Fridge%20Line")
        .await
        .error(422, "unprocessable");
    let asked =
        json!({"product_line": "split_air_conditioner", "symptoms": [{"id": "smells", "present": true}]});
    let prediction = server.post("agent", "/v1/part-predictions", &asked).await.ok();
    assert_eq!(
        prediction["evidence"]["ignored"][0]["value"], "smells",
        "{prediction}"
    );
    let half = Server::start().await;
    half.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    half.post("agent", "/v1/part-predictions", &evidence())
        .await
        .error(503, "unavailable");
}

#[tokio::test]
async fn without_a_tree_past_repairs_say_what_to_send() {
    let server = Server::start().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    let lines: Vec<String> = (0..40)
        .map(|at| {
            let (text, part) = if at % 2 == 0 {
                ("外机嗡嗡响不启动", "AC-CAP-35")
            } else {
                ("遥控没反应，面板不亮", "AC-PCB-201")
            };
            json!({"ticket_id": format!("T-{at}"), "product_line": "split_air_conditioner", "text": text, "fixed": true,
                "parts_used": [{"part_number": part}]})
            .to_string()
        })
        .collect();
    server
        .raw(
            "dispatcher",
            "POST",
            "/v1/repairs/import",
            "application/x-ndjson",
            lines.join("\n"),
        )
        .await
        .ok();
    let asked = json!({"product_line": "split_air_conditioner", "text": "外机嗡嗡响"});
    let first = async |server: &Server| {
        let reply = server
            .post("dispatcher", "/v1/part-predictions", &asked)
            .await
            .ok();
        assert_eq!(reply["kit"][0]["part_number"], "AC-CAP-35", "{reply}");
        reply["causes"][0].clone()
    };
    let before = first(&server).await;
    assert!(before["probability"].as_f64().unwrap() > 0.5, "{before}");
    // A report that is corrected counts as corrected.
    let corrected = json!({"ticket_id": "T-0", "product_line": "split_air_conditioner", "text": "外机嗡嗡响不启动", "fixed": true,
        "parts_used": [{"part_number": "AC-PCB-201"}]});
    let outcome = server.post("technician", "/v1/repairs", &corrected).await.ok();
    assert_eq!(outcome["replaced"], true, "{outcome}");
    let after = first(&server).await;
    assert!(
        after["probability"].as_f64() < before["probability"].as_f64(),
        "{before} {after}"
    );
    let server = server.restart().await;
    let again = first(&server).await;
    assert_eq!(again, after);
    // A tree takes over where it is loaded.
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    let asked = json!({"product_line": "split_air_conditioner", "text": "空调不制冷"});
    let with_tree = server
        .post("dispatcher", "/v1/part-predictions", &asked)
        .await
        .ok();
    assert_eq!(with_tree["causes"][0]["event"], "capacitor_failed", "{with_tree}");
}

#[tokio::test]
async fn a_days_kits_are_added_up_per_depot_and_van() {
    let server = loaded().await;
    let visit = |van: &str, chance: f64| {
        json!({"depot": "厦门", "van": van, "kit": [{"part_number": "AC-CAP-35", "name": "电容", "quantity": 1, "price": "25.00",
            "probability_needed": chance, "alternatives": []}]})
    };
    let plan = json!({"visits": [visit("a", 0.5), visit("a", 0.5), visit("b", 0.25)]});
    let picks = server
        .post("dispatcher", "/v1/part-predictions/pick-list", &plan)
        .await
        .ok();
    let line = &picks["depots"][0]["lines"][0];
    // .5 + .5 + .25 pieces; none to two with 1 - 1/16 = .9375.
    assert_eq!(line["expected"], 1.25, "{picks}");
    assert_eq!(line["quantity_90"], 2, "{picks}");
    assert_eq!(picks["depots"][0]["vans"][1]["van"], "b", "{picks}");
}

#[tokio::test]
async fn versions_are_kept_and_the_tree_is_drawn() {
    let server = loaded().await;
    let next = TREE.replace("version = \"1\"", "version = \"2\"");
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", &next)
        .await
        .ok();
    let same = server
        .put_toml("/v1/fault-trees/split_air_conditioner", &next)
        .await
        .ok();
    assert_eq!(
        (
            same["revision"].as_u64(),
            same["versions"].as_array().unwrap().len()
        ),
        (Some(2), 2)
    );
    let svg = server
        .get("admin", "/v1/fault-trees/split_air_conditioner/tree.svg")
        .await;
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert!(svg.text().contains("<svg") && svg.text().contains("主板损坏"));
    let graph = server
        .get("admin", "/v1/fault-trees/split_air_conditioner/graph")
        .await
        .ok();
    assert!(graph["nodes"].as_array().unwrap().len() >= 4 && !graph["edges"].as_array().unwrap().is_empty());
    let xml = "<opsa-mef><define-fault-tree name=\"ft\"><define-gate name=\"top\"><and><basic-event name=\"a\"/><basic-event name=\"b\"/></and></define-gate>\
        <define-basic-event name=\"a\"><float value=\"0.1\"/></define-basic-event><define-basic-event name=\"b\"><float value=\"0.2\"/></define-basic-event></define-fault-tree></opsa-mef>";
    let put = server
        .raw(
            "admin",
            "PUT",
            "/v1/fault-trees/other_line",
            "application/xml",
            xml,
        )
        .await
        .ok();
    assert_eq!(put["format"], "xml");
}

#[tokio::test]
async fn the_tree_is_coloured_by_what_was_predicted_for_a_ticket() {
    let server = loaded().await;
    let mut asked = evidence();
    asked["ticket_id"] = json!("T-drawn");
    let found = server
        .post("dispatcher", "/v1/part-predictions", &asked)
        .await
        .ok();
    let path = "/v1/fault-trees/split_air_conditioner";
    let drawn = server
        .get("admin", &format!("{path}/graph?ticket_id=T-drawn"))
        .await
        .ok();
    let cause = &found["causes"][0];
    let nodes = drawn["nodes"].as_array().unwrap();
    let id = format!("event:{}", cause["event"].as_str().unwrap());
    let node = nodes.iter().find(|node| node["id"] == id).unwrap();
    assert_eq!(node["posterior"], cause["probability"]);
    let plain = server.get("admin", &format!("{path}/tree.svg")).await.text();
    let coloured = server
        .get("admin", &format!("{path}/tree.svg?ticket_id=T-drawn"))
        .await
        .text();
    assert!(coloured.contains("<svg") && plain != coloured);
    server
        .get("admin", &format!("{path}/tree.svg?ticket_id=T-other"))
        .await
        .error(404, "not_found");
}
