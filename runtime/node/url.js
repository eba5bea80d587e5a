// node:url
"use strict";

const url = require("vendor/url");
const { check } = require("internal/errors");

const { URL, URLSearchParams } = globalThis;

// A domain as `new URL` reads it: empty if it is not valid.
function domainToASCII(domain) {
  if (arguments.length < 1) throw new TypeError('The "domain" argument must be specified');
  const host = `${domain}`;
  if (host === "" || /[\0\t\n\r #/:<>?@[\\\]^|%]/.test(host)) return "";
  try {
    return new URL(`ws://${host}`).hostname;
  } catch {
    return "";
  }
}
function domainToUnicode(domain) {
  const ascii = domainToASCII(domain);
  return ascii === "" ? "" : require("vendor/punycode").toUnicode(ascii);
}

function format(value, options) {
  if (!(value instanceof URL)) return url.format(value, options);
  if (options !== undefined && options !== null) check.object(options, "options");
  const { fragment = true, unicode = false, search = true, auth = true } = options ?? {};
  const copy = new URL(value.href);
  if (!fragment) copy.hash = "";
  if (!search) copy.search = "";
  if (!auth) {
    copy.username = "";
    copy.password = "";
  }
  return unicode ? copy.href.replace(copy.hostname, domainToUnicode(copy.hostname)) : copy.href;
}

module.exports = {
  Url: url.Url,
  parse: url.parse,
  resolve: url.resolve,
  resolveObject: url.resolveObject,
  format,
  URL,
  URLSearchParams,
  domainToASCII,
  domainToUnicode,
  pathToFileURL: url.pathToFileURL,
  fileURLToPath: url.fileURLToPath,
  toPathIfFileURL: (value) => (value instanceof URL ? url.fileURLToPath(value) : value),
  urlToHttpOptions: url.urlToHttpOptions,
};
