// OutgoingMessage: headers and a body that are written piece by piece. A subclass says what happens
// with them, in `_open` and the like.
"use strict";

const Stream = require("stream");
const { Buffer } = require("buffer");
const { codes, check } = require("internal/errors");

const { Object, String, Symbol, Uint8Array } = globalThis;
const { isArray } = globalThis.Array;
const { nextTick } = require("process");

const kHeaders = Symbol("headers");
const kCorked = Symbol("corked");

// The bytes that may wait for their reader before write() returns false.
const HIGH_WATER_MARK = 65536;

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;

function validateHeaderName(name, label = "Header name") {
  if (typeof name !== "string" || !TOKEN.test(name)) throw new codes.ERR_INVALID_HTTP_TOKEN(label, name);
}

function validateHeaderValue(name, value) {
  if (value === undefined) throw new codes.ERR_HTTP_INVALID_HEADER_VALUE(value, name);
  if (NOT_IN_VALUES.test(String(value))) throw new codes.ERR_INVALID_CHAR("header content", name);
}

function validateHeader(name, value) {
  validateHeaderName(name);
  if (isArray(value)) value.forEach((one) => validateHeaderValue(name, one));
  else validateHeaderValue(name, value);
}

function OutgoingMessage() {
  Stream.call(this);
  this.writable = true;
  this.destroyed = false;
  this.finished = false;
  this.shouldKeepAlive = true;
  this.useChunkedEncodingByDefault = true;
  this.chunkedEncoding = false;
  this.sendDate = false;
  this.strictContentLength = false;
  this.errored = null;
  this.closed = false;
  this.socket = null;
  // The text of status and headers once they are fixed. Packages ask whether there is one.
  this._header = null;
  this._hasBody = true;
  this[kCorked] = 0;
  // Lower-case names to the name and the value as they were set.
  this[kHeaders] = Object.create(null);
}
Object.setPrototypeOf(OutgoingMessage.prototype, Stream.prototype);
Object.setPrototypeOf(OutgoingMessage, Stream);

const getter = (get) => ({ get, configurable: true, enumerable: true });
Object.defineProperties(OutgoingMessage.prototype, {
  headersSent: getter(function () {
    return Boolean(this._header);
  }),
  writableEnded: getter(function () {
    return this.finished;
  }),
  writableFinished: getter(function () {
    return this.finished && this._waiting() === 0;
  }),
  writableLength: getter(function () {
    return this._waiting();
  }),
  writableHighWaterMark: getter(() => HIGH_WATER_MARK),
  writableNeedDrain: getter(function () {
    return !this.destroyed && !this.finished && this._waiting() >= HIGH_WATER_MARK;
  }),
  writableCorked: getter(function () {
    return this[kCorked];
  }),
  writableObjectMode: getter(() => false),
  connection: {
    ...getter(function () {
      return this.socket;
    }),
    set(socket) {
      this.socket = socket;
    },
  },
  _headers: getter(function () {
    return this.getHeaders();
  }),
});

