//! `multipart/form-data` (RFC 7578 over RFC 2046) taken apart where it lies: every part is a slice of the body.
//!
//! The body is there as a whole, within the limit of its size; every search goes over it once, however it arrived.

use bytes::Bytes;

/// Bytes that may stand before the first boundary.
const MOST_PREAMBLE_BYTES: usize = 8 << 10;
/// Bytes of the headers of one part.
const MOST_HEADER_BYTES: usize = 8 << 10;
/// Headers of one part.
const MOST_HEADERS: usize = 16;
/// Characters of a part's name.
const MOST_NAME_CHARS: usize = 128;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its name.
    pub(crate) name: String,
    /// The name of its file.
    pub(crate) file_name: Option<String>,
    /// What it holds.
    pub(crate) bytes: Bytes,
}

/// Why a body cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    /// The media type is another.
    #[error("{found:?} is not multipart/form-data")]
    NotMultipart {
        /// The media type, at most 100 characters.
        found: String,
    },
    /// The media type names no usable boundary.
    #[error("the content type needs a boundary of 1 to 70 characters")]
    Boundary,
    /// The body does not begin with the boundary.
    #[error("the body does not begin with its boundary")]
    NoBeginning,
    /// A line begins like the boundary and goes on otherwise.
    #[error("part {part}: the boundary before it is damaged")]
    DamagedBoundary {
        /// Position of the part, from 1.
        part: usize,
    },
    /// The body ends inside a part.
    #[error("part {part} is cut off")]
    CutOff {
        /// Position of the part, from 1.
        part: usize,
    },
    /// The headers are too many, too long or no headers.
    #[error("part {part}: {reason}")]
    Headers {
        /// Position of the part, from 1.
        part: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// More parts than allowed.
    #[error("more than {most} parts")]
    TooManyParts {
        /// The most there may be.
        most: usize,
    },
}

/// The parts of a body, in order.
///
/// # Errors
/// See [`MultipartError`].
pub(crate) fn parts(
    content_type: &str,
    body: &Bytes,
    most_parts: usize,
) -> Result<Vec<Part>, MultipartError> {
    let boundary = boundary(content_type)?;
    let delimiter = format!("\r\n--{boundary}");
    let finder = memchr::memmem::Finder::new(&delimiter);
    // The first boundary may stand at the very beginning, without a line break before it.
    let mut at = if body.starts_with(&delimiter.as_bytes()[2..]) {
        delimiter.len() - 2
    } else {
        let preamble = &body[..body.len().min(MOST_PREAMBLE_BYTES)];
        let found = finder.find(preamble).ok_or(MultipartError::NoBeginning)?;
        found + delimiter.len()
    };
    let mut parts = Vec::new();
    loop {
        let number = parts.len() + 1;
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match rest.get(padding..padding + 2) {
            Some(b"\r\n") => at += padding + 2,
            Some(_) => return Err(MultipartError::DamagedBoundary { part: number }),
            None => return Err(MultipartError::CutOff { part: number }),
        }
        if parts.len() >= most_parts {
            return Err(MultipartError::TooManyParts { most: most_parts });
        }
        let head = Head::read(&body[at..], number)?;
        at += head.length;
        // An empty part ends with the line break that ends its headers.
        let from = at - 2;
        let end = finder
            .find(&body[from..])
            .ok_or(MultipartError::CutOff { part: number })?;
        let bytes = if end == 0 {
            Bytes::new()
        } else {
            body.slice(at..(from + end).max(at))
        };
        parts.push(Part {
            name: head.name,
            file_name: head.file_name,
            bytes,
        });
        at = from + end + delimiter.len();
    }
}

fn boundary(content_type: &str) -> Result<String, MultipartError> {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(MultipartError::NotMultipart {
            found: essence.trim().chars().take(100).collect(),
        });
    }
    parameter(parameters, "boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()) && boundary.is_ascii())
        .ok_or(MultipartError::Boundary)
}

/// The headers of a part.
struct Head {
    name: String,
    file_name: Option<String>,
    /// Bytes up to behind the blank line.
    length: usize,
}

