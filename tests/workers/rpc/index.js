// Calls methods of the entrypoints of this project, and tells what comes back.
import * as workers from "cloudflare:workers";
import { RpcPromise, RpcProperty, RpcStub, RpcTarget } from "cloudflare:workers";

export { handlers, Other, Service } from "./service.js";

let disposed = 0;

class Target extends RpcTarget {
  #value = 1;
  own = 2;
  get property() {
    return 7;
  }
  add(x) {
    return x + this.#value;
  }
  next() {
    return new Target();
  }
  increment() {
    return ++this.#value;
  }
  call(callback) {
    return callback(3);
  }
  fail() {
    throw new RangeError("r");
  }
  [Symbol.dispose]() {
    disposed++;
  }
}

function show(value) {
  if (typeof value === "function") return `function ${Object.prototype.toString.call(value)}`;
  if (value === undefined) return "undefined";
  const text = JSON.stringify(value, (_, x) => {
    if (typeof x === "bigint") return `${x}n`;
    if (x instanceof Map) return { map: [...x] };
    if (x instanceof Set) return { set: [...x] };
    if (x instanceof RegExp) return `${x}`;
    if (typeof x === "function") return "function";
    if (x === undefined) return "undefined";
    return x;
  });
  return JSON.parse(text);
}

function describe(error) {
  if (!(error instanceof Error)) return { thrown: show(error) };
  const isException = error instanceof DOMException;
  const names = isException ? ["remote"] : Object.keys(error);
  const properties = Object.fromEntries(names.map((name) => [name, show(error[name])]));
  return { class: error.constructor.name, name: error.name, message: error.message, properties };
}

