// Edge cases after web-platform-tests/encoding and html/webappapis/atob.
test("lone surrogates become U+FFFD", () => [..."\ud800", "a\udc00b", "\ud83d\ude00"].map((x) => hex(utf8(x))), [
  "efbfbd",
  "61efbfbd62",
  "f09f9880",
]);
test(
  "encode: arguments",
  () => [
    hex(new TextEncoder().encode()),
    hex(new TextEncoder().encode(undefined)),
    hex(new TextEncoder().encode(null)),
    new TextEncoder().encoding,
  ],
  ["", "", "6e756c6c", "utf-8"],
);
test(
  "encodeInto",
  () =>
    [0, 1, 3, 4, 5, 7, 8].map((size) => {
      const to = new Uint8Array(size);
      const { read, written } = new TextEncoder().encodeInto("a€😀", to);
      return [read, written, hex(to)];
    }),
  [
    [0, 0, ""],
    [1, 1, "61"],
    [1, 1, "610000"],
    [2, 4, "61e282ac"],
    [2, 4, "61e282ac00"],
    [2, 4, "61e282ac000000"],
    [4, 8, "61e282acf09f9880"],
  ],
);
test(
  "encodeInto: strange targets",
  () => {
    const resizable = new Uint8Array(new ArrayBuffer(2, { maxByteLength: 8 }));
    const gone = new Uint8Array(4);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    return [new TextEncoder().encodeInto("abc", resizable), new TextEncoder().encodeInto("abc", gone)];
  },
  [
    { read: 2, written: 2 },
    { read: 0, written: 0 },
  ],
);
test(
  "encodeInto: wrong targets",
  () =>
    all(
      () => new TextEncoder().encodeInto("a", new Uint16Array(1)),
      () => new TextEncoder().encodeInto("a", []),
    ),
  ["TypeError", "TypeError"],
);
test(
  "invalid UTF-8 is replaced as the standard says",
  () =>
    [
      [0xff],
      [0xc0, 0x80],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x28, 0xa1],
      [0xf0, 0x9f, 0x92],
    ].map((x) => new TextDecoder().decode(bytes(...x)).length),
  [1, 2, 1, 3, 4, 3, 1],
);
test(
  "fatal",
  () =>
    all(
      () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(0xff)),
      () => new TextDecoder("utf-8", { fatal: true }).decode(bytes(0xe2, 0x82)),
      () => new TextDecoder("utf-16le", { fatal: true }).decode(bytes(0, 0xd8)),
    ),
  Array(3).fill("TypeError"),
);
test(
  "byte order marks",
  () =>
    ["utf-8", "utf-16le", "utf-16be"].map((label, i) =>
      [false, true].map((ignoreBOM) =>
        new TextDecoder(label, { ignoreBOM }).decode(
          [bytes(0xef, 0xbb, 0xbf, 0x41), bytes(0xff, 0xfe, 0x41, 0), bytes(0xfe, 0xff, 0, 0x41)][i],
        ),
      ),
    ),
  Array(3).fill(["A", "\ufeffA"]),
);
test("only one mark goes", () => new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf)), "\ufeff");
test(
  "labels",
  () =>
    [" UTF8 ", "latin1", "ascii", "unicode-1-1-utf-8", "shift-jis", "GBK", "utf-16", "x-user-defined"].map(
      (x) => new TextDecoder(x).encoding,
    ),
  ["utf-8", "windows-1252", "windows-1252", "utf-8", "shift_jis", "gbk", "utf-16le", "x-user-defined"],
);
test(
  "no labels",
  () =>
    all(
      () => new TextDecoder("nope"),
      () => new TextDecoder(""),
      () => new TextDecoder("iso-2022-cn"),
    ),
  Array(3).fill("RangeError"),
);
test("windows-1252", () => new TextDecoder("latin1").decode(bytes(0x80, 0xe9, 0x81)), "€é\u0081");
test(
  "streaming, byte by byte",
  () => {
    const text = "\ufeffa€😀é";
    const cut = { "utf-8": utf8(text), "utf-16le": new Uint8Array(Uint16Array.from(text, (_, i) => 0).buffer) };
    const units = [];
    for (let i = 0; i < text.length; i++) units.push(text.charCodeAt(i) & 255, text.charCodeAt(i) >> 8);
    cut["utf-16le"] = bytes(...units);
    return Object.entries(cut).map(([label, all]) => {
      const decoder = new TextDecoder(label);
      let out = "";
      for (const byte of all) out += decoder.decode(bytes(byte), { stream: true });
      return out + decoder.decode();
    });
  },
  ["a€😀é", "a€😀é"],
);
test(
  "streaming: what is unfinished at the end",
  () => {
    const d = new TextDecoder();
    return [d.decode(bytes(0xe2, 0x82), { stream: true }), d.decode(), d.decode(bytes(0x41))];
  },
  ["", "\ufffd", "A"],
);
test(
  "streaming: fatal",
  () => {
    const d = new TextDecoder("utf-8", { fatal: true });
    d.decode(bytes(0xe2, 0x82), { stream: true });
    return thrown(() => d.decode());
  },
  "TypeError",
);
test(
  "streaming: iso-2022-jp",
  () => {
    const d = new TextDecoder("iso-2022-jp");
    let out = "";
    for (const byte of [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42, 0x41])
      out += d.decode(bytes(byte), { stream: true });
    return out + d.decode();
  },
  "あA",
);
test(
  "decode: kinds of input",
  () => {
    const buffer = utf8("abcd").buffer;
    return [buffer, new DataView(buffer, 1, 2), new Uint16Array(buffer), new Uint8Array(buffer, 3)].map((x) =>
      new TextDecoder().decode(x),
    );
  },
  ["abcd", "bc", "abcd", "d"],
);
test(
  "decode: a detached buffer is empty",
  () => {
    const a = utf8("abc");
    structuredClone(a.buffer, { transfer: [a.buffer] });
    return [new TextDecoder().decode(a), new TextDecoder().decode(a.buffer)];
  },
  ["", ""],
);
test(
  "decode: no input",
  () =>
    all(
      () => new TextDecoder().decode("text"),
      () => new TextDecoder().decode([1]),
      () => new TextDecoder().decode(null),
    ),
  Array(3).fill("TypeError"),
);
test("atob", () => ["", "YQ==", "YQ", " Y Q\n=\t= ", "YWI=", "YWJj", "/+8=", "YR=="].map((x) => atob(x)), [
  "",
  "a",
  "a",
  "a",
  "ab",
  "abc",
  "\xff\xef",
  "a",
]);
test(
  "atob: no base64",
  () => all(...["a", "YQ=", "YQ===", "=", "====", "Y=Q=", "YWJj=", "é", "-_", "YQ==YQ=="].map((x) => () => atob(x))),
  Array(10).fill("InvalidCharacterError"),
);
test("btoa", () => ["", "a", "ab", "abc", "\xff\xef\0"].map((x) => btoa(x)), ["", "YQ==", "YWI=", "YWJj", "/+8A"]);
test(
  "btoa: too wide",
  () =>
    all(
      () => btoa("€"),
      () => btoa(),
    ),
  ["InvalidCharacterError", "TypeError"],
);
test(
  "there and back",
  () => {
    let all = "";
    for (let i = 0; i < 256; i++) all += String.fromCharCode(i);
    return atob(btoa(all)) === all;
  },
  true,
);
