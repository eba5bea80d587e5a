// ReadableStream, its controllers and its reader, by the Streams standard.
//
// The state of a stream is one record that stream, controller and reader share; the functions below
// work on it, as the standard's abstract operations do. A byte stream has Uint8Arrays in its queue;
// byte-stream.js has its controller, and pull-into.js fills views of the script's own.

const {
  ObjectSetPrototypeOf,
  Promise,
  PromisePrototypeThen,
  RangeError,
  SymbolAsyncIterator,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = isolet.primordials;

isolet.lazy(
  ["ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamDefaultController"],
  ["streams"],
  (host) => {
    const { alias, define, dictionary, integer, isObject, need } = isolet.idl;
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
    const READABLE = "readable",
      CLOSED = "closed",
      ERRORED = "errored";

    // A stream's state. `pull` and `cancel` return anything; `start` is given its result as a
    // promise by `begin`.
    /** @type {ReadableOperations["create"]} */
    function create({ pull, cancel, highWaterMark, size, bytes = false }) {
      return {
        __proto__: null,
        state: READABLE,
        error: undefined,
        disturbed: false,
        reader: undefined,
        queue: queue(),
        highWaterMark,
        size,
        pull,
        cancel,
        bytes,
        started: false,
        pulling: false,
        pullAgain: false,
        closeRequested: false,
        intos: undefined,
        byobRequest: undefined,
        allocateBytes: undefined,
        knownLength: undefined,
      };
    }

    /** @type {ReadableOperations["begin"]} */
    function begin(s, started) {
      PromisePrototypeThen(
        promiseResolve(started),
        () => {
          s.started = true;
          pullIfNeeded(s);
        },
        (error) => fail(s, error),
      );
    }

    /** @type {ReadableOperations["canEnqueue"]} */
    const canEnqueue = (s) => s.state === READABLE && !s.closeRequested;
    /** @type {ReadableOperations["desiredSize"]} */
    const desiredSize = (s) => (s.state === ERRORED ? null : s.state === CLOSED ? 0 : s.highWaterMark - s.queue.size);
    /** @param {ReadableState} s */
    const isWaitedFor = (s) => s.reader !== undefined && s.reader.requests.length > 0;

    /** @type {ReadableOperations["pullIfNeeded"]} */
    function pullIfNeeded(s) {
      if (!canEnqueue(s) || !s.started || !(isWaitedFor(s) || desiredSize(s) > 0)) return;
      if (s.pulling) {
        s.pullAgain = true;
        return;
      }
      s.pulling = true;
      PromisePrototypeThen(
        promised(s.pull),
        () => {
          s.pulling = false;
          if (s.pullAgain) {
            s.pullAgain = false;
            pullIfNeeded(s);
          }
        },
        (error) => fail(s, error),
      );
    }

    /** @type {ReadableOperations["forget"]} */
    function forget(s) {
      s.pull = s.cancel = nothing;
      s.size = undefined;
    }

    /** @type {ReadableOperations["enqueue"]} */
    function enqueue(s, chunk) {
      if (s.intos !== undefined) {
        isolet.byteStreams.enqueue(s, chunk);
        return;
      }
      if (isWaitedFor(s)) {
        shift(/** @type {Reader} */ (s.reader).requests).chunk(chunk);
      } else {
        let size;
        try {
          size = s.bytes ? TypedArrayPrototypeGetByteLength(chunk) : sizeOf(s.size, chunk);
        } catch (error) {
          fail(s, error);
          throw error;
        }
        push(s.queue, chunk, size);
      }
      pullIfNeeded(s);
    }

    // No more chunks: closed once the queue is empty.
    /** @type {ReadableOperations["requestClose"]} */
    function requestClose(s) {
      if (s.intos !== undefined) {
        isolet.byteStreams.close(s);
        isolet.pullIntos.finish(s);
        return;
      }
      s.closeRequested = true;
      if (s.queue.length === 0) {
        forget(s);
        close(s);
      }
    }

    // Requests of a BYOB reader keep waiting: the source gives their memory back first.
    /** @type {ReadableOperations["close"]} */
    function close(s) {
      s.state = CLOSED;
      const { reader } = s;
      if (reader === undefined) return;
      reader.closed.resolve(undefined);
      if (reader.byob) return;
      while (reader.requests.length > 0) shift(reader.requests).close();
    }

    /** @type {ReadableOperations["fail"]} */
    function fail(s, error) {
      if (s.state !== READABLE) return;
      if (s.intos !== undefined) isolet.pullIntos.forget(s);
      clear(s.queue);
      forget(s);
      s.state = ERRORED;
      s.error = error;
      const { reader } = s;
      if (reader === undefined) return;
      reader.closed.reject(error);
      while (reader.requests.length > 0) shift(reader.requests).error(error);
    }

    /** @type {ReadableOperations["cancel"]} */
    function cancel(s, reason) {
      s.disturbed = true;
      if (s.state === CLOSED) return promiseResolve(undefined);
      if (s.state === ERRORED) return promiseReject(s.error);
      const algorithm = s.cancel;
      close(s);
      const { reader } = s;
      if (reader?.byob) while (reader.requests.length > 0) shift(reader.requests).close(undefined);
      if (s.intos !== undefined) isolet.pullIntos.forget(s);
      clear(s.queue);
      forget(s);
      return PromisePrototypeThen(
        promised(() => algorithm(reason)),
        () => undefined,
      );
    }

    // A lock on the stream. Requests are { chunk(value), close(), error(reason) }.
    /** @type {ReadableOperations["acquire"]} */
    function acquire(s, byob = false) {
      if (s.reader !== undefined)
        throw new TypeError("The stream is locked: it has a reader, or is read by something else.");
      const reader = { __proto__: null, stream: s, byob, requests: queue(), closed: deferred(true) };
      s.reader = reader;
      if (s.state === CLOSED) reader.closed.resolve(undefined);
      else if (s.state === ERRORED) reader.closed.reject(s.error);
      return reader;
    }

    /** @type {ReadableOperations["read"]} */
    function read(reader, request) {
      const s = reader.stream;
      s.disturbed = true;
      if (s.state === CLOSED) request.close();
      else if (s.state === ERRORED) request.error(s.error);
      else if (s.queue.length > 0) {
        const chunk = shift(s.queue);
        if (s.closeRequested && s.queue.length === 0) {
          forget(s);
          close(s);
        } else {
          pullIfNeeded(s);
        }
        request.chunk(chunk);
      } else {
        if (s.allocateBytes !== undefined) {
          try {
            isolet.pullIntos.allocate(s);
          } catch (error) {
            request.error(error);
            return;
          }
        }
        push(reader.requests, request, 1);
        pullIfNeeded(s);
      }
    }

    /** @type {ReadableOperations["release"]} */
    function release(reader) {
      const s = reader.stream;
      const error = new TypeError("The reader was released.");
      if (reader.closed.settled) reader.closed = deferred(true);
      reader.closed.reject(error);
      if (s.intos !== undefined) isolet.pullIntos.release(s);
      s.reader = undefined;
      reader.stream = undefined;
      while (reader.requests.length > 0) shift(reader.requests).error(error);
    }

    class ReadableStreamDefaultController {
      #s;
      constructor(key, s) {
        if (key !== token) throw new TypeError("Illegal constructor.");
        this.#s = s;
      }
      get desiredSize() {
        return desiredSize(this.#s);
      }
      close() {
        if (!canEnqueue(this.#s)) throw new TypeError("The stream is closed or being closed already.");
        requestClose(this.#s);
      }
      enqueue(chunk = undefined) {
        if (!canEnqueue(this.#s)) throw new TypeError("The stream is closed or being closed: nothing can be enqueued.");
        enqueue(this.#s, chunk);
      }
      error(reason = undefined) {
        fail(this.#s, reason);
      }
    }
    define(ReadableStreamDefaultController);

    class ReadableStreamDefaultReader {
      #reader;
      constructor(stream) {
        need(arguments.length, 1, "new ReadableStreamDefaultReader");
        this.#reader = acquire(isolet.streams.state(stream));
      }
      get closed() {
        if (!(isObject(this) && #reader in this)) return promiseReject(new TypeError("Illegal invocation."));
        return this.#reader.closed.promise;
      }
      read() {
        if (!(isObject(this) && #reader in this)) return promiseReject(new TypeError("Illegal invocation."));
        if (this.#reader.stream === undefined) return promiseReject(new TypeError("The reader was released."));
        return new Promise((resolve, reject) =>
          read(this.#reader, {
            __proto__: null,
            chunk: (value) => resolve({ value, done: false }),
            close: () => resolve({ value: undefined, done: true }),
            error: reject,
          }),
        );
      }
      cancel(reason = undefined) {
        if (!(isObject(this) && #reader in this)) return promiseReject(new TypeError("Illegal invocation."));
        if (this.#reader.stream === undefined) return promiseReject(new TypeError("The reader was released."));
        return cancel(this.#reader.stream, reason);
      }
      releaseLock() {
        if (this.#reader.stream !== undefined) release(this.#reader);
      }
    }
    define(ReadableStreamDefaultReader);

    class ReadableStream {
      /** @type {ReadableState} */
      #s;
      /** @param {ScriptValue} [source] @param {ScriptValue} [queuing] */
      constructor(source = undefined, queuing = undefined) {
        if (source === token) {
          this.#s = queuing;
          return;
        }
        const from = source === undefined ? { __proto__: null } : source;
        if (!isObject(from)) throw new TypeError("The source of a ReadableStream must be an object.");
        const what = "The source of a ReadableStream";
        const { autoAllocateChunkSize: allocated } = from;
        const allocateBytes =
          allocated === undefined ? undefined : integer(allocated, 0, 2 ** 53 - 1, "`autoAllocateChunkSize`");
        const cancelled = method(from, "cancel", what);
        const pull = method(from, "pull", what);
        const start = method(from, "start", what);
        const { type } = from;
        if (type !== undefined && `${type}` !== "bytes")
          throw new TypeError('The `type` of a source must be "bytes" or undefined.');
        const bytes = type !== undefined;
        if (bytes && allocateBytes === 0) throw new TypeError("`autoAllocateChunkSize` must be at least 1.");
        const { highWaterMark, size } = strategy(queuing, bytes ? 0 : 1, "The strategy of a ReadableStream");
        if (bytes && size !== undefined) throw new RangeError("The strategy of a byte stream must have no `size`.");
        let controller;
        const s = create({
          __proto__: null,
          highWaterMark,
          size,
          bytes,
          pull: pull === undefined ? nothing : () => pull(controller),
          cancel: cancelled === undefined ? nothing : cancelled,
        });
        this.#s = s;
        if (bytes) s.allocateBytes = allocateBytes;
        controller = bytes ? isolet.byteStreams.controller(s) : new ReadableStreamDefaultController(token, s);
        begin(s, start === undefined ? undefined : start(controller));
      }

      static from(iterable) {
        need(arguments.length, 1, "ReadableStream.from");
        return isolet.pipes.fromIterable(iterable);
      }

      get locked() {
        return this.#s.reader !== undefined;
      }

      cancel(reason = undefined) {
        if (!(isObject(this) && #s in this)) return promiseReject(new TypeError("Illegal invocation."));
        if (this.#s.reader !== undefined)
          return promiseReject(new TypeError("The stream is locked: cancel it through its reader."));
        return cancel(this.#s, reason);
      }

      getReader(options = undefined) {
        const { mode } = dictionary(options, "The options of getReader");
        if (mode !== undefined) {
          if (`${mode}` !== "byob") throw new TypeError('The `mode` of a reader must be "byob" or undefined.');
          return isolet.byob.reader(this);
        }
        return new ReadableStreamDefaultReader(this);
      }

      pipeThrough(pair, options = undefined) {
        need(arguments.length, 1, "pipeThrough");
        if (!isObject(pair)) throw new TypeError("pipeThrough takes an object with `readable` and `writable`.");
        const { readable, writable } = pair;
        isolet.streams.state(readable);
        const into = isolet.writables.state(writable);
        const how = pipeOptions(options);
        if (this.#s.reader !== undefined)
          throw new TypeError("The stream is locked: it has a reader, or is read by something else.");
        if (into.writer !== undefined) throw new TypeError("The writable stream is locked.");
        PromisePrototypeThen(isolet.pipes.pipe(this.#s, into, how), undefined, nothing);
        return readable;
      }

      pipeTo(destination, options = undefined) {
        try {
          const from = this.#s;
          const into = isolet.writables.state(destination);
          const how = pipeOptions(options);
          if (from.reader !== undefined)
            throw new TypeError("The stream is locked: it has a reader, or is read by something else.");
          if (into.writer !== undefined) throw new TypeError("The writable stream is locked.");
          return isolet.pipes.pipe(from, into, how);
        } catch (error) {
          return promiseReject(error);
        }
      }

      tee() {
        const branches = isolet.pipes.tee(this.#s);
        return [new ReadableStream(token, branches.first), new ReadableStream(token, branches.second)];
      }

      values(options = undefined) {
        const { preventCancel } = dictionary(options, "The options of values");
        return new StreamIterator(token, acquire(this.#s), !!preventCancel);
      }

      static {
        host.streams = {
          __proto__: null,
          is: (value) => isObject(value) && #s in value,
          state(value) {
            if (!(isObject(value) && #s in value)) throw new TypeError("A ReadableStream is needed here.");
            return value.#s;
          },
          wrap: (s) => new ReadableStream(token, s),
          acquire,
          begin,
          canEnqueue,
          cancel,
          close,
          create,
          desiredSize,
          enqueue,
          fail,
          forget,
          pullIfNeeded,
          read,
          release,
          requestClose,
        };
      }
    }

    function pipeOptions(options) {
      const { preventAbort, preventCancel, preventClose, signal } = dictionary(options, "The options of a pipe");
      if (signal !== undefined && !isolet.signals.is(signal)) throw new TypeError("`signal` must be an AbortSignal.");
      return {
        __proto__: null,
        preventAbort: !!preventAbort,
        preventCancel: !!preventCancel,
        preventClose: !!preventClose,
        signal,
      };
    }

    // The iterator of `for await`. Calls are served one after the other, as the standard
    // prescribes.
    class StreamIterator {
      #reader;
      #keep;
      #last;
      #done = false;
      constructor(key, reader, keep) {
        if (key !== token) throw new TypeError("Illegal constructor.");
        this.#reader = reader;
        this.#keep = keep;
      }
      #next() {
        if (this.#done) return promiseResolve({ value: undefined, done: true });
        return new Promise((resolve, reject) =>
          read(this.#reader, {
            __proto__: null,
            chunk: (value) => resolve({ value, done: false }),
            close: () => {
              this.#finish();
              resolve({ value: undefined, done: true });
            },
            error: (reason) => {
              this.#finish();
              reject(reason);
            },
          }),
        );
      }
      #finish() {
        this.#done = true;
        if (this.#reader.stream !== undefined) release(this.#reader);
      }
      #return(value) {
        if (this.#done) return promiseResolve({ value, done: true });
        const { stream } = this.#reader;
        const cancelled = this.#keep ? promiseResolve(undefined) : cancel(stream, value);
        this.#finish();
        return PromisePrototypeThen(cancelled, () => ({ value, done: true }));
      }
      #after(step) {
        this.#last = this.#last === undefined ? step() : PromisePrototypeThen(this.#last, step, step);
        return this.#last;
      }
      next() {
        return this.#after(() => this.#next());
      }
      return(value = undefined) {
        return this.#after(() => this.#return(value));
      }
    }
    ObjectSetPrototypeOf(StreamIterator.prototype, isolet.idl.AsyncIteratorPrototype);
    define(StreamIterator, "ReadableStreamAsyncIterator");
    delete (/** @type {any} */ (StreamIterator.prototype).constructor);

    define(ReadableStream);
    alias(ReadableStream, SymbolAsyncIterator, "values");
    isolet.inspectable(isolet.streams.is, (stream) => {
      const s = isolet.streams.state(stream);
      return { __proto__: null, fields: { __proto__: null, locked: s.reader !== undefined, state: s.state } };
    });
    return {
      ReadableStream,
      ReadableStreamDefaultReader,
      ReadableStreamDefaultController,
    };
  },
);
