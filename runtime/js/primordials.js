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
