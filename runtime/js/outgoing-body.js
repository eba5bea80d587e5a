// The bodies that a Worker sends: of its responses and of its fetches. They are sent as far as
// there is credit.

const { TypeError, TypedArrayPrototypeGetByteLength } = isolet.primordials;

isolet.lazy([], ["outgoing"], (host) => {
  const { natives } = isolet;

  // The bytes that may be under way before the other side reads them. `WINDOW_BYTES` in
  // src/worker/protocol.rs is the same number.
  const WINDOW = 262144;

  /** @type {(value: any) => value is Bytes} */
  const isBytes = (value) => natives.kind(value) === ValueKind.TypedArray;

  /** @type {Outgoing["open"]} */
  function open(content, what, handlers) {
    /** @type {any} */
    const o = {
      __proto__: null,
      what,
      handlers,
      // The reader of the stream, bytes to send before it, and the number of bytes that may be sent
      // now.
      reader: undefined,
      rest: undefined,
      window: WINDOW,
      isReading: false,
      isPumping: false,
      again: false,
      done: false,
    };
    if (isBytes(content)) o.rest = content;
    else o.reader = isolet.streams.acquire(isolet.streams.state(content));
    return o;
  }

  // Sends what may be sent. Chunks that are there already come within `read`, so this is a loop and
  // not a recursion.
  function pump(o) {
    if (o.isPumping) {
      o.again = true;
      return;
    }
    o.isPumping = true;
    do {
      o.again = false;
      if (o.done || o.window <= 0) break;
      if (o.rest !== undefined) sendRest(o);
      else if (!o.isReading) readOn(o);
    } while (o.again);
    o.isPumping = false;
  }

  function sendRest(o) {
    const bytes = o.rest;
    const length = TypedArrayPrototypeGetByteLength(bytes);
    const part = length < o.window ? length : o.window;
    o.window -= o.handlers.send(bytes, part);
    // The handler may have stopped it.
    if (o.done) return;
    o.rest = part < length ? isolet.idl.tail(bytes, part) : undefined;
    if (o.rest === undefined && o.reader === undefined) close(o);
    o.again = true;
  }

  function readOn(o) {
    o.isReading = true;
    isolet.streams.read(o.reader, {
      __proto__: null,
      chunk(value) {
        o.isReading = false;
        if (o.done) return;
        const bytes = asBytes(value);
        if (bytes === undefined) {
          const found = value === null ? "null" : typeof value;
          const error = new TypeError(
            `The stream of a ${o.what} gave a chunk of type ${found}: chunks must be bytes. Pipe it through a TextEncoderStream.`,
          );
          isolet.streams.cancel(o.reader.stream, error);
          fail(o, error);
          return;
        }
        if (TypedArrayPrototypeGetByteLength(bytes) > 0) o.rest = bytes;
        pump(o);
      },
      close() {
        o.isReading = false;
        if (!o.done) close(o);
      },
      error(reason) {
        o.isReading = false;
        if (!o.done) fail(o, reason);
      },
    });
  }

  const asBytes = (value) => (isolet.idl.isBuffer(value) ? isolet.idl.view(value, "A chunk") : undefined);

  function close(o) {
    o.done = true;
    o.handlers.close();
  }

  function fail(o, reason) {
    o.done = true;
    o.handlers.fail(reason);
  }

  host.outgoing = {
    __proto__: null,
    isBytes,
    open,
    pump,
    /** @param {any} o */
    credit(o, bytes) {
      o.window += bytes;
      pump(o);
    },
    /** @param {any} o */
    stop(o, reason) {
      if (o.done) return undefined;
      o.done = true;
      o.rest = undefined;
      return o.reader === undefined ? undefined : isolet.streams.cancel(o.reader.stream, reason);
    },
  };
});
