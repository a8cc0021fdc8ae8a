//! When somebody comes: "明天下午三点", "这周六上午", "12月5号", "今天晚上七点以后", resolved against the time of the call.

use std::sync::LazyLock;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use regex::{Captures, Regex};
use shifu_domain::Span;
use shifu_domain::text::fold_width;

/// A time that is named in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) span: Span,
    pub(crate) text: String,
    day: Option<Day>,
    part: Option<Part>,
    from: Option<Time>,
    to: Option<Time>,
    /// "七点以前": the hour ends the time.
    until: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// Days from today; negative ones are past.
    Offset(i64),
    /// Weeks from this one (`None`: the next such day) and the day.
    Week(Option<i64>, Weekday),
    /// Month and day of the next such date.
    Date(Option<i16>, i8, i8),
    OfMonth(i8),
}

/// A part of the day, with the hours it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: i8,
    to: i8,
    afternoon: bool,
}

/// Hours that a part of the day stands for.
fn part_of(word: &str) -> Option<Part> {
    let (from, to, afternoon) = match word {
        "凌晨" => (0, 6, false),
        "早上" | "早" | "一早" | "清早" => (7, 10, false),
        "上午" => (8, 12, false),
        "中午" => (11, 14, true),
        "下午" => (12, 18, true),
        "傍晚" => (17, 19, true),
        "晚上" | "晚" | "夜里" => (18, 22, true),
        _ => return None,
    };
    Some(Part { from, to, afternoon })
}

const DAY: &str = r"今天|今日|今儿|明天|明日|明儿|大后天|后天|昨天|前天|(?:这个?|本|下下个?|下个?|上个?)?(?:周|星期|礼拜)[一二三四五六日天末]|(?:[0-9]{4}[年/-][0-9]{1,2}[月/-]|[0-9]{1,2}月)[0-9]{1,2}[号日]?|[一二三四五六七八九十]{1,3}月[一二三四五六七八九十]{1,3}[号日]|[0-9]{1,2}[号日]";
const PART: &str = r"凌晨|早上|一早|清早|上午|中午|下午|傍晚|晚上|夜里|早|晚";
const HOUR: &str = r"(?:[0-9]{1,2}|[零一二两三四五六七八九十]{1,3}) ?(?:点钟?|时|:[0-5][0-9])(?: ?(?:半|一刻|三刻|[0-5]?[0-9] ?分?|[一二三四五]?十[一二三四五六七八九]?分?))?";

fn pattern() -> Option<&'static Regex> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let day = DAY;
        let clock = format!(
            r"(?P<from>{HOUR})(?: ?(?:到|至|-|~|—) ?(?P<topart>{PART})? ?(?P<to>{HOUR}))?(?P<bound>以后|之后|后|以前|之前|前)?"
        );
        let with_day = format!(
            r"(?:(?P<day>{day})|(?P<short>[今明后])(?P<shortpart>{PART})) ?的?(?P<part>{PART}|全天)? ?(?:{clock})?"
        );
        let no_day = format!(
            r"(?P<part2>{PART}) ?(?P<clock2>{HOUR})?(?: ?(?:到|至|-|~) ?(?P<to2>{HOUR}))?(?P<bound2>以后|之后|后|以前|之前|前)?"
        );
        let bare = format!(
            r"(?P<from3>{HOUR})(?: ?(?:到|至|-|~) ?(?P<to3>{HOUR}))?(?P<bound3>以后|之后|后|以前|之前|前)?"
        );
        Regex::new(&format!("{with_day}|{no_day}|{bare}")).ok()
    });
    PATTERN.as_ref()
}

/// All times named in the text, in order.
pub(crate) fn named(text: &str) -> Vec<Named> {
    let folded = fold_width(text);
    let Some(pattern) = pattern() else {
        return Vec::new();
    };
    pattern
        .captures_iter(&folded)
        .filter_map(|captures| read(&folded, text, &captures))
        .collect()
}

