// structuredClone.
test(
  "clone: kinds",
  () => {
    const value = {
      n: -0,
      s: "x",
      u: undefined,
      big: 2n,
      d: new Date(7),
      r: /a/gi,
      a: [1, , 3],
      b: Object("t"),
      o: Object.create(null),
    };
    const c = structuredClone(value);
    return [
      Object.is(c.n, -0),
      c.s,
      "u" in c,
      String(c.big),
      c.d.getTime(),
      `${c.r}`,
      1 in c.a,
      c.a.length,
      c.b instanceof String,
      Object.getPrototypeOf(c.o) === Object.prototype,
    ];
  },
  [true, "x", true, "2", 7, "/a/gi", false, 3, true, true],
);
test(
  "clone: cycles and shared references",
  () => {
    const a = { list: [] };
    a.self = a;
    a.list.push(a.list, a);
    const c = structuredClone(a);
    return [c !== a, c.self === c, c.list[0] === c.list, c.list[1] === c];
  },
  [true, true, true, true],
);
test(
  "clone: maps and sets",
  () => {
    const key = { k: 1 };
    const c = structuredClone(new Map([[key, new Set([key])]]));
    const [[k, set]] = c;
    return [k !== key, set.has(k)];
  },
  [true, true],
);
test(
  "clone: errors",
  () => {
    const c = structuredClone(Object.assign(new RangeError("m", { cause: { x: 1 } }), { extra: 1 }));
    return [
      c instanceof RangeError,
      c.message,
      c.cause,
      c.extra === undefined,
      structuredClone(Object.assign(new Error("q"), { name: "Odd" })).name,
      structuredClone(new DOMException("d", "AbortError")).code,
    ];
  },
  [true, "m", { x: 1 }, true, "Error", 20],
);
test(
  "clone: buffers",
  () => {
    const b = bytes(1, 2, 3, 4).buffer;
    const c = structuredClone({ a: new Uint8Array(b, 1, 2), d: new DataView(b), b });
    return [hex(c.a), c.a.buffer === c.b, c.d.buffer === c.b, c.b !== b];
  },
  ["0203", true, true, true],
);
test(
  "clone: transfer",
  async () => {
    const b = bytes(1, 2).buffer;
    const c = structuredClone({ b }, { transfer: [b] });
    return [
      b.byteLength,
      b.detached,
      hex(c.b),
      await all(
        () => structuredClone(b),
        () => structuredClone(1, { transfer: [b] }),
        () => structuredClone(1, { transfer: [{}] }),
      ),
    ];
  },
  [0, true, "0102", Array(3).fill("DataCloneError")],
);
test(
  "clone: getters run, prototypes go",
  () => {
    class P {
      x = 1;
      get y() {
        return 2;
      }
    }
    const c = structuredClone(Object.defineProperty(new P(), "z", { get: () => 3, enumerable: true }));
    return [c, c instanceof P];
  },
  [{ x: 1, z: 3 }, false],
);
test(
  "clone: refused",
  () =>
    all(
      ...[
        () => 1,
        Symbol("x"),
        new WeakMap(),
        Promise.resolve(1),
        new Proxy({}, {}),
        { f() {} },
        new Headers(),
        new Response(),
        new URL("http://a"),
        new ReadableStream(),
        (function* () {})(),
        env,
      ].map((x) => () => structuredClone(x)),
    ),
  Array(12).fill("DataCloneError"),
);
test(
  "clone: blobs",
  async () => {
    const f = structuredClone(new File(["x"], "n"));
    return [f instanceof File, f.name, await structuredClone(new Blob(["y"])).text()];
  },
  [true, "n", "y"],
);
test("clone: many references to one long text stay one", () => {
  const text = "x".repeat(1 << 20);
  return structuredClone(Array(10000).fill(text)).length;
}, 10000);
