// FormData: names with texts and files.

const { ArrayPrototypePush, TypeError } = isolet.primordials;

isolet.lazy(["FormData"], ["forms"], (host) => {
  const { pairs: Pairs } = isolet;
  const { define, isObject, list, need, usv } = isolet.idl;

  // The entry for a value: a string, or a File with a name.
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

  class FormData {
    #pairs = list();

    constructor(form = undefined) {
      if (form !== undefined) throw new TypeError("isolet has no HTML forms: new FormData() takes no argument.");
    }

    append(name, value, filename = undefined) {
      need(arguments.length, 2, "FormData.append");
      const made = entry(name, value, filename, "FormData.append");
      ArrayPrototypePush(this.#pairs, made);
    }

    delete(name) {
      need(arguments.length, 1, "FormData.delete");
      const key = usv(name);
      this.#pairs = Pairs.without(this.#pairs, key);
    }

    get(name) {
      need(arguments.length, 1, "FormData.get");
      const key = usv(name);
      return Pairs.first(this.#pairs, key) ?? null;
    }

    getAll(name) {
      need(arguments.length, 1, "FormData.getAll");
      const key = usv(name);
      return Pairs.all(this.#pairs, key);
    }

    has(name) {
      need(arguments.length, 1, "FormData.has");
      const key = usv(name);
      return Pairs.has(this.#pairs, key);
    }

    set(name, value, filename = undefined) {
      need(arguments.length, 2, "FormData.set");
      const made = entry(name, value, filename, "FormData.set");
      this.#pairs = Pairs.replaced(this.#pairs, made.key, made.value);
    }

    static {
      host.forms = {
        __proto__: null,
        is: (value) => #pairs in value,
        pairs: (form) => form.#pairs,
        add(form, key, value) {
          Pairs.add(form.#pairs, key, value);
        },
        empty: () => new FormData(),
      };
    }
  }
  define(FormData);
  Pairs.iterable(FormData, host.forms.pairs);
  isolet.inspectable(isolet.forms.is, (form) => Pairs.fields(isolet.forms.pairs(form), false));
  return { FormData };
});
