// The modules about what no jail can offer. They can be imported, as packages do it without using
// them; their functions say what to do.
"use strict";

const { codes } = require("internal/errors");

// The functions and classes of each module.
const FUNCTIONS = {
  __proto__: null,
  child_process: "ChildProcess _forkChild exec execFile execFileSync execSync fork spawn spawnSync",
  cluster: "Cluster Worker disconnect fork setupMaster setupPrimary",
  dgram: "Socket createSocket",
  dns:
    "Resolver getDefaultResultOrder getServers lookup lookupService resolve resolve4 resolve6 resolveAny " +
    "resolveCaa resolveCname resolveMx resolveNaptr resolveNs resolvePtr resolveSoa resolveSrv resolveTxt " +
    "reverse setDefaultResultOrder setServers",
  "dns/promises":
    "Resolver getDefaultResultOrder getServers lookup lookupService resolve resolve4 resolve6 resolveAny " +
    "resolveCaa resolveCname resolveMx resolveNaptr resolveNs resolvePtr resolveSoa resolveSrv resolveTxt " +
    "reverse setDefaultResultOrder setServers",
  domain: "Domain create createDomain",
  fs:
    "Dir Dirent FileReadStream FileWriteStream ReadStream Stats WriteStream access accessSync appendFile " +
    "appendFileSync chmod chmodSync chown chownSync close closeSync copyFile copyFileSync cp cpSync " +
    "createReadStream createWriteStream exists existsSync fchmod fchmodSync fchown fchownSync fdatasync " +
    "fdatasyncSync fstat fstatSync fsync fsyncSync ftruncate ftruncateSync futimes futimesSync glob " +
    "globSync lchmod lchmodSync lchown lchownSync link linkSync lstat lstatSync lutimes lutimesSync mkdir " +
    "mkdirSync mkdtemp mkdtempSync open openAsBlob openSync opendir opendirSync read readFile " +
    "readFileSync readSync readdir readdirSync readlink readlinkSync readv readvSync realpath " +
    "realpathSync rename renameSync rm rmSync rmdir rmdirSync stat statSync statfs statfsSync symlink " +
    "symlinkSync truncate truncateSync unlink unlinkSync unwatchFile utimes utimesSync watch watchFile " +
    "write writeFile writeFileSync writeSync writev writevSync",
  "fs/promises":
    "FileHandle access appendFile chmod chown copyFile cp glob lchmod lchown link lstat lutimes mkdir " +
    "mkdtemp open opendir readFile readdir readlink realpath rename rm rmdir stat statfs symlink truncate " +
    "unlink utimes watch writeFile",
  http2:
    "Http2ServerRequest Http2ServerResponse connect createSecureServer createServer getDefaultSettings " +
    "getPackedSettings getUnpackedSettings performServerHandshake",
  https: "Server createServer",
  inspector: "Session close open url waitForDebugger",
  net:
    "BlockList Server Socket SocketAddress Stream _normalizeArgs connect createConnection createServer " +
    "getDefaultAutoSelectFamily getDefaultAutoSelectFamilyAttemptTimeout isIP isIPv4 isIPv6 " +
    "setDefaultAutoSelectFamily setDefaultAutoSelectFamilyAttemptTimeout",
  readline: "Interface clearLine clearScreenDown createInterface cursorTo emitKeypressEvents moveCursor",
  "readline/promises": "Interface Readline createInterface",
  repl: "REPLServer Recoverable start writer",
  tls:
    "SecureContext Server TLSSocket checkServerIdentity connect convertALPNProtocols createSecureContext " +
    "createSecurePair createServer getCiphers",
  tty: "ReadStream WriteStream isatty",
  v8:
    "DefaultDeserializer DefaultSerializer Deserializer GCProfiler Serializer cachedDataVersionTag " +
    "deserialize getCppHeapStatistics getHeapCodeStatistics getHeapSnapshot getHeapSpaceStatistics " +
    "getHeapStatistics isStringOneByteRepresentation queryObjects serialize setFlagsFromString " +
    "setHeapSnapshotNearHeapLimit stopCoverage takeCoverage writeHeapSnapshot",
  vm:
    "Script compileFunction createContext createScript isContext measureMemory runInContext " +
    "runInNewContext runInThisContext",
  worker_threads:
    "BroadcastChannel MessageChannel MessagePort Worker getEnvironmentData isMarkedAsUntransferable " +
    "markAsUncloneable markAsUntransferable moveMessagePortToContext postMessageToThread " +
    "receiveMessageOnPort setEnvironmentData",
};

