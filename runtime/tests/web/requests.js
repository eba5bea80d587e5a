// Headers and requests.
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
