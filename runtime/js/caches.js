// The caches of Workers: caches.default and caches.open(). The responses are in isolet's own
// process, which is asked as a binding is: PUT, GET and DELETE of a URL. What is not of the URL or
// of the response is in headers whose names begin with a colon.

const {
  ArrayPrototypePush,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToLowerCase,
  StringPrototypeTrim,
  TypeError,
} = isolet.primordials;

isolet.lazy([], ["workerCaches"], (host) => {
  const { bodies, headers: Heads, natives, requests, responses } = isolet;
  const { checkBrand, define, dictionary, list, need, string } = isolet.idl;

  const token = {};
  const MAX_NAME = 1024;
  // The headers of a request that matter for an answer.
  const asked = { __proto__: null, "if-modified-since": true, "if-none-match": true, range: true };

  const notImplemented = (what) => new TypeError(`${what} is not implemented, as in other Workers.`);

  function requestOf(input) {
    const request = requests.fields(new isolet.Request(input));
    if (!StringPrototypeStartsWith(request.url, "http:") && !StringPrototypeStartsWith(request.url, "https:"))
      throw new TypeError(`A cache cannot hold ${isolet.inspect(request.url)}: keys are http: and https: URLs.`);
    return request;
  }

  function keyOf({ url }) {
    const at = StringPrototypeIndexOf(url, "#");
    return at === -1 ? url : StringPrototypeSlice(url, 0, at);
  }

  const allPattern = /(?:^|,)\s*\*\s*(?:,|$)/;
  const variesByAll = (headers) => RegExpPrototypeExec(allPattern, Heads.get(headers, "vary") ?? "") !== null;

  // The body as it is sent: compressed if the headers say so.
  function contentOf({ body, encodeBody, headers }) {
    if (body === undefined) return undefined;
    const encoding = StringPrototypeToLowerCase(StringPrototypeTrim(Heads.get(headers, "content-encoding") ?? ""));
    const isPlain = body.encoding === undefined && encodeBody === "automatic";
    const content = bodies.open(body, "response");
    if (!isPlain || (encoding !== "gzip" && encoding !== "x-gzip")) return content;
    const { readable, writable } = isolet.codecs.compress("gzip");
    const bytes = typeof content === "string" ? isolet.utf8.encode(content) : content;
    const stream = isolet.outgoing.isBytes(bytes) ? isolet.pipes.ofBytes(bytes) : bytes;
    isolet.pipes.through(isolet.streams.state(stream), isolet.writables.state(writable));
    return readable;
  }

  class Cache {
    #name;

    constructor(key, name) {
      if (key !== token) throw new TypeError("Illegal constructor: use caches.default or caches.open().");
      this.#name = name;
    }

    #ask(method, request, pairs, content) {
      const all = list();
      const add = (key, value) => ArrayPrototypePush(all, { __proto__: null, key, value });
      if (this.#name !== undefined) add(":cache", this.#name);
      for (let i = 0; i < pairs.length; i++) ArrayPrototypePush(all, pairs[i]);
      return isolet.fetchers.cache(method, keyOf(request), all, content);
    }

    /** @param {ScriptValue} input @param {ScriptValue} response */
    async put(input, response) {
      checkBrand(this.#name);
      need(arguments.length, 2, "Cache.put");
      if (!responses.is(response)) throw new TypeError("The second argument of Cache.put must be a Response.");
      const request = requestOf(input);
      const fields = responses.fields(response);
      if (request.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
      if (fields.status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
      if (variesByAll(fields.headers)) throw new TypeError("Cannot cache response with 'Vary: *' header.");
      if (fields.status === 304) {
        natives.log(ConsoleLevel.Warn, "A response with status 304 is not cached.");
        return;
      }
      const pairs = list();
      const add = (key, value) => ArrayPrototypePush(pairs, { __proto__: null, key, value });
      add(":status", `${fields.status}`);
      add(":status-text", fields.statusText);
      if (Heads.get(request.headers, "authorization") !== null) add(":authorized", "1");
      const own = Heads.pairs(fields.headers);
      for (let i = 0; i < own.length; i++) ArrayPrototypePush(pairs, own[i]);
      const { status } = responses.fields(await this.#ask("PUT", request, pairs, contentOf(fields)));
      if (status === 413)
        natives.log(
          ConsoleLevel.Warn,
          `The response for ${keyOf(request)} is too long for the cache, and was not kept.`,
        );
    }

    /** @param {ScriptValue} input @param {ScriptValue} [options] */
    async match(input, options = undefined) {
      checkBrand(this.#name);
      need(arguments.length, 1, "Cache.match");
      const request = requestOf(input);
      const { ignoreMethod } = dictionary(options, "The second argument of Cache.match");
      if (request.method !== "GET" && !ignoreMethod) return undefined;
      const pairs = list();
      const own = Heads.pairs(request.headers);
      for (let i = 0; i < own.length; i++) if (asked[own[i].key] === true) ArrayPrototypePush(pairs, own[i]);
      const response = await this.#ask("GET", request, pairs, undefined);
      const fields = responses.fields(response);
      fields.url = "";
      return Heads.get(fields.headers, "cf-cache-status") === null ? undefined : response;
    }

    /** @param {ScriptValue} input @param {ScriptValue} [options] */
    async delete(input, options = undefined) {
      checkBrand(this.#name);
      need(arguments.length, 1, "Cache.delete");
      const request = requestOf(input);
      const { ignoreMethod } = dictionary(options, "The second argument of Cache.delete");
      if (request.method !== "GET" && !ignoreMethod) return false;
      const response = await this.#ask("DELETE", request, list(), undefined);
      return responses.fields(response).status === 200;
    }

    async add() {
      checkBrand(this.#name);
      throw notImplemented("Cache.add");
    }
    async addAll() {
      checkBrand(this.#name);
      throw notImplemented("Cache.addAll");
    }
    async matchAll() {
      checkBrand(this.#name);
      throw notImplemented("Cache.matchAll");
    }
    async keys() {
      checkBrand(this.#name);
      throw notImplemented("Cache.keys");
    }
  }
  define(Cache);
  const standard = new Cache(token, undefined);

  class CacheStorage {
    #brand;

    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor: use caches.");
    }

    get default() {
      checkBrand(this.#brand);
      return standard;
    }
    /** @param {ScriptValue} name */
    async open(name) {
      checkBrand(this.#brand);
      need(arguments.length, 1, "CacheStorage.open");
      const text = string(name);
      if (text.length > MAX_NAME) throw new TypeError("Cache name is too long.");
      return new Cache(token, text);
    }
    async has() {
      checkBrand(this.#brand);
      throw notImplemented("CacheStorage.has");
    }
    async delete() {
      checkBrand(this.#brand);
      throw notImplemented("CacheStorage.delete");
    }
    async keys() {
      checkBrand(this.#brand);
      throw notImplemented("CacheStorage.keys");
    }
    async match() {
      checkBrand(this.#brand);
      throw notImplemented("CacheStorage.match");
    }
  }
  define(CacheStorage);

  host.workerCaches = { __proto__: null, Cache, CacheStorage, caches: new CacheStorage(token) };
});
