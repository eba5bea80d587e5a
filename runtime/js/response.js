// Response.

const { JSONStringify, RangeError, RegExpPrototypeExec, TypeError } = isolet.primordials;

isolet.lazy(["Response"], ["responses", "Response"], (host) => {
  const { bodies, Headers, headers: Heads } = isolet;
  const { bare, byteString, define, dictionary, isObject, need, usv } = isolet.idl;

  const token = {};
  // Statuses whose responses have no body.
  const isBodiless = (status) => status === 101 || status === 204 || status === 205 || status === 304;
  const isRedirect = (status) => status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
  // HTTP's reason phrase: no control characters but tabs.
  const phrase = /^[\t\x20-\x7e\x80-\xff]*$/;

  const Fields = bare(
    class {
      statusText = "";
      body;
      type = "default";
      url = "";
      redirected = false;
      cf;
      // "manual": the body has its Content-Encoding already.
      encodeBody = "automatic";
      webSocket;
      constructor(status, headers) {
        this.status = status;
        this.headers = headers;
      }
    },
  );

  // Reads a constructor's `init`. `type` is the Content-Type if the headers have none.
  /** @type {(body: ScriptValue, init: ScriptValue, type: string | undefined) => ResponseFields} */
  function build(body, init, type) {
    const { cf, encodeBody, headers, status, statusText, webSocket } = dictionary(
      init,
      "The second argument of Response",
    );
    const socket = webSocket === undefined || webSocket === null ? undefined : webSocket;
    if (socket !== undefined && !host.webSockets?.is(socket))
      throw new TypeError("`webSocket` must be a WebSocket: one end of a WebSocketPair.");
    // `unsigned short`: what is not a number is 0.
    const code = status === undefined ? 200 : status & 0xffff;
    if (socket !== undefined && code !== 101)
      throw new RangeError("Responses with a WebSocket must have status code 101.");
    if (socket === undefined && (code < 200 || code > 599))
      throw new RangeError(`The status of a Response must be from 200 to 599, not ${code}.`);
    const text = statusText === undefined ? "" : byteString(statusText, "The statusText of a Response");
    if (RegExpPrototypeExec(phrase, text) === null)
      throw new TypeError("The statusText of a Response holds control characters.");
    /** @type {ResponseFields} */
    const r = new Fields(code, new Headers(headers));
    r.statusText = text;
    r.cf = cf;
    r.webSocket = socket;
    if (encodeBody !== undefined) {
      if (`${encodeBody}` === "manual") r.encodeBody = "manual";
      else if (`${encodeBody}` !== "automatic") throw new TypeError('`encodeBody` must be "automatic" or "manual".');
    }
    // Workers write `new Response("", { status: 204 })`.
    if (body !== undefined && body !== null && !(body === "" && isBodiless(code))) {
      if (isBodiless(code)) throw new TypeError(`A Response with status ${code} can have no body: pass null.`);
      r.body = bodies.extract(body);
      const given = type ?? r.body.type;
      if (given !== undefined && Heads.get(r.headers, "content-type") === null)
        Heads.add(r.headers, "content-type", given);
    }
    return r;
  }

  class Response {
    /** @type {ResponseFields} */
    #r;

    /** @param {ScriptValue} [body] @param {ScriptValue} [init] */
    constructor(body = null, init = undefined) {
      this.#r = body === token ? init : build(body, init, undefined);
    }

    static error() {
      const r = new Fields(0, Heads.freeze(new Headers()));
      r.type = "error";
      return new Response(token, r);
    }

    static json(data, init = undefined) {
      need(arguments.length, 1, "Response.json");
      const text = JSONStringify(data);
      if (text === undefined)
        throw new TypeError(`Response.json cannot carry ${data === undefined ? "undefined" : `a ${typeof data}`}.`);
      return new Response(token, build(text, init, "application/json"));
    }

    /** @param {ScriptValue} url @param {ScriptValue} [status] */
    static redirect(url, status = 302) {
      need(arguments.length, 1, "Response.redirect");
      const target = isolet.urls.resolve(usv(url));
      if (target === undefined) {
        throw new TypeError(
          `Invalid URL: ${isolet.inspect(usv(url))}. Response.redirect needs an absolute one: new URL(path, request.url).`,
        );
      }
      const code = status & 0xffff;
      if (!isRedirect(code))
        throw new RangeError(`The status of a redirect must be 301, 302, 303, 307 or 308, not ${code}.`);
      const headers = new Headers();
      Heads.add(headers, "location", target);
      return new Response(token, new Fields(code, Heads.freeze(headers)));
    }

    get type() {
      return this.#r.type;
    }
    get url() {
      return this.#r.url;
    }
    get redirected() {
      return this.#r.redirected;
    }
    get status() {
      return this.#r.status;
    }
    get ok() {
      return this.#r.status >= 200 && this.#r.status <= 299;
    }
    get statusText() {
      return this.#r.statusText;
    }
    get headers() {
      return this.#r.headers;
    }
    get cf() {
      return this.#r.cf;
    }
    get webSocket() {
      return this.#r.webSocket ?? null;
    }

    clone() {
      const r = this.#r;
      if (r.webSocket !== undefined) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
      const cloned = new Fields(r.status, new Headers(r.headers));
      cloned.statusText = r.statusText;
      cloned.body = bodies.clone(r.body, "response");
      cloned.type = r.type;
      cloned.url = r.url;
      cloned.redirected = r.redirected;
      cloned.cf = r.cf;
      cloned.encodeBody = r.encodeBody;
      return new Response(token, cloned);
    }

    static {
      bodies.install(Response, (response) => response.#r, "response");
      host.responses = {
        __proto__: null,
        is: (value) => isObject(value) && #r in value,
        received(status, statusText, pairs, encoded, body, url, redirected, webSocket) {
          const headers = Heads.freeze(Heads.received(pairs));
          if (encoded) bodies.encoded(body, headers);
          const r = new Fields(status, headers);
          r.statusText = statusText;
          r.body = body;
          r.url = url;
          r.redirected = redirected;
          r.webSocket = webSocket;
          return new Response(token, r);
        },
        fields: (response) => response.#r,
      };
    }
  }
  define(Response);
  isolet.inspectable(isolet.responses.is, (response) => {
    const { status, statusText, headers } = isolet.responses.fields(response);
    return { __proto__: null, fields: { __proto__: null, status, statusText, headers } };
  });
  host.Response = Response;
  return { Response };
});
