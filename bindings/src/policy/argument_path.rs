//! The path of a condition into arguments, and the values that it leads to.

use serde_json::Value;

use super::arguments::folded;
use super::invalid_rule::InvalidRule;

/// The strictness of a comparison. A server may accept `"1"` for `1`, `PATH` for `path`, `["x"]`
/// for `x` and `//etc/x` for `/etc/x`; isolet cannot know which servers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// For rules that deny: holds if a server could take any value for the wanted one.
    Lenient,
    /// For rules that allow: holds only if there are values, and each of them is certain.
    Strict,
}

impl Matching {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Lenient => Self::Strict,
            Self::Strict => Self::Lenient,
        }
    }
}

/// A JSON Pointer in which `*` stands for every element and every member.
#[derive(Debug, Clone)]
pub(super) struct ArgumentPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Key { exact: String, folded: String },
    Each,
}

impl ArgumentPath {
    /// Reads a path such as `/list/*/name`.
    pub(super) fn new(path: &str) -> Result<Self, InvalidRule> {
        let bad = || InvalidRule::Path(path.to_owned());
        let steps = path.strip_prefix('/').ok_or_else(bad)?.split('/').map(|step| match step {
            "*" => Ok(Step::Each),
            "" => Err(bad()),
            _ => {
                let exact = step.replace("~1", "/").replace("~0", "~");
                Ok(Step::Key { folded: folded(&exact), exact })
            }
        });
        let steps = steps.collect::<Result<_, _>>()?;
        Ok(Self { text: path.to_owned(), steps })
    }

    /// The path as the operator wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Finds the values that the path leads to.
    pub(super) fn find<'v>(&self, arguments: &'v Value, matching: Matching) -> Vec<&'v Value> {
        let mut found = Vec::new();
        find(arguments, &self.steps, matching, &mut found);
        found
    }
}

/// Finds the values at a path. In lenient matching, case is ignored, an array stands for each of
/// its elements, and a value stands for an array with only this value.
fn find<'v>(value: &'v Value, steps: &[Step], matching: Matching, found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    let lenient = matching == Matching::Lenient;
    match (step, value) {
        (Step::Each, Value::Array(items)) => items.iter().for_each(|item| find(item, rest, matching, found)),
        (Step::Each, Value::Object(members)) => {
            members.values().for_each(|member| find(member, rest, matching, found));
            if lenient {
                find(value, rest, matching, found);
            }
        }
        (Step::Each, _) if lenient => find(value, rest, matching, found),
        (Step::Each, _) => {}
        (Step::Key { exact, folded: wanted }, Value::Object(members)) => {
            if lenient {
                members
                    .iter()
                    .filter(|(key, _)| *key == exact || folded(key) == *wanted)
                    .for_each(|(_, member)| find(member, rest, matching, found));
            } else if let Some(member) = members.get(exact) {
                find(member, rest, matching, found);
            }
        }
        (Step::Key { exact, .. }, Value::Array(items)) => match exact.parse::<usize>() {
            Ok(index) => {
                if let Some(item) = items.get(index) {
                    find(item, rest, matching, found);
                }
            }
            Err(_) if lenient => items.iter().for_each(|item| find(item, steps, matching, found)),
            Err(_) => {}
        },
        (Step::Key { .. }, _) => {}
    }
}
