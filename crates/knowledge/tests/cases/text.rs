//! HTML, Markdown and plain text; and names that promise something else.

use super::Case;
use super::Expected::{Empty, Mislabelled, NoText, Over, Text, Unsupported, Without};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = html();
    cases.extend(markdown());
    cases.extend(plain());
    cases.extend(names());
    cases
}

fn html() -> Vec<Case> {
    let case = |what: &str, text: String, expected| Case::new("a.html", what, text, expected);
    let attributes: String = (0..100_000).map(|at| format!(" a{at}")).collect();
    let wide = format!(
        "<table><tr><td colspan=199 rowspan=90>{}</td></tr>{}</table>",
        "长".repeat(200_000),
        "<tr><td>尾</td></tr>".repeat(89)
    );
    let mut broken = "<p>正常的文字，一个字节坏了。</p>".repeat(20).into_bytes();
    broken[4] = 0xff;
    vec![
        case("nothing", String::new(), Empty),
        case("blanks", " \n\t ".repeat(100), Empty),
        case("tags without text", "<html><body><p></p><div></div></body></html>".into(), NoText("no text")),
        case("a script only", "<script>var text = '文字';</script>".into(), NoText("no text")),
        case("a script that never ends", "<p>前文</p><script>var x = '文字';".into(), Without("前文", "文字")),
        case("a comment that never ends", "<p>前文</p><!-- 后文".into(), Without("前文", "后文")),
        case("a tag that never ends", "<p>前文</p><p class=\"后文".into(), Without("前文", "后文")),
        case("a tag of 100,000 attributes", format!("<p{attributes}>前文</p>"), Over("tag_attributes")),
        case("100,000 attributes that never end", format!("<p{attributes}"), Over("tag_attributes")),
        case("50,000 open elements", "<div><b><table><tr><td>".repeat(50_000) + "深处的字", Text("深处的字")),
        case("50,000 closed elements that were never open", "</div></td></table></ol>".repeat(50_000) + "<p>后面的字", Text("后面的字")),
        case("10,000 lists in one another", "<ol><li>".repeat(10_000) + "深处的字", Text("深处的字")),
        case("a cell over all columns and rows", "<table><tr><td colspan=4294967295 rowspan=4294967295>宽格</td></tr></table>".into(), Text("宽格")),
        case("spans that are no numbers", "<table><tr><td colspan=abc rowspan=-3>窄格</td></tr></table>".into(), Text("窄格")),
        case("a long cell over 18,000 places", wide, Text("尾")),
        case("spans that fill the table", "<table><tr><td colspan=50 rowspan=50>甲</td></tr><tr></tr></table><table><tr><td colspan=50>甲</td><td>乙</td></tr></table>".into(), Over("table_cells"))
            .within(|limits| limits.table_cells = 50),
        case("cells outside a table", "<td>散落的字</td><tr><th>表头</th></tr>".into(), Text("散落的字")),
        case("page marks beyond the limit", "<!-- page 999999 --><p>字</p>".into(), Over("pages")),
        case("6,000 page breaks", "<p style=\"page-break-before: always\">字</p>".repeat(6_000), Over("pages")),
        case("entities of all kinds", "<p>前&nbsp;&#0;&#x110000;&#99999999999;&unknown;&amp;后</p>".into(), Text("后")),
        case("a NUL in a tag", format!("<p\0a>前文<\0/p>{}", "更多的文字".repeat(10)), Text("前文")),
        case("too much text", "<p>第一段文字</p>".into(), Over("text_chars")).within(|limits| limits.text_chars = 3),
        case("too many blocks", "<p>字</p>".repeat(30), Over("blocks")).within(|limits| limits.blocks = 20),
        case("too many page marks", "<!-- page 1 -->".repeat(30), Over("blocks")).within(|limits| limits.blocks = 20),
        Case::new("a.html", "a broken byte", broken, Text("正常的文字")),
        Case::new("a.html", "a charset that is none", *b"<meta charset=nonsense><p>plain words</p>", Text("plain words")),
        Case::new("a.html", "binary data", [&b"<html>"[..], &[0, 1, 2, 3, 0xff].repeat(200)].concat(), Mislabelled("binary data")),
        Case::new("a.html", "a PNG", *b"\x89PNG\r\n\x1a\n0000", Mislabelled("a PNG image")),
    ]
}

