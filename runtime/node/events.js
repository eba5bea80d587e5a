// node:events
"use strict";

const { codes, AbortError, check } = require("internal/errors");
const { ERR_INVALID_ARG_TYPE, ERR_UNHANDLED_ERROR } = codes;

const { Symbol, Promise, Reflect, Error, EventTarget } = globalThis;
const kRejection = Symbol.for("nodejs.rejection");
const kCapture = Symbol("kCapture");
const kErrorMonitor = Symbol("events.errorMonitor");
const kMaxListeners = Symbol("events.maxEventTargetListeners");

let defaultMaxListeners = 10;

function EventEmitter(options) {
  EventEmitter.init.call(this, options);
}
module.exports = EventEmitter;
EventEmitter.EventEmitter = EventEmitter;
EventEmitter.usingDomains = false;
EventEmitter.captureRejectionSymbol = kRejection;
EventEmitter.errorMonitor = kErrorMonitor;
Object.defineProperties(EventEmitter, {
  captureRejections: {
    get: () => EventEmitter.prototype[kCapture],
    set(value) {
      check.boolean(value, "EventEmitter.captureRejections");
      EventEmitter.prototype[kCapture] = value;
    },
    enumerable: true,
  },
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaultMaxListeners,
    set(value) {
      check.number(value, "defaultMaxListeners", 0);
      defaultMaxListeners = value;
    },
  },
  kMaxEventTargetListeners: { value: kMaxListeners },
});
Object.defineProperty(EventEmitter.prototype, kCapture, { value: false, writable: true, enumerable: false });

EventEmitter.prototype._events = undefined;
EventEmitter.prototype._eventsCount = 0;
EventEmitter.prototype._maxListeners = undefined;

EventEmitter.init = function (options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = { __proto__: null };
    this._eventsCount = 0;
  }
  this._maxListeners = this._maxListeners || undefined;
  if (options?.captureRejections) {
    check.boolean(options.captureRejections, "options.captureRejections");
    this[kCapture] = options.captureRejections;
  } else this[kCapture] = EventEmitter.prototype[kCapture];
};

function checkListener(listener) {
  if (typeof listener !== "function") throw new ERR_INVALID_ARG_TYPE("listener", "Function", listener);
}

EventEmitter.prototype.setMaxListeners = function setMaxListeners(n) {
  check.number(n, "setMaxListeners", 0);
  this._maxListeners = n;
  return this;
};
EventEmitter.prototype.getMaxListeners = function getMaxListeners() {
  return this._maxListeners === undefined ? defaultMaxListeners : this._maxListeners;
};

EventEmitter.prototype.emit = function emit(type, ...args) {
  const events = this._events;
  if (type === "error") {
    if (events !== undefined && events[kErrorMonitor] !== undefined) this.emit(kErrorMonitor, ...args);
    if (events === undefined || events.error === undefined) {
      const [error] = args;
      if (error instanceof Error) throw error;
      let text;
      try {
        text = require("util").inspect(error);
      } catch {
        text = error;
      }
      const unhandled = new ERR_UNHANDLED_ERROR(text);
      unhandled.context = error;
      throw unhandled;
    }
  }
  const handler = events?.[type];
  if (handler === undefined) return false;
  if (typeof handler === "function") {
    call(this, handler, type, args);
  } else {
    for (const listener of handler.slice()) call(this, listener, type, args);
  }
  return true;
};

function call(emitter, listener, type, args) {
  const result = Reflect.apply(listener, emitter, args);
  if (result === undefined || result === null || emitter[kCapture] !== true) return;
  const failed = (error) => queueMicrotask(() => rejected(emitter, error, type, args));
  try {
    if (typeof result.then === "function") Reflect.apply(result.then, result, [undefined, failed]);
  } catch (error) {
    emitter.emit("error", error);
  }
}

function rejected(emitter, error, type, args) {
  if (typeof emitter[kRejection] === "function") {
    emitter[kRejection](error, type, ...args);
    return;
  }
  const capture = emitter[kCapture];
  try {
    emitter[kCapture] = false;
    emitter.emit("error", error);
  } finally {
    emitter[kCapture] = capture;
  }
}

function add(emitter, type, listener, first) {
  checkListener(listener);
  let events = emitter._events;
  let known;
  if (events === undefined) {
    events = emitter._events = { __proto__: null };
    emitter._eventsCount = 0;
  } else {
    if (events.newListener !== undefined) {
      emitter.emit("newListener", type, listener.listener ?? listener);
      // A listener may have replaced it.
      events = emitter._events;
    }
    known = events[type];
  }
  if (known === undefined) {
    events[type] = listener;
    emitter._eventsCount++;
    return emitter;
  }
  if (typeof known === "function") known = events[type] = first ? [listener, known] : [known, listener];
  else if (first) known.unshift(listener);
  else known.push(listener);
  const most = emitter.getMaxListeners();
  if (most > 0 && known.length > most && !known.warned) {
    known.warned = true;
    const name = emitter.constructor?.name ?? "EventEmitter";
    console.warn(
      `MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${known.length} ${String(type)} listeners ` +
        `added to [${name}]. MaxListeners is ${most}. Use emitter.setMaxListeners() to increase limit`,
    );
  }
  return emitter;
}

