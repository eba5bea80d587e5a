// Primitive values as text for people.

const {
  BigIntPrototypeToString,
  NumberPrototypeToString,
  ObjectIs,
  RegExpPrototypeExec,
  String,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  StringPrototypePadStart,
  StringPrototypeSlice,
  SymbolPrototypeToString,
} = isolet.primordials;

isolet.lazy([], ["quote", "primitive"], (host) => {
  const unusual =
    /['\\\x00-\x1f\x7f-\x9f\u2028\u2029]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

  // A text in quotes that it does not hold itself, if there are such; at most `limit` characters of
  // it.
  /** @type {LazyInternals["quote"]} */
  function quote(text, limit) {
    const cut = text.length > limit;
    if (cut) text = StringPrototypeSlice(text, 0, limit);
    let quoted;
    if (RegExpPrototypeExec(unusual, text) === null) {
      quoted = `'${text}'`;
    } else {
      const mark = !StringPrototypeIncludes(text, "'")
        ? "'"
        : !StringPrototypeIncludes(text, '"')
          ? '"'
          : !StringPrototypeIncludes(text, "`")
            ? "`"
            : "'";
      quoted = mark;
      for (let i = 0; i < text.length; i++) quoted += escape(text, i, mark);
      quoted += mark;
    }
    return cut ? `${quoted}…` : quoted;
  }

  const escapes = {
    __proto__: null,
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
    "\\": "\\\\",
  };
  function escape(text, at, mark) {
    const character = text[at];
    if (character === mark) return `\\${mark}`;
    if (escapes[character] !== undefined) return escapes[character];
    const code = StringPrototypeCharCodeAt(text, at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
      return `\\x${StringPrototypePadStart(NumberPrototypeToString(code, 16), 2, "0")}`;
    if (code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code < 0xe000 && isLone(text, at, code))) {
      return `\\u${NumberPrototypeToString(code, 16)}`;
    }
    return character;
  }
  function isLone(text, at, code) {
    const other = StringPrototypeCharCodeAt(text, code < 0xdc00 ? at + 1 : at - 1);
    return code < 0xdc00 ? !(other >= 0xdc00 && other < 0xe000) : !(other >= 0xd800 && other < 0xdc00);
  }

  /** @type {LazyInternals["primitive"]} */
  function primitive(value, limit) {
    switch (typeof value) {
      case "string":
        return quote(value, limit);
      case "number":
        return ObjectIs(value, -0) ? "-0" : `${value}`;
      case "bigint":
        return `${StringPrototypeSlice(BigIntPrototypeToString(value), 0, limit)}n`;
      case "symbol":
        return SymbolPrototypeToString(value);
      default:
        return String(value);
    }
  }

  host.quote = quote;
  host.primitive = primitive;
});
