//! Was the photo taken during the visit, and at its place? Missing or invalid facts are unknown, never a violation.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shifu_domain::{FindingKind, Place};

use crate::decode::CaptureFacts;
use crate::submission::{PhotoMeta, Ticket};

/// How much deviation is allowed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct VisitLimits {
    /// IANA name of the zone of EXIF times without an offset.
    pub zone: String,
    /// Minutes a photo may lie before or after the visit: clocks differ, reports come late.
    pub slack_minutes: u32,
    /// Metres between photo and visit beyond which the place is wrong; both accuracies are added to it.
    pub max_distance_m: f64,
}

impl Default for VisitLimits {
    fn default() -> Self {
        // 500 m: two phones' fixes among high buildings, and an address geocoded to the estate's gate.
        Self {
            zone: "Asia/Shanghai".to_owned(),
            slack_minutes: 30,
            max_distance_m: 500.0,
        }
    }
}

impl VisitLimits {
    /// The zone; UTC+8 where the name is not known to this machine.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)))
    }
}

/// How a fact compares with the visit.
#[derive(Debug, Clone, PartialEq)]
pub enum Agreement {
    /// Nothing to compare, and what is missing.
    Unknown(&'static str),
    /// Within the limits.
    Agrees,
    /// Outside them.
    Contradicts(Contradiction),
}

/// A fact that does not fit the visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Contradiction {
    /// `WrongTime` or `WrongPlace`.
    pub kind: FindingKind,
    /// Minutes outside the visit, or metres from it.
    pub score: f64,
    /// In Chinese, with both sides of the comparison.
    pub evidence: String,
}

/// Compares the time of the shot with the visit: the file's own time first, else what the app reported.
#[must_use]
pub fn check_time(
    facts: &CaptureFacts,
    meta: &PhotoMeta,
    ticket: &Ticket,
    limits: &VisitLimits,
) -> Agreement {
    let zone = limits.time_zone();
    let written = facts.captured_at.and_then(|time| time.instant(&zone));
    let Some((taken, source)) = written
        .map(|t| (t, "照片记录"))
        .or(meta.captured_at.map(|t| (t, "拍摄端上报")))
    else {
        return Agreement::Unknown("拍摄时间");
    };
    let minutes_before = ticket
        .visited_from
        .map_or(0.0, |from| minutes_between(taken, from));
    let minutes_after = ticket.visited_to.map_or(0.0, |to| minutes_between(to, taken));
    if ticket.visited_from.is_none() && ticket.visited_to.is_none() {
        return Agreement::Unknown("上门时间");
    }
    let outside = minutes_before.max(minutes_after);
    if outside <= f64::from(limits.slack_minutes) {
        return Agreement::Agrees;
    }
    let side = if minutes_before > 0.0 {
        "早于上门"
    } else {
        "晚于离开"
    };
    let shown = |t: Timestamp| t.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let bound = |t: Option<Timestamp>| t.map_or_else(|| "未知".to_owned(), shown);
    Agreement::Contradicts(Contradiction {
        kind: FindingKind::WrongTime,
        score: outside,
        evidence: format!(
            "拍摄时间 {}（{source}）{side} {}，上门时段为 {} 至 {}，允许误差 {} 分钟",
            shown(taken),
            spelled_minutes(outside),
            bound(ticket.visited_from),
            bound(ticket.visited_to),
            limits.slack_minutes
        ),
    })
}

fn minutes_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64() / 60.0
}

fn spelled_minutes(minutes: f64) -> String {
    if minutes < 120.0 {
        format!("{minutes:.0} 分钟")
    } else if minutes < 2880.0 {
        format!("{:.1} 小时", minutes / 60.0)
    } else {
        format!("{:.1} 天", minutes / 1440.0)
    }
}

/// Compares the place of the shot with the ticket's, datums converted: the file's own place first, else the app's.
#[must_use]
pub fn check_place(
    facts: &CaptureFacts,
    meta: &PhotoMeta,
    ticket: &Ticket,
    limits: &VisitLimits,
) -> Agreement {
    let valid = |place: Option<Place>| place.filter(Place::is_valid);
    let Some((place, source)) = valid(facts.place)
        .map(|p| (p, "照片记录"))
        .or(valid(meta.location).map(|p| (p, "拍摄端上报")))
    else {
        return Agreement::Unknown("拍摄位置");
    };
    let Some(visit) = valid(ticket.location) else {
        return Agreement::Unknown("上门位置");
    };
    let distance = place.distance_m(visit);
    // An app may claim any uncertainty; a kilometre is the most that is believed.
    let accuracy = |place: Place| {
        place
            .accuracy_m
            .filter(|m| m.is_finite())
            .unwrap_or(0.0)
            .clamp(0.0, 1000.0)
    };
    let allowed = limits.max_distance_m + accuracy(place) + accuracy(visit);
    if distance <= allowed {
        return Agreement::Agrees;
    }
    Agreement::Contradicts(Contradiction {
        kind: FindingKind::WrongPlace,
        score: distance,
        evidence: format!(
            "拍摄位置（{source}）距上门地址 {}，允许 {allowed:.0} 米",
            spelled_metres(distance)
        ),
    })
}

