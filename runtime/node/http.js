// node:http
"use strict";

const { codes, check } = require("internal/errors");
const { METHODS, STATUS_CODES } = require("internal/http-constants");
const { IncomingMessage } = require("internal/http-incoming");
const { OutgoingMessage, validateHeaderName, validateHeaderValue } = require("internal/http-outgoing");
const { Server, ServerResponse } = require("internal/http-server");
const { Agent, globalAgent } = require("https");

// A client needs what the global fetch() needs.
function client(name) {
  const unavailable = function () {
    const message = `node:http: ${name}() is not available in a Worker: use the global fetch() for requests.`;
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED(message);
  };
  return Object.defineProperty(unavailable, "name", { value: name });
}

module.exports = {
  METHODS,
  STATUS_CODES,
  Agent,
  ClientRequest: client("ClientRequest"),
  IncomingMessage,
  OutgoingMessage,
  Server,
  ServerResponse,
  createServer: (options, listener) => new Server(options, listener),
  get: client("get"),
  request: client("request"),
  validateHeaderName,
  validateHeaderValue,
  setMaxIdleHTTPParsers: (max) => check.integer(max, "max", 1),
  _connectionListener: client("_connectionListener"),
  maxHeaderSize: 16384,
  globalAgent,
  WebSocket: globalThis.WebSocket,
  CloseEvent: globalThis.CloseEvent,
  MessageEvent: globalThis.MessageEvent,
};
