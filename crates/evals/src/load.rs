//! `load URL`: a running server under the mixed load of a working day, from this machine.
//!
//! Inspections of six photos, predictions, summaries and questions are interleaved in a seeded order and sent by a fixed number of
//! clients. Without a rate every client sends its next call when the last was answered, and comes back after `Retry-After` where it
//! is told to: that is work to be finished. With a rate calls are sent when they are due whatever became of the others: that is an
//! offered load, and a refusal is final.

mod client;
mod memory;
mod photos;
mod plan;
mod random;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::metrics;
use crate::report::Report;
use client::{Answer, Client};
use memory::Memory;
use photos::PreparedPhotos;
use plan::{Call, Kind, Plan};

/// Photos of one inspection.
const PHOTOS_A_TICKET: usize = 6;
/// Times a refused call is sent again before it is given up.
const MOST_RETRIES: u32 = 100;

/// What to send, where, and how fast.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// `http://HOST:PORT` of the server.
    pub url: String,
    /// An API key that may make all calls (`admin`).
    pub key: String,
    /// Folder of photos, its subfolders included.
    pub photo_dir: PathBuf,
    /// Folder of data sets, one subfolder an appliance, with `tickets.jsonl`, `dialogues-*.jsonl`, `questions-*.jsonl`.
    pub datasets: PathBuf,
    /// Category of the standard that photos are inspected by.
    pub category: String,
    /// Photos to send, six an inspection.
    pub photos: usize,
    /// Photos prepared at most; a ticket beyond them gets photos that an earlier one had.
    pub distinct_photos: Option<usize>,
    /// Predictions to ask for.
    pub predictions: usize,
    /// Summaries to ask for.
    pub summaries: usize,
    /// Questions to ask.
    pub questions: usize,
    /// Clients at once.
    pub concurrency: usize,
    /// Calls a second to offer; `None`: each client sends when its last call was answered.
    pub rate: Option<f64>,
    /// No call is begun after so long.
    pub seconds: Option<f64>,
    /// Process whose resident memory is sampled: the server, when it runs on this machine.
    pub pid: Option<u32>,
    /// Decides order, photos and names of tickets; two runs against one data directory need two seeds.
    pub seed: u64,
    /// Also send to an address that is not of this machine.
    pub anywhere: bool,
}

/// What became of the calls of one kind.
#[derive(Debug, Default)]
struct Tally {
    begun: usize,
    succeeded_ms: Vec<f64>,
    errors: BTreeMap<String, usize>,
}

/// Sends the load and reports, per kind of call: `count` (calls begun), `succeeded`, `errors` by code (each refused attempt), `p50_ms` and
/// `p99_ms` of those that succeeded, `per_second`; `total_seconds`; resident memory by tenth of the calls where a process is named.
///
/// # Errors
/// An address that is not of this machine, a server that does not answer, photos or data sets that cannot be read.
pub fn run(options: &LoadOptions) -> Result<Report> {
    let client = Client::new(options)?;
    client.check_ready()?;
    if options.photos + options.predictions + options.summaries + options.questions == 0 {
        bail!("nothing to send: give --photos, --predictions, --summaries or --questions");
    }
    let (lines, unknown) = client.known_lines(&plan::product_lines(&options.datasets)?)?;
    let checkpoints = match options.photos {
        0 => Vec::new(),
        _ => client.checkpoints(&options.category)?,
    };
    let preparing = Instant::now();
    let photos = PreparedPhotos::prepare(options, &checkpoints)?;
    let prepare_seconds = preparing.elapsed().as_secs_f64();
    let plan = Plan::new(options, &lines)?;
    let (tallies, memory, seconds) = send(options, &client, &plan, &photos);
    let mut fields = Map::new();
    let per_call = |(kind, tally): (Kind, Tally)| (kind.name().to_owned(), tally.fields(seconds));
    let calls: Map<String, Value> = Kind::ALL
        .into_iter()
        .zip(tallies)
        .filter(|(_, tally)| tally.begun > 0)
        .map(per_call)
        .collect();
    fields.insert("calls".to_owned(), Value::Object(calls));
    fields.insert("total_seconds".to_owned(), json!(seconds));
    fields.insert("prepare_seconds".to_owned(), json!(prepare_seconds));
    fields.insert("photo_bytes".to_owned(), json!(photos.bytes()));
    fields.insert("seed".to_owned(), json!(options.seed));
    if !unknown.is_empty() {
        fields.insert("left_out_product_lines".to_owned(), json!(unknown));
    }
    if photos.unreadable() > 0 {
        fields.insert("unreadable_photos".to_owned(), json!(photos.unreadable()));
    }
    if let Some(memory) = memory {
        fields.insert("resident".to_owned(), memory.fields());
    }
    Ok(Report::new("load", Value::Object(fields)))
}

