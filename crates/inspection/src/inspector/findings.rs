//! What each check says of one photo, in words a technician can act on.

use shifu_domain::{CheckpointId, Finding, FindingKind, Severity};

use super::{Examined, PhotoOutcome};
use crate::decode::{CaptureFacts, DecodeError};
use crate::duplicates::{Impression, PhotoIndex};
use crate::enrolment::{CalibrationMode, Judgement, ShotGuess};
use crate::nameplate::NameplateReading;
use crate::quality::{Quality, QualityLimits};
use crate::standard::{Check, Checkpoint, Standard};
use crate::submission::{PhotoMeta, Stage, Ticket};
use crate::visit::{Agreement, VisitLimits, check_place, check_time};

/// Programs that change what a photo shows; the camera apps of phones also fill this field, so only names are matched.
const EDITORS: [&str; 14] = [
    "photoshop",
    "lightroom",
    "snapseed",
    "gimp",
    "picsart",
    "meitu",
    "美图",
    "醒图",
    "facetune",
    "pixelmator",
    "affinity",
    "paint.net",
    "canva",
    "可画",
];

/// Collects the findings of one photo; `checkpoint` is the declared one until the recogniser names one.
pub(super) struct PhotoFindings<'a> {
    pub(super) position: usize,
    pub(super) standard: &'a Standard,
    pub(super) checkpoint: Option<CheckpointId>,
    pub(super) findings: Vec<Finding>,
}

impl<'a> PhotoFindings<'a> {
    pub(super) fn new(position: usize, standard: &'a Standard, checkpoint: Option<CheckpointId>) -> Self {
        Self {
            position,
            standard,
            checkpoint,
            findings: Vec::new(),
        }
    }

