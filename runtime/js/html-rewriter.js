// HTMLRewriter: the handlers of a script on the tokens of a document.
//
// The host parses each piece of a document twice: first it finds tokens, and after the handlers
// have run it applies the changes that they made.

const {
  ArrayBuffer,
  ArrayPrototypePush,
  JSONParse,
  JSONStringify,
  ReflectApply,
  RegExpPrototypeExec,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["HTMLRewriter"], [], () => {
  const { bodies, headers: Heads, htmlTokens, natives, pipes, responses, streams, transforms, utf8 } = isolet;
  const { copy, define, isObject, list, need, promiseResolve, string } = isolet.idl;

  // A call of the host cannot be interrupted, so it is given no more than this at once.
  const PIECE_BYTES = 16384;

  const charset = /;\s*charset=(?:"([^"]+)"|([^\s;"]+))/i;

  // The functions of an object with handlers, and the object.
  function handlersOf(object, names, what) {
    if (!isObject(object)) throw new TypeError(`The handlers of ${what} must be an object.`);
    const found = { __proto__: null, self: object };
    for (let i = 0; i < names.length; i++) {
      const handler = object[names[i]];
      if (handler === undefined || handler === null) continue;
      if (typeof handler !== "function") throw new TypeError(`The handler \`${names[i]}\` must be a function.`);
      found[names[i]] = handler;
    }
    return found;
  }

  // The names of handlers by the kinds of tokens.
  const nameOf = {
    __proto__: null,
    element: "element",
    comment: "comments",
    text: "text",
    doctype: "doctype",
    end: "end",
  };

  // What the host has to know of the handlers, as JSON text.
  function specification(all) {
    const rows = list();
    for (let i = 0; i < all.length; i++) {
      const { selector, handlers } = all[i];
      ArrayPrototypePush(rows, {
        __proto__: null,
        selector,
        element: handlers.element !== undefined,
        comments: handlers.comments !== undefined,
        text: handlers.text !== undefined,
        doctype: handlers.doctype !== undefined,
        end: handlers.end !== undefined,
      });
    }
    return JSONStringify(rows);
  }

  const failed = (error) => new TypeError(`HTMLRewriter: ${error}.`);

  // Runs one handler, and waits for it.
  async function run(token, handler, self) {
    token.state.live = true;
    try {
      const result = ReflectApply(handler, self, [token.value]);
      if (isObject(result)) await promiseResolve(result);
    } finally {
      token.state.live = false;
    }
  }

  // Reads the contents that came as streams.
  async function settle(edits) {
    for (let i = 0; i < edits.length; i++) {
      const edit = edits[i];
      if (edit.source === undefined) continue;
      const content = await promiseResolve(edit.source);
      edit.text = typeof content === "string" ? content : utf8.decode(content);
      edit.source = undefined;
    }
  }

  function documentOf(all, encoding) {
    isolet.onlyInRuns("HTMLRewriter");
    const handle = { __proto__: null };
    const opened = natives.openHtml(specification(all), encoding, handle);
    if (typeof opened === "string") throw failed(opened);
    const id = opened;
    // The handlers of end tags, by the numbers of their elements.
    const waiting = { __proto__: null };

    async function step(piece, enqueue) {
      const found = JSONParse(natives.findHtml(id, piece));
      if (typeof found === "string") throw failed(found);
      const changes = list();
      for (let i = 0; i < found.length; i++) {
        const { by, kind, number } = found[i];
        const token = htmlTokens.make(found[i]);
        for (let k = 0; k < by.length; k++) {
          if (kind !== "endTag") {
            const { handlers } = all[by[k]];
            await run(token, handlers[nameOf[kind]], handlers.self);
            continue;
          }
          const handler = waiting[by[k]];
          delete waiting[by[k]];
          if (handler !== undefined) await run(token, handler, undefined);
        }
        const { edits, onEnd, pending } = token.state;
        if (pending) await settle(edits);
        if (onEnd !== undefined) waiting[number] = onEnd;
        if (edits.length > 0) {
          const change = list();
          ArrayPrototypePush(change, i, edits);
          ArrayPrototypePush(changes, change);
        }
      }
      const ready = natives.applyHtml(id, JSONStringify(changes));
      if (typeof ready === "string") throw failed(ready);
      if (ready > 0) {
        const buffer = new ArrayBuffer(ready);
        natives.takeHtml(id, buffer);
        enqueue(new Uint8Array(buffer));
      }
      // V8 collects the document with its handle.
      return handle;
    }

    // An error ends the document: the stream writes nothing more.
    async function stepOrClose(piece, enqueue) {
      try {
        return await step(piece, enqueue);
      } catch (error) {
        natives.closeHtml(id);
        throw error;
      }
    }

    return {
      __proto__: null,
      async write(chunk, enqueue) {
        const bytes = copy(chunk, "A chunk of a document");
        for (let from = 0; from < TypedArrayPrototypeGetByteLength(bytes); from += PIECE_BYTES)
          await stepOrClose(TypedArrayPrototypeSubarray(bytes, from, from + PIECE_BYTES), enqueue);
      },
      async end(enqueue) {
        await stepOrClose(undefined, enqueue);
        natives.closeHtml(id);
      },
      close: () => natives.closeHtml(id),
    };
  }

  class HTMLRewriter {
    #all = list();

    #add(selector, handlers) {
      const all = list();
      for (let i = 0; i < this.#all.length; i++) ArrayPrototypePush(all, this.#all[i]);
      ArrayPrototypePush(all, { __proto__: null, selector, handlers });
      this.#all = all;
      return this;
    }

    on(selector, handlers) {
      need(arguments.length, 2, "HTMLRewriter.on");
      const text = string(selector);
      const error = natives.checkSelector(text);
      if (error !== undefined) throw new TypeError(`Invalid selector ${isolet.inspect(text)}: ${error}`);
      return this.#add(text, handlersOf(handlers, ["element", "comments", "text"], "HTMLRewriter.on"));
    }

    onDocument(handlers) {
      need(arguments.length, 1, "HTMLRewriter.onDocument");
      const names = ["doctype", "comments", "text", "end"];
      return this.#add(undefined, handlersOf(handlers, names, "HTMLRewriter.onDocument"));
    }

    transform(response) {
      const all = this.#all;
      need(arguments.length, 1, "HTMLRewriter.transform");
      if (!responses.is(response)) throw new TypeError("HTMLRewriter.transform takes a Response.");
      const { body, cf, encodeBody, headers, status, statusText } = responses.fields(response);
      if (body === undefined) return response;
      const type = RegExpPrototypeExec(charset, Heads.get(headers, "content-type") ?? "");
      const document = documentOf(all, type === null ? "utf-8" : (type[1] ?? type[2]));
      const content = bodies.open(body, "response");
      const source =
        typeof content === "string"
          ? pipes.ofBytes(utf8.encode(content))
          : streams.is(content)
            ? content
            : pipes.ofBytes(content);
      const t = transforms.create({
        __proto__: null,
        transform: (chunk) => document.write(chunk, (out) => transforms.enqueue(t, out)),
        flush: () => document.end((out) => transforms.enqueue(t, out)),
        cancel: document.close,
        readableMark: 0,
        readableSize: undefined,
        writableMark: 1,
        writableSize: undefined,
      });
      transforms.begin(t, undefined);
      // What fails is the error of the readable side.
      pipes.through(streams.state(source), t.writable);
      const init = { __proto__: null, cf, encodeBody, headers, status, statusText };
      return new isolet.Response(streams.wrap(t.readable), init);
    }
  }
  define(HTMLRewriter);
  return { HTMLRewriter };
});
