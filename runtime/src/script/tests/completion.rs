//! Tests of the last statement's value as the result, and of positions in such texts.

use super::*;

/// Returns the wrapped text without the wrapper.
#[track_caller]
fn completed(source: &str) -> String {
    let prepared = prepare(source, true).unwrap_or_else(|error| panic!("{source:?}: {error:?}"));
    invariants::positions(source, &prepared);
    invariants::parses(&prepared);
    let wrapped = prepared.wrapped().source;
    match prepared.shape {
        Shape::Module => wrapped,
        Shape::Body => wrapped[BODY_PREFIX.len()..wrapped.len() - BODY_SUFFIX.len()].to_owned(),
        Shape::Expression => panic!("{source:?} is an expression"),
    }
}

#[test]
fn the_last_expression_is_returned() {
    for (source, wanted) in [
        ("const a = 1;\na.b;", "const a = 1;;return (\na.b);"),
        ("const a = 1\n  a.b // c", "const a = 1;return (\n  a.b) // c"),
        ("const a = 1; a", "const a = 1;;return ( a)"),
        ("async function main() {}\n\nmain();", "async function main() {};return (\n\nmain());"),
        ("let a = b\ntype C = 1\n(d)()", "let a = b\n;         ;return (\n(d)())"),
        ("'use strict'\n1", "'use strict';return (\n1)"),
        (
            "a(); // (\n// what\nb as T;\ninterface X {}",
            "a();;return ( // (\n// what\nb     );\n              ",
        ),
        ("if (a) b; else c", "if (a) return (b); else return (c)"),
        ("const t = 1; if (t) { a(); t }", "const t = 1; if (t) { a();;return ( t) }"),
        (
            "try { await f() } catch (e) { console.error(e) } finally { g() }",
            "try {;return ( await f()) } catch (e) {;return ( console.error(e)) } finally { g() }",
        ),
        (
            "import { env } from 'isolet:env'\nconst a = 1\na",
            "import { env } from 'isolet:env'\nconst a = 1;export default (\na)",
        ),
        (
            "export async function main() {}\nmain()",
            "export async function main() {};export default (\nmain())",
        ),
    ] {
        assert_eq!(completed(source), wanted, "{source:?}");
    }
}

#[test]
fn what_returns_or_has_no_value_stays_as_it_is() {
    for source in [
        "if (a) return 1;\nb",
        "const a = 1",
        "a();\nfor (const x of y) x",
        "function f() {} function g() {}",
        "export default f; f()",
        "import 'isolet:env'",
    ] {
        assert_eq!(completed(source), source);
        assert!(!prepare(source, true).unwrap().completes());
    }
}

#[test]
fn positions_of_v8_are_the_callers() {
    let place = |source: &str, line, column| prepare(source, true).unwrap().place(line, column);
    // `const a = 1;;return (\na.b);`
    assert_eq!(place("const a = 1;\na.b;", 2, 3), (2, 3));
    assert_eq!(place("const a = 1;\na.b;", 1, 14), (2, 1), "the statement's own position");
    // `const a = 1;;return ( a.b)`
    assert_eq!(place("const a = 1; a.b", 1, 7), (1, 7));
    assert_eq!(place("const a = 1; a.b", 1, 13), (1, 14));
    assert_eq!(place("const a = 1; a.b", 1, 23), (1, 14));
    assert_eq!(place("const a = 1; a.b", 1, 25), (1, 16));
    // `if (a) return (b); else return (c.d)`
    assert_eq!(place("if (a) b; else c.d", 1, 16), (1, 8));
    assert_eq!(place("if (a) b; else c.d", 1, 35), (1, 18));
    // The line of the wrapper.
    assert_eq!(place("\n // what\n  print(1)", 0, 0), (3, 3));
}

#[test]
fn a_module_needs_a_default_export() {
    for source in [
        "export async function main() {}",
        "const total = 1;\nexport { total };",
        "export const a = 1, b = 2",
    ] {
        let error = syntax_error(source);
        assert!(error.message.contains("has no default export"), "{error:?}");
        assert!(error.hint.unwrap().contains("export default"));
    }
    assert_eq!(syntax_error("\n export async function main() {}").line, 2);
    let both = syntax_error("import { z } from \"zod\";\nreturn z.string()");
    assert!(both.line == 2 && both.hint.unwrap().contains("\"zod\""));
}

#[test]
fn code_in_a_string_is_no_result() {
    for (source, says) in [
        ("{\"code\": \"return 1 + 1\"}", "field \"code\""),
        (" {\"script\": \"1\", \"timeout_ms\": 5}\n", "field \"script\""),
        ("\"const a = 1;\\nreturn a\"", "one string"),
    ] {
        assert!(syntax_error(source).message.contains(says), "{:?}", syntax_error(source));
    }
    for source in [
        "{ \"code\": 1 }",
        "({ code: \"a\" })",
        "{ code: x }",
        "{\"code\": \"a\", \"name\": \"b\"}",
        "\"a text\"",
    ] {
        assert!(prepare(source, true).is_ok(), "{source}");
    }
}

#[test]
fn texts_in_another_language_are_named() {
    for (source, says) in [
        ("import json\n\nresult = env.files.read(path=\"x\")\nprint(json.dumps(result))", "Python"),
        ("def main():\n    return 1\n\nmain()", "Python"),
        ("from datetime import date\nx = 1", "Python"),
        ("for row in rows:\n    total += row", "Python"),
        ("const a = 1;\\nconst b = 2;\\nreturn a + b;", "escaped twice"),
        ("const s = \\\"a\\\"; return s", "escaped twice"),
        ("return [1].filter((x) =&gt; x &gt; 0)", "HTML"),
        ("const items = [1];\nreturn <ul>{items.map((i) => <li>{i}</li>)}</ul>;", "JSX"),
    ] {
        let error = syntax_error(source);
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains(says)), "{source:?}: {error:?}");
    }
}

#[test]
fn a_place_behind_thousands_of_insertions_is_found_at_once() {
    fn tree(depth: usize) -> String {
        if depth == 0 {
            "é;".into()
        } else {
            ["if(0){", &tree(depth - 1), "}else{", &tree(depth - 1), "}"].concat()
        }
    }
    let prepared = prepare(&["f();\nf();", &tree(13)].concat(), true).unwrap();
    assert!(prepared.insertions.len() > 10_000);
    let wide = prepared.insertions.iter().map(|insertion| insertion.put.len() as u32).sum::<u32>();
    let column = prepared.text.lines().nth(1).unwrap().encode_utf16().count() as u32;
    let look = || {
        for _ in 0..50 {
            assert_eq!(prepared.place(2, column + wide), (2, column));
        }
        assert_eq!(prepared.place(u32::MAX, u32::MAX), (u32::MAX, u32::MAX));
        assert_eq!(prepared.place(1, 3), (1, 3));
    };
    assert!(seconds(look) < 8.0);
}
