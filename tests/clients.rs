//! What programs written for OpenAI's API or for the Model Context Protocol rely on; `clients.sh` asks the same with their own libraries.

mod common;

use axum::body::Body;
use axum::http::header;
use common::{BOM, MANUAL, Reply, Server, TREE, metadata};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

async fn with_manual() -> Server {
    let server = Server::start().await;
    server.index("manual.md", MANUAL, metadata("维修手册")).await;
    server
}

fn asking(messages: &Value) -> Value {
    json!({"model": "shifu-extractive", "messages": messages, "shifu": {"model": "KFR-35GW/QH1"}, "temperature": 0.2})
}

#[tokio::test]
async fn a_completion_is_the_answer_with_its_sources_and_the_conversation_carries_the_code() {
    let server = with_manual().await;
    let first = json!({"role": "user", "content": "E6是什么故障？"});
    let reply = server.post("agent", CHAT, &asking(&json!([first]))).await.ok();
    let choice = &reply["choices"][0];
    let content = choice["message"]["content"].as_str().unwrap();
    assert!(
        content.contains("通信故障") && content.contains("来源：《维修手册》第 2 页"),
        "{content}"
    );
    assert_eq!(
        (
            &reply["object"],
            &choice["finish_reason"],
            &reply["shifu"]["citations"][0]["page"]
        ),
        (&json!("chat.completion"), &json!("stop"), &json!(2))
    );
    let usage = &reply["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"].as_u64(), Some(sum));
    let id = reply["shifu"]["answer_id"].as_str().unwrap();
    server.get("agent", &format!("/v1/answers/{id}")).await.ok();

    let turns = json!([{"role": "system", "content": "x"}, first, {"role": "assistant", "content": content},
        {"role": "user", "content": [{"type": "text", "text": "那该怎么处理？"}]}]);
    let follow = server.post("agent", CHAT, &asking(&turns)).await.ok();
    assert_eq!(follow["shifu"]["citations"][0]["page"], 2, "{follow}");
}

#[tokio::test]
async fn a_streamed_completion_put_together_is_the_whole_one_and_ends_with_done() {
    let server = with_manual().await;
    let mut body = asking(&json!([{"role": "user", "content": "E6是什么故障？"}]));
    let whole = server.post("agent", CHAT, &body).await.ok();
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let reply = server.post("agent", CHAT, &body).await;
    assert!(reply.header("content-type").starts_with("text/event-stream"));
    let text = reply.text();
    let data: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let (last, chunks) = data.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    let chunks: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).unwrap())
        .collect();
    let pieces = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(
        pieces.collect::<String>(),
        whole["choices"][0]["message"]["content"]
    );
    assert_eq!(chunks[chunks.len() - 1]["usage"], whole["usage"]);
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn what_is_not_offered_is_refused_in_the_clients_words() {
    let server = with_manual().await;
    let good = asking(&json!([{"role": "user", "content": "E6"}]));
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (body, status, code, param) in [
        (with("n", json!(2)), 400, "bad_request", json!("n")),
        (
            with("tools", json!([{"type": "function"}])),
            400,
            "bad_request",
            json!("tools"),
        ),
        (
            with("model", json!("gpt-4o")),
            404,
            "model_not_found",
            json!("model"),
        ),
        (
            with("messages", json!([])),
            422,
            "unprocessable",
            json!("messages"),
        ),
        (
            with("messages", json!([{"role": "tool", "content": "x"}])),
            422,
            "unprocessable",
            json!("messages[0].role"),
        ),
        (
            with(
                "messages",
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
            ),
            422,
            "unprocessable",
            json!("messages[0].content"),
        ),
        (
            with("shifu", json!({"modell": "x"})),
            422,
            "unprocessable",
            json!("shifu.modell"),
        ),
    ] {
        let error = server.post("agent", CHAT, &body).await.error(status, code);
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &param),
            "{error}"
        );
    }
    let none = json!({"model": "text-embedding-3-small", "input": ["x"]});
    let error = server
        .post("agent", "/v1/embeddings", &none)
        .await
        .error(404, "model_not_found");
    assert_eq!(error["param"], "model");
    let error = server.post("", CHAT, &good).await.error(401, "unauthorized");
    assert_eq!(
        (&error["type"], &error["param"]),
        (&json!("authentication_error"), &Value::Null)
    );
    let elsewhere = server
        .post("agent", "/v1/answers", &json!({}))
        .await
        .error(422, "unprocessable");
    assert!(
        elsewhere.get("type").is_none(),
        "only where OpenAI's shape is kept: {elsewhere}"
    );
}

async fn mcp(server: &Server, role: &str, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let reply = server.post(role, "/mcp", &body).await.ok();
    assert_eq!((&reply["jsonrpc"], &reply["id"]), (&json!("2.0"), &json!(7)));
    reply
}

async fn call(server: &Server, role: &str, tool: &str, arguments: Value) -> Value {
    let reply = mcp(
        server,
        role,
        "tools/call",
        json!({"name": tool, "arguments": arguments}),
    )
    .await;
    reply["result"].clone()
}

