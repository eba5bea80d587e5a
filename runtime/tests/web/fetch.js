// Edge cases after web-platform-tests/fetch/api, and what users of Workers do.
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
