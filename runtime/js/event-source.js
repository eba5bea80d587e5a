// EventSource of Workers: over their fetch, or over a stream. As in other Workers it gives up after
// an answer that is not an event stream, and after a failed connection; it connects again when a
// stream ends.

const {
  Error,
  MathMax,
  MathMin,
  ObjectDefineProperty,
  PromisePrototypeThen,
  StringFromCharCode,
  TypeError,
  TypedArrayPrototypeGetLength,
} = isolet.primordials;

isolet.lazy([], ["EventSource"], (host) => {
  const { bodies, headers: Heads, responses, signals } = isolet;
  const { define, dictionary, isObject, need, usv } = isolet.idl;
  const { decodeWith, ErrorEvent, Event, EventTarget, eventTargets, MessageEvent, TextDecoder } = isolet;

  const CONNECTING = 0;
  const OPEN = 1;
  const CLOSED = 2;
  // The time until it connects again, in milliseconds, and what a server can make of it.
  const RETRY = 2000;
  const MIN_RETRY = 1000;
  const MAX_RETRY = 10000;

  const ofStream = {};
  const more = { __proto__: null, stream: true };

  class EventSource extends EventTarget {
    #url = "";
    #origin = "";
    #fetcher;
    #state = CONNECTING;
    #stream = { __proto__: null, lastEventId: "", retry: RETRY };
    #signal;
    #reader;

    /** @param {ScriptValue} url @param {ScriptValue} [init] */
    constructor(url, init = undefined) {
      need(arguments.length, 1, "new EventSource");
      super();
      if (url === ofStream) {
        this.#state = OPEN;
        return;
      }
      const { fetcher, withCredentials } = dictionary(init, "The second argument of EventSource");
      const text = usv(url);
      const href = isolet.urls.resolve(text);
      if (href === undefined)
        throw new isolet.DOMException(`The URL ${isolet.inspect(text)} of an EventSource is not valid.`, "SyntaxError");
      if (withCredentials)
        throw new isolet.DOMException("withCredentials of an EventSource is not supported.", "NotSupportedError");
      if (fetcher !== undefined && (!isObject(fetcher) || typeof fetcher.fetch !== "function"))
        throw new TypeError("`fetcher` of an EventSource must have a function fetch.");
      this.#url = href;
      this.#fetcher = fetcher;
      this.#connect();
    }

    /** @param {ScriptValue} stream */
    static from(stream) {
      if (!host.streams?.is(stream)) throw new TypeError("EventSource.from takes a ReadableStream.");
      const source = new EventSource(ofStream);
      source.#read(stream, () => source.#close("The server disconnected."));
      return source;
    }

    #connect() {
      this.#state = CONNECTING;
      this.#signal = signals.make();
      const headers = { __proto__: null, accept: "text/event-stream", "cache-control": "no-cache" };
      const { lastEventId } = this.#stream;
      if (lastEventId !== "") headers["last-event-id"] = byteText(lastEventId);
      const init = { __proto__: null, headers, signal: this.#signal };
      const fetched =
        this.#fetcher === undefined
          ? isolet.fetchers.fetch(this.#url, init)
          : isolet.streaming.promised(() => this.#fetcher.fetch(this.#url, init));
      PromisePrototypeThen(
        fetched,
        (response) => this.#answered(response),
        (error) => this.#close(isolet.describe(error).message),
      );
    }

    #answered(response) {
      if (this.#state === CLOSED) return;
      if (!responses.is(response)) {
        this.#close("The fetcher returned no Response.");
        return;
      }
      const { body, headers, status, url } = responses.fields(response);
      const type = Heads.get(headers, "content-type");
      if (status !== 200) this.#close(`The response status code was ${status}.`);
      else if (type === null) this.#close("No content type header was present in the response.");
      else if (bodies.essence(type) !== "text/event-stream") this.#close(`The content type '${type}' is invalid.`);
      else {
        this.#origin = originOf(url === "" ? this.#url : url);
        this.#state = OPEN;
        this.#dispatch(new Event("open"));
        if (this.#state === CLOSED) return;
        if (body === undefined) this.#again();
        else this.#read(bodies.streamOf(body), () => this.#again());
      }
    }

    // `ended` is called when the stream is over.
    #read(stream, ended) {
      const decoder = new TextDecoder();
      const take = isolet.eventStream(this.#stream, (type, data) => {
        if (this.#state === CLOSED) return;
        const { lastEventId } = this.#stream;
        this.#dispatch(
          new MessageEvent(type, { __proto__: null, data, lastEventId, origin: this.#origin, ports: [], source: null }),
        );
      });
      const reader = isolet.streams.acquire(isolet.streams.state(stream));
      this.#reader = reader;
      const next = () => {
        if (this.#state === CLOSED || this.#reader !== reader) return;
        isolet.streams.read(reader, {
          __proto__: null,
          chunk: (value) => {
            if (isolet.idl.isBuffer(value)) take(decodeWith(decoder, value, more));
            else if (typeof value === "string") take(value);
            // Not at once: a stream that is there already would be read in one turn of recursion.
            PromisePrototypeThen(isolet.streaming.promiseResolve(undefined), next);
          },
          close: ended,
          // Not at once: a stream may fail while its request ends, when no listener can run.
          error: (reason) =>
            PromisePrototypeThen(isolet.streaming.promiseResolve(undefined), () =>
              this.#close(isolet.describe(reason).message),
            ),
        });
      };
      // Listeners are added after EventSource.from returns.
      PromisePrototypeThen(isolet.streaming.promiseResolve(undefined), next);
    }

    // The stream has ended: connects again after a pause.
    #again() {
      if (this.#state === CLOSED) return;
      this.#state = CONNECTING;
      this.#fail("The server disconnected.");
      const pause = MathMin(MathMax(this.#stream.retry, MIN_RETRY), MAX_RETRY);
      isolet.setTimeout(() => {
        if (this.#state === CONNECTING) this.#connect();
      }, pause);
    }

    // Gives up.
    #close(message) {
      if (this.#state === CLOSED) return;
      this.#state = CLOSED;
      this.#fail(message);
    }

    #fail(message) {
      this.#dispatch(new ErrorEvent("error", { __proto__: null, error: new Error(message), message }));
    }

    #dispatch(event) {
      eventTargets.fire(this, event);
    }

    get url() {
      return this.#url;
    }
    get withCredentials() {
      isolet.idl.checkBrand(this.#url);
      return false;
    }
    get readyState() {
      return this.#state;
    }
    close() {
      if (this.#state === CLOSED) return;
      this.#state = CLOSED;
      const reason = new isolet.DOMException("The EventSource was closed.", "AbortError");
      if (this.#signal !== undefined) signals.abort(this.#signal, reason);
      const reader = this.#reader;
      if (reader !== undefined && reader.stream.state === "readable")
        PromisePrototypeThen(isolet.streams.cancel(reader.stream, reason), undefined, () => {});
    }
  }
  define(EventSource);
  isolet.handler(EventSource, "open");
  isolet.handler(EventSource, "message");
  isolet.handler(EventSource, "error");
  const states = ["CONNECTING", "OPEN", "CLOSED"];
  for (let value = 0; value < states.length; value++) {
    ObjectDefineProperty(EventSource, states[value], { __proto__: null, value, enumerable: true });
    ObjectDefineProperty(EventSource.prototype, states[value], { __proto__: null, value, enumerable: true });
  }

  // UTF-8 as a header carries it: a character for each byte.
  function byteText(text) {
    const bytes = isolet.utf8.encode(text);
    let characters = "";
    for (let i = 0; i < TypedArrayPrototypeGetLength(bytes); i++) characters += StringFromCharCode(bytes[i]);
    return characters;
  }

  function originOf(url) {
    const parsed = isolet.urls.parsed(url);
    return parsed === undefined ? "" : isolet.urls.origin(parsed);
  }

  host.EventSource = EventSource;
});
