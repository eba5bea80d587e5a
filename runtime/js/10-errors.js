// Error classes that scripts see, and the description of a thrown value for the report.

const { ObjectDefineProperty, String, Error, TypeError, JSONParse, StringPrototypeSlice, ErrorPrototypeToString } = isolet.primordials;

// The longest text taken from a thrown value: `throw` of a 100 MB string must not become a 100 MB report.
const LONGEST = 16384;

// A tool that answered with isError, failed, timed out or could not be reached.
class ToolError extends Error {
  constructor(server, tool, message, result) {
    super(message);
    hide(this, "server", server);
    hide(this, "tool", tool);
    hide(this, "result", result);
  }
}
hide(ToolError.prototype, "name", "ToolError");

// A server or tool that does not exist.
class UnknownNameError extends TypeError {}
hide(UnknownNameError.prototype, "name", "UnknownNameError");

function hide(object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });
}

const read = (value, name) => {
  try {
    const found = value[name];
    return typeof found === "string" ? StringPrototypeSlice(found, 0, LONGEST) : undefined;
  } catch {
    return undefined;
  }
};

// What natives.fail takes: [name, message, stack, kind, hint], all strings or undefined. Getters and proxies of the
// script run in here: they are still within the run's limits, and whatever they throw is caught.
isolet.describe = (thrown) => {
  const described = { __proto__: null, name: "Error", message: "", stack: undefined, kind: "exception", hint: undefined };
  try {
    if ((typeof thrown === "object" && thrown !== null) || typeof thrown === "function") {
      described.name = read(thrown, "name") || "Error";
      described.message = read(thrown, "message");
      described.stack = read(thrown, "stack");
      described.hint = read(thrown, isolet.hint);
      // The await that the error passed through is the better place; where the call was made is the next best.
      const site = read(thrown, isolet.site);
      if (site !== undefined) described.stack = `${described.stack ?? ""}\n    at ${site}`;
      if (described.message === undefined) described.message = isolet.inspect ? isolet.inspect(thrown) : ErrorPrototypeToString(thrown);
      if (thrown instanceof ToolError) described.kind = "tool_error";
    } else {
      described.name = "Thrown";
      described.message = typeof thrown === "string" ? thrown : String(thrown);
    }
  } catch {
    described.message = described.message || "The script threw a value that cannot be described.";
  }
  described.message = StringPrototypeSlice(described.message, 0, LONGEST);
  return described;
};

// Errors carry their hint under a symbol, so that it is in the report but not in the script's way.
isolet.hint = isolet.primordials.Symbol("hint");
isolet.site = isolet.primordials.Symbol("site");
isolet.withHint = (error, hint) => {
  if (hint !== undefined) hide(error, isolet.hint, hint);
  return error;
};
isolet.hide = hide;
isolet.ToolError = ToolError;
isolet.UnknownNameError = UnknownNameError;
isolet.parseOr = (text, fallback) => {
  if (text === undefined) return fallback;
  try { return JSONParse(text); } catch { return fallback; }
};
isolet.expose({ ToolError });
