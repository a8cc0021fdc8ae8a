//! PDFs: cut, cyclic, locked, folded a thousand times over.

use super::Expected::{self, Damaged, Mislabelled, NoText, Over, Password, Text, Without};
use super::{Case, cut_before, zlib};

/// Objects from number 1 on, with a right table of their places.
pub(crate) fn file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n", at + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n").bytes());
    out
}

pub(crate) fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

pub(crate) fn text(words: &str) -> String {
    format!("BT /F1 12 Tf 50 700 Td ({words}) Tj ET")
}

const CATALOG: &str = "<</Type/Catalog/Pages 2 0 R>>";
const FONT: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>";

fn pages(kids: &[usize]) -> String {
    let list: String = kids.iter().map(|kid| format!("{kid} 0 R ")).collect();
    format!("<</Type/Pages/Count {}/Kids[{list}]>>", kids.len())
}

fn page(extra: &str) -> String {
    format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 3 0 R>>/XObject<</X 6 0 R>>>>{extra}>>"
    )
}

/// A page with this content object, and further objects from number 6 on.
pub(crate) fn one_page(content: Vec<u8>, more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut objects = vec![
        CATALOG.into(),
        pages(&[4]).into(),
        FONT.into(),
        page("/Contents 5 0 R").into(),
        content,
    ];
    objects.extend(more.iter().cloned());
    objects
}

/// A PDF of pages with these words.
pub(crate) fn valid(words: &[&str]) -> Vec<u8> {
    let kids: Vec<usize> = (0..words.len()).map(|at| 4 + 2 * at).collect();
    let mut objects: Vec<Vec<u8>> = vec![CATALOG.into(), pages(&kids).into(), FONT.into()];
    for (at, words) in words.iter().enumerate() {
        objects.push(page(&format!("/Contents {} 0 R", 5 + 2 * at)).into());
        objects.push(stream("", text(words).as_bytes()));
    }
    file(&objects, "")
}

fn with_content(what: &str, content: Vec<u8>, expected: Expected) -> Case {
    Case::new("a.pdf", what, file(&one_page(content, &[]), ""), expected)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cut();
    cases.extend(damaged());
    cases.extend(structure());
    cases.extend(locked());
    cases.extend(bombs());
    cases.extend(drawing());
    cases
}

fn cut() -> Vec<Case> {
    let whole = valid(&["first words", "second words"]);
    let case =
        |what: &str, bytes: Vec<u8>, expected| Case::new("a.pdf", format!("cut {what}"), bytes, expected);
    vec![
        case("to its mark", b"%PDF-1.7".to_vec(), Damaged("no page tree")),
        case(
            "before object 1",
            cut_before(&whole, "1 0 obj", 1),
            Damaged("no page tree"),
        ),
        case(
            "inside the catalogue",
            cut_before(&whole, "/Pages 2", 1),
            Damaged("no page tree"),
        ),
        case(
            "before the pages",
            cut_before(&whole, "2 0 obj", 1),
            Damaged("no page"),
        ),
        case(
            "before the first page",
            cut_before(&whole, "4 0 obj", 1),
            Damaged("no page"),
        ),
        case(
            "inside the first content",
            cut_before(&whole, " Tj ET", 1),
            NoText("no text"),
        ),
        case(
            "before the second page",
            cut_before(&whole, "6 0 obj", 1),
            Text("first words"),
        ),
        case(
            "inside the second content",
            cut_before(&whole, " Tj ET", 2),
            Text("first words"),
        ),
        case(
            "before the table",
            cut_before(&whole, "xref", 1),
            Text("second words"),
        ),
        case(
            "before the trailer",
            cut_before(&whole, "trailer", 1),
            Text("second words"),
        ),
        case(
            "inside the trailer",
            cut_before(&whole, "/Root", 1),
            Text("second words"),
        ),
        case(
            "before the table's place",
            cut_before(&whole, "startxref", 1),
            Text("second words"),
        ),
        case(
            "before the end mark",
            cut_before(&whole, "%%EOF", 1),
            Text("second words"),
        ),
        case(
            "at its beginning",
            whole[200..].to_vec(),
            Mislabelled("no %PDF- mark"),
        ),
    ]
}