fn spelled_metres(metres: f64) -> String {
    if metres < 1000.0 {
        format!("{metres:.0} 米")
    } else {
        format!("{:.1} 公里", metres / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{CaptureTime, ExifState};
    use shifu_domain::Datum;

    fn facts(civil: &str, offset_s: Option<i32>) -> CaptureFacts {
        let captured_at = civil.parse().ok().map(|civil| CaptureTime { civil, offset_s });
        CaptureFacts {
            exif: ExifState::Read,
            orientation: 1,
            captured_at,
            place: None,
            device: None,
            software: None,
        }
    }

    fn ticket() -> Ticket {
        let mut ticket = Ticket::new("T-1", "install").unwrap();
        ticket.visited_from = "2025-05-01T09:00:00+08:00".parse().ok();
        ticket.visited_to = "2025-05-01T11:00:00+08:00".parse().ok();
        ticket
    }

    fn outside_minutes(civil: &str, offset_s: Option<i32>) -> Option<f64> {
        match check_time(
            &facts(civil, offset_s),
            &PhotoMeta::default(),
            &ticket(),
            &VisitLimits::default(),
        ) {
            Agreement::Contradicts(found) => Some(found.score),
            Agreement::Agrees => None,
            Agreement::Unknown(what) => panic!("{what}"),
        }
    }

    #[test]
    fn photos_inside_the_visit_and_its_slack_agree() {
        let check = |civil: &str, offset, expected: Option<f64>| {
            assert_eq!(outside_minutes(civil, offset), expected, "{civil} {offset:?}");
        };
        check("2025-05-01T10:00:00", None, None);
        check("2025-05-01T08:30:00", None, None);
        check("2025-05-01T08:29:00", None, Some(31.0));
        check("2025-05-01T11:31:00", None, Some(31.0));
        check("2025-05-01T02:00:00", Some(0), None);
        check("2025-05-01T10:00:00", Some(0), Some(420.0));
        check("2024-05-01T10:00:00", None, Some(364.0 * 1440.0 + 23.0 * 60.0));
    }

    #[test]
    fn missing_times_and_places_are_unknown() {
        let (limits, meta) = (VisitLimits::default(), PhotoMeta::default());
        assert_eq!(
            check_time(&facts("", None), &meta, &ticket(), &limits),
            Agreement::Unknown("拍摄时间")
        );
        let anywhen = Ticket::new("T-2", "install").unwrap();
        let seen = check_time(&facts("2025-05-01T10:00:00", None), &meta, &anywhen, &limits);
        assert_eq!(seen, Agreement::Unknown("上门时间"));
        assert_eq!(
            check_place(&facts("", None), &meta, &ticket(), &limits),
            Agreement::Unknown("拍摄位置")
        );
    }

    #[test]
    fn places_are_compared_after_datum_conversion() {
        let mut ticket = ticket();
        // The same spot in Beijing, once from a Chinese map (about 500 m apart in numbers).
        ticket.location = Some(Place {
            lat: 39.908_778,
            lon: 116.397_591,
            datum: Datum::Gcj02,
            accuracy_m: None,
        });
        let mut facts = facts("", None);
        let mut place = Place {
            lat: 39.907_375,
            lon: 116.391_349,
            datum: Datum::Wgs84,
            accuracy_m: None,
        };
        let limits = VisitLimits {
            max_distance_m: 50.0,
            ..VisitLimits::default()
        };
        facts.place = Some(place);
        assert_eq!(
            check_place(&facts, &PhotoMeta::default(), &ticket, &limits),
            Agreement::Agrees
        );
        place.lat += 0.1;
        facts.place = Some(place);
        let Agreement::Contradicts(found) = check_place(&facts, &PhotoMeta::default(), &ticket, &limits)
        else {
            panic!("11 km away")
        };
        assert!((found.score - 11_119.0).abs() < 20.0, "{}", found.score);
        assert!(found.evidence.contains("11.1 公里"), "{}", found.evidence);
    }
}
