//! Answers and refusals over small libraries made here.

use shifu_domain::{DocumentId, DocumentMetadata, ModelNumber, ProductLine};

use crate::{
    Answered, ConversationContext, DocumentUpload, KnowledgeError, Library, LibraryOptions, Question,
    RefusalReason, SearchRequest,
};

const MANUAL: &str = "<!-- page 1 -->\n# 测试空调维修手册\n\n## 1 规格\n\n| 参数 | 单位 | KFR-26GW/QH1 | KFR-35GW/QH1 |\n| --- | --- | --- | --- |\n| R32 充注量 | g | 530 | 680 |\n| 标准管长 | m | 4 | 4 |\n\n<!-- page 2 -->\n## 2 故障代码\n\n| 代码 | 名称 | 原因 | 处理 |\n| --- | --- | --- | --- |\n| E6 | 室内外机通讯故障 | 连接线松动 | 检查连接线，换 AC-PCB-201 |\n| LE | 压缩机堵转 | 压缩机卡死 | 更换压缩机 |\n\n<!-- page 3 -->\n## 3 检修 E6\n\n> 警告：测量时带电，须戴绝缘手套。\n\n1. 断电重启一次。\n2. 测通讯电压，应在 0～24 V 之间跳动。\n3. 换室外主板 AC-PCB-335。\n";

fn metadata(title: &str, models: &[&str], supersedes: Option<&str>) -> DocumentMetadata {
    DocumentMetadata {
        title: title.into(),
        product_line: ProductLine::new("split_air_conditioner").unwrap(),
        brand: None,
        models: models.iter().map(|m| ModelNumber::new(m).unwrap()).collect(),
        revision: String::new(),
        effective_date: None,
        supersedes: supersedes.map(|id| DocumentId(id.into())),
    }
}

fn add(library: &Library, id: &str, text: &str, metadata: DocumentMetadata) {
    let upload = DocumentUpload {
        bytes: text.into(),
        file_name: format!("{id}.md"),
        metadata,
        document_id: DocumentId(id.into()),
    };
    library.add(&upload, &mut |_| {}).unwrap();
}

fn library() -> Library {
    let library = Library::in_memory().unwrap();
    add(
        &library,
        "manual",
        MANUAL,
        metadata("手册", &["KFR-26GW/QH1", "KFR-35GW/QH1"], None),
    );
    library
}

fn ask(library: &Library, question: &str, model: Option<&str>) -> Answered {
    let model = model.map(|m| ModelNumber::new(m).unwrap());
    library
        .answer(&Question {
            question: question.into(),
            model,
            ..Question::default()
        })
        .unwrap()
}

fn reason(answered: &Answered) -> Option<RefusalReason> {
    answered.reply.refusal.as_ref().map(|r| r.reason)
}

#[test]
fn a_code_row_stays_a_row_with_its_labels() {
    let reply = ask(&library(), "空调报Ｅ－６是什么故障", None).reply;
    assert_eq!(
        reply.answer,
        "代码：E6\n名称：室内外机通讯故障\n原因：连接线松动\n处理：检查连接线，换 AC-PCB-201"
    );
    assert_eq!((reply.citations[0].page, reply.grounded), (2, true));
    assert!(reply.citations[0].quote.contains("室内外机通讯故障"));
}

#[test]
fn letters_under_a_code_column_are_a_code() {
    let reply = ask(&library(), "显示LE什么意思", None).reply;
    assert!(reply.answer.contains("压缩机堵转"), "{reply:?}");
}

#[test]
fn steps_and_their_warning_come_when_asked_what_to_do() {
    let reply = ask(&library(), "E6怎么处理", None).reply;
    assert!(
        reply.answer.contains("1. 断电重启一次。\n2. 测通讯电压"),
        "{}",
        reply.answer
    );
    assert!(reply.warnings[0].contains("绝缘手套"), "{:?}", reply.warnings);
}

