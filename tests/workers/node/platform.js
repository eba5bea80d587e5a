import consoleModule from "node:console";
import fs from "node:fs";
import module, { builtinModules, createRequire, isBuiltin } from "node:module";
import os from "node:os";
import { performance } from "node:perf_hooks";
import processModule, { env, nextTick } from "node:process";
import zlib, { crc32, deflateRawSync, gunzipSync, gzip, gzipSync, inflateRawSync, inflateSync, deflateSync, unzipSync } from "node:zlib";
import { buffer, json, text } from "node:stream/consumers";
import { promisify } from "node:util";

export const probes = {
  globals: () => [globalThis.process === processModule, global === globalThis, typeof setImmediate, typeof clearImmediate, typeof Buffer],
  required: () => ["buffer", "node:buffer", "events", "path/posix", "util/types", "assert/strict"].map((name) => [name, typeof createRequire("/bundle/x.js")(name)]),
  process: () => [process.platform, process.arch, process.pid, process.ppid, process.argv.length, process.execArgv, process.cwd(), process.release.name, process.version === `v${process.versions.node}`, Number(process.versions.node.split(".")[0]) >= 20, process.title.length > 0, process.exitCode],
  environment: () => {
    process.env.ADDED = 5;
    const found = [env.GREETING, env.OPTIONS, env.COUNT, process.env.ADDED, process.env.MISSING, "GREETING" in process.env, Object.keys(process.env).sort()];
    delete process.env.ADDED;
    return [found, process.env.ADDED, process.env.PATH, process.env.HOME];
  },
  time: () => [process.hrtime().length, typeof process.hrtime.bigint(), typeof process.uptime(), typeof performance.now(), typeof performance.timeOrigin],
  memory: () => Object.keys(process.memoryUsage()).sort(),
  emitter: () => {
    const seen = [];
    process.once("own", (value) => seen.push(value));
    return [process.emit("own", 1), process.emit("own", 2), seen];
  },
  builtin: () => [process.getBuiltinModule("node:path") === createRequire("/x")("path"), process.getBuiltinModule("nothing"), isBuiltin("fs"), isBuiltin("node:fs"), isBuiltin("left-pad"), builtinModules.includes("buffer"), typeof module.createRequire],
  requireErrors: () => {
    try {
      return createRequire("relative");
    } catch (error) {
      return [error.name, error.code];
    }
  },
  os: () => [os.EOL, os.platform(), os.type(), os.arch(), os.endianness(), typeof os.hostname(), os.cpus().length >= 0, os.constants.signals.SIGTERM],
  console: () => typeof consoleModule.log,
  zlib: async () => {
    const data = Buffer.from("text ".repeat(100));
    return [
      gunzipSync(gzipSync(data)).equals(data),
      inflateSync(deflateSync(data)).equals(data),
      inflateRawSync(deflateRawSync(data)).equals(data),
      unzipSync(gzipSync("u")).toString(),
      unzipSync(deflateSync("v")).toString(),
      gzipSync(data).length < 60,
      gzipSync("").subarray(0, 3),
      (await promisify(gzip)("async")).subarray(0, 2),
      crc32("hello"),
      crc32(Buffer.from("world"), crc32("hello ")),
      zlib.constants.Z_BEST_COMPRESSION,
      zlib.codes.Z_DATA_ERROR,
    ];
  },
  zlibStreams: async () => {
    const gzipped = await buffer(zlib.createGzip().end("streamed"));
    const unpacked = zlib.createGunzip();
    unpacked.end(gzipped);
    return [gzipped.subarray(0, 2), await text(unpacked)];
  },
  consumers: async () => [await text(new Blob(["a", "b"]).stream()), await json(new Blob(['{"a":1}']).stream()), await buffer(new Blob(["x"]).stream())],
  files: () => fs.existsSync("/nothing/here"),
  ticks: () => typeof nextTick,
};
