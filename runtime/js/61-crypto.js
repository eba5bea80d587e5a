// crypto: random values, digests and HMAC. Whatever needs other keys says what there is.

const {
  ArrayBuffer,
  ArrayPrototypePush,
  Boolean,
  NumberPrototypeToString,
  StringPrototypePadStart,
  StringPrototypeToUpperCase,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["Crypto", "CryptoKey", "SubtleCrypto", "crypto"], ["cryptoKeys"], (host) => {
  const { natives, kinds } = isolet;
  const { copy, define, isObject, iterate, need, view } = isolet.idl;

  const token = {};
  // As natives.digest numbers them; `block` is the size of a generated HMAC key.
  const hashes = {
    __proto__: null,
    "SHA-1": { __proto__: null, id: 0, name: "SHA-1", bytes: 20, block: 64 },
    "SHA-256": { __proto__: null, id: 1, name: "SHA-256", bytes: 32, block: 64 },
    "SHA-384": { __proto__: null, id: 2, name: "SHA-384", bytes: 48, block: 128 },
    "SHA-512": { __proto__: null, id: 3, name: "SHA-512", bytes: 64, block: 128 },
  };
  // The most that one call of getRandomValues gives, by the standard.
  const QUOTA = 65536;

  const unsupported = (what) =>
    new isolet.DOMException(
      `isolet's crypto.subtle has no ${what}. It has digest (SHA-1, SHA-256, SHA-384, SHA-512) and HMAC keys with them (importKey and exportKey "raw", generateKey, sign, verify).`,
      "NotSupportedError",
    );

  function random(length) {
    const buffer = new ArrayBuffer(length);
    if (!natives.random(buffer)) throw new isolet.DOMException("The system has no random bytes.", "OperationError");
    return new Uint8Array(buffer);
  }

  // The name of an algorithm: a text, or an object's `name`.
  function nameOf(algorithm) {
    const name = isObject(algorithm) ? algorithm.name : algorithm;
    if (name === undefined) throw new TypeError("An algorithm needs a name.");
    return StringPrototypeToUpperCase(`${name}`);
  }
  function hashOf(algorithm) {
    const name = nameOf(algorithm);
    const found = hashes[name];
    if (found === undefined) throw unsupported(`digest ${isolet.inspect(name)}`);
    return found;
  }
  function requireHmac(algorithm) {
    const name = nameOf(algorithm);
    if (name !== "HMAC") throw unsupported(`algorithm ${isolet.inspect(name)}`);
  }

  class CryptoKey {
    #bytes;
    #hash;
    #extractable;
    #usages;
    #algorithm;
    constructor(key, bytes, hash, extractable, usages) {
      if (key !== token) throw new TypeError("Illegal constructor: use crypto.subtle.importKey or generateKey.");
      this.#bytes = bytes;
      this.#hash = hash;
      this.#extractable = extractable;
      this.#usages = usages;
      this.#algorithm = { name: "HMAC", hash: { name: hash.name }, length: TypedArrayPrototypeGetLength(bytes) * 8 };
    }
    get type() {
      this.#hash;
      return "secret";
    }
    get extractable() {
      return this.#extractable;
    }
    get algorithm() {
      return this.#algorithm;
    }
    get usages() {
      const usages = [];
      if (this.#usages.sign) ArrayPrototypePush(usages, "sign");
      if (this.#usages.verify) ArrayPrototypePush(usages, "verify");
      return usages;
    }
    static {
      host.cryptoKeys = {
        __proto__: null,
        is: (value) => isObject(value) && #bytes in value,
        // The bytes of a key that may be used so, and its hash.
        open(key, usage) {
          if (!(isObject(key) && #bytes in key)) throw new TypeError("The key must be a CryptoKey.");
          if (usage !== undefined && !key.#usages[usage])
            throw new isolet.DOMException(
              `The key was not made to ${usage}: add "${usage}" to its usages.`,
              "InvalidAccessError",
            );
          if (usage === undefined && !key.#extractable)
            throw new isolet.DOMException("The key is not extractable.", "InvalidAccessError");
          return { __proto__: null, bytes: key.#bytes, hash: key.#hash };
        },
      };
    }
  }
  define(CryptoKey);

  function usagesOf(value) {
    const usages = { __proto__: null, sign: false, verify: false };
    let count = 0;
    iterate(value, "The usages of a key", (usage) => {
      const name = `${usage}`;
      if (name !== "sign" && name !== "verify")
        throw new isolet.DOMException(
          `An HMAC key is for "sign" and "verify", not for ${isolet.inspect(name)}.`,
          "SyntaxError",
        );
      usages[name] = true;
      count++;
    });
    if (count === 0)
      throw new isolet.DOMException('A key needs at least one usage: "sign" or "verify".', "SyntaxError");
    return usages;
  }

  function hmac(key, usage, data) {
    const { bytes, hash } = isolet.cryptoKeys.open(key, usage);
    const out = new ArrayBuffer(hash.bytes);
    natives.hmac(hash.id, bytes, view(data, "The data"), out);
    return out;
  }

  // In a time that depends on the length only.
  function equal(a, b) {
    const length = TypedArrayPrototypeGetLength(a);
    if (length !== TypedArrayPrototypeGetLength(b)) return false;
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= a[i] ^ b[i];
    return difference === 0;
  }

  class SubtleCrypto {
    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor.");
    }

    async digest(algorithm, data) {
      need(arguments.length, 2, "crypto.subtle.digest");
      const hash = hashOf(algorithm);
      const out = new ArrayBuffer(hash.bytes);
      natives.digest(hash.id, view(data, "The data of digest"), out);
      return out;
    }

    async importKey(format, data, algorithm, extractable, usages) {
      need(arguments.length, 5, "crypto.subtle.importKey");
      requireHmac(algorithm);
      const hash = hashOf(algorithm.hash);
      if (`${format}` !== "raw") throw unsupported(`import of keys as ${isolet.inspect(`${format}`)}`);
      const bytes = copy(data, "A raw key");
      if (TypedArrayPrototypeGetLength(bytes) === 0)
        throw new isolet.DOMException("An HMAC key must not be empty.", "DataError");
      return new CryptoKey(token, bytes, hash, Boolean(extractable), usagesOf(usages));
    }

    async generateKey(algorithm, extractable, usages) {
      need(arguments.length, 3, "crypto.subtle.generateKey");
      requireHmac(algorithm);
      const hash = hashOf(algorithm.hash);
      return new CryptoKey(token, random(hash.block), hash, Boolean(extractable), usagesOf(usages));
    }

    async exportKey(format, key) {
      need(arguments.length, 2, "crypto.subtle.exportKey");
      if (`${format}` !== "raw") throw unsupported(`export of keys as ${isolet.inspect(`${format}`)}`);
      return TypedArrayPrototypeGetBuffer(copy(isolet.cryptoKeys.open(key).bytes));
    }

    async sign(algorithm, key, data) {
      need(arguments.length, 3, "crypto.subtle.sign");
      requireHmac(algorithm);
      return hmac(key, "sign", data);
    }

    async verify(algorithm, key, signature, data) {
      need(arguments.length, 4, "crypto.subtle.verify");
      requireHmac(algorithm);
      return equal(new Uint8Array(hmac(key, "verify", data)), copy(signature, "The signature"));
    }

    // Workers' own.
    timingSafeEqual(a, b) {
      need(arguments.length, 2, "crypto.subtle.timingSafeEqual");
      const first = copy(a, "The first value");
      const second = copy(b, "The second value");
      if (TypedArrayPrototypeGetLength(first) !== TypedArrayPrototypeGetLength(second))
        throw new TypeError("Both values must have the same length.");
      return equal(first, second);
    }

    async encrypt() {
      throw unsupported("encrypt");
    }
    async decrypt() {
      throw unsupported("decrypt");
    }
    async deriveBits() {
      throw unsupported("deriveBits");
    }
    async deriveKey() {
      throw unsupported("deriveKey");
    }
    async wrapKey() {
      throw unsupported("wrapKey");
    }
    async unwrapKey() {
      throw unsupported("unwrapKey");
    }
  }
  define(SubtleCrypto);

  const subtle = new SubtleCrypto(token);
  const hex = (byte) => StringPrototypePadStart(NumberPrototypeToString(byte, 16), 2, "0");

  class Crypto {
    #brand;
    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor.");
    }
    get subtle() {
      this.#brand;
      return subtle;
    }

    getRandomValues(array) {
      need(arguments.length, 1, "crypto.getRandomValues");
      this.#brand;
      const tag = natives.kind(array) === kinds.TYPED_ARRAY ? TypedArrayPrototypeGetSymbolToStringTag(array) : "";
      if (tag === "" || tag === "Float16Array" || tag === "Float32Array" || tag === "Float64Array") {
        throw new isolet.DOMException("getRandomValues fills typed arrays of integers.", "TypeMismatchError");
      }
      const bytes = view(array);
      const length = TypedArrayPrototypeGetByteLength(bytes);
      if (length > QUOTA)
        throw new isolet.DOMException(
          `getRandomValues gives at most ${QUOTA} bytes at once, not ${length}.`,
          "QuotaExceededError",
        );
      TypedArrayPrototypeSet(bytes, random(length));
      return array;
    }

    randomUUID() {
      this.#brand;
      const bytes = random(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      let text = "";
      for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + hex(bytes[i]);
      return text;
    }
  }
  define(Crypto);

  isolet.inspectable(isolet.cryptoKeys.is, (key) => ({
    __proto__: null,
    fields: { __proto__: null, algorithm: key.algorithm, extractable: key.extractable, usages: key.usages },
  }));
  return { Crypto, CryptoKey, SubtleCrypto, crypto: new Crypto(token) };
});
