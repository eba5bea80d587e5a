//! What a refused caller is told: which rule, why, and what to do next. The reader is the model that wrote the script.

use super::arguments::Arguments;
use super::{Rule, Target};

/// Why a call was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The rule's name; `read_only`, `default`, `lock` and `audit` are isolet's own.
    pub rule: String,
    /// Whether the same call may be made later.
    pub later: bool,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// The operator is the one who can change a rule.
const ASK: &str = "Do without it; only the operator of isolet can change its rules (isolet.toml).";

impl Refusal {
    fn new(rule: impl Into<String>, message: String, hint: impl Into<String>) -> Self {
        Self { rule: rule.into(), later: false, message, hint: hint.into() }
    }

    pub(super) fn denied(target: Target<'_>, rule: &Rule, arguments: Option<&Arguments>) -> Self {
        let Target { server, tool, .. } = target;
        let name = &rule.name;
        let reason = rule.reason.as_ref().map_or(String::new(), |reason| format!(" Reason: {reason}"));
        if !rule.looks_at_arguments() {
            return Self::new(name, format!("The rule \"{name}\" denies {server}/{tool}.{reason}"), ASK);
        }
        let (why, hint) = looks_at(rule, arguments);
        Self::new(name, format!("The rule \"{name}\" denies {server}/{tool} {why}.{reason}"), hint)
    }

    pub(super) fn not_allowed(
        target: Target<'_>,
        nearest: Option<&Rule>,
        arguments: Option<&Arguments>,
    ) -> Self {
        let Target { server, tool, .. } = target;
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
                ASK,
            ),
        }
    }

    pub(super) fn read_only(target: Target<'_>) -> Self {
        let Target { server, tool, .. } = target;
        Self::new(
            "read_only",
            format!(
                "isolet is read-only here (rule \"read_only\"), and {server}/{tool} does not declare that it only reads."
            ),
            "Use tools that only read. The operator can vouch for a tool with `read_only_tools` in isolet.toml.",
        )
    }

    pub(super) fn restricted(target: Target<'_>, rule: &Rule) -> Self {
        let Target { server, tool, .. } = target;
        let name = &rule.name;
        Self::new(
            name,
            format!(
                "The rule \"{name}\" keeps back a part of \"{server}\", and with it resources and prompts ({tool})."
            ),
            format!("Use its tools. The operator can allow this with a rule that names `{tool}`."),
        )
    }

    pub(super) fn too_often(target: Target<'_>, rule: &str, rate: &str, wait_ms: u64) -> Self {
        let Target { server, tool, .. } = target;
        Self {
            later: true,
            ..Self::new(
                rule,
                format!("The rule \"{rule}\" allows {rate}: {server}/{tool} is called too often."),
                format!("Wait {wait_ms} ms before the next call, or make fewer."),
            )
        }
    }

    /// The definition is not the one that was approved.
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

    /// What rules and lock would judge is not known.
    pub(crate) fn unknown(server: &str, tool: &str) -> Self {
        Self {
            later: true,
            ..Self::new(
                "unlisted",
                format!(
                    "\"{server}\" has not listed a tool \"{tool}\", and rules are in force that need its definition (rule \
                     \"unlisted\")."
                ),
                "Try again when the server has listed its tools; /v1/servers shows its state.",
            )
        }
    }

    /// There would be no record.
    pub(crate) fn unrecorded(server: &str, tool: &str, why: &str) -> Self {
        Self {
            later: true,
            ..Self::new(
                "audit",
                format!("{server}/{tool} was not called: {why} (rule \"audit\")."),
                "This is no fault of the script. The operator of isolet has to mend the audit log.",
            )
        }
    }
}

/// Why arguments were refused, and what to do.
fn looks_at(rule: &Rule, arguments: Option<&Arguments>) -> (String, String) {
    if let Some(hidden) = arguments.and_then(Arguments::hides_something) {
        return (
            format!("with these arguments: {hidden}, so nobody can tell what the server would read"),
            "Send plain arguments, each key once.".to_owned(),
        );
    }
    let mut paths = rule.paths();
    paths.dedup();
    let paths = paths.join(", ");
    (format!("with these arguments (it looks at {paths})"), format!("Call it with other values of {paths}."))
}
