//! A condition on arguments: a path, and a test of the values there.

use std::cell::OnceCell;

use serde_json::{Number, Value};

use super::argument_path::{ArgumentPath, Matching};
use super::arguments::folded;
use super::coercion;
use super::invalid_rule::InvalidRule;
use super::similarity::{ComparedText, TextPattern};

/// A condition on arguments.
#[derive(Debug, Clone)]
pub struct Condition {
    path: ArgumentPath,
    test: ConditionTest,
    any_case: bool,
    pattern: Option<TextPattern>,
}

/// The test of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum ConditionTest {
    /// The value is one of these. Numbers are compared by value: 1 equals 1.0.
    Is(Vec<Value>),
    /// The value is a text that the glob matches; `*` matches `/` too.
    Matches(String),
    /// The value is present, or absent.
    Exists(bool),
}

/// The certainty of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// Some servers may take it for a match.
    Maybe,
}

impl Condition {
    /// Creates a condition on the values at `path`, a JSON Pointer in which `*` stands for every
    /// element and every member.
    ///
    /// # Errors
    /// An invalid `path` or glob.
    pub fn new(path: &str, test: ConditionTest, any_case: bool) -> Result<Self, InvalidRule> {
        let path = ArgumentPath::new(path)?;
        let pattern = match &test {
            ConditionTest::Matches(text) => Some(TextPattern::new(text, any_case)?),
            ConditionTest::Is(_) | ConditionTest::Exists(_) => None,
        };
        Ok(Self { path, test, any_case, pattern })
    }

    pub(super) fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Returns whether the condition needs a value that is absent.
    pub(super) fn lacks(&self, arguments: &Value) -> bool {
        self.path.find(arguments, Matching::Strict).is_empty() && self.test != ConditionTest::Exists(false)
    }

    pub(super) fn holds(&self, arguments: &Value, matching: Matching) -> bool {
        // A value is certainly absent only if lenient matching does not find it.
        let finding = if self.test == ConditionTest::Exists(false) { matching.opposite() } else { matching };
        let found = self.path.find(arguments, finding);
        match (&self.test, matching) {
            (ConditionTest::Exists(wanted), _) => *wanted != found.is_empty(),
            (_, Matching::Lenient) => found.iter().any(|value| self.means(value) != Match::No),
            (_, Matching::Strict) => {
                !found.is_empty() && found.iter().all(|value| self.means(value) == Match::Yes)
            }
        }
    }

    fn means(&self, value: &Value) -> Match {
        match (&self.test, &self.pattern) {
            (ConditionTest::Is(wanted), _) => {
                // The variants of the text are computed once for all wanted values.
                let read = OnceCell::new();
                let each = wanted.iter().map(|wanted| self.equals(wanted, value, &read));
                each.reduce(Match::or).unwrap_or(Match::No)
            }
            (ConditionTest::Matches(_), Some(pattern)) => matches(pattern, value),
            (ConditionTest::Matches(_) | ConditionTest::Exists(_), _) => Match::Yes,
        }
    }

    fn equals(&self, wanted: &Value, value: &Value, read: &OnceCell<ComparedText>) -> Match {
        match (wanted, value) {
            (Value::String(text), Value::String(given))
                if text == given || (self.any_case && folded(text) == folded(given)) =>
            {
                Match::Yes
            }
            (Value::Number(wanted), Value::Number(value)) => number_equals(wanted, value),
            (Value::Array(wanted), Value::Array(value)) => {
                if wanted.len() != value.len() {
                    return Match::No;
                }
                let each = wanted
                    .iter()
                    .zip(value)
                    .map(|(wanted, value)| self.equals(wanted, value, &OnceCell::new()));
                each.fold(Match::Yes, Match::and)
            }
            (Value::Object(wanted), Value::Object(value)) => {
                if wanted.len() != value.len() {
                    return Match::No;
                }
                let each = wanted.iter().map(|(key, wanted)| {
                    value.get(key).map_or(Match::No, |value| self.equals(wanted, value, &OnceCell::new()))
                });
                each.fold(Match::Yes, Match::and)
            }
            (Value::Array(_) | Value::Object(_), _) => Match::No,
            (_, Value::Array(_) | Value::Object(_)) => Match::Maybe,
            (wanted, value) if wanted == value => Match::Yes,
            (wanted, value) if coercion::may_be(wanted, value, read) => Match::Maybe,
            _ => Match::No,
        }
    }
}

