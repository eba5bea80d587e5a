// Bodies of requests and responses: where their bytes come from and the methods that read them.
//
// A body that is there already (a text, bytes) stays as it is until somebody asks for the stream: most are read or sent
// in one piece, and a text that is only passed on is never turned into bytes here.

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
  SyntaxError,
  TypeError,
  TypedArrayPrototypeGetBuffer,
} = isolet.primordials;

isolet.lazy([], ["bodies"], (host) => {
  const { headers: Heads, utf8 } = isolet;
  const { copy, isBuffer, isObject, own, usv } = isolet.idl;

  // A body: { source: string or Uint8Array that nobody writes to, stream, type, used }. With a stream, the source is gone.
  const make = (source, type) => ({ __proto__: null, source, stream: undefined, type, used: false });

  // The body that an argument of Request or Response means; `type`: the Content-Type that it brings.
  function extract(value) {
    if (typeof value === "string") return make(usv(value), "text/plain;charset=UTF-8");
    if (isObject(value)) {
      // What was never loaded has no values.
      const { blobs, forms, params, streams } = host;
      if (streams?.is(value)) {
        const s = streams.state(value);
        if (s.reader !== undefined || s.disturbed)
          throw new TypeError("The stream was read or is locked: it can be no body any more.");
        const body = make(undefined, undefined);
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
      // Asynchronous iterables are bodies in Workers; arrays and plain objects are a common mistake.
      if (typeof value[SymbolAsyncIterator] === "function") return extract(isolet.pipes.fromIterable(value));
    }
    return make(usv(value), "text/plain;charset=UTF-8");
  }

  const isUsed = (body) =>
    body !== undefined && (body.used || (body.stream !== undefined && isolet.streams.state(body.stream).disturbed));

  function checkUnused(body, what) {
    if (isUsed(body))
      throw new TypeError(
        `The body of the ${what} was read already. Read it once and keep the value, or clone() before reading.`,
      );
    if (body.stream !== undefined && isolet.streams.state(body.stream).reader !== undefined) {
      throw new TypeError(`The body of the ${what} is locked: a reader of its stream is in use.`);
    }
  }

  // The stream of a body, made when it is asked for.
  function streamOf(body) {
    if (body.stream === undefined) {
      body.stream = isolet.pipes.ofBytes(typeof body.source === "string" ? utf8.encode(body.source) : body.source);
      if (body.used) isolet.streams.state(body.stream).disturbed = true;
      body.source = undefined;
    }
    return body.stream;
  }

  // Marks the body as read and gives what it holds, as a text or bytes, or as a promise of bytes.
  function take(body, what) {
    if (body === undefined) return "";
    checkUnused(body, what);
    if (body.stream !== undefined) return isolet.pipes.readAll(body.stream);
    body.used = true;
    return body.source;
  }

  function clone(body, what) {
    if (body === undefined) return undefined;
    checkUnused(body, what);
    const copied = make(body.source, body.type);
    if (body.stream !== undefined) {
      const branches = isolet.pipes.tee(isolet.streams.state(body.stream), true);
      body.stream = isolet.streams.wrap(branches.first);
      copied.stream = isolet.streams.wrap(branches.second);
    }
    return copied;
  }

  // Another owner for the body: the old one counts as read.
  function move(body, what) {
    if (body === undefined) return undefined;
    checkUnused(body, what);
    const moved = make(body.source, body.type);
    moved.stream = body.stream;
    body.used = true;
    body.stream = undefined;
    body.source = "";
    return moved;
  }

  // [type/subtype in lower case, the parameter `name`] of a Content-Type.
  const essence = (type) => {
    const at = StringPrototypeIndexOf(type, ";");
    return StringPrototypeToLowerCase(StringPrototypeTrim(at === -1 ? type : StringPrototypeSlice(type, 0, at)));
  };
  const boundaryPattern = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i;

  async function formDataOf(content, type) {
    const kind = type === null ? "" : essence(type);
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
      `formData() needs a Content-Type of multipart/form-data or application/x-www-form-urlencoded, not ${type === null ? "none" : isolet.inspect(type)}.`,
    );
  }

  const asText = (content) =>
    typeof content === "string"
      ? content[0] === "\ufeff"
        ? StringPrototypeSlice(content, 1)
        : content
      : utf8.decode(content);
  const asBytes = (content) => (typeof content === "string" ? utf8.encode(content) : copy(content));

  // The methods that Request and Response have in common. `of(this)`: { body, headers }, or what it throws.
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
      const text = asText(await take(of(this).body, what));
      try {
        return JSONParse(text);
      } catch (error) {
        if (text !== "") throw error;
        throw new SyntaxError(`The body of the ${what} is empty, which is no JSON.`);
      }
    },
    async blob() {
      const { body, headers } = of(this);
      const content = asBytes(await take(body, what));
      const type = Heads.get(headers, "content-type");
      return isolet.blobs.of(content, type === null ? "" : StringPrototypeToLowerCase(type));
    },
    async formData() {
      const { body, headers } = of(this);
      const content = await take(body, what);
      return await formDataOf(content, Heads.get(headers, "content-type"));
    },
  });

  function install(Class, of, what) {
    const from = methods(of, what);
    const keys = ReflectOwnKeys(from);
    for (let i = 0; i < keys.length; i++) ObjectDefineProperty(Class.prototype, keys[i], own(from, keys[i]));
  }

  host.bodies = { __proto__: null, clone, essence, extract, install, move, take };
});