fn markdown() -> Vec<Case> {
    let case = |what: &str, text: String, expected| Case::new("a.md", what, text, expected);
    let rule = "=".repeat(40);
    let mut broken = "正常的文字，一个字节坏了。".repeat(20).into_bytes();
    broken[3] = 0xff;
    vec![
        case("nothing", String::new(), Empty),
        case(
            "marks without text",
            "# \n\n---\n\n> \n".into(),
            NoText("no text"),
        ),
        case(
            "a page mark of 999,999",
            "<!-- page 999999 -->\n字".into(),
            Over("pages"),
        ),
        case(
            "a page mark of 4 billion and more",
            "<!-- page 99999999999 -->\n前文".into(),
            Text("前文"),
        ),
        case("a page mark of 0", "<!-- page 0 -->\n前文".into(), Text("前文")),
        case(
            "a page mark of minus one",
            "<!-- page -1 -->\n前文".into(),
            Text("前文"),
        ),
        case(
            "pages in the wrong order",
            "<!-- page 3 -->\n丙页\n<!-- page 1 -->\n甲页".into(),
            Text("甲页 丙页"),
        ),
        case(
            "a rule page beyond the limit",
            format!("{rule}\nPAGE 5001\n{rule}\n字"),
            Over("pages"),
        ),
        case(
            "a comment that never ends",
            "前文\n<!-- 注释\n后文".into(),
            Text("前文"),
        ),
        case(
            "100,000 comments that never end",
            "<!-- 注释\n".repeat(100_000) + "后文",
            Text("后文"),
        ),
        case(
            "a row of a million cells",
            format!("{}\n", "|a".repeat(1_000_000)),
            Text("a"),
        ),
        case(
            "a table without end",
            "| a | b |\n| --- | --- |\n".to_owned() + &"| 甲 | 乙 |\n".repeat(30),
            Over("table_cells"),
        )
        .within(|limits| limits.table_cells = 40),
        case(
            "delimiters only",
            "|---|---|\n|---|---|\n".into(),
            NoText("no text"),
        ),
        case(
            "an HTML table that never ends",
            "前文\n\n<table><tr><td>甲格\n后文".into(),
            Text("甲格"),
        ),
        case(
            "10,000 HTML tables that never end",
            "<table><tr><td>甲格 ".repeat(10_000),
            Text("甲格"),
        ),
        case(
            "100,000 quotes in one another",
            ">".repeat(100_000) + " 引文",
            Text("引文"),
        ),
        case(
            "100,000 stars",
            "*".repeat(100_000) + "前文" + &"_".repeat(99_999),
            Text("前文"),
        ),
        case(
            "100,000 brackets",
            "[".repeat(100_000) + "前文" + &"](".repeat(50_000),
            Text("前文"),
        ),
        case(
            "20,000 full lines without a stop",
            "这一行写满了一整行而且没有任何标点符号所以和下一行连在一起读\n".repeat(20_000),
            Text("这一行写满了"),
        ),
        case("too much text", "第一段文字".into(), Over("text_chars")).within(|limits| limits.text_chars = 3),
        case("too many blocks", "字\n\n".repeat(30), Over("blocks")).within(|limits| limits.blocks = 20),
        Case::new("a.md", "a broken byte", broken, Text("正常的文字")),
        Case::new(
            "a.md",
            "a gzip file",
            *b"\x1f\x8b\x08\0\0\0\0\0",
            Mislabelled("a gzip file"),
        ),
        Case::new(
            "a.md",
            "binary data",
            [0u8, 1, 2, 3, 4, 5, 6].repeat(100),
            Mislabelled("binary data"),
        ),
    ]
}