EventEmitter.prototype.addListener = function addListener(type, listener) {
  return add(this, type, listener, false);
};
EventEmitter.prototype.on = EventEmitter.prototype.addListener;
EventEmitter.prototype.prependListener = function prependListener(type, listener) {
  return add(this, type, listener, true);
};

function onceWrapper(emitter, type, listener) {
  let fired = false;
  function wrapped(...args) {
    if (fired) return undefined;
    emitter.removeListener(type, wrapped);
    fired = true;
    return Reflect.apply(listener, emitter, args);
  }
  wrapped.listener = listener;
  return wrapped;
}
EventEmitter.prototype.once = function once(type, listener) {
  checkListener(listener);
  return this.on(type, onceWrapper(this, type, listener));
};
EventEmitter.prototype.prependOnceListener = function prependOnceListener(type, listener) {
  checkListener(listener);
  return this.prependListener(type, onceWrapper(this, type, listener));
};

EventEmitter.prototype.removeListener = function removeListener(type, listener) {
  checkListener(listener);
  const events = this._events;
  const known = events?.[type];
  if (known === undefined) return this;
  if (known === listener || known.listener === listener) {
    this._eventsCount--;
    if (this._eventsCount === 0) this._events = { __proto__: null };
    else delete events[type];
    if (events.removeListener) this.emit("removeListener", type, known.listener || listener);
  } else if (typeof known !== "function") {
    const at = known.findLastIndex((one) => one === listener || one.listener === listener);
    if (at < 0) return this;
    known.splice(at, 1);
    if (known.length === 1) events[type] = known[0];
    if (events.removeListener !== undefined) this.emit("removeListener", type, listener);
  }
  return this;
};
EventEmitter.prototype.off = EventEmitter.prototype.removeListener;

EventEmitter.prototype.removeAllListeners = function removeAllListeners(type) {
  const events = this._events;
  if (events === undefined) return this;
  if (events.removeListener === undefined) {
    if (arguments.length === 0) {
      this._events = { __proto__: null };
      this._eventsCount = 0;
    } else if (events[type] !== undefined) {
      if (--this._eventsCount === 0) this._events = { __proto__: null };
      else delete events[type];
    }
    return this;
  }
  if (arguments.length === 0) {
    for (const key of Reflect.ownKeys(events)) if (key !== "removeListener") this.removeAllListeners(key);
    this.removeAllListeners("removeListener");
    this._events = { __proto__: null };
    this._eventsCount = 0;
    return this;
  }
  const listeners = events[type];
  if (typeof listeners === "function") this.removeListener(type, listeners);
  else if (listeners !== undefined) {
    for (let i = listeners.length - 1; i >= 0; i--) this.removeListener(type, listeners[i]);
  }
  return this;
};

function listenersOf(emitter, type, unwrap) {
  const known = emitter._events?.[type];
  if (known === undefined) return [];
  const all = typeof known === "function" ? [known] : known.slice();
  return unwrap ? all.map((listener) => listener.listener ?? listener) : all;
}
EventEmitter.prototype.listeners = function listeners(type) {
  return listenersOf(this, type, true);
};
EventEmitter.prototype.rawListeners = function rawListeners(type) {
  return listenersOf(this, type, false);
};
function listenerCount(type, listener) {
  const all = listenersOf(this, type, false);
  if (listener === undefined || listener === null) return all.length;
  return all.filter((one) => one === listener || one.listener === listener).length;
}
EventEmitter.prototype.listenerCount = listenerCount;
EventEmitter.listenerCount = (emitter, type) =>
  typeof emitter.listenerCount === "function" ? emitter.listenerCount(type) : listenerCount.call(emitter, type);
EventEmitter.prototype.eventNames = function eventNames() {
  return this._eventsCount > 0 ? Reflect.ownKeys(this._events) : [];
};

// Functions about emitters and event targets

const isEmitter = (value) => typeof value?.on === "function";
function requireEmitter(value) {
  if (!isEmitter(value) && typeof value?.addEventListener !== "function")
    throw new ERR_INVALID_ARG_TYPE("emitter", "EventEmitter", value);
}

// Adds a listener, and returns the function that removes it.
function listen(emitter, type, listener, once) {
  if (isEmitter(emitter)) {
    if (once) emitter.once(type, listener);
    else emitter.on(type, listener);
    return () => emitter.removeListener(type, listener);
  }
  requireEmitter(emitter);
  emitter.addEventListener(type, listener, { once });
  return () => emitter.removeEventListener(type, listener);
}

