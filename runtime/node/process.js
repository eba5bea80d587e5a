// node:process
//
// Nothing here is of isolet's own process, its environment or its machine.
"use strict";

const EventEmitter = require("events");
const { codes, check } = require("internal/errors");
const { natives } = isolet;

const { queueMicrotask } = globalThis;
const { Reflect, BigInt } = globalThis;
const VERSION = "22.19.0";

// The variables of the Worker. Values are texts, as in Node.js.
function environment() {
  const values = {};
  if (isolet.hasProcessEnv && isolet.varsText !== undefined) {
    const vars = JSON.parse(isolet.varsText);
    for (const name of Object.keys(vars)) {
      const value = vars[name];
      define(values, name, typeof value === "string" ? value : JSON.stringify(value));
    }
  }
  return new Proxy(values, {
    set: (target, name, value) => define(target, name, text(value)),
    defineProperty(target, name, descriptor) {
      if ("value" in descriptor) return define(target, name, text(descriptor.value));
      throw new codes.ERR_INVALID_ARG_VALUE("descriptor", descriptor, "'process.env' does not accept accessors");
    },
  });
}
function text(value) {
  if (typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return `${value}`;
}
const define = (target, name, value) =>
  Reflect.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });

// Times have a resolution of a millisecond, as everywhere in a Worker.
const now = () => natives.now();

function hrtime(previous) {
  const ms = now();
  let [seconds, nanoseconds] = [Math.floor(ms / 1000), (ms % 1000) * 1e6];
  if (previous !== undefined) {
    if (!Array.isArray(previous)) throw new codes.ERR_INVALID_ARG_TYPE("time", "Array", previous);
    if (previous.length !== 2) throw new codes.ERR_OUT_OF_RANGE("time", 2, previous.length);
    seconds -= previous[0];
    nanoseconds -= previous[1];
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += 1e9;
    }
  }
  return [seconds, nanoseconds];
}
hrtime.bigint = () => BigInt(Math.trunc(now())) * 1_000_000n;

function unavailable(name, next) {
  return Object.defineProperty(
    () => {
      throw new codes.ERR_METHOD_NOT_IMPLEMENTED(`process.${name}() is not available in a Worker. ${next}`);
    },
    "name",
    { value: name },
  );
}

function process() {}
process.prototype = Object.create(EventEmitter.prototype, {
  constructor: { value: process, writable: true, configurable: true },
  [Symbol.toStringTag]: { value: "process", configurable: true },
});
const self = Object.create(process.prototype);
EventEmitter.call(self);
for (const name of ["_events", "_eventsCount", "_maxListeners"]) {
  Object.defineProperty(self, name, { enumerable: false });
}

let folder = "/bundle";
let mask = 0o22;

Object.assign(self, {
  version: `v${VERSION}`,
  versions: { node: VERSION },
  title: "isolet",
  argv: ["isolet"],
  argv0: "isolet",
  execArgv: [],
  execPath: "",
  arch: "x64",
  platform: "linux",
  config: { target_defaults: {}, variables: {} },
  release: { name: "node", lts: true, sourceUrl: "", headersUrl: "" },
  features: {
    inspector: false,
    debug: false,
    uv: false,
    ipv6: false,
    tls: false,
    cached_builtins: true,
    typescript: false,
  },
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  env: environment(),
  nextTick(callback, ...args) {
    check.function(callback, "callback");
    queueMicrotask(() => Reflect.apply(callback, undefined, args));
  },
  cwd: () => folder,
  chdir(path) {
    check.string(path, "directory");
    folder = require("path").resolve(folder, path);
  },
  umask(value) {
    const before = mask;
    if (value !== undefined) mask = Number.parseInt(value, typeof value === "string" ? 8 : 10) & 0o777;
    return before;
  },
  hrtime,
  uptime: () => now() / 1000,
  memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), {
    rss: () => 0,
  }),
  cpuUsage: () => ({ user: 0, system: 0 }),
  threadCpuUsage: () => ({ user: 0, system: 0 }),
  resourceUsage: () => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0 }),
  constrainedMemory: () => 0,
  availableMemory: () => 0,
  getuid: () => 0,
  geteuid: () => 0,
  getgid: () => 0,
  getegid: () => 0,
  getgroups: () => [0],
  exit(code) {
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED(
      `process.exit(${code ?? ""}) ends no Worker: it would end all of its requests. Throw an error, or return a Response.`,
    );
  },
  abort: unavailable("abort", "Throw an error."),
  kill: unavailable("kill", "There are no other processes."),
  dlopen: unavailable("dlopen", "Use a package without native code, or WebAssembly."),
  binding: unavailable("binding", "Use the modules of node:."),
  emitWarning(warning, typeOrOptions, code) {
    const options = typeof typeOrOptions === "object" && typeOrOptions !== null ? typeOrOptions : {};
    const type = options.type ?? (typeof typeOrOptions === "string" ? typeOrOptions : "Warning");
    let error = warning;
    if (typeof warning === "string") {
      error = new Error(warning);
      error.name = type;
      error.code = options.code ?? (typeof code === "string" ? code : undefined);
      error.detail = options.detail;
    } else if (!(warning instanceof Error))
      throw new codes.ERR_INVALID_ARG_TYPE("warning", ["Error", "string"], warning);
    queueMicrotask(() => {
      if (!self.emit("warning", error)) console.warn(`(node) ${error.name}: ${error.message}`);
    });
  },
  getBuiltinModule(name) {
    check.string(name, "id");
    return require("module").isBuiltin(name) ? require(name.replace(/^node:/, "")) : undefined;
  },
  setUncaughtExceptionCaptureCallback: () => {},
  hasUncaughtExceptionCaptureCallback: () => false,
  setSourceMapsEnabled: () => {},
  sourceMapsEnabled: false,
  getActiveResourcesInfo: () => [],
  loadEnvFile: unavailable("loadEnvFile", "Variables come from `vars` of the configuration and .dev.vars."),
  ref: (value) => void value?.ref?.(),
  unref: (value) => void value?.unref?.(),
  finalization: { register() {}, registerBeforeExit() {}, unregister() {} },
  permission: { has: () => false },
  report: {},
  allowedNodeEnvironmentFlags: new Set(),
  connected: false,
  channel: null,
  debugPort: 0,
  moduleLoadList: [],
  noDeprecation: false,
  throwDeprecation: false,
  traceDeprecation: false,
});

// Output goes to the log, a line when it is complete.
function output(fd, write) {
  const { Writable } = require("stream");
  let rest = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, encoding, done) {
      const lines = (rest + (typeof chunk === "string" ? chunk : chunk.toString())).split("\n");
      rest = lines.pop();
      for (const line of lines) write(line);
      done();
    },
  });
  return Object.assign(stream, { fd, isTTY: false, _type: "fs", _isStdio: true });
}
const streams = {
  stdin: () => Object.assign(require("stream").Readable.from([]), { fd: 0, isTTY: false }),
  stdout: () => output(1, (line) => console.log(line)),
  stderr: () => output(2, (line) => console.error(line)),
};
for (const name of Object.keys(streams)) {
  let made;
  Object.defineProperty(self, name, {
    configurable: true,
    enumerable: true,
    get: () => (made ??= streams[name]()),
    set: (value) => {
      made = value;
    },
  });
}

module.exports = self;
