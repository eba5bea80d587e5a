// node:stream
"use strict";

const streams = require("vendor/readable-stream");
const { codes } = require("internal/errors");

const Stream = streams.Stream;
const { Readable, Writable, Duplex } = streams;

// What readable-stream leaves to its platform: conversions from and to the streams of the Web.
const web = () => require("internal/web-streams");
Readable.fromWeb = (stream, options) => web().readableFromWeb(stream, options);
Readable.toWeb = (readable, options) => web().readableToWeb(readable, options);
Writable.fromWeb = (stream, options) => web().writableFromWeb(stream, options);
Writable.toWeb = (writable) => web().writableToWeb(writable);
Duplex.fromWeb = (pair, options) => web().duplexFromWeb(pair, options);
Duplex.toWeb = (duplex) => ({ readable: Readable.toWeb(duplex), writable: Writable.toWeb(duplex) });

const { finished, pipeline } = streams;
const isWeb = (value) => value instanceof ReadableStream || value instanceof WritableStream;

Object.assign(Stream, {
  Readable,
  Writable,
  Duplex,
  Transform: streams.Transform,
  PassThrough: streams.PassThrough,
  Stream,
  addAbortSignal: streams.addAbortSignal,
  compose: streams.compose,
  destroy: streams.destroy,
  finished,
  pipeline: (...parts) => pipeline(...parts.map((part) => (isWeb(part) ? web().asNode(part) : part))),
  isDestroyed: (stream) => Boolean(stream?.destroyed),
  isDisturbed: streams.isDisturbed,
  isErrored: streams.isErrored,
  isReadable: streams.isReadable,
  isWritable: (stream) => (typeof stream?.writable === "boolean" ? stream.writable && !stream.destroyed : null),
  duplexPair(options) {
    const waiting = [undefined, undefined];
    const make = (own) => {
      const other = 1 - own;
      return new Duplex({
        ...options,
        read() {
          const done = waiting[own];
          waiting[own] = undefined;
          done?.();
        },
        write(chunk, encoding, done) {
          if (chunk.length === 0) queueMicrotask(done);
          else {
            sides[other].push(chunk);
            waiting[other] = done;
          }
        },
        final(done) {
          sides[other].on("end", done);
          sides[other].push(null);
        },
      });
    };
    const sides = [make(0), make(1)];
    return sides;
  },
});
Object.defineProperty(Stream.pipeline, Symbol.for("nodejs.util.promisify.custom"), {
  enumerable: true,
  get: () => Stream.promises.pipeline,
});
let bytesMark = 65536;
let objectsMark = 16;
Stream.getDefaultHighWaterMark = (objectMode) => (objectMode ? objectsMark : bytesMark);
Stream.setDefaultHighWaterMark = (objectMode, value) => {
  if (!Number.isInteger(value) || value < 0) throw new codes.ERR_OUT_OF_RANGE("value", ">= 0", value);
  if (objectMode) objectsMark = value;
  else bytesMark = value;
};

module.exports = Stream;
