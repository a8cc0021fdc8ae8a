//! Validated names. Parse at the door: a value of one of these types is known to be well formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::fold_width;

/// Why a name was refused. The message names the kind, the value and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?} is not valid: {rule}")]
pub struct InvalidName {
    /// What was being parsed, for example `product line`.
    pub kind: &'static str,
    /// The offending text, cut to 80 characters.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $normalise:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// Parses and normalises `text`.
            ///
            /// # Errors
            /// `InvalidName` when the text breaks the rule of this name.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let normalised: String = $normalise(text.trim());
                let valid: fn(&str) -> bool = $valid;
                if valid(&normalised) {
                    Ok(Self(normalised))
                } else {
                    Err(InvalidName { kind: $kind, value: text.chars().take(80).collect(), rule: $rule })
                }
            }

            /// The normalised text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// The schema of a type that travels as a string.
pub(crate) fn string_schema(
    description: &str,
    example: &str,
) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some(description))
        .examples([example])
        .into()
}

fn as_is(text: &str) -> String {
    text.to_owned()
}

fn upper_folded(text: &str) -> String {
    fold_width(text).to_uppercase()
}

fn identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn printable(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

name!(
    /// A kind of appliance, such as `split_air_conditioner`; operators may add their own.
    ProductLine, "product line", "use 1 to 64 of a-z, 0-9 and _", as_is, identifier
);
name!(
    /// An appliance model, such as `KFR-35GW/QH1`; full width folded, upper case.
    ModelNumber, "model", "use 1 to 64 printable characters without spaces at the ends", upper_folded,
    |text| printable(text, 64)
);
name!(
    /// A fault code in its canonical spelling, such as `E6`: full width folded, upper case, no hyphen, dot or space inside.
    FaultCode, "fault code", "use 1 to 16 letters and digits", canonical_code,
    |text| !text.is_empty() && text.len() <= 16 && text.chars().all(|c| c.is_ascii_alphanumeric())
);
name!(
    /// A spare part's number, such as `AC-PCB-201`; full width folded, upper case.
    PartNumber, "part number", "use 1 to 64 printable characters", upper_folded, |text| printable(text, 64)
);
name!(
    /// A symptom's identifier in the fault tree, such as `not_cooling`.
    SymptomId, "symptom id", "use 1 to 64 of a-z, 0-9 and _", as_is, identifier
);
name!(
    /// A category of installation standard, such as `split_air_conditioner_install`.
    CategoryId, "category", "use 1 to 64 of a-z, 0-9 and _", as_is, identifier
);
name!(
    /// A checkpoint of an installation standard, such as `outdoor_bracket`.
    CheckpointId, "checkpoint", "use 1 to 64 of a-z, 0-9 and _", as_is, identifier
);
name!(
    /// The operator's own ticket number.
    TicketId, "ticket id", "use 1 to 128 printable characters", as_is, |text| printable(text, 128)
);
name!(
    /// A brand, optional everywhere a product line stands.
    Brand, "brand", "use 1 to 64 printable characters", as_is, |text| printable(text, 64)
);
name!(
    /// A GB/T 2260 region code of 2 to 12 digits; the longest matching prefix wins (`35` Fujian, `3502` Xiamen).
    Region, "region", "use a GB/T 2260 code of 2 to 12 digits", as_is,
    |text| (2..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
);
name!(
    /// A pattern over model numbers: `*` stands for any run of characters, everything else for itself (`KFR-35*`).
    ModelPattern, "model pattern", "use 1 to 64 printable characters, * for any run", upper_folded,
    |text| printable(text, 64)
);

fn canonical_code(text: &str) -> String {
    fold_width(text)
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '_' | '‐' | '–' | '－'))
        .collect::<String>()
        .to_uppercase()
}

impl Region {
    /// Whether `self` lies in (or is) `outer`: `350203` lies in `3502` and `35`.
    #[must_use]
    pub fn within(&self, outer: &Region) -> bool {
        self.0.starts_with(&outer.0)
    }
}

impl ModelPattern {
    /// Whether `model` as a whole matches this pattern. Linear in the two lengths times the number of stars.
    #[must_use]
    pub fn matches(&self, model: &ModelNumber) -> bool {
        glob(self.0.as_bytes(), model.0.as_bytes())
    }
}

/// Iterative glob with one point to return to; `*` matches any run, the empty one included.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_codes_of_every_spelling_are_one_code() {
        for spelling in ["E6", "e6", "E-6", "E 6", "Ｅ６", "Ｅ－６", " E6 "] {
            assert_eq!(FaultCode::new(spelling).unwrap().as_str(), "E6", "{spelling}");
        }
    }

    #[test]
    fn bad_names_are_refused_with_the_rule() {
        let error = ProductLine::new("Split AC").unwrap_err();
        assert_eq!(
            error.to_string(),
            "product line \"Split AC\" is not valid: use 1 to 64 of a-z, 0-9 and _"
        );
        assert!(FaultCode::new("").is_err());
        assert!(Region::new("3").is_err());
        assert!(serde_json::from_str::<ProductLine>("\"空调\"").is_err());
    }

    #[test]
    fn patterns_match_whole_models() {
        let check = |pattern: &str, model: &str, expected: bool| {
            let found = ModelPattern::new(pattern)
                .unwrap()
                .matches(&ModelNumber::new(model).unwrap());
            assert_eq!(found, expected, "{pattern} on {model}");
        };
        check("KFR-35*", "KFR-35GW/QH1", true);
        check("KFR-35*", "KFR-36GW", false);
        check("KFR-35*", "XKFR-35", false);
        check("*", "anything", true);
        check("KFR-*GW/*1", "KFR-50GW/QH1", true);
        check("KFR-*GW/*1", "KFR-50GW/QH2", false);
        check("KFR-35GW", "kfr-35gw", true);
        check("a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false);
    }

    #[test]
    fn regions_nest_by_prefix() {
        let inner = Region::new("350203").unwrap();
        assert!(inner.within(&Region::new("35").unwrap()));
        assert!(!inner.within(&Region::new("36").unwrap()));
    }
}
