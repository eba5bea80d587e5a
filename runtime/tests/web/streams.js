// Edge cases after web-platform-tests/streams: the readable side.
const counting = (most, log = []) => {
  let n = 0;
  return new ReadableStream({
    pull(c) {
      log.push("pull");
      c.enqueue(++n);
      if (n === most) c.close();
    },
    cancel(r) {
      log.push(`cancel ${r}`);
    },
  });
};
test("start, pull, close", () => drain(counting(3)), [1, 2, 3]);
test(
  "pull waits for room",
  async () => {
    const log = [];
    counting(9, log);
    await later(1);
    return log;
  },
  ["pull"],
);
test("a high-water mark of 3", async () => {
  let n = 0;
  new ReadableStream(
    {
      pull(c) {
        c.enqueue(++n);
      },
    },
    { highWaterMark: 3 },
  );
  await later(1);
  return n;
}, 3);
test("a size function", async () => {
  let n = 0;
  new ReadableStream(
    {
      pull(c) {
        c.enqueue("xx");
        n++;
      },
    },
    { highWaterMark: 5, size: (x) => x.length },
  );
  await later(1);
  return n;
}, 3);
test(
  "byte lengths",
  () => {
    const s = new ByteLengthQueuingStrategy({ highWaterMark: 7 });
    return [s.highWaterMark, s.size(bytes(1, 2)), new CountQueuingStrategy({ highWaterMark: 2 }).size()];
  },
  [7, 2, 1],
);
test(
  "desiredSize",
  () => {
    let c;
    const s = new ReadableStream(
      {
        start(x) {
          c = x;
        },
      },
      { highWaterMark: 2 },
    );
    const seen = [c.desiredSize];
    c.enqueue(1);
    seen.push(c.desiredSize);
    c.enqueue(1);
    c.enqueue(1);
    seen.push(c.desiredSize);
    c.error(new Error("x"));
    seen.push(c.desiredSize);
    return seen;
  },
  [2, 1, -1, null],
);
test(
  "the source's errors",
  async () => {
    const c = new Error("boom");
    const a = new ReadableStream(
      {
        start() {
          throw c;
        },
      },
      undefined,
    );
    return a;
  },
  "Error: boom",
);
test(
  "start rejects",
  async () =>
    thrown(() =>
      new ReadableStream({
        async start() {
          throw new RangeError("x");
        },
      })
        .getReader()
        .read(),
    ),
  "RangeError",
);
test(
  "enqueue after close",
  () => {
    let c;
    new ReadableStream({
      start(x) {
        c = x;
      },
    });
    c.close();
    return all(
      () => c.enqueue(1),
      () => c.close(),
    );
  },
  ["TypeError", "TypeError"],
);
test(
  "queued chunks come before the close, and are lost by an error",
  async () => {
    let c;
    const s = new ReadableStream({
      start(x) {
        c = x;
        x.enqueue(1);
        x.enqueue(2);
      },
    });
    const r = s.getReader();
    const first = await r.read();
    c.error(new RangeError("x"));
    return [first, await thrown(() => r.read()), await thrown(() => r.closed)];
  },
  [{ value: 1, done: false }, "RangeError", "RangeError"],
);
test(
  "reads wait in order",
  async () => {
    let c;
    const r = new ReadableStream({
      start(x) {
        c = x;
      },
    }).getReader();
    const reads = [r.read(), r.read(), r.read()];
    c.enqueue("a");
    c.enqueue("b");
    c.close();
    return Promise.all(reads);
  },
  [{ value: "a", done: false }, { value: "b", done: false }, { done: true }],
);
test(
  "releasing rejects waiting reads",
  async () => {
    const s = new ReadableStream();
    const r = s.getReader();
    const read = r.read();
    r.releaseLock();
    return [
      await thrown(() => read),
      await thrown(() => r.closed),
      await thrown(() => r.read()),
      s.locked,
      s.getReader() !== r,
    ];
  },
  ["TypeError", "TypeError", "TypeError", false, true],
);
test(
  "locks",
  () => {
    const s = new ReadableStream();
    s.getReader();
    return all(
      () => s.getReader(),
      () => s.cancel(),
      () => s.tee(),
      () => s.pipeTo(new WritableStream()),
      () => s.pipeThrough(new TransformStream()),
      () => s.getReader({ mode: "byob" }),
    );
  },
  Array(6).fill("TypeError"),
);
test(
  "cancel",
  async () => {
    const log = [];
    const s = counting(9, log);
    await later(1);
    const value = await s.cancel("why");
    return [log, typeof value, await s.getReader().read()];
  },
  [["pull", "cancel why"], "undefined", { done: true }],
);
test(
  "breaking out of a loop cancels",
  async () => {
    const log = [];
    const s = counting(9, log);
    for await (const x of s) break;
    return [log.at(-1), s.locked];
  },
  ["cancel undefined", false],
);
test(
  "preventCancel keeps the rest",
  async () => {
    const s = counting(3);
    for await (const x of s.values({ preventCancel: true })) break;
    return drain(s);
  },
  [2, 3],
);
test(
  "tee",
  async () => {
    const [a, b] = counting(3).tee();
    return [await drain(a), await drain(b)];
  },
  [
    [1, 2, 3],
    [1, 2, 3],
  ],
);
test(
  "tee: cancel needs both",
  async () => {
    const log = [];
    const [a, b] = counting(9, log).tee();
    const first = a.cancel("a");
    await later(1);
    const before = log.filter((x) => x !== "pull").length;
    await b.cancel("b");
    await first;
    return [before, log.at(-1)];
  },
  [0, "cancel a,b"],
);
test(
  "tee: errors reach both",
  async () => {
    const [a, b] = new ReadableStream({
      pull() {
        throw new RangeError("x");
      },
    }).tee();
    return all(
      () => drain(a),
      () => drain(b),
    );
  },
  ["RangeError", "RangeError"],
);
test(
  "from",
  async () => [
    await drain(ReadableStream.from([1, Promise.resolve(2)])),
    await drain(ReadableStream.from("ab")),
    await drain(
      ReadableStream.from(
        (async function* () {
          yield 1;
          yield 2;
        })(),
      ),
    ),
    await all(
      () => ReadableStream.from(1),
      () => ReadableStream.from({}),
    ),
  ],
  [
    [1, 2],
    ["a", "b"],
    [1, 2],
    ["TypeError", "TypeError"],
  ],
);
test(
  "from: cancel ends the generator",
  async () => {
    const log = [];
    const s = ReadableStream.from(
      (function* () {
        try {
          yield 1;
          yield 2;
        } finally {
          log.push("end");
        }
      })(),
    );
    for await (const x of s) break;
    return log;
  },
  ["end"],
);
test(
  "byte streams",
  async () => {
    const s = new ReadableStream({
      type: "bytes",
      start(c) {
        c.enqueue(bytes(1, 2));
        c.enqueue(new DataView(bytes(3).buffer));
        c.close();
      },
    });
    return (await drain(s)).map(hex);
  },
  ["0102", "03"],
);
test(
  "byte streams: wrong chunks",
  () => {
    let c;
    new ReadableStream({
      type: "bytes",
      start(x) {
        c = x;
      },
    });
    return all(
      () => c.enqueue("x"),
      () => c.enqueue(bytes()),
      () => new ReadableStream({ type: "x" }),
      () => new ReadableStream({ type: "bytes" }, { size() {} }),
    );
  },
  ["TypeError", "TypeError", "TypeError", "RangeError"],
);
test(
  "wrong arguments",
  () =>
    all(
      () => new ReadableStream(null),
      () => new ReadableStream({ pull: 1 }),
      () => new ReadableStream({}, { highWaterMark: -1 }),
      () => new WritableStream({ type: "x" }),
      () => new ReadableStreamDefaultReader({}),
      () => new ReadableStreamDefaultController(),
      () => ReadableStream.prototype.getReader.call({}),
      () => counting(1).pipeThrough({}),
    ),
  ["TypeError", "TypeError", "RangeError", "RangeError", "TypeError", "TypeError", "TypeError", "TypeError"],
);
test(
  "a size that is not a number",
  async () => {
    let c;
    const s = new ReadableStream(
      {
        start(x) {
          c = x;
        },
      },
      { size: () => NaN },
    );
    return [await thrown(() => c.enqueue(1)), await thrown(() => s.getReader().read())];
  },
  ["RangeError", "RangeError"],
);
