// ClientRequest: a request of node:http and node:https, made by fetch().
"use strict";

const EventEmitter = require("events");
const { Buffer } = require("buffer");
const { addAbortSignal } = require("stream");
const { codes } = require("internal/errors");
const { responseOf } = require("internal/http-incoming");
const { HIGH_WATER_MARK, OutgoingMessage, headerLines } = require("internal/http-outgoing");
const { urlToHttpOptions } = require("url");
const { nextTick } = require("process");

const { Number, Object, ReadableStream, String, Symbol, Uint8Array } = globalThis;
const { isArray } = globalThis.Array;

const kSent = Symbol("sent");

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
const NOT_IN_PATHS = /[^\u0021-\u00ff]/;

// The options for which fetch() has nothing, as in workerd.
const WITHOUT_EFFECT = ["createConnection", "lookup", "maxHeaderSize", "socketPath"];

// The headers of a connection, which is isolet's.
const CONNECTION = new Set(["connection", "host", "keep-alive", "transfer-encoding", "upgrade"]);

// What isolet says of a fetch without an answer, and how Node.js says it.
const FAILURES = [
  ["Connection refused", "ECONNREFUSED", "connect", ({ host, port }) => `connect ECONNREFUSED ${host}:${port}`],
  ["lookup address", "ENOTFOUND", "getaddrinfo", ({ host }) => `getaddrinfo ENOTFOUND ${host}`],
  ["no answer within", "ETIMEDOUT", "connect", ({ host, port }) => `connect ETIMEDOUT ${host}:${port}`],
  ["may not fetch from", "EACCES", "connect", (_, { message }) => message],
  ["the connection broke", "ECONNRESET", "read", () => "socket hang up"],
];

function failureOf(request, cause) {
  const row = FAILURES.find(([text]) => String(cause?.message).includes(text));
  if (row === undefined) return cause;
  const [, code, syscall, text] = row;
  return Object.assign(new Error(text(request, cause), { cause }), { code, syscall });
}

const hangUp = () => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

// What packages ask of a connection. fetch() has none.
function socketOf(request, isEncrypted) {
  const socket = new EventEmitter();
  return Object.assign(socket, {
    encrypted: isEncrypted,
    connecting: false,
    readable: true,
    writable: true,
    destroyed: false,
    destroy(error) {
      request.destroy(error);
      return socket;
    },
    setTimeout(milliseconds, callback) {
      request.setTimeout(milliseconds, callback);
      return socket;
    },
    setKeepAlive: () => socket,
    setNoDelay: () => socket,
    ref: () => socket,
    unref: () => socket,
  });
}

function hostOf(options) {
  for (const name of ["hostname", "host"]) {
    const host = options[name];
    if (host === undefined || host === null || host === "") continue;
    if (typeof host !== "string")
      throw new codes.ERR_INVALID_ARG_TYPE(`options.${name}`, ["string", "undefined", "null"], host);
    return host;
  }
  return "localhost";
}

// The arguments of request(): a URL or options, options, and a callback.
function argumentsOf(input, options, callback) {
  let given = {};
  if (typeof input === "string") given = urlToHttpOptions(new URL(input));
  else if (input instanceof URL) given = urlToHttpOptions(input);
  else [options, callback] = [input, options];
  if (typeof options === "function") [options, callback] = [undefined, options];
  return [Object.assign(given, options), callback];
}

function agentOf(options, defaultAgent) {
  const { agent } = options;
  if (agent === false) return new defaultAgent.constructor();
  if (agent === undefined || agent === null) return defaultAgent;
  if (typeof agent !== "object" || typeof agent.addRequest !== "function")
    throw new codes.ERR_INVALID_ARG_TYPE("options.agent", ["Agent-like Object", "undefined", "false"], agent);
  return agent;
}

function setHeaders(request, options, defaultPort) {
  const { headers } = options;
  if (isArray(headers)) {
    if (headers.length % 2 !== 0) throw new codes.ERR_INVALID_ARG_VALUE("headers", headers);
    for (let i = 0; i < headers.length; i += 2) request.appendHeader(headers[i], headers[i + 1]);
    return;
  }
  for (const name of Object.keys(headers ?? {})) request.setHeader(name, headers[name]);
  if (options.setHost !== false && !request.hasHeader("host")) {
    const port = Number(request.port) === defaultPort ? "" : `:${request.port}`;
    request.setHeader("Host", `${bracketed(request.host)}${port}`);
  }
  if (options.auth && !request.hasHeader("authorization"))
    request.setHeader("Authorization", `Basic ${Buffer.from(options.auth).toString("base64")}`);
}

const bracketed = (host) => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);