/// Sends everything; gives what became of each kind, the memory samples, and the seconds it took.
fn send(
    options: &LoadOptions,
    client: &Client,
    plan: &Plan,
    photos: &PreparedPhotos,
) -> ([Tally; 4], Option<Memory>, f64) {
    let started = Instant::now();
    let clock = Clock {
        started,
        end: options
            .seconds
            .map(|seconds| started + Duration::from_secs_f64(seconds)),
        rate: options.rate,
    };
    let (next, done, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let tallies: [Mutex<Tally>; 4] = Default::default();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(call) = plan.calls.get(at) else { return };
            if !clock.wait_for(at) {
                return;
            }
            let (begun, answers) = attempt(client, plan, photos, call, &clock);
            let mut tally = tallies[call.kind() as usize]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            tally.add(begun, answers);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let memory = std::thread::scope(|scope| {
        let (calls, done, over) = (plan.calls.len(), &done, &over);
        let sampler = options
            .pid
            .map(|pid| scope.spawn(move || Memory::sample(pid, calls, done, over)));
        let clients: Vec<_> = (0..options.concurrency.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        for client in clients {
            let _ = client.join();
        }
        over.store(true, Ordering::Relaxed);
        sampler.and_then(|sampler| sampler.join().ok())
    });
    let seconds = started.elapsed().as_secs_f64();
    (
        tallies.map(|tally| tally.into_inner().unwrap_or_else(PoisonError::into_inner)),
        memory,
        seconds,
    )
}

/// Sends one call; without a rate, again where the server asks for it. Gives what every attempt was answered.
fn attempt(
    client: &Client,
    plan: &Plan,
    photos: &PreparedPhotos,
    call: &Call,
    clock: &Clock,
) -> (bool, Vec<Answer>) {
    let (path, content_type, body) = match plan.body(call, photos) {
        Ok(parts) => parts,
        Err(error) => return (false, vec![Answer::failed(format!("unsent: {error}"))]),
    };
    let mut answers = Vec::new();
    for _ in 0..=MOST_RETRIES {
        let answer = client.post(path, &content_type, &body);
        let again_in = answer.retry_after.filter(|_| clock.rate.is_none());
        answers.push(answer);
        match again_in {
            Some(pause) if clock.allows(pause) => std::thread::sleep(pause),
            _ => break,
        }
    }
    (true, answers)
}

/// When calls may begin.
struct Clock {
    started: Instant,
    end: Option<Instant>,
    rate: Option<f64>,
}

impl Clock {
    /// Waits until call `at` is due; false when the time is over.
    fn wait_for(&self, at: usize) -> bool {
        if let Some(rate) = self.rate {
            let due = self.started + Duration::from_secs_f64(at as f64 / rate);
            if self.end.is_some_and(|end| due > end) {
                return false;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        self.allows(Duration::ZERO)
    }

    fn allows(&self, pause: Duration) -> bool {
        self.end.is_none_or(|end| Instant::now() + pause < end)
    }
}

impl Tally {
    fn add(&mut self, begun: bool, answers: Vec<Answer>) {
        self.begun += usize::from(begun);
        for answer in answers {
            match answer.error {
                None => self.succeeded_ms.push(answer.ms),
                Some(code) => *self.errors.entry(code).or_default() += 1,
            }
        }
    }

    fn fields(&self, seconds: f64) -> Value {
        let number = |value: f64| {
            if value.is_finite() {
                json!(value)
            } else {
                Value::Null
            }
        };
        json!({
            "count": self.begun,
            "succeeded": self.succeeded_ms.len(),
            "errors": self.errors,
            "p50_ms": number(metrics::quantile(&self.succeeded_ms, 0.5)),
            "p99_ms": number(metrics::quantile(&self.succeeded_ms, 0.99)),
            "per_second": number(self.succeeded_ms.len() as f64 / seconds),
        })
    }
}

#[cfg(test)]
mod tests;
