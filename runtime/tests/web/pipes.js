// Edge cases after web-platform-tests/streams: the writable side, transforms, pipes.
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
const sink = (log, over = {}) =>
  new WritableStream({
    write(x) {
      log.push(x);
    },
    close() {
      log.push("close");
    },
    abort(r) {
      log.push(`abort ${r?.message ?? r}`);
    },
    ...over,
  });
test(
  "write, close",
  async () => {
    const log = [];
    const w = sink(log).getWriter();
    w.write(1);
    await w.write(2);
    await w.close();
    await w.closed;
    return [log, await thrown(() => w.write(3))];
  },
  [[1, 2, "close"], "TypeError"],
);
test(
  "backpressure of a writer",
  async () => {
    let go;
    const w = new WritableStream({
      write: () =>
        new Promise((r) => {
          go = r;
        }),
    }).getWriter();
    await w.ready;
    const before = w.desiredSize;
    w.write(1);
    const full = w.desiredSize;
    let ready = false;
    w.ready.then(() => {
      ready = true;
    });
    await later(1);
    const waited = ready;
    go();
    await w.ready;
    return [before, full, waited, w.desiredSize];
  },
  [1, 0, false, 1],
);
test(
  "a failing write",
  async () => {
    const w = new WritableStream({
      write() {
        throw new RangeError("x");
      },
    }).getWriter();
    const out = [];
    for (const f of [() => w.write(1), () => w.closed, () => w.ready, () => w.write(2), () => w.close()])
      out.push(await thrown(f));
    return out;
  },
  ["RangeError", "RangeError", "RangeError", "RangeError", "TypeError"],
);
test(
  "closing while a write fails",
  () => {
    const w = new WritableStream({
      write() {
        throw new RangeError("x");
      },
    }).getWriter();
    return all(
      () => w.write(1),
      () => w.close(),
      () => w.closed,
      () => w.ready,
    );
  },
  ["RangeError", "RangeError", "RangeError", "returned undefined"],
);
test(
  "abort",
  async () => {
    const log = [];
    const w = sink(log).getWriter();
    await w.abort(new Error("why"));
    return [log, await thrown(() => w.closed), await thrown(() => w.write(1)), w.desiredSize];
  },
  [["abort why"], "Error", "Error", null],
);
test(
  "abort signals the write in flight",
  async () => {
    let signal;
    let end;
    const s = new WritableStream({
      start(c) {
        signal = c.signal;
      },
      write: () =>
        new Promise((r) => {
          end = r;
        }),
    });
    const w = s.getWriter();
    w.write(1).catch(() => {});
    await later(1);
    const aborted = w.abort("r");
    const seen = [signal.aborted, signal.reason];
    end();
    await aborted;
    return seen;
  },
  [true, "r"],
);
test(
  "controller.error",
  async () => {
    let c;
    const w = new WritableStream({
      start(x) {
        c = x;
      },
    }).getWriter();
    await later(1);
    c.error(new RangeError("x"));
    return all(
      () => w.write(1),
      () => w.closed,
    );
  },
  ["RangeError", "RangeError"],
);
test(
  "writable locks",
  () => {
    const s = new WritableStream();
    s.getWriter();
    return all(
      () => s.getWriter(),
      () => s.close(),
      () => s.abort(),
    );
  },
  Array(3).fill("TypeError"),
);
test(
  "closing twice",
  async () => {
    const s = new WritableStream();
    const first = s.close();
    const second = await thrown(() => s.close());
    await first;
    return second;
  },
  "TypeError",
);
test(
  "transform",
  async () => {
    const t = new TransformStream({
      start(c) {
        c.enqueue("s");
      },
      transform(x, c) {
        c.enqueue(x * 2);
      },
      flush(c) {
        c.enqueue("f");
      },
    });
    return drain(counting(2).pipeThrough(t));
  },
  ["s", 2, 4, "f"],
);
test(
  "transform: identity, many chunks",
  async () => (await drain(counting(500).pipeThrough(new TransformStream()).pipeThrough(new TransformStream()))).length,
  500,
);
test(
  "transform: errors go both ways",
  async () => {
    const t = new TransformStream({
      transform() {
        throw new RangeError("x");
      },
    });
    const w = t.writable.getWriter();
    const r = t.readable.getReader();
    w.write(1).catch(() => {});
    return all(
      () => r.read(),
      () => w.closed,
    );
  },
  ["RangeError", "RangeError"],
);
test(
  "transform: terminate",
  async () => {
    const t = new TransformStream({
      transform(x, c) {
        c.enqueue(x);
        c.terminate();
      },
    });
    const w = t.writable.getWriter();
    w.write(1).catch(() => {});
    return [await drain(t.readable), await thrown(() => w.write(2))];
  },
  [[1], "TypeError"],
);
test(
  "transform: cancel of the readable side",
  async () => {
    const log = [];
    const t = new TransformStream({
      cancel(r) {
        log.push(r);
      },
    });
    await t.readable.cancel("r");
    return [log, await t.writable.getWriter().closed.catch((e) => e)];
  },
  [["r"], "r"],
);
test(
  "pipeTo",
  async () => {
    const log = [];
    await counting(3).pipeTo(sink(log));
    return log;
  },
  [1, 2, 3, "close"],
);
test(
  "pipeTo: preventClose",
  async () => {
    const log = [];
    const w = sink(log);
    await counting(1).pipeTo(w, { preventClose: true });
    return [log, w.locked];
  },
  [[1], false],
);
test(
  "pipeTo: the source fails",
  async () => {
    const log = [];
    return [
      await thrown(() =>
        new ReadableStream({
          start(c) {
            c.enqueue(1);
          },
          pull() {
            throw new RangeError("src");
          },
        }).pipeTo(sink(log)),
      ),
      log.at(-1),
    ];
  },
  ["RangeError", "abort src"],
);
test(
  "pipeTo: the target fails",
  async () => {
    const log = [];
    return [
      await thrown(() =>
        counting(9, log).pipeTo(
          sink([], {
            write() {
              throw new RangeError("dst");
            },
          }),
        ),
      ),
      log.at(-1),
    ];
  },
  ["RangeError", "cancel RangeError: dst"],
);
test(
  "pipeTo: prevented",
  async () => {
    const log = [];
    const s = counting(9);
    await thrown(() =>
      s.pipeTo(
        sink([], {
          write() {
            throw new RangeError("dst");
          },
        }),
        { preventCancel: true },
      ),
    );
    return [(await s.getReader().read()).done];
  },
  [false],
);
test(
  "pipeTo: aborted by a signal",
  async () => {
    const log = [];
    const c = new AbortController();
    const s = new ReadableStream({
      async pull(k) {
        await later(1);
        k.enqueue(1);
      },
      cancel(r) {
        log.push(`cancel ${r}`);
      },
    });
    const piped = s.pipeTo(
      new WritableStream({
        abort(r) {
          log.push(`abort ${r}`);
        },
      }),
      { signal: c.signal },
    );
    await later(5);
    c.abort("why");
    return [await piped.catch((e) => e), log.sort()];
  },
  ["why", ["abort why", "cancel why"]],
);
test(
  "pipeTo: aborted before",
  async () => thrown(() => counting(3).pipeTo(new WritableStream(), { signal: AbortSignal.abort() })),
  "AbortError",
);
test(
  "pipeTo: to what is closed",
  async () => {
    const w = new WritableStream();
    await w.close();
    const log = [];
    return [await thrown(() => counting(9, log).pipeTo(w)), log.at(-1).slice(0, 6)];
  },
  ["TypeError", "cancel"],
);
test(
  "text streams",
  async () => [
    (await drain(ReadableStream.from(["a\ud83d", "\ude00", "\ud83d"]).pipeThrough(new TextEncoderStream()))).map(hex),
    (
      await drain(
        ReadableStream.from([bytes(0xe2), bytes(0x82), bytes(0xac, 0x41)]).pipeThrough(new TextDecoderStream()),
      )
    ).join("|"),
  ],
  [["61", "f09f9880", "efbfbd"], "€A"],
);
test(
  "text streams: fatal",
  () =>
    thrown(() =>
      drain(ReadableStream.from([bytes(0xff)]).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))),
    ),
  "TypeError",
);
