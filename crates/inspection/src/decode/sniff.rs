//! What a file is, by its first bytes; its name is never trusted.

use std::fmt;

/// A format this crate decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy or lossless; of an animation the first frame.
    WebP,
}

impl fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        })
    }
}

/// First bytes of the kinds that are refused by name.
const REFUSED: [(&[u8], &str); 9] = [
    (b"GIF8", "a GIF"),
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"PK\x03\x04", "a ZIP or Office file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
];

/// The decodable format, or what else the file is.
pub(super) fn format(bytes: &[u8]) -> Result<PhotoFormat, &'static str> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(PhotoFormat::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(PhotoFormat::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(PhotoFormat::WebP);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Err(match bytes.get(8..12) {
            Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => "a HEIC photo",
            Some(b"avif" | b"avis") => "an AVIF photo",
            _ => "a video",
        });
    }
    if let Some((_, found)) = REFUSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(found);
    }
    Err(if looks_like_text(bytes) {
        "a text file"
    } else {
        "of an unknown kind"
    })
}

fn looks_like_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(512)];
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.iter().any(|b| *b < 0x09 || (0x0e..0x20).contains(b))
}

/// The Chinese word for what [`format()`] refused.
pub(super) fn chinese_name(found: &str) -> &'static str {
    match found {
        "a GIF" => "GIF 动图",
        "a PDF" => "PDF 文档",
        "a BMP" => "BMP 图片",
        "a TIFF" => "TIFF 图片",
        "a ZIP or Office file" => "压缩包或办公文档",
        "a gzip file" => "压缩包",
        "a video" => "视频",
        "a program" => "程序",
        "a HEIC photo" => "HEIC 照片",
        "an AVIF photo" => "AVIF 照片",
        "a text file" => "文本文件",
        _ => "未知类型",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_first_bytes() {
        let check = |bytes: &[u8], expected: Result<PhotoFormat, &'static str>| {
            assert_eq!(format(bytes), expected, "{bytes:?}");
        };
        check(b"\xff\xd8\xff\xe0", Ok(PhotoFormat::Jpeg));
        check(b"\x89PNG\r\n\x1a\n....", Ok(PhotoFormat::Png));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Ok(PhotoFormat::WebP));
        check(b"\0\0\0\x18ftypheic\0\0", Err("a HEIC photo"));
        check(b"\0\0\0\x18ftypmp42\0\0", Err("a video"));
        check(b"GIF89a", Err("a GIF"));
        check(b"%PDF-1.7", Err("a PDF"));
        check("故障照片".as_bytes(), Err("a text file"));
        check(&[0, 1, 2, 3, 0xff], Err("of an unknown kind"));
        check(b"\xff\xd8", Err("of an unknown kind"));
        check(b"RIFF", Err("a text file"));
    }

    #[test]
    fn every_refusal_has_a_chinese_name() {
        for (_, found) in REFUSED {
            assert_ne!(chinese_name(found), "未知类型", "{found}");
        }
    }
}
