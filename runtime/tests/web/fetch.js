// Edge cases after web-platform-tests/fetch/api, and what users of Workers do.
test(
  "headers: combine, sort, trim",
  () => {
    const h = new Headers([
      ["b", " 1\t"],
      ["A", "x"],
    ]);
    h.append("B", "2");
    return [[...h], h.get("b"), h.has("a"), h.get("none")];
  },
  [
    [
      ["a", "x"],
      ["b", "1, 2"],
    ],
    "1, 2",
    true,
    null,
  ],
);
test(
  "headers: set-cookie stays apart",
  () => {
    const h = new Headers({ "Set-Cookie": "a=1" });
    h.append("set-cookie", "b=2");
    return [[...h], h.getSetCookie(), h.get("set-cookie")];
  },
  [
    [
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ],
    ["a=1", "b=2"],
    "a=1, b=2",
  ],
);
test(
  "headers: set and delete",
  () => {
    const h = new Headers("a b c".split(" ").map((x) => [x, x]));
    h.set("B", "9");
    h.delete("a");
    h.append("c", "");
    return [...h.entries()];
  },
  [
    ["b", "9"],
    ["c", "c, "],
  ],
);
test(
  "headers: refused",
  () =>
    all(
      () => new Headers({ "a b": "x" }),
      () => new Headers({ "": "x" }),
      () => new Headers({ a: "x\ny" }),
      () => new Headers({ a: "\0" }),
      () => new Headers({ a: "\u0100" }),
      () => new Headers([["a"]]),
      () => new Headers(1),
      () => new Headers({ é: "x" }),
    ),
  Array(8).fill("TypeError"),
);
test("headers: bytes above ASCII are values", () => new Headers({ a: "é" }).get("a"), "é");
test(
  "headers: iteration sees changes",
  () => {
    const h = new Headers({ a: "1", c: "3" });
    const seen = [];
    for (const [k] of h) {
      seen.push(k);
      if (k === "a") h.set("b", "2");
    }
    return seen;
  },
  ["a", "b", "c"],
);
test(
  "request: defaults",
  () => {
    const q = new Request("http://a/ b");
    return [q.method, q.url, q.body, q.bodyUsed, q.redirect, q.signal.aborted, [...q.headers]];
  },
  ["GET", "http://a/%20b", null, false, "follow", false, []],
);
test(
  "request: methods",
  () => ["get", "Post", "patch", "PATCH", "foo"].map((method) => new Request("http://a", { method }).method),
  ["GET", "POST", "patch", "PATCH", "foo"],
);
test(
  "request: refused",
  () =>
    all(
      () => new Request("/a"),
      () => new Request("http://a", { method: "a b" }),
      () => new Request("http://a", { method: "CONNECT" }),
      () => new Request("http://a", { body: "x" }),
      () => new Request("http://a", { method: "HEAD", body: "" }),
      () => new Request("http://a", { signal: {} }),
      () => new Request("http://a", { redirect: "x" }),
      () => Request("http://a"),
    ),
  Array(8).fill("TypeError"),
);
test(
  "request: from a request",
  async () => {
    const a = new Request("http://a", { method: "PUT", body: "x", headers: { k: "v" } });
    const b = new Request(a, { headers: { l: "w" } });
    return [b.method, await b.text(), [...b.headers], a.bodyUsed, await thrown(() => a.text())];
  },
  ["PUT", "x", [["l", "w"]], true, "TypeError"],
);
test(
  "request: changed URL",
  async () => {
    const a = new Request("http://a/x", { method: "POST", body: "y" });
    const b = new Request("http://b/z", a);
    return [b.url, b.method, await b.text()];
  },
  ["http://b/z", "POST", "y"],
);
test(
  "request: clone",
  async () => {
    const a = new Request("http://a", { method: "POST", body: "x" });
    const b = a.clone();
    return [await a.text(), await b.text(), await thrown(() => a.clone())];
  },
  ["x", "x", "TypeError"],
);
test(
  "request: signal follows",
  () => {
    const c = new AbortController();
    const q = new Request("http://a", { signal: c.signal });
    c.abort();
    return [q.signal.aborted, new Request(q).signal.aborted];
  },
  [true, true],
);
test(
  "bodies bring their type",
  () =>
    [
      new Response("x"),
      new Response(new URLSearchParams("a=b")),
      new Response(new Blob(["x"], { type: "a/b" })),
      new Response(new Blob(["x"])),
      new Response(bytes(1)),
      new Response(new ReadableStream()),
      new Response(),
      new Response("x", { headers: { "content-type": "q/r" } }),
    ].map((r) => r.headers.get("content-type")),
  ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded;charset=UTF-8", "a/b", null, null, null, null, "q/r"],
);
test(
  "bodies: everything reads as text",
  async () =>
    Promise.all(
      [
        "ä",
        new URLSearchParams({ a: "ä" }),
        new Blob(["ä"]),
        utf8("ä"),
        utf8("xä").buffer,
        new DataView(utf8("xäx").buffer, 1, 2),
        5,
        { toString: () => "obj" },
        null,
        "\ufeffbom",
      ].map((x) => new Response(x).text()),
    ),
  ["ä", "a=%C3%A4", "ä", "ä", "xä", "ä", "5", "obj", "", "bom"],
);
test(
  "bodies: every reader",
  async () => {
    const r = () => new Response("[1]", { headers: { "content-type": "A/B" } });
    const blob = await r().blob();
    return [await r().json(), hex(await r().arrayBuffer()), hex(await r().bytes()), blob.type, blob.size];
  },
  [[1], "5b315d", "5b315d", "a/b", 3],
);
test(
  "bodies: copied when given",
  async () => {
    const b = utf8("abc");
    const r = new Response(b);
    b[0] = 0;
    return r.text();
  },
  "abc",
);
test(
  "bodies: read once",
  async () => {
    const r = new Response("x");
    const first = r.text();
    return [
      r.bodyUsed,
      await first,
      await all(
        () => r.text(),
        () => r.json(),
        () => r.clone(),
        () => new Response(r.body),
      ),
    ];
  },
  [true, "x", Array(4).fill("TypeError")],
);
test(
  "bodies: no body can be read twice",
  async () => {
    const r = new Response(null);
    return [await r.text(), await r.text(), r.bodyUsed];
  },
  ["", "", false],
);
test(
  "bodies: not JSON",
  () =>
    all(
      () => new Response("{").json(),
      () => new Response("").json(),
    ),
  ["SyntaxError", "SyntaxError"],
);
test(
  "streams as bodies",
  async () => {
    const r = new Response(
      new ReadableStream({
        start(c) {
          c.enqueue(utf8("a"));
          c.enqueue(utf8("b"));
          c.close();
        },
      }),
    );
    const copy = r.clone();
    return [await r.text(), await copy.text()];
  },
  ["ab", "ab"],
);
test(
  "streams of strings are refused, helpfully",
  async () => new Response(ReadableStream.from(["a"])).text(),
  "TypeError: The body is a stream of strings: pipe it through a TextEncoderStream first.",
);
test(
  "streams that fail",
  () =>
    thrown(() =>
      new Response(
        new ReadableStream({
          pull() {
            throw new RangeError("x");
          },
        }),
      ).text(),
    ),
  "RangeError",
);
test(
  "locked streams are not bodies",
  () => {
    const s = new ReadableStream();
    s.getReader();
    return thrown(() => new Response(s));
  },
  "TypeError",
);
test(
  "body.getReader locks",
  async () => {
    const r = new Response("x");
    r.body.getReader();
    return [r.bodyUsed, await thrown(() => r.text())];
  },
  [false, "TypeError"],
);
test(
  "body through a transform",
  async () => {
    const up = new TransformStream({
      transform(c, k) {
        k.enqueue(c.toUpperCase());
      },
    });
    return new Response(
      new Response("shout").body
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(up)
        .pipeThrough(new TextEncoderStream()),
    ).text();
  },
  "SHOUT",
);
test(
  "response: statuses",
  () =>
    all(
      () => new Response("", { status: 199 }),
      () => new Response("", { status: 600 }),
      () => new Response("x", { status: 204 }),
      () => new Response("x", { status: 304 }),
      () => new Response("", { statusText: "a\nb" }),
      () => new Response("", { status: NaN }),
    ),
  ["RangeError", "RangeError", "TypeError", "TypeError", "TypeError", "RangeError"],
);
test(
  "response: a status is an unsigned short",
  async () => [
    await all(
      () => new Response(null, { status: "x" }),
      () => new Response(null, { status: {} }),
      () => new Response(null, { status: Symbol() }),
      () => Response.redirect("http://a/", "x"),
    ),
    new Response(null, { status: "201" }).status,
    new Response(null, { status: 65536 + 202 }).status,
  ],
  [["RangeError", "RangeError", "TypeError", "RangeError"], 201, 202],
);
test(
  "blob: the type is the last valid Content-Type",
  async () => {
    const typeOf = async (...values) => {
      const headers = new Headers();
      for (const value of values) headers.append("content-type", value);
      return (await new Response("x", { headers }).blob()).type;
    };
    return [
      await typeOf("text/plain", "x/y", "text/html"),
      await typeOf("text/html;charset=gbk", "TEXT/html"),
      await typeOf("text/html;charset=gbk", "text/plain", "text/html"),
      await typeOf("text/plain", "*/*", "nonsense", ""),
      await typeOf('text/html;x="a,b/c"'),
      await typeOf("nonsense"),
    ];
  },
  ["text/html", "text/html;charset=gbk", "text/html", "text/plain", 'text/html;x="a,b/c"', ""],
);
test(
  "response: an empty text with a status that has no body",
  async () => {
    const r = new Response("", { status: 204 });
    return [r.status, r.body, await r.text(), [...r.headers]];
  },
  [204, null, "", []],
);
test(
  "response: fields",
  () => {
    const r = new Response(null, { status: 204, statusText: "No" });
    return [r.status, r.ok, r.statusText, r.type, r.url, r.redirected, new Response("", { status: 404 }).ok];
  },
  [204, true, "No", "default", "", false, false],
);
test(
  "response: init from a response",
  async () => {
    const a = new Response("x", { status: 201, headers: { k: "v" } });
    const b = new Response(a.body, a);
    b.headers.set("k", "w");
    return [b.status, b.headers.get("k"), await b.text(), a.headers.get("k")];
  },
  [201, "w", "x", "v"],
);
test(
  "Response.json",
  async () => {
    const r = Response.json({ a: [1] }, { status: 400, headers: { "content-type": "x/y" } });
    return [
      r.status,
      r.headers.get("content-type"),
      await r.json(),
      await all(
        () => Response.json(),
        () => Response.json(() => 1),
        () => Response.json(1n),
      ),
    ];
  },
  [400, "x/y", { a: [1] }, Array(3).fill("TypeError")],
);
test(
  "Response.redirect",
  () => {
    const r = Response.redirect("http://a/ b");
    return [r.status, r.headers.get("location"), Response.redirect("http://a", 308).status];
  },
  [302, "http://a/%20b", 308],
);
test(
  "Response.redirect: refused",
  () =>
    all(
      () => Response.redirect("/a"),
      () => Response.redirect("http://a", 200),
      () => Response.redirect("http://a").headers.set("a", "b"),
    ),
  ["TypeError", "RangeError", "TypeError"],
);
test(
  "no network",
  async () => [
    await thrown(() => fetch("http://a")),
    await all(
      () => new WebSocket("ws://a"),
      () => new EventSource("http://a"),
      () => new XMLHttpRequest(),
    ),
    await fetch("http://a").catch((e) => e.message),
  ],
  [
    "TypeError",
    Array(3).fill("TypeError"),
    "This script has no network access. Call a tool on env instead (servers: demo, my-server).",
  ],
);
test(
  "fetch that was aborted",
  () =>
    all(
      () => fetch("http://a", { signal: AbortSignal.abort() }),
      () => fetch(new Request("http://a", { signal: AbortSignal.abort(new RangeError("mine")) })),
      () => fetch("http://a", { signal: new AbortController().signal }),
    ),
  ["AbortError", "RangeError", "TypeError"],
);
test(
  "caches have nothing",
  async () => [typeof (await caches.default.match("http://a")), await thrown(() => caches.open("x"))],
  ["undefined", "NotSupportedError"],
);
test(
  "class strings and enumerable methods",
  () =>
    [Headers, Request, Response, Blob, File, FormData]
      .map((C) => Object.prototype.toString.call(C.prototype))
      .concat(Object.keys(Headers.prototype).includes("append")),
  [
    "[object Headers]",
    "[object Request]",
    "[object Response]",
    "[object Blob]",
    "[object File]",
    "[object FormData]",
    true,
  ],
);
test(
  "foreign objects have no fields",
  async () => [
    await thrown(() => Response.prototype.text.call({})),
    await thrown(() => Reflect.get(Request.prototype, "url", new Response())),
    await thrown(() => Headers.prototype.get.call({}, "a")),
  ],
  Array(3).fill("TypeError"),
);
