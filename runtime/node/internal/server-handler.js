// The module cloudflare:node: fetch handlers that give requests to servers of node:http.
"use strict";

const { ports } = require("internal/http-server");

const { Number, Object } = globalThis;

function checked(port) {
  if (!Number.isFinite(port) || port < 0 || port > 65535) throw new Error("Failed to determine port for server");
  return port;
}

// Returns the port of a number, of { port }, or of a server, which is started if it does not
// listen.
function portOf(server) {
  if (typeof server === "number") return checked(server);
  if (server === undefined || server === null) throw new Error("Server descriptor cannot be null or undefined");
  if (server.port !== undefined && server.port !== null) return checked(server.port);
  if (typeof server.listen !== "function") return checked(undefined);
  if (!server.address()) server.listen();
  return checked(server.address()?.port);
}

async function handleAsNodeRequest(server, request) {
  const port = portOf(server);
  const answer = ports.get(port);
  if (answer === undefined) {
    const message =
      `Http server with port ${port} not found. This is likely a bug with your code. ` +
      `You should check if server.listen() was called with the same port (${port})`;
    throw Object.assign(new Error(message), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return await answer(request);
}

function httpServerHandler(server) {
  const port = portOf(server);
  return { fetch: (request) => handleAsNodeRequest({ port }, request) };
}

module.exports = { handleAsNodeRequest, httpServerHandler };
