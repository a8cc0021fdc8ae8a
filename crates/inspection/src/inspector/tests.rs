use super::*;
use crate::CalibrationMode;
use crate::duplicates::PhotoRef;
use crate::enrolment::{Enrolment, EnrolmentConfig, EnrolmentLabel, EnrolmentPhoto, EnrolmentReport};
use crate::testing::{TinyEncoder, bracket, checkerboard, jpeg, png, scene};
use shifu_domain::models::TextLine;
use shifu_domain::{ModelNumber, Photo, TicketId};

const STANDARD: &str = r#"
category = "install"
version = "3"
[[checkpoint]]
id = "bracket"
title = "外机支架"
stage = "after"
severity = "critical"
checks = ["usable", "shot", "difference", "violation"]
violations = [{ label = "missing_bolt", title = "缺少螺栓" }]
[[checkpoint]]
id = "label"
title = "铭牌"
stage = "after"
severity = "major"
checks = ["usable", "nameplate"]
[[checkpoint]]
id = "wall"
title = "墙面"
stage = "before"
severity = "critical"
checks = ["usable"]
"#;

fn id(name: &str) -> CheckpointId {
    CheckpointId::new(name).unwrap()
}

fn enrol_photo(seed: u64, missing: &[usize]) -> EnrolmentPhoto {
    let label = if missing.is_empty() {
        "good"
    } else {
        "missing_bolt"
    };
    EnrolmentPhoto {
        checkpoint: id("bracket"),
        label: EnrolmentLabel::from(label.to_owned()),
        name: format!("{label}-{seed}.jpg"),
        group: None,
        bytes: jpeg(&bracket(seed, missing), 90),
    }
}

fn config() -> EnrolmentConfig {
    EnrolmentConfig {
        max_bank_patches: 8000,
        position_weight: 8.0,
        ..EnrolmentConfig::default()
    }
}

fn enrolled(good: u64) -> (EnrolledStandard, EnrolmentReport) {
    let photos = (0..good)
        .map(|s| enrol_photo(s, &[]))
        .chain((0..5).map(|s| enrol_photo(500 + s, &[s as usize])));
    let standard = Standard::from_toml(STANDARD, "standard.toml").unwrap();
    Enrolment::build(standard, photos, &TinyEncoder, &config()).unwrap()
}

fn inspector() -> Inspector {
    Inspector::new(Arc::new(TinyEncoder), None, InspectorConfig::default())
}

fn submitted(checkpoint: &str, bytes: Vec<u8>) -> SubmittedPhoto {
    SubmittedPhoto {
        meta: PhotoMeta {
            checkpoint: Some(id(checkpoint)),
            ..PhotoMeta::default()
        },
        bytes,
    }
}

fn submission(photos: Vec<SubmittedPhoto>) -> Submission {
    Submission {
        ticket: Ticket::new("T-1", "install").unwrap(),
        photos,
    }
}

fn label_photo() -> SubmittedPhoto {
    submitted("label", jpeg(&scene(400, 300, 77), 90))
}

fn kinds(inspection: &Inspection) -> Vec<String> {
    inspection
        .findings
        .iter()
        .map(|finding| finding.kind.to_string())
        .collect()
}

