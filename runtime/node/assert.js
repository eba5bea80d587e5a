// node:assert
"use strict";

const { codes } = require("internal/errors");
const {
  ERR_AMBIGUOUS_ARGUMENT,
  ERR_INVALID_ARG_TYPE,
  ERR_INVALID_ARG_VALUE,
  ERR_INVALID_RETURN_VALUE,
  ERR_MISSING_ARGS,
} = codes;
const { inspect } = require("util");
const { isDeepEqual } = require("internal/comparisons");

const { Error, Reflect, RegExp } = globalThis;

const titles = {
  __proto__: null,
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  partialDeepStrictEqual: "Expected values to be partially and strictly deep-equal:",
  strictEqual: "Expected values to be strictly equal:",
  strictEqualObject: 'Expected "actual" to be reference-equal to "expected":',
  deepEqual: "Expected values to be loosely deep-equal:",
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notStrictEqualObject: 'Expected "actual" not to be reference-equal to "expected":',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notIdentical: "Values identical but not reference-equal:",
  notDeepEqualUnequal: "Expected values not to be loosely deep-equal:",
};

const show = (value) =>
  inspect(value, {
    compact: false,
    customInspect: false,
    depth: 1000,
    maxArrayLength: Infinity,
    showHidden: false,
    showProxy: false,
    sorted: true,
    getters: true,
  });

const isPrimitive = (value) => (typeof value !== "object" || value === null) && typeof value !== "function";

// The lines of two texts: which are in one only (Myers' algorithm).
function difference(actual, expected) {
  const [n, m] = [actual.length, expected.length];
  const most = n + m;
  let reached = { 1: 0 };
  const trace = [];
  search: for (let d = 0; d <= most; d++) {
    trace.push({ ...reached });
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && reached[k - 1] < reached[k + 1]) ? reached[k + 1] : reached[k - 1] + 1;
      let y = x - k;
      while (x < n && y < m && actual[x] === expected[y]) {
        x++;
        y++;
      }
      reached[k] = x;
      if (x >= n && y >= m) break search;
    }
  }
  const lines = [];
  let [x, y] = [n, m];
  for (let d = trace.length - 1; d >= 0; d--) {
    reached = trace[d];
    const k = x - y;
    const before = k === -d || (k !== d && reached[k - 1] < reached[k + 1]) ? k + 1 : k - 1;
    const beforeX = reached[before];
    const beforeY = beforeX - before;
    while (x > beforeX && y > beforeY) {
      lines.push(["  ", actual[x - 1]]);
      x--;
      y--;
    }
    if (d > 0) {
      if (x > beforeX) lines.push(["+ ", actual[--x]]);
      else lines.push(["- ", expected[--y]]);
    }
  }
  return lines.reverse();
}

const NEAR_LINES = 5;

// The most lines of a value that are compared one by one.
const MAX_LINES = 400;

function compared(actual, expected, operator) {
  let shownOperator = operator;
  if (operator === "strictEqual" && !isPrimitive(actual) && !isPrimitive(expected)) shownOperator = "strictEqualObject";
  const [a, e] = [show(actual), show(expected)];
  const [linesA, linesE] = [a.split("\n"), e.split("\n")];
  if (a === e) {
    const shown = linesA.length > 50 ? [...linesA.slice(0, 50), "..."] : linesA;
    return `${operator === "strictEqual" ? titles.notIdentical : titles[operator]}\n\n${shown.join("\n")}\n`;
  }
  if (linesA.length === 1 && linesE.length === 1 && isPrimitive(actual) && isPrimitive(expected)) {
    if (a.length + e.length <= 12 * 2 || a.length + e.length < 80) {
      const isPlain = (actual !== 0 || expected !== 0) && a.length + e.length <= 12;
      if (isPlain) return `${titles[shownOperator]}\n\n${a} !== ${e}\n`;
    }
  }
  const lines =
    linesA.length + linesE.length > MAX_LINES
      ? [...linesA.map((line) => ["+ ", line]), ...linesE.map((line) => ["- ", line])]
      : difference(linesA, linesE);
  // Of more than five equal lines in a row, the first five and the last one are shown.
  const body = [];
  let skipped = false;
  let equal = 0;
  const shown = (index) => lines[index][0] + lines[index][1];
  for (let i = 0; i < lines.length; i++) {
    const isEqual = lines[i][0] === "  ";
    if (!isEqual && equal > NEAR_LINES) {
      if (equal >= NEAR_LINES + 3) {
        body.push("...");
        skipped = true;
      } else if (equal === NEAR_LINES + 2) body.push(shown(i - 2));
      body.push(shown(i - 1));
    }
    if (!isEqual || equal < NEAR_LINES) body.push(shown(i));
    equal = isEqual ? equal + 1 : 0;
  }
  const more = skipped ? "\n... Skipped lines" : "";
  return `${titles[shownOperator]}\n+ actual - expected${more}\n\n${body.join("\n").trimEnd()}`;
}

