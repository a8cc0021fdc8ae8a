//! Bytes to an upright working-size photo, within limits that are checked before any pixel is decoded.
//!
//! In: the bytes of a file and [`Limits`]. Out: a [`DecodedPhoto`], or a [`DecodeError`] that names what the file is, or
//! which limit it breaks. JPEGs are decoded straight at 1/2, 1/4 or 1/8 of their size where that still covers the
//! working size; [`decode_detail`] goes back to the bytes when a nameplate must be read.

mod exif;
mod raster;
mod sniff;

pub use exif::{CaptureFacts, CaptureTime, ExifState};
pub use raster::shrink;
pub use sniff::PhotoFormat;

use shifu_domain::Photo;

/// What a photo may cost. The defaults take any phone's photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest file, bytes.
    pub max_bytes: u64,
    /// Most pixels its header may announce.
    pub max_pixels: u64,
    /// Long side of the working photo, pixels; smaller photos keep their size.
    pub working_side_px: u32,
    /// Long side of the photo a nameplate is read in, pixels.
    pub detail_side_px: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 20 << 20,
            max_pixels: 64_000_000,
            working_side_px: 1024,
            detail_side_px: 2560,
        }
    }
}

/// Why a file gave no photo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// The file is larger than the limit.
    #[error("the file has {actual} bytes, at most {limit} are allowed")]
    TooManyBytes {
        /// `Limits::max_bytes`.
        limit: u64,
        /// Bytes of the file.
        actual: u64,
    },
    /// The header announces more pixels than the limit.
    #[error("the photo has {width} x {height} = {actual} pixels, at most {limit} are allowed")]
    TooManyPixels {
        /// Pixels across, before orientation.
        width: u32,
        /// Pixels down, before orientation.
        height: u32,
        /// `width * height`.
        actual: u64,
        /// `Limits::max_pixels`.
        limit: u64,
    },
    /// A file of another kind, recognised by its first bytes.
    #[error("the file is {found}, not a JPEG, PNG or WebP photo; convert it first")]
    Unsupported {
        /// What it is, for example `a HEIC photo`.
        found: &'static str,
    },
    /// The file ends before its photo does.
    #[error("the {format} file is cut off")]
    Truncated {
        /// What it claims to be.
        format: PhotoFormat,
    },
    /// The file breaks the rules of its format.
    #[error("the {format} file is damaged: {reason}")]
    Damaged {
        /// What it claims to be.
        format: PhotoFormat,
        /// What the decoder said, at most 200 characters.
        reason: String,
    },
}

impl DecodeError {
    /// What the technician should do, in Chinese.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Empty => "文件是空的：请重新选择或重拍照片".to_owned(),
            Self::TooManyBytes { limit, actual } => {
                format!(
                    "文件过大（{:.1} MB，上限 {:.1} MB）：请调低相机分辨率后重拍",
                    megabytes(*actual),
                    megabytes(*limit)
                )
            }
            Self::TooManyPixels {
                width, height, limit, ..
            } => {
                format!(
                    "像素过多（{width}×{height}，上限 {} 万像素）：请调低相机分辨率后重拍",
                    limit / 10_000
                )
            }
            Self::Unsupported { found } => format!(
                "不支持的文件类型（{}）：请用 JPEG、PNG 或 WebP；苹果手机请在“设置-相机-格式”中选“兼容性最佳”",
                sniff::chinese_name(found)
            ),
            Self::Truncated { format } => format!("{format} 文件不完整：上传可能中断，请重新上传"),
            Self::Damaged { format, .. } => format!("{format} 文件已损坏，无法打开：请重拍并重新上传"),
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A photo ready for every check, and what its file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedPhoto {
    /// Upright pixels, long side at most `Limits::working_side_px`.
    pub photo: Photo,
    /// Kind of file.
    pub format: PhotoFormat,
    /// Width of the upright photo in the file, pixels.
    pub full_width: u32,
    /// Height of the upright photo in the file, pixels.
    pub full_height: u32,
    /// Time, place, device and software of the EXIF, each `None` where absent or invalid.
    pub facts: CaptureFacts,
}

/// Decodes at working size.
///
/// # Errors
/// See [`DecodeError`]; size limits are checked before pixels are decoded.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<DecodedPhoto, DecodeError> {
    decode_at(bytes, limits, limits.working_side_px)
}

/// Decodes at `Limits::detail_side_px`, for reading small print.
///
/// # Errors
/// As [`decode`].
pub fn decode_detail(bytes: &[u8], limits: Limits) -> Result<DecodedPhoto, DecodeError> {
    decode_at(bytes, limits, limits.detail_side_px)
}

fn decode_at(bytes: &[u8], limits: Limits, side_px: u32) -> Result<DecodedPhoto, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let actual = bytes.len() as u64;
    if actual > limits.max_bytes {
        return Err(DecodeError::TooManyBytes {
            limit: limits.max_bytes,
            actual,
        });
    }
    let format = sniff::format(bytes).map_err(|found| DecodeError::Unsupported { found })?;
    let facts = exif::read(bytes);
    let raster = raster::decode(bytes, format, limits, side_px.max(16))?;
    let upright = raster::upright(raster.photo, facts.orientation);
    let turned = facts.orientation >= 5;
    let (full_width, full_height) = if turned {
        (raster.height, raster.width)
    } else {
        (raster.width, raster.height)
    };
    Ok(DecodedPhoto {
        photo: shrink(upright, side_px.max(16)),
        format,
        full_width,
        full_height,
        facts,
    })
}
