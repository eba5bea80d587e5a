import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

let kept;

class Counter extends RpcTarget {
  #value;
  own = 5;
  constructor(value = 0) {
    super();
    this.#value = value;
    this.ownMethod = () => 1;
  }
  increment(by = 1) {
    this.#value += by;
    return this.#value;
  }
  get value() {
    return this.#value;
  }
  get child() {
    return new Counter(100);
  }
  next() {
    return new Counter(this.#value + 1000);
  }
  parts() {
    return { a: 1, nested: { counter: new Counter(7), double: (x) => x * 2 } };
  }
  fetch(x) {
    return `fetch ${x}`;
  }
}

class Plain {
  x = 1;
}

class OddError extends Error {
  constructor(message) {
    super(message);
    this.name = "OddError";
    this.code = 42;
  }
}

export class Service extends WorkerEntrypoint {
  own = 1;
  add(a, b) {
    return a + b;
  }
  get property() {
    return "p";
  }
  get deep() {
    return { of: { v: 1 } };
  }
  echo(value) {
    return value;
  }
  kind(value) {
    return `${Object.prototype.toString.call(value)} ${value?.constructor?.name}`;
  }
  same(a, b) {
    return a === b;
  }
  counter(value) {
    return new Counter(value);
  }
  async later(value) {
    await scheduler.wait(20);
    return new Counter(value);
  }
  counters() {
    const counter = new Counter(1);
    return { a: counter, b: counter };
  }
  stub() {
    return new RpcStub(new Counter(3));
  }
  adder() {
    return (a) => a + 1;
  }
  adderWithProperties() {
    return Object.assign((a) => a + 1, { extra: { k: 3 } });
  }
  async call(callback, ...args) {
    return await callback(...args);
  }
  async callTwice(callback) {
    return [await callback(1), await callback(2)];
  }
  async callAtOnce(callback, count) {
    return await Promise.all(Array.from({ length: count }, (_, i) => callback(i)));
  }
  keep(callback) {
    kept = callback;
  }
  async useKept() {
    return await kept(1);
  }
  async incrementNext(counter) {
    return await counter.next().increment();
  }
  describe(stub) {
    return [
      typeof stub,
      String(stub),
      stub.constructor.name,
      stub instanceof RpcStub,
      Object.keys(stub),
      typeof stub.dup,
      typeof stub.anything,
      typeof stub.then,
    ];
  }
  values() {
    return {
      date: new Date(5),
      regexp: /a/g,
      bytes: new Uint8Array([1, 2]),
      big: 5n,
      none: undefined,
      nan: NaN,
      list: [1, , 3],
      boxed: new Number(3),
      map: new Map([[1, { a: new Set([1n]) }]]),
    };
  }
  plain() {
    return new Plain();
  }
  withoutPrototype() {
    return Object.create(null);
  }
  promises() {
    return { p: Promise.resolve(1) };
  }
  thenable() {
    return { then: (resolve) => resolve(9) };
  }
  proxy() {
    return new Proxy({ a: 1 }, {});
  }
  odd() {
    const error = new OddError("bad");
    error.extra = { a: 1 };
    throw error;
  }
  typeError() {
    throw new TypeError("tt", { cause: "c" });
  }
  exception() {
    throw new DOMException("dd", "AbortError");
  }
  text() {
    throw "text";
  }
  nothing() {
    throw undefined;
  }
  object() {
    throw { a: 1 };
  }
  aggregate() {
    throw new AggregateError([new RangeError("x")], "agg");
  }
  withFunction() {
    const error = new OddError("tp");
    error.f = () => 1;
    throw error;
  }
  response() {
    return new Response("hello", { status: 201, headers: { a: "b" } });
  }
  stream() {
    return new Response("from a stream").body;
  }
  async read(request) {
    return [request.method, request.url, request.headers.get("x"), await request.text()];
  }
  async readStream(stream) {
    return await new Response(stream).text();
  }
  headers() {
    return new Headers({ a: "b" });
  }
  dup() {
    return "never";
  }
  alarm() {
    return "never";
  }
  hasContext() {
    return this.env !== undefined && this.ctx.waitUntil !== undefined;
  }
  fetch(request) {
    return new Response(`fetched ${request.url}`);
  }
}

export class Other extends WorkerEntrypoint {
  hello() {
    return `hello ${JSON.stringify(this.ctx.props)}`;
  }
}

export const handlers = {
  one(value, env, ctx) {
    return [value, typeof env, typeof ctx.waitUntil];
  },
  none() {
    return 1;
  },
  four(a, b, env, ctx) {
    return 1;
  },
};