#[test]
fn good_photos_pass_and_a_missing_bolt_is_marked_where_it_is_missing() {
    let (standard, report) = enrolled(60);
    assert!(report.checkpoints[0].good >= 50, "{report:?}");
    assert_eq!(report.checkpoints[0].calibration, CalibrationMode::Split);
    let inspect = |photo: Photo| {
        let photos = vec![submitted("bracket", jpeg(&photo, 90)), label_photo()];
        inspector()
            .inspect(&submission(photos), &standard, &PhotoIndex::default())
            .unwrap()
    };
    let good: Vec<Inspection> = (1000..1040).map(|seed| inspect(bracket(seed, &[]))).collect();
    let alarmed = good
        .iter()
        .filter(|inspection| inspection.verdict != Verdict::Pass)
        .count();
    // Expected 40 * 0.05 = 2; eight or more has a chance below one in a thousand.
    assert!(alarmed < 8, "{alarmed} of 40 good photos alarmed");
    let bad: Vec<Inspection> = (2000..2010).map(|seed| inspect(bracket(seed, &[4]))).collect();
    let found = bad
        .iter()
        .filter(|inspection| kinds(inspection).contains(&"violation:missing_bolt".to_owned()))
        .count();
    assert!(
        found >= 8,
        "{found} of 10 missing bolts found: {:?}",
        bad.iter().map(kinds).collect::<Vec<_>>()
    );
    let finding = bad
        .iter()
        .find_map(|i| i.findings.iter().find(|f| f.p_value.is_some()))
        .unwrap();
    assert!(
        finding.evidence.contains("缺少螺栓") && finding.evidence.contains("p 值"),
        "{}",
        finding.evidence
    );
    // Bolt 4 is at (160, 190) of 320 x 256.
    let area = finding.area.unwrap();
    assert!(
        (area.x..area.x + area.width).contains(&0.5) && area.y < 0.742 && area.y + area.height > 0.742,
        "{area:?}"
    );
    assert_eq!(bad[0].verdict, Verdict::Review);
    let heat = bad[0].photos[0]
        .judgement
        .as_ref()
        .map(|judgement| &judgement.heat);
    let overlay = inspector()
        .overlay(&jpeg(&bracket(2000, &[4]), 90), heat, &bad[0].findings)
        .unwrap();
    assert_eq!(image::load_from_memory(&overlay).unwrap().width(), 320);
}

#[test]
fn one_unreadable_photo_is_a_finding_and_the_others_are_still_judged() {
    let (standard, _) = enrolled(20);
    let photos = vec![
        submitted("label", b"%PDF-1.7".to_vec()),
        submitted("bracket", jpeg(&bracket(9, &[]), 90)),
        submitted("label", Vec::new()),
        label_photo(),
    ];
    let inspection = inspector()
        .inspect(&submission(photos), &standard, &PhotoIndex::default())
        .unwrap();
    assert_eq!(kinds(&inspection), ["unreadable", "unreadable"]);
    assert_eq!(inspection.verdict, Verdict::Reject);
    assert!(
        inspection.findings[0].evidence.contains("PDF"),
        "{}",
        inspection.findings[0].evidence
    );
    assert_eq!(inspection.findings[1].photo, Some(2));
    assert!(inspection.missing_checkpoints.is_empty());
    assert!(inspection.photos[1].judgement.is_some() && inspection.photos[0].fingerprint.is_none());
}

#[test]
fn missing_and_unusable_shots_are_rejected() {
    let (standard, _) = enrolled(20);
    let dark = submitted(
        "bracket",
        jpeg(&checkerboard(320, 256, 32, [1, 1, 1], [12, 12, 12]), 90),
    );
    let inspection = inspector()
        .inspect(&submission(vec![dark]), &standard, &PhotoIndex::default())
        .unwrap();
    assert_eq!(kinds(&inspection), ["too_dark", "missing_shot", "missing_shot"]);
    assert_eq!(inspection.missing_checkpoints, [id("bracket"), id("label")]);
    assert_eq!(inspection.verdict, Verdict::Reject);
}

#[test]
fn too_few_standards_are_said_instead_of_alarming() {
    let (standard, report) = enrolled(10);
    assert_eq!(report.checkpoints[0].good_missing, 9);
    let photos = vec![
        submitted("bracket", jpeg(&bracket(3000, &[4]), 90)),
        label_photo(),
    ];
    let inspection = inspector()
        .inspect(&submission(photos), &standard, &PhotoIndex::default())
        .unwrap();
    let finding = inspection
        .findings
        .iter()
        .find(|f| f.kind == FindingKind::NotEnoughStandards)
        .unwrap();
    assert!(finding.evidence.contains("19"), "{}", finding.evidence);
    assert!(!kinds(&inspection).contains(&"differs_from_standard".to_owned()));
    assert_eq!(inspection.verdict, Verdict::Review);
}

