// node:module
"use strict";

const { codes, check } = require("internal/errors");

const builtinModules = (
  "assert assert/strict async_hooks buffer child_process cluster console constants crypto dgram " +
  "diagnostics_channel dns dns/promises domain events fs fs/promises http http2 https inspector module net os path " +
  "path/posix path/win32 perf_hooks process punycode querystring readline readline/promises repl stream stream/consumers " +
  "stream/promises stream/web string_decoder sys timers timers/promises tls tty url util util/types v8 vm worker_threads zlib"
).split(" ");

const isBuiltin = (name) => builtinModules.includes(`${name}`.replace(/^node:/, ""));

function createRequire(path) {
  if (!(path instanceof URL) && !(typeof path === "string" && /^(?:\/|file:)/.test(path))) {
    throw new codes.ERR_INVALID_ARG_VALUE(
      "filename",
      path,
      "must be a file URL object, file URL string, or absolute path string",
    );
  }
  const load = (name) => {
    check.string(name, "id");
    if (isBuiltin(name)) return require(name.replace(/^node:/, ""));
    const error = new Error(
      `Cannot find module '${name}': a require() that createRequire() made finds the modules of node: only. Use import, or a ` +
        "require() with a literal.",
    );
    error.code = "MODULE_NOT_FOUND";
    throw error;
  };
  load.resolve = (name) => {
    if (isBuiltin(name)) return name;
    return load(name);
  };
  load.cache = { __proto__: null };
  load.main = undefined;
  return load;
}

const unavailable = (name) => () => {
  throw new codes.ERR_METHOD_NOT_IMPLEMENTED(
    `node:module: ${name}() is not available in a Worker: its modules are known before it starts.`,
  );
};

class Module {
  constructor(id = "", parent = undefined) {
    this.id = id;
    this.exports = {};
    this.parent = parent;
    this.loaded = false;
    this.children = [];
  }
}
Object.assign(Module, {
  Module,
  _cache: {},
  _extensions: {},
  _pathCache: {},
  globalPaths: [],
  constants: {},
  builtinModules,
  createRequire,
  isBuiltin,
  findSourceMap: () => undefined,
  getSourceMapsSupport: () => ({ enabled: false, nodeModules: false, generatedCode: false }),
  setSourceMapsSupport() {},
  syncBuiltinESMExports() {},
  enableCompileCache: () => ({ status: 3 }),
  flushCompileCache() {},
  getCompileCacheDir: () => undefined,
  wrap: (text) => `(function (exports, require, module, __filename, __dirname) { ${text}\n});`,
});
for (const name of [
  "_load",
  "_resolveFilename",
  "findPackageJSON",
  "register",
  "registerHooks",
  "runMain",
  "stripTypeScriptTypes",
])
  Module[name] = unavailable(name);

module.exports = Module;
