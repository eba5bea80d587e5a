// node:zlib
"use strict";

const { Buffer, kMaxLength } = require("buffer");
const { Transform } = require("stream");
const { codes, check } = require("internal/errors");
const { natives } = isolet;
const { setTimeout: begin } = isolet.plainTimers;

const constants = {
  Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_BLOCK: 5, Z_OK: 0, Z_STREAM_END: 1,
  Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5, Z_VERSION_ERROR: -6,
  Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9, Z_DEFAULT_COMPRESSION: -1, Z_FILTERED: 1, Z_HUFFMAN_ONLY: 2,
  Z_RLE: 3, Z_FIXED: 4, Z_DEFAULT_STRATEGY: 0, ZLIB_VERNUM: 4880, DEFLATE: 1, INFLATE: 2, GZIP: 3, GUNZIP: 4, DEFLATERAW: 5,
  INFLATERAW: 6, UNZIP: 7, BROTLI_DECODE: 8, BROTLI_ENCODE: 9, Z_MIN_WINDOWBITS: 8, Z_MAX_WINDOWBITS: 15,
  Z_DEFAULT_WINDOWBITS: 15, Z_MIN_CHUNK: 64, Z_MAX_CHUNK: Infinity, Z_DEFAULT_CHUNK: 16384, Z_MIN_MEMLEVEL: 1,
  Z_MAX_MEMLEVEL: 9, Z_DEFAULT_MEMLEVEL: 8, Z_MIN_LEVEL: -1, Z_MAX_LEVEL: 9, Z_DEFAULT_LEVEL: -1, BROTLI_OPERATION_PROCESS: 0,
  BROTLI_OPERATION_FLUSH: 1, BROTLI_OPERATION_FINISH: 2, BROTLI_PARAM_MODE: 0, BROTLI_PARAM_QUALITY: 1, BROTLI_PARAM_LGWIN: 2,
  BROTLI_PARAM_SIZE_HINT: 5, BROTLI_MODE_GENERIC: 0, BROTLI_MODE_TEXT: 1, BROTLI_MIN_QUALITY: 0, BROTLI_MAX_QUALITY: 11,
  BROTLI_DEFAULT_QUALITY: 11,
}; // biome-ignore format: a table.

const errorCodes = { Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2, Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4,
  Z_BUF_ERROR: -5, Z_VERSION_ERROR: -6 }; // biome-ignore format: a table.
const allCodes = { ...errorCodes };
for (const name of Object.keys(errorCodes)) allCodes[errorCodes[name]] = name;

// A call of the host cannot be interrupted, so it is given no more than this at once.
const PIECE_BYTES = 65536;
const CHUNK_BYTES = 16384;

function bytesOf(value, name = "buffer") {
  if (typeof value === "string") return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new codes.ERR_INVALID_ARG_TYPE(name, ["string", "Buffer", "TypedArray", "DataView", "ArrayBuffer"], value);
}

function invalid(message) {
  const code = message === "unexpected end of file" ? "Z_BUF_ERROR" : "Z_DATA_ERROR";
  return Object.assign(new Error(message), { errno: errorCodes[code], code });
}

const FORMATS = {
  gzip: CompressionFormat.Gzip,
  deflate: CompressionFormat.Deflate,
  "deflate-raw": CompressionFormat.DeflateRaw,
};

