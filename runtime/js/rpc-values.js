// The values of calls between Workers: what is given and what is returned.
//
// A value is first copied on the heap, as structuredClone does it: then no code of the script runs
// any more, and what V8's serialiser does not know stands in the copy as a placeholder. For each
// there is an item, such as the head of a response, and for objects that are passed by reference
// the reference. V8 writes the items and the copy.

const {
  AggregateError,
  ArrayBufferPrototypeGetByteLength,
  ArrayIsArray,
  ArrayPrototypePush,
  BigIntPrototypeToString,
  Error,
  JSONParse,
  MathFloor,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  RangeError,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolDispose,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeGetByteLength,
} = isolet.primordials;

isolet.lazy([], ["rpcValues"], (host) => {
  const { cloner, natives, rpcObjects } = isolet;
  const { isObject, list, own } = isolet.idl;
  const ObjectPrototype = ObjectGetPrototypeOf({});

  // `MAX_VALUE_BYTES` and `MAX_REFERENCES` in src/worker/rpc.rs are the same numbers.
  const MAX_VALUE = 33554432;
  const MAX_REFERENCES = 1000;
  const MAX_NAME = 100;

  const classes = { __proto__: null, AggregateError, ...cloner.errors };

  // The errors of an AggregateError are copied with its properties. An array would be read by what
  // the script put on Array.prototype.
  /** @type {any} */
  const noErrors = {
    __proto__: null,
    [SymbolIterator]: () => ({ __proto__: null, next: () => ({ __proto__: null, done: true }) }),
  };
  const makeError = (Class, message) =>
    Class === AggregateError ? new AggregateError(noErrors, message) : new Class(message);

  const notCloned = (text) => new isolet.DOMException(text, "DataCloneError");
  const tooLong = (size) =>
    new Error(
      `Serialized RPC arguments or return values are limited to 32MiB, but the size of this value was: ${size} bytes.`,
    );

  function nameOf(value) {
    try {
      const { name } = value.constructor;
      if (typeof name === "string" && name !== "") return StringPrototypeSlice(name, 0, MAX_NAME);
    } catch {
      /* a getter of the script threw */
    }
    return "Object";
  }
  const refused = (value) =>
    notCloned(`Could not serialize object of type "${nameOf(value)}". This type does not support serialization.`);

  // Copies a value, and gathers its items and references.
  class Encoder {
    items = list();
    references = list();
    // Errors with their own properties, which V8 does not write.
    errors = list();
    #size = 0;
    #plain;

    // `plain`: objects that would be passed by reference are refused.
    constructor(plain) {
      this.#plain = plain;
    }

    // V8 writes a text as often as it occurs, so that its length counts each time.
    measure(value) {
      if (typeof value === "string") this.#size += value.length;
      else if (typeof value === "bigint" && (value > 0xffffffffffffffffn || value < -0xffffffffffffffffn))
        this.#size += MathFloor(BigIntPrototypeToString(value, 16).length / 2);
      if (this.#size > MAX_VALUE) throw tooLong(this.#size);
    }

    #placeholder(item) {
      ArrayPrototypePush(this.items, item);
      return natives.placeholder(this.items.length - 1);
    }

    // Takes one count of the reference.
    #reference(reference) {
      ArrayPrototypePush(this.references, reference);
      if (this.references.length > MAX_REFERENCES)
        throw new RangeError(`A value refers to more than ${MAX_REFERENCES} functions, RpcTargets and stubs.`);
      return this.references.length - 1;
    }

    #byReference(target) {
      if (this.#plain) throw refused(target);
      return this.#placeholder({ __proto__: null, kind: "stub", at: this.#reference(rpcObjects.ofTarget(target)) });
    }

    replace(value, kind, keep, clone) {
      switch (kind) {
        case ValueKind.Function:
          return keep(this.#byReference(value));
        case ValueKind.Proxy:
          return keep(this.#proxy(value));
        case ValueKind.Error:
          return this.#error(value, keep, clone);
        case ValueKind.Object:
          return this.#object(value, keep);
        case ValueKind.Promise:
        case ValueKind.Weak:
        case ValueKind.Iterator:
        case ValueKind.Namespace:
        case ValueKind.Shared:
          throw notCloned(`#<${nameOf(value)}> could not be cloned.`);
      }
      return undefined;
    }

    #proxy(value) {
      const stub = host.rpcStubs?.referenceOf(value);
      if (stub !== undefined) {
        if (this.#plain) throw refused(value);
        stub.count++;
        return this.#placeholder({ __proto__: null, kind: "stub", at: this.#reference(stub) });
      }
      if (host.rpcStubs?.is(value) || isolet.isEnvironment(value)) throw refused(value);
      if (host.services?.invokerOf(value) !== undefined)
        throw notCloned("A service binding cannot be passed to another Worker: pass a function that calls it.");
      if (!isolet.rpcServer.isTarget(value)) throw refused(value);
      return this.#byReference(value);
    }

    #object(value, keep) {
      if (value instanceof isolet.RpcTarget) return keep(this.#byReference(value));
      if (host.headers?.is(value))
        return keep(this.#placeholder({ __proto__: null, kind: "headers", pairs: pairsOf(value) }));
      if (host.responses?.is(value)) return keep(this.#response(value));
      if (host.requests?.is(value)) return keep(this.#request(value));
      if (host.streams?.is(value)) {
        const at = this.#stream(value);
        return keep(this.#placeholder({ __proto__: null, kind: "stream", at }));
      }
      if (ObjectGetPrototypeOf(value) !== ObjectPrototype) throw refused(value);
      return undefined;
    }

    #stream(stream) {
      if (this.#plain) throw refused(stream);
      return this.#reference(rpcObjects.ofTarget(isolet.rpcStreams.source(stream)));
    }

    // Adds a body to the item of its request or response.
    #body(item, body, what) {
      if (body === undefined) return;
      const content = isolet.bodies.open(body, what);
      if (typeof content === "string" || isolet.outgoing.isBytes(content)) {
        item.content = content;
        this.#size += typeof content === "string" ? content.length : TypedArrayPrototypeGetByteLength(content);
        this.measure(undefined);
      } else {
        item.at = this.#stream(content);
      }
    }

    #response(value) {
      const { status, statusText, headers, body, encodeBody } = isolet.responses.fields(value);
      const encoded = body?.encoding !== undefined;
      const pairs = pairsOf(headers);
      const item = { __proto__: null, kind: "response", status, statusText, pairs, encodeBody, encoded };
      this.#body(item, body, "response");
      return this.#placeholder(item);
    }

    #request(value) {
      const { method, url, headers, body, redirect } = isolet.requests.fields(value);
      const item = { __proto__: null, kind: "request", method, url, redirect, pairs: pairsOf(headers) };
      this.#body(item, body, "request");
      return this.#placeholder(item);
    }

    // The class of an error follows its name, as in V8's serialiser.
    #error(value, keep, clone) {
      const found = own(value, "message");
      const message = found === undefined || !("value" in found) ? "" : `${found.value}`;
      const isException = value instanceof isolet.DOMException;
      const name = `${value.name}`;
      this.measure(message);
      this.measure(name);
      const made = keep(
        this.#placeholder({ __proto__: null, kind: isException ? "exception" : "error", name, message }),
      );
      const properties = {};
      const keys = ReflectOwnKeys(value);
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        if (typeof key !== "string" || key === "message" || key === "stack") continue;
        const descriptor = own(value, key);
        const isKept = key === "name" || key === "cause" || key === "errors";
        if (descriptor === undefined || !(descriptor.enumerable || isKept)) continue;
        this.measure(key);
        put(properties, key, clone(value[key]));
      }
      ArrayPrototypePush(this.errors, made);
      ArrayPrototypePush(this.errors, properties);
      return made;
    }
  }

  function put(object, key, value) {
    ObjectDefineProperty(object, key, {
      __proto__: null,
      value,
      writable: true,
      configurable: true,
      enumerable: true,
    });
  }

  function pairsOf(headers) {
    const pairs = list();
    const all = isolet.headers.pairs(headers);
    for (let i = 0; i < all.length; i++) {
      ArrayPrototypePush(pairs, all[i].key);
      ArrayPrototypePush(pairs, all[i].value);
    }
    return pairs;
  }

  /** @type {RpcValues["encode"]} */
  function encode(value, plain = false) {
    const encoder = new Encoder(plain);
    try {
      const root = list();
      ArrayPrototypePush(root, cloner.clone(value, encoder));
      ArrayPrototypePush(root, encoder.errors);
      const items = encoder.items.length === 0 ? undefined : natives.writeValue(encoder.items);
      const bytes = natives.writeValue(root);
      if (bytes === undefined || (items === undefined && encoder.items.length > 0))
        throw notCloned("The value could not be cloned.");
      const size =
        ArrayBufferPrototypeGetByteLength(bytes) + (items === undefined ? 0 : ArrayBufferPrototypeGetByteLength(items));
      if (size > MAX_VALUE) throw tooLong(size);
      return { __proto__: null, value: bytes, items, references: encoder.references };
    } catch (thrown) {
      releaseAll(encoder.references);
      throw thrown;
    }
  }

  // What was thrown. Only an error keeps its class; if its properties cannot be copied, its name
  // stands in the message.
  /** @type {RpcValues["encodeThrown"]} */
  function encodeThrown(thrown) {
    if (!isObject(thrown)) return encode(new Error(typeof thrown === "string" ? thrown : isolet.inspect(thrown)), true);
    try {
      return encode(thrown, true);
    } catch {
      const { name, message } = isolet.describe(thrown);
      const Class = classes[name];
      return encode(Class === undefined ? new Error(`${name}: ${message}`) : makeError(Class, message), true);
    }
  }

  function releaseAll(references) {
    for (let i = 0; i < references.length; i++) rpcObjects.release(references[i]);
  }

  // The objects of items. The items may come from a Worker that isolet did not stop from writing
  // anything, so that each is made as a script would make it, which checks its parts.
  const makers = {
    __proto__: null,
    stub: (item, given) => given.stub(item.at),
    stream: (item, given) => given.stream(item.at),
    headers: (item) => headersOf(item.pairs),
    response(item, given) {
      const { status, statusText, pairs, encodeBody, encoded } = item;
      const init = { __proto__: null, status, statusText, headers: headersOf(pairs), encodeBody };
      const made = new isolet.Response(bodyOf(item, given), init);
      if (encoded === true) {
        const { body, headers } = isolet.responses.fields(made);
        isolet.bodies.encoded(body, headers);
      }
      return made;
    },
    request: (item, given) =>
      new isolet.Request(item.url, {
        __proto__: null,
        method: item.method,
        redirect: item.redirect,
        headers: headersOf(item.pairs),
        body: bodyOf(item, given),
      }),
    error(item) {
      const { name, message } = item;
      return withStack(makeError(classes[name] ?? Error, message), name, message);
    },
    exception: (item) => withStack(new isolet.DOMException(item.message, item.name), item.name, item.message),
  };

  function withStack(error, name, message) {
    isolet.hide(error, "stack", `${name}: ${message}`);
    return error;
  }

  function headersOf(pairs) {
    if (!ArrayIsArray(pairs)) throw notCloned("Headers without a list.");
    const headers = new isolet.Headers();
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const name = pairs[i];
      const value = pairs[i + 1];
      if (typeof name !== "string" || !isolet.httpToken(name) || !isHeaderValue(value))
        throw notCloned("A header that is not valid.");
      isolet.headers.add(headers, StringPrototypeToLowerCase(name), value);
    }
    return headers;
  }

  const isHeaderValue = (value) => typeof value === "string" && RegExpPrototypeExec(headerValue, value) !== null;
  const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

  function bodyOf(item, given) {
    if (item.at !== undefined) return given.stream(item.at);
    return item.content;
  }

  // A value that came, and its references. Each has one count, which is the value's until a stub of
  // it is taken.
  class Given {
    value;
    #references;
    #stubs = list();
    // The references that streams have taken.
    #ofStreams = list();

    constructor(references) {
      this.#references = references;
    }
    take(at) {
      const reference = this.#references[at];
      if (reference === undefined || typeof at !== "number") throw notCloned("A stub that was not given.");
      this.#references[at] = undefined;
      return reference;
    }
    stub(at) {
      const stub = isolet.rpcStubs.make(this.take(at));
      ArrayPrototypePush(this.#stubs, stub);
      return stub;
    }
    stream(at) {
      const reference = this.take(at);
      ArrayPrototypePush(this.#ofStreams, reference);
      return isolet.rpcStreams.receive(reference);
    }
    // Gives up everything, while the script has none of it.
    abandon() {
      this.release();
      this.releaseUnused();
      releaseAll(this.#ofStreams);
    }
    // Disposes of the stubs in the value.
    release() {
      for (let i = 0; i < this.#stubs.length; i++) isolet.rpcStubs.dispose(this.#stubs[i]);
    }
    releaseUnused() {
      for (let i = 0; i < this.#references.length; i++)
        if (this.#references[i] !== undefined) rpcObjects.release(this.#references[i]);
    }
  }

  /** @type {RpcValues["decode"]} */
  function decode(value, items, references) {
    const given = new Given(references);
    try {
      const objects = list();
      if (items !== undefined) {
        const written = natives.readValue(items, list());
        if (written === undefined || !ArrayIsArray(written[0])) throw notCloned("The value could not be read.");
        for (let i = 0; i < written[0].length; i++) {
          const item = written[0][i];
          const make = isObject(item) ? makers[item.kind] : undefined;
          if (make === undefined) throw notCloned("The value has an unknown part.");
          ArrayPrototypePush(objects, make(item, given));
        }
      }
      const root = natives.readValue(value, objects);
      if (root === undefined || !ArrayIsArray(root[0])) throw notCloned("The value could not be read.");
      const errors = root[0][1];
      for (let i = 0; ArrayIsArray(errors) && i + 1 < errors.length; i += 2) {
        // A sparse list of a hostile peer has four thousand million entries.
        if (!isObject(errors[i]) || !isObject(errors[i + 1])) throw notCloned("The value has an unknown error.");
        const keys = ReflectOwnKeys(errors[i + 1]);
        for (let j = 0; j < keys.length; j++) put(errors[i], keys[j], errors[i + 1][keys[j]]);
      }
      given.value = root[0][0];
      given.releaseUnused();
      return given;
    } catch (thrown) {
      given.abandon();
      throw thrown;
    }
  }

  // A result: disposing of it disposes of the stubs in it.
  /** @type {RpcValues["result"]} */
  function result(given) {
    const { value } = given;
    if (isObject(value) && !host.rpcStubs?.is(value))
      isolet.hide(value, SymbolDispose, { dispose: () => given.release() }.dispose);
    return value;
  }

  // The references that the JSON text of the numbers of stubs means.
  /** @type {RpcValues["referencesOf"]} */
  function referencesOf(stubsText, context) {
    const references = list();
    const numbers = stubsText === undefined ? list() : JSONParse(stubsText);
    for (let i = 0; i < numbers.length; i++) ArrayPrototypePush(references, rpcObjects.ofStub(numbers[i], context));
    return references;
  }

  // The JSON text of references for another isolate: the number of an object of this one, or the
  // negative number of a stub. The numbers of objects take the counts of their references; if it
  // throws, there are none left.
  /** @type {RpcValues["objectsText"]} */
  function objectsText(references, context) {
    const numbers = list();
    let text = "[";
    try {
      for (let i = 0; i < references.length; i++) {
        const reference = references[i];
        if (reference.stub !== 0 && reference.context.ended)
          throw new TypeError("A stub of a request that has ended cannot be passed on.");
        ArrayPrototypePush(numbers, reference.stub !== 0 ? -reference.stub : rpcObjects.expose(reference, context));
        text += `${i === 0 ? "" : ","}${numbers[i]}`;
      }
      return `${text}]`;
    } catch (thrown) {
      for (let i = 0; i < references.length; i++) {
        if (i < numbers.length && numbers[i] > 0) rpcObjects.withdraw(numbers[i]);
        else rpcObjects.release(references[i]);
      }
      throw thrown;
    }
  }

  // Gives up what a text of objects that was not sent has taken, and the counts of the others.
  /** @type {RpcValues["unsent"]} */
  function unsent(text, references) {
    const numbers = JSONParse(text);
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] > 0) rpcObjects.withdraw(numbers[i]);
      else rpcObjects.release(references[i]);
    }
  }

  // Gives up the counts of references to stubs, after they were sent.
  /** @type {RpcValues["sent"]} */
  function sent(references) {
    for (let i = 0; i < references.length; i++) if (references[i].stub !== 0) rpcObjects.release(references[i]);
  }

  host.rpcValues = {
    __proto__: null,
    decode,
    encode,
    encodeThrown,
    objectsText,
    referencesOf,
    releaseAll,
    result,
    sent,
    unsent,
  };
});
