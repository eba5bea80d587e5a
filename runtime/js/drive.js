// Runs the script by its shape, and gives its result or its error to Rust.

const {
  JSONParse,
  ObjectDefineProperty,
  Promise,
  PromisePrototypeThen,
  ReflectDeleteProperty,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
} = isolet.primordials;
const { natives } = isolet;

// `main` is the promise of the evaluation for EntryKind.Module, and the wrapped function for the
// other kinds. Called by Rust.
isolet.start = (kind, main, namespace) => {
  drive(kind, main, namespace);
};

async function drive(kind, main, namespace) {
  try {
    const { env } = isolet;
    const input = globalThis.input;
    let value;
    if (kind === EntryKind.Module) {
      await main;
      value = await enter(namespace.default, env, input);
    } else {
      value = await main(env, input);
      if (kind !== EntryKind.Body && typeof value === "function") value = await value(env, input);
    }
    if (kind === EntryKind.Completion) natives.finish(completion(value), true);
    else natives.finish(isolet.toJSONText(value, "The result", isolet.OutputLimitError), false);
  } catch (thrown) {
    isolet.noteUnawaited();
    const { name, message, stack, kind, hint, tool } = isolet.describe(thrown);
    natives.fail(name, message, stack, kind, hint, tool);
  }
}

// The script did not return this value explicitly, so a value that JSON cannot carry is a warning
// and not an error.
function completion(value) {
  try {
    return isolet.toJSONText(value, "The value of the last statement");
  } catch (thrown) {
    const { message, hint } = isolet.describe(thrown);
    natives.warn(ScriptWarning.ResultDropped, `There is no result: ${message} ${hint ?? ""} Then return it.`);
    return "null";
  }
}

function enter(entry, env, input) {
  if (typeof entry === "function") return entry(env, input);
  if (typeof entry === "object" && entry !== null && typeof entry.fetch === "function") {
    return isolet.fetchOnce(entry, env, input);
  }
  return entry;
}

// Reports an exception of a timer's callback or a module's top level. Called by Rust.
isolet.uncaught = (thrown) => {
  const { name, message, stack, kind, hint, tool } = isolet.describe(thrown);
  natives.fail(name, message, stack, kind, hint, tool);
};

// Gives a Worker the globals and bindings that scripts do not have. WebAssembly compiles no bytes,
// as in other Workers: its modules are imported. Called by Rust before the modules are evaluated.
let webAssembly;
isolet.hasProcessEnv = false;
isolet.hasExports = false;
isolet.hasNetwork = false;
isolet.isClosed = false;
isolet.hasCaches = false;
isolet.open = (bindingsText, node, processEnv, isServiceWorker, hasExports, blobs, reasonLimit, automaticClose) => {
  // Libraries choose what they do by these names, which other Workers do not have.
  ReflectDeleteProperty(globalThis, "XMLHttpRequest");
  if (!node) {
    ReflectDeleteProperty(globalThis, "setImmediate");
    ReflectDeleteProperty(globalThis, "clearImmediate");
  }
  if (webAssembly !== undefined) isolet.expose({ WebAssembly: webAssembly });
  const { 0: names, 1: loaders, 2: isClosed } = JSONParse(bindingsText);
  isolet.isClosed = isClosed;
  for (let i = 0; i < names.length; i++) {
    // These are globals: fetch has no name.
    if (names[i] === "") isolet.hasNetwork = true;
    else if (names[i] === ":caches") isolet.hasCaches = true;
    else isolet.bind(names[i], isolet.fetchers.make(names[i]));
  }
  for (let i = 0; i < loaders.length; i++) isolet.bind(loaders[i], isolet.loaders.make());
  isolet.openWebSockets(blobs, reasonLimit, automaticClose);
  isolet.hasProcessEnv = processEnv;
  isolet.hasExports = hasExports;
  if (node) isolet.openNode();
  if (isServiceWorker) isolet.serviceWorker.install();
};

// A Worker: its main module has been evaluated. Called by Rust.
isolet.worker = (namespace) => isolet.workers.take(namespace);

