// Events, abort signals, exceptions, cloning, crypto and small globals.
test(
  "listeners: order, once, remove, signal",
  () => {
    const t = new EventTarget();
    const log = [];
    const c = new AbortController();
    const gone = () => log.push("gone");
    t.addEventListener("x", () => log.push(1));
    t.addEventListener("x", () => log.push(2), { once: true });
    t.addEventListener("x", gone);
    t.removeEventListener("x", gone);
    t.addEventListener("x", () => log.push(3), { signal: c.signal });
    t.addEventListener("x", {
      handleEvent(e) {
        log.push(e.currentTarget === t);
      },
    });
    t.dispatchEvent(new Event("x"));
    c.abort();
    t.dispatchEvent(new Event("x"));
    return log;
  },
  [1, 2, 3, true, 1, true],
);
test("listeners: duplicates, added while dispatching", () => {
  const t = new EventTarget();
  let n = 0;
  const f = () => {
    n++;
    t.addEventListener("x", () => {
      n += 10;
    });
  };
  t.addEventListener("x", f);
  t.addEventListener("x", f);
  t.dispatchEvent(new Event("x"));
  return n;
}, 1);
test(
  "events: fields",
  () => {
    const e = new CustomEvent("t", { detail: 5, cancelable: true });
    const t = new EventTarget();
    t.addEventListener("t", (x) => x.preventDefault());
    return [
      t.dispatchEvent(e),
      e.defaultPrevented,
      e.detail,
      e.type,
      e.bubbles,
      e.target === t,
      e.eventPhase,
      e.isTrusted,
      Event.AT_TARGET,
    ];
  },
  [false, true, 5, "t", false, true, 0, false, 2],
);
test("events: stop", () => {
  const t = new EventTarget();
  let n = 0;
  t.addEventListener("x", (e) => {
    n++;
    e.stopImmediatePropagation();
  });
  t.addEventListener("x", () => {
    n += 10;
  });
  t.dispatchEvent(new Event("x"));
  return n;
}, 1);
test(
  "events: refused",
  () => {
    const e = new Event("x");
    const t = new EventTarget();
    let inner;
    t.addEventListener("x", () => {
      try {
        t.dispatchEvent(e);
      } catch (error) {
        inner = error.name;
      }
    });
    t.dispatchEvent(e);
    return all(
      () => {
        throw Object.assign(new Error(), { name: inner });
      },
      () => new Event(),
      () => t.dispatchEvent({}),
      () => t.addEventListener("x", 1),
    );
  },
  ["InvalidStateError", "TypeError", "TypeError", "TypeError"],
);
test(
  "events: MessageEvent, ErrorEvent",
  () => [new MessageEvent("m", { data: [1] }).data, new ErrorEvent("e", { message: "x", error: 5 }).error],
  [[1], 5],
);
test("a class of its own", () => {
  class T extends EventTarget {
    go() {
      return this.dispatchEvent(new Event("x"));
    }
  }
  let n = 0;
  const t = new T();
  t.addEventListener("x", () => n++);
  t.go();
  return n;
}, 1);
test(
  "abort",
  () => {
    const c = new AbortController();
    const log = [];
    c.signal.onabort = function (e) {
      log.push(e.type, this === c.signal);
    };
    c.abort("r");
    c.abort("s");
    return [log, c.signal.aborted, c.signal.reason, c.signal instanceof EventTarget];
  },
  [["abort", true], true, "r", true],
);
test(
  "abort: reasons",
  () => {
    const c = new AbortController();
    c.abort();
    return [
      c.signal.reason.name,
      c.signal.reason instanceof DOMException,
      AbortSignal.abort(5).reason,
      (() => {
        try {
          AbortSignal.abort(6).throwIfAborted();
        } catch (e) {
          return e;
        }
      })(),
      new AbortController().signal.throwIfAborted() === undefined,
    ];
  },
  ["AbortError", true, 5, 6, true],
);
test(
  "abort: timeout",
  async () => {
    const s = AbortSignal.timeout(5);
    const before = s.aborted;
    await later(20);
    return [before, s.aborted, s.reason.name];
  },
  [false, true, "TimeoutError"],
);
test(
  "abort: any",
  () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const any = AbortSignal.any([a.signal, AbortSignal.any([b.signal])]);
    let n = 0;
    any.addEventListener("abort", () => n++);
    b.abort("b");
    a.abort("a");
    return [any.reason, n, AbortSignal.any([]).aborted, AbortSignal.any([AbortSignal.abort(1), a.signal]).reason];
  },
  ["b", 1, false, 1],
);
test(
  "abort: refused",
  () =>
    all(
      () => new AbortSignal(),
      () => AbortSignal.timeout(-1),
      () => AbortSignal.timeout(NaN),
      () => AbortSignal.any([1]),
    ),
  Array(4).fill("TypeError"),
);
test(
  "DOMException",
  () => {
    const e = new DOMException("m", "DataCloneError");
    return [
      e.name,
      e.message,
      e.code,
      e instanceof Error,
      e instanceof DOMException,
      `${e}`,
      Object.prototype.toString.call(e),
      new DOMException().name,
      new DOMException("x", "Own").code,
      DOMException.TIMEOUT_ERR,
      typeof e.stack,
      Object.keys(e),
    ];
  },
  ["DataCloneError", "m", 25, true, true, "DataCloneError: m", "[object DOMException]", "Error", 0, 23, "string", []],
);
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
test(
  "digests",
  async () => {
    const d = async (n, x) => hex(await crypto.subtle.digest(n, x));
    return [
      await d("SHA-1", utf8("abc")),
      await d({ name: "sha-256" }, utf8("")),
      (await d("SHA-384", utf8("abc"))).slice(0, 16),
      (await d("SHA-512", utf8("abc").buffer)).slice(0, 16),
    ];
  },
  [
    "a9993e364706816aba3e25717850c26c9cd0d89d",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cb00753f45a35e8b",
    "ddaf35a193617aba",
  ],
);
test(
  "HMAC, RFC 4231 case 2",
  async () => {
    const out = [];
    for (const hash of ["SHA-256", "SHA-384", "SHA-512"]) {
      const key = await crypto.subtle.importKey("raw", utf8("Jefe"), { name: "HMAC", hash }, true, ["sign", "verify"]);
      const mac = await crypto.subtle.sign("HMAC", key, utf8("what do ya want for nothing?"));
      out.push(
        hex(mac).slice(0, 16),
        await crypto.subtle.verify("HMAC", key, mac, utf8("what do ya want for nothing?")),
        await crypto.subtle.verify("HMAC", key, mac, utf8("other")),
        hex(await crypto.subtle.exportKey("raw", key)),
      );
    }
    return out;
  },
  [
    "5bdcc146bf60754e",
    true,
    false,
    "4a656665",
    "af45d2e376484031",
    true,
    false,
    "4a656665",
    "164b7a7bfcf819e2",
    true,
    false,
    "4a656665",
  ],
);
test(
  "keys: refused",
  async () => {
    const h = { name: "HMAC", hash: "SHA-1" };
    const key = await crypto.subtle.importKey("raw", bytes(1), h, false, ["sign"]);
    return all(
      () => crypto.subtle.exportKey("raw", key),
      () => crypto.subtle.verify("HMAC", key, bytes(1), bytes(1)),
      () => crypto.subtle.importKey("raw", bytes(), h, false, ["sign"]),
      () => crypto.subtle.importKey("raw", bytes(1), h, false, []),
      () => crypto.subtle.importKey("raw", bytes(1), h, false, ["encrypt"]),
      () => crypto.subtle.importKey("jwk", {}, h, false, ["sign"]),
      () => crypto.subtle.encrypt(),
      () => crypto.subtle.digest("SHA-1"),
      () => crypto.subtle.sign("HMAC", {}, bytes()),
    );
  },
  [
    "InvalidAccessError",
    "InvalidAccessError",
    "DataError",
    "SyntaxError",
    "SyntaxError",
    "DataError",
    "TypeError",
    "TypeError",
    "TypeError",
  ],
);
test(
  "digests: MD5, and a DigestStream",
  async () => {
    const stream = new crypto.DigestStream("SHA-256");
    const writer = stream.getWriter();
    await writer.write(utf8("a"));
    await writer.write("bc");
    await writer.close();
    const broken = new crypto.DigestStream({ name: "MD5" });
    await broken.abort(new RangeError("why"));
    return [
      hex(await crypto.subtle.digest("md5", utf8("abc"))),
      hex(await stream.digest).slice(0, 16),
      `${stream.bytesWritten}`,
      stream instanceof WritableStream,
      await all(
        () => broken.digest,
        () => new crypto.DigestStream("nonsense"),
      ),
    ];
  },
  ["900150983cd24fb0d6963f7d28e17f72", "ba7816bf8f01cfea", "3", true, ["RangeError", "NotSupportedError"]],
);
test(
  "random",
  () => {
    const a = crypto.getRandomValues(new Uint8Array(64));
    const b = crypto.getRandomValues(new BigUint64Array(2));
    const ids = new Set(Array.from({ length: 100 }, () => crypto.randomUUID()));
    return [
      a.some((x) => x !== 0),
      b.length,
      ids.size,
      [...ids].every((x) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(x)),
    ];
  },
  [true, 2, 100, true],
);
test(
  "random: refused",
  () =>
    all(
      () => crypto.getRandomValues(new Uint8Array(65537)),
      () => crypto.getRandomValues(new Float64Array(1)),
      () => crypto.getRandomValues([]),
      () => new Crypto(),
    ),
  ["QuotaExceededError", "TypeMismatchError", "TypeMismatchError", "TypeError"],
);
test(
  "timingSafeEqual",
  async () => [
    crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 2)),
    crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 3)),
    await thrown(() => crypto.subtle.timingSafeEqual(bytes(1), bytes(1, 2))),
  ],
  [true, false, "TypeError"],
);
test(
  "scheduler.wait: a signal",
  async () => {
    const controller = new AbortController();
    const waiting = scheduler.wait(3e5, { signal: controller.signal });
    controller.abort();
    return [
      await all(
        () => waiting,
        () => scheduler.wait(1, { signal: AbortSignal.abort() }),
        () => scheduler.wait(1, { signal: {} }),
      ),
      await scheduler.wait(1, { signal: new AbortController().signal }),
    ];
  },
  [["AbortError", "AbortError", "TypeError"], null],
);
test(
  "DOMException: constants without a name",
  () => [DOMException.DOMSTRING_SIZE_ERR, DOMException.NO_DATA_ALLOWED_ERR, new DOMException().VALIDATION_ERR],
  [2, 6, 16],
);
test(
  "performance: marks and measures",
  async () => {
    const a = performance.mark("a", { startTime: 5, detail: { x: [1] } });
    performance.mark("b", { startTime: 12 });
    const measured = performance.measure("m", "a", "b");
    performance.measure("n", { start: 1, duration: 2, detail: 3 });
    const names = performance.getEntries().map((entry) => `${entry.entryType} ${entry.name} ${entry.duration}`);
    performance.clearMarks("a");
    performance.clearMeasures();
    return [
      [a.detail, a instanceof PerformanceEntry, measured.startTime, measured.detail],
      names,
      performance.getEntriesByType("mark").length,
      performance.getEntriesByName("b", "mark").length,
      JSON.parse(JSON.stringify(performance.getEntries()[0])),
      await all(
        () => performance.measure("x", "a"),
        () => performance.mark("x", { startTime: -1 }),
        () => performance.mark("x", { detail: () => {} }),
        () => performance.measure("x", { detail: 1 }),
        () => performance.measure("x", { start: 1, end: 2, duration: 3 }),
        () => new PerformanceEntry(),
        () => performance.measure(),
      ),
    ];
  },
  [
    [{ x: [1] }, true, 5, null],
    ["measure n 2", "mark a 0", "measure m 7", "mark b 0"],
    1,
    1,
    { name: "b", entryType: "mark", startTime: 12, duration: 0, detail: null },
    ["SyntaxError", "TypeError", "DataCloneError", "TypeError", "TypeError", "TypeError", "TypeError"],
  ],
);
test(
  "the global scope",
  () => [
    self instanceof WorkerGlobalScope,
    globalThis instanceof ServiceWorkerGlobalScope,
    {} instanceof WorkerGlobalScope,
    origin,
    navigator.hardwareConcurrency,
  ],
  [true, true, false, "null", 1],
);
test(
  "MessageChannel",
  async () => {
    const { port1, port2 } = new MessageChannel();
    const seen = [];
    const sent = { a: new Map([[1, 2]]) };
    const buffer = new ArrayBuffer(4);
    port1.postMessage(sent);
    port1.postMessage(buffer, [buffer]);
    port1.postMessage("last", { transfer: [] });
    sent.a.clear();
    await later(1);
    port2.onmessage = ({ data, target, type }) => seen.push([data, target === port2, type]);
    await later(5);
    port2.onmessage = null;
    const answer = new Promise((resolve) => port1.addEventListener("message", resolve));
    port1.start();
    port2.postMessage(1);
    const closed = new Promise((resolve) => port2.addEventListener("close", resolve));
    const { data } = await answer;
    port1.close();
    await closed;
    port2.postMessage("into nothing");
    return [
      seen.map(([data]) => (data.a instanceof Map ? [...data.a] : (data.byteLength ?? data))),
      seen.every(([, same, type]) => same && type === "message"),
      buffer.byteLength,
      data,
      await all(
        () => port1.postMessage(() => {}),
        () => port1.postMessage(),
        () => new MessagePort(),
      ),
    ];
  },
  [[[[1, 2]], 4, "last"], true, 0, 1, ["DataCloneError", "TypeError", "TypeError"]],
);
test(
  "performance, navigator, scheduler",
  async () => {
    const before = performance.now();
    await scheduler.wait(5);
    return [
      performance.now() >= before + 4,
      Number.isInteger(performance.now()),
      Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 50,
      navigator.userAgent,
      self === globalThis,
    ];
  },
  [true, true, true, "isolet", true],
);
test(
  "globals are not enumerable, and can be replaced",
  () => {
    const seen = Object.keys(globalThis).filter((x) => x !== "env" && x !== "input");
    globalThis.fetch = 5;
    return [seen, fetch];
  },
  [[], 5],
);
