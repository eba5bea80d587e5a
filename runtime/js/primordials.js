// @ts-nocheck Types cannot follow how it makes names: types/primordials.d.ts declares them.
//
// Copies of the language's own functions, taken before any script runs.
//
// A script can replace or delete every property it can reach, so host code written in JavaScript
// must not look any of them up again once a script has started. Each file here is a function body
// that receives `isolet`; what it needs later it takes from `isolet.primordials` into constants of
// its own.

const { apply, bind, call } = Function.prototype;
// uncurryThis(f)(self, ...args) calls f with that `this`, without reading anything from f at call
// time.
const uncurryThis = bind.bind(call);

const primordials = { __proto__: null, uncurryThis };

// Namespaces: JSON.parse becomes primordials.JSONParse.
for (const name of ["JSON", "Math", "Reflect", "Object", "Array", "Number", "String", "Symbol", "Date"]) {
  const from = globalThis[name];
  for (const key of Reflect.ownKeys(from)) {
    const { value } = Reflect.getOwnPropertyDescriptor(from, key);
    if (typeof key === "string" && typeof value === "function" && key !== "prototype") {
      primordials[name + key[0].toUpperCase() + key.slice(1)] = bind.call(value, from);
    } else if (typeof key === "string" && (typeof value === "number" || typeof value === "symbol")) {
      primordials[name + key[0].toUpperCase() + key.slice(1)] = value;
    }
  }
}

// Methods: String.prototype.slice becomes primordials.StringPrototypeSlice(self, …); getters become
// …Get….
const TypedArray = Reflect.getPrototypeOf(Uint8Array);
const withPrototypes = {
  __proto__: null,
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Date,
  RegExp,
  Error,
  Promise,
  Map,
  Set,
  WeakMap,
  WeakSet,
  ArrayBuffer,
  DataView,
  TypedArray,
};
for (const name of Reflect.ownKeys(withPrototypes)) {
  const { prototype } = withPrototypes[name];
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(prototype, key);
    const label =
      typeof key === "symbol"
        ? "Symbol" +
          key.description
            .split(".")
            .pop()
            .replace(/^./, (c) => c.toUpperCase())
        : key[0].toUpperCase() + key.slice(1);
    if (typeof descriptor.value === "function") {
      primordials[name + "Prototype" + label] = uncurryThis(descriptor.value);
    } else if (typeof descriptor.get === "function") {
      primordials[name + "PrototypeGet" + label] = uncurryThis(descriptor.get);
    }
  }
}
const proto = (object) => Reflect.getPrototypeOf(object);
primordials.ArrayIteratorPrototypeNext = uncurryThis(proto([][Symbol.iterator]()).next);
primordials.MapIteratorPrototypeNext = uncurryThis(proto(new Map().entries()).next);
primordials.SetIteratorPrototypeNext = uncurryThis(proto(new Set().values()).next);

