// Streams of the Web as those of Node.js, and the other way round.
"use strict";

const { Buffer } = require("buffer");
const { codes } = require("internal/errors");
const { Readable, Writable, Duplex, finished, isReadable } = require("stream");

function requireType(value, type, name) {
  if (!(value instanceof globalThis[type])) throw new codes.ERR_INVALID_ARG_TYPE(name, type, value);
}
const isBytes = (value) => value instanceof Uint8Array && !Buffer.isBuffer(value);
const asBuffer = (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

function readableFromWeb(stream, options = {}) {
  requireType(stream, "ReadableStream", "readableStream");
  const reader = stream.getReader();
  let isDone = false;
  return new Readable({
    ...options,
    read() {
      reader.read().then(
        ({ done, value }) => {
          isDone = done;
          this.push(done ? null : isBytes(value) && !options.objectMode ? asBuffer(value) : value);
        },
        (error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      if (isDone) return done(error);
      const end = () => done(error);
      reader.cancel(error ?? undefined).then(end, end);
      return undefined;
    },
  });
}

function readableToWeb(readable, options = {}) {
  if (typeof readable?._readableState !== "object")
    throw new codes.ERR_INVALID_ARG_TYPE("streamReadable", "stream.Readable", readable);
  if (readable.destroyed || isReadable(readable) === false) {
    const empty = new ReadableStream();
    empty.cancel();
    return empty;
  }
  const { readableObjectMode: objectMode, readableHighWaterMark } = readable;
  const strategy =
    options.strategy ??
    (objectMode
      ? new CountQueuingStrategy({ highWaterMark: readableHighWaterMark })
      : { highWaterMark: readableHighWaterMark, size: (chunk) => chunk?.byteLength ?? 1 });
  let wasCancelled = false;
  return new ReadableStream(
    {
      start(controller) {
        readable.pause();
        const stop = finished(readable, (error) => {
          stop();
          readable.on("error", () => {});
          if (error) controller.error(error);
          else if (!wasCancelled) controller.close();
        });
        readable.on("data", (chunk) => {
          const value =
            Buffer.isBuffer(chunk) && !objectMode
              ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
              : chunk;
          controller.enqueue(value);
          if (controller.desiredSize <= 0) readable.pause();
        });
      },
      pull() {
        readable.resume();
      },
      cancel(reason) {
        wasCancelled = true;
        readable.destroy(reason);
      },
    },
    strategy,
  );
}

function writableFromWeb(stream, options = {}) {
  requireType(stream, "WritableStream", "writableStream");
  const writer = stream.getWriter();
  let isClosed = false;
  return new Writable({
    decodeStrings: true,
    ...options,
    write(chunk, encoding, done) {
      const value = Buffer.isBuffer(chunk) ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : chunk;
      writer.ready.then(() => writer.write(value)).then(() => done(), done);
    },
    final(done) {
      isClosed = true;
      writer.close().then(() => done(), done);
    },
    destroy(error, done) {
      if (isClosed) return done(error);
      const end = () => done(error);
      (error ? writer.abort(error) : writer.close()).then(end, end);
      return undefined;
    },
  });
}

function writableToWeb(writable) {
  if (typeof writable?._writableState !== "object")
    throw new codes.ERR_INVALID_ARG_TYPE("streamWritable", "stream.Writable", writable);
  return new WritableStream(
    {
      start(controller) {
        writable.on("error", (error) => controller.error(error));
      },
      async write(chunk) {
        if (writable.write(chunk) || writable.destroyed) return;
        await new Promise((resolve, reject) => {
          writable.once("drain", resolve);
          writable.once("error", reject);
        });
      },
      close: () =>
        new Promise((resolve, reject) => {
          writable.once("error", reject);
          writable.end(resolve);
        }),
      abort: (reason) => void writable.destroy(reason),
    },
    writable.writableObjectMode
      ? new CountQueuingStrategy({ highWaterMark: writable.writableHighWaterMark })
      : { highWaterMark: writable.writableHighWaterMark, size: (chunk) => chunk?.byteLength ?? chunk?.length ?? 1 },
  );
}

function duplexFromWeb(pair, options = {}) {
  requireType(pair?.readable, "ReadableStream", "pair.readable");
  requireType(pair?.writable, "WritableStream", "pair.writable");
  const readable = readableFromWeb(pair.readable, options);
  const writable = writableFromWeb(pair.writable, options);
  return Duplex.from({ readable, writable });
}

const asNode = (stream) => (stream instanceof ReadableStream ? readableFromWeb(stream) : writableFromWeb(stream));

module.exports = { asNode, duplexFromWeb, readableFromWeb, readableToWeb, writableFromWeb, writableToWeb };
