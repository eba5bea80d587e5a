// URLSearchParams, alone or as a URL's live `searchParams`.

const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  FunctionPrototypeCall,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SymbolIterator,
  TypeError,
} = isolet.primordials;

isolet.lazy(["URLSearchParams"], ["params"], (host) => {
  const { natives } = isolet;
  const { alias, define, isObject, iterate, list, need, own, pairIterator, usv } = isolet.idl;

  const plain = /^[A-Za-z0-9*._-]*$/;
  const coded = /[+%]/;
  const encode = (text) => (RegExpPrototypeExec(plain, text) !== null ? text : natives.formEncode(text));
  const decode = (text) => (RegExpPrototypeExec(coded, text) === null ? text : natives.formDecode(text));

  // `a=1&b=2` to a list of { key, value }.
  function parse(text) {
    const pairs = list();
    for (let from = 0; from <= text.length;) {
      let to = StringPrototypeIndexOf(text, "&", from);
      if (to === -1) to = text.length;
      if (to > from) {
        const part = StringPrototypeSlice(text, from, to);
        const at = StringPrototypeIndexOf(part, "=");
        const key = decode(at === -1 ? part : StringPrototypeSlice(part, 0, at));
        ArrayPrototypePush(pairs, {
          __proto__: null,
          key,
          value: at === -1 ? "" : decode(StringPrototypeSlice(part, at + 1)),
        });
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

  const iterator = pairIterator("URLSearchParams");

  class URLSearchParams {
    #pairs;
    // Told the new query after each change; only a URL's own searchParams have one.
    #changed;

    constructor(init = "") {
      if (isObject(init)) {
        if (typeof init[SymbolIterator] === "function") {
          this.#pairs = list();
          iterate(init, "URLSearchParams' argument", (item) => ArrayPrototypePush(this.#pairs, pairOf(item)));
        } else {
          this.#pairs = list();
          const keys = ReflectOwnKeys(init);
          for (let i = 0; i < keys.length; i++) {
            if (!own(init, keys[i])?.enumerable) continue;
            const key = usv(keys[i]);
            this.#put(key, usv(init[keys[i]]));
          }
        }
      } else {
        const text = usv(init);
        this.#pairs = parse(text[0] === "?" ? StringPrototypeSlice(text, 1) : text);
      }
    }

    // Sets the one pair of a name, or adds it.
    #put(key, value) {
      let found = false;
      const kept = list();
      for (let i = 0; i < this.#pairs.length; i++) {
        const pair = this.#pairs[i];
        if (pair.key !== key) ArrayPrototypePush(kept, pair);
        else if (!found) {
          found = true;
          ArrayPrototypePush(kept, { __proto__: null, key, value });
        }
      }
      if (!found) ArrayPrototypePush(kept, { __proto__: null, key, value });
      this.#pairs = kept;
    }

    #update() {
      if (this.#changed !== undefined) this.#changed(serialise(this.#pairs));
    }

    get size() {
      return this.#pairs.length;
    }

    append(name, value) {
      need(arguments.length, 2, "URLSearchParams.append");
      ArrayPrototypePush(this.#pairs, { __proto__: null, key: usv(name), value: usv(value) });
      this.#update();
    }

    delete(name, value = undefined) {
      need(arguments.length, 1, "URLSearchParams.delete");
      const key = usv(name);
      const only = value === undefined ? undefined : usv(value);
      const kept = list();
      for (let i = 0; i < this.#pairs.length; i++) {
        const pair = this.#pairs[i];
        if (pair.key !== key || (only !== undefined && pair.value !== only)) ArrayPrototypePush(kept, pair);
      }
      this.#pairs = kept;
      this.#update();
    }

    get(name) {
      need(arguments.length, 1, "URLSearchParams.get");
      const key = usv(name);
      for (let i = 0; i < this.#pairs.length; i++) if (this.#pairs[i].key === key) return this.#pairs[i].value;
      return null;
    }

    getAll(name) {
      need(arguments.length, 1, "URLSearchParams.getAll");
      const key = usv(name);
      const values = [];
      for (let i = 0; i < this.#pairs.length; i++)
        if (this.#pairs[i].key === key) ArrayPrototypePush(values, this.#pairs[i].value);
      return values;
    }

    has(name, value = undefined) {
      need(arguments.length, 1, "URLSearchParams.has");
      const key = usv(name);
      const only = value === undefined ? undefined : usv(value);
      for (let i = 0; i < this.#pairs.length; i++) {
        const pair = this.#pairs[i];
        if (pair.key === key && (only === undefined || pair.value === only)) return true;
      }
      return false;
    }

    set(name, value) {
      need(arguments.length, 2, "URLSearchParams.set");
      this.#put(usv(name), usv(value));
      this.#update();
    }

    sort() {
      // Stable, by UTF-16 units as `<` compares.
      ArrayPrototypeSort(this.#pairs, (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      this.#update();
    }

    forEach(callback, self = undefined) {
      need(arguments.length, 1, "URLSearchParams.forEach");
      if (typeof callback !== "function") throw new TypeError("URLSearchParams.forEach takes a function.");
      for (let i = 0; i < this.#pairs.length; i++) {
        FunctionPrototypeCall(callback, self, this.#pairs[i].value, this.#pairs[i].key, this);
      }
    }

    keys() {
      this.#pairs;
      return iterator((i) => this.#pairs[i], "key");
    }
    values() {
      this.#pairs;
      return iterator((i) => this.#pairs[i], "value");
    }
    entries() {
      this.#pairs;
      return iterator((i) => this.#pairs[i], "pair");
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
  alias(URLSearchParams, SymbolIterator, "entries");
  isolet.inspectable(host.params.is, (params) => {
    const fields = { __proto__: null };
    const pairs = isolet.params.pairs(params);
    for (let i = 0; i < pairs.length; i++) fields[pairs[i].key] = pairs[i].value;
    return { __proto__: null, fields };
  });
  return { URLSearchParams };
});
