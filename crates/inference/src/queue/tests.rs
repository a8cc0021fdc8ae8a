//! The queue against a fake model that is slow, fails or panics on demand.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::*;

/// Doubles numbers; each batch waits for a permit, so that tests decide when it runs.
struct Doubler {
    permits: Arc<(Mutex<usize>, Condvar)>,
    batches: Arc<Mutex<Vec<Vec<usize>>>>,
}

#[derive(Clone, Copy)]
struct Number(usize);

impl Length for Number {
    fn length(&self) -> usize {
        self.0
    }
}

const PANICS: usize = 13;
const FAILS: usize = 7;

impl Backend for Doubler {
    type Item = Number;
    type Output = usize;

    fn run(&mut self, batch: Vec<Number>) -> Result<Vec<Result<usize, ModelError>>, ModelError> {
        let (permits, freed) = &*self.permits;
        let mut left = permits.lock().unwrap();
        while *left == 0 {
            left = freed.wait(left).unwrap();
        }
        *left -= 1;
        drop(left);
        self.batches
            .lock()
            .unwrap()
            .push(batch.iter().map(|n| n.0).collect());
        assert!(!batch.iter().any(|n| n.0 == PANICS), "thirteen");
        let bad = |n: usize| ModelError::BadInput {
            model: "doubler".into(),
            reason: n.to_string(),
        };
        Ok(batch
            .iter()
            .map(|n| if n.0 == FAILS { Err(bad(n.0)) } else { Ok(n.0 * 2) })
            .collect())
    }
}

#[derive(Default)]
struct Counts {
    refusals: Mutex<Vec<(Refusal, usize)>>,
    batches: AtomicUsize,
    loads: AtomicUsize,
}

impl Observer for Counts {
    fn batch(&self, timing: &BatchTiming<'_>) {
        assert!(timing.queue_ms >= 0.0 && timing.inference_ms >= 0.0 && timing.items > 0);
        self.batches.fetch_add(1, Ordering::SeqCst);
    }
    fn refused(&self, _: &str, why: Refusal, items: usize) {
        self.refusals.lock().unwrap().push((why, items));
    }
    fn loaded(&self, _: &str, _: f64) {
        self.loads.fetch_add(1, Ordering::SeqCst);
    }
}

struct Fake {
    served: Served<Doubler>,
    permits: Arc<(Mutex<usize>, Condvar)>,
    batches: Arc<Mutex<Vec<Vec<usize>>>>,
    counts: Arc<Counts>,
}

impl Fake {
    fn start(options: QueueOptions) -> Self {
        let permits = Arc::new((Mutex::new(0), Condvar::new()));
        let batches = Arc::new(Mutex::new(Vec::new()));
        let counts = Arc::new(Counts::default());
        let (p, b) = (Arc::clone(&permits), Arc::clone(&batches));
        let load = move || {
            Ok(Doubler {
                permits: Arc::clone(&p),
                batches: Arc::clone(&b),
            })
        };
        let served = Served::start("doubler", options, counts.clone(), load).unwrap();
        Self {
            served,
            permits,
            batches,
            counts,
        }
    }

    fn permit(&self, batches: usize) {
        *self.permits.0.lock().unwrap() += batches;
        self.permits.1.notify_all();
    }

    fn submit(&self, numbers: &[usize], priority: Priority) -> Result<Pending<usize>, ModelError> {
        self.served
            .submit(numbers.iter().map(|&n| Number(n)).collect(), priority)
    }

    /// Occupies the thread with one batch that has not got its permit.
    fn occupy(&self) -> Pending<usize> {
        let pending = self.submit(&[1], Priority::Interactive).unwrap();
        while !self.served.shared.lock().interactive.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        pending
    }
}

fn values(pending: Pending<usize>) -> Vec<usize> {
    pending.wait().unwrap().into_iter().map(Result::unwrap).collect()
}

#[test]
fn answers_come_back_in_order_whatever_the_batches() {
    let fake = Fake::start(QueueOptions {
        batch_budget: 20,
        ..QueueOptions::default()
    });
    fake.permit(100);
    let numbers: Vec<usize> = (0..60)
        .map(|i| 1 + (i * 7) % 12)
        .filter(|&n| n != FAILS)
        .collect();
    let answers = values(fake.submit(&numbers, Priority::Bulk).unwrap());
    assert_eq!(answers, numbers.iter().map(|n| n * 2).collect::<Vec<_>>());
    let batches = fake.batches.lock().unwrap();
    assert!(
        batches
            .iter()
            .all(|b| b.len() == 1 || b.len() * b.iter().max().unwrap() <= 20)
    );
    assert!(batches.len() < numbers.len(), "some travelled together");
    assert_eq!(fake.counts.loads.load(Ordering::SeqCst), 1);
}

#[test]
fn interactive_goes_before_bulk() {
    let fake = Fake::start(QueueOptions {
        bulk_patience: Duration::from_secs(60),
        ..QueueOptions::default()
    });
    let first = fake.occupy();
    let bulk = fake.submit(&[100], Priority::Bulk).unwrap();
    let interactive = fake.submit(&[200], Priority::Interactive).unwrap();
    fake.permit(3);
    assert_eq!(
        (values(first), values(bulk), values(interactive)),
        (vec![2], vec![200], vec![400])
    );
    assert_eq!(*fake.batches.lock().unwrap(), [[1], [200], [100]]);
}

