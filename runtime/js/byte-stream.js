// Byte streams: their controller, and the queue of bytes.

const {
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["ReadableByteStreamController"], ["byteStreams"], (host) => {
  const { pullIntos, streams } = isolet;
  const { checkBrand, define, need } = isolet.idl;
  const { push, shift } = isolet.streaming;
  const { parts, transferred } = pullIntos;

  const token = {};

  // The bytes of a view, taken away from the script. One that a request was made of is given
  // back the same way.
  function taken(view, what) {
    const { buffer, offset, bytes } = parts(view, what);
    return new Uint8Array(transferred(buffer), offset, bytes);
  }

  /** @type {ByteStreams["enqueue"]} */
  function enqueue(s, chunk) {
    if (pullIntos.has(s)) {
      const first = pullIntos.first(s);
      if (ArrayBufferPrototypeGetDetached(first.buffer))
        throw new TypeError("The buffer of the BYOB request was detached: respond to the request first.");
      pullIntos.invalidate(s);
      first.buffer = transferred(first.buffer);
      if (first.owner === "none") pullIntos.requeue(s, first);
    }
    const bytes = TypedArrayPrototypeGetByteLength(chunk);
    const { reader } = s;
    if (reader !== undefined && !reader.byob) {
      while (reader.requests.length > 0 && s.queue.length > 0) {
        const request = shift(reader.requests);
        request.chunk(shift(s.queue));
      }
      if (reader.requests.length === 0) {
        push(s.queue, chunk, bytes);
      } else {
        if (pullIntos.has(s)) pullIntos.drop(s);
        shift(reader.requests).chunk(chunk);
      }
    } else {
      push(s.queue, chunk, bytes);
      if (reader !== undefined) pullIntos.commitAll(s, pullIntos.fillAll(s));
    }
    streams.pullIfNeeded(s);
  }

  /** @type {ByteStreams["close"]} */
  function close(s) {
    if (s.queue.length > 0) {
      s.closeRequested = true;
      return;
    }
    if (pullIntos.has(s)) {
      const first = pullIntos.first(s);
      if (first.filled % first.elementBytes !== 0) {
        const error = new TypeError("The stream ends in the middle of an element of the view that is being filled.");
        streams.fail(s, error);
        throw error;
      }
    }
    streams.forget(s);
    streams.close(s);
  }

  class ReadableByteStreamController {
    #s;
    constructor(key, s) {
      if (key !== token) throw new TypeError("Illegal constructor.");
      this.#s = s;
    }
    get byobRequest() {
      return isolet.byob.request(this.#s) ?? null;
    }
    get desiredSize() {
      return streams.desiredSize(this.#s);
    }
    close() {
      if (!streams.canEnqueue(this.#s)) throw new TypeError("The stream is closed or being closed already.");
      close(this.#s);
    }
    enqueue(chunk) {
      need(arguments.length, 1, "enqueue");
      checkBrand(this.#s);
      const { buffer, bytes } = parts(chunk, "A chunk of a byte stream");
      if (bytes === 0 || ArrayBufferPrototypeGetByteLength(buffer) === 0)
        throw new TypeError("A byte stream takes no empty chunks.");
      if (!streams.canEnqueue(this.#s))
        throw new TypeError("The stream is closed or being closed: nothing can be enqueued.");
      streams.enqueue(this.#s, taken(chunk, "A chunk of a byte stream"));
    }
    error(reason = undefined) {
      streams.fail(this.#s, reason);
    }
  }
  define(ReadableByteStreamController);

  host.byteStreams = {
    __proto__: null,
    close,
    controller: (s) => new ReadableByteStreamController(token, s),
    enqueue,
  };
  return { ReadableByteStreamController };
});
