//! A test of arguments: a path into them, and what the values there must be.

use globset::GlobMatcher;
use serde_json::{Number, Value};

use super::arguments::folded;
use super::rule::{BadRule, glob};

/// For which end a condition is read. A server may take `"1"` for `1`, `PATH` for `path` and `["x"]` for `x`; nobody
/// knows which do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It holds if any value might be meant.
    Forbidding,
    /// It holds only if there are values and each is meant beyond doubt.
    Permitting,
}

impl Reading {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Forbidding => Self::Permitting,
            Self::Permitting => Self::Forbidding,
        }
    }
}

/// A test of arguments.
#[derive(Debug, Clone)]
pub struct Condition {
    path: String,
    steps: Vec<Step>,
    test: Test,
    any_case: bool,
    glob: Option<GlobMatcher>,
}

/// What values must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these. Numbers are compared as numbers: 1 is 1.0.
    Is(Vec<Value>),
    /// Text that a glob matches; `*` matches `/` too.
    Matches(String),
    /// There, or not.
    Exists(bool),
}

#[derive(Debug, Clone)]
enum Step {
    Key { exact: String, folded: String },
    Each,
}

/// Whether a value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    Yes,
    No,
    /// By some servers, perhaps.
    Perhaps,
}

impl Condition {
    /// A condition on the values at `path`, a JSON Pointer in which `*` stands for every element and every member.
    ///
    /// # Errors
    /// When `path` or a glob is none.
    pub fn new(path: &str, test: Test, any_case: bool) -> Result<Self, BadRule> {
        let bad = || BadRule::Path(path.to_owned());
        let steps = path.strip_prefix('/').ok_or_else(bad)?.split('/').map(|step| match step {
            "*" => Ok(Step::Each),
            "" => Err(bad()),
            _ => {
                let exact = step.replace("~1", "/").replace("~0", "~");
                Ok(Step::Key { folded: folded(&exact), exact })
            }
        });
        let steps = steps.collect::<Result<_, _>>()?;
        let glob = match &test {
            Test::Matches(text) => Some(glob(text, any_case)?),
            Test::Is(_) | Test::Exists(_) => None,
        };
        Ok(Self { path: path.to_owned(), steps, test, any_case, glob })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn holds(&self, arguments: &Value, reading: Reading) -> bool {
        // That something is absent is certain only if it cannot be found in the most lenient way.
        let finding = if self.test == Test::Exists(false) { reading.opposite() } else { reading };
        let mut found = Vec::new();
        find(arguments, &self.steps, finding, &mut found);
        match (&self.test, reading) {
            (Test::Exists(wanted), _) => *wanted != found.is_empty(),
            (_, Reading::Forbidding) => found.iter().any(|value| self.means(value) != Meant::No),
            (_, Reading::Permitting) => {
                !found.is_empty() && found.iter().all(|value| self.means(value) == Meant::Yes)
            }
        }
    }

    fn means(&self, value: &Value) -> Meant {
        match (&self.test, &self.glob) {
            (Test::Is(wanted), _) => {
                let each = wanted.iter().map(|wanted| self.equals(wanted, value));
                each.reduce(Meant::or).unwrap_or(Meant::No)
            }
            (Test::Matches(text), Some(glob)) => matches(text, glob, value),
            (Test::Matches(_) | Test::Exists(_), _) => Meant::Yes,
        }
    }

    fn equals(&self, wanted: &Value, value: &Value) -> Meant {
        match (wanted, value) {
            (Value::String(wanted), Value::String(value)) => {
                Meant::sure(wanted == value || (self.any_case && folded(wanted) == folded(value)))
            }
            (Value::Number(wanted), Value::Number(value)) => number_equals(wanted, value),
            (Value::Array(wanted), Value::Array(value)) => {
                if wanted.len() != value.len() {
                    return Meant::No;
                }
                let each = wanted.iter().zip(value).map(|(wanted, value)| self.equals(wanted, value));
                each.fold(Meant::Yes, Meant::and)
            }
            (Value::Object(wanted), Value::Object(value)) => {
                if wanted.len() != value.len() {
                    return Meant::No;
                }
                let each = wanted.iter().map(|(key, wanted)| {
                    value.get(key).map_or(Meant::No, |value| self.equals(wanted, value))
                });
                each.fold(Meant::Yes, Meant::and)
            }
            (Value::Array(_) | Value::Object(_), _) => Meant::No,
            (_, Value::Array(_) | Value::Object(_)) => Meant::Perhaps,
            (wanted, value) if wanted == value => Meant::Yes,
            (wanted, value) => match (as_text(wanted), as_text(value)) {
                (Some(wanted), Some(value)) if folded(wanted.trim()) == folded(value.trim()) => {
                    Meant::Perhaps
                }
                _ => Meant::No,
            },
        }
    }
}

impl Meant {
    fn sure(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Perhaps,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Perhaps,
        }
    }
}

