// Signatures, and encryption by RSA.
"use strict";

const { Buffer } = require("buffer");
const { Writable } = require("stream");
const { codes, check } = require("internal/errors");
const { bytesOf, encoded, failed, hashOf, written } = require("internal/crypto/bytes");
const { privateKey, publicKey } = require("internal/crypto/keys");
const { natives } = isolet;
const keys = isolet.cryptoKeys;

const RSA_PKCS1_PADDING = 1;
const RSA_PKCS1_OAEP_PADDING = 4;
const RSA_PKCS1_PSS_PADDING = 6;
const MAX_BYTES = 2048;

function hashFor(algorithm, k) {
  if (k.kind === KeyKind.Ed25519) return { id: HashFunction.Sha512, size: 64 };
  const hash = hashOf(algorithm ?? "sha256");
  if (hash === undefined) throw new codes.ERR_CRYPTO_INVALID_DIGEST(algorithm);
  return hash;
}

// The scheme of a key, and the length of the salt.
function schemeOf(k, hash, options) {
  if (k.kind === KeyKind.Ed25519) return [SignatureScheme.Ed25519, 0];
  if (k.kind === KeyKind.X25519)
    throw failed("operation not supported for this keytype", "ERR_OSSL_EVP_OPERATION_NOT_SUPPORTED_FOR_THIS_KEYTYPE");
  if (k.kind !== KeyKind.Rsa) return [SignatureScheme.Ecdsa, 0];
  if (options.padding !== RSA_PKCS1_PSS_PADDING) return [SignatureScheme.RsaPkcs1, 0];
  let salt = options.saltLength ?? -2;
  // -1 is the length of the digest, -2 the most that fits.
  if (salt === -1) salt = hash.size;
  else if (salt === -2) {
    const spki = k.type === "private" ? keys.publicPart(k.kind, k.bytes) : k.bytes;
    salt = Math.ceil((keys.rsaSize(spki).bits - 1) / 8) - hash.size - 2;
  }
  return [SignatureScheme.RsaPss, salt];
}

const optionsOf = (key) => (typeof key === "object" && key !== null && key.key !== undefined ? key : {});

function sign(algorithm, data, key) {
  if (algorithm !== null && algorithm !== undefined) check.string(algorithm, "algorithm");
  const bytes = bytesOf(data, "data");
  const k = privateKey(key);
  const options = optionsOf(key);
  const hash = hashFor(algorithm, k);
  const [scheme, salt] = schemeOf(k, hash, options);
  const made = written(MAX_BYTES, (out) => natives.sign(k.kind, scheme, hash.id, salt, k.bytes, bytes, out));
  if (made === undefined) throw failed("The signature could not be made.");
  return scheme === SignatureScheme.Ecdsa && options.dsaEncoding === "ieee-p1363"
    ? Buffer.from(keys.toNumbers(keys.curves[k.curve], made))
    : made;
}

function verify(algorithm, data, key, signature) {
  if (algorithm !== null && algorithm !== undefined) check.string(algorithm, "algorithm");
  const bytes = bytesOf(data, "data");
  let given = bytesOf(signature, "signature");
  const k = publicKey(key);
  const options = optionsOf(key);
  const hash = hashFor(algorithm, k);
  const [scheme, salt] = schemeOf(k, hash, options);
  if (scheme === SignatureScheme.Ecdsa && options.dsaEncoding === "ieee-p1363") {
    given = keys.fromNumbers(keys.curves[k.curve], given);
    if (given === undefined) return false;
  }
  return natives.verify(k.kind, scheme, hash.id, salt, k.bytes, given, bytes);
}

class Collector extends Writable {
  #parts = [];
  #algorithm;
  constructor(algorithm, options) {
    check.string(algorithm, "algorithm");
    super(options);
    if (hashOf(algorithm) === undefined) throw new codes.ERR_CRYPTO_INVALID_DIGEST(algorithm);
    this.#algorithm = algorithm;
  }
  _write(chunk, encoding, done) {
    this.update(chunk, encoding);
    done();
  }
  update(data, encoding) {
    this.#parts.push(Buffer.from(bytesOf(data, "data", encoding)));
    return this;
  }
  /** @returns {any} */
  collected() {
    return [this.#algorithm, Buffer.concat(this.#parts)];
  }
}
class Sign extends Collector {
  sign(key, encoding) {
    const [algorithm, data] = this.collected();
    return encoded(sign(algorithm, data, key), encoding);
  }
}
class Verify extends Collector {
  verify(key, signature, encoding) {
    const [algorithm, data] = this.collected();
    return verify(algorithm, data, key, bytesOf(signature, "signature", encoding));
  }
}

function oaep(encrypt, key, data) {
  const options = optionsOf(key);
  const k = encrypt ? publicKey(key) : privateKey(key);
  if (k.kind !== KeyKind.Rsa) throw failed("operation not supported for this keytype");
  const padding = options.padding ?? RSA_PKCS1_OAEP_PADDING;
  if (padding !== RSA_PKCS1_OAEP_PADDING) {
    throw failed(
      `RSA ${padding === RSA_PKCS1_PADDING ? "with the padding of PKCS #1" : `with the padding ${padding}`} is not supported: use RSA_PKCS1_OAEP_PADDING.`,
      "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
    );
  }
  const hash = hashOf(options.oaepHash ?? "sha1");
  if (hash === undefined) throw new codes.ERR_CRYPTO_INVALID_DIGEST(options.oaepHash);
  const label = options.oaepLabel === undefined ? new Uint8Array(0) : bytesOf(options.oaepLabel, "key.oaepLabel");
  const bytes = bytesOf(data, "buffer");
  const made = written(MAX_BYTES, (out) => natives.oaep(encrypt, hash.id, label, k.bytes, bytes, out));
  if (made === undefined)
    throw failed(encrypt ? "data too large for key size" : "oaep decoding error", "ERR_OSSL_RSA_OAEP_DECODING_ERROR");
  return made;
}

module.exports = {
  Sign,
  Verify,
  privateDecrypt: (key, data) => oaep(false, key, data),
  publicEncrypt: (key, data) => oaep(true, key, data),
  sign,
  verify,
};
