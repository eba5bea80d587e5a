//! Where faults are and what they say.

use super::*;

#[track_caller]
fn check(source: &str, line: u32, column: u32, message: &str, hint: &str) {
    let fault = fault(source);
    assert_eq!((fault.line, fault.column), (line, column), "{source:?}: {fault:?}");
    assert!(fault.message.contains(message), "{source:?}: {fault:?}");
    assert!(fault.hint.as_deref().unwrap_or("").contains(hint), "{source:?}: {fault:?}");
}

#[test]
fn what_cannot_be_erased() {
    check(
        "enum Color { Red, Green = 4, Blue, Name = \"n\" }",
        1,
        1,
        "Enums",
        "const Color = { Red: 0, Green: 4, Blue: 5, Name: \"n\" } as const;",
    );
    check(
        "const a = 1;\n  export const enum E { A = 1 << 2, B, C, D, E }\n",
        2,
        10,
        "Enums",
        "{ A: …, B: …, C: …, D: …, … }",
    );
    check("namespace N { export const a = 1 }", 1, 1, "Namespaces", "const N");
    check("namespace A.B { f() }", 1, 1, "Namespaces", "");
    check(
        "class A { constructor(private readonly name: string) {} }",
        1,
        23,
        "Parameter properties",
        "this.name = name",
    );
    check("import fs = require('fs')", 1, 1, "import … =", "import fs from");
    check("import B = A.B", 1, 1, "import … =", "const B");
    check("export = 1", 1, 1, "export =", "export default");
    check("@sealed class A {}", 1, 1, "Decorators", "decorate");
    check("class A { @log m() {} }", 1, 11, "Decorators", "");
    check("class A { accessor x = 1 }", 1, 11, "accessor", "getter");
    check("return <\nT>\nx", 1, 8, "type assertion", "as Type");
}

#[test]
fn shapes_that_cannot_be() {
    check("export default 1;\nif (a) { return 2 }", 2, 10, "return", "export default async function");
    check("return import.meta.url", 1, 8, "import.meta", "export default");
    check("{ import a from 'a' }", 1, 3, "top level", "await import");
    check("x <!--y", 1, 3, "HTML", "");
    let fault = prepare_module("const a = 1;\nreturn a", true).unwrap_err();
    assert_eq!((fault.line, fault.column), (2, 1));
}

#[test]
fn what_models_get_wrong() {
    check("Here is the script:\n\n```ts\nreturn 1\n```\n", 1, 6, "", "only code");
    check("Here is your code\nreturn 1", 1, 6, "", "only code");
    check("```ts\nreturn 1\n```\nThis returns 1.", 4, 1, "after the closing", "only code");
    check("const a = “text”;", 1, 11, "“", "plain quotes");
    check("const a = 'text;\nreturn a", 1, 11, "Unterminated string", "own line");
    check("const a = `text;\nreturn a", 1, 11, "Unterminated", "backtick");
    check("if (a) {\n  f(b);\n", 3, 1, "the end of the text", "line 1, column 8");
    check("f(a, b", 1, 7, "the end of the text", "");
    check("const el = <div>hi</div>;", 1, 20, "", "JSX");
    check("function f() { await g() }", 1, 16, "await", "async");
    check("const a = 1,;", 1, 13, "Unexpected `;`.", "");
    check("const = 1", 1, 7, "Unexpected `=`.", "");
}

#[test]
fn columns_are_utf16_units_and_lines_end_as_in_javascript() {
    check("'😀' @", 1, 6, "", "");
    check("1;\r\n2;\r3;\u{2028}4;\u{2029}  )", 5, 3, "", "");
    check("\u{feff})", 1, 2, "", "");
    check("```\n  )\n```", 2, 3, "", "");
}

#[test]
fn javascript_with_types_says_how_to_send_them() {
    for source in ["const a: number = 1", "interface A {}", "f<T>(x as T)", "export type A = 1"] {
        let fault = prepare(source, false).unwrap_err();
        assert!(fault.hint.as_deref().unwrap_or("").contains("text/typescript"), "{fault:?}");
    }
    assert_eq!(prepare("f<a>(b)", false).map(|p| p.text), Ok("f<a>(b)".into()));
    let fault = prepare("const a: = 1", false).unwrap_err();
    assert!(!fault.hint.as_deref().unwrap_or("").contains("text/typescript"), "{fault:?}");
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
        assert_eq!(fault::position(text, at), expected, "{text:?} {at}");
    }
}
