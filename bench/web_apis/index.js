// A Worker that runs one row of the benchmark: /ROW?count=N does the row's work N times.
// A row returns something of its work, so that no compiler can leave it out.

const short = "The quick brown fox, 42 years.";
const long = "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich. ".repeat(170);
const ascii = "The quick brown fox jumps over the lazy dog and goes home. ".repeat(170);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const [shortBytes, longBytes] = [short, long].map((text) => encoder.encode(text));
const kibibyte = new Uint8Array(1024).fill(7);
const [shortBase64, longBase64] = [btoa(short), btoa(ascii)];
const room = new Uint8Array(64);
const address = "https://user@example.com:8443/a/b/../c?name=value&list=1&list=2#part";
const headers = new Headers({ "content-type": "text/plain", accept: "*/*", "x-one": "1", "x-two": "2" });
const json = JSON.stringify(Array.from({ length: 20 }, (_, id) => ({ id, name: `row ${id}`, tags: ["a", "b"] })));
const value = { id: 1, name: "a name", tags: ["a", "b", "c"], at: new Date(0), map: new Map([["a", 1]]), inner: { list: [1, 2, 3] } };
const pattern = new URLPattern({ pathname: "/users/:id/posts/:post" });
const key = crypto.subtle.importKey("raw", kibibyte.slice(0, 32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const target = new EventTarget();
target.addEventListener("tick", (event) => (event.seen = true));

const chunks = (count) =>
  new ReadableStream({
    pull(controller) {
      if (count-- === 0) controller.close();
      else controller.enqueue(kibibyte);
    },
  });

async function drain(stream) {
  let length = 0;
  for await (const chunk of stream) length += chunk.length;
  return length;
}

const form = () => {
  const data = new FormData();
  data.append("name", "value");
  data.append("file", new Blob([short], { type: "text/plain" }), "a.txt");
  return data;
};

const rows = {
  "new URL(), href": () => new URL(address).href.length,
  "new URL(), 5 parts": () => {
    const url = new URL(address);
    return url.protocol.length + url.host.length + url.pathname.length + url.search.length + url.hash.length;
  },
  "new URL(relative, base)": () => new URL("../x?y=1", address).pathname.length,
  "URL.canParse()": () => Number(URL.canParse(address)),
  "url.searchParams.get()": () => new URL(address).searchParams.get("name").length,
  "url.pathname = …": () => {
    const url = new URL(address);
    url.pathname = "/other";
    return url.href.length;
  },
  "URLSearchParams: parse, append, text": () => {
    const params = new URLSearchParams("a=1&b=2&c=%20x+y");
    params.append("d", "ä 4");
    return params.toString().length;
  },
  "URLPattern.exec()": () => pattern.exec({ pathname: "/users/12/posts/34" }).pathname.groups.id.length,
  "new Headers(object)": () => Number(new Headers({ "content-type": "text/plain", accept: "*/*", "x-one": "1" }).has("accept")),
  "headers.get()": () => headers.get("Content-Type").length,
  "headers.set(), append(), delete()": () => {
    const copy = new Headers(headers);
    copy.set("x-one", "3");
    copy.append("x-two", "4");
    copy.delete("accept");
    return copy.get("x-two").length;
  },
  "iterate headers": () => {
    let length = 0;
    for (const [name, text] of headers) length += name.length + text.length;
    return length;
  },
  "new Request()": () => new Request(address, { method: "POST", headers: { "x-one": "1" }, body: "text" }).url.length,
  "request.clone()": () => new Request(address).clone().url.length,
  "new Response(text)": () => new Response(short, { headers: { "x-one": "1" } }).status,
  "Response.json()": () => Response.json({ id: 1, name: "a name", tags: ["a", "b"] }).status,
  "response.text()": async () => (await new Response(short).text()).length,
  "response.json(), 1 KB": async () => (await new Response(json).json()).length,
  "response.arrayBuffer(), 1 KB": async () => (await new Response(kibibyte).arrayBuffer()).byteLength,
  "encode(), 30 characters": () => encoder.encode(short).length,
  "encode(), 10 KB": () => encoder.encode(long).length,
  "encode(), 10 KB ASCII": () => encoder.encode(ascii).length,
  "encodeInto(), 30 characters": () => encoder.encodeInto(short, room).written,
  "decode(), 30 bytes": () => decoder.decode(shortBytes).length,
  "decode(), 10 KB": () => decoder.decode(longBytes).length,
  "new TextDecoder().decode()": () => new TextDecoder().decode(shortBytes).length,
  "btoa(), 30 characters": () => btoa(short).length,
  "btoa(), 10 KB": () => btoa(ascii).length,
  "atob(), 40 characters": () => atob(shortBase64).length,
  "atob(), 13 KB": () => atob(longBase64).length,
  "crypto.randomUUID()": () => crypto.randomUUID().length,
  "getRandomValues(), 16 bytes": () => crypto.getRandomValues(new Uint8Array(16)).length,
  "digest SHA-256, 1 KiB": async () => (await crypto.subtle.digest("SHA-256", kibibyte)).byteLength,
  "sign HMAC, 1 KiB": async () => (await crypto.subtle.sign("HMAC", await key, kibibyte)).byteLength,
  "structuredClone()": () => structuredClone(value).tags.length,
  "structuredClone(), 1 KiB": () => structuredClone(kibibyte).length,
  "dispatchEvent()": () => {
    const event = new Event("tick");
    target.dispatchEvent(event);
    return Number(event.seen);
  },
  "AbortController: listen, abort": () => {
    const controller = new AbortController();
    let seen = 0;
    controller.signal.addEventListener("abort", () => seen++);
    controller.abort();
    return seen;
  },
  "setTimeout(), clearTimeout()": () => {
    clearTimeout(setTimeout(() => {}, 1000));
    return 1;
  },
  "await setTimeout(0), 100 at once": async () => {
    await Promise.all(Array.from({ length: 100 }, () => new Promise((done) => setTimeout(done, 0))));
    return 100;
  },
  "queueMicrotask()": () => new Promise((done) => queueMicrotask(() => done(1))),
  "ReadableStream, 20 chunks": () => drain(chunks(20)),
  "through a TransformStream, 20 chunks": () => drain(chunks(20).pipeThrough(new TransformStream())),
  "pipeTo a WritableStream, 20 chunks": async () => {
    let length = 0;
    await chunks(20).pipeTo(new WritableStream({ write: (chunk) => void (length += chunk.length) }));
    return length;
  },
  "text of a stream, 20 chunks": async () => (await new Response(chunks(20)).text()).length,
  "gzip and back, 10 KB": async () => {
    const packed = new Blob([ascii]).stream().pipeThrough(new CompressionStream("gzip"));
    return (await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text()).length;
  },
  "new Blob().text()": async () => (await new Blob([short, kibibyte]).text()).length,
  "FormData: append, get": () => {
    const data = new FormData();
    data.append("a", "1");
    data.append("b", "2");
    return data.get("b").length;
  },
  "FormData to multipart and back": async () => (await new Response(form()).formData()).get("name").length,
};

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const name = decodeURIComponent(url.pathname.slice(1));
    if (name === "") return Response.json(Object.keys(rows));
    const run = rows[name];
    const count = Number(url.searchParams.get("count"));
    let sum = 0;
    let result = run();
    if (result instanceof Promise) {
      for (let i = 0; i < count; i++) sum += await run();
    } else {
      for (let i = 0; i < count; i++) sum += run();
    }
    return new Response(String(sum));
  },
};
