import util, { callbackify, deprecate, format, inherits, inspect, isDeepStrictEqual, promisify, stripVTControlCharacters, types } from "node:util";
import typesModule from "node:util/types";

const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};
class Point {
  constructor() {
    this.x = 1;
    this.y = { z: [1, 2] };
  }
}
const circular = { name: "c" };
circular.self = circular;

export const probes = {
  same: () => [types === typesModule, require("util") === util, util.TextEncoder === TextEncoder, typeof inspect.custom],
  format: () => [
    format("%s %d %i %f %j %o %O %% %c.", "a", 1.5, 2.7, "3.5", { a: 1 }, [1], { b: { c: {} } }, "css"),
    format("%s", null, undefined, Symbol("s"), 5n, -0),
    format("no placeholders", 1, "two", { three: 3 }),
    format(1, 2, "3"),
    format("%s", { toString: () => "own" }),
    format("%x %s", 1),
    format("%d", "abc", "extra"),
    format(),
  ],
  inspect: () =>
    [
      1, -0, 5n, "text", "it's", 'say "it\'s"', "line\nbreak", null, undefined, true, Symbol("s"), [], {}, [1, "a", null], { a: 1, "b-c": "d", 5: 6 }, [[[[1]]]], { a: { b: { c: { d: 1 } } } }, new Point(), circular,
      new Map([["a", 1], [{ b: 2 }, [3]]]), new Set([1, "a"]), new Date(0), /re/g, [1, , 3], [undefined, null], Object.create(null), class A {}, class B extends Point {}, function named() {}, () => {}, async () => {}, function* g() {},
      new Uint8Array([1, 2]), new ArrayBuffer(2), Buffer.from("buffer"), Buffer.alloc(0), new WeakMap(), Object(1), Object("s"), [1, 2, 3].keys ? "iterators" : "", { get a() { return 1; }, set b(v) {} },
      Array.from({ length: 120 }, (_, i) => i), "x".repeat(200), { f() {}, g: class {} }, new (class extends Map {})(), [new Date(NaN)], { a: "x".repeat(60), b: "y".repeat(60) }, ["aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc", "ddddddddddddd"],
    ].map((value) => inspect(value)),
  inspectErrors: () => {
    const error = new TypeError("message");
    error.stack = "TypeError: message\n    at place";
    const withCause = new Error("outer", { cause: "inner" });
    withCause.stack = "Error: outer\n    at place";
    const withFields = Object.assign(new RangeError("r"), { code: "E", stack: "RangeError: r\n    at x" });
    return [inspect(error), inspect({ error }), inspect(withCause), inspect(withFields)];
  },
  inspectOptions: () => [
    inspect({ a: { b: { c: {} } } }, { depth: 0 }),
    inspect({ a: { b: { c: { d: 1 } } } }, false, null),
    inspect({ a: 1, b: "x" }, { colors: true }),
    inspect([1, 2, 3, 4], { maxArrayLength: 2 }),
    inspect("abcdef", { maxStringLength: 3 }),
    inspect({ b: 1, a: 2 }, { sorted: true }),
    inspect({ a: [1, { b: 2 }] }, { compact: false }),
    inspect({ a: 1, b: 2 }, { breakLength: 3 }),
    inspect([1], { showHidden: true }),
    inspect({ a: 123456789 }, { numericSeparator: true }),
    inspect({ get a() { return 5; } }, { getters: true }),
  ],
  inspectCustom: () => [
    inspect({ [inspect.custom]: (depth, options) => `custom ${depth} ${typeof options.stylize}` }),
    inspect({ inner: { [inspect.custom]: () => ({ replaced: 1 }) } }),
    inspect({ constructor: { name: "Odd" } }),
  ],
  promisify: async () => {
    const good = (a, b, callback) => callback(null, a + b);
    const bad = (callback) => callback(new Error("no"));
    const custom = () => {};
    custom[promisify.custom] = async () => "custom";
    return [await promisify(good)(1, 2), await promisify(bad)().catch((error) => error), await promisify(custom)(), promisify(good).name, thrown(() => promisify("text"))];
  },
  callbackify: async () => [
    await new Promise((resolve) => callbackify(async (a) => a * 2)(4, (error, value) => resolve([error, value]))),
    await new Promise((resolve) => callbackify(() => Promise.reject(null))((error) => resolve(error))),
    callbackify(async function named() {}).name,
  ],
  inherits: () => {
    function Parent() {}
    Parent.prototype.hello = () => "hello";
    function Child() {}
    inherits(Child, Parent);
    return [new Child().hello(), Child.super_ === Parent, thrown(() => inherits(Child, {})), thrown(() => inherits(null, Parent))];
  },
  deprecate: () => [deprecate((a) => a + 1, "old")(1)],
  deep: () => [
    isDeepStrictEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }),
    isDeepStrictEqual({ a: 1 }, { a: "1" }),
    isDeepStrictEqual(new Set([{ a: 1 }]), new Set([{ a: 1 }])),
    isDeepStrictEqual(new Map([[1, { a: 1 }]]), new Map([[1, { a: 2 }]])),
    isDeepStrictEqual(NaN, NaN),
    isDeepStrictEqual(0, -0),
    isDeepStrictEqual([1, 2], { 0: 1, 1: 2, length: 2 }),
    isDeepStrictEqual(new Date(1), new Date(2)),
    isDeepStrictEqual(Object(1), Object(1)),
    isDeepStrictEqual({ a: undefined }, {}),
  ],
  types: () => {
    const values = { date: new Date(), regexp: /a/, map: new Map(), set: new Set(), promise: Promise.resolve(), weakMap: new WeakMap(), weakSet: new WeakSet(), error: new Error(), proxy: new Proxy({}, {}), bytes: new Uint8Array(), view: new DataView(new ArrayBuffer(1)), buffer: new ArrayBuffer(1), number: Object(1), string: Object("a"), boolean: Object(true), bigint: Object(1n), symbol: Object(Symbol()), generator: (function* () {})(), mapIterator: new Map().keys(), setIterator: new Set().values(), plain: {}, array: [], async: async () => {}, generatorFunction: function* () {}, fn: () => {}, arguments: (function () { return arguments; })(), primitive: 1, none: null };
    const names = Object.keys(types).filter((name) => !["isExternal", "isKeyObject", "isCryptoKey", "isEventTarget", "default"].includes(name)).sort();
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, names.filter((test) => types[test](value))]));
  },
  texts: () => [stripVTControlCharacters("\u001b[31mred\u001b[0m"), util.toUSVString("a\ud800"), util.styleText?.("red", "x"), util.isArray([])],
  mime: () => {
    const type = new util.MIMEType("Text/HTML; charset=utf-8; q=\"a b\"");
    return [type.type, type.subtype, type.essence, type.params.get("charset"), type.toString()];
  },
  aborted: async () => {
    const controller = new AbortController();
    const waiting = util.aborted(controller.signal, {});
    controller.abort();
    return await waiting;
  },
};
