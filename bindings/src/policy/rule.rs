//! One rule: the servers and tools that it names, and its conditions.

use globset::GlobMatcher;

use super::CallTarget;
use super::argument_path::Matching;
use super::arguments::Arguments;
use super::condition::Condition;
use super::glob::glob;
use super::invalid_rule::InvalidRule;

/// The action of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// Allows calls that no other rule denies.
    #[default]
    Allow,
    /// Denies calls.
    Deny,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The name, which refusals show.
    pub name: String,
    /// The action.
    pub action: Action,
    /// The servers that it names.
    pub servers: NamePatterns,
    /// The tools that it names.
    pub tools: NamePatterns,
    /// The rule applies if all of these hold.
    pub when: Vec<Condition>,
    /// The rule does not apply if there are some, and all of them hold.
    pub unless: Vec<Condition>,
    /// The reason, in the operator's words.
    pub reason: Option<String>,
}

/// Patterns of names, as globs. An empty list matches every name.
#[derive(Debug, Clone, Default)]
pub struct NamePatterns {
    globs: Vec<Glob>,
}

#[derive(Debug, Clone)]
struct Glob {
    text: String,
    exact: GlobMatcher,
    any_case: GlobMatcher,
}

impl NamePatterns {
    /// Compiles globs.
    ///
    /// # Errors
    /// An invalid glob.
    pub fn new<T: AsRef<str>>(globs: &[T]) -> Result<Self, InvalidRule> {
        let globs = globs.iter().map(AsRef::as_ref).map(|text| {
            Ok(Glob { text: text.to_owned(), exact: glob(text, false)?, any_case: glob(text, true)? })
        });
        Ok(Self { globs: globs.collect::<Result<_, _>>()? })
    }

    /// Returns whether `name` matches exactly.
    pub(crate) fn permits(&self, name: &str) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|glob| glob.exact.is_match(name) || glob.text == name)
    }

    /// Returns whether `name` may match, ignoring case, also as the alias in declarations.
    pub(crate) fn forbids(&self, name: &str) -> bool {
        if self.permits(name) {
            return true;
        }
        let alias: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        self.globs.iter().any(|glob| glob.any_case.is_match(name) || glob.any_case.is_match(&alias))
    }

    fn is_everything(&self) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|glob| glob.text == "*")
    }
}

impl Rule {
    /// Returns whether the rule names the target. Conditions are not checked.
    pub(super) fn names(&self, target: CallTarget<'_>) -> bool {
        self.names_server(target.server)
            && match self.action {
                Action::Allow => self.tools.permits(target.tool),
                Action::Deny => self.tools.forbids(target.tool),
            }
    }

    pub(super) fn names_server(&self, server: &str) -> bool {
        match self.action {
            Action::Allow => self.servers.permits(server),
            Action::Deny => self.servers.forbids(server),
        }
    }

    pub(super) fn looks_at_arguments(&self) -> bool {
        !self.when.is_empty() || !self.unless.is_empty()
    }

    /// Returns whether the rule names only resources or prompts.
    pub fn is_about_operations(&self) -> bool {
        !self.tools.globs.is_empty() && self.tools.globs.iter().all(|glob| glob.text.starts_with('$'))
    }

    pub(super) fn is_about_all_tools(&self) -> bool {
        self.tools.is_everything()
    }

    pub(super) fn denies_whole_server(&self, server: &str) -> bool {
        self.action == Action::Deny
            && !self.looks_at_arguments()
            && self.is_about_all_tools()
            && self.names_server(server)
    }

    pub(super) fn allows_some_of(&self, server: &str) -> bool {
        self.action == Action::Allow && self.names_server(server)
    }

    /// Checks the conditions. Without arguments, a rule that denies applies if it denies every
    /// call, and one that allows applies if it may allow some call.
    pub(super) fn applies(&self, arguments: Option<&Arguments>, matching: Matching) -> bool {
        let Some(arguments) = arguments else {
            return !self.looks_at_arguments() || matching == Matching::Strict;
        };
        if arguments.hides_something().is_some() && self.looks_at_arguments() {
            return matching == Matching::Lenient;
        }
        let value = arguments.value();
        self.when.iter().all(|condition| condition.holds(value, matching))
            && (self.unless.is_empty()
                || !self.unless.iter().all(|condition| condition.holds(value, matching.opposite())))
    }

    /// Returns the paths of values that the call lacks.
    pub(super) fn absent(&self, arguments: &Arguments) -> Vec<&str> {
        let wanted = match self.action {
            Action::Allow => &self.when,
            Action::Deny => &self.unless,
        };
        wanted.iter().filter(|wanted| wanted.lacks(arguments.value())).map(Condition::path).collect()
    }

    /// Returns the paths of all conditions.
    pub(super) fn paths(&self) -> Vec<&str> {
        self.when.iter().chain(&self.unless).map(Condition::path).collect()
    }
}
