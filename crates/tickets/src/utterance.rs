//! Lines cut into sentences and clauses, and cleaned of what carries no fact.

use std::sync::LazyLock;

use regex::Regex;
use shifu_domain::text::is_han;
use shifu_domain::{Dialogue, Speaker};

/// A sentence of a line, as said.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    /// Position of its line, from 1.
    pub(crate) line: usize,
    pub(crate) speaker: Speaker,
    /// Clauses that say something, cleaned, with whether each asks.
    pub(crate) clauses: Vec<Clause>,
}

/// A clause: what stands between two commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) text: String,
    pub(crate) asks: bool,
}

/// A clause longer than this is cut at its spaces.
const MOST_UNBROKEN: usize = 24;
/// Openings that carry no fact, longest first; a comma or nothing follows, or the clause goes on without them.
const FILLERS: [&str; 58] = [
    "不好意思",
    "是这样的",
    "怎么说呢",
    "我跟你说",
    "我跟您说",
    "我看看啊",
    "您看一下",
    "我看一下",
    "麻烦问一下",
    "请问一下",
    "我想问一下",
    "想问一下",
    "那个",
    "这个嘛",
    "就是说",
    "您好",
    "你好",
    "好的好的",
    "好的",
    "好吧",
    "明白了",
    "明白",
    "知道了",
    "收到",
    "嗯嗯",
    "嗯",
    "哦哦",
    "哦",
    "噢",
    "啊",
    "哎呀",
    "哎哟",
    "哎",
    "唉",
    "诶",
    "欸",
    "喂",
    "呃",
    "额",
    "嘿",
    "行吧",
    "行",
    "对对对",
    "对对",
    "对的",
    "是的",
    "没错",
    "然后呢",
    "然后",
    "那么",
    "其实",
    "反正",
    "请问",
    "师傅你好",
    "师傅",
    "亲",
    "哈喽",
    "嗨",
];
/// Clauses that are courtesy as a whole.
const COURTESY: [&str; 50] = [
    "谢谢",
    "感谢",
    "不客气",
    "再见",
    "拜拜",
    "祝您",
    "祝你",
    "生活愉快",
    "很高兴",
    "有什么可以帮",
    "有什么能帮",
    "为您服务",
    "请稍等",
    "稍等",
    "抱歉给您",
    "非常抱歉",
    "给您带来",
    "您先别急",
    "别着急",
    "您慢慢",
    "你慢慢",
    "工号",
    "您请讲",
    "请讲",
    "在吗",
    "理解理解",
    "这个您理解",
    "再次抱歉",
    "要得",
    "我在听",
    "没问题",
    "可以的",
    "好嘞",
    "辛苦",
    "麻烦你了",
    "麻烦您了",
    "请您谅解",
    "敬请",
    "您说",
    "你说",
    "我记录一下",
    "怎么称呼",
    "感谢您的",
    "還請",
    "感謝",
    "謝謝",
    "欢迎",
    "客气",
    "慢走",
    "注意保暖",
];

/// All sentences of a dialogue that say something, in order.
pub(crate) fn sentences(dialogue: &Dialogue) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (place, line) in dialogue.lines.iter().enumerate() {
        let text = without_handles(&line.text);
        for raw in split_after(&text, |c| {
            matches!(c, '。' | '！' | '？' | '!' | '?' | '；' | ';' | '\n')
        }) {
            let clauses = clauses(raw);
            if !clauses.is_empty() {
                found.push(Sentence {
                    line: place + 1,
                    speaker: line.speaker,
                    clauses,
                });
            }
        }
    }
    found
}

impl Sentence {
    /// The sentence as it is shown.
    pub(crate) fn text(&self) -> String {
        joined(self.clauses.iter())
    }

    pub(crate) fn asks(&self) -> bool {
        self.clauses.last().is_some_and(|clause| clause.asks)
    }
}

/// Clauses as one sentence; a question keeps its mark.
pub(crate) fn joined<'a>(clauses: impl Iterator<Item = &'a Clause>) -> String {
    let mut text = String::new();
    let mut asks = false;
    for clause in clauses {
        if !text.is_empty() {
            text.push('，');
        }
        text.push_str(&clause.text);
        asks = clause.asks;
    }
    if asks {
        text.push('？');
    }
    text
}

/// Mentions of accounts ("@某某客服 ") and square-bracketed pictures are no words of the speaker; a comma stands for them,
/// so that nothing is joined over the gap.
fn without_handles(text: &str) -> String {
    static HANDLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"@[^\s@,，。:：!！?？]{1,20}(?P<end>[\s@,，。:：!！?？]|$)|\[\p{Han}{1,4}\]").ok()
    });
    match HANDLE.as_ref() {
        Some(handle) if text.contains(['@', '[']) => handle.replace_all(text, "，$end").into_owned(),
        _ => text.to_owned(),
    }
}

