// structuredClone.
//
// In JavaScript, not by V8's serialiser: that writes every reference to a long text out again into
// memory that no limit counts, so an array of a million references to one text would take the
// process with it. Here a text stays the same text, and what is made is on the heap, where the
// limit is.

const {
  Array,
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeGetMaxByteLength,
  ArrayBufferPrototypeGetResizable,
  ArrayBufferPrototypeSlice,
  ArrayBufferPrototypeTransfer,
  ArrayPrototypePush,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DataView,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  Date,
  DatePrototypeGetTime,
  Error,
  EvalError,
  Map,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  NumberPrototypeValueOf,
  Object,
  ObjectDefineProperty,
  RangeError,
  ReferenceError,
  ReflectOwnKeys,
  RegExp,
  RegExpPrototypeGetFlags,
  RegExpPrototypeGetSource,
  Set,
  SetPrototypeAdd,
  SetPrototypeForEach,
  StringPrototypeSlice,
  StringPrototypeValueOf,
  SyntaxError,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  URIError,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["structuredClone"], ["structuredClone", "cloner"], (host) => {
  const { natives, typedArrays } = isolet;
  const { dictionary, isObject, iterate, list, need, own } = isolet.idl;

  const errors = { __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  function refused(value) {
    const text = isolet.inspect(value);
    return new isolet.DOMException(
      `${text.length > 200 ? `${StringPrototypeSlice(text, 0, 200)}…` : text} could not be cloned.`,
      "DataCloneError",
    );
  }

  // `seen`: originals and their clones, so that cycles and shared references come out as they went
  // in. `policy` (of calls between Workers) measures the value, and replaces objects.
  function clone(value, seen, policy) {
    if (!isObject(value)) {
      if (typeof value === "symbol") throw refused(value);
      if (policy !== undefined) policy.measure(value);
      return value;
    }
    if (MapPrototypeHas(seen, value)) return MapPrototypeGet(seen, value);
    const keep = (made) => {
      MapPrototypeSet(seen, value, made);
      return made;
    };
    const kind = natives.kind(value);
    if (policy !== undefined) {
      const made = policy.replace(value, kind, keep, (inner) => clone(inner, seen, policy));
      if (made !== undefined) return made;
    }
    switch (kind) {
      case ValueKind.Array:
        return fields(value, keep(new Array(value.length)), seen, policy);
      case ValueKind.Date:
        return keep(new Date(DatePrototypeGetTime(value)));
      case ValueKind.RegExp: {
        const source = RegExpPrototypeGetSource(value);
        if (policy !== undefined) policy.measure(source);
        return keep(new RegExp(source, RegExpPrototypeGetFlags(value)));
      }
      case ValueKind.Map: {
        const entries = list();
        MapPrototypeForEach(value, (item, key) => ArrayPrototypePush(entries, { __proto__: null, key, item }));
        const made = keep(new Map());
        for (let i = 0; i < entries.length; i++)
          MapPrototypeSet(made, clone(entries[i].key, seen, policy), clone(entries[i].item, seen, policy));
        return made;
      }
      case ValueKind.Set: {
        const items = list();
        SetPrototypeForEach(value, (item) => ArrayPrototypePush(items, item));
        const made = keep(new Set());
        for (let i = 0; i < items.length; i++) SetPrototypeAdd(made, clone(items[i], seen, policy));
        return made;
      }
      case ValueKind.Error:
        return error(value, keep, seen);
      case ValueKind.ArrayBuffer:
        return keep(buffer(value));
      case ValueKind.TypedArray: {
        const of = TypedArrayPrototypeGetBuffer(value);
        if (natives.kind(of) !== ValueKind.ArrayBuffer) throw refused(value);
        const Class = typedArrays[TypedArrayPrototypeGetSymbolToStringTag(value)];
        return keep(
          new Class(
            clone(of, seen, policy),
            TypedArrayPrototypeGetByteOffset(value),
            TypedArrayPrototypeGetLength(value),
          ),
        );
      }
      case ValueKind.DataView: {
        const of = DataViewPrototypeGetBuffer(value);
        if (natives.kind(of) !== ValueKind.ArrayBuffer) throw refused(value);
        return keep(
          new DataView(
            clone(of, seen, policy),
            DataViewPrototypeGetByteOffset(value),
            DataViewPrototypeGetByteLength(value),
          ),
        );
      }
      case ValueKind.Boxed:
        return keep(Object(clone(unboxed(value), seen, policy)));
      case ValueKind.BoxedBigInt:
        return keep(Object(clone(BigIntPrototypeValueOf(value), seen, policy)));
      case ValueKind.Object:
        if (host.files?.is(value)) {
          const { blobs, files } = isolet;
          return keep(blobs.fileOf(blobs.bytes(value), files.name(value), blobs.type(value), files.modified(value)));
        }
        if (host.blobs?.is(value)) return keep(host.blobs.of(host.blobs.bytes(value), host.blobs.type(value)));
        if (host.RpcTarget !== undefined && value instanceof host.RpcTarget)
          throw new isolet.DOMException("Remote RPC references can only be serialized for RPC.", "DataCloneError");
        if (isolet.isOfHost(value)) throw refused(value);
        return fields(value, keep({}), seen, policy);
      // Functions, proxies, promises, weak collections, iterators, namespaces, shared memory.
      default:
        throw refused(value);
    }
  }

  function fields(value, made, seen, policy) {
    const keys = ReflectOwnKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key !== "string") continue;
      const descriptor = own(value, key);
      // A getter before it has deleted it.
      if (descriptor === undefined || !descriptor.enumerable) continue;
      if (policy !== undefined) policy.measure(key);
      ObjectDefineProperty(made, key, {
        __proto__: null,
        value: clone(value[key], seen, policy),
        writable: true,
        configurable: true,
        enumerable: true,
      });
    }
    return made;
  }

  function unboxed(value) {
    try {
      return NumberPrototypeValueOf(value);
    } catch {
      /* a string or a boolean */
    }
    try {
      return StringPrototypeValueOf(value);
    } catch {
      return BooleanPrototypeValueOf(value);
    }
  }

  function buffer(value) {
    if (ArrayBufferPrototypeGetDetached(value))
      throw new isolet.DOMException("A detached ArrayBuffer could not be cloned.", "DataCloneError");
    if (!ArrayBufferPrototypeGetResizable(value)) return ArrayBufferPrototypeSlice(value, 0);
    const made = new ArrayBuffer(ArrayBufferPrototypeGetByteLength(value), {
      __proto__: null,
      maxByteLength: ArrayBufferPrototypeGetMaxByteLength(value),
    });
    TypedArrayPrototypeSet(new Uint8Array(made), new Uint8Array(value));
    return made;
  }

  function error(value, keep, seen) {
    if (value instanceof isolet.DOMException) {
      const made = keep(new isolet.DOMException(value.message, value.name));
      isolet.hide(made, "stack", value.stack);
      return made;
    }
    const name = value.name;
    const Class = errors[`${name}`] ?? Error;
    const message = own(value, "message");
    const made = keep(message === undefined || !("value" in message) ? new Class() : new Class(`${message.value}`));
    isolet.hide(made, "stack", typeof value.stack === "string" ? value.stack : undefined);
    if (own(value, "cause") !== undefined) isolet.hide(made, "cause", clone(value.cause, seen, undefined));
    return made;
  }

  const { structuredClone } = {
    /** @param {ScriptValue} value @param {ScriptValue} [options] */
    structuredClone(value, options = undefined) {
      need(arguments.length, 1, "structuredClone");
      const { transfer } = dictionary(options, "The options of structuredClone");
      const moved = list();
      if (transfer !== undefined) {
        iterate(transfer, "`transfer`", (item) => {
          if (natives.kind(item) !== ValueKind.ArrayBuffer)
            throw new isolet.DOMException("Only ArrayBuffers can be transferred.", "DataCloneError");
          if (ArrayBufferPrototypeGetDetached(item))
            throw new isolet.DOMException("A detached ArrayBuffer cannot be transferred.", "DataCloneError");
          for (let i = 0; i < moved.length; i++) {
            if (moved[i] === item)
              throw new isolet.DOMException("An ArrayBuffer is in `transfer` twice.", "DataCloneError");
          }
          ArrayPrototypePush(moved, item);
        });
      }
      const made = clone(value, new Map(), undefined);
      // The clone has a copy, so that a transfer only has to detach the original.
      for (let i = 0; i < moved.length; i++)
        if (!ArrayBufferPrototypeGetDetached(moved[i])) ArrayBufferPrototypeTransfer(moved[i], 0);
      return made;
    },
  };

  host.structuredClone = structuredClone;
  host.cloner = {
    __proto__: null,
    clone: (value, policy) => clone(value, new Map(), policy),
    errors: /** @type {any} */ (errors),
  };
  return { structuredClone };
});
