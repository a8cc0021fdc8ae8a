//! Whom to call: telephone numbers, and names by their surname and title.

use std::sync::LazyLock;

use regex::Regex;
use shifu_domain::Span;
use shifu_domain::text::{fold_width, is_han};

/// The hundred or so most frequent surnames.
const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤";
const TITLES: &str = "先生|女士|小姐|太太|老师|老板|师傅|阿姨|大爷|大妈|叔叔|经理|主任|医生|同学|总|工";

/// A telephone number, digits only.
pub(crate) fn phone(text: &str) -> Option<(String, Span)> {
    static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:\+?86[- ]?)?(1[3-9][0-9](?:[- ]?[0-9]{4}){2})|(0[0-9]{2,3}[- ]?[0-9]{7,8})|(400[- ]?[0-9]{3}[- ]?[0-9]{4})").ok()
    });
    let folded = fold_width(text);
    PHONE.as_ref()?.captures_iter(&folded).find_map(|captures| {
        let whole = captures.get(0)?;
        let alone = !folded[..whole.start()].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
            && !folded[whole.end()..].starts_with(|c: char| c.is_ascii_alphanumeric());
        let number = captures.get(1).or(captures.get(2)).or(captures.get(3))?;
        alone.then(|| {
            (
                number.as_str().chars().filter(char::is_ascii_digit).collect(),
                Span::from_bytes(&folded, whole.start(), whole.end()),
            )
        })
    })
}

/// A name: "刘女士", "联系人李工", "姓陈", or a surname alone beside the number at `phone`.
pub(crate) fn name(text: &str, phone: Option<Span>) -> Option<(String, Span)> {
    static TITLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(&format!(
            "(?:联系人|客户|用户)?[:：]?(?P<name>[{SURNAMES}]\\p{{Han}}{{0,2}}?(?:{TITLES}))"
        ))
        .ok()
    });
    static SAID: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(&format!("姓(?P<name>[{SURNAMES}])|(?:联系人|我叫|名字叫|姓名)[:： 是]*(?P<full>[{SURNAMES}]\\p{{Han}}{{1,2}})")).ok()
    });
    let group = |pattern: &Option<Regex>| {
        let captures = pattern.as_ref()?.captures(text)?;
        let found = captures.name("name").or(captures.name("full"))?;
        Some((
            found.as_str().to_owned(),
            Span::from_bytes(text, found.start(), found.end()),
        ))
    };
    group(&TITLED)
        .or_else(|| group(&SAID))
        .or_else(|| beside(text, phone?))
}

/// One or two, three characters beginning with a surname, between the number and a space or the end.
fn beside(text: &str, phone: Span) -> Option<(String, Span)> {
    let chars: Vec<char> = text.chars().collect();
    let word = |start: usize, step: isize| {
        let mut at = start;
        let mut seen = Vec::new();
        while chars.get(at).is_some_and(|c| is_han(*c)) {
            seen.push(at);
            if seen.len() > 3 {
                return None;
            }
            at = at.checked_add_signed(step)?;
        }
        seen.sort_unstable();
        let (first, last) = (*seen.first()?, *seen.last()?);
        SURNAMES.contains(chars[first]).then(|| {
            (
                chars[first..=last].iter().collect::<String>(),
                Span {
                    start: first,
                    end: last + 1,
                },
            )
        })
    };
    let separators = |c: &char| matches!(c, ' ' | '，' | ',' | '\u{3000}');
    let after = phone.end + chars[phone.end..].iter().take_while(|c| separators(c)).count();
    let gap = chars[..phone.start]
        .iter()
        .rev()
        .take_while(|c| separators(c))
        .count();
    let before = phone.start.checked_sub(gap + 1);
    word(after, 1).or_else(|| before.and_then(|at| word(at, -1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_lose_their_spaces() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(phone(text).map(|p| p.0).as_deref(), expected, "{text}")
        };
        check("刘女士 13800001111", Some("13800001111"));
        check("电话138 0000 1234，", Some("13800001234"));
        check("１３８００００１１１１", Some("13800001111"));
        check("0571-88886666", Some("057188886666"));
        check("+86 138-0000-1111", Some("13800001111"));
        check("订单 2025138000011112222", None);
        check("尾号6688", None);
    }

    #[test]
    fn names_are_read_by_title_surname_or_place() {
        let check = |text: &str, expected: Option<&str>| {
            let found = name(text, phone(text).map(|p| p.1)).map(|n| n.0);
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("刘女士 13800001111 空调", Some("刘女士"));
        check("姓陈 13900002222", Some("陈"));
        check("联系人李工 13500001010", Some("李工"));
        check("13400001212 孙 周日全天", Some("孙"));
        check("联系电话 13300001313", None);
        check("吴老板15000004444", Some("吴老板"));
        check("空调不制冷", None);
    }
}
