// Edge cases after web-platform-tests/FileAPI and /xhr/formdata.
test(
  "blob: parts, slices",
  async () => {
    const b = new Blob(["ab", bytes(0x63).buffer, new Blob(["d"]), 5]);
    return [
      b.size,
      await b.text(),
      await b.slice(1, 3).text(),
      await b.slice(-2).text(),
      await b.slice(3, 1).text(),
      await b.slice(0, 1, "X/Y").type,
      hex(await b.slice(0, 1).bytes()),
    ];
  },
  [5, "abcd5", "bc", "d5", "", "x/y", "61"],
);
test(
  "blob: types",
  () => [new Blob([], { type: "A/B" }).type, new Blob([], { type: "\u00e9" }).type, new Blob().type],
  ["a/b", "", ""],
);
test(
  "blob: endings",
  () =>
    Promise.all(
      ["a\r\nb", "a\rb\r", "a\nb", "\r\r\n\n"].map((text) => new Blob([text, bytes(13)], { endings: "native" }).text()),
    ),
  ["a\nb\r", "a\nb\n\r", "a\nb\r", "\n\n\n\r"],
);
test(
  "blob: refused",
  () =>
    all(
      () => new Blob("x"),
      () => new Blob([], { endings: "x" }),
      () => new File([]),
    ),
  Array(3).fill("TypeError"),
);
test(
  "file",
  () => {
    const f = new File(["x"], "n/é", { type: "a/b", lastModified: 5 });
    return [f.name, f.lastModified, f.type, f.size, f instanceof Blob, `${f}`];
  },
  ["n/é", 5, "a/b", 1, true, "[object File]"],
);
test(
  "form: entries",
  () => {
    const f = new FormData();
    f.append("a", "1");
    f.append("a", 2);
    f.set("b", new Blob(["x"]));
    f.append("c", new Blob(["x"]), "n.txt");
    f.set("a", "9");
    return [...f].map(([k, v]) => [k, typeof v === "string" ? v : v.name]);
  },
  [
    ["a", "9"],
    ["b", "blob"],
    ["c", "n.txt"],
  ],
);
test(
  "form: arguments are converted before the list is read",
  () => {
    const f = new FormData();
    f.set("a", "1");
    const changing = (text, change) => ({ toString: () => (change(), text) });
    f.delete(changing("a", () => f.set("b", "2")));
    f.append(
      changing("c", () => f.set("d", "3")),
      "4",
    );
    return [[...f], f.get(changing("e", () => f.set("e", "5")))];
  },
  [
    [
      ["b", "2"],
      ["d", "3"],
      ["c", "4"],
    ],
    "5",
  ],
);
test(
  "form: refused",
  () =>
    all(
      () => new FormData({}),
      () => new FormData().append("a"),
      () => new FormData().append("a", "b", "c"),
    ),
  Array(3).fill("TypeError"),
);
test(
  "multipart: there and back",
  async () => {
    const f = new FormData();
    f.append('q"\r\n', "l1\nl2");
    f.append("file", new File([bytes(0, 13, 10, 45, 45, 255)], 'ä".bin', { type: "x/y" }));
    f.append("", "");
    const r = new Response(f);
    const b = await r.formData();
    const file = b.get("file");
    return [[...b.keys()], b.get('q"\r\n'), file.name, file.type, hex(await file.arrayBuffer()), b.get("")];
  },
  [['q"\r\n', "file", ""], "l1\r\nl2", 'ä".bin', "x/y", "000d0a2d2dff", ""],
);
const multipart = (text, mark = "B") =>
  new Response(text, { headers: { "content-type": `multipart/form-data; boundary=${mark}` } })
    .formData()
    .then((f) => [...f]);
test(
  "multipart: as others write it",
  () =>
    multipart(
      'preamble\r\n--B \r\ncontent-disposition: form-data; name=a; foo=bar\r\n\r\n1\r\n--B\r\nX-Y: z\r\nContent-Disposition: form-data; filename=""; name="b"\r\n\r\n\r\n--B--\r\nepilogue',
    ).then(([a, b]) => [a, b[0], b[1].size, b[1].name]),
  [["a", "1"], "b", 0, ""],
);
test(
  "multipart: broken",
  () =>
    all(
      () => multipart(""),
      () => multipart("--B\r\n\r\nx\r\n--B--"),
      () => multipart("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1"),
      () => multipart("--Bx"),
      () => new Response("x", { headers: { "content-type": "multipart/form-data" } }).formData(),
      () => new Response("x").formData(),
    ),
  Array(6).fill("TypeError"),
);
test(
  "multipart: line feeds alone",
  async () => {
    const [a, b] = await multipart(
      '--B\ncontent-disposition: form-data; name=a\n\n1\r\n2\n--B\nContent-Disposition: form-data; filename="f"; name="b"\n\n\n--B--\n',
    );
    return [a, b[0], b[1].size];
  },
  [["a", "1\r\n2"], "b", 0],
);
test(
  "urlencoded form",
  async () => [
    ...(await new Request("http://a", {
      method: "POST",
      body: new URLSearchParams([
        ["a", "1 2"],
        ["a", "&"],
      ]),
    }).formData()),
  ],
  [
    ["a", "1 2"],
    ["a", "&"],
  ],
);
