// Headers, by the Fetch standard.

const {
  ArrayPrototypePush,
  JSONParse,
  Map,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  ObjectPrototypePropertyIsEnumerable,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
} = isolet.primordials;

isolet.lazy(["Headers"], ["headers", "httpToken", "Headers"], (host) => {
  const { pairs: Pairs } = isolet;
  const { byteString, define, isObject, iterate, list, need } = isolet.idl;

  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const forbidden = /[\0\r\n]/;

  // Valid names as they were written, and their keys: a program uses few.
  const names = new Map();
  const MOST_NAMES = 256;
  const LONGEST_NAME = 64;

  function nameOf(value) {
    const name = `${value}`;
    const known = MapPrototypeGet(names, name);
    if (known !== undefined) return known;
    if (RegExpPrototypeExec(token, name) === null)
      throw new TypeError(`${isolet.inspect(name)} is not a valid header name.`);
    const key = StringPrototypeToLowerCase(name);
    if (name.length <= LONGEST_NAME && MapPrototypeGetSize(names) < MOST_NAMES) MapPrototypeSet(names, name, key);
    return key;
  }

  // Visible ASCII, with blanks in between only: it stays as it is.
  function isPlain(text) {
    const { length } = text;
    for (let i = 0; i < length; i++) {
      const code = StringPrototypeCharCodeAt(text, i);
      if (code > 0x7e || code < 0x20 || (code === 0x20 && (i === 0 || i === length - 1))) return false;
    }
    return true;
  }

  const isSpace = (code) => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
  function valueOf(value) {
    const given = `${value}`;
    if (isPlain(given)) return given;
    const text = byteString(given, "The value of a header");
    let from = 0;
    let to = text.length;
    while (from < to && isSpace(StringPrototypeCharCodeAt(text, from))) from++;
    while (to > from && isSpace(StringPrototypeCharCodeAt(text, to - 1))) to--;
    const trimmed = StringPrototypeSlice(text, from, to);
    if (RegExpPrototypeExec(forbidden, trimmed) !== null)
      throw new TypeError(`${isolet.inspect(trimmed)} is not a valid header value: it contains a line break or NUL.`);
    return trimmed;
  }

  class Headers {
    // { key, value } in the order of appending; keys in lower case. `#list` is the way to them.
    #pairs = list();
    // JSON text of the pairs of a request, until they are read: many Workers read none.
    #unread;
    #immutable = false;
    #sorted;

    constructor(init = undefined) {
      if (init !== undefined) this.#fill(init);
    }

    get #list() {
      if (this.#unread !== undefined) {
        const received = JSONParse(this.#unread);
        this.#unread = undefined;
        for (let i = 0; i < received.length; i++)
          Pairs.add(this.#pairs, StringPrototypeToLowerCase(received[i][0]), received[i][1]);
      }
      return this.#pairs;
    }

    #fill(init) {
      if (!isObject(init))
        throw new TypeError("The argument of Headers must be an object, an array of pairs or Headers.");
      if (#pairs in init) {
        const pairs = init.#list;
        for (let i = 0; i < pairs.length; i++) ArrayPrototypePush(this.#pairs, pairs[i]);
      } else if (typeof init[SymbolIterator] === "function") {
        iterate(init, "The argument of Headers", (item) => {
          const pair = list();
          iterate(item, "An item of Headers' argument", (part) => ArrayPrototypePush(pair, part));
          if (pair.length !== 2)
            throw new TypeError("Each item of Headers' argument must be a pair of name and value.");
          this.#add(pair[0], pair[1]);
        });
      } else {
        const keys = ReflectOwnKeys(init);
        for (let i = 0; i < keys.length; i++) {
          if (ObjectPrototypePropertyIsEnumerable(init, keys[i])) this.#add(keys[i], init[keys[i]]);
        }
      }
    }

    #add(name, value) {
      const key = nameOf(name);
      const text = valueOf(value);
      Pairs.add(this.#list, key, text);
      this.#sorted = undefined;
    }

    #change() {
      if (this.#immutable)
        throw new TypeError(
          "These headers are immutable. Copy them: new Headers(headers), or new Response(response.body, response).",
        );
      this.#sorted = undefined;
    }

    #get(key) {
      const pairs = this.#list;
      let found = null;
      for (let i = 0; i < pairs.length; i++) {
        if (pairs[i].key === key) found = found === null ? pairs[i].value : `${found}, ${pairs[i].value}`;
      }
      return found;
    }

    // The list that iterators read: names in order, values combined, but each set-cookie alone.
    #combined() {
      if (this.#sorted !== undefined) return this.#sorted;
      const pairs = this.#list;
      const combined = list();
      const at = { __proto__: null };
      for (let i = 0; i < pairs.length; i++) {
        const { key, value } = pairs[i];
        if (key !== "set-cookie" && at[key] !== undefined) {
          at[key].value += `, ${value}`;
        } else {
          ArrayPrototypePush(combined, (at[key] = { __proto__: null, key, value }));
        }
      }
      return (this.#sorted = Pairs.sort(combined));
    }

    append(name, value) {
      need(arguments.length, 2, "Headers.append");
      this.#change();
      this.#add(name, value);
    }

    delete(name) {
      need(arguments.length, 1, "Headers.delete");
      const key = nameOf(name);
      this.#change();
      this.#pairs = Pairs.without(this.#list, key);
    }

    get(name) {
      need(arguments.length, 1, "Headers.get");
      return this.#get(nameOf(name));
    }

    getAll(name) {
      // Workers have it for this one name, from before getSetCookie.
      if (nameOf(name) !== "set-cookie") throw new TypeError('Headers.getAll is for "Set-Cookie" only; use get.');
      return this.getSetCookie();
    }

    getSetCookie() {
      return Pairs.all(this.#list, "set-cookie");
    }

    has(name) {
      need(arguments.length, 1, "Headers.has");
      return this.#get(nameOf(name)) !== null;
    }

    set(name, value) {
      need(arguments.length, 2, "Headers.set");
      const key = nameOf(name);
      const text = valueOf(value);
      this.#change();
      this.#pairs = Pairs.replaced(this.#list, key, text);
    }

    static {
      host.headers = {
        __proto__: null,
        is: (value) => isObject(value) && #pairs in value,
        get: (headers, key) => headers.#get(key),
        pairs: (headers) => headers.#list,
        combined: (headers) => headers.#combined(),
        // For names and values that need no check.
        add(headers, key, value) {
          Pairs.add(headers.#list, key, value);
          headers.#sorted = undefined;
        },
        freeze(headers) {
          headers.#immutable = true;
          return headers;
        },
        // JSON text of [[name, value], …] from the wire, where names may be in any case.
        unread(text) {
          const headers = new Headers();
          headers.#unread = text;
          return headers;
        },
        // The same as an array.
        received(pairs) {
          const headers = new Headers();
          for (let i = 0; i < pairs.length; i++) {
            Pairs.add(headers.#pairs, StringPrototypeToLowerCase(pairs[i][0]), pairs[i][1]);
          }
          return headers;
        },
      };
    }
  }
  define(Headers);
  Pairs.iterable(Headers, host.headers.combined);
  isolet.inspectable(isolet.headers.is, (headers) => Pairs.fields(isolet.headers.combined(headers), true));
  host.Headers = Headers;
  host.httpToken = (text) => RegExpPrototypeExec(token, text) !== null;
  return { Headers };
});
