// WebSocket, WebSocketPair and CloseEvent of Workers.

const {
  Error,
  Number,
  ObjectDefineProperty,
  PromisePrototypeThen,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SymbolIterator,
  TypedArrayPrototypeGetBuffer,
  TypeError,
  Uint8Array,
} = isolet.primordials;

isolet.lazy([], ["openWebSockets"], (host) => {
  host.openWebSockets = (blobs, reasonLimit, automaticClose) => {
    isolet.lazy(["WebSocket", "WebSocketPair", "CloseEvent"], ["webSockets"], () =>
      load(blobs, reasonLimit, automaticClose),
    );
  };

  const NO_CODE = 1005;
  const MAX_REASON_BYTES = 123;
  // The names of protocols, as workerd accepts them.
  const protocolName = /^[!-~]+$/;
  const separator = /[()<>@,;:\\/[\]?={}]/;

  function load(blobs, reasonLimit, automaticClose) {
    const { Event, EventTarget, eventTargets, socketStates } = isolet;
    const { copy, define, dictionary, isBuffer, isObject, iterate, need, string, usv } = isolet.idl;

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

    const invalid = (reason) => new isolet.DOMException(`WebSocket Constructor: ${reason}`, "SyntaxError");

    // Returns the http: or https: URL of a ws: or wss: one.
    function httpUrl(text) {
      const url = isolet.urls.parsed(text);
      if (url === undefined) throw invalid("The url is invalid.");
      const protocol = isolet.urls.protocol(url);
      if (protocol !== "ws:" && protocol !== "wss:") throw invalid("The url scheme must be ws or wss.");
      const href = isolet.urls.href(url);
      if (StringPrototypeIndexOf(href, "#") !== -1) throw invalid("The url fragment must be empty.");
      return `http${StringPrototypeSlice(href, 2)}`;
    }

    // Returns the value of Sec-WebSocket-Protocol.
    /** @param {ScriptValue} protocols */
    function protocolList(protocols) {
      if (protocols === undefined) return "";
      const isName = (text) =>
        RegExpPrototypeExec(protocolName, text) !== null && RegExpPrototypeExec(separator, text) === null;
      if (!isObject(protocols)) {
        const name = usv(protocols);
        if (!isName(name)) throw invalid("The protocol header token is invalid.");
        return name;
      }
      const seen = { __proto__: null };
      let names = "";
      iterate(protocols, "The second argument of WebSocket", (item) => {
        const name = usv(item);
        if (!isName(name)) throw invalid("One of the protocol header tokens is invalid.");
        if (seen[name] === true) throw invalid("The protocols header cannot have repeating values.");
        seen[name] = true;
        names += names === "" ? name : `, ${name}`;
      });
      return names;
    }

    // Connects a WebSocket, as in workerd without redirects.
    function connect(state, url, protocols, signal, opened) {
      PromisePrototypeThen(
        isolet.fetchers.connect(url, protocols, signal),
        (response) => {
          const { status, headers, body, webSocket } = isolet.responses.fields(response);
          if (webSocket !== undefined) {
            opened(isolet.headers.get(headers, "sec-websocket-protocol"));
            socketStates.connected(state, isolet.webSockets.state(webSocket).offer);
            return;
          }
          if (body?.stream !== undefined) isolet.streams.cancel(isolet.streams.state(body.stream), undefined);
          const expected = "expected server to reply with HTTP status code 101 (switching protocols)";
          socketStates.refused(
            state,
            new TypeError(`Failed to establish the WebSocket connection: ${expected}, but received ${status} instead.`),
          );
        },
        (error) => socketStates.refused(state, error),
      );
    }

    class WebSocket extends EventTarget {
      #state;
      /** @type {string | null} */
      #url = null;
      /** @type {string | null} */
      #protocol = "";
      /** @type {string | null} */
      #extensions = "";
      #binaryType = blobs ? "blob" : "arraybuffer";
      #attachment;

      /** @param {ScriptValue} url @param {ScriptValue} [protocols] */
      constructor(url, protocols = undefined) {
        need(arguments.length, 1, "new WebSocket");
        super();
        if (url === token) {
          this.#state = socketStates.make(this, !automaticClose);
          return;
        }
        const text = usv(url);
        const target = httpUrl(text);
        const names = protocolList(protocols);
        if (!isolet.hasNetwork) throw isolet.noNetwork();
        isolet.natives.refuseAtStart();
        this.#url = text;
        const signal = isolet.signals.make();
        this.#state = socketStates.connecting(this, !automaticClose, () =>
          isolet.signals.abort(signal, new Error("Network connection lost.")),
        );
        connect(this.#state, target, names, signal, (protocol) => {
          this.#protocol = protocol;
          this.#extensions = null;
        });
      }

      get readyState() {
        return socketStates.readyState(this.#state);
      }
      // Those that new WebSocket(url) did not make have none of these.
      get url() {
        return this.#url;
      }
      get protocol() {
        return this.#protocol;
      }
      get extensions() {
        return this.#extensions;
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
          offered(fetch) {
            const socket = new WebSocket(token);
            socket.#state.offer = fetch;
            return socket;
          },
          opened: (state) => fire(state, new Event("open")),
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
