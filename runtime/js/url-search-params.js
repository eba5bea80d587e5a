// URLSearchParams, alone or as a URL's live `searchParams`.

const {
  ArrayPrototypePush,
  ObjectPrototypePropertyIsEnumerable,
  ReflectOwnKeys,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SymbolIterator,
  TypeError,
} = isolet.primordials;

isolet.lazy(["URLSearchParams"], ["params"], (host) => {
  const { natives, pairs: Pairs } = isolet;
  const { define, isObject, iterate, list, need, usv } = isolet.idl;

  // Loops and searches: a match of a regular expression costs an array.
  function isPlain(text) {
    for (let i = 0; i < text.length; i++) {
      const code = StringPrototypeCharCodeAt(text, i);
      const isLetter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
      const isDigit = code >= 0x30 && code <= 0x39;
      if (!isLetter && !isDigit && code !== 0x2a && code !== 0x2d && code !== 0x2e && code !== 0x5f) return false;
    }
    return true;
  }
  const encode = (text) => (isPlain(text) ? text : natives.formEncode(text));
  const isCoded = (text) => StringPrototypeIndexOf(text, "%") !== -1 || StringPrototypeIndexOf(text, "+") !== -1;

  // `a=1&b=2` to a list of { key, value }.
  /** @type {ParamsOperations["parse"]} */
  function parse(text) {
    const pairs = list();
    const decode = isCoded(text) ? (part) => (isCoded(part) ? natives.formDecode(part) : part) : (part) => part;
    for (let from = 0; from <= text.length; ) {
      let to = StringPrototypeIndexOf(text, "&", from);
      if (to === -1) to = text.length;
      if (to > from) {
        const part = StringPrototypeSlice(text, from, to);
        const at = StringPrototypeIndexOf(part, "=");
        const key = decode(at === -1 ? part : StringPrototypeSlice(part, 0, at));
        Pairs.add(pairs, key, at === -1 ? "" : decode(StringPrototypeSlice(part, at + 1)));
      }
      from = to + 1;
    }
    return pairs;
  }

  function serialise(pairs) {
    let text = "";
    for (let i = 0; i < pairs.length; i++)
      text += `${i === 0 ? "" : "&"}${encode(pairs[i].key)}=${encode(pairs[i].value)}`;
    return text;
  }

  // [key, value] as an item of a sequence<sequence<USVString>>.
  function pairOf(item) {
    const pair = list();
    iterate(item, "An item of URLSearchParams' argument", (part) => ArrayPrototypePush(pair, usv(part)));
    if (pair.length !== 2)
      throw new TypeError("Each item of URLSearchParams' argument must be a pair of name and value.");
    return { __proto__: null, key: pair[0], value: pair[1] };
  }

  class URLSearchParams {
    #pairs;
    // Told the new query after each change; only a URL's own searchParams have one.
    #changed;

    /** @param {ScriptValue} [init] */
    constructor(init = "") {
      if (isObject(init)) {
        if (typeof init[SymbolIterator] === "function") {
          this.#pairs = list();
          iterate(init, "URLSearchParams' argument", (item) => ArrayPrototypePush(this.#pairs, pairOf(item)));
        } else {
          this.#pairs = list();
          const keys = ReflectOwnKeys(init);
          for (let i = 0; i < keys.length; i++) {
            if (!ObjectPrototypePropertyIsEnumerable(init, keys[i])) continue;
            const key = usv(keys[i]);
            this.#pairs = Pairs.replaced(this.#pairs, key, usv(init[keys[i]]));
          }
        }
      } else {
        const text = usv(init);
        this.#pairs = parse(text[0] === "?" ? StringPrototypeSlice(text, 1) : text);
      }
    }

    #update() {
      if (this.#changed !== undefined) this.#changed(serialise(this.#pairs));
    }

    get size() {
      return this.#pairs.length;
    }

    append(name, value) {
      need(arguments.length, 2, "URLSearchParams.append");
      const key = usv(name);
      const text = usv(value);
      Pairs.add(this.#pairs, key, text);
      this.#update();
    }

    delete(name, value = undefined) {
      need(arguments.length, 1, "URLSearchParams.delete");
      const key = usv(name);
      const text = value === undefined ? undefined : usv(value);
      this.#pairs = Pairs.without(this.#pairs, key, text);
      this.#update();
    }

    get(name) {
      need(arguments.length, 1, "URLSearchParams.get");
      const key = usv(name);
      return Pairs.first(this.#pairs, key) ?? null;
    }

    getAll(name) {
      need(arguments.length, 1, "URLSearchParams.getAll");
      const key = usv(name);
      return Pairs.all(this.#pairs, key);
    }

    has(name, value = undefined) {
      need(arguments.length, 1, "URLSearchParams.has");
      const key = usv(name);
      const text = value === undefined ? undefined : usv(value);
      return Pairs.has(this.#pairs, key, text);
    }

    set(name, value) {
      need(arguments.length, 2, "URLSearchParams.set");
      const key = usv(name);
      const text = usv(value);
      this.#pairs = Pairs.replaced(this.#pairs, key, text);
      this.#update();
    }

    sort() {
      Pairs.sort(this.#pairs);
      this.#update();
    }

    toString() {
      return serialise(this.#pairs);
    }

    static {
      host.params = {
        __proto__: null,
        is: (value) => #pairs in value,
        // The searchParams of a URL, told of changes.
        attached(query, changed) {
          const params = new URLSearchParams(query);
          params.#changed = changed;
          return params;
        },
        reset(params, query) {
          params.#pairs = parse(query);
        },
        pairs: (params) => params.#pairs,
        text: (params) => serialise(params.#pairs),
        parse,
      };
    }
  }
  define(URLSearchParams);
  Pairs.iterable(URLSearchParams, host.params.pairs);
  isolet.inspectable(host.params.is, (params) => Pairs.fields(isolet.params.pairs(params), false));
  return { URLSearchParams };
});
