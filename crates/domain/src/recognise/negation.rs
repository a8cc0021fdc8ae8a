//! Whether a phrase is claimed, denied or only supposed where it stands.

use super::folded::{Folded, ends_clause};

/// What the words around a phrase make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Polarity {
    pub(super) present: bool,
    pub(super) uncertain: bool,
}

/// Words that deny what follows, longest first.
const DENIALS: [&str; 32] = [
    "没有出现",
    "没有发现",
    "没有什么",
    "没出现过",
    "没有再",
    "并没有",
    "没出现",
    "没发现",
    "没看到",
    "没见到",
    "没听到",
    "从来没",
    "未发现",
    "不存在",
    "不会再",
    "已经不",
    "不是",
    "没有",
    "不会",
    "不再",
    "没再",
    "并未",
    "并不",
    "已不",
    "倒不",
    "未见",
    "没",
    "未",
    "无",
    "不",
    "NOT",
    "NO",
];
/// Words that may stand between a denial and what it denies.
const BETWEEN: [&str; 15] = [
    "任何", "明显", "什么", "那种", "这种", "出现", "发现", "发生", "存在", "一直", "再", "有", "过", "的",
    " ",
];
/// Words that make a phrase a supposition.
const HEDGES: [&str; 24] = [
    "好像",
    "可能",
    "似乎",
    "疑似",
    "怀疑",
    "估计",
    "也许",
    "大概",
    "不确定",
    "有点像",
    "像是",
    "会不会",
    "是不是",
    "是否",
    "有没有",
    "有无",
    "如果",
    "要是",
    "万一",
    "避免",
    "防止",
    "以免",
    "MAYBE",
    "SEEMS",
];
/// The same after the phrase.
const HEDGES_AFTER: [&str; 6] = ["吗", "么?", "没有?", "之类", "似的", "怎么排查"];
/// What says that the trouble is over.
const RESOLVED: [&str; 14] = [
    "解决了",
    "已解决",
    "已经解决",
    "修好了",
    "已修好",
    "好了",
    "没有了",
    "没了",
    "消失了",
    "已消失",
    "排除了",
    "已排除",
    "不存在",
    "正常了",
];

/// The polarity of the phrase at `start..end`. `is_own(position)` tells whether a character belongs to another recognised
/// phrase ("没冷气"): its 没 denies nothing outside it. Looks back to the start of the clause, at most 24 characters.
pub(super) fn polarity(text: &Folded, start: usize, end: usize, is_own: impl Fn(usize) -> bool) -> Polarity {
    let clause_start = (start.saturating_sub(24)..start)
        .rev()
        .find(|&i| ends_clause(text.chars[i]))
        .map_or(start.saturating_sub(24), |i| i + 1);
    let before = text.upper_of(clause_start, start);
    let after: String = rest_of_clause(text, end);
    let asks = asked_both_ways(text, start, end);
    let hedged = HEDGES.iter().any(|hedge| before.contains(hedge))
        || HEDGES_AFTER.iter().any(|hedge| after.contains(hedge));
    if asks || before.ends_with("是不是") || before.ends_with("有没有") || before.ends_with("会不会")
    {
        return Polarity {
            present: true,
            uncertain: true,
        };
    }
    let denied = denied_directly(&before, start, &is_own)
        || denied_as_list_item(&before, clause_start, &is_own)
        || denied_after(&after);
    Polarity {
        present: !denied,
        uncertain: hedged,
    }
}

/// "漏不漏水", "制不制冷": the verb on both sides of 不.
fn asked_both_ways(text: &Folded, start: usize, end: usize) -> bool {
    let first = text.get(start);
    let (mark, verb) = if matches!(first, Some('不' | '没')) {
        (first, text.get(start + 1))
    } else {
        (text.previous(start), first)
    };
    let earlier = if matches!(first, Some('不' | '没')) {
        text.previous(start)
    } else {
        start.checked_sub(2).and_then(|i| text.get(i))
    };
    end > start && matches!(mark, Some('不' | '没')) && verb.is_some() && verb == earlier
}

fn denied_directly(before: &str, start: usize, is_own: &impl Fn(usize) -> bool) -> bool {
    let mut rest = before;
    while let Some(shorter) = BETWEEN.iter().find_map(|word| rest.strip_suffix(word)) {
        if DENIALS.iter().any(|denial| rest.ends_with(denial)) && rest.ends_with("没有") {
            break;
        }
        rest = shorter;
    }
    let Some(denial) = DENIALS.iter().find(|denial| ends_with_word(rest, denial)) else {
        return false;
    };
    let skipped = before.chars().count() - rest.chars().count();
    let denial_end = start - skipped;
    let owned = is_own(denial_end.saturating_sub(1));
    // "不得不", "差不多", "要不": these hold a 不 that denies nothing; "为什么没" asks why something is absent.
    let idiom = [
        "差不",
        "要不",
        "不得不",
        "动不动就",
        "受不",
        "只不",
        "无论",
        "莫不",
    ]
    .iter()
    .any(|idiom| rest.ends_with(idiom));
    !owned && !idiom && !denial.is_empty()
}

/// "没有异响、异味或漏水", "不漏水也不滴水": one denial over a list.
fn denied_as_list_item(before: &str, clause_start: usize, is_own: &impl Fn(usize) -> bool) -> bool {
    const JOINTS: [&str; 7] = ["、", "或者", "或", "以及", "和", "及", "与"];
    if !JOINTS.iter().any(|joint| before.ends_with(joint)) {
        return false;
    }
    let heads = ["没有", "未见", "未发现", "没发现", "不存在", "无", "没"];
    let Some((at, head)) = heads
        .iter()
        .filter_map(|head| before.rfind(head).map(|at| (at, *head)))
        .max_by_key(|(at, head)| at + head.len())
    else {
        return false;
    };
    let head_position = clause_start + before[..at].chars().count();
    let first_item = &before[at + head.len()..];
    // "没有反应、漏水" lists two complaints: what is missing there is the machine's answer, not the trouble.
    let complaint = [
        "反应", "电", "冷气", "风", "动静", "显示", "信号", "声音", "热水", "水",
    ]
    .iter()
    .any(|item| {
        first_item.starts_with(item)
            && JOINTS
                .iter()
                .any(|joint| first_item[item.len()..].starts_with(joint))
    });
    let turned = ["但", "却", "只是", "就是", "而是"]
        .iter()
        .any(|word| first_item.contains(word));
    !is_own(head_position) && !complaint && !turned
}

/// "漏水的问题已经解决了", "滴水没有了".
fn denied_after(after: &str) -> bool {
    let mut rest = after;
    for filler in [
        "的", "这个", "问题", "情况", "现象", "故障", "声音", "早", "现在", "已经", "已", "都", "也", "就",
        "被",
    ] {
        rest = rest.strip_prefix(filler).unwrap_or(rest);
    }
    let resolved = RESOLVED
        .iter()
        .any(|word| rest.starts_with(word) || after.starts_with(word));
    let asked = after.contains('吗') || after.contains("好了没") || after.contains("没好");
    resolved && !asked
}

fn rest_of_clause(text: &Folded, end: usize) -> String {
    let until = (end + 12).min(text.chars.len());
    let mut rest = String::new();
    for at in end..until {
        let c = text.chars[at];
        rest.push(c.to_ascii_uppercase());
        if ends_clause(c) {
            break;
        }
    }
    rest
}

/// Latin denials must be words of their own: "NO" does not end "CASINO".
fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word)
        .is_some_and(|head| !word.is_ascii() || !head.ends_with(|c: char| c.is_ascii_alphanumeric()))
}
