//! Kubernetes quantities, as far as the schema of `ExchangeRelease` lets them in.

/// Value in thousandths, so that `100m` and `0.1` compare equal; `None` if it is not such a quantity.
/// The API server gives quantities back in canonical form (`1024Mi` as `1Gi`), so strings do not compare.
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
    match suffix {
        "m" => (value % 1000 == 0).then_some(value / 1000),
        "" => Some(value),
        "k" => value.checked_mul(1000),
        "M" => value.checked_mul(1_000_000),
        "G" => value.checked_mul(1_000_000_000),
        "T" => value.checked_mul(1_000_000_000_000),
        "Ki" => value.checked_mul(1 << 10),
        "Mi" => value.checked_mul(1 << 20),
        "Gi" => value.checked_mul(1 << 30),
        "Ti" => value.checked_mul(1 << 40),
        _ => None,
    }
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
        ] {
            assert_eq!(thousandths(a), thousandths(b), "{a} {b}");
            assert!(thousandths(a).is_some(), "{a}");
        }
        assert_ne!(thousandths("1G"), thousandths("1Gi"));
        assert_eq!(thousandths("ten"), None);
    }
}
