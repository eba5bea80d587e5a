// `env`: variables and servers. Nothing is made before it is asked for, so an environment of 3,000 tools costs a fresh
// context the same as one of three.

const {
  ArrayIsArray, JSONParse, Promise, Proxy, RangeError, ReflectOwnKeys, Symbol, TypeError, ObjectPrototypeHasOwnProperty, ObjectCreate,
} = isolet.primordials;
const { natives } = isolet;
const { ToolError, UnknownNameError } = isolet;

// Answers on their way: call number → resolve function.
const pending = { __proto__: null };
// Per run: parsed variables, and proxies made so far.
let vars = { __proto__: null };
let strict = true;
const servers = { __proto__: null };

// What JavaScript itself and inspectors ask every object for. These are only tools when the server lists them, else
// `await env.server` or `JSON.stringify(env.server)` would call upstream.
const asked = {
  __proto__: null, then: true, toJSON: true, constructor: true, toString: true, valueOf: true, inspect: true, nodeType: true,
  hasOwnProperty: true, prototype: true,
};
const isAsked = (name) => name === "__proto__" || asked[name] === true;

const kinds = {
  __proto__: null, call: 0, $raw: 1, $tools: 2, $resources: 3, $readResource: 4, $prompts: 5, $getPrompt: 6,
};

// The answer of a call, as [ok, text]: no object that a poisoned Object.prototype.then could turn into a thenable.
function send(kind, server, name, text) {
  return new Promise((resolve) => {
    const id = natives.call(kind, server, name, text);
    if (typeof id === "number") {
      pending[id] = resolve;
    } else {
      // A text: the name is unknown. The first line is the message, the rest the hint.
      resolve({ __proto__: null, ok: false, unknown: true, text: id });
    }
  });
}

isolet.deliver = (id, ok, text) => {
  const resolve = pending[id];
  delete pending[id];
  if (resolve !== undefined) resolve({ __proto__: null, ok, unknown: false, text });
};

// Async on purpose: V8 then names the awaiting line of the script in the stack of what is thrown here.
async function request(kind, server, name, text) {
  const reply = await send(kind, server, name, text);
  if (reply.ok) return JSONParse(reply.text);
  const failure = JSONParse(reply.text);
  if (failure.tooLarge) throw isolet.withHint(new RangeError(failure.message), failure.hint);
  const error = reply.unknown ? new UnknownNameError(failure.message) : new ToolError(server, name, failure.message, failure.result);
  if (failure.site) isolet.hide(error, isolet.site, `script.ts:${failure.site[0]}:${failure.site[1]}`);
  throw isolet.withHint(error, failure.hint);
}

function argumentsText(args, what) {
  if (args === undefined) return "{}";
  if (typeof args !== "object" || args === null || ArrayIsArray(args)) {
    const found = args === null ? "null" : ArrayIsArray(args) ? "an array" : `a ${typeof args}`;
    throw isolet.withHint(new TypeError(`The input of ${what} must be an object, not ${found}.`),
      `Call it as ${what}({ name: value }); the declaration of the tool names its fields.`);
  }
  const text = isolet.toJSONText(args, `The input of ${what}`);
  if (text === undefined || text[0] !== "{") throw new TypeError(`The input of ${what} must be an object.`);
  return text;
}

async function call(server, tool, args) {
  return await request(kinds.call, server, tool, argumentsText(args, `${server}.${tool}`));
}

function special(server, name) {
  switch (name) {
    case "$raw":
      return async (tool, args) => {
        requireText(tool, "tool", `${server}.$raw`);
        return await request(kinds.$raw, server, tool, argumentsText(args, `${server}.${tool}`));
      };
    case "$readResource":
      return async (uri) => {
        requireText(uri, "uri", `${server}.$readResource`);
        return await request(kinds.$readResource, server, uri, "{}");
      };
    case "$getPrompt":
      return async (prompt, args) => {
        requireText(prompt, "name", `${server}.$getPrompt`);
        return await request(kinds.$getPrompt, server, prompt, argumentsText(args, `${server}.$getPrompt`));
      };
    default:
      return async () => await request(kinds[name], server, "", "{}");
  }
}

function requireText(value, name, what) {
  if (typeof value !== "string") {
    throw isolet.withHint(new TypeError(`${what} takes a string as ${name}, not ${value === null ? "null" : typeof value}.`),
      `Call it as ${what}("…").`);
  }
}

const serverHandler = (server) => ({
  __proto__: null,
  get(target, name) {
    if (typeof name === "symbol") return name === Symbol.toStringTag ? `isolet server ${server}` : undefined;
    const known = target[name];
    if (known !== undefined) return known;
    if (name in kinds && name !== "call") return target[name] = special(server, name);
    if (isAsked(name) && !natives.lists(server, name)) {
      return name === "toString" ? () => `[isolet server ${server}]` : undefined;
    }
    return target[name] = (args) => call(server, name, args);
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
  return servers[exact] ??= new Proxy({ __proto__: null }, serverHandler(exact));
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
  has: (_, name) => typeof name === "string" && (ObjectPrototypeHasOwnProperty(vars, name) || natives.server(name) !== undefined),
  set(_, name, value) { vars[name] = value; return true; },
  deleteProperty(_, name) { return delete vars[name]; },
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
    return { __proto__: null, value: envHandler.get(target, name), writable: true, enumerable: true, configurable: true };
  },
};

isolet.env = new Proxy(ObjectCreate(null), envHandler);
// Compared with the proxies that there are: asking the value itself would run its traps.
isolet.isEnvironment = (value) => {
  if (value === isolet.env) return true;
  for (const name in servers) if (servers[name] === value) return true;
  return false;
};
isolet.setEnvironment = (varsText, isStrict) => {
  if (varsText !== undefined) vars = JSONParse(varsText);
  strict = isStrict;
};
