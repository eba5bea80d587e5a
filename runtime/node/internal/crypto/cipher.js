// Encryption by AES. The host gets a message in one piece, so that the result comes with final().
"use strict";

const { Buffer } = require("buffer");
const { Transform } = require("stream");
const { codes, check } = require("internal/errors");
const { bytesOf, encoded, failed, written } = require("internal/crypto/bytes");
const { secretBytes } = require("internal/crypto/keys");
const { natives } = isolet;

// Names: the mode, the length of the key, the length of the initialization vector.
const CIPHERS = { __proto__: null };
for (const bits of [128, 192, 256]) {
  CIPHERS[`aes-${bits}-cbc`] = { mode: CipherMode.Cbc, name: "cbc", key: bits / 8, iv: 16 };
  CIPHERS[`aes-${bits}-ctr`] = { mode: CipherMode.Ctr, name: "ctr", key: bits / 8, iv: 16 };
  CIPHERS[`aes-${bits}-gcm`] = { mode: CipherMode.Gcm, name: "gcm", key: bits / 8, iv: 12 };
  CIPHERS[`id-aes${bits}-gcm`] = CIPHERS[`aes-${bits}-gcm`];
}
const TAG_BYTES = 16;
const isTagLength = (length) => length === 4 || length === 8 || (length >= 12 && length <= TAG_BYTES);

function invalidTag(length) {
  const error = new TypeError(`Invalid authentication tag length: ${length}`);
  error.code = "ERR_CRYPTO_INVALID_AUTH_TAG";
  return error;
}

