//! Which calls are allowed: rules on servers, tools and arguments, read-only operation, and how often.
//!
//! A call is refused if any rule denies it; the order of rules does not matter. What no rule denies is allowed, unless
//! the default is [`Action::Deny`]: then some rule must allow it.
//!
//! Denying errs on the side of refusing and allowing on the side of not allowing: where a value cannot be judged (an
//! array where a rule compares text, `..` in a path, two keys that a lenient server would take for one), a deny rule
//! applies and an allow rule does not. Scripts are hostile, and servers read arguments each in their own way.
//!
//! | module | one idea |
//! |---|---|
//! | [`rule`] | who is meant: names and globs |
//! | [`condition`] | a test of arguments, read strictly or leniently |
//! | `arguments` | arguments parsed so that nothing hides in them |
//! | [`rate`] | how often |
//! | [`refusal`] | what a refused caller is told |

mod arguments;
pub mod condition;
pub mod rate;
pub mod refusal;
pub mod rule;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::arguments::Arguments;
use self::condition::Reading;
pub use self::condition::{Condition, Test};
pub use self::rate::{Per, Rate};
pub use self::refusal::Refusal;
pub use self::rule::{Action, BadRule, Names, Rule};

/// Arguments as conditions see them; `None` if they hide something.
#[cfg(any(test, fuzzing))]
pub(crate) fn seen(text: &str) -> Option<Value> {
    let arguments = Arguments::parse(text);
    arguments.hides_something().is_none().then(|| arguments.value().clone())
}

/// The rules of one isolet.
#[derive(Debug, Default)]
pub struct Policy {
    options: Options,
    rates: rate::Buckets,
}

/// What a policy is made of.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What happens to a call of which no rule speaks.
    pub default: Action,
    /// Whether only tools that declare to read may be called.
    pub read_only: bool,
    /// `server/tool` patterns of tools that the operator knows to read only, whatever they declare.
    pub read_only_tools: Vec<(Names, Names)>,
    /// In no order.
    pub rules: Vec<Rule>,
    /// How often.
    pub rates: Vec<Rate>,
}

/// What a tool declares about itself. It is the server's word, no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint` is true.
    pub reads: bool,
    /// `destructiveHint` is true.
    pub destroys: bool,
}

impl Hints {
    /// Of a tool's definition.
    pub fn of(definition: &Value) -> Self {
        let hint = |name: &str| definition["annotations"][name] == Value::Bool(true);
        Self { reads: hint("readOnlyHint"), destroys: hint("destructiveHint") }
    }
}

/// What is called.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The server's exact name.
    pub server: &'a str,
    /// The tool's exact name, or `$resources`, `$readResource`, `$prompts`, `$getPrompt`.
    pub tool: &'a str,
    /// What the tool declares; `None` for the `$` operations, and for nothing else: a tool may be called `$readResource`.
    pub hints: Option<Hints>,
}

impl Target<'_> {
    /// Resources and prompts belong to the server as a whole, no tool's name stands for them.
    fn is_operation(&self) -> bool {
        self.hints.is_none()
    }
}

impl Policy {
    /// A policy of these parts.
    pub fn new(options: Options) -> Self {
        let rates = rate::Buckets::new(options.rates.clone());
        Self { options, rates }
    }

    /// Whether it refuses nothing, whatever is called.
    pub fn is_open(&self) -> bool {
        let Options { default, read_only, rules, .. } = &self.options;
        *default == Action::Allow && !read_only && rules.is_empty()
    }

    /// Whether nothing of the server can ever be called.
    pub fn hides_server(&self, server: &str) -> bool {
        let denied = self.options.rules.iter().any(|rule| rule.denies_whole_server(server));
        let allowed = || self.options.rules.iter().any(|rule| rule.allows_some_of(server));
        denied || (self.options.default == Action::Deny && !allowed())
    }

    /// Whether the tool can be called at all, whatever the arguments.
    ///
    /// # Errors
    /// Why it cannot: it is to be hidden.
    pub fn standing(&self, target: Target<'_>) -> Result<(), Refusal> {
        self.check(target, None)
    }

    /// Whether this call may be made. `arguments` is JSON text.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, target: Target<'_>, arguments: &str) -> Result<(), Refusal> {
        // Most calls meet no rule that looks at arguments, and need no second parse.
        if !self.options.rules.iter().any(|rule| rule.looks_at_arguments() && rule.names(target)) {
            return self.check(target, None);
        }
        self.check(target, Some(&Arguments::parse(arguments)))
    }

    /// Counts a call against the rates, for `tenant` if the run has one.
    ///
    /// # Errors
    /// When it is one too many; nothing is counted then.
    pub fn count(&self, target: Target<'_>, tenant: Option<&str>) -> Result<(), Refusal> {
        self.rates.take(target, tenant)
    }

    /// The names of rules that mean none of these tools, each a server and a tool: a rule that was misspelt protects
    /// nothing.
    pub fn idle_rules<'a>(&'a self, tools: &[(&str, &str)]) -> Vec<&'a str> {
        let rules = self.options.rules.iter().filter(|rule| {
            !rule.is_about_operations()
                && !tools
                    .iter()
                    .any(|(server, tool)| rule.names(Target { server, tool, hints: Some(Hints::default()) }))
        });
        rules.map(|rule| rule.name.as_str()).collect()
    }

    fn check(&self, target: Target<'_>, arguments: Option<&Arguments>) -> Result<(), Refusal> {
        let rules = &self.options.rules;
        for rule in rules.iter().filter(|rule| rule.action == Action::Deny && rule.names(target)) {
            if rule.applies(arguments, Reading::Forbidding) {
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
            Action::Deny if allowing.clone().any(|rule| rule.applies(arguments, Reading::Permitting)) => {
                Ok(())
            }
            Action::Deny => Err(Refusal::not_allowed(target, allowing.next(), arguments)),
        }
    }

    /// Resources and prompts can hold what a denied tool would have given. Where rules keep back a part of a server, they
    /// are kept back too, unless a rule allows them by name.
    fn check_operation<'a>(
        &self,
        target: Target<'_>,
        mut allowing: impl Iterator<Item = &'a Rule> + Clone,
        arguments: Option<&Arguments>,
    ) -> Result<(), Refusal> {
        let by_name = |rule: &Rule| rule.is_about_operations() || rule.is_about_all_tools();
        if allowing.clone().any(|rule| by_name(rule) && rule.applies(arguments, Reading::Permitting)) {
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

    fn reads(&self, target: Target<'_>) -> bool {
        let vouched =
            |(server, tool): &(Names, Names)| server.permits(target.server) && tool.permits(target.tool);
        let hints = target.hints.unwrap_or_default();
        (hints.reads && !hints.destroys) || self.options.read_only_tools.iter().any(vouched)
    }
}
