// Values to JSON text. Values that JSON would silently drop or change are errors.

const {
  ArrayIsArray,
  BigIntPrototypeToString,
  Boolean,
  Error,
  JSONIsRawJSON,
  JSONRawJSON,
  JSONStringify,
  Map,
  MathFloor,
  Number,
  ObjectGetPrototypeOf,
  ObjectKeys,
  Promise,
  RangeError,
  RegExpPrototypeExec,
  Set,
  String,
  StringPrototypeIncludes,
  StringPrototypeIsWellFormed,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeToWellFormed,
  TypeError,
} = isolet.primordials;
const ObjectPrototype = isolet.primordials.Object.prototype;

const isPlainKey = /^[A-Za-z_$][\w$]*$/;

// This file uses no iterators and no arrays: a script may have changed them.
const trouble = (name, advice) => ({ __proto__: null, name, advice });

// Returns a description of a value that JSON cannot carry and advice about it, or undefined.
function problem(value) {
  switch (typeof value) {
    case "function":
      return trouble("a function", "Call it, or leave it out.");
    case "symbol":
      return trouble("a symbol", "Use its description, or leave it out.");
    case "object":
      if (value instanceof Promise) {
        return trouble(
          "a Promise",
          "Await it: a call to env.<server>.<tool>() needs `await`, a list of them `await Promise.all(list)`.",
        );
      }
      if (value instanceof Map) return trouble("a Map", "Convert it: Object.fromEntries(map), or [...map].");
      if (value instanceof Set) return trouble("a Set", "Convert it: [...set].");
      if (value !== null && !ArrayIsArray(value) && !isBoxed(value) && isEmptyInstance(value)) {
        if (isolet.isEnvironment(value)) {
          return trouble(
            "env or one of its servers",
            "Names are in Object.keys(env) and Object.keys(env.<server>); a call is `await env.<server>.<tool>({ … })`.",
          );
        }
        return trouble(
          `${article(value)} without fields of its own`,
          "Take out what is wanted: `await response.json()`, `[...iterator]`, or the fields by name.",
        );
      }
  }
  return undefined;
}

// The number of problems that an error names.
const NAMED = 4;

// Returns one error about all problems.
function refuse(problems, what) {
  let message = `${what} holds `;
  let hint = "";
  for (let i = 0; i < problems.length; i++) {
    const { name, advice, path } = problems[i];
    message += `${i === 0 ? "" : i === problems.length - 1 ? " and " : ", "}${name}${path ? ` at ${path}` : ""}`;
    if (!StringPrototypeIncludes(hint, advice)) hint += `${hint === "" ? "" : " "}${advice}`;
  }
  return isolet.withHint(new TypeError(`${message}, which JSON cannot carry.`), hint);
}

// Returns whether a value is of a class that keeps its state in internal slots (Response, RegExp,
// WeakMap, env.server), so that JSON would make `{}` of it.
function isEmptyInstance(value) {
  const prototype = ObjectGetPrototypeOf(value);
  if (prototype === ObjectPrototype) return false;
  if (prototype === null && !isolet.isEnvironment(value)) return false;
  return ObjectKeys(value).length === 0 || isolet.isEnvironment(value);
}

// JSON writes the value of such an object.
const isBoxed = (value) => value instanceof Number || value instanceof Boolean || value instanceof String;

// Finds lone surrogates in JSON text, which become U+FFFD. The replacer has mended strings before;
// keys and what `JSON.rawJSON` holds it does not see.
const escape = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|[^])/g;

function mended(text) {
  if (text === undefined || (!StringPrototypeIncludes(text, "\\ud") && !StringPrototypeIncludes(text, "\\uD")))
    return text;
  let whole = "";
  let done = 0;
  escape.lastIndex = 0;
  for (let found; (found = RegExpPrototypeExec(escape, text)) !== null; ) {
    // A whole pair has twelve characters, any other escape two: what is left is half of one.
    if (found[0].length !== 6) continue;
    whole += StringPrototypeSlice(text, done, found.index) + "\\ufffd";
    done = escape.lastIndex;
  }
  return whole + StringPrototypeSlice(text, done);
}

