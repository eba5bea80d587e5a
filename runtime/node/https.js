// node:https
"use strict";

const { Agent: HttpAgent, clientOf } = require("internal/http-client");
const unavailable = require("internal/unavailable")("https");

const { Object } = globalThis;

function Agent(options) {
  if (!(this instanceof Agent)) return new Agent(options);
  HttpAgent.call(this, options);
  this.defaultPort = 443;
  this.protocol = "https:";
  this.maxCachedSessions = this.options.maxCachedSessions ?? 100;
}
Object.setPrototypeOf(Agent.prototype, HttpAgent.prototype);
Object.setPrototypeOf(Agent, HttpAgent);

const globalAgent = new Agent({ keepAlive: true, timeout: 5000 });

module.exports = { ...unavailable, Agent, globalAgent, ...clientOf(() => module.exports.globalAgent) };
