// The console. Lines go to the run's report; there is no terminal.

const {
  BigIntPrototypeToString,
  JSONStringify,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeHas,
  MapPrototypeSet,
  MathMin,
  Number,
  NumberParseFloat,
  NumberParseInt,
  ObjectDefineProperty,
  String,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  SymbolToStringTag,
} = isolet.primordials;

isolet.lazy(["console"], [], () => {
  const { natives, inspect } = isolet;
  const { captureStackTrace } = isolet;

  // console.group: two spaces a level. Past the deepest level lines stay where they are.
  const DEEPEST = 32;
  let groups = 0;
  const counts = new Map();
  const starts = new Map();

  function write(level, text) {
    if (groups > 0) {
      const indent = StringPrototypeRepeat("  ", MathMin(groups, DEEPEST));
      let indented = indent;
      for (let at = 0; at !== -1; ) {
        const next = StringPrototypeIndexOf(text, "\n", at);
        indented += next === -1 ? StringPrototypeSlice(text, at) : StringPrototypeSlice(text, at, next + 1) + indent;
        at = next === -1 ? -1 : next + 1;
      }
      text = indented;
    }
    natives.log(level, text);
  }

  // All arguments as one line; a string at the front may hold %s, %d, %i, %f, %j, %o, %O, %c and
  // %%.
  function format(args) {
    let text = "";
    let used = 0;
    if (args.length > 1 && typeof args[0] === "string" && StringPrototypeIndexOf(args[0], "%") !== -1) {
      const template = args[0];
      used = 1;
      let from = 0;
      for (
        let at = StringPrototypeIndexOf(template, "%");
        at !== -1 && at + 1 < template.length;
        at = StringPrototypeIndexOf(template, "%", at + 2)
      ) {
        const directive = template[at + 1];
        let insert;
        if (directive === "%") {
          insert = "%";
        } else if (used < args.length) {
          insert = substitute(directive, args[used]);
          if (insert !== undefined) used++;
        }
        if (insert === undefined) continue;
        text += StringPrototypeSlice(template, from, at) + insert;
        from = at + 2;
      }
      text = inspect(text + StringPrototypeSlice(template, from), true);
    }
    for (let i = used; i < args.length; i++) text += (i === 0 ? "" : " ") + inspect(args[i], true);
    return text;
  }

  function substitute(directive, value) {
    switch (directive) {
      case "s":
        if (typeof value === "bigint") return `${BigIntPrototypeToString(value)}n`;
        return inspect(value, true);
      case "d":
        return typeof value === "bigint" ? `${BigIntPrototypeToString(value)}n` : numeric(value, Number);
      case "i":
        return numeric(value, NumberParseInt);
      case "f":
        return numeric(value, NumberParseFloat);
      case "j":
        try {
          return inspect(String(JSONStringify(value)), true);
        } catch {
          return "[not JSON]";
        }
      case "o":
      case "O":
        return inspect(value);
      // Styles: taken, and dropped.
      case "c":
        return "";
      default:
        return undefined;
    }
  }

  function numeric(value, convert) {
    if (typeof value === "object" || typeof value === "symbol" || typeof value === "function") return "NaN";
    return `${convert(value)}`;
  }

  const labelOf = (label) => (label === undefined ? "default" : inspect(`${label}`, true));

  // A place in the script for console.trace, without the console's own frames.
  function trace() {
    const at = { __proto__: null };
    captureStackTrace(at);
    const stack = String(at.stack);
    const frames = StringPrototypeIndexOf(stack, "\n");
    return frames === -1 ? "" : isolet.withoutHostFrames(StringPrototypeSlice(stack, frames));
  }

  function elapsed(label, args) {
    const name = labelOf(label);
    if (!MapPrototypeHas(starts, name)) {
      write(ConsoleLevel.Warn, `There is no timer "${name}": start it with console.time.`);
      return false;
    }
    const ms = natives.now() - MapPrototypeGet(starts, name);
    write(ConsoleLevel.Log, `${name}: ${ms}ms${args === undefined || args.length === 0 ? "" : ` ${format(args)}`}`);
    return true;
  }

  // Labels stay until they are ended. The bound keeps a Worker that makes new ones in a loop from
  // growing.
  const MOST_LABELS = 1000;
  function keep(map, name, value) {
    if (MapPrototypeGetSize(map) < MOST_LABELS || MapPrototypeHas(map, name)) MapPrototypeSet(map, name, value);
  }

  function group(args) {
    if (args.length > 0) write(ConsoleLevel.Log, format(args));
    groups++;
  }

  const console = {
    log(...args) {
      write(ConsoleLevel.Log, format(args));
    },
    debug(...args) {
      write(ConsoleLevel.Debug, format(args));
    },
    info(...args) {
      write(ConsoleLevel.Info, format(args));
    },
    warn(...args) {
      write(ConsoleLevel.Warn, format(args));
    },
    error(...args) {
      write(ConsoleLevel.Error, format(args));
    },
    trace(...args) {
      write(ConsoleLevel.Debug, `Trace${args.length > 0 ? `: ${format(args)}` : ""}${trace()}`);
    },
    dir(value) {
      write(ConsoleLevel.Log, inspect(value));
    },
    dirxml(...args) {
      write(ConsoleLevel.Log, format(args));
    },
    table(data, columns) {
      write(ConsoleLevel.Log, isolet.tableText(data, columns));
    },
    assert(condition, ...args) {
      if (condition) return;
      if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
      write(
        ConsoleLevel.Error,
        typeof args[0] === "string" ? format(args) : `Assertion failed${args.length > 0 ? `: ${format(args)}` : ""}`,
      );
    },
    count(label) {
      const name = labelOf(label);
      const count = (MapPrototypeGet(counts, name) ?? 0) + 1;
      keep(counts, name, count);
      write(ConsoleLevel.Log, `${name}: ${count}`);
    },
    countReset(label) {
      if (!MapPrototypeDelete(counts, labelOf(label)))
        write(ConsoleLevel.Warn, `There is no count "${labelOf(label)}".`);
    },
    time(label) {
      const name = labelOf(label);
      if (MapPrototypeHas(starts, name)) write(ConsoleLevel.Warn, `The timer "${name}" runs already.`);
      else keep(starts, name, natives.now());
    },
    timeLog(label, ...args) {
      elapsed(label, args);
    },
    timeEnd(label) {
      if (elapsed(label)) MapPrototypeDelete(starts, labelOf(label));
    },
    group(...args) {
      group(args);
    },
    groupCollapsed(...args) {
      group(args);
    },
    groupEnd() {
      if (groups > 0) groups--;
    },
    clear() {},
  };
  ObjectDefineProperty(console, SymbolToStringTag, { __proto__: null, value: "console", configurable: true });

  // V8's own console writes to an inspector, which isolet does not have.
  return { console };
});
