// The tokens that handlers of HTMLRewriter get. They note the changes for the host, and show a
// later handler of the same token what earlier ones changed.

const {
  ArrayPrototypePush,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeToLowerCase,
  TypeError,
} = isolet.primordials;
const prototypeOf = Object.getPrototypeOf;
const IteratorPrototype = prototypeOf(prototypeOf([][Symbol.iterator]()));

isolet.lazy([], ["htmlTokens"], (host) => {
  const { bodies } = isolet;
  const { define, dictionary, isObject, list, need, own, usv } = isolet.idl;

  const key = {};
  const tagName = /^[a-z][^ \n\r\t\f/>]*$/i;
  const attributeName = /^[^ \n\r\t\f/>=]+$/;
  const commentEnd = /-->|--!>|^-?>/;

  /** @type {HtmlTokens["make"]} */
  function make(data) {
    /** @type {HtmlTokenState} */
    const t = { __proto__: null, data, edits: list(), live: false, removed: false, pending: false, onEnd: undefined };
    if (data.kind === "element") ObjectSetPrototypeOf(data.attributes, null);
    return { __proto__: null, state: t, value: new classes[data.kind](key, t) };
  }

  /** @param {HtmlTokenState} t */
  function live(t) {
    if (!t.live)
      throw new TypeError(
        "This content token is no longer valid: use it in its handler only, and await what the handler waits for.",
      );
    return t;
  }

  function checkName(name, pattern, what) {
    if (RegExpPrototypeExec(pattern, name) === null)
      throw new TypeError(`${isolet.inspect(name)} cannot be the name of ${what}.`);
    return name;
  }

  // Content is a text, a Response or a ReadableStream, whose text is read before it is inserted.
  /** @param {HtmlTokenState} t @param {string} op */
  function insert(t, op, content, options) {
    const html = !!dictionary(options, "The options of the content").html;
    /** @type {any} */
    const edit = { __proto__: null, op, text: "", html };
    if (isObject(content) && host.responses?.is(content)) {
      edit.source = bodies.take(host.responses.fields(content).body, "response");
    } else if (isObject(content) && host.streams?.is(content)) {
      edit.source = isolet.pipes.readAll(content);
    } else {
      edit.text = usv(content);
    }
    if (edit.source !== undefined) t.pending = true;
    ArrayPrototypePush(t.edits, edit);
  }

  /** @param {HtmlTokenState} t @param {string} op */
  function change(t, op, values) {
    ArrayPrototypePush(t.edits, { __proto__: null, op, ...values });
  }

  /** @param {HtmlTokenState} t */
  const indexOf = (t, name) => {
    const { attributes } = t.data;
    for (let i = 0; i < attributes.length; i++) if (attributes[i][0] === name) return i;
    return -1;
  };

  // Gives a class the methods that insert content: before(content, options) and the like.
  const inserting = (Class, of, ops) => {
    const methods = {
      __proto__: null,
      before(content, options = undefined) {
        return add(this, "before", content, options, arguments.length);
      },
      after(content, options = undefined) {
        return add(this, "after", content, options, arguments.length);
      },
      prepend(content, options = undefined) {
        return add(this, "prepend", content, options, arguments.length);
      },
      append(content, options = undefined) {
        return add(this, "append", content, options, arguments.length);
      },
      setInnerContent(content, options = undefined) {
        return add(this, "inner", content, options, arguments.length);
      },
      replace(content, options = undefined) {
        const t = live(of(this));
        add(this, "replace", content, options, arguments.length);
        t.removed = true;
        return this;
      },
      remove() {
        const t = live(of(this));
        change(t, "remove", undefined);
        t.removed = true;
        return this;
      },
    };
    function add(self, op, content, options, count) {
      const t = live(of(self));
      need(count, 1, op);
      insert(t, op, content, options);
      return self;
    }
    const names = ReflectOwnKeys(methods);
    for (let i = 0; i < names.length; i++) {
      if (ops[names[i]]) {
        const descriptor = /** @type {PropertyDescriptor} */ (own(methods, names[i]));
        ObjectDefineProperty(Class.prototype, names[i], descriptor);
      }
    }
  };

  const check = (given) => {
    if (given !== key) throw new TypeError("Illegal constructor.");
  };

  class AttributesIterator {
    #t;
    #at = 0;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    next() {
      const { attributes } = live(this.#t).data;
      if (this.#at >= attributes.length) return { value: undefined, done: true };
      const attribute = attributes[this.#at++];
      return { value: [attribute[0], attribute[1]], done: false };
    }
    static {
      ObjectSetPrototypeOf(AttributesIterator.prototype, IteratorPrototype);
    }
  }
  define(AttributesIterator);

  class Element {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    get tagName() {
      return live(this.#t).data.name;
    }
    set tagName(name) {
      const t = live(this.#t);
      const text = checkName(usv(name), tagName, "a tag");
      t.data.name = StringPrototypeToLowerCase(text);
      change(t, "name", { text });
    }
    get namespaceURI() {
      return live(this.#t).data.namespace;
    }
    get attributes() {
      return new AttributesIterator(key, live(this.#t));
    }
    get removed() {
      return live(this.#t).removed;
    }
    getAttribute(name) {
      const t = live(this.#t);
      need(arguments.length, 1, "getAttribute");
      const at = indexOf(t, StringPrototypeToLowerCase(usv(name)));
      return at === -1 ? null : t.data.attributes[at][1];
    }
    hasAttribute(name) {
      const t = live(this.#t);
      need(arguments.length, 1, "hasAttribute");
      return indexOf(t, StringPrototypeToLowerCase(usv(name))) !== -1;
    }
    setAttribute(name, value) {
      const t = live(this.#t);
      need(arguments.length, 2, "setAttribute");
      const lower = StringPrototypeToLowerCase(checkName(usv(name), attributeName, "an attribute"));
      const text = usv(value);
      const at = indexOf(t, lower);
      if (at === -1) ArrayPrototypePush(t.data.attributes, [lower, text]);
      else t.data.attributes[at][1] = text;
      change(t, "set", { name: lower, text });
      return this;
    }
    removeAttribute(name) {
      const t = live(this.#t);
      need(arguments.length, 1, "removeAttribute");
      const lower = StringPrototypeToLowerCase(usv(name));
      const at = indexOf(t, lower);
      if (at !== -1) {
        const { attributes } = t.data;
        for (let i = at + 1; i < attributes.length; i++) attributes[i - 1] = attributes[i];
        attributes.length--;
      }
      change(t, "unset", { name: lower });
      return this;
    }
    removeAndKeepContent() {
      const t = live(this.#t);
      t.removed = true;
      change(t, "unwrap", undefined);
      return this;
    }
    onEndTag(handler) {
      const t = live(this.#t);
      need(arguments.length, 1, "onEndTag");
      if (typeof handler !== "function") throw new TypeError("The handler of onEndTag must be a function.");
      if (!t.data.hasContent) throw new TypeError(`The element ${isolet.inspect(t.data.name)} has no end tag.`);
      // As in workerd, the last handler counts.
      if (t.onEnd === undefined) change(t, "watchEnd", undefined);
      t.onEnd = handler;
    }
    static {
      inserting(Element, (self) => self.#t, {
        __proto__: null,
        before: true,
        after: true,
        prepend: true,
        append: true,
        setInnerContent: true,
        replace: true,
        remove: true,
      });
    }
  }
  define(Element);

  class EndTag {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    get name() {
      return live(this.#t).data.name;
    }
    set name(name) {
      const t = live(this.#t);
      const text = checkName(usv(name), tagName, "a tag");
      t.data.name = StringPrototypeToLowerCase(text);
      change(t, "name", { text });
    }
    static {
      inserting(EndTag, (self) => self.#t, { __proto__: null, before: true, after: true, remove: true });
    }
  }
  define(EndTag);

  class Comment {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    get text() {
      return live(this.#t).data.text;
    }
    set text(value) {
      const t = live(this.#t);
      const text = usv(value);
      if (RegExpPrototypeExec(commentEnd, text) !== null)
        throw new TypeError("The text of a comment cannot hold what ends a comment.");
      t.data.text = text;
      change(t, "name", { text });
    }
    get removed() {
      return live(this.#t).removed;
    }
    static {
      inserting(Comment, (self) => self.#t, {
        __proto__: null,
        before: true,
        after: true,
        replace: true,
        remove: true,
      });
    }
  }
  define(Comment);

  class Text {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    get text() {
      return live(this.#t).data.text;
    }
    get lastInTextNode() {
      return live(this.#t).data.last;
    }
    get removed() {
      return live(this.#t).removed;
    }
    static {
      inserting(Text, (self) => self.#t, { __proto__: null, before: true, after: true, replace: true, remove: true });
    }
  }
  define(Text);

  class Doctype {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    get name() {
      return live(this.#t).data.name;
    }
    get publicId() {
      return live(this.#t).data.publicId;
    }
    get systemId() {
      return live(this.#t).data.systemId;
    }
  }
  define(Doctype);

  class DocumentEnd {
    /** @type {HtmlTokenState} */
    #t;
    constructor(given, t) {
      check(given);
      this.#t = t;
    }
    static {
      inserting(DocumentEnd, (self) => self.#t, { __proto__: null, append: true });
    }
  }
  define(DocumentEnd);

  const classes = {
    __proto__: null,
    element: Element,
    endTag: EndTag,
    comment: Comment,
    text: Text,
    doctype: Doctype,
    end: DocumentEnd,
  };

  host.htmlTokens = { __proto__: null, make };
});