#[tokio::test]
async fn a_host_is_greeted_in_its_revision_and_shown_the_tools_of_the_key() {
    let server = Server::start().await;
    for (wanted, given) in [
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let reply = mcp(
            &server,
            "agent",
            "initialize",
            json!({"protocolVersion": wanted, "capabilities": {}}),
        )
        .await;
        assert_eq!(reply["result"]["protocolVersion"], given);
    }
    for (role, tools) in [
        (
            "agent",
            &[
                "search_manuals",
                "answer_question",
                "predict_parts",
                "summarize_ticket",
            ][..],
        ),
        (
            "technician",
            &[
                "search_manuals",
                "answer_question",
                "predict_parts",
                "inspect_photos",
            ],
        ),
        (
            "reviewer",
            &["search_manuals", "answer_question", "inspect_photos"],
        ),
    ] {
        let listed = mcp(&server, role, "tools/list", json!({})).await;
        let listed = listed["result"]["tools"].as_array().unwrap();
        let names: Vec<&str> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, tools, "{role}");
        assert!(listed.iter().all(|tool| tool["inputSchema"]["type"] == "object"));
    }
    assert_eq!(
        mcp(&server, "agent", "ping", Value::Null).await["result"],
        json!({})
    );
    assert_eq!(
        mcp(&server, "agent", "resources/list", json!({})).await["error"]["code"],
        -32601
    );
}

#[tokio::test]
async fn tools_answer_as_the_calls_behind_them_and_their_errors_are_results() {
    let server = with_manual().await;
    server.put_toml("/v1/boms/split_air_conditioner", BOM).await.ok();
    server
        .put_toml("/v1/fault-trees/split_air_conditioner", TREE)
        .await
        .ok();
    let asked = json!({"question": "E6是什么故障？", "model": "KFR-35GW/QH1"});
    let answered = call(&server, "agent", "answer_question", asked).await;
    assert_eq!(
        (
            &answered["isError"],
            &answered["structuredContent"]["citations"][0]["page"]
        ),
        (&json!(false), &json!(2))
    );
    assert!(
        answered["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("来源：《维修手册》第 2 页"),
        "{answered}"
    );
    let found = call(
        &server,
        "agent",
        "search_manuals",
        json!({"query": "制冷剂充注量", "top_k": 2}),
    )
    .await;
    assert_eq!(found["structuredContent"]["hits"][0]["page"], 3);
    let wanted = json!({"product_line": "split_air_conditioner", "symptoms": [{"id": "not_cooling", "present": true}]});
    let predicted = call(&server, "dispatcher", "predict_parts", wanted).await;
    assert!(predicted["structuredContent"]["causes"].is_array(), "{predicted}");

    for (tool, arguments, names) in [
        ("answer_question", json!({"question": "  "}), "question"),
        ("answer_question", json!({"quest": "E6"}), "question"),
        ("search_manuals", json!({"query": "E6", "top_k": 0}), "top_k"),
        (
            "predict_parts",
            json!({"product_line": "none_of_ours"}),
            "none_of_ours",
        ),
        ("summarize_ticket", json!({"dialogue": []}), "dialogue"),
    ] {
        let result = call(&server, "agent", tool, arguments).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(
            result["content"][0]["text"].as_str().unwrap().contains(names),
            "{tool}: {result}"
        );
    }
    let hidden = mcp(
        &server,
        "agent",
        "tools/call",
        json!({"name": "inspect_photos", "arguments": {}}),
    )
    .await;
    assert_eq!(
        hidden["error"]["code"], -32602,
        "not a tool of an agent: {hidden}"
    );
    let both = json!({"inspection_id": "x", "ticket": {"ticket_id": "T", "category": "c"}});
    let result = call(&server, "technician", "inspect_photos", both).await;
    assert_eq!(result["isError"], true, "one or the other: {result}");
    let reading = call(
        &server,
        "reviewer",
        "inspect_photos",
        json!({"ticket": {"ticket_id": "T", "category": "c"}, "photos": []}),
    )
    .await;
    assert_eq!(
        reading["isError"], true,
        "a reviewer reads but does not submit: {reading}"
    );
}

#[tokio::test]
async fn what_is_no_message_of_the_protocol_is_refused_and_no_stream_is_offered() {
    let server = Server::start().await;
    let send = async |body: &str, more: &[(&str, &str)]| -> Reply {
        let mut request = server
            .request("agent", "POST", "/mcp")
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        server
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await
    };
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (body, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        ("7", -32600),
    ] {
        let reply = send(body, &[]).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    let told = send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, &[]).await;
    assert_eq!((told.status.as_u16(), told.bytes.len()), (202, 0));
    assert_eq!(
        send(
            ping,
            &[
                ("mcp-protocol-version", "2025-06-18"),
                ("origin", "http://localhost:3000")
            ]
        )
        .await
        .status,
        200
    );
    send(ping, &[("mcp-protocol-version", "1999-01-01")])
        .await
        .error(400, "bad_request");
    send(ping, &[("origin", "https://evil.example")])
        .await
        .error(403, "forbidden");
    let get = server.get("agent", "/mcp").await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
    assert_eq!(server.delete("agent", "/mcp").await.status, 405);
}
