// Compression, and the streams that are Workers' own.
const formats = ["gzip", "deflate", "deflate-raw"];
const through = async (pair, ...chunks) => new Response(ReadableStream.from(chunks).pipeThrough(pair)).bytes();
const fromHex = (text) => bytes(...text.match(/../g).map((pair) => Number.parseInt(pair, 16)));

test(
  "there and back",
  async () => {
    const text = "Some text, some text. ".repeat(9999);
    const seen = [];
    for (const format of formats) {
      const packed = await through(new CompressionStream(format), utf8(text), new DataView(utf8("€").buffer));
      const unpacked = await through(new DecompressionStream(format), packed.subarray(0, 9), packed.subarray(9));
      seen.push(packed.length < 3000, new TextDecoder().decode(unpacked) === `${text}€`);
    }
    return seen;
  },
  [true, true, true, true, true, true],
);
test(
  "what other programs have compressed",
  async () => {
    const packed = {
      gzip: "1f8b0800000000000003cb48cdc9c95728cf2fca49010085114a0d0b000000",
      deflate: "789ccb48cdc9c95728cf2fca4901001a0b045d",
      "deflate-raw": "cb48cdc9c95728cf2fca490100",
    };
    const seen = [];
    for (const format of formats)
      seen.push(new TextDecoder().decode(await through(new DecompressionStream(format), fromHex(packed[format]))));
    return seen;
  },
  ["hello world", "hello world", "hello world"],
);
test(
  "the header of each format",
  async () => {
    const seen = [];
    for (const format of formats) seen.push(hex(await through(new CompressionStream(format))).slice(0, 4));
    return seen;
  },
  ["1f8b", "789c", "0300"],
);
test(
  "data that are damaged, cut off, or go on",
  async () => {
    const packed = await through(new CompressionStream("gzip"), utf8("text"));
    return all(
      () => through(new DecompressionStream("gzip"), packed.subarray(0, packed.length - 1)),
      () => through(new DecompressionStream("gzip"), packed, bytes(0)),
      () => through(new DecompressionStream("gzip")),
      () => through(new DecompressionStream("deflate"), packed),
    );
  },
  Array(4).fill("TypeError"),
);
test(
  "what streams do not take",
  () =>
    all(
      () => new CompressionStream(),
      () => new CompressionStream("br"),
      () => new DecompressionStream("GZIP"),
      () => through(new CompressionStream("gzip"), "text"),
      () => through(new DecompressionStream("gzip"), [1]),
    ),
  Array(5).fill("TypeError"),
);
test(
  "a small text that becomes a large one comes in chunks",
  async () => {
    const packed = await through(new CompressionStream("deflate"), new Uint8Array(1 << 20));
    let most = 0;
    let sum = 0;
    for await (const chunk of ReadableStream.from([packed]).pipeThrough(new DecompressionStream("deflate"))) {
      most = Math.max(most, chunk.byteLength);
      sum += chunk.byteLength;
    }
    return [packed.length < 2000, most <= 65536, sum];
  },
  [true, true, 1 << 20],
);
test(
  "streams that are closed make room for others",
  async () => {
    let sum = 0;
    for (let i = 0; i < 300; i++) sum += (await through(new CompressionStream("deflate-raw"), bytes(i))).length;
    return sum > 300;
  },
  true,
);
test(
  "IdentityTransformStream passes bytes on",
  async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const writes = [writer.write(utf8("ab")), writer.write(utf8("c").buffer), writer.write(bytes()), writer.close()];
    const reader = readable.getReader({ mode: "byob" });
    const first = await reader.read(new Uint8Array(1));
    const rest = await reader.readAtLeast(2, new Uint8Array(5));
    const end = await reader.read(new Uint8Array(5));
    await Promise.all(writes);
    return [hex(first.value), hex(rest.value), end.done, writable instanceof WritableStream];
  },
  ["61", "6263", true, true],
);
test(
  "streams that fail, are cancelled or aborted free their state at once",
  async () => {
    const kept = [];
    const open = async () => {
      const stream = new CompressionStream("gzip");
      kept.push(stream);
      const writer = stream.writable.getWriter();
      const reader = stream.readable.getReader();
      const [, { value }] = await Promise.all([writer.write(bytes(1)), reader.read()]);
      kept.push(value);
      return { writer, reader };
    };
    for (let i = 0; i < 100; i++) {
      const broken = new DecompressionStream("gzip");
      kept.push(broken);
      const writing = broken.writable.getWriter().write(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
      await Promise.all([writing.catch(() => 1), broken.readable.getReader().read().catch(() => 1)]);
      await (await open()).reader.cancel();
      await (await open()).writer.abort();
    }
    return kept.length;
  },
  500,
);
test(
  "IdentityTransformStream: a write waits for its reader, and takes bytes only",
  async () => {
    const { readable, writable } = new IdentityTransformStream();
    let written = false;
    const write = writable
      .getWriter()
      .write(bytes(1))
      .then(() => (written = true));
    await later(2);
    const before = written;
    await readable.getReader().read();
    await write;
    return [before, written, await all(() => through(new IdentityTransformStream(), "text"))];
  },
  [false, true, ["TypeError"]],
);
test(
  "IdentityTransformStream: abort without a reader, and leaving a loop",
  async () => {
    const { writable } = new IdentityTransformStream();
    await writable.abort("why");
    const reasons = [];
    const source = new ReadableStream({
      pull: (c) => c.enqueue(bytes(1)),
      cancel: (reason) => void reasons.push(`${reason}`),
    });
    for await (const _ of source.pipeThrough(new IdentityTransformStream())) break;
    await later(2);
    return reasons;
  },
  ["undefined"],
);
test(
  "FixedLengthStream",
  async () => {
    const run = (length, ...chunks) => through(new FixedLengthStream(length), ...chunks).then((all) => all.length);
    return [
      await run(3, bytes(1), bytes(2, 3)),
      await run(3n, bytes(1, 2, 3)),
      await all(
        () => run(3, bytes(1, 2)),
        () => run(3, bytes(1, 2), bytes(3, 4)),
        () => new FixedLengthStream(),
        () => new FixedLengthStream(-1),
        () => new FixedLengthStream("x"),
      ),
      new FixedLengthStream(1) instanceof IdentityTransformStream,
      new FixedLengthStream(1) instanceof TransformStream,
    ];
  },
  [3, 3, Array(5).fill("TypeError"), true, true],
);
