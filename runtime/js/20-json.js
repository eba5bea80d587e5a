// Values to JSON text, refusing what JSON would drop or change without a word.

const {
  ArrayIsArray, Boolean, Error, JSONStringify, Map, Number, ObjectGetPrototypeOf, ObjectKeys, Promise, RegExpPrototypeExec, Set,
  String, StringPrototypeIncludes, StringPrototypeIsWellFormed, StringPrototypeSlice, StringPrototypeStartsWith, StringPrototypeToWellFormed, TypeError,
} = isolet.primordials;
const ObjectPrototype = isolet.primordials.Object.prototype;

const isPlainKey = /^[A-Za-z_$][\w$]*$/;

function carry(value, what, path) {
  let problem, hint;
  switch (typeof value) {
    case "bigint":
      problem = "a BigInt";
      hint = "Convert it: String(value), or Number(value) where it is small enough.";
      break;
    case "function":
      problem = "a function";
      hint = "Call it, or leave it out.";
      break;
    case "symbol":
      problem = "a symbol";
      hint = "Use its description, or leave it out.";
      break;
    case "object":
      if (value instanceof Promise) {
        problem = "a Promise";
        hint = "Await it: a call to env.<server>.<tool>() needs `await`, a list of them `await Promise.all(list)`.";
      } else if (value instanceof Map) {
        problem = "a Map";
        hint = "Convert it: Object.fromEntries(map), or [...map].";
      } else if (value instanceof Set) {
        problem = "a Set";
        hint = "Convert it: [...set].";
      } else if (value !== null && !ArrayIsArray(value) && !isBoxed(value) && isEmptyInstance(value)) {
        problem = isolet.isEnvironment(value) ? "env or one of its servers" : `${article(value)} without fields of its own`;
        hint = "Take out what is wanted: `await response.json()`, `[...iterator]`, or the fields by name.";
      }
  }
  if (problem === undefined) return;
  throw isolet.withHint(new TypeError(`${what} holds ${problem}${path ? ` at ${path}` : ""}, which JSON cannot carry.`), hint);
}

// An object of a class that keeps what it knows elsewhere (Response, RegExp, WeakMap, env.server): JSON would say `{}`.
function isEmptyInstance(value) {
  const prototype = ObjectGetPrototypeOf(value);
  if (prototype === ObjectPrototype) return false;
  if (prototype === null && !isolet.isEnvironment(value)) return false;
  return ObjectKeys(value).length === 0 || isolet.isEnvironment(value);
}

// JSON has a number, a boolean or a text for an object around one.
const isBoxed = (value) => value instanceof Number || value instanceof Boolean || value instanceof String;

// What half of a surrogate pair becomes in JSON text. The replacer has mended strings by then; keys and what
// `JSON.rawJSON` holds it does not see.
const escape = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|[^])/g;

function mended(text) {
  if (text === undefined || (!StringPrototypeIncludes(text, "\\ud") && !StringPrototypeIncludes(text, "\\uD"))) return text;
  let whole = "";
  let done = 0;
  escape.lastIndex = 0;
  for (let found; (found = RegExpPrototypeExec(escape, text)) !== null;) {
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
  try { name = value.constructor.name; } catch { /* a proxy, or an object without one */ }
  return typeof name === "string" && name !== "" ? `an object of class ${name}` : "an object";
}

// JSON text of `value`; `what` names it in errors ("The result", "The input of drive.get_document").
isolet.toJSONText = (value, what) => {
  // Most results are one value, and what has no fields needs no replacer, nor an object around it to replace it in.
  switch (typeof value) {
    case "number": case "boolean": return JSONStringify(value);
    case "string": return JSONStringify(StringPrototypeIsWellFormed(value) ? value : StringPrototypeToWellFormed(value));
  }
  // The path is rebuilt only when something is wrong: the replacer sees holder and key, so the key is what it knows.
  const replacer = function (key, entry) {
    if (typeof entry === "string") {
      // Half of a surrogate pair, as `text.slice(0, n)` can leave, is no Unicode text, and most JSON parsers refuse it.
      return StringPrototypeIsWellFormed(entry) ? entry : StringPrototypeToWellFormed(entry);
    }
    // Errors have no enumerable fields, and the reasons of Promise.allSettled are errors.
    if (entry instanceof Error && ObjectKeys(entry).length === 0) return errorFields(entry);
    if (typeof entry !== "number" && typeof entry !== "boolean") {
      carry(entry, what, key === "" ? "" : RegExpPrototypeExec(isPlainKey, key) ? `.${key}` : `[${JSONStringify(key)}]`);
    }
    return entry;
  };
  try {
    return mended(JSONStringify(value, replacer));
  } catch (error) {
    if (isCycle(error, value)) {
      throw isolet.withHint(new TypeError(`${what} refers to itself, which JSON cannot carry.`),
        "Return only the fields that are needed, without references back to a parent.");
    }
    throw error;
  }
};

// V8's own message for a cycle starts so; a script may forge it and only confuses itself.
function isCycle(error) {
  return error instanceof TypeError && typeof error.message === "string"
    && StringPrototypeStartsWith(error.message, "Converting circular structure");
}
