// util.parseArgs()
"use strict";

const { check } = require("internal/errors");

function failure(code, message) {
  const error = new TypeError(message);
  error.code = code;
  return error;
}

module.exports = function parseArgs(config = {}) {
  check.object(config, "config");
  const { options = {}, strict = true, tokens: wantsTokens = false, allowNegative = false } = config;
  const allowPositionals = config.allowPositionals ?? !strict;
  const args = [...(config.args ?? require("process").argv.slice(2))];
  const values = { __proto__: null };
  const positionals = [];
  const tokens = [];

  const longOf = (short) => Object.keys(options).find((name) => options[name].short === short) ?? short;
  const typeOf = (name) => options[name]?.type;

  function store(name, rawName, value, index, inlineValue) {
    tokens.push({ kind: "option", name, rawName, index, value, inlineValue });
    const isKnown = Object.hasOwn(options, name);
    const negated = allowNegative && !isKnown && name.startsWith("no-") && typeOf(name.slice(3)) === "boolean";
    const key = negated ? name.slice(3) : name;
    if (strict) {
      if (!isKnown && !negated) {
        const hint = allowPositionals
          ? `. To specify a positional argument starting with a '-', place it at the end of the command after '--', as in '-- ${JSON.stringify(rawName)}`
          : "";
        throw failure("ERR_PARSE_ARGS_UNKNOWN_OPTION", `Unknown option '${rawName}'${hint}`);
      }
      const shown = `${options[key].short ? `-${options[key].short}, ` : ""}--${key}`;
      if (typeOf(key) === "string" && typeof value !== "string")
        throw failure("ERR_PARSE_ARGS_INVALID_OPTION_VALUE", `Option '${shown} <value>' argument missing`);
      if (typeOf(key) === "boolean" && value !== undefined)
        throw failure("ERR_PARSE_ARGS_INVALID_OPTION_VALUE", `Option '${shown}' does not take an argument`);
    }
    if (key === "__proto__") return;
    const stored = value ?? !negated;
    if (options[key]?.multiple) (values[key] ??= []).push(stored);
    else values[key] = stored;
  }

  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const next = args[i + 1];
    if (arg === "--") {
      tokens.push({ kind: "option-terminator", index: i });
      for (let j = i + 1; j < args.length; j++) positional(args[j], j);
      break;
    }
    if (arg.startsWith("--") && arg.length > 2) {
      const at = arg.indexOf("=");
      if (at > 2) store(arg.slice(2, at), arg.slice(0, at), arg.slice(at + 1), i, true);
      else {
        const name = arg.slice(2);
        const takes =
          typeOf(name) === "string" && next !== undefined && (!strict || !next.startsWith("-") || next === "-");
        store(name, arg, takes ? next : undefined, i, takes ? false : undefined);
        if (takes) i++;
      }
    } else if (arg.startsWith("-") && arg.length > 1) {
      for (let j = 1; j < arg.length; j++) {
        const name = longOf(arg[j]);
        if (typeOf(name) !== "string") {
          store(name, `-${arg[j]}`, undefined, i, undefined);
          continue;
        }
        const rest = arg.slice(j + 1);
        if (rest !== "") store(name, `-${arg[j]}`, rest, i, true);
        else {
          const takes = next !== undefined && (!next.startsWith("-") || next === "-");
          store(name, `-${arg[j]}`, takes ? next : undefined, i, takes ? false : undefined);
          if (takes) i++;
        }
        break;
      }
    } else positional(arg, i);
  }

  function positional(value, index) {
    if (!allowPositionals) {
      throw failure(
        "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL",
        `Unexpected argument '${value}'. This command does not take positional arguments`,
      );
    }
    tokens.push({ kind: "positional", index, value });
    positionals.push(value);
  }

  for (const name of Object.keys(options)) {
    if (options[name].default !== undefined && values[name] === undefined) values[name] = options[name].default;
  }
  return wantsTokens ? { values, positionals, tokens } : { values, positionals };
};
