// node:timers
"use strict";

const { check } = require("internal/errors");

const { Symbol, Reflect } = globalThis;
// They give numbers.
const { setTimeout: begin, setInterval: beginEvery, clearTimeout: end } = isolet.plainTimers;
const kCustom = Symbol.for("nodejs.util.promisify.custom");

class Timeout {
  #id;
  #start;
  constructor(start) {
    this.#start = start;
    this.#id = start();
  }
  hasRef() {
    return true;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  refresh() {
    end(this.#id);
    this.#id = this.#start();
    return this;
  }
  close() {
    end(this.#id);
    return this;
  }
  [Symbol.toPrimitive]() {
    return this.#id;
  }
  [Symbol.dispose]() {
    end(this.#id);
  }
  static idOf(timer) {
    return timer.#id;
  }
}

class Immediate {
  #id;
  constructor(callback, args) {
    this.#id = begin(callback, 0, ...args);
  }
  hasRef() {
    return true;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  [Symbol.dispose]() {
    end(this.#id);
  }
  get [Symbol.toStringTag]() {
    return "Immediate";
  }
  static idOf(immediate) {
    return immediate.#id;
  }
}
const { idOf } = Timeout;
const { idOf: idOfImmediate } = Immediate;
delete Timeout.idOf;
delete Immediate.idOf;

function setTimeout(callback, delay, ...args) {
  check.function(callback, "callback");
  return new Timeout(() => begin(callback, delay, ...args));
}
function setInterval(callback, delay, ...args) {
  check.function(callback, "callback");
  return new Timeout(() => beginEvery(callback, delay, ...args));
}
function setImmediate(callback, ...args) {
  check.function(callback, "callback");
  return new Immediate(callback, args);
}
function clear(timer) {
  if (timer instanceof Timeout) end(idOf(timer));
  else if (timer instanceof Immediate) end(idOfImmediate(timer));
  else if (typeof timer === "number" || typeof timer === "string") end(timer);
}
function clearTimeout(timer) {
  clear(timer);
}
function clearInterval(timer) {
  clear(timer);
}
function clearImmediate(immediate) {
  clear(immediate);
}

const lazy = (name) => ({
  configurable: true,
  enumerable: false,
  value: (...args) => Reflect.apply(require("timers/promises")[name], undefined, args),
});
Object.defineProperty(setTimeout, kCustom, lazy("setTimeout"));
Object.defineProperty(setImmediate, kCustom, lazy("setImmediate"));

module.exports = {
  Timeout,
  active: () => {},
  clearImmediate,
  clearInterval,
  clearTimeout,
  enroll() {
    throw new Error("timers.enroll() is deprecated. Use setTimeout() instead.");
  },
  setImmediate,
  setInterval,
  setTimeout,
  unenroll: () => {},
  get promises() {
    return require("timers/promises");
  },
};
