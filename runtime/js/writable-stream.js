// WritableStream, its controller and its writer, by the Streams standard.
//
// One record per stream, shared by stream, controller and writer; the functions have the names of
// the standard's abstract operations where those say it best.

const { PromisePrototypeThen, RangeError, TypeError } = isolet.primordials;

isolet.lazy(
  ["WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController"],
  ["writables", "WritableStream"],
  (host) => {
    const { define, isObject, need } = isolet.idl;
    const {
      clear,
      deferred,
      method,
      nothing,
      promised,
      promiseReject,
      promiseResolve,
      push,
      queue,
      shift,
      sizeOf,
      strategy,
    } = isolet.streaming;

    const token = {};
    const WRITABLE = "writable",
      ERRORING = "erroring",
      CLOSED = "closed",
      ERRORED = "errored";
    // In the queue behind the last chunk.
    const CLOSE = { __proto__: null };

    /** @type {WritableOperations["create"]} */
    function create({ write, close, abort, highWaterMark, size }) {
      return {
        __proto__: null,
        state: WRITABLE,
        error: undefined,
        writer: undefined,
        queue: queue(),
        highWaterMark,
        size,
        write,
        close,
        abort,
        signal: undefined,
        started: false,
        backpressure: highWaterMark <= 0,
        // Promises of write() in order; those being carried out; that of close(); that of abort().
        writes: queue(),
        inFlightWrite: undefined,
        inFlightClose: undefined,
        closeRequest: undefined,
        pendingAbort: undefined,
      };
    }

    // Made when it is asked for, or when the stream is aborted.
    /** @param {WritableState} w */
    const signalOf = (w) => (w.signal ??= isolet.signals.make());

    /** @type {WritableOperations["begin"]} */
    function begin(w, started) {
      PromisePrototypeThen(
        promiseResolve(started),
        () => {
          w.started = true;
          advance(w);
        },
        (error) => {
          w.started = true;
          reject(w, error);
        },
      );
    }

    /** @type {WritableOperations["desiredSize"]} */
    const desiredSize = (w) =>
      w.state === ERRORED || w.state === ERRORING ? null : w.state === CLOSED ? 0 : w.highWaterMark - w.queue.size;
    /** @type {WritableOperations["isClosing"]} */
    const isClosing = (w) => w.closeRequest !== undefined || w.inFlightClose !== undefined;
    /** @param {WritableState} w */
    const isOver = (w) => w.state === CLOSED || w.state === ERRORED;
    /** @param {WritableState} w */
    const isBusy = (w) => w.inFlightWrite !== undefined || w.inFlightClose !== undefined;

    /** @param {WritableState} w */
    function forget(w) {
      w.write = w.close = w.abort = nothing;
      w.size = undefined;
    }

    /** @param {WritableState} w @param {boolean} backpressure */
    function setBackpressure(w, backpressure) {
      if (w.writer !== undefined && backpressure !== w.backpressure) {
        if (backpressure) w.writer.ready = deferred(true);
        else w.writer.ready.resolve(undefined);
      }
      w.backpressure = backpressure;
    }

    // The promise as rejected, whatever it was before.
    /** @param {Writer} of @param {"ready" | "closed"} name */
    function settleRejected(of, name, error) {
      if (of[name].settled) of[name] = deferred(true);
      of[name].reject(error);
    }

    /** @param {WritableState} w */
    function startErroring(w, error) {
      w.state = ERRORING;
      w.error = error;
      if (w.writer !== undefined) settleRejected(w.writer, "ready", error);
      if (!isBusy(w) && w.started) finishErroring(w);
    }

    /** @param {WritableState} w */
    function finishErroring(w) {
      w.state = ERRORED;
      clear(w.queue);
      while (w.writes.length > 0) shift(w.writes).reject(w.error);
      const request = w.pendingAbort;
      if (request === undefined) {
        rejectClosed(w);
        return;
      }
      w.pendingAbort = undefined;
      if (request.wasErroring) {
        request.done.reject(w.error);
        rejectClosed(w);
        return;
      }
      const { abort } = w;
      forget(w);
      PromisePrototypeThen(
        promised(() => abort(request.reason)),
        () => {
          request.done.resolve(undefined);
          rejectClosed(w);
        },
        (error) => {
          request.done.reject(error);
          rejectClosed(w);
        },
      );
    }

    /** @param {WritableState} w */
    function rejectClosed(w) {
      if (w.closeRequest !== undefined) {
        w.closeRequest.reject(w.error);
        w.closeRequest = undefined;
      }
      if (w.writer !== undefined) w.writer.closed.reject(w.error);
    }

    /** @param {WritableState} w */
    function reject(w, error) {
      if (w.state === WRITABLE) startErroring(w, error);
      else if (w.state === ERRORING) finishErroring(w);
    }

    // The controller's error(): only a stream that still takes chunks can be errored.
    /** @type {WritableOperations["fail"]} */
    function fail(w, error) {
      if (w.state !== WRITABLE) return;
      forgetUnlessBusy(w);
      startErroring(w, error);
    }
    // abort() of the sink is not called after an error, but a write in flight still ends as it
    // will.
    /** @param {WritableState} w */
    function forgetUnlessBusy(w) {
      if (!isBusy(w)) forget(w);
    }

    /** @param {WritableState} w */
    function advance(w) {
      if (!w.started || w.inFlightWrite !== undefined) return;
      if (w.state === ERRORING) {
        finishErroring(w);
        return;
      }
      if (w.queue.length === 0) return;
      const { value } = /** @type {QueueItem} */ (w.queue.first);
      if (value === CLOSE) carryOutClose(w);
      else carryOutWrite(w, value);
    }

    /** @param {WritableState} w */
    function carryOutClose(w) {
      const closing = /** @type {Deferred} */ (w.closeRequest);
      w.inFlightClose = closing;
      w.closeRequest = undefined;
      shift(w.queue);
      const { close } = w;
      const done = promised(close);
      forget(w);
      PromisePrototypeThen(
        done,
        () => {
          closing.resolve(undefined);
          w.inFlightClose = undefined;
          if (w.state === ERRORING) {
            // The sink closed before the abort could reach it: closed it is.
            w.error = undefined;
            if (w.pendingAbort !== undefined) {
              w.pendingAbort.done.resolve(undefined);
              w.pendingAbort = undefined;
            }
          }
          w.state = CLOSED;
          if (w.writer !== undefined) w.writer.closed.resolve(undefined);
        },
        (error) => {
          closing.reject(error);
          w.inFlightClose = undefined;
          if (w.pendingAbort !== undefined) {
            w.pendingAbort.done.reject(error);
            w.pendingAbort = undefined;
          }
          reject(w, error);
        },
      );
    }

    /** @param {WritableState} w */
    function carryOutWrite(w, chunk) {
      /** @type {Deferred} */
      const done = shift(w.writes);
      w.inFlightWrite = done;
      const { write } = w;
      PromisePrototypeThen(
        promised(() => write(chunk)),
        () => {
          done.resolve(undefined);
          w.inFlightWrite = undefined;
          // Errored meanwhile: the queue is empty already.
          if (w.queue.length > 0) shift(w.queue);
          if (!isClosing(w) && w.state === WRITABLE) setBackpressure(w, desiredSize(w) <= 0);
          advance(w);
        },
        (error) => {
          if (w.state === WRITABLE) forget(w);
          done.reject(error);
          w.inFlightWrite = undefined;
          reject(w, error);
        },
      );
    }

    /** @type {WritableOperations["abort"]} */
    function abort(w, reason) {
      if (isOver(w)) return promiseResolve(undefined);
      isolet.signals.abort(signalOf(w), reason);
      // Listeners of the signal have run.
      if (isOver(w)) return promiseResolve(undefined);
      if (w.pendingAbort !== undefined) return w.pendingAbort.done.promise;
      const wasErroring = w.state === ERRORING;
      const done = deferred();
      w.pendingAbort = { __proto__: null, done, reason: wasErroring ? undefined : reason, wasErroring };
      if (!wasErroring) startErroring(w, reason);
      return done.promise;
    }

    /** @type {WritableOperations["close"]} */
    function close(w) {
      if (isOver(w)) return promiseReject(new TypeError(`The stream is ${w.state} already.`));
      if (isClosing(w)) return promiseReject(new TypeError("The stream is being closed already."));
      w.closeRequest = deferred();
      const { promise } = w.closeRequest;
      if (w.writer !== undefined && w.backpressure && w.state === WRITABLE) w.writer.ready.resolve(undefined);
      push(w.queue, CLOSE, 0);
      advance(w);
      return promise;
    }

    /** @type {WritableOperations["acquire"]} */
    function acquire(w) {
      if (w.writer !== undefined) throw new TypeError("The stream is locked: it has a writer already.");
      const writer = { __proto__: null, stream: w, ready: deferred(true), closed: deferred(true) };
      w.writer = writer;
      if (w.state === WRITABLE) {
        if (isClosing(w) || !w.backpressure) writer.ready.resolve(undefined);
      } else if (w.state === ERRORING) {
        writer.ready.reject(w.error);
      } else if (w.state === CLOSED) {
        writer.ready.resolve(undefined);
        writer.closed.resolve(undefined);
      } else {
        writer.ready.reject(w.error);
        writer.closed.reject(w.error);
      }
      return writer;
    }

    /** @type {WritableOperations["release"]} */
    function release(writer) {
      const w = writer.stream;
      const error = new TypeError("The writer was released.");
      settleRejected(writer, "ready", error);
      settleRejected(writer, "closed", error);
      w.writer = undefined;
      writer.stream = undefined;
    }

    /** @type {WritableOperations["write"]} */
    function write(writer, chunk) {
      const w = writer.stream;
      let size = 1;
      try {
        size = sizeOf(w.size, chunk);
      } catch (error) {
        fail(w, error);
      }
      if (writer.stream !== w) return promiseReject(new TypeError("The writer was released."));
      if (w.state === ERRORED || w.state === ERRORING) return promiseReject(w.error);
      if (isClosing(w) || w.state === CLOSED)
        return promiseReject(new TypeError("The stream is closed or being closed: nothing can be written."));
      const done = deferred();
      push(w.writes, done, 1);
      push(w.queue, chunk, size);
      if (!isClosing(w) && w.state === WRITABLE) setBackpressure(w, desiredSize(w) <= 0);
      advance(w);
      return done.promise;
    }

    class WritableStreamDefaultController {
      #w;
      constructor(key, w) {
        if (key !== token) throw new TypeError("Illegal constructor.");
        this.#w = w;
      }
      get signal() {
        return signalOf(this.#w);
      }
      error(reason = undefined) {
        fail(this.#w, reason);
      }
    }
    define(WritableStreamDefaultController);

    const illegal = () => promiseReject(new TypeError("Illegal invocation."));
    const released = () => promiseReject(new TypeError("The writer was released."));

    class WritableStreamDefaultWriter {
      #writer;
      constructor(stream) {
        need(arguments.length, 1, "new WritableStreamDefaultWriter");
        this.#writer = acquire(isolet.writables.state(stream));
      }
      get closed() {
        return isObject(this) && #writer in this ? this.#writer.closed.promise : illegal();
      }
      get ready() {
        return isObject(this) && #writer in this ? this.#writer.ready.promise : illegal();
      }
      get desiredSize() {
        if (this.#writer.stream === undefined) throw new TypeError("The writer was released.");
        return desiredSize(this.#writer.stream);
      }
      abort(reason = undefined) {
        if (!(isObject(this) && #writer in this)) return illegal();
        return this.#writer.stream === undefined ? released() : abort(this.#writer.stream, reason);
      }
      close() {
        if (!(isObject(this) && #writer in this)) return illegal();
        return this.#writer.stream === undefined ? released() : close(this.#writer.stream);
      }
      write(chunk = undefined) {
        if (!(isObject(this) && #writer in this)) return illegal();
        return this.#writer.stream === undefined ? released() : write(this.#writer, chunk);
      }
      releaseLock() {
        if (this.#writer.stream !== undefined) release(this.#writer);
      }
    }
    define(WritableStreamDefaultWriter);

    class WritableStream {
      /** @type {WritableState} */
      #w;
      /** @param {ScriptValue} [sink] @param {ScriptValue} [queuing] */
      constructor(sink = undefined, queuing = undefined) {
        if (sink === token) {
          this.#w = queuing;
          return;
        }
        const into = sink === undefined ? { __proto__: null } : sink;
        if (!isObject(into)) throw new TypeError("The sink of a WritableStream must be an object.");
        const what = "The sink of a WritableStream";
        if (into.type !== undefined) throw new RangeError(`${what} must have no \`type\`.`);
        const aborted = method(into, "abort", what);
        const closed = method(into, "close", what);
        const start = method(into, "start", what);
        const written = method(into, "write", what);
        const { highWaterMark, size } = strategy(queuing, 1, "The strategy of a WritableStream");
        const w = create({
          __proto__: null,
          highWaterMark,
          size,
          write: written === undefined ? nothing : (chunk) => written(chunk, controller),
          close: closed === undefined ? nothing : () => closed(),
          abort: aborted === undefined ? nothing : (reason) => aborted(reason),
        });
        const controller = new WritableStreamDefaultController(token, w);
        this.#w = w;
        begin(w, start === undefined ? undefined : start(controller));
      }

      get locked() {
        return this.#w.writer !== undefined;
      }
      abort(reason = undefined) {
        if (!(isObject(this) && #w in this)) return illegal();
        if (this.#w.writer !== undefined)
          return promiseReject(new TypeError("The stream is locked: abort it through its writer."));
        return abort(this.#w, reason);
      }
      close() {
        if (!(isObject(this) && #w in this)) return illegal();
        if (this.#w.writer !== undefined)
          return promiseReject(new TypeError("The stream is locked: close it through its writer."));
        return close(this.#w);
      }
      getWriter() {
        return new WritableStreamDefaultWriter(this);
      }

      static {
        host.writables = {
          __proto__: null,
          is: (value) => isObject(value) && #w in value,
          state(value) {
            if (!(isObject(value) && #w in value)) throw new TypeError("A WritableStream is needed here.");
            return value.#w;
          },
          wrap: (w) => new WritableStream(token, w),
          abort,
          acquire,
          begin,
          close,
          create,
          desiredSize,
          fail,
          isClosing,
          release,
          write,
          WRITABLE,
          ERRORING,
          CLOSED,
          ERRORED,
        };
      }
    }
    define(WritableStream);
    isolet.inspectable(isolet.writables.is, (stream) => {
      const w = isolet.writables.state(stream);
      return { __proto__: null, fields: { __proto__: null, locked: w.writer !== undefined, state: w.state } };
    });
    host.WritableStream = WritableStream;
    return { WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController };
  },
);