// One stream of the host.
class Codec {
  #id;
  #handle = {};
  constructor(format, decompress) {
    this.#id = natives.codecOpen(FORMATS[format], decompress, this.#handle, true);
    if (this.#id === 0) throw new RangeError("Too many streams are being compressed or decompressed at once.");
  }
  // Gives the results for a chunk to `push`.
  write(bytes, push) {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      natives.codecWrite(this.#id, bytes.subarray(from, from + PIECE_BYTES));
      this.#drain(push);
    }
  }
  end(push) {
    natives.codecEnd(this.#id);
    this.#drain(push);
    this.close();
  }
  close() {
    if (this.#id !== 0) natives.codecClose(this.#id);
    this.#id = 0;
  }
  #drain(push) {
    for (;;) {
      const out = new ArrayBuffer(CHUNK_BYTES);
      const count = natives.codecRead(this.#id, out);
      if (typeof count !== "number") {
        this.close();
        throw invalid(count);
      }
      if (count > 0) push(Buffer.from(count === CHUNK_BYTES ? out : out.slice(0, count)));
      if (count < CHUNK_BYTES) return;
    }
  }
}

// gunzip and unzip know the format by its first bytes.
function formatOf(kind, bytes) {
  if (kind !== "unzip") return kind;
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? "gzip" : "deflate";
}

function whole(kind, decompress, data, options = {}) {
  const bytes = bytesOf(data);
  const most = options?.maxOutputLength ?? kMaxLength;
  const codec = new Codec(formatOf(kind, bytes), decompress);
  const parts = [];
  let length = 0;
  const push = (part) => {
    length += part.length;
    if (length > most) {
      codec.close();
      throw new codes.ERR_BUFFER_TOO_LARGE(most);
    }
    parts.push(part);
  };
  codec.write(bytes, push);
  codec.end(push);
  return Buffer.concat(parts);
}

class Zlib extends Transform {
  #kind;
  #decompress;
  #codec;
  constructor(kind, decompress, options = {}) {
    super({ ...options, decodeStrings: true });
    this.#kind = kind;
    this.#decompress = decompress;
    this.bytesWritten = 0;
    const { level } = options ?? {};
    if (level !== undefined) check.number(level, "options.level", -1, 9);
  }
  _transform(chunk, encoding, done) {
    try {
      this.bytesWritten += chunk.length;
      this.#codec ??= new Codec(formatOf(this.#kind, chunk), this.#decompress);
      this.#codec.write(chunk, (part) => this.push(part));
      done();
    } catch (error) {
      done(error);
    }
  }
  _flush(done) {
    try {
      this.#codec ??= new Codec(formatOf(this.#kind, [0x78]), this.#decompress);
      this.#codec.end((part) => this.push(part));
      done();
    } catch (error) {
      done(error);
    }
  }
  _destroy(error, done) {
    this.#codec?.close();
    done(error);
  }
  close(callback) {
    if (callback !== undefined) this.once("close", callback);
    this.destroy();
  }
  flush(kind, callback = kind) {
    if (typeof callback === "function") queueMicrotask(callback);
  }
  params(level, strategy, callback) {
    queueMicrotask(callback);
  }
  reset() {
    this.#codec?.close();
    this.#codec = undefined;
  }
}

const exported = { constants, codes: Object.freeze(allCodes) };

for (const [name, kind, decompress] of [
  ["Gzip", "gzip", false],
  ["Gunzip", "gzip", true],
  ["Deflate", "deflate", false],
  ["Inflate", "deflate", true],
  ["DeflateRaw", "deflate-raw", false],
  ["InflateRaw", "deflate-raw", true],
  ["Unzip", "unzip", true],
]) {
  const Class = {
    [name]: class extends Zlib {
      constructor(options) {
        super(kind, decompress, options);
      }
    },
  }[name];
  const method = name[0].toLowerCase() + name.slice(1);
  exported[name] = new Proxy(Class, { apply: (_, __, [options]) => new Class(options) });
  exported[`create${name}`] = (options) => new Class(options);
  exported[`${method}Sync`] = (data, options) => whole(kind, decompress, data, options);
  exported[method] = (data, options, callback = options) => {
    check.function(callback, "callback");
    const bytes = bytesOf(data);
    begin(() => {
      let result;
      try {
        result = whole(kind, decompress, bytes, typeof options === "function" ? {} : options);
      } catch (error) {
        callback(error);
        return;
      }
      callback(null, result);
    }, 0);
  };
}

for (const name of ["BrotliCompress", "BrotliDecompress", "ZstdCompress", "ZstdDecompress"]) {
  const method = name[0].toLowerCase() + name.slice(1);
  for (const each of [name, `create${name}`, method, `${method}Sync`]) {
    exported[each] = Object.defineProperty(
      function unavailable() {
        throw new codes.ERR_METHOD_NOT_IMPLEMENTED(
          `node:zlib: ${each}() is not available in isolet: use gzip or deflate, or a package in WebAssembly.`,
        );
      },
      "name",
      { value: each },
    );
  }
}

let table;
exported.crc32 = function crc32(data, value = 0) {
  if (typeof data !== "string" && !ArrayBuffer.isView(data))
    throw new codes.ERR_INVALID_ARG_TYPE("data", ["Buffer", "TypedArray", "DataView", "string"], data);
  check.integer(value, "value", 0, 2 ** 32 - 1);
  table ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let crc = ~value;
  for (const byte of bytesOf(data)) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
};

// Old names, directly on the module.
for (const name of Object.keys(constants)) if (!name.startsWith("BROTLI_PARAM")) exported[name] = constants[name];
module.exports = exported;
