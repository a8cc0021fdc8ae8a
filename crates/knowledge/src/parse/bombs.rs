//! Refuses PDF streams that unfold beyond the limit, before any of them is unfolded in memory.
//!
//! Twice: before the file is opened nothing is believed of what it says, and the data behind every `stream` keyword is tried as
//! packed data, however often packed; opening unfolds tables of objects. Then every stream is unfolded by its own filters.

use std::io::{BufReader, Cursor, Read};

use hayro_interpret::hayro_syntax::object::{Array, Dict, Object, Stream};
use hayro_interpret::hayro_syntax::{Filter, Pdf};

use super::{Fault, OverLimit};

/// Times the limit that all streams together may be unfolded to while they are counted.
const TOTAL: u64 = 16;
/// Filters that may be chained.
const MOST_FILTERS: usize = 4;
/// Columns (`/Columns`) that a predictor may have: a buffer of that length is made at once.
const MOST_COLUMNS: u64 = 1 << 20;

/// Counts what every stream of a file that is not yet opened unfolds to.
pub(super) fn check(bytes: &[u8], most: u64) -> Result<(), Fault> {
    columns(bytes)?;
    let mut budget = Budget::new(most);
    for start in memchr::memmem::find_iter(bytes, b"stream") {
        if bytes[..start].ends_with(b"end") {
            continue;
        }
        let mut data = start + 6;
        while bytes.get(data).is_some_and(|b| matches!(b, b'\r' | b'\n' | b' ')) {
            data += 1;
        }
        // Not to the mark of the end: it may stand inside the data, packed data ends by itself.
        let data = &bytes[data..];
        let before = &bytes[start.saturating_sub(8192)..start];
        budget.spend(flate(data, most)?)?;
        if memchr::memmem::find(before, b"LZW").is_some() {
            budget.spend(lzw(data, most))?;
        }
    }
    Ok(())
}

/// Counts what every stream of an opened file unfolds to by its filters.
pub(super) fn check_streams(pdf: &Pdf, most: u64) -> Result<(), Fault> {
    let mut budget = Budget::new(most);
    for object in pdf.objects() {
        if let Object::Stream(stream) = object {
            check_predictor(stream.dict())?;
            budget.spend(unfolded(&stream, most)?)?;
        }
    }
    Ok(())
}

/// What may still be unfolded while counting.
struct Budget {
    most: u64,
    left: u64,
}

impl Budget {
    fn new(most: u64) -> Self {
        Self {
            most,
            left: most.saturating_mul(TOTAL),
        }
    }

    fn spend(&mut self, unfolded: u64) -> Result<(), Fault> {
        if unfolded > self.most.min(self.left) {
            return Err(Fault::Over(OverLimit {
                limit: "unpacked_bytes",
                max: self.most,
                actual: unfolded,
            }));
        }
        self.left -= unfolded;
        Ok(())
    }
}

/// A packed picture out of what it is packed into in turn; `None` where that is not undone here.
pub(super) fn packed_picture(stream: &Stream<'_>, most: u64) -> Option<Vec<u8>> {
    let filters = stream.filters();
    let (_, around) = filters.split_last()?;
    if around.len() > MOST_FILTERS {
        return None;
    }
    let mut data = stream.raw_data().to_vec();
    for filter in around {
        data = match filter {
            Filter::FlateDecode => bounded(unflated(Box::new(Cursor::new(data))), most).ok()?,
            Filter::Ascii85Decode => ascii85(&data),
            Filter::AsciiHexDecode => ascii_hex(&data),
            _ => return None,
        };
    }
    Some(data)
}

