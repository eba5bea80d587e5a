// Replaces every function and accessor of the language by one that notes its call and goes on, and
// uses the Web APIs: code of the host must call none of them. What it calls could see or change its
// bytes, such as those of a key that cannot be extracted.
const calls = new Set();
const addCall = Set.prototype.add.bind(calls);
const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect;
const then = Promise.prototype.then;
const TheirPromise = Promise;
const toText = String;
let watching = false;

// `await` asks each promise for its constructor, in the host's code too: it gets no bytes thereby.
const note = (name) => {
  if (watching && name !== "Promise.prototype.constructor") addCall(name);
};
const replaced = (original, name) =>
  function (...args) {
    note(name);
    return new.target ? construct(original, args, new.target) : apply(original, this, args);
  };
function replaceAll(object, of) {
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const found = getOwnPropertyDescriptor(object, key);
    const name = `${of}.${toText(key)}`;
    if (!found.configurable || key === "prototype") continue;
    if (found.get !== undefined)
      defineProperty(object, key, { ...found, get: replaced(found.get, name), set: found.set });
    else if (key === "constructor")
      defineProperty(object, key, {
        configurable: true,
        get() {
          note(name);
          return found.value;
        },
        set() {},
      });
    else if (typeof found.value === "function") defineProperty(object, key, { ...found, value: replaced(found.value, name) });
  }
}
function replaceLanguage() {
  const classes = { Object, Function, Array, String, Number, Boolean, Symbol, BigInt, Date, RegExp, Error, TypeError };
  Object.assign(classes, { Promise, Map, Set, WeakMap, WeakSet, WeakRef, ArrayBuffer, DataView, Uint8Array, Float64Array });
  classes.TypedArray = getPrototypeOf(Uint8Array);
  const objects = { JSON, Math, Reflect };
  for (const name of ownKeys(classes)) {
    objects[name] = classes[name];
    objects[`${name}.prototype`] = classes[name].prototype;
  }
  const iterators = [[].values(), "".matchAll(/a/g), ""[Symbol.iterator](), new Map().keys(), new Set().keys()];
  iterators.push((function* () {})(), (async function* () {})());
  for (const [i, iterator] of iterators.entries())
    for (let at = getPrototypeOf(iterator), up = 0; at !== Object.prototype; at = getPrototypeOf(at), up++)
      objects[`iterator ${i} up ${up}`] ??= at;
  const seen = new Set();
  for (const name of ownKeys(objects)) {
    if (!seen.has(objects[name])) replaceAll(objects[name], name);
    seen.add(objects[name]);
  }
}

// The result of a function of the host, whose code is watched until it is there.
function watched(run) {
  let promise;
  watching = true;
  try {
    promise = run();
  } finally {
    watching = false;
  }
  const done = new TheirPromise((resolve, reject) => {
    const end = (settle) => (value) => {
      watching = false;
      // Not an object whose `then` would be looked for.
      settle(settle === resolve ? [value] : value);
    };
    if (typeof promise === "object" && promise !== null && getPrototypeOf(promise) === TheirPromise.prototype) {
      apply(then, promise, [end(resolve), end(reject)]);
      watching = true;
    } else resolve([promise]);
  });
  // `await` asks a promise for its constructor.
  defineProperty(done, "constructor", { value: TheirPromise });
  return done;
}

