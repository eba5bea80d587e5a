// node:buffer
"use strict";

const { codes, check } = require("internal/errors");
const { ERR_BUFFER_OUT_OF_BOUNDS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_INVALID_BUFFER_SIZE } = codes;
const { ERR_OUT_OF_RANGE, ERR_UNKNOWN_ENCODING } = codes;
const { natives } = isolet;

const { ArrayBuffer, DataView, Uint8Array, String, Number, Symbol } = globalThis;
const { min, max } = Math;
const TypedArray = Object.getPrototypeOf(Uint8Array);
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const subarray = uncurry(TypedArray.prototype.subarray);
const fillBytes = uncurry(TypedArray.prototype.fill);
const setBytes = uncurry(TypedArray.prototype.set);
const toBase64 = uncurry(Uint8Array.prototype.toBase64);
const toHex = uncurry(Uint8Array.prototype.toHex);
const { fromBase64, fromHex } = Uint8Array;
const { fromCharCode } = String;

const kMaxLength = 2 ** 53 - 1;
const kStringMaxLength = 536870888;
const customInspect = Symbol.for("nodejs.util.inspect.custom");

class FastBuffer extends Uint8Array {}

function Buffer(value, encodingOrOffset, length) {
  if (typeof value === "number") {
    if (typeof encodingOrOffset === "string") throw new ERR_INVALID_ARG_TYPE("string", "string", value);
    return Buffer.alloc(value);
  }
  return Buffer.from(value, encodingOrOffset, length);
}
Object.setPrototypeOf(Buffer, Uint8Array);
Buffer.prototype = FastBuffer.prototype;
Object.defineProperty(Buffer.prototype, "constructor", {
  value: Buffer,
  writable: true,
  configurable: true,
  enumerable: false,
});
Object.defineProperty(Buffer, Symbol.species, {
  configurable: true,
  enumerable: true,
  get() {
    return FastBuffer;
  },
});
Buffer.poolSize = 8192;

// The views of other realms do not exist here.
const isUint8Array = (value) => value instanceof Uint8Array;
const isView = ArrayBuffer.isView;
const isAnyArrayBuffer = (value) => value instanceof ArrayBuffer;

// Encodings. Each has the length of a text in bytes, bytes as text, and text as bytes.

function latin1(bytes, start, end, mask) {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    const part = subarray(bytes, at, min(at + 4096, end));
    text += Reflect.apply(fromCharCode, undefined, mask === 0xff ? part : part.map((byte) => byte & mask));
  }
  return text;
}

