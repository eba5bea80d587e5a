// Values to JSON text, refusing what JSON would drop or change without a word.

const { ArrayIsArray, JSONStringify, Map, Promise, Set, TypeError, String, ObjectGetPrototypeOf, Object, NumberIsFinite } = isolet.primordials;

const isPlainKey = /^[A-Za-z_$][\w$]*$/;
const { RegExpPrototypeExec, StringPrototypeStartsWith } = isolet.primordials;

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
      }
  }
  if (problem === undefined) return;
  throw isolet.withHint(new TypeError(`${what} holds ${problem}${path ? ` at ${path}` : ""}, which JSON cannot carry.`), hint);
}

// JSON text of `value`; `what` names it in errors ("The result", "The input of drive.get_document").
isolet.toJSONText = (value, what) => {
  // The path is rebuilt only when something is wrong: the replacer sees holder and key, so the key is what it knows.
  const replacer = function (key, entry) {
    if (typeof entry !== "string" && typeof entry !== "number" && typeof entry !== "boolean") {
      carry(entry, what, key === "" ? "" : RegExpPrototypeExec(isPlainKey, key) ? `.${key}` : `[${JSONStringify(key)}]`);
    }
    return entry;
  };
  try {
    return JSONStringify(value, replacer);
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
