//! One rule: who is meant, and under which conditions.

use globset::{GlobBuilder, GlobMatcher};

use super::Target;
use super::arguments::Arguments;
use super::condition::{Condition, Reading};

/// Longer globs become large regular expressions.
const LONGEST_GLOB: usize = 256;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// Lets calls through that nothing denies.
    #[default]
    Allow,
    /// Refuses calls.
    Deny,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What a refused caller is told.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// Of which servers.
    pub servers: Names,
    /// Which tools.
    pub tools: Names,
    /// All of these must hold.
    pub when: Vec<Condition>,
    /// It does not apply if there are some and all of these hold.
    pub unless: Vec<Condition>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// Names, as globs. None at all means every name.
#[derive(Debug, Clone, Default)]
pub struct Names {
    globs: Vec<Glob>,
}

#[derive(Debug, Clone)]
struct Glob {
    text: String,
    exact: GlobMatcher,
    any_case: GlobMatcher,
}

/// A rule that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// Not a glob.
    #[error("`{glob}` is no pattern: {reason}")]
    Glob {
        /// As it was given.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a path into arguments.
    #[error("`{0}` is no path into arguments: write /name, /list/0/name or /list/*/name")]
    Path(String),
    /// Not a rate.
    #[error("`{0}` is no rate: write a number of calls and a time, such as 10/s, 60/m, 1000/h or 5000/d")]
    Rate(String),
}

pub(super) fn glob(text: &str, any_case: bool) -> Result<GlobMatcher, BadRule> {
    let bad = |reason: String| BadRule::Glob { glob: text.to_owned(), reason };
    if text.len() > LONGEST_GLOB {
        return Err(bad(format!("it is longer than {LONGEST_GLOB} bytes")));
    }
    let glob = GlobBuilder::new(text).literal_separator(false).case_insensitive(any_case).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| bad(error.kind().to_string()))
}

impl Names {
    /// Reads globs.
    ///
    /// # Errors
    /// When one is none.
    pub fn new<T: AsRef<str>>(globs: &[T]) -> Result<Self, BadRule> {
        let globs = globs.iter().map(AsRef::as_ref).map(|text| {
            Ok(Glob { text: text.to_owned(), exact: glob(text, false)?, any_case: glob(text, true)? })
        });
        Ok(Self { globs: globs.collect::<Result<_, _>>()? })
    }

    /// Whether `name` is meant exactly.
    pub(super) fn permits(&self, name: &str) -> bool {
        self.globs.is_empty() || self.globs.iter().any(|glob| glob.exact.is_match(name) || glob.text == name)
    }

    /// Whether `name` may be meant: whatever its case, and also as the alias that declarations show for it.
    pub(super) fn forbids(&self, name: &str) -> bool {
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
    /// Whether the rule speaks of the target, its conditions aside.
    pub(super) fn names(&self, target: Target<'_>) -> bool {
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

    /// Whether it means resources or prompts by name.
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

    /// Whether its conditions hold. Without arguments the question is what can be said before there are any: a rule that
    /// denies must deny everything, one that allows need only allow something.
    pub(super) fn applies(&self, arguments: Option<&Arguments>, reading: Reading) -> bool {
        let Some(arguments) = arguments else {
            return !self.looks_at_arguments() || reading == Reading::Permitting;
        };
        if arguments.hides_something().is_some() && self.looks_at_arguments() {
            return reading == Reading::Forbidding;
        }
        let value = arguments.value();
        self.when.iter().all(|condition| condition.holds(value, reading))
            && (self.unless.is_empty()
                || !self.unless.iter().all(|condition| condition.holds(value, reading.opposite())))
    }

    /// The paths that its conditions look at.
    pub(super) fn paths(&self) -> Vec<&str> {
        self.when.iter().chain(&self.unless).map(Condition::path).collect()
    }
}