function ClientRequest(...given) {
  if (!(this instanceof ClientRequest)) return new ClientRequest(...given);
  OutgoingMessage.call(this);
  const [options, callback] = argumentsOf(...given);
  if (options.path && NOT_IN_PATHS.test(options.path)) throw new codes.ERR_UNESCAPED_CHARACTERS("Request path");
  const defaultAgent = options._defaultAgent ?? require("http").globalAgent;
  this.agent = agentOf(options, defaultAgent);
  const expected = this.agent.protocol ?? defaultAgent.protocol;
  this.protocol = options.protocol || defaultAgent.protocol;
  if (this.protocol !== expected) throw new codes.ERR_INVALID_PROTOCOL(this.protocol, expected);
  const defaultPort = options.defaultPort || this.agent.defaultPort || 80;
  this.port = String(options.port || defaultPort);
  this.host = hostOf(options);
  for (const name of WITHOUT_EFFECT)
    if (options[name] !== undefined) throw new codes.ERR_OPTION_NOT_IMPLEMENTED(`options.${name}`);
  const { method } = options;
  if (method !== undefined && method !== null && typeof method !== "string")
    throw new codes.ERR_INVALID_ARG_TYPE("options.method", "string", method);
  if (method && !TOKEN.test(method)) throw new codes.ERR_INVALID_HTTP_TOKEN("Method", method);
  this.method = method ? method.toUpperCase() : "GET";
  this.path = options.path || "/";
  this.joinDuplicateHeaders = Boolean(options.joinDuplicateHeaders);
  this.aborted = false;
  this.reusedSocket = false;
  this.maxHeadersCount = null;
  this.res = null;
  // As in workerd: a body of these is not sent, since fetch() has none.
  this._hasBody = this.method !== "GET" && this.method !== "HEAD";
  this[kSent] = { controller: undefined, drains: false, begun: false, over: false, abort: new AbortController() };
  setHeaders(this, options, defaultPort);
  if (callback) this.once("response", callback);
  if (options.timeout !== undefined) this.timeout = milliseconds(options.timeout, "timeout");
  if (options.signal) addAbortSignal(options.signal, this);
  nextTick(() => {
    if (this.destroyed) return;
    this.socket = socketOf(this, this.protocol === "https:");
    this.emit("socket", this.socket);
    touch(this);
  });
}
Object.setPrototypeOf(ClientRequest.prototype, OutgoingMessage.prototype);
Object.setPrototypeOf(ClientRequest, OutgoingMessage);

function milliseconds(value, name) {
  if (typeof value !== "number") throw new codes.ERR_INVALID_ARG_TYPE(name, "number", value);
  if (!(value >= 0 && value < Infinity)) throw new codes.ERR_OUT_OF_RANGE(name, "a non-negative finite number", value);
  return value;
}

// Something has come or gone: the time without anything begins again.
function touch(request) {
  const sent = request[kSent];
  clearTimeout(sent.timer);
  sent.timer = undefined;
  if (!request.timeout || sent.over) return;
  sent.timer = setTimeout(() => {
    request.emit("timeout");
    request.socket?.emit("timeout");
    request.res?.emit("timeout");
  }, request.timeout);
}

// The request and its response have ended.
function over(request) {
  const sent = request[kSent];
  if (sent.over) return;
  sent.over = true;
  touch(request);
  if (request.socket !== null) {
    Object.assign(request.socket, { readable: false, writable: false, destroyed: true });
    request.socket.emit("close", request.errored !== null);
  }
  nextTick(() => request._closed());
}

function send(request, body) {
  const sent = request[kSent];
  sent.begun = true;
  const headers = new Headers();
  for (const [name, value] of headerLines(request)) {
    const key = name.toLowerCase();
    if (!CONNECTION.has(key)) headers.append(key, value);
  }
  // Node.js does not decode bodies: one that is encoded comes only to those who ask for it.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  const path = request.path.startsWith("/") ? request.path : `/${request.path}`;
  const url = `${request.protocol}//${bracketed(request.host)}:${request.port}${path}`;
  const init = { method: request.method, headers, body, redirect: "manual", signal: sent.abort.signal };
  fetch(url, init).then(
    (response) => answered(request, response),
    (error) => {
      if (!request.destroyed) request.destroy(failureOf(request, error));
    },
  );
}

function answered(request, response) {
  if (request.destroyed) return;
  touch(request);
  const { body } = isolet.responses.fields(response);
  if (body !== undefined) body.encoding = undefined;
  const message = responseOf(response, request, () => touch(request));
  message.joinDuplicateHeaders = request.joinDuplicateHeaders;
  request.res = message;
  message.on("close", () => over(request));
  if (!request.emit("response", message)) message._dump();
}

