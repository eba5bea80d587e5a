Snippets for tests/typescript.rs, each after a line with three dashes.
//---
enum Status { Open = "open", Closed = "closed" }
return [Status.Open, Object.entries(Status)];
//---
enum E { A, B, C = 5, D }
return [E, E[0], E.D, E[6]];
//---
enum E { A = 1 << 0, B = 1 << 1, C = A | B, D = ~C, F = -1, G, H = 2 ** 3, I = "abc".length }
return E;
//---
const base = 10; enum E { A = base, B }
return E;
//---
const text = "t"; enum E { A = text, B = `${text}-x`, C = text + "y" + 1 }
return Object.entries(E);
//---
enum E { D = "x" as any }
return Object.entries(E);
//---
const typed: number = 3; enum E { A = typed, B = 4 }
return Object.entries(E);
//---
enum E { "a-b" = 1, 'c d', ["e"] = 7, f }
return Object.entries(E);
//---
enum E { A = 1 } enum E { B = A + 1, C = E.B * 2 }
return E;
//---
enum F { X = 3, Y = "why" } enum E { A = F.X, B, C = F["X"] << 1, D = F.Y }
return Object.entries(E);
//---
const enum Flag { Read = 1, Write = 2, Both = Read | Write }
return [Flag.Both, Flag["Write"]];
//---
enum E { A = Infinity, B = NaN, C = -Infinity }
return Object.keys(E);
//---
const A = 100; enum E { A = 1, B = A, C = ((A) => A)(5) }
return [E.B, E.C, A];
//---
enum E { E = 1, B = E }
return E.B;
//---
function f() { enum Inner { A = 2 } { enum Deep { B = Inner.A } return [Inner, Deep]; } }
return f();
//---
enum E { A = 1 } function f(E: any) { return E }
return [f(3), E.A];
//---
declare enum Gone { A }
enum E { A }
return [typeof Gone, E.A];
//---
enum Env { A = "x" }
namespace Env { export function parse(s: string): Env { return s === "x" ? Env.A : Env.A } }
return [Env.parse("x"), Env.A];
//---
enum L { // comment, with a comma
  A /* one */ = 1 /* two */, // three
  B,
  /** doc */ C = "c",
}
return Object.entries(L);
//---
namespace N { export const a = 1 } namespace N { export const b = a + 1 }
return N;
//---
namespace A.B.C { export const v = 1 } namespace A.B { export const w = C.v + 1 }
return A;
//---
namespace N { export let n = 1; export function inc() { n++; return n } }
N.inc(); N.n += 10;
return [N.n, N.inc()];
//---
namespace N {
  export let a = 1, b: number, { c, d: [e = 4, ...f] } = { c: 3, d: [undefined, 5, 6] as any[] }
  ;[a, b] = [e, f[0]]
  export const obj = { a, c, nested: { b } }
  for (a of [1, 2, 3]) {}
  ({ a, c: b } = { a: a + 1, c: 9 });
}
return N;
//---
namespace N {
  const hidden = 1;
  export class P { constructor(public x = hidden) {} twice() { return this.x * 2 } }
  export enum E { A = hidden, B = 3 }
  export namespace Inner { export const y = E.B + hidden; export function p() { return new P(y) } }
  export interface I {} export type T = string; export declare const gone: number;
  function local() { return y() } function y() { return "local" }
  export const z = local();
}
return [Object.keys(N), N.Inner.p().twice(), N.E.A, N.z];
//---
function f() { return f.extra } namespace f { export const extra = "e" }
return f();
//---
class C { static make() { return C.defaults.a } } namespace C { export const defaults = { a: 1 } }
return C.make();
//---
namespace N { export const N = 1; export const m = N + 1 }
return N;
//---
namespace N { export class N { static s = 2 } export const v = N.s }
return [N.v, N.N.s];
//---
namespace A { export namespace B { export const c = 1 } } namespace A { export namespace B { export const d = c + 1 } }
import short = A.B;
import d = A.B.d;
return [short.c, d];
//---
namespace Types { export interface T { a: number } }
import T = Types.T;
enum E { A }
const t: T = { a: E.A };
return t;
//---
namespace N { export import inner = M.x; export const y = inner + 1 } namespace M { export const x = 1 }
return N;
//---
namespace M { export const x = 1 } namespace N { export import inner = M.x; import alias = M; export const y = inner + alias.x }
return N;
//---
namespace N { export var f = function () { return this === N }, g = () => f() }
return [N.f(), N.g()];
//---
namespace N { export const a = 1; { const a = 2; var b = a } export const c = [a, b]; function g({ a }: any, b = a) { return [a, b] } export const d = g({ a: 7 }) }
return N;
//---
namespace N { export const tag = (s: TemplateStringsArray) => s[0]; export const t = tag`x`; export const type = typeof tag; export let u = 1; export const v = -u ** 0 || u!; u--; --u }
return [N.t, N.type, N.u];
//---
namespace N { export async function f() { return 1 } export function* g() { yield* [1, 2] } export abstract class Q { abstract m(): void; k = 1 } export class R extends Q { m() {} } }
return [await_(N), [...N.g()], new N.R().k];
function await_(n: any) { return typeof n.f }
//---
namespace Empty { } namespace OnlyTypes { export type A = 1 }
enum E { A }
return [typeof Empty, typeof OnlyTypes];
//---
namespace N { export function f(a: string): string; export function f(a: number): number; export function f(a: any) { return a } }
return N.f(3);
//---
module Old { export const a = 1 }
return Old;
//---
class P { constructor(private readonly a: number, public b = 2, protected c?: string, d = 4) { this.b += d } sum() { return this.a + this.b } }
const p = new P(1);
return [p.sum(), p, Object.keys(p)];
//---
class P { z = this.x; constructor(public x: number) {} y = 2 }
return [new P(1), Object.keys(new P(1))];
//---
class B { v = 1 } class P extends B { w = this.v; constructor(public x: number, readonly y = x) { const q = 5; super(); this.x += q } }
return [new P(1), Object.keys(new P(1))];
//---
class P { constructor(public x: number) { "use strict"; this.x++ } }
return new P(1);
//---
class P { constructor(public x: string); constructor(public x: any) { this.x = this.x + "!" } }
return new P("a");
//---
const Q = class<T> { constructor(override readonly x: T) {} };
return new Q(1);
//---
class P { constructor(public get = 1, public set = 2) {} static s = new P(3) }
return P.s;
//---
class P { accessor x = 1; static accessor "y z": number = 2; accessor w!: string
  accessor v; other = 5 }