// Returns the value of an export of a built-in module. Called by Rust.
isolet.exported = (name) => {
  if (name === "env") return globalThis.env;
  if (name === "httpServerHandler" || name === "handleAsNodeRequest")
    return isolet.node("internal/server-handler")[name];
  return StringPrototypeStartsWith(name, "node:") ? isolet.node(StringPrototypeSlice(name, 5)) : isolet[name];
};

// One request for the Worker, and what happens to it later. Called by Rust.
isolet.fetch = (id, method, url, headersText, content, cfText, entrypoint, propsText) =>
  isolet.workers.begin(id, method, url, headersText, content, cfText, entrypoint, propsText);
isolet.scheduled = (id, cron, time) => isolet.workers.beginScheduled(id, cron, time);
isolet.progress = (kind, id, value) => isolet.workers.event(kind, id, value);
isolet.called = (id, receiver, target, props, path, value, items, stubs) =>
  isolet.rpcServer.called(id, receiver, target, props, path, value, items, stubs);
isolet.notified = (event, number, value, items, stubs) => {
  if (event === RpcEvent.ObjectReleased) isolet.rpcObjects.withdraw(number);
  else if (event === RpcEvent.ResultReleased) isolet.rpcServer.released(number);
  else isolet.rpcCalls.event(event, number, value, items, stubs);
};
isolet.socket = (kind, key, value) => isolet.socketWires.event(kind, key, value);
isolet.fetched = (kind, call, value, headText) => isolet.fetchers.event(kind, call, value, headText);

// A module Worker as a one-shot script: one request in, its response as the result.
isolet.fetchOnce = async (entry, env, input) => {
  const asked = typeof input === "object" && input !== null ? input : {};
  const { Request } = isolet.web;
  const body =
    asked.body === undefined || typeof asked.body === "string"
      ? asked.body
      : isolet.toJSONText(asked.body, "The request's body");
  const request = new Request(asked.url ?? "https://isolet.local/", {
    method: asked.method,
    headers: asked.headers,
    body,
  });
  const response = await entry.fetch(request, env, isolet.executionContext());
  return await isolet.responseValue(response);
};

// The third argument of fetch(). A one-shot script does not await the promises given to waitUntil:
// it ends with its result.
isolet.executionContext = (wait = ignore, propsText = "") => {
  const ctx = {
    waitUntil(promise) {
      wait(promise);
    },
    passThroughOnException() {},
    props: propsText === "" ? {} : JSONParse(propsText),
  };
  if (isolet.hasExports) ObjectDefineProperty(ctx, "exports", exportsOfWorker);
  return ctx;
};
const exportsOfWorker = {
  __proto__: null,
  get: () => isolet.workers.exports(),
  enumerable: true,
  configurable: true,
};
const ignore = (promise) => {
  PromisePrototypeThen(new Promise((resolve) => resolve(promise)), undefined, () => {});
};

// Finishes a new context with what a snapshot cannot hold. Called by Rust before any run.
isolet.settle = () => {
  isolet.expose({ env: isolet.env, input: undefined });
  // V8 puts shipping features back after a context is made from a snapshot, so these go here and
  // not in the snapshot.
  webAssembly = globalThis.WebAssembly;
  for (const name of isolet.removed) delete globalThis[name];
};
// SharedArrayBuffer and Atomics make clocks and shared state, WebAssembly makes native code.
isolet.removed = ["SharedArrayBuffer", "Atomics", "WebAssembly"];

// Sets the variables, the input, whether unknown names in env throw, and the longest JSON text.
// Called by Rust once per run, before the script. It creates no objects: a literal costs a new
// hidden class in each fresh context.
isolet.prepare = (varsText, inputText, strict, maxTextLength) => {
  isolet.maxTextLength = maxTextLength;
  isolet.setEnvironment(varsText, strict);
  if (inputText !== undefined) globalThis.input = JSONParse(inputText);
};

// Resets `RegExp.lastMatch` and its relatives, which would show isolet's own matches.
isolet.primordials.RegExpPrototypeExec(/(?:)/, "");

// Primordials that no file has kept are dropped here, before the snapshot is made; each fresh
// context would carry them.
isolet.primordials = undefined;
