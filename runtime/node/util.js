// node:util
"use strict";

const { codes, check } = require("internal/errors");
const { ERR_FALSY_VALUE_REJECTION, ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE } = codes;
const shown = require("vendor/inspect");
const types = require("util/types");
const { isDeepEqual } = require("internal/comparisons");

const { Symbol, Promise, Reflect, TextDecoder, TextEncoder } = globalThis;
const kCustom = Symbol.for("nodejs.util.promisify.custom");
const kArguments = Symbol("customPromisifyArgs");

const { inspect, format, formatWithOptions, stripVTControlCharacters } = shown;

function promisify(original) {
  check.function(original, "original");
  if (original[kCustom]) {
    const custom = original[kCustom];
    check.function(custom, "util.promisify.custom");
    return Object.defineProperty(custom, kCustom, { value: custom, configurable: true });
  }
  const names = original[kArguments];
  function promisified(...args) {
    return new Promise((resolve, reject) => {
      Reflect.apply(original, this, [
        ...args,
        (error, ...values) => {
          if (error) return reject(error);
          if (names !== undefined && values.length > 1)
            return resolve(Object.fromEntries(names.map((name, i) => [name, values[i]])));
          return resolve(values[0]);
        },
      ]);
    });
  }
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original));
  Object.defineProperty(promisified, kCustom, { value: promisified, configurable: true });
  return Object.defineProperties(promisified, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = kCustom;

function callbackify(original) {
  check.function(original, "original");
  function callbackified(...args) {
    const callback = args.pop();
    check.function(callback, "last argument");
    Reflect.apply(original, this, args).then(
      (value) => queueMicrotask(() => Reflect.apply(callback, this, [null, value])),
      (reason) => {
        if (!reason) {
          const wrapped = new ERR_FALSY_VALUE_REJECTION();
          wrapped.reason = reason;
          reason = wrapped;
        }
        queueMicrotask(() => Reflect.apply(callback, this, [reason]));
      },
    );
  }
  const descriptors = Object.getOwnPropertyDescriptors(original);
  if (typeof descriptors.length.value === "number") descriptors.length.value++;
  if (typeof descriptors.name.value === "string") descriptors.name.value += "Callbackified";
  return Object.defineProperties(callbackified, descriptors);
}

const warned = new Set();
function deprecate(fn, message, code) {
  let done = false;
  function deprecated(...args) {
    if (!done) {
      done = true;
      if (code === undefined || !warned.has(code)) {
        if (code !== undefined) warned.add(code);
        console.warn(
          code === undefined ? `DeprecationWarning: ${message}` : `[${code}] DeprecationWarning: ${message}`,
        );
      }
    }
    return new.target ? Reflect.construct(fn, args, new.target) : Reflect.apply(fn, this, args);
  }
  Object.setPrototypeOf(deprecated, fn);
  if (fn.prototype) deprecated.prototype = fn.prototype;
  return deprecated;
}

function inherits(constructor, superConstructor) {
  if (constructor === undefined || constructor === null)
    throw new ERR_INVALID_ARG_TYPE("ctor", "Function", constructor);
  if (superConstructor === undefined || superConstructor === null)
    throw new ERR_INVALID_ARG_TYPE("superCtor", "Function", superConstructor);
  if (superConstructor.prototype === undefined)
    throw new ERR_INVALID_ARG_TYPE("superCtor.prototype", "Object", superConstructor.prototype);
  Object.defineProperty(constructor, "super_", { value: superConstructor, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, superConstructor.prototype);
}

function debuglog(section, callback) {
  const pattern = new RegExp(
    `^${(require("process").env.NODE_DEBUG ?? "")
      .replace(/[|\\{}()[\]^$+?.]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll(",", "$|^")}$`,
    "i",
  );
  const enabled = pattern.source !== "^$" && pattern.test(section);
  const log = (...args) => {
    if (enabled) console.error(`${section.toUpperCase()} 1: ${format(...args)}`);
  };
  callback?.(log);
  return Object.defineProperty(log, "enabled", { get: () => enabled, configurable: true, enumerable: true });
}

// https://www.ecma-international.org/publications-and-standards/standards/ecma-48/
const styles = { __proto__: null };
for (const [name, code] of Object.entries(inspect.colors)) styles[name] = code;

function styleText(style, text, options = {}) {
  check.string(text, "text");
  let [left, right] = ["", ""];
  for (const name of Array.isArray(style) ? style : [style]) {
    if (name === "none") continue;
    const codes_ = styles[name];
    if (codes_ === undefined) {
      throw new codes.ERR_INVALID_ARG_VALUE(
        "style",
        name,
        `must be one of: ${Object.keys(styles)
          .map((n) => `'${n}'`)
          .join(", ")}`,
      );
    }
    left += `\u001b[${codes_[0]}m`;
    right = `\u001b[${codes_[1]}m${right}`;
  }
  // Colours are for terminals, which a Worker has only if it says so.
  const { validateStream = true, stream } = options;
  return validateStream && stream?.isTTY !== true ? text : `${left}${text}${right}`;
}

async function aborted(signal, resource) {
  if (signal === undefined) throw new ERR_INVALID_ARG_TYPE("signal", "AbortSignal", signal);
  check.signal(signal, "signal");
  check.object(resource, "resource");
  if (signal.aborted) return undefined;
  return await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function parseEnv(content) {
  check.string(content, "content");
  const found = {};
  const line = /^\s*(?:export\s+)?([\w.-]+)\s*=\s*("(?:[^"])*"|'(?:[^'])*'|`(?:[^`])*`|[^#\r\n]*)?\s*(?:#.*)?$/gm;
  for (const [, name, raw = ""] of content.matchAll(line)) {
    let value = raw.trim();
    const quote = value[0];
    if (value.length > 1 && (quote === '"' || quote === "'" || quote === "`") && value.endsWith(quote)) {
      value = value.slice(1, -1);
      if (quote === '"') value = value.replaceAll("\\n", "\n");
    }
    found[name] = value;
  }
  return found;
}

// The numbers of Linux, from errno.h.
const systemErrors = new Map(
  Object.entries({
    E2BIG: [-7, "argument list too long"],
    EACCES: [-13, "permission denied"],
    EADDRINUSE: [-98, "address already in use"],
    EAGAIN: [-11, "resource temporarily unavailable"],
    EBADF: [-9, "bad file descriptor"],
    ECONNABORTED: [-103, "software caused connection abort"],
    ECONNREFUSED: [-111, "connection refused"],
    ECONNRESET: [-104, "connection reset by peer"],
    EEXIST: [-17, "file already exists"],
    EINVAL: [-22, "invalid argument"],
    EIO: [-5, "i/o error"],
    EISDIR: [-21, "illegal operation on a directory"],
    EMFILE: [-24, "too many open files"],
    ENOENT: [-2, "no such file or directory"],
    ENOMEM: [-12, "not enough memory"],
    ENOTDIR: [-20, "not a directory"],
    ENOTEMPTY: [-39, "directory not empty"],
    ENOTFOUND: [-3008, "unknown node or service"],
    EPERM: [-1, "operation not permitted"],
    EPIPE: [-32, "broken pipe"],
    ETIMEDOUT: [-110, "connection timed out"],
  }).map(([name, [number, message]]) => [number, [name, message]]),
);

function isError(value) {
  return types.isNativeError(value) || value instanceof Error;
}
const isPrimitive = (value) => value === null || (typeof value !== "object" && typeof value !== "function");

module.exports = {
  _errnoException(number, call, original) {
    const [name = `Unknown system error ${number}`] = systemErrors.get(number) ?? [];
    const error = new Error(`${call} ${name}${original ? ` ${original}` : ""}`);
    return Object.assign(error, { errno: number, code: name, syscall: call });
  },
  _exceptionWithHostPort(number, call, address, port, additional) {
    const place = port > 0 ? ` ${address}:${port}` : address ? ` ${address}` : "";
    const [name] = systemErrors.get(number) ?? [`Unknown system error ${number}`];
    const error = new Error(`${call} ${name}${place}${additional ? ` - Local (${additional})` : ""}`);
    return Object.assign(error, { errno: number, code: name, syscall: call, address, port: port || undefined });
  },
  _extend: (target, source) => (source === null || typeof source !== "object" ? target : Object.assign(target, source)),
  aborted,
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format,
  formatWithOptions,
  getCallSite: getCallSites,
  getCallSites,
  getSystemErrorMap: () => new Map(systemErrors),
  getSystemErrorMessage: (number) => systemErrors.get(number)?.[1],
  getSystemErrorName(number) {
    check.number(number, "err");
    if (number >= 0 || !Number.isSafeInteger(number)) throw new ERR_OUT_OF_RANGE("err", "a negative integer", number);
    return systemErrors.get(number)?.[0] ?? `Unknown system error ${number}`;
  },
  inherits,
  inspect,
  isArray: Array.isArray,
  isBoolean: (value) => typeof value === "boolean",
  isBuffer: (value) => require("buffer").Buffer.isBuffer(value),
  isDate: types.isDate,
  isDeepStrictEqual: (a, b) => isDeepEqual(a, b),
  isError,
  isFunction: (value) => typeof value === "function",
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value === null || value === undefined,
  isNumber: (value) => typeof value === "number",
  isObject: (value) => value !== null && typeof value === "object",
  isPrimitive,
  isRegExp: types.isRegExp,
  isString: (value) => typeof value === "string",
  isSymbol: (value) => typeof value === "symbol",
  isUndefined: (value) => value === undefined,
  log: (...args) => console.log(`${new Date().toUTCString()} - ${format(...args)}`),
  parseArgs: (config) => require("internal/parse-args")(config),
  parseEnv,
  promisify,
  stripVTControlCharacters,
  styleText,
  toUSVString: (value) => `${value}`.toWellFormed(),
  transferableAbortController: () => new AbortController(),
  transferableAbortSignal(signal) {
    check.signal(signal, "signal");
    return signal;
  },
  TextDecoder,
  TextEncoder,
  types,
};
for (const name of ["MIMEType", "MIMEParams"]) {
  Object.defineProperty(module.exports, name, {
    configurable: true,
    enumerable: true,
    get: () => require("internal/mime-type")[name],
  });
}

function getCallSites(count = 8) {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Number(count) + 1;
  const { stack } = new Error("");
  Error.stackTraceLimit = limit;
  return stack
    .split("\n")
    .slice(2)
    .map((line) => {
      const [, functionName = "", scriptName, lineNumber, columnNumber] =
        /^\s*at (?:(.*) \()?(.*?):(\d+):(\d+)\)?$/.exec(line) ?? [];
      return { functionName, scriptName, lineNumber: +lineNumber, columnNumber: +columnNumber, column: +columnNumber };
    });
}
