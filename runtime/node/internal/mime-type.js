// MIMEType and MIMEParams of node:util: https://mimesniff.spec.whatwg.org/
"use strict";

const TOKEN = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function invalid(what, text) {
  const error = new TypeError(`The MIME syntax for a ${what} in "${text}" is invalid`);
  error.code = "ERR_INVALID_MIME_SYNTAX";
  return error;
}

class MIMEParams {
  #map = new Map();
  delete(name) {
    this.#map.delete(`${name}`);
  }
  get(name) {
    return this.#map.get(`${name}`) ?? null;
  }
  has(name) {
    return this.#map.has(`${name}`);
  }
  set(name, value) {
    [name, value] = [`${name}`, `${value}`];
    if (!TOKEN.test(name)) throw invalid("parameter name", name);
    if (!VALUE.test(value)) throw invalid("parameter value", value);
    this.#map.set(name, value);
  }
  *entries() {
    yield* this.#map.entries();
  }
  *keys() {
    yield* this.#map.keys();
  }
  *values() {
    yield* this.#map.values();
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    const quoted = (value) => (TOKEN.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`);
    return [...this.#map].map(([name, value]) => `${name}=${quoted(value)}`).join(";");
  }
  toJSON() {
    return this.toString();
  }
}

class MIMEType {
  #type;
  #subtype;
  #params = new MIMEParams();
  constructor(input) {
    const text = `${input}`.replace(/^[\t\n\r ]+/, "");
    const [, type, rest] = /^([^/]*)\/([\s\S]*)$/.exec(text) ?? [];
    if (type === undefined || !TOKEN.test(type)) throw invalid("type", input);
    const end = rest.indexOf(";");
    const subtype = (end < 0 ? rest : rest.slice(0, end)).replace(/[\t\n\r ]+$/, "");
    if (!TOKEN.test(subtype)) throw invalid("subtype", input);
    this.#type = type.toLowerCase();
    this.#subtype = subtype.toLowerCase();
    if (end < 0) return;
    for (const [, name, quoted, plain] of rest
      .slice(end)
      .matchAll(/;[\t\n\r ]*([^;=]+)=(?:"((?:\\.|[^"\\])*)"?[^;]*|([^;]*))/g)) {
      const key = name.toLowerCase();
      const value = quoted === undefined ? plain.replace(/[\t\n\r ]+$/, "") : quoted.replace(/\\(.)/g, "$1");
      if (TOKEN.test(key) && VALUE.test(value) && (quoted !== undefined || value !== "") && !this.#params.has(key))
        this.#params.set(key, value);
    }
  }
  get type() {
    return this.#type;
  }
  set type(value) {
    if (!TOKEN.test(`${value}`)) throw invalid("type", value);
    this.#type = `${value}`.toLowerCase();
  }
  get subtype() {
    return this.#subtype;
  }
  set subtype(value) {
    if (!TOKEN.test(`${value}`)) throw invalid("subtype", value);
    this.#subtype = `${value}`.toLowerCase();
  }
  get essence() {
    return `${this.#type}/${this.#subtype}`;
  }
  get params() {
    return this.#params;
  }
  toString() {
    const params = this.#params.toString();
    return params === "" ? this.essence : `${this.essence};${params}`;
  }
  toJSON() {
    return this.toString();
  }
}

module.exports = { MIMEParams, MIMEType };
