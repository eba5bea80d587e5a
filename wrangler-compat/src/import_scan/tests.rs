use super::*;
use crate::ProjectProblem;

const TYPESCRIPT: Language = Language { typescript: true, jsx: false, goal: Goal::Either };
const JAVASCRIPT: Language = Language { typescript: false, jsx: true, goal: Goal::Either };

const DROP: Types = Types { elide: true, drop: true };
const KEEP: Types = Types { elide: false, drop: false };

fn typescript(text: &str) -> Scan {
    scan(Path::new("a.ts"), text, TYPESCRIPT, DROP).unwrap()
}

fn javascript(text: &str) -> Scan {
    scan(Path::new("a.js"), text, JAVASCRIPT, KEEP).unwrap()
}

#[test]
fn every_form_of_import_is_found() {
    let scan = typescript(
        r#"
        import a from "./a"; import "./b"; import * as c from './c';
        export { d } from "./d"; export * from "./e";
        import type { F } from "./f"; import { type G, type H } from "./g"; import { type I, i } from "./i";
        export type { J } from "./j";
        const k = await import("./k"); import(`./l`); import(k + "x"); import(`./${k}`);
        try { import("./m"); require("./n"); function f() { require("./o") } } catch { import("./p") }
        // import "./no1"
        const text = 'import "./no2"' + `import "./no3" ${1}` + /import "no4"/.source + a + c + i;
        "#,
    );
    let of = |need| {
        let names = scan.imports.iter().filter(|import| import.need == need);
        names.map(|import| import.specifier.trim_start_matches("./")).collect::<String>()
    };
    assert_eq!(of(Need::Static), "abcdei");
    assert_eq!(of(Need::Types), "fgj");
    assert_eq!(of(Need::Dynamic), "klp");
    assert_eq!(of(Need::Require), "o");
    assert_eq!(of(Need::Optional { require: false }), "m");
    assert_eq!(of(Need::Optional { require: true }), "n");
    assert_eq!(scan.syntax, Syntax::EsModule);
}

#[test]
fn imports_that_are_only_types_are_blanked() {
    for (text, expected) in [
        ("import { A, b } from 'x'; b(null as A)", "import {    b } from 'x'; b(null as A)"),
        ("import { b, A } from 'x'; b(null as A)", "import { b,   } from 'x'; b(null as A)"),
        ("import A, { b } from 'x'; b(null as A)", "import    { b } from 'x'; b(null as A)"),
        ("import b, { A } from 'x'; b(null as A)", "import b, {   } from 'x'; b(null as A)"),
        (
            "let a = 1\nimport { A } from 'x'\n;[].map(a as A)",
            "let a = 1\n;                    \n [].map(a as A)",
        ),
        ("import { a } from 'x'; export { a }", "import { a } from 'x'; export { a }"),
        ("import 'x'; import {} from 'y'", "import 'x'; import {} from 'y'"),
    ] {
        let mut result = text.to_owned();
        crate::text_edits::blank(&mut result, &typescript(text).types);
        assert_eq!(result, expected);
    }
    let kept = scan(Path::new("a.ts"), "import { A } from 'x'", TYPESCRIPT, KEEP).unwrap();
    assert!(kept.types.is_empty());
}

#[test]
fn attributes_and_names_are_found() {
    let scan = javascript(
        "import d, { a as b, 'x y' as c } from './m' with { type: 'json' };
         import * as all from './n'; all.one(); all.two;
         export { e as f } from './o'; import('./p', { with: { type: 'text' } });",
    );
    let names: Vec<(&str, Vec<&str>)> = scan
        .imports
        .iter()
        .map(|import| {
            (import.specifier.as_str(), import.names.iter().map(|name| name.name.as_str()).collect())
        })
        .collect();
    assert_eq!(
        names,
        [
            ("./m", vec!["default", "a", "x y"]),
            ("./n", vec!["one", "two"]),
            ("./o", vec!["e"]),
            ("./p", vec![])
        ]
    );
    let attributes: Vec<Option<&str>> = scan.imports.iter().map(|i| i.attribute.as_deref()).collect();
    assert_eq!(attributes, [Some("json"), None, None, Some("text")]);
}