function ofLatin1(text) {
  const bytes = new FastBuffer(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function ofBase64(text) {
  const direct = tryBase64(text);
  if (direct !== undefined) return direct;
  // Node.js skips what is not of the alphabet, and stops at the first `=` and at characters above
  // U+00FF.
  const end = text.search(/[=\u0100-\uffff]/);
  let clean = (end === -1 ? text : text.slice(0, end)).replace(/-/g, "+").replace(/_/g, "/");
  clean = clean.replace(/[^A-Za-z0-9+/]/g, "");
  if (clean.length % 4 === 1) clean = clean.slice(0, -1);
  return tryBase64(clean) ?? new FastBuffer(0);
}

function tryBase64(text) {
  try {
    return owned(fromBase64(text));
  } catch {
    return undefined;
  }
}

// The same bytes as a Buffer.
const owned = (bytes) => new FastBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function ofHex(text) {
  let end = text.length & ~1;
  try {
    return owned(fromHex(text.slice(0, end)));
  } catch {
    const invalid = /[^0-9a-fA-F]/.exec(text);
    if (invalid !== null) end = min(end, invalid.index & ~1);
    return owned(fromHex(text.slice(0, end)));
  }
}

function ofUtf8(text) {
  const buffer = new ArrayBuffer(natives.utf8Length(text));
  natives.encodeUtf8(text, buffer);
  return new FastBuffer(buffer);
}

function ofUcs2(text) {
  const bytes = new FastBuffer(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >> 8;
  }
  return bytes;
}

function ucs2(bytes, start, end) {
  let text = "";
  let units = [];
  for (let i = start; i + 1 < end; i += 2) {
    units.push(bytes[i] | (bytes[i + 1] << 8));
    if (units.length === 4096) {
      text += Reflect.apply(fromCharCode, undefined, units);
      units = [];
    }
  }
  return text + Reflect.apply(fromCharCode, undefined, units);
}

function base64Length(text) {
  let length = text.length;
  if (length > 0 && text.charCodeAt(length - 1) === 0x3d) length--;
  if (length > 1 && text.charCodeAt(length - 1) === 0x3d) length--;
  return (length * 3) >>> 2;
}

const encodings = {
  __proto__: null,
  utf8: {
    name: "utf8",
    length: (text) => natives.utf8Length(text),
    bytes: ofUtf8,
    text: (bytes, start, end) => natives.decode("utf-8", subarray(bytes, start, end), false, false),
  },
  utf16le: { name: "utf16le", length: (text) => text.length * 2, bytes: ofUcs2, text: ucs2 },
  latin1: {
    name: "latin1",
    length: (text) => text.length,
    bytes: ofLatin1,
    text: (bytes, start, end) => latin1(bytes, start, end, 0xff),
  },
  ascii: {
    name: "ascii",
    length: (text) => text.length,
    bytes: ofLatin1,
    text: (bytes, start, end) => latin1(bytes, start, end, 0x7f),
  },
  base64: {
    name: "base64",
    length: base64Length,
    bytes: ofBase64,
    text: (bytes, start, end) => toBase64(subarray(bytes, start, end)),
  },
  base64url: {
    name: "base64url",
    length: base64Length,
    bytes: ofBase64,
    text: (bytes, start, end) =>
      toBase64(subarray(bytes, start, end), { __proto__: null, alphabet: "base64url", omitPadding: true }),
  },
  hex: {
    name: "hex",
    length: (text) => text.length >>> 1,
    bytes: ofHex,
    text: (bytes, start, end) => toHex(subarray(bytes, start, end)),
  },
};
encodings["utf-8"] = encodings.utf8;
encodings.ucs2 = encodings["ucs-2"] = encodings["utf-16le"] = encodings.utf16le;
encodings.binary = encodings.latin1;

function encodingOf(name) {
  if (name === undefined || name === null || name === "") return encodings.utf8;
  const known = encodings[name];
  if (known !== undefined) return known;
  return typeof name === "string" ? encodings[name.toLowerCase()] : undefined;
}

function requireEncoding(name) {
  const encoding = encodingOf(name);
  if (encoding === undefined) throw new ERR_UNKNOWN_ENCODING(name);
  return encoding;
}

// Construction

function checkSize(size) {
  check.number(size, "size", 0, kMaxLength);
}

Buffer.alloc = function alloc(size, fill, encoding) {
  checkSize(size);
  const buffer = new FastBuffer(size);
  if (fill !== undefined && fill !== 0 && size > 0) {
    if (encoding !== undefined) check.string(encoding, "encoding");
    return buffer.fill(fill, encoding);
  }
  return buffer;
};
Buffer.allocUnsafe = function allocUnsafe(size) {
  checkSize(size);
  return new FastBuffer(size);
};
Buffer.allocUnsafeSlow = function allocUnsafeSlow(size) {
  checkSize(size);
  return new FastBuffer(size);
};

Buffer.from = function from(value, encodingOrOffset, length) {
  if (typeof value === "string") {
    if (typeof encodingOrOffset !== "string" || encodingOrOffset.length === 0) return ofUtf8(value);
    return requireEncoding(encodingOrOffset).bytes(value);
  }
  if (typeof value === "object" && value !== null) {
    if (isAnyArrayBuffer(value)) return fromArrayBuffer(value, encodingOrOffset, length);
    const primitive = value.valueOf?.();
    if (primitive !== null && primitive !== undefined && primitive !== value) {
      if (typeof primitive === "string" || typeof primitive === "object")
        return from(primitive, encodingOrOffset, length);
    }
    const made = fromObject(value);
    if (made !== undefined) return made;
    if (typeof value[Symbol.toPrimitive] === "function") {
      const text = value[Symbol.toPrimitive]("string");
      if (typeof text === "string") return from(text, encodingOrOffset);
    }
  }
  throw new ERR_INVALID_ARG_TYPE(
    "first argument",
    ["string", "Buffer", "ArrayBuffer", "Array", "Array-like Object"],
    value,
  );
};

function fromArrayBuffer(buffer, byteOffset, length) {
  if (byteOffset === undefined) byteOffset = 0;
  else {
    byteOffset = +byteOffset;
    if (Number.isNaN(byteOffset)) byteOffset = 0;
  }
  const room = buffer.byteLength - byteOffset;
  if (room < 0) throw new ERR_BUFFER_OUT_OF_BOUNDS("offset");
  if (length === undefined) length = room;
  else {
    length = +length;
    if (length > 0) {
      if (length > room) throw new ERR_BUFFER_OUT_OF_BOUNDS("length");
    } else length = 0;
  }
  return new FastBuffer(buffer, byteOffset, length);
}

function fromObject(value) {
  if (value.length !== undefined || isAnyArrayBuffer(value.buffer)) {
    if (typeof value.length !== "number") return new FastBuffer(0);
    return fromArrayLike(value);
  }
  if (value.type === "Buffer" && Array.isArray(value.data)) return fromArrayLike(value.data);
  return undefined;
}

function fromArrayLike(value) {
  if (value.length <= 0) return new FastBuffer(0);
  return new FastBuffer(value);
}

Buffer.of = function of(...items) {
  return new FastBuffer(items);
};

Buffer.copyBytesFrom = function copyBytesFrom(view, offset, length) {
  if (!isView(view) || view instanceof DataView) throw new ERR_INVALID_ARG_TYPE("view", ["TypedArray"], view);
  if (view.length === 0) return new FastBuffer(0);
  if (offset !== undefined) {
    check.integer(offset, "offset", 0);
    if (offset >= view.length) return new FastBuffer(0);
  } else offset = 0;
  let end = view.length;
  if (length !== undefined) {
    check.integer(length, "length", 0);
    end = offset + length;
  }
  const part = view.slice(offset, end);
  return fromArrayLike(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
};

Buffer.isBuffer = function isBuffer(value) {
  return value instanceof Buffer;
};
Buffer.isEncoding = function isEncoding(name) {
  return typeof name === "string" && name.length !== 0 && encodingOf(name) !== undefined;
};

Buffer.byteLength = function byteLength(value, encoding) {
  if (typeof value !== "string") {
    if (isView(value) || isAnyArrayBuffer(value)) return value.byteLength;
    throw new ERR_INVALID_ARG_TYPE("string", ["string", "Buffer", "ArrayBuffer"], value);
  }
  return (encodingOf(encoding) ?? encodings.utf8).length(value);
};

Buffer.compare = function compare(a, b) {
  if (!isUint8Array(a)) throw new ERR_INVALID_ARG_TYPE("buf1", ["Buffer", "Uint8Array"], a);
  if (!isUint8Array(b)) throw new ERR_INVALID_ARG_TYPE("buf2", ["Buffer", "Uint8Array"], b);
  return compareBytes(a, b);
};

function compareBytes(a, b) {
  const length = min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
}

Buffer.concat = function concat(list, length) {
  if (!Array.isArray(list)) throw new ERR_INVALID_ARG_TYPE("list", "Array", list);
  if (list.length === 0) return new FastBuffer(0);
  if (length === undefined) {
    length = 0;
    for (const item of list) if (item.length) length += item.length;
  } else check.integer(length, "length", 0);
  const joined = new FastBuffer(length);
  let at = 0;
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    if (!isUint8Array(item)) throw new ERR_INVALID_ARG_TYPE(`list[${i}]`, ["Buffer", "Uint8Array"], item);
    if (at + item.length > length) {
      setBytes(joined, subarray(item, 0, length - at), at);
      at = length;
      break;
    }
    setBytes(joined, item, at);
    at += item.length;
  }
  return joined;
};

// Methods

const proto = Buffer.prototype;

Object.defineProperty(proto, "parent", {
  enumerable: true,
  get() {
    return this instanceof Buffer ? this.buffer : undefined;
  },
});
Object.defineProperty(proto, "offset", {
  enumerable: true,
  get() {
    return this instanceof Buffer ? this.byteOffset : undefined;
  },
});

proto.toString = function toString(encoding, start, end) {
  const { length } = this;
  if (arguments.length === 0) return read(encodings.utf8, this, 0, length);
  start = start === undefined || start <= 0 ? 0 : start >= length ? length : Math.trunc(start) || 0;
  end = end === undefined || end > length ? length : Math.trunc(end) || 0;
  if (end <= start) return "";
  return read(encoding === undefined ? encodings.utf8 : requireEncoding(`${encoding}`), this, start, end);
};
proto.toLocaleString = proto.toString;

function read(encoding, bytes, start, end) {
  if (end <= start) return "";
  const text = encoding.text(bytes, start, end);
  if (text === undefined) {
    const error = new Error(`Cannot create a string longer than 0x${kStringMaxLength.toString(16)} characters`);
    error.code = "ERR_STRING_TOO_LONG";
    throw error;
  }
  return text;
}

proto.equals = function equals(other) {
  if (!isUint8Array(other)) throw new ERR_INVALID_ARG_TYPE("otherBuffer", ["Buffer", "Uint8Array"], other);
  return this === other || (this.byteLength === other.byteLength && compareBytes(this, other) === 0);
};

proto[customInspect] = function inspect(_, context) {
  const shown = exported.INSPECT_MAX_BYTES;
  let text = toHex(subarray(this, 0, min(shown, this.length)))
    .replace(/(.{2})/g, "$1 ")
    .trim();
  const rest = this.length - shown;
  if (rest > 0) text += ` ... ${rest} more byte${rest > 1 ? "s" : ""}`;
  if (context) {
    const extras = {};
    let has = false;
    for (const key of Object.keys(this)) {
      if (/^(?:0|[1-9]\d*)$/.test(key)) continue;
      extras[key] = this[key];
      has = true;
    }
    if (has) {
      if (this.length !== 0) text += ", ";
      text += require("util")
        .inspect(extras, { ...context, breakLength: Infinity, compact: true })
        .replace(/^\{ | \}$/g, "");
    }
  }
  return `<${this.constructor?.name ?? "Buffer"} ${text}>`;
};
proto.inspect = proto[customInspect];

proto.compare = function compare(target, targetStart, targetEnd, start, end) {
  if (!isUint8Array(target)) throw new ERR_INVALID_ARG_TYPE("target", ["Buffer", "Uint8Array"], target);
  if (arguments.length === 1) return compareBytes(this, target);
  targetStart = bound(targetStart, "targetStart", 0, Number.MAX_SAFE_INTEGER, 0);
  targetEnd = bound(targetEnd, "targetEnd", 0, target.length, target.length);
  start = bound(start, "sourceStart", 0, Number.MAX_SAFE_INTEGER, 0);
  end = bound(end, "sourceEnd", 0, this.length, this.length);
  if (start >= end) return targetStart >= targetEnd ? 0 : -1;
  if (targetStart >= targetEnd) return 1;
  return compareBytes(subarray(this, start, end), subarray(target, targetStart, targetEnd));
};

function bound(value, name, least, most, otherwise) {
  if (value === undefined) return otherwise;
  check.integer(value, name, least, most);
  return value;
}

function search(buffer, value, byteOffset, encoding, forward) {
  if (typeof byteOffset === "string") {
    encoding = byteOffset;
    byteOffset = undefined;
  } else if (byteOffset > 0x7fffffff) byteOffset = 0x7fffffff;
  else if (byteOffset < -0x80000000) byteOffset = -0x80000000;
  byteOffset = +byteOffset;
  if (Number.isNaN(byteOffset)) byteOffset = forward ? 0 : buffer.length;
  byteOffset = Math.trunc(byteOffset);
  let wanted;
  if (typeof value === "number") wanted = [value & 0xff];
  else if (typeof value === "string") wanted = requireEncoding(encoding).bytes(value);
  else if (isUint8Array(value)) wanted = value;
  else throw new ERR_INVALID_ARG_TYPE("value", ["number", "string", "Buffer", "Uint8Array"], value);
  const step = encodingOf(encoding) === encodings.utf16le && typeof value !== "number" ? 2 : 1;
  const { length } = buffer;
  let at = byteOffset < 0 ? byteOffset + length : byteOffset;
  if (at < 0) {
    if (!forward) return -1;
    at = 0;
  }
  if (wanted.length === 0) return min(at, length);
  if (at > length - wanted.length) {
    if (forward) return -1;
    at = length - wanted.length;
  }
  for (; at >= 0 && at <= length - wanted.length; at += forward ? step : -step) {
    let i = 0;
    while (i < wanted.length && buffer[at + i] === wanted[i]) i++;
    if (i === wanted.length) return at;
  }
  return -1;
}

proto.indexOf = function indexOf(value, byteOffset, encoding) {
  return search(this, value, byteOffset, encoding, true);
};
proto.lastIndexOf = function lastIndexOf(value, byteOffset, encoding) {
  return search(this, value, byteOffset, encoding, false);
};
proto.includes = function includes(value, byteOffset, encoding) {
  return this.indexOf(value, byteOffset, encoding) !== -1;
};

proto.fill = function fill(value, offset, end, encoding) {
  if (typeof value === "string") {
    if (offset === undefined || typeof offset === "string") {
      encoding = offset;
      offset = 0;
      end = this.length;
    } else if (typeof end === "string") {
      encoding = end;
      end = this.length;
    }
    if (encoding !== undefined && typeof encoding !== "string") check.string(encoding, "encoding");
    requireEncoding(encoding);
  } else if (typeof value === "number") value &= 255;
  else if (typeof value === "boolean") value = +value;
  if (offset === undefined) {
    offset = 0;
    end = this.length;
  } else {
    check.number(offset, "offset", 0);
    if (end === undefined) end = this.length;
    else check.number(end, "end", 0, this.length);
    if (offset >= end) return this;
  }
  if (typeof value !== "string" && !isView(value)) {
    fillBytes(this, typeof value === "number" ? value : 0, offset, end);
    return this;
  }
  const pattern =
    typeof value === "string"
      ? requireEncoding(encoding).bytes(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (pattern.length === 0) {
    if (typeof value !== "string" || value.length > 0) throw new ERR_INVALID_ARG_VALUE("value", value);
    fillBytes(this, 0, offset, end);
    return this;
  }
  for (let i = offset, j = 0; i < end; i++, j = j + 1 === pattern.length ? 0 : j + 1) this[i] = pattern[j];
  return this;
};

proto.write = function write(text, offset, length, encoding) {
  if (typeof text !== "string") throw new ERR_INVALID_ARG_TYPE("argument", ["string"], text);
  if (offset === undefined) return put(this, encodings.utf8, text, 0, this.length);
  if (length === undefined && typeof offset === "string") {
    encoding = offset;
    offset = 0;
    length = this.length;
  } else {
    check.integer(offset, "offset", 0, this.length);
    const room = this.length - offset;
    if (length === undefined) length = room;
    else if (typeof length === "string") {
      encoding = length;
      length = room;
    } else {
      check.integer(length, "length", 0, this.length);
      if (length > room) length = room;
    }
  }
  return put(this, requireEncoding(encoding), text, offset, length);
};

// Writes a text as far as its whole characters fit.
function put(buffer, encoding, text, offset, length) {
  const bytes = encoding.bytes(text);
  let count = min(bytes.length, length, buffer.length - offset);
  if (count < bytes.length) {
    if (encoding === encodings.utf8) while (count > 0 && (bytes[count] & 0xc0) === 0x80) count--;
    else if (encoding === encodings.utf16le) count &= ~1;
  }
  setBytes(buffer, count === bytes.length ? bytes : subarray(bytes, 0, count), offset);
  return count;
}

for (const [method, name] of [
  ["ascii", "ascii"],
  ["base64", "base64"],
  ["base64url", "base64url"],
  ["latin1", "latin1"],
  ["hex", "hex"],
  ["ucs2", "utf16le"],
  ["utf8", "utf8"],
]) {
  const encoding = encodings[name];
  proto[`${method}Slice`] = function (start = 0, end = this.length) {
    return read(encoding, this, max(0, start), min(end, this.length));
  };
  proto[`${method}Write`] = function (text, offset = 0, length = this.length - offset) {
    check.string(text, "string");
    if (offset > this.length) throw new ERR_BUFFER_OUT_OF_BOUNDS("offset");
    return put(this, encoding, text, offset, length);
  };
}

proto.toJSON = function toJSON() {
  return { type: "Buffer", data: Array.from(this) };
};

proto.subarray = function (start, end) {
  const { length } = this;
  start = relative(start, length, 0);
  end = relative(end, length, length);
  return new FastBuffer(this.buffer, this.byteOffset + start, max(0, end - start));
};
proto.slice = function slice(start, end) {
  return this.subarray(start, end);
};

function relative(value, length, otherwise) {
  if (value === undefined) return otherwise;
  value = Math.trunc(+value);
  if (value === 0 || Number.isNaN(value)) return 0;
  return value < 0 ? max(0, value + length) : min(value, length);
}

proto.copy = function copy(target, targetStart, start, end) {
  if (!isView(target)) throw new ERR_INVALID_ARG_TYPE("target", ["Buffer", "Uint8Array"], target);
  const integer = (value, otherwise) => {
    if (value === undefined) return otherwise;
    value = Math.trunc(+value);
    return Number.isNaN(value) ? 0 : value;
  };
  targetStart = integer(targetStart, 0);
  if (targetStart < 0) throw new ERR_OUT_OF_RANGE("targetStart", ">= 0", targetStart);
  start = integer(start, 0);
  if (start < 0 || start > this.length) throw new ERR_OUT_OF_RANGE("sourceStart", `>= 0 && <= ${this.length}`, start);
  end = integer(end, this.length);
  if (end < 0) throw new ERR_OUT_OF_RANGE("sourceEnd", ">= 0", end);
  const into = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  if (targetStart >= into.length || start >= end) return 0;
  const count = min(end - start, into.length - targetStart, this.length - start);
  setBytes(into, subarray(this, start, start + count), targetStart);
  return count;
};

for (const bits of [16, 32, 64]) {
  const size = bits / 8;
  proto[`swap${bits}`] = function () {
    if (this.length % size !== 0) throw new ERR_INVALID_BUFFER_SIZE(`${bits}-bits`);
    for (let i = 0; i < this.length; i += size) subarray(this, i, i + size).reverse();
    return this;
  };
}

// Numbers

function outOfBounds(offset, last) {
  check.number(offset, "offset");
  if (Math.floor(offset) !== offset) throw new ERR_OUT_OF_RANGE("offset", "an integer", offset);
  if (last < 0) throw new ERR_BUFFER_OUT_OF_BOUNDS();
  throw new ERR_OUT_OF_RANGE("offset", `>= 0 and <= ${last}`, offset);
}

// Returns a view of the bytes at an offset.
function view(buffer, offset, size) {
  if (typeof offset !== "number" || !Number.isInteger(offset) || offset < 0 || offset + size > buffer.length)
    outOfBounds(offset, buffer.length - size);
  return new DataView(buffer.buffer, buffer.byteOffset + offset, size);
}

function checkRange(value, least, most, size) {
  if (value <= most && value >= least) return;
  if (Number.isNaN(value)) return;
  const n = typeof least === "bigint" ? "n" : "";
  let range;
  if (size > 4 || typeof least === "bigint") {
    range =
      least === 0 || least === 0n
        ? `>= 0${n} and < 2${n} ** ${size * 8}${n}`
        : `>= -(2${n} ** ${size * 8 - 1}${n}) and < 2${n} ** ${size * 8 - 1}${n}`;
  } else range = `>= ${least}${n} and <= ${most}${n}`;
  throw new ERR_OUT_OF_RANGE("value", range, value);
}

function method(names, run) {
  for (const name of names) {
    Object.defineProperty(run, "name", { value: names[0] });
    proto[name] = run;
  }
}

for (const [suffix, little] of [
  ["LE", true],
  ["BE", false],
]) {
  for (const [type, size, get, set, least, most] of [
    ["UInt16", 2, "getUint16", "setUint16", 0, 2 ** 16 - 1],
    ["UInt32", 4, "getUint32", "setUint32", 0, 2 ** 32 - 1],
    ["Int16", 2, "getInt16", "setInt16", -(2 ** 15), 2 ** 15 - 1],
    ["Int32", 4, "getInt32", "setInt32", -(2 ** 31), 2 ** 31 - 1],
    ["Float", 4, "getFloat32", "setFloat32"],
    ["Double", 8, "getFloat64", "setFloat64"],
    ["BigUInt64", 8, "getBigUint64", "setBigUint64", 0n, 2n ** 64n - 1n],
    ["BigInt64", 8, "getBigInt64", "setBigInt64", -(2n ** 63n), 2n ** 63n - 1n],
  ]) {
    const names = (verb) =>
      type.includes("UInt")
        ? [`${verb}${type}${suffix}`, `${verb}${type.replace("UInt", "Uint")}${suffix}`]
        : [`${verb}${type}${suffix}`];
    method(names("read"), function (offset = 0) {
      return view(this, offset, size)[get](0, little);
    });
    method(names("write"), function (value, offset = 0) {
      if (typeof least === "bigint") {
        if (typeof value !== "bigint") throw new ERR_INVALID_ARG_TYPE("value", "bigint", value);
      } else value = +value;
      if (least !== undefined) checkRange(value, least, most, size);
      view(this, offset, size)[set](0, value, little);
      return offset + size;
    });
  }
  for (const signed of [false, true]) {
    const type = signed ? "Int" : "UInt";
    const names = (verb) =>
      signed ? [`${verb}${type}${suffix}`] : [`${verb}${type}${suffix}`, `${verb}Uint${suffix}`];
    method(names("read"), function (offset, byteLength) {
      if (offset === undefined) throw new ERR_INVALID_ARG_TYPE("offset", "number", offset);
      checkByteLength(byteLength);
      view(this, offset, byteLength);
      let value = 0;
      for (let i = 0; i < byteLength; i++)
        value = value * 256 + this[little ? offset + byteLength - 1 - i : offset + i];
      return signed && value >= 2 ** (8 * byteLength - 1) ? value - 2 ** (8 * byteLength) : value;
    });
    method(names("write"), function (value, offset, byteLength) {
      checkByteLength(byteLength);
      value = +value;
      const most = signed ? 2 ** (8 * byteLength - 1) - 1 : 2 ** (8 * byteLength) - 1;
      checkRange(value, signed ? -most - 1 : 0, most, byteLength);
      view(this, offset, byteLength);
      let rest = value < 0 ? value + 2 ** (8 * byteLength) : value;
      for (let i = 0; i < byteLength; i++) {
        this[little ? offset + i : offset + byteLength - 1 - i] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      return offset + byteLength;
    });
  }
}
method(["readUInt8", "readUint8"], function (offset = 0) {
  return view(this, offset, 1).getUint8(0);
});
method(["readInt8"], function (offset = 0) {
  return view(this, offset, 1).getInt8(0);
});
method(["writeUInt8", "writeUint8"], function (value, offset = 0) {
  value = +value;
  checkRange(value, 0, 255, 1);
  view(this, offset, 1).setUint8(0, value);
  return offset + 1;
});
method(["writeInt8"], function (value, offset = 0) {
  value = +value;
  checkRange(value, -128, 127, 1);
  view(this, offset, 1).setInt8(0, value);
  return offset + 1;
});

function checkByteLength(value) {
  if (value === undefined) throw new ERR_INVALID_ARG_TYPE("byteLength", "number", value);
  check.number(value, "byteLength");
  if (!Number.isInteger(value)) throw new ERR_OUT_OF_RANGE("byteLength", "an integer", value);
  if (value < 1 || value > 6) throw new ERR_OUT_OF_RANGE("byteLength", ">= 1 and <= 6", value);
}

// The rest of the module

function transcode(source, from, to) {
  if (!isUint8Array(source)) throw new ERR_INVALID_ARG_TYPE("source", ["Buffer", "Uint8Array"], source);
  const allowed = [encodings.utf8, encodings.utf16le, encodings.latin1, encodings.ascii];
  const [a, b] = [encodingOf(from), encodingOf(to)];
  if (!allowed.includes(a) || !allowed.includes(b)) {
    const error = new Error(`Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]`);
    error.code = "U_ILLEGAL_ARGUMENT_ERROR";
    throw error;
  }
  let text = read(a, source, 0, source.length);
  if (b === encodings.latin1) text = text.replace(/[^\0-\xff]/gu, "?");
  if (b === encodings.ascii) text = text.replace(/[^\0-\x7f]/gu, "?");
  return b.bytes(text);
}

function bytesOf(value) {
  if (isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (isAnyArrayBuffer(value)) return new Uint8Array(value);
  throw new ERR_INVALID_ARG_TYPE("input", ["ArrayBuffer", "Buffer", "TypedArray"], value);
}
const isUtf8 = (value) => natives.decode("utf-8", bytesOf(value), true, false) !== 0;
const isAscii = (value) => bytesOf(value).every((byte) => byte < 128);

const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: kStringMaxLength };
const exported = {
  Buffer,
  constants,
  kMaxLength,
  kStringMaxLength,
  INSPECT_MAX_BYTES: 50,
  SlowBuffer: Buffer.allocUnsafeSlow,
  transcode,
  isUtf8,
  isAscii,
  atob: (text) => atob(text),
  btoa: (text) => btoa(text),
  Blob: globalThis.Blob,
  File: globalThis.File,
  resolveObjectURL: () => undefined,
};
module.exports = exported;
