// Workers in service-worker syntax: listeners for `fetch` and `scheduled` in place of a default
// export, and what `env` has as globals.

const { Promise, PromisePrototypeThen, ReflectOwnKeys, TypeError } = isolet.primordials;

isolet.lazy([], ["serviceWorker"], (host) => {
  const { Event, EventTarget, eventTargets } = isolet;
  const { define } = isolet.idl;

  const token = {};
  const target = new EventTarget();
  const ignore = () => {};

  class ExtendableEvent extends Event {
    #ctx;

    /** @param {any} key @param {string} type @param {any} ctx */
    constructor(key, type, ctx) {
      if (key !== token) throw new TypeError("Illegal constructor: isolet makes these events.");
      super(type);
      this.#ctx = ctx;
    }
    waitUntil(promise) {
      this.#ctx.waitUntil(promise);
    }
  }
  define(ExtendableEvent);

  // The response of a FetchEvent: a promise, undefined before respondWith.
  /** @type {(event: any) => any} */
  let responseOf;

  class FetchEvent extends ExtendableEvent {
    #request;
    #response;

    constructor(key, request, ctx) {
      super(key, "fetch", ctx);
      this.#request = request;
    }
    get request() {
      return this.#request;
    }
    respondWith(response) {
      if (this.#response !== undefined)
        throw new isolet.DOMException(
          "respondWith() was called twice: an event has one response.",
          "InvalidStateError",
        );
      this.#response = new Promise((resolve) => resolve(response));
      // A listener may throw after this, and then nobody takes the response.
      PromisePrototypeThen(this.#response, undefined, ignore);
    }
    passThroughOnException() {}

    static {
      responseOf = (event) => event.#response;
    }
  }
  define(FetchEvent);

  class ScheduledEvent extends ExtendableEvent {
    #controller;

    constructor(key, controller, ctx) {
      super(key, "scheduled", ctx);
      this.#controller = controller;
    }
    get cron() {
      return this.#controller.cron;
    }
    get scheduledTime() {
      return this.#controller.scheduledTime;
    }
    noRetry() {
      this.#controller.noRetry();
    }
  }
  define(ScheduledEvent);

  // Calls the listeners. The first error that one of them throws is the error of the event.
  function fire(event) {
    /** @type {any} */
    let failure;
    const called = eventTargets.fire(target, event, (error) => {
      failure ??= { __proto__: null, error };
    });
    if (failure !== undefined) throw failure.error;
    return called;
  }

  const noListener = (type) =>
    isolet.withHint(
      new TypeError(`The Worker has no listener for ${type} events.`),
      `addEventListener("${type}", (event) => { … })`,
    );

  host.serviceWorker = {
    __proto__: null,
    // Gives the Worker its globals, before its modules are evaluated.
    install() {
      const { addEventListener, removeEventListener, dispatchEvent } = {
        addEventListener(type, callback, options = undefined) {
          target.addEventListener(type, callback, options);
        },
        removeEventListener(type, callback, options = undefined) {
          target.removeEventListener(type, callback, options);
        },
        dispatchEvent: (event) => target.dispatchEvent(event),
      };
      isolet.expose({
        addEventListener,
        removeEventListener,
        dispatchEvent,
        ExtendableEvent,
        FetchEvent,
        ScheduledEvent,
      });
      const names = ReflectOwnKeys(isolet.env);
      for (let i = 0; i < names.length; i++) {
        const name = /** @type {string} */ (names[i]);
        if (!(name in globalThis)) isolet.expose({ __proto__: null, [name]: /** @type {any} */ (isolet.env)[name] });
      }
    },
    hasListeners: () => eventTargets.hasListeners(target, "fetch") || eventTargets.hasListeners(target, "scheduled"),
    // In place of a default export.
    entry: {
      __proto__: null,
      fetch(request, _env, ctx) {
        const event = new FetchEvent(token, request, ctx);
        if (!fire(event)) throw noListener("fetch");
        const response = responseOf(event);
        if (response === undefined) {
          throw isolet.withHint(
            new TypeError("No listener for the fetch event called respondWith()."),
            'addEventListener("fetch", (event) => { event.respondWith(handle(event.request)); })',
          );
        }
        return response;
      },
      scheduled(controller, _env, ctx) {
        if (!fire(new ScheduledEvent(token, controller, ctx))) throw noListener("scheduled");
      },
    },
  };
});
