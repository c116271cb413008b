//! Kubernetes quantities, as far as the schema of `ExchangeRelease` lets them in.

/// The largest that there is; more is taken as this.
const LARGEST: i128 = i64::MAX as i128 * 1000;

/// Value in thousandths, so that `100m` and `0.1` compare equal; `None` if it is no quantity. As the API server has
/// it: smaller parts are rounded up. It gives quantities back in canonical form (`1024Mi` as `1Gi`, `1000T` as `1P`,
/// `1.5m` as `2m`), so strings do not compare.
pub(crate) fn thousandths(text: &str) -> Option<i128> {
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 3 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<3}").parse().ok()?;
    let value = whole.checked_mul(1000)?.checked_add(fraction)?;
    if suffix == "m" {
        return Some((value / 1000 + i128::from(value % 1000 > 0)).min(LARGEST));
    }
    Some(value.saturating_mul(unit(suffix)?).min(LARGEST))
}

fn unit(suffix: &str) -> Option<i128> {
    let decimal = ["", "k", "M", "G", "T", "P", "E"].into_iter();
    let binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].into_iter();
    let decimal = decimal.zip((0..).map(|n| 1000_i128.pow(n)));
    let binary = binary.zip((0..).map(|n| 1024_i128.pow(n)));
    let mut units = decimal.chain(binary);
    units.find_map(|(name, unit)| (name == suffix).then_some(unit))
}

#[cfg(test)]
mod tests {
    use super::thousandths;

    #[test]
    fn canonical_forms_compare_equal() {
        for (a, b) in [
            ("1024Mi", "1Gi"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1000T", "1P"),
            ("1024Ti", "1Pi"),
            ("1000000T", "1E"),
            ("1048576Ti", "1Ei"),
            ("1.5m", "2m"),
            ("0.5m", "1m"),
            ("1.001Ki", "1025024m"),
            ("99999999999999999999999999999Ti", "9223372036854775807"),
            ("8192Ti", "8Pi"),
        ] {
            assert_eq!(thousandths(a), thousandths(b), "{a} {b}");
            assert!(thousandths(a).is_some(), "{a}");
        }
        assert_ne!(thousandths("1G"), thousandths("1Gi"));
        assert_ne!(thousandths("1m"), thousandths("2m"));
        for other in ["ten", "", "1e3", "-1", "1.2.3", "."] {
            assert_eq!(thousandths(other), None, "{other}");
        }
    }
}
