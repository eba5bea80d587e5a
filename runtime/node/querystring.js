// node:querystring
"use strict";

const { unescapeBuffer, unescape, escape, stringify, parse } = require("vendor/querystring");

module.exports = { unescapeBuffer, unescape, escape, stringify, encode: stringify, parse, decode: parse };
