//! Attempts to leave the function that wraps a script, or to be parsed as another text than the one
//! that was checked. A text that is not a script is a syntax error; a script returns its own result
//! only.

use super::{Case, EXCEPTION, SYNTAX, fails, gives};
use isolet_runtime::ErrorCode::{Exception, Syntax};

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = NO_SCRIPTS.iter().map(|(name, code)| fails(name, SYNTAX, *code)).collect();
    cases.extend(SCRIPTS.iter().map(|(name, value, code)| gives(name, value, *code)));
    cases.extend([
        fails("arguments of the wrapper's caller", EXCEPTION, "return (arguments as any).callee.caller"),
        fails("a function's caller", EXCEPTION, "const f = function () { return f.caller }; return f()"),
        fails("a name of the wrapper declared twice", SYNTAX, "const a = 1; const a = 2;"),
        fails("an assignment to a name that is not there", EXCEPTION, "leaked = 1; return leaked"),
        fails("yield outside of a generator", &[Syntax, Exception], "yield 1"),
        fails("a text of only opening brackets", SYNTAX, "(".repeat(100_000)),
        fails("a text of only templates", SYNTAX, "`${".repeat(50_000)),
        fails(
            "a text of a hundred thousand functions, one in the other",
            SYNTAX,
            format!("return {}1{}", "(()=>".repeat(100_000), ")".repeat(100_000)),
        )
        // A debug build parses it in 0.1 to 0.15 s; the case does not test that limit.
        .within(|limits| limits.cpu *= 10),
        gives(
            "a text of a hundred thousand statements",
            "100000",
            format!("let n = 0;{}return n", "n++;".repeat(100_000)),
        )
        .within(|limits| limits.cpu *= 100),
        fails(
            "a sum of a hundred thousand terms",
            &[Syntax, Exception],
            format!("return {}1", "1+".repeat(100_000)),
        )
        .within(|limits| limits.cpu *= 100),
    ]);
    cases
}

const NO_SCRIPTS: &[(&str, &str)] = &[
    ("a closing brace", "}"),
    ("closing the block and the function", "}}); globalThis.x = 1; (async function () {{"),
    ("closing the function and opening a module", "}}) \n export default 1; ({ f() {"),
    ("closing the block only", "} { return 1"),
    ("closing an expression", "1); globalThis.x = 1; (2"),
    ("closing an expression and its function", "1);}); (function () { return (1"),
    ("closing an expression behind a comment", "1 // )\n); ("),
    ("a comment that is left open", "return 1 /*"),
    ("a comment that is closed twice", "return 1 */ }"),
    ("a template that is left open", "return `"),
    ("a template that closes the wrapper", "return `${1}}}`}}`"),
    ("a string that is left open", "return '"),
    ("a regular expression that is left open", "return /"),
    ("a bracket that is left open", "return ["),
    ("an HTML comment", "<!-- \nreturn 1"),
    ("an HTML comment behind a statement", "let x = 1; <!-- ; return 2"),
    ("the end of an HTML comment", "--> return 1"),
    ("the end of an HTML comment on a line of its own", "/*\n*/ --> \nreturn 1"),
    ("an escaped keyword", "ret\\u0075rn 1"),
    ("an escaped await", "aw\\u0061it 1"),
    ("an escaped brace", "\\u007d\\u007d)"),
    ("a null byte in a name", "return a\0b"),
    ("with", "with ({}) { return 1 }"),
    ("an octal number", "return 010"),
    ("deletion of a name", "let a = 1; delete a"),
    ("a reserved word", "let package = 1"),
    ("eval as a name", "let eval = 1"),
    ("arguments as a target", "arguments = 1"),
    ("super outside of a method", "return super.x"),
    ("a private name outside of a class", "return this.#x"),
    ("import.meta in a body", "return import.meta"),
    ("import in a function", "() => { import x from 'y' }"),
    ("return in a module", "export default 1; return 2"),
    ("a label twice", "a: a: for (;;) break a"),
    ("new.target outside of a function", "return typeof new.target"),
    ("break without a loop", "break"),
    ("two default exports", "export default 1; export default 2"),
    ("an export of what is not there", "export { nothing }"),
    ("an import of a file", "import x from 'file:///etc/passwd'; export default x"),
    ("an import of data", "import x from 'data:text/javascript,export default 1'; export default x"),
    ("an import of a package", "import x from 'node:fs'; export default x"),
    ("an import of isolet's own", "import x from 'isolet:drive.js'; export default x"),
    ("an import of a path", "import x from '../../../etc/passwd'; export default x"),
    (
        "an import of what cloudflare:workers does not have",
        "import { natives } from 'cloudflare:workers'; export default natives",
    ),
];

/// The name, the value, and the text of each case.
const SCRIPTS: &[(&str, &str, &str)] = &[
    ("this", "\"undefined\"", "return typeof this"),
    ("arguments", "2", "return arguments.length"),
    ("var stays inside", "\"undefined\"", "var leaked = 1; return typeof globalThis.leaked"),
    ("a function stays inside", "\"undefined\"", "function leaked() { } return typeof globalThis.leaked"),
    ("names of the wrapper can be declared again", "[1,2]", "const env = 1, input = 2; return [env, input]"),
    ("a block that looks like the wrapper's end", "1", "{{ }} return 1"),
    ("a string with the wrapper's end", "\"}}) */ --> <!--\"", "return '}}) */ --> <!--'"),
    ("a regular expression with the wrapper's end", "true", "return /}}\\)/.test('}})')"),
    ("a template with the wrapper's end", "\"}}){ 2\"", "return `}}){ ${1 + 1}`"),
    ("a comment with the wrapper's end", "1", "return 1 // }})"),
    ("a comment at the end without a line break", "3", "1 + 2 // comment"),
    ("a comment at the end of an expression that closes", "3", "1 + 2 /* ) */"),
    ("a semicolon behind an expression", "3", "1 + 2;;;"),
    ("line separators", "[1,2]", "const a = 1;\u{2028}const b = 2;\u{2029}return [a, b]"),
    ("a byte order mark in the middle", "1", "const a =\u{feff}1; return a"),
    ("a hashbang", "1", "#!/usr/bin/env node\nreturn 1"),
    ("a name with escapes", "1", "const \\u0061b = 1; return ab"),
    ("return and a line break", "null", "return\n1"),
    ("lines that join", "2", "const a = 1\n;[1, 2].map((x) => x)\nreturn a + 1"),
    (
        "use strict cannot be taken back",
        "true",
        "'use sloppy'; return (function () { return this === undefined })()",
    ),
    ("a source URL", "1", "return 1\n//# sourceURL=isolet:drive.js"),
    ("a source map", "1", "return 1\n//# sourceMappingURL=data:application/json;base64,e30="),
    ("debugger", "1", "debugger; return 1"),
    ("a text that is fenced", "1", "```ts\nreturn 1\n```"),
    (
        "types that look like the wrapper's end",
        "1",
        "type A = { a: { b: 1 } }; const x = <T,>(y: T) => y; return x<number>(1)",
    ),
    ("an object as text", "{\"a\":{\"b\":1}}", "{ a: { b: 1 } }"),
    ("a directive as text", "\"use strict\"", "'use strict'"),
];
