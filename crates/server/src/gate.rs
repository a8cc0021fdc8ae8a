//! Bounds on how much is done at once: computations, requests, and requests of one key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// How long a caller is told to wait when every place of a lane is taken.
const QUICK_RETRY_S: u64 = 1;
const HEAVY_RETRY_S: u64 = 2;
/// Quick computations that may wait for each worker. One takes some 10 ms, so the last one waits about 0.1 s.
const QUICK_WAITING: usize = 8;
/// Cores that one heavy computation keeps busy: the photos of a visit, usually six, are examined side by side.
const HEAVY_CORES: usize = 6;
/// Heavy computations that may wait for each running one: none waits longer than one takes, and what waits holds its photos in
/// memory.
const HEAVY_WAITING: usize = 1;

/// How long after a refusal a lane counts as overloaded. Waiting places are there for bursts: under a load that stays, they are
/// always taken, and all they give is a longer wait for what is accepted (as with CoDel, Nichols & Jacobson 2012).
const OVERLOADED_FOR: Duration = Duration::from_secs(10);
/// An overloaded lane keeps one of so many waiting places, rounded down.
const OVERLOADED_WAITING: usize = 8;

/// Runs computations on blocking threads, in two lanes so that a question does not wait behind photos: in each a bounded number at
/// once, a bounded number waiting. What finds no place is refused at once with a time to come back, rather than answered when nobody
/// waits for it any more.
///
/// Bulk work (parsing, batches, inspections that nobody waits for) runs one at a time beside both lanes.
#[derive(Clone)]
pub struct Gate {
    quick: Lane,
    heavy: Lane,
    /// Quick workers that stand still while a heavy computation runs: the cores are fewer than what both lanes would use, and
    /// each would wait for the other.
    displaced: u32,
    bulk: Arc<Semaphore>,
}

#[derive(Clone)]
struct Lane {
    workers: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
    retry_after_s: u64,
    refused_at: Arc<Mutex<Option<Instant>>>,
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    fn new(workers: usize, most_waiting: usize, retry_after_s: u64) -> Self {
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            waiting: Arc::default(),
            most_waiting,
            retry_after_s,
            refused_at: Arc::default(),
        }
    }

    /// A worker, after those who came before; refused where too many wait.
    async fn enter(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(self.waiting.clone());
        if before >= self.may_wait() + self.workers.available_permits() {
            *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            metrics::counter!("shifu_overloaded_total").increment(1);
            return Err(ApiError::Overloaded {
                retry_after_s: self.retry_after_s,
            });
        }
        acquire(&self.workers).await
    }

    fn may_wait(&self) -> usize {
        let refused_at = *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        if refused_at.is_some_and(|at| at.elapsed() < OVERLOADED_FOR) {
            self.most_waiting / OVERLOADED_WAITING
        } else {
            self.most_waiting
        }
    }
}

impl Gate {
    /// `workers` quick computations at once and as many heavy ones as keep `workers` cores busy; while those run, at least half the
    /// quick workers go on. In each lane `queue` more wait at most.
    #[must_use]
    pub fn new(workers: usize, queue: usize) -> Self {
        let quick = workers.max(1);
        let heavy = quick.div_ceil(HEAVY_CORES);
        Self {
            quick: Lane::new(quick, queue.min(quick * QUICK_WAITING), QUICK_RETRY_S),
            heavy: Lane::new(heavy, queue.min(heavy * HEAVY_WAITING), HEAVY_RETRY_S),
            displaced: (quick / 2 / heavy) as u32,
            bulk: Arc::new(Semaphore::new(1)),
        }
    }

