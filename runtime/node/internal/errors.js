// Errors with the codes and messages of Node.js.
"use strict";

const { Error, RangeError, TypeError, String, Number } = globalThis;
const { isArray } = Array;
const captureStackTrace = Error.captureStackTrace;

// Makes a function for errors with one code, called with `new`. Its arguments are those of
// `message`. The first line of the stack has the code too; the name has not.
function define(code, Base, message) {
  return function NodeError(...args) {
    const error = new Base(message(...args));
    const hidden = (value) => ({ value, configurable: true, writable: true, enumerable: false });
    Object.defineProperty(error, "name", hidden(`${error.name} [${code}]`));
    captureStackTrace(error, NodeError);
    // It is made when it is first read.
    void error.stack;
    delete error.name;
    error.code = code;
    Object.defineProperty(error, "toString", hidden(toString));
    return error;
  };
}

function toString() {
  return `${this.name} [${this.code}]: ${this.message}`;
}

function inspect(value, options) {
  return require("util").inspect(value, options);
}

// "Received ..." of a message about an argument.
function received(value) {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === "function") return ` Received function ${value.name}`;
  if (typeof value === "object") {
    const name = value.constructor?.name;
    return name ? ` Received an instance of ${name}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  let text = inspect(value, { colors: false });
  if (text.length > 28) text = `${text.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${text})`;
}

const PRIMITIVES = ["string", "function", "number", "object", "Function", "Object", "boolean", "bigint", "symbol"];

function list(words, last) {
  if (words.length <= 1) return words.join("");
  if (words.length === 2) return `${words[0]} ${last} ${words[1]}`;
  return `${words.slice(0, -1).join(", ")}, ${last} ${words[words.length - 1]}`;
}

function invalidType(name, expected, actual) {
  let message = "The ";
  if (name.endsWith(" argument")) message += `${name} `;
  else message += `"${name}" ${name.includes(".") ? "property" : "argument"} `;
  message += "must be ";
  const types = [];
  const instances = [];
  const others = [];
  for (const value of isArray(expected) ? expected : [expected]) {
    if (PRIMITIVES.includes(value)) types.push(value.toLowerCase());
    else if (/^([A-Z][a-z0-9]*)+$/.test(value)) instances.push(value);
    else others.push(value);
  }
  if (instances.length > 0 && types.includes("object")) {
    types.splice(types.indexOf("object"), 1);
    instances.push("Object");
  }
  if (types.length > 0) {
    message += `${types.length > 1 ? "one of type" : "of type"} ${list(types, "or")}`;
    if (instances.length > 0 || others.length > 0) message += " or ";
  }
  if (instances.length > 0) {
    message += `an instance of ${list(instances, "or")}`;
    if (others.length > 0) message += " or ";
  }
  if (others.length === 1) {
    if (others[0].toLowerCase() !== others[0]) message += "an ";
    message += others[0];
  } else if (others.length > 1) {
    message += `one of ${list(others, "or")}`;
  }
  return `${message}.${received(actual)}`;
}

// 1_234_567
function grouped(text) {
  const start = text[0] === "-" ? 1 : 0;
  let result = "";
  let i = text.length;
  for (; i >= start + 4; i -= 3) result = `_${text.slice(i - 3, i)}${result}`;
  return `${text.slice(0, i)}${result}`;
}

function outOfRange(name, range, value) {
  let text;
  if (Number.isInteger(value) && Math.abs(value) > 2 ** 32) text = grouped(String(value));
  else if (typeof value === "bigint") {
    text = String(value);
    if (value > 2n ** 32n || value < -(2n ** 32n)) text = grouped(text);
    text += "n";
  } else text = inspect(value);
  return `The value of "${name}" is out of range. It must be ${range}. Received ${text}`;
}

function invalidValue(name, value, reason = "is invalid") {
  let text = inspect(value);
  if (text.length > 128) text = `${text.slice(0, 128)}...`;
  return `The ${name.includes(".") ? "property" : "argument"} '${name}' ${reason}. Received ${text}`;
}

const codes = {
  ERR_AMBIGUOUS_ARGUMENT: define(
    "ERR_AMBIGUOUS_ARGUMENT",
    TypeError,
    (x, y) => `The "${x}" argument is ambiguous. ${y}`,
  ),
  ERR_BUFFER_OUT_OF_BOUNDS: define("ERR_BUFFER_OUT_OF_BOUNDS", RangeError, (name) =>
    name ? `"${name}" is outside of buffer bounds` : "Attempt to access memory outside buffer bounds",
  ),
  ERR_BUFFER_TOO_LARGE: define(
    "ERR_BUFFER_TOO_LARGE",
    RangeError,
    (n) => `Cannot create a Buffer larger than ${n} bytes`,
  ),
  ERR_CRYPTO_HASH_FINALIZED: define("ERR_CRYPTO_HASH_FINALIZED", Error, () => "Digest already called"),
  ERR_CRYPTO_INVALID_DIGEST: define("ERR_CRYPTO_INVALID_DIGEST", TypeError, (x) => `Invalid digest: ${x}`),
  ERR_CRYPTO_INVALID_IV: define("ERR_CRYPTO_INVALID_IV", TypeError, () => "Invalid initialization vector"),
  ERR_CRYPTO_INVALID_KEYLEN: define("ERR_CRYPTO_INVALID_KEYLEN", RangeError, () => "Invalid key length"),
  ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE: define(
    "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
    TypeError,
    (is, must) => `Invalid key object type ${is}, expected ${must}.`,
  ),
  ERR_CRYPTO_INVALID_STATE: define("ERR_CRYPTO_INVALID_STATE", Error, (what) => `Invalid state for operation ${what}`),
  ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH: define(
    "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH",
    RangeError,
    () => "Input buffers must have the same byte length",
  ),
  ERR_CRYPTO_UNKNOWN_CIPHER: define("ERR_CRYPTO_UNKNOWN_CIPHER", Error, () => "Unknown cipher"),
  ERR_EVENT_RECURSION: define(
    "ERR_EVENT_RECURSION",
    Error,
    (type) => `The event "${type}" is already being dispatched`,
  ),
  ERR_FALSY_VALUE_REJECTION: define("ERR_FALSY_VALUE_REJECTION", Error, () => "Promise was rejected with falsy value"),
  ERR_HTTP_HEADERS_SENT: define(
    "ERR_HTTP_HEADERS_SENT",
    Error,
    (verb) => `Cannot ${verb} headers after they are sent to the client`,
  ),
  ERR_HTTP_INVALID_HEADER_VALUE: define(
    "ERR_HTTP_INVALID_HEADER_VALUE",
    TypeError,
    (value, name) => `Invalid value "${value}" for header "${name}"`,
  ),
  ERR_HTTP_INVALID_STATUS_CODE: define(
    "ERR_HTTP_INVALID_STATUS_CODE",
    RangeError,
    (status) => `Invalid status code: ${status}`,
  ),
  ERR_INVALID_ARG_TYPE: define("ERR_INVALID_ARG_TYPE", TypeError, invalidType),
  ERR_INVALID_ARG_VALUE: define("ERR_INVALID_ARG_VALUE", TypeError, invalidValue),
  ERR_INVALID_BUFFER_SIZE: define(
    "ERR_INVALID_BUFFER_SIZE",
    RangeError,
    (bits) => `Buffer size must be a multiple of ${bits}`,
  ),
  ERR_INVALID_CHAR: define("ERR_INVALID_CHAR", TypeError, (what, name) =>
    name === undefined ? `Invalid character in ${what}` : `Invalid character in ${what} ["${name}"]`,
  ),
  ERR_INVALID_FILE_URL_HOST: define(
    "ERR_INVALID_FILE_URL_HOST",
    TypeError,
    (platform) => `File URL host must be "localhost" or empty on ${platform}`,
  ),
  ERR_INVALID_FILE_URL_PATH: define("ERR_INVALID_FILE_URL_PATH", TypeError, (why) => `File URL path ${why}`),
  ERR_INVALID_HTTP_TOKEN: define(
    "ERR_INVALID_HTTP_TOKEN",
    TypeError,
    (what, name) => `${what} must be a valid HTTP token ["${name}"]`,
  ),
  ERR_INVALID_PROTOCOL: define(
    "ERR_INVALID_PROTOCOL",
    TypeError,
    (protocol, expected) => `Protocol "${protocol}" not supported. Expected "${expected}"`,
  ),
  ERR_INVALID_RETURN_VALUE: define("ERR_INVALID_RETURN_VALUE", TypeError, (input, name, value) => {
    return `Expected ${input} to be returned from the "${name}" function but got${received(value).replace(" Received", "")}.`;
  }),
  ERR_INVALID_STATE: define("ERR_INVALID_STATE", Error, (what) => `Invalid state: ${what}`),
  ERR_INVALID_THIS: define("ERR_INVALID_THIS", TypeError, (type) => `Value of "this" must be of type ${type}`),
  ERR_INVALID_URI: define("ERR_INVALID_URI", globalThis.URIError, () => "URI malformed"),
  ERR_INVALID_URL: define("ERR_INVALID_URL", TypeError, () => "Invalid URL"),
  ERR_INVALID_URL_SCHEME: define(
    "ERR_INVALID_URL_SCHEME",
    TypeError,
    (expected) => `The URL must be of scheme ${isArray(expected) ? list(expected, "or") : expected}`,
  ),
  ERR_METHOD_NOT_IMPLEMENTED: define("ERR_METHOD_NOT_IMPLEMENTED", Error, (message) => message),
  ERR_MISSING_ARGS: define("ERR_MISSING_ARGS", TypeError, (...names) => {
    const quoted = names.map((name) =>
      isArray(name)
        ? list(
            name.map((n) => `"${n}"`),
            "or",
          )
        : `"${name}"`,
    );
    return `The ${list(quoted, "and")} argument${names.length > 1 ? "s" : ""} must be specified`;
  }),
  ERR_OPTION_NOT_IMPLEMENTED: define(
    "ERR_OPTION_NOT_IMPLEMENTED",
    Error,
    (name) => `The ${name} option is not implemented`,
  ),
  ERR_OUT_OF_RANGE: define("ERR_OUT_OF_RANGE", RangeError, outOfRange),
  ERR_SERVER_ALREADY_LISTEN: define(
    "ERR_SERVER_ALREADY_LISTEN",
    Error,
    () => "Listen method has been called more than once without closing.",
  ),
  ERR_SOCKET_BAD_PORT: define(
    "ERR_SOCKET_BAD_PORT",
    RangeError,
    (name, port) => `${name} should be >= 0 and < 65536.${received(port)}.`,
  ),
  ERR_STREAM_ALREADY_FINISHED: define(
    "ERR_STREAM_ALREADY_FINISHED",
    Error,
    (name) => `Cannot call ${name} after a stream was finished`,
  ),
  ERR_STREAM_CANNOT_PIPE: define("ERR_STREAM_CANNOT_PIPE", Error, () => "Cannot pipe, not readable"),
  ERR_STREAM_DESTROYED: define(
    "ERR_STREAM_DESTROYED",
    Error,
    (name) => `Cannot call ${name} after a stream was destroyed`,
  ),
  ERR_STREAM_NULL_VALUES: define("ERR_STREAM_NULL_VALUES", TypeError, () => "May not write null values to stream"),
  ERR_STREAM_WRITE_AFTER_END: define("ERR_STREAM_WRITE_AFTER_END", Error, () => "write after end"),
  ERR_UNESCAPED_CHARACTERS: define(
    "ERR_UNESCAPED_CHARACTERS",
    TypeError,
    (what) => `${what} contains unescaped characters`,
  ),
  ERR_UNHANDLED_ERROR: define("ERR_UNHANDLED_ERROR", Error, (error) =>
    error === undefined ? "Unhandled error." : `Unhandled error. (${error})`,
  ),
  ERR_UNKNOWN_ENCODING: define("ERR_UNKNOWN_ENCODING", TypeError, (name) => `Unknown encoding: ${name}`),
  ERR_UNKNOWN_SIGNAL: define("ERR_UNKNOWN_SIGNAL", TypeError, (signal) => `Unknown signal: ${signal}`),
};

class AbortError extends Error {
  constructor(message = "The operation was aborted", options) {
    super(message, options);
    this.code = "ABORT_ERR";
    this.name = "AbortError";
  }
}

// Checks of arguments.
const check = {
  string(value, name) {
    if (typeof value !== "string") throw new codes.ERR_INVALID_ARG_TYPE(name, "string", value);
  },
  function(value, name) {
    if (typeof value !== "function") throw new codes.ERR_INVALID_ARG_TYPE(name, "Function", value);
  },
  boolean(value, name) {
    if (typeof value !== "boolean") throw new codes.ERR_INVALID_ARG_TYPE(name, "boolean", value);
  },
  object(value, name) {
    if (value === null || typeof value !== "object" || isArray(value))
      throw new codes.ERR_INVALID_ARG_TYPE(name, "Object", value);
  },
  number(value, name, min, max) {
    if (typeof value !== "number") throw new codes.ERR_INVALID_ARG_TYPE(name, "number", value);
    if ((min !== undefined && value < min) || (max !== undefined && value > max) || Number.isNaN(value)) {
      const parts = [];
      if (min !== undefined) parts.push(`>= ${min}`);
      if (max !== undefined) parts.push(`<= ${max}`);
      throw new codes.ERR_OUT_OF_RANGE(name, parts.join(" && "), value);
    }
  },
  integer(value, name, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
    if (typeof value !== "number") throw new codes.ERR_INVALID_ARG_TYPE(name, "number", value);
    if (!Number.isInteger(value)) throw new codes.ERR_OUT_OF_RANGE(name, "an integer", value);
    if (value < min || value > max) throw new codes.ERR_OUT_OF_RANGE(name, `>= ${min} && <= ${max}`, value);
  },
  signal(value, name) {
    if (value !== undefined && (value === null || typeof value !== "object" || !("aborted" in value)))
      throw new codes.ERR_INVALID_ARG_TYPE(name, "AbortSignal", value);
  },
};

module.exports = { codes, AbortError, check, received };
