//! One owner thread per model behind a bounded queue.
//!
//! Callers hand in items and wait; the owner thread takes them in batches within a cost budget (tokens, pixels), grouped
//! by length, interactive lane first. A full lane answers [`ModelError::Overloaded`] at once, an item whose caller is
//! gone is skipped, one past its deadline is answered so. A panic inside the model fails its batch and rebuilds the model.
//!
//! The shape follows text-embeddings-inference (`core/src/queue.rs`), with deadlines and lanes added.

mod lane;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shifu_domain::models::{ModelError, Priority};

use lane::{Job, Lane};

/// A loaded model, owned by one thread.
pub trait Backend: 'static {
    /// One unit of work.
    type Item: Send + 'static;
    /// Its result.
    type Output: Send + 'static;

    /// Runs a batch; one result an item, in order. A returned `Err` fails the whole batch.
    ///
    /// # Errors
    /// When nothing of the batch could be computed.
    fn run(&mut self, batch: Vec<Self::Item>) -> Result<Vec<Result<Self::Output, ModelError>>, ModelError>;
}

/// Length of an item in the model's own unit (tokens, pixels, pixels of width).
///
/// A batch is padded to its longest item, so it costs `count * longest`.
pub trait Length {
    /// The length, at least 1.
    fn length(&self) -> usize;
}

/// Sizes of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueOptions {
    /// Most cost of one batch, in units of [`Length`]; an item longer than this runs alone.
    pub batch_budget: usize,
    /// Most items of one batch.
    pub batch_items: usize,
    /// Most length waiting in each lane; a request that does not fit is refused, unless the lane is empty.
    pub lane_capacity: usize,
    /// A request not started within this time is answered `DeadlineExceeded`.
    pub deadline: Duration,
    /// A bulk batch goes first when it has waited this long, so that steady interactive work cannot starve it.
    pub bulk_patience: Duration,
    /// The model is dropped after being idle this long, and loaded again when needed; `None` keeps it.
    pub unload_after: Option<Duration>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            batch_budget: 4096,
            batch_items: 64,
            lane_capacity: 65_536,
            deadline: Duration::from_secs(30),
            bulk_patience: Duration::from_secs(2),
            unload_after: None,
        }
    }
}

/// Told what a queue does; the server turns it into metrics. Called on the owner thread, or the caller's for refusals.
pub trait Observer: Send + Sync {
    /// A batch was run.
    fn batch(&self, timing: &BatchTiming<'_>);
    /// Items were not run.
    fn refused(&self, model: &str, why: Refusal, items: usize);
    /// The model was loaded.
    fn loaded(&self, model: &str, took_ms: f64);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn batch(&self, _: &BatchTiming<'_>) {}
    fn refused(&self, _: &str, _: Refusal, _: usize) {}
    fn loaded(&self, _: &str, _: f64) {}
}

/// One batch in figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchTiming<'a> {
    /// The model.
    pub model: &'a str,
    /// Who waited.
    pub priority: Priority,
    /// Items run together.
    pub items: usize,
    /// Their padded cost, in units of [`Length`].
    pub cost: usize,
    /// Longest wait of an item before the batch began, in milliseconds.
    pub queue_ms: f64,
    /// Duration of the batch, in milliseconds.
    pub inference_ms: f64,
}

/// Why items were not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The lane was full.
    Full,
    /// Their deadline passed while they waited.
    Late,
    /// Nobody waited for the answer any more.
    Dropped,
}

/// A model behind its queue. Dropping it ends the owner thread after the batch it is in.
pub struct Served<B: Backend>
where
    B::Item: Length,
{
    shared: Arc<Shared<B>>,
}

struct Shared<B: Backend> {
    name: String,
    options: QueueOptions,
    observer: Arc<dyn Observer>,
    state: Mutex<State<B>>,
    changed: Condvar,
}

struct State<B: Backend> {
    interactive: Lane<B>,
    bulk: Lane<B>,
    closed: bool,
    /// Milliseconds a unit of length took lately, for the estimate given with a refusal.
    ms_per_unit: f64,
}

