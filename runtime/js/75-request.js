// Request.

const { JSONParse, RegExpPrototypeExec, StringPrototypeToUpperCase, TypeError, Uint8Array } = isolet.primordials;

isolet.lazy(["Request"], ["requests", "Request"], (host) => {
  const { bodies, Headers, headers: Heads, urls } = isolet;
  const { define, dictionary, isObject, need, usv } = isolet.idl;

  const token = {};
  // These are upper case whatever a script writes; other methods are as written, by the standard.
  const known = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i;
  const refused = /^(?:CONNECT|TRACE|TRACK)$/i;
  const redirects = { __proto__: null, follow: true, manual: true, error: true };

  function methodOf(value) {
    const text = `${value}`;
    if (!isolet.httpToken(text) || RegExpPrototypeExec(refused, text) !== null)
      throw new TypeError(`${isolet.inspect(text)} is no method for a Request.`);
    return RegExpPrototypeExec(known, text) !== null ? StringPrototypeToUpperCase(text) : text;
  }

  class Request {
    // { method, url, headers, body, redirect, signal, cf, cache, integrity, keepalive }
    #r;

    constructor(input, init = undefined) {
      if (input === token) {
        this.#r = init;
        return;
      }
      need(arguments.length, 1, "new Request");
      const from = isObject(input) && #r in input ? input.#r : undefined;
      const options = dictionary(init, "The second argument of Request");
      let url;
      if (from === undefined) {
        url = urls.resolve(usv(input));
        if (url === undefined)
          throw new TypeError(`Invalid URL: ${isolet.inspect(usv(input))}. A Request needs an absolute one.`);
      } else {
        url = from.url;
      }
      const { body, cache, cf, headers, integrity, keepalive, method, redirect, signal } = options;
      if (redirect !== undefined && redirects[redirect] !== true)
        throw new TypeError('`redirect` must be "follow", "manual" or "error".');
      if (signal !== undefined && signal !== null && !host.signals?.is(signal))
        throw new TypeError("`signal` must be an AbortSignal.");
      const r = {
        __proto__: null,
        method: method === undefined ? (from?.method ?? "GET") : methodOf(method),
        url,
        headers: new Headers(headers === undefined ? from?.headers : headers),
        body: undefined,
        redirect: redirect === undefined ? (from?.redirect ?? "follow") : `${redirect}`,
        signal: signal === undefined ? from?.signal : (signal ?? undefined),
        cf: cf === undefined ? from?.cf : cf,
        cache: cache === undefined ? (from?.cache ?? "default") : `${cache}`,
        integrity: integrity === undefined ? (from?.integrity ?? "") : `${integrity}`,
        keepalive: keepalive === undefined ? (from?.keepalive ?? false) : !!keepalive,
      };
      if (body !== undefined && body !== null) {
        if (r.method === "GET" || r.method === "HEAD")
          throw new TypeError(`A ${r.method} request can have no body. Set the method: { method: "POST", body }.`);
        r.body = bodies.extract(body);
        if (r.body.type !== undefined && Heads.get(r.headers, "content-type") === null)
          Heads.add(r.headers, "content-type", r.body.type);
      } else if (body === undefined && from !== undefined) {
        if (from.body !== undefined && (r.method === "GET" || r.method === "HEAD") && method !== undefined)
          throw new TypeError(`A ${r.method} request can have no body.`);
        r.body = bodies.move(from.body, "request");
      }
      this.#r = r;
    }

    get method() {
      return this.#r.method;
    }
    get url() {
      return this.#r.url;
    }
    get headers() {
      return this.#r.headers;
    }
    get redirect() {
      return this.#r.redirect;
    }
    // Made when it is asked for: nothing here aborts a request that came in.
    get signal() {
      return (this.#r.signal ??= isolet.signals.make());
    }
    get cf() {
      return this.#r.cf;
    }
    get cache() {
      return this.#r.cache;
    }
    get integrity() {
      return this.#r.integrity;
    }
    get keepalive() {
      return this.#r.keepalive;
    }
    get destination() {
      this.#r;
      return "";
    }
    get credentials() {
      this.#r;
      return "same-origin";
    }
    get mode() {
      this.#r;
      return "cors";
    }
    get referrer() {
      this.#r;
      return "about:client";
    }
    get referrerPolicy() {
      this.#r;
      return "";
    }
    get duplex() {
      this.#r;
      return "half";
    }

    clone() {
      const r = this.#r;
      return new Request(token, {
        __proto__: null,
        method: r.method,
        url: r.url,
        headers: new Headers(r.headers),
        body: bodies.clone(r.body, "request"),
        redirect: r.redirect,
        signal: r.signal,
        cf: r.cf,
        cache: r.cache,
        integrity: r.integrity,
        keepalive: r.keepalive,
      });
    }

    static {
      bodies.install(Request, (request) => request.#r, "request");
      host.requests = {
        __proto__: null,
        is: (value) => isObject(value) && #r in value,
        // A request that the host took from the wire; `body`: an ArrayBuffer of its own, a text or undefined. Its headers
        // are immutable, as in Workers.
        received(method, url, headersText, body) {
          const content = body === undefined ? undefined : bodies.extract("");
          if (content !== undefined) content.source = typeof body === "string" ? body : new Uint8Array(body);
          return new Request(token, {
            __proto__: null,
            method: RegExpPrototypeExec(known, method) !== null ? StringPrototypeToUpperCase(method) : method,
            url: urls.resolve(url) ?? url,
            headers: Heads.freeze(Heads.received(JSONParse(headersText))),
            body: content,
            redirect: "manual",
            signal: undefined,
            cf: undefined,
            cache: "default",
            integrity: "",
            keepalive: false,
          });
        },
        fields: (request) => request.#r,
      };
    }
  }
  define(Request);
  isolet.inspectable(isolet.requests.is, (request) => {
    const { method, url, headers } = isolet.requests.fields(request);
    return { __proto__: null, fields: { __proto__: null, method, url, headers } };
  });
  host.Request = Request;
  return { Request };
});
