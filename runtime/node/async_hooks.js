// node:async_hooks
//
// The values of all storages are a Map that V8 carries along promises, and timers keep. A Map is
// never changed after it was set.
"use strict";

const { codes, check } = require("internal/errors");
const { natives } = isolet;
const { Map, Reflect, Symbol } = globalThis;
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const get = uncurry(Map.prototype.get);
const has = uncurry(Map.prototype.has);
const set = uncurry(Map.prototype.set);
const remove = uncurry(Map.prototype.delete);

// Runs a function with other values.
function runWith(frame, callback, self, args) {
  const before = natives.asyncFrame();
  natives.setAsyncFrame(frame);
  try {
    return Reflect.apply(callback, self, args);
  } finally {
    natives.setAsyncFrame(before);
  }
}

class AsyncLocalStorage {
  #default;
  #name;
  constructor(options = {}) {
    check.object(options, "options");
    this.#default = options.defaultValue;
    this.#name = options.name === undefined ? "" : `${options.name}`;
  }
  get name() {
    return this.#name;
  }
  static bind(callback) {
    check.function(callback, "fn");
    const frame = natives.asyncFrame();
    return function (...args) {
      return runWith(frame, callback, this, args);
    };
  }
  static snapshot() {
    const frame = natives.asyncFrame();
    return (callback, ...args) => runWith(frame, callback, undefined, args);
  }
  #with(store) {
    const frame = new Map(natives.asyncFrame());
    set(frame, this, store);
    return frame;
  }
  run(store, callback, ...args) {
    return runWith(this.#with(store), callback, undefined, args);
  }
  exit(callback, ...args) {
    return this.run(undefined, callback, ...args);
  }
  enterWith(store) {
    natives.setAsyncFrame(this.#with(store));
  }
  disable() {
    const frame = new Map(natives.asyncFrame());
    remove(frame, this);
    natives.setAsyncFrame(frame);
  }
  getStore() {
    const frame = natives.asyncFrame();
    return frame !== undefined && has(frame, this) ? get(frame, this) : this.#default;
  }
}

class AsyncResource {
  #frame;
  constructor(type, options = {}) {
    check.string(type, "type");
    if (typeof options === "object" && options !== null) void options.triggerAsyncId;
    this.#frame = natives.asyncFrame();
  }
  runInAsyncScope(callback, self, ...args) {
    check.function(callback, "fn");
    return runWith(this.#frame, callback, self, args);
  }
  bind(callback, self) {
    check.function(callback, "fn");
    const resource = this;
    return Object.defineProperties(
      function (...args) {
        return resource.runInAsyncScope(callback, self === undefined ? this : self, ...args);
      },
      {
        length: { configurable: true, enumerable: false, value: callback.length, writable: false },
        asyncResource: { configurable: true, enumerable: true, value: resource, writable: true },
      },
    );
  }
  static bind(callback, type, self) {
    return new AsyncResource(type || callback.name || "bound-anonymous-fn").bind(callback, self);
  }
  asyncId() {
    return 0;
  }
  triggerAsyncId() {
    return 0;
  }
  emitDestroy() {
    return this;
  }
  get [Symbol.toStringTag]() {
    return "AsyncResource";
  }
}

module.exports = {
  AsyncLocalStorage,
  AsyncResource,
  asyncWrapProviders: {},
  createHook: () => {
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED(
      "node:async_hooks: createHook() is not available in a Worker. Use AsyncLocalStorage or AsyncResource.",
    );
  },
  executionAsyncId: () => 0,
  executionAsyncResource: () => ({}),
  triggerAsyncId: () => 0,
};
