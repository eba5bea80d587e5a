// Request.

const { JSONParse, RegExpPrototypeExec, StringPrototypeToUpperCase, TypeError } = isolet.primordials;

isolet.lazy(["Request"], ["requests", "Request"], (host) => {
  const { bodies, Headers, headers: Heads, urls } = isolet;
  const { bare, checkBrand, define, dictionary, isObject, need, usv } = isolet.idl;

  const token = {};
  // These are upper case whatever a script writes; other methods are as written, by the standard.
  const known = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i;
  const refused = /^(?:CONNECT|TRACE|TRACK)$/i;
  const redirects = { __proto__: null, follow: true, manual: true, error: true };

  function methodOf(value) {
    const text = `${value}`;
    if (!isolet.httpToken(text) || RegExpPrototypeExec(refused, text) !== null)
      throw new TypeError(`${isolet.inspect(text)} is not a valid method for a Request.`);
    return normalized(text);
  }

  /** @param {string} method */
  const normalized = (method) =>
    method !== "GET" && RegExpPrototypeExec(known, method) !== null ? StringPrototypeToUpperCase(method) : method;

  const Fields = bare(
    class {
      method = "GET";
      url = "";
      headers;
      body;
      redirect = "follow";
      signal;
      signalOf;
      cf;
      cfText;
      cache = "default";
      integrity = "";
      keepalive = false;
    },
  );

  class Request {
    /** @type {RequestFields} */
    #r;

    /** @param {ScriptValue} input @param {ScriptValue} [init] */
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
      /** @type {RequestFields} */
      const r = new Fields();
      r.method = method === undefined ? (from?.method ?? "GET") : methodOf(method);
      r.url = url;
      r.headers = new Headers(headers === undefined ? from?.headers : headers);
      r.redirect = redirect === undefined ? (from?.redirect ?? "follow") : `${redirect}`;
      r.signal = signal === undefined ? from?.signal : (signal ?? undefined);
      r.signalOf = signal === undefined ? from?.signalOf : undefined;
      r.cf = cf === undefined ? from?.cf : cf;
      r.cfText = cf === undefined ? from?.cfText : undefined;
      r.cache = cache === undefined ? (from?.cache ?? "default") : `${cache}`;
      r.integrity = integrity === undefined ? (from?.integrity ?? "") : `${integrity}`;
      r.keepalive = keepalive === undefined ? (from?.keepalive ?? false) : !!keepalive;
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
    // Made when it is asked for. The signal of a request that came in aborts when its client goes.
    get signal() {
      const r = this.#r;
      return (r.signal ??= r.signalOf === undefined ? isolet.signals.make() : r.signalOf());
    }
    get cf() {
      const r = this.#r;
      if (r.cfText !== undefined) {
        r.cf = JSONParse(r.cfText);
        r.cfText = undefined;
      }
      return r.cf;
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
      checkBrand(this.#r);
      return "";
    }
    get credentials() {
      checkBrand(this.#r);
      return "same-origin";
    }
    get mode() {
      checkBrand(this.#r);
      return "cors";
    }
    get referrer() {
      checkBrand(this.#r);
      return "about:client";
    }
    get referrerPolicy() {
      checkBrand(this.#r);
      return "";
    }
    get duplex() {
      checkBrand(this.#r);
      return "half";
    }

    clone() {
      const r = this.#r;
      const cloned = new Fields();
      cloned.method = r.method;
      cloned.url = r.url;
      cloned.headers = new Headers(r.headers);
      cloned.body = bodies.clone(r.body, "request");
      cloned.redirect = r.redirect;
      cloned.signal = r.signal;
      cloned.signalOf = r.signalOf;
      cloned.cf = r.cf;
      cloned.cfText = r.cfText;
      cloned.cache = r.cache;
      cloned.integrity = r.integrity;
      cloned.keepalive = r.keepalive;
      return new Request(token, cloned);
    }

    static {
      bodies.install(Request, (request) => request.#r, "request");
      host.requests = {
        __proto__: null,
        is: (value) => isObject(value) && #r in value,
        // A request from the wire, with its parsed URL. `headersText`: JSON text of names and
        // values; `cfText`: that of the property `cf`. The headers are immutable, as in Workers.
        received(method, url, headersText, body, cfText, signalOf) {
          const r = new Fields();
          r.method = normalized(method);
          r.url = url;
          r.headers = Heads.freeze(Heads.unread(headersText));
          r.body = body;
          r.redirect = "manual";
          r.signalOf = signalOf;
          r.cfText = cfText;
          return new Request(token, r);
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