/// What a stream unfolds to; 0 for pictures, which are never unfolded here.
fn unfolded(stream: &Stream<'_>, most: u64) -> Result<u64, Fault> {
    let filters = stream.filters();
    let is_picture = |filter: &Filter| {
        matches!(
            filter,
            Filter::DctDecode | Filter::JpxDecode | Filter::Jbig2Decode | Filter::CcittFaxDecode
        )
    };
    if filters.is_empty() || filters.iter().any(is_picture) {
        return Ok(0);
    }
    let chained =
        || Fault::Damaged("a stream is packed several times over in a way that is not read".to_owned());
    if filters.len() > MOST_FILTERS {
        return Err(chained());
    }
    let raw = stream.raw_data();
    let mut data: Box<dyn Read + '_> = Box::new(Cursor::new(&*raw));
    for (at, filter) in filters.iter().enumerate() {
        let last = at + 1 == filters.len();
        data = match filter {
            Filter::FlateDecode => unflated(data),
            Filter::Ascii85Decode => Box::new(Cursor::new(ascii85(&bounded(data, most)?))),
            Filter::AsciiHexDecode => Box::new(Cursor::new(ascii_hex(&bounded(data, most)?))),
            Filter::LzwDecode if last => return Ok(lzw(&bounded(data, most)?, most)),
            Filter::RunLengthDecode if last => return Ok(run_length(&bounded(data, most)?, most)),
            Filter::LzwDecode | Filter::RunLengthDecode => return Err(chained()),
            _ => data,
        };
    }
    count(&mut data, most)
}

fn unflated<'a>(data: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
    let mut data = BufReader::new(data);
    let zlib = std::io::BufRead::fill_buf(&mut data).is_ok_and(is_zlib);
    if zlib {
        Box::new(flate2::bufread::ZlibDecoder::new(data))
    } else {
        // The reader takes data without a zlib head as plain deflate.
        Box::new(flate2::bufread::DeflateDecoder::new(data))
    }
}

fn bounded(data: Box<dyn Read + '_>, most: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    // What was read before damage counts.
    let _ = data.take(most + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > most {
        return Err(Fault::Over(OverLimit {
            limit: "unpacked_bytes",
            max: most,
            actual: bytes.len() as u64,
        }));
    }
    Ok(bytes)
}

fn check_predictor(dictionary: &Dict<'_>) -> Result<(), Fault> {
    for key in ["DecodeParms", "DP"] {
        let one = dictionary.get::<Dict<'_>>(key);
        let many = dictionary.get::<Array<'_>>(key);
        let many = many
            .iter()
            .flat_map(|many| many.iter::<Object<'_>>().take(MOST_FILTERS + 1));
        let many = many.filter_map(|object| match object {
            Object::Dict(dictionary) => Some(dictionary),
            _ => None,
        });
        for parameters in one.into_iter().chain(many) {
            let columns = parameters.get::<usize>("Columns").unwrap_or(0) as u64;
            within_columns(columns)?;
        }
    }
    Ok(())
}

/// What deflate data unfolds to, and what that unfolds to as long as it is deflate data in turn.
fn flate(data: &[u8], most: u64) -> Result<u64, Fault> {
    let mut total = 0;
    for depth in 1..=MOST_FILTERS + 1 {
        let mut packed: Box<dyn Read + '_> = Box::new(data);
        for _ in 1..depth {
            packed = unflated(packed);
        }
        let mut packed = BufReader::new(packed);
        let head = std::io::BufRead::fill_buf(&mut packed).unwrap_or_default();
        // Plain deflate has no mark; only the outermost is tried so.
        if depth > 1 && !is_zlib(head) {
            break;
        }
        total += count(&mut unflated(Box::new(packed)), most)?;
        if total > most || depth > MOST_FILTERS {
            return Ok(most + 1);
        }
    }
    Ok(total)
}

/// ASCII base-85 up to its end or the first character that is none.
fn ascii85(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 5 * 4);
    let (mut value, mut digits) = (0u32, 0);
    for &byte in data {
        match byte {
            b'z' if digits == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                digits += 1;
                if digits == 5 {
                    out.extend(value.to_be_bytes());
                    (value, digits) = (0, 0);
                }
            }
            byte if byte.is_ascii_whitespace() || byte == 0 => {}
            _ => break,
        }
    }
    if digits > 1 {
        for _ in digits..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(&value.to_be_bytes()[..digits - 1]);
    }
    out
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = data
        .iter()
        .take_while(|&&byte| byte != b'>')
        .filter_map(|&byte| char::from(byte).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0))
        .collect()
}

