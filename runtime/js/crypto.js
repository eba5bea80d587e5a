// crypto: random bytes. crypto.subtle and DigestStream are loaded when they are first read.

const {
  ArrayBuffer,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["Crypto", "crypto"], ["randomBytes"], (host) => {
  const { natives } = isolet;
  const { checkBrand, define, need, view } = isolet.idl;

  const token = {};
  // The most that one call of getRandomValues gives, by the standard.
  const QUOTA = 65536;
  // Room for short arrays, so that each costs no buffer of its own.
  const SHORT = 64;
  const scratch = new ArrayBuffer(SHORT);
  const error = (name, message) => new isolet.DOMException(message, name);

  function random(length) {
    isolet.onlyInRuns("crypto.getRandomValues");
    const buffer = new ArrayBuffer(length);
    if (!natives.random(buffer)) throw error("OperationError", "The system has no random bytes.");
    return new Uint8Array(buffer);
  }

  class Crypto {
    #brand;
    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor.");
    }
    get subtle() {
      checkBrand(this.#brand);
      return isolet.subtle;
    }

    // Workers' own.
    get DigestStream() {
      checkBrand(this.#brand);
      return isolet.DigestStream;
    }

    getRandomValues(array) {
      need(arguments.length, 1, "crypto.getRandomValues");
      checkBrand(this.#brand);
      const tag = natives.kind(array) === ValueKind.TypedArray ? TypedArrayPrototypeGetSymbolToStringTag(array) : "";
      if (tag === "" || tag === "Float16Array" || tag === "Float32Array" || tag === "Float64Array") {
        throw error("TypeMismatchError", "getRandomValues fills typed arrays of integers.");
      }
      const length = TypedArrayPrototypeGetByteLength(array);
      if (length > QUOTA)
        throw error("QuotaExceededError", `getRandomValues gives at most ${QUOTA} bytes at once, not ${length}.`);
      if (length === 0) return array;
      isolet.onlyInRuns("crypto.getRandomValues");
      // A view of a small array would move it out of V8's heap.
      const bytes = tag === "Uint8Array" ? array : view(array);
      if (length > SHORT) {
        TypedArrayPrototypeSet(bytes, random(length));
      } else {
        if (!natives.random(scratch, length)) throw error("OperationError", "The system has no random bytes.");
        TypedArrayPrototypeSet(bytes, new Uint8Array(scratch, 0, length));
      }
      return array;
    }

    randomUUID() {
      checkBrand(this.#brand);
      isolet.onlyInRuns("crypto.randomUUID");
      const text = natives.randomUuid();
      if (text === undefined) throw error("OperationError", "The system has no random bytes.");
      return text;
    }
  }
  define(Crypto);

  host.randomBytes = random;
  return { Crypto, crypto: new Crypto(token) };
});
