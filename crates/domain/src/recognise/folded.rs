//! One character in, one character out: the text in the form every recogniser reads, with the way back to positions.

use crate::text::{Span, fold_width_char, is_han};

/// Traditional characters of appliance talk and, at the same place in [`SIMPLIFIED`], their simplified forms.
const TRADITIONAL: &str = "調製熱機風顯燈閃爍報錯誤碼維換裝電壓縮氣乾淨濕溫濾網聲響開關門櫃臺臥廚間號樓區縣鎮鄉東廣車馬達頻閥銅鐵錢費單價貴發現過這個會動轉來沒無異檢測試預約時後樣麼嗎們對說請謝師傅遙線腦內與為從點實際滲噴潔濁塊鍋爐筒衛馬桶蓋壞補質參數據環節識別結冰凍續斷燒煙嬰兒險漿";
const SIMPLIFIED: &str = "调制热机风显灯闪烁报错误码维换装电压缩气干净湿温滤网声响开关门柜台卧厨间号楼区县镇乡东广车马达频阀铜铁钱费单价贵发现过这个会动转来没无异检测试预约时后样么吗们对说请谢师傅遥线脑内与为从点实际渗喷洁浊块锅炉筒卫马桶盖坏补质参数据环节识别结冰冻续断烧烟婴儿险浆";

/// A text folded for recognition; positions are those of the original's characters.
pub(super) struct Folded {
    /// Width folded, dashes and ohm signs unified, simplified; case kept.
    pub(super) chars: Vec<char>,
    /// The same as a string.
    pub(super) plain: String,
    /// `plain` with ASCII letters in upper case: the same bytes otherwise.
    pub(super) upper: String,
    /// For every byte of `plain` that starts a character (and one past the end), the character's position.
    positions: Vec<u32>,
}

/// A maximal run of ASCII letters and digits, joined by single `-`, `/`, `.` or `_`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        let chars: Vec<char> = text.chars().map(fold_char).collect();
        let plain: String = chars.iter().collect();
        let upper = plain.to_ascii_uppercase();
        let mut positions = vec![0; plain.len() + 1];
        for (position, (byte, _)) in plain.char_indices().enumerate() {
            positions[byte] = u32::try_from(position).unwrap_or(u32::MAX);
        }
        positions[plain.len()] = u32::try_from(chars.len()).unwrap_or(u32::MAX);
        Self {
            chars,
            plain,
            upper,
            positions,
        }
    }

    /// The span of a byte range of `plain` or `upper`.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span {
            start: self.positions[start] as usize,
            end: self.positions[end] as usize,
        }
    }

    /// The characters of a range, upper case.
    pub(super) fn upper_of(&self, start: usize, end: usize) -> String {
        self.chars[start..end]
            .iter()
            .map(char::to_ascii_uppercase)
            .collect()
    }

    /// Up to `most` characters before `at`, not reaching over the end of a sentence, upper case.
    pub(super) fn before(&self, at: usize, most: usize) -> String {
        let from = at.saturating_sub(most);
        let cut = (from..at)
            .rev()
            .find(|&i| ends_sentence(self.chars[i]))
            .map_or(from, |i| i + 1);
        self.upper_of(cut, at)
    }

    /// Up to `most` characters from `at` on, not reaching over the end of a sentence, upper case.
    pub(super) fn after(&self, at: usize, most: usize) -> String {
        let to = (at + most).min(self.chars.len());
        let cut = (at..to).find(|&i| ends_sentence(self.chars[i])).unwrap_or(to);
        self.upper_of(at, cut)
    }

    pub(super) fn get(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    pub(super) fn previous(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|i| self.get(i))
    }

    /// Whether a range neither begins nor ends inside a word of Latin letters or digits.
    pub(super) fn is_whole_word(&self, span: Span) -> bool {
        let inside = |left: Option<char>, right: Option<char>| {
            left.is_some_and(|c| c.is_ascii_alphanumeric())
                && right.is_some_and(|c| c.is_ascii_alphanumeric())
        };
        !inside(self.previous(span.start), self.get(span.start))
            && !inside(self.get(span.end.saturating_sub(1)), self.get(span.end))
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < self.chars.len() {
            if !self.chars[at].is_ascii_alphanumeric() {
                at += 1;
                continue;
            }
            let start = at;
            while at < self.chars.len() && (self.chars[at].is_ascii_alphanumeric() || self.joins(at)) {
                at += 1;
            }
            runs.push(Run { start, end: at });
        }
        runs
    }

    fn joins(&self, at: usize) -> bool {
        matches!(self.chars[at], '-' | '/' | '.' | '_')
            && self.get(at + 1).is_some_and(|c| c.is_ascii_alphanumeric())
            && self.previous(at).is_some_and(|c| c.is_ascii_alphanumeric())
    }
}

/// Letters and digits of `text` only, upper case: the key by which numbers written with other hyphens are equal.
pub(super) fn key(text: &str) -> String {
    text.chars()
        .map(fold_char)
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// Folds a phrase of the lexicon the way texts are folded, upper case.
pub(super) fn fold_phrase(text: &str) -> String {
    text.trim()
        .chars()
        .map(fold_char)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

pub(super) fn ends_sentence(c: char) -> bool {
    matches!(c, '。' | '!' | '?' | ';' | '\n' | '\r')
}

/// Whether a clause ends here: negation does not reach over it.
pub(super) fn ends_clause(c: char) -> bool {
    ends_sentence(c) || matches!(c, ',' | ':' | '…')
}

fn fold_char(c: char) -> char {
    match fold_width_char(c) {
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '\u{2126}' => 'Ω',
        '\u{b5}' => 'μ',
        c if is_han(c) => simplified(c),
        c => c,
    }
}

fn simplified(c: char) -> char {
    use std::collections::HashMap;
    use std::sync::LazyLock;
    static TABLE: LazyLock<HashMap<char, char>> =
        LazyLock::new(|| TRADITIONAL.chars().zip(SIMPLIFIED.chars()).collect());
    TABLE.get(&c).copied().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_character_tables_run_in_parallel() {
        assert_eq!(TRADITIONAL.chars().count(), SIMPLIFIED.chars().count());
        let folded = Folded::new("顯示燈閃爍，門號Ｅ—６");
        assert_eq!(folded.plain, "显示灯闪烁,门号E-6");
    }

    #[test]
    fn runs_are_joined_by_single_connectors_only() {
        let folded = Folded::new("报E-6和KFR-35GW/QH1。AC--7 a.");
        let found: Vec<String> = folded
            .runs()
            .iter()
            .map(|r| folded.upper_of(r.start, r.end))
            .collect();
        assert_eq!(found, ["E-6", "KFR-35GW/QH1", "AC", "7", "A"]);
    }
}
