// URL. Parsing and setting are the host's; here is what a script holds.

const { ArrayBuffer, StringPrototypeIndexOf, StringPrototypeSlice, TypeError } = isolet.primordials;

isolet.lazy(["URL"], ["urls"], (host) => {
  const { natives } = isolet;
  const { define, need, usv } = isolet.idl;

  // Where the host puts the positions of the URL that it has parsed last.
  const positionsBuffer = new ArrayBuffer(28);
  const positions = new isolet.typedArrays.Uint32Array(positionsBuffer);

  // Returns undefined if the text is not a valid URL.
  const parse = (url, base) => natives.parseUrl(usv(url), base === undefined ? undefined : usv(base), positionsBuffer);

  // Those whose origin is their host.
  const hasTupleOrigin = (protocol) =>
    protocol === "https:" || protocol === "http:" || protocol === "wss:" || protocol === "ws:" || protocol === "ftp:";

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
    #href = "";
    #protocolEnd = 0;
    #hostStart = 0;
    #hostEnd = 0;
    #portEnd = 0;
    #pathStart = 0;
    #pathEnd = 0;
    #queryEnd = 0;
    #params;

    /** @param {ScriptValue} url @param {ScriptValue} [base] */
    constructor(url, base = undefined) {
      need(arguments.length, 1, "new URL");
      url = usv(url);
      if (base !== undefined) base = usv(base);
      const href = natives.parseUrl(url, base, positionsBuffer);
      if (href === undefined) throw invalid(url, base);
      this.#become(href);
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

    // Takes what the host has parsed last.
    #become(href) {
      this.#href = href;
      this.#protocolEnd = positions[UrlPosition.ProtocolEnd];
      this.#hostStart = positions[UrlPosition.HostStart];
      this.#hostEnd = positions[UrlPosition.HostEnd];
      this.#portEnd = positions[UrlPosition.PortEnd];
      this.#pathStart = positions[UrlPosition.PathStart];
      this.#pathEnd = positions[UrlPosition.PathEnd];
      this.#queryEnd = positions[UrlPosition.QueryEnd];
    }

    #set(part, value) {
      const href = natives.setUrl(this.#href, part, usv(value), positionsBuffer);
      if (href === undefined) throw new TypeError("The URL would be too long (isolet takes URLs of up to 8 MiB).");
      this.#become(href);
    }

    #slice(from, to) {
      return StringPrototypeSlice(this.#href, from, to);
    }

    // A query or fragment with its first character, unless that is all.
    #marked(from, to) {
      return to - from <= 1 ? "" : StringPrototypeSlice(this.#href, from, to);
    }

    // "user:password", or nothing.
    #credentials() {
      const from = this.#protocolEnd + 2;
      return this.#hostStart > from ? this.#slice(from, this.#hostStart - 1) : "";
    }

    #origin() {
      const protocol = this.#slice(0, this.#protocolEnd);
      if (hasTupleOrigin(protocol)) return `${protocol}//${this.#slice(this.#hostStart, this.#portEnd)}`;
      if (protocol !== "blob:") return "null";
      const path = this.#slice(this.#pathStart, this.#pathEnd);
      if (natives.parseUrl(path) === undefined) return "null";
      const inner = new URL(path);
      const scheme = inner.#slice(0, inner.#protocolEnd);
      return scheme === "https:" || scheme === "http:" ? inner.#origin() : "null";
    }

    #query() {
      return this.#queryEnd - this.#pathEnd <= 1 ? "" : this.#slice(this.#pathEnd + 1, this.#queryEnd);
    }

    get href() {
      return this.#href;
    }
    set href(value) {
      value = usv(value);
      const href = natives.parseUrl(value, undefined, positionsBuffer);
      if (href === undefined) throw invalid(value);
      this.#become(href);
      if (this.#params !== undefined) isolet.params.reset(this.#params, this.#query());
    }
    get origin() {
      return this.#origin();
    }
    get protocol() {
      return this.#slice(0, this.#protocolEnd);
    }
    set protocol(value) {
      this.#set(UrlPart.Protocol, value);
    }
    get username() {
      const credentials = this.#credentials();
      const at = StringPrototypeIndexOf(credentials, ":");
      return at === -1 ? credentials : StringPrototypeSlice(credentials, 0, at);
    }
    set username(value) {
      this.#set(UrlPart.Username, value);
    }
    get password() {
      const credentials = this.#credentials();
      const at = StringPrototypeIndexOf(credentials, ":");
      return at === -1 ? "" : StringPrototypeSlice(credentials, at + 1);
    }
    set password(value) {
      this.#set(UrlPart.Password, value);
    }
    get host() {
      return this.#slice(this.#hostStart, this.#portEnd);
    }
    set host(value) {
      this.#set(UrlPart.Host, value);
    }
    get hostname() {
      return this.#slice(this.#hostStart, this.#hostEnd);
    }
    set hostname(value) {
      this.#set(UrlPart.Hostname, value);
    }
    get port() {
      return this.#portEnd > this.#hostEnd ? this.#slice(this.#hostEnd + 1, this.#portEnd) : "";
    }
    set port(value) {
      this.#set(UrlPart.Port, value);
    }
    get pathname() {
      return this.#slice(this.#pathStart, this.#pathEnd);
    }
    set pathname(value) {
      this.#set(UrlPart.Pathname, value);
    }
    get search() {
      return this.#marked(this.#pathEnd, this.#queryEnd);
    }
    set search(value) {
      this.#set(UrlPart.Search, value);
      if (this.#params !== undefined) isolet.params.reset(this.#params, this.#query());
    }
    get searchParams() {
      return (this.#params ??= isolet.params.attached(this.#query(), (query) => this.#set(UrlPart.Search, query)));
    }
    get hash() {
      return this.#marked(this.#queryEnd, this.#href.length);
    }
    set hash(value) {
      this.#set(UrlPart.Hash, value);
    }
    toString() {
      return this.#href;
    }
    toJSON() {
      return this.#href;
    }

    static {
      host.urls = {
        __proto__: null,
        is: (value) => #href in value,
        href: (url) => url.#href,
        origin: (url) => url.#origin(),
        protocol: (url) => url.#slice(0, url.#protocolEnd),
        // A text as a URL, or undefined.
        parsed: (text, base) => (natives.parseUrl(text, base) === undefined ? undefined : new URL(text, base)),
        // The href of a text, or undefined.
        resolve: (text) => natives.parseUrl(usv(text)),
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