// Constructors and globals as they are.
for (const name of [
  "AggregateError",
  "Array",
  "ArrayBuffer",
  "BigInt",
  "Boolean",
  "DataView",
  "Date",
  "Error",
  "EvalError",
  "Function",
  "Map",
  "Number",
  "Object",
  "Promise",
  "Proxy",
  "RangeError",
  "ReferenceError",
  "RegExp",
  "Set",
  "String",
  "Symbol",
  "SyntaxError",
  "TypeError",
  "URIError",
  "Uint8Array",
  "WeakMap",
  "WeakSet",
  "isNaN",
  "parseInt",
  "parseFloat",
  "encodeURIComponent",
  "decodeURIComponent",
]) {
  primordials[name] = globalThis[name];
}
primordials.TypedArray = TypedArray;
// The language's own `then` asks the promise's class for its species, which a script can make
// throw; `await` does not.
primordials.PromisePrototypeThen = async (promise, fulfilled, rejected) => {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (rejected === undefined) throw error;
    const next = rejected(error);
    return typeof next === "object" ? await next : next;
  }
  if (fulfilled === undefined) return value;
  // To return a promise would call its `then`.
  const next = fulfilled(value);
  return typeof next === "object" ? await next : next;
};
// The language's own functions ask the class of what they copy for its species, or a regular
// expression for its flags, by properties that a script can replace: it would get the host's bytes.
const {
  ArrayBufferPrototypeGetByteLength,
  RegExpPrototypeGetSource,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSet,
} = primordials;
const within = (at, most) => (at < 0 ? 0 : at > most ? most : at);
// Of Uint8Arrays only.
primordials.TypedArrayPrototypeSubarray = (bytes, from, to) => {
  const length = TypedArrayPrototypeGetLength(bytes);
  const start = within(from, length);
  const end = to === undefined ? length : within(to, length);
  const offset = TypedArrayPrototypeGetByteOffset(bytes) + start;
  return new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), offset, end > start ? end - start : 0);
};
primordials.ArrayBufferPrototypeSlice = (buffer, from, to) => {
  const length = ArrayBufferPrototypeGetByteLength(buffer);
  const start = within(from, length);
  const end = to === undefined ? length : within(to, length);
  const copy = new ArrayBuffer(end > start ? end - start : 0);
  TypedArrayPrototypeSet(new Uint8Array(copy), new Uint8Array(buffer, start, end > start ? end - start : 0));
  return copy;
};
const flagGetters = [
  ["d", primordials.RegExpPrototypeGetHasIndices],
  ["g", primordials.RegExpPrototypeGetGlobal],
  ["i", primordials.RegExpPrototypeGetIgnoreCase],
  ["m", primordials.RegExpPrototypeGetMultiline],
  ["s", primordials.RegExpPrototypeGetDotAll],
  ["u", primordials.RegExpPrototypeGetUnicode],
  ["v", primordials.RegExpPrototypeGetUnicodeSets],
  ["y", primordials.RegExpPrototypeGetSticky],
];
primordials.RegExpPrototypeGetFlags = (regexp) => {
  let flags = "";
  for (let i = 0; i < flagGetters.length; i++) if (flagGetters[i][1](regexp)) flags += flagGetters[i][0];
  return flags;
};
primordials.RegExpPrototypeToString = (regexp) =>
  `/${RegExpPrototypeGetSource(regexp)}/${primordials.RegExpPrototypeGetFlags(regexp)}`;
// The others of this kind are missing.
for (const name of [
  "ArrayFrom",
  "ArrayFromAsync",
  "ArrayPrototypeConcat",
  "ArrayPrototypeFilter",
  "ArrayPrototypeFlat",
  "ArrayPrototypeFlatMap",
  "ArrayPrototypeMap",
  "ArrayPrototypeSlice",
  "ArrayPrototypeSplice",
  "ObjectFromEntries",
  "ObjectGroupBy",
  "PromisePrototypeCatch",
  "PromisePrototypeFinally",
  "RegExpPrototypeSymbolMatch",
  "RegExpPrototypeSymbolMatchAll",
  "RegExpPrototypeSymbolReplace",
  "RegExpPrototypeSymbolSearch",
  "RegExpPrototypeSymbolSplit",
  "RegExpPrototypeTest",
  "StringPrototypeMatch",
  "StringPrototypeMatchAll",
  "StringPrototypeReplace",
  "StringPrototypeReplaceAll",
  "StringPrototypeSearch",
  "StringPrototypeSplit",
  "TypedArrayPrototypeFilter",
  "TypedArrayPrototypeMap",
  "TypedArrayPrototypeSlice",
])
  delete primordials[name];
primordials.FunctionPrototypeApply = uncurryThis(apply);

isolet.primordials = primordials;

// Adds a global the way browsers do: writable, configurable, not enumerable.
isolet.expose = (globals) => {
  for (const name of Reflect.ownKeys(globals)) {
    Reflect.defineProperty(globalThis, name, {
      __proto__: null,
      value: globals[name],
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }
};
