// FormData to multipart/form-data and back (RFC 7578, as browsers write it).

const {
  ArrayPrototypePush,
  MathMax,
  NumberPrototypeToString,
  RangeError,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypePadStart,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  StringPrototypeTrim,
  TypeError,
  TypedArrayPrototypeSubarray,
} = isolet.primordials;

isolet.lazy([], ["multipart"], (host) => {
  const { natives, blobs, forms, utf8 } = isolet;
  const { concatenate, list } = isolet.idl;

  // Replaces every `from` without looking up anything that a script can change.
  function replace(text, from, to) {
    let at = StringPrototypeIndexOf(text, from);
    if (at === -1) return text;
    let replaced = "";
    let start = 0;
    for (; at !== -1; at = StringPrototypeIndexOf(text, from, start)) {
      replaced += StringPrototypeSlice(text, start, at) + to;
      start = at + from.length;
    }
    return replaced + StringPrototypeSlice(text, start);
  }
  // Every line break as CR LF: CR LF and CR to LF first, so that none is doubled.
  const lines = (text) => replace(replace(replace(text, "\r\n", "\n"), "\r", "\n"), "\n", "\r\n");
  const escaped = (text) => replace(replace(replace(text, "\r", "%0D"), "\n", "%0A"), '"', "%22");
  const unescaped = (text) => replace(replace(replace(text, "%22", '"'), "%0D", "\r"), "%0A", "\n");

  function boundary() {
    isolet.onlyInRuns("A FormData as a body");
    const bytes = isolet.randomBytes(16);
    let text = "----isolet";
    for (let i = 0; i < 16; i++) text += StringPrototypePadStart(NumberPrototypeToString(bytes[i], 16), 2, "0");
    return text;
  }

  // { bytes, type } of a form.
  /** @type {Multipart["write"]} */
  function write(form) {
    const mark = boundary();
    const parts = list();
    const pairs = forms.pairs(form);
    for (let i = 0; i < pairs.length; i++) {
      const { key, value } = pairs[i];
      const head = `--${mark}\r\nContent-Disposition: form-data; name="${escaped(lines(key))}"`;
      if (typeof value === "string") {
        ArrayPrototypePush(parts, utf8.encode(`${head}\r\n\r\n${lines(value)}\r\n`));
      } else {
        const type = blobs.type(value) || "application/octet-stream";
        ArrayPrototypePush(
          parts,
          utf8.encode(`${head}; filename="${escaped(isolet.files.name(value))}"\r\nContent-Type: ${type}\r\n\r\n`),
        );
        ArrayPrototypePush(parts, blobs.bytes(value));
        ArrayPrototypePush(parts, utf8.encode("\r\n"));
      }
    }
    ArrayPrototypePush(parts, utf8.encode(`--${mark}--\r\n`));
    return { __proto__: null, bytes: concatenate(parts), type: `multipart/form-data; boundary=${mark}` };
  }

  const broken = (why) => new TypeError(`The body is not valid multipart/form-data: ${why}.`);

  /** @type {Multipart["read"]} */
  function read(bytes, mark) {
    const form = forms.empty();
    // One character a byte, so that positions in the text are positions in the bytes.
    const text = natives.decode("windows-1252", bytes, false, false);
    if (text === undefined) throw new RangeError("The body is longer than a string can be.");
    const part = (from, to) => TypedArrayPrototypeSubarray(bytes, from, to);
    const delimiter = `--${mark}`;
    let at = StringPrototypeIndexOf(text, delimiter);
    if (at === -1) throw broken("its boundary is not in it");
    // CR LF, or the LF alone that some clients write.
    const feed = StringPrototypeIndexOf(text, "\n", at);
    const br = feed === -1 || text[feed - 1] === "\r" ? "\r\n" : "\n";
    for (;;) {
      at += delimiter.length;
      if (StringPrototypeSlice(text, at, at + 2) === "--") return form;
      const start = StringPrototypeIndexOf(text, br, at);
      if (start === -1 || StringPrototypeTrim(StringPrototypeSlice(text, at, start)) !== "")
        throw broken("a boundary has no line of its own");
      const next = StringPrototypeIndexOf(text, br + delimiter, start);
      if (next === -1) throw broken("a part has no end");
      const blank = StringPrototypeIndexOf(text, br + br, start);
      if (blank === -1 || blank > next) throw broken("a part has no blank line after its headers");
      const { name, filename, type } = head(utf8.decode(part(start, blank)), br);
      if (name === undefined) throw broken("a part has no name");
      const content = part(blank + 2 * br.length, MathMax(blank + 2 * br.length, next));
      if (filename === undefined) forms.add(form, name, utf8.decode(content));
      else forms.add(form, name, blobs.fileOf(isolet.idl.copy(content), filename, type));
      at = next + br.length;
    }
  }

  const namePattern = /;\s*name="([^"]*)"|;\s*name=([^\s;"]+)/i;
  const filenamePattern = /;\s*filename="([^"]*)"|;\s*filename=([^\s;"]+)/i;

  // The headers of a part.
  function head(text, br) {
    const found = { __proto__: null, name: undefined, filename: undefined, type: "text/plain" };
    for (let from = 0; from < text.length; ) {
      let to = StringPrototypeIndexOf(text, br, from);
      if (to === -1) to = text.length;
      const line = StringPrototypeSlice(text, from, to);
      const colon = StringPrototypeIndexOf(line, ":");
      const key = StringPrototypeToLowerCase(
        StringPrototypeTrim(StringPrototypeSlice(line, 0, colon === -1 ? 0 : colon)),
      );
      if (key === "content-disposition") {
        const name = RegExpPrototypeExec(namePattern, line);
        const filename = RegExpPrototypeExec(filenamePattern, line);
        if (name !== null) found.name = unescaped(name[1] ?? name[2]);
        if (filename !== null) found.filename = unescaped(filename[1] ?? filename[2]);
      } else if (key === "content-type") {
        found.type = StringPrototypeTrim(StringPrototypeSlice(line, colon + 1));
      }
      from = to + br.length;
    }
    return found;
  }

  host.multipart = { __proto__: null, read, write };
});