function generated(actual, expected, operator) {
  if (operator === "deepStrictEqual" || operator === "strictEqual" || operator === "partialDeepStrictEqual")
    return compared(actual, expected, operator);
  if (operator === "notDeepStrictEqual" || operator === "notStrictEqual") {
    let title = titles[operator];
    const lines = show(actual).split("\n");
    if (operator === "notStrictEqual" && !isPrimitive(actual)) title = titles.notStrictEqualObject;
    if (lines.length > 50) lines.splice(46, lines.length, "...");
    if (lines.length === 1) return `${title}${lines[0].length > 5 ? "\n\n" : " "}${lines[0]}`;
    return `${title}\n\n${lines.join("\n")}\n`;
  }
  let other = "";
  let shown = show(actual);
  if (operator === "notDeepEqual" && shown === show(expected)) {
    shown = `${titles.notDeepEqual}\n\n${shown}`;
    return shown.length > 1024 ? `${shown.slice(0, 1021)}...` : shown;
  }
  other = show(expected);
  const cut = (text) => (text.length > 512 ? `${text.slice(0, 509)}...` : text);
  if (operator === "deepEqual")
    return `${titles.deepEqual}\n\n${cut(shown)}\n\nshould loosely deep-equal\n\n${cut(other)}`;
  if (operator === "notDeepEqual")
    return `${titles.notDeepEqualUnequal}\n\n${cut(shown)}\n\nshould not loosely deep-equal\n\n${cut(other)}`;
  if (operator === "equal" || operator === "notEqual" || operator === "==" || operator === "!=")
    return `${cut(shown)} ${operator === "equal" ? "==" : operator === "notEqual" ? "!=" : operator} ${cut(other)}`;
  return `${cut(shown)} ${operator} ${cut(other)}`;
}

