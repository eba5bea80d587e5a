//! Tests of the positions, messages and hints of syntax errors.

use super::*;

#[test]
fn what_cannot_be_erased() {
    refused("import fs = require('fs')", 1, 1, "import … =", "import fs from");
    refused("export = 1", 1, 1, "export =", "export default");
    refused("@sealed class A {}", 1, 1, "Decorators", "decorate");
    refused("class A { @log m() {} }", 1, 11, "Decorators", "");
    refused("class A { accessor #x = 1 }", 1, 11, "accessor", "getter");
    refused("return <\nT>\nx", 1, 8, "type assertion", "as Type");
}

#[test]
fn shapes_that_cannot_be() {
    refused("export default 1;\nif (a) { return 2 }", 2, 10, "return", "export default async function");
    refused("return import.meta.url", 1, 8, "import.meta", "export default");
    refused("{ import a from 'a' }", 1, 3, "top level", "await import");
    refused("x <!--y", 1, 3, "HTML", "");
    let error = prepare_module("const a = 1;\nreturn a", true).unwrap_err();
    assert_eq!((error.line, error.column), (2, 1));
}

#[test]
fn what_models_get_wrong() {
    refused("Here is the script:\nreturn 1", 1, 6, "", "only code");
    refused("Here is your code\nreturn 1", 1, 6, "", "only code");
    refused(
        "First:\n```ts\nreturn 1\n```\nthen:\n```ts\nreturn 2\n```",
        6,
        1,
        "several Markdown fences",
        "one script",
    );
    refused("```ts\nreturn 1\n```\n```\n1\n```", 4, 1, "several Markdown fences", "one script");
    refused("First this:\n\n```ts\nreturn (\n```\n", 6, 1, "", "");
    refused("/*\n```ts\nreturn 1\n```\n*/\nreturn (", 6, 9, "", "");
    refused("const a = “text”;", 1, 11, "“", "plain quotes");
    refused("const a = 'text;\nreturn a", 1, 11, "Unterminated string", "own line");
    refused("const a = `text;\nreturn a", 1, 11, "Unterminated", "backtick");
    refused("if (a) {\n  f(b);\n", 3, 1, "the end of the text", "line 1, column 8");
    refused("f(a, b", 1, 7, "the end of the text", "");
    refused("const el = <div>hi</div>;", 1, 20, "", "JSX");
    refused("function f() { await g() }", 1, 16, "await", "async");
    refused("const a = 1,;", 1, 13, "Unexpected `;`.", "");
    refused("const = 1", 1, 7, "Unexpected `=`.", "");
}

#[test]
fn columns_are_utf16_units_and_lines_end_as_in_javascript() {
    refused("'😀' @", 1, 6, "", "");
    refused("1;\r\n2;\r3;\u{2028}4;\u{2029}  )", 5, 3, "", "");
    refused("\u{feff})", 1, 2, "", "");
    refused("```\n  )\n```", 2, 3, "", "");
}

#[test]
fn javascript_with_types_says_how_to_send_them() {
    for source in ["const a: number = 1", "interface A {}", "f<T>(x as T)", "export type A = 1"] {
        let error = prepare(source, false).unwrap_err();
        assert!(error.hint.as_deref().unwrap_or("").contains("text/typescript"), "{error:?}");
    }
    assert_eq!(prepare("f<a>(b)", false).map(|p| p.text), Ok("f<a>(b)".into()));
    let error = prepare("const a: = 1", false).unwrap_err();
    assert!(!error.hint.as_deref().unwrap_or("").contains("text/typescript"), "{error:?}");
}

#[test]
fn positions_count_from_one() {
    for (text, at, expected) in [
        ("", 0, (1, 1)),
        ("ab", 2, (1, 3)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 1, (1, 2)),
        ("a\r\nb", 2, (1, 3)),
        ("a\r\nb", 3, (2, 1)),
        ("😀é", 6, (1, 4)),
        ("é", 1, (1, 1)),
        ("a", 99, (1, 2)),
    ] {
        assert_eq!(diagnostic::position(text, at), expected, "{text:?} {at}");
    }
}
