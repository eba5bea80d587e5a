//! The operator's rules for calls: servers, tools and arguments, read-only operation, rate limits.
//!
//! A call is refused if any rule denies it; the order of rules does not matter. A call that no rule
//! denies is allowed, unless the default is [`Action::Deny`]: then a rule must allow it.
//!
//! If a value cannot be judged with certainty, a deny rule applies and an allow rule does not.
//! This holds for an array where a rule compares text, for `..` in a path, for a text in another
//! case, and for two keys that a lenient server would take for one. Scripts are hostile, and every
//! server reads arguments in its own way.
//!
//! | module | one idea |
//! |---|---|
//! | `rule` | a rule: names and globs, conditions |
//! | `glob` | globs of names and texts |
//! | `invalid_rule` | the error of an invalid rule |
//! | `condition` | a test of the values at a path |
//! | `argument_path` | paths into arguments; strict and lenient matching |
//! | `arguments` | arguments parsed so that nothing can hide in them |
//! | `similarity` | texts that a server may treat as equal |
//! | `text_variants` | the ways in which a server may read a text |
//! | `coercion` | scalars that a server may accept for another kind |
//! | `rate` | rate limits |
//! | `refusal` | the message for a refused caller |

mod argument_path;
mod arguments;
mod coercion;
mod condition;
mod glob;
mod invalid_rule;
mod rate;
mod refusal;
mod rule;
mod similarity;
#[cfg(test)]
mod tests;
mod text_variants;

use serde_json::Value;

use self::argument_path::Matching;
use self::arguments::Arguments;
pub use self::condition::{Condition, ConditionTest};
pub use self::invalid_rule::InvalidRule;
pub use self::rate::{Rate, RateScope, parse_rate};
pub use self::refusal::Refusal;
pub use self::rule::{Action, NamePatterns, Rule};

/// Returns arguments as conditions see them; `None` if they cannot be judged.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn seen(text: &str) -> Option<Value> {
    let arguments = Arguments::parse(text);
    arguments.hides_something().is_none().then(|| arguments.value().clone())
}

/// The compiled rules of the operator.
#[derive(Debug, Default)]
pub struct Policy {
    options: PolicyOptions,
    rates: rate::RateLimiter,
}

/// The parts of a policy.
#[derive(Debug, Clone, Default)]
pub struct PolicyOptions {
    /// The action for a call that no rule names.
    pub default: Action,
    /// True if only tools that declare to be read-only may be called.
    pub read_only: bool,
    /// `server/tool` patterns of tools that are read-only, whatever they declare.
    pub read_only_tools: Vec<(NamePatterns, NamePatterns)>,
    /// The rules. Their order does not matter.
    pub rules: Vec<Rule>,
    /// The rate limits.
    pub rates: Vec<Rate>,
}

/// The hints that a tool declares about itself. isolet cannot verify them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToolHints {
    /// `readOnlyHint` is true.
    pub reads: bool,
    /// `destructiveHint` is true.
    pub destroys: bool,
}

impl ToolHints {
    /// Reads the hints of a tool's definition.
    pub fn of(definition: &Value) -> Self {
        let hint = |name: &str| definition["annotations"][name] == Value::Bool(true);
        Self { reads: hint("readOnlyHint"), destroys: hint("destructiveHint") }
    }
}

/// The target of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallTarget<'a> {
    /// The exact name of the server.
    pub server: &'a str,
    /// The exact name of the tool, or `$resources`, `$readResource`, `$prompts`, `$getPrompt`.
    pub tool: &'a str,
    /// The hints of the tool; `None` only for the `$` operations: a tool may have the name
    /// `$readResource`.
    pub hints: Option<ToolHints>,
}

impl CallTarget<'_> {
    /// Resources and prompts belong to the server as a whole, not to a tool.
    fn is_operation(&self) -> bool {
        self.hints.is_none()
    }
}

impl Policy {
    /// Creates a policy.
    pub fn new(options: PolicyOptions) -> Self {
        let rates = rate::RateLimiter::new(options.rates.clone());
        Self { options, rates }
    }

    /// Returns whether no call is ever refused.
    pub fn is_open(&self) -> bool {
        let PolicyOptions { default, read_only, rules, .. } = &self.options;
        *default == Action::Allow && !read_only && rules.is_empty()
    }