impl Head {
    fn read(body: &[u8], part: usize) -> Result<Self, MultipartError> {
        let wrong = |reason: &'static str| MultipartError::Headers { part, reason };
        let window = &body[..body.len().min(MOST_HEADER_BYTES)];
        let Some(end) = memchr::memmem::find(window, b"\r\n\r\n") else {
            return Err(if window.len() < MOST_HEADER_BYTES {
                MultipartError::CutOff { part }
            } else {
                wrong("its headers are longer than 8192 bytes")
            });
        };
        let text = std::str::from_utf8(&window[..end]).map_err(|_| wrong("its headers are not UTF-8"))?;
        let lines: Vec<&str> = text.split("\r\n").take(MOST_HEADERS + 1).collect();
        if lines.len() > MOST_HEADERS {
            return Err(wrong("it has more than 16 headers"));
        }
        let mut disposition = None;
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(wrong("a header has no colon"))?;
            if name.eq_ignore_ascii_case("content-disposition") && disposition.replace(value).is_some() {
                return Err(wrong("it has two Content-Disposition headers"));
            }
        }
        let disposition = disposition.ok_or(wrong("it has no Content-Disposition"))?;
        let (kind, parameters) = disposition.split_once(';').unwrap_or((disposition, ""));
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return Err(wrong("its Content-Disposition is not form-data"));
        }
        let name = parameter(parameters, "name").ok_or(wrong("it has no name"))?;
        if name.chars().count() > MOST_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(wrong("its name must have at most 128 printable characters"));
        }
        Ok(Self {
            name,
            file_name: parameter(parameters, "filename"),
            length: end + 4,
        })
    }
}

/// The value of a parameter, quoted or bare. Browsers write `"` in it as `%22`, other clients as `\"`.
fn parameter(mut parameters: &str, wanted: &str) -> Option<String> {
    loop {
        let (name, rest) = parameters.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let rest = rest.trim_start();
        let (value, behind) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, behind) = rest.split_once(';').unwrap_or((rest, ""));
                (value.trim().to_owned(), behind)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        parameters = behind;
    }
}

/// What stands before the closing quotation mark, and what behind it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value.replace("%22", "\""), &text[at + 1..]),
            // Only before these: Windows paths are written as they are.
            '\\' if chars.peek().is_some_and(|(_, c)| matches!(c, '"' | '\\')) => {
                value.extend(chars.next().map(|(_, c)| c));
            }
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Part>, MultipartError> {
        parts(
            "multipart/form-data; boundary=b",
            &Bytes::from(body.to_owned()),
            3,
        )
    }

    fn text(body: &str) -> Vec<(String, Option<String>, String)> {
        let part = |part: Part| {
            let bytes = String::from_utf8(part.bytes.to_vec()).unwrap();
            (part.name, part.file_name, bytes)
        };
        read(body).unwrap().into_iter().map(part).collect()
    }

    #[test]
    fn parts_come_out_as_they_were_put_in() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\ntwo\r\n--b \t\r\n\
                    content-disposition:form-data;filename=\"图 1.jpg\" ; name=c\r\nContent-Type: image/jpeg\r\n\r\n\r\n--b--\r\nrest";
        assert_eq!(
            text(body),
            [
                ("a".into(), None, "one\r\ntwo".into()),
                ("c".into(), Some("图 1.jpg".into()), String::new()),
            ]
        );
        assert_eq!(text("--b--"), []);
        assert_eq!(text("words before\r\n--b--"), []);
    }

    #[test]
    fn names_are_unquoted_as_clients_quote_them() {
        let check = |parameters: &str, expected: Option<&str>| {
            assert_eq!(
                parameter(parameters, "filename").as_deref(),
                expected,
                "{parameters}"
            );
        };
        check("name=\"x\"; filename=\"a%22b.jpg\"", Some("a\"b.jpg"));
        check("filename=\"a\\\"b\\\\.jpg\"", Some("a\"b\\.jpg"));
        check("filename=\"C:\\photos\\a.jpg\"", Some("C:\\photos\\a.jpg"));
        check("name=\"filename=z\"; FileName=y", Some("y"));
        check("name=x", None);
        check("filename=\"open", Some("open"));
    }
}
