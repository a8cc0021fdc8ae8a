//! What the camera wrote beside the pixels. Read leniently: an invalid value is unknown, never a violation.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use exif::{Exif, In, Tag, Value};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use shifu_domain::{Datum, Place};

/// Whether there was an EXIF block to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExifState {
    /// None in the file.
    #[default]
    Absent,
    /// Read without complaint.
    Read,
    /// There, but damaged; what could be read was.
    Invalid,
}

/// When the shutter opened, as the camera wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CaptureTime {
    /// The camera's clock.
    pub civil: DateTime,
    /// Its distance from UTC in seconds, where `OffsetTimeOriginal` says so.
    pub offset_s: Option<i32>,
}

impl CaptureTime {
    /// The instant; a time without offset is taken to be in `zone`.
    #[must_use]
    pub fn instant(&self, zone: &TimeZone) -> Option<Timestamp> {
        let zone = match self.offset_s {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
            None => zone.clone(),
        };
        self.civil.to_zoned(zone).ok().map(|zoned| zoned.timestamp())
    }
}

/// What the EXIF says; each `None` where it says nothing or nonsense.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CaptureFacts {
    /// Whether there was an EXIF block.
    pub exif: ExifState,
    /// EXIF orientation 1..=8; 1 where absent or invalid.
    pub orientation: u8,
    /// `DateTimeOriginal`, else `DateTimeDigitized`, else `DateTime`.
    pub captured_at: Option<CaptureTime>,
    /// GPS position, WGS-84.
    pub place: Option<Place>,
    /// Maker and model of the camera.
    pub device: Option<String>,
    /// Software that wrote the file.
    pub software: Option<String>,
}

impl CaptureFacts {
    fn unknown(exif: ExifState) -> Self {
        Self {
            exif,
            orientation: 1,
            captured_at: None,
            place: None,
            device: None,
            software: None,
        }
    }
}

/// Bytes that an EXIF block may have: a JPEG has room for 64 KiB, PNG and WebP for anything.
const MOST_BYTES: usize = 256 << 10;

pub(super) fn read(bytes: &[u8]) -> CaptureFacts {
    // A text of 20 MB that is all separators would be taken apart into as many pieces, for every field that is asked for.
    if largest_chunk(bytes) > MOST_BYTES {
        return CaptureFacts::unknown(ExifState::Invalid);
    }
    // A parser's panic on hostile input must not become ours.
    catch_unwind(AssertUnwindSafe(|| read_container(bytes)))
        .unwrap_or_else(|_| CaptureFacts::unknown(ExifState::Invalid))
}

/// Bytes of the largest EXIF chunk of a PNG or WebP; 0 for other files.
fn largest_chunk(bytes: &[u8]) -> usize {
    let (mut rest, png) = match bytes {
        [b'\x89', b'P', b'N', b'G', ..] => (bytes.get(8..).unwrap_or_default(), true),
        [b'R', b'I', b'F', b'F', ..] => (bytes.get(12..).unwrap_or_default(), false),
        _ => return 0,
    };
    let mut largest = 0;
    while let Some((head, behind)) = rest.split_at_checked(8) {
        let (first, second) = head.split_at(4);
        let (name, length, more) = if png {
            (second, first.iter().fold(0, |n, b| n << 8 | usize::from(*b)), 4)
        } else {
            let length = second.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
            (first, length, length & 1)
        };
        if matches!(name, b"eXIf" | b"EXIF") {
            largest = largest.max(length.min(behind.len()));
        }
        // At least one chunk head further, so that this ends.
        rest = behind.get(length.saturating_add(more)..).unwrap_or_default();
    }
    largest
}

fn read_container(bytes: &[u8]) -> CaptureFacts {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let mut state = ExifState::Read;
    let parsed = reader
        .read_from_container(&mut Cursor::new(bytes))
        .or_else(|error| error.distill_partial_result(|_| state = ExifState::Invalid));
    match parsed {
        Ok(exif) => facts(&exif, state),
        Err(exif::Error::NotFound(_)) => CaptureFacts::unknown(ExifState::Absent),
        Err(_) => CaptureFacts::unknown(ExifState::Invalid),
    }
}

fn facts(exif: &Exif, state: ExifState) -> CaptureFacts {
    let orientation = exif
        .get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0));
    let device = [text(exif, Tag::Make), text(exif, Tag::Model)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    CaptureFacts {
        exif: state,
        orientation: orientation
            .and_then(|o| u8::try_from(o).ok())
            .filter(|o| (1..=8).contains(o))
            .unwrap_or(1),
        captured_at: captured_at(exif),
        place: place(exif),
        device: Some(device).filter(|device| !device.is_empty()),
        software: text(exif, Tag::Software),
    }
}

