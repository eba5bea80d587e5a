// WebSocket, WebSocketPair and CloseEvent of Workers.

const { Number, ObjectDefineProperty, SymbolIterator, TypedArrayPrototypeGetBuffer, TypeError, Uint8Array } =
  isolet.primordials;

isolet.lazy([], ["openWebSockets"], (host) => {
  host.openWebSockets = (blobs, reasonLimit, automaticClose) => {
    isolet.lazy(["WebSocket", "WebSocketPair", "CloseEvent"], ["webSockets"], () =>
      load(blobs, reasonLimit, automaticClose),
    );
  };

  const NO_CODE = 1005;
  const MAX_REASON_BYTES = 123;

  function load(blobs, reasonLimit, automaticClose) {
    const { Event, EventTarget, eventTargets, socketStates } = isolet;
    const { checkBrand, copy, define, dictionary, isBuffer, isObject, need, string, usv } = isolet.idl;

    const token = {};

    class CloseEvent extends Event {
      #init;
      /** @param {ScriptValue} type @param {ScriptValue} [init] */
      constructor(type, init = undefined) {
        need(arguments.length, 1, "new CloseEvent");
        super(type, init);
        const { code = 0, reason = "", wasClean = false } = dictionary(init, "The second argument of CloseEvent");
        this.#init = { __proto__: null, code: Number(code) | 0, reason: string(reason), wasClean: !!wasClean };
      }
      get code() {
        return this.#init.code;
      }
      get reason() {
        return this.#init.reason;
      }
      get wasClean() {
        return this.#init.wasClean;
      }
    }
    define(CloseEvent);

    class WebSocket extends EventTarget {
      #state;
      #binaryType = blobs ? "blob" : "arraybuffer";
      #attachment;

      /** @param {ScriptValue} url @param {ScriptValue} [protocols] */
      constructor(url, protocols = undefined) {
        super();
        if (url !== token)
          throw new TypeError(
            "new WebSocket() is not supported yet: Workers are WebSocket servers only. Reach other servers by fetch() or EventSource.",
          );
        this.#state = socketStates.make(this, !automaticClose);
      }

      get readyState() {
        return socketStates.readyState(this.#state);
      }
      // One end of a pair has none of these.
      get url() {
        checkBrand(this.#state);
        return null;
      }
      get protocol() {
        checkBrand(this.#state);
        return "";
      }
      get extensions() {
        checkBrand(this.#state);
        return "";
      }
      get binaryType() {
        return this.#binaryType;
      }
      set binaryType(value) {
        const type = `${value}`;
        if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
      }

      /** @param {ScriptValue} [options] */
      accept(options = undefined) {
        const { allowHalfOpen } = dictionary(options, "The argument of accept()");
        socketStates.accept(this.#state, allowHalfOpen === undefined ? undefined : !!allowHalfOpen);
      }

      send(message) {
        const state = this.#state;
        need(arguments.length, 1, "WebSocket.send");
        socketStates.send(
          state,
          isBuffer(message) ? /** @type {ArrayBuffer} */ (TypedArrayPrototypeGetBuffer(copy(message))) : usv(message),
        );
      }

      /** @param {ScriptValue} [code] @param {ScriptValue} [reason] */
      close(code = undefined, reason = undefined) {
        const state = this.#state;
        const number = code === undefined ? NO_CODE : Number(code) | 0;
        const text = reason === undefined ? "" : usv(reason);
        if (code !== undefined && !isCloseCode(number))
          throw new isolet.DOMException(`Invalid WebSocket close code: ${number}.`, "InvalidAccessError");
        if (reasonLimit && isolet.natives.utf8Length(text) > MAX_REASON_BYTES) {
          throw new isolet.DOMException(
            `WebSocket close reason must not be longer than ${MAX_REASON_BYTES} bytes when UTF-8 encoded.`,
            "SyntaxError",
          );
        }
        if (reason !== undefined && code === undefined) {
          throw new isolet.DOMException(
            "If you specify a WebSocket close reason, you must also specify a code.",
            "InvalidAccessError",
          );
        }
        socketStates.close(state, number, text);
      }

      serializeAttachment(attachment) {
        need(arguments.length, 1, "WebSocket.serializeAttachment");
        this.#attachment = { __proto__: null, value: isolet.structuredClone(attachment) };
      }

      deserializeAttachment() {
        const held = this.#attachment;
        return held === undefined ? null : isolet.structuredClone(held.value);
      }

      static {
        host.webSockets = {
          __proto__: null,
          is: (value) => isObject(value) && #state in value,
          state: (/** @type {any} */ socket) => socket.#state,
          binaryType: (/** @type {any} */ socket) => socket.#binaryType,
          message(state, data) {
            const isBlob = typeof data !== "string" && isolet.webSockets.binaryType(state.socket) === "blob";
            fire(
              state,
              new isolet.MessageEvent("message", {
                __proto__: null,
                data: isBlob ? isolet.blobs.of(new Uint8Array(data), "") : data,
              }),
            );
          },
          closed: (state, code, reason, wasClean) =>
            fire(state, new CloseEvent("close", { __proto__: null, code, reason, wasClean })),
          error: (state, error) =>
            fire(
              state,
              new isolet.ErrorEvent("error", { __proto__: null, message: `Uncaught ${nameOf(error)}`, error }),
            ),
        };
      }
    }
    define(WebSocket);
    const names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];
    for (let value = 0; value < names.length; value++) {
      const constant = { __proto__: null, value, enumerable: true };
      ObjectDefineProperty(WebSocket, names[value], constant);
      ObjectDefineProperty(WebSocket.prototype, names[value], constant);
      ObjectDefineProperty(WebSocket, `READY_STATE_${names[value]}`, constant);
      ObjectDefineProperty(WebSocket.prototype, `READY_STATE_${names[value]}`, constant);
    }
    isolet.handler(WebSocket, "open");
    isolet.handler(WebSocket, "message");
    isolet.handler(WebSocket, "close");
    isolet.handler(WebSocket, "error");

    const isCloseCode = (code) =>
      code >= 1000 && code < 5000 && code !== 1004 && code !== NO_CODE && code !== 1006 && code !== 1015;

    // As the messages of V8 name what was thrown.
    function nameOf(error) {
      if (isolet.natives.kind(error) !== ValueKind.Error) return isolet.inspect(error);
      const { name, message } = isolet.describe(error);
      return `${name}: ${message}`;
    }

    // The first listener that throws is the last one.
    function fire(state, event) {
      eventTargets.fire(state.socket, event, (error) => {
        isolet.events.stop(event);
        socketStates.fail(state, error);
      });
    }

    class WebSocketPair {
      #first;
      #second;

      constructor() {
        const first = new WebSocket(token);
        const second = new WebSocket(token);
        const { state } = isolet.webSockets;
        socketStates.join(state(first), state(second));
        this.#first = first;
        this.#second = second;
        ObjectDefineProperty(this, 0, { __proto__: null, value: first, enumerable: true, configurable: true });
        ObjectDefineProperty(this, 1, { __proto__: null, value: second, enumerable: true, configurable: true });
      }
      *[SymbolIterator]() {
        yield this.#first;
        yield this.#second;
      }
    }
    define(WebSocketPair);

    return { WebSocket, WebSocketPair, CloseEvent };
  }
});
