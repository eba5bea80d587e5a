// URL. Parsing and setting are the host's; here is what a script holds.

const { StringPrototypeIndexOf, StringPrototypeSlice, TypeError } = isolet.primordials;

isolet.lazy(["URL"], ["urls"], (host) => {
  const { natives } = isolet;
  const { define, list, need, usv } = isolet.idl;

  // Returns undefined if the text is not a valid URL.
  const parse = (url, base) => natives.parseUrl(usv(url), base === undefined ? undefined : usv(base));

  // Takes texts. What is too long to be quoted may be too long to be a URL, too: the host refuses
  // those whose `href` has more than 8 MiB, in which a character can take nine bytes.
  const QUOTED = 4096,
    LONG = (8 * 1024 * 1024) / 9;
  function invalid(url, base) {
    const shown = (text) =>
      text.length <= QUOTED
        ? isolet.inspect(text)
        : `a text of ${text.length} characters${text.length > LONG ? " (isolet takes URLs of up to 8 MiB)" : ""}`;
    return new TypeError(`Invalid URL: ${shown(url)}${base === undefined ? "" : `, relative to ${shown(base)}`}.`);
  }

  class URL {
    /** @type {string} */
    #text;
    #parts;
    #params;

    /** @param {ScriptValue} url @param {ScriptValue} [base] */
    constructor(url, base = undefined) {
      need(arguments.length, 1, "new URL");
      url = usv(url);
      if (base !== undefined) base = usv(base);
      const text = natives.parseUrl(url, base);
      if (text === undefined) throw invalid(url, base);
      this.#text = text;
    }

    static canParse(url, base = undefined) {
      need(arguments.length, 1, "URL.canParse");
      return parse(url, base) !== undefined;
    }

    static parse(url, base = undefined) {
      need(arguments.length, 1, "URL.parse");
      try {
        return new URL(url, base);
      } catch (error) {
        if (parse(url, base) === undefined) return null;
        throw error;
      }
    }

    #part(index) {
      if (this.#parts === undefined) {
        this.#parts = list();
        let from = 0;
        for (let i = 0; i < UrlPart.Hash; i++) {
          const to = StringPrototypeIndexOf(this.#text, "\n", from);
          this.#parts[i] = StringPrototypeSlice(this.#text, from, to);
          from = to + 1;
        }
        this.#parts[UrlPart.Hash] = StringPrototypeSlice(this.#text, from);
      }
      return this.#parts[index];
    }

    #become(text) {
      this.#text = text;
      this.#parts = undefined;
    }

    #set(index, value) {
      const text = natives.setUrl(this.#part(UrlPart.Href), index, usv(value));
      if (text === undefined) throw new TypeError("The URL would be too long (isolet takes URLs of up to 8 MiB).");
      this.#become(text);
    }

    #query() {
      const search = this.#part(UrlPart.Search);
      return search === "" ? "" : StringPrototypeSlice(search, 1);
    }

    get href() {
      return this.#part(UrlPart.Href);
    }
    set href(value) {
      value = usv(value);
      const text = natives.parseUrl(value);
      if (text === undefined) throw invalid(value);
      this.#become(text);
      if (this.#params !== undefined) isolet.params.reset(this.#params, this.#query());
    }
    get origin() {
      return this.#part(UrlPart.Origin);
    }
    get protocol() {
      return this.#part(UrlPart.Protocol);
    }
    set protocol(value) {
      this.#set(UrlPart.Protocol, value);
    }
    get username() {
      return this.#part(UrlPart.Username);
    }
    set username(value) {
      this.#set(UrlPart.Username, value);
    }
    get password() {
      return this.#part(UrlPart.Password);
    }
    set password(value) {
      this.#set(UrlPart.Password, value);
    }
    get host() {
      return this.#part(UrlPart.Host);
    }
    set host(value) {
      this.#set(UrlPart.Host, value);
    }
    get hostname() {
      return this.#part(UrlPart.Hostname);
    }
    set hostname(value) {
      this.#set(UrlPart.Hostname, value);
    }
    get port() {
      return this.#part(UrlPart.Port);
    }
    set port(value) {
      this.#set(UrlPart.Port, value);
    }
    get pathname() {
      return this.#part(UrlPart.Pathname);
    }
    set pathname(value) {
      this.#set(UrlPart.Pathname, value);
    }
    get search() {
      return this.#part(UrlPart.Search);
    }
    set search(value) {
      this.#set(UrlPart.Search, value);
      if (this.#params !== undefined) isolet.params.reset(this.#params, this.#query());
    }
    get searchParams() {
      return (this.#params ??= isolet.params.attached(this.#query(), (query) => this.#set(UrlPart.Search, query)));
    }
    get hash() {
      return this.#part(UrlPart.Hash);
    }
    set hash(value) {
      this.#set(UrlPart.Hash, value);
    }
    toString() {
      return this.#part(UrlPart.Href);
    }
    toJSON() {
      return this.#part(UrlPart.Href);
    }

    static {
      host.urls = {
        __proto__: null,
        is: (value) => #text in value,
        href: (url) => url.#part(UrlPart.Href),
        // The href of a text, or undefined.
        resolve(text) {
          const parsed = parse(text);
          return parsed === undefined
            ? undefined
            : StringPrototypeSlice(parsed, 0, StringPrototypeIndexOf(parsed, "\n"));
        },
      };
    }
  }
  define(URL);
  isolet.inspectable(isolet.urls.is, (url, label) => ({
    __proto__: null,
    text: `${label} '${isolet.urls.href(url)}'`,
  }));
  return { URL };
});