const methods = {
  setHeader(name, value) {
    if (this._header) throw new codes.ERR_HTTP_HEADERS_SENT("set");
    validateHeader(name, value);
    this[kHeaders][name.toLowerCase()] = [name, value];
    return this;
  },

  setHeaders(headers) {
    if (this._header) throw new codes.ERR_HTTP_HEADERS_SENT("set");
    const isMap = typeof headers?.keys === "function" && typeof headers.get === "function" && !isArray(headers);
    if (!isMap) throw new codes.ERR_INVALID_ARG_TYPE("headers", ["Headers", "Map"], headers);
    const cookies = [];
    for (const [name, value] of headers) {
      if (name === "set-cookie") cookies.push(...(isArray(value) ? value : [value]));
      else this.setHeader(name, value);
    }
    if (cookies.length > 0) this.setHeader("set-cookie", cookies);
    return this;
  },

  appendHeader(name, value) {
    if (this._header) throw new codes.ERR_HTTP_HEADERS_SENT("append");
    validateHeader(name, value);
    const known = this[kHeaders][name.toLowerCase()];
    if (known === undefined) return this.setHeader(name, value);
    known[1] = [].concat(known[1], value);
    return this;
  },

  getHeader(name) {
    check.string(name, "name");
    return this[kHeaders][name.toLowerCase()]?.[1];
  },

  hasHeader(name) {
    check.string(name, "name");
    return this[kHeaders][name.toLowerCase()] !== undefined;
  },

  removeHeader(name) {
    check.string(name, "name");
    if (this._header) throw new codes.ERR_HTTP_HEADERS_SENT("remove");
    delete this[kHeaders][name.toLowerCase()];
  },

  getHeaders() {
    const headers = Object.create(null);
    for (const name in this[kHeaders]) headers[name] = this[kHeaders][name][1];
    return headers;
  },

  getHeaderNames() {
    return Object.keys(this[kHeaders]);
  },

  getRawHeaderNames() {
    return Object.keys(this[kHeaders]).map((name) => this[kHeaders][name][0]);
  },

  // There are no trailers in a response of fetch().
  addTrailers() {},

  setTimeout(_, callback) {
    if (callback) this.on("timeout", callback);
    return this;
  },

  cork() {
    this[kCorked]++;
  },

  uncork() {
    if (this[kCorked] > 0) this[kCorked]--;
  },

  pipe() {
    this.emit("error", new codes.ERR_STREAM_CANNOT_PIPE());
  },

  flushHeaders() {
    if (!this._header) this._implicitHeader();
    this._open();
  },

  write(chunk, encoding, callback) {
    if (typeof encoding === "function") [encoding, callback] = [undefined, encoding];
    const done = typeof callback === "function" ? callback : () => {};
    const bytes = bytesOf(chunk, encoding);
    const error = this.finished
      ? new codes.ERR_STREAM_WRITE_AFTER_END()
      : this.destroyed
        ? new codes.ERR_STREAM_DESTROYED("write")
        : null;
    if (error !== null) {
      nextTick(() => {
        done(error);
        if (!this.destroyed) this.emit("error", error);
      });
      return false;
    }
    if (!this._header) this._implicitHeader();
    nextTick(done, null);
    if (!this._hasBody) return true;
    this._open();
    this._send(bytes);
    return this._waiting() < HIGH_WATER_MARK;
  },

  end(chunk, encoding, callback) {
    if (typeof chunk === "function") [chunk, encoding, callback] = [undefined, undefined, chunk];
    else if (typeof encoding === "function") [encoding, callback] = [undefined, encoding];
    const bytes = chunk === undefined || chunk === null ? null : bytesOf(chunk, encoding);
    if (this.finished) {
      if (typeof callback === "function") nextTick(callback, new codes.ERR_STREAM_ALREADY_FINISHED("end"));
      return this;
    }
    if (!this._header) this._implicitHeader();
    if (typeof callback === "function") this.once("finish", callback);
    this.finished = true;
    if (this.destroyed) return this;
    this._close(this._hasBody ? bytes : null);
    nextTick(() => {
      this.emit("prefinish");
      this.emit("finish");
      nextTick(() => this._closed());
    });
    return this;
  },

  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.errored = error ?? null;
    this._abort(error);
    nextTick(() => this._closed());
    return this;
  },

  _closed() {
    if (this.closed) return;
    this.closed = true;
    this.emit("close");
  },

  _implicitHeader() {
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED("The _implicitHeader() method is not implemented");
  },

  // The number of bytes that were written and not read.
  _waiting() {
    return 0;
  },
  // Sends status and headers, with a body to come.
  _open() {},
  // Sends a piece of the body.
  _send() {},
  // Ends the body with a last piece or null.
  _close() {},
  // Breaks off.
  _abort() {},
};
for (const name of Object.keys(methods)) {
  Object.defineProperty(OutgoingMessage.prototype, name, {
    value: methods[name],
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

function bytesOf(chunk, encoding) {
  if (chunk === null) throw new codes.ERR_STREAM_NULL_VALUES();
  if (typeof chunk === "string") return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return chunk;
  throw new codes.ERR_INVALID_ARG_TYPE("chunk", ["string", "Buffer", "Uint8Array"], chunk);
}

// Returns all headers as names and values: one for each value of a list.
function headerLines(message) {
  const lines = [];
  for (const key in message[kHeaders]) {
    const [name, value] = message[kHeaders][key];
    if (isArray(value)) value.forEach((one) => lines.push([name, String(one)]));
    else lines.push([name, String(value)]);
  }
  return lines;
}

module.exports = {
  HIGH_WATER_MARK,
  OutgoingMessage,
  NOT_IN_VALUES,
  headerLines,
  validateHeaderName,
  validateHeaderValue,
};
