//! Chinese addresses: province, city, district, street with number, and the rest, by grammar and a table of cities.

use std::sync::LazyLock;

use regex::Regex;
use shifu_domain::Span;
use shifu_domain::text::fold_width;

use crate::places::{PROVINCES, province_of};

/// The pieces of an address with where each was read; what follows from the city alone carries the city's span.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Address {
    pub(crate) province: Option<(String, Span)>,
    pub(crate) city: Option<(String, Span)>,
    pub(crate) district: Option<(String, Span)>,
    pub(crate) street: Option<(String, Span)>,
    pub(crate) detail: Option<(String, Span)>,
}

impl Address {
    fn pieces(&self) -> impl Iterator<Item = &(String, Span)> {
        [
            &self.province,
            &self.city,
            &self.district,
            &self.street,
            &self.detail,
        ]
        .into_iter()
        .flatten()
    }
}

/// The first address of the text that has at least a district or a street beside what it begins with.
pub(crate) fn parse(text: &str) -> Option<Address> {
    let folded = fold_width(text);
    let reader = Reader { text: &folded };
    let from_region = reader.region_starts().into_iter().find_map(|at| {
        reader
            .read(at)
            .filter(|a| a.district.is_some() || a.street.is_some())
    });
    from_region.or_else(|| reader.without_city())
}

/// The stretch of a clause that is an address or a floor and room, as written.
pub(crate) fn stretch(text: &str) -> Option<(String, Span)> {
    static ROOM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:[0-9]{1,3}|[一二三四五六七八九十]{1,3}) ?(?:号楼|栋|幢|座|单元|楼|层)[，, ]?(?:[0-9A-Z]{2,5} ?(?:室|房|号)?)?").ok()
    });
    if let Some(address) = parse(text) {
        let start = address.pieces().map(|(_, span)| span.start).min()?;
        let end = address.pieces().map(|(_, span)| span.end).max()?;
        let span = Span { start, end };
        return Some((span.of(text).trim().to_owned(), span));
    }
    let folded = fold_width(text);
    let room = ROOM.as_ref()?.find(&folded)?;
    let outside = ["楼下", "楼上"]
        .iter()
        .any(|word| folded[room.start()..].starts_with(word));
    (!outside && room.as_str().chars().count() >= 3).then(|| {
        let span = Span::from_bytes(&folded, room.start(), room.end());
        (span.of(text).trim().to_owned(), span)
    })
}

struct Reader<'a> {
    text: &'a str,
}

/// Street names end so; number, lane and house follow.
const STREET: &str = r"^(?P<street>[^\s，,。；;、0-9]{1,12}?(?:大道|大街|马路|公路|胡同|路|街|巷|道|弄|村|里)(?:[东西南北中]?[一二三四五六七八九十]?段)? ?(?:[0-9]{1,5} ?(?:弄|巷) ?)?(?:[0-9]{1,5}(?:-[0-9]{1,4})? ?号(?:院)?)?)";
const DETAIL: &str = r"^[ ，,]?(?P<detail>(?:\p{Han}{2,10}?(?:小区|花园|宿舍|大厦|公寓|广场|家园|新村|苑|城|府|湾|庭|园|院|中心|市场|商场|酒店|学校|医院))?(?: ?(?:[0-9A-Za-z]{1,5}|[一二三四五六七八九十]{1,3}) ?(?:号楼|号院|号|栋|幢|座|单元|室|楼|层|门|户|房|区|期|#)?-?)*(?:门面|商铺|店面|底商)?)";