function errorFields(error) {
  const { name, message } = error;
  const fields = { name, message };
  if (error instanceof isolet.ToolError) {
    fields.server = error.server;
    fields.tool = error.tool;
  }
  return fields;
}

function article(value) {
  let name;
  try {
    name = value.constructor.name;
  } catch {
    /* a proxy, or an object without one */
  }
  return typeof name === "string" && name !== "" ? `an object of class ${name}` : "an object";
}

// The length in characters at which the making of a text stops. Rust sets it for each run, above
// the limits of a result and of arguments. V8 alone would go on to half a gigabyte, in buffers
// outside of its heap that double, and a copy of hundreds of megabytes cannot be interrupted.
isolet.maxTextLength = 0;

// JSON text of `value`; `what` names it in errors ("The result", "The input of
// drive.get_document"), and `TooLong` is the class of the error for text that is over
// `maxTextLength`.
isolet.toJSONText = (value, what, TooLong = RangeError) => {
  // Most results are one value, and what has no fields needs no replacer, nor an object around it
  // to replace it in.
  switch (typeof value) {
    case "number":
    case "boolean":
      return JSONStringify(value);
    case "string":
      return JSONStringify(StringPrototypeIsWellFormed(value) ? value : StringPrototypeToWellFormed(value));
  }
  // The path is rebuilt only when something is wrong: the replacer sees holder and key, so the key
  // is what it knows.
  let problems;
  // At most as long as the text will be: neither escapes nor the digits of numbers are counted.
  let length = 0;
  const { maxTextLength } = isolet;
  const replacer = function (key, entry) {
    if (entry === undefined) return undefined;
    if (!ArrayIsArray(this)) length += key.length;
    length += typeof entry === "string" ? entry.length + 2 : 1;
    if (length > maxTextLength) {
      throw isolet.withHint(
        new TooLong(`${what} is more than ${MathFloor(maxTextLength / 2 ** 20)} MiB of JSON, over the limit.`),
        "Send a summary, a count or a part.",
      );
    }
    if (typeof entry === "string") {
      // Half of a surrogate pair, as `text.slice(0, n)` can leave, is not valid Unicode, and most
      // JSON parsers refuse it.
      return StringPrototypeIsWellFormed(entry) ? entry : StringPrototypeToWellFormed(entry);
    }
    // Errors have no enumerable fields, and the reasons of Promise.allSettled are errors.
    if (entry instanceof Error && ObjectKeys(entry).length === 0) return errorFields(entry);
    // Its digits: JSON knows no bound, and identifiers of servers pass 2^53.
    if (typeof entry === "bigint") {
      const digits = BigIntPrototypeToString(entry);
      length += digits.length;
      return JSONRawJSON(digits);
    }
    if (typeof entry !== "number" && typeof entry !== "boolean") {
      if (JSONIsRawJSON(entry)) length += entry.rawJSON.length;
      const found = problem(entry);
      if (found !== undefined) {
        if (problems === undefined) problems = { __proto__: null, length: 0 };
        if (problems.length < NAMED) {
          found.path = key === "" ? "" : RegExpPrototypeExec(isPlainKey, key) ? `.${key}` : `[${JSONStringify(key)}]`;
          problems[problems.length++] = found;
        }
        return null;
      }
    }
    return entry;
  };
  const before = isolet.carrying;
  try {
    isolet.carrying = true;
    const text = JSONStringify(value, replacer);
    if (problems !== undefined) throw refuse(problems, what);
    return mended(text);
  } catch (error) {
    if (isCycle(error)) {
      throw isolet.withHint(
        new TypeError(`${what} refers to itself, which JSON cannot carry.`),
        "Return only the fields that are needed, without references back to a parent.",
      );
    }
    throw error;
  } finally {
    isolet.carrying = before;
  }
};
// True while toJSONText runs: a promise is then one of the problems that it reports, with a path.
isolet.carrying = false;

// V8's own message for a cycle starts so; a script may forge it and only confuses itself.
function isCycle(error) {
  return (
    error instanceof TypeError &&
    typeof error.message === "string" &&
    StringPrototypeStartsWith(error.message, "Converting circular structure")
  );
}
