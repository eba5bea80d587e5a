// CompressionStream and DecompressionStream.
//
// The state of a stream is the host's. It is freed when the stream ends, or when `handle` is
// collected.

const { ArrayBuffer, ArrayBufferPrototypeSlice, RangeError, TypeError, TypedArrayPrototypeSubarray, Uint8Array } =
  isolet.primordials;

isolet.lazy(["CompressionStream", "DecompressionStream"], [], () => {
  const { natives, transforms } = isolet;
  const { copy, define, need, string } = isolet.idl;

  // A call of the host cannot be interrupted, so it is given no more than this at once.
  const PIECE_BYTES = 65536;
  const CHUNK_BYTES = 16384;

  const formats = {
    __proto__: null,
    gzip: CompressionFormat.Gzip,
    deflate: CompressionFormat.Deflate,
    "deflate-raw": CompressionFormat.DeflateRaw,
  };

  function pair(format, decompress, what) {
    const name = string(format);
    const kind = formats[name];
    if (kind === undefined)
      throw new TypeError(
        `${what} takes the formats "gzip", "deflate" and "deflate-raw", not ${isolet.inspect(name)}.`,
      );
    const handle = { __proto__: null };
    let id = 0;
    const open = () => {
      if (id !== 0) return;
      id = natives.codecOpen(kind, decompress, handle);
      if (id === 0) throw new RangeError("Too many streams are being compressed or decompressed at once.");
    };
    const drain = (enqueue) => {
      for (;;) {
        const out = new ArrayBuffer(CHUNK_BYTES);
        const count = natives.codecRead(id, out);
        if (count < 0)
          throw new TypeError(`The data is not valid ${name}: it is damaged, cut off, or has more after its end.`);
        if (count > 0) enqueue(new Uint8Array(count === CHUNK_BYTES ? out : ArrayBufferPrototypeSlice(out, 0, count)));
        if (count < CHUNK_BYTES) return;
      }
    };
    return transforms.make(
      (chunk, enqueue) => {
        const bytes = copy(chunk, `A chunk of a ${what}`);
        open();
        for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
          natives.codecWrite(id, TypedArrayPrototypeSubarray(bytes, from, from + PIECE_BYTES));
          drain(enqueue);
        }
      },
      (enqueue) => {
        open();
        natives.codecEnd(id);
        drain(enqueue);
        natives.codecClose(id);
      },
    );
  }

  class CompressionStream {
    #pair;
    /** @param {ScriptValue} format */
    constructor(format) {
      need(arguments.length, 1, "new CompressionStream");
      this.#pair = pair(format, false, "CompressionStream");
    }
    get readable() {
      return this.#pair.readable;
    }
    get writable() {
      return this.#pair.writable;
    }
  }
  define(CompressionStream);

  class DecompressionStream {
    #pair;
    /** @param {ScriptValue} format */
    constructor(format) {
      need(arguments.length, 1, "new DecompressionStream");
      this.#pair = pair(format, true, "DecompressionStream");
    }
    get readable() {
      return this.#pair.readable;
    }
    get writable() {
      return this.#pair.writable;
    }
  }
  define(DecompressionStream);

  return { CompressionStream, DecompressionStream };
});
