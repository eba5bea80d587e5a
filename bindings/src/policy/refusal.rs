//! Refusals of calls: the rule, the reason, and what to do next. Their reader is the model that
//! wrote the script.

use super::arguments::Arguments;
use super::{CallTarget, Rule};

/// The refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The name of the rule. `read_only`, `default`, `tools`, `lock`, `unlisted` and `audit` are
    /// isolet's own.
    pub rule: String,
    /// True if the same call may succeed later.
    pub later: bool,
    /// The explanation: the event and its reason.
    pub message: String,
    /// The advice for the caller.
    pub hint: String,
}

/// The hint that only the operator can change a rule.
const ASK_OPERATOR: &str = "Do without it; only the operator of isolet can change its rules (isolet.toml).";

impl Refusal {
    fn new(rule: impl Into<String>, message: String, hint: impl Into<String>) -> Self {
        Self { rule: rule.into(), later: false, message, hint: hint.into() }
    }

    pub(super) fn denied(target: CallTarget<'_>, rule: &Rule, arguments: Option<&Arguments>) -> Self {
        let CallTarget { server, tool, .. } = target;
        let name = &rule.name;
        let reason = rule.reason.as_ref().map_or(String::new(), |reason| format!(" Reason: {reason}"));
        if !rule.looks_at_arguments() {
            return Self::new(
                name,
                format!("The rule \"{name}\" denies {server}/{tool}.{reason}"),
                ASK_OPERATOR,
            );
        }
        let (why, hint) = looks_at(rule, arguments);
        Self::new(name, format!("The rule \"{name}\" denies {server}/{tool} {why}.{reason}"), hint)
    }

    pub(super) fn not_allowed(
        target: CallTarget<'_>,
        nearest: Option<&Rule>,
        arguments: Option<&Arguments>,
    ) -> Self {
        let CallTarget { server, tool, .. } = target;
        match nearest.filter(|rule| rule.looks_at_arguments() && arguments.is_some()) {
            Some(rule) => {
                let (why, hint) = looks_at(rule, arguments);
                let name = &rule.name;
                Self::new(name, format!("The rule \"{name}\" does not allow {server}/{tool} {why}."), hint)
            }
            None => Self::new(
                "default",
                format!(
                    "No rule allows {server}/{tool}, and what no rule allows is denied here (rule \"default\")."
                ),
                ASK_OPERATOR,
            ),
        }
    }

    pub(super) fn read_only(target: CallTarget<'_>) -> Self {
        let CallTarget { server, tool, .. } = target;
        Self::new(
            "read_only",
            format!(
                "isolet is read-only here (rule \"read_only\"), and {server}/{tool} does not declare that it only reads."
            ),
            "Use tools that only read. The operator can vouch for a tool with `read_only_tools` in isolet.toml.",
        )
    }

    pub(super) fn restricted(target: CallTarget<'_>, rule: &Rule) -> Self {
        let CallTarget { server, tool, .. } = target;
        let name = &rule.name;
        Self::new(
            name,
            format!(
                "The rule \"{name}\" denies a part of \"{server}\", and with it resources and prompts ({tool})."
            ),
            format!("Use its tools. The operator can allow this with a rule that names `{tool}`."),
        )
    }

    pub(super) fn too_often(target: CallTarget<'_>, rule: &str, rate: &str, wait_ms: u64) -> Self {
        let CallTarget { server, tool, .. } = target;
        Self {
            later: true,
            ..Self::new(
                rule,
                format!("The rule \"{rule}\" allows {rate}: {server}/{tool} is called too often."),
                format!("Wait {wait_ms} ms before the next call, or make fewer."),
            )
        }
    }

    /// Refuses a definition that the lock file does not approve.
    pub(crate) fn unapproved(server: &str, tool: &str, what: &str) -> Self {
        Self::new(
            "lock",
            format!("{server}/{tool} {what}, and isolet.lock is enforced (rule \"lock\")."),
            format!(
                "Do without it. The operator can look at it with `isolet lock --check` and approve it with \
                 `isolet lock {server}`."
            ),
        )
    }

    /// Refuses a tool that the configuration of the server does not offer.
    pub(crate) fn not_chosen(server: &str, tool: &str) -> Self {
        Self::new(
            "tools",
            format!(
                "{server}/{tool} is not offered: the configuration of \"{server}\" keeps it back (rule \"tools\")."
            ),
            "Do without it; only the operator of isolet can change which tools a server's configuration lets through.",
        )
    }

    /// Refuses a tool whose definition is not known, so that rules cannot judge it.
    pub(crate) fn unknown(server: &str, tool: &str) -> Self {
        Self {
            later: true,
            ..Self::new(
                "unlisted",
                format!(
                    "\"{server}\" has not listed a tool \"{tool}\", and rules are in force that need its definition (rule \
                     \"unlisted\")."
                ),
                "Try again when the server has listed its tools; the operator sees its state and what it printed in isolet's log.",
            )
        }
    }

    /// Refuses a call that could not be recorded.
    pub(crate) fn unrecorded(server: &str, tool: &str, why: &str) -> Self {
        Self {
            later: true,
            ..Self::new(
                "audit",
                format!("{server}/{tool} was not called: {why} (rule \"audit\")."),
                "The script is not at fault. The operator of isolet has to repair the audit log.",
            )
        }
    }
}

/// Explains a refusal because of arguments, and what to do.
fn looks_at(rule: &Rule, arguments: Option<&Arguments>) -> (String, String) {
    if let Some(hidden) = arguments.and_then(Arguments::hides_something) {
        return (
            format!("with these arguments: {hidden}, so it is not certain what the server would read"),
            "Send plain arguments, each key once.".to_owned(),
        );
    }
    let mut paths = rule.paths();
    paths.dedup();
    let paths = paths.join(", ");
    let absent = arguments.map(|arguments| rule.absent(arguments)).unwrap_or_default();
    let hint = match absent.is_empty() {
        true => format!("Call it with other values of {paths}."),
        false => format!("The rule needs an argument {}; other tools may have it.", absent.join(", ")),
    };
    (format!("with these arguments (it looks at {paths})"), hint)
}