test(
  "code of the host calls no replaced function of the language",
  async () => {
    const text = "text ä ".repeat(20);
    const data = utf8(text);
    const odd = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const deep = { map: new Map([[1, new Set([2])]]), buffer: new ArrayBuffer(8), view: odd, date: new Date(0), list: [1] };
    const { subtle } = crypto;
    const start = data.subarray(0, 6);
    const map = new Map([[1, 2]]);
    const chunk = odd.slice();
    const three = bytes(1, 2, 3);
    const jwk = { kty: "oct", k: "AAECAwQFBgcICQoLDA0ODw", alg: "A128GCM", ext: true };
    const init = { method: "POST", body: text, headers: { "a-b": "c" } };
    const form = new FormData();
    form.append("a", "b");
    form.append("file", new Blob([data], { type: "text/plain" }), "name");
    const used = {
      url: () => {
        const url = new URL("https://user:p@example.com:8080/a/../b?c=d#e");
        url.searchParams.append("x y", "z");
        url.searchParams.sort();
        return [url.href, url.searchParams.get("c"), url.searchParams.size];
      },
      pattern: () => new URLPattern({ pathname: "/:a/*" }).exec("https://b/x/y"),
      encoding: () => {
        const decoder = new TextDecoder("utf-8", { fatal: true });
        const into = new Uint8Array(100);
        return [decoder.decode(start, { stream: true }), new TextEncoder().encodeInto(text, into), atob(btoa("abc"))];
      },
      clone: () => structuredClone(deep),
      headers: () => {
        const headers = new Headers([["a", "b"]]);
        headers.append("set-cookie", "c=d");
        return [headers.get("a"), headers.getSetCookie()];
      },
      events: () => {
        const target = new EventTarget();
        target.addEventListener("a", () => {}, { once: true });
        const controller = new AbortController();
        AbortSignal.any([controller.signal]);
        controller.abort();
        return target.dispatchEvent(new CustomEvent("a", { detail: 1 }));
      },
      console: () => console.log("%s %o", text, deep, [1, , 2], map, odd, () => {}, new Error("x"), /a/g),
      table: () => console.table([{ a: 1 }]),
      performance: () => [performance.now(), performance.mark("a"), navigator.userAgent],
      random: () => [crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4))],
      digest: () => subtle.digest("SHA-256", data),
      hmac: async () => {},
      jwk: () => subtle.importKey("jwk", jwk, "AES-GCM", true, ["encrypt", "decrypt"]),
      pair: () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]),
      response: () => new Response(text).text(),
      responseBytes: () => new Response(data).bytes(),
      responseJson: () => Response.json({ a: [1, "b"] }).json(),
      request: () => new Request("https://a/", init).arrayBuffer(),
      form: () => new Response(form).formData(),
      blob: () => new Blob([data, "x"], { type: "a/b" }).slice(1, 9).text(),
      blobBuffer: () => new Blob([data]).arrayBuffer(),
      blobStream: () => new Response(new Blob([data]).stream()).text(),
      packed: () => new Response(new Blob([data]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
      transform: () => new Response(new Blob([data]).stream().pipeThrough(new TransformStream())).bytes(),
      decoded: () => {
        const reader = new Blob([data]).stream().pipeThrough(new TextDecoderStream()).getReader();
        return reader.read();
      },
      tee: () => {
        const branches = new Response(data).body.tee();
        branches[1].cancel();
        return new Response(branches[0]).text();
      },
      byob: () => {
        const stream = new ReadableStream({ type: "bytes", pull: (c) => c.enqueue(chunk) });
        return stream.getReader({ mode: "byob" }).read(new Uint8Array(4), { min: 2 });
      },
      fixed: () => {
        const { readable, writable } = new FixedLengthStream(3);
        const writer = writable.getWriter();
        writer.write(three);
        writer.close();
        return new Response(readable).bytes();
      },
      rewriter: () => new HTMLRewriter().on("p", handler).transform(new Response("<p c=1 d=2>x</p>")).text(),
      messages: () =>
        new TheirPromise((resolve) => {
          const { port1, port2 } = new MessageChannel();
          port2.onmessage = () => resolve(1);
          port1.postMessage(deep);
        }),
      timers: () => new TheirPromise((resolve) => setTimeout(resolve, 1)),
      tool: () => env.demo.echo({ a: [1, { b: text }] }),
    };
    const secret = await subtle.importKey("raw", odd.slice(0, 8), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const aes = await subtle.importKey("raw", new Uint8Array(16), "AES-GCM", true, ["encrypt", "decrypt"]);
    const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const rsa = await subtle.generateKey(
      { name: "RSA-PSS", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ["sign", "verify"],
    );
    const password = await subtle.importKey("raw", data, "PBKDF2", false, ["deriveBits"]);
    used.hmac = () => subtle.sign("HMAC", secret, data);
    used.aes = () => subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, aes, data);
    used.exported = () => subtle.exportKey("jwk", pair.privateKey);
    used.exportedRsa = () => subtle.exportKey("jwk", rsa.privateKey);
    used.ecdsa = () => subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, data);
    used.rsa = () => subtle.sign({ name: "RSA-PSS", saltLength: 8 }, rsa.privateKey, data);
    used.pbkdf2 = () => subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: odd, iterations: 1 }, password, 128);
    const handler = {
      element(element) {
        element.setAttribute("a", element.getAttribute("c"));
        element.removeAttribute("c");
        element.append("<b>", { html: true });
      },
    };
    const names = ownKeys(used);
    const found = [];
    const push = (text) => {
      found[found.length] = text;
    };
    const clear = calls.clear.bind(calls);
    const forEach = calls.forEach.bind(calls);
    replaceLanguage();
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      try {
        await watched(used[name]);
      } catch (error) {
        push(`${name} failed: ${error}`);
      }
      forEach((call) => push(`${name}: ${call}`));
      clear();
    }
    return found;
  },
  [],
);
