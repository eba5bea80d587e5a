//! Texts that overflow the stack of a parser or keep it busy for hours.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Texts of up to 1 MiB are handled in time, with any outcome, on a small stack of the caller's.
#[track_caller]
fn survives(source: String) {
    let name: String = source.chars().take(40).collect();
    let start = Instant::now();
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || {
            for typescript in [true, false] {
                let _ = prepare(&source, typescript);
                let _ = prepare_module(&source, typescript);
            }
        })
        .unwrap()
        .join()
        .unwrap();
    let limit = if cfg!(debug_assertions) { 120 } else { 8 };
    assert!(start.elapsed() < Duration::from_secs(limit), "{name}… took {:?}", start.elapsed());
}

const UNITS: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{", "1", "}"),
    ("x={a:", "1", "}"),
    ("({a:", "1", "})"),
    ("!", "1", ""),
    ("- ", "1", ""),
    ("+ +", "1", ""),
    ("typeof ", "1", ""),
    ("await ", "1", ""),
    ("new ", "a", ""),
    ("1+", "1", ""),
    ("1**", "1", ""),
    ("x=", "1", ""),
    ("x=>", "1", ""),
    ("(x)=>", "1", ""),
    ("(x:T)=>", "1", ""),
    ("async x=>", "1", ""),
    ("async(", "1", ")"),
    ("a?b:", "1", ""),
    ("a?", "b", ":c"),
    ("`${", "1", "}`"),
    ("a.", "b", ""),
    ("a?.", "b", ""),
    ("f(", "1", ")"),
    ("if(1)", "1", ""),
    ("if(1)1;else ", "1", ""),
    ("if(1){}else ", "1", ""),
    ("while(1)", "1", ""),
    ("for(;;)", "1", ""),
    ("do ", "1", ""),
    ("do ", "1", ";while(1)"),
    ("a:", "1", ""),
    ("function f(){", "1", "}"),
    ("(function(){", "1", "})"),
    ("class A{x=", "1", "}"),
    ("class extends ", "A", ""),
    ("(class{m(){", "1", "}})"),
    ("@(", "x", ")"),
    ("(a=", "1", ")=>1"),
    ("(a=", "1", ")"),
    ("[a=", "1", "]"),
    ("(a,[", "b", "])"),
    ("([", "", ""),
    ("({a", "", ""),
    ("x as ", "T", ""),
    ("switch(1){case 1:", "1", "}"),
    ("try{", "1", "}catch{}"),
    ("a<", "b", ""),
    ("a<b>", "c", ""),
    ("<T>", "x", ""),
    ("<T>(x)=>", "x", ""),
    ("<T>(", "", ""),
    ("a<(", "", ""),
    ("(a=a<[", "", ""),
    ("a<(a,x=", "", ""),
    ("(a<(a=", "", ""),
    ("A<(a=a=(!", "", ""),
    ("import(", "1", ")"),
    ("f(...", "1", ")"),
    ("", "a", "()"),
    ("", "a", "[0]"),
    ("", "a", "!"),
    ("", "a", "`x`"),
    ("a,", "b", ""),
    ("a??", "b", ""),
    ("return ", "1", ""),
    ("var a;", "", ""),
    (";", "", ""),
    ("type X=", "", ""),
    ("-/*;*/", "1", ""),
    ("(/*)*/", "1", ")"),
    ("-\n", "1", ""),
    ("typeof\n", "1", ""),
    ("keyof\n", "1", ""),
    ("\u{2028}", "", ""),
    ("😀", "", ""),
    ("a/b/(", "1", ")"),
    ("}/\"/(", "1", ")"),
    ("x={}/\"/ ((((\n", "1", ""),
    ("'", "", ""),
    ("\\", "", ""),
    ("\\u{", "", ""),
    ("//", "", ""),
    ("/*", "", ""),
    ("`", "", ""),
    ("enum A{a=", "", "}"),
    ("namespace A{", "", "}"),
    ("namespace A.", "B", "{}"),
    ("declare module A{", "", "}"),
    ("interface A{a:{", "", "}}"),
    ("export ", "", ""),
    ("import ", "", ""),
    ("abstract ", "", ""),
    ("class A{get ", "", ""),
    ("```\n", "", ""),
    ("~~~\n", "", ""),
];

const TYPES: &[(&str, &str, &str)] = &[
    ("A<", "A", ">"),
    ("[", "A", "]"),
    ("{a:", "A", "}"),
    ("(", "A", ")"),
    ("keyof ", "A", ""),
    ("A extends A?A:", "A", ""),
    ("A extends ", "A", "?A:A"),
    ("A extends A?", "A", ":A"),
    ("A extends infer B extends ", "A", ""),
    ("A extends (infer B extends ", "A", ")?A:A"),
    ("()=>", "A", ""),
    ("(a:", "A", ")=>A"),
    ("([", "", ""),
    ("({a:", "", ""),
    ("<T>()=>", "A", ""),
    ("<T extends ", "A", ">()=>A"),
    ("new()=>", "A", ""),
    ("A|", "A", ""),
    ("|", "A", ""),
    ("`${", "A", "}`"),
    ("A[", "A", "]"),
    ("", "A", "[]"),
    ("typeof a.", "b", ""),
    ("[...", "A", "]"),
    ("[a?:", "A", "]"),
    ("{[K in ", "A", "]:A}"),
    ("{m(a:", "A", "):A}"),
    ("(x:A)=>x is ", "A", ""),
    ("import('x').A<", "A", ">"),
    ("?", "A", ""),
    ("!", "A", ""),
    ("A<{\n", "", ""),
    ("A<()=>", "", ""),
    ("A<B,A<", "", ""),
];