fn read(folded: &str, original: &str, captures: &Captures<'_>) -> Option<Named> {
    let whole = captures.get(0)?;
    if folded[..whole.start()].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-') {
        return None;
    }
    let group = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| captures.name(name))
            .map(|found| found.as_str())
    };
    let day = group(&["day"]).or(group(&["short"])).map(read_day);
    if day == Some(None) {
        return None;
    }
    if matches!(day, Some(Some(Day::OfMonth(_))))
        && is_house_number(&folded[..whole.start()], &folded[whole.end()..])
    {
        return None;
    }
    let part_word = group(&["part", "shortpart", "part2"]);
    let part = part_word.and_then(part_of);
    // "早" and "晚" alone are words of other phrases ("早就", "晚点").
    if day.is_none() && matches!(part_word, Some("早" | "晚" | "一早")) && group(&["clock2"]).is_none() {
        return None;
    }
    let from = group(&["from", "clock2", "from3"]).and_then(|word| read_hour(word, part));
    let to_part = group(&["topart"]).and_then(part_of).or(part);
    let mut to = group(&["to", "to2", "to3"]).and_then(|word| read_hour(word, to_part));
    if let (Some(from), Some(end)) = (from, to)
        && end < from
    {
        to = end
            .hour()
            .checked_add(12)
            .filter(|h| *h < 24)
            .and_then(|h| Time::new(h, end.minute(), 0, 0).ok());
    }
    let until = group(&["bound", "bound2", "bound3"]).is_some_and(|bound| bound.ends_with('前'));
    let end = whole.start() + whole.as_str().trim_end_matches([' ', '的']).len();
    let span = Span::from_bytes(folded, whole.start(), end);
    Some(Named {
        span,
        text: span.of(original),
        day: day.flatten(),
        part,
        from,
        to,
        until,
    })
}

/// "环岛南路28号901": the number of a house, not a day.
fn is_house_number(before: &str, after: &str) -> bool {
    before.trim_end().ends_with([
        '路', '街', '道', '弄', '巷', '村', '里', '园', '苑', '区', '楼', '栋', '幢', '第', '工',
    ]) || after
        .trim_start()
        .starts_with(|c: char| c.is_ascii_alphanumeric() || "楼院门栋室幢单线".contains(c))
}

fn read_day(word: &str) -> Option<Day> {
    let offset = match word {
        "今天" | "今日" | "今儿" | "今" => Some(0),
        "明天" | "明日" | "明儿" | "明" => Some(1),
        "后天" | "后" => Some(2),
        "大后天" => Some(3),
        "昨天" => Some(-1),
        "前天" => Some(-2),
        _ => None,
    };
    if let Some(offset) = offset {
        return Some(Day::Offset(offset));
    }
    if ["周", "星期", "礼拜"].iter().any(|week| word.contains(week)) {
        let weekday = match word.chars().last()? {
            '一' => Weekday::Monday,
            '二' => Weekday::Tuesday,
            '三' => Weekday::Wednesday,
            '四' => Weekday::Thursday,
            '五' => Weekday::Friday,
            '六' | '末' => Weekday::Saturday,
            _ => Weekday::Sunday,
        };
        let week = match word.chars().next()? {
            '下' if word.starts_with("下下") => Some(2),
            '下' => Some(1),
            '上' => Some(-1),
            '这' | '本' => Some(0),
            _ => None,
        };
        return Some(Day::Week(week, weekday));
    }
    let numbers: Vec<i16> = word
        .split(|c: char| "年月日号/-".contains(c))
        .filter(|piece| !piece.is_empty())
        .filter_map(|piece| piece.parse().ok().or_else(|| chinese(piece)))
        .collect();
    let small = |n: i16, most: i8| i8::try_from(n).ok().filter(|n| (1..=most).contains(n));
    match numbers.as_slice() {
        [year, month, day] => Some(Day::Date(Some(*year), small(*month, 12)?, small(*day, 31)?)),
        [month, day] => Some(Day::Date(None, small(*month, 12)?, small(*day, 31)?)),
        [day] => Some(Day::OfMonth(small(*day, 31)?)),
        _ => None,
    }
}

fn read_hour(word: &str, part: Option<Part>) -> Option<Time> {
    let word = word.replace(' ', "");
    let (hour, rest) = word.split_once(['点', '时', ':'])?;
    let mut hour: i16 = hour.parse().ok().or_else(|| chinese(hour))?;
    let rest = rest.trim_start_matches('钟').trim_end_matches('分');
    let minute: i16 = match rest {
        "" => 0,
        "半" => 30,
        "一刻" => 15,
        "三刻" => 45,
        digits => digits.parse().ok().or_else(|| chinese(digits))?,
    };
    if part.is_some_and(|part| part.afternoon)
        && hour < 12
        && !(part.is_some_and(|p| p.from == 11) && hour >= 10)
    {
        hour += 12;
    }
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()
}

