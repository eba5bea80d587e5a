// Server and ServerResponse on top of fetch handlers. A server listens on a port of its Worker
// only: httpServerHandler() of cloudflare:node gives it the requests.
"use strict";

const EventEmitter = require("events");
const { codes, check } = require("internal/errors");
const { IncomingMessage, messageOf } = require("internal/http-incoming");
const { HIGH_WATER_MARK, NOT_IN_VALUES, OutgoingMessage, headerLines } = require("internal/http-outgoing");
const { STATUS_CODES } = require("internal/http-constants");
const { nextTick } = require("process");

const { Map, Math, Number, Object, Promise, Symbol } = globalThis;
const { isArray } = globalThis.Array;

const kIncoming = Symbol("IncomingMessage");
const kResponse = Symbol("ServerResponse");
const kPort = Symbol("port");
const kAnswer = Symbol("answer");

// The servers that listen, by their ports.
const ports = new Map();

function ServerResponse(request, options) {
  OutgoingMessage.call(this, options);
  this.req = request;
  this.statusCode = 200;
  this.statusMessage = undefined;
  this.sendDate = true;
  if (request.method === "HEAD") this._hasBody = false;
  const answer = { lines: [], controller: undefined, left: Infinity, drains: false };
  answer.promise = new Promise((resolve, reject) => {
    answer.resolve = resolve;
    answer.reject = reject;
  });
  // Who asks for the answer gets the error.
  answer.promise.catch(() => {});
  this[kAnswer] = answer;
}
Object.setPrototypeOf(ServerResponse.prototype, OutgoingMessage.prototype);
Object.setPrototypeOf(ServerResponse, OutgoingMessage);

function notImplemented(name) {
  return function () {
    const message = `${name}() is not available in a Worker: there is no socket behind a response.`;
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED(message);
  };
}

// Sets headers of writeHead(): an object, a list of pairs, or a flat list. A name that is twice in
// a list is sent twice.
function setAll(response, headers) {
  if (!isArray(headers)) {
    for (const name of Object.keys(headers ?? {})) {
      if (name) response.setHeader(name, headers[name]);
    }
    return;
  }
  const pairs = isArray(headers[0]) ? headers : [];
  if (pairs.length === 0) {
    if (headers.length % 2 !== 0) throw new codes.ERR_INVALID_ARG_VALUE("headers", headers);
    for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i], headers[i + 1]]);
  }
  for (const [name] of pairs) response.removeHeader(`${name}`);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

