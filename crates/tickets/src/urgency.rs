//! How urgent a note is and what it is about, by words that may be denied.

use std::sync::LazyLock;

use shifu_domain::Span;
use shifu_domain::SymptomId;
use shifu_domain::recognise::{Lexicon, LexiconEntries, MentionKind};

/// Danger to people: act at once.
const DANGER: [&str; 30] = [
    "漏电",
    "电人",
    "触电",
    "麻手",
    "被电了",
    "冒烟",
    "冒火",
    "着火",
    "起火",
    "火花",
    "打火花",
    "烧起来",
    "焦糊味",
    "烧焦味",
    "烧焦",
    "糊味",
    "胶皮味",
    "漏气",
    "煤气味",
    "燃气味",
    "臭鸡蛋味",
    "一氧化碳",
    "煤气中毒",
    "爆炸",
    "爆燃",
    "烫伤",
    "坠落",
    "要掉下来",
    "快掉下来",
    "砸到人",
];
/// People who suffer more, work that stands still, patience that is gone.
const PRESSING: [&str; 40] = [
    "老人",
    "婴儿",
    "宝宝",
    "小孩",
    "孩子",
    "孕妇",
    "产妇",
    "月子",
    "满月",
    "病人",
    "残疾",
    "急!",
    "着急",
    "急用",
    "加急",
    "马上来",
    "马上",
    "尽快",
    "赶紧",
    "立刻",
    "今天能到",
    "今天必须",
    "投诉",
    "退机",
    "退货",
    "第二次报修",
    "第三次报修",
    "第四次报修",
    "又坏",
    "修了几次",
    "再修不好",
    "开店",
    "饭馆",
    "餐馆",
    "门面",
    "营业",
    "机房",
    "跳闸",
    "曝光",
    "12315",
];
/// Questions and comforts that can wait.
const CAN_WAIT: [&str; 18] = [
    "咨询",
    "怎么用",
    "怎么设置",
    "说明书",
    "离线",
    "配网",
    "手机控制",
    "连不上",
    "不着急",
    "不急",
    "什么时候都行",
    "有空再",
    "保养",
    "清洗一下",
    "遥控器怎么",
    "问一下",
    "打听",
    "发票",
];
/// Tags and the words that earn them.
const TAGS: [(&str, &[&str]); 11] = [
    ("安全", &DANGER),
    ("投诉", &["投诉", "12315", "曝光", "退机", "赔偿", "差评"]),
    (
        "重复报修",
        &[
            "第二次报修",
            "第三次报修",
            "第四次报修",
            "又坏",
            "修了几次",
            "前两次",
            "上次修",
            "再修不好",
            "刚修",
        ],
    ),
    (
        "老幼",
        &[
            "老人", "婴儿", "宝宝", "小孩", "孩子", "孕妇", "产妇", "满月", "奶奶", "爷爷",
        ],
    ),
    (
        "商用",
        &[
            "饭馆",
            "餐馆",
            "开店",
            "门面",
            "营业",
            "公司",
            "办公室",
            "酒店",
            "机房",
        ],
    ),
    ("移机", &["移机", "搬家"]),
    ("安装", &["新装", "安装预约", "装机", "预约安装"]),
    ("保修", &["保修", "在保", "过保", "质保"]),
    ("费用", &["多少钱", "收费", "要钱", "报价"]),
    ("咨询", &["咨询", "怎么用", "怎么设置", "说明书"]),
    ("联网", &["离线", "配网", "连不上", "手机控制", "WIFI", "wifi"]),
];

/// The words of urgency that stand, and are not denied, in a text.
pub(crate) struct Words {
    pub(crate) danger: Vec<Span>,
    pub(crate) pressing: Vec<Span>,
    pub(crate) can_wait: Vec<Span>,
    /// Tag and where its words stand, in the order of the table.
    pub(crate) tags: Vec<(&'static str, Vec<Span>)>,
}

/// Finds them; "没有漏电" is no danger.
pub(crate) fn words(text: &str) -> Words {
    let found = lexicon().recognise(text);
    let of = |id: &str| -> Vec<Span> {
        found
            .iter()
            .filter(|m| matches!(&m.kind, MentionKind::Symptom { id: own, present: true, .. } if own.as_str() == id))
            .map(|m| m.span)
            .collect()
    };
    let tags = TAGS
        .iter()
        .enumerate()
        .map(|(place, (tag, _))| (*tag, of(&format!("tag_{place}"))))
        .filter(|(_, spans)| !spans.is_empty());
    Words {
        danger: of("danger"),
        pressing: of("pressing"),
        can_wait: of("can_wait"),
        tags: tags.collect(),
    }
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
        let entry = |id: &str, words: &[&str]| {
            SymptomId::new(id).ok().map(|id| {
                (
                    id,
                    words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(),
                )
            })
        };
        let classes = [
            entry("danger", &DANGER),
            entry("pressing", &PRESSING),
            entry("can_wait", &CAN_WAIT),
        ];
        let tags = TAGS
            .iter()
            .enumerate()
            .map(|(place, (_, words))| entry(&format!("tag_{place}"), words));
        Lexicon::new(LexiconEntries {
            symptoms: classes.into_iter().chain(tags).flatten().collect(),
            ..LexiconEntries::default()
        })
    });
    &LEXICON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn danger_is_seen_unless_denied() {
        let check = |text: &str, danger: bool| assert_eq!(!words(text).danger.is_empty(), danger, "{text}");
        check("外机冒烟有烧焦味", true);
        check("摸机器麻手，漏电了", true);
        check("没有漏电", false);
        check("没有冒烟，也没有焦糊味", false);
        check("不漏电", false);
        check("热水器着火了", true);
        check("厨房有煤气味", true);
        check("空调不制冷", false);
    }

    #[test]
    fn tags_name_what_the_note_is_about() {
        let tags = |text: &str| words(text).tags.iter().map(|(tag, _)| *tag).collect::<Vec<_>>();
        assert_eq!(tags("第三次报修了，再修不好就退机"), ["投诉", "重复报修"]);
        assert_eq!(tags("家里有老人，漏电"), ["安全", "老幼"]);
        assert_eq!(tags("空调不冷"), Vec::<&str>::new());
    }
}
