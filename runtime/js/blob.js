// Blob and File: bytes with a type, held in one piece.

const {
  ArrayPrototypePush,
  DateNow,
  MathMax,
  MathMin,
  MathTrunc,
  Number,
  NumberIsNaN,
  RegExpPrototypeExec,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSubarray,
} = isolet.primordials;

isolet.lazy(["Blob", "File"], ["blobs", "files"], (host) => {
  const { utf8 } = isolet;
  const { checkBrand, concatenate, copy, define, dictionary, isBuffer, isObject, iterate, list, need, usv } =
    isolet.idl;

  // A type is kept if it is printable ASCII.
  const printable = /^[\x20-\x7e]*$/;
  const typeOf = (value) =>
    value === undefined
      ? ""
      : RegExpPrototypeExec(printable, `${value}`) === null
        ? ""
        : StringPrototypeToLowerCase(`${value}`);

  // `slice(start, end)` as arrays have it.
  function clamp(value, size, fallback) {
    if (value === undefined) return fallback;
    const number = MathTrunc(Number(value));
    if (NumberIsNaN(number)) return 0;
    return number < 0 ? MathMax(size + number, 0) : MathMin(number, size);
  }

  // Line breaks as this system has them, for `endings: "native"`.
  const breaks = /\r\n?/g;
  const withLineFeeds = (text) => {
    let whole = "";
    let from = 0;
    breaks.lastIndex = 0;
    for (let found; (found = RegExpPrototypeExec(breaks, text)) !== null; from = breaks.lastIndex)
      whole += `${StringPrototypeSlice(text, from, found.index)}\n`;
    return whole + StringPrototypeSlice(text, from);
  };

  class Blob {
    // Not written to after construction.
    #bytes;
    #type;

    constructor(parts = undefined, options = undefined) {
      if (parts !== undefined && !isObject(parts)) throw new TypeError("The parts of a Blob must be an array.");
      const { endings, type } = dictionary(options, "The options of Blob");
      if (endings !== undefined && `${endings}` !== "transparent" && `${endings}` !== "native") {
        throw new TypeError('`endings` must be "transparent" or "native".');
      }
      const native = endings !== undefined && `${endings}` === "native";
      const pieces = list();
      if (parts !== undefined) {
        iterate(parts, "The parts of a Blob", (part) => {
          if (isBuffer(part)) ArrayPrototypePush(pieces, copy(part));
          else if (isObject(part) && #bytes in part) ArrayPrototypePush(pieces, part.#bytes);
          else ArrayPrototypePush(pieces, utf8.encode(native ? withLineFeeds(usv(part)) : usv(part)));
        });
      }
      this.#bytes = concatenate(pieces);
      this.#type = typeOf(type);
    }

    get size() {
      return TypedArrayPrototypeGetLength(this.#bytes);
    }
    get type() {
      return this.#type;
    }

    slice(start = undefined, end = undefined, type = undefined) {
      const from = clamp(start, this.size, 0);
      const to = MathMax(from, clamp(end, this.size, this.size));
      return isolet.blobs.of(TypedArrayPrototypeSubarray(this.#bytes, from, to), typeOf(type));
    }

    async arrayBuffer() {
      return TypedArrayPrototypeGetBuffer(copy(this.#bytes));
    }
    async bytes() {
      return copy(this.#bytes);
    }
    async text() {
      return utf8.decode(this.#bytes);
    }
    stream() {
      return isolet.pipes.ofBytes(this.#bytes);
    }

    static {
      host.blobs = {
        __proto__: null,
        is: (value) => #bytes in value,
        bytes: (blob) => blob.#bytes,
        type: (blob) => blob.#type,
        // The bytes must not be written to any more.
        of(bytes, type) {
          const blob = new Blob();
          blob.#bytes = bytes;
          blob.#type = type;
          return blob;
        },
        fileOf(bytes, name, type, lastModified) {
          const file = new File([], name, { __proto__: null, lastModified });
          file.#bytes = bytes;
          file.#type = typeOf(type);
          return file;
        },
        isFile: (value) => isObject(value) && isolet.files.is(value),
      };
    }
  }

  class File extends Blob {
    #name;
    #lastModified;
    /** @param {ScriptValue} parts @param {ScriptValue} name @param {ScriptValue} [options] */
    constructor(parts, name, options = undefined) {
      need(arguments.length, 2, "new File");
      super(parts, options);
      this.#name = usv(name);
      const { lastModified } = dictionary(options, "The options of File");
      this.#lastModified = lastModified === undefined ? DateNow() : MathTrunc(Number(lastModified)) || 0;
    }
    get name() {
      return this.#name;
    }
    get lastModified() {
      return this.#lastModified;
    }
    get webkitRelativePath() {
      checkBrand(this.#name);
      return "";
    }
    static {
      host.files = {
        __proto__: null,
        is: (value) => #name in value,
        name: (file) => file.#name,
        modified: (file) => file.#lastModified,
      };
    }
  }
  define(Blob);
  define(File);
  isolet.inspectable(isolet.blobs.is, (blob) => ({
    __proto__: null,
    fields: isolet.files.is(blob)
      ? { __proto__: null, name: blob.name, size: blob.size, type: blob.type }
      : { __proto__: null, size: blob.size, type: blob.type },
  }));
  return { Blob, File };
});
