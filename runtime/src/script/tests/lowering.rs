//! Tests of TypeScript that is more than types: results, positions of errors, unsupported
//! constructs.

use super::*;

#[track_caller]
fn lowered(source: &str) -> Prepared {
    let prepared = prepare(source, true).unwrap_or_else(|error| panic!("{source:?}: {error:?}"));
    assert!(prepared.columns.is_some(), "{source:?}");
    invariants::positions(source, &prepared);
    invariants::parses(&prepared);
    prepared
}

/// Compares two texts without their blanks.
#[track_caller]
fn check(source: &str, expected: &str) {
    let squeezed = |text: &str| text.replace([' ', '\n'], "");
    assert_eq!(squeezed(&lowered(source).text), squeezed(expected), "{source}");
}

#[test]
fn enums() {
    check(
        "enum E { A, B = \"b\", 'c-d' = 4, F }\nreturn E",
        r#"var E; (function (E) { E[E["A"] = 0] = "A"; E["B"] = "b"; E[E["c-d"] = 4] = "c-d"; E[E["F"] = E["c-d"] + 1] = "F"; })(E || (E = {})); return E"#,
    );
    check(
        "export const enum E { A = 1 << 2, B = A | 1, C = `x${B}` }",
        r#"export var E; (function (E) { E[E["A"] = 1 << 2] = "A"; E[E["B"] = E.A | 1] = "B"; E["C"] = `x${E.B}`; })(E || (E = {}));"#,
    );
    // A parameter of the function around a script, which `var` would not hide.
    check(
        "enum input { A }\nf()",
        r#"let input; (function (input) { input[input["A"] = 0] = "A"; })(input || (input = {})); f()"#,
    );
}

#[test]
fn namespaces() {
    check(
        "namespace N { export let n: number = 1, m: T; export function f() { return n++ } const o = { n } }",
        "var N; (function (N) { ;N.n = 1, N.m; function f() { return N.n++ } N.f = f; const o = { n: N.n } })(N || (N = {}));",
    );
    check(
        "namespace N { export const { a, b: c = 1, ...d } = f() }\nnamespace N { g(a) }",
        "var N; (function (N) { ;({ a: N.a, b: N.c = 1, ...N.d } = f()); })(N || (N = {})); ;(function (N) { g(N.a) })(N || (N = {}));",
    );
    check(
        "namespace A.B { export const c = 1 }",
        "var A; (function (A) { let B; (function (B) { ;B.c = 1; })(B = A.B || (A.B = {})); })(A || (A = {}));",
    );
}

#[test]
fn classes() {
    check(
        "class P extends Q { constructor(private readonly a: T, b, public c = 1) { f(); super(b); g() } }\nx",
        "class P extends Q { a; c; constructor(a, b, c = 1) { f(); super(b); this.a = a; this.c = c; g() } } x",
    );
    check(
        "class P { accessor x: number = 1 }\nf",
        "class P { ;get x() { return this.#accessor_1; } set x(value) { this.#accessor_1 = value; } #accessor_1 = 1 } f",
    );
}

#[test]
fn import_of_a_name() {
    check("import x = A.B\nx()", "const x = A.B; x()");
    check("import T = A.B\nlet t: T, enumeration", ";\nlet t, enumeration");
}

#[test]
fn columns_behind_what_was_put_in_are_the_callers() {
    let source = "/* é😀 */ enum E { A, B = f() } boom();\nlater()";
    let prepared = lowered(source);
    let line = prepared.text.lines().next().unwrap();
    for needle in ["f()", "boom", "enum"] {
        let wanted = source[..source.find(needle).unwrap()].encode_utf16().count() as u32 + 1;
        let Some(at) = line.find(needle) else { continue };
        let column = line[..at].encode_utf16().count() as u32 + 1;
        assert_eq!(prepared.column(1, column), wanted, "{needle}: {line}");
    }
    assert_eq!(prepared.column(2, 1), 1);
    // What the parser says against the rest.
    let error = syntax_error("enum E { A } const a = 1;\nif (E.A) import b from 'b'");
    assert_eq!((error.line, error.column), (2, 10), "{error:?}");
    let error = syntax_error("enum E { A } @d class F {}");
    assert_eq!((error.line, error.column), (1, 14), "{error:?}");
}

