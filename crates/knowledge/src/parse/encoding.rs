//! Bytes → text: byte order marks, declared charsets, UTF-8, then detection (GB18030, Big5, UTF-16 and others).

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// Decodes a whole file; bytes that fit no encoding become U+FFFD.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(&bytes[mark..])
            .0
            .into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0.into_owned();
    }
    if let Some(encoding) = declared.and_then(|label| Encoding::for_label(label.as_bytes())) {
        let (text, _, wrong) = encoding.decode(bytes);
        if !wrong {
            return text.into_owned();
        }
    }
    detected(bytes).decode_without_bom_handling(bytes).0.into_owned()
}

/// The Chinese encodings are tried first and must fit without a fault; then the detector's guess, which also knows the others.
fn detected(bytes: &[u8]) -> &'static Encoding {
    let sample = &bytes[..bytes.len().min(1 << 20)];
    // Mostly valid UTF-8 with a few broken bytes stays UTF-8: only those bytes are lost. Text of another encoding is broken in most
    // places; a broken byte of a Chinese character counts for up to three.
    if broken_utf8_share(sample) < 0.1 {
        return UTF_8;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guess = detector.guess(Some(b"cn"), chardetng::Utf8Detection::Allow);
    if guess == GB18030 || guess == encoding_rs::GBK || guess == BIG5 {
        return if misfits(sample, BIG5) < misfits(sample, GB18030) {
            BIG5
        } else {
            GB18030
        };
    }
    guess
}

/// Characters that no Chinese text has: private ones, broken ones, rare ideographs and foreign letters amid ideographs.
fn misfits(bytes: &[u8], encoding: &'static Encoding) -> usize {
    let text = encoding.decode_without_bom_handling(bytes).0;
    text.chars()
        .filter(|c| {
            matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{3040}'..='\u{30ff}' | '\u{400}'..='\u{4ff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2fa1f}')
        })
        .count()
}

fn broken_utf8_share(bytes: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(bytes);
    let broken = text.chars().filter(|&c| c == '\u{fffd}').count();
    let wide = text.chars().filter(|c| !c.is_ascii()).count();
    if wide == 0 {
        0.0
    } else {
        broken as f64 / wide as f64
    }
}

/// UTF-16 without a mark shows as zero bytes in every other place.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(4096) & !1];
    if sample.len() < 8 {
        return None;
    }
    let zeros = |offset: usize| {
        sample.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count() as f64 / (sample.len() / 2) as f64
    };
    let (even, odd) = (zeros(0), zeros(1));
    if odd > 0.2 && even < 0.02 {
        Some(UTF_16LE)
    } else if even > 0.2 && odd < 0.02 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether decoded text is no text: many control or replacement characters.
pub(super) fn looks_binary(text: &str) -> bool {
    let (mut odd, mut all) = (0usize, 0usize);
    for c in text.chars().take(20_000) {
        all += 1;
        odd += usize::from(c == '\u{fffd}' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}')));
    }
    all > 0 && odd as f64 / all as f64 > 0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "室外机风机电机故障，检查电机绕组阻值。压缩机不启动时先测电源电压，再检查连接线。";

    #[test]
    fn chinese_encodings_are_told_apart() {
        let traditional = "室外機風機電機故障，檢查電機繞組阻值。壓縮機不啟動時先測電源電壓，再檢查連接線。";
        assert_eq!(decode(&GB18030.encode(SAMPLE).0, None), SAMPLE);
        assert_eq!(decode(&BIG5.encode(traditional).0, None), traditional);
        assert_eq!(
            decode(SAMPLE.as_bytes(), Some("gbk")),
            SAMPLE,
            "valid UTF-8 wins over a wrong declaration"
        );
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        let text = "E6 communication fault, 室外机";
        let mut little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&little, None), text);
        little.splice(0..0, [0xff, 0xfe]);
        assert_eq!(decode(&little, None), text);
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&big, None), text);
    }

    #[test]
    fn a_few_broken_bytes_do_not_spoil_utf8() {
        let mut bytes = SAMPLE.repeat(20).into_bytes();
        bytes.extend([0xff, b' ', 0xc3]);
        assert!(decode(&bytes, None).starts_with(SAMPLE));
    }
}