#[test]
fn the_column_of_the_model_is_chosen_and_asked_for_when_values_differ() {
    let library = library();
    let with = ask(&library, "R32充注量是多少", Some("KFR-35GW/QH1")).reply;
    assert_eq!(with.answer, "R32 充注量（g）：680（KFR-35GW/QH1）");
    let without = ask(&library, "R32充注量是多少", None);
    assert_eq!(reason(&without), Some(RefusalReason::ModelNeeded));
    assert!(without.reply.answer.contains("530") && without.reply.answer.contains("680"));
    assert_eq!(
        ask(&library, "标准管长是多少米", None).reply.answer,
        "标准管长（m）：4"
    );
}

#[test]
fn names_that_stand_nowhere_are_refused_by_kind() {
    let library = library();
    for (question, expected) in [
        ("报E9怎么办", RefusalReason::UnknownCode),
        ("KFR-72LW/QH9的充注量", RefusalReason::UnknownModel),
        ("AC-PCB-999多少钱", RefusalReason::NoEvidence),
        ("今天股票行情怎么样", RefusalReason::OutOfScope),
    ] {
        let answered = ask(&library, question, None);
        assert_eq!(
            reason(&answered),
            Some(expected),
            "{question}: {:?}",
            answered.reply
        );
        assert!(!answered.reply.grounded && !answered.reply.refusal.unwrap().ask_for.is_empty());
    }
}

#[test]
fn numbers_and_codes_of_an_answer_stand_in_its_quotes() {
    let library = library();
    for (question, model) in [
        ("E6是什么", None),
        ("E6怎么修", None),
        ("R32充注量", Some("KFR-26GW/QH1")),
        ("通讯电压是多少伏", None),
    ] {
        let reply = ask(&library, question, model).reply;
        let quotes: String = reply
            .citations
            .iter()
            .map(|c| c.quote.as_str())
            .collect::<Vec<_>>()
            .join("\n");
        for number in reply
            .answer
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|w| w.bytes().any(|b| b.is_ascii_digit()))
        {
            assert!(quotes.contains(number), "{number} of {question} in {quotes}");
        }
        for citation in &reply.citations {
            let passage = library.passage(&citation.passage_id).unwrap().unwrap();
            assert_eq!(citation.span.of(&passage.text), citation.quote);
        }
    }
}

#[test]
fn a_conversation_carries_model_and_code() {
    let library = library();
    let first = library
        .answer(&Question {
            question: "KFR-35GW/QH1报E6".into(),
            ..Question::default()
        })
        .unwrap();
    assert_eq!(first.context.codes[0].as_str(), "E6");
    assert_eq!(first.context.model.as_ref().unwrap().as_str(), "KFR-35GW/QH1");
    let follow = Question {
        question: "那怎么处理呢".into(),
        context: first.context,
        ..Question::default()
    };
    let second = library.answer(&follow).unwrap();
    assert!(
        second.reply.refusal.is_none() && second.reply.citations[0].quote.contains("电压")
            || second.reply.answer.contains("连接线"),
        "{:?}",
        second.reply
    );
    assert_eq!(ConversationContext::default().codes.len(), 0);
}

#[test]
fn a_replaced_document_is_never_cited_and_comes_back_when_its_successor_is_retired() {
    let library = library();
    add(
        &library,
        "new",
        &MANUAL.replace("680", "700"),
        metadata("新手册", &["KFR-26GW/QH1", "KFR-35GW/QH1"], Some("manual")),
    );
    let hits = |query: &str| {
        library
            .search(&SearchRequest {
                query: query.into(),
                ..SearchRequest::default()
            })
            .unwrap()
            .hits
    };
    assert!(hits("R32 充注量").iter().all(|hit| hit.document_id.0 == "new"));
    assert!(
        ask(&library, "R32充注量", Some("KFR-35GW/QH1"))
            .reply
            .answer
            .contains("700")
    );
    library.retire(&DocumentId("new".into())).unwrap();
    assert!(
        ask(&library, "R32充注量", Some("KFR-35GW/QH1"))
            .reply
            .answer
            .contains("680")
    );
}