/// Numbers that only a double takes for equal may be equal to the server.
fn number_equals(wanted: &Number, value: &Number) -> Meant {
    let whole = |number: &Number| {
        number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15)?;
            Some(float as i128)
        })
    };
    match (whole(wanted), whole(value)) {
        (Some(wanted), Some(value)) if wanted == value => Meant::Yes,
        _ if wanted.as_f64() == value.as_f64() => match (wanted.is_f64(), value.is_f64()) {
            (true, true) => Meant::Yes,
            _ => Meant::Perhaps,
        },
        _ => Meant::No,
    }
}

fn matches(text: &str, glob: &GlobMatcher, value: &Value) -> Meant {
    match value {
        // A path that climbs is not where it seems to be.
        Value::String(value) if text.contains('/') && climbs(value) => Meant::Perhaps,
        Value::String(value) => Meant::sure(glob.is_match(value)),
        Value::Array(_) | Value::Object(_) => Meant::Perhaps,
        other => match as_text(other) {
            Some(value) if glob.is_match(&value) => Meant::Perhaps,
            _ => Meant::No,
        },
    }
}

/// Whether a path has a segment `..`, written plainly, with backslashes or percent-encoded, or a NUL, which ends paths.
fn climbs(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%25", "%").replace("%2e", ".").replace("%2f", "/");
    let plain = plain.replace("%5c", "/").replace('\\', "/");
    plain.split('/').any(|segment| segment.trim() == "..") || plain.contains('\0') || plain.contains("%00")
}

