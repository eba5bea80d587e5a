// node:http
"use strict";

const { check } = require("internal/errors");
const { Agent, ClientRequest, clientOf } = require("internal/http-client");
const { METHODS, STATUS_CODES } = require("internal/http-constants");
const { IncomingMessage } = require("internal/http-incoming");
const { OutgoingMessage, validateHeaderName, validateHeaderValue } = require("internal/http-outgoing");
const { Server, ServerResponse } = require("internal/http-server");

const globalAgent = new Agent({ keepAlive: true, timeout: 5000 });
const { get, request } = clientOf(() => module.exports.globalAgent);

module.exports = {
  METHODS,
  STATUS_CODES,
  Agent,
  ClientRequest,
  IncomingMessage,
  OutgoingMessage,
  Server,
  ServerResponse,
  createServer: (options, listener) => new Server(options, listener),
  get,
  request,
  validateHeaderName,
  validateHeaderValue,
  setMaxIdleHTTPParsers: (max) => check.integer(max, "max", 1),
  maxHeaderSize: 16384,
  globalAgent,
  WebSocket: globalThis.WebSocket,
  CloseEvent: globalThis.CloseEvent,
  MessageEvent: globalThis.MessageEvent,
};