class AssertionError extends Error {
  constructor(options) {
    if (options === null || typeof options !== "object") throw new ERR_INVALID_ARG_TYPE("options", "Object", options);
    const { message, operator, stackStartFn, actual, expected } = options;
    super(message !== undefined && message !== null ? `${message}` : generated(actual, expected, operator));
    this.generatedMessage = !message;
    Object.defineProperty(this, "name", {
      value: "AssertionError [ERR_ASSERTION]",
      configurable: true,
      writable: true,
    });
    this.code = "ERR_ASSERTION";
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
    Error.captureStackTrace(this, stackStartFn);
    // It is made when it is first read.
    void this.stack;
    this.name = "AssertionError";
  }
  toString() {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}

function fails(actual, expected, message, operator, stackStartFn) {
  if (message instanceof Error) throw message;
  throw new AssertionError({ actual, expected, message, operator, stackStartFn });
}
function needTwo(args) {
  if (args.length < 2) throw new ERR_MISSING_ARGS("actual", "expected");
}

function check(args, stackStartFn) {
  const [value, message] = args;
  if (value) return;
  let isGenerated = false;
  let text = message;
  if (args.length === 0) {
    isGenerated = true;
    text = "No value argument passed to `assert.ok()`";
  } else if (message === undefined || message === null) {
    isGenerated = true;
    text = "The expression evaluated to a falsy value:\n\n  assert.ok(" + inspect(value) + ")\n";
    if (stackStartFn === assert) text = text.replace("assert.ok(", "assert(");
  } else if (message instanceof Error) throw message;
  const error = new AssertionError({ actual: value, expected: true, message: text, operator: "==", stackStartFn });
  error.generatedMessage = isGenerated;
  throw error;
}

function assert(...args) {
  check(args, assert);
}
assert.ok = function ok(...args) {
  check(args, ok);
};
assert.fail = function fail(actual, expected, message, operator, stackStartFn) {
  if (arguments.length <= 1) {
    if (actual instanceof Error) throw actual;
    const error = new AssertionError({ message: actual ?? "Failed", operator: "fail", stackStartFn: fail });
    error.generatedMessage = actual === undefined;
    throw error;
  }
  if (message instanceof Error) throw message;
  throw new AssertionError({
    actual,
    expected,
    message,
    operator: operator ?? "!=",
    stackStartFn: stackStartFn ?? fail,
  });
};
assert.AssertionError = AssertionError;

// Loose equality is what these functions are about.
const looselyEqual = (a, b) => a == b || (Number.isNaN(a) && Number.isNaN(b));
assert.equal = function equal(actual, expected, message) {
  needTwo(arguments);
  if (!looselyEqual(actual, expected)) fails(actual, expected, message, "==", equal);
};
assert.notEqual = function notEqual(actual, expected, message) {
  needTwo(arguments);
  if (looselyEqual(actual, expected)) fails(actual, expected, message, "!=", notEqual);
};
assert.strictEqual = function strictEqual(actual, expected, message) {
  needTwo(arguments);
  if (!Object.is(actual, expected)) fails(actual, expected, message, "strictEqual", strictEqual);
};
assert.notStrictEqual = function notStrictEqual(actual, expected, message) {
  needTwo(arguments);
  if (Object.is(actual, expected)) fails(actual, expected, message, "notStrictEqual", notStrictEqual);
};
assert.deepEqual = function deepEqual(actual, expected, message) {
  needTwo(arguments);
  if (!isDeepEqual(actual, expected, { strict: false })) fails(actual, expected, message, "deepEqual", deepEqual);
};
assert.notDeepEqual = function notDeepEqual(actual, expected, message) {
  needTwo(arguments);
  if (isDeepEqual(actual, expected, { strict: false })) fails(actual, expected, message, "notDeepEqual", notDeepEqual);
};
assert.deepStrictEqual = function deepStrictEqual(actual, expected, message) {
  needTwo(arguments);
  if (!isDeepEqual(actual, expected)) fails(actual, expected, message, "deepStrictEqual", deepStrictEqual);
};
assert.notDeepStrictEqual = function notDeepStrictEqual(actual, expected, message) {
  needTwo(arguments);
  if (isDeepEqual(actual, expected)) fails(actual, expected, message, "notDeepStrictEqual", notDeepStrictEqual);
};
assert.partialDeepStrictEqual = function partialDeepStrictEqual(actual, expected, message) {
  needTwo(arguments);
  if (!isDeepEqual(actual, expected, { partial: true }))
    fails(actual, expected, message, "partialDeepStrictEqual", partialDeepStrictEqual);
};

function matches(text, pattern, message, wanted, fn) {
  if (!(pattern instanceof RegExp)) throw new ERR_INVALID_ARG_TYPE("regexp", "RegExp", pattern);
  const isText = typeof text === "string";
  if (isText && (RegExp.prototype.exec.call(pattern, text) !== null) === wanted) return;
  if (message instanceof Error) throw message;
  const isGenerated = !message;
  const said =
    message ||
    (isText
      ? `${wanted ? "The input did not match the regular expression " : "The input was expected to not match the regular expression "}${inspect(pattern)}. Input:\n\n${inspect(text)}\n`
      : `The "string" argument must be of type string. Received type ${typeof text} (${inspect(text)})`);
  const error = new AssertionError({
    actual: text,
    expected: pattern,
    message: said,
    operator: fn.name,
    stackStartFn: fn,
  });
  error.generatedMessage = isGenerated;
  throw error;
}
assert.match = function match(text, pattern, message) {
  matches(text, pattern, message, true, match);
};
assert.doesNotMatch = function doesNotMatch(text, pattern, message) {
  matches(text, pattern, message, false, doesNotMatch);
};

assert.ifError = function ifError(value) {
  if (value === null || value === undefined) return;
  let message = "ifError got unwanted exception: ";
  if (typeof value === "object" && typeof value.message === "string") {
    message += value.message.length === 0 && value.constructor ? value.constructor.name : value.message;
  } else message += inspect(value);
  throw new AssertionError({ actual: value, expected: null, operator: "ifError", message, stackStartFn: ifError });
};

// Exceptions

const NONE = Symbol("none");

function caught(fn) {
  if (typeof fn !== "function") throw new ERR_INVALID_ARG_TYPE("fn", "Function", fn);
  try {
    fn();
  } catch (error) {
    return error;
  }
  return NONE;
}
async function rejected(promiseFn) {
  let promise = promiseFn;
  if (typeof promiseFn === "function") {
    promise = promiseFn();
    if (typeof promise?.then !== "function")
      throw new ERR_INVALID_RETURN_VALUE("instance of Promise", "promiseFn", promise);
  } else if (typeof promiseFn?.then !== "function")
    throw new ERR_INVALID_ARG_TYPE("promiseFn", ["Function", "Promise"], promiseFn);
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return NONE;
}

function expectsError(fn, actual, args) {
  let [expected, message] = args;
  if (typeof expected === "string") {
    if (args.length === 2) throw new ERR_INVALID_ARG_TYPE("error", ["Object", "Error", "Function", "RegExp"], expected);
    if (typeof actual === "object" && actual !== null) {
      if (actual.message === expected)
        throw new ERR_AMBIGUOUS_ARGUMENT(
          "error/message",
          `The error message "${actual.message}" is identical to the message.`,
        );
    } else if (actual === expected)
      throw new ERR_AMBIGUOUS_ARGUMENT("error/message", `The error "${actual}" is identical to the message.`);
    message = expected;
    expected = undefined;
  } else if (
    expected !== undefined &&
    expected !== null &&
    typeof expected !== "object" &&
    typeof expected !== "function"
  )
    throw new ERR_INVALID_ARG_TYPE("error", ["Object", "Error", "Function", "RegExp"], expected);
  if (actual === NONE) {
    const what = fn.name === "rejects" ? "rejection" : "exception";
    const name = expected?.name ? ` (${expected.name})` : "";
    const said = message instanceof Error ? undefined : message;
    throw new AssertionError({
      actual: undefined,
      expected,
      operator: fn.name,
      message: `Missing expected ${what}${name}${said ? `: ${said}` : "."}`,
      stackStartFn: fn,
    });
  }
  compareError(actual, expected, message, fn);
}

function compareError(actual, expected, message, fn) {
  if (expected === undefined || expected === null) return;
  let isGenerated = false;
  let said = message;
  if (typeof expected !== "function") {
    if (expected instanceof RegExp) {
      if (RegExp.prototype.exec.call(expected, String(actual)) !== null) return;
      if (!said) {
        isGenerated = true;
        said = `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(`${actual}`)}\n`;
      }
    } else if (typeof actual !== "object" || actual === null) {
      throw new AssertionError({ actual, expected, message: said, operator: "deepStrictEqual", stackStartFn: fn });
    } else {
      const keys = Object.keys(expected);
      if (expected instanceof Error) keys.push("name", "message");
      else if (keys.length === 0) throw new ERR_INVALID_ARG_VALUE("error", expected, "may not be an empty object");
      for (const key of keys) {
        if (typeof actual[key] === "string" && expected[key] instanceof RegExp && expected[key].test(actual[key]))
          continue;
        if (key in actual && isDeepEqual(actual[key], expected[key])) continue;
        if (!said) {
          const pick = (value) => {
            const picked = {};
            for (const name of keys) if (name in value) picked[name] = value[name];
            return picked;
          };
          const error = new AssertionError({
            actual: pick(actual),
            expected: pick(expected),
            operator: "deepStrictEqual",
            stackStartFn: fn,
          });
          Object.assign(error, { actual, expected, operator: fn.name });
          throw error;
        }
        fails(actual, expected, said, fn.name, fn);
      }
      return;
    }
  } else if (expected.prototype !== undefined && actual instanceof expected) return;
  else if (expected === Error || Error.isPrototypeOf(expected)) {
    if (!said) {
      isGenerated = true;
      said = `The error is expected to be an instance of "${expected.name}". Received `;
      if (actual instanceof Error) said += `"${actual.name}"\n\nError message:\n\n${actual.message}`;
      else said += `"${inspect(actual, { depth: -1 })}"`;
    }
  } else {
    const result = Reflect.apply(expected, {}, [actual]);
    if (result === true) return;
    if (!said) {
      isGenerated = true;
      const name = expected.name ? `"${expected.name}" ` : "";
      said = `The ${name}validation function is expected to return "true". Received ${inspect(result)}`;
      if (actual instanceof Error) said += `\n\nCaught error:\n\n${actual}`;
    }
  }
  if (said instanceof Error) throw said;
  const error = new AssertionError({ actual, expected, message: said, operator: fn.name, stackStartFn: fn });
  error.generatedMessage = isGenerated;
  throw error;
}

function expectsNoError(fn, actual, args) {
  if (actual === NONE) return;
  let [expected, message] = args;
  if (typeof expected === "string") {
    message = expected;
    expected = undefined;
  }
  const isExpected =
    expected === undefined ||
    (expected instanceof RegExp
      ? expected.test(String(actual))
      : typeof expected === "function" && actual instanceof expected);
  if (!isExpected) throw actual;
  const what = fn.name === "doesNotReject" ? "rejection" : "exception";
  throw new AssertionError({
    actual,
    expected,
    operator: fn.name,
    message: `Got unwanted ${what}${message ? `: ${message}` : "."}\nActual message: "${actual?.message}"`,
    stackStartFn: fn,
  });
}

assert.throws = function throws(fn, ...args) {
  expectsError(throws, caught(fn), args);
};
assert.rejects = async function rejects(fn, ...args) {
  expectsError(rejects, await rejected(fn), args);
};
assert.doesNotThrow = function doesNotThrow(fn, ...args) {
  expectsNoError(doesNotThrow, caught(fn), args);
};
assert.doesNotReject = async function doesNotReject(fn, ...args) {
  expectsNoError(doesNotReject, await rejected(fn), args);
};

function strict(...args) {
  check(args, strict);
}
assert.strict = Object.assign(strict, assert, {
  equal: assert.strictEqual,
  deepEqual: assert.deepStrictEqual,
  notEqual: assert.notStrictEqual,
  notDeepEqual: assert.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;

module.exports = assert;
