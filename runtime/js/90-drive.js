// Drives a run: enters the script by its shape, and hands its result or its error to Rust.

const { JSONParse, Promise, PromisePrototypeThen, TypeError } = isolet.primordials;
const { natives } = isolet;

const BODY = 0, EXPRESSION = 1, MODULE = 2;

// `main`: for BODY and EXPRESSION the wrapped function; for MODULE the promise of its evaluation. Called by Rust.
isolet.start = (kind, main, namespace) => {
  drive(kind, main, namespace);
};

async function drive(kind, main, namespace) {
  try {
    const { env } = isolet;
    const input = globalThis.input;
    let value;
    if (kind === MODULE) {
      await main;
      value = await enter(namespace.default, env, input);
    } else {
      value = await main(env, input);
      if (kind === EXPRESSION && typeof value === "function") value = await value(env, input);
    }
    const text = isolet.toJSONText(value, "The result");
    natives.finish(text === undefined ? "null" : text);
  } catch (thrown) {
    const { name, message, stack, kind, hint } = isolet.describe(thrown);
    natives.fail(name, message, stack, kind, hint);
  }
}

function enter(entry, env, input) {
  if (typeof entry === "function") return entry(env, input);
  if (typeof entry === "object" && entry !== null && typeof entry.fetch === "function") {
    return isolet.fetchOnce(entry, env, input);
  }
  return entry;
}

// What a timer's callback or a module's top level threw. Called by Rust.
isolet.uncaught = (thrown) => {
  const { name, message, stack, kind, hint } = isolet.describe(thrown);
  natives.fail(name, message, stack, kind, hint);
};

// A Worker: its main module has been evaluated. Called by Rust.
let worker;
isolet.worker = (namespace) => {
  worker = namespace.default;
  if (typeof worker !== "object" || worker === null || typeof worker.fetch !== "function") {
    throw isolet.withHint(new TypeError("The main module of a Worker must have a default export with a fetch function."),
      "export default { async fetch(request, env, ctx) { return new Response(\"Hello\"); } }");
  }
};

// One request for the Worker. Called by Rust.
isolet.fetch = (id, method, url, headersText, body) => {
  answer(id, method, url, headersText, body);
};

async function answer(id, method, url, headersText, body) {
  try {
    const request = isolet.requests.received(method, url, headersText, body);
    const response = await worker.fetch(request, isolet.env, isolet.executionContext());
    const { status, headers, bytes } = await isolet.responseParts(response);
    natives.respond(id, status, headers, bytes);
  } catch (thrown) {
    const { name, message, stack, kind, hint } = isolet.describe(thrown);
    natives.failFetch(id, name, message, stack, kind, hint);
  }
}

// A module Worker as a one-shot script: one request in, its response as the result.
isolet.fetchOnce = async (entry, env, input) => {
  const asked = typeof input === "object" && input !== null ? input : {};
  const { Request } = isolet.web;
  const body = asked.body === undefined || typeof asked.body === "string" ? asked.body : isolet.toJSONText(asked.body, "The request's body");
  const request = new Request(asked.url ?? "https://isolet.local/", { method: asked.method, headers: asked.headers, body });
  const response = await entry.fetch(request, env, isolet.executionContext());
  return await isolet.responseValue(response);
};

// The third argument of fetch(): work handed to waitUntil is awaited by nobody, as the run ends with its result.
isolet.executionContext = () => ({
  waitUntil(promise) { PromisePrototypeThen(new Promise((resolve) => resolve(promise)), undefined, () => {}); },
  passThroughOnException() {},
  props: {},
});

// Called by Rust when a context is new, ahead of any run: what V8 does not let a snapshot hold.
isolet.settle = () => {
  isolet.expose({ env: isolet.env, input: undefined });
  // V8 puts shipping features back after a context is made from a snapshot, so these go here and not in the snapshot.
  for (const name of isolet.removed) delete globalThis[name];
};
// SharedArrayBuffer and Atomics make clocks and shared state, WebAssembly makes native code.
isolet.removed = ["SharedArrayBuffer", "Atomics", "WebAssembly"];

// Called by Rust once per run, before the script: variables, input, whether unknown names in env throw. On the way of
// every run, so it makes no objects: a literal costs a new hidden class in each fresh context.
isolet.prepare = (varsText, inputText, strict) => {
  isolet.setEnvironment(varsText, strict);
  if (inputText !== undefined) globalThis.input = JSONParse(inputText);
};

// `RegExp.lastMatch` and its relatives are not to tell of isolet's own matches.
isolet.primordials.RegExpPrototypeExec(/(?:)/, "");

// Last of all: what no file has kept is dropped before the snapshot is made: functions that each fresh context would
// otherwise carry.
isolet.primordials = undefined;