const tests = {
  async values(t, service) {
    for (const [name, value] of Object.entries({
      number: -0,
      text: "x",
      undefined: undefined,
      null: null,
      big: 2n ** 70n,
      date: new Date(7),
      object: { a: [1, { b: 2 }] },
      map: new Map([[1, 2]]),
      symbolKeys: { [Symbol("x")]: 1, a: 2 },
      getter: { get a() { return 3; } },
    })) {
      await t(name, () => service.echo(value));
    }
    for (const [name, value] of Object.entries({
      error: new RangeError("q"),
      headers: new Headers(),
      function: () => 1,
      class: class A {},
      target: new Target(),
      exception: new DOMException("a", "AbortError"),
      array: new (class A extends Array {})(),
      mapOfClass: new (class A extends Map {})(),
      dateOfClass: new (class A extends Date {})(),
      url: new URL("http://a"),
      blob: new Blob(["x"]),
      form: new FormData(),
      weak: new WeakMap(),
      instance: new (class A {})(),
      withoutPrototype: Object.create(null),
      promise: Promise.resolve(1),
    })) {
      await t(`kind of ${name}`, () => service.kind(value));
    }
    await t("kind of an RpcPromise", () => service.kind(service.add(1, 2)));
    await t("kind of an RpcProperty", () => service.kind(service.add));
    await t("all", async () => {
      const all = await service.values();
      return [1 in all.list, typeof all.boxed, all.date.getTime(), all.bytes.constructor.name, all];
    });
    await t("cycle", async () => {
      const a = { n: 1 };
      a.self = a;
      const b = await service.echo(a);
      return [b.self === b, b !== a];
    });
    await t("one object twice", () => {
      const o = {};
      return service.same(o, o);
    });
    await t("views", async () => {
      const v = await service.echo(new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2));
      return [v.byteOffset, v.byteLength, v.buffer.byteLength];
    });
    await t("error", async () => {
      const e = await service.echo(Object.assign(new RangeError("m", { cause: { b: 1 } }), { x: 1 }));
      return [e instanceof RangeError, e.message, e.cause, e.x];
    });
    for (const name of ["plain", "withoutPrototype", "promises", "thenable", "proxy"]) await t(name, () => service[name]());
    await t("too long", () => service.echo("x".repeat(33 << 20)).catch((error) => error.message.slice(0, 60)));
  },

  async members(t, service, env) {
    await t("exports", () => ["RpcTarget", "RpcStub", "RpcPromise", "RpcProperty", "WorkerEntrypoint"].map((name) => typeof workers[name]));
    await t("binding", () => [
      typeof service,
      String(service),
      service.constructor.name,
      Object.keys(service),
      typeof service.then,
      typeof service.fetch,
      typeof service.anything,
      "anything" in service,
    ]);
    await t("property", () => {
      const p = service.add;
      return [typeof p, String(p), p.constructor.name, p instanceof RpcProperty, typeof p.then, Object.keys(p)];
    });
    await t("promise", async () => {
      const p = service.add(1, 2);
      const shape = [typeof p, String(p), p.constructor.name, p instanceof RpcPromise, p instanceof Promise, p.x instanceof RpcProperty];
      return [...shape, await p];
    });
    await t("a getter", () => service.property);
    await t("deep", () => service.deep.of.v);
    await t("a method as a value", async () => (await service.add)(3, 4));
    await t("length", () => service.add.length);
    for (const name of ["own", "env", "ctx", "missing", "toStringX"]) await t(name, () => service[name]);
    await t("missing deep", () => service.deep.nope.x);
    await t("not a function", () => service.property());
    await t("call", () => service.add.call(null, 1, 2));
    await t("dup", () => service.dup());
    await t("alarm", () => service.alarm());
    await t("too many arguments", () => service.add(1, 2, 3));
    await t("context", () => service.hasContext());
    await t("props", () => env.OTHER.hello());
    await t("fetch", async () => (await service.fetch("https://h/q")).text());
    await t("handler", () => env.HANDLERS.one("x"));
    await t("handler with two", () => env.HANDLERS.one(1, 2));
    await t("handler with none", () => env.HANDLERS.one());
    await t("handler of four", () => env.HANDLERS.four(1));
    await t("handler of none", () => env.HANDLERS.none());
    await t("then", () => service.add(1, 2).then((x) => x + 1));
    await t("catch", () => service.odd().catch((error) => error.message));
    await t("finally", () => service.add(1, 2).finally(() => {}));
    await t("twice", async () => {
      const p = service.counter(1);
      return (await p) === (await p);
    });
  },

  async targets(t, service) {
    await t("counter", async () => {
      const c = await service.counter(5);
      return [await c.increment(), await c.increment(2), await c.value, typeof c.value, await c.fetch("x")];
    });
    for (const name of ["own", "ownMethod", "#value", "missing"]) await t(name, async () => (await service.counter(5))[name]);
    await t("constructor", async () => {
      const c = await service.counter(5);
      return [c.constructor === RpcStub, String(c), await c.hasOwnProperty("x")];
    });
    await t("describe a target", () => service.describe(new Target()));
    await t("describe a function", () => service.describe(() => 1));
    await t("function", async () => {
      const f = await service.adder();
      return [typeof f, f instanceof RpcStub, await f(1)];
    });
    await t("properties of a function", async () => {
      const f = await service.adderWithProperties();
      return [await f.extra, await f.extra.k];
    });
    await t("callback", () => service.call((x) => x + 1, 5));
    await t("callback throws", () => service.call(() => { throw new RangeError("c"); }));
    await t("callback is async", () => service.call(async (x) => ({ v: x }), 5));
    await t("callback twice", () => service.callTwice((x) => x));
    await t("callback at once", () => service.callAtOnce((x) => x, 20));
    await t("callback in an object", () => service.call(async (o) => await o.f(2), { f: (x) => x * 10 }));
    await t("callback in a set", async () => await [...(await service.echo(new Set([() => 4])))][0]());
    await t("a target is not a function", () => service.call(new Target()));
    await t("a stub back", async () => {
      const own = new Target();
      const stub = await service.echo(own);
      return [stub === own, stub instanceof RpcStub, await stub.increment(), own.increment()];
    });
    await t("a stub of theirs", async () => service.incrementNext(await service.counter(1)));
    await t("a stub stays after it was passed", async () => {
      const c = await service.counter(1);
      await service.echo(c);
      return await c.increment();
    });
    await t("stub", async () => await (await service.stub()).increment());
    await t("one target twice", async () => {
      const { a, b } = await service.counters();
      return [await a.increment(), await b.increment()];
    });
  },

  async pipelining(t, service) {
    await t("method", () => service.counter(5).increment());
    await t("two methods", () => service.counter(5).next().increment());
    await t("getter", () => service.counter(5).child.increment());
    await t("objects", () => service.counter(5).parts().nested.counter.increment());
    await t("value", () => service.counter(5).parts().a);
    await t("function", () => service.counter(5).parts().nested.double(4));
    await t("what takes time", () => service.later(50).increment());
    await t("function at once", () => service.adder()(5));
    await t("of an array", () => service.echo([1, 2]).length);
    await t("of a text", () => service.echo("abc").length);
    await t("of a Map", () => service.echo(new Map()).size);
    await t("of undefined", () => service.echo(undefined).foo());
    await t("of a failure", () => service.typeError().foo());
    await t("after the end", async () => {
      const p = service.counter(5);
      await p;
      return await p.increment();
    });
    await t("many", async () => {
      const c = service.counter(0);
      return await Promise.all([c.increment(), c.increment(), c.increment()]);
    });
  },

  async errors(t, service) {
    for (const name of ["odd", "typeError", "exception", "text", "nothing", "object", "aggregate", "withFunction"])
      await t(name, () => service[name]());
    await t("stack", async () => {
      try {
        await service.typeError();
      } catch (error) {
        return [error.stack.includes("service.js"), error.stack.split("\n")[0]];
      }
    });
    await t("a getter throws", () => service.echo({ get a() { throw new RangeError("g"); } }));
    await t("at the call or later", async () => {
      const p = service.echo(new (class A {})());
      return await p.catch((error) => error.name);
    });
  },

  async disposal(t, service) {
    const used = async (stub) => {
      try {
        return await stub.increment();
      } catch (error) {
        return `${error}`;
      }
    };
    await t("dispose", async () => {
      const c = await service.counter(1);
      c[Symbol.dispose]();
      c[Symbol.dispose]();
      return [typeof c.increment(), await used(c)];
    });
    await t("dup", async () => {
      const c = await service.counter(1);
      const d = c.dup();
      c[Symbol.dispose]();
      return [await used(d), await used(c), d instanceof RpcStub];
    });
    await t("result", async () => {
      const result = await service.counter(1).parts();
      const descriptor = Object.getOwnPropertyDescriptor(result, Symbol.dispose);
      result[Symbol.dispose]();
      return [descriptor.enumerable, await used(result.nested.counter)];
    });
    await t("plain results", async () => {
      const results = [await service.echo({}), await service.echo([]), await service.echo(new Map())];
      return results.map((result) => typeof result[Symbol.dispose]);
    });
    await t("arguments end with the call", async () => {
      await service.keep((x) => x);
      return await service.useKept();
    });
    await t("own target", async () => {
      const before = disposed;
      await service.echo(1, new Target());
      await scheduler.wait(50);
      return disposed - before;
    });
  },

  async local(t) {
    await t("shape", () => {
      const s = new RpcStub(new Target());
      return [typeof s, s instanceof RpcStub, s.add(1) instanceof RpcPromise, s.add instanceof RpcProperty];
    });
    await t("method", () => new RpcStub(new Target()).add(1));
    await t("getter", () => new RpcStub(new Target()).property);
    await t("own", () => new RpcStub(new Target()).own);
    await t("missing", () => new RpcStub(new Target()).missing());
    await t("fails", () => new RpcStub(new Target()).fail());
    await t("callback", () => new RpcStub(new Target()).call((x) => x + 1));
    await t("pipelining", () => new RpcStub(new Target()).next().next().add(1));
    await t("function", () => new RpcStub((x) => x * 3)(3));
    await t("values are copied", async () => {
      const o = {};
      return [await new RpcStub((x) => x === o)(o), (await new RpcStub(() => o)()) === o];
    });
    await t("class", () => new RpcStub(() => new (class A {})())());
    await t("object", async () => {
      const s = new RpcStub({ a: { b: 2 }, f: () => 1 });
      return [await s.a.b, await s.f()];
    });
    await t("array", () => new RpcStub([1]));
    await t("instance", () => new RpcStub(new (class A {})()));
    await t("disposed", async () => {
      const s = new RpcStub(new Target());
      const before = disposed;
      s[Symbol.dispose]();
      await scheduler.wait(1);
      return [disposed - before, await s.add(1).catch((error) => error.message)];
    });
    await t("new RpcPromise", () => new RpcPromise());
    await t("new RpcProperty", () => new RpcProperty());
    await t("clone", () => structuredClone(new Target()));
    await t("names", () => [String(new RpcTarget()), Object.getPrototypeOf(RpcStub.prototype) === Object.prototype]);
  },

  async bodies(t, service) {
    await t("response", async () => {
      const r = await service.response();
      return [r.status, r.headers.get("a"), await r.text(), r.constructor.name];
    });
    await t("request", () => service.read(new Request("https://x.example/z", { method: "POST", headers: { x: "1" }, body: "bb" })));
    await t("request without a body", () => service.read(new Request("https://x.example/z")));
    await t("stream", async () => new Response(await service.stream()).text());
    await t("stream there", () => service.readStream(new Response("body").body));
    await t("stream there and back", async () => new Response(await service.echo(new Response("echo").body)).text());
    await t("large stream", async () => {
      const text = await new Response(await service.echo(new Response("x".repeat(1 << 20)).body)).text();
      return text.length;
    });
    await t("headers", async () => [...(await service.headers())]);
    await t("locked afterwards", async () => {
      const { body } = new Response("x");
      await service.readStream(body);
      return body.locked;
    });
    await t("a body that was read", async () => {
      const r = new Response("x");
      await r.text();
      return await service.call(() => 1, r).catch((error) => error.name);
    });
  },
};

export default {
  async fetch(request, _env, { exports }) {
    const run = tests[new URL(request.url).pathname.slice(1)];
    if (run === undefined) return new Response(Object.keys(tests).join("\n"), { status: 404 });
    const found = {};
    const t = async (name, call) => {
      try {
        found[name] = show(await call());
      } catch (error) {
        found[name] = { error: describe(error) };
      }
    };
    await run(t, exports.Service, { OTHER: exports.Other({ props: { level: 3 } }), HANDLERS: exports.handlers });
    return Response.json(found);
  },
};
