import punycode from "node:punycode";
import querystring from "node:querystring";
import url, { URL as NodeURL, domainToASCII, domainToUnicode, fileURLToPath, format, parse, pathToFileURL, resolve } from "node:url";

const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};
const addresses = ["http://user:pass@host.com:8080/p/a/t/h?query=string#hash", "/only/path?x=1", "//host/path", "mailto:a@b.c", "http://a.com", "HTTP://EXAMPLE.com/%7Efoo?a=b&c=d", "javascript:alert('x')", "http://a.b/\tbc\ndr", "x:1", "", "http://ex ample/", "coap:u:p@::1:61616/.well-known/r?n=T#c", "http://[::1]:80/a"];

export const probes = {
  parse: () => addresses.map((address) => ({ ...thrown(() => parse(address)) })),
  parseQuery: () => [{ ...parse("/a?x=1&y=2&x=3", true).query }, { ...parse("//h/p", false, true) }],
  format: () => [
    format({ protocol: "http", hostname: "a.com", port: 80, pathname: "/x", search: "?y=1", hash: "#z" }),
    format({ pathname: "a b", query: { x: [1, 2], y: "z" } }),
    format(new URL("http://u:p@ex\u00e4mple.com/a?b#c"), { auth: false, fragment: false, search: false, unicode: true }),
    ...addresses.slice(0, 6).map((address) => format(parse(address))),
    thrown(() => format(5)),
  ],
  resolve: () => [resolve("/one/two/three", "four"), resolve("http://example.com/", "/one"), resolve("http://example.com/one", "/two"), resolve("http://a/b/c/d;p?q", "../g"), resolve("http://a/b", "//c/d"), resolve("mailto:a@b", "#x")],
  files: () => [
    fileURLToPath("file:///a/b%20c"),
    pathToFileURL("/a b#c?d%e").href,
    pathToFileURL("/a/").href,
    thrown(() => fileURLToPath(5)),
  ],
  domains: () => [domainToASCII("espa\u00f1ol.com"), domainToASCII("xn--i\u00f1valid.com"), domainToUnicode("xn--espaol-zwa.com"), domainToASCII("")],
  classes: () => [NodeURL === URL, url.URLSearchParams === URLSearchParams, typeof url.urlToHttpOptions(new URL("http://a:b@c/d?e")).auth],
  errors: () => [thrown(() => parse(5)), thrown(() => resolve(5, "a"))],
  queryParse: () => ["a=1&b=2", "a=1&a=2", "a", "a=", "=b", "a=b=c", "a%20b=c+d", "%zz=1", "a;b", "&&a=1&", "\u00e9=%C3%A9"].map((text) => [text, { ...querystring.parse(text) }]),
  queryOptions: () => [{ ...querystring.parse("a:1;b:2", ";", ":") }, { ...querystring.parse("a=1&b=2&c=3", null, null, { maxKeys: 2 }) }, { ...querystring.parse("a=%41", null, null, { decodeURIComponent: (x) => `<${x}>` }) }],
  queryStringify: () => [
    querystring.stringify({ a: 1, b: [2, 3], c: "d e", f: true, g: null, h: undefined, i: "\u00e9&=" }),
    querystring.stringify({ a: 1, b: 2 }, ";", ":"),
    querystring.stringify({ a: 1n, b: Number.NaN, c: {} }),
    querystring.stringify("text"),
    querystring.escape("a b&c/\u20ac"),
    querystring.unescape("a%20b%zz"),
    thrown(() => querystring.escape("\ud800")),
  ],
  punycode: () => [punycode.toASCII("ma\u00f1ana.com"), punycode.toUnicode("xn--maana-pta.com"), punycode.encode("\u2603"), punycode.decode("n3h"), punycode.ucs2.decode("\ud83d\ude00"), punycode.ucs2.encode([0x1f600])],
};
