//! A limit on isolets that start isolets.
//!
//! A configuration may start isolet, also through a shell or `npx`, with the same configuration,
//! and one isolet would start the next without end. Each child gets its depth in an environment
//! variable, and from some depth on no servers are started.

/// The variable with the depth. Every child gets it.
pub(crate) const DEPTH_VARIABLE: &str = "ISOLET_DEPTH";

/// The depth from which on no servers are started. An isolet in front of another, and that in front
/// of a third, may be of use.
const MAX_DEPTH: u32 = 3;

/// The depth of this process: 0 if no isolet started it.
pub(crate) fn depth() -> u32 {
    std::env::var(DEPTH_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Checks the depth of this process.
///
/// # Errors
/// The probable cause, for the operator.
pub fn check() -> Result<(), String> {
    check_at(depth())
}

fn check_at(depth: u32) -> Result<(), String> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(format!(
        "isolet was started by a server of an isolet, {depth} deep ({DEPTH_VARIABLE}={depth}): a configuration probably starts isolet \
         with itself. Take isolet out of the servers that it is to serve, or give it another file with --mcp-config"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_depth_is_limited() {
        assert!(check_at(0).is_ok() && check_at(MAX_DEPTH - 1).is_ok());
        assert!(check_at(MAX_DEPTH).unwrap_err().contains("ISOLET_DEPTH=3"));
        assert!(check_at(u32::MAX).is_err());
    }
}
