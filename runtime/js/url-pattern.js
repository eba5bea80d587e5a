// URLPattern. The host parses patterns and URLs; the regular expressions of a pattern run here.

const {
  ArrayPrototypePush,
  JSONParse,
  JSONStringify,
  ObjectPrototypeHasOwnProperty,
  RegExp,
  RegExpPrototypeExec,
  TypeError,
} = isolet.primordials;

isolet.lazy(["URLPattern"], [], (host) => {
  const { natives } = isolet;
  const { checkBrand, define, dictionary, isObject, usv } = isolet.idl;

  const components = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];

  // A URLPatternInit or a text, as JSON text.
  function jsonOf(input) {
    if (input === undefined) return "{}";
    if (!isObject(input)) return JSONStringify(usv(input));
    if (host.urls?.is(input)) return JSONStringify(isolet.urls.href(input));
    const init = { __proto__: null };
    const add = (key) => {
      const value = input[key];
      if (value !== undefined) init[key] = usv(value);
    };
    add("baseURL");
    for (let i = 0; i < components.length; i++) add(components[i]);
    return JSONStringify(init);
  }

  // A part of a pattern: its text, its regular expression, and the names of its groups.
  function part({ patternString, regexpString, groupNameList }, ignoreCase) {
    try {
      const regexp = new RegExp(regexpString, ignoreCase ? "vi" : "v");
      return { __proto__: null, text: patternString, regexp, names: groupNameList };
    } catch (/** @type {any} */ error) {
      throw new TypeError(`Invalid URLPattern: ${error.message}.`);
    }
  }

  // The components of a URL to match, and the input as it was read: its getters run once.
  function matchOf(input, base) {
    const json = jsonOf(input);
    const against = base === undefined ? undefined : usv(base);
    const text = natives.matchUrlPattern(json, against);
    if (text === null) throw new TypeError("The base URL of an object is its `baseURL`.");
    return { __proto__: null, url: text === undefined ? undefined : JSONParse(text), json, base: against };
  }

  class URLPattern {
    #parts = { __proto__: null };
    #hasGroups;

    /** @param {ScriptValue} [input] @param {ScriptValue} [base] @param {ScriptValue} [options] */
    constructor(input = undefined, base = undefined, options = undefined) {
      if (isObject(base) && options === undefined) {
        options = base;
        base = undefined;
      }
      const ignoreCase = !!dictionary(options, "The options of URLPattern").ignoreCase;
      const text = natives.parseUrlPattern(jsonOf(input), base === undefined ? undefined : usv(base), ignoreCase);
      const parsed = JSONParse(text);
      if (ObjectPrototypeHasOwnProperty(parsed, "error")) throw new TypeError(`Invalid URLPattern: ${parsed.error}.`);
      for (let i = 0; i < components.length; i++)
        this.#parts[components[i]] = part(parsed[components[i]], ignoreCase && i >= 5);
      this.#hasGroups = parsed.hasRegexpGroups;
    }

    get protocol() {
      return this.#parts.protocol.text;
    }
    get username() {
      return this.#parts.username.text;
    }
    get password() {
      return this.#parts.password.text;
    }
    get hostname() {
      return this.#parts.hostname.text;
    }
    get port() {
      return this.#parts.port.text;
    }
    get pathname() {
      return this.#parts.pathname.text;
    }
    get search() {
      return this.#parts.search.text;
    }
    get hash() {
      return this.#parts.hash.text;
    }
    get hasRegExpGroups() {
      return this.#hasGroups;
    }

    /** @param {ScriptValue} [input] @param {ScriptValue} [base] */
    test(input = undefined, base = undefined) {
      checkBrand(this.#parts);
      const { url } = matchOf(input, base);
      if (url === undefined) return false;
      for (let i = 0; i < components.length; i++)
        if (RegExpPrototypeExec(this.#parts[components[i]].regexp, url[components[i]]) === null) return false;
      return true;
    }

    /** @param {ScriptValue} [input] @param {ScriptValue} [base] */
    exec(input = undefined, base = undefined) {
      checkBrand(this.#parts);
      const { url, json, base: against } = matchOf(input, base);
      if (url === undefined) return null;
      const inputs = [JSONParse(json)];
      if (against !== undefined) ArrayPrototypePush(inputs, against);
      const result = { inputs };
      for (let i = 0; i < components.length; i++) {
        const { regexp, names } = this.#parts[components[i]];
        const found = RegExpPrototypeExec(regexp, url[components[i]]);
        if (found === null) return null;
        const groups = {};
        for (let k = 0; k < names.length; k++) groups[names[k]] = found[k + 1];
        result[components[i]] = { input: url[components[i]], groups };
      }
      return result;
    }

    static {
      isolet.inspectable(
        (value) => #hasGroups in value,
        (pattern) => {
          const fields = { __proto__: null };
          for (let i = 0; i < components.length; i++) fields[components[i]] = pattern[components[i]];
          return { __proto__: null, fields };
        },
      );
    }
  }
  define(URLPattern);
  return { URLPattern };
});
