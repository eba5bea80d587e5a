// URLPattern after web-platform-tests/urlpattern.
const groups = (pattern, ...input) => {
  const found = pattern.exec(...input);
  return found && Object.fromEntries(Object.entries(found).flatMap(([k, v]) => (v.groups ? [[k, v.groups]] : [])));
};
test(
  "a path with names",
  () => {
    const pattern = new URLPattern({ pathname: "/books/:id/:page(\\d+)?" });
    return [
      groups(pattern, "https://a.example/books/123/4").pathname,
      groups(pattern, "https://a.example/books/123").pathname,
      pattern.test("https://a.example/books/"),
      pattern.test({ pathname: "/books/x" }),
      pattern.hasRegExpGroups,
      pattern.pathname,
    ];
  },
  [{ id: "123", page: "4" }, { id: "123" }, false, true, true, "/books/:id/:page(\\d+)?"],
);
test(
  "from a text",
  () => {
    const pattern = new URLPattern("https://:sub.example.com/a/*\\?q=*#:part");
    return [
      pattern.protocol,
      pattern.hostname,
      pattern.search,
      pattern.hash,
      groups(pattern, "https://www.example.com/a/b/c?q=1#x"),
      pattern.test("http://www.example.com/a/b?q=1#x"),
    ];
  },
  [
    "https",
    ":sub.example.com",
    "q=*",
    ":part",
    {
      protocol: {},
      username: { 0: "" },
      password: { 0: "" },
      hostname: { sub: "www" },
      port: {},
      pathname: { 0: "b/c" },
      search: { 0: "1" },
      hash: { part: "x" },
    },
    false,
  ],
);
test(
  "a base URL",
  () => {
    const pattern = new URLPattern("/:a", "https://example.com:8080");
    return [
      pattern.port,
      pattern.test("/x", "https://example.com:8080/y"),
      pattern.test("/x", "https://example.com"),
      pattern.test("/x"),
    ];
  },
  ["8080", true, false, false],
);
test(
  "ignoreCase",
  () => [
    new URLPattern({ pathname: "/A" }, { ignoreCase: true }).test("https://a/a"),
    new URLPattern("/A", "https://a", { ignoreCase: true }).test("https://a/a"),
    new URLPattern({ pathname: "/A" }).test("https://a/a"),
  ],
  [true, true, false],
);
test("everything matches the empty pattern", () => [new URLPattern().test("https://a/"), new URLPattern({}).test()], [
  true,
  true,
]);
test(
  "wildcards, optional and repeated parts",
  () => [
    new URLPattern({ pathname: "/files{/:path}*" }).test("https://a/files/b/c"),
    new URLPattern({ pathname: "/files{/old}?" }).test("https://a/files"),
    groups(new URLPattern({ hostname: "{*.}?example.com" }), "https://a.b.example.com").hostname,
    new URLPattern({ pathname: "/:a+" }).test("https://a/b/c/d"),
  ],
  [true, true, { 0: "a.b" }, true],
);
test(
  "regular expressions are those of JavaScript",
  () => [
    new URLPattern({ pathname: "/((?!private).*)" }).test("https://a/public"),
    new URLPattern({ pathname: "/((?!private).*)" }).test("https://a/private"),
    new URLPattern({ pathname: "/([[a-z]&&[aeiou]])" }).test("https://a/b"),
  ],
  [true, false, false],
);
test(
  "what is refused",
  () =>
    all(
      () => new URLPattern("/relative"),
      () => new URLPattern("https://a", "nonsense"),
      () => new URLPattern({ pathname: "/(" }),
      () => new URLPattern({ pathname: "/([)" }),
      () => new URLPattern({ pathname: "/:a/:a" }),
      () => new URLPattern({}, "https://a"),
      () => new URLPattern().test({}, "https://a"),
      () => URLPattern.prototype.test.call({}, ""),
      () => new URLPattern({ protocol: "https", port: "x".repeat(2 ** 21) }),
      () => new URLPattern({ pathname: "/:a".repeat(2 ** 13) }),
      () => new URLPattern("/a", `https://a/${"b".repeat(2 ** 14)}`),
    ),
  Array(11).fill("TypeError"),
);
test(
  "the bound on a pattern is named",
  () => {
    try {
      new URLPattern({ pathname: `/${"a".repeat(2 ** 14)}` });
    } catch (error) {
      return [error.message, new URLPattern({ pathname: `/${"a".repeat(2 ** 13)}` }).pathname.length];
    }
  },
  ["Invalid URLPattern: it is longer than 16 KiB.", 2 ** 13 + 1],
);
test(
  "inputs are read once",
  () => {
    let reads = 0;
    const input = {
      get pathname() {
        reads++;
        return reads === 1 ? "/x" : "/other";
      },
    };
    let bases = 0;
    const base = { toString: () => `https://b${++bases}` };
    const pattern = new URLPattern({ pathname: "/:a" });
    const found = [pattern.exec(input).inputs, pattern.exec("/y", base).inputs];
    return [...found, reads, bases];
  },
  [[{ pathname: "/x" }], ["/y", "https://b1"], 1, 1],
);
test("an invalid URL matches nothing", () => [new URLPattern().test("nonsense"), new URLPattern().exec("nonsense")], [
  false,
  null,
]);
test("inputs", () => new URLPattern({ pathname: "/:a" }).exec("/x", "https://b").inputs, ["/x", "https://b"]);
test(
  "values are encoded as in URLs",
  () => [new URLPattern({ pathname: "/é" }).pathname, new URLPattern({ pathname: "/é" }).test("https://a/é")],
  ["/%C3%A9", true],
);
test(
  "an `error` that every object has is not the pattern's",
  () => {
    Object.prototype.error = "poison";
    try {
      return new URLPattern({ pathname: "/:a" }).test("https://a/b");
    } finally {
      delete Object.prototype.error;
    }
  },
  true,
);
