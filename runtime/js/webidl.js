// Web IDL: conversions of arguments, the shape of classes, brand checks.

const {
  ArrayBufferPrototypeGetDetached,
  ArrayIsArray,
  ArrayPrototypePush,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  MathTrunc,
  Number,
  NumberIsFinite,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  ReflectApply,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  StringPrototypeCharCodeAt,
  StringPrototypeToWellFormed,
  SymbolIterator,
  SymbolToStringTag,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSet,
  Uint8Array,
} = isolet.primordials;
const { natives } = isolet;

// Arrays whose prototype is empty: `list[i] = x` and push meet no setter that a script put on
// Array.prototype. Setting the prototype of each list to null took three times as long.
class List extends Array {}
ObjectSetPrototypeOf(List.prototype, null);
delete (/** @type {any} */ (List.prototype).constructor);
/** @type {WebIdl["list"]} */
const list = () => new List();

// A class of records that are made often: they have no prototype but an empty one. V8 keeps the
// fields of an object literal with `__proto__: null` in a hash table, which takes ten times as long
// to make.
/** @type {WebIdl["bare"]} */
function bare(Class) {
  delete Class.prototype.constructor;
  ObjectSetPrototypeOf(Class.prototype, null);
  return Class;
}

// A property's descriptor without a prototype: `get` of a data property must not be found on
// Object.prototype.
/** @type {WebIdl["own"]} */
function own(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor === undefined ? undefined : ObjectSetPrototypeOf(descriptor, null);
}

// Methods and accessors enumerable, a toStringTag: what `class` does not do and Web IDL wants.
/** @type {WebIdl["define"]} */
function define(Class, tag = Class.name) {
  for (let object = Class; object !== undefined; object = object === Class ? Class.prototype : undefined) {
    const keys = ReflectOwnKeys(object);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key !== "string" || key === "constructor" || key === "prototype" || key === "name" || key === "length")
        continue;
      const descriptor = /** @type {PropertyDescriptor} */ (own(object, key));
      descriptor.enumerable = true;
      ObjectDefineProperty(object, key, descriptor);
    }
  }
  ObjectDefineProperty(Class.prototype, SymbolToStringTag, { __proto__: null, value: tag, configurable: true });
  return Class;
}

// Another name for a method: the same function, as the standards ask of entries and
// [Symbol.iterator].
/** @type {WebIdl["alias"]} */
function alias(Class, name, of, enumerable = false) {
  ObjectDefineProperty(Class.prototype, name, {
    __proto__: null,
    value: Class.prototype[of],
    writable: true,
    configurable: true,
    enumerable,
  });
}

/** @type {WebIdl["string"]} */
const string = (value) => `${value}`;
/** @type {WebIdl["usv"]} */
const usv = (value) => StringPrototypeToWellFormed(`${value}`);

// A string of characters below 256, which stand for bytes.
/** @type {WebIdl["byteString"]} */
function byteString(value, what) {
  const text = `${value}`;
  for (let i = 0; i < text.length; i++) {
    if (StringPrototypeCharCodeAt(text, i) > 255) {
      throw new TypeError(
        `${what} contains a character that is not a byte (above U+00FF): ${isolet.inspect(text)}. Encode it, for example with encodeURIComponent.`,
      );
    }
  }
  return text;
}

// Fewer arguments than a function needs.
/** @type {WebIdl["need"]} */
function need(count, least, what) {
  if (count < least)
    throw new TypeError(
      `${what} needs ${least === 1 ? "1 argument" : `${least} arguments`}, but got ${count === 0 ? "none" : count}.`,
    );
}

// A dictionary argument: undefined and null are the empty one.
/** @type {WebIdl["dictionary"]} */
function dictionary(value, what) {
  if (value === undefined || value === null) return empty;
  if (typeof value !== "object" && typeof value !== "function") throw new TypeError(`${what} must be an object.`);
  return value;
}
const empty = { __proto__: null };

// `unsigned short` and its relatives with [EnforceRange].
/** @type {WebIdl["integer"]} */
function integer(value, least, most, what) {
  const number = MathTrunc(Number(value));
  if (!NumberIsFinite(number) || number < least || number > most) {
    throw new TypeError(`${what} must be a number from ${least} to ${most}.`);
  }
  return number + 0;
}

// Reads a private field for its brand check: `checkBrand(this.#brand)` throws a TypeError if `this`
// is of another class.
/** @type {WebIdl["checkBrand"]} */
const checkBrand = (_field) => {};

/** @type {WebIdl["isObject"]} */
const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** @type {WebIdl["isBuffer"]} */
function isBuffer(value) {
  const kind = natives.kind(value);
  return kind === ValueKind.ArrayBuffer || kind === ValueKind.TypedArray || kind === ValueKind.DataView;
}

