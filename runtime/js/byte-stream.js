// Byte streams with memory of the script's own: their controller, its requests and the BYOB reader.
//
// A byte stream has a queue of Uint8Arrays, as readable-stream.js keeps it. What is added here are
// the views to be filled (`intos`, the standard's pending pull-into descriptors). A stream without
// any needs nothing of this file.

const {
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeTransferToFixedLength,
  ArrayPrototypePush,
  DataView,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  MathMin,
  Promise,
  RangeError,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(
  ["ReadableByteStreamController", "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest"],
  ["byteStreams"],
  (host) => {
    const { natives, streams } = isolet;
    const { checkBrand, copy, define, dictionary, integer, isObject, list, need } = isolet.idl;
    const { clear, promiseReject, push, queue, shift } = isolet.streaming;

    const token = {};

    // A view's parts: { buffer, offset, bytes, length, elementBytes, Class }.
    function parts(value, what) {
      const kind = natives.kind(value);
      if (kind === ValueKind.DataView) {
        const bytes = DataViewPrototypeGetByteLength(value);
        const buffer = DataViewPrototypeGetBuffer(value);
        const offset = DataViewPrototypeGetByteOffset(value);
        return { __proto__: null, buffer, offset, bytes, length: bytes, elementBytes: 1, Class: DataView };
      }
      if (kind !== ValueKind.TypedArray) throw new TypeError(`${what} must be a view of an ArrayBuffer.`);
      const length = TypedArrayPrototypeGetLength(value);
      const bytes = TypedArrayPrototypeGetByteLength(value);
      const Class = isolet.typedArrays[TypedArrayPrototypeGetSymbolToStringTag(value)];
      return {
        __proto__: null,
        buffer: TypedArrayPrototypeGetBuffer(value),
        offset: TypedArrayPrototypeGetByteOffset(value),
        bytes,
        length,
        elementBytes: Class.BYTES_PER_ELEMENT,
        Class,
      };
    }

    // Takes a buffer away from the script, so that it cannot write to bytes that were handed over.
    const transferred = (buffer) => ArrayBufferPrototypeTransferToFixedLength(buffer);

    // The bytes of a view, taken away from the script. One that a request was made of is given
    // back the same way.
    function taken(view, what) {
      const { buffer, offset, bytes } = parts(view, what);
      return new Uint8Array(transferred(buffer), offset, bytes);
    }

    /** @param {ReadableState} s @returns {PullInto} */
    const firstOf = (s) => /** @type {any} */ (s.intos).first.value;
    /** @param {ReadableState} s */
    const hasIntos = (s) => s.intos !== undefined && s.intos.length > 0;

    /** @param {ReadableState} s */
    function invalidate(s) {
      if (s.byobRequest === undefined) return;
      invalidateRequest(s.byobRequest);
      s.byobRequest = undefined;
    }
    let invalidateRequest;
    let viewOf;

    /** @param {ReadableState} s @param {PullInto} into */
    function add(s, into) {
      s.intos ??= queue();
      push(s.intos, into, 0);
    }
    /** @param {ReadableState} s @returns {PullInto} */
    function drop(s) {
      invalidate(s);
      return shift(/** @type {Queue} */ (s.intos));
    }

    /** @type {ByteStreams["forget"]} */
    function forget(s) {
      invalidate(s);
      if (s.intos !== undefined) clear(s.intos);
    }

    // The filled part of a view, as the class that was asked for.
    /** @param {PullInto} into */
    const filledView = (into) => new into.Class(transferred(into.buffer), into.offset, into.filled / into.elementBytes);

    /** @param {ReadableState} s @param {PullInto} into */
    function commit(s, into) {
      const request = shift(/** @type {Reader} */ (s.reader).requests);
      if (s.state === "closed") request.close(filledView(into));
      else request.chunk(filledView(into));
    }

    /** @param {ReadableState} s @param {PullInto[]} filled */
    function commitAll(s, filled) {
      for (let i = 0; i < filled.length; i++) commit(s, filled[i]);
    }

    // Fills a view from the queue. Returns `true` if it has enough bytes to be handed over: whole
    // elements, and as many as were asked for.
    /** @param {ReadableState} s @param {PullInto} into */
    function fill(s, into) {
      const most = MathMin(s.queue.size, into.bytes - into.filled);
      const aligned = into.filled + most - ((into.filled + most) % into.elementBytes);
      const ready = aligned >= into.least;
      let left = ready ? aligned - into.filled : most;
      const target = new Uint8Array(into.buffer);
      while (left > 0) {
        const item = /** @type {QueueItem} */ (s.queue.first);
        const count = MathMin(left, item.size);
        const at = into.offset + into.filled;
        if (count === item.size) {
          TypedArrayPrototypeSet(target, item.value, at);
          shift(s.queue);
        } else {
          TypedArrayPrototypeSet(target, TypedArrayPrototypeSubarray(item.value, 0, count), at);
          item.value = TypedArrayPrototypeSubarray(item.value, count);
          item.size -= count;
          s.queue.size -= count;
        }
        into.filled += count;
        left -= count;
      }
      return ready;
    }

    // Fills as many views as the queue has bytes for, and returns them.
    /** @param {ReadableState} s */
    function fillAll(s) {
      const filled = list();
      while (hasIntos(s) && s.queue.size > 0 && fill(s, firstOf(s))) ArrayPrototypePush(filled, drop(s));
      return filled;
    }

    /** @param {ReadableState} s @param {any} buffer @param {number} offset @param {number} bytes */
    function enqueueCopy(s, buffer, offset, bytes) {
      let cloned;
      try {
        cloned = copy(new Uint8Array(buffer, offset, bytes));
      } catch (error) {
        streams.fail(s, error);
        throw error;
      }
      push(s.queue, cloned, bytes);
    }

    // Bytes in a view whose reader was released go to the queue.
    /** @param {ReadableState} s @param {PullInto} into */
    function requeue(s, into) {
      if (into.filled > 0) enqueueCopy(s, into.buffer, into.offset, into.filled);
      drop(s);
    }

    // The queue has given bytes: it may be empty now, and the stream at its end.
    /** @param {ReadableState} s */
    function drained(s) {
      if (s.queue.length === 0 && s.closeRequested) {
        streams.forget(s);
        streams.close(s);
      } else {
        streams.pullIfNeeded(s);
      }
    }

    /** @type {ByteStreams["enqueue"]} */
    function enqueue(s, chunk) {
      if (hasIntos(s)) {
        const first = firstOf(s);
        if (ArrayBufferPrototypeGetDetached(first.buffer))
          throw new TypeError("The buffer of the BYOB request was detached: respond to the request first.");
        invalidate(s);
        first.buffer = transferred(first.buffer);
        if (first.owner === "none") requeue(s, first);
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
          if (hasIntos(s)) drop(s);
          shift(reader.requests).chunk(chunk);
        }
      } else {
        push(s.queue, chunk, bytes);
        if (reader !== undefined) commitAll(s, fillAll(s));
      }
      streams.pullIfNeeded(s);
    }

    /** @type {ByteStreams["close"]} */
    function close(s) {
      if (s.queue.length > 0) {
        s.closeRequested = true;
        return;
      }
      if (hasIntos(s)) {
        const first = firstOf(s);
        if (first.filled % first.elementBytes !== 0) {
          const error = new TypeError("The stream ends in the middle of an element of the view that is being filled.");
          streams.fail(s, error);
          throw error;
        }
      }
      streams.forget(s);
      streams.close(s);
    }

    /** @type {ByteStreams["finish"]} */
    function finish(s) {
      if (!hasIntos(s) || s.state !== "closed") return;
      respondClosed(s, firstOf(s));
    }

    /** @param {ReadableState} s @param {PullInto} first */
    function respondClosed(s, first) {
      invalidate(s);
      if (first.owner === "none") drop(s);
      const { reader } = s;
      if (reader === undefined || !reader.byob) return;
      const filled = list();
      while (filled.length < reader.requests.length) ArrayPrototypePush(filled, drop(s));
      commitAll(s, filled);
    }

    /** @param {ReadableState} s @param {PullInto} first @param {number} bytes */
    function respondReadable(s, first, bytes) {
      invalidate(s);
      first.filled += bytes;
      if (first.owner === "none") {
        requeue(s, first);
        commitAll(s, fillAll(s));
      } else if (first.filled >= first.least) {
        drop(s);
        const rest = first.filled % first.elementBytes;
        if (rest > 0) {
          enqueueCopy(s, first.buffer, first.offset + first.filled - rest, rest);
          first.filled -= rest;
        }
        const filled = fillAll(s);
        commit(s, first);
        commitAll(s, filled);
      }
      streams.pullIfNeeded(s);
    }

    /** @type {ByteStreams["respond"]} */
    function respond(s, bytes) {
      const first = firstOf(s);
      if (s.state === "closed") {
        if (bytes !== 0) throw new TypeError("The stream is closed: respond with 0 bytes.");
      } else {
        if (bytes === 0) throw new TypeError("The stream is not closed: respond with at least 1 byte.");
        if (first.filled + bytes > first.bytes)
          throw new RangeError(`The view has room for ${first.bytes - first.filled} bytes, not for ${bytes}.`);
      }
      first.buffer = transferred(first.buffer);
      if (s.state === "closed") respondClosed(s, first);
      else respondReadable(s, first, bytes);
    }

    /** @type {ByteStreams["respondWithView"]} */
    function respondWithView(s, view) {
      const { buffer, bytes, offset } = parts(view, "The view");
      const first = firstOf(s);
      if (s.state === "closed") {
        if (bytes !== 0) throw new TypeError("The stream is closed: respond with an empty view.");
      } else if (bytes === 0) {
        throw new TypeError("The stream is not closed: respond with a view that is not empty.");
      }
      if (
        first.offset + first.filled !== offset ||
        first.bufferBytes !== ArrayBufferPrototypeGetByteLength(buffer) ||
        first.filled + bytes > first.bytes
      )
        throw new RangeError("The view must be of the memory that the BYOB request gave, from its start on.");
      first.buffer = transferred(buffer);
      if (s.state === "closed") respondClosed(s, first);
      else respondReadable(s, first, bytes);
    }

    /** @type {ByteStreams["pullInto"]} */
    function pullInto(reader, view, least, request) {
      const s = reader.stream;
      s.disturbed = true;
      if (s.state === "errored") {
        request.error(s.error);
        return;
      }
      const { buffer, bytes, elementBytes, offset, Class } = parts(view, "The view");
      let own;
      try {
        own = transferred(buffer);
      } catch (error) {
        request.error(error);
        return;
      }
      /** @type {PullInto} */
      const into = {
        __proto__: null,
        buffer: own,
        bufferBytes: ArrayBufferPrototypeGetByteLength(own),
        offset,
        bytes,
        filled: 0,
        least: least * elementBytes,
        elementBytes,
        Class,
        owner: "byob",
      };
      if (hasIntos(s)) {
        add(s, into);
        push(reader.requests, request, 1);
        return;
      }
      if (s.state === "closed") {
        request.close(new Class(own, offset, 0));
        return;
      }
      if (s.queue.size > 0) {
        if (fill(s, into)) {
          const view = filledView(into);
          drained(s);
          request.chunk(view);
          return;
        }
        if (s.closeRequested) {
          const error = new TypeError("The stream ends in the middle of what was asked for.");
          streams.fail(s, error);
          request.error(error);
          return;
        }
      }
      add(s, into);
      push(reader.requests, request, 1);
      streams.pullIfNeeded(s);
    }

    /** @type {ByteStreams["allocate"]} */
    function allocate(s) {
      const bytes = /** @type {number} */ (s.allocateBytes);
      const buffer = new ArrayBuffer(bytes);
      /** @type {PullInto} */
      const into = {
        __proto__: null,
        buffer,
        bufferBytes: bytes,
        offset: 0,
        bytes,
        filled: 0,
        least: 1,
        elementBytes: 1,
        Class: Uint8Array,
        owner: "default",
      };
      add(s, into);
    }

    /** @type {ByteStreams["release"]} */
    function release(s) {
      if (!hasIntos(s)) return;
      const first = firstOf(s);
      first.owner = "none";
      clear(/** @type {Queue} */ (s.intos));
      add(s, first);
    }

    /** @type {ByteStreams["request"]} */
    function request(s) {
      if (s.byobRequest === undefined && hasIntos(s)) {
        const { buffer, offset, bytes, filled } = firstOf(s);
        s.byobRequest = new ReadableStreamBYOBRequest(
          token,
          s,
          new Uint8Array(buffer, offset + filled, bytes - filled),
        );
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
        const first = firstOf(this.#s);
        return first.least - first.filled;
      }
      /** @param {ScriptValue} bytesWritten */
      respond(bytesWritten) {
        need(arguments.length, 1, "respond");
        checkBrand(this.#s);
        const bytes = integer(bytesWritten, 0, 2 ** 53 - 1, "The number of bytes");
        respond(this.#open(this.#view), bytes);
      }
      /** @param {ScriptValue} view */
      respondWithNewView(view) {
        need(arguments.length, 1, "respondWithNewView");
        checkBrand(this.#s);
        parts(view, "The view");
        respondWithView(this.#open(view), view);
      }
      #open(view) {
        if (this.#s === undefined) throw new TypeError("The BYOB request was answered already.");
        if (ArrayBufferPrototypeGetDetached(parts(view, "The view").buffer))
          throw new TypeError("The buffer of the view is detached.");
        return this.#s;
      }
      static {
        viewOf = (request) => request.#view;
        invalidateRequest = (request) => {
          request.#s = undefined;
          request.#view = undefined;
        };
      }
    }
    define(ReadableStreamBYOBRequest);

    class ReadableByteStreamController {
      #s;
      constructor(key, s) {
        if (key !== token) throw new TypeError("Illegal constructor.");
        this.#s = s;
      }
      get byobRequest() {
        return request(this.#s) ?? null;
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
            pullInto(reader, view, least, {
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

    host.byteStreams = {
      __proto__: null,
      allocate,
      close,
      controller: (s) => new ReadableByteStreamController(token, s),
      enqueue,
      finish,
      forget,
      pullInto,
      reader: (stream) => new ReadableStreamBYOBReader(stream),
      release,
      request,
      respond,
      respondWithView,
      viewOf: (request) => viewOf(request),
    };
    return { ReadableByteStreamController, ReadableStreamBYOBReader, ReadableStreamBYOBRequest };
  },
);