const methods = {
  _implicitHeader() {
    const lines = headerLines(this).map(([name, value]) => `${name}: ${value}\r\n`);
    this._header = `${this.method} ${this.path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  },

  _open() {
    const sent = this[kSent];
    if (sent.begun || !this._hasBody) return;
    const stream = new ReadableStream(
      {
        start: (controller) => {
          sent.controller = controller;
        },
        pull: () => {
          touch(this);
          if (!sent.drains || this.finished) return;
          sent.drains = false;
          nextTick(() => this.emit("drain"));
        },
        cancel: () => {
          sent.controller = undefined;
        },
      },
      { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk.byteLength },
    );
    const length = this.getHeader("content-length");
    if (length !== undefined) isolet.streams.state(stream).knownLength = Number(length);
    send(this, stream);
  },

  _send(bytes) {
    const sent = this[kSent];
    if (sent.controller === undefined || bytes.byteLength === 0) return;
    // The writer may use its memory again.
    sent.controller.enqueue(new Uint8Array(bytes));
    if (sent.controller.desiredSize <= 0) sent.drains = true;
  },

  _waiting() {
    const { controller } = this[kSent];
    return controller === undefined ? 0 : HIGH_WATER_MARK - (controller.desiredSize ?? HIGH_WATER_MARK);
  },

  _close(bytes) {
    const sent = this[kSent];
    if (!sent.begun) {
      send(this, this._hasBody && bytes !== null ? new Uint8Array(bytes) : undefined);
      return;
    }
    if (bytes !== null) this._send(bytes);
    sent.controller?.close();
    sent.controller = undefined;
  },

  // `close` comes after the response.
  _closed() {
    if (this[kSent].over) OutgoingMessage.prototype._closed.call(this);
  },

  destroy(error) {
    if (this.destroyed) return this;
    this.destroyed = true;
    const { res } = this;
    // Only abort() before there is a socket ends a request without an error.
    const isQuiet = res !== null || (this.aborted && this.socket === null);
    this.errored = error ?? (isQuiet ? null : hangUp());
    this[kSent].controller = undefined;
    if (res !== null) res._abort(error);
    this[kSent].abort.abort();
    nextTick(() => {
      if (this.errored !== null) this.emit("error", this.errored);
      over(this);
    });
    return this;
  },

  abort() {
    if (this.aborted) return;
    this.aborted = true;
    nextTick(() => this.emit("abort"));
    this.destroy();
  },

  setTimeout(time, callback) {
    this.timeout = milliseconds(time, "msecs");
    if (callback) this.once("timeout", callback);
    touch(this);
    return this;
  },

  setNoDelay() {},
  setSocketKeepAlive() {},
  clearTimeout(callback) {
    this.setTimeout(0, callback);
  },
};
for (const name of Object.keys(methods)) {
  Object.defineProperty(ClientRequest.prototype, name, {
    value: methods[name],
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

// Agents choose connections, which are isolet's: what they are told has no effect, as in workerd.
function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  EventEmitter.call(this);
  this.defaultPort = 80;
  this.protocol = "http:";
  this.options = { noDelay: true, ...options, path: null };
  this.requests = Object.create(null);
  this.sockets = Object.create(null);
  this.freeSockets = Object.create(null);
  this.keepAliveMsecs = this.options.keepAliveMsecs || 1000;
  this.keepAlive = this.options.keepAlive || false;
  this.maxSockets = this.options.maxSockets || Agent.defaultMaxSockets;
  this.maxFreeSockets = this.options.maxFreeSockets || 256;
  this.scheduling = this.options.scheduling || "lifo";
  this.maxTotalSockets = this.options.maxTotalSockets ?? Infinity;
  this.totalSocketCount = 0;
  if (this.scheduling !== "fifo" && this.scheduling !== "lifo")
    throw new codes.ERR_INVALID_ARG_VALUE("scheduling", this.scheduling, "must be one of: 'fifo', 'lifo'");
}
Object.setPrototypeOf(Agent.prototype, EventEmitter.prototype);
Object.setPrototypeOf(Agent, EventEmitter);
Agent.defaultMaxSockets = Infinity;
Object.assign(Agent.prototype, {
  addRequest() {},
  destroy() {},
  keepSocketAlive: () => false,
  reuseSocket() {},
  getName(options = {}) {
    let name = `${options.host || "localhost"}:${options.port || ""}:${options.localAddress || ""}`;
    if (options.family === 4 || options.family === 6) name += `:${options.family}`;
    if (options.socketPath) name += `:${options.socketPath}`;
    return name;
  },
});

// Returns request() and get() of a module.
function clientOf(agent) {
  function request(...given) {
    const [options, callback] = argumentsOf(...given);
    return new ClientRequest({ ...options, _defaultAgent: options._defaultAgent ?? agent() }, callback);
  }
  function get(...given) {
    const made = request(...given);
    made.end();
    return made;
  }
  return { request, get };
}

module.exports = { Agent, ClientRequest, clientOf };
