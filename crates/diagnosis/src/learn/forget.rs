//! How fast old repairs fade: the half-life under which each month's causes were best foretold by the months before.

/// Days among which the half-life is chosen; none fades not at all.
const HALF_LIVES: [Option<f64>; 5] = [None, Some(720.0), Some(360.0), Some(180.0), Some(90.0)];
/// Days of a period that is foretold at once.
const PERIOD: i32 = 30;
/// Nats a repair by which fading must be better than not fading.
const MARGIN: f64 = 0.003;

/// The weight of a repair of `day` when the newest is of `newest`.
pub(super) fn weight(half_life: Option<f64>, day: Option<i32>, newest: i32) -> f64 {
    match (half_life, day) {
        (Some(days), Some(day)) => (-f64::from(newest - day) / days).exp2(),
        _ => 1.0,
    }
}

/// The half-life in days with the least prequential log-loss of causes (Dawid 1984), period by period.
pub(super) fn half_life(repairs: &[(i32, &[(u32, f64)])], expert: &[f64], prior_size: f64) -> Option<f64> {
    let first = repairs.iter().map(|repair| repair.0).min()?;
    let last = repairs.iter().map(|repair| repair.0).max().unwrap_or(first);
    let periods = ((last - first) / PERIOD + 1) as usize;
    // A single stray date must not make thousands of empty periods.
    if !(3..=240).contains(&periods) {
        return None;
    }
    let mut counts = vec![vec![0.0; expert.len()]; periods];
    for (day, shares) in repairs {
        let period = &mut counts[((day - first) / PERIOD) as usize];
        shares
            .iter()
            .for_each(|&(cause, share)| period[cause as usize] += share);
    }
    let total: f64 = counts.iter().flatten().sum();
    let losses: Vec<f64> = HALF_LIVES
        .iter()
        .map(|&days| loss(&counts, expert, prior_size, days) / total.max(1.0))
        .collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
    HALF_LIVES[best].filter(|_| losses[best] < losses[0] - MARGIN)
}

fn loss(counts: &[Vec<f64>], expert: &[f64], prior_size: f64, half_life: Option<f64>) -> f64 {
    let fade = weight(half_life, Some(0), PERIOD);
    let mut past = vec![0.0; expert.len()];
    let mut loss = 0.0;
    for period in counts {
        let total = past.iter().sum::<f64>() + prior_size * expert.iter().sum::<f64>() + 1.0;
        for (cause, &count) in period.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            let spread = 1.0 / expert.len() as f64;
            loss -= count * ((past[cause] + prior_size * expert[cause] + spread) / total).ln();
        }
        past.iter_mut()
            .zip(period)
            .for_each(|(past, count)| *past = *past * fade + count);
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(cause: impl Fn(i32) -> u32) -> Option<f64> {
        let shares: Vec<[(u32, f64); 1]> = (0..720).map(|day| [(cause(day), 1.0)]).collect();
        let repairs: Vec<(i32, &[(u32, f64)])> = shares
            .iter()
            .enumerate()
            .map(|(day, s)| (day as i32, s.as_slice()))
            .collect();
        half_life(&repairs, &[0.1, 0.1], 10.0)
    }

    #[test]
    fn a_steady_world_is_not_forgotten_and_a_changing_one_is() {
        assert_eq!(chosen(|day| (day % 2) as u32), None);
        assert!(chosen(|day| u32::from(day > 360)).is_some());
    }

    #[test]
    fn a_repair_weighs_half_after_its_half_life() {
        assert_eq!(weight(Some(90.0), Some(10), 100), 0.5);
        assert_eq!(weight(None, Some(10), 100), 1.0);
        assert_eq!(weight(Some(90.0), None, 100), 1.0);
    }
}