EventEmitter.once = async function once(emitter, type, options = {}) {
  check.object(options, "options");
  const { signal } = options;
  check.signal(signal, "options.signal");
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  requireEmitter(emitter);
  return await new Promise((resolve, reject) => {
    const removals = [];
    const finish = (settle, value) => {
      for (const remove of removals) remove();
      settle(value);
    };
    removals.push(listen(emitter, type, (...args) => finish(resolve, args), true));
    if (type !== "error" && isEmitter(emitter))
      removals.push(listen(emitter, "error", (error) => finish(reject, error), true));
    if (signal !== undefined) {
      const abort = () => finish(reject, new AbortError(undefined, { cause: signal.reason }));
      removals.push(listen(signal, "abort", abort, true));
    }
  });
};

EventEmitter.on = function on(emitter, type, options = {}) {
  check.object(options, "options");
  const { signal } = options;
  check.signal(signal, "options.signal");
  if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
  requireEmitter(emitter);
  const events = [];
  const waiting = [];
  let failure;
  let finished = false;
  const removals = [];
  const close = () => {
    for (const remove of removals) remove();
    finished = true;
    for (const { resolve } of waiting.splice(0)) resolve({ value: undefined, done: true });
    return Promise.resolve({ value: undefined, done: true });
  };
  const fail = (error) => {
    const next = waiting.shift();
    if (next === undefined) failure = { error };
    else next.reject(error);
    close();
  };
  removals.push(
    listen(emitter, type, (...args) => {
      const next = waiting.shift();
      if (next === undefined) events.push(args);
      else next.resolve({ value: args, done: false });
    }),
  );
  if (type !== "error" && isEmitter(emitter)) removals.push(listen(emitter, "error", fail));
  for (const name of options.close ?? []) removals.push(listen(emitter, name, close));
  if (signal !== undefined) {
    removals.push(listen(signal, "abort", () => fail(new AbortError(undefined, { cause: signal.reason })), true));
  }
  return {
    next() {
      if (events.length > 0) return Promise.resolve({ value: events.shift(), done: false });
      if (failure !== undefined) {
        const { error } = failure;
        failure = undefined;
        return Promise.reject(error);
      }
      if (finished) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    return: close,
    throw(error) {
      if (!(error instanceof Error)) throw new ERR_INVALID_ARG_TYPE("EventEmitter.AsyncIterator", "Error", error);
      fail(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

EventEmitter.getEventListeners = function getEventListeners(emitter, type) {
  if (typeof emitter?.listeners === "function") return emitter.listeners(type);
  if (emitter instanceof EventTarget) return [];
  throw new ERR_INVALID_ARG_TYPE("emitter", ["EventEmitter", "EventTarget"], emitter);
};
EventEmitter.getMaxListeners = function getMaxListeners(emitter) {
  if (typeof emitter?.getMaxListeners === "function") return emitter.getMaxListeners();
  if (emitter instanceof EventTarget) return emitter[kMaxListeners] ?? defaultMaxListeners;
  throw new ERR_INVALID_ARG_TYPE("emitter", ["EventEmitter", "EventTarget"], emitter);
};
EventEmitter.setMaxListeners = function setMaxListeners(n = defaultMaxListeners, ...targets) {
  check.number(n, "setMaxListeners", 0);
  if (targets.length === 0) {
    defaultMaxListeners = n;
    return;
  }
  for (const target of targets) {
    if (typeof target.setMaxListeners === "function") target.setMaxListeners(n);
    else if (target instanceof EventTarget)
      Object.defineProperty(target, kMaxListeners, { value: n, configurable: true, writable: true });
    else throw new ERR_INVALID_ARG_TYPE("eventTargets", ["EventEmitter", "EventTarget"], target);
  }
};
EventEmitter.addAbortListener = function addAbortListener(signal, listener) {
  if (signal === undefined) throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
  check.signal(signal, "signal");
  check.function(listener, "listener");
  let remove;
  if (signal.aborted) queueMicrotask(() => listener());
  else {
    signal.addEventListener("abort", listener, { once: true });
    remove = () => signal.removeEventListener("abort", listener);
  }
  return {
    [Symbol.dispose]() {
      remove?.();
    },
  };
};

Object.defineProperty(EventEmitter, "EventEmitterAsyncResource", {
  enumerable: true,
  configurable: true,
  get() {
    const { AsyncResource } = require("async_hooks");
    class EventEmitterAsyncResource extends EventEmitter {
      constructor(options = {}) {
        const name = typeof options === "string" ? options : (options.name ?? new.target.name);
        super(typeof options === "string" ? undefined : options);
        Object.defineProperty(this, "asyncResource", { value: new AsyncResource(name), enumerable: false });
      }
      emit(type, ...args) {
        return this.asyncResource.runInAsyncScope(super.emit, this, type, ...args);
      }
      emitDestroy() {
        this.asyncResource.emitDestroy();
      }
      get asyncId() {
        return this.asyncResource.asyncId();
      }
      get triggerAsyncId() {
        return this.asyncResource.triggerAsyncId();
      }
    }
    Object.defineProperty(EventEmitter, "EventEmitterAsyncResource", {
      value: EventEmitterAsyncResource,
      writable: true,
      configurable: true,
      enumerable: true,
    });
    return EventEmitterAsyncResource;
  },
});
