// Event, CustomEvent, MessageEvent, ErrorEvent, EventTarget and reportError.

const {
  ArrayPrototypePush,
  Boolean,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  TypeError,
  WeakMap,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} = isolet.primordials;

isolet.lazy(
  ["Event", "CustomEvent", "MessageEvent", "ErrorEvent", "EventTarget", "reportError"],
  ["events", "eventTargets", "handler", "reportError", "Event", "EventTarget", "ErrorEvent", "MessageEvent"],
  (host) => {
    const { natives } = isolet;
    const { define, dictionary, isObject, list, need, string } = isolet.idl;

    const NONE = 0,
      AT_TARGET = 2;

    class Event {
      #type;
      #bubbles;
      #cancelable;
      #composed;
      #timeStamp;
      #target = null;
      #current = null;
      #phase = NONE;
      #dispatching = false;
      #prevented = false;
      #passive = false;
      #stopped = false;
      #stoppedNow = false;

      /** @param {ScriptValue} type @param {ScriptValue} [init] */
      constructor(type, init = undefined) {
        need(arguments.length, 1, "new Event");
        const { bubbles, cancelable, composed } = dictionary(init, "The second argument of Event");
        this.#type = string(type);
        this.#bubbles = Boolean(bubbles);
        this.#cancelable = Boolean(cancelable);
        this.#composed = Boolean(composed);
        this.#timeStamp = natives.now();
      }

      get type() {
        return this.#type;
      }
      get target() {
        return this.#target;
      }
      get srcElement() {
        return this.#target;
      }
      get currentTarget() {
        return this.#current;
      }
      get eventPhase() {
        return this.#phase;
      }
      get bubbles() {
        return this.#bubbles;
      }
      get cancelable() {
        return this.#cancelable;
      }
      get composed() {
        return this.#composed;
      }
      get defaultPrevented() {
        return this.#prevented;
      }
      get returnValue() {
        return !this.#prevented;
      }
      get timeStamp() {
        return this.#timeStamp;
      }
      get isTrusted() {
        return false;
      }
      get cancelBubble() {
        return this.#stopped;
      }
      set cancelBubble(value) {
        if (value) this.#stopped = true;
      }
      composedPath() {
        return this.#current === null ? [] : [this.#current];
      }
      preventDefault() {
        if (this.#cancelable && !this.#passive) this.#prevented = true;
      }
      stopPropagation() {
        this.#stopped = true;
      }
      stopImmediatePropagation() {
        this.#stopped = this.#stoppedNow = true;
      }

      static {
        host.events = {
          __proto__: null,
          is: (value) => isObject(value) && #type in value,
          stop(event) {
            event.#stoppedNow = true;
          },
          // Calls the listeners; false if one of them prevented the default.
          dispatch(event, target, listeners, failed = report) {
            if (event.#dispatching)
              throw new isolet.DOMException("The event is being dispatched already.", "InvalidStateError");
            event.#dispatching = true;
            event.#target = event.#current = target;
            event.#phase = AT_TARGET;
            for (let i = 0; i < listeners.length && !event.#stoppedNow; i++) {
              const listener = listeners[i];
              if (listener.removed) continue;
              if (listener.once) listener.remove();
              event.#passive = listener.passive;
              try {
                const { callback } = listener;
                if (typeof callback === "function") FunctionPrototypeCall(callback, target, event);
                else {
                  const { handleEvent } = callback;
                  if (typeof handleEvent !== "function")
                    throw new TypeError("A listener must be a function or have a handleEvent function.");
                  FunctionPrototypeCall(handleEvent, callback, event);
                }
              } catch (error) {
                failed(error);
              }
              event.#passive = false;
            }
            event.#phase = NONE;
            event.#current = null;
            event.#dispatching = event.#stopped = event.#stoppedNow = false;
            return !event.#prevented;
          },
        };
      }
    }
    define(Event);
    const phases = ["NONE", "CAPTURING_PHASE", "AT_TARGET", "BUBBLING_PHASE"];
    for (let value = 0; value < phases.length; value++) {
      ObjectDefineProperty(Event, phases[value], { __proto__: null, value, enumerable: true });
      ObjectDefineProperty(Event.prototype, phases[value], { __proto__: null, value, enumerable: true });
    }

    class CustomEvent extends Event {
      #detail;
      /** @param {ScriptValue} type @param {ScriptValue} [init] */
      constructor(type, init = undefined) {
        super(type, init);
        this.#detail = init?.detail ?? null;
      }
      get detail() {
        return this.#detail;
      }
    }
    define(CustomEvent);

    class MessageEvent extends Event {
      #init;
      /** @param {ScriptValue} type @param {ScriptValue} [init] */
      constructor(type, init = undefined) {
        super(type, init);
        this.#init = dictionary(init, "The second argument of MessageEvent");
        const { data = null, origin = "", lastEventId = "", source = null, ports = [] } = this.#init;
        this.#init = { __proto__: null, data, origin: string(origin), lastEventId: string(lastEventId), source, ports };
      }
      get data() {
        return this.#init.data;
      }
      get origin() {
        return this.#init.origin;
      }
      get lastEventId() {
        return this.#init.lastEventId;
      }
      get source() {
        return this.#init.source;
      }
      get ports() {
        return this.#init.ports;
      }
    }
    define(MessageEvent);

    class ErrorEvent extends Event {
      #init;
      /** @param {ScriptValue} type @param {ScriptValue} [init] */
      constructor(type, init = undefined) {
        super(type, init);
        const {
          message = "",
          filename = "",
          lineno = 0,
          colno = 0,
          error = undefined,
        } = dictionary(init, "The second argument of ErrorEvent");
        this.#init = { __proto__: null, message: string(message), filename: string(filename), lineno, colno, error };
      }
      get message() {
        return this.#init.message;
      }
      get filename() {
        return this.#init.filename;
      }
      get lineno() {
        return this.#init.lineno;
      }
      get colno() {
        return this.#init.colno;
      }
      get error() {
        return this.#init.error;
      }
    }
    define(ErrorEvent);

    class EventTarget {
      // Replaced, never changed: a dispatch goes on over the listeners that were there when it
      // began.
      #listeners = list();

      addEventListener(type, callback, options = undefined) {
        need(arguments.length, 2, "addEventListener");
        const name = string(type);
        const { capture, once, passive, signal } = flatten(options);
        if (callback === null || callback === undefined) return;
        if (!isObject(callback)) throw new TypeError("A listener must be a function or have a handleEvent function.");
        if (signal !== undefined && !isolet.signals.is(signal)) throw new TypeError("`signal` must be an AbortSignal.");
        if (signal !== undefined && signal.aborted) return;
        for (let i = 0; i < this.#listeners.length; i++) {
          const { type: other, callback: same, capture: phase } = this.#listeners[i];
          if (other === name && same === callback && phase === capture) return;
        }
        const listener = {
          __proto__: null,
          type: name,
          callback,
          capture,
          once,
          passive,
          removed: false,
          remove: () => this.#remove(listener),
        };
        const listeners = list();
        for (let i = 0; i < this.#listeners.length; i++) ArrayPrototypePush(listeners, this.#listeners[i]);
        ArrayPrototypePush(listeners, listener);
        this.#listeners = listeners;
        if (signal !== undefined) isolet.signals.follow(signal, listener.remove);
      }

      #remove(listener) {
        listener.removed = true;
        const listeners = list();
        for (let i = 0; i < this.#listeners.length; i++) {
          if (this.#listeners[i] !== listener) ArrayPrototypePush(listeners, this.#listeners[i]);
        }
        this.#listeners = listeners;
      }

      removeEventListener(type, callback, options = undefined) {
        need(arguments.length, 2, "removeEventListener");
        const name = string(type);
        const { capture } = flatten(options);
        for (let i = 0; i < this.#listeners.length; i++) {
          const listener = this.#listeners[i];
          if (listener.type === name && listener.callback === callback && listener.capture === capture) {
            this.#remove(listener);
            return;
          }
        }
      }

      dispatchEvent(event) {
        need(arguments.length, 1, "dispatchEvent");
        if (!isolet.events.is(event)) throw new TypeError("dispatchEvent takes an Event.");
        return isolet.events.dispatch(event, this, this.#listenersOf(event.type));
      }

      #listenersOf(type) {
        const listeners = list();
        for (let i = 0; i < this.#listeners.length; i++) {
          if (this.#listeners[i].type === type) ArrayPrototypePush(listeners, this.#listeners[i]);
        }
        return listeners;
      }

      static {
        host.eventTargets = {
          __proto__: null,
          hasListeners: (/** @type {any} */ target, type) => target.#listenersOf(type).length > 0,
          // Calls the listeners of a target, and `failed` with what they throw.
          fire(/** @type {any} */ target, event, failed) {
            const listeners = target.#listenersOf(event.type);
            isolet.events.dispatch(event, target, listeners, failed);
            return listeners.length > 0;
          },
        };
      }
    }
    define(EventTarget);

    function flatten(options) {
      if (!isObject(options))
        return { __proto__: null, capture: Boolean(options), once: false, passive: false, signal: undefined };
      const { capture, once, passive, signal } = options;
      return { __proto__: null, capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
    }

    // `onabort` and the like: one listener that a script sets and replaces by assignment.
    const { addEventListener } = EventTarget.prototype;
    /** @type {LazyInternals["handler"]} */
    function handler(Class, type, changed = undefined) {
      const handlers = new WeakMap();
      ObjectDefineProperty(Class.prototype, `on${type}`, {
        __proto__: null,
        enumerable: true,
        configurable: true,
        get() {
          return WeakMapPrototypeGet(handlers, this)?.current ?? null;
        },
        set(value) {
          let entry = WeakMapPrototypeGet(handlers, this);
          if (entry === undefined) {
            entry = { __proto__: null, current: null };
            FunctionPrototypeCall(addEventListener, this, type, function (event) {
              if (entry.current !== null) FunctionPrototypeCall(entry.current, this, event);
            });
            WeakMapPrototypeSet(handlers, this, entry);
          }
          entry.current = typeof value === "function" ? value : null;
          if (changed !== undefined) changed(this);
        },
      });
    }

    // Logs an uncaught error that does not end the run.
    const report = (error) => natives.log(ConsoleLevel.Error, `Uncaught ${isolet.inspect(error)}`);

    isolet.inspectable(isolet.events.is, (event) => ({
      __proto__: null,
      fields: { __proto__: null, type: event.type },
    }));
    host.handler = handler;
    host.reportError = report;
    host.Event = Event;
    host.EventTarget = EventTarget;
    host.ErrorEvent = ErrorEvent;
    host.MessageEvent = MessageEvent;
    return { Event, CustomEvent, MessageEvent, ErrorEvent, EventTarget, reportError: (error) => report(error) };
  },
);
