// node:console
"use strict";

const { codes } = require("internal/errors");
const { format, inspect } = require("util");

const { console: own } = globalThis;

// A console that writes to streams.
class Console {
  #out;
  #error;
  #indent = "";
  #counts = new Map();
  #times = new Map();
  constructor(options, stderr) {
    const { stdout, stderr: error } =
      typeof options?.write === "function" ? { stdout: options, stderr } : (options ?? {});
    for (const stream of [stdout, error ?? stdout]) {
      if (typeof stream?.write !== "function") {
        const invalid = new TypeError("Console expects a writable stream instance for stdout");
        invalid.code = "ERR_CONSOLE_WRITABLE_STREAM";
        throw invalid;
      }
    }
    this.#out = stdout;
    this.#error = error ?? stdout;
    for (const name of Object.getOwnPropertyNames(Console.prototype)) {
      if (name !== "constructor") this[name] = this[name].bind(this);
    }
  }
  #write(stream, text) {
    stream.write(`${text.replace(/^/gm, this.#indent)}\n`);
  }
  log(...args) {
    this.#write(this.#out, format(...args));
  }
  debug(...args) {
    this.log(...args);
  }
  info(...args) {
    this.log(...args);
  }
  dirxml(...args) {
    this.log(...args);
  }
  warn(...args) {
    this.#write(this.#error, format(...args));
  }
  error(...args) {
    this.warn(...args);
  }
  dir(value, options) {
    this.#write(this.#out, inspect(value, { customInspect: false, ...options }));
  }
  trace(...args) {
    const { stack } = new Error(format(...args));
    this.error(stack.replace(/^Error/, "Trace"));
  }
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") this.warn(`Assertion failed: ${args[0]}`, ...args.slice(1));
    else this.warn("Assertion failed", ...args);
  }
  count(label = "default") {
    const count = (this.#counts.get(`${label}`) ?? 0) + 1;
    this.#counts.set(`${label}`, count);
    this.log(`${label}: ${count}`);
  }
  countReset(label = "default") {
    this.#counts.delete(`${label}`);
  }
  time(label = "default") {
    this.#times.set(`${label}`, performance.now());
  }
  timeLog(label = "default", ...args) {
    this.log(`${label}: ${performance.now() - this.#times.get(`${label}`)}ms`, ...args);
  }
  timeEnd(label = "default") {
    this.timeLog(label);
    this.#times.delete(`${label}`);
  }
  group(...args) {
    if (args.length > 0) this.log(...args);
    this.#indent += "  ";
  }
  groupCollapsed(...args) {
    this.group(...args);
  }
  groupEnd() {
    this.#indent = this.#indent.slice(2);
  }
  table(rows) {
    this.dir(rows);
  }
  clear() {}
}

const exported = {};
for (const name of Object.getOwnPropertyNames(own)) {
  if (typeof own[name] === "function") exported[name] = (...args) => own[name](...args);
}
exported.Console = Console;
exported.context = () => {
  throw new codes.ERR_METHOD_NOT_IMPLEMENTED("console.context() is not available in a Worker.");
};
module.exports = exported;
