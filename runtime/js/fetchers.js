// The global fetch of Workers, bindings that fetch, such as `env.ASSETS`, and `ctx.exports`:
// isolet's own process answers them, or gives them to a Worker.

const {
  ArrayPrototypePush,
  Error,
  JSONParse,
  JSONStringify,
  ObjectSetPrototypeOf,
  Promise,
  PromisePrototypeThen,
  RangeError,
  ReferenceError,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SyntaxError,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
} = isolet.primordials;

isolet.lazy([], ["fetchers"], (host) => {
  const { bodies, headers: Heads, natives, requests, responses } = isolet;
  const { define, need } = isolet.idl;

  const token = {};
  // The target of the global fetch. `GLOBAL_FETCH` in src/worker/fetch_host.rs has its name.
  const GLOBAL = '{"Binding":""}';
  // The target behind `caches`. `CACHES` there has its name.
  const CACHES = '{"Binding":":caches"}';
  // The same number as in workers.js: the bytes of a body that come before they are read.
  const WINDOW = 262144;
  const MAX_REDIRECTS = 20;
  const isRedirect = (status) => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

  // The fetches that have not ended, by number.
  const live = { __proto__: null };

  // Makes the object that it is given an instance of the classes below.
  class Instance {
    /** @param {object | undefined} self */
    constructor(self) {
      if (self !== undefined) {
        ObjectSetPrototypeOf(self, new.target.prototype);
        return self;
      }
    }
  }

  class Fetcher extends Instance {
    // The JSON text of a `FetchTarget`, and its name in errors.
    #target;
    #name;

    /** @param {object} key @param {string} target @param {string} name @param {object} [self] */
    constructor(key, target, name, self = undefined) {
      super(self);
      if (key !== token) throw new TypeError("Illegal constructor: a Fetcher is a binding in env.");
      this.#target = target;
      this.#name = name;
    }

    /** @param {ScriptValue} input @param {ScriptValue} [init] */
    async fetch(input, init = undefined) {
      const target = this.#target;
      need(arguments.length, 1, `${this.#name}.fetch`);
      return await follow(target, requests.fields(new isolet.Request(input, init)));
    }
  }
  define(Fetcher);

  // A value of ctx.exports: it can be called for another one with properties.
  class LoopbackServiceStub extends Fetcher {}
  define(LoopbackServiceStub);

  function ofExport(name) {
    const label = `ctx.exports.${name === "" ? "default" : name}`;
    const target = (propsText) =>
      `{"Export":{"name":${JSONStringify(isolet.idl.usv(name))},"props":${JSONStringify(propsText)}}}`;
    const stub = (options) => {
      const { props } = isolet.idl.dictionary(isolet.idl.isObject(options) ? options : refuse(label), label);
      if (props === undefined) return wrapped(target(""));
      if (!isolet.idl.isObject(props)) throw new TypeError(`\`props\` of ${label}({ props }) must be an object.`);
      return wrapped(target(/** @type {string} */ (isolet.toJSONText(props, `\`props\` of ${label}`))));
    };
    // Any name but those of its class is a method.
    // @ts-expect-error These two can be deleted.
    delete stub.name;
    // @ts-expect-error
    delete stub.length;
    const wrapped = (to) => isolet.services.wrap(new Fetcher(token, to, label), to);
    return isolet.services.wrap(new LoopbackServiceStub(token, target(""), label, stub), target(""));
  }

  /** @returns {never} */
  function refuse(label) {
    throw new TypeError(`The argument of ${label}() must be an object such as { props: { … } }.`);
  }

  // A method, so that it has no prototype and cannot be constructed.
  const { fetch } = {
    /** @param {ScriptValue} input @param {ScriptValue} [init] */
    async fetch(input, init = undefined) {
      need(arguments.length, 1, "fetch");
      return await follow(GLOBAL, requests.fields(new isolet.Request(input, init)));
    },
  };

  // Sends a request, and those that redirects ask for, to the same target, as the Fetch standard
  // says.
  /** @type {(target: string, request: RequestFields) => Promise<Response>} */
  async function follow(target, request) {
    const site = isolet.callSite();
    const failure = (message) => isolet.placed(new TypeError(message), site);
    const { redirect, signal } = request;
    let content = request.body === undefined ? undefined : bodies.open(request.body, "request");
    if (typeof content === "string") content = isolet.utf8.encode(content);
    const isStream = content !== undefined && !isolet.outgoing.isBytes(content);
    let pairs = headersOf(target, request);
    const cf =
      request.cfText ??
      (isolet.idl.isObject(request.cf) ? (isolet.toJSONText(request.cf, "`cf` of a Request") ?? "") : "");
    let { method, url } = request;
    for (let count = 0; ; count++) {
      const from = /** @type {URL} */ (isolet.urls.parsed(url));
      const protocol = isolet.urls.protocol(from);
      if (protocol !== "http:" && protocol !== "https:") throw failure(`Fetch API cannot load: ${url}`);
      const text = headersText(pairs, content);
      const response = await send(target, method, url, text, content, cf, signal, count > 0, site);
      const { headers, status, body } = responses.fields(response);
      const to = redirect !== "manual" && isRedirect(status) ? Heads.get(headers, "location") : null;
      if (to === null) return response;
      // Nobody reads the body of a redirect.
      if (body?.stream !== undefined) isolet.streams.cancel(isolet.streams.state(body.stream), undefined);
      if (redirect === "error") throw failure(`${url} redirects, and the request has redirect: "error".`);
      if (count === MAX_REDIRECTS) throw failure(`${url}: more than ${MAX_REDIRECTS} redirects.`);
      const next = isolet.urls.parsed(to, url);
      if (next === undefined) throw failure(`${url} redirects to an invalid URL.`);
      if (status !== 303 && isStream) {
        throw failure(
          `${url} redirects, and the body of the request was a stream, which cannot be sent again. Send a text or bytes, or set redirect: "manual".`,
        );
      }
      const becomesGet =
        status === 303
          ? method !== "GET" && method !== "HEAD"
          : (status === 301 || status === 302) && method === "POST";
      if (becomesGet) {
        method = "GET";
        content = undefined;
        pairs = without(pairs, bodyHeaders);
      }
      if (isolet.urls.origin(next) !== isolet.urls.origin(from)) pairs = without(pairs, originHeaders);
      url = isolet.urls.href(next);
    }
  }

  // The headers of a request, with those that its cache mode means to other servers.
  /** @type {(target: string, request: RequestFields) => Pair[]} */
  function headersOf(target, { cache, headers }) {
    const pairs = Heads.pairs(headers);
    if (target !== GLOBAL || (cache !== "no-store" && cache !== "reload" && cache !== "no-cache")) return pairs;
    const all = without(pairs, none);
    const add = (key, value) => {
      if (Heads.get(headers, key) === null) isolet.pairs.add(all, key, value);
    };
    if (cache !== "no-cache") add("pragma", "no-cache");
    add("cache-control", cache === "no-cache" ? "max-age=0" : "no-cache");
    return all;
  }
  const none = { __proto__: null };

  // The headers that a redirect drops with the body, and those that it drops on the way to another
  // origin.
  const bodyHeaders = {
    __proto__: null,
    "content-encoding": true,
    "content-language": true,
    "content-location": true,
    "content-type": true,
  };
  const originHeaders = { __proto__: null, authorization: true };

  /** @type {(pairs: Pair[], names: any) => Pair[]} */
  function without(pairs, names) {
    const kept = isolet.idl.list();
    for (let i = 0; i < pairs.length; i++) if (names[pairs[i].key] !== true) ArrayPrototypePush(kept, pairs[i]);
    return kept;
  }

  // By hand: JSON.stringify would call a toJSON that a script put on Array.prototype. The length of
  // the body is its real one, and not what the script says.
  /** @type {(pairs: Pair[], content: Bytes | ReadableStream | undefined) => string} */
  function headersText(pairs, content) {
    let text = "[";
    const add = (key, value) => {
      text += `${text === "[" ? "" : ","}[${JSONStringify(key)},${JSONStringify(value)}]`;
    };
    for (let i = 0; i < pairs.length; i++) if (pairs[i].key !== "content-length") add(pairs[i].key, pairs[i].value);
    if (content !== undefined) {
      const length = isolet.outgoing.isBytes(content)
        ? TypedArrayPrototypeGetByteLength(content)
        : isolet.streams.state(content).knownLength;
      if (length !== undefined) add("content-length", `${length}`);
    }
    return `${text}]`;
  }

  /** @type {(target: string, method: string, url: string, text: string, content: Bytes | ReadableStream | undefined, cf: string, signal: AbortSignal | undefined, redirected: boolean, site: CallSite) => Promise<Response>} */
  const send = (target, method, url, text, content, cf, signal, redirected, site) =>
    new Promise((resolve, reject) => {
      if (signal !== undefined && isolet.signals.aborted(signal)) {
        reject(isolet.signals.reason(signal));
        return;
      }
      const isWhole =
        content === undefined ||
        (isolet.outgoing.isBytes(content) && TypedArrayPrototypeGetByteLength(content) <= WINDOW);
      const call = natives.fetch(target, method, url, text, isWhole ? /** @type {any} */ (content) : true, cf);
      if (typeof call !== "number") {
        reject(isolet.placed(new TypeError(call), site));
        return;
      }
      /** @type {any} */
      const f = {
        __proto__: null,
        call,
        request: natives.request(),
        url,
        redirected,
        site,
        resolve,
        reject,
        // Its own body, while it is sent in pieces, and the end of a wait for that.
        outgoing: undefined,
        sent: undefined,
        // All of the answer has come.
        answered: false,
        // Of an answer's body in pieces: its stream's state, the bytes that came and those that
        // were confirmed.
        stream: undefined,
        received: 0,
        confirmed: 0,
        unfollow: undefined,
        // The network behind the WebSocket that is the answer, once that is accepted, and what is
        // called at its end.
        wire: undefined,
        closed: undefined,
      };
      live[call] = f;
      if (signal !== undefined)
        f.unfollow = isolet.signals.follow(signal, () => drop(f, isolet.signals.reason(signal)));
      if (!isWhole) upload(f, content);
    });

  // Sends a body in pieces. What the binding does not read is cancelled.
  function upload(f, content) {
    // The body goes on after the response to the request for which it is sent.
    isolet.workers.wait(
      f.request,
      new Promise((resolve) => {
        f.sent = resolve;
      }),
    );
    f.outgoing = isolet.outgoing.open(content, "request", {
      __proto__: null,
      send(bytes, length) {
        if (!natives.sendFetchBody(f.call, bytes, length))
          drop(
            f,
            isolet.placed(
              new RangeError("There is no memory for the body of this fetch, which waits for others."),
              f.site,
            ),
          );
        return length;
      },
      close() {
        natives.endFetchBody(f.call);
        f.sent();
        if (f.answered) forget(f);
      },
      fail: (reason) => drop(f, reason),
    });
    isolet.outgoing.pump(f.outgoing);
  }

  // The fetch has ended, or will with the rest of its body.
  function answered(f) {
    f.answered = true;
    if (f.outgoing === undefined || f.outgoing.done) forget(f);
  }

  function withoutFragment(url) {
    const at = StringPrototypeIndexOf(url, "#");
    return at === -1 ? url : StringPrototypeSlice(url, 0, at);
  }

  function forget(f) {
    delete live[f.call];
    if (f.unfollow !== undefined) f.unfollow();
  }

  // Ends the body that a fetch sends.
  function stopUpload(f, reason) {
    if (f.sent === undefined) return;
    const stopped = f.outgoing === undefined ? undefined : isolet.outgoing.stop(f.outgoing, reason);
    if (stopped !== undefined) PromisePrototypeThen(stopped, undefined, () => {});
    f.sent();
  }

  // Ends a fetch for which nobody waits any more.
  function drop(f, reason) {
    forget(f);
    natives.endFetch(f.call);
    stopUpload(f, reason);
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
      cancel(reason) {
        forget(f);
        natives.endFetch(f.call);
        stopUpload(f, reason);
      },
      highWaterMark: WINDOW,
      size: undefined,
      bytes: true,
    });
    streams.begin(f.stream, undefined);
    return bodies.ofStream(streams.wrap(f.stream));
  }

  // Opens the WebSocket that a fetch was answered with. The request goes on for it as for a promise
  // that was given to waitUntil, as in workerd.
  function accept(f, state) {
    if (live[f.call] !== f) {
      state.aborted = true;
      return;
    }
    isolet.workers.wait(
      f.request,
      new Promise((resolve) => {
        f.closed = resolve;
      }),
    );
    f.wire = isolet.socketWires.connect(state, f.call, () => {
      forget(f);
      isolet.socketWires.end(f.wire);
      natives.endFetch(f.call);
      f.closed();
    });
  }

  // The classes of errors that come from another Worker as they were thrown.
  const classes = { __proto__: null, RangeError, ReferenceError, SyntaxError, TypeError };

  // What happens to a fetch after it was sent.
  const events = {
    __proto__: null,
    [FetchEvent.Response](f, value, headText) {
      const head = JSONParse(headText);
      let body, socket;
      if (value === null) {
        // It goes on by itself.
        if (f.unfollow !== undefined) f.unfollow();
        f.unfollow = undefined;
        stopUpload(f, new TypeError("A request for a WebSocket has no body."));
        socket = isolet.webSockets.offered(f);
      } else if (value === true) {
        body = incoming(f);
      } else {
        answered(f);
        if (value !== undefined) body = bodies.ofContent(new Uint8Array(value));
      }
      const url = withoutFragment(f.url);
      f.resolve(responses.received(head[0], head[1], head[2], head[3], body, url, f.redirected, socket));
    },
    [FetchEvent.Chunk](f, value) {
      const chunk = new Uint8Array(value);
      f.received += TypedArrayPrototypeGetByteLength(chunk);
      if (isolet.streams.canEnqueue(f.stream)) isolet.streams.enqueue(f.stream, chunk);
    },
    [FetchEvent.End](f) {
      answered(f);
      if (isolet.streams.canEnqueue(f.stream)) isolet.streams.requestClose(f.stream);
    },
    [FetchEvent.Failed](f, message, name) {
      forget(f);
      const error = isolet.placed(new (classes[name ?? "TypeError"] ?? Error)(message), f.site);
      stopUpload(f, error);
      f.reject(error);
      if (f.stream !== undefined) isolet.streams.fail(f.stream, error);
    },
    [FetchEvent.Credit](f, bytes) {
      if (f.outgoing !== undefined) isolet.outgoing.credit(f.outgoing, bytes);
    },
    [FetchEvent.Refused](f) {
      stopUpload(f, new TypeError("The rest of the body is not read by the one that it is sent to."));
      if (f.answered) forget(f);
    },
  };

  host.fetchers = {
    __proto__: null,
    fetch,
    accept,
    pass(f, respond) {
      if (live[f.call] !== f) throw new TypeError("The request that this WebSocket belongs to has ended.");
      forget(f);
      respond(f.call);
    },
    connect(url, protocols, signal) {
      const pairs = isolet.idl.list();
      isolet.pairs.add(pairs, "upgrade", "websocket");
      if (protocols !== "") isolet.pairs.add(pairs, "sec-websocket-protocol", protocols);
      return send(GLOBAL, "GET", url, headersText(pairs, undefined), undefined, "", signal, false, isolet.callSite());
    },
    cache(method, url, pairs, content) {
      const body = typeof content === "string" ? isolet.utf8.encode(content) : content;
      return send(CACHES, method, url, headersText(pairs, body), body, "", undefined, false, isolet.callSite());
    },
    make(name) {
      const target = `{"Binding":${JSONStringify(name)}}`;
      return isolet.services.wrap(new Fetcher(token, target, `env.${name}`), target);
    },
    ofExport,
    to: (target, name) => isolet.services.wrap(new Fetcher(token, target, name), target),
    targetOf: (value) => host.services?.targetOf(value),
    event(kind, call, value, text) {
      const f = live[call];
      if (f !== undefined) events[kind](f, value, text);
    },
    end(request) {
      for (const call in live) {
        const f = live[call];
        if (f.request !== request) continue;
        forget(f);
        const error = new TypeError("The request has ended, and what it fetches with it.");
        stopUpload(f, error);
        if (f.stream !== undefined && f.stream.state === "readable") isolet.streams.fail(f.stream, error);
        if (f.wire !== undefined) isolet.socketWires.end(f.wire);
      }
    },
  };
});
