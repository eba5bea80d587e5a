//! Checks that clients can compile an `outputSchema`. The official TypeScript SDK compiles every
//! schema of a list and fails for the whole list if one is invalid, so that one unusual tool would
//! hide all others. A tool without its `outputSchema` still works.
//!
//! The check follows Ajv, and errs on the safe side: a schema that it does not understand is
//! refused.

use std::borrow::Cow;

use isolet_tsdefs::keyword::{Annotation, Array, General, Holds, Keyword, Object, Reference, Scalar};
use serde_json::{Map, Value};

/// The depth of a schema. Clients compile schemas recursively.
const MAX_DEPTH: usize = 64;

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// Returns `true` if clients can compile the schema.
pub fn compiles(root: &Value) -> bool {
    is_schema(root, root, 0)
}

fn is_schema(schema: &Value, root: &Value, depth: usize) -> bool {
    let keywords = match schema {
        Value::Bool(_) => return depth > 0,
        Value::Object(keywords) if depth < MAX_DEPTH => keywords,
        _ => return false,
    };
    // Without `type`, Ajv refuses it.
    let nullable = keywords.contains_key("nullable") && !keywords.contains_key("type");
    !nullable && keywords.iter().all(|(keyword, value)| is_valid_keyword(keyword, value, root, depth))
}

fn is_valid_keyword(name: &str, value: &Value, root: &Value, depth: usize) -> bool {
    let schema = |value: &Value| is_schema(value, root, depth + 1);
    let list = |value: &Value| value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(schema));
    let is_type = |value: &Value| value.as_str().is_some_and(|kind| TYPES.contains(&kind));
    let are_names = |value: &Value| value.as_array().is_some_and(|names| names.iter().all(Value::is_string));
    let Some(keyword) = Keyword::from_name(name) else {
        // Ajv refuses the identifier of draft 4, and ignores keywords that it does not know.
        return name != "id";
    };
    match keyword {
        Keyword::Reference(Reference::Ref) => {
            value.as_str().is_some_and(|reference| resolves(reference, root))
        }
        // Names that change the meaning of references.
        Keyword::Reference(Reference::DynamicRef | Reference::RecursiveRef)
        | Keyword::Annotation(Annotation::Id | Annotation::Anchor) => false,
        Keyword::General(General::Type) => match value {
            Value::Array(kinds) => {
                // More types than there are cannot be distinct.
                let few = (1..=TYPES.len()).contains(&kinds.len());
                few && kinds.iter().enumerate().all(|(at, kind)| is_type(kind) && !kinds[..at].contains(kind))
            }
            kind => is_type(kind),
        },
        Keyword::General(General::Enum) => value.as_array().is_some_and(|values| !values.is_empty()),
        Keyword::Scalar(Scalar::Pattern) => value.as_str().is_some_and(is_pattern),
        Keyword::Scalar(Scalar::Format) | Keyword::Annotation(Annotation::Schema | Annotation::Comment) => {
            value.is_string()
        }
        Keyword::Scalar(
            Scalar::Minimum | Scalar::Maximum | Scalar::ExclusiveMinimum | Scalar::ExclusiveMaximum,
        ) => value.is_number(),
        Keyword::Scalar(Scalar::MultipleOf) => value.as_f64().is_some_and(|number| number > 0.0),
        Keyword::Scalar(Scalar::MinLength | Scalar::MaxLength)
        | Keyword::Array(Array::MinItems | Array::MaxItems | Array::MinContains | Array::MaxContains)
        | Keyword::Object(Object::MinProperties | Object::MaxProperties) => value.as_u64().is_some(),
        Keyword::Array(Array::UniqueItems) => value.is_boolean(),
        Keyword::Object(Object::Required) => are_names(value),
        Keyword::Object(Object::PatternProperties) => {
            is_map(value, |name, value| is_pattern(name) && schema(value))
        }
        Keyword::Object(Object::Dependencies | Object::DependentRequired) => {
            is_map(value, |_, value| are_names(value) || schema(value))
        }
        // Ajv does not compile it.
        Keyword::Annotation(Annotation::ContentSchema) => true,
        _ => match keyword.holds(value.is_array()) {
            Holds::Schema | Holds::SchemaOrList => schema(value),
            Holds::List => list(value),
            Holds::Map => is_map(value, |_, value| schema(value)),
            Holds::Data => true,
        },
    }
}

fn is_map(value: &Value, fits: impl Fn(&str, &Value) -> bool) -> bool {
    value
        .as_object()
        .is_some_and(|map: &Map<String, Value>| map.iter().all(|(name, value)| fits(name, value)))
}

/// Returns `true` if a reference points to a schema of this document.
fn resolves(reference: &str, root: &Value) -> bool {
    let Some(pointer) = reference.strip_prefix('#') else { return false };
    let Ok(pointer) = percent_encoding::percent_decode_str(pointer).decode_utf8() else { return false };
    let pointer: Cow<'_, str> = pointer;
    root.pointer(&pointer).is_some_and(|target| target.is_object() || target.is_boolean())
}

