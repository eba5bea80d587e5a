// KeyObject, and the formats of keys: PEM, DER and JSON Web Keys.
"use strict";

const { Buffer } = require("buffer");
const { codes, check } = require("internal/errors");
const { bytesOf, failed } = require("internal/crypto/bytes");

const keys = isolet.cryptoKeys;

// The host's kinds of keys: the name that Node.js gives, and the curve.
const KINDS = [
  { kind: KeyKind.Rsa, name: "rsa" },
  { kind: KeyKind.P256, name: "ec", curve: "P-256", named: "prime256v1" },
  { kind: KeyKind.P384, name: "ec", curve: "P-384", named: "secp384r1" },
  { kind: KeyKind.P521, name: "ec", curve: "P-521", named: "secp521r1" },
  { kind: KeyKind.Ed25519, name: "ed25519", curve: "Ed25519" },
  { kind: KeyKind.X25519, name: "x25519", curve: "X25519" },
];
const kindOfCurve = (name) =>
  KINDS.find((kind) => kind.curve === name || kind.named === name || (name === "secp256r1" && kind.curve === "P-256"));

const token = {};
let fields;

class KeyObject {
  #k;
  constructor(key, k) {
    if (key !== token) {
      if (key !== "secret" && key !== "public" && key !== "private") throw new codes.ERR_INVALID_ARG_VALUE("type", key);
      throw new codes.ERR_INVALID_ARG_TYPE("handle", "object", k);
    }
    this.#k = k;
  }
  static {
    fields = (value) => (typeof value === "object" && value !== null && #k in value ? value.#k : undefined);
  }
  static from(key) {
    const k = ofCryptoKey(key);
    if (k === undefined) throw new codes.ERR_INVALID_ARG_TYPE("key", "CryptoKey", key);
    return wrap(k);
  }
  get type() {
    return this.#k.type;
  }
  get symmetricKeySize() {
    return this.#k.type === "secret" ? this.#k.bytes.length : undefined;
  }
  get asymmetricKeyType() {
    return this.#k.type === "secret" ? undefined : KINDS.find(({ kind }) => kind === this.#k.kind).name;
  }
  get asymmetricKeyDetails() {
    const k = this.#k;
    if (k.type === "secret") return undefined;
    if (k.kind === KeyKind.Rsa) {
      const { bits, exponent } = keys.rsaSize(publicBytes(k));
      return { modulusLength: bits, publicExponent: BigInt(`0x${Buffer.from(exponent).toString("hex")}`) };
    }
    const { named } = KINDS.find(({ kind }) => kind === k.kind);
    return named === undefined ? {} : { namedCurve: named };
  }
  equals(other) {
    const k = fields(other);
    if (k === undefined) throw new codes.ERR_INVALID_ARG_TYPE("otherKeyObject", "KeyObject", other);
    return k.type === this.#k.type && k.kind === this.#k.kind && keys.equal(k.bytes, this.#k.bytes);
  }
  export(options = {}) {
    check.object(options, "options");
    const k = this.#k;
    if (options.format === "jwk") return keys.jwkOf({ ...k, bytes: new Uint8Array(k.bytes) });
    if (k.type === "secret") return Buffer.from(k.bytes);
    if (options.cipher !== undefined || options.passphrase !== undefined)
      throw failed("Encrypted keys are not supported.", "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
    const { label, bytes } = structure(k, options.type);
    if (options.format === "der") return bytes;
    if (options.format !== "pem") throw new codes.ERR_INVALID_ARG_VALUE("options.format", options.format);
    const lines = bytes.toString("base64").match(/.{1,64}/g);
    return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
  }
  toCryptoKey(algorithm, extractable, usages) {
    const format = this.#k.type === "secret" ? "raw" : this.#k.type === "public" ? "spki" : "pkcs8";
    return crypto.subtle.importKey(format, this.#k.bytes, algorithm, extractable, usages);
  }
  get [Symbol.toStringTag]() {
    return "KeyObject";
  }
}
class SecretKeyObject extends KeyObject {}
class PublicKeyObject extends KeyObject {}
class PrivateKeyObject extends KeyObject {}
const CLASSES = { secret: SecretKeyObject, public: PublicKeyObject, private: PrivateKeyObject };

const wrap = (k) => new CLASSES[k.type](token, k);
const publicBytes = (k) => (k.type === "private" ? keys.publicPart(k.kind, k.bytes) : k.bytes);

// DER

function der(tag, ...parts) {
  const body = Buffer.concat(parts);
  const length = body.length;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), body]);
}
const SEQUENCE = 0x30;
const hex = (text) => Buffer.from(text, "hex");
const RSA_ALGORITHM = hex("300d06092a864886f70d0101010500");
const ZERO = hex("020100");
const CURVES = {
  "P-256": hex("06082a8648ce3d030107"),
  "P-384": hex("06052b81040022"),
  "P-521": hex("06052b81040023"),
};
const EC_ALGORITHM = hex("06072a8648ce3d0201");