// What a module is about, and the next step.
const STEPS = {
  __proto__: null,
  child_process: "a Worker starts no processes: call a tool of `env` that does",
  cluster: "isolet starts processes for a Worker by itself: `processes` in [workers] of isolet.toml",
  dgram: "a Worker has no sockets",
  dns: "a Worker has no network of its own",
  domain: "use try and catch, or AsyncLocalStorage",
  fs: "a Worker has no files: import them as modules (`rules` of the configuration), or call a tool of `env`",
  http2: "export a fetch handler for a server",
  https: "export a fetch handler for a server, or use node:http",
  inspector: "a Worker has no debugger",
  net: "a Worker has no sockets",
  readline: "a Worker has no terminal",
  repl: "a Worker has no terminal",
  tls: "a Worker has no sockets",
  tty: "a Worker has no terminal",
  v8: "a Worker does not control its engine",
  vm: "a Worker does not compile text; use import()",
  worker_threads: "a Worker has one thread",
};

const about = (module) => STEPS[module.split("/")[0]];

function missing(module, name) {
  const message = `node:${module}: ${name}() is not available in a Worker: ${about(module)}.`;
  // It is a function and a class, since packages extend what they import.
  function unavailable() {
    throw new codes.ERR_METHOD_NOT_IMPLEMENTED(message);
  }
  return Object.defineProperty(unavailable, "name", { value: name });
}

function ip(text) {
  if (/^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)) return 4;
  if (!/^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%[0-9a-zA-Z]+)?$/.test(text)) return 0;
  try {
    void new URL(`http://[${text.replace(/%.*$/, "")}]/`);
    return 6;
  } catch {
    return 0;
  }
}

// What modules have that can be told without what they are about.
const PRESENT = {
  __proto__: null,
  cluster: () => ({ isMaster: true, isPrimary: true, isWorker: false, workers: {}, settings: {} }),
  dns: () => ({ ADDRCONFIG: 1024, ALL: 256, V4MAPPED: 2048, promises: require("dns/promises") }),
  fs: () => ({
    F_OK: 0,
    R_OK: 4,
    W_OK: 2,
    X_OK: 1,
    constants: {
      F_OK: 0,
      R_OK: 4,
      W_OK: 2,
      X_OK: 1,
      O_RDONLY: 0,
      O_WRONLY: 1,
      O_RDWR: 2,
      O_CREAT: 64,
      O_EXCL: 128,
      O_TRUNC: 512,
      O_APPEND: 1024,
    },
    existsSync: () => false,
    promises: require("fs/promises"),
  }),
  http2: () => ({ constants: {}, sensitiveHeaders: Symbol("nodejs.http2.sensitiveHeaders") }),
  net: () => ({
    isIP: (text) => ip(`${text}`),
    isIPv4: (text) => ip(`${text}`) === 4,
    isIPv6: (text) => ip(`${text}`) === 6,
  }),
  readline: () => ({ promises: require("readline/promises") }),
  tls: () => ({ DEFAULT_MIN_VERSION: "TLSv1.2", DEFAULT_MAX_VERSION: "TLSv1.3", rootCertificates: [] }),
  tty: () => ({ isatty: () => false }),
  vm: () => ({ constants: {} }),
  worker_threads: () => ({
    isMainThread: true,
    parentPort: null,
    threadId: 0,
    workerData: null,
    resourceLimits: {},
    markAsUncloneable() {},
    markAsUntransferable() {},
    isMarkedAsUntransferable: () => false,
    MessageChannel: globalThis.MessageChannel,
    MessagePort: globalThis.MessagePort,
    BroadcastChannel: globalThis.BroadcastChannel,
  }),
};

module.exports = (module) => {
  const exported = {};
  for (const name of FUNCTIONS[module].split(" ")) exported[name] = missing(module, name);
  return Object.assign(exported, PRESENT[module]?.());
};