// The bytes of a BufferSource, not copied. A detached one has none.
/** @type {WebIdl["view"]} */
function view(value, what) {
  switch (natives.kind(value)) {
    case ValueKind.ArrayBuffer:
      return ArrayBufferPrototypeGetDetached(value) ? new Uint8Array(0) : new Uint8Array(value);
    case ValueKind.TypedArray: {
      const buffer = TypedArrayPrototypeGetBuffer(value);
      if (natives.kind(buffer) !== ValueKind.ArrayBuffer) break;
      if (ArrayBufferPrototypeGetDetached(buffer)) return new Uint8Array(0);
      return new Uint8Array(buffer, TypedArrayPrototypeGetByteOffset(value), TypedArrayPrototypeGetByteLength(value));
    }
    case ValueKind.DataView: {
      const buffer = DataViewPrototypeGetBuffer(value);
      if (natives.kind(buffer) !== ValueKind.ArrayBuffer) break;
      if (ArrayBufferPrototypeGetDetached(buffer)) return new Uint8Array(0);
      return new Uint8Array(buffer, DataViewPrototypeGetByteOffset(value), DataViewPrototypeGetByteLength(value));
    }
  }
  throw new TypeError(`${what} must be an ArrayBuffer or a view of one.`);
}

// What is left of some bytes after the first `from`.
const tail = (bytes, from) =>
  new Uint8Array(
    TypedArrayPrototypeGetBuffer(bytes),
    TypedArrayPrototypeGetByteOffset(bytes) + from,
    TypedArrayPrototypeGetByteLength(bytes) - from,
  );

// A copy of the bytes that nothing else refers to.
/** @type {WebIdl["copy"]} */
function copy(value, what) {
  const from = view(value, what);
  const to = new Uint8Array(TypedArrayPrototypeGetByteLength(from));
  TypedArrayPrototypeSet(to, from);
  return to;
}

// Calls `each` with every item of a sequence<>. Arrays are read by index: a script that replaced
// Array's iterator must not break the host's own use of these classes.
/** @type {WebIdl["iterate"]} */
function iterate(value, what, each) {
  if (ArrayIsArray(value)) {
    for (let i = 0; i < value.length; i++) each(value[i]);
    return;
  }
  const method = isObject(value) ? value[SymbolIterator] : undefined;
  if (typeof method !== "function") throw new TypeError(`${what} is not iterable.`);
  const iterator = ReflectApply(method, value, []);
  const next = iterator.next;
  for (;;) {
    const step = ReflectApply(next, iterator, []);
    if (!isObject(step)) throw new TypeError(`${what} has an iterator whose next() did not return an object.`);
    if (step.done) return;
    each(step.value);
  }
}

const prototypeOf = Object.getPrototypeOf;
const AsyncIteratorPrototype = prototypeOf(prototypeOf(prototypeOf((async function* () {})())));
const promiseResolve = Promise.resolve.bind(Promise);
const promiseReject = Promise.reject.bind(Promise);

// Parts in one piece. The result shares memory with nothing.
/** @type {WebIdl["concatenate"]} */
function concatenate(parts) {
  let length = 0;
  for (let i = 0; i < parts.length; i++) length += TypedArrayPrototypeGetLength(parts[i]);
  const whole = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    TypedArrayPrototypeSet(whole, parts[i], at);
    at += TypedArrayPrototypeGetLength(parts[i]);
  }
  return whole;
}

// Classes of the host show something better than their own properties, of which they have none:
// `is(value)` tells whether a value is of the class, `show(value, label)` gives { fields } or a
// finished { text }.
const shown = list();
isolet.shown = shown;
isolet.inspectable = (is, show) => ArrayPrototypePush(shown, { __proto__: null, is, show });
// Returns whether an object is of one of these classes.
isolet.isOfHost = (value) => {
  for (let i = 0; i < shown.length; i++) if (shown[i].is(value)) return true;
  return false;
};

// Globals that are loaded later must not come from what a script made of globalThis by then.
isolet.setTimeout = globalThis.setTimeout;
isolet.clearTimeout = globalThis.clearTimeout;
isolet.captureStackTrace = Error.captureStackTrace;
isolet.typedArrays = { __proto__: null };
for (const name of [
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
])
  isolet.typedArrays[name] = globalThis[name];

isolet.idl = {
  __proto__: null,
  AsyncIteratorPrototype,
  alias,
  bare,
  byteString,
  checkBrand,
  concatenate,
  copy,
  define,
  dictionary,
  integer,
  isBuffer,
  isObject,
  iterate,
  list,
  need,
  own,
  promiseReject,
  promiseResolve,
  string,
  tail,
  usv,
  view,
};
