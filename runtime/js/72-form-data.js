// FormData: names with texts and files.

const { ArrayPrototypePush, FunctionPrototypeCall, SymbolIterator, TypeError } = isolet.primordials;

isolet.lazy(["FormData"], ["forms"], (host) => {
  const { alias, define, isObject, list, need, pairIterator, usv } = isolet.idl;

  // What an entry becomes: a text, or a File with a name.
  function entry(name, value, filename, what) {
    if (isObject(value) && host.blobs?.is(value)) {
      const { blobs } = host;
      if (blobs.isFile(value) && filename === undefined) return { __proto__: null, key: usv(name), value };
      const file = blobs.fileOf(
        blobs.bytes(value),
        filename === undefined ? "blob" : usv(filename),
        blobs.type(value),
        blobs.isFile(value) ? isolet.files.modified(value) : undefined,
      );
      return { __proto__: null, key: usv(name), value: file };
    }
    if (filename !== undefined) throw new TypeError(`${what} takes a file name for a Blob only.`);
    return { __proto__: null, key: usv(name), value: usv(value) };
  }

  const iterator = pairIterator("FormData");

  class FormData {
    #pairs = list();

    constructor(form = undefined) {
      if (form !== undefined) throw new TypeError("There are no HTML forms here: new FormData() takes no argument.");
    }

    append(name, value, filename = undefined) {
      need(arguments.length, 2, "FormData.append");
      ArrayPrototypePush(this.#pairs, entry(name, value, filename, "FormData.append"));
    }

    delete(name) {
      need(arguments.length, 1, "FormData.delete");
      const key = usv(name);
      const kept = list();
      for (let i = 0; i < this.#pairs.length; i++)
        if (this.#pairs[i].key !== key) ArrayPrototypePush(kept, this.#pairs[i]);
      this.#pairs = kept;
    }

    get(name) {
      need(arguments.length, 1, "FormData.get");
      const key = usv(name);
      for (let i = 0; i < this.#pairs.length; i++) if (this.#pairs[i].key === key) return this.#pairs[i].value;
      return null;
    }

    getAll(name) {
      need(arguments.length, 1, "FormData.getAll");
      const key = usv(name);
      const values = [];
      for (let i = 0; i < this.#pairs.length; i++)
        if (this.#pairs[i].key === key) ArrayPrototypePush(values, this.#pairs[i].value);
      return values;
    }

    has(name) {
      need(arguments.length, 1, "FormData.has");
      const key = usv(name);
      for (let i = 0; i < this.#pairs.length; i++) if (this.#pairs[i].key === key) return true;
      return false;
    }

    set(name, value, filename = undefined) {
      need(arguments.length, 2, "FormData.set");
      const made = entry(name, value, filename, "FormData.set");
      let found = false;
      const kept = list();
      for (let i = 0; i < this.#pairs.length; i++) {
        if (this.#pairs[i].key !== made.key) ArrayPrototypePush(kept, this.#pairs[i]);
        else if (!found) found = ArrayPrototypePush(kept, made) > 0;
      }
      if (!found) ArrayPrototypePush(kept, made);
      this.#pairs = kept;
    }

    forEach(callback, self = undefined) {
      need(arguments.length, 1, "FormData.forEach");
      if (typeof callback !== "function") throw new TypeError("FormData.forEach takes a function.");
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

    static {
      host.forms = {
        __proto__: null,
        is: (value) => #pairs in value,
        pairs: (form) => form.#pairs,
        add(form, key, value) {
          ArrayPrototypePush(form.#pairs, { __proto__: null, key, value });
        },
        empty: () => new FormData(),
      };
    }
  }
  define(FormData);
  alias(FormData, SymbolIterator, "entries");
  isolet.inspectable(isolet.forms.is, (form) => {
    const fields = { __proto__: null };
    const pairs = isolet.forms.pairs(form);
    for (let i = 0; i < pairs.length; i++) fields[pairs[i].key] = pairs[i].value;
    return { __proto__: null, fields };
  });
  return { FormData };
});