// The values in a piece of DER: their tags, contents and whole texts.
function values(bytes) {
  const found = [];
  for (let at = 0; at + 1 < bytes.length; ) {
    const start = at;
    const tag = bytes[at];
    let length = bytes[at + 1];
    at += 2;
    if (length > 127) {
      let more = length - 128;
      if (more > 4) throw invalidKey();
      length = 0;
      while (more-- > 0) length = length * 256 + bytes[at++];
    }
    if (at + length > bytes.length) throw invalidKey();
    found.push({ tag, content: bytes.subarray(at, at + length), whole: bytes.subarray(start, at + length) });
    at += length;
  }
  return found;
}
const inside = (bytes) => values(values(bytes)[0]?.content ?? Buffer.alloc(0));
const invalidKey = () =>
  failed("Failed to parse the key: it is damaged, or of a kind that is not supported.", "ERR_OSSL_UNSUPPORTED");

// The structure of `export({ type })`.
function structure(k, type) {
  const bytes = Buffer.from(k.bytes);
  if (k.type === "public") {
    if (type === "spki") return { label: "PUBLIC KEY", bytes };
    if (type === "pkcs1" && k.kind === KeyKind.Rsa)
      return { label: "RSA PUBLIC KEY", bytes: Buffer.from(inside(bytes)[1].content.subarray(1)) };
  } else {
    if (type === "pkcs8") return { label: "PRIVATE KEY", bytes };
    if (type === "pkcs1" && k.kind === KeyKind.Rsa)
      return { label: "RSA PRIVATE KEY", bytes: Buffer.from(inside(bytes)[2].content) };
    if (type === "sec1" && CURVES[k.curve] !== undefined) {
      const parts = inside(inside(bytes)[2].content);
      const rest = parts.slice(2).filter(({ tag }) => tag === 0xa1);
      const inner = [parts[0].whole, parts[1].whole, der(0xa0, CURVES[k.curve]), ...rest.map(({ whole }) => whole)];
      return { label: "EC PRIVATE KEY", bytes: der(SEQUENCE, ...inner) };
    }
  }
  throw new codes.ERR_INVALID_ARG_VALUE("options.type", type);
}

const wrapRsa = (isPrivate, bytes) =>
  isPrivate
    ? der(SEQUENCE, ZERO, RSA_ALGORITHM, der(4, bytes))
    : der(SEQUENCE, RSA_ALGORITHM, der(3, Buffer.from([0]), bytes));
function wrapEc(bytes) {
  const curve = inside(bytes).find(({ tag }) => tag === 0xa0);
  if (curve === undefined) throw invalidKey();
  return der(SEQUENCE, ZERO, der(SEQUENCE, EC_ALGORITHM, curve.content), der(4, bytes));
}
// The key in a certificate: after the version, the number, the algorithm, two names and the dates.
function ofCertificate(bytes) {
  const fields_ = values(inside(bytes)[0].content);
  const at = fields_[0].tag === 0xa0 ? 6 : 5;
  if (fields_[at] === undefined) throw invalidKey();
  return fields_[at].whole;
}

// Reads DER of a private or public key, of whichever kind.
function read(isPrivate, bytes) {
  for (const { kind, curve } of KINDS) {
    try {
      return { type: isPrivate ? "private" : "public", kind, curve, bytes: keys.derOf(kind, isPrivate, bytes) };
    } catch {
      // Of another kind.
    }
  }
  throw invalidKey();
}

