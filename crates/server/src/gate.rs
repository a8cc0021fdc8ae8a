//! Bounds on how much is done at once: computations, requests, and requests of one key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// How long a caller is told to wait when every queue place is taken.
const BUSY_RETRY_S: u64 = 2;

/// Runs computations on blocking threads: a bounded number at once, a bounded number waiting.
///
/// Bulk work (parsing, batches, inspections that nobody waits for) runs one at a time, so that with two workers or more one is
/// always left for a person who waits.
#[derive(Clone)]
pub struct Gate {
    workers: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// `workers` computations at once, `queue` more waiting.
    #[must_use]
    pub fn new(workers: usize, queue: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            bulk: Arc::new(Semaphore::new(1)),
            waiting: Arc::default(),
            queue,
        }
    }

    /// Computes for a person who waits.
    ///
    /// # Errors
    /// `Overloaded` when the queue is full, `Internal` when the computation panicked.
    pub async fn interactive<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue + self.workers.available_permits() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!("shifu_overloaded_total").increment(1);
            return Err(ApiError::Overloaded {
                retry_after_s: BUSY_RETRY_S,
            });
        }
        let waiting = Waiting(self.waiting.clone());
        let permit = acquire(&self.workers).await?;
        drop(waiting);
        run(permit, compute).await
    }

    /// Computes when nobody waits, after other bulk work.
    ///
    /// # Errors
    /// `Internal` when the computation panicked.
    pub async fn bulk<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = acquire(&self.bulk).await?;
        let permit = acquire(&self.workers).await?;
        let result = run(permit, compute).await;
        drop(turn);
        result
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    semaphore
        .clone()
        .acquire_owned()
        .await
        .map_err(ApiError::internal)
}

/// The permit lives as long as the computation, even when the caller hung up.
async fn run<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
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
    async fn a_full_queue_is_refused_at_once_and_bulk_leaves_room_for_people() {
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
        while gate.workers.available_permits() == 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.interactive(|| 7).await, Ok(7), "one worker is left");
        let all = gate.workers.clone().acquire_owned().await.unwrap();
        assert!(matches!(
            gate.interactive(|| 7).await,
            Err(ApiError::Overloaded { .. })
        ));
        drop((release, all));
        assert_eq!(bulk.await.unwrap(), Ok(true));
        waiting_bulk.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_frees_its_place() {
        let gate = Gate::new(1, 1);
        let result = gate.interactive(|| panic!("on purpose")).await;
        assert!(matches!(result, Err::<(), _>(ApiError::Internal(_))));
        assert_eq!(gate.interactive(|| 1).await, Ok(1));
    }
}
