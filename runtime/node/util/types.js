// node:util/types
"use strict";

const { natives } = isolet;
const { Symbol, Reflect, ArrayBuffer } = globalThis;
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const toStringOf = uncurry(Object.prototype.toString);
const typedArrayName = uncurry(
  Reflect.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get,
);

// The host's number of a kind, from a value of the kind.
const like = (value) => natives.kind(value);
const is = (sample) => {
  const kind = like(sample);
  return (value) => typeof value === "object" && value !== null && natives.kind(value) === kind;
};
const boxed = like(new Number(0));
const weak = like(new WeakMap());
const iterator = like(new Map().entries());
const weakMap = uncurry(WeakMap.prototype.has);
const weakSet = uncurry(WeakSet.prototype.has);
const proxy = like(new Proxy({}, {}));

function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
function isBoxed(valueOf) {
  const call = uncurry(valueOf);
  return (value) => {
    if (typeof value !== "object" || value === null || natives.kind(value) !== boxed) return false;
    try {
      call(value);
      return true;
    } catch {
      return false;
    }
  };
}
function isWeak(has) {
  return (value) => {
    if (typeof value !== "object" || value === null || natives.kind(value) !== weak) return false;
    try {
      has(value, {});
      return true;
    } catch {
      return false;
    }
  };
}
const tagged = (tag) => (value) => isObject(value) && toStringOf(value) === `[object ${tag}]`;
const iteratorOf = (sample) => {
  const tag = Object.getPrototypeOf(sample)[Symbol.toStringTag];
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    natives.kind(value) === iterator &&
    Object.getPrototypeOf(value)?.[Symbol.toStringTag] === tag;
};
const functionKind = (value) => (typeof value === "function" ? toStringOf(value).slice(8, -1) : "");

const isNumberObject = isBoxed(Number.prototype.valueOf);
const isStringObject = isBoxed(String.prototype.valueOf);
const isBooleanObject = isBoxed(Boolean.prototype.valueOf);
const isSymbolObject = is(Object(Symbol()));
const isBigIntObject = is(Object(0n));
const isTypedArray = is(new Uint8Array());
const isArrayBuffer = is(new ArrayBuffer(0));

const types = {
  isExternal: () => false,
  isDate: is(new Date()),
  isArgumentsObject: tagged("Arguments"),
  isBigIntObject,
  isBooleanObject,
  isNumberObject,
  isStringObject,
  isSymbolObject,
  isBoxedPrimitive: (value) =>
    isNumberObject(value) ||
    isStringObject(value) ||
    isBooleanObject(value) ||
    isBigIntObject(value) ||
    isSymbolObject(value),
  isNativeError: is(new Error()),
  isRegExp: is(/a/),
  isAsyncFunction: (value) => functionKind(value).startsWith("Async"),
  isGeneratorFunction: (value) => functionKind(value).endsWith("GeneratorFunction"),
  isGeneratorObject: (value) =>
    typeof value === "object" && value !== null && /^\[object (Async)?Generator\]$/.test(toStringOf(value)),
  isPromise: is(Promise.resolve()),
  isMap: is(new Map()),
  isSet: is(new Set()),
  isMapIterator: iteratorOf(new Map().entries()),
  isSetIterator: iteratorOf(new Set().values()),
  isWeakMap: isWeak(weakMap),
  isWeakSet: isWeak(weakSet),
  isArrayBuffer,
  isDataView: is(new DataView(new ArrayBuffer(0))),
  isSharedArrayBuffer: () => false,
  isProxy: (value) => isObject(value) && natives.kind(value) === proxy,
  isModuleNamespaceObject: (value) =>
    typeof value === "object" &&
    value !== null &&
    toStringOf(value) === "[object Module]" &&
    !Object.isExtensible(value),
  isAnyArrayBuffer: isArrayBuffer,
  isArrayBufferView: ArrayBuffer.isView,
  isTypedArray,
  isCryptoKey: (value) => typeof CryptoKey === "function" && value instanceof CryptoKey,
  isKeyObject: (value) => isObject(value) && value instanceof require("crypto").KeyObject,
};
for (const name of [
  "Uint8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Uint32Array",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
]) {
  types[`is${name}`] = (value) => isTypedArray(value) && typedArrayName(value) === name;
}
for (const [name, run] of Object.entries(types)) Object.defineProperty(run, "name", { value: name });
module.exports = types;
