//! Chinese and Arabic numerals: `六`, `二十六`, `两百五十`, `1,200`, `三点五`, `半`.

/// Reads a numeral, Arabic or Chinese (`1,200`, `两百五十`, `三点五`, `半`); `None` when it is not one or is beyond 10⁹.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|&c| c != ',' && c != ' ').collect();
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return text.parse().ok().filter(|n: &f64| n.abs() <= 1e9);
    }
    match text.as_str() {
        "半" => return Some(0.5),
        "" => return None,
        _ => {}
    }
    let (whole, fraction) = text.split_once('点').unwrap_or((&text, ""));
    let mut value = whole_number(whole)?;
    let mut place = 0.1;
    for c in fraction.chars() {
        value += f64::from(digit(c)?) * place;
        place /= 10.0;
    }
    Some((value * 1e6).round() / 1e6)
}

/// Reads a whole numeral, Arabic or Chinese.
pub(super) fn parse_count(text: &str) -> Option<u32> {
    let number = parse(text)?;
    (number >= 1.0 && number.fract() == 0.0 && number <= 1e6).then_some(number as u32)
}

/// The digits of a number as it is said, one by one (`三二`, `零九`) or with 十 (`十一`, `二十`); `None` when it is none.
pub(super) fn said_digits(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if text.contains('十') {
        return parse_count(text).map(|count| count.to_string());
    }
    text.chars()
        .map(|c| digit(c).map(|digit| digit.to_string()))
        .collect()
}

fn digit(c: char) -> Option<u32> {
    Some(match c {
        '零' | '〇' => 0,
        '一' | '幺' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

fn whole_number(text: &str) -> Option<f64> {
    let (mut total, mut section, mut current) = (0.0, 0.0, 0.0);
    let mut last_unit = 0.0_f64;
    for c in text.chars() {
        if let Some(d) = digit(c) {
            if d == 0 {
                last_unit = 0.0;
            }
            current = current * if current > 0.0 { 10.0 } else { 1.0 } + f64::from(d);
            continue;
        }
        let unit = match c {
            '十' => 10.0,
            '百' => 100.0,
            '千' => 1000.0,
            '万' => {
                total += (section + current) * 10_000.0;
                (section, current, last_unit) = (0.0, 0.0, 10_000.0);
                continue;
            }
            _ => return None,
        };
        section += if current == 0.0 { unit } else { current * unit };
        (current, last_unit) = (0.0, unit);
    }
    // "两百五" is 250, not 205: a bare last digit counts a tenth of the unit before it.
    if current > 0.0 && current < 10.0 && last_unit >= 100.0 {
        current *= last_unit / 10.0;
    }
    let value = total + section + current;
    (value <= 1e9).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_are_read_as_people_say_them() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(parse(text), expected, "{text}");
        check("6", Some(6.0));
        check("1,200", Some(1200.0));
        check("0.85", Some(0.85));
        check("六", Some(6.0));
        check("十", Some(10.0));
        check("十二", Some(12.0));
        check("二十六", Some(26.0));
        check("两百五", Some(250.0));
        check("两百五十", Some(250.0));
        check("一百零五", Some(105.0));
        check("三千六", Some(3600.0));
        check("一万二", Some(12_000.0));
        check("三点五", Some(3.5));
        check("半", Some(0.5));
        check("一六", Some(16.0));
        check("十个", None);
        check("", None);
    }
}
