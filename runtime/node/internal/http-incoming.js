// IncomingMessage: the request that an HTTP server gets, or the response that a client gets. Its
// body is a stream of the Web.
"use strict";

const { Readable } = require("stream");
const { Buffer } = require("buffer");
const { STATUS_CODES } = require("internal/http-constants");

const { Object, Symbol } = globalThis;

const kBody = Symbol("body");
const kReader = Symbol("reader");
const kReading = Symbol("reading");
const kHeaders = Symbol("headers");
const kDistinct = Symbol("headersDistinct");
const kTouched = Symbol("touched");

// Headers of which a second one is dropped. Others are joined.
const ONCE = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

function IncomingMessage(socket) {
  Readable.call(this, { highWaterMark: socket?.readableHighWaterMark });
  this.socket = socket;
  this.client = socket;
  this.httpVersionMajor = 1;
  this.httpVersionMinor = 1;
  this.httpVersion = "1.1";
  this.complete = false;
  this.aborted = false;
  this.upgrade = false;
  this.rawHeaders = [];
  this.rawTrailers = [];
  this.joinDuplicateHeaders = false;
  this.url = "";
  this.method = null;
  this.statusCode = null;
  this.statusMessage = null;
  this._dumped = false;
  this[kBody] = null;
}
Object.setPrototypeOf(IncomingMessage.prototype, Readable.prototype);
Object.setPrototypeOf(IncomingMessage, Readable);

function addHeader(message, headers, name, value) {
  const before = headers[name];
  if (name === "set-cookie") {
    if (before === undefined) headers[name] = [value];
    else before.push(value);
  } else if (before === undefined) headers[name] = value;
  else if (name === "cookie") headers[name] = `${before}; ${value}`;
  else if (message.joinDuplicateHeaders || !ONCE.has(name)) headers[name] = `${before}, ${value}`;
}

// Calls `add` with each name, in lower case, and its value.
function eachHeader(list, add) {
  for (let i = 0; i + 1 < list.length; i += 2) add(list[i].toLowerCase(), list[i + 1]);
}

function accessor(get, set) {
  return { get, set, configurable: true, enumerable: true };
}

Object.defineProperties(IncomingMessage.prototype, {
  headers: accessor(
    function () {
      if (this[kHeaders] === undefined) {
        this[kHeaders] = {};
        eachHeader(this.rawHeaders, (name, value) => addHeader(this, this[kHeaders], name, value));
      }
      return this[kHeaders];
    },
    function (headers) {
      this[kHeaders] = headers;
    },
  ),
  headersDistinct: accessor(
    function () {
      if (this[kDistinct] === undefined) {
        this[kDistinct] = Object.create(null);
        eachHeader(this.rawHeaders, (name, value) => {
          (this[kDistinct][name] ??= []).push(value);
        });
      }
      return this[kDistinct];
    },
    function (headers) {
      this[kDistinct] = headers;
    },
  ),
  // fetch() has no trailers.
  trailers: accessor(
    () => ({}),
    () => {},
  ),
  trailersDistinct: accessor(
    () => Object.create(null),
    () => {},
  ),
  connection: accessor(
    function () {
      return this.socket;
    },
    function (socket) {
      this.socket = socket;
    },
  ),
});

IncomingMessage.prototype.setTimeout = function setTimeout(_, callback) {
  if (callback) this.on("timeout", callback);
  return this;
};

async function pump(message) {
  if (message[kReading]) return;
  message[kReading] = true;
  try {
    message[kReader] ??= message[kBody].getReader();
    for (;;) {
      const { done, value } = await message[kReader].read();
      if (message.destroyed) return;
      message[kTouched]?.();
      if (done) {
        message.complete = true;
        message.push(null);
        return;
      }
      if (!message.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength))) return;
    }
  } catch (error) {
    if (!message.destroyed) abort(message, error);
  } finally {
    message[kReading] = false;
  }
}

IncomingMessage.prototype._read = function _read() {
  if (this[kBody] === null) {
    this.complete = true;
    this.push(null);
  } else pump(this);
};

// The client has gone. Node.js gives such a request an error with this code.
function abort(message, cause) {
  const error = new Error("aborted", cause === undefined ? undefined : { cause });
  error.code = "ECONNRESET";
  message.destroy(error);
}

IncomingMessage.prototype._destroy = function _destroy(error, callback) {
  if (!this.readableEnded || !this.complete) {
    this.aborted = true;
    this.emit("aborted");
  }
  const ignore = () => {};
  if (this[kReader] !== undefined) this[kReader].cancel(error).catch(ignore);
  else if (this[kBody] !== null && !this.complete) this[kBody].cancel(error).catch(ignore);
  queueMicrotask(() => callback(this.listenerCount("error") > 0 ? error : null));
};

// Gives up the body: nobody will read it.
IncomingMessage.prototype._dump = function _dump() {
  if (this._dumped) return;
  this._dumped = true;
  if (this[kBody] !== null && this[kReader] === undefined && !this[kBody].locked) {
    this[kBody].cancel().catch(() => {});
    this[kBody] = null;
  }
  this.removeAllListeners("data");
  this.resume();
};

// Makes the message of a request of the Web.
function messageOf(Message, request, socket) {
  const message = new Message(socket);
  const url = new URL(request.url);
  message.url = url.pathname + url.search;
  message.method = request.method;
  const list = [];
  for (const [name, value] of request.headers) list.push(name, value);
  message.rawHeaders = list;
  message[kBody] = request.body;
  request.signal.addEventListener("abort", () => {
    if (!message.destroyed) abort(message);
  });
  return message;
}

// Makes the message of a response of the Web. `touched` is called when a piece of its body comes.
function responseOf(response, request, touched) {
  const message = new IncomingMessage(request.socket);
  message.statusCode = response.status;
  // HTTP/2 has no phrases.
  message.statusMessage = response.statusText || STATUS_CODES[response.status] || "";
  const list = [];
  for (const [name, value] of response.headers) list.push(name, value);
  message.rawHeaders = list;
  message[kBody] = response.body;
  message[kTouched] = touched;
  message.req = request;
  message._abort = (error) => {
    if (!message.destroyed && !message.readableEnded) abort(message, error);
  };
  return message;
}

module.exports = { IncomingMessage, messageOf, responseOf };