/// Chinese numerals below 100.
fn chinese(text: &str) -> Option<i16> {
    let digit = |c: char| {
        "零一二三四五六七八九"
            .chars()
            .position(|d| d == if c == '两' { '二' } else { c })
            .and_then(|at| i16::try_from(at).ok())
    };
    match text.split_once('十') {
        Some((tens, ones)) => {
            let tens = if tens.is_empty() {
                1
            } else {
                digit(tens.chars().next()?)?
            };
            let ones = if ones.is_empty() {
                0
            } else {
                digit(ones.chars().next()?)?
            };
            Some(tens * 10 + ones)
        }
        None => (text.chars().count() == 1)
            .then(|| text.chars().next().and_then(digit))
            .flatten(),
    }
}

impl Named {
    /// 3: day and hour; 2: day with part, or part with hour; 1: one of them.
    fn precision(&self) -> usize {
        usize::from(self.day.is_some())
            + usize::from(self.from.is_some() || self.part.is_some())
            + usize::from(self.from.is_some() && (self.day.is_some() || self.part.is_some()))
    }

    fn is_past(&self) -> bool {
        matches!(self.day, Some(Day::Offset(days)) if days < 0)
            || matches!(self.day, Some(Day::Week(Some(-1), _)))
    }

    /// Start and, where one is said, end, in the zone of `received`; `None` when no day can be told.
    pub(crate) fn resolve(&self, received: &Zoned) -> Option<(Zoned, Option<Zoned>)> {
        let today = received.date();
        let date = match self.day {
            Some(day) => date_of(day, today)?,
            None => today,
        };
        let zone = received.time_zone();
        let at = |time: Time| date.to_datetime(time).to_zoned(zone.clone()).ok();
        let hour = |hour: i8| Time::new(hour, 0, 0, 0).ok();
        match (self.from, self.to, self.part) {
            (Some(from), _, part) if self.until => Some((
                at(part.and_then(|p| hour(p.from)).unwrap_or(Time::midnight()))?,
                Some(at(from)?),
            )),
            (Some(from), Some(to), _) => Some((at(from)?, Some(at(to)?))),
            (Some(from), None, _) => Some((at(from)?, None)),
            (None, _, Some(part)) => Some((at(hour(part.from)?)?, Some(at(hour(part.to)?)?))),
            (None, _, None) => Some((at(Time::midnight())?, Some(at(Time::new(23, 59, 0, 0).ok()?)?))),
        }
    }
}

fn date_of(day: Day, today: Date) -> Option<Date> {
    match day {
        Day::Offset(days) => today.checked_add(days.days()).ok(),
        Day::Week(weeks, weekday) => {
            let monday = today
                .checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())
                .ok()?;
            let offset = i64::from(weekday.to_monday_zero_offset()) + 7 * weeks.unwrap_or(0);
            let date = monday.checked_add(offset.days()).ok()?;
            if weeks.is_none() && date < today {
                date.checked_add(7.days()).ok()
            } else {
                Some(date)
            }
        }
        Day::Date(Some(year), month, day) => Date::new(year, month, day).ok(),
        Day::Date(None, month, day) => {
            let date = Date::new(today.year(), month, day).ok()?;
            if date < today {
                Date::new(today.year() + 1, month, day).ok()
            } else {
                Some(date)
            }
        }
        Day::OfMonth(day) => {
            let this = Date::new(today.year(), today.month(), day)
                .ok()
                .filter(|date| *date >= today);
            let next = today.first_of_month().checked_add(1.months()).ok()?;
            this.or_else(|| Date::new(next.year(), next.month(), day).ok())
        }
    }
}

/// Words beside a time that make it one of a visit or a call.
const SCHEDULING: [&str; 30] = [
    "上门",
    "过来",
    "能到",
    "能来",
    "来修",
    "来换",
    "来看",
    "在家",
    "有空",
    "方便",
    "可以",
    "行不行",
    "行吗",
    "预约",
    "约",
    "回电",
    "联系",
    "派",
    "安排",
    "师傅",
    "到",
    "改",
    "下午打",
    "以后",
    "不对",
    "马上来",
    "来",
    "等",
    "送",
    "是",
];

/// The time that a clause of a dialogue proposes, with how precise it is; past ones and those of a habit are none.
pub(crate) fn proposed(text: &str) -> Option<(String, usize)> {
    let found = named(text)
        .into_iter()
        .filter(|time| !time.is_past())
        .max_by_key(Named::precision)?;
    let precision = found.precision();
    let folded = fold_width(text);
    let history = [
        "买",
        "装的",
        "年",
        "开始",
        "以前",
        "就这样",
        "坏",
        "刚才",
        "之前",
        "上次",
        "号线",
    ]
    .iter()
    .any(|word| folded.contains(word));
    let scheduling = SCHEDULING.iter().any(|word| folded.contains(word));
    let alone = found.text.chars().count() + 3 >= text.chars().count();
    ((precision >= 3
        || precision == 2 && (scheduling || alone)
        || precision == 1 && found.from.is_none() && scheduling && found.day.is_some())
        && !history)
        .then_some((found.text, precision))
}

