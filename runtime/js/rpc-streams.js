// Streams that are passed to another Worker: the bodies of requests and responses, and byte streams
// by themselves.
//
// The sender keeps the stream. The receiver gets a stub of an object that reads it, and a stream of
// its own that calls that.

const { ArrayPrototypePush, PromisePrototypeThen, SymbolDispose, TypeError, TypedArrayPrototypeGetByteLength } =
  isolet.primordials;

isolet.lazy([], ["rpcStreams"], (host) => {
  const { natives, rpcObjects, RpcTarget, rpcStubs, streams } = isolet;
  const { concatenate, isBuffer, list, view } = isolet.idl;
  const { deferred, nothing } = isolet.streaming;

  // The bytes that one call brings, as far as they are there already.
  const MAX_READ = 262144;

  class StreamSource extends RpcTarget {
    #reader;
    #request = natives.request();
    #ended = false;

    constructor(stream) {
      super();
      this.#reader = streams.acquire(streams.state(stream));
    }

    // Returns bytes, or null at the end.
    async read() {
      const chunks = list();
      let size = 0;
      do {
        const chunk = await this.#next();
        if (chunk === null) break;
        const length = TypedArrayPrototypeGetByteLength(chunk);
        if (length > 0) ArrayPrototypePush(chunks, chunk);
        size += length;
      } while (size === 0 || (size < MAX_READ && this.#reader.stream.queue.size > 0));
      return size === 0 ? null : concatenate(chunks);
    }

    #next() {
      if (this.#ended) return null;
      const { promise, resolve, reject } = deferred();
      // What the stream's source begins, such as a timer, outlasts the call that reads.
      const caller = natives.request();
      const enters = this.#request > 0 && caller > 0;
      if (enters) natives.enterRequest(this.#request);
      streams.read(this.#reader, {
        __proto__: null,
        chunk: (value) => {
          if (isBuffer(value)) {
            resolve(view(value));
            return;
          }
          const error = new TypeError(
            `A stream that is passed to another Worker gave a chunk of type ${typeof value}: chunks must be bytes.`,
          );
          this.cancel(error);
          reject(error);
        },
        close: () => {
          this.#ended = true;
          resolve(null);
        },
        error: (reason) => {
          this.#ended = true;
          reject(reason);
        },
      });
      if (enters) natives.enterRequest(caller);
      return promise;
    }

    cancel(reason) {
      if (this.#ended) return;
      this.#ended = true;
      PromisePrototypeThen(streams.cancel(this.#reader.stream, reason), undefined, nothing);
    }

    [SymbolDispose]() {
      this.cancel(new TypeError("The Worker that read this stream reads no more of it."));
    }
  }

  // Takes one count of the reference.
  /** @type {RpcStreams["receive"]} */
  function receive(reference) {
    let isReleased = false;
    const done = () => {
      if (!isReleased) rpcObjects.release(reference);
      isReleased = true;
    };
    const call = (name, args) => rpcStubs.invokeReference(reference, [name], args).promise;
    const s = streams.create({
      __proto__: null,
      async pull() {
        let chunk;
        try {
          chunk = await call("read", []);
        } catch (error) {
          done();
          throw error;
        }
        if (isBuffer(chunk) && TypedArrayPrototypeGetByteLength(view(chunk)) > 0) {
          if (streams.canEnqueue(s)) streams.enqueue(s, view(chunk));
          return;
        }
        done();
        if (chunk !== null) throw new TypeError("The Worker that sends this stream gave a chunk that is not bytes.");
        if (streams.canEnqueue(s)) streams.requestClose(s);
      },
      async cancel() {
        try {
          await call("cancel", []);
        } finally {
          done();
        }
      },
      highWaterMark: 0,
      size: undefined,
      bytes: true,
    });
    streams.begin(s, undefined);
    return streams.wrap(s);
  }

  host.rpcStreams = { __proto__: null, receive, source: (stream) => new StreamSource(stream) };
});
