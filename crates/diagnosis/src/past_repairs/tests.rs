//! Properties of predictions from past repairs, and input that nobody should send.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn repair(ticket: &str, text: &str, parts: &[&str]) -> PastRepair {
    PastRepair {
        ticket: ticket.to_owned(),
        text: text.to_owned(),
        parts: parts.iter().map(|&part| part.to_owned()).collect(),
    }
}

fn fit(repairs: Vec<PastRepair>) -> PastRepairs {
    PastRepairs::fit(repairs, BTreeMap::new())
}

fn workshop() -> Vec<PastRepair> {
    let kinds = [
        ("内机风扇不转有异响", "风扇电机"),
        ("不制冷显示E4", "压缩机"),
        ("water leaks below the drum", "door seal"),
        ("drum does not drain", "drain pump"),
    ];
    (0..40)
        .map(|at| {
            let (text, part) = kinds[at % kinds.len()];
            repair(&format!("T-{at:02}"), &format!("{text} {}", at % 7), &[part])
        })
        .collect()
}

fn chance(learnt: &PastRepairs, text: &str, part: &str) -> f64 {
    let found = learnt.predict(text);
    found
        .iter()
        .find(|chance| chance.part == part)
        .map_or(0.0, |chance| chance.probability)
}

#[test]
fn the_part_of_such_repairs_comes_first_with_their_tickets() {
    let learnt = fit(workshop());
    let found = learnt.predict("风扇有异响");
    assert_eq!(found[0].part, "风扇电机");
    assert!(found[0].probability > 0.7, "{found:?}");
    assert_eq!(found[0].similar.len(), 5);
    assert!(
        found[0]
            .similar
            .iter()
            .all(|ticket| learnt.repairs[ticket[2..].parse::<usize>().unwrap()].parts == [0])
    );
    assert_eq!(learnt.predict("water in front of the drum")[0].part, "door seal");
}

#[test]
fn an_added_repair_counts_at_once() {
    let mut learnt = fit(workshop());
    let text = "panel beeps without end";
    let before = learnt.predict(text);
    assert!(before.iter().all(|chance| chance.part != "buzzer"));
    learnt.add(repair("T-new", text, &["buzzer"]));
    let once = chance(&learnt, text, "buzzer");
    learnt.add(repair("T-newer", text, &["buzzer"]));
    let twice = chance(&learnt, text, "buzzer");
    assert!(0.0 < once && once < twice, "{once} {twice}");
    let found = learnt.predict(text);
    let buzzer = found.iter().find(|chance| chance.part == "buzzer");
    assert_eq!(
        buzzer.map(|buzzer| buzzer.similar.join(" ")),
        Some("T-new T-newer".to_owned())
    );
    assert_eq!(learnt.len(), 42);
}

#[test]
fn a_part_number_is_found_by_its_name() {
    let names = BTreeMap::from([
        ("4681".to_owned(), "drain pump".to_owned()),
        ("9920".to_owned(), "fan".to_owned()),
    ]);
    let repairs = (0..6).map(|at| repair(&at.to_string(), "does not work", &[["4681", "9920"][at % 2]]));
    let learnt = PastRepairs::fit(repairs, names);
    let text = "drain pump does not work";
    assert!(chance(&learnt, text, "4681") > chance(&learnt, text, "9920"));
}

#[test]
fn without_repairs_nothing_is_predicted() {
    let mut learnt = fit(Vec::new());
    assert!(learnt.is_empty() && learnt.predict("anything").is_empty());
    learnt.add(repair("T-1", "fan rattles", &["fan"]));
    assert_eq!(learnt.predict("fan rattles")[0].part, "fan");
    learnt.refit();
    assert_eq!(learnt.predict("fan rattles")[0].part, "fan");
}

