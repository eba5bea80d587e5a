// crypto.DigestStream of Workers: a writable stream whose `digest` is a promise.

const { ArrayBuffer, ArrayPrototypePush, BigInt, TypeError, TypedArrayPrototypeGetByteLength } = isolet.primordials;

isolet.lazy([], ["DigestStream"], (host) => {
  const { natives, utf8, WritableStream } = isolet;
  const { concatenate, copy, define, list, need } = isolet.idl;
  const { deferred } = isolet.streaming;

  class DigestStream extends WritableStream {
    #digest;
    #bytes = 0;
    /** @param {ScriptValue} algorithm */
    constructor(algorithm) {
      need(arguments.length, 1, "new crypto.DigestStream");
      const { id, bytes: length } = isolet.hashOf(algorithm);
      const digest = deferred(true);
      const parts = list();
      super({
        __proto__: null,
        write: (chunk) => {
          const bytes = typeof chunk === "string" ? utf8.encode(chunk) : copy(chunk, "A chunk of a DigestStream");
          ArrayPrototypePush(parts, bytes);
          this.#bytes += TypedArrayPrototypeGetByteLength(bytes);
        },
        close: () => {
          const out = new ArrayBuffer(length);
          natives.digest(id, concatenate(parts), out);
          digest.resolve(out);
        },
        abort: (reason) => digest.reject(reason ?? new TypeError("The DigestStream was aborted.")),
      });
      this.#digest = digest.promise;
    }
    get digest() {
      return this.#digest;
    }
    get bytesWritten() {
      return BigInt(this.#bytes);
    }
  }
  define(DigestStream);
  host.DigestStream = DigestStream;
});