impl Reader<'_> {
    /// Byte positions at which a province or a known city begins, ascending.
    fn region_starts(&self) -> Vec<usize> {
        let names = PROVINCES
            .iter()
            .flat_map(|(short, _, cities)| std::iter::once(*short).chain(cities.split(' ')));
        let mut starts: Vec<usize> = names
            .flat_map(|name| {
                self.text
                    .match_indices(name)
                    .map(|(at, _)| at)
                    .take(4)
                    .collect::<Vec<_>>()
            })
            .collect();
        starts.sort_unstable();
        starts.dedup();
        starts.truncate(32);
        starts
    }

    fn read(&self, start: usize) -> Option<Address> {
        let mut address = Address::default();
        let mut at = self.province(start, &mut address);
        at = self.city(at, &mut address);
        at = self.district(at, &mut address);
        at = self.town(at);
        at = self.street(at, &mut address);
        self.detail(at, &mut address);
        Some(address).filter(|a| a.pieces().next().is_some())
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::from_bytes(self.text, start, end)
    }

    fn province(&self, start: usize, address: &mut Address) -> usize {
        let rest = &self.text[start..];
        for (short, full, cities) in PROVINCES {
            let Some(after) = rest.strip_prefix(full).or_else(|| rest.strip_prefix(short)) else {
                continue;
            };
            // "吉林市" and "上海市": the city shares its province's name; 省 decides for the province.
            if rest.starts_with(&format!("{short}市")) && !full.ends_with('市') {
                continue;
            }
            let after = after
                .trim_start_matches(['省', '市'])
                .trim_start_matches([' ', '，']);
            let end = self.text.len() - after.len();
            let span = self.span(
                start,
                start
                    + (rest.len()
                        - rest
                            .strip_prefix(full)
                            .or_else(|| rest.strip_prefix(short))
                            .map_or(0, str::len)),
            );
            address.province = Some((full.to_owned(), span));
            if cities == short {
                address.city = Some((full.to_owned(), span));
                // "上海上海市浦东" says the city twice.
                let again = after.strip_prefix(full).or_else(|| after.strip_prefix("市辖区"));
                return again.map_or(end, |again| self.text.len() - again.len());
            }
            return end;
        }
        start
    }

    fn city(&self, start: usize, address: &mut Address) -> usize {
        let rest = &self.text[start..];
        if address.city.is_some() {
            return start;
        }
        for (_, full, cities) in PROVINCES {
            for city in cities.split(' ') {
                let Some(after) = rest.strip_prefix(city) else {
                    continue;
                };
                // 青岛's 市南区 and 市北区, 济南's 市中区 begin with the suffix themselves.
                let own = ["市南区", "市北区", "市中区"]
                    .iter()
                    .any(|district| after.starts_with(district));
                let suffix = ["市", "地区", "盟", "自治州", "州"]
                    .iter()
                    .find(|s| !own && after.starts_with(**s));
                // "朝阳区", "西湖县": a district of that name, not the city.
                if suffix.is_none() && after.starts_with(['区', '县', '路', '街', '省']) {
                    continue;
                }
                let end = start + city.len() + suffix.map_or(0, |suffix| suffix.len());
                let span = self.span(start, end);
                address.city = Some((format!("{city}{}", suffix.unwrap_or(&"市")), span));
                if address.province.is_none() {
                    address.province = province_of(city)
                        .or(Some(full))
                        .map(|province| (province.to_owned(), span));
                }
                return self.skip_spaces(end);
            }
        }
        start
    }

    fn district(&self, start: usize, address: &mut Address) -> usize {
        static DISTRICT: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"^\p{Han}{1,9}?(?:新区|开发区|高新区|自治县|林区|区|县|旗|市)").ok()
        });
        let rest = &self.text[start..];
        let Some(found) = DISTRICT.as_ref().and_then(|p| p.find(rest)) else {
            return start;
        };
        let name = found.as_str();
        let holds_street = ["路", "街", "小区", "社区", "大道", "园区", "厂区"]
            .iter()
            .any(|word| name.contains(word))
            || name.chars().count() < 2;
        if holds_street {
            return start;
        }
        let end = start + found.end();
        address.district = Some((name.to_owned(), self.span(start, end)));
        self.skip_spaces(end)
    }

    /// A town or street office between district and street belongs to no field of its own; it is kept with the street.
    fn town(&self, start: usize) -> usize {
        start
    }

    fn street(&self, start: usize, address: &mut Address) -> usize {
        static STREETS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(STREET).ok());
        static TOWN: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"^\p{Han}{1,8}?(?:镇|乡|街道)").ok());
        let rest = &self.text[start..];
        let town = TOWN
            .as_ref()
            .and_then(|p| p.find(rest))
            .map_or(0, |found| found.end());
        let street = STREETS
            .as_ref()
            .and_then(|p| p.find(&rest[town..]))
            .map_or(0, |found| found.end());
        let end = start + town + street;
        if end == start {
            return start;
        }
        let trimmed = self.text[start..end].trim_end();
        address.street = Some((trimmed.replace(' ', ""), self.span(start, start + trimmed.len())));
        end
    }

    fn detail(&self, start: usize, address: &mut Address) {
        static DETAILS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DETAIL).ok());
        let rest = &self.text[start..];
        let Some(found) = DETAILS
            .as_ref()
            .and_then(|p| p.captures(rest))
            .and_then(|c| c.name("detail"))
        else {
            return;
        };
        let mut value = found.as_str();
        // What runs on into a longer number is a telephone's beginning, not a room.
        if rest[found.end()..].starts_with(|c: char| c.is_ascii_digit()) {
            value = value.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        }
        let lead = value.len() - value.trim_start().len();
        let value = value.trim().trim_end_matches('-').trim_end();
        let digits = value.chars().filter(char::is_ascii_digit).count();
        if value.chars().count() < 2 || digits > 12 || value.chars().all(|c| c.is_ascii_alphabetic()) {
            return;
        }
        let from = start + found.start() + lead;
        address.detail = Some((value.replace(' ', ""), self.span(from, from + value.len())));
    }

    /// "西湖区文三路188号", "文三路188号": no province and no city is said.
    fn without_city(&self) -> Option<Address> {
        static BEGINNING: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?:地址|住在|位于|还是|家在|在|是)?[:：]?(?P<whole>(?P<district>\p{Han}{2,4}?(?:新区|区|县))(?P<road>[^\s，,。；;0-9区]{1,10}?(?:大道|大街|路|街|巷|弄|镇|乡))|(?P<bare>\p{Han}{2,6}?(?:大道|大街|路|街|巷)) ?[0-9]{1,5} ?号)").ok()
        });
        let captures = BEGINNING.as_ref()?.captures(self.text)?;
        let mut start = captures.name("whole")?.start();
        for lead in [
            "地址还是",
            "地址是",
            "地址在",
            "地址",
            "就在",
            "住在",
            "位于",
            "还是",
            "在",
            "是",
        ] {
            if let Some(rest) = self.text[start..].strip_prefix(lead) {
                start = self.text.len() - rest.len();
                break;
            }
        }
        self.read(start).filter(|a| a.street.is_some())
    }

    fn skip_spaces(&self, at: usize) -> usize {
        self.text.len() - self.text[at..].trim_start_matches(' ').len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_their_pieces() {
        let check = |text: &str, expected: [&str; 5]| {
            let address = parse(text).unwrap_or_default();
            let found = [
                &address.province,
                &address.city,
                &address.district,
                &address.street,
                &address.detail,
            ]
            .map(|piece| piece.as_ref().map_or("", |(value, _)| value.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check(
            "浙江省杭州市西湖区文三路188号3幢602，明天",
            ["浙江省", "杭州市", "西湖区", "文三路188号", "3幢602"],
        );
        check(
            "上海浦东新区张杨路500弄12号1203，小的挂机",
            ["上海市", "上海市", "浦东新区", "张杨路500弄12号", "1203"],
        );
        check(
            "天津和平区南京路210号2门1001，李老师",
            ["天津市", "天津市", "和平区", "南京路210号", "2门1001"],
        );
        check(
            "武汉市武昌区中南路77号一楼门面，吴老板",
            ["湖北省", "武汉市", "武昌区", "中南路77号", "一楼门面"],
        );
        check(
            "成都武侯区科华北路60号二单元501 黄先生",
            ["四川省", "成都市", "武侯区", "科华北路60号", "二单元501"],
        );
        check(
            "石家庄市裕华区槐安东路158号12号楼1单元302 王先生18600006666",
            ["河北省", "石家庄市", "裕华区", "槐安东路158号", "12号楼1单元302"],
        );
        check(
            "长沙市岳麓区麓山南路932号教师宿舍4栋301 彭老师17700007777",
            ["湖南省", "长沙市", "岳麓区", "麓山南路932号", "教师宿舍4栋301"],
        );
        check(
            "厦门思明区环岛南路28号901 郑女士",
            ["福建省", "厦门市", "思明区", "环岛南路28号", "901"],
        );
        check(
            "青岛市南区香港西路55号 王女士 13600009999",
            ["山东省", "青岛市", "市南区", "香港西路55号", ""],
        );
        check(
            "北京市朝阳区建国路88号",
            ["北京市", "北京市", "朝阳区", "建国路88号", ""],
        );
        check(
            "重庆市渝中区解放碑步行街1号",
            ["重庆市", "重庆市", "渝中区", "解放碑步行街1号", ""],
        );
        check(
            "浙江省义乌市福田街道下沈路107号",
            ["浙江省", "义乌市", "", "福田街道下沈路107号", ""],
        );
        check(
            "地址还是西湖区文三路 188 号 3 幢 602 吗",
            ["", "", "西湖区", "文三路188号", "3幢602"],
        );
        check(
            "广东省深圳市南山区科技园路5号",
            ["广东省", "深圳市", "南山区", "科技园路5号", ""],
        );
        check("空调不制冷", ["", "", "", "", ""]);
        check("天津话", ["", "", "", "", ""]);
    }

    #[test]
    fn spans_hold_what_was_read() {
        let text = "你好，厦门思明区环岛南路２８号901 郑女士";
        let address = parse(text).unwrap();
        assert_eq!(address.city.unwrap().1.of(text), "厦门");
        assert_eq!(address.street.unwrap().1.of(text), "环岛南路２８号");
    }
}
