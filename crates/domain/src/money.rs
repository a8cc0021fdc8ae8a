//! Money: CNY yuan, exact to the fen, as a decimal string in every format.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in fen (1/100 yuan), not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Yuan {
    fen: u64,
}

impl utoipa::PartialSchema for Yuan {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        crate::names::string_schema("An amount in CNY yuan as a decimal string.", "186.00")
    }
}

impl utoipa::ToSchema for Yuan {}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount in yuan: write digits with at most two decimals, such as \"186.00\"")]
pub struct InvalidYuan(pub String);

impl Yuan {
    /// Nothing.
    pub const ZERO: Self = Self { fen: 0 };

    /// From fen.
    #[must_use]
    pub const fn from_fen(fen: u64) -> Self {
        Self { fen }
    }

    /// In fen.
    #[must_use]
    pub const fn fen(self) -> u64 {
        self.fen
    }

    /// In yuan, for ratios and expectations only.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.fen as f64 / 100.0
    }
}

impl FromStr for Yuan {
    type Err = InvalidYuan;
    fn from_str(text: &str) -> Result<Self, InvalidYuan> {
        let bad = || InvalidYuan(text.chars().take(40).collect());
        let (whole, cents) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 12 || cents.len() > 2 || !digits(whole) || !digits(cents) {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let cents: u64 = format!("{cents:0<2}").parse().map_err(|_| bad())?;
        Ok(Self {
            fen: whole * 100 + cents,
        })
    }
}

impl TryFrom<String> for Yuan {
    type Error = InvalidYuan;
    fn try_from(text: String) -> Result<Self, InvalidYuan> {
        text.parse()
    }
}

impl From<Yuan> for String {
    fn from(amount: Yuan) -> String {
        amount.to_string()
    }
}

impl fmt::Display for Yuan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.fen / 100, self.fen % 100)
    }
}

impl Add for Yuan {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            fen: self.fen.saturating_add(other.fen),
        }
    }
}

impl Mul<u32> for Yuan {
    type Output = Self;
    fn mul(self, times: u32) -> Self {
        Self {
            fen: self.fen.saturating_mul(u64::from(times)),
        }
    }
}

impl Sum for Yuan {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_decimal_strings() {
        for (text, fen, shown) in [
            ("186.00", 18600, "186.00"),
            ("0.5", 50, "0.50"),
            ("7", 700, "7.00"),
        ] {
            let amount: Yuan = text.parse().unwrap();
            assert_eq!((amount.fen(), amount.to_string().as_str()), (fen, shown));
        }
        for bad in ["", "-1", "1.234", "1e3", "￥5", ".5"] {
            assert!(bad.parse::<Yuan>().is_err(), "{bad}");
        }
    }
}
