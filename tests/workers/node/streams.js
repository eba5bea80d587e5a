import Stream, { Duplex, PassThrough, Readable, Transform, Writable, addAbortSignal, finished, pipeline } from "node:stream";
import promises, { finished as finishedPromise, pipeline as pipelinePromise } from "node:stream/promises";

const collect = async (stream) => {
  const found = [];
  for await (const chunk of stream) found.push(chunk);
  return found;
};
const upper = () =>
  new Transform({
    transform(chunk, encoding, done) {
      done(null, chunk.toString().toUpperCase());
    },
  });

export const probes = {
  same: () => [Stream.Readable === Readable, require("stream") === Stream, Stream.Stream === Stream, Stream.promises.pipeline === promises.pipeline, typeof Stream],
  readable: async () => [await collect(Readable.from(["a", "b"])), await collect(Readable.from("text")), await collect(Readable.from([1, { a: 2 }]))],
  reading: async () => {
    const stream = new Readable({ read() {} });
    stream.push("ab");
    stream.push("cd");
    stream.push(null);
    stream.setEncoding("utf8");
    const events = [];
    stream.on("data", (chunk) => events.push(chunk));
    await new Promise((resolve) => stream.on("end", resolve));
    return [events, stream.readableEnded, stream.readableFlowing, stream.destroyed];
  },
  paused: async () => {
    const stream = Readable.from([Buffer.from("abcdef")], { objectMode: false });
    await new Promise((resolve) => stream.once("readable", resolve));
    return [stream.read(2), stream.read(3), stream.readableLength, stream.readableHighWaterMark > 0];
  },
  writable: async () => {
    const chunks = [];
    const stream = new Writable({
      highWaterMark: 4,
      write(chunk, encoding, done) {
        chunks.push([chunk, encoding]);
        setTimeout(done, 1);
      },
      final(done) {
        chunks.push("final");
        done();
      },
    });
    const results = [stream.write("ab"), stream.write("cdef"), stream.writableNeedDrain];
    await new Promise((resolve) => stream.once("drain", resolve));
    stream.end("end");
    await finishedPromise(stream);
    return [results, chunks, stream.writableFinished, stream.writableEnded];
  },
  writev: async () => {
    const batches = [];
    const stream = new Writable({
      writev(chunks, done) {
        batches.push(chunks.map(({ chunk }) => chunk.toString()));
        done();
      },
    });
    stream.cork();
    stream.write("a");
    stream.write("b");
    stream.uncork();
    stream.end();
    await finishedPromise(stream);
    return batches;
  },
  transform: async () => {
    const stream = upper();
    stream.end("abc");
    return (await collect(stream)).map(String);
  },
  pipe: async () => {
    const found = [];
    const target = new Writable({
      write(chunk, encoding, done) {
        found.push(chunk.toString());
        done();
      },
    });
    Readable.from(["a", "b"]).pipe(upper()).pipe(new PassThrough()).pipe(target);
    await new Promise((resolve) => target.on("finish", resolve));
    return found;
  },
  pipeline: async () => {
    const found = [];
    await pipelinePromise(
      Readable.from(["x", "y"]),
      upper(),
      async function* (source) {
        for await (const chunk of source) yield `${chunk}!`;
      },
      async (source) => {
        for await (const chunk of source) found.push(chunk.toString());
      },
    );
    const failed = await pipelinePromise(
      Readable.from(["x"]),
      new Transform({
        transform(chunk, encoding, done) {
          done(new Error("broken"));
        },
      }),
      new PassThrough(),
    ).catch((error) => error);
    return [found, failed, await new Promise((resolve) => pipeline(Readable.from(["z"]), new PassThrough().resume(), (error) => resolve(error ?? null)))];
  },
  duplex: async () => {
    const stream = new Duplex({
      read() {
        this.push("out");
        this.push(null);
      },
      write(chunk, encoding, done) {
        done();
      },
    });
    stream.end("in");
    return [(await collect(stream)).map(String), stream.allowHalfOpen];
  },
  errors: async () => {
    const stream = new Readable({ read() {} });
    const seen = new Promise((resolve) => stream.on("error", resolve));
    stream.destroy(new Error("destroyed"));
    const writable = new Writable({ write() {} });
    const after = new Promise((resolve) => writable.on("error", resolve));
    writable.end();
    writable.write("late");
    const failures = [];
    for (const run of [() => new Writable().write(null), () => Readable.from(5), () => new Writable({ write() {} }).write("a", "nothing")]) {
      try {
        failures.push(run());
      } catch (error) {
        failures.push(error);
      }
    }
    return [await seen, stream.destroyed, stream.errored?.message, await after, failures];
  },
  premature: async () => {
    const stream = new PassThrough();
    const outcome = finishedPromise(stream).catch((error) => error.code);
    stream.destroy();
    return [await outcome, await new Promise((resolve) => finished(Readable.from([]).resume(), (error) => resolve(error ?? null)))];
  },
  aborted: async () => {
    const controller = new AbortController();
    const stream = addAbortSignal(controller.signal, new Readable({ read() {} }));
    const seen = new Promise((resolve) => stream.on("error", (error) => resolve([error.name, error.code, error.message])));
    controller.abort();
    return await seen;
  },
  operators: async () => [
    await Readable.from([1, 2, 3, 4]).filter((x) => x % 2 === 0).map((x) => x * 10).toArray(),
    await Readable.from([1, 2, 3]).reduce((a, b) => a + b, 0),
    await Readable.from([1, 2, 3]).take(2).toArray(),
    await Readable.from([1, 2, 3]).some((x) => x > 2),
  ],
  web: async () => {
    const readable = Readable.fromWeb(new Blob(["from the web"]).stream());
    const back = Readable.toWeb(Readable.from([Buffer.from("to "), Buffer.from("the web")]));
    const written = [];
    const writable = Writable.fromWeb(
      new WritableStream({
        write(chunk) {
          written.push(Buffer.from(chunk).toString());
        },
      }),
    );
    writable.end("written");
    await finishedPromise(writable);
    return [Buffer.concat(await collect(readable)).toString(), await new Response(back).text(), written];
  },
  encoding: async () => {
    const stream = new PassThrough();
    stream.setEncoding("hex");
    stream.end("ab");
    return await collect(stream);
  },
  legacy: () => {
    function Old() {
      Readable.call(this);
    }
    require("util").inherits(Old, Readable);
    Old.prototype._read = function () {};
    const old = new Old();
    return [old instanceof Readable, old instanceof Stream, typeof old.pipe];
  },
};