/// Clauses of one sentence without fillers and courtesy. A comma between digits or Latin words is none.
fn clauses(sentence: &str) -> Vec<Clause> {
    let sentence_asks = sentence.trim_end().ends_with(['?', '？']);
    let pieces: Vec<&str> = split_after(sentence, |c| matches!(c, '，' | ',' | '…' | '~'))
        .into_iter()
        .flat_map(split_at_spaces)
        .collect();
    let last = pieces.len().saturating_sub(1);
    let mut clauses = Vec::new();
    for (place, piece) in pieces.iter().enumerate() {
        let text = clean(piece);
        let asks = (sentence_asks && place == last) || asks(&text);
        if says_something(&text) {
            clauses.push(Clause { text, asks });
        }
    }
    clauses
}

fn clean(piece: &str) -> String {
    let mut text = piece
        .trim()
        .trim_end_matches([
            '，', ',', '。', '！', '!', '？', '?', '；', ';', '…', '~', '.', ' ', '\n',
        ])
        .trim();
    loop {
        let before = text;
        for filler in FILLERS {
            if let Some(rest) = text.strip_prefix(filler) {
                let stops =
                    rest.is_empty() || rest.starts_with([' ', '，', ',', '、', '！', '~', '啊', '呀']);
                // "那个水管", "这个…": a demonstrative before its noun stays; interjections never begin a word.
                if stops
                    || matches!(
                        filler,
                        "您好"
                            | "你好"
                            | "嗯"
                            | "嗯嗯"
                            | "哦"
                            | "哎"
                            | "哎呀"
                            | "哎哟"
                            | "唉"
                            | "诶"
                            | "喂"
                            | "请问"
                            | "噢"
                            | "呃"
                    )
                {
                    text = rest.trim_start_matches([' ', '，', ',', '、', '！', '~', '啊', '呀']);
                    break;
                }
            }
        }
        if text == before {
            break;
        }
    }
    text.trim_end_matches(['啊', '呀', '哦', '哈', '嘛', '哟', '咯', '啦', '呢'])
        .trim()
        .to_owned()
}

fn asks(text: &str) -> bool {
    [
        "吗",
        "么",
        "什么时候",
        "怎么办",
        "多少",
        "几点",
        "能不能",
        "可不可以",
        "行不行",
        "是不是",
        "有没有",
        "好不好",
        "要不要",
        "哪里",
        "哪个",
        "为什么",
        "怎么回事",
        "嗎",
    ]
    .iter()
    .any(|word| match *word {
        "吗" | "么" | "嗎" => text.ends_with(word) && !text.ends_with("什么") && !text.ends_with("那么"),
        _ => text.contains(word),
    })
}

fn says_something(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let courtesy = COURTESY.iter().any(|word| text.contains(word)) && letters <= 16;
    let nod = [
        "是吧",
        "好",
        "对",
        "是",
        "行",
        "可以",
        "OK",
        "ok",
        "有",
        "有有",
        "试了",
        "不用",
        "不是",
        "没有",
        "先生",
        "女士",
        "奶奶",
        "好好",
        "对吧",
        "太好了",
        "那就好",
    ]
    .contains(&text);
    letters >= 2 && !courtesy && !nod
}

/// Cuts after every character that `ends`, and after a Latin full stop behind an ideograph; a comma between two digits does
/// not end.
fn split_after(text: &str, ends: impl Fn(char) -> bool) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let inside_number =
            c == ',' && previous.is_ascii_digit() && text[end..].starts_with(|n: char| n.is_ascii_digit());
        let full_stop = c == '.' && is_han(previous);
        if (ends(c) || full_stop) && !inside_number {
            pieces.push(&text[start..end]);
            start = end;
        }
        previous = c;
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

/// Cuts long unpunctuated talk at the spaces between ideographs.
fn split_at_spaces(piece: &str) -> Vec<&str> {
    if piece.chars().count() <= MOST_UNBROKEN {
        return vec![piece];
    }
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, _) in piece.match_indices(' ') {
        let between = piece[..at].chars().next_back().is_some_and(is_han)
            && piece[at + 1..].chars().next().is_some_and(is_han);
        if between {
            pieces.push(&piece[start..at]);
            start = at + 1;
        }
    }
    pieces.push(&piece[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use shifu_domain::Line;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let dialogue = Dialogue {
            lines: vec![Line {
                speaker: Speaker::Customer,
                text: text.to_owned(),
                at: None,
            }],
        };
        sentences(&dialogue).iter().map(Sentence::text).collect()
    }

    #[test]
    fn fillers_and_courtesy_go_and_facts_stay() {
        let check = |text: &str, expected: &[&str]| assert_eq!(shown(text), expected, "{text}");
        check(
            "哎你好，我家空调坏了，屏幕上一直跳一个 E6",
            &["我家空调坏了，屏幕上一直跳一个 E6"],
        );
        check("您好，清禾售后，工号 3017，请问有什么可以帮您？", &["清禾售后"]);
        check("好的。那现在内机出风吗？", &["那现在内机出风吗？"]);
        check("嗯嗯，好的好的", &[]);
        check("那个水管漏了", &["那个水管漏了"]);
        check("收了1,200元啊！", &["收了1,200元"]);
        check("", &[]);
        check(
            "OK, the unit is not heating. Thanks",
            &["the unit is not heating. Thanks"],
        );
        check("空調不製冷，麻煩儘快", &["空調不製冷，麻煩儘快"]);
    }
}
