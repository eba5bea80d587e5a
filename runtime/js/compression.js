// CompressionStream and DecompressionStream.
//
// The state of a stream is the host's. It is freed when the stream ends, fails or is cancelled, or
// when `handle` is collected.

const {
  ArrayBuffer,
  ArrayBufferPrototypeSlice,
  MathMin,
  RangeError,
  TypeError,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["CompressionStream", "DecompressionStream"], ["codecs"], (host) => {
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
      isolet.onlyInRuns(what);
      id = natives.codecOpen(kind, decompress, handle, false);
      if (id === 0)
        throw new RangeError(
          "Too many streams are being compressed or decompressed at once, or the memory limit has no room for another.",
        );
    };
    const close = () => {
      natives.codecClose(id);
    };
    // Runs a step of the stream, after which it is over if the step fails.
    const guarded = (step) => {
      try {
        step();
      } catch (error) {
        close();
        throw error;
      }
    };
    const drain = (enqueue) => {
      for (;;) {
        const out = new ArrayBuffer(CHUNK_BYTES);
        const count = natives.codecRead(id, out);
        if (typeof count !== "number")
          throw new TypeError(`The data is not valid ${name}: it is damaged, cut off, or has more after its end.`);
        if (count > 0) enqueue(new Uint8Array(count === CHUNK_BYTES ? out : ArrayBufferPrototypeSlice(out, 0, count)));
        if (count < CHUNK_BYTES) return;
      }
    };
    return transforms.make(
      (chunk, enqueue) =>
        guarded(() => {
          const bytes = copy(chunk, `A chunk of a ${what}`);
          open();
          const length = TypedArrayPrototypeGetLength(bytes);
          for (let from = 0; from < length; from += PIECE_BYTES) {
            natives.codecWrite(id, TypedArrayPrototypeSubarray(bytes, from, MathMin(from + PIECE_BYTES, length)));
            drain(enqueue);
          }
        }),
      (enqueue) =>
        guarded(() => {
          open();
          natives.codecEnd(id);
          drain(enqueue);
          close();
        }),
      close,
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

  host.codecs = {
    __proto__: null,
    compress: (format) => pair(format, false, "Content-Encoding"),
    decompress: (format) => pair(format, true, "Content-Encoding"),
  };
  return { CompressionStream, DecompressionStream };
});