#[test]
fn the_exports_of_a_module_are_its_values() {
    let scan = typescript(
        "export const a = 1, { b, c: [d] } = x; export function e() {} export class F {} export enum G { H }
         export interface I {} export type J = 1; export declare const K: 1; export default 1;
         const l = 1; export { l as m, type N }; export * as o from './o'; export * from './p';",
    );
    assert_eq!(scan.exports.names[..], ["a", "b", "d", "e", "F", "G", "default", "m", "o"]);
    assert_eq!(scan.exports.stars[..], ["./p"]);
}

#[test]
fn the_exports_of_commonjs_are_found() {
    for (text, names, stars) in [
        ("exports.a = exports.b = void 0; module.exports.c = 1; exports['d'] = 1", "a b c d", ""),
        ("Object.defineProperty(exports, '__esModule', { value: true });", "__esModule", ""),
        ("Object.defineProperty(exports, 'a', { enumerable: true, get: () => m.a })", "a", ""),
        ("module.exports = { a, b: 1, 'c': 2, get d() {}, [e]: 1, ...require('./x') }", "a b c d", "./x"),
        ("exports = module.exports = { a }", "a", ""),
        ("0 && (module.exports = { a, b })", "a b", ""),
        ("if (x) module.exports = require('./a'); else module.exports = require('./b')", "", "./a ./b"),
        ("module.exports = x ? require('./a') : require('./b')", "", "./a ./b"),
        (
            "__exportStar(require('./a'), exports); (0, tslib_1.__exportStar)(require('./b'), exports)",
            "",
            "./a ./b",
        ),
        ("__exportStar(__importStar(require('./a')), exports)", "", "./a"),
        (
            "__export(src_exports, { a: () => a, default: () => b }); __reExport(src_exports, require('./x'), module.exports)",
            "a default",
            "./x",
        ),
        ("Object.assign(exports, { a: 1 }, require('./x'))", "a", "./x"),
        ("(function (exports) { exports.a = 1 })(this)", "a", ""),
        ("var other = {}; other.a = 1", "", ""),
    ] {
        let scan = javascript(text);
        assert_eq!(scan.exports.names.join(" "), names, "{text}");
        assert_eq!(scan.exports.stars.join(" "), stars, "{text}");
    }
}

#[test]
fn the_syntax_tells_the_module_system() {
    for (text, syntax) in [
        ("export {}", Syntax::EsModule),
        ("console.log(import.meta)", Syntax::EsModule),
        ("require('x'); export {}", Syntax::EsModule),
        ("const x = require('x')", Syntax::CommonJs),
        ("exports.a = 1; return;", Syntax::CommonJs),
        ("with (module) { a = 010 }", Syntax::CommonJs),
        ("globalThis.x = 1; import('./x')", Syntax::Neither),
    ] {
        assert_eq!(javascript(text).syntax, syntax, "{text}");
    }
}

#[test]
fn a_parameter_named_require_is_not_the_modules() {
    let scan = javascript(
        "(function (require) { require('./a') })(x); ((require) => require('./b'))(x); require('./c')",
    );
    let found: Vec<&str> = scan.imports.iter().map(|import| import.specifier.as_str()).collect();
    assert_eq!(found, ["./c"]);
}

#[test]
fn offsets_point_at_the_specifier() {
    let text = "\n  import 'x';";
    assert_eq!(javascript(text).imports[0].offset, text.find("'x'").unwrap());
}

#[test]
fn syntax_errors_have_a_location() {
    let error = scan(Path::new("a.ts"), "let a = 1;\nlet = = ;", TYPESCRIPT, DROP).unwrap_err();
    assert!(error.to_string().starts_with("a.ts:2:"), "{error}");
    let script = Language { jsx: false, ..JAVASCRIPT };
    assert!(scan(Path::new("a.js"), "f<a>(b)", script, KEEP).is_ok());
}

#[test]
fn deep_nesting_does_not_crash() {
    for unit in
        ["(", "[", "{", "!", "`${", "a=>", "({a:", "class{[", "x=", "if(a)", "a?", "<a>", "new ", "a+", "a."]
    {
        let text = unit.repeat(60_000 / unit.len());
        let _ = scan(Path::new("a.ts"), &text, TYPESCRIPT, DROP);
        let _ = scan(Path::new("a.js"), &(text + "a"), JAVASCRIPT, KEEP);
    }
    let error = scan(Path::new("a.ts"), &"(".repeat(2_000_000), TYPESCRIPT, DROP).unwrap_err();
    assert!(matches!(error.problem, ProjectProblem::TooDeep { .. }), "{error}");
}