#[test]
fn repairs_without_text_or_parts_and_a_megabyte_of_text_are_bearable() {
    let mut repairs = workshop();
    repairs.extend([
        repair("a", "", &["door seal"]),
        repair("b", "…", &[]),
        repair("c", "drum", &["", "!"]),
    ]);
    repairs.push(repair(
        "d",
        &"水 drum ".repeat(125_000),
        &["drain pump", "drain pump"],
    ));
    let learnt = fit(repairs);
    for text in ["", "!!!", "\u{0}\u{202e}", &"drum 水".repeat(125_000)] {
        let sum: f64 = learnt.predict(text).iter().map(|chance| chance.probability).sum();
        assert!((0.0..=1.0 + 1e-9).contains(&sum), "{sum}");
    }
}

#[test]
fn the_same_repairs_give_the_same_chances() {
    assert_eq!(
        fit(workshop()).predict("drum leaks"),
        fit(workshop()).predict("drum leaks")
    );
}

/// A world of ten parts whose four words each are heard with chance ½, other words in their place otherwise.
fn noisy_world(tickets: usize, seed: u64) -> Vec<PastRepair> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let words = |part: usize, at: usize| format!("w{}x", char::from(b'a' + (part * 4 + at) as u8 % 26));
    (0..tickets)
        .map(|ticket| {
            let part = random.random_range(0..10_usize);
            let heard: Vec<String> = (0..4)
                .map(|at| {
                    let of = if random.random_bool(0.5) {
                        part
                    } else {
                        random.random_range(0..10)
                    };
                    words(of, at)
                })
                .collect();
            repair(&ticket.to_string(), &heard.join(" "), &[&format!("part {part}")])
        })
        .collect()
}

#[test]
fn chances_are_calibrated_in_a_noisy_world() {
    let learnt = fit(noisy_world(1_000, 1));
    let mut tops: Vec<(f64, bool)> = noisy_world(1_000, 2)
        .iter()
        .map(|ticket| {
            let top = learnt.predict(&ticket.text).swap_remove(0);
            (top.probability, ticket.parts.contains(&top.part))
        })
        .collect();
    tops.sort_by(|a, b| a.0.total_cmp(&b.0));
    // 100 tickets a bin: a share of hits is known to ± 0.05, so that the mean over ten bins is near 0.04 by chance alone.
    let apart = |bin: &[(f64, bool)]| {
        bin.iter()
            .map(|(chance, hit)| chance - f64::from(u8::from(*hit)))
            .sum::<f64>()
    };
    let error: f64 = tops
        .chunks(100)
        .map(|bin| apart(bin).abs() / tops.len() as f64)
        .sum();
    assert!(error < 0.07, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn chances_sum_to_at_most_one(text in "[a-d 水泵风]{0,40}", seed in 0_u64..50) {
        let learnt = fit(noisy_world(30, seed));
        let found = learnt.predict(&text);
        prop_assert!(found.iter().all(|chance| (0.0..=1.0).contains(&chance.probability)));
        prop_assert!(found.iter().map(|chance| chance.probability).sum::<f64>() <= 1.0 + 1e-9);
        prop_assert!(found.is_sorted_by(|a, b| a.probability >= b.probability));
    }

    #[test]
    fn the_order_of_repairs_does_not_change_who_votes(turn in 0_usize..40) {
        let repairs = workshop();
        let mut turned = repairs.clone();
        turned.rotate_left(turn);
        let near = |learnt: &PastRepairs| {
            let words = words::words("fan rattles, drum 不转");
            let nearest = learnt.neighbours.nearest(&words, 8, None);
            let mut tickets: Vec<String> = nearest.iter().map(|near| learnt.repairs[near.repair].ticket.clone()).collect();
            tickets.sort();
            tickets
        };
        prop_assert_eq!(near(&fit(repairs)), near(&fit(turned)));
    }

    #[test]
    fn a_repair_raises_its_part_for_its_own_text(kind in 0_usize..4) {
        let mut learnt = fit(workshop());
        let repair = workshop().swap_remove(kind);
        let before = chance(&learnt, &repair.text, "another");
        let more = PastRepair { parts: vec!["another".to_owned()], ..repair.clone() };
        learnt.add(more);
        prop_assert!(chance(&learnt, &repair.text, "another") > before);
    }
}