class Cipher extends Transform {
  #encrypts;
  #cipher;
  #key;
  #iv;
  #parts = [];
  #associated = Buffer.alloc(0);
  #tag;
  // It is undefined without the option.
  #tagLength;
  #padding = true;
  #isFinal = false;
  constructor(encrypts, name, key, iv, options = {}) {
    super(options);
    check.string(name, "cipher");
    const cipher = CIPHERS[name.toLowerCase()];
    if (cipher === undefined) throw new codes.ERR_CRYPTO_UNKNOWN_CIPHER();
    const secret = secretBytes(key);
    if (secret.length !== cipher.key) throw new codes.ERR_CRYPTO_INVALID_KEYLEN();
    const vector = iv === null ? new Uint8Array(0) : bytesOf(iv, "iv");
    if (cipher.name === "gcm" ? vector.length === 0 : vector.length !== cipher.iv)
      throw new codes.ERR_CRYPTO_INVALID_IV();
    const tagLength = options?.authTagLength ?? undefined;
    if (tagLength !== undefined && tagLength >>> 0 !== tagLength)
      throw new codes.ERR_INVALID_ARG_VALUE("options.authTagLength", tagLength);
    if (cipher.name === "gcm" && tagLength !== undefined && !isTagLength(tagLength)) throw invalidTag(tagLength);
    this.#encrypts = encrypts;
    this.#cipher = cipher;
    this.#key = Uint8Array.from(secret);
    this.#iv = Uint8Array.from(vector);
    this.#tagLength = tagLength;
  }
  _transform(chunk, encoding, done) {
    this.update(chunk, encoding);
    done();
  }
  _flush(done) {
    try {
      this.push(this.final());
      done();
    } catch (error) {
      done(error);
    }
  }
  update(data, inputEncoding, outputEncoding) {
    if (this.#isFinal) throw new codes.ERR_CRYPTO_INVALID_STATE("update");
    this.#parts.push(Buffer.from(bytesOf(data, "data", inputEncoding)));
    return encoded(Buffer.alloc(0), outputEncoding);
  }
  final(outputEncoding) {
    if (this.#isFinal) throw new codes.ERR_CRYPTO_INVALID_STATE("final");
    this.#isFinal = true;
    let data = Buffer.concat(this.#parts);
    const { mode, name } = this.#cipher;
    const decrypts = !this.#encrypts;
    const tagLength = this.#tag?.length ?? this.#tagLength ?? TAG_BYTES;
    let count = name === "ctr" ? 128 : tagLength;
    if (name === "cbc") {
      if (!this.#padding) return encoded(this.#unpadded(data), outputEncoding);
      count = 0;
    }
    if (name === "gcm" && decrypts) {
      if (this.#tag === undefined) throw failed("Unsupported state or unable to authenticate data");
      data = Buffer.concat([data, this.#tag]);
    }
    let made = this.#run(mode, this.#encrypts, data, count);
    if (made === undefined) {
      throw name === "gcm"
        ? failed("Unsupported state or unable to authenticate data")
        : failed("bad decrypt", "ERR_OSSL_BAD_DECRYPT");
    }
    if (name === "gcm" && this.#encrypts) {
      this.#tag = Buffer.from(made.subarray(made.length - tagLength));
      made = made.subarray(0, made.length - tagLength);
    }
    return encoded(made, outputEncoding);
  }
  #run(mode, encrypts, data, count) {
    return written(data.length + 32, (out) =>
      natives.cipher(mode, encrypts, this.#key, this.#iv, this.#associated, count, data, out),
    );
  }
  // The host always pads. Encrypted, the padding is the last block; before a decryption, one is
  // made that fits.
  #unpadded(data) {
    if (data.length % 16 !== 0) throw failed("wrong final block length", "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH");
    if (this.#encrypts) return this.#run(CipherMode.Cbc, true, data, 0).subarray(0, data.length);
    const last = data.length === 0 ? this.#iv : data.subarray(data.length - 16);
    const padding = written(64, (out) =>
      natives.cipher(CipherMode.Cbc, true, this.#key, Uint8Array.from(last), Buffer.alloc(0), 0, Buffer.alloc(0), out),
    );
    return this.#run(CipherMode.Cbc, false, Buffer.concat([data, padding]), 0);
  }
  setAutoPadding(padding = true) {
    this.#padding = Boolean(padding);
    return this;
  }
  setAAD(data, options) {
    this.#associated = Buffer.concat([this.#associated, bytesOf(data, "buffer", options?.encoding)]);
    return this;
  }
  getAuthTag() {
    if (!this.#encrypts || !this.#isFinal || this.#cipher.name !== "gcm")
      throw new codes.ERR_CRYPTO_INVALID_STATE("getAuthTag");
    return this.#tag;
  }
  setAuthTag(tag, encoding) {
    if (this.#encrypts || this.#cipher.name !== "gcm") throw new codes.ERR_CRYPTO_INVALID_STATE("setAuthTag");
    const bytes = bytesOf(tag, "buffer", encoding);
    const isValid = this.#tagLength === undefined ? isTagLength(bytes.length) : bytes.length === this.#tagLength;
    if (!isValid) throw invalidTag(bytes.length);
    this.#tag = Buffer.from(bytes);
    return this;
  }
}

class Cipheriv extends Cipher {
  constructor(name, key, iv, options) {
    super(true, name, key, iv, options);
  }
}
class Decipheriv extends Cipher {
  constructor(name, key, iv, options) {
    super(false, name, key, iv, options);
  }
}

function getCipherInfo(name, options = {}) {
  const cipher = CIPHERS[`${name}`.toLowerCase()];
  if (cipher === undefined) return undefined;
  if (options.keyLength !== undefined && options.keyLength !== cipher.key) return undefined;
  const info = {
    mode: cipher.name,
    name: `${name}`.toLowerCase(),
    nid: 0,
    ivLength: options.ivLength ?? cipher.iv,
    keyLength: cipher.key,
  };
  if (cipher.name === "cbc") info.blockSize = 16;
  return info;
}

module.exports = { Cipheriv, Decipheriv, getCipherInfo, getCiphers: () => Object.keys(CIPHERS).sort() };
