//! Assets, markets and exact amounts.
//!
//! The bounds keep every sum and product exact: a price has at most 4 decimals, a quantity 8, so their
//! product has 12; with balances below 10^14 everything fits the 28 digits of a `Decimal`.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use thiserror::Error;

/// Something that is owned and traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    Btc,
    Eth,
    Eur,
    Usd,
}

/// A base asset that is priced in a quote asset: `BTC-EUR`. Journeys trade in markets apart from all
/// others: `SYN-BTC-EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    pub base: Asset,
    pub quote: Asset,
    pub synthetic: bool,
}

/// What is wrong with an amount or a name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MoneyError {
    #[error("unknown asset; use BTC, ETH, EUR or USD")]
    Asset,
    #[error("unknown market; use two different assets of BTC, ETH, EUR and USD, such as BTC-EUR")]
    Market,
    #[error(
        "{name} must be a decimal above 0, at most {most}, with at most {decimals} decimals, as a string such as \"0.25\""
    )]
    Amount {
        name: &'static str,
        most: Decimal,
        decimals: u32,
    },
    #[error("price times quantity must be at most 1000000000000")]
    Total,
    #[error("balances must stay below 100000000000000")]
    Balance,
}

/// What the names of markets for journeys begin with.
pub const SYNTHETIC: &str = "SYN-";
/// What prices lie between.
pub const LOWEST_PRICE: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
pub const HIGHEST_PRICE: Decimal = Decimal::from_parts(100_000_000, 0, 0, false, 0);
/// Most that one order may be worth in its quote asset.
const MOST_TOTAL: Decimal = Decimal::from_parts(0xd4a5_1000, 0xe8, 0, false, 0);
/// What a balance stays below.
const MOST_BALANCE: Decimal = Decimal::from_parts(0x107a_4000, 0x5af3, 0, false, 0);

impl Asset {
    pub const ALL: [Self; 4] = [Self::Btc, Self::Eth, Self::Eur, Self::Usd];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Btc => "BTC",
            Self::Eth => "ETH",
            Self::Eur => "EUR",
            Self::Usd => "USD",
        }
    }
}

impl FromStr for Asset {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let known = Self::ALL.into_iter().find(|asset| asset.as_str() == text);
        known.ok_or(MoneyError::Asset)
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apart = if self.synthetic { SYNTHETIC } else { "" };
        write!(f, "{apart}{}-{}", self.base.as_str(), self.quote.as_str())
    }
}

impl FromStr for Market {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let apart = text.strip_prefix(SYNTHETIC);
        let pair = apart.unwrap_or(text);
        let (base, quote) = pair.split_once('-').ok_or(MoneyError::Market)?;
        let asset = |name: &str| name.parse::<Asset>().map_err(|_| MoneyError::Market);
        let (base, quote) = (asset(base)?, asset(quote)?);
        if base == quote {
            return Err(MoneyError::Market);
        }
        Ok(Self {
            base,
            quote,
            synthetic: apart.is_some(),
        })
    }
}

impl Market {
    /// Whether an account may trade here: those of journeys in their own markets, all others in the rest.
    pub fn is_for(self, synthetic_account: bool) -> bool {
        self.synthetic == synthetic_account
    }

    /// Every market there is, in the order in which several are locked.
    pub fn all() -> impl Iterator<Item = Self> {
        let pairs = Asset::ALL
            .into_iter()
            .flat_map(|base| Asset::ALL.map(|quote| (base, quote)));
        let pairs = pairs.filter(|(base, quote)| base != quote);
        pairs.flat_map(|(base, quote)| {
            [false, true].map(|synthetic| Self {
                base,
                quote,
                synthetic,
            })
        })
    }
}

/// Reads a price.
pub fn price(text: &str) -> Result<Decimal, MoneyError> {
    bounded("price", text, HIGHEST_PRICE, 4)
}

/// Reads a quantity.
pub fn quantity(text: &str) -> Result<Decimal, MoneyError> {
    bounded("quantity", text, Decimal::from(100_000_000), 8)
}

/// Reads an amount of a deposit or a withdrawal.
pub fn amount(text: &str) -> Result<Decimal, MoneyError> {
    bounded("amount", text, Decimal::from(10_000_000_000_u64), 8)
}

/// What a quantity costs at a price, exactly.
pub fn total(price: Decimal, quantity: Decimal) -> Result<Decimal, MoneyError> {
    let total = price.checked_mul(quantity).ok_or(MoneyError::Total)?;
    if total > MOST_TOTAL {
        return Err(MoneyError::Total);
    }
    Ok(total)
}

/// Adds to a balance, exactly.
pub fn add(balance: Decimal, amount: Decimal) -> Result<Decimal, MoneyError> {
    let sum = balance.checked_add(amount).ok_or(MoneyError::Balance)?;
    if sum.abs() >= MOST_BALANCE {
        return Err(MoneyError::Balance);
    }
    Ok(sum)
}

fn bounded(
    name: &'static str,
    text: &str,
    most: Decimal,
    decimals: u32,
) -> Result<Decimal, MoneyError> {
    let refused = || MoneyError::Amount {
        name,
        most,
        decimals,
    };
    // Plain digits only: the parser below takes signs, underscores and, in time, exponents.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !plain || text.len() > 32 || text.starts_with('.') || text.ends_with('.') {
        return Err(refused());
    }
    let value = Decimal::from_str_exact(text).map_err(|_| refused())?;
    if value <= Decimal::ZERO || value > most || value.scale() > decimals {
        return Err(refused());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_are_two_different_known_assets() {
        assert_eq!("BTC-EUR".parse::<Market>().unwrap().to_string(), "BTC-EUR");
        let apart = "SYN-BTC-EUR".parse::<Market>().unwrap();
        assert!(apart.synthetic && apart.to_string() == "SYN-BTC-EUR");
        for bad in [
            "BTC",
            "BTC-BTC",
            "BTC-XYZ",
            "btc-eur",
            "BTC-EUR-USD",
            "SYN-BTC",
            "SYN-SYN-BTC-EUR",
            "",
        ] {
            assert_eq!(bad.parse::<Market>(), Err(MoneyError::Market), "{bad}");
        }
    }

    #[test]
    fn all_markets_are_listed_once() {
        let names: Vec<String> = Market::all().map(|market| market.to_string()).collect();
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!((names.len(), distinct.len()), (24, 24));
        assert!(names.iter().all(|name| name.parse::<Market>().is_ok()));
    }

    #[test]
    fn absurd_amounts_are_refused() {
        for bad in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1e3",
            "1_0",
            ".5",
            "5.",
            "NaN",
            "1.123456789",
            "100000000.1",
            "99999999999999999999999999999999",
        ] {
            assert!(quantity(bad).is_err(), "{bad}");
        }
        assert_eq!(quantity("0.01").unwrap().to_string(), "0.01");
        assert!(price("1.12345").is_err());
        assert_eq!(price("0.0001"), Ok(LOWEST_PRICE));
        assert_eq!(price("100000000"), Ok(HIGHEST_PRICE));
    }

    #[test]
    fn totals_are_exact_at_the_bounds() {
        assert_eq!(MOST_TOTAL.to_string(), "1000000000000");
        assert_eq!(MOST_BALANCE.to_string(), "100000000000000");
        let total = total(
            price("99999.9999").unwrap(),
            quantity("9999999.99999999").unwrap(),
        );
        assert_eq!(total.unwrap().to_string(), "999999998999.999000000001");
        assert!(super::total(price("100000000").unwrap(), quantity("100000000").unwrap()).is_err());
        assert!(add(MOST_BALANCE, Decimal::ONE).is_err());
    }
}
