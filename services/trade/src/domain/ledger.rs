//! Whether the books of the exchange are right.

/// Sums of one asset over all real accounts, exact, as text.
pub struct AssetFigures {
    pub asset: String,
    pub deposited: String,
    pub withdrawn: String,
    pub available: String,
    pub reserved: String,
    /// What resting orders may cost at most.
    pub in_book: String,
    /// What is held beyond what was deposited and not withdrawn.
    pub surplus: String,
    /// What is reserved beyond what resting orders need.
    pub unbacked: String,
}

/// The figures of the whole exchange at one instant.
pub struct Ledger {
    pub assets: Vec<AssetFigures>,
    pub misfilled_orders: i64,
    pub crossed_markets: Vec<String>,
}

impl Ledger {
    /// Everything that is wrong, in words; nothing when the books are right.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for figures in &self.assets {
            let AssetFigures {
                asset,
                surplus,
                unbacked,
                ..
            } = figures;
            if surplus != "0" {
                findings.push(format!(
                    "{asset}: accounts hold {surplus} more than was deposited and not withdrawn"
                ));
            }
            if unbacked != "0" {
                findings.push(format!(
                    "{asset}: {unbacked} more is reserved than resting orders need"
                ));
            }
        }
        if self.misfilled_orders != 0 {
            let count = self.misfilled_orders;
            findings.push(format!(
                "{count} orders are filled to another amount than their fills add up to"
            ));
        }
        for market in &self.crossed_markets {
            findings.push(format!(
                "{market}: a bid reaches an ask, and was not matched"
            ));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(surplus: &str, unbacked: &str, misfilled: i64, crossed: &[&str]) -> Ledger {
        let zero = || "0".to_owned();
        let figures = AssetFigures {
            asset: "BTC".to_owned(),
            deposited: zero(),
            withdrawn: zero(),
            available: zero(),
            reserved: zero(),
            in_book: zero(),
            surplus: surplus.to_owned(),
            unbacked: unbacked.to_owned(),
        };
        Ledger {
            assets: vec![figures],
            misfilled_orders: misfilled,
            crossed_markets: crossed.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn right_books_have_no_findings() {
        assert!(ledger("0", "0", 0, &[]).findings().is_empty());
    }

    #[test]
    fn each_fault_is_found() {
        let faults = [
            ledger("0.00000001", "0", 0, &[]),
            ledger("-1", "0", 0, &[]),
            ledger("0", "1", 0, &[]),
            ledger("0", "0", 1, &[]),
            ledger("0", "0", 0, &["BTC-EUR"]),
        ];
        for fault in faults {
            assert_eq!(fault.findings().len(), 1);
        }
        assert_eq!(ledger("1", "1", 1, &["BTC-EUR"]).findings().len(), 4);
    }
}
