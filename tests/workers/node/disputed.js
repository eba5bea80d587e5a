// Where workerd differs from Node.js, isolet answers as Node.js: `node record-disputed.mjs` writes
// what it says.
import assert from "node:assert";
import strictModule from "node:assert/strict";
import { Buffer, transcode } from "node:buffer";
import { Console } from "node:console";
import crypto, { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, createSecretKey, timingSafeEqual } from "node:crypto";
import diagnostics from "node:diagnostics_channel";
import { EventEmitter, captureRejectionSymbol, on } from "node:events";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { setImmediate as immediately } from "node:timers";
import { fileURLToPath } from "node:url";
import util, { inspect, parseArgs, promisify } from "node:util";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";

const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};
const told = (run) => {
  const result = thrown(run);
  return result instanceof Error ? [result instanceof TypeError, result.code, result.message] : result;
};
const details = (error) => [error.name, error.code, error.message, error.generatedMessage, error.operator];

export const probes = {
  equality: () =>
    [
      () => assert.equal(1, "1"),
      () => assert.equal(1, 2),
      () => assert.notEqual(1, "1"),
      () => assert.strictEqual(1, 2),
      () => assert.strictEqual("a".repeat(10), "b".repeat(10)),
      () => assert.notStrictEqual(1, 1),
      () => assert.strictEqual(0, -0),
      () => strictModule.equal(1, "1"),
      () => assert.deepEqual({ a: 1 }, { a: "1" }),
      () => assert.deepStrictEqual({ a: 1, b: [1, 2, 3] }, { a: 1, b: [1, 2, 4] }),
      () => assert.match("abc", /x/),
      () => assert.doesNotMatch("abc", /b/),
      () => assert.equal(1),
      () => assert.ok(0, new TypeError("own")),
      () => assert.throws(() => assert.fail(), TypeError),
    ].map((run) => {
      const error = thrown(run);
      return error === undefined ? "passed" : details(error);
    }),
  strictModule: () => assert.strict === strictModule,
  immediate: () => thrown(() => immediately()),
  promisified: () => promisify(setTimeout)(1, "value"),
  channel: () => {
    const channel = diagnostics.channel("isolet-disputed");
    const subscriber = () => {};
    channel.subscribe(subscriber);
    return [channel.hasSubscribers, channel.unsubscribe(subscriber), channel.unsubscribe(subscriber), channel.hasSubscribers];
  },
  buffers: () => [
    Buffer.poolSize,
    Buffer.copyBytesFrom(new Uint16Array([1, 2, 3]), 1, 1),
    Buffer.alloc(5).fill("616", "hex"),
    transcode(Buffer.from("\u20ac\u00e9"), "utf8", "latin1"),
    Buffer.alloc(4).fill("a", 9),
    thrown(() => Buffer.from(1)),
    thrown(() => Buffer.from(null)),
    thrown(() => Buffer.from({})),
    thrown(() => Buffer.concat("a")),
    thrown(() => Buffer.concat([1])),
    thrown(() => Buffer.compare("a", "b")),
    thrown(() => Buffer.from("a").equals("a")),
  ],
  rejections: async () => {
    const emitter = new EventEmitter({ captureRejections: true });
    emitter.on("b", async () => {
      throw new Error("symbol");
    });
    const method = new Promise((resolve) => {
      emitter[captureRejectionSymbol] = (error, name) => resolve([error.message, name]);
    });
    emitter.emit("b");
    return await method;
  },
  emitters: () => [
    Object.keys(new EventEmitter()),
    thrown(() => new EventEmitter().setMaxListeners(-1)),
    thrown(() => new EventEmitter().setMaxListeners("1")),
  ],
  closing: async () => {
    const emitter = new EventEmitter();
    queueMicrotask(() => {
      emitter.emit("line", "a");
      emitter.emit("close");
    });
    const lines = [];
    for await (const [line] of on(emitter, "line", { close: ["close"] })) lines.push(line);
    return lines;
  },
  hashes: () => ["RSA-SHA256", "ripemd160", "sha512-256"].map((name) => createHash(name).update("abc").digest("hex")),
  cryptography: async () => [
    thrown(() => createHmac("nothing", "key")).code,
    thrown(() => timingSafeEqual(Buffer.from("a"), Buffer.from("ab"))).code,
    thrown(() => timingSafeEqual("a", "a")).code,
    crypto.randomFillSync(Buffer.alloc(4), 4),
    createSecretKey(Buffer.from("secret")).export({ format: "jwk" }),
    Object.keys(createPublicKey(crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey).export({ format: "jwk" })).sort(),
    thrown(() => createCipheriv("aes-256-cbc", Buffer.alloc(5), Buffer.alloc(16))).code,
    thrown(() => createCipheriv("aes-256-cbc", Buffer.alloc(32), Buffer.alloc(3))).code,
    (await promisify(crypto.generateKeyPair)("ed25519")).publicKey.asymmetricKeyType,
  ],
  tagLengths: () => {
    const [key, iv] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2)];
    const sealed = (options) => {
      const cipher = createCipheriv("aes-256-gcm", key, iv, options);
      const data = Buffer.concat([cipher.update("text"), cipher.final()]);
      return [data, cipher.getAuthTag()];
    };
    const opened = (options, tag, data) => {
      const decipher = createDecipheriv("aes-256-gcm", key, iv, options).setAuthTag(tag);
      return decipher.update(data, undefined, "utf8") + decipher.final("utf8");
    };
    const [data, tag] = sealed();
    return [
      ...[undefined, null, 4, 8, 12, 16, 0, 5, 17, -1, 1.5, "16"].map((authTagLength) => told(() => sealed({ authTagLength })[1].length)),
      ...[16, 15, 12, 8, 5, 4, 0].map((length) => told(() => opened({ authTagLength: 16 }, tag.subarray(0, length), data))),
      told(() => opened({ authTagLength: 4 }, sealed({ authTagLength: 4 })[1], data)),
      told(() => opened({ authTagLength: 4 }, tag, data)),
      ...[16, 12, 5, 4].map((length) => told(() => opened(undefined, tag.subarray(0, length), data))),
      told(() => createCipheriv("aes-256-cbc", key, Buffer.alloc(16), { authTagLength: 5 }).final().length),
    ];
  },
  zlib: () => [
    thrown(() => gunzipSync(Buffer.from("not gzip"))).code,
    thrown(() => gunzipSync(gzipSync("abc").subarray(0, 12))).code,
    thrown(() => gzipSync(5)).code,
    ...[
      [gzipSync("def")],
      [Buffer.alloc(10), gzipSync("def")],
      ["xyz"],
      ["x"],
      [[0x1f, 0x8b, 0xff, 0xff]],
      [gzipSync("def").subarray(0, 15)],
    ].map((more) => told(() => gunzipSync(Buffer.concat([gzipSync("abc"), ...more.map((part) => Buffer.from(part))])).toString())),
    told(() => inflateSync(Buffer.concat([deflateSync("abc"), Buffer.from("xyz")])).toString()),
    told(() => inflateSync(deflateSync("abc").fill(1, 8))),
  ],
  required: () => typeof createRequire("/x.js")("node:process").nextTick,
  console: () => {
    const lines = [];
    const stream = new Writable({
      write(chunk, encoding, done) {
        lines.push(chunk.toString());
        done();
      },
    });
    const own = new Console({ stdout: stream, stderr: stream });
    own.log("a %d", 1, { b: 2 });
    own.error("e");
    own.group("g");
    own.info("inner\nline");
    own.groupEnd();
    own.assert(false, "not %s", "so");
    own.count();
    own.count();
    return lines;
  },
  premature: async () => {
    const stream = new PassThrough();
    const outcome = finished(stream).catch((error) => error);
    stream.destroy();
    return await outcome;
  },
  files: () => [
    thrown(() => fileURLToPath("http://a")),
    thrown(() => fileURLToPath("file://host/a")),
    thrown(() => fileURLToPath("file:///a%2fb")),
    thrown(() => basename("a", 1)).code,
  ],
  insides: () => {
    const rejected = Promise.reject(new Map([["a", 1]]));
    rejected.catch(() => {});
    const list = [Promise.resolve({ a: 1 }), rejected, new Promise(() => {}), new Map([[1, 2]]).entries(), new Map([[1, 2]]).keys(), new Set([3]).values()];
    return list.map((value) => inspect(value));
  },
  utilities: () => [
    inspect({ [Symbol("k")]: 1 }),
    inspect({ [Symbol.toStringTag]: "Tag" }),
    inspect({ [inspect.custom]: () => "no" }, { customInspect: false }),
    thrown(() => new util.MIMEType("bad")).code,
    util.getSystemErrorName(-2),
    util.getSystemErrorMap().get(-2),
    util.debuglog("x").enabled,
  ],
  arguments: () => {
    const args = ["-f", "--name=x", "--list", "a", "--list", "b", "rest"];
    const options = { force: { type: "boolean", short: "f" }, name: { type: "string" }, list: { type: "string", multiple: true } };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return [{ ...values }, positionals, thrown(() => parseArgs({ args: ["--no"], options: {} })).code];
  },
};
