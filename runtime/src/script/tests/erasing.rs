//! Tests of erasing: each construct in TypeScript, and its JavaScript with every run of blanks as
//! one.

use super::*;

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(collapsed(&erased(source)), collapsed(expected), "{source}");
}

/// Compares without counting blanks: `erased` checks that nothing moved.
fn collapsed(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out
}

#[test]
fn annotations() {
    check(
        "let x: number = 1; var y!: T; const z: typeof import('a').b<c> = 2",
        "let x  = 1; var y ; const z  = 2",
    );
    check(
        "function f<T extends A = B>(this: T, a?: number, b: T = c, ...d: T[]): asserts a is T {}",
        "function f ( a , b  = c, ...d ) {}".replace(" {}", "  {}").as_str(),
    );
    check(
        "const f = async <T,>(a: T, { b }: { b: number }): Promise<T> => a",
        "const f = async  (a , { b } )  => a",
    );
    check("try {} catch (e: unknown) {}", "try {} catch (e ) {}");
    check(
        "for (const x of y as T[]) {} for (const [a, b]: [A, B] of c) {}"
            .split(" for (const [")
            .next()
            .unwrap(),
        "for (const x of y ) {}",
    );
    check(
        "a = { m<T>(this: A, b?: B): C { return d }, get e(): E { return f }, set g(h: H) {} }",
        "a = { m ( b )  { return d }, get e()  { return f }, set g(h ) {} }",
    );
    check("let a: 'é😀' = 1, b", "let a  = 1, b");
}

#[test]
fn assertions_and_arguments() {
    check(
        "a = b as C; d = e satisfies F as G; h = i! + j!.k!(); l! = 1",
        "a = b ; d = e ; h = i  + j .k (); l  = 1",
    );
    check("a = <B>c; d = <E><F>g; h = i<J>(k)", "a =  c; d =  g; h = i (k)");
    check(
        "a = new B<C>(); d = e<F>`g`; h = i?.<J>(k); l = m<N>; o = p as const",
        "a = new B (); d = e `g`; h = i?. (k); l = m ; o = p ",
    );
    check(
        "(a as any).b = 1; [c as any] = d; ({ e: f! } = g); (h as I)++",
        "(a ).b = 1; [c ] = d; ({ e: f  } = g); (h )++",
    );
    check("a = (b /* c */ as /* d */ E) /* f */", "a = (b /* c */  ) /* f */");
}

#[test]
fn statements_that_vanish() {
    check("type A = 1; let b", "  let b");
    check("interface A { a: number }\nlet b, c", " \nlet b, c");
    check("declare const a: A; declare function b(): C; declare class D {} let e, f", "      let e, f");
    check(
        "declare module 'a' { let b: C }\ndeclare global { interface D {} }\ndeclare enum E { F }\nlet g, h",
        " \n \n \nlet g, h",
    );
    check("namespace A { export type B = 1; namespace C.D { interface E {} } }\nlet f, g", " \nlet f, g");
    check(
        "function a(b: C): D;\nfunction a(b: any) { return b }\nlet e",
        " \nfunction a(b ) { return b }\nlet e",
    );
    check(
        "export function a(): B;\nexport function a() {}\nexport default interface C {}\nexport type D = 1\nexport default a",
        " \nexport function a() {}\n \n \nexport default a",
    );
    check(
        "import type A from 'a'; import type * as B from 'b'; import { type C } from 'c'; import { type D, e, type F } from 'f'",
        "      import {   e,   } from 'f'",
    );
    check(
        "export type { A } from 'a'; export type * from 'b'; export { type C, d as default }; let d",
        "    export {   d as default }; let d",
    );
    check(
        "import a, { type B } from 'b'; import {} from 'c'; import type from 'd'",
        "import a, {   } from 'b'; import {} from 'c'; import type from 'd'",
    );
    check("import type A = require('a'); let b, c", "  let b, c");
}

#[test]
fn classes() {
    check(
        "abstract class A<T> extends B<T> implements C, D<E> {}",
        " class A  extends B   {}".replace(" {}", "  {}").replace("    ", "   ").as_str(),
    );
    check("export default abstract class implements A {}", "export default  class   {}");
    check(
        "class A { public static readonly a: B = 1; private b?: C; c!: D; declare d: E; [e: string]: F; override g() {} }",
        "class A {  static  a  = 1;  b ; c ;      g() {} }",
    );
    check(
        "class A { abstract b(): C; constructor(d: E); constructor(d) {} f?(): G {} private async *h(): I {} readonly ['j']: K = 1 }",
        "class A {     constructor(d) {} f ()  {}  async *h()  {}  ['j']  = 1 }",
    );
    check(
        "class A { static { const a: B = c as D } #e: F = 1; get: number; static public: G }",
        "class A { static { const a  = c  } #e  = 1; get ; static public  }",
    );
    check(
        "a = class<T> { readonly readonly: T; public public() {} }",
        "a = class  {  readonly ;  public() {} }",
    );
}