/// What run-length data unfolds to (ISO 32000-1, 7.4.5).
fn run_length(data: &[u8], most: u64) -> u64 {
    let (mut at, mut total) = (0, 0);
    while let Some(&length) = data.get(at) {
        match length {
            128 => break,
            0..128 => {
                total += u64::from(length) + 1;
                at += usize::from(length) + 2;
            }
            129.. => {
                total += 257 - u64::from(length);
                at += 2;
            }
        }
        if total > most {
            break;
        }
    }
    total
}

/// The head of RFC 1950.
fn is_zlib(data: &[u8]) -> bool {
    matches!(data, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31))
}

/// Bytes that come out before the end, damage, or a little over `most`; refuses absurd predictors that stand in them.
fn count(unpacked: &mut dyn Read, most: u64) -> Result<u64, Fault> {
    const OVERLAP: usize = 64;
    let mut buffer = vec![0; OVERLAP + (64 << 10)];
    let (mut total, mut kept) = (0, 0);
    while total <= most {
        let Ok(read @ 1..) = unpacked.read(&mut buffer[kept..]) else {
            break;
        };
        total += read as u64;
        let filled = kept + read;
        columns(&buffer[..filled])?;
        kept = filled.min(OVERLAP);
        buffer.copy_within(filled - kept..filled, 0);
    }
    Ok(total)
}

/// What LZW data unfolds to, by the lengths of its table's entries alone (ISO 32000-1, 7.4.4).
fn lzw(data: &[u8], most: u64) -> u64 {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut lengths: Vec<u32> = vec![1; 258];
    let (mut bits, mut have, mut width) = (0u32, 0u32, 9u32);
    let (mut total, mut last) = (0u64, 0u32);
    for &byte in data {
        bits = bits << 8 | u32::from(byte);
        have += 8;
        if have < width {
            continue;
        }
        have -= width;
        let code = (bits >> have & ((1 << width) - 1)) as usize;
        bits &= (1 << have) - 1;
        match code {
            CLEAR => {
                lengths.truncate(258);
                (width, last) = (9, 0);
                continue;
            }
            END => break,
            _ => {}
        }
        let length = lengths.get(code).copied().unwrap_or(last + 1);
        total += u64::from(length);
        if total > most {
            break;
        }
        if last > 0 && lengths.len() < 4096 {
            lengths.push(last + 1);
        }
        last = length;
        width = match lengths.len() + 1 {
            ..=511 => 9,
            512..=1023 => 10,
            1024..=2047 => 11,
            _ => 12,
        };
    }
    total
}

/// Refuses `/Columns` beyond reason, however its name is written.
fn columns(bytes: &[u8]) -> Result<(), Fault> {
    for slash in memchr::memchr_iter(b'/', bytes) {
        let rest = &bytes[slash + 1..bytes.len().min(slash + 1 + 48)];
        if !matches!(rest.first(), Some(b'C' | b'#')) {
            continue;
        }
        let Some(value) = after_name(rest, b"Columns") else {
            continue;
        };
        let digits: Vec<u8> = value
            .iter()
            .copied()
            .skip_while(|b| b.is_ascii_whitespace() || *b == b'+')
            .take_while(u8::is_ascii_digit)
            .collect();
        let number = digits.iter().fold(0u64, |number, digit| {
            number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        });
        within_columns(number)?;
    }
    Ok(())
}