const p = new P(); p.x += 5; p.v = 3;
return [p.x, P["y z"], p.w, p.v, Object.keys(p)];
//---
class P { declare d: number; e!: string; f = 1; constructor(public g: number) {} }
return Object.keys(new P(1));
//---
enum E { A = 1_000, B = 0xff, C = 1e3, D = 0b11 as any }
return E;
//---
enum E { A } const x = <E>E.A, y = E.A as E, z = E.A!;
return [x, y, z satisfies E];
//---
let a = 1
enum E { A }
(a)
enum E { B = 5 }
return [a, E];
//---
export enum E { A, B } export namespace N { export const c = E.B } export namespace N { export const d = c }
export default () => [E, N];
//---
export const enum K { A = "k" }
export class P { constructor(public a = K.A) {} }
export default new P();
//---
enum E { A = 1 }
{ enum E { A = 2 } enum E { B = A + 1 } var inner = E; }
return [E, inner];
//---
switch (1 as number) { case 1: enum E { A = 4 } return E.A }
//---
namespace N { "use strict"; export const a = this === undefined ? 0 : 1 }
return typeof N.a;
//---
namespace N { export let x = 1; export const get = () => x, set = (v: number) => { x = v }, both = { get x() { return x }, set x(v) { x = v } } }
N.set(5); N.both.x += 1; N.x *= 2;
return [N.get(), N.both.x];
//---
namespace N { export let i = 0; for (; i < 3; i++); for (const k in { i }) i += k.length; if (i) { let i = 50; i++ } export const j = (i => i * 2)(i), { length } = `${i}` }
return N;
//---
namespace A { export const x = 1; export namespace B { export const x = 2; export const y = x; } export const z = x + B.x }
return A;
//---
enum E { A = 1, B = (() => { const A = 40; return A + E.A })(), C = 3, D }
return E;
//---
enum E { toString = 1, constructor = 2, __x__ = 3 }
return Object.entries(E);
//---
namespace N { export let a = 1; export function f(b = a, { c = a } = {} as any) { a = 2; return [a, b, c, ...[a].map(a => a)] } }
return N.f();
//---
namespace N { export class A { static x = 1; y = A.x } export class B extends A { z = new A().y } }
return new N.B();