fn damaged() -> Vec<Case> {
    let whole = valid(&["first words"]);
    let text_of = String::from_utf8(whole.clone()).unwrap();
    let replaced = |what: &str, from: &str, to: &str, expected| {
        assert!(text_of.contains(from), "{from}");
        Case::new(
            "a.pdf",
            what,
            text_of.replacen(from, to, 1).into_bytes(),
            expected,
        )
    };
    let place = text_of
        .split("startxref\n")
        .nth(1)
        .unwrap()
        .split('\n')
        .next()
        .unwrap()
        .to_owned();
    vec![
        Case::new(
            "a.pdf",
            "a PNG",
            *b"\x89PNG\r\n\x1a\n0000",
            Mislabelled("a PNG image"),
        ),
        Case::new(
            "a.pdf",
            "a ZIP",
            *b"PK\x03\x04aaaaaaaa",
            Mislabelled("a ZIP archive"),
        ),
        Case::new(
            "a.pdf",
            "the mark beyond 1 KiB",
            [vec![0; 2000], whole.clone()].concat(),
            Mislabelled("no %PDF- mark"),
        ),
        Case::new(
            "a.pdf",
            "1,000 bytes before the mark",
            [vec![b'\n'; 1000], whole.clone()].concat(),
            Text("first words"),
        ),
        Case::new(
            "a.pdf",
            "nothing but zeros",
            [&b"%PDF-1.7\n"[..], &[0; 5000]].concat(),
            Damaged("no page tree"),
        ),
        replaced(
            "a table's place of 0",
            &format!("startxref\n{place}"),
            "startxref\n0",
            Text("first words"),
        ),
        replaced(
            "a table's place beyond the end",
            &format!("startxref\n{place}"),
            "startxref\n99999999",
            Text("first words"),
        ),
        replaced(
            "a negative table's place",
            &format!("startxref\n{place}"),
            "startxref\n-5",
            Text("first words"),
        ),
        replaced(
            "a table of 4 billion entries",
            "xref\n0 6",
            "xref\n0 4294967295",
            Text("first words"),
        ),
        replaced("a trailer without root", "/Root 1 0 R", "", Text("first words")),
        replaced(
            "a root that is no object",
            "/Root 1 0 R",
            "/Root 99 0 R",
            Text("first words"),
        ),
        replaced(
            "pages that are the catalogue",
            "/Pages 2 0 R",
            "/Pages 1 0 R",
            Text("first words"),
        ),
        replaced(
            "a count of minus one",
            "/Count 1",
            "/Count -1",
            Text("first words"),
        ),
        replaced(
            "a count of 4 billion",
            "/Count 1",
            "/Count 4294967295",
            Text("first words"),
        ),
        replaced(
            "a length that is too short",
            "/Length 42",
            "/Length 3",
            Text("first words"),
        ),
        replaced(
            "a length beyond the end",
            "/Length 42",
            "/Length 99999999",
            Text("first words"),
        ),
        replaced(
            "a negative length",
            "/Length 42",
            "/Length -42",
            Text("first words"),
        ),
        replaced(
            "a length that is itself",
            "/Length 42",
            "/Length 5 0 R",
            Text("first words"),
        ),
        replaced("no length", "/Length 42", "", Text("first words")),
        replaced(
            "a page without area",
            "[0 0 600 800]",
            "[0 0 0 0]",
            Text("first words"),
        ),
        replaced(
            "a page of absurd area",
            "[0 0 600 800]",
            "[-1e38 -1e38 1e38 1e38]",
            Damaged("no pages"),
        ),
        replaced(
            "a page box of words",
            "[0 0 600 800]",
            "[a b c d]",
            Text("first words"),
        ),
        replaced(
            "a page turned by 37 degrees",
            "/MediaBox",
            "/Rotate 37/MediaBox",
            Text("first words"),
        ),
        replaced(
            "an unknown filter",
            "/Length 42",
            "/Filter/Nonsense/Length 42",
            Text("first words"),
        ),
        replaced(
            "a filter that does not fit",
            "/Length 42",
            "/Filter/FlateDecode/Length 42",
            Text("first words"),
        ),
        replaced(
            "a predictor of no columns",
            "/Length 42",
            "/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 0>>/Length 42",
            NoText(""),
        ),
        replaced(
            "a font that is no font",
            "/Font/Subtype/Type1",
            "/Nothing/Subtype/Odd",
            Text("first words"),
        ),
    ]
}

