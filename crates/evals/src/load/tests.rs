//! The generator against a server of a few lines that refuses every third call.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use super::*;

/// Answers until the process ends; gives its URL and how many POSTs it saw.
fn server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let posts = Arc::new(AtomicUsize::new(0));
    let seen = posts.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            std::thread::spawn(move || answer(stream, &seen));
        }
    });
    (url, posts)
}

fn answer(stream: TcpStream, posts: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (status, headers, body) = reply_to(&first, posts);
        let length = body.len();
        let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(reply.as_bytes()).ok()?;
    }
}

fn reply_to(first_line: &str, posts: &AtomicUsize) -> (u16, &'static str, &'static str) {
    let standard =
        r#"{"checkpoints":[{"id":"outdoor_bracket","stage":"after"},{"id":"environment","stage":"before"}]}"#;
    if first_line.starts_with("GET /v1/standards/") {
        return (200, "", standard);
    }
    if !first_line.starts_with("POST") {
        return (200, "", "{}");
    }
    if (posts.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(3) {
        return (429, "Retry-After: 0\r\n", r#"{"error":{"code":"overloaded"}}"#);
    }
    (200, "", "{}")
}

fn options(url: &str) -> LoadOptions {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    LoadOptions {
        url: url.to_owned(),
        key: "k".to_owned(),
        photo_dir: datasets.join("split_air_conditioner/inspection/photos"),
        datasets,
        category: "split_air_conditioner_install".to_owned(),
        photos: 14,
        distinct_photos: None,
        predictions: 9,
        summaries: 8,
        questions: 30,
        concurrency: 3,
        rate: None,
        seconds: None,
        pid: Some(std::process::id()),
        seed: 3,
        anywhere: false,
    }
}

/// (calls begun, calls that succeeded, refusals) over all kinds.
fn totals(report: &Report) -> (u64, u64, u64) {
    let calls = report.fields["calls"].as_object().unwrap();
    let sum = |field: &str| calls.values().map(|call| call[field].as_u64().unwrap()).sum();
    let refusals = calls
        .values()
        .filter_map(|call| call["errors"]["overloaded"].as_u64())
        .sum();
    (sum("count"), sum("succeeded"), refusals)
}

#[test]
fn without_a_rate_every_call_is_sent_until_it_is_accepted() {
    let (url, posts) = server();
    let report = run(&options(&url)).unwrap();
    // 14 photos are three inspections; 3 + 9 + 8 + 30 = 50 calls.
    let (begun, succeeded, refusals) = totals(&report);
    assert_eq!((begun, succeeded), (50, 50));
    assert!(refusals >= 16, "{refusals}");
    let of_lines = 4; // one prediction an appliance is asked for beforehand
    assert!(posts.load(Ordering::Relaxed) as u64 >= 50 + refusals - of_lines);
    assert_eq!(report.fields["calls"]["inspections"]["count"], 3);
    assert!(report.fields["calls"]["questions"]["p99_ms"].as_f64().unwrap() > 0.0);
    assert!(report.fields["total_seconds"].as_f64().unwrap() > 0.0);
    assert!(report.fields["resident"]["peak_mb"].as_f64().unwrap() > 1.0);
}

#[test]
fn with_a_rate_a_refusal_is_final_and_time_ends_the_load() {
    let (url, _) = server();
    let offered = LoadOptions {
        photos: 0,
        rate: Some(50.0),
        seconds: Some(0.5),
        questions: 1000,
        ..options(&url)
    };
    let report = run(&offered).unwrap();
    let (begun, succeeded, refusals) = totals(&report);
    // 50 a second for half a second: 25, one or two fewer when a thread is late.
    assert!((15..=26).contains(&begun), "{begun}");
    assert_eq!(succeeded + refusals, begun);
    assert!(refusals > 0);
}

#[test]
fn what_cannot_be_sent_is_said() {
    let (url, _) = server();
    let check = |change: fn(&mut LoadOptions), expected: &str| {
        let mut options = options(&url);
        change(&mut options);
        let error = format!("{:#}", run(&options).unwrap_err());
        assert!(error.contains(expected), "{error}");
    };
    check(
        |options| options.url = "http://192.0.2.1:9".to_owned(),
        "--anywhere",
    );
    check(
        |options| options.url = "localhost".to_owned(),
        "http://127.0.0.1:8080",
    );
    check(|options| options.datasets = "no-such-folder".into(), "--datasets");
    check(
        |options| options.photo_dir = options.datasets.join("split_air_conditioner/manual"),
        "no photo",
    );
    check(
        |options| {
            options.photos = 0;
            options.predictions = 0;
            options.summaries = 0;
            options.questions = 0;
        },
        "nothing to send",
    );
}
