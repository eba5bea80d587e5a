// The comparison of isDeepStrictEqual() and assert.deepEqual().
"use strict";

const types = require("util/types");

const { Map, Set } = globalThis;
const hasOwn = Object.hasOwn;
const isEnumerable = Function.prototype.call.bind(Object.prototype.propertyIsEnumerable);

const tag = (value) => Object.prototype.toString.call(value);
const isIndex = (key) => typeof key === "string" && /^(?:0|[1-9]\d*)$/.test(key);

// The modes: loose compares primitives by `==`, and prototypes and symbols not at all. Partial
// asks for the properties of the expected value only.
function isDeepEqual(actual, expected, { strict = true, partial = false } = {}) {
  return equal(actual, expected, { strict, partial, pairs: new Map() });
}

function equal(a, b, mode) {
  if (a === b) return a !== 0 || !mode.strict || Object.is(a, b);
  if (mode.strict) {
    if (typeof a !== "object") return typeof a === "number" && Number.isNaN(a) && Number.isNaN(b);
    if (typeof b !== "object" || a === null || b === null) return false;
    if (!mode.partial && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  } else {
    if (a === null || typeof a !== "object") {
      // Loose equality is what this mode is about.
      return (b === null || typeof b !== "object") && (a == b || (Number.isNaN(a) && Number.isNaN(b)));
    }
    if (b === null || typeof b !== "object") return false;
  }
  if (tag(a) !== tag(b)) return false;
  return equalObjects(a, b, mode);
}

function equalObjects(a, b, mode) {
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || (mode.partial ? a.length < b.length : a.length !== b.length)) return false;
    if (mode.partial) return partialArrays(a, b, mode);
  } else if (Array.isArray(b)) return false;
  else if (types.isDate(a)) {
    if (!types.isDate(b) || !Object.is(a.getTime(), b.getTime())) return false;
  } else if (types.isRegExp(a)) {
    if (!types.isRegExp(b) || a.source !== b.source || a.flags !== b.flags || a.lastIndex !== b.lastIndex) return false;
  } else if (types.isNativeError(a) || a instanceof Error) {
    if (!(types.isNativeError(b) || b instanceof Error) || a.message !== b.message || a.name !== b.name) return false;
    for (const name of ["cause", "errors"]) {
      if (hasOwn(a, name) !== hasOwn(b, name) || !equal(a[name], b[name], mode)) return false;
    }
  } else if (ArrayBuffer.isView(a)) {
    if (!ArrayBuffer.isView(b) || a.byteLength !== b.byteLength || !equalBytes(a, b, mode)) return false;
    return equalKeys(a, b, mode, (key) => !isIndex(key));
  } else if (types.isAnyArrayBuffer(a)) {
    if (!types.isAnyArrayBuffer(b) || !equalBytes(new Uint8Array(a), new Uint8Array(b), mode)) return false;
  } else if (types.isBoxedPrimitive(a)) {
    if (!types.isBoxedPrimitive(b) || !Object.is(a.valueOf(), b.valueOf())) return false;
  } else if (types.isMap(a)) {
    return types.isMap(b) && inPair(a, b, mode, () => equalMaps(a, b, mode)) && equalKeys(a, b, mode);
  } else if (types.isSet(a)) {
    return types.isSet(b) && inPair(a, b, mode, () => equalSets(a, b, mode)) && equalKeys(a, b, mode);
  } else if (types.isWeakMap(a) || types.isWeakSet(a) || types.isPromise(a)) return false;
  else if (a instanceof URL) {
    if (!(b instanceof URL) || a.href !== b.href) return false;
  }
  return inPair(a, b, mode, () => equalKeys(a, b, mode));
}

// Objects that are compared already are taken to be equal.
function inPair(a, b, mode, compare) {
  const known = mode.pairs.get(a);
  if (known !== undefined && known.has(b)) return true;
  const set = known ?? new Set();
  set.add(b);
  mode.pairs.set(a, set);
  const result = compare();
  set.delete(b);
  return result;
}

function equalBytes(a, b, mode) {
  if (!mode.strict && (types.isFloat32Array(a) || types.isFloat64Array(a))) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
    return true;
  }
  const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const [one, two] = [bytes(a), bytes(b)];
  if (one.length !== two.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== two[i]) return false;
  return true;
}

function keysOf(value, mode) {
  const keys = Object.keys(value);
  if (!mode.strict) return keys;
  for (const symbol of Object.getOwnPropertySymbols(value)) if (isEnumerable(value, symbol)) keys.push(symbol);
  return keys;
}

function equalKeys(a, b, mode, counts = () => true) {
  const keys = keysOf(b, mode).filter(counts);
  if (!mode.partial && keysOf(a, mode).filter(counts).length !== keys.length) return false;
  for (const key of keys) if (!hasOwn(a, key) || !isEnumerable(a, key)) return false;
  for (const key of keys) if (!equal(a[key], b[key], mode)) return false;
  return true;
}

function partialArrays(a, b, mode) {
  let at = 0;
  for (const wanted of b) {
    while (at < a.length && !equal(a[at], wanted, mode)) at++;
    if (at++ >= a.length) return false;
  }
  return true;
}

function equalSets(a, b, mode) {
  if (mode.partial ? a.size < b.size : a.size !== b.size) return false;
  const left = [];
  for (const value of b) {
    if (a.has(value)) continue;
    if (mode.strict && (typeof value !== "object" || value === null)) return false;
    left.push(value);
  }
  if (left.length === 0) return true;
  const rest = [...a].filter((value) => !b.has(value));
  for (const value of left) {
    const at = rest.findIndex((other) => equal(other, value, mode));
    if (at < 0) return false;
    rest.splice(at, 1);
  }
  return true;
}

function equalMaps(a, b, mode) {
  if (mode.partial ? a.size < b.size : a.size !== b.size) return false;
  const left = [];
  for (const [key, value] of b) {
    if (a.has(key)) {
      if (!equal(a.get(key), value, mode)) return false;
    } else if (mode.strict && (typeof key !== "object" || key === null)) return false;
    else left.push([key, value]);
  }
  if (left.length === 0) return true;
  const rest = [...a].filter(([key]) => !b.has(key));
  for (const [key, value] of left) {
    const at = rest.findIndex(([k, v]) => equal(k, key, mode) && equal(v, value, mode));
    if (at < 0) return false;
    rest.splice(at, 1);
  }
  return true;
}

module.exports = { isDeepEqual };