#[test]
fn filters_never_leak_and_removal_is_complete() {
    let library = library();
    add(
        &library,
        "other",
        &MANUAL.replace("通讯故障", "别的故障"),
        metadata("别的机型", &["KFR-72LW/QH2"], None),
    );
    let mut request = SearchRequest {
        query: "E6 故障".into(),
        model: Some(ModelNumber::new("KFR-35GW/QH1").unwrap()),
        ..SearchRequest::default()
    };
    assert!(
        library
            .search(&request)
            .unwrap()
            .hits
            .iter()
            .all(|hit| hit.document_id.0 == "manual")
    );
    request.model = None;
    request.product_line = Some(ProductLine::new("smart_toilet").unwrap());
    assert!(library.search(&request).unwrap().hits.is_empty());
    library.remove(&DocumentId("manual".into())).unwrap();
    request.product_line = None;
    assert!(
        library
            .search(&request)
            .unwrap()
            .hits
            .iter()
            .all(|hit| hit.document_id.0 == "other")
    );
    assert!(matches!(
        library.remove(&DocumentId("manual".into())),
        Err(KnowledgeError::UnknownDocument { .. })
    ));
}

#[test]
fn a_failed_upload_leaves_nothing_and_a_reopened_library_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    {
        let library = Library::open(folder.path(), LibraryOptions::default()).unwrap();
        add(&library, "manual", MANUAL, metadata("手册", &[], None));
        let bad = DocumentUpload {
            bytes: b"%PDF-1.7 cut".to_vec(),
            file_name: "a.pdf".into(),
            metadata: metadata("坏", &[], None),
            document_id: DocumentId("bad".into()),
        };
        assert!(library.add(&bad, &mut |_| {}).is_err());
        assert_eq!(library.list().len(), 1);
    }
    let library = Library::open(folder.path(), LibraryOptions::default()).unwrap();
    assert_eq!(library.list()[0].pages, 3);
    assert!(ask(&library, "E6是什么故障", None).reply.grounded);
}

#[test]
fn searches_run_while_documents_are_added() {
    let library = library();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..8 {
                add(
                    &library,
                    &format!("d{number}"),
                    MANUAL,
                    metadata("又一本", &[], None),
                );
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(ask(&library, "LE是什么", None).reply.grounded);
                }
            });
        }
    });
    assert_eq!(library.list().len(), 9);
}

/// Two lines of appliances: codes of numbers and signs, `H07`, and values that customers ask for in their own words.
fn two_lines() -> Library {
    const HEATER: &str = "<!-- page 1 -->\n# 热水器手册\n\n## 1 规格\n\n| 项目 | 单位 | 数值 |\n| --- | --- | --- |\n| 净重 | kg | 12.5 |\n| 启动水流量 | L/min | 2.5 |\n| 电源线长度 | m | 1.5 |\n\n<!-- page 2 -->\n## 2 代码\n\n| 代码 | 名称 | 处理 |\n| --- | --- | --- |\n| E2 | 点不着火 | 查燃气阀 |\n| 4 | 风压开关断开 | 查烟管 |\n| ! | 缺水 | 开进水阀 |\n\n<!-- page 3 -->\n## 3 零件\n\n主控板 GW-PCB-026 停产，用 GW-PCB-126 替代。\n";
    const WASHER: &str = "<!-- page 1 -->\n# 洗衣机手册\n\n## 1 代码\n\n| 代码 | 名称 | 处理 |\n| --- | --- | --- |\n| E2 | 排水超时 | 清洗过滤网 |\n| H07 | 电压过低 | 查插座 |\n";
    let library = Library::in_memory().unwrap();
    for (id, line, text) in [
        ("heater", "gas_water_heater", HEATER),
        ("washer", "drum_washing_machine", WASHER),
    ] {
        let metadata = DocumentMetadata {
            product_line: ProductLine::new(line).unwrap(),
            ..metadata(id, &[], None)
        };
        add(&library, id, text, metadata);
    }
    library
}

fn ask_line(library: &Library, line: &str, question: &str) -> Answered {
    library
        .answer(&Question {
            question: question.into(),
            product_line: ProductLine::new(line).ok(),
            ..Question::default()
        })
        .unwrap()
}

