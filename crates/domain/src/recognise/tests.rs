//! The recognisers as their callers see them.

use proptest::prelude::*;

use super::*;
use crate::text::fold_width;

fn lexicon() -> Lexicon {
    let models = ["KFR-26GW/QH1", "KFR-35GW/QH1", "KFR-50GW/QH1"];
    let parts = [
        ("AC-PCB-201", "室内机主板"),
        ("AC-PCB-250", "室内机主板"),
        ("AC-PCB-335", "室外机变频主板"),
        ("AC-CAP-020", "室外风机电容 2.0 μF/450 V"),
        ("AC-SNS-102", "室内管温感温包 20 kΩ"),
        ("AC-CMP-35", "压缩机"),
        ("AC-OLP-101", "压缩机过载保护器"),
        ("AC-FLT-101", "过滤网（左右各一）"),
        ("AC-REF-032", "R32 制冷剂 1 kg"),
    ];
    let codes = ["E1", "E6", "H3", "H5", "F0", "FC", "EE", "PH", "L3", "11"];
    let symptoms: [(&str, &[&str]); 6] = [
        ("not_cooling", &["不制冷", "没冷气", "一点都不冷"]),
        ("indoor_water_leak", &["漏水", "滴水", "内机漏水"]),
        ("weak_airflow", &["风小", "出风小"]),
        ("outdoor_not_running", &["外机不转", "外机风扇不转"]),
        ("indoor_noise", &["异响", "内机异响"]),
        ("no_heat_en", &["not heating", "water leak"]),
    ];
    Lexicon::new(LexiconEntries {
        product_lines: vec![(
            ProductLine::new("split_air_conditioner").unwrap(),
            vec!["空调".into(), "挂机".into(), "air conditioner".into()],
        )],
        models: models.iter().map(|m| ModelNumber::new(m).unwrap()).collect(),
        parts: parts
            .iter()
            .map(|(p, n)| (PartNumber::new(p).unwrap(), (*n).to_owned()))
            .collect(),
        fault_codes: codes
            .iter()
            .map(|c| (FaultCode::new(c).unwrap(), Vec::new()))
            .collect(),
        symptoms: symptoms
            .iter()
            .map(|(id, phrases)| {
                (
                    SymptomId::new(id).unwrap(),
                    phrases.iter().map(|p| (*p).to_owned()).collect(),
                )
            })
            .collect(),
    })
}

/// One line per mention: what tests compare.
fn shown(text: &str, pick: impl Fn(&MentionKind) -> Option<String>) -> Vec<String> {
    lexicon()
        .recognise(text)
        .iter()
        .filter_map(|m| pick(&m.kind))
        .collect()
}

#[test]
fn fault_codes_are_found_in_every_spelling_and_nothing_else_is() {
    let check = |text: &str, expected: &[&str]| {
        let found = shown(text, |kind| match kind {
            MentionKind::FaultCode { code, known } => {
                Some(format!("{code}{}", if *known { "" } else { "?" }))
            }
            MentionKind::Blinks { count } => Some(format!("{count} blinks")),
            _ => None,
        });
        assert_eq!(found, expected, "{text}");
    };
    check("E6", &["E6"]);
    check("空调报E6怎么办", &["E6"]);
    check("显示 e6", &["E6"]);
    check("E-6", &["E6"]);
    check("屏幕上E 6一直闪", &["E6"]);
    check("Ｅ６是什么意思", &["E6"]);
    check("Ｅ－６", &["E6"]);
    check("E6故障", &["E6"]);
    check("显示“E-06”？", &["E6"]);
    check("故障代码 E6", &["E6"]);
    check("error code E6", &["E6"]);
    check("errorE6", &["E6"]);
    check("H3/H5来回跳", &["H3", "H5"]);
    check("先报H3，后来报F0", &["H3", "F0"]);
    check("显示FO", &["F0"]);
    check("报EI", &["E1"]);
    check("报El", &["E1"]);
    check("EE闪烁", &["EE"]);
    check("显示PH", &["PH"]);
    check("故障代码11", &["11"]);
    check("等了11天", &[]);
    // Said, or letter by letter.
    check("报E六，怎么办", &["E6"]);
    check("e 六 是啥", &["E6"]);
    check("H三一会儿跳H五", &["H3", "H5"]);
    check("屏上是 P H，正常吗", &["PH"]);
    check("E一直在闪", &[]);
    check("E六次都这样", &[]);
    check("显示E九", &[]);
    check("the E and the H", &[]);
    // Unknown to the lexicon, but called a code or standing alone.
    check("报E9", &["E9?"]);
    check("U8怎么办", &["U8?"]);
    check("显示 C100", &["C100?"]);
    check("报dL", &["DL?"]);
    check("error code: 73", &["73?"]);
    // Things that look like codes.
    check("KFR-35GW/QH1", &[]);
    check("AC-PCB-201", &[]);
    check("符合GB4706.32和GB/T 17790", &[]);
    check("R32还是R410A冷媒", &[]);
    check("电流5A，电压220V", &[]);
    check("防护等级IPX4", &[]);
    check("M8膨胀螺栓", &[]);
    check("空开是C16的", &[]);
    check("我家在B2栋E3单元", &[]);
    check("水的PH值", &[]);
    check("5G网络和WiFi 2.4G", &[]);
    check("换两节AA5号电池", &[]);
    check("L3线没电", &[]);
    check("4×1.5 mm² 5 m", &[]);
    // Lamps.
    check("显示屏闪6次", &["6 blinks"]);
    check("指示灯闪烁三下", &["3 blinks"]);
    check("闪了6下停一会", &["6 blinks"]);
    check("灯闪 12 次", &["12 blinks"]);
    check("顯示屏閃爍六次", &["6 blinks"]);
    check("the lamp blinks 4 times", &["4 blinks"]);
    check("报修2次", &[]);
}

