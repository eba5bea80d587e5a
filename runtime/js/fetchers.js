// Bindings that fetch, such as `env.ASSETS`: isolet's own process answers them.

const {
  JSONParse,
  JSONStringify,
  Promise,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
} = isolet.primordials;

isolet.lazy([], ["fetchers"], (host) => {
  const { bodies, headers: Heads, natives, requests, responses } = isolet;
  const { define, need } = isolet.idl;

  const token = {};
  // The same number as in workers.js: the bytes of a body that come before they are read.
  const WINDOW = 262144;
  const MAX_REDIRECTS = 20;
  const isRedirect = (status) => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

  // The fetches that have not ended, by number.
  const live = { __proto__: null };

  class Fetcher {
    #name;

    constructor(key, name) {
      if (key !== token) throw new TypeError("Illegal constructor: a Fetcher is a binding in env.");
      this.#name = name;
    }

    /** @param {ScriptValue} input @param {ScriptValue} [init] */
    async fetch(input, init = undefined) {
      const name = this.#name;
      need(arguments.length, 1, `env.${name}.fetch`);
      return await follow(name, requests.fields(new isolet.Request(input, init)));
    }
  }
  define(Fetcher);

  // Sends a request, and those that redirects ask for, to the same binding.
  /** @type {(name: string, request: RequestFields) => Promise<Response>} */
  async function follow(name, request) {
    const { redirect, signal } = request;
    // What is fetched has no use for a body; it counts as read.
    if (request.body !== undefined) bodies.open(request.body, "request");
    const text = headersText(request.headers);
    let { method, url } = request;
    for (let count = 0; ; count++) {
      const response = await send(name, method, url, text, signal);
      const { headers, status } = responses.fields(response);
      const to = redirect !== "manual" && isRedirect(status) ? Heads.get(headers, "location") : null;
      if (to === null) return response;
      if (redirect === "error") throw new TypeError(`${url} redirects, and the request has redirect: "error".`);
      if (count === MAX_REDIRECTS) throw new TypeError(`${url}: more than ${MAX_REDIRECTS} redirects.`);
      const parts = natives.parseUrl(to, url);
      if (parts === undefined) throw new TypeError(`${url} redirects to an invalid URL.`);
      url = StringPrototypeSlice(parts, 0, StringPrototypeIndexOf(parts, "\n"));
      if (status === 303 && method !== "HEAD") method = "GET";
    }
  }

  // By hand: JSON.stringify would call a toJSON that a script put on Array.prototype.
  function headersText(headers) {
    const pairs = Heads.pairs(headers);
    let text = "[";
    for (let i = 0; i < pairs.length; i++)
      text += `${i === 0 ? "" : ","}[${JSONStringify(pairs[i].key)},${JSONStringify(pairs[i].value)}]`;
    return `${text}]`;
  }

  /** @type {(name: string, method: string, url: string, text: string, signal: AbortSignal | undefined) => Promise<Response>} */
  const send = (name, method, url, text, signal) =>
    new Promise((resolve, reject) => {
      if (signal !== undefined && isolet.signals.aborted(signal)) {
        reject(isolet.signals.reason(signal));
        return;
      }
      const call = natives.fetch(name, method, url, text);
      if (typeof call !== "number") {
        reject(new TypeError(call));
        return;
      }
      /** @type {any} */
      const f = {
        __proto__: null,
        call,
        request: natives.request(),
        resolve,
        reject,
        // Of a body in pieces: its stream's state, the bytes that came and those that were
        // confirmed.
        stream: undefined,
        received: 0,
        confirmed: 0,
        unfollow: undefined,
      };
      live[call] = f;
      if (signal !== undefined)
        f.unfollow = isolet.signals.follow(signal, () => drop(f, isolet.signals.reason(signal)));
    });

  function forget(f) {
    delete live[f.call];
    if (f.unfollow !== undefined) f.unfollow();
  }

  // Ends a fetch for which nobody waits any more.
  function drop(f, reason) {
    forget(f);
    natives.endFetch(f.call);
    f.reject(reason);
    if (f.stream !== undefined) isolet.streams.fail(f.stream, reason);
  }

  function incoming(f) {
    const { streams } = isolet;
    f.stream = streams.create({
      __proto__: null,
      pull() {
        const read = f.received - f.stream.queue.size;
        if (read > f.confirmed) {
          natives.confirmFetch(f.call, read - f.confirmed);
          f.confirmed = read;
        }
      },
      cancel() {
        forget(f);
        natives.endFetch(f.call);
      },
      highWaterMark: WINDOW,
      size: undefined,
      bytes: true,
    });
    streams.begin(f.stream, undefined);
    return bodies.ofStream(streams.wrap(f.stream));
  }

  // What happens to a fetch after it was sent.
  const events = {
    __proto__: null,
    [FetchEvent.Response](f, value, headText) {
      const head = JSONParse(headText);
      let body;
      if (value === true) {
        body = incoming(f);
      } else {
        forget(f);
        if (value !== undefined) body = bodies.ofContent(new Uint8Array(value));
      }
      f.resolve(responses.received(head[0], head[1], head[2], body));
    },
    [FetchEvent.Chunk](f, value) {
      const chunk = new Uint8Array(value);
      f.received += TypedArrayPrototypeGetByteLength(chunk);
      if (isolet.streams.canEnqueue(f.stream)) isolet.streams.enqueue(f.stream, chunk);
    },
    [FetchEvent.End](f) {
      forget(f);
      if (isolet.streams.canEnqueue(f.stream)) isolet.streams.requestClose(f.stream);
    },
    [FetchEvent.Failed](f, message) {
      forget(f);
      const error = new TypeError(message);
      f.reject(error);
      if (f.stream !== undefined) isolet.streams.fail(f.stream, error);
    },
  };

  host.fetchers = {
    __proto__: null,
    make: (name) => new Fetcher(token, name),
    event(kind, call, value, headText) {
      const f = live[call];
      if (f !== undefined) events[kind](f, value, headText);
    },
    end(request) {
      for (const call in live) {
        const f = live[call];
        if (f.request !== request) continue;
        forget(f);
        if (f.stream !== undefined && f.stream.state === "readable")
          isolet.streams.fail(f.stream, new TypeError("The request has ended, and what it fetches with it."));
      }
    },
  };
});
