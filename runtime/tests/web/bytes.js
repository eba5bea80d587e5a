// Byte streams after web-platform-tests/streams/readable-byte-streams.
const byteSource = (source, strategy) => new ReadableStream({ type: "bytes", ...source }, strategy);
const byob = (stream) => stream.getReader({ mode: "byob" });
const shown = ({ value, done }) => [value === undefined ? undefined : [...value], done];
test(
  "byobRequest gives the view to the source",
  async () => {
    const seen = [];
    const reader = byob(
      byteSource({
        pull(c) {
          const { view } = c.byobRequest;
          seen.push(view.byteLength, c.byobRequest === c.byobRequest);
          view[0] = 9;
          c.byobRequest.respond(1);
          seen.push(c.byobRequest);
        },
      }),
    );
    return [shown(await reader.read(new Uint8Array(5))), seen];
  },
  [
    [[9], false],
    [5, true, null],
  ],
);
test(
  "respondWithNewView takes another view of the same memory",
  async () => {
    const reader = byob(
      byteSource({
        pull(c) {
          const { view } = c.byobRequest;
          const own = new Uint8Array(view.buffer.transfer(), view.byteOffset, 2);
          own.set([4, 5]);
          c.byobRequest.respondWithNewView(own);
        },
      }),
    );
    return shown(await reader.read(new Uint8Array(5)));
  },
  [[4, 5], false],
);
test(
  "what a response must not be",
  async () => {
    let request;
    const stream = byteSource({ pull: (c) => void (request = c.byobRequest) });
    const read = byob(stream).read(new Uint8Array(4).subarray(1, 3));
    await later(1);
    const wrong = await all(
      () => request.respond(0),
      () => request.respond(3),
      () => request.respond(-1),
      () => request.respondWithNewView(new Uint8Array(request.view.buffer, 0, 1)),
      () => request.respondWithNewView(new Uint8Array(4)),
      () => request.respondWithNewView(new Uint8Array(9).subarray(1, 2)),
      () => request.respondWithNewView([]),
    );
    request.respond(2);
    return [wrong, shown(await read), await all(() => request.respond(1)), request.view];
  },
  [
    ["TypeError", "RangeError", "TypeError", "RangeError", "RangeError", "RangeError", "TypeError"],
    [[0, 0], false],
    ["TypeError"],
    null,
  ],
);
test(
  "autoAllocateChunkSize gives default readers a request",
  async () => {
    const sizes = [];
    const stream = byteSource({
      autoAllocateChunkSize: 128,
      pull(c) {
        sizes.push(c.byobRequest.view.byteLength);
        c.byobRequest.view[0] = 1;
        c.byobRequest.respond(1);
      },
    });
    const { value } = await stream.getReader().read();
    return [sizes, value.byteLength, value.buffer.byteLength];
  },
  [[128], 1, 128],
);
test(
  "autoAllocateChunkSize: enqueue instead of a response",
  async () => {
    const stream = byteSource({ autoAllocateChunkSize: 16, pull: (c) => c.enqueue(bytes(1, 2)) });
    const reader = stream.getReader();
    return [shown(await reader.read()), shown(await reader.read())];
  },
  [
    [[1, 2], false],
    [[1, 2], false],
  ],
);
test(
  "autoAllocateChunkSize must not be 0, nor too large",
  () =>
    all(
      () => byteSource({ autoAllocateChunkSize: 0 }),
      () => byteSource({ autoAllocateChunkSize: -1 }),
      () =>
        byteSource({ autoAllocateChunkSize: 2 ** 52 })
          .getReader()
          .read(),
    ),
  ["TypeError", "TypeError", "RangeError"],
);
test(
  "enqueue takes the buffer away",
  () => {
    const chunk = bytes(1, 2);
    const wrong = [];
    byteSource({
      start(c) {
        c.enqueue(chunk);
        for (const value of [chunk, new Uint8Array(0), new ArrayBuffer(1), "text"])
          try {
            c.enqueue(value);
          } catch (error) {
            wrong.push(error.name);
          }
      },
    });
    return [chunk.byteLength, wrong];
  },
  [0, ["TypeError", "TypeError", "TypeError", "TypeError"]],
);
test(
  "tee gives two byte streams",
  async () => {
    const [a, b] = byteSource({
      start(c) {
        c.enqueue(bytes(1, 2));
        c.close();
      },
    }).tee();
    const first = byob(a);
    const one = await first.read(new Uint8Array(1));
    one.value[0] = 100;
    return [shown(one), shown(await first.read(bytes(0, 0))), (await drain(b)).map((chunk) => [...chunk])];
  },
  [
    [[100], false],
    [[2], false],
    [[1], [2]],
  ],
);
test(
  "tee: a view of one branch is filled by the source, the other branch gets a copy",
  async () => {
    const sizes = [];
    const [a, b] = byteSource({
      pull(c) {
        sizes.push(c.byobRequest?.view.byteLength);
        if (c.byobRequest === null) return c.enqueue(bytes(5));
        c.byobRequest.view[0] = 3;
        c.byobRequest.respond(1);
      },
    }).tee();
    const first = await byob(a).read(new Uint8Array(10));
    first.value[0] = 77;
    const second = b.getReader();
    return [
      shown(first),
      first.value.buffer.byteLength,
      shown(await second.read()),
      shown(await second.read()),
      sizes.slice(0, 2),
    ];
  },
  [[[77], false], 10, [[3], false], [[5], false], [10, undefined]],
);
test(
  "tee: the end, an error, and cancelling both",
  async () => {
    let controller;
    const reasons = [];
    const made = () => byteSource({ start: (c) => void (controller = c), cancel: (r) => void reasons.push(r) }).tee();
    const [a, b] = made();
    const reads = [byob(a).read(new Uint8Array(2)), byob(b).read(new Uint8Array(3))];
    await later(1);
    controller.close();
    controller.byobRequest.respond(0);
    const ends = (await Promise.all(reads)).map(({ value, done }) => [value.buffer.byteLength, done]);
    const [c, d] = made();
    controller.error(new RangeError("broken"));
    const errors = await all(
      () => byob(c).read(new Uint8Array(2)),
      () => d.getReader().read(),
    );
    const [e, f] = made();
    const cancelled = [e.cancel(1), f.cancel(2)];
    await Promise.all(cancelled);
    return [ends, errors, reasons];
  },
  [
    [
      [2, true],
      [3, true],
    ],
    ["RangeError", "RangeError"],
    [[1, 2]],
  ],
);
test(
  "desiredSize counts bytes",
  () => {
    const sizes = [];
    byteSource(
      {
        start(c) {
          sizes.push(c.desiredSize);
          c.enqueue(bytes(1, 2, 3));
          sizes.push(c.desiredSize);
        },
      },
      { highWaterMark: 16 },
    );
    return sizes;
  },
  [16, 13],
);
