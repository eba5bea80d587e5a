// Streams put together: pipe, tee, from an iterable, from and to bytes.

const {
  ArrayPrototypePush,
  FunctionPrototypeCall,
  Promise,
  PromisePrototypeThen,
  SymbolAsyncIterator,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = isolet.primordials;

isolet.lazy([], ["pipes"], (host) => {
  const { streams, writables } = isolet;
  const { concatenate, copy, isObject, list } = isolet.idl;
  const { deferred, nothing, promised, promiseResolve } = isolet.streaming;

  // Moves all chunks from `from` to `into`, minding its backpressure; errors and closing go both
  // ways, as the options say.
  /** @type {Pipes["pipe"]} */
  const pipe = (from, into, { preventAbort, preventCancel, preventClose, signal }) => {
    const reader = streams.acquire(from);
    const writer = writables.acquire(into);
    from.disturbed = true;
    const done = deferred();
    let shuttingDown = false;
    let lastWrite = promiseResolve(undefined);
    let unfollow = nothing;

    const finish = (failed, error) => {
      writables.release(writer);
      streams.release(reader);
      unfollow();
      if (failed) done.reject(error);
      else done.resolve(undefined);
    };

    // Ends the pipe once what was read has been written.
    const shutDown = (action, failed, error) => {
      if (shuttingDown) return;
      shuttingDown = true;
      const act = () => {
        if (action === undefined) finish(failed, error);
        else
          PromisePrototypeThen(
            promised(action),
            () => finish(failed, error),
            (other) => finish(true, other),
          );
      };
      if (into.state === writables.WRITABLE && !writables.isClosing(into)) {
        const wait = () => {
          const awaited = lastWrite;
          PromisePrototypeThen(
            awaited,
            () => (awaited === lastWrite ? act() : wait()),
            () => (awaited === lastWrite ? act() : wait()),
          );
        };
        wait();
      } else {
        act();
      }
    };

    if (signal !== undefined) {
      const abort = () => {
        const reason = isolet.signals.reason(signal);
        shutDown(
          () => {
            const actions = list();
            if (!preventAbort && into.state === writables.WRITABLE)
              ArrayPrototypePush(actions, writables.abort(into, reason));
            if (!preventCancel && from.state === "readable") ArrayPrototypePush(actions, streams.cancel(from, reason));
            return both(actions[0], actions[1]);
          },
          true,
          reason,
        );
      };
      if (isolet.signals.aborted(signal)) {
        abort();
        return done.promise;
      }
      unfollow = isolet.signals.follow(signal, abort);
    }

    const sourceFailed = (error) =>
      shutDown(preventAbort ? undefined : () => writables.abort(into, error), true, error);
    const sourceClosed = () =>
      shutDown(
        preventClose
          ? undefined
          : () => {
              if (writables.isClosing(into) || into.state === writables.CLOSED) return undefined;
              if (into.state === writables.ERRORED) throw into.error;
              return writables.close(into);
            },
        false,
      );
    const targetFailed = (error) =>
      shutDown(preventCancel ? undefined : () => streams.cancel(from, error), true, error);
    const targetClosed = () => {
      const error = new TypeError("The stream that is written to was closed.");
      shutDown(preventCancel ? undefined : () => streams.cancel(from, error), true, error);
    };

    if (from.state === "errored") sourceFailed(from.error);
    else if (into.state === writables.ERRORED || into.state === writables.ERRORING) targetFailed(into.error);
    else if (from.state === "closed") sourceClosed();
    else if (writables.isClosing(into) || into.state === writables.CLOSED) targetClosed();
    else {
      PromisePrototypeThen(reader.closed.promise, nothing, sourceFailed);
      PromisePrototypeThen(writer.closed.promise, nothing, (error) => {
        if (!shuttingDown) targetFailed(error);
      });
    }

    const step = () => {
      if (shuttingDown) return;
      PromisePrototypeThen(
        writer.ready.promise,
        () => {
          if (shuttingDown) return;
          if (!(writables.desiredSize(into) > 0)) {
            // Ready because it is being closed, or full again: check again.
            if (writables.isClosing(into) || into.state !== writables.WRITABLE) {
              if (into.state === writables.WRITABLE || into.state === writables.CLOSED) targetClosed();
              return;
            }
          }
          streams.read(reader, {
            __proto__: null,
            chunk(value) {
              lastWrite = writables.write(writer, value);
              PromisePrototypeThen(lastWrite, undefined, nothing);
              step();
            },
            close: sourceClosed,
            error: nothing,
          });
        },
        nothing,
      );
    };
    step();
    return done.promise;
  };

  function both(first, second) {
    if (first === undefined) return second;
    if (second === undefined) return first;
    return new Promise((resolve, reject) => {
      let left = 2;
      const one = () => {
        if (--left === 0) resolve(undefined);
      };
      PromisePrototypeThen(first, one, reject);
      PromisePrototypeThen(second, one, reject);
    });
  }

  // Two streams with the chunks of one. `clone`: the second gets copies of byte chunks, so that
  // neither sees what the other's reader writes into them.
  /** @type {Pipes["tee"]} */
  const tee = (s, clone = false) => {
    if (s.bytes) return isolet.teeBytes(s);
    const reader = streams.acquire(s);
    let reading = false;
    let again = false;
    const cancelled = deferred();
    const branch = () => ({ __proto__: null, s: /** @type {any} */ (undefined), gone: false, reason: undefined });
    const first = branch();
    const second = branch();

    const pull = () => {
      if (reading) {
        again = true;
        return promiseResolve(undefined);
      }
      reading = true;
      streams.read(reader, {
        __proto__: null,
        chunk(value) {
          // In a microtask of its own, so that errors of the source come before the chunk.
          PromisePrototypeThen(promiseResolve(undefined), () => {
            again = false;
            if (!first.gone && streams.canEnqueue(first.s)) streams.enqueue(first.s, value);
            if (!second.gone && streams.canEnqueue(second.s))
              streams.enqueue(second.s, clone && isolet.idl.isBuffer(value) ? copy(value) : value);
            reading = false;
            if (again) pull();
          });
        },
        close() {
          reading = false;
          if (!first.gone && streams.canEnqueue(first.s)) streams.requestClose(first.s);
          if (!second.gone && streams.canEnqueue(second.s)) streams.requestClose(second.s);
          if (!first.gone || !second.gone) cancelled.resolve(undefined);
        },
        error() {
          reading = false;
        },
      });
      return promiseResolve(undefined);
    };
    const cancel = (mine, other) => (reason) => {
      mine.gone = true;
      mine.reason = reason;
      if (other.gone) cancelled.resolve(streams.cancel(s, [first.reason, second.reason]));
      return cancelled.promise;
    };
    const make = (mine, other) => {
      mine.s = streams.create({
        __proto__: null,
        pull,
        cancel: cancel(mine, other),
        highWaterMark: 1,
        size: undefined,
      });
    };
    make(first, second);
    make(second, first);
    streams.begin(first.s, undefined);
    streams.begin(second.s, undefined);
    PromisePrototypeThen(reader.closed.promise, nothing, (error) => {
      streams.fail(first.s, error);
      streams.fail(second.s, error);
      if (!first.gone || !second.gone) cancelled.resolve(undefined);
    });
    return { __proto__: null, first: first.s, second: second.s };
  };

  /** @type {Pipes["fromIterable"]} */
  const fromIterable = (iterable) => {
    if (iterable === null || iterable === undefined) throw new TypeError("ReadableStream.from takes an iterable.");
    const asynchronous = iterable[SymbolAsyncIterator];
    const method = asynchronous ?? iterable[SymbolIterator];
    if (typeof method !== "function") throw new TypeError("ReadableStream.from takes an iterable.");
    const iterator = FunctionPrototypeCall(method, iterable);
    if (!isObject(iterator)) throw new TypeError("The iterator must be an object.");
    const { next } = iterator;
    const check = (step) => {
      if (!isObject(step)) throw new TypeError("The iterator returned no object.");
      return step;
    };
    const s = streams.create({
      __proto__: null,
      highWaterMark: 0,
      size: undefined,
      pull: () =>
        PromisePrototypeThen(
          promised(() => FunctionPrototypeCall(next, iterator)),
          (step) => {
            if (check(step).done) {
              streams.requestClose(s);
              return undefined;
            }
            // Values of a synchronous iterator may be promises.
            const { value } = step;
            if (asynchronous !== undefined && asynchronous !== null) {
              streams.enqueue(s, value);
              return undefined;
            }
            return PromisePrototypeThen(promiseResolve(value), (ready) => streams.enqueue(s, ready));
          },
        ),
      cancel(reason) {
        const end = iterator.return;
        if (end === undefined || end === null) return undefined;
        return PromisePrototypeThen(
          promised(() => FunctionPrototypeCall(end, iterator, reason)),
          (step) => {
            check(step);
          },
        );
      },
    });
    streams.begin(s, undefined);
    return streams.wrap(s);
  };

  // A byte stream of bytes that are there already. They are copied when read: what reads them may
  // write to them.
  /** @type {Pipes["ofBytes"]} */
  const ofBytes = (bytes) => {
    const s = streams.create({
      __proto__: null,
      highWaterMark: 0,
      size: undefined,
      bytes: true,
      cancel: nothing,
      pull() {
        if (TypedArrayPrototypeGetByteLength(bytes) > 0) streams.enqueue(s, copy(bytes));
        streams.requestClose(s);
      },
    });
    streams.begin(s, undefined);
    return streams.wrap(s);
  };

  // All bytes of a stream of bytes, as a promise.
  /** @type {Pipes["readAll"]} */
  const readAll = (stream) =>
    new Promise((resolve, reject) => {
      const reader = streams.acquire(streams.state(stream));
      const chunks = list();
      const next = () =>
        streams.read(reader, {
          __proto__: null,
          chunk(value) {
            if (!isolet.idl.isBuffer(value)) {
              const error = new TypeError(
                typeof value === "string"
                  ? "The body is a stream of strings: pipe it through a TextEncoderStream first."
                  : "The body is a stream of something else than Uint8Arrays.",
              );
              PromisePrototypeThen(streams.cancel(reader.stream, error), undefined, nothing);
              reject(error);
              return;
            }
            ArrayPrototypePush(chunks, copy(value));
            // Not directly: a source that enqueues without end would grow the stack.
            PromisePrototypeThen(promiseResolve(undefined), next);
          },
          close: () => resolve(chunks.length === 1 ? chunks[0] : concatenate(chunks)),
          error: reject,
        });
      next();
    });

  // Pipes one into the other, and forgets it; an error goes on in both.
  /** @type {Pipes["through"]} */
  const through = (from, into) => {
    const options = {
      __proto__: null,
      preventAbort: false,
      preventCancel: false,
      preventClose: false,
      signal: undefined,
    };
    PromisePrototypeThen(pipe(from, into, options), undefined, nothing);
  };

  host.pipes = { __proto__: null, fromIterable, ofBytes, pipe, readAll, tee, through };
});