    /// Computes something short for a person who waits.
    ///
    /// # Errors
    /// `Overloaded` when too many wait, `Internal` when the computation panicked.
    pub async fn interactive<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(self.quick.enter().await?, compute).await
    }

    /// Computes something that takes a second or so, such as the photos of a visit, for a person who waits.
    ///
    /// # Errors
    /// `Overloaded` when too many wait, `Internal` when the computation panicked.
    pub async fn heavy<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = self.heavy.enter().await?;
        let workers = self.quick.workers.clone().acquire_many_owned(self.displaced);
        let workers = workers.await.map_err(ApiError::internal)?;
        run((place, workers), compute).await
    }

    /// Computes what must follow a write that is kept already: never refused, however many wait.
    ///
    /// # Errors
    /// `Internal` when the computation panicked.
    pub async fn promised<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(acquire(&self.quick.workers).await?, compute).await
    }

    /// Computes when nobody waits, after other bulk work.
    ///
    /// # Errors
    /// `Internal` when the computation panicked.
    pub async fn bulk<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(acquire(&self.bulk).await?, compute).await
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    semaphore
        .clone()
        .acquire_owned()
        .await
        .map_err(ApiError::internal)
}

/// The places live as long as the computation, even when the caller hung up.
async fn run<T: Send + 'static>(
    places: impl Send + 'static,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let task = tokio::task::spawn_blocking(move || {
        let _places = places;
        compute()
    });
    task.await.map_err(ApiError::internal)
}