#[test]
fn bulk_that_waited_too_long_is_not_starved() {
    let fake = Fake::start(QueueOptions {
        bulk_patience: Duration::ZERO,
        ..QueueOptions::default()
    });
    let first = fake.occupy();
    let bulk = fake.submit(&[100], Priority::Bulk).unwrap();
    let interactive = fake.submit(&[200], Priority::Interactive).unwrap();
    fake.permit(3);
    for pending in [first, bulk, interactive] {
        values(pending);
    }
    assert_eq!(*fake.batches.lock().unwrap(), [[1], [100], [200]]);
}

#[test]
fn a_full_lane_refuses_at_once_and_says_when_to_come_back() {
    let fake = Fake::start(QueueOptions {
        lane_capacity: 100,
        ..QueueOptions::default()
    });
    let first = fake.occupy();
    let big = fake.submit(&[900], Priority::Interactive).unwrap();
    let began = Instant::now();
    let Err(ModelError::Overloaded {
        model,
        retry_after_ms,
    }) = fake.submit(&[5, 6], Priority::Interactive)
    else {
        panic!("must be refused")
    };
    assert!(began.elapsed() < Duration::from_millis(500));
    assert_eq!(model, "doubler");
    assert!((50..=60_000).contains(&retry_after_ms));
    let other_lane = fake.submit(&[5], Priority::Bulk).unwrap();
    assert_eq!(*fake.counts.refusals.lock().unwrap(), [(Refusal::Full, 2)]);
    fake.permit(3);
    assert_eq!(
        (values(first), values(big), values(other_lane)),
        (vec![2], vec![1800], vec![10])
    );
}

#[test]
fn a_caller_that_left_is_skipped() {
    let fake = Fake::start(QueueOptions::default());
    let first = fake.occupy();
    drop(fake.submit(&[50], Priority::Interactive).unwrap());
    let kept = fake.submit(&[60], Priority::Interactive).unwrap();
    fake.permit(2);
    assert_eq!((values(first), values(kept)), (vec![2], vec![120]));
    assert_eq!(*fake.batches.lock().unwrap(), [[1], [60]]);
    assert_eq!(*fake.counts.refusals.lock().unwrap(), [(Refusal::Dropped, 1)]);
}

#[test]
fn a_request_past_its_deadline_is_told_so_and_not_run() {
    let fake = Fake::start(QueueOptions {
        deadline: Duration::from_millis(30),
        ..QueueOptions::default()
    });
    let first = fake.occupy();
    let late = fake.submit(&[50], Priority::Interactive).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    fake.permit(1);
    assert_eq!(values(first), [2]);
    assert!(matches!(
        late.wait().unwrap()[0],
        Err(ModelError::DeadlineExceeded { .. })
    ));
    assert_eq!(*fake.batches.lock().unwrap(), [[1]]);
}

#[test]
fn a_panic_fails_its_batch_and_the_model_comes_back() {
    let fake = Fake::start(QueueOptions {
        batch_items: 1,
        ..QueueOptions::default()
    });
    fake.permit(3);
    let answer = fake
        .submit(&[PANICS], Priority::Interactive)
        .unwrap()
        .wait()
        .unwrap();
    assert!(matches!(&answer[0], Err(ModelError::Failed { reason, .. }) if reason.contains("thirteen")));
    assert_eq!(values(fake.submit(&[3], Priority::Interactive).unwrap()), [6]);
    assert_eq!(
        fake.counts.loads.load(Ordering::SeqCst),
        2,
        "the model was built anew"
    );
}

#[test]
fn a_bad_item_does_not_fail_its_neighbours() {
    let fake = Fake::start(QueueOptions::default());
    fake.permit(2);
    let answers = fake
        .submit(&[5, FAILS, 6], Priority::Interactive)
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!((&answers[0], &answers[2]), (&Ok(10), &Ok(12)));
    assert!(matches!(answers[1], Err(ModelError::BadInput { .. })));
}

#[test]
fn a_failed_load_is_reported_and_tried_again() {
    let mut attempts = 0;
    let permits = Arc::new((Mutex::new(9), Condvar::new()));
    let load = move || {
        attempts += 1;
        if attempts == 1 {
            return Err(ModelError::NotInstalled {
                model: "doubler".into(),
                reason: "no file".into(),
            });
        }
        Ok(Doubler {
            permits: Arc::clone(&permits),
            batches: Arc::default(),
        })
    };
    let served = Served::start("doubler", QueueOptions::default(), Arc::new(Unobserved), load).unwrap();
    let call = || served.call(vec![Number(4)], Priority::Interactive);
    assert!(matches!(call(), Err(ModelError::NotInstalled { .. })));
    assert_eq!(call().unwrap(), [8]);
}

#[test]
fn an_idle_model_is_unloaded_and_loaded_again() {
    let options = QueueOptions {
        unload_after: Some(Duration::from_millis(20)),
        ..QueueOptions::default()
    };
    let fake = Fake::start(options);
    fake.permit(2);
    values(fake.submit(&[1], Priority::Interactive).unwrap());
    std::thread::sleep(Duration::from_millis(200));
    values(fake.submit(&[2], Priority::Interactive).unwrap());
    assert_eq!(fake.counts.loads.load(Ordering::SeqCst), 2);
}

#[test]
fn no_items_need_no_model() {
    let fake = Fake::start(QueueOptions::default());
    assert!(
        fake.served
            .call(vec![], Priority::Interactive)
            .unwrap()
            .is_empty()
    );
    assert_eq!(fake.counts.loads.load(Ordering::SeqCst), 0);
}