fn structure() -> Vec<Case> {
    let case =
        |what: &str, objects: &[Vec<u8>], expected| Case::new("a.pdf", what, file(objects, ""), expected);
    let words = || stream("", text("first words").as_bytes());
    let mut chain: Vec<Vec<u8>> = vec![CATALOG.into(), pages(&[4]).into(), FONT.into()];
    chain.extend((4..3_000).map(|at| pages(&[at + 1]).into_bytes()));
    let nested = |open: &str, close: &str| {
        let deep = [open.repeat(100_000), close.repeat(100_000)].concat();
        one_page(words(), &[format!("<</Deep {deep}>>").into_bytes()])
    };
    let labels = |tree: &str| {
        let mut objects = one_page(words(), &[tree.as_bytes().to_vec()]);
        objects[0] = b"<</Type/Catalog/Pages 2 0 R/PageLabels 6 0 R>>".to_vec();
        objects
    };
    let mut itself = one_page(words(), &[]);
    itself[1] = pages(&[2]).into_bytes();
    let mut twice = one_page(words(), &[]);
    twice[1] = pages(&[2, 4, 4, 1]).into_bytes();
    let mut none = one_page(words(), &[]);
    none[1] = pages(&[]).into_bytes();
    none[3] = b"<</Nothing 1>>".to_vec();
    let many: Vec<usize> = vec![4; 1];
    let mut direct: Vec<Vec<u8>> = vec![CATALOG.into(), pages(&many).into(), FONT.into()];
    direct[1] = format!("<</Type/Pages/Kids[{}]>>", "<</Type/Page>>".repeat(5_001)).into_bytes();
    vec![
        case("pages whose child is themselves", &itself, Damaged("no pages")),
        case(
            "pages with themselves among the children",
            &twice,
            Text("first words"),
        ),
        case("no page", &none, Damaged("no page")),
        case("3,000 levels of pages without a page", &chain, Damaged("no page")),
        case("5,001 pages", &direct, Over("pages")),
        case(
            "100,000 arrays in one another",
            &nested("[", "]"),
            Text("first words"),
        ),
        case(
            "100,000 dictionaries in one another",
            &nested("<</A", ">>"),
            Text("first words"),
        ),
        case(
            "labels whose child is themselves",
            &labels("<</Kids[6 0 R 6 0 R 6 0 R]>>"),
            Text("first words"),
        ),
        case(
            "labels of absurd numbers",
            &labels("<</Nums[-5<</S/D>>99999999999<</S/r/St 4000000000>>0<</S/R/St 99999>>]>>"),
            Text("first words"),
        ),
        case(
            "content in itself",
            &one_page(b"[5 0 R 5 0 R]".to_vec(), &[]),
            NoText("no text"),
        ),
        case(
            "content that is a number",
            &one_page(b"42".to_vec(), &[]),
            NoText("no text"),
        ),
        case("a blank page", &one_page(stream("", b""), &[]), NoText("no text")),
    ]
}