    pub(super) fn rule(&self) -> Option<&'a Checkpoint> {
        self.checkpoint
            .as_ref()
            .and_then(|id| self.standard.checkpoint(id))
    }

    pub(super) fn is_another_shot(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.kind == FindingKind::WrongShot)
    }

    /// Severity of the checkpoint, for what concerns the work itself.
    pub(super) fn severity(&self) -> Severity {
        self.rule()
            .map_or(Severity::Major, |checkpoint| checkpoint.severity)
    }

    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        severity: Severity,
        score: f64,
        evidence: String,
    ) -> &mut Finding {
        let at = self.findings.len();
        self.findings.push(Finding {
            photo: Some(self.position),
            checkpoint: self.checkpoint.clone(),
            kind,
            severity,
            score,
            p_value: None,
            area: None,
            evidence,
        });
        &mut self.findings[at]
    }

    pub(super) fn quality(&mut self, quality: &Quality, limits: &QualityLimits) {
        for defect in quality.defects(limits) {
            self.add(defect.kind, Severity::Major, defect.score, defect.advice);
        }
    }

    pub(super) fn visit(
        &mut self,
        facts: &CaptureFacts,
        meta: &PhotoMeta,
        ticket: &Ticket,
        limits: &VisitLimits,
    ) {
        for agreement in [
            check_time(facts, meta, ticket, limits),
            check_place(facts, meta, ticket, limits),
        ] {
            if let Agreement::Contradicts(found) = agreement {
                self.add(found.kind, Severity::Major, found.score, found.evidence);
            }
        }
    }

    pub(super) fn duplicate(&mut self, impression: &Impression, ticket: &Ticket, earlier: &PhotoIndex) {
        let matches = earlier.query(impression, &ticket.ticket_id);
        let Some(nearest) = matches.first() else { return };
        let how = match (nearest.same_file, nearest.cropped) {
            (true, _) => "文件完全相同".to_owned(),
            (_, true) => format!("裁剪后画面相同，相似度 {:.0}%", nearest.similarity * 100.0),
            _ => format!("画面相同，相似度 {:.0}%", nearest.similarity * 100.0),
        };
        let evidence = format!(
            "与工单 {} 的照片重复（{how}）；共 {} 张相同照片：请核实是否盗用旧照片",
            nearest.photo.ticket_id,
            matches.len()
        );
        self.add(
            FindingKind::Duplicate,
            Severity::Major,
            nearest.similarity,
            evidence,
        );
    }

    pub(super) fn edited(&mut self, facts: &CaptureFacts) {
        let Some(software) = &facts.software else { return };
        let lower = software.to_lowercase();
        if let Some(editor) = EDITORS.iter().find(|editor| lower.contains(**editor)) {
            let evidence = format!("照片由修图软件写出（{software}，匹配 {editor}）：请提供相机原图");
            self.add(FindingKind::Edited, Severity::Minor, 1.0, evidence);
        }
    }

    /// Takes the recognised checkpoint where none was declared; contradicts a declared one only when the photo is unlike
    /// its photos and like another's, or like none.
    pub(super) fn shot(&mut self, guess: Option<&ShotGuess>, compared: impl Fn(&CheckpointId) -> bool) {
        let Some(guess) = guess else { return };
        let Some(declared) = self.checkpoint.clone() else {
            self.checkpoint = guess.checkpoint.clone();
            return;
        };
        let asked = self.rule().is_some_and(|checkpoint| checkpoint.has(Check::Shot));
        let Some(score) = guess.scores.get(&declared).copied().filter(|_| asked) else {
            return;
        };
        // Unlike its own photos and like no other's: that may be the defect itself, which the comparison names better.
        let left_to_comparison = guess.checkpoint.is_none() && compared(&declared);
        if guess.accepted.contains(&declared) || left_to_comparison {
            return;
        }
        let title = |id: &CheckpointId| {
            self.standard
                .checkpoint(id)
                .map_or(id.to_string(), |c| c.title.clone())
        };
        let claimed = title(&declared);
        let evidence = match &guess.checkpoint {
            Some(other) => format!(
                "画面不像“{claimed}”（低于其合格照片 {:.1} 个标准差），更像“{}”：请按示例重拍",
                -score,
                title(other)
            ),
            None => format!(
                "画面不像“{claimed}”（低于其合格照片 {:.1} 个标准差），也不像其他检查点：请按示例重拍",
                -score
            ),
        };
        self.add(FindingKind::WrongShot, Severity::Major, -score, evidence);
    }

    pub(super) fn difference(&mut self, judgement: Option<&Judgement>, budget: f64) {
        let Some(checkpoint) = self.rule() else { return };
        let Some((judgement, p_value)) = judgement.and_then(|j| Some((j, j.p_value?))) else {
            let have = judgement.map_or(0, |j| j.calibration_photos);
            return self.too_few(checkpoint, have, budget);
        };
        if 1.0 / (judgement.calibration_photos as f64 + 1.0) > budget + 1e-12 {
            return self.too_few(checkpoint, judgement.calibration_photos, budget);
        }
        if p_value > budget + 1e-12 {
            return;
        }
        let basis = format!(
            "p 值 {p_value:.3} ≤ 预算 {budget}，{} 张合格照片校准，{}",
            judgement.calibration_photos,
            judgement.mode.guarantee()
        );
        let violation = judgement
            .violation
            .as_ref()
            .filter(|_| checkpoint.has(Check::Violation));
        let (kind, evidence) = match violation {
            Some(label) => {
                let title = checkpoint.violation_title(label);
                (
                    FindingKind::Violation(label.clone()),
                    format!("疑似“{title}”：框内与已登记的该类违规照片相似（{basis}）"),
                )
            }
            None if checkpoint.has(Check::Difference) => {
                let evidence = format!("框内与“{}”的合格照片不同（{basis}）", checkpoint.title);
                (FindingKind::DiffersFromStandard, evidence)
            }
            None => return,
        };
        let severity = self.severity();
        let finding = self.add(kind, severity, judgement.difference, evidence);
        finding.p_value = Some(p_value);
        finding.area = judgement.heat.area();
    }

    pub(super) fn too_few(&mut self, checkpoint: &Checkpoint, have: usize, budget: f64) {
        let needed = crate::enrolment::photos_needed(budget);
        let evidence = format!(
            "“{}”可用于校准的合格照片有 {have} 张，误报预算 {budget} 需要 {needed} 张：{}，请人工查看",
            checkpoint.title,
            CalibrationMode::TooFew.guarantee()
        );
        self.add(FindingKind::NotEnoughStandards, Severity::Minor, 0.0, evidence);
    }

    pub(super) fn reading(&mut self, what: &str, expected: &str, reading: NameplateReading) {
        match reading {
            NameplateReading::Confirmed { .. } => {}
            NameplateReading::Different { read, area } => {
                let evidence = format!("铭牌{what}读作“{read}”，工单为“{expected}”：请核对机器或工单");
                let severity = self.severity();
                self.add(FindingKind::NameplateDifferent, severity, 1.0, evidence)
                    .area = Some(area);
            }
            NameplateReading::Unreadable { nearest } => {
                let seen = nearest.map_or(String::new(), |line| format!("，最接近的一行是“{line}”"));
                let evidence =
                    format!("铭牌{what}无法辨认（工单为“{expected}”{seen}）：请正对铭牌、靠近并避免反光重拍");
                self.add(FindingKind::NameplateUnreadable, Severity::Minor, 0.0, evidence);
            }
        }
    }
}

pub(super) fn unreadable(
    position: usize,
    declared: Option<CheckpointId>,
    error: &DecodeError,
    standard: &Standard,
) -> Examined {
    let mut photo = PhotoFindings::new(position, standard, declared.clone());
    photo.add(FindingKind::Unreadable, Severity::Major, 1.0, error.advice());
    Examined {
        outcome: PhotoOutcome {
            checkpoint: declared,
            ..PhotoOutcome::default()
        },
        findings: photo.findings,
    }
}

/// A finding for every required checkpoint of the stage that has fewer photos than it needs.
pub(super) fn missing_shots(
    standard: &Standard,
    stage: Stage,
    counted: impl Fn(&CheckpointId) -> usize,
) -> Vec<Finding> {
    let required = standard.of_stage(stage).filter(|checkpoint| checkpoint.required);
    required
        .filter_map(|checkpoint| {
            let (have, needed) = (counted(&checkpoint.id), checkpoint.min_photos as usize);
            (have < needed).then(|| Finding {
                photo: None,
                checkpoint: Some(checkpoint.id.clone()),
                kind: FindingKind::MissingShot,
                severity: checkpoint.severity,
                score: (needed - have) as f64,
                p_value: None,
                area: None,
                evidence: format!(
                    "缺少“{}”的可用照片（需要 {needed} 张，已有 {have} 张）：请补拍",
                    checkpoint.title
                ),
            })
        })
        .collect()
}