/// A scalar as text; `null` has none.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The values at a path. Leniently, case does not count, an array stands for each of its elements, and a value for an
/// array of it alone.
fn find<'v>(value: &'v Value, steps: &[Step], reading: Reading, found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    let lenient = reading == Reading::Forbidding;
    match (step, value) {
        (Step::Each, Value::Array(items)) => items.iter().for_each(|item| find(item, rest, reading, found)),
        (Step::Each, Value::Object(members)) => {
            members.values().for_each(|member| find(member, rest, reading, found));
            if lenient {
                find(value, rest, reading, found);
            }
        }
        (Step::Each, _) if lenient => find(value, rest, reading, found),
        (Step::Each, _) => {}
        (Step::Key { exact, folded: wanted }, Value::Object(members)) => {
            if lenient {
                members
                    .iter()
                    .filter(|(key, _)| *key == exact || folded(key) == *wanted)
                    .for_each(|(_, member)| find(member, rest, reading, found));
            } else if let Some(member) = members.get(exact) {
                find(member, rest, reading, found);
            }
        }
        (Step::Key { exact, .. }, Value::Array(items)) => match exact.parse::<usize>() {
            Ok(index) => {
                if let Some(item) = items.get(index) {
                    find(item, rest, reading, found);
                }
            }
            Err(_) if lenient => items.iter().for_each(|item| find(item, steps, reading, found)),
            Err(_) => {}
        },
        (Step::Key { .. }, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forbids(path: &str, test: &Test, arguments: &Value) -> bool {
        Condition::new(path, test.clone(), false).unwrap().holds(arguments, Reading::Forbidding)
    }

    fn permits(path: &str, test: &Test, arguments: &Value) -> bool {
        Condition::new(path, test.clone(), false).unwrap().holds(arguments, Reading::Permitting)
    }

    fn is(value: Value) -> Test {
        Test::Is(vec![value])
    }

    fn matching(glob: &str) -> Test {
        Test::Matches(glob.to_owned())
    }

    #[test]
    fn numbers_are_numbers() {
        for same in [json!(1), json!(1.0), json!(1e0)] {
            assert!(permits("/n", &is(json!(1)), &json!({ "n": same })), "{same}");
        }
        // A server in JavaScript takes these for one number.
        let close = json!({ "n": 9_007_199_254_740_993_u64 });
        assert!(forbids("/n", &is(json!(9_007_199_254_740_992_u64)), &close));
        assert!(!permits("/n", &is(json!(9_007_199_254_740_992_u64)), &close));
        assert!(!forbids("/n", &is(json!(1)), &json!({ "n": 2 })));
        assert!(permits("/n", &is(json!(0.5)), &json!({ "n": 0.5 })));
    }

    #[test]
    fn what_might_be_meant_is_forbidden_and_not_permitted() {
        for doubtful in [
            json!({ "n": "1" }),
            json!({ "n": " 1 " }),
            json!({ "n": [1] }),
            json!({ "n": ["x", 1] }),
            json!({ "n": { "0": 1 } }),
            json!({ "N": 1 }),
            json!([{ "n": 1 }]),
        ] {
            assert!(forbids("/n", &is(json!(1)), &doubtful), "{doubtful}");
            assert!(!permits("/n", &is(json!(1)), &doubtful), "{doubtful}");
        }
        for other in [json!({}), json!({ "m": 1 }), json!({ "n": null }), json!({ "n": "one" }), json!(null)]
        {
            assert!(!forbids("/n", &is(json!(1)), &other), "{other}");
            assert!(!permits("/n", &is(json!(1)), &other), "{other}");
        }
    }

    #[test]
    fn stars_reach_into_arrays_and_objects() {
        let files = json!({ "files": [{ "path": "/data/a" }, { "path": "/etc/b" }] });
        assert!(forbids("/files/*/path", &matching("/etc/*"), &files));
        assert!(!permits("/files/*/path", &matching("/data/*"), &files));
        assert!(permits("/files/0/path", &matching("/data/*"), &files));
        let one = json!({ "files": { "path": "/etc/b" } });
        assert!(forbids("/files/*/path", &matching("/etc/*"), &one), "an object instead of a list");
        assert!(forbids("/tags/*", &is(json!("x")), &json!({ "tags": "x" })), "a text instead of a list");
        assert!(
            !permits("/files/*/path", &matching("*"), &json!({ "files": [] })),
            "nothing is not everything"
        );
        assert!(forbids("/file/path", &matching("/etc/*"), &json!({ "file": [{ "path": "/etc/b" }] })));
    }

    #[test]
    fn paths_that_climb_are_neither_here_nor_there() {
        for path in
            ["/data/../etc/x", "/data/%2e%2e/etc", "/data/%252e./etc", "/data\\..\\etc", "..", "/data/x\0"]
        {
            assert!(!permits("/p", &matching("/data/*"), &json!({ "p": path })), "{path}");
            assert!(forbids("/p", &matching("/etc/*"), &json!({ "p": path })), "{path}");
        }
        assert!(permits("/p", &matching("/data/*"), &json!({ "p": "/data/a..b/c.txt" })));
    }

    #[test]
    fn presence_is_read_for_the_same_end() {
        let present = Test::Exists(true);
        let absent = Test::Exists(false);
        assert!(permits("/a", &present, &json!({ "a": null })));
        assert!(forbids("/a", &present, &json!({ "A": 1 })));
        assert!(!permits("/a", &present, &json!({ "A": 1 })));
        assert!(permits("/a", &absent, &json!({})));
        assert!(!permits("/a", &absent, &json!({ "A": 1 })));
        assert!(forbids("/a", &absent, &json!({ "A": 1 })));
    }

    #[test]
    fn whole_values_can_be_compared() {
        let wanted = is(json!({ "a": [1, "x"], "b": null }));
        assert!(permits("/v", &wanted, &json!({ "v": { "b": null, "a": [1.0, "x"] } })));
        assert!(!forbids("/v", &wanted, &json!({ "v": { "a": [2, "x"], "b": null } })));
    }

    #[test]
    fn paths_are_checked() {
        for wrong in ["", "a", "/", "//a", "/a/", "$.a"] {
            assert!(Condition::new(wrong, Test::Exists(true), false).is_err(), "{wrong}");
        }
        let escaped = Condition::new("/a~1b/~0", Test::Exists(true), false).unwrap();
        assert!(escaped.holds(&json!({ "a/b": { "~": 1 } }), Reading::Permitting));
    }
}
