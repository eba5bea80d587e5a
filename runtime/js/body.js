// Bodies of requests and responses: where their bytes come from and the methods that read them.
//
// A body that is there already (a text, bytes) stays as it is until somebody asks for the stream:
// most are read or sent in one piece, and a text that is only passed on is never turned into bytes
// here.

const {
  JSONParse,
  ObjectDefineProperty,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  StringPrototypeTrim,
  SymbolAsyncIterator,
  TypeError,
  TypedArrayPrototypeGetBuffer,
} = isolet.primordials;

isolet.lazy([], ["bodies"], (host) => {
  const { headers: Heads, utf8 } = isolet;
  const { bare, copy, isBuffer, isObject, own, usv } = isolet.idl;

  const BodyRecord = bare(
    class {
      stream;
      encoding;
      used = false;
      constructor(source, type) {
        this.source = source;
        this.type = type;
      }
    },
  );
  /** @type {(source: Body["source"], type: string | undefined) => Body} */
  const make = (source, type) => new BodyRecord(source, type);

  // The body that an argument of Request or Response means; `type`: the Content-Type that it
  // brings.
  /** @type {Bodies["extract"]} */
  function extract(value) {
    if (typeof value === "string") return make(usv(value), "text/plain;charset=UTF-8");
    if (isObject(value)) {
      // A class that was never loaded has no instances.
      const { blobs, forms, params, streams } = host;
      if (streams?.is(value)) {
        const s = streams.state(value);
        if (s.reader !== undefined || s.disturbed)
          throw new TypeError("The stream was read or is locked: it cannot be a body.");
        const body = make("", undefined);
        body.stream = value;
        return body;
      }
      if (isBuffer(value)) return make(copy(value), undefined);
      if (blobs?.is(value)) return make(blobs.bytes(value), blobs.type(value) || undefined);
      if (params?.is(value)) return make(params.text(value), "application/x-www-form-urlencoded;charset=UTF-8");
      if (forms?.is(value)) {
        const { bytes, type } = isolet.multipart.write(value);
        return make(bytes, type);
      }
      // Asynchronous iterables are bodies in Workers; arrays and plain objects are a common
      // mistake.
      if (typeof value[SymbolAsyncIterator] === "function") return extract(isolet.pipes.fromIterable(value));
    }
    return make(usv(value), "text/plain;charset=UTF-8");
  }

  /** @param {Body | undefined} body */
  const isUsed = (body) =>
    body !== undefined && (body.used || (body.stream !== undefined && isolet.streams.state(body.stream).disturbed));

  /** @param {Body} body @param {string} what */
  function checkUnused(body, what) {
    if (isUsed(body))
      throw new TypeError(
        `The body of the ${what} was read already. Read it once and keep the value, or clone() before reading.`,
      );
    if (body.stream !== undefined && isolet.streams.state(body.stream).reader !== undefined) {
      throw new TypeError(`The body of the ${what} is locked: a reader of its stream is in use.`);
    }
  }

  // Replaces what came compressed by what it stands for. A body that is only passed on stays
  // compressed.
  /** @param {Body} body */
  function decode(body) {
    const { encoding } = body;
    if (encoding === undefined) return;
    body.encoding = undefined;
    const compressed = streamOf(body);
    if (isolet.streams.state(compressed).disturbed) return;
    const { readable, writable } = isolet.codecs.decompress(encoding);
    isolet.pipes.through(isolet.streams.state(compressed), isolet.writables.state(writable));
    body.stream = readable;
  }

  // The stream of a body, made when it is asked for.
  /** @param {Body} body */
  function streamOf(body) {
    decode(body);
    if (body.stream === undefined) {
      body.stream = isolet.pipes.ofBytes(typeof body.source === "string" ? utf8.encode(body.source) : body.source);
      if (body.used) isolet.streams.state(body.stream).disturbed = true;
      body.source = "";
    }
    return body.stream;
  }

  // Marks the body as read and gives what it holds, as a text or bytes, or as a promise of bytes.
  /** @type {Bodies["take"]} */
  function take(body, what) {
    if (body === undefined) return "";
    checkUnused(body, what);
    decode(body);
    if (body.stream !== undefined) return isolet.pipes.readAll(body.stream);
    body.used = true;
    return body.source;
  }

  /** @type {Bodies["clone"]} */
  function clone(body, what) {
    if (body === undefined) return undefined;
    checkUnused(body, what);
    decode(body);
    const copied = make(body.source, body.type);
    if (body.stream !== undefined) {
      const branches = isolet.pipes.tee(isolet.streams.state(body.stream), true);
      body.stream = isolet.streams.wrap(branches.first);
      copied.stream = isolet.streams.wrap(branches.second);
    }
    return copied;
  }

  // Marks the body as read and returns its text, its bytes or its stream, to be sent.
  /** @type {Bodies["open"]} */
  function open(body, what) {
    checkUnused(body, what);
    body.used = true;
    return body.stream ?? body.source;
  }

  // The body of a message from the wire.
  /** @type {Bodies["ofContent"]} */
  const ofContent = (content) => make(content, undefined);
  /** @type {Bodies["ofStream"]} */
  function ofStream(stream) {
    const body = make("", undefined);
    body.stream = stream;
    return body;
  }

  // Notes that the body of a message from the wire has a Content-Encoding, if it is one that is
  // decoded.
  /** @type {Bodies["encoded"]} */
  function encoded(body, headers) {
    const value = Heads.get(headers, "content-encoding");
    if (body === undefined || value === null) return;
    const name = StringPrototypeToLowerCase(StringPrototypeTrim(value));
    if (name === "gzip" || name === "x-gzip") body.encoding = "gzip";
  }

  // Another owner for the body: the old one counts as read.
  /** @type {Bodies["move"]} */
  function move(body, what) {
    if (body === undefined) return undefined;
    checkUnused(body, what);
    const moved = make(body.source, body.type);
    moved.stream = body.stream;
    moved.encoding = body.encoding;
    body.used = true;
    body.stream = undefined;
    body.source = "";
    return moved;
  }

  // type/subtype of a Content-Type, in lower case.
  /** @type {Bodies["essence"]} */
  const essence = (type) => {
    const at = StringPrototypeIndexOf(type, ";");
    return StringPrototypeToLowerCase(StringPrototypeTrim(at === -1 ? type : StringPrototypeSlice(type, 0, at)));
  };
  const boundaryPattern = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i;

  // "Extract a MIME type" of the Fetch standard: the last valid value of Content-Type counts, and a
  // charset of an earlier one holds for it. Empty if no value is valid.
  const valuePattern = /(?:[^",]|"(?:[^"\\]|\\.)*"?)+/gs;
  const typePattern = /^[\t\n\r ]*([!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+)[\t\n\r ]*(?:;(.*))?$/s;
  const charsetPattern = /(?:^|;)\s*charset=(?:"([^"]*)"|([^\s;"]+))/i;
  function mimeType(header) {
    let type = "";
    let kind = "";
    let charset;
    valuePattern.lastIndex = 0;
    for (let found; header !== null && (found = RegExpPrototypeExec(valuePattern, header)) !== null; ) {
      const parsed = RegExpPrototypeExec(typePattern, found[0]);
      if (parsed === null || parsed[1] === "*/*") continue;
      const name = StringPrototypeToLowerCase(parsed[1]);
      const parameters = StringPrototypeTrim(parsed[2] ?? "");
      const own = RegExpPrototypeExec(charsetPattern, parameters);
      if (name !== kind) charset = undefined;
      type = parameters === "" ? name : `${name};${parameters}`;
      kind = name;
      if (own !== null) charset = own[1] ?? own[2];
      else if (charset !== undefined) type += `;charset=${charset}`;
    }
    return type;
  }

  async function formDataOf(content, type) {
    const kind = essence(type);
    if (kind === "multipart/form-data") {
      const found = RegExpPrototypeExec(boundaryPattern, type);
      if (found === null) throw new TypeError("The Content-Type multipart/form-data has no boundary.");
      return isolet.multipart.read(typeof content === "string" ? utf8.encode(content) : content, found[1] ?? found[2]);
    }
    if (kind === "application/x-www-form-urlencoded") {
      const form = isolet.forms.empty();
      const pairs = isolet.params.parse(typeof content === "string" ? content : utf8.decode(content));
      for (let i = 0; i < pairs.length; i++) isolet.forms.add(form, pairs[i].key, pairs[i].value);
      return form;
    }
    throw new TypeError(
      `formData() needs a Content-Type of multipart/form-data or application/x-www-form-urlencoded, not ${type === "" ? "none" : isolet.inspect(type)}.`,
    );
  }

  const asText = (content) =>
    typeof content === "string"
      ? content[0] === "\ufeff"
        ? StringPrototypeSlice(content, 1)
        : content
      : utf8.decode(content);
  const asBytes = (content) => (typeof content === "string" ? utf8.encode(content) : copy(content));

  // The methods that Request and Response have in common. `of(this)`: { body, headers }, or what it
  // throws.
  const methods = (of, what) => ({
    get body() {
      const { body } = of(this);
      return body === undefined ? null : streamOf(body);
    },
    get bodyUsed() {
      return isUsed(of(this).body);
    },
    async arrayBuffer() {
      return TypedArrayPrototypeGetBuffer(asBytes(await take(of(this).body, what)));
    },
    async bytes() {
      return asBytes(await take(of(this).body, what));
    },
    async text() {
      return asText(await take(of(this).body, what));
    },
    async json() {
      return JSONParse(asText(await take(of(this).body, what)));
    },
    async blob() {
      const { body, headers } = of(this);
      const content = asBytes(await take(body, what));
      const type = mimeType(Heads.get(headers, "content-type"));
      return isolet.blobs.of(content, StringPrototypeToLowerCase(type));
    },
    async formData() {
      const { body, headers } = of(this);
      const content = await take(body, what);
      return await formDataOf(content, mimeType(Heads.get(headers, "content-type")));
    },
  });

  /** @type {Bodies["install"]} */
  function install(Class, of, what) {
    const from = methods(of, what);
    const keys = ReflectOwnKeys(from);
    for (let i = 0; i < keys.length; i++) {
      const descriptor = /** @type {PropertyDescriptor} */ (own(from, keys[i]));
      ObjectDefineProperty(Class.prototype, keys[i], descriptor);
    }
  }

  host.bodies = {
    __proto__: null,
    clone,
    encoded,
    essence,
    extract,
    install,
    move,
    ofContent,
    ofStream,
    open,
    streamOf,
    take,
  };
});
