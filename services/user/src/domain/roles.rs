//! What people may do.

use thiserror::Error;

/// Runs the exchange.
pub const OPERATOR: &str = "operator";
/// All roles that an account can have.
const ROLES: [&str; 2] = ["trader", OPERATOR];

/// A role that does not exist.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("give each role once: trader, operator")]
pub struct UnknownRole;

/// Reads the roles that an account is to have; none is possible.
pub fn parse(roles: Vec<String>) -> Result<Vec<String>, UnknownRole> {
    let mut seen: Vec<String> = Vec::new();
    for role in roles {
        if !ROLES.contains(&role.as_str()) || seen.contains(&role) {
            return Err(UnknownRole);
        }
        seen.push(role);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_roles_are_given_each_once() {
        let roles = |names: &[&str]| parse(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(roles(&["operator", "trader"]).unwrap().len(), 2);
        assert_eq!(roles(&[]).unwrap().len(), 0);
        for bad in [&["root"][..], &["trader", "trader"], &["Trader"]] {
            assert_eq!(roles(bad), Err(UnknownRole));
        }
    }
}
