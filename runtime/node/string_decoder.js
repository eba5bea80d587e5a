// node:string_decoder
"use strict";

const { codes } = require("internal/errors");
const { Buffer } = require("buffer");

const encodings = {
  __proto__: null,
  utf8: "utf8",
  "utf-8": "utf8",
  ucs2: "utf16le",
  "ucs-2": "utf16le",
  utf16le: "utf16le",
  "utf-16le": "utf16le",
  latin1: "latin1",
  binary: "latin1",
  base64: "base64",
  base64url: "base64url",
  ascii: "ascii",
  hex: "hex",
};

function StringDecoder(encoding) {
  const name = encoding === undefined || encoding === null || encoding === "" ? "utf8" : encoding;
  this.encoding = encodings[`${name}`.toLowerCase()];
  if (this.encoding === undefined) throw new codes.ERR_UNKNOWN_ENCODING(encoding);
  // The bytes of a character that is not complete.
  this.lastChar = Buffer.alloc(0);
}

Object.defineProperties(StringDecoder.prototype, {
  lastNeed: {
    enumerable: true,
    configurable: true,
    get() {
      return this.lastChar.length === 0 ? 0 : Math.max(1, needed(this.lastChar, this.encoding) - this.lastChar.length);
    },
  },
  lastTotal: {
    enumerable: true,
    configurable: true,
    get() {
      return this.lastChar.length === 0 ? 0 : needed(this.lastChar, this.encoding);
    },
  },
});

function needed(bytes, encoding) {
  if (encoding === "utf16le") return bytes.length > 1 ? 4 : 2;
  if (encoding !== "utf8") return 3;
  return bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
}

StringDecoder.prototype.write = function write(chunk) {
  if (typeof chunk === "string") return chunk;
  if (!ArrayBuffer.isView(chunk))
    throw new codes.ERR_INVALID_ARG_TYPE("buf", ["Buffer", "TypedArray", "DataView"], chunk);
  let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (this.lastChar.length > 0) bytes = Buffer.concat([this.lastChar, bytes]);
  const held = heldBack(bytes, this.encoding);
  const end = bytes.length - held;
  this.lastChar = held === 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(end));
  return bytes.toString(this.encoding, 0, end);
};

StringDecoder.prototype.end = function end(chunk) {
  let text = chunk === undefined ? "" : this.write(chunk);
  if (this.lastChar.length > 0) {
    text += this.lastChar.toString(this.encoding);
    this.lastChar = Buffer.alloc(0);
  }
  return text;
};

StringDecoder.prototype.text = function text(chunk, offset) {
  this.lastChar = Buffer.alloc(0);
  return this.write(chunk.slice(offset));
};

// The number of bytes at the end that begin a character.
function heldBack(bytes, encoding) {
  const { length } = bytes;
  if (encoding === "base64" || encoding === "base64url") return length % 3;
  if (encoding === "utf16le") {
    const odd = length % 2;
    const last = length - odd;
    const high = last >= 2 && bytes[last - 1] >= 0xd8 && bytes[last - 1] <= 0xdb;
    return odd + (high ? 2 : 0);
  }
  if (encoding !== "utf8") return 0;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 && byte <= 0xf4 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    if (byte >= 0xf5 || size <= back) return 0;
    // A second byte that cannot follow ends the character already.
    if (back > 1) {
      const second = bytes[length - back + 1];
      const [least, most] =
        byte === 0xe0
          ? [0xa0, 0xbf]
          : byte === 0xed
            ? [0x80, 0x9f]
            : byte === 0xf0
              ? [0x90, 0xbf]
              : byte === 0xf4
                ? [0x80, 0x8f]
                : [0x80, 0xbf];
      if (second < least || second > most) return 0;
    }
    return back;
  }
  return 0;
}

module.exports = { StringDecoder };
