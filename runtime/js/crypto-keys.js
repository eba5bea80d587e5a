// CryptoKey, and the formats of keys: raw bytes, DER (SPKI and PKCS #8) and JSON Web Keys.
//
// A secret key is held as its bytes, another one as DER, which the host reads for each use. A
// script reaches neither: it has `algorithm` and `usages`, which nothing here reads back.

const {
  ArrayBuffer,
  ArrayBufferPrototypeSlice,
  ArrayPrototypePush,
  RegExpPrototypeExec,
  StringPrototypeCharCodeAt,
  TypeError,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["CryptoKey"], ["cryptoKeys"], (host) => {
  const { natives } = isolet;
  const { checkBrand, concatenate, define, isObject, list } = isolet.idl;

  const token = {};
  let is;
  let fields;

  class CryptoKey {
    /** @type {KeyFields} */
    #k;
    #usages;
    constructor(key, fields) {
      if (key !== token) throw new TypeError("Illegal constructor: use crypto.subtle.importKey or generateKey.");
      this.#k = fields;
    }
    get type() {
      return this.#k.type;
    }
    get extractable() {
      return this.#k.extractable;
    }
    get algorithm() {
      checkBrand(this.#k);
      return this.#k.algorithm;
    }
    get usages() {
      if (this.#usages === undefined) {
        const { usages } = this.#k;
        const shown = [];
        for (let i = 0; i < usages.length; i++) ArrayPrototypePush(shown, usages[i]);
        this.#usages = shown;
      }
      return this.#usages;
    }
    static {
      is = (value) => isObject(value) && #k in value;
      fields = (key) => {
        if (!is(key)) throw new TypeError("The key must be a CryptoKey.");
        return key.#k;
      };
    }
  }
  define(CryptoKey);

  const dataError = (message) => new isolet.DOMException(message, "DataError");

  // The bytes that a function of the host writes into `out`; undefined if it fails.
  function written(room, write) {
    const out = new ArrayBuffer(room);
    const length = write(out);
    return length < 0 ? undefined : new Uint8Array(ArrayBufferPrototypeSlice(out, 0, length));
  }
  const MAX_DER_BYTES = 16384;

  // The `length` of the prototype could be the script's, and would get the key.
  const size = TypedArrayPrototypeGetLength;

  function bytesOf(hex) {
    const bytes = new Uint8Array(hex.length / 2);
    for (let i = 0; i < hex.length / 2; i++) bytes[i] = digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]);
    return bytes;
  }
  const digits = { __proto__: null, a: 10, b: 11, c: 12, d: 13, e: 14, f: 15 };
  const digit = (character) => digits[character] ?? +character;

  // Curves: the length of a coordinate, DER before a public key, and the object identifier or, for
  // keys that are 32 bytes, DER before a private key.
  const curve = (kind, crv, size, before, identifier) => ({ __proto__: null, kind, crv, size, before, identifier });
  const curves = {
    __proto__: null,
    "P-256": curve(
      KeyKind.P256,
      "P-256",
      32,
      "3059301306072a8648ce3d020106082a8648ce3d030107034200",
      "06082a8648ce3d030107",
    ),
    "P-384": curve(KeyKind.P384, "P-384", 48, "3076301006072a8648ce3d020106052b81040022036200", "06052b81040022"),
    "P-521": curve(KeyKind.P521, "P-521", 66, "30819b301006072a8648ce3d020106052b8104002303818600", "06052b81040023"),
    Ed25519: curve(KeyKind.Ed25519, "Ed25519", 32, "302a300506032b6570032100", "302e020100300506032b657004220420"),
    X25519: curve(KeyKind.X25519, "X25519", 32, "302a300506032b656e032100", "302e020100300506032b656e04220420"),
  };
  const isPoint = (c) => c.kind !== KeyKind.Ed25519 && c.kind !== KeyKind.X25519;

  // DER: a value with a tag of its parts.
  /** @param {number} tag @param {any} first @param {any} [second] @param {any} [third] */
  function der(tag, first, second = undefined, third = undefined) {
    const parts = list();
    let length = 0;
    const add = (part) => {
      if (part === undefined) return;
      ArrayPrototypePush(parts, part);
      length += TypedArrayPrototypeGetLength(part);
    };
    add(first);
    add(second);
    add(third);
    const wide = length > 255 ? 2 : length > 127 ? 1 : 0;
    const head = new Uint8Array(2 + wide);
    head[0] = tag;
    head[1] = wide === 0 ? length : 0x80 + wide;
    if (wide === 1) head[2] = length;
    if (wide === 2) {
      head[2] = length >> 8;
      head[3] = length & 255;
    }
    const whole = list();
    ArrayPrototypePush(whole, head);
    for (let i = 0; i < parts.length; i++) ArrayPrototypePush(whole, parts[i]);
    return concatenate(whole);
  }
  const SEQUENCE = 0x30,
    INTEGER = 2,
    BITS = 3,
    OCTETS = 4;
  const ZERO = new Uint8Array(1);

  function stripped(bytes) {
    let from = 0;
    while (from < size(bytes) - 1 && bytes[from] === 0) from++;
    return TypedArrayPrototypeSubarray(bytes, from);
  }
  // An unsigned number.
  function integer(bytes) {
    const number = stripped(bytes);
    return number[0] > 127 || size(number) === 0 ? der(INTEGER, ZERO, number) : der(INTEGER, number);
  }
  function padded(bytes, width) {
    const number = stripped(bytes);
    if (size(number) > width) return undefined;
    const whole = new Uint8Array(width);
    TypedArrayPrototypeSet(whole, number, width - size(number));
    return whole;
  }

  // The contents of the values in DER that the host has written or checked.
  function contents(bytes) {
    const found = list();
    const end = size(bytes);
    for (let at = 0; at < end; ) {
      let length = bytes[at + 1];
      at += 2;
      if (length > 127) {
        let more = length - 128;
        length = 0;
        while (more-- > 0) length = length * 256 + bytes[at++];
      }
      ArrayPrototypePush(found, TypedArrayPrototypeSubarray(bytes, at, at + length));
      at += length;
    }
    return found;
  }

  // Checks DER; the same key as the host writes it, or an error.
  /** @type {KeyOperations["derOf"]} */
  function derOf(kind, isPrivate, bytes) {
    const found = written(MAX_DER_BYTES, (out) => natives.readKey(kind, isPrivate, bytes, true, out));
    if (found === undefined) throw dataError("The key is not valid, or of another algorithm.");
    return found;
  }

  /** @type {KeyOperations["publicPart"]} */
  function publicPart(kind, bytes) {
    const found = written(MAX_DER_BYTES, (out) => natives.readKey(kind, true, bytes, false, out));
    if (found === undefined) throw dataError("The key is not valid.");
    return found;
  }

  /** @type {KeyOperations["generate"]} */
  function generate(kind, bits, exponent) {
    isolet.onlyInRuns("crypto.subtle.generateKey");
    const found = written(MAX_DER_BYTES, (out) => natives.generateKey(kind, bits, exponent, out));
    if (found === undefined) throw new isolet.DOMException("The key could not be generated.", "OperationError");
    return found;
  }

  const rawBytes = (c) => (isPoint(c) ? 2 * c.size + 1 : c.size);

  // A point, or the 32 bytes of a public key.
  /** @type {KeyOperations["rawOf"]} */
  function rawOf(c, spki) {
    return TypedArrayPrototypeSubarray(spki, size(spki) - rawBytes(c));
  }

  /** @type {KeyOperations["readRaw"]} */
  function readRaw(c, bytes) {
    const wanted = rawBytes(c);
    if (size(bytes) !== wanted || (isPoint(c) && bytes[0] !== 4))
      throw dataError(
        `A raw public key of ${c.crv} has ${wanted} bytes${isPoint(c) ? ", the first of which is 4" : ""}.`,
      );
    return derOf(c.kind, false, join(bytesOf(c.before), bytes));
  }
  function join(first, second) {
    const parts = list();
    ArrayPrototypePush(parts, first);
    ArrayPrototypePush(parts, second);
    return concatenate(parts);
  }

  // n, e, and for a private key d, p, q, dp, dq, qi.
  function rsaNumbers(isPrivate, bytes) {
    const outer = contents(contents(bytes)[0]);
    if (!isPrivate) return contents(contents(TypedArrayPrototypeSubarray(outer[1], 1))[0]);
    const numbers = contents(contents(outer[2])[0]);
    const named = list();
    for (let i = 1; i < 9; i++) ArrayPrototypePush(named, numbers[i]);
    return named;
  }

  /** @type {KeyOperations["rsaSize"]} */
  function rsaSize(spki) {
    const numbers = rsaNumbers(false, spki);
    const modulus = stripped(numbers[0]);
    let bits = size(modulus) * 8;
    for (let top = modulus[0]; top < 128 && bits > 0; top *= 2) bits--;
    const exponent = stripped(numbers[1]);
    const copied = new Uint8Array(size(exponent));
    TypedArrayPrototypeSet(copied, exponent);
    return { __proto__: null, bits, exponent: copied };
  }

  // base64url without padding.
  function encoded(bytes) {
    const text = isolet.toBase64(bytes);
    let url = "";
    for (let i = 0; i < text.length && text[i] !== "="; i++)
      url += text[i] === "+" ? "-" : text[i] === "/" ? "_" : text[i];
    return url;
  }
  const has = (character) => RegExpPrototypeExec(/[A-Za-z0-9]/, character) !== null;
  function decoded(jwk, name) {
    const value = jwk[name];
    if (typeof value !== "string") throw dataError(`The JSON Web Key has no text \`${name}\`.`);
    let text = "";
    for (let i = 0; i < value.length; i++)
      text += value[i] === "-" ? "+" : value[i] === "_" ? "/" : has(value[i]) ? value[i] : "!";
    const found = natives.decodeBase64(text);
    if (found === undefined) throw dataError(`\`${name}\` of the JSON Web Key is not valid base64url.`);
    const bytes = new Uint8Array(found.length);
    for (let i = 0; i < found.length; i++) bytes[i] = StringPrototypeCharCodeAt(found, i);
    return bytes;
  }

  const rsaNames = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

  // The members of a JSON Web Key that hold the key.
  /** @type {KeyOperations["jwkOf"]} */
  function jwkOf(k) {
    const jwk = {};
    if (k.type === "secret") {
      jwk.kty = "oct";
      jwk.k = encoded(k.bytes);
      return jwk;
    }
    const isPrivate = k.type === "private";
    if (k.kind === KeyKind.Rsa) {
      jwk.kty = "RSA";
      const numbers = rsaNumbers(isPrivate, k.bytes);
      for (let i = 0; i < numbers.length; i++) jwk[rsaNames[i]] = encoded(stripped(numbers[i]));
      return jwk;
    }
    const c = curves[k.curve];
    const raw = rawOf(c, isPrivate ? publicPart(k.kind, k.bytes) : k.bytes);
    jwk.kty = isPoint(c) ? "EC" : "OKP";
    jwk.crv = c.crv;
    jwk.x = encoded(isPoint(c) ? TypedArrayPrototypeSubarray(raw, 1, 1 + c.size) : raw);
    if (isPoint(c)) jwk.y = encoded(TypedArrayPrototypeSubarray(raw, 1 + c.size));
    if (isPrivate) {
      const inner = contents(contents(k.bytes)[0])[2];
      jwk.d = encoded(isPoint(c) ? padded(contents(contents(inner)[0])[1], c.size) : contents(inner)[0]);
    }
    return jwk;
  }

  // Reads a JSON Web Key. Returns `{ isPrivate, bytes }`, with the bytes as they are held.
  /** @type {KeyOperations["readJwk"]} */
  function readJwk(jwk, kty, c) {
    if (!isObject(jwk)) throw new TypeError("A JSON Web Key must be an object.");
    if (jwk.kty !== kty) throw dataError(`\`kty\` of the JSON Web Key must be "${kty}".`);
    if (kty === "oct") return { __proto__: null, isPrivate: false, bytes: decoded(jwk, "k") };
    const isPrivate = jwk.d !== undefined;
    if (kty === "RSA") {
      if (jwk.oth !== undefined)
        throw new isolet.DOMException("RSA keys of more than two primes are not supported.", "NotSupportedError");
      const numbers = list();
      if (isPrivate) ArrayPrototypePush(numbers, der(INTEGER, ZERO));
      for (let i = 0; i < (isPrivate ? 8 : 2); i++) ArrayPrototypePush(numbers, integer(decoded(jwk, rsaNames[i])));
      const key = der(SEQUENCE, concatenate(numbers));
      const algorithm = bytesOf("300d06092a864886f70d0101010500");
      const bytes = isPrivate
        ? der(SEQUENCE, der(INTEGER, ZERO), algorithm, der(OCTETS, key))
        : der(SEQUENCE, algorithm, der(BITS, ZERO, key));
      return { __proto__: null, isPrivate, bytes: derOf(KeyKind.Rsa, isPrivate, bytes) };
    }
    if (jwk.crv !== c.crv) throw dataError(`\`crv\` of the JSON Web Key must be "${c.crv}".`);
    const x = decoded(jwk, "x");
    const y = isPoint(c) ? decoded(jwk, "y") : undefined;
    const d = isPrivate ? decoded(jwk, "d") : undefined;
    if (size(x) !== c.size || (y !== undefined && size(y) !== c.size) || (d !== undefined && size(d) !== c.size))
      throw dataError(`The numbers of a JSON Web Key of ${c.crv} have ${c.size} bytes each.`);
    const raw = y === undefined ? x : join(join(bytesOf("04"), x), y);
    const spki = readRaw(c, raw);
    if (d === undefined) return { __proto__: null, isPrivate, bytes: spki };
    const bytes = derOf(c.kind, true, y === undefined ? join(bytesOf(c.identifier), d) : pointKey(c, d, raw));
    if (!equal(rawOf(c, publicPart(c.kind, bytes)), raw))
      throw dataError("The private and the public part of the JSON Web Key do not fit.");
    return { __proto__: null, isPrivate, bytes };
  }

  // PKCS #8 of a point and its private number.
  function pointKey(c, d, point) {
    const inner = der(SEQUENCE, bytesOf("020101"), der(OCTETS, d), der(0xa1, der(BITS, ZERO, point)));
    const algorithm = der(SEQUENCE, bytesOf("06072a8648ce3d0201"), bytesOf(c.identifier));
    return der(SEQUENCE, der(INTEGER, ZERO), algorithm, der(OCTETS, inner));
  }

  // In a time that depends on the length only.
  /** @type {KeyOperations["equal"]} */
  function equal(a, b) {
    const length = TypedArrayPrototypeGetLength(a);
    if (length !== TypedArrayPrototypeGetLength(b)) return false;
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= a[i] ^ b[i];
    return difference === 0;
  }

  // ECDSA: the host has DER, and scripts have two numbers side by side.
  /** @type {KeyOperations["toNumbers"]} */
  function toNumbers(c, signature) {
    const numbers = contents(contents(signature)[0]);
    return join(padded(numbers[0], c.size), padded(numbers[1], c.size));
  }
  /** @type {KeyOperations["fromNumbers"]} */
  function fromNumbers(c, signature) {
    if (size(signature) !== 2 * c.size) return undefined;
    const half = (from) => integer(TypedArrayPrototypeSubarray(signature, from, from + c.size));
    return der(SEQUENCE, half(0), half(c.size));
  }

  host.cryptoKeys = {
    __proto__: null,
    curves,
    derOf,
    equal,
    fields,
    fromNumbers,
    generate,
    is,
    jwkOf,
    make: (made) => new CryptoKey(token, made),
    publicPart,
    rawOf,
    readJwk,
    readRaw,
    rsaSize,
    toNumbers,
    written,
  };
  isolet.inspectable(is, (key) => ({
    __proto__: null,
    fields: {
      __proto__: null,
      type: key.type,
      algorithm: key.algorithm,
      extractable: key.extractable,
      usages: key.usages,
    },
  }));
  return { CryptoKey };
});