fn locked() -> Vec<Case> {
    let objects = one_page(stream("", text("secret").as_bytes()), &[]);
    let case = |what: &str, encrypt: &str, expected| {
        let id = "/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]";
        Case::new(
            "a.pdf",
            what,
            file(&objects, &format!("{id}/Encrypt<<{encrypt}>>")),
            expected,
        )
    };
    let (short, long) = ("ab".repeat(32), "ab".repeat(48));
    let keys = format!("/O<{short}>/U<{short}>");
    let aes = "/CF<</StdCF<</CFM/AESV2/AuthEvent/DocOpen/Length 16>>>>/StmF/StdCF/StrF/StdCF";
    let aes256 = "/CF<</StdCF<</CFM/AESV3/AuthEvent/DocOpen/Length 32>>>>/StmF/StdCF/StrF/StdCF";
    vec![
        case(
            "locked with 40 bits",
            &format!("/Filter/Standard/V 1/R 2/Length 40/P -4{keys}"),
            Password,
        ),
        case(
            "locked with 128 bits",
            &format!("/Filter/Standard/V 2/R 3/Length 128/P -4{keys}"),
            Password,
        ),
        case(
            "locked with AES-128",
            &format!("/Filter/Standard/V 4/R 4/Length 128/P -4{aes}{keys}"),
            Password,
        ),
        case(
            "locked with AES-256",
            &format!(
                "/Filter/Standard/V 5/R 6/Length 256/P -4{aes256}/O<{long}>/U<{long}>/OE<{short}>/UE<{short}>/Perms<{}>",
                "ab".repeat(16)
            ),
            Password,
        ),
        case(
            "locked in an unknown way",
            &format!("/Filter/Mine/V 1/R 2/P -4{keys}"),
            Damaged("encryption cannot be read"),
        ),
        case(
            "locked without keys",
            "/Filter/Standard/V 2/R 3/Length 128/P -4",
            Damaged("encryption cannot be read"),
        ),
        case(
            "locked by version 99",
            &format!("/Filter/Standard/V 99/R 99/P -4{keys}"),
            Damaged("encryption cannot be read"),
        ),
    ]
}

/// Codes of 9 to 12 bits that each repeat the longest string so far: about 2,700 bytes a code in the end.
fn lzw_bomb(codes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut have) = (0u64, 0);
    let mut put = |code: u64, width: u32, out: &mut Vec<u8>| {
        bits = bits << width | code;
        have += width;
        while have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    };
    put(256, 9, &mut out);
    put(32, 9, &mut out);
    let (mut next, mut width) = (258u64, 9);
    for _ in 0..codes {
        put(next.min(4095), width, &mut out);
        next = (next + 1).min(4096);
        width = match next + 1 {
            ..=511 => 9,
            512..=1023 => 10,
            1024..=2047 => 11,
            _ => 12,
        };
    }
    out.extend([0; 4]);
    out
}

fn bombs() -> Vec<Case> {
    let content = |what: &str, dictionary: &str, data: &[u8]| {
        with_content(what, stream(dictionary, data), Over("unpacked_bytes"))
            .within(|limits| limits.unpacked_bytes = 8 << 20)
    };
    let once = zlib(&vec![b' '; 12 << 20]);
    let deflated = once[2..].to_vec();
    let twice = zlib(&zlib(&vec![b' '; 64 << 20]));
    let thrice = zlib(&twice);
    let mut base85 = Vec::new();
    for chunk in once.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let mut value = u32::from_be_bytes(word);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = b'!' + (value % 85) as u8;
            value /= 85;
        }
        base85.extend(digits);
    }
    base85.extend(b"~>");
    let hex: String = once.iter().map(|b| format!("{b:02x}")).collect();
    let columns =
        |name: &str| format!("/Filter/FlateDecode/DecodeParms<</Predictor 12/Colors 5/{name} 900000000000>>");
    let predictor = |what: &str, dictionary: &str| {
        with_content(what, stream(dictionary, &zlib(b"x")), Over("predictor_columns"))
    };
    let object_stream = |what: &str, dictionary: &str, data: &[u8]| {
        let mut objects = one_page(stream("", text("first words").as_bytes()), &[]);
        objects.push(stream(&format!("/Type/ObjStm/N 1/First 4{dictionary}"), data));
        Case::new("a.pdf", what, file(&objects, ""), Over("unpacked_bytes"))
            .within(|limits| limits.unpacked_bytes = 8 << 20)
    };
    vec![
        content("folded content", "/Filter/FlateDecode", &once),
        content(
            "folded content with an escaped filter",
            "/Filter/Fl#61teDecode",
            &once,
        ),
        content("folded content with a short name", "/Filter/Fl", &once),
        content("folded content without a head", "/Filter/FlateDecode", &deflated),
        content(
            "content folded twice",
            "/Filter[/FlateDecode/FlateDecode]",
            &twice,
        ),
        content(
            "content folded three times",
            "/Filter[/FlateDecode/FlateDecode/FlateDecode]",
            &thrice,
        ),
        content(
            "folded content in base 85",
            "/Filter[/ASCII85Decode/FlateDecode]",
            &base85,
        ),
        content(
            "folded content in hexadecimal",
            "/Filter[/ASCIIHexDecode/FlateDecode]",
            hex.as_bytes(),
        ),
        content("LZW", "/Filter/LZWDecode", &lzw_bomb(12_000)),
        content(
            "run lengths",
            "/Filter/RunLengthDecode",
            &[129, b' '].repeat(70_000),
        ),
        object_stream("folded objects", "/Filter/FlateDecode", &once),
        predictor("a predictor of absurd width", &columns("Columns")),
        predictor("a predictor of absurd width, escaped", &columns("C#6fl#75mns")),
        with_content(
            "ten filters",
            stream(&format!("/Filter[{}]", "/ASCIIHexDecode".repeat(10)), b"3130>"),
            Damaged("packed several times over"),
        ),
        with_content(
            "LZW of run lengths",
            stream("/Filter[/LZWDecode/RunLengthDecode]", &lzw_bomb(10)),
            Damaged("packed several times over"),
        ),
        Case::new(
            "a.pdf",
            "a file over the limit",
            valid(&["x"]),
            Over("size_bytes"),
        )
        .within(|limits| limits.file_bytes = 100),
        Case::new(
            "a.pdf",
            "text over the limit",
            valid(&["first words"]),
            Over("text_chars"),
        )
        .within(|limits| limits.text_chars = 5),
        Case::new("a.pdf", "pages over the limit", valid(&["a", "b"]), Over("pages"))
            .within(|limits| limits.pages = 1),
        Case::new(
            "a.pdf",
            "content of all pages over the limit",
            valid(&["a"; 4]),
            Over("document_content_bytes"),
        )
        .within(|limits| limits.document_content_bytes = 100),
        Case::new(
            "a.pdf",
            "glyphs of all pages over the limit",
            valid(&["words"; 4]),
            Over("document_glyphs"),
        )
        .within(|limits| limits.document_glyphs = 10),
    ]
}

