// node:crypto
"use strict";

const { Buffer } = require("buffer");
const { Transform } = require("stream");
const { codes, check } = require("internal/errors");
const { HASHES, bytesOf, digest, encoded, failed, hashOf, hmac } = require("internal/crypto/bytes");
const keys = require("internal/crypto/keys");
const sign = require("internal/crypto/sign");
const cipher = require("internal/crypto/cipher");
const { natives } = isolet;
const { setTimeout: begin } = isolet.plainTimers;

const { crypto: webcrypto, CryptoKey } = globalThis;

// Random values

function random(size) {
  const buffer = new ArrayBuffer(size);
  if (!natives.random(buffer)) throw failed("The system has no random bytes.");
  return Buffer.from(buffer);
}

// Calls a callback later, with the result of a function or with what it throws.
function later(run, callback) {
  check.function(callback, "callback");
  let result;
  let error = null;
  try {
    result = run();
  } catch (thrown) {
    error = thrown;
  }
  begin(() => (error === null ? callback(null, result) : callback(error)), 0);
}

const MOST_RANDOM = 2 ** 31 - 1;
function randomBytes(size, callback) {
  check.number(size, "size", 0, MOST_RANDOM);
  if (callback === undefined) return random(size);
  later(() => random(size), callback);
  return undefined;
}

function randomFillSync(buffer, offset = 0, size = undefined) {
  if (!ArrayBuffer.isView(buffer) && !(buffer instanceof ArrayBuffer))
    throw new codes.ERR_INVALID_ARG_TYPE("buf", ["ArrayBuffer", "ArrayBufferView"], buffer);
  const width = buffer.BYTES_PER_ELEMENT ?? 1;
  check.number(offset, "offset", 0, buffer.byteLength / width);
  const start = offset * width;
  if (size !== undefined) check.number(size, "size", 0, buffer.byteLength / width - offset);
  const length = size === undefined ? buffer.byteLength - start : size * width;
  const whole = ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
  whole.set(random(length), start);
  return buffer;
}
function randomFill(buffer, ...rest) {
  const callback = rest.pop();
  later(() => randomFillSync(buffer, ...rest), callback);
}

function randomInt(min, max, callback) {
  if (max === undefined || typeof max === "function") {
    callback = max;
    max = min;
    min = 0;
  }
  if (callback !== undefined) check.function(callback, "callback");
  for (const [value, name] of [
    [min, "min"],
    [max, "max"],
  ])
    if (!Number.isSafeInteger(value)) throw new codes.ERR_INVALID_ARG_TYPE(name, "a safe integer", value);
  if (max <= min) throw new codes.ERR_OUT_OF_RANGE("max", `greater than the value of "min" (${min})`, max);
  const range = max - min;
  if (range > 2 ** 48 - 1) throw new codes.ERR_OUT_OF_RANGE(`max - min`, `<= ${2 ** 48 - 1}`, range);
  // Numbers above the last whole multiple would make some results likelier.
  const most = 2 ** 48 - (2 ** 48 % range);
  const draw = () => {
    for (;;) {
      const drawn = random(6).readUIntBE(0, 6);
      if (drawn < most) return min + (drawn % range);
    }
  };
  if (callback === undefined) return draw();
  later(draw, callback);
  return undefined;
}

function randomUUID(options) {
  if (options !== undefined) check.object(options, "options");
  return webcrypto.randomUUID();
}

// Hashes

