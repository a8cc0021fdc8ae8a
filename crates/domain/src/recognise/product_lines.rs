//! What people call the product lines of the contract.

use crate::names::ProductLine;

const NAMES: [(&str, &[&str]); 4] = [
    (
        "split_air_conditioner",
        &["分体空调", "挂机空调", "壁挂空调", "变频空调", "空调", "挂机"],
    ),
    ("gas_water_heater", &["燃气热水器", "热水器"]),
    ("drum_washing_machine", &["滚筒洗衣机", "洗衣机"]),
    ("smart_toilet", &["智能马桶", "智能坐便器", "马桶", "坐便器"]),
];

/// The four product lines of the contract with their everyday names; an operator's own lines come from its documents.
#[must_use]
pub fn common_product_lines() -> Vec<(ProductLine, Vec<String>)> {
    let named = |(id, names): (&str, &[&str])| {
        let line = ProductLine::new(id).ok()?;
        Some((line, names.iter().map(|name| (*name).to_owned()).collect()))
    };
    NAMES.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_lines_have_names() {
        let lines = common_product_lines();
        assert_eq!(lines.len(), NAMES.len());
        assert!(lines.iter().all(|(_, names)| !names.is_empty()));
    }
}
