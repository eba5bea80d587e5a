// Events, EventTarget, AbortController and AbortSignal.
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