#[test]
fn a_photo_of_another_ticket_is_a_duplicate_but_not_one_of_the_same() {
    let (standard, _) = enrolled(20);
    let old = jpeg(&scene(400, 300, 77), 95);
    let fingerprint = Fingerprint::of(&decode(&old, Limits::default()).unwrap().photo, &old);
    let found = |ticket: &str| {
        let mut index = PhotoIndex::default();
        let photo = PhotoRef {
            photo_id: "p1".into(),
            ticket_id: TicketId::new(ticket).unwrap(),
        };
        index.insert(photo, &fingerprint);
        let photos = vec![label_photo(), label_photo()];
        inspector()
            .inspect(&submission(photos), &standard, &index)
            .unwrap()
    };
    let of_another = found("T-0");
    assert_eq!(kinds(&of_another)[..2], ["duplicate", "duplicate"]);
    assert!(
        of_another.findings[0].evidence.contains("T-0"),
        "{}",
        of_another.findings[0].evidence
    );
    assert!(!kinds(&found("T-1")).contains(&"duplicate".to_owned()));
}

struct Label(&'static str);

impl TextRecognizer for Label {
    fn version(&self) -> ModelVersion {
        ModelVersion {
            name: "label".into(),
            version: "1".into(),
        }
    }
    fn recognize(&self, _: &Photo, _: Priority) -> Result<Vec<TextLine>, ModelError> {
        let corners = [(0.1, 0.1), (0.5, 0.1), (0.5, 0.2), (0.1, 0.2)];
        Ok(vec![TextLine {
            text: self.0.into(),
            confidence: 0.95,
            corners,
            character_confidences: vec![],
        }])
    }
}

#[test]
fn nameplates_are_compared_with_the_ticket() {
    let (standard, _) = enrolled(20);
    let check = |text: &'static str, expected: Option<&str>| {
        let inspector = Inspector::new(
            Arc::new(TinyEncoder),
            Some(Arc::new(Label(text))),
            InspectorConfig::default(),
        );
        let mut submission = submission(vec![
            submitted("bracket", jpeg(&bracket(9, &[]), 90)),
            label_photo(),
        ]);
        submission.ticket.model = ModelNumber::new("KFR-35GW/QH1").ok();
        let inspection = inspector
            .inspect(&submission, &standard, &PhotoIndex::default())
            .unwrap();
        assert_eq!(kinds(&inspection).first().map(String::as_str), expected, "{text}");
        assert_eq!(inspection.versions.recognizer.unwrap().name, "label");
    };
    check("型号 KFR-35GW/QH1", None);
    check("型号 KFR-26GW/QH1", Some("nameplate_different"));
    check("220V~ 50Hz", Some("nameplate_unreadable"));
}

#[test]
fn the_check_on_site_answers_with_advice_and_what_is_missing() {
    let (standard, _) = enrolled(20);
    let ticket = Ticket::new("T-1", "install").unwrap();
    let check = inspector()
        .check_photo(&label_photo(), &ticket, &[], &standard)
        .unwrap();
    assert!(check.usable && check.advice.is_empty(), "{check:?}");
    assert_eq!(
        (check.checkpoint, check.missing_checkpoints),
        (Some(id("label")), vec![id("bracket")])
    );
    let taken = [PhotoMeta {
        checkpoint: Some(id("bracket")),
        ..PhotoMeta::default()
    }];
    let small = submitted("label", png(&scene(100, 80, 1)));
    let check = inspector()
        .check_photo(&small, &ticket, &taken, &standard)
        .unwrap();
    assert!(!check.usable && check.advice[0].contains("原图"), "{check:?}");
    assert_eq!(check.missing_checkpoints, [id("label")]);
    let broken = inspector()
        .check_photo(&submitted("label", vec![1, 2]), &ticket, &taken, &standard)
        .unwrap();
    assert!(!broken.usable && !broken.advice.is_empty());
}