/// The answer to come. Dropping it tells the queue that nobody waits any more.
pub struct Pending<T> {
    model: String,
    expected: usize,
    deadline: Instant,
    answers: Receiver<(usize, Result<T, ModelError>)>,
    gone: Arc<AtomicBool>,
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl<T> Pending<T> {
    /// Blocks until every item is answered; one result an item, in the order handed in.
    ///
    /// # Errors
    /// `DeadlineExceeded` when the model did not come to them; `Failed` when its thread is gone.
    pub fn wait(self) -> Result<Vec<Result<T, ModelError>>, ModelError> {
        let mut answers: Vec<Option<Result<T, ModelError>>> = (0..self.expected).map(|_| None).collect();
        for _ in 0..self.expected {
            // The owner answers late items itself; the long margin covers the batch it is in.
            let patience = self.deadline.saturating_duration_since(Instant::now()) + Duration::from_secs(600);
            match self.answers.recv_timeout(patience) {
                Ok((at, answer)) => answers[at] = Some(answer),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ModelError::DeadlineExceeded {
                        model: self.model.clone(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.thread_gone()),
            }
        }
        answers
            .into_iter()
            .map(|a| a.ok_or_else(|| self.thread_gone()))
            .collect()
    }

    fn thread_gone(&self) -> ModelError {
        ModelError::Failed {
            model: self.model.clone(),
            reason: "its thread has ended".to_owned(),
        }
    }
}

impl<B: Backend> Served<B>
where
    B::Item: Length,
{
    /// Starts the owner thread. `load` runs on it when the first item comes, again after a panic or an unload, and
    /// again for the next batch when it failed.
    ///
    /// # Errors
    /// `Failed` when the system gives no thread.
    pub fn start(
        name: &str,
        options: QueueOptions,
        observer: Arc<dyn Observer>,
        load: impl FnMut() -> Result<B, ModelError> + Send + 'static,
    ) -> Result<Self, ModelError> {
        let state = State {
            interactive: Lane::new(),
            bulk: Lane::new(),
            closed: false,
            ms_per_unit: 0.0,
        };
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            options,
            observer,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let owner = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(format!("model-{name}"))
            .spawn(move || {
                Owner {
                    shared: owner,
                    load,
                    backend: None,
                }
                .serve()
            })
            .map_err(|e| ModelError::Failed {
                model: name.to_owned(),
                reason: e.to_string(),
            })?;
        Ok(Self { shared })
    }

    /// Hands items in; returns at once. The items may be run in different batches.
    ///
    /// # Errors
    /// `Overloaded` when the lane is full.
    pub fn submit(&self, items: Vec<B::Item>, priority: Priority) -> Result<Pending<B::Output>, ModelError> {
        let shared = &self.shared;
        let (reply, answers) = channel();
        let gone = Arc::new(AtomicBool::new(false));
        let entered = Instant::now();
        let deadline = entered + shared.options.deadline;
        let expected = items.len();
        let length: usize = items.iter().map(Length::length).sum();
        let mut state = shared.lock();
        let ms_per_unit = state.ms_per_unit;
        let waiting = state.interactive.length()
            + if priority == Priority::Bulk {
                state.bulk.length()
            } else {
                0
            };
        let lane = state.lane(priority);
        if !lane.is_empty() && lane.length() + length > shared.options.lane_capacity {
            drop(state);
            shared.observer.refused(&shared.name, Refusal::Full, expected);
            let retry_after_ms = ((waiting as f64 * ms_per_unit).ceil() as u64).clamp(50, 60_000);
            return Err(ModelError::Overloaded {
                model: shared.name.clone(),
                retry_after_ms,
            });
        }
        for (at, item) in items.into_iter().enumerate() {
            let length = item.length().max(1);
            lane.push(Job {
                item,
                at,
                length,
                entered,
                deadline,
                reply: reply.clone(),
                gone: Arc::clone(&gone),
            });
        }
        drop(state);
        shared.changed.notify_one();
        Ok(Pending {
            model: shared.name.clone(),
            expected,
            deadline,
            answers,
            gone,
        })
    }

    /// Hands items in and waits for all results; the first failure fails all.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn call(&self, items: Vec<B::Item>, priority: Priority) -> Result<Vec<B::Output>, ModelError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        self.submit(items, priority)?.wait()?.into_iter().collect()
    }
}

impl<B: Backend> Drop for Served<B>
where
    B::Item: Length,
{
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl<B: Backend> Shared<B> {
    /// The state is valid whatever a panicking holder did: every change to it is a single push, pop or assignment.
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> State<B> {
    fn lane(&mut self, priority: Priority) -> &mut Lane<B> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }

    /// Interactive first, unless bulk has waited too long.
    fn next_lane(&self, patience: Duration, now: Instant) -> Option<Priority> {
        let bulk_waits = self.bulk.waited(now);
        match (self.interactive.is_empty(), bulk_waits) {
            (true, None) => None,
            (false, Some(waited)) if waited < patience => Some(Priority::Interactive),
            (false, None) => Some(Priority::Interactive),
            (_, Some(_)) => Some(Priority::Bulk),
        }
    }
}

/// The owner thread's side.
struct Owner<B: Backend, L> {
    shared: Arc<Shared<B>>,
    load: L,
    backend: Option<B>,
}

impl<B: Backend, L: FnMut() -> Result<B, ModelError>> Owner<B, L> {
    fn serve(mut self) {
        while let Some((priority, jobs)) = self.next_batch() {
            let jobs = self.drop_late(jobs);
            if !jobs.is_empty() {
                self.run(priority, jobs);
            }
        }
    }

    /// Waits for work; `None` when the queue is closed.
    fn next_batch(&mut self) -> Option<(Priority, Vec<Job<B>>)> {
        let shared = Arc::clone(&self.shared);
        let options = shared.options;
        let mut state = shared.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(priority) = state.next_lane(options.bulk_patience, Instant::now()) {
                let jobs = state
                    .lane(priority)
                    .take_batch(options.batch_budget, options.batch_items);
                return Some((priority, jobs));
            }
            state = match options.unload_after.filter(|_| self.backend.is_some()) {
                None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(idle) => {
                    let (state, timeout) = shared
                        .changed
                        .wait_timeout(state, idle)
                        .unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() {
                        self.backend = None;
                        tracing::info!(model = %shared.name, "model unloaded after being idle");
                    }
                    state
                }
            };
        }
    }

    fn drop_late(&self, jobs: Vec<Job<B>>) -> Vec<Job<B>> {
        let now = Instant::now();
        let mut kept = Vec::with_capacity(jobs.len());
        for job in jobs {
            if job.gone.load(Ordering::Relaxed) {
                self.shared
                    .observer
                    .refused(&self.shared.name, Refusal::Dropped, 1);
            } else if job.deadline < now {
                self.shared.observer.refused(&self.shared.name, Refusal::Late, 1);
                let late = ModelError::DeadlineExceeded {
                    model: self.shared.name.clone(),
                };
                answer(&job.reply, job.at, Err(late));
            } else {
                kept.push(job);
            }
        }
        kept
    }

    fn run(&mut self, priority: Priority, jobs: Vec<Job<B>>) {
        let began = Instant::now();
        let longest = jobs.iter().map(|j| j.length).max().unwrap_or(1);
        let total: usize = jobs.iter().map(|j| j.length).sum();
        let queue_ms = jobs
            .iter()
            .map(|j| ms(began.duration_since(j.entered)))
            .fold(0.0, f64::max);
        let (items, replies): (Vec<_>, Vec<_>) = jobs.into_iter().map(|j| (j.item, (j.at, j.reply))).unzip();
        let results = self.run_guarded(items, replies.len());
        let inference_ms = ms(began.elapsed());
        self.shared.observer.batch(&BatchTiming {
            model: &self.shared.name,
            priority,
            items: replies.len(),
            cost: replies.len() * longest,
            queue_ms,
            inference_ms,
        });
        let mut state = self.shared.lock();
        let now = inference_ms / total.max(1) as f64;
        state.ms_per_unit = if state.ms_per_unit == 0.0 {
            now
        } else {
            0.8 * state.ms_per_unit + 0.2 * now
        };
        drop(state);
        for ((at, reply), result) in replies.iter().zip(results) {
            answer(reply, *at, result);
        }
    }

    /// One result an item, whatever the model does: an error for all, a panic, or too few results.
    fn run_guarded(&mut self, items: Vec<B::Item>, count: usize) -> Vec<Result<B::Output, ModelError>> {
        let fail_all = |error: ModelError| (0..count).map(|_| Err(error.clone())).collect::<Vec<_>>();
        let failed = |reason: String| ModelError::Failed {
            model: self.shared.name.clone(),
            reason,
        };
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let backend = match &mut self.backend {
                Some(backend) => backend,
                empty => {
                    let began = Instant::now();
                    let loaded = empty.insert((self.load)()?);
                    self.shared
                        .observer
                        .loaded(&self.shared.name, ms(began.elapsed()));
                    loaded
                }
            };
            backend.run(items)
        }));
        match ran {
            Ok(Ok(results)) if results.len() == count => results,
            Ok(Ok(results)) => fail_all(failed(format!("{} results for {count} items", results.len()))),
            Ok(Err(error)) => fail_all(error),
            Err(panic) => {
                let error = failed(format!("it panicked: {}", panic_text(&*panic)));
                tracing::error!(model = %self.shared.name, %error, "model rebuilt after a panic");
                // Its state cannot be trusted any more; the next batch loads it anew.
                self.backend = None;
                fail_all(error)
            }
        }
    }
}

fn answer<T>(reply: &Sender<(usize, Result<T, ModelError>)>, at: usize, result: Result<T, ModelError>) {
    // A send fails only when the caller has left, which is its right.
    let _ = reply.send((at, result));
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests;
