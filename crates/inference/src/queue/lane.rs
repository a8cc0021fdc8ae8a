//! Items of one priority, waiting.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use shifu_domain::models::ModelError;

use super::Backend;

/// How many waiting items are looked at when a batch is put together; keeps it linear under load.
const LOOK_AHEAD: usize = 512;

/// One item and the way back to its caller.
pub(super) struct Job<B: Backend> {
    pub(super) item: B::Item,
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) entered: Instant,
    pub(super) deadline: Instant,
    pub(super) reply: Sender<(usize, Result<B::Output, ModelError>)>,
    pub(super) gone: Arc<AtomicBool>,
}

/// First in, first served, except that items of like length travel together.
pub(super) struct Lane<B: Backend> {
    jobs: VecDeque<Job<B>>,
    length: usize,
}

impl<B: Backend> Lane<B> {
    pub(super) fn new() -> Self {
        Self {
            jobs: VecDeque::new(),
            length: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Sum of the lengths waiting.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// How long the oldest item has waited.
    pub(super) fn waited(&self, now: Instant) -> Option<Duration> {
        self.jobs
            .front()
            .map(|j| now.saturating_duration_since(j.entered))
    }

    pub(super) fn push(&mut self, job: Job<B>) {
        self.length += job.length;
        self.jobs.push_back(job);
    }

    /// The oldest item and those nearest to it in length, while `count * longest` stays within `budget`.
    pub(super) fn take_batch(&mut self, budget: usize, most_items: usize) -> Vec<Job<B>> {
        let chosen = choose(
            self.jobs.iter().take(LOOK_AHEAD).map(|j| j.length),
            budget,
            most_items,
        );
        let mut batch: Vec<Job<B>> = Vec::with_capacity(chosen.len());
        // From the back, so that earlier positions stay valid.
        for &at in chosen.iter().rev() {
            batch.extend(self.jobs.remove(at));
        }
        batch.reverse();
        self.length -= batch.iter().map(|j| j.length).sum::<usize>();
        batch
    }
}

/// Positions of a batch, ascending: always the first, then those nearest in length that fit.
fn choose(lengths: impl Iterator<Item = usize>, budget: usize, most_items: usize) -> Vec<usize> {
    let lengths: Vec<usize> = lengths.collect();
    let Some(&head) = lengths.first() else {
        return Vec::new();
    };
    let mut order: Vec<usize> = (1..lengths.len()).collect();
    order.sort_by_key(|&at| (lengths[at].abs_diff(head), at));
    let mut chosen = vec![0];
    let mut longest = head;
    for at in order {
        let widest = longest.max(lengths[at]);
        if chosen.len() >= most_items {
            break;
        }
        if widest.saturating_mul(chosen.len() + 1) <= budget {
            longest = widest;
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_oldest_goes_with_those_of_its_length() {
        for (lengths, budget, most, expected) in [
            (vec![], 100, 8, vec![]),
            (vec![500], 100, 8, vec![0]),
            (vec![10, 90, 11, 9, 90], 40, 8, vec![0, 2, 3]),
            (vec![10, 10, 10, 10], 1000, 2, vec![0, 1]),
            (vec![90, 10, 80], 180, 8, vec![0, 2]),
        ] {
            assert_eq!(
                choose(lengths.clone().into_iter(), budget, most),
                expected,
                "{lengths:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_batch_holds_its_head_and_stays_within_budget(
            lengths in prop::collection::vec(1_usize..600, 1..80), budget in 1_usize..5000, most in 1_usize..40,
        ) {
            let chosen = choose(lengths.iter().copied(), budget, most);
            prop_assert_eq!(chosen[0], 0);
            prop_assert!(chosen.len() <= most);
            let longest = chosen.iter().map(|&at| lengths[at]).max().unwrap();
            prop_assert!(chosen.len() == 1 || longest * chosen.len() <= budget);
            prop_assert!(chosen.windows(2).all(|w| w[0] < w[1]));
        }
    }
}