fn within_columns(actual: u64) -> Result<(), Fault> {
    if actual > MOST_COLUMNS {
        return Err(Fault::Over(OverLimit {
            limit: "predictor_columns",
            max: MOST_COLUMNS,
            actual,
        }));
    }
    Ok(())
}

/// What follows `name`, whose characters may be written as `#xx`.
fn after_name<'a>(mut bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    for &wanted in name {
        bytes = match bytes {
            [b'#', high, low, rest @ ..] => {
                let hex = [*high, *low];
                let code = std::str::from_utf8(&hex).ok()?;
                (u8::from_str_radix(code, 16).ok()? == wanted).then_some(rest)?
            }
            [first, rest @ ..] if *first == wanted => rest,
            _ => return None,
        };
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(data).unwrap();
        packed.finish().unwrap()
    }

    fn file(dictionary: &str, data: &[u8]) -> Vec<u8> {
        [
            format!("%PDF-1.7\n1 0 obj\n<<{dictionary}>>stream\n").as_bytes(),
            data,
            b"\nendstream endobj",
        ]
        .concat()
    }

    fn limit(bytes: &[u8]) -> Option<&'static str> {
        match check(bytes, 1 << 20) {
            Err(Fault::Over(over)) => Some(over.limit),
            _ => None,
        }
    }

    #[test]
    fn bombs_are_found_however_they_are_labelled() {
        let bomb = zlib(&vec![b' '; 2 << 20]);
        let small = zlib(&vec![b' '; 1 << 10]);
        assert_eq!(limit(&file("/Filter/FlateDecode", &small)), None);
        for dictionary in [
            "/Filter/FlateDecode",
            "/Filter/Fl#61teDecode",
            "/Filter 9 0 R",
            "",
        ] {
            assert_eq!(
                limit(&file(dictionary, &bomb)),
                Some("unpacked_bytes"),
                "{dictionary}"
            );
        }
        let chain = "/Filter[/FlateDecode/FlateDecode]";
        let mut packed = zlib(&vec![b' '; 64 << 20]);
        for _ in 0..2 {
            packed = zlib(&packed);
            assert_eq!(limit(&file(chain, &packed)), Some("unpacked_bytes"));
        }
        // A mark of the end inside the data hides nothing.
        let mut stored = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
        stored.write_all(b"endstream").unwrap();
        stored.flush().unwrap();
        let mut hidden = stored.finish().unwrap();
        hidden.truncate(hidden.len() - 9);
        hidden.extend(&bomb[2..]);
        assert_eq!(
            limit(&file("/Filter/FlateDecode", &hidden)),
            Some("unpacked_bytes")
        );
    }

    #[test]
    fn absurd_predictors_are_refused_in_any_spelling() {
        for name in ["Columns", "C#6flumns", "#43olumns"] {
            let text = format!("/DecodeParms<</Predictor 12/Colors 5/{name} 900000000000>>");
            assert_eq!(limit(&file(&text, b"x")), Some("predictor_columns"), "{name}");
            let packed = zlib(text.as_bytes());
            assert_eq!(
                limit(&file("/Filter/FlateDecode", &packed)),
                Some("predictor_columns")
            );
        }
        assert_eq!(limit(&file("/DecodeParms<</Columns 5000>>", b"x")), None);
    }

    #[test]
    fn filters_are_counted_as_they_unfold() {
        // The example of ISO 32000-1, 7.4.4.2: ten bytes in nine.
        assert_eq!(
            lzw(&[0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01], 100),
            10
        );
        // Three as they are, then 129 of one.
        assert_eq!(run_length(&[2, 1, 2, 3, 128 + 1, 7, 128, 9, 9], 1000), 3 + 128);
        assert_eq!(ascii85(b"9jqo^Bl bD-~>"), b"Man is d");
        assert_eq!(ascii85(b"9jqo^Bl~>"), b"Man i");
        assert_eq!(ascii_hex(b"4D 61 6E7>"), b"Manp");
    }
}