class Hash extends Transform {
  #hash;
  #parts = [];
  #done = false;
  #size;
  constructor(algorithm, options = {}) {
    super(options);
    if (algorithm instanceof Hash) {
      this.#hash = algorithm.#hash;
      this.#parts = [...algorithm.#parts];
    } else {
      check.string(algorithm, "algorithm");
      this.#hash = hashOf(algorithm);
      if (this.#hash === undefined) throw failed(`Digest method not supported`, "ERR_CRYPTO_INVALID_DIGEST");
    }
    this.#size = options?.outputLength ?? this.#hash.size;
    check.integer(this.#size, "options.outputLength", 0, 2 ** 32 - 1);
    if (this.#size !== this.#hash.size)
      throw failed("Unsupported state or unable to change the output length", "ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH");
  }
  _transform(chunk, encoding, done) {
    this.update(chunk, encoding);
    done();
  }
  _flush(done) {
    this.push(this.digest());
    done();
  }
  update(data, encoding) {
    if (this.#done) throw new codes.ERR_CRYPTO_HASH_FINALIZED();
    if (typeof data !== "string" && !ArrayBuffer.isView(data))
      throw new codes.ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
    this.#parts.push(typeof data === "string" ? bytesOf(data, "data", encoding) : Buffer.from(bytesOf(data, "data")));
    return this;
  }
  digest(encoding) {
    if (this.#done) throw new codes.ERR_CRYPTO_HASH_FINALIZED();
    this.#done = true;
    return encoded(digest(this.#hash, Buffer.concat(this.#parts)), encoding);
  }
  copy(options) {
    if (this.#done) throw new codes.ERR_CRYPTO_HASH_FINALIZED();
    return new Hash(this, options);
  }
}

class Hmac extends Transform {
  #hash;
  #key;
  #parts = [];
  #done = false;
  constructor(algorithm, key, options = {}) {
    super(options);
    check.string(algorithm, "hmac");
    this.#key = Uint8Array.from(keys.secretBytes(key, "key", options?.encoding));
    this.#hash = hashOf(algorithm);
    if (this.#hash === undefined) throw new codes.ERR_CRYPTO_INVALID_DIGEST(algorithm);
  }
  _transform(chunk, encoding, done) {
    this.update(chunk, encoding);
    done();
  }
  _flush(done) {
    this.push(this.digest());
    done();
  }
  update(data, encoding) {
    if (this.#done) throw new codes.ERR_CRYPTO_HASH_FINALIZED();
    if (typeof data !== "string" && !ArrayBuffer.isView(data))
      throw new codes.ERR_INVALID_ARG_TYPE("data", ["string", "Buffer", "TypedArray", "DataView"], data);
    this.#parts.push(typeof data === "string" ? bytesOf(data, "data", encoding) : Buffer.from(bytesOf(data, "data")));
    return this;
  }
  digest(encoding) {
    // A second digest is empty, as in Node.js.
    if (this.#done) return encoded(Buffer.alloc(0), encoding);
    this.#done = true;
    return encoded(hmac(this.#hash, this.#key, Buffer.concat(this.#parts)), encoding);
  }
}

// Classes that are called without `new`, too.
const callable = (Class) =>
  new Proxy(Class, {
    apply: (_, __, args) => new Class(...args),
  });

function hash(algorithm, data, outputEncoding = "hex") {
  check.string(algorithm, "algorithm");
  if (typeof data !== "string" && !ArrayBuffer.isView(data))
    throw new codes.ERR_INVALID_ARG_TYPE("input", ["Buffer", "TypedArray", "DataView", "string"], data);
  return new Hash(algorithm).update(data).digest(outputEncoding);
}

// Derivation of keys

const NOT_DERIVED =
  "The key could not be derived: the parameters are not valid, take more than 2,000,000 rounds, or need more memory than there is.";

function derive(room, run) {
  const out = new ArrayBuffer(room);
  if (!run(out)) throw failed(NOT_DERIVED);
  return Buffer.from(out);
}

// A call of the host cannot be interrupted, so that its work is bounded as that of crypto.subtle.
const MAX_ROUNDS = 2_000_000;
const MAX_SCRYPT_BLOCKS = 1 << 20;
const blocks = (hash, bytes) => Math.ceil(bytes.byteLength / hash.block);
function checkWork(name, work, most) {
  if (work > most) throw new codes.ERR_OUT_OF_RANGE(name, `<= ${most} of the runtime`, work);
}

function digestOf(name) {
  check.string(name, "digest");
  const found = hashOf(name);
  if (found === undefined) throw new codes.ERR_CRYPTO_INVALID_DIGEST(name);
  return found;
}

function pbkdf2Checked(password, salt, iterations, length, name) {
  const found = digestOf(name);
  const [secret, salted] = [bytesOf(password, "password"), bytesOf(salt, "salt")];
  check.integer(iterations, "iterations", 1, 2 ** 31 - 1);
  check.integer(length, "keylen", 0, 2 ** 31 - 1);
  const pieces = Math.ceil(length / found.size);
  const rounds = pieces * (iterations + blocks(found, salted)) + blocks(found, secret);
  checkWork("rounds of PBKDF2", rounds, MAX_ROUNDS);
  return () => derive(length, (out) => natives.pbkdf2(found.id, secret, salted, iterations, out));
}
const pbkdf2Sync = (password, salt, iterations, length, name) =>
  pbkdf2Checked(password, salt, iterations, length, name)();
function pbkdf2(password, salt, iterations, length, name, callback) {
  if (typeof name === "function") {
    callback = name;
    name = undefined;
  }
  const run = pbkdf2Checked(password, salt, iterations, length, name);
  later(run, callback);
}

function hkdfChecked(name, key, salt, info, length) {
  const found = digestOf(name);
  const secret = keys.secretBytes(key, "ikm");
  const [salted, about] = [bytesOf(salt, "salt"), bytesOf(info, "info")];
  check.integer(length, "length", 0, 2 ** 31 - 1);
  if (about.byteLength > 1024)
    throw new codes.ERR_OUT_OF_RANGE("info", "must not contain more than 1024 bytes", about.byteLength);
  if (length > 255 * found.size) throw new codes.ERR_CRYPTO_INVALID_KEYLEN();
  const pieces = Math.ceil(length / found.size);
  const rounds = pieces * (1 + blocks(found, about)) + blocks(found, salted) + blocks(found, secret);
  checkWork("rounds of HKDF", rounds, MAX_ROUNDS);
  return () => {
    const out = new ArrayBuffer(length);
    if (!natives.hkdf(found.id, secret, salted, about, out)) throw failed(NOT_DERIVED);
    return out;
  };
}
const hkdfSync = (...args) => hkdfChecked(...args)();
function hkdf(name, key, salt, info, length, callback) {
  const run = hkdfChecked(name, key, salt, info, length);
  later(run, callback);
}

function scryptChecked(password, salt, length, options = {}) {
  const [secret, salted] = [bytesOf(password, "password"), bytesOf(salt, "salt")];
  check.integer(length, "keylen", 0, 2 ** 31 - 1);
  const cost = options.N ?? options.cost ?? 16384;
  const block = options.r ?? options.blockSize ?? 8;
  const parallel = options.p ?? options.parallelization ?? 1;
  const memory = options.maxmem ?? 32 * 1024 * 1024;
  check.integer(cost, "N", 0, 2 ** 32 - 1);
  check.integer(block, "r", 0, 2 ** 32 - 1);
  check.integer(parallel, "p", 0, 2 ** 32 - 1);
  check.integer(memory, "maxmem", 0);
  if (128 * cost * block > memory || cost < 2 || (cost & (cost - 1)) !== 0)
    throw failed("Invalid scrypt params: memory limit exceeded", "ERR_CRYPTO_INVALID_SCRYPT_PARAMS");
  checkWork("N * r * p", cost * block * parallel, MAX_SCRYPT_BLOCKS);
  checkWork("length of password and salt", secret.byteLength + salted.byteLength + length, MAX_SCRYPT_BLOCKS);
  return () => derive(length, (out) => natives.scrypt(secret, salted, cost, block, parallel, out));
}
const scryptSync = (...args) => scryptChecked(...args)();
function scrypt(password, salt, length, options, callback) {
  if (typeof options === "function") {
    callback = options;
    options = {};
  }
  const run = scryptChecked(password, salt, length, options);
  later(run, callback);
}

function timingSafeEqual(a, b) {
  const view = (value, name) => {
    if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer))
      throw new codes.ERR_INVALID_ARG_TYPE(name, ["ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
    return bytesOf(value, name);
  };
  const [one, two] = [view(a, "buf1"), view(b, "buf2")];
  if (one.byteLength !== two.byteLength) throw new codes.ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH();
  return isolet.cryptoKeys.equal(one, two);
}

// Signatures may be asked for with a callback.
function withCallback(run, count) {
  return (...args) => {
    if (args.length <= count) return run(...args);
    const callback = args[count];
    later(() => run(...args.slice(0, count)), callback);
    return undefined;
  };
}

function generateKeyPair(type, options, callback) {
  if (typeof options === "function") {
    callback = options;
    options = undefined;
  }
  check.function(callback, "callback");
  let pair;
  let error = null;
  try {
    pair = keys.generateKeyPairSync(type, options);
  } catch (thrown) {
    error = thrown;
  }
  begin(() => (error === null ? callback(null, pair.publicKey, pair.privateKey) : callback(error)), 0);
}
Object.defineProperty(generateKeyPair, Symbol.for("nodejs.util.promisify.custom"), {
  value: async (type, options) => keys.generateKeyPairSync(type, options),
});

const unavailable = (name, next) =>
  Object.defineProperty(
    function unavailable() {
      throw new codes.ERR_METHOD_NOT_IMPLEMENTED(`node:crypto: ${name}() is not available in isolet. ${next}`);
    },
    "name",
    { value: name },
  );

const constants = {
  RSA_PKCS1_PADDING: 1,
  RSA_NO_PADDING: 3,
  RSA_PKCS1_OAEP_PADDING: 4,
  RSA_PKCS1_PSS_PADDING: 6,
  RSA_PSS_SALTLEN_DIGEST: -1,
  RSA_PSS_SALTLEN_MAX_SIGN: -2,
  RSA_PSS_SALTLEN_AUTO: -2,
};

module.exports = {
  CryptoKey,
  Hash: callable(Hash),
  Hmac: callable(Hmac),
  KeyObject: keys.KeyObject,
  SecretKeyObject: keys.SecretKeyObject,
  PublicKeyObject: keys.PublicKeyObject,
  PrivateKeyObject: keys.PrivateKeyObject,
  Sign: callable(sign.Sign),
  Verify: callable(sign.Verify),
  Cipheriv: callable(cipher.Cipheriv),
  Decipheriv: callable(cipher.Decipheriv),
  constants,
  createCipheriv: (name, key, iv, options) => new cipher.Cipheriv(name, key, iv, options),
  createDecipheriv: (name, key, iv, options) => new cipher.Decipheriv(name, key, iv, options),
  createHash: (algorithm, options) => new Hash(algorithm, options),
  createHmac: (algorithm, key, options) => new Hmac(algorithm, key, options),
  createPrivateKey: keys.createPrivateKey,
  createPublicKey: keys.createPublicKey,
  createSecretKey: keys.createSecretKey,
  createSign: (algorithm, options) => new sign.Sign(algorithm, options),
  createVerify: (algorithm, options) => new sign.Verify(algorithm, options),
  fips: false,
  generateKey(type, options, callback) {
    later(() => keys.generateKeySync(type, options), callback);
  },
  generateKeyPair,
  generateKeyPairSync: keys.generateKeyPairSync,
  generateKeySync: keys.generateKeySync,
  getCipherInfo: cipher.getCipherInfo,
  getCiphers: cipher.getCiphers,
  getCurves: () => keys.KINDS.map(({ named }) => named).filter(Boolean),
  getFips: () => 0,
  getHashes: () => Object.keys(HASHES).sort(),
  getRandomValues: (array) => webcrypto.getRandomValues(array),
  hash,
  hkdf,
  hkdfSync,
  pbkdf2,
  pbkdf2Sync,
  privateDecrypt: sign.privateDecrypt,
  publicEncrypt: sign.publicEncrypt,
  pseudoRandomBytes: randomBytes,
  randomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  scrypt,
  scryptSync,
  secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 0 }),
  setEngine() {},
  setFips() {},
  sign: withCallback(sign.sign, 3),
  subtle: webcrypto.subtle,
  timingSafeEqual,
  verify: withCallback(sign.verify, 4),
  webcrypto,
};
for (const [names, next] of [
  ["Certificate X509Certificate", "Keys of certificates are read by createPublicKey()."],
  ["Cipher Decipher createCipher createDecipher", "Use createCipheriv() and createDecipheriv()."],
  [
    "DiffieHellman DiffieHellmanGroup ECDH createDiffieHellman createDiffieHellmanGroup createECDH diffieHellman getDiffieHellman",
    "Use crypto.subtle.deriveBits() with ECDH or X25519.",
  ],
  ["checkPrime checkPrimeSync generatePrime generatePrimeSync", "Use a package."],
  ["privateEncrypt publicDecrypt", "Use sign() and verify()."],
]) {
  for (const name of names.split(" ")) module.exports[name] = unavailable(name, next);
}