fn plain() -> Vec<Case> {
    let case = |what: &str, bytes: Vec<u8>, expected| Case::new("a.txt", what, bytes, expected);
    let utf16: Vec<u8> = "双字节文字"
        .repeat(10)
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let odd = [&[0xfe, 0xff][..], &utf16, b"x"].concat();
    let surrogate = [&[0xfe, 0xff, 0xd8, 0x00][..], &utf16].concat();
    let overlong = [
        &b"plain words \xc0\xaf \xe0\x80\xaf "[..],
        &"正常的文字。".repeat(200).into_bytes(),
    ]
    .concat();
    vec![
        case("nothing", Vec::new(), Empty),
        case(
            "a mark of byte order only",
            b"\xef\xbb\xbf".to_vec(),
            NoText("no text"),
        ),
        case("line breaks", b"\r\n\r\n".to_vec(), Empty),
        case("form feeds only", vec![0x0c; 6_000], Empty),
        case("6,000 pages of text", b"a\x0c".repeat(6_000), Over("pages")),
        case("a million lines", b"a\n".repeat(1_000_000), Text("a")),
        case("one line of 5 MB", vec![b'a'; 5_000_000], Text("aaaa")),
        case(
            "100,000 full lines without a stop",
            b"this line fills its measure and goes on in the one below it\n".repeat(100_000),
            Text("this line fills"),
        ),
        case("UTF-16 with half a character", odd, Text("双字节文字")),
        case("UTF-16 with half a pair", surrogate, Text("双字节文字")),
        case("overlong UTF-8", overlong, Text("正常的文字")),
        case(
            "GB18030",
            encoding_rs::GB18030
                .encode(&"室外机通信故障。".repeat(20))
                .0
                .into_owned(),
            Text("室外机通信故障"),
        ),
        case("zeros", vec![0; 1000], Mislabelled("binary data")),
        case(
            "control characters",
            b"\x01\x02\x03\x04\x05\x06\x07".repeat(50),
            Mislabelled("binary data"),
        ),
        case(
            "a program",
            b"\x7fELF\x02\x01\x01\0".to_vec(),
            Mislabelled("a program"),
        ),
        case("too much text", b"first words".to_vec(), Over("text_chars"))
            .within(|limits| limits.text_chars = 3),
        case(
            "a file over the limit",
            b"first words".to_vec(),
            Over("size_bytes"),
        )
        .within(|limits| limits.file_bytes = 3),
    ]
}

fn names() -> Vec<Case> {
    let case =
        |file: &'static str, what: &str, bytes: &[u8], expected| Case::new(file, what, bytes, expected);
    vec![
        case("a.exe", "a program's ending", b"words", Unsupported),
        case(
            "a.doc",
            "an old ending",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            Unsupported,
        ),
        case("a.zip.rar", "a RAR archive", b"Rar!\x1a\x07", Unsupported),
        case(
            "picture",
            "a PNG without an ending",
            b"\x89PNG\r\n\x1a\n0000",
            Unsupported,
        ),
        case(
            "unnamed",
            "binary data without an ending",
            &[0, 1, 2, 3, 4, 5],
            Unsupported,
        ),
        case(
            "manual",
            "text without an ending",
            "没有扩展名的手册".as_bytes(),
            Text("没有扩展名的手册"),
        ),
        case(
            "page",
            "HTML without an ending",
            b"<!DOCTYPE html><p>plain words</p>",
            Text("plain words"),
        ),
        case("", "no name", b"plain words", Text("plain words")),
        case(
            "../../etc/passwd",
            "a name that climbs",
            b"plain words",
            Unsupported,
        ),
        case(".md", "an ending only", b"plain words", Text("plain words")),
    ]
}