impl Match {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Maybe,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

/// Compares numbers. Numbers that are equal only as doubles may be equal for the server.
fn number_equals(wanted: &Number, value: &Number) -> Match {
    let whole = |number: &Number| {
        number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15)?;
            Some(float as i128)
        })
    };
    match (whole(wanted), whole(value)) {
        (Some(wanted), Some(value)) if wanted == value => Match::Yes,
        _ if wanted.as_f64() == value.as_f64() => match (wanted.is_f64(), value.is_f64()) {
            (true, true) => Match::Yes,
            _ => Match::Maybe,
        },
        _ => Match::No,
    }
}

fn matches(pattern: &TextPattern, value: &Value) -> Match {
    match value {
        Value::String(value) if pattern.surely_matches(value) => Match::Yes,
        Value::Array(_) | Value::Object(_) => Match::Maybe,
        other if coercion::texts(other).iter().any(|text| pattern.may_match(text)) => Match::Maybe,
        _ => Match::No,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forbids(path: &str, test: &ConditionTest, arguments: &Value) -> bool {
        Condition::new(path, test.clone(), false).unwrap().holds(arguments, Matching::Lenient)
    }

    fn permits(path: &str, test: &ConditionTest, arguments: &Value) -> bool {
        Condition::new(path, test.clone(), false).unwrap().holds(arguments, Matching::Strict)
    }

    fn is(value: Value) -> ConditionTest {
        ConditionTest::Is(vec![value])
    }

    fn matching(glob: &str) -> ConditionTest {
        ConditionTest::Matches(glob.to_owned())
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for same in [json!(1), json!(1.0), json!(1e0)] {
            assert!(permits("/n", &is(json!(1)), &json!({ "n": same })), "{same}");
        }
        // These are equal numbers in JavaScript.
        let close = json!({ "n": 9_007_199_254_740_993_u64 });
        assert!(forbids("/n", &is(json!(9_007_199_254_740_992_u64)), &close));
        assert!(!permits("/n", &is(json!(9_007_199_254_740_992_u64)), &close));
        assert!(!forbids("/n", &is(json!(1)), &json!({ "n": 2 })));
        assert!(permits("/n", &is(json!(0.5)), &json!({ "n": 0.5 })));
    }

    #[test]
    fn uncertain_values_are_denied_and_not_allowed() {
        for doubtful in [
            json!({ "n": "1" }),
            json!({ "n": " 1 " }),
            json!({ "n": true }),
            json!({ "n": "01" }),
            json!({ "n": "+1" }),
            json!({ "n": "1.0" }),
            json!({ "n": "1e0" }),
            json!({ "n": "0x1" }),
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
    fn stars_match_elements_and_members() {
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
    fn paths_with_parent_segments_are_denied_and_not_allowed() {
        for path in
            ["/data/../etc/x", "/data/%2e%2e/etc", "/data/%252e./etc", "/data\\..\\etc", "..", "/data/x\0"]
        {
            assert!(!permits("/p", &matching("/data/*"), &json!({ "p": path })), "{path}");
            assert!(forbids("/p", &matching("/etc/*"), &json!({ "p": path })), "{path}");
        }
        assert!(permits("/p", &matching("/data/*"), &json!({ "p": "/data/a..b/c.txt" })));
    }

    #[test]
    fn uncertain_texts_are_denied_and_not_allowed() {
        for path in
            ["//etc/passwd", "/./etc/passwd", " /etc/passwd", "file:///etc/passwd", "/ETC/passwd", "/etc"]
        {
            let arguments = json!({ "p": path });
            assert!(forbids("/p", &matching("/etc/*"), &arguments), "{path}");
            assert!(!permits("/p", &matching("/etc/*"), &arguments), "{path}");
        }
        for name in ["prod ", "PROD", "\u{ff50}rod"] {
            let arguments = json!({ "db": name });
            assert!(forbids("/db", &is(json!("prod")), &arguments), "{name}");
            assert!(!permits("/db", &is(json!("prod")), &arguments), "{name}");
        }
        assert!(forbids("/n", &is(json!(1)), &json!({ "n": "\u{ff11}" })));
        assert!(!forbids("/db", &is(json!("prod")), &json!({ "db": "production" })));
    }

    #[test]
    fn unusual_notations_are_uncertain() {
        for path in [
            "/srv/\u{ff0e}\u{ff0e}/etc/x",
            "/srv/\u{2025}/etc/x",
            "\u{feff}/etc/x",
            "/etc\u{200b}/x",
            "/srv/%25252e%25252e/etc/x",
        ] {
            assert!(forbids("/text", &matching("/etc/*"), &json!({ "text": path })), "{path:?}");
        }
        for path in [
            "/srv/data/\u{ff0e}\u{ff0e}/x",
            "/srv/data/\u{2025}/x",
            "/srv/data/.\u{200b}./x",
            "/srv/data/.\t./x",
            "/srv/data/%25252e%25252e/x",
        ] {
            assert!(!permits("/text", &matching("/srv/data/*"), &json!({ "text": path })), "{path:?}");
        }
        for name in ["\u{feff}prod", "prod\u{feff}", "prod\u{200b}", "prod\u{ad}", "\u{2060}prod"] {
            assert!(forbids("/text", &is(json!("prod")), &json!({ "text": name })), "{name:?}");
            assert!(!permits("/text", &is(json!("prod")), &json!({ "text": name })), "{name:?}");
        }
        for (wanted, given) in
            [(json!(true), json!("yes")), (json!("true"), json!(true)), (json!(false), json!(0))]
        {
            assert!(forbids("/b", &is(wanted.clone()), &json!({ "b": given })), "{wanted} {given}");
            assert!(!permits("/b", &is(wanted.clone()), &json!({ "b": given })), "{wanted} {given}");
        }
    }

    #[test]
    fn absence_must_be_certain() {
        let present = ConditionTest::Exists(true);
        let absent = ConditionTest::Exists(false);
        assert!(permits("/a", &present, &json!({ "a": null })));
        assert!(forbids("/a", &present, &json!({ "A": 1 })));
        assert!(!permits("/a", &present, &json!({ "A": 1 })));
        assert!(permits("/a", &absent, &json!({})));
        assert!(!permits("/a", &absent, &json!({ "A": 1 })));
        assert!(forbids("/a", &absent, &json!({ "A": 1 })));
    }

    #[test]
    fn arrays_and_objects_can_be_compared() {
        let wanted = is(json!({ "a": [1, "x"], "b": null }));
        assert!(permits("/v", &wanted, &json!({ "v": { "b": null, "a": [1.0, "x"] } })));
        assert!(!forbids("/v", &wanted, &json!({ "v": { "a": [2, "x"], "b": null } })));
    }

    #[test]
    fn paths_are_checked() {
        for wrong in ["", "a", "/", "//a", "/a/", "$.a"] {
            assert!(Condition::new(wrong, ConditionTest::Exists(true), false).is_err(), "{wrong}");
        }
        let escaped = Condition::new("/a~1b/~0", ConditionTest::Exists(true), false).unwrap();
        assert!(escaped.holds(&json!({ "a/b": { "~": 1 } }), Matching::Strict));
    }
}