/// Returns `true` if the text is a JavaScript regular expression with the flag `u`: balanced
/// brackets, known escapes and groups.
fn is_pattern(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    let (mut groups, mut in_class) = (0usize, false);
    // Set if a quantifier may follow.
    let mut repeatable = false;
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => {
                let Some(escaped) = rest.next() else { return false };
                let plain = "dDwWsSfnrtv0^$\\.*+?()[]{}|/".contains(escaped);
                let hex = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize| {
                    (0..digits).all(|_| rest.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
                };
                let known = match escaped {
                    'b' => true,
                    'B' => !in_class,
                    '-' => in_class,
                    'x' => hex(&mut rest, 2),
                    'u' if rest.peek() != Some(&'{') => hex(&mut rest, 4),
                    // Named classes and long escapes are rare, and engines support different ones.
                    _ => plain,
                };
                if !known {
                    return false;
                }
                repeatable = in_class || !matches!(escaped, 'b' | 'B');
            }
            '[' if !in_class => {
                in_class = true;
                if rest.peek() == Some(&'^') {
                    rest.next();
                }
            }
            ']' if in_class => (in_class, repeatable) = (false, true),
            _ if in_class => {}
            '(' => {
                groups += 1;
                repeatable = false;
                if rest.peek() == Some(&'?') {
                    rest.next();
                    match rest.next() {
                        Some(':' | '=' | '!') => {}
                        Some('<') if matches!(rest.peek(), Some('=' | '!')) => drop(rest.next()),
                        _ => return false,
                    }
                }
            }
            ')' => {
                let Some(left) = groups.checked_sub(1) else { return false };
                groups = left;
                repeatable = true;
            }
            '*' | '+' | '?' => {
                if !std::mem::take(&mut repeatable) {
                    return false;
                }
                if rest.peek() == Some(&'?') {
                    rest.next();
                }
            }
            '{' => {
                let count: String = std::iter::from_fn(|| rest.next_if(|letter| *letter != '}')).collect();
                let digits = |text: &str| {
                    !text.is_empty() && text.len() < 6 && text.bytes().all(|byte| byte.is_ascii_digit())
                };
                let bounds = match count.split_once(',') {
                    None => digits(&count),
                    Some((least, "")) => digits(least),
                    Some((least, most)) => {
                        digits(least) && digits(most) && least.parse::<u32>().ok() <= most.parse::<u32>().ok()
                    }
                };
                if rest.next() != Some('}') || !bounds || !std::mem::take(&mut repeatable) {
                    return false;
                }
                if rest.peek() == Some(&'?') {
                    rest.next();
                }
            }
            '}' | ']' => return false,
            '^' | '$' | '|' => repeatable = false,
            _ => repeatable = true,
        }
    }
    groups == 0 && !in_class
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_field(field: Value) -> Value {
        json!({ "type": "object", "properties": { "x": field } })
    }

    #[test]
    fn a_very_long_list_of_types_is_refused() {
        let kinds: Vec<usize> = (0..100_000).collect();
        assert!(!compiles(&json!({ "type": kinds })));
    }

    #[test]
    fn schemas_that_validators_refuse_are_refused() {
        let nested = json!({ "type": "object", "$defs": { "A": { "type": "string" } },
            "properties": { "a": { "$ref": "#/$defs/A" } } });
        for field in [
            nested,
            json!({ "$ref": "#/$defs/Missing" }),
            json!({ "$ref": "https://example.com/s.json" }),
            json!({ "$ref": 7 }),
            json!({ "type": "string", "pattern": "(?i)^abc$" }),
            json!({ "enum": [] }),
            json!({ "type": "foo" }),
            json!({ "type": ["string", "string"] }),
            json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true }),
            json!({ "type": "number", "minimum": "x" }),
            json!({ "type": "object", "additionalProperties": "no" }),
            json!({ "type": "string", "minLength": -1 }),
            json!({ "anyOf": [] }),
            json!({ "nullable": true }),
            json!({ "id": "x", "type": "string" }),
            json!({ "patternProperties": { "(?P<a>x)": {} } }),
            json!("any"),
        ] {
            assert!(!compiles(&of_field(field.clone())), "{field}");
        }
        let deep = (0..1000).fold(json!({}), |inside, _| json!({ "items": inside }));
        assert!(!compiles(&deep));
    }

    #[test]
    fn schemas_of_real_servers_compile() {
        for field in [
            json!({ "$ref": "#/$defs/a~1b" }),
            json!({ "$ref": "#" }),
            json!({ "type": ["string", "null"], "format": "date-time", "default": null, "examples": [{ "type": 7 }] }),
            json!({ "type": "string", "pattern": "^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$" }),
            json!({ "const": { "enum": [] } }),
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "null" }], "title": "T" }),
            json!({ "type": "array", "items": { "type": "object", "additionalProperties": true }, "minItems": 1 }),
            json!(true),
        ] {
            let mut schema = of_field(field.clone());
            schema["$defs"] = json!({ "a/b": { "type": "string" } });
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            assert!(compiles(&schema), "{field}");
        }
    }

    #[test]
    fn patterns_follow_javascript() {
        for good in [
            "",
            "^a*?b+$",
            "(?:a|b){1,3}",
            "(?=x)y",
            "(?<!a)b",
            "[^\\]\\-a]",
            "\\u00e9\\x41\\/",
            "a{2}?",
            "[(]",
        ] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in [
            "(?i)a", "(?P<a>b)", "a\\Z", "\\A", "\\-", "(", ")", "[", "]", "{", "}", "a{2,1}", "*a", "a**",
            "\\", "\\h", "^*", "x{,3}",
        ] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }
}
