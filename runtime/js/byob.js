// BYOB readers, which bring the memory that a byte stream fills, and the requests to fill it.

const {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  Promise,
  RangeError,
  TypeError,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["ReadableStreamBYOBReader", "ReadableStreamBYOBRequest"], ["byob"], (host) => {
  const { pullIntos, streams } = isolet;
  const { checkBrand, define, dictionary, integer, isObject, need } = isolet.idl;
  const { promiseReject } = isolet.streaming;
  const { parts } = pullIntos;

  const token = {};
  let invalidate;
  let viewOf;

  /** @type {Byob["request"]} */
  function request(s) {
    if (s.byobRequest === undefined && pullIntos.has(s)) {
      const { buffer, offset, bytes, filled } = pullIntos.first(s);
      s.byobRequest = new ReadableStreamBYOBRequest(token, s, new Uint8Array(buffer, offset + filled, bytes - filled));
    }
    return s.byobRequest;
  }

  class ReadableStreamBYOBRequest {
    /** @type {ReadableState | undefined} */
    #s;
    #view;
    constructor(key, s, view) {
      if (key !== token) throw new TypeError("Illegal constructor.");
      this.#s = s;
      this.#view = view;
    }
    get view() {
      return this.#view ?? null;
    }
    // Workers' own: the bytes that the reader waits for at least.
    get atLeast() {
      if (this.#s === undefined) return null;
      const first = pullIntos.first(this.#s);
      return first.least - first.filled;
    }
    /** @param {ScriptValue} bytesWritten */
    respond(bytesWritten) {
      need(arguments.length, 1, "respond");
      checkBrand(this.#s);
      const bytes = integer(bytesWritten, 0, 2 ** 53 - 1, "The number of bytes");
      pullIntos.respond(this.#open(this.#view), bytes);
    }
    /** @param {ScriptValue} view */
    respondWithNewView(view) {
      need(arguments.length, 1, "respondWithNewView");
      checkBrand(this.#s);
      parts(view, "The view");
      pullIntos.respondWithView(this.#open(view), view);
    }
    #open(view) {
      if (this.#s === undefined) throw new TypeError("The BYOB request was answered already.");
      if (ArrayBufferPrototypeGetDetached(parts(view, "The view").buffer))
        throw new TypeError("The buffer of the view is detached.");
      return this.#s;
    }
    static {
      viewOf = (request) => request.#view;
      invalidate = (request) => {
        request.#s = undefined;
        request.#view = undefined;
      };
    }
  }
  define(ReadableStreamBYOBRequest);

  class ReadableStreamBYOBReader {
    #reader;
    constructor(stream) {
      need(arguments.length, 1, "new ReadableStreamBYOBReader");
      const s = streams.state(stream);
      if (s.reader === undefined && !s.bytes)
        throw new TypeError('A BYOB reader needs a byte stream: its source has `type: "bytes"`.');
      this.#reader = streams.acquire(s, true);
    }
    get closed() {
      if (!(isObject(this) && #reader in this)) return promiseReject(new TypeError("Illegal invocation."));
      return this.#reader.closed.promise;
    }
    /** @param {ScriptValue} view @param {ScriptValue} [options] */
    read(view, options = undefined) {
      try {
        const reader = this.#reader;
        need(arguments.length, 1, "read");
        const { buffer, bytes, length } = parts(view, "The view");
        const { min } = dictionary(options, "The options of read");
        const least = min === undefined ? 1 : integer(min, 0, 2 ** 53 - 1, "`min`");
        if (bytes === 0 || ArrayBufferPrototypeGetByteLength(buffer) === 0)
          throw new TypeError("The view must not be empty, and its buffer not detached.");
        if (least === 0) throw new TypeError("`min` must be at least 1.");
        if (least > length) throw new RangeError(`\`min\` is ${least}, but the view has ${length} elements.`);
        if (reader.stream === undefined) throw new TypeError("The reader was released.");
        return new Promise((resolve, reject) =>
          pullIntos.pullInto(reader, view, least, {
            __proto__: null,
            chunk: (value) => resolve({ value, done: false }),
            close: (value) => resolve({ value, done: true }),
            error: reject,
          }),
        );
      } catch (error) {
        return promiseReject(error);
      }
    }
    // Workers' own, from before `min`.
    readAtLeast(bytes, view) {
      return this.read(view, { __proto__: null, min: bytes });
    }
    cancel(reason = undefined) {
      if (!(isObject(this) && #reader in this)) return promiseReject(new TypeError("Illegal invocation."));
      if (this.#reader.stream === undefined) return promiseReject(new TypeError("The reader was released."));
      return streams.cancel(this.#reader.stream, reason);
    }
    releaseLock() {
      if (this.#reader.stream !== undefined) streams.release(this.#reader);
    }
  }
  define(ReadableStreamBYOBReader);

  host.byob = {
    __proto__: null,
    invalidate: (request) => invalidate(request),
    reader: (stream) => new ReadableStreamBYOBReader(stream),
    request,
    viewOf: (request) => viewOf(request),
  };
  return { ReadableStreamBYOBReader, ReadableStreamBYOBRequest };
});