    /// Returns whether no call of the server is ever allowed.
    pub fn hides_server(&self, server: &str) -> bool {
        let denied = self.options.rules.iter().any(|rule| rule.denies_whole_server(server));
        let allowed = || self.options.rules.iter().any(|rule| rule.allows_some_of(server));
        denied || (self.options.default == Action::Deny && !allowed())
    }

    /// Checks whether the tool can be called with any arguments. If not, it is hidden.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_tool(&self, target: CallTarget<'_>) -> Result<(), Refusal> {
        self.check(target, None)
    }

    /// Checks whether this call may be made. `arguments` is JSON text.
    ///
    /// # Errors
    /// The refusal.
    pub fn judge(&self, target: CallTarget<'_>, arguments: &str) -> Result<(), Refusal> {
        // Most calls match no rule with conditions, and need no second parse.
        if !self.options.rules.iter().any(|rule| rule.looks_at_arguments() && rule.names(target)) {
            return self.check(target, None);
        }
        self.check(target, Some(&Arguments::parse(arguments)))
    }

    /// Counts a call against the rate limits, for `tenant` if the run has one.
    ///
    /// # Errors
    /// The refusal of a call over a limit; nothing is counted then.
    pub fn count(&self, target: CallTarget<'_>, tenant: Option<&str>) -> Result<(), Refusal> {
        self.rates.take(target, tenant)
    }

    /// Returns the names of rules that match none of these tools, each a server and a tool. A
    /// misspelt rule protects nothing.
    pub fn idle_rules<'a>(&'a self, tools: &[(&str, &str)]) -> Vec<&'a str> {
        let rules = self.options.rules.iter().filter(|rule| {
            !rule.is_about_operations()
                && !tools.iter().any(|(server, tool)| {
                    rule.names(CallTarget { server, tool, hints: Some(ToolHints::default()) })
                })
        });
        rules.map(|rule| rule.name.as_str()).collect()
    }

    fn check(&self, target: CallTarget<'_>, arguments: Option<&Arguments>) -> Result<(), Refusal> {
        let rules = &self.options.rules;
        for rule in rules.iter().filter(|rule| rule.action == Action::Deny && rule.names(target)) {
            if rule.applies(arguments, Matching::Lenient) {
                return Err(Refusal::denied(target, rule, arguments));
            }
        }
        let mut allowing = rules.iter().filter(|rule| rule.action == Action::Allow && rule.names(target));
        if target.is_operation() {
            return self.check_operation(target, allowing, arguments);
        }
        if self.options.read_only && !self.reads(target) {
            return Err(Refusal::read_only(target));
        }
        match self.options.default {
            Action::Allow => Ok(()),
            Action::Deny if allowing.clone().any(|rule| rule.applies(arguments, Matching::Strict)) => Ok(()),
            Action::Deny => Err(Refusal::not_allowed(target, allowing.next(), arguments)),
        }
    }

    /// Resources and prompts may contain what a denied tool would return. If rules deny a part of a
    /// server, they are denied too, unless a rule allows them by name.
    fn check_operation<'a>(
        &self,
        target: CallTarget<'_>,
        mut allowing: impl Iterator<Item = &'a Rule> + Clone,
        arguments: Option<&Arguments>,
    ) -> Result<(), Refusal> {
        let by_name = |rule: &Rule| rule.is_about_operations() || rule.is_about_all_tools();
        if allowing.clone().any(|rule| by_name(rule) && rule.applies(arguments, Matching::Strict)) {
            return Ok(());
        }
        if self.options.default == Action::Deny {
            return Err(Refusal::not_allowed(target, allowing.next(), arguments));
        }
        let restricting = self.options.rules.iter().find(|rule| {
            rule.action == Action::Deny && !rule.is_about_operations() && rule.names_server(target.server)
        });
        match restricting {
            Some(rule) => Err(Refusal::restricted(target, rule)),
            None => Ok(()),
        }
    }

    fn reads(&self, target: CallTarget<'_>) -> bool {
        let vouched = |(server, tool): &(NamePatterns, NamePatterns)| {
            server.permits(target.server) && tool.permits(target.tool)
        };
        let hints = target.hints.unwrap_or_default();
        (hints.reads && !hints.destroys) || self.options.read_only_tools.iter().any(vouched)
    }
}