/// Requests of each key: a bucket of a minute's worth that fills evenly.
#[derive(Clone)]
pub struct Rates {
    per_minute: u32,
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// Keys remembered at most; full buckets are forgotten beyond it.
const MOST_BUCKETS: usize = 10_000;

impl Rates {
    /// `per_minute` requests a key; 0: unlimited.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            buckets: Arc::default(),
        }
    }

    /// Takes one request from the key's bucket.
    ///
    /// # Errors
    /// `RateLimited` when it is empty.
    pub fn take(&self, key_id: &str) -> Result<(), ApiError> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let full = f64::from(self.per_minute);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MOST_BUCKETS {
            buckets.retain(|_, bucket| now.duration_since(bucket.at).as_secs() < 60);
        }
        let bucket = buckets
            .entry(key_id.to_owned())
            .or_insert(Bucket { left: full, at: now });
        let refill = now.duration_since(bucket.at).as_secs_f64() * full / 60.0;
        *bucket = Bucket {
            left: (bucket.left + refill).min(full),
            at: now,
        };
        if bucket.left < 1.0 {
            let retry_after_s = ((1.0 - bucket.left) * 60.0 / full).ceil() as u64;
            return Err(ApiError::RateLimited { retry_after_s });
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_key_that_asks_too_often_is_told_when_to_come_back() {
        let rates = Rates::new(2);
        assert!(rates.take("a").is_ok() && rates.take("a").is_ok());
        // Two a minute: the next place is free after 30 s.
        let Err(ApiError::RateLimited { retry_after_s }) = rates.take("a") else {
            panic!("not limited")
        };
        assert!((29..=30).contains(&retry_after_s), "{retry_after_s}");
        assert!(rates.take("b").is_ok(), "another key has its own bucket");
        assert!((0..100).all(|_| Rates::new(0).take("a").is_ok()));
    }

    #[tokio::test]
    async fn a_full_lane_is_refused_at_once_and_neither_photos_nor_bulk_hold_up_a_question() {
        let gate = Gate::new(2, 0);
        let (release, blocked) = mpsc::channel::<()>();
        let bulk = tokio::spawn({
            let gate = gate.clone();
            async move { gate.bulk(move || blocked.recv().is_err()).await }
        });
        let waiting_bulk = tokio::spawn({
            let gate = gate.clone();
            async move { gate.bulk(|| ()).await }
        });
        while gate.bulk.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.heavy(|| 7).await, Ok(7), "photos do not wait for bulk work");
        let all = gate.heavy.workers.clone().acquire_owned().await.unwrap();
        assert_eq!(
            gate.heavy(|| 7).await,
            Err(ApiError::Overloaded {
                retry_after_s: HEAVY_RETRY_S
            })
        );
        assert_eq!(
            gate.interactive(|| 7).await,
            Ok(7),
            "a question does not wait for photos"
        );
        drop((release, all));
        assert_eq!(bulk.await.unwrap(), Ok(true));
        waiting_bulk.await.unwrap().unwrap();
    }

    #[test]
    fn photos_that_fill_the_cores_run_side_by_side_only_where_there_are_more_cores() {
        let places = |cores: usize| {
            let gate = Gate::new(cores, 256);
            (
                gate.quick.workers.available_permits(),
                gate.heavy.workers.available_permits(),
            )
        };
        assert_eq!(
            (places(0), places(2), places(6), places(16)),
            ((1, 1), (2, 1), (6, 1), (16, 3))
        );
    }

    #[tokio::test]
    async fn while_photos_are_examined_half_the_quick_workers_go_on() {
        let gate = Gate::new(2, 256);
        let (release, blocked) = mpsc::channel::<()>();
        let heavy = tokio::spawn({
            let gate = gate.clone();
            async move { gate.heavy(move || blocked.recv().is_err()).await }
        });
        while gate.quick.workers.available_permits() == 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.quick.workers.available_permits(), 1);
        assert_eq!(gate.interactive(|| 1).await, Ok(1));
        drop(release);
        assert_eq!(heavy.await.unwrap(), Ok(true));
        assert_eq!(gate.quick.workers.available_permits(), 2);
        assert_eq!(
            Gate::new(1, 256).heavy(|| 1).await,
            Ok(1),
            "one core: nothing to give up"
        );
    }

    #[tokio::test]
    async fn as_many_wait_as_there_are_places_and_what_was_promised_waits_beyond() {
        let gate = Gate::new(1, 256);
        let (release, blocked) = mpsc::channel::<()>();
        let spawn = |promised: bool, blocked: Option<mpsc::Receiver<()>>| {
            let gate = gate.clone();
            tokio::spawn(async move {
                let compute = move || blocked.is_none_or(|blocked| blocked.recv().is_err());
                if promised {
                    gate.promised(compute).await
                } else {
                    gate.interactive(compute).await
                }
            })
        };
        let running = spawn(false, Some(blocked));
        while gate.quick.workers.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..QUICK_WAITING).map(|_| spawn(false, None)).collect();
        while gate.quick.waiting.load(Ordering::Relaxed) < QUICK_WAITING {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            gate.interactive(|| true).await,
            Err(ApiError::Overloaded {
                retry_after_s: QUICK_RETRY_S
            })
        );
        let promised = spawn(true, None);
        drop(release);
        for task in [running, promised].into_iter().chain(waiting) {
            assert_eq!(task.await.unwrap(), Ok(true));
        }
    }

    #[tokio::test]
    async fn who_may_wait_in_a_burst_may_not_while_the_lane_is_overloaded() {
        let gate = Gate::new(1, 256);
        let held = gate.heavy.workers.clone().acquire_owned().await.unwrap();
        let refused = Err(ApiError::Overloaded {
            retry_after_s: HEAVY_RETRY_S,
        });
        let waits = || {
            let gate = gate.clone();
            tokio::spawn(async move { gate.heavy(|| 1).await })
        };
        let waiting = waits();
        while gate.heavy.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.heavy(|| 2).await, refused, "one waits already");
        waiting.abort();
        assert!(waiting.await.is_err(), "it waited");
        assert_eq!(gate.heavy(|| 3).await, refused, "the lane is overloaded");
        let long_ago = Instant::now().checked_sub(OVERLOADED_FOR);
        *gate.heavy.refused_at.lock().unwrap() = long_ago;
        let waiting = waits();
        drop(held);
        assert_eq!(waiting.await.unwrap(), Ok(1));
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_frees_its_place() {
        let gate = Gate::new(1, 1);
        let result = gate.interactive(|| panic!("on purpose")).await;
        assert!(matches!(result, Err::<(), _>(ApiError::Internal(_))));
        assert_eq!(gate.interactive(|| 1).await, Ok(1));
    }
}