fn repeated((open, middle, close): (&str, &str, &str), prefix: &str, bytes: usize) -> String {
    let count = bytes / (open.len() + close.len());
    [prefix, &open.repeat(count), middle, &close.repeat(count)].concat()
}

/// The largest script that the server takes; smaller where the parser is not optimised, to keep
/// `cargo test` short.
const LARGE: usize = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };

#[test]
fn a_mebibyte_of_anything_ends() {
    for &unit in UNITS {
        survives(repeated(unit, "", LARGE));
    }
    for &unit in TYPES {
        survives(repeated(unit, "type X = ", LARGE));
        survives(repeated(unit, "x as ", LARGE));
    }
}

/// Parses texts just under the limit, where the stack is used most.
#[test]
fn the_deepest_allowed_nesting_fits_the_stack() {
    for (prefix, units) in [("", UNITS), ("type X = ", TYPES), ("let x:", TYPES)] {
        for &(open, middle, close) in units {
            // The scan may count up to four levels for a unit.
            for count in [240, 330, 490, 990, 2_000, 4_000] {
                survives([prefix, &open.repeat(count), middle, &close.repeat(count)].concat());
            }
        }
    }
}

#[test]
fn the_limit_is_named_and_ordinary_depth_is_fine() {
    let deep = |n: usize| format!("return {}1{}", "(".repeat(n), ")".repeat(n));
    assert!(prepare(&deep(900), true).is_ok());
    let error = prepare(&deep(1_100), true).unwrap_err();
    assert!(error.message.contains("1000") && error.column > 1_000, "{error:?}");
    // Long is not deep.
    for source in [
        "const a = b + c\n".replace("b", &"b + ".repeat(3_000).replace("b", "d")),
        "x = a ? b : c\n".repeat(5_000),
        "const f = async (x: Map<string, number[]>): Promise<void> => { await g(!x) }\n"
            .repeat(3_000)
            .replace("const f", "f"),
        format!("return [{}]", "{ a: -1, b: [1, 2], c: a < b },\n".repeat(10_000)),
        "if (a < b) { f() } else if (c < d) { g() }\n".repeat(5_000),
        format!("return `{}`", "!((((".repeat(10_000)),
        "// ((((\n/* [[[[ */ 'x((('; /[(]/.test(y); a = b / c / (d)\n".repeat(3_000),
    ] {
        let result = prepare(&source, true);
        assert!(result.is_ok(), "{:?} {:?}", &source[..40], result.err());
    }
}

#[test]
fn hiding_from_the_scan_does_not_work() {
    let deep = "(".repeat(200_000);
    for before in [
        "x = {} / \"/ ",
        "x = {} / `/ ",
        "x = {} / '/ ",
        "a > /\"/ ",
        "x as void / \"/ ",
        "for await (a of b) /\"/ ",
        "of /'/ ",
        "f(a) / '/'\n",
        "a\n/\"/\n",
    ] {
        survives(format!("{before}{deep}"));
    }
}

/// Texts that once broke the scan, or the stack.
#[test]
fn found_by_random_search() {
    survives("async /x/void a;><".repeat(30_000));
    survives("/x/<T>".repeat(30_000));
    survives("<T>".repeat(300_000));
    survives("A<this".repeat(900));
    survives("..®".into());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(source in any::<String>()) {
        crate::fuzzing::script(&source);
    }

    #[test]
    fn no_sequence_of_tokens_panics_or_moves(parts in proptest::collection::vec(0..TOKENS.len(), 0..24)) {
        let source: String = parts.iter().map(|&n| TOKENS[n]).collect();
        crate::fuzzing::script(&source);
        if let Ok(prepared) = prepare(&source, true) {
            invariants::parses(&prepared);
        }
    }
}

const TOKENS: &[&str] = &[
    " ",
    " ",
    "\n",
    "\n",
    ";",
    ",",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "<T>",
    "=>",
    "=",
    ":",
    "?",
    "?.",
    ".",
    "...",
    "!",
    "+",
    "--",
    "/",
    "/x/",
    "`a`",
    "`${",
    "a",
    "b",
    "T",
    "1",
    "'s'",
    "😀",
    "é",
    "as T",
    " as ",
    " satisfies T",
    ": T",
    ": {\n a: 1 }",
    "async ",
    "async <T>\n(",
    "function ",
    "function f(",
    "class A ",
    "class { ",
    "abstract ",
    "implements B ",
    "extends C<T> ",
    "public ",
    "readonly ",
    "static ",
    "get ",
    "set ",
    "declare ",
    "type X = 1",
    "interface I {}",
    "enum E {}",
    "namespace N {}",
    "import ",
    "import type ",
    "export ",
    "export default ",
    "from 'x'",
    "type ",
    "return ",
    "throw ",
    "await ",
    "yield ",
    "let x",
    "const x",
    "if (a) ",
    "else ",
    "for (",
    "of ",
    "in ",
    "this: T, ",
    "x!",
    "x?: T",
    "(x: T): T",
    "// c\n",
    "/* c */",
    "/*\n*/",
    "\u{2028}",
    "\u{feff}",
    "#!x\n",
    "```\n",
    "keyof ",
    "new ",
    "typeof ",
    "is ",
    "asserts ",
    "unique symbol",
];