const responseMethods = {
  writeHead(status, message, headers) {
    if (this._header) throw new codes.ERR_HTTP_HEADERS_SENT("write");
    const given = status;
    status |= 0;
    if (status < 100 || status > 999) throw new codes.ERR_HTTP_INVALID_STATUS_CODE(given);
    if (typeof message === "string") this.statusMessage = message;
    else {
      this.statusMessage ||= STATUS_CODES[status] || "unknown";
      headers ??= message;
    }
    this.statusCode = status;
    if (NOT_IN_VALUES.test(this.statusMessage)) throw new codes.ERR_INVALID_CHAR("statusMessage");
    setAll(this, headers);
    if (status === 204 || status === 304 || status < 200) this._hasBody = false;
    const lines = headerLines(this);
    const length = lines.find(([name]) => name.toLowerCase() === "content-length");
    if (length !== undefined) this[kAnswer].left = Number(length[1]);
    this[kAnswer].lines = lines;
    const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this._header = `HTTP/1.1 ${status} ${this.statusMessage}\r\n${text}\r\n`;
    return this;
  },

  _implicitHeader() {
    this.writeHead(this.statusCode);
  },

  // The promise of the response of fetch().
  _answered() {
    return this[kAnswer].promise;
  },

  _respond(body) {
    const answer = this[kAnswer];
    try {
      const headers = new Headers();
      for (const [name, value] of answer.lines) headers.append(name, value);
      const { statusCode: status, statusMessage: statusText } = this;
      answer.resolve(new Response(body, { status, statusText, headers }));
    } catch (error) {
      answer.reject(error);
    }
    answer.isSent = true;
  },

  _open() {
    const answer = this[kAnswer];
    if (answer.isSent) return;
    if (!this._hasBody) {
      this._respond(null);
      return;
    }
    const body = new ReadableStream(
      {
        start: (controller) => {
          answer.controller = controller;
        },
        pull: () => {
          if (!answer.drains || this.finished) return;
          answer.drains = false;
          nextTick(() => this.emit("drain"));
        },
        // The client has gone.
        cancel: (reason) => {
          answer.controller = undefined;
          this.req.destroy(reason instanceof Error ? reason : undefined);
          this.destroy();
        },
      },
      { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk.byteLength },
    );
    this._respond(body);
  },

  // A body is not longer than its content-length says, whatever is written.
  _fitting(bytes) {
    const answer = this[kAnswer];
    const fitting = bytes.byteLength > answer.left ? bytes.subarray(0, answer.left) : bytes;
    answer.left -= fitting.byteLength;
    return fitting;
  },

  _send(bytes) {
    const { controller } = this[kAnswer];
    const fitting = this._fitting(bytes);
    if (controller === undefined || fitting.byteLength === 0) return;
    // The writer may use its memory again.
    controller.enqueue(new Uint8Array(fitting));
    if (controller.desiredSize <= 0) this[kAnswer].drains = true;
  },

  _waiting() {
    const { controller } = this[kAnswer];
    return controller === undefined ? 0 : HIGH_WATER_MARK - (controller.desiredSize ?? HIGH_WATER_MARK);
  },

  _close(bytes) {
    const answer = this[kAnswer];
    if (!answer.isSent) {
      this._respond(this._hasBody ? new Uint8Array(bytes === null ? [] : this._fitting(bytes)) : null);
      return;
    }
    if (bytes !== null) this._send(bytes);
    answer.controller?.close();
    answer.controller = undefined;
  },

  _abort(error) {
    const answer = this[kAnswer];
    const reason = error ?? new Error("The response was destroyed before it ended.");
    if (!answer.isSent) answer.reject(reason);
    // Nobody waits for the rest if the client has gone.
    else if (this.req.aborted) answer.controller?.close();
    else answer.controller?.error(reason);
    answer.controller = undefined;
  },

  assignSocket: notImplemented("assignSocket"),
  detachSocket: notImplemented("detachSocket"),
  writeContinue: notImplemented("writeContinue"),
  writeProcessing: notImplemented("writeProcessing"),
  writeEarlyHints: notImplemented("writeEarlyHints"),
};
responseMethods.writeHeader = responseMethods.writeHead;
for (const name of Object.keys(responseMethods)) {
  Object.defineProperty(ServerResponse.prototype, name, {
    value: responseMethods[name],
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

function Server(options, listener) {
  if (!(this instanceof Server)) return new Server(options, listener);
  if (typeof options === "function") [options, listener] = [{}, options];
  else if (options === undefined || options === null) options = {};
  else check.object(options, "options");
  EventEmitter.call(this);
  this[kIncoming] = options.IncomingMessage || IncomingMessage;
  this[kResponse] = options.ServerResponse || ServerResponse;
  this[kPort] = null;
  this.joinDuplicateHeaders = Boolean(options.joinDuplicateHeaders);
  this.timeout = 0;
  this.keepAliveTimeout = 5000;
  this.headersTimeout = 0;
  this.requestTimeout = 0;
  this.maxHeadersCount = null;
  this.maxRequestsPerSocket = 0;
  if (listener) this.on("request", listener);
}
Object.setPrototypeOf(Server.prototype, EventEmitter.prototype);
Object.setPrototypeOf(Server, EventEmitter);

// The port and the callback of listen(), whatever else is in its arguments.
function listening(values) {
  const callback = values.findLast((value) => typeof value === "function");
  const [first] = values;
  const asked = typeof first === "object" && first !== null ? first.port : first;
  if (typeof asked !== "number" && (typeof asked !== "string" || !/^\d+$/.test(asked))) return [0, callback];
  const port = Number(asked);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new codes.ERR_SOCKET_BAD_PORT("options.port", asked);
  return [port, callback];
}

function freePort() {
  for (;;) {
    const port = 1024 + Math.floor(Math.random() * 64511);
    if (!ports.has(port)) return port;
  }
}

// What a request knows of its connection. fetch() has no socket.
function socketOf(request, port) {
  const socket = new EventEmitter();
  const address = request.headers.get("cf-connecting-ip") ?? "127.0.0.1";
  return Object.assign(socket, {
    encrypted: request.url.startsWith("https:"),
    remoteAddress: address,
    remoteFamily: address.includes(":") ? "IPv6" : "IPv4",
    remotePort: 32768 + Math.floor(Math.random() * 28232),
    localAddress: "127.0.0.1",
    localPort: port,
    readable: true,
    writable: true,
    destroyed: false,
    setTimeout: () => socket,
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    ref: () => socket,
    unref: () => socket,
  });
}

async function answer(server, request) {
  const socket = socketOf(request, server[kPort]);
  const incoming = messageOf(server[kIncoming], request, socket);
  incoming.joinDuplicateHeaders = server.joinDuplicateHeaders;
  const response = new server[kResponse](incoming, {});
  response.socket = socket;
  socket.destroy = (error) => {
    socket.destroyed = true;
    incoming.destroy(error);
    response.destroy(error);
    return socket;
  };
  response.on("close", () => {
    Object.assign(socket, { readable: false, writable: false, destroyed: true });
    socket.emit("close", response.errored !== null);
  });
  incoming.on("aborted", () => response.destroy());
  // What a handler has not read of the request is not wanted any more.
  response.on("finish", () => incoming._dump());
  try {
    server.emit("connection", socket);
    server.emit("request", incoming, response);
  } catch (error) {
    response.destroy(error);
    throw error;
  }
  return await response._answered();
}

const serverMethods = {
  listen(...values) {
    const [wanted, callback] = listening(values);
    if (this[kPort] !== null || ports.has(wanted)) throw new codes.ERR_SERVER_ALREADY_LISTEN();
    if (callback !== undefined) this.once("listening", callback);
    const port = wanted === 0 ? freePort() : wanted;
    this[kPort] = port;
    ports.set(port, (request) => answer(this, request));
    nextTick(() => this.emit("listening"));
    return this;
  },

  close(callback) {
    const wasListening = this[kPort] !== null;
    ports.delete(this[kPort]);
    this[kPort] = null;
    if (typeof callback === "function") {
      const error = wasListening
        ? undefined
        : Object.assign(new Error("Server is not running."), { code: "ERR_SERVER_NOT_RUNNING" });
      this.once("close", () => callback(error));
    }
    nextTick(() => this.emit("close"));
    return this;
  },

  address() {
    return this[kPort] === null ? null : { address: "127.0.0.1", family: "IPv4", port: this[kPort] };
  },

  getConnections(callback) {
    check.function(callback, "callback");
    nextTick(callback, null, 0);
    return this;
  },

  setTimeout(milliseconds, callback) {
    if (typeof milliseconds === "number") this.timeout = milliseconds;
    const given = typeof milliseconds === "function" ? milliseconds : callback;
    if (given) this.on("timeout", given);
    return this;
  },

  closeAllConnections() {},
  closeIdleConnections() {},
  ref() {
    return this;
  },
  unref() {
    return this;
  },

  async [Symbol.asyncDispose]() {
    await new Promise((resolve) => this.close(resolve));
  },
};
for (const name of Reflect.ownKeys(serverMethods)) {
  Object.defineProperty(Server.prototype, name, {
    value: serverMethods[name],
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
Object.defineProperty(Server.prototype, "listening", {
  get() {
    return this[kPort] !== null;
  },
  configurable: true,
});

module.exports = { Server, ServerResponse, ports };
