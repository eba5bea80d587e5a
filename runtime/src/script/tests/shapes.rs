//! Tests of the shapes of texts, and of their wrappers.

use super::*;

#[track_caller]
fn shape(source: &str) -> Shape {
    let prepared = prepare(source, true).unwrap_or_else(|error| panic!("{source:?}: {error:?}"));
    invariants::positions(source, &prepared);
    invariants::parses(&prepared);
    prepared.shape
}

#[test]
fn one_expression_is_its_own_result() {
    for source in [
        "1 + 1",
        "await env.calc.add({ a: 1, b: 2 });",
        "async () => (await env.calc.add({ a: 1, b: 2 })).sum",
        "(async () => { return 1 })();;",
        "async function main() { return 1 }",
        "function main(env, input) { return 1 };",
        "interface A { a: number }\nasync function main(a: A) { return a }\n",
        "type A = 1; async (env: Env): Promise<A> => 1",
        "// what\n42 // that\n",
        "\"text\"",
        "'use strict';",
        "{ a: 1 }",
        "{ a: 1, b: 2 };",
        "{\n  \"sum\": await f(),\n}\n// done\n",
        "{}",
        "{ ...input, n: 1 } as Result",
        "/* an object */ { a }",
        "<T>{ a: 1 }",
        "`a ${b}`",
    ] {
        assert_eq!(shape(source), Shape::Expression, "{source}");
    }
}

#[test]
fn statements_are_a_body() {
    for source in [
        "",
        "  // nothing\n",
        "return 1",
        "const a = 1;\nreturn a",
        "1; 2",
        "'use strict'; 1",
        "{ f(); }",
        "{ return 1 }",
        "{ const a = 1; return a }",
        "if (a) { b() }",
        "class A {}",
        "function a() {} function b() {}",
        "import type { A } from './a';\nreturn 1",
        "import { type A } from './a';\nexport type B = A; export interface C {}\nreturn 1",
        "const x = await import('./a'); return x",
        "async function main() {}\nawait main();",
    ] {
        assert_eq!(shape(source), Shape::Body, "{source}");
    }
}

#[test]
fn imports_and_exports_make_a_module() {
    for source in [
        "export default async function (env, input) { return 1 }",
        "export default { async fetch(request, env, ctx) { return new Response() } }",
        "import { env } from \"cloudflare:workers\";\nexport default () => env",
        "import \"./a\"",
        "export {}",
        "export {};\nawait f()",
        "```ts\nexport default 1\n```",
    ] {
        assert_eq!(shape(source), Shape::Module, "{source}");
    }
    assert_eq!(prepare_module("const a = 1", true).map(|p| p.shape), Ok(Shape::Module));
}

#[test]
fn a_body_knows_whether_it_returns() {
    let returns = |source: &str| prepare(source, true).unwrap().returns;
    assert!(returns("if (a) { return 1 } b"));
    assert!(!returns("const f = () => { return 1 }; class A { m() { return 1 } } return"));
}

#[test]
fn fences_and_preambles_are_blanked() {
    assert_eq!(erased("```ts\nreturn 1\n```"), "     \nreturn 1\n   ");
    assert_eq!(
        erased("\n\n~~~~typescript title=\"a\"\r\nreturn 1 // ~~~\r\n~~~~\n\n"),
        format!("\n\n{}\r\nreturn 1 // ~~~\r\n    \n\n", " ".repeat(24))
    );
    assert_eq!(erased("Here:\n\n```ts\nreturn 1\n```"), "     \n\n     \nreturn 1\n   ");
    assert_eq!(erased("a:\nreturn 1"), "a:\nreturn 1");
    assert_eq!(erased("```\nreturn 1"), "   \nreturn 1");
    assert_eq!(erased("\u{feff}return 1"), " return 1");
    assert_eq!(erased("#!/usr/bin/env isolet\nreturn 1"), "                     \nreturn 1");
    assert_eq!(erased("```js\n#!/x\n1;\n```"), "     \n    \n1 \n   ");
    assert_eq!(erased("```x``` "), "```x``` ", "tagged template literals");
    assert_eq!(
        erased("```ts\nconst a = `\n~~~\n`; return a\n```"),
        "     \nconst a = `\n~~~\n`; return a\n   "
    );
}

#[test]
fn the_wrapper_adds_one_line_and_allows_redeclaration() {
    let body = prepare("const input = 1; return input", true).unwrap().wrapped();
    assert_eq!((body.lines_before, body.source.lines().nth(1)), (1, Some("const input = 1; return input")));
    let expression = prepare("f()", true).unwrap().wrapped();
    assert_eq!(expression.source, "(async function (env, input) { \"use strict\"; return (\nf()\n);})");
    assert_eq!(prepare("export {}", true).unwrap().wrapped().lines_before, 0);
}

#[test]
fn nothing_breaks_out_of_the_wrapper() {
    for source in [
        "} evil(); {",
        "}}) ; evil(); (() => {{",
        ") ; (",
        "1) ; evil() ; (1",
        "return 1 }",
        "/*",
        "`",
        "x <!--y",
        "x <!-- y[`\n} evil(); {/*`]; \n*/",
        "-->",
        "1\n--> evil",
        "/* \n */ --> evil",
        "x<\nT>-->y[0]",
        "\\u{7d} evil()",
        "//\u{2028}} evil(); {",
    ] {
        for typescript in [true, false] {
            assert!(prepare(source, typescript).is_err(), "{source}");
        }
    }
}

#[test]
fn directives_and_function_words_behave() {
    assert_eq!(shape("\"use strict\"; return this"), Shape::Body);
    assert_eq!(shape("return arguments.length"), Shape::Body);
    // `super` and `with` are left to V8, which finds them when it compiles the wrapper.
    for source in ["return new.target", "yield 1", "import.meta.url", "function f() { await x }", "await = 1"]
    {
        assert!(prepare(source, true).is_err(), "{source}");
    }
    assert_eq!(shape("export default import.meta.url"), Shape::Module);
}
