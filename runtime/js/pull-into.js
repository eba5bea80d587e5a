// Memory of the script's own that a byte stream fills: the views of BYOB readers, and those that
// `autoAllocateChunkSize` makes.
//
// A byte stream has a queue of Uint8Arrays, as readable-stream.js keeps it. What is added here are
// the views to be filled (`intos`, the standard's pending pull-into descriptors). A stream without
// any needs nothing of this file.

const {
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeTransferToFixedLength,
  ArrayPrototypePush,
  DataView,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  MathMin,
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

isolet.lazy([], ["pullIntos"], (host) => {
  const { natives, streams } = isolet;
  const { copy, list } = isolet.idl;
  const { clear, push, queue, shift } = isolet.streaming;

  /** @type {PullIntos["parts"]} */
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

  /** @type {PullIntos["transferred"]} */
  const transferred = (buffer) => ArrayBufferPrototypeTransferToFixedLength(buffer);

  /** @param {ReadableState} s @returns {PullInto} */
  const firstOf = (s) => /** @type {any} */ (s.intos).first.value;
  /** @param {ReadableState} s */
  const hasIntos = (s) => s.intos !== undefined && s.intos.length > 0;

  /** @param {ReadableState} s */
  function invalidate(s) {
    if (s.byobRequest === undefined) return;
    isolet.byob.invalidate(s.byobRequest);
    s.byobRequest = undefined;
  }

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

  /** @type {PullIntos["forget"]} */
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

  /** @type {PullIntos["finish"]} */
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

  /** @type {PullIntos["respond"]} */
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

  /** @type {PullIntos["respondWithView"]} */
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

  /** @type {PullIntos["pullInto"]} */
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

  /** @type {PullIntos["allocate"]} */
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

  /** @type {PullIntos["release"]} */
  function release(s) {
    if (!hasIntos(s)) return;
    const first = firstOf(s);
    first.owner = "none";
    clear(/** @type {Queue} */ (s.intos));
    add(s, first);
  }

  host.pullIntos = {
    __proto__: null,
    allocate,
    commitAll,
    drop,
    fillAll,
    finish,
    first: firstOf,
    forget,
    has: hasIntos,
    invalidate,
    parts,
    pullInto,
    release,
    requeue,
    respond,
    respondWithView,
    transferred,
  };
  return {};
});