function ofPem(text, wantsPrivate) {
  const [, label, body] = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/.exec(text) ?? [];
  if (label === undefined) throw failed("Failed to parse the key: it has no PEM header.", "ERR_OSSL_UNSUPPORTED");
  if (label.startsWith("ENCRYPTED") || body.includes("ENCRYPTED"))
    throw failed("Encrypted keys are not supported.", "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
  const bytes = Buffer.from(body, "base64");
  switch (label) {
    case "PRIVATE KEY":
      return read(true, bytes);
    case "RSA PRIVATE KEY":
      return read(true, wrapRsa(true, bytes));
    case "EC PRIVATE KEY":
      return read(true, wrapEc(bytes));
    case "PUBLIC KEY":
      if (wantsPrivate) break;
      return read(false, bytes);
    case "RSA PUBLIC KEY":
      if (wantsPrivate) break;
      return read(false, wrapRsa(false, bytes));
    case "CERTIFICATE":
      if (wantsPrivate) break;
      return read(false, ofCertificate(bytes));
  }
  throw failed(
    `Failed to parse the key: "${label}" is not ${wantsPrivate ? "a private" : "a supported"} key.`,
    "ERR_OSSL_UNSUPPORTED",
  );
}

function ofJwk(jwk) {
  check.object(jwk, "key.key");
  const found = jwk.crv === undefined ? KINDS[0] : kindOfCurve(jwk.crv);
  if (found === undefined) throw new codes.ERR_INVALID_ARG_VALUE("key.crv", jwk.crv);
  const { isPrivate, bytes } = keys.readJwk(jwk, jwk.kty, keys.curves[found.curve]);
  return { type: isPrivate ? "private" : "public", kind: found.kind, curve: found.curve, bytes };
}

// The fields of a CryptoKey. The bytes of one that may not be extracted are not taken out of it.
function ofCryptoKey(value) {
  if (!keys.is(value)) return undefined;
  const { type, kind, curve, bytes, extractable } = keys.fields(value);
  if (!extractable)
    throw new codes.ERR_INVALID_ARG_VALUE("key", value, "must be extractable, or be used with crypto.subtle");
  return { type, kind, curve, bytes };
}

// The fields of a key that an argument is or describes.
function keyOf(value, wantsPrivate) {
  const known = fields(value) ?? ofCryptoKey(value);
  if (known !== undefined) return known;
  if (typeof value === "string") return ofPem(value, wantsPrivate);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return ofPem(Buffer.from(bytesOf(value, "key")).toString(), wantsPrivate);
  if (typeof value === "object" && value !== null && value.key !== undefined) {
    const { key, format = "pem", type } = value;
    if (format === "jwk") return ofJwk(key);
    const inner = fields(key) ?? ofCryptoKey(key);
    if (inner !== undefined) return inner;
    if (format === "pem")
      return ofPem(typeof key === "string" ? key : Buffer.from(bytesOf(key, "key.key")).toString(), wantsPrivate);
    if (format !== "der") throw new codes.ERR_INVALID_ARG_VALUE("key.format", format);
    const bytes = Buffer.from(bytesOf(key, "key.key"));
    if (type === "pkcs1") return read(wantsPrivate, wrapRsa(wantsPrivate, bytes));
    if (type === "sec1") return read(true, wrapEc(bytes));
    if (type === "pkcs8" || (type === undefined && wantsPrivate)) return read(true, bytes);
    return read(false, bytes);
  }
  const expected = ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView", "KeyObject", "CryptoKey"];
  throw new codes.ERR_INVALID_ARG_TYPE("key", expected, value);
}

const privateKey = (value) => {
  const k = keyOf(value, true);
  if (k.type !== "private") throw new codes.ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(k.type, "private");
  return k;
};
const publicKey = (value) => {
  const k = keyOf(value, false);
  if (k.type === "secret") throw new codes.ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(k.type, "private or public");
  return k.type === "private" ? { ...k, type: "public", bytes: publicBytes(k) } : k;
};
// The bytes of a secret key.
function secretBytes(value, name = "key", encoding = undefined) {
  const k = fields(value) ?? ofCryptoKey(value);
  if (k === undefined) {
    if (typeof value === "string" || ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
      return bytesOf(value, name, encoding);
    const expected = ["ArrayBuffer", "Buffer", "TypedArray", "DataView", "string", "KeyObject", "CryptoKey"];
    throw new codes.ERR_INVALID_ARG_TYPE(name, expected, value);
  }
  if (k.type !== "secret") throw new codes.ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(k.type, "secret");
  return k.bytes;
}

function createSecretKey(key, encoding) {
  return wrap({ type: "secret", bytes: Uint8Array.from(bytesOf(key, "key", encoding)) });
}
function createPrivateKey(key) {
  const inner = fields(key);
  if (inner !== undefined)
    throw new codes.ERR_INVALID_ARG_TYPE("key", ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"], key);
  return wrap(privateKey(key));
}
function createPublicKey(key) {
  const inner = fields(key);
  if (inner !== undefined && inner.type !== "private")
    throw new codes.ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE(inner.type, "private");
  return wrap(publicKey(key));
}

// Generation

const MAX_RSA_BITS = 4096;
// crypto.subtle takes the same. With others, such as 1, the host may search for primes forever.
const RSA_EXPONENTS = [3, 0x10001];

function generateKeyPairSync(type, options = {}) {
  let kind;
  let [bits, exponent] = [0, 0];
  if (type === "rsa" || type === "rsa-pss") {
    check.object(options, "options");
    check.integer(options.modulusLength, "options.modulusLength", 0, 2 ** 32 - 1);
    kind = KINDS[0];
    // A call of the host cannot be interrupted.
    if (options.modulusLength > MAX_RSA_BITS)
      throw new codes.ERR_OUT_OF_RANGE("options.modulusLength", `<= ${MAX_RSA_BITS}`, options.modulusLength);
    [bits, exponent] = [options.modulusLength, options.publicExponent ?? 0x10001];
    check.integer(exponent, "options.publicExponent", 0, 2 ** 32 - 1);
    if (!RSA_EXPONENTS.includes(exponent))
      throw new codes.ERR_OUT_OF_RANGE("options.publicExponent", RSA_EXPONENTS.join(" or "), exponent);
  } else if (type === "ec") {
    check.object(options, "options");
    check.string(options.namedCurve, "options.namedCurve");
    kind = kindOfCurve(options.namedCurve);
    if (kind === undefined) throw failed("Invalid EC curve name", "ERR_CRYPTO_INVALID_CURVE");
  } else kind = KINDS.find(({ name }) => name === type && name !== "ec");
  if (kind === undefined) throw new codes.ERR_INVALID_ARG_VALUE("type", type, "must be a supported key type");
  const made = { type: "private", kind: kind.kind, curve: kind.curve, bytes: keys.generate(kind.kind, bits, exponent) };
  const pair = { publicKey: wrap(publicKey(wrap(made))), privateKey: wrap(made) };
  return {
    publicKey: options.publicKeyEncoding ? pair.publicKey.export(options.publicKeyEncoding) : pair.publicKey,
    privateKey: options.privateKeyEncoding ? pair.privateKey.export(options.privateKeyEncoding) : pair.privateKey,
  };
}

function generateKeySync(type, options) {
  check.object(options, "options");
  if (type !== "hmac" && type !== "aes")
    throw new codes.ERR_INVALID_ARG_VALUE("type", type, "must be a supported key type");
  if (type === "aes" && ![128, 192, 256].includes(options.length))
    throw new codes.ERR_INVALID_ARG_VALUE("options.length", options.length, "must be one of: 128, 192, 256");
  if (type === "hmac") check.integer(options.length, "options.length", 8, 2 ** 31 - 1);
  return createSecretKey(isolet.randomBytes(options.length >> 3));
}

module.exports = {
  KINDS,
  KeyObject,
  PrivateKeyObject,
  PublicKeyObject,
  SecretKeyObject,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  fields,
  generateKeyPairSync,
  generateKeySync,
  kindOfCurve,
  privateKey,
  publicKey,
  secretBytes,
  wrap,
};
