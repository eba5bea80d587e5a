// `env`: variables and servers. Nothing is made before it is asked for, so an environment of 3,000
// tools costs a fresh context the same as one of three.

const {
  ArrayIsArray,
  BigInt,
  JSONParse,
  NumberIsSafeInteger,
  RegExpPrototypeExec,
  Promise,
  Proxy,
  RangeError,
  ReflectOwnKeys,
  Symbol,
  TypeError,
  ObjectPrototypeHasOwnProperty,
  ObjectCreate,
} = isolet.primordials;
const { natives } = isolet;
const { ToolError, UnknownNameError } = isolet;

// Answers on their way: call number → resolve function.
const pending = { __proto__: null };
// The promises that a one-shot script got for calls that have no answer yet: call number → promise.
const promises = { __proto__: null };
let sent = 0;
// Per run: parsed variables, and proxies made so far.
let vars = { __proto__: null };
let strict = true;
const servers = { __proto__: null };

// Properties that JavaScript itself and inspectors read from every object. They are tools only if
// the server lists them, else `await env.server` or `JSON.stringify(env.server)` would call
// upstream.
const asked = {
  __proto__: null,
  then: true,
  toJSON: true,
  constructor: true,
  toString: true,
  valueOf: true,
  inspect: true,
  nodeType: true,
  hasOwnProperty: true,
  prototype: true,
};
const isAsked = (name) => name === "__proto__" || asked[name] === true;

// The `$` members of a server.
const callKinds = {
  __proto__: null,
  $raw: CallKind.Raw,
  $exact: CallKind.Exact,
  $tools: CallKind.Tools,
  $resources: CallKind.Resources,
  $readResource: CallKind.ReadResource,
  $prompts: CallKind.Prompts,
  $getPrompt: CallKind.GetPrompt,
};

// The answer of a call: { ok, unknown, text }, without a prototype: a `then` that a script has put
// on Object.prototype would make it a thenable.
function send(kind, server, name, text) {
  return new Promise((resolve) => {
    const id = natives.call(kind, server, name, text);
    if (typeof id === "number") {
      pending[id] = resolve;
      sent = id;
    } else {
      // JSON text: the call cannot be made.
      resolve({ __proto__: null, ok: false, unknown: true, text: id });
    }
  });
}

isolet.deliver = (id, ok, text) => {
  const resolve = pending[id];
  delete pending[id];
  const promise = promises[id];
  if (promise !== undefined) {
    delete promises[id];
    // A failed call that is not awaited is reported as an unhandled rejection.
    if (ok) natives.unawaited(promise, 0);
  }
  if (resolve !== undefined) resolve({ __proto__: null, ok, unknown: false, text });
};

// Drops calls that were cancelled. Called when a Worker's request ends.
isolet.forgetCalls = (ids) => {
  for (let i = 0; i < ids.length; i++) delete pending[ids[i]];
};

// Async on purpose: V8 then names the awaiting line of the script in the stack of what is thrown
// here.
async function request(kind, server, name, text) {
  const reply = await send(kind, server, name, text);
  if (reply.ok) return kind === CallKind.Exact ? JSONParse(reply.text, exactly) : JSONParse(reply.text);
  const failure = JSONParse(reply.text);
  if (failure.tooLarge) throw isolet.withHint(new RangeError(failure.message), failure.hint);
  const error = reply.unknown
    ? new UnknownNameError(failure.message)
    : new ToolError(server, name, failure.message, failure.result, failure.error);
  const meant = reply.unknown ? failure.meant : name;
  if (meant && (kind === CallKind.Call || kind === CallKind.Raw || kind === CallKind.Exact))
    isolet.hide(error, isolet.about, `${server}\n${meant}`);
  if (failure.site) isolet.hide(error, isolet.site, `script.ts:${failure.site[0]}:${failure.site[1]}`);
  throw isolet.withHint(error, failure.hint);
}

