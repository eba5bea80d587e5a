// Exceptions, random values, MessageChannel, performance and small globals.
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
