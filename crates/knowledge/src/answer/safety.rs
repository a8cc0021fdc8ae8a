//! Safety warnings by rule: what the manual prints beside the work, and what the work itself calls for.

/// A rule: words that tell the hazard, and the warning in Chinese and English.
struct Rule {
    words: &'static [&'static str],
    chinese: &'static str,
    english: &'static str,
}

const RULES: [Rule; 6] = [
    Rule {
        words: &[
            "带电",
            "通电测",
            "测电压",
            "测通讯电压",
            "测通信电压",
            "直流电压",
            "母线",
            "高压电",
            "强电",
            "电源电压",
            "主板",
            "接线端",
            "端子",
            "tension",
            "voltaje",
            "capacitor",
            "voltage",
            "live part",
        ],
        chinese: "涉及带电部件：先断电、验电并等待电容放电；必须带电测量时戴绝缘手套、有人监护。",
        english: "Live parts: switch off, verify absence of voltage and wait for the capacitors to discharge; measure live only with insulating gloves and a second person.",
    },
    Rule {
        words: &["r32", "r290", "可燃制冷剂", "微可燃"],
        chinese: "R32/R290 为可燃制冷剂：保持通风，作业区禁止明火和火花，先检漏再动火。",
        english: "R32/R290 is flammable: ventilate, no flame or spark, check for leaks before brazing.",
    },
    Rule {
        words: &["焊接", "动火", "焊枪", "soldar", "soldadura", "brazing"],
        chinese: "动火作业：先放净并吹扫制冷剂，备好灭火器，禁止带氟焊接。",
        english: "Hot work: recover and purge the refrigerant first, keep an extinguisher at hand.",
    },
    Rule {
        words: &["燃气", "煤气", "天然气", "gas natural", "natural gas"],
        chinese: "燃气作业：先关闭气阀并通风，用检漏液查漏，禁止开关电器和明火。",
        english: "Gas: close the valve, ventilate, check joints with leak fluid, no flame and no switching.",
    },
    Rule {
        words: &["外墙", "高空", "高处", "外机支架", "登高", "work at height"],
        chinese: "高处作业：系双钩安全带并挂在独立承重点上，下方设警戒区。",
        english: "Work at height: wear a harness on an independent anchor and secure the area below.",
    },
    Rule {
        words: &["一氧化碳", "烟管", "排烟", "monoxid"],
        chinese: "排烟与一氧化碳：确认烟管严密、通向室外，作业和试机时保持通风。",
        english: "Flue and carbon monoxide: make sure the flue is tight and leads outside; ventilate.",
    },
];

/// Most warnings shown.
const MOST_WARNINGS: usize = 4;

/// Warnings for a cited text: those printed in its section first, then those its words call for.
pub(crate) fn warnings(printed: &[String], folded_text: &str, latin: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let by_rule = RULES
        .iter()
        .filter(|rule| rule.words.iter().any(|word| folded_text.contains(word)))
        .map(|rule| if latin { rule.english } else { rule.chinese }.to_owned());
    for warning in printed.iter().cloned().chain(by_rule) {
        if !out.contains(&warning) && out.len() < MOST_WARNINGS {
            out.push(warning);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_warnings_come_before_rules() {
        let found = warnings(&["警告：触电".to_owned()], "上电测端子之间的直流电压", false);
        assert_eq!(found[0], "警告：触电");
        assert!(found[1].contains("带电"), "{found:?}");
        assert!(warnings(&[], "清洗过滤网", false).is_empty());
        assert!(warnings(&[], "verify the voltage", true)[0].contains("Live"));
    }
}