fn drawing() -> Vec<Case> {
    let content = |what: &str, content: &[u8], expected| with_content(what, stream("", content), expected);
    let form = |resources: &str, content: &[u8]| {
        stream(
            &format!("/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<{resources}>>"),
            content,
        )
    };
    let forms = |what: &str, forms: &[Vec<u8>], expected| {
        let words = [text("first words").as_bytes(), b" /X Do"].concat();
        Case::new(
            "a.pdf",
            what,
            file(&one_page(stream("", &words), forms), ""),
            expected,
        )
    };
    // Each form draws the next one ten times: 10^8 in all.
    let multiplied: Vec<Vec<u8>> = (6..14)
        .map(|at| form(&format!("/XObject<</X {} 0 R>>", at + 1), &b"/X Do ".repeat(10)))
        .chain([form("", b"")])
        .collect();
    let parts = format!("[{}]", "6 0 R ".repeat(3_000));
    let in_parts = one_page(parts.into_bytes(), &[stream("", b" ")]);
    let mut large = one_page(format!("[{}]", "6 0 R ".repeat(40)).into_bytes(), &[]);
    large.push(stream("/Filter/FlateDecode", &zlib(&vec![b' '; 1 << 20])));
    let mut cases = vec![
        content(
            "unknown operators",
            b"BT /F1 12 Tf 50 700 Td bogus 1 2 3 nonsense (first words) Tj ET",
            Text("first words"),
        ),
        content(
            "too many operands",
            [&b"1 ".repeat(100_000)[..], text("first words").as_bytes()]
                .concat()
                .as_slice(),
            NoText("no text"),
        ),
        content(
            "an unclosed string",
            b"BT /F1 12 Tf (first words",
            NoText("no text"),
        ),
        content(
            "an unclosed array",
            b"BT /F1 12 Tf [(first words) 5",
            NoText("no text"),
        ),
        content(
            "states that are never restored",
            &[&b"q ".repeat(200_000)[..], text("first words").as_bytes()].concat(),
            Text("first words"),
        ),
        content(
            "states that were never saved",
            &[&b"Q ".repeat(200_000)[..], text("first words").as_bytes()].concat(),
            Text("first words"),
        ),
        content(
            "text of no size",
            b"BT /F1 0 Tf 50 700 Td (first words) Tj ET",
            NoText(""),
        ),
        content(
            "text at no place",
            b"BT /F1 12 Tf 1e39 1e39 Td (first words) Tj ET",
            Text("first words"),
        ),
        content(
            "text of infinite size",
            b"BT /F1 12 Tf 1e300 0 0 1e300 0 0 Tm (first words) Tj ET",
            Text("first words"),
        ),
        content(
            "a font that is not there",
            b"BT /F9 12 Tf 50 700 Td (first words) Tj ET",
            Text("first words"),
        ),
        content(
            "a run of 400,001 glyphs",
            &[b"BT /F1 12 Tf (", &vec![b'a'; 400_001][..], b") Tj ET"].concat(),
            NoText("more than 200000 glyphs"),
        ),
        content(
            "200,001 glyphs one by one",
            &[&b"BT /F1 12 Tf "[..], &b"(a) Tj ".repeat(200_001), b"ET"].concat(),
            NoText("more than 200000 glyphs"),
        ),
        content(
            "a path without end",
            &b"0 0 1 1 re ".repeat(200_001),
            NoText("a path on this page is too long"),
        ),
        content(
            "text as a clip without end",
            &[
                &b"BT /F1 12 Tf 7 Tr "[..],
                &b"(aaaaaaaaaa) Tj ".repeat(1_001),
                b"ET",
            ]
            .concat(),
            NoText("a path on this page is too long"),
        ),
        content(
            "a million drawings",
            &b"0 0 9 9 re f ".repeat(1_000_001),
            NoText("more than 1000000 drawings"),
        ),
        content(
            "inline images within one another",
            &b"BI ID x EI EI ".repeat(5_000),
            NoText("inline images"),
        ),
        content(
            "an inline image without end",
            b"BT /F1 12 Tf 50 700 Td (first words) Tj ET BI /W 1 ID xxxxxx",
            Text("first words"),
        ),
        content(
            "private characters only",
            b"BT /F1 12 Tf 50 700 Td <01020304050607> Tj ET",
            NoText(""),
        ),
        Case::new(
            "a.pdf",
            "content in 3,000 pieces",
            file(&in_parts, ""),
            NoText("more than 2000 pieces"),
        ),
        Case::new(
            "a.pdf",
            "one piece forty times",
            file(&large, ""),
            NoText("bytes of drawing instructions"),
        ),
        forms(
            "a form that draws itself",
            &[form("/XObject<</X 6 0 R>>", b"/X Do /X Do")],
            Text("first words"),
        ),
        forms(
            "forms that draw each other",
            &[
                form("/XObject<</X 7 0 R>>", b"/X Do"),
                form("/XObject<</X 6 0 R>>", b"/X Do"),
            ],
            Text("first words"),
        ),
        forms(
            "a form without a box",
            &[stream("/Subtype/Form", b"")],
            Text("first words"),
        ),
        forms(
            "a form of inline images within one another",
            &[form("", &b"BI ID x EI EI ".repeat(5_000))],
            NoText("inline images"),
        ),
        forms(
            "a form with a path without end",
            &[form("", &b"0 0 1 1 re ".repeat(200_001))],
            NoText("a path"),
        ),
    ];
    cases.push(
        forms(
            "forms that draw ten more, eight deep",
            &multiplied,
            NoText("drawings"),
        )
        .within(|limits| limits.page_operations = 50_000),
    );
    let two = {
        let mut objects = one_page(stream("", &b"0 0 1 1 re ".repeat(200_001)), &[]);
        objects[1] = pages(&[4, 7]).into_bytes();
        objects.push(stream(
            "/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray",
            b"x",
        ));
        objects.push(page("/Contents 8 0 R").into_bytes());
        objects.push(stream("", text("second words").as_bytes()));
        file(&objects, "")
    };
    cases.push(Case::new(
        "a.pdf",
        "one hostile page of two",
        two,
        Without("second words", "first"),
    ));
    cases
}
