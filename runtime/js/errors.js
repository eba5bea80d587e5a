// Error classes that scripts see, and the description of a thrown value for the report.

const {
  ArrayIsArray,
  ObjectDefineProperty,
  String,
  Error,
  RangeError,
  TypeError,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  ErrorPrototypeToString,
} = isolet.primordials;

// The length of the text of a thrown value: `throw` of a 100 MB string must not become a 100 MB
// report.
const LONGEST = 16384;

// The error of a tool that answered with isError, failed, timed out or could not be reached.
class ToolError extends Error {
  constructor(server, tool, message, result, rpc) {
    super(message);
    hide(this, "server", server);
    hide(this, "tool", tool);
    hide(this, "result", result);
    // Of a JSON-RPC error.
    hide(this, "code", rpc?.code);
    hide(this, "data", rpc?.data);
  }
}
hide(ToolError.prototype, "name", "ToolError");

// A result whose text is longer than any limit allows.
class OutputLimitError extends RangeError {}
hide(OutputLimitError.prototype, "name", "OutputLimitError");

// The error about a server or tool that does not exist.
class UnknownNameError extends TypeError {}
hide(UnknownNameError.prototype, "name", "UnknownNameError");

/** @type {Internals["hide"]} */
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

// Describes the causes of an error, and the errors of an AggregateError.
function causes(thrown) {
  let text = "";
  let error = thrown;
  for (let depth = 0; depth < 3; depth++) {
    const cause = error.cause;
    if (cause === undefined || cause === error) break;
    text += ` (caused by ${briefly(cause)})`;
    if (typeof cause !== "object" || cause === null) break;
    error = cause;
  }
  const { errors } = thrown;
  if (ArrayIsArray(errors)) {
    for (let i = 0; i < errors.length && i < 3; i++) text += `${i === 0 ? " (" : "; "}${briefly(errors[i])}`;
    if (errors.length > 0) text += errors.length > 3 ? "; …)" : ")";
  }
  return text;
}

function briefly(value) {
  const text =
    value instanceof Error
      ? `${read(value, "name") ?? "Error"}: ${read(value, "message") ?? ""}`
      : typeof value === "string"
        ? value
        : isolet.inspect
          ? isolet.inspect(value)
          : String(value);
  return StringPrototypeSlice(text, 0, 1024);
}

// Returns the arguments of natives.fail: name, message, stack, kind, hint, tool, all strings or
// undefined. Getters and proxies of the script run in here: they are still within the run's limits,
// and whatever they throw is caught.
isolet.describe = (thrown) => {
  /** @type {ErrorDescription} */
  const described = {
    __proto__: null,
    name: "Error",
    message: "",
    stack: undefined,
    kind: "exception",
    hint: undefined,
    tool: undefined,
  };
  try {
    if ((typeof thrown === "object" && thrown !== null) || typeof thrown === "function") {
      described.name = read(thrown, "name") || "Error";
      const message = read(thrown, "message");
      described.stack = read(thrown, "stack");
      described.hint = read(thrown, isolet.hint);
      // The await that the error passed through is the better place; where the call was made is the
      // next best.
      described.tool = read(thrown, isolet.about);
      const site = read(thrown, isolet.site);
      if (site !== undefined) described.stack = `${described.stack ?? ""}\n    at ${site}`;
      described.message = message ?? (isolet.inspect ? isolet.inspect(thrown) : ErrorPrototypeToString(thrown));
      if (thrown instanceof ToolError) described.kind = "tool_error";
      else if (thrown instanceof OutputLimitError) described.kind = "output_limit";
      described.message += causes(thrown);
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

// Errors carry their hint under a symbol: it is in the report, and the script does not see it.
isolet.hint = isolet.primordials.Symbol("hint");
isolet.site = isolet.primordials.Symbol("site");
// The tool that an error is about: server and tool, on two lines.
isolet.about = isolet.primordials.Symbol("about");
isolet.withHint = (error, hint) => {
  if (hint !== undefined) hide(error, isolet.hint, hint);
  return error;
};
isolet.hide = hide;

// Keeps the stack of a call whose error may come in a later turn, in which V8 has no frame of the
// code that made the call.
isolet.callSite = () => {
  const site = { __proto__: null };
  isolet.captureStackTrace(site);
  return site;
};
// Gives an error the stack of the call that it is about, and returns it.
isolet.placed = (error, site) => {
  try {
    // A function Error.prepareStackTrace of the script may run, and give anything.
    const stack = site.stack;
    const at = typeof stack === "string" ? StringPrototypeIndexOf(stack, "\n    at ") : -1;
    const frames = at === -1 ? "" : isolet.withoutHostFrames(StringPrototypeSlice(stack, at));
    if (frames !== "") hide(error, "stack", ErrorPrototypeToString(error) + frames);
  } catch {
    /* the error has the stack of its own turn */
  }
  return error;
};
isolet.ToolError = ToolError;
isolet.OutputLimitError = OutputLimitError;
isolet.UnknownNameError = UnknownNameError;
isolet.expose({ ToolError });
