// AbortController and AbortSignal.

const { ArrayPrototypePush, TypeError } = isolet.primordials;

isolet.lazy(["AbortController", "AbortSignal"], ["signals"], (host) => {
  const { define, integer, iterate, list, need } = isolet.idl;
  const { Event, EventTarget, eventTargets, setTimeout } = isolet;

  // The constructor's key: scripts cannot create signals.
  const token = {};

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    // Functions to call on abort, before any listener; signals made by any() add theirs.
    #followers = list();

    constructor(key) {
      if (key !== token)
        throw new TypeError("Illegal constructor: use AbortSignal.abort, .timeout or .any, or an AbortController.");
      super();
    }

    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    static abort(reason = undefined) {
      const signal = new AbortSignal(token);
      signal.#aborted = true;
      signal.#reason = reason === undefined ? aborted() : reason;
      return signal;
    }

    static timeout(milliseconds) {
      need(arguments.length, 1, "AbortSignal.timeout");
      const delay = integer(milliseconds, 0, 2 ** 53 - 1, "The time");
      const signal = new AbortSignal(token);
      // Longer than a timer can wait is longer than any run lives.
      if (delay < 2 ** 31)
        setTimeout(
          () => signal.#abort(new isolet.DOMException(`The operation took longer than ${delay} ms.`, "TimeoutError")),
          delay,
        );
      return signal;
    }

    static any(signals) {
      need(arguments.length, 1, "AbortSignal.any");
      const sources = list();
      iterate(signals, "The argument of AbortSignal.any", (signal) => {
        if (!isolet.signals.is(signal)) throw new TypeError("AbortSignal.any takes AbortSignals.");
        ArrayPrototypePush(sources, signal);
      });
      const made = new AbortSignal(token);
      for (let i = 0; i < sources.length; i++) {
        if (!sources[i].#aborted) continue;
        made.#aborted = true;
        made.#reason = sources[i].#reason;
        return made;
      }
      for (let i = 0; i < sources.length; i++) {
        const source = sources[i];
        isolet.signals.follow(source, () => made.#abort(source.#reason));
      }
      return made;
    }

    #abort(reason) {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason;
      const followers = this.#followers;
      this.#followers = list();
      for (let i = 0; i < followers.length; i++) followers[i]();
      eventTargets.fire(this, new Event("abort"));
    }

    static {
      host.signals = {
        __proto__: null,
        is: (value) => isolet.idl.isObject(value) && #followers in value,
        make: () => new AbortSignal(token),
        abort: (signal, reason) => signal.#abort(reason === undefined ? aborted() : reason),
        aborted: (signal) => signal.#aborted,
        reason: (signal) => signal.#reason,
        // Calls `then` when the signal aborts; returns how to stop following.
        follow(signal, then) {
          ArrayPrototypePush(signal.#followers, then);
          return () => {
            const kept = list();
            for (let i = 0; i < signal.#followers.length; i++)
              if (signal.#followers[i] !== then) ArrayPrototypePush(kept, signal.#followers[i]);
            signal.#followers = kept;
          };
        },
      };
    }
  }
  define(AbortSignal);
  isolet.handler(AbortSignal, "abort");

  const aborted = () => new isolet.DOMException("The operation was aborted.", "AbortError");

  class AbortController {
    #signal = isolet.signals.make();
    get signal() {
      return this.#signal;
    }
    abort(reason = undefined) {
      isolet.signals.abort(this.#signal, reason);
    }
  }
  define(AbortController);

  isolet.inspectable(isolet.signals.is, (signal) => ({
    __proto__: null,
    fields: { __proto__: null, aborted: isolet.signals.aborted(signal) },
  }));
  return { AbortController, AbortSignal };
});
