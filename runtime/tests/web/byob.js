// BYOB readers of byte streams, after web-platform-tests.
const byteSource = (source, strategy) => new ReadableStream({ type: "bytes", ...source }, strategy);
const byob = (stream) => stream.getReader({ mode: "byob" });
const shown = ({ value, done }) => [value === undefined ? undefined : [...value], done];
test(
  "a BYOB reader fills the view that it is given",
  async () => {
    const reader = byob(byteSource({ start: (c) => c.enqueue(bytes(1, 2, 3)) }));
    const view = new Uint8Array(8).subarray(2, 4);
    const { value } = await reader.read(view);
    return [
      [...value],
      value.byteOffset,
      value.buffer.byteLength,
      view.byteLength,
      shown(await reader.read(bytes(0, 0))),
    ];
  },
  [[1, 2], 2, 8, 0, [[3], false]],
);
test(
  "views keep their class, and whole elements are read",
  async () => {
    const reader = byob(byteSource({ start: (c) => c.enqueue(bytes(1, 0, 2, 0, 3)) }));
    const { value } = await reader.read(new Uint16Array(4));
    const rest = await reader.read(new DataView(new ArrayBuffer(4)));
    return [
      value.constructor.name,
      [...value],
      rest.value.constructor.name,
      rest.value.byteLength,
      rest.value.getUint8(0),
    ];
  },
  ["Uint16Array", [1, 2], "DataView", 1, 3],
);
test(
  "an element over two chunks",
  async () => {
    const reader = byob(
      byteSource({
        pull(c) {
          c.enqueue(bytes(7));
        },
      }),
    );
    return shown(await reader.read(new Uint16Array(1)));
  },
  [[0x0707], false],
);
test(
  "min",
  async () => {
    const chunks = [bytes(1), bytes(2, 3), bytes(4)];
    const reader = byob(byteSource({ pull: (c) => c.enqueue(chunks.shift()) }));
    return [
      shown(await reader.read(new Uint8Array(8), { min: 3 })),
      shown(await reader.readAtLeast(1, new Uint8Array(8))),
    ];
  },
  [
    [[1, 2, 3], false],
    [[4], false],
  ],
);
test(
  "min: what it must not be",
  () => {
    const reader = byob(byteSource({}));
    return all(
      () => reader.read(new Uint8Array(2), { min: 0 }),
      () => reader.read(new Uint8Array(2), { min: 3 }),
      () => reader.read(new Uint16Array(2), { min: 3 }),
      () => reader.read(new Uint8Array(2), { min: -1 }),
    );
  },
  ["TypeError", "RangeError", "RangeError", "TypeError"],
);
test(
  "views that cannot be read into",
  () => {
    const reader = byob(byteSource({}));
    const detached = new Uint8Array(1);
    detached.buffer.transfer();
    return all(
      () => reader.read(),
      () => reader.read({}),
      () => reader.read(new ArrayBuffer(1)),
      () => reader.read(new Uint8Array(0)),
      () => reader.read(detached),
      () => byob(new ReadableStream()),
      () => new ReadableStreamBYOBRequest(),
      () => new ReadableByteStreamController(),
    );
  },
  ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "TypeError"],
);
test(
  "the end, for reads that wait: the source gives the memory back first",
  async () => {
    let controller;
    const reader = byob(byteSource({ start: (c) => void (controller = c) }));
    const reads = [reader.read(new Uint8Array(3)), reader.read(new Uint8Array(3))];
    let settled = false;
    reads[0].then(() => (settled = true));
    controller.close();
    await reader.closed;
    const before = settled;
    controller.byobRequest.respond(0);
    const ends = await Promise.all(reads);
    return [before, ends.map(shown), ends[0].value.buffer.byteLength];
  },
  [
    false,
    [
      [[], true],
      [[], true],
    ],
    3,
  ],
);
test(
  "a read after the end gives an empty view",
  async () => {
    const reader = byob(byteSource({ start: (c) => c.close() }));
    const { value, done } = await reader.read(new Uint16Array(3));
    return [value.constructor.name, value.length, value.buffer.byteLength, done];
  },
  ["Uint16Array", 0, 6, true],
);
test(
  "cancel ends reads without a view",
  async () => {
    const reasons = [];
    const reader = byob(byteSource({ cancel: (reason) => void reasons.push(reason) }));
    const read = reader.read(new Uint8Array(3));
    await reader.cancel("enough");
    return [shown(await read), reasons];
  },
  [[undefined, true], ["enough"]],
);
test(
  "errors reach reads that wait",
  async () => {
    let controller;
    const reader = byob(byteSource({ start: (c) => void (controller = c) }));
    const reads = [reader.read(new Uint8Array(3)), reader.read(new Uint8Array(3))];
    const { byobRequest } = controller;
    controller.error(new RangeError("broken"));
    return [await all(...reads.map((read) => () => read)), byobRequest.view, controller.byobRequest];
  },
  [["RangeError", "RangeError"], null, null],
);
test(
  "an end in the middle of an element is an error",
  async () => {
    let controller;
    const reader = byob(byteSource({ start: (c) => void (controller = c) }));
    const read = reader.read(new Uint16Array(2));
    controller.enqueue(bytes(1));
    return all(
      () => controller.close(),
      () => read,
    );
  },
  ["TypeError", "TypeError"],
);
test(
  "a released reader leaves its view to the next",
  async () => {
    let controller;
    const stream = byteSource({ start: (c) => void (controller = c) });
    const first = byob(stream);
    const lost = first.read(new Uint8Array(3));
    first.releaseLock();
    const second = byob(stream);
    const read = second.read(new Uint8Array(2));
    controller.byobRequest.view[0] = 8;
    controller.byobRequest.respond(1);
    return [await all(() => lost), shown(await read)];
  },
  [["TypeError"], [[8], false]],
);
test(
  "from a BYOB reader to a default reader",
  async () => {
    let controller;
    const stream = byteSource({ start: (c) => void (controller = c) });
    const first = byob(stream);
    const lost = first.read(new Uint16Array(1));
    controller.enqueue(bytes(1));
    first.releaseLock();
    const read = stream.getReader().read();
    controller.enqueue(bytes(2));
    return [await all(() => lost), shown(await read)];
  },
  [["TypeError"], [[1], false]],
);
test(
  "bodies and blobs have BYOB readers",
  async () => {
    const readers = [new Response("abc").body, new Blob(["abc"]).stream()].map(byob);
    const seen = [];
    for (const reader of readers) {
      seen.push(shown(await reader.read(new Uint8Array(2))), shown(await reader.read(new Uint8Array(2))));
      seen.push(shown(await reader.read(new Uint8Array(2))));
    }
    return seen;
  },
  [
    [[97, 98], false],
    [[99], false],
    [[], true],
    [[97, 98], false],
    [[99], false],
    [[], true],
  ],
);