/// The appointment of a note: the most precise time ahead, the last of equals, with its resolution.
pub(crate) fn of_note(text: &str, received: &Zoned) -> Option<(Named, Zoned, Option<Zoned>)> {
    let mut best: Option<(usize, Named)> = None;
    for time in named(text).into_iter().filter(|time| !time.is_past()) {
        let precision = time.precision();
        let day_or_part = time.day.is_some() || (time.part.is_some() && time.from.is_some());
        if !day_or_part || is_history(text, time.span) {
            continue;
        }
        let corrected = {
            let before: String = text.chars().take(time.span.start).collect();
            ["不对", "改到", "改成", "改为", "说错了", "还是"]
                .iter()
                .any(|word| {
                    before
                        .chars()
                        .rev()
                        .take(8)
                        .collect::<String>()
                        .chars()
                        .rev()
                        .collect::<String>()
                        .contains(word)
                })
        };
        if best
            .as_ref()
            .is_none_or(|(most, _)| precision >= *most || corrected)
        {
            best = Some((precision, time));
        }
    }
    let (_, named) = best?;
    let (start, end) = named.resolve(received)?;
    Some((named, start, end))
}

/// "6月买的", "今天开始不制冷": a time of what happened.
fn is_history(text: &str, span: Span) -> bool {
    let after: String = text
        .chars()
        .skip(span.end)
        .take(6)
        .take_while(|c| !"，。,.；;！!？?".contains(*c))
        .collect();
    [
        "买",
        "装",
        "开始",
        "就",
        "坏",
        "刚",
        "报修过",
        "发现",
        "突然",
        "修过",
    ]
    .iter()
    .any(|word| after.contains(word))
        && !after.contains("来")
}

/// Asia/Shanghai, or UTC+8 where the machine has no zone data.
pub(crate) fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_resolve_against_the_call() {
        // 2025-07-10 is a Thursday.
        let received: Zoned = "2025-07-10T09:20:00+08:00[Asia/Shanghai]".parse().unwrap();
        let check = |text: &str, expected: &str| {
            let shown = of_note(text, &received).map_or_else(String::new, |(_, start, end)| {
                let day = start.strftime("%m-%d %H:%M").to_string();
                end.map_or(day.clone(), |end| format!("{day}/{}", end.strftime("%H:%M")))
            });
            assert_eq!(shown, expected, "{text}");
        };
        check("明天下午两点到四点在家", "07-11 14:00/16:00");
        check("明天下午三点", "07-11 15:00");
        check("这周六上午", "07-12 08:00/12:00");
        check("礼拜六上午", "07-12 08:00/12:00");
        check("下周三上午十点半", "07-16 10:30");
        check("周三", "07-16 00:00/23:59");
        check("后天", "07-12 00:00/23:59");
        check("12月5号", "12-05 00:00/23:59");
        check("3月5日", "03-05 00:00/23:59");
        check("今天晚上七点以后", "07-10 19:00");
        check("今晚7:30", "07-10 19:30");
        check("明早八点半", "07-11 08:30");
        check("今天傍晚", "07-10 17:00/19:00");
        check("周日全天", "07-13 00:00/23:59");
        check("后天下午五点以后有空", "07-12 17:00");
        check("明天下午五点以前", "07-11 12:00/17:00");
        check("１５号上午９点", "07-15 09:00");
        check("周二上午，不对，是周三上午", "07-16 08:00/12:00");
        check("昨天下午三点坏的", "");
        check("时间都行", "");
        check("今天开始不制冷", "");
        check("13号楼", "");
    }

    #[test]
    fn a_proposal_is_told_from_a_history() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                proposed(text).map(|(value, _)| value).as_deref(),
                expected,
                "{text}"
            );
        };
        check("明天上午九点到十一点可以吗", Some("明天上午九点到十一点"));
        check("今天晚上七点到八点可以吗", Some("今天晚上七点到八点"));
        check("明早八点半两位师傅上门", Some("明早八点半"));
        check("昨天晚上睡到半夜热醒了", None);
        check("四年前装的", None);
        check("一点都不冷", None);
    }
}
