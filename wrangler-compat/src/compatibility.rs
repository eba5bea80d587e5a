//! The meaning of dates and flags of compatibility, beside Node.js.

use chrono::NaiveDate;

use crate::node_compat::NodeCompat;
use crate::web_socket_compat::WebSocketCompat;

/// The date from which `ctx.exports` has the Worker's entrypoints.
const EXPORTS: &str = "2025-11-17";

/// The effect of a date and of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compatibility {
    /// The parts of Node.js.
    pub node: NodeCompat,
    /// `true` if `ctx.exports` has the Worker's entrypoints.
    pub has_exports: bool,
    /// `true` if `eval` and `new Function` work while the modules are evaluated.
    pub allows_eval_at_start: bool,
    /// The behaviour of WebSockets.
    pub web_sockets: WebSocketCompat,
}

impl Compatibility {
    /// Reads a date and flags that a program wrote.
    ///
    /// # Errors
    /// Returns the reason for which the date is not one.
    pub fn of(date: &str, flags: &[String]) -> Result<Self, String> {
        match day(date) {
            Some(_) => Ok(Self::since(Some(date), flags)),
            None => Err("the compatibility date must have the form 2026-01-31".to_owned()),
        }
    }

    /// Returns the effect of a date that was checked. A project without a date has what the newest
    /// one has.
    pub(crate) fn since(date: Option<&str>, flags: &[String]) -> Self {
        Self {
            node: NodeCompat::of(date, flags),
            has_exports: has_exports(date, flags),
            allows_eval_at_start: allows_eval_at_start(date, flags),
            web_sockets: WebSocketCompat::of(date, flags),
        }
    }
}

/// Returns the day of a date such as `2026-01-31`, if it is one.
pub(crate) fn day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}

/// Returns `true` if `ctx.exports` has the Worker's entrypoints.
fn has_exports(date: Option<&str>, flags: &[String]) -> bool {
    let has = |flag: &str| flags.iter().any(|known| known == flag);
    // Dates of this format are in the order of their texts.
    let is_default = date.is_none_or(|date| date >= EXPORTS);
    (is_default || has("enable_ctx_exports")) && !has("disable_ctx_exports")
}

/// The date from which `eval` and `new Function` work while the modules are evaluated.
const EVAL_AT_START: &str = "2025-06-01";

/// Returns `true` if `eval` and `new Function` work while the modules are evaluated: libraries make
/// functions of templates and schemas there.
fn allows_eval_at_start(date: Option<&str>, flags: &[String]) -> bool {
    let has = |flag: &str| flags.iter().any(|known| known == flag);
    let is_default = date.is_none_or(|date| date >= EVAL_AT_START);
    (is_default || has("allow_eval_during_startup")) && !has("disallow_eval_during_startup")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eval_at_the_start_has_a_date_and_flags() {
        for (date, flag, expected) in [
            (None, "", true),
            (Some("2025-06-01"), "", true),
            (Some("2025-05-31"), "", false),
            (Some("2025-05-31"), "allow_eval_during_startup", true),
            (Some("2026-01-01"), "disallow_eval_during_startup", false),
        ] {
            assert_eq!(allows_eval_at_start(date, &[flag.to_owned()]), expected, "{date:?} {flag}");
        }
    }

    #[test]
    fn a_date_of_a_program_is_checked() {
        let of = |date| Compatibility::of(date, &["nodejs_compat".to_owned()]);
        let found = of("2025-12-01").unwrap();
        assert!(found.has_exports && found.node.modules);
        for wrong in ["", "2026-99-99", "2025-1-1", "2025-12-011", "2025_12_01", "today's day"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exports_have_a_date_and_flags() {
        let has = |date, flags: &[&str]| {
            has_exports(date, &flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
        };
        assert!(has(None, &[]) && has(Some("2025-11-17"), &[]) && !has(Some("2025-11-16"), &[]));
        assert!(has(Some("2024-01-01"), &["enable_ctx_exports"]));
        assert!(!has(Some("2026-01-01"), &["disable_ctx_exports"]));
    }
}