#[test]
fn models_are_known_prefixes_of_known_or_unknown() {
    let check = |text: &str, expected: &[(&str, usize)]| {
        let found = shown(text, |kind| match kind {
            MentionKind::Model { model, candidates } => Some(format!("{model} {}", candidates.len())),
            _ => None,
        });
        let expected: Vec<String> = expected
            .iter()
            .map(|(model, count)| format!("{model} {count}"))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("型号KFR-35GW/QH1的空调", &[("KFR-35GW/QH1", 1)]);
    check("kfr35gw qh1", &[("KFR-35GW/QH1", 1)]);
    check("ＫＦＲ－３５ＧＷ／ＱＨ１", &[("KFR-35GW/QH1", 1)]);
    check("KFR—50GW/QH1", &[("KFR-50GW/QH1", 1)]);
    check("KFR-35不制冷", &[("KFR-35", 1)]);
    check("35GW的", &[("35GW", 1)]);
    check("QH1系列", &[("QH1", 3)]);
    check("我家35机", &[("35", 1)]);
    check("大厅那台50的，不冷", &[("50", 1)]);
    check("花了50的", &[]);
    check("等了35分钟", &[]);
    check("KFR-3", &[]);
    check("KFR-72LW/XYZ", &[("KFR-72LW/XYZ", 0)]);
    check("KFR72LW", &[("KFR72LW", 0)]);
    check("MXR-310A", &[("MXR-310A", 0)]);
    check("AC-PCB-201", &[]);
    check("GB/T 17790-2008", &[]);
    check("RS-485", &[]);
    check("2025-03-18", &[]);
}

#[test]
fn parts_are_found_by_number_by_shape_and_by_name() {
    let check = |text: &str, expected: &[&str]| {
        let found = shown(text, |kind| match kind {
            MentionKind::Part { part, known } => Some(format!("{part}{}", if *known { "" } else { "?" })),
            MentionKind::PartName { parts } => Some(
                parts
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("|"),
            ),
            _ => None,
        });
        assert_eq!(found, expected, "{text}");
    };
    check("换AC-PCB-201", &["AC-PCB-201"]);
    check("ac pcb 201", &["AC-PCB-201"]);
    check("ＡＣ－ＰＣＢ－２０１", &["AC-PCB-201"]);
    check("acpcb201一块", &["AC-PCB-201"]);
    check("AC-PCB-999", &["AC-PCB-999?"]);
    check("WM-PCB-999", &[]);
    check("室内机主板坏了", &["AC-PCB-201|AC-PCB-250"]);
    check("换了内机主板", &["AC-PCB-201|AC-PCB-250"]);
    check("压缩机过载保护器", &["AC-OLP-101"]);
    check("压缩机不转", &["AC-CMP-35"]);
    check("滤网脏了", &["AC-FLT-101"]);
    check("室內管溫感溫包開路", &["AC-SNS-102"]);
    check("室外风机电容鼓包", &["AC-CAP-020"]);
}

#[test]
fn values_keep_their_numbers_and_units() {
    let check = |text: &str, expected: &[(f64, &str)]| {
        let found = shown(text, |kind| match kind {
            MentionKind::Value { number, unit } => Some(format!("{number} {unit}")),
            _ => None,
        });
        let expected: Vec<String> = expected
            .iter()
            .map(|(number, unit)| format!("{number} {unit}"))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("低压0.85MPa", &[(0.85, "MPa")]);
    check("只有0.3兆帕", &[(0.3, "MPa")]);
    check("压力8公斤", &[(8.0, "kgf/cm²")]);
    check("4公斤压力", &[(4.0, "kgf/cm²")]);
    check("洗8公斤衣服", &[(8.0, "kg")]);
    check("加氟900克", &[(900.0, "g")]);
    check("二十六度", &[(26.0, "℃")]);
    check("出风 12.5 ℃", &[(12.5, "℃")]);
    check("-5℃", &[(-5.0, "℃")]);
    check("５Ａ、２２０Ｖ", &[(5.0, "A"), (220.0, "V")]);
    check("阻值15kΩ，另一个20千欧", &[(15.0, "kΩ"), (20.0, "kΩ")]);
    check("管长5米 φ9.52毫米", &[(5.0, "m"), (9.52, "mm")]);
    check("等一个半小时", &[(1.5, "h")]);
    check("十分钟后", &[(10.0, "min")]);
    check("三天", &[(3.0, "d")]);
    check("￥200", &[(200.0, "元")]);
    check("1,200.50元", &[(1200.5, "元")]);
    check("两百五十块钱", &[(250.0, "元")]);
    check(
        "1.5匹，功率1200W，50Hz",
        &[(1.5, "匹"), (1200.0, "W"), (50.0, "Hz")],
    );
    check("0.8~1.2MPa", &[(0.8, "MPa"), (1.2, "MPa")]);
    check("效率80%", &[(80.0, "%")]);
    check("30 minutes, 30 min", &[(30.0, "min")]);
    check("KFR-35GW", &[]);
    check("一块去", &[]);
    check("第三天线", &[]);
    check("5G网络", &[]);
    check("2025年", &[]);
    check("保修6年", &[(6.0, "年")]);
}

#[test]
fn symptoms_are_claimed_denied_or_supposed() {
    let check = |text: &str, expected: &[&str]| {
        let found = shown(text, |kind| match kind {
            MentionKind::Symptom {
                id,
                present,
                uncertain,
            } => Some(format!(
                "{}{id}{}",
                if *present { "" } else { "-" },
                if *uncertain { "?" } else { "" }
            )),
            _ => None,
        });
        assert_eq!(found, expected, "{text}");
    };
    check("空调不制冷", &["not_cooling"]);
    check("一点都不制冷了", &["not_cooling"]);
    check("不怎么制冷", &["not_cooling"]);
    check("不 制冷", &["not_cooling"]);
    check("没有不制冷", &["-not_cooling"]);
    check("不是不制冷，是制冷慢", &["-not_cooling"]);
    check("没冷气，还漏水", &["not_cooling", "indoor_water_leak"]);
    check("内机漏水", &["indoor_water_leak"]);
    check("不漏水", &["-indoor_water_leak"]);
    check("已不漏水", &["-indoor_water_leak"]);
    check("没有再漏水", &["-indoor_water_leak"]);
    check("没漏", &["-indoor_water_leak"]);
    check("不漏了", &["-indoor_water_leak"]);
    check("没有异响", &["-indoor_noise"]);
    check("没有任何异响", &["-indoor_noise"]);
    check("没有异响、漏水", &["-indoor_noise", "-indoor_water_leak"]);
    check("无异响或漏水", &["-indoor_noise", "-indoor_water_leak"]);
    check("没反应、漏水", &["indoor_water_leak"]);
    check("不是漏水，是滴水", &["-indoor_water_leak", "indoor_water_leak"]);
    check("没有反应，漏水", &["indoor_water_leak"]);
    check("漏水的问题已经解决了", &["-indoor_water_leak"]);
    check("漏水修好了吗", &["indoor_water_leak?"]);
    check("有没有漏水", &["indoor_water_leak?"]);
    check("漏不漏水？", &["indoor_water_leak?"]);
    check("制不制冷", &["not_cooling?"]);
    check("好像漏水", &["indoor_water_leak?"]);
    check("可能不制冷", &["not_cooling?"]);
    check("外机的风扇一直不转", &["outdoor_not_running"]);
    check("外机也不转了", &["outdoor_not_running"]);
    check("風很小", &["weak_airflow"]);
    check("The unit is not heating", &["no_heat_en"]);
    check("there is no water leak", &["-no_heat_en"]);
    check("差不多漏水三天", &["indoor_water_leak"]);
    check("一直都正常", &[]);
}

#[test]
fn product_lines_are_found_by_their_names() {
    let lines = shown("Air Conditioner 就是空调，挂机", |kind| match kind {
        MentionKind::ProductLine { product_line } => Some(product_line.to_string()),
        _ => None,
    });
    assert_eq!(lines, ["split_air_conditioner"; 3]);
}

#[test]
fn spans_are_those_of_the_original_text() {
    let text = "您好，Ｅ－６，内机有点漏水";
    let spans: Vec<String> = lexicon()
        .recognise(text)
        .iter()
        .map(|m| m.span.of(text))
        .collect();
    assert_eq!(spans, ["Ｅ－６", "内机有点漏水"]);
}

#[test]
fn an_empty_lexicon_still_reads_codes_models_and_values() {
    let lexicon = Lexicon::new(LexiconEntries::default());
    let found = lexicon.recognise("KFR-35GW/QH1 报E6，压力0.3MPa");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(lexicon.entries().models.is_empty());
}

#[test]
fn a_hundred_kilobytes_are_read_in_linear_time() {
    let text = "空调报E6不制冷，没有漏水，压力0.3MPa，AC-PCB-201 KFR-35。".repeat(1500);
    let lexicon = lexicon();
    let started = std::time::Instant::now();
    let found = lexicon.recognise(&text);
    assert_eq!(
        found
            .iter()
            .filter(|m| matches!(m.kind, MentionKind::FaultCode { .. }))
            .count(),
        1500
    );
    // Unoptimised builds on a shared machine: a quadratic walk would need minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert!(lexicon.recognise(&"A".repeat(1_000_000)).is_empty());
    assert!(lexicon.recognise(&"A-".repeat(100_000)).is_empty());
    assert!(lexicon.recognise(&"没有、".repeat(50_000)).is_empty());
}

fn talk() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("E"),
        Just("6"),
        Just("-"),
        Just(" "),
        Just("/"),
        Just("不"),
        Just("没有"),
        Just("漏水"),
        Just("制冷"),
        Just("，"),
        Just("KFR"),
        Just("35"),
        Just("GW"),
        Just("AC-PCB-"),
        Just("20"),
        Just("1"),
        Just("Ｅ"),
        Just("６"),
        Just("闪"),
        Just("次"),
        Just("度"),
        Just("半"),
        Just("个"),
        Just("小时"),
        Just("￥"),
        Just("."),
        Just("、"),
        Just("吗"),
        Just("好了"),
        Just("是"),
        Just("內機"),
        Just("l"),
        Just("O"),
        Just("😀"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_valid_ordered_spans(text in prop_oneof![any::<String>(), talk()]) {
        let found = lexicon().recognise(&text);
        let length = text.chars().count();
        for mention in &found {
            prop_assert!(mention.span.start < mention.span.end && mention.span.end <= length, "{mention:?}");
        }
        prop_assert!(found.is_sorted_by_key(|m| (m.span.start, m.span.end)));
        let identifiers: Vec<&Mention> = found
            .iter()
            .filter(|m| !matches!(m.kind, MentionKind::Symptom { .. } | MentionKind::PartName { .. } | MentionKind::ProductLine { .. }))
            .collect();
        prop_assert!(identifiers.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
    }

    #[test]
    fn width_makes_no_difference(text in talk()) {
        let lexicon = lexicon();
        prop_assert_eq!(lexicon.recognise(&text), lexicon.recognise(&fold_width(&text)));
    }
}
