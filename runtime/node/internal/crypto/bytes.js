// Arguments of node:crypto as bytes, and results as the caller asked for them.
"use strict";

const { Buffer } = require("buffer");
const { codes } = require("internal/errors");
const { natives } = isolet;

// The hash functions: the host's number, the length of a digest, the length of a block.
const HASHES = {
  __proto__: null,
  md5: [HashFunction.Md5, 16, 64],
  sha1: [HashFunction.Sha1, 20, 64],
  sha224: [HashFunction.Sha224, 28, 64],
  sha256: [HashFunction.Sha256, 32, 64],
  sha384: [HashFunction.Sha384, 48, 128],
  sha512: [HashFunction.Sha512, 64, 128],
  "sha512-256": [HashFunction.Sha512Trunc256, 32, 128],
  ripemd160: [HashFunction.Ripemd160, 20, 64],
};
HASHES["sha512/256"] = HASHES["sha512-256"];
HASHES.rmd160 = HASHES.ripemd160;

// Returns `{ id, size, block }` of a name such as SHA256, sha-256 or RSA-SHA256.
function hashOf(name) {
  let key = `${name}`.toLowerCase().replace(/^rsa-/, "");
  if (/^sha-\d+$/.test(key)) key = key.replace("-", "");
  const found = HASHES[key];
  return found === undefined ? undefined : { id: found[0], size: found[1], block: found[2] };
}

const isView = ArrayBuffer.isView;

// A copy is made by the host.
function bytesOf(value, name, encoding) {
  if (typeof value === "string") return Buffer.from(value, encoding === "buffer" ? "utf8" : encoding);
  if (isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new codes.ERR_INVALID_ARG_TYPE(name, ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
}

// The bytes that a function of the host writes into `out`, or undefined if it fails.
function written(room, write) {
  const out = new ArrayBuffer(room);
  const length = write(out);
  return length < 0 ? undefined : Buffer.from(out, 0, length);
}

function encoded(buffer, encoding) {
  return encoding === undefined || encoding === null || encoding === "buffer" ? buffer : buffer.toString(encoding);
}

const digest = (hash, bytes) => written(64, (out) => natives.digest(hash.id, bytes, out));
const hmac = (hash, key, bytes) => written(64, (out) => natives.hmac(hash.id, key, bytes, out));

// An error in the manner of OpenSSL.
function failed(message, code = "ERR_CRYPTO_OPERATION_FAILED") {
  const error = new Error(message);
  error.code = code;
  return error;
}

module.exports = { HASHES, bytesOf, digest, encoded, failed, hashOf, hmac, written };
