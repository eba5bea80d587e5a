// Edge cases after web-platform-tests/url.
const parts = (url) => [
  url.href,
  url.origin,
  url.protocol,
  url.username,
  url.password,
  url.host,
  url.hostname,
  url.port,
  url.pathname,
  url.search,
  url.hash,
];
test("all components", () => parts(new URL("https://user:pa%20ss@EXAMPLE.com:8080/a/../b?x=1#h")), [
  "https://user:pa%20ss@example.com:8080/b?x=1#h",
  "https://example.com:8080",
  "https:",
  "user",
  "pa%20ss",
  "example.com:8080",
  "example.com",
  "8080",
  "/b",
  "?x=1",
  "#h",
]);
test("opaque paths", () => parts(new URL("mailto:a@b?c#d")), [
  "mailto:a@b?c#d",
  "null",
  "mailto:",
  "",
  "",
  "",
  "",
  "",
  "a@b",
  "?c",
  "#d",
]);
test("line breaks and tabs are dropped", () => new URL(" \n ht\ntps://a\t.b/c\r\nd ").href, "https://a.b/cd");
test(
  "hosts",
  () =>
    ["http://0x7f.1/", "http://[::1]:80/", "http://ExAmPlE/", "http://bücher.de/", "http://%41/", "http://1.2.3/"].map(
      (x) => new URL(x).host,
    ),
  ["127.0.0.1", "[::1]", "example", "xn--bcher-kva.de", "a", "1.2.0.3"],
);
test(
  "no URLs",
  () =>
    [
      "",
      "a",
      "//x",
      "http://",
      "http://a b/",
      "http://[::1",
      "http://a:99999/",
      "http://1.2.3.4.5/",
      "https://exa%23mple",
    ].map((x) => URL.canParse(x)),
  Array(9).fill(false),
);
test(
  "relative",
  () =>
    [
      ["../x", "http://a/b/c/d"],
      ["?q", "http://a/b#f"],
      ["//h/p", "https://a"],
      ["#f", "about:blank"],
      ["", "http://a/b?c#d"],
    ].map(([x, b]) => new URL(x, b).href),
  ["http://a/b/x", "http://a/b?q", "https://h/p", "about:blank#f", "http://a/b?c"],
);
test(
  "errors",
  () =>
    all(
      () => new URL("x"),
      () => new URL(),
      () => URL("http://a"),
      () => new URL("x", "y"),
      () => URL.canParse(),
      () => {
        new URL("http://a").href = "no";
      },
    ),
  Array(6).fill("TypeError"),
);
test("parse", () => [URL.parse("no"), URL.parse("/a", "http://b").href], [null, "http://b/a"]);
test(
  "setters",
  () => {
    const url = new URL("http://a.b/c");
    url.protocol = "https";
    url.username = "u";
    url.password = "p:";
    url.host = "h:81";
    url.port = "82x";
    url.pathname = "x y";
    url.search = "q=ä";
    url.hash = "";
    return url.href;
  },
  "https://u:p%3A@h:82/x%20y?q=%C3%A4",
);
test(
  "setters ignore nonsense",
  () => {
    const url = new URL("http://a.b:8/c");
    url.protocol = "foo";
    url.host = "";
    url.port = "x";
    url.hostname = "a b";
    url.port = "70000";
    return url.href;
  },
  "http://a.b:8/c",
);
test(
  "searchParams are live both ways",
  () => {
    const url = new URL("http://a/?x=1&y=2");
    const params = url.searchParams;
    params.delete("x");
    params.append("z", "a b&");
    const first = url.href;
    url.search = "?n=1";
    const second = [...params];
    url.href = "http://b/?m";
    const third = [...params];
    params.delete("m");
    return [first, second, third, url.href, params === url.searchParams];
  },
  ["http://a/?y=2&z=a+b%26", [["n", "1"]], [["m", ""]], "http://b/", true],
);
test(
  "JSON and text",
  () => [
    JSON.stringify(new URL("http://a")),
    `${new URL("http://a")}`,
    Object.prototype.toString.call(new URL("http://a")),
  ],
  ['"http://a/"', "http://a/", "[object URL]"],
);
test(
  "foreign objects have no fields",
  () =>
    all(
      () => Reflect.get(URL.prototype, "href", {}),
      () => URL.prototype.toString.call({}),
      () => URLSearchParams.prototype.get.call({}, "a"),
    ),
  Array(3).fill("TypeError"),
);
test(
  "params: kinds of argument",
  () =>
    [
      new URLSearchParams("?a=b&c"),
      new URLSearchParams([
        ["a", "b"],
        ["a", "c"],
      ]),
      new URLSearchParams({ a: 1, b: undefined }),
      new URLSearchParams(new URLSearchParams("x=y")),
      new URLSearchParams(new Map([["k", "v"]])),
      new URLSearchParams(),
    ].map(String),
  ["a=b&c=", "a=b&a=c", "a=1&b=undefined", "x=y", "k=v", ""],
);
test(
  "params: wrong arguments",
  () =>
    all(
      () => new URLSearchParams([["a"]]),
      () => new URLSearchParams([["a", "b", "c"]]),
      () => new URLSearchParams([1]),
      () => new URLSearchParams({ [Symbol.iterator]: 1 }).append("a"),
    ),
  Array(4).fill("TypeError"),
);
test("params: coding", () => [...new URLSearchParams("a+b=%41%zz&=v&&%F0%9F%92%A9=%ff&k==")], [
  ["a b", "A%zz"],
  ["", "v"],
  ["💩", "\ufffd"],
  ["k", "="],
]);
test(
  "params: encoding",
  () => new URLSearchParams({ "a*-._~!'()": "é \ud800+%" }).toString(),
  "a*-._%7E%21%27%28%29=%C3%A9+%EF%BF%BD%2B%25",
);
test(
  "params: set, has, delete with a value",
  () => {
    const params = new URLSearchParams("a=1&b=2&a=3");
    params.set("a", "9");
    params.append("a", "8");
    params.delete("a", "8");
    return [
      params.toString(),
      params.has("a", "9"),
      params.has("a", "8"),
      params.get("none"),
      params.getAll("b"),
      params.size,
    ];
  },
  ["a=9&b=2", true, false, null, ["2"], 2],
);
test(
  "params: arguments are converted before the list is read",
  () => {
    const p = new URLSearchParams("a=1&b=2");
    const changing = (text, change) => ({ toString: () => (change(), text) });
    p.delete(changing("a", () => p.set("c", "3")));
    p.set(changing("b", () => p.delete("c")), "4");
    p.append(changing("d", () => p.set("e", "5")), "6");
    return [p.toString(), p.get(changing("f", () => p.set("f", "7")))];
  },
  ["b=4&e=5&d=6", "7"],
);
test(
  "params: sort is stable and by code units",
  () => {
    const p = new URLSearchParams("z=1&\ufffd=2&💩=3&a=4&z=0");
    p.sort();
    return [...p.keys()];
  },
  ["a", "z", "z", "💩", "\ufffd"],
);
test(
  "params: iteration sees changes",
  () => {
    const p = new URLSearchParams("a=1&b=2&c=3");
    const seen = [];
    for (const [k] of p) {
      seen.push(k);
      p.delete("b");
    }
    return seen;
  },
  ["a", "c"],
);
test(
  "params: forEach, iterator prototype",
  () => {
    const seen = [];
    const p = new URLSearchParams("a=1");
    p.forEach((v, k, o) => seen.push(v, k, o === p));
    return [
      seen,
      URLSearchParams.prototype[Symbol.iterator] === URLSearchParams.prototype.entries,
      Object.prototype.toString.call(p.keys()),
    ];
  },
  [["1", "a", true], true, "[object URLSearchParams Iterator]"],
);
test(
  "a URL past the bound is refused, and says how long it is",
  () => {
    const long = `https://a/${"b".repeat(8 << 20)}`;
    const url = new URL("https://a/b?c#d");
    const said = [];
    for (const run of [() => new URL(long), () => (url.href = long), () => (url.search = long), () => new URL("//", long)]) {
      try {
        said.push(run());
      } catch (error) {
        said.push(`${error.name}: ${error.message}`);
      }
    }
    return [...said, URL.canParse(long), URL.parse(long), url.href];
  },
  [
    "TypeError: Invalid URL: a text of 8388618 characters (isolet takes URLs of up to 8 MiB).",
    "TypeError: Invalid URL: a text of 8388618 characters (isolet takes URLs of up to 8 MiB).",
    "TypeError: The URL would be too long (isolet takes URLs of up to 8 MiB).",
    "TypeError: Invalid URL: '//', relative to a text of 8388618 characters (isolet takes URLs of up to 8 MiB).",
    false,
    null,
    "https://a/b?c#d",
  ],
);