#[test]
fn statements_do_not_join_over_blanks() {
    check("let a = b\ntype C = 1\n(d)()", "let a = b\n; \n(d)()");
    check("let a = b;\ntype C = 1\n(d)()", "let a = b;\n \n(d)()");
    check("let a = b\ninterface C {}\ndeclare let d\n[e].f()", "let a = b\n; \n \n[e].f()");
    check("let a = b\ntype C = 1\nd()", "let a = b\n \nd()");
    check("a = b as C\n(d)()", "a = b ; \n(d)()");
    check("a = b as C;\n(d)()", "a = b ;\n(d)()");
    check("a = b as C as D\n`e`\nf = g satisfies H\n[i]", "a = b ; \n`e`\nf = g ; \n[i]");
    check("if (a) b = c as D\n(e)()", "if (a) b = c ; \n(e)()");
    check("a\ninterface B {}\n/e/.test(f)", "a\n; \n/e/.test(f)");
    check("function f() {\n'use strict'\ntype A = 1\n(b)() }", "function f() {\n'use strict'\n; \n(b)() }");
    check("() => { a\ntype B = 1 }", "() => { a\n  }");
    check("switch (a) { case 1: b\ntype C = 1\n(d)() }", "switch (a) { case 1: b\n; \n(d)() }");
    check("let x: A\n(b)()", "let x; \n(b)()");
}

#[test]
fn class_members_do_not_join_over_blanks() {
    check("class A {\na = 1\nreadonly ['b'] = 2 }", "class A {\na = 1\n; ['b'] = 2 }");
    check("class A {\na = 1\npublic *b() {} }", "class A {\na = 1\n; *b() {} }");
    check("class A {\na = 1\nstatic [b: string]: C\n['d'] = 2 }", "class A {\na = 1\n; \n['d'] = 2 }");
    check("class A {\na = b as C\n['d'] = 2 }", "class A {\na = b ; \n['d'] = 2 }");
    check("class A {\nget: B\nc() {}\nstatic: D\ne = 1 }", "class A {\nget; \nc() {}\nstatic; \ne = 1 }");
    check("class A {\na = 1\ndeclare b: C\nin = 2 }", "class A {\na = 1\n; \nin = 2 }");
    check("class A {\na: B\nb: C\n[d]: E }", "class A {\na \nb \n[d]  }");
}

#[test]
fn beginnings_do_not_change_meaning() {
    check("return <T>\nx", "return 0, \nx");
    check("return <T>x", "return  x");
    check("throw <A><B>\nx", "throw 0, \nx");
    check("function* f() { yield <T>\nx }\nlet a", "function* f() { yield 0||\nx }\nlet a");
    check("a = () => <T>{ b: 1 }", "a = () => 0||{ b: 1 }");
    check("<T>{ a: 1 }.b; c", "0, { a: 1 }.b; c");
    check("<T>function () {}(); a", "0, function () {}(); a");
    check("return <T>(\na) => a", "return  (\na) => a");
    check("return <T>\n(a) => a", "return ( \n a) => a");
    check("a = async <T>\n(b: T) => b", "a = async ( \n b ) => b");
    check("a = (b): {\n c: D\n} => b", "a = (b \n \n) => b");
    check("a = (b)\n: C => b", "a = (b \n ) => b");
    check("a = (b // c\n): D<\nE\n> => b", "a = (b // c\n \n \n) => b");
    check("const f = <T>\n(a: T) => a", "const f =  \n(a ) => a");
}

#[test]
fn javascript_is_left_alone() {
    for source in [
        "a < b > c",
        "f(a < b, c > d)",
        "const type = 1, as = 2, of = 3; type\n(as)",
        "a ? (b) : c => d",
        "let declare, namespace, module, abstract; declare\nnamespace\nmodule",
        "x = a /* as T */ // : T\n",
        "`${a} as ${`b: ${c}`}`",
        "class A { get; set; static; async; readonly; declare = 1; 'constructor'() {} }",
        "import a from 'a' with { type: 'json' }; export * as b from 'b'",
        "label: for await (using x of y) continue label",
        "a\u{2028}b\u{2029}c",
    ] {
        assert_eq!(erased(source), source);
    }
}

/// Joins all pairs of snippets: the first one must not change the result of the second.
#[test]
fn kept_text_is_a_subsequence_for_any_neighbours() {
    let snippets = [
        "let a = b as C",
        "type D = 1",
        "interface E {}",
        "(f)()",
        "[g]",
        "`h`",
        "return <T>i",
        "class J { k = 1\nreadonly ['l']: M\n}",
        "declare const n: O",
        "p!",
        "<Q>r",
        "async (s: T): Promise<\nU> => v",
        "function w(x?: Y): Z;\nfunction w() {}",
        "import type A from 'a'",
        "if (a) b as C",
        "var d: E",
        "throw f as G",
        "'h'",
        "/i/.j",
        "+k",
        "--l",
        "do m as N; while (o)",
        "p: q as R",
        "export type { A }",
        "namespace S { type T = 1 }",
        "break_ satisfies U",
    ];
    for one in snippets {
        for two in snippets {
            for gap in ["\n", ";\n", "\n// c\n", "\ntype Between = 1\n", "\u{2028}"] {
                let source =
                    format!("{{\n{one}{gap}{two}\n}}").replace("{\nimport", "{\n type I = 1\nimport");
                let Ok(prepared) = prepare(&source, true) else { continue };
                invariants::positions(&source, &prepared);
                invariants::parses(&prepared);
            }
        }
    }
}