/// An ASCII field as trimmed text of at most 120 characters.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(parts) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let joined = parts
        .iter()
        .map(|part| String::from_utf8_lossy(part))
        .collect::<Vec<_>>()
        .join(" ");
    let clean: String = joined.chars().filter(|c| !c.is_control()).take(120).collect();
    Some(clean.trim().to_owned()).filter(|clean| !clean.is_empty())
}

fn captured_at(exif: &Exif) -> Option<CaptureTime> {
    let pairs = [
        (Tag::DateTimeOriginal, Tag::OffsetTimeOriginal),
        (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized),
        (Tag::DateTime, Tag::OffsetTime),
    ];
    pairs.into_iter().find_map(|(time, offset)| {
        let civil = civil(&text(exif, time)?)?;
        Some(CaptureTime {
            civil,
            offset_s: text(exif, offset).and_then(|text| offset_seconds(&text)),
        })
    })
}

/// `YYYY:MM:DD HH:MM:SS`, and the variants cameras write with `-`, `/` or `T`. Years before 1990 are a dead clock.
fn civil(text: &str) -> Option<DateTime> {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse::<i16>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let (hour, minute, second) = (next()?, next()?, next().unwrap_or(0));
    if !(1990..=2200).contains(&year) {
        return None;
    }
    let small = |n: i16| i8::try_from(n).ok();
    DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()
}

/// `+08:00` as seconds.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ if text == "Z" => return Some(0),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let valid = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    valid.then_some(sign * (hours * 3600 + minutes * 60))
}

fn place(exif: &Exif) -> Option<Place> {
    let lat = degrees(exif, Tag::GPSLatitude)? * hemisphere(exif, Tag::GPSLatitudeRef, 'S')?;
    let lon = degrees(exif, Tag::GPSLongitude)? * hemisphere(exif, Tag::GPSLongitudeRef, 'W')?;
    let accuracy_m = rationals(exif, Tag::GPSHPositioningError).and_then(|values| values.first().copied());
    let place = Place {
        lat,
        lon,
        datum: Datum::Wgs84,
        accuracy_m: accuracy_m.filter(|m| (0.0..1e6).contains(m)),
    };
    // Exactly 0, 0 is what a receiver without a fix writes.
    (place.is_valid() && (lat != 0.0 || lon != 0.0)).then_some(place)
}

fn hemisphere(exif: &Exif, tag: Tag, negative: char) -> Option<f64> {
    let letter = text(exif, tag)?.chars().next()?.to_ascii_uppercase();
    match (negative, letter) {
        ('S', 'N') | ('W', 'E') => Some(1.0),
        ('S', 'S') | ('W', 'W') => Some(-1.0),
        _ => None,
    }
}

fn degrees(exif: &Exif, tag: Tag) -> Option<f64> {
    let values = rationals(exif, tag)?;
    let part = |at: usize| values.get(at).copied().unwrap_or(0.0);
    let valid = part(0) >= 0.0 && (0.0..60.001).contains(&part(1)) && (0.0..60.001).contains(&part(2));
    valid.then(|| part(0) + part(1) / 60.0 + part(2) / 3600.0)
}

fn rationals(exif: &Exif, tag: Tag) -> Option<Vec<f64>> {
    let Value::Rational(values) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let values: Vec<f64> = values.iter().map(exif::Rational::to_f64).collect();
    (!values.is_empty() && values.iter().all(|v| v.is_finite())).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_times_are_read_in_the_spellings_cameras_use() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                civil(text).map(|t| t.to_string()),
                expected.map(str::to_owned),
                "{text}"
            );
        };
        check("2025:05:01 09:30:15", Some("2025-05-01T09:30:15"));
        check("2025-05-01T09:30:15", Some("2025-05-01T09:30:15"));
        check("2025:05:01 09:30", Some("2025-05-01T09:30:00"));
        check("0000:00:00 00:00:00", None);
        check("2025:13:01 09:30:15", None);
        check("1970:01:01 00:00:00", None);
        check("    :  :     :  :  ", None);
        check("99999999999999999999", None);
    }

    #[test]
    fn a_written_offset_wins_over_the_configured_zone() {
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        let civil = civil("2025:05:01 09:00:00").unwrap();
        let at = |offset_s| {
            CaptureTime { civil, offset_s }
                .instant(&shanghai)
                .unwrap()
                .to_string()
        };
        assert_eq!(at(None), "2025-05-01T01:00:00Z");
        assert_eq!(at(Some(9 * 3600)), "2025-05-01T00:00:00Z");
    }

    #[test]
    fn offsets_are_seconds() {
        let check = |text: &str, expected| assert_eq!(offset_seconds(text), expected, "{text}");
        check("+08:00", Some(28_800));
        check("-05:30", Some(-19_800));
        check("Z", Some(0));
        check("+25:00", None);
        check("", None);
        check("８", None);
    }
}