#[test]
fn a_question_without_a_word_of_the_manual_finds_its_row() {
    let answered = ask_line(&two_lines(), "gas_water_heater", "这机器多沉，一个人抬得上墙吗");
    assert!(answered.reply.answer.contains("12.5"), "{:?}", answered.reply);
}

#[test]
fn codes_of_a_number_or_a_sign_and_with_a_zero_more_or_less_are_codes() {
    let library = two_lines();
    for (line, question, expected) in [
        ("gas_water_heater", "显示4怎么处理", "风压开关断开"),
        ("gas_water_heater", "代码！", "缺水"),
        ("drum_washing_machine", "报H7什么意思", "电压过低"),
    ] {
        let reply = ask_line(&library, line, question).reply;
        assert!(reply.answer.contains(expected), "{question}: {reply:?}");
    }
    let counted = ask_line(&library, "gas_water_heater", "这里有4个螺丝，代码在哪里看");
    assert!(!counted.reply.answer.contains("风压"), "{:?}", counted.reply);
}

#[test]
fn who_asks_what_a_code_stands_for_gets_its_row_whatever_else_he_tells() {
    let reply = ask_line(
        &two_lines(),
        "drum_washing_machine",
        "屏上E2，老师傅说是门锁坏了，对不对",
    )
    .reply;
    assert!(reply.answer.contains("排水超时"), "{reply:?}");
}

#[test]
fn a_code_that_lines_read_differently_is_answered_with_the_question_which_line() {
    let answered = ask(&two_lines(), "显示E2，客户等着，怎么跟他讲", None);
    assert_eq!(reason(&answered), Some(RefusalReason::ProductLineNeeded));
    let asks = &answered.reply.refusal.unwrap().ask_for[0];
    assert!(
        asks.contains("gas_water_heater") && asks.contains("drum_washing_machine"),
        "{asks}"
    );
}

#[test]
fn a_part_that_is_named_is_evidence() {
    let reply = ask_line(&two_lines(), "gas_water_heater", "GW-PCB-026没货了，拿哪个顶上").reply;
    assert!(reply.answer.contains("GW-PCB-126"), "{reply:?}");
}

#[test]
fn a_follow_up_that_seems_to_stand_alone_is_read_with_what_was_talked_about() {
    let library = two_lines();
    let first = ask_line(&library, "gas_water_heater", "电源线长度是多少");
    let question = Question {
        question: "带多少米的出厂".into(),
        context: first.context,
        ..Question::default()
    };
    let answered = library.answer(&question).unwrap();
    assert!(answered.reply.answer.contains("1.5"), "{:?}", answered.reply);
}

#[test]
fn what_a_revision_changed_is_told_from_the_new_one_alone() {
    let library = library();
    let newer = MANUAL
        .replace("连接线松动", "连接线松动或氧化")
        .replace("0～24 V", "0～18 V");
    add(
        &library,
        "newer",
        &newer,
        metadata("手册 2", &["KFR-26GW/QH1", "KFR-35GW/QH1"], Some("manual")),
    );
    let all = ask(&library, "新版手册改了什么？", None).reply;
    assert!(
        all.answer.contains("连接线松动或氧化") && all.answer.contains("0～18 V"),
        "{}",
        all.answer
    );
    assert!(
        !all.answer.contains("0～24 V") && !all.answer.contains("压缩机"),
        "{}",
        all.answer
    );
    assert!(
        all.citations
            .iter()
            .all(|citation| citation.document_id.0 == "newer")
    );
    let one = ask(&library, "通讯电压和旧版有什么不同？", None).reply;
    assert!(
        one.answer.contains("18 V") && !one.answer.contains("连接线松动"),
        "{}",
        one.answer
    );
    let none = ask(&library, "LE 这一条新版有什么变化？", None);
    assert_eq!(reason(&none), Some(RefusalReason::NoEvidence));
    let plain = ask(&library, "E6 是什么故障？", None).reply;
    assert!(plain.answer.contains("连接线松动或氧化"), "{}", plain.answer);
}