#[test]
fn bad_submissions_are_errors_that_name_the_cause() {
    let (standard, _) = enrolled(3);
    let error = |photos| {
        inspector()
            .inspect(&submission(photos), &standard, &PhotoIndex::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(vec![]), "the submission has no photos");
    assert_eq!(
        error(vec![label_photo(); 61]),
        "the submission has 61 photos, at most 60 are allowed"
    );
    let expected = "photo 0 names checkpoint roof, which the standard install does not have";
    assert_eq!(error(vec![submitted("roof", vec![])]), expected);
}

#[test]
fn a_standard_survives_its_bytes_to_the_last_digit() {
    let (standard, _) = enrolled(60);
    let bytes = standard.to_bytes();
    let again = EnrolledStandard::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    let photos = vec![
        submitted("bracket", jpeg(&bracket(2000, &[4]), 90)),
        label_photo(),
    ];
    let judged = |standard: &EnrolledStandard| {
        inspector()
            .inspect(&submission(photos.clone()), standard, &PhotoIndex::default())
            .unwrap()
            .photos
    };
    assert_eq!(judged(&standard), judged(&again));
}

#[test]
fn a_damaged_standard_is_refused_wherever_it_is_damaged() {
    let (standard, _) = enrolled(3);
    let bytes = standard.to_bytes();
    for cut in (0..bytes.len()).step_by(bytes.len() / 16) {
        assert!(
            EnrolledStandard::from_bytes(&bytes[..cut]).is_err(),
            "cut at {cut}"
        );
        let mut flipped = bytes.clone();
        flipped[cut] ^= 0x40;
        assert!(
            EnrolledStandard::from_bytes(&flipped).is_err(),
            "flipped at {cut}"
        );
    }
    let mut newer = bytes;
    newer[8] = 9;
    let error = EnrolledStandard::from_bytes(&newer).unwrap_err().to_string();
    assert!(error.contains("version 9"), "{error}");
}

#[test]
fn the_order_of_enrolment_does_not_matter_and_adding_equals_enrolling() {
    let standard = Standard::from_toml(STANDARD, "standard.toml").unwrap();
    let mut photos: Vec<EnrolmentPhoto> = (0..22)
        .map(|s| enrol_photo(s, &[]))
        .chain([enrol_photo(500, &[1])])
        .collect();
    let build = |photos: &[EnrolmentPhoto]| {
        Enrolment::build(standard.clone(), photos.to_vec(), &TinyEncoder, &config())
            .unwrap()
            .0
    };
    let all = build(&photos).to_bytes();
    photos.reverse();
    assert!(build(&photos).to_bytes() == all);
    let mut grown = build(&photos[..21]);
    for photo in &photos[21..] {
        assert!(grown.add_photo(photo.clone(), &TinyEncoder).unwrap().accepted);
    }
    assert!(grown.to_bytes() == all);
    let again = grown.add_photo(photos[0].clone(), &TinyEncoder).unwrap();
    assert!(!again.accepted && again.reason.unwrap().contains("几乎相同"));
}

#[test]
fn unusable_photos_are_not_enrolled() {
    let standard = Standard::from_toml(STANDARD, "standard.toml").unwrap();
    let mut dark = enrol_photo(1, &[]);
    dark.bytes = jpeg(&checkerboard(320, 256, 32, [0, 0, 0], [9, 9, 9]), 90);
    let mut lost = enrol_photo(2, &[]);
    lost.checkpoint = id("roof");
    let mut odd = enrol_photo(3, &[]);
    odd.label = EnrolmentLabel::Violation("缺 螺栓".into());
    let (_, report) = Enrolment::build(standard, [dark, lost, odd], &TinyEncoder, &config()).unwrap();
    let reasons: Vec<&str> = report
        .refused
        .iter()
        .map(|refused| refused.reason.as_str())
        .collect();
    assert!(
        reasons[0].contains("太暗") && reasons[1].contains("roof") && reasons[2].contains("无效"),
        "{reasons:?}"
    );
}

#[test]
fn photos_of_one_group_are_left_out_together() {
    let standard = Standard::from_toml(STANDARD, "standard.toml").unwrap();
    let grouped = |group: fn(u64) -> String| {
        let photos = (0..20).map(|s| EnrolmentPhoto {
            group: Some(group(s)),
            ..enrol_photo(s, &[])
        });
        Enrolment::build(standard.clone(), photos, &TinyEncoder, &config())
            .unwrap()
            .1
            .checkpoints[0]
            .clone()
    };
    let alone = grouped(|s| s.to_string());
    assert_eq!(
        (alone.calibration, alone.calibration_photos),
        (CalibrationMode::LeaveOneOut, 20)
    );
    let one_installer = grouped(|_| "W-1".into());
    assert_eq!(
        (one_installer.calibration, one_installer.calibration_photos),
        (CalibrationMode::TooFew, 0)
    );
}