#[test]
fn what_would_silently_be_wrong_is_refused() {
    refused("enum E { A = f(), B }", 1, 19, "`B` needs a value", "`A`");
    refused("enum E { A = 'a', B }", 1, 19, "`B` needs a value", "`A`");
    refused("enum E { A }\nif (a) enum F { B }", 2, 8, "single-statement", "block");
    refused("namespace N { export { a } ; const a = 1 }", 1, 15, "only export declarations", "export const");
    refused("namespace N { f(); return }", 1, 20, "return", "function");
    refused("class A extends B { constructor(private a) { if (a) super() } }", 1, 33, "super", "top level");
    assert!(syntax_error("class A { constructor(private { a }) {} }").message.contains("pattern"));
    refused(
        &format!("{}f(){}", "namespace A { ".repeat(40), "}".repeat(40)),
        1,
        449,
        "nested too deeply",
        "",
    );
    refused("enum E { A } const b = <div/>", 1, 28, "", "");
}

#[test]
fn modules_of_projects_are_rewritten_too() {
    let prepared = prepare_module("export enum E { A }\nexport default E.A", true).unwrap();
    assert!(prepared.text.starts_with("export"), "{}", prepared.text);
    invariants::parses(&prepared);
}

#[test]
fn deep_and_long_texts_with_enums_end() {
    let units = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("!", "1", ""),
        ("1+", "1", ""),
        ("a.", "b", ""),
        ("", "a", "()"),
        ("(function(){", "1", "})"),
        ("(class{m(){", "1", "}})"),
        ("`${", "1", "}`"),
        ("{", "1", "}"),
        ("a=>", "1", ""),
        ("a?b:", "1", ""),
    ];
    for (open, middle, close) in units {
        for count in [300, 480, 990, 3_000, 20_000] {
            let chain = [&open.repeat(count), middle, &close.repeat(count)].concat();
            for source in [
                format!("enum E {{ A }}\n{chain}"),
                format!("enum E {{ A = {chain} }}\nf()"),
                format!("namespace N {{ export let n = {chain} }}\nf()"),
                format!("namespace N {{ {chain} }}\nf()"),
            ] {
                std::thread::Builder::new()
                    .stack_size(256 << 10)
                    .spawn(move || drop(prepare(&source, true)))
                    .unwrap()
                    .join()
                    .unwrap();
            }
        }
    }
    let types = "let x: ".to_owned() + &"[".repeat(900) + "A" + &"]".repeat(900);
    drop(prepare(&format!("enum E {{ A }}\n{types}"), true));
}

#[test]
fn a_namespace_in_one_of_its_name_has_an_object_of_its_own() {
    let text = lowered(
        "namespace N { export const a = 1; export namespace N { export const b = 2; export namespace N { export const c = a + b } } }",
    )
    .text;
    assert!(text.contains("N.c = N_1.a + N_2.b"), "{text}");
    // Nor is it one that the text has.
    let text = lowered("namespace N { export const a = 1; export function f() { const N = 1, N_1 = 2, N_22 = a; return N } }").text;
    assert!(text.contains("N_22 = N_2.a"), "{text}");
}

#[test]
fn many_names_that_are_in_the_text_cost_no_more_than_reading_it() {
    const MANY: usize = 20_000;
    let taken: Vec<String> = (1..MANY).map(|n| format!("#accessor_{n} N_{n}")).collect();
    let fields: Vec<String> = (0..MANY).map(|n| format!("accessor a{n} = 1;")).collect();
    let source = format!(
        "/* {} */ class A {{ {} }}\nnamespace N {{ export const N = 1 }}",
        taken.join(" "),
        fields.concat()
    );
    assert!(seconds(|| drop(lowered(&source))) < 8.0);
}
