// TransformStream: a writable side whose chunks, transformed, come out of a readable side.

const { PromisePrototypeThen, RangeError, TypeError } = isolet.primordials;

isolet.lazy(["TransformStream", "TransformStreamDefaultController"], ["transforms", "TransformStream"], (host) => {
  const { streams, writables } = isolet;
  const { define, isObject } = isolet.idl;
  const { deferred, method, nothing, promised, strategy } = isolet.streaming;

  const token = {};

  // `t`: { readable, writable: their states; backpressure, changed: its promise; transform,
  // flush, cancel; finished }.
  /** @type {TransformOperations["create"]} */
  function create({ transform, flush, cancel, readableMark, readableSize, writableMark, writableSize, bytes = false }) {
    /** @type {any} */
    const t = {
      __proto__: null,
      readable: undefined,
      writable: undefined,
      backpressure: true,
      changed: deferred(),
      transform,
      flush,
      cancel,
      finished: undefined,
    };
    t.writable = writables.create({
      __proto__: null,
      highWaterMark: writableMark,
      size: writableSize,
      write: (chunk) => sinkWrite(t, chunk),
      close: () => sinkClose(t),
      abort: (reason) => sinkAbort(t, reason),
    });
    t.readable = streams.create({
      __proto__: null,
      highWaterMark: readableMark,
      size: readableSize,
      bytes,
      pull() {
        setBackpressure(t, false);
        return t.changed.promise;
      },
      cancel: (reason) => sourceCancel(t, reason),
    });
    return t;
  }

  // Both sides start when the transformer has.
  /** @type {TransformOperations["begin"]} */
  function begin(t, started) {
    streams.begin(t.readable, started);
    writables.begin(t.writable, started);
  }

  /** @param {TransformState} t @param {boolean} backpressure */
  function setBackpressure(t, backpressure) {
    if (t.backpressure === backpressure) return;
    t.changed.resolve(undefined);
    t.changed = deferred();
    t.backpressure = backpressure;
  }

  /** @param {TransformState} t */
  function forget(t) {
    t.transform = t.flush = t.cancel = nothing;
  }

  /** @param {TransformState} t */
  function fail(t, error) {
    streams.fail(t.readable, error);
    failWritable(t, error);
  }
  /** @param {TransformState} t */
  function failWritable(t, error) {
    forget(t);
    writables.fail(t.writable, error);
    // A write that waits for room would never end.
    setBackpressure(t, false);
  }

  /** @type {TransformOperations["enqueue"]} */
  function enqueue(t, chunk) {
    if (!streams.canEnqueue(t.readable)) throw new TypeError("The readable side is closed: nothing can be enqueued.");
    try {
      streams.enqueue(t.readable, chunk);
    } catch (error) {
      failWritable(t, error);
      throw t.readable.error;
    }
    const { readable } = t;
    const full =
      !(readable.reader !== undefined && readable.reader.requests.length > 0) && !(streams.desiredSize(readable) > 0);
    if (full !== t.backpressure) setBackpressure(t, true);
  }

  /** @param {TransformState} t */
  function terminate(t) {
    if (streams.canEnqueue(t.readable)) streams.requestClose(t.readable);
    failWritable(t, new TypeError("The transform was terminated."));
  }

  /** @param {TransformState} t */
  function sinkWrite(t, chunk) {
    const perform = () =>
      PromisePrototypeThen(
        promised(() => t.transform(chunk)),
        undefined,
        (error) => {
          fail(t, error);
          throw error;
        },
      );
    if (!t.backpressure) return perform();
    return PromisePrototypeThen(t.changed.promise, () => {
      if (t.writable.state === writables.ERRORING) throw t.writable.error;
      return perform();
    });
  }

  // The end, whichever side begins it, and once: runs the transformer's last function, then
  // settles the other side, unless that has failed meanwhile.
  /** @param {TransformState} t */
  function finish(t, last, other, settle, failOther) {
    if (t.finished !== undefined) return t.finished.promise;
    t.finished = deferred(true);
    const { finished } = t;
    const ended = promised(last);
    forget(t);
    PromisePrototypeThen(
      ended,
      () => {
        if (other.state === "errored") {
          finished.reject(other.error);
        } else {
          settle();
          finished.resolve(undefined);
        }
      },
      (error) => {
        failOther(error);
        finished.reject(error);
      },
    );
    return finished.promise;
  }

  /** @param {TransformState} t */
  function sinkClose(t) {
    const { flush, readable } = t;
    const close = () => {
      if (streams.canEnqueue(readable)) streams.requestClose(readable);
    };
    return finish(t, flush, readable, close, (error) => streams.fail(readable, error));
  }

  /** @param {TransformState} t */
  function sinkAbort(t, reason) {
    const { cancel, readable } = t;
    const failReadable = (error) => streams.fail(readable, error);
    return finish(
      t,
      () => cancel(reason),
      readable,
      () => failReadable(reason),
      failReadable,
    );
  }

  /** @param {TransformState} t */
  function sourceCancel(t, reason) {
    const { cancel, writable } = t;
    const failWritable = (error) => {
      writables.fail(writable, error);
      setBackpressure(t, false);
    };
    return finish(
      t,
      () => cancel(reason),
      writable,
      () => failWritable(reason),
      failWritable,
    );
  }

  class TransformStreamDefaultController {
    #t;
    constructor(key, t) {
      if (key !== token) throw new TypeError("Illegal constructor.");
      this.#t = t;
    }
    get desiredSize() {
      return streams.desiredSize(this.#t.readable);
    }
    enqueue(chunk = undefined) {
      enqueue(this.#t, chunk);
    }
    error(reason = undefined) {
      fail(this.#t, reason);
    }
    terminate() {
      terminate(this.#t);
    }
  }
  define(TransformStreamDefaultController);

  class TransformStream {
    #readable;
    #writable;
    /** @param {any} [transformer] @param {any} [strategyIn] @param {any} [strategyOut] */
    constructor(transformer = undefined, strategyIn = undefined, strategyOut = undefined) {
      if (transformer === token) {
        this.#readable = streams.wrap(strategyIn.readable);
        this.#writable = writables.wrap(strategyIn.writable);
        return;
      }
      const by = transformer === undefined ? { __proto__: null } : transformer;
      if (!isObject(by)) throw new TypeError("The transformer of a TransformStream must be an object.");
      const what = "The transformer of a TransformStream";
      if (by.readableType !== undefined || by.writableType !== undefined)
        throw new RangeError(`${what} must have no \`readableType\` and no \`writableType\`.`);
      const cancelled = method(by, "cancel", what);
      const flushed = method(by, "flush", what);
      const start = method(by, "start", what);
      const transformed = method(by, "transform", what);
      const into = strategy(strategyIn, 1, "The writable strategy of a TransformStream");
      const out = strategy(strategyOut, 0, "The readable strategy of a TransformStream");
      const t = create({
        __proto__: null,
        transform: transformed === undefined ? (chunk) => enqueue(t, chunk) : (chunk) => transformed(chunk, controller),
        flush: flushed === undefined ? nothing : () => flushed(controller),
        cancel: cancelled === undefined ? nothing : (reason) => cancelled(reason),
        readableMark: out.highWaterMark,
        readableSize: out.size,
        writableMark: into.highWaterMark,
        writableSize: into.size,
      });
      const controller = new TransformStreamDefaultController(token, t);
      this.#readable = streams.wrap(t.readable);
      this.#writable = writables.wrap(t.writable);
      begin(t, start === undefined ? undefined : start(controller));
    }

    get readable() {
      return this.#readable;
    }
    get writable() {
      return this.#writable;
    }
  }
  define(TransformStream);

  // A pair of streams for classes of the host that transform.
  host.transforms = {
    __proto__: null,
    begin,
    create,
    enqueue,
    token,
    make(transform, flush, cancel = nothing) {
      const t = create({
        __proto__: null,
        transform: (chunk) => transform(chunk, (out) => enqueue(t, out)),
        flush: () => flush((out) => enqueue(t, out)),
        cancel,
        readableMark: 0,
        readableSize: undefined,
        writableMark: 1,
        writableSize: undefined,
      });
      begin(t, undefined);
      return { __proto__: null, readable: streams.wrap(t.readable), writable: writables.wrap(t.writable) };
    },
  };
  host.TransformStream = TransformStream;
  return { TransformStream, TransformStreamDefaultController };
});