// Notes which promise belongs to the call that was just sent.
function kept(promise) {
  if (sent !== 0) {
    if (strict) promises[sent] = promise;
    sent = 0;
  }
  return promise;
}

// Notes the calls that were not awaited, when the script has failed.
isolet.noteUnawaited = () => {
  for (const id in promises) natives.unawaited(promises[id], +id);
};

// `JSON.stringify` would make "{}" of a promise, and a template "[object Promise]": both say
// nothing of the answer.
const {
  Promise: { prototype: PromisePrototype },
} = isolet.primordials;
isolet.hide(
  PromisePrototype,
  "toJSON",
  {
    toJSON() {
      if (!strict || isolet.carrying) return this;
      throw isolet.withHint(
        new TypeError("A promise was given to JSON.stringify, which would make {} of it."),
        "Await it first: a call to env.<server>.<tool>() needs `await`, a list of them `await Promise.all(list)`.",
      );
    },
  }.toJSON,
);
isolet.hide(
  PromisePrototype,
  "toString",
  {
    toString() {
      if (strict)
        natives.warn(ScriptWarning.PromiseAsText, "A promise became the text [object Promise]. Await it first.");
      return "[object Promise]";
    },
  }.toString,
);

// Integers that a number cannot hold, as BigInt. The text of a number is in what V8 hands a
// reviver.
function exactly(key, value, context) {
  if (typeof value !== "number" || NumberIsSafeInteger(value)) return value;
  const { source } = context;
  return RegExpPrototypeExec(isInteger, source) === null ? value : BigInt(source);
}
const isInteger = /^-?\d+$/;

const isMisshapen = (args) => args !== undefined && (typeof args !== "object" || args === null || ArrayIsArray(args));

// The arguments of a tool as JSON text. For a tool that does not exist they are not checked: the
// error is about its name.
function toolArguments(server, tool, args) {
  if (isMisshapen(args) && !natives.lists(server, tool) && natives.names(server) !== "[]") return "{}";
  try {
    return argumentsText(args, `${server}.${tool}`);
  } catch (error) {
    if (error instanceof TypeError) isolet.hide(error, isolet.about, `${server}\n${tool}`);
    throw error;
  }
}

function argumentsText(args, what) {
  if (args === undefined) return "{}";
  if (isMisshapen(args)) {
    const found = args === null ? "null" : ArrayIsArray(args) ? "an array" : `a ${typeof args}`;
    throw isolet.withHint(
      new TypeError(`The input of ${what} must be an object, not ${found}.`),
      `Call it with one object of named fields: ${what}({ name: value }).`,
    );
  }
  const text = isolet.toJSONText(args, `The input of ${what}`);
  if (text === undefined || text[0] !== "{") throw new TypeError(`The input of ${what} must be an object.`);
  return text;
}

async function call(server, tool, args) {
  return await request(CallKind.Call, server, tool, toolArguments(server, tool, args));
}

function special(server, name) {
  switch (name) {
    case "$raw":
    case "$exact":
      return async (tool, args) => {
        requireText(tool, "tool", `${server}.${name}`);
        return await request(callKinds[name], server, tool, toolArguments(server, tool, args));
      };
    case "$readResource":
      return async (uri) => {
        requireText(uri, "uri", `${server}.$readResource`);
        return await request(CallKind.ReadResource, server, uri, "{}");
      };
    case "$getPrompt":
      return async (prompt, args) => {
        requireText(prompt, "name", `${server}.$getPrompt`);
        return await request(CallKind.GetPrompt, server, prompt, argumentsText(args, `${server}.$getPrompt`));
      };
    default:
      return async () => await request(callKinds[name], server, "", "{}");
  }
}

function requireText(value, name, what) {
  if (typeof value !== "string") {
    throw isolet.withHint(
      new TypeError(`${what} takes a string as ${name}, not ${value === null ? "null" : typeof value}.`),
      `Call it as ${what}("…").`,
    );
  }
}

