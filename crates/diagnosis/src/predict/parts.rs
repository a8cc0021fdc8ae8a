//! Which parts each repair takes on a model, and the chosen kit as the dispatcher sees it.

use std::collections::BTreeMap;

use shifu_domain::{KitItem, ModelNumber, PartNumber, Probability};

use super::Diagnosis;
use crate::bom::Part;
use crate::contract::{FirstTimeFix, Prediction, Stock, Substitute};
use crate::kit::{Choice, Repairs, Solution, World};

impl Diagnosis {
    /// Which parts each event's repair takes on `model`, superseded numbers replaced.
    pub(super) fn repairs(&self, model: Option<&ModelNumber>) -> Repairs {
        let mut repairs = Repairs::default();
        for event in &self.tree.events {
            let mut needs = Vec::new();
            for replacement in &event.repaired_by {
                let Some(part) = self
                    .bom
                    .current(&replacement.part_number)
                    .filter(|part| part.fits(model))
                else {
                    continue;
                };
                let Some(at) = self
                    .bom
                    .parts
                    .iter()
                    .position(|p| p.part_number == part.part_number)
                else {
                    continue;
                };
                let choice = Choice {
                    part: at,
                    quantity: replacement.quantity,
                    price: part.price,
                };
                let position = repairs
                    .choices
                    .iter()
                    .position(|c| *c == choice)
                    .unwrap_or_else(|| {
                        repairs.choices.push(choice);
                        repairs.choices.len() - 1
                    });
                needs.push(position);
            }
            repairs.needs.push(needs);
        }
        repairs
    }

    pub(super) fn put_kit(
        &self,
        prediction: &mut Prediction,
        world: &World<'_>,
        repairs: &Repairs,
        solution: &Solution,
        stock: Option<&[Stock]>,
        model: Option<&ModelNumber>,
    ) {
        let held = |number: &PartNumber| -> u64 {
            let lines = stock
                .unwrap_or_default()
                .iter()
                .filter(|s| s.part_number == *number);
            lines.map(|s| u64::from(s.depot) + u64::from(s.van)).sum()
        };
        let mut items: BTreeMap<usize, (u32, usize)> = BTreeMap::new();
        for (c, choice) in repairs
            .choices
            .iter()
            .enumerate()
            .filter(|(c, _)| solution.chosen[*c])
        {
            let item = items.entry(choice.part).or_insert((0, c));
            item.0 = item.0.max(choice.quantity);
        }
        for (part, (quantity, c)) in items {
            let part = &self.bom.parts[part];
            let mut alternatives = self.bom.alternatives(part, model);
            if stock.is_some() {
                alternatives.sort_by_key(|number| held(number) < u64::from(quantity));
            }
            if stock.is_some() && held(&part.part_number) < u64::from(quantity) {
                let substitute = self.substitute(part, quantity, &alternatives, &held);
                prediction.substitutes.extend(substitute);
            }
            prediction.kit_cost = prediction.kit_cost + part.price * quantity;
            prediction.kit.push(KitItem {
                part_number: part.part_number.clone(),
                name: part.name.clone(),
                quantity,
                price: part.price,
                probability_needed: Probability::clamped(world.needed(repairs, c)),
                in_stock: stock.map(|_| held(&part.part_number) >= u64::from(quantity)),
                alternatives,
            });
        }
        prediction.kit.sort_by(|a, b| {
            b.probability_needed
                .value()
                .total_cmp(&a.probability_needed.value())
                .then(a.part_number.cmp(&b.part_number))
        });
        let at_hand = |c: &Choice| {
            let part = &self.bom.parts[c.part];
            let enough = |number: &PartNumber| held(number) >= u64::from(c.quantity);
            stock.is_none()
                || enough(&part.part_number)
                || self.bom.alternatives(part, model).iter().any(enough)
        };
        let every: Vec<bool> = repairs.choices.iter().map(at_hand).collect();
        let none = vec![false; repairs.choices.len()];
        prediction.certificate = solution.certificate;
        prediction.first_time_fix = FirstTimeFix {
            with_kit: Probability::clamped(solution.fix),
            without_parts: Probability::clamped(world.fix(repairs, &none)),
            with_every_part: Probability::clamped(world.fix(repairs, &every)),
        };
    }

    /// The cheapest alternative that is held in the quantity needed.
    fn substitute(
        &self,
        part: &Part,
        quantity: u32,
        alternatives: &[PartNumber],
        held: &dyn Fn(&PartNumber) -> u64,
    ) -> Option<Substitute> {
        alternatives
            .iter()
            .filter(|number| held(number) >= u64::from(quantity))
            .map(|number| Substitute {
                instead_of: part.part_number.clone(),
                part_number: number.clone(),
                quantity,
                price: self.bom.price(number).unwrap_or(part.price),
            })
            .min_by_key(|substitute| substitute.price)
    }
}