const serverHandler = (server) => ({
  __proto__: null,
  get(target, name) {
    if (typeof name === "symbol") return name === Symbol.toStringTag ? `isolet server ${server}` : undefined;
    const known = target[name];
    if (known !== undefined) return known;
    // A tool of such a name replaces the member, as the declarations say.
    if (name in callKinds && !natives.lists(server, name)) {
      const method = special(server, name);
      return (target[name] = (first, args) => kept(method(first, args)));
    }
    if (isAsked(name) && !natives.lists(server, name)) {
      return name === "toString" ? () => `[isolet server ${server}]` : undefined;
    }
    return (target[name] = (args) => kept(call(server, name, args)));
  },
  has: (target, name) => typeof name === "string" && natives.lists(server, name),
  set: () => false,
  defineProperty: () => false,
  deleteProperty: () => false,
  getPrototypeOf: () => null,
  setPrototypeOf: () => false,
  preventExtensions: () => false,
  ownKeys: (target) => ReflectOwnKeys(listed(target, server)),
  getOwnPropertyDescriptor(target, name) {
    if (typeof name === "symbol" || !natives.lists(server, name)) return undefined;
    return { __proto__: null, value: this.get(target, name), writable: true, enumerable: true, configurable: true };
  },
});

// Names are listed only when a script asks for all of them.
function listed(target, server) {
  const names = { __proto__: null };
  const all = JSONParse(natives.names(server));
  for (let i = 0; i < all.length; i++) names[all[i]] = true;
  return names;
}

function serverNamed(name) {
  const exact = natives.server(name);
  if (exact === undefined) return undefined;
  return (servers[exact] ??= new Proxy({ __proto__: null }, serverHandler(exact)));
}

const envHandler = {
  __proto__: null,
  get(_, name) {
    if (typeof name === "symbol") return name === Symbol.toStringTag ? "isolet env" : undefined;
    if (ObjectPrototypeHasOwnProperty(vars, name)) return vars[name];
    const server = serverNamed(name);
    if (server !== undefined) return server;
    if (!strict || isAsked(name)) return undefined;
    const failure = JSONParse(natives.unknown(name));
    throw isolet.withHint(new UnknownNameError(failure.message), failure.hint);
  },
  has: (_, name) =>
    typeof name === "string" && (ObjectPrototypeHasOwnProperty(vars, name) || natives.server(name) !== undefined),
  set(_, name, value) {
    vars[name] = value;
    return true;
  },
  deleteProperty(_, name) {
    return delete vars[name];
  },
  defineProperty: () => false,
  getPrototypeOf: () => null,
  setPrototypeOf: () => false,
  preventExtensions: () => false,
  ownKeys() {
    const names = { __proto__: null };
    const all = JSONParse(natives.names(""));
    for (let i = 0; i < all.length; i++) names[all[i]] = true;
    const own = ReflectOwnKeys(vars);
    for (let i = 0; i < own.length; i++) names[own[i]] = true;
    return ReflectOwnKeys(names);
  },
  getOwnPropertyDescriptor(target, name) {
    if (!envHandler.has(target, name)) return undefined;
    return {
      __proto__: null,
      value: envHandler.get(target, name),
      writable: true,
      enumerable: true,
      configurable: true,
    };
  },
};

isolet.env = new Proxy(ObjectCreate(null), envHandler);
// Compared with the proxies that there are: asking the value itself would run its traps.
isolet.isEnvironment = (value) => {
  if (value === isolet.env) return true;
  for (const name in servers) if (servers[name] === value) return true;
  return false;
};
isolet.bind = (name, value) => {
  vars[name] = value;
};
isolet.isWorker = false;
isolet.varsText = undefined;
isolet.setEnvironment = (varsText, isStrict) => {
  if (varsText !== undefined) vars = JSONParse(varsText);
  strict = isStrict;
  isolet.isWorker = !isStrict;
  if (!isStrict) isolet.varsText = varsText;
};
