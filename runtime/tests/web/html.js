// HTMLRewriter. What it has in common with workerd is in tests/workers/html-rewriter.
const rewrite = (rewriter, text) => rewriter.transform(new Response(text)).text();

test("a large document in pieces", async () => {
  const rows = 20000;
  let count = 0;
  const rewriter = new HTMLRewriter().on("td", { element: (element) => element.setAttribute("n", `${++count}`) });
  const text = await rewrite(rewriter, `<table>${"<tr><td>x</td></tr>".repeat(rows)}</table>`);
  return [count, text.includes(`<td n="${rows}">x</td></tr></table>`)];
}, [20000, true]);
test("handlers see what earlier ones changed", async () => {
  const seen = [];
  const rewriter = new HTMLRewriter()
    .on("p", {
      element(element) {
        element.setAttribute("A", "1").setAttribute("c", "&").removeAttribute("b");
        element.tagName = "Q";
      },
    })
    .on("p", { element: (element) => seen.push(element.tagName, [...element.attributes], element.removed) });
  return [await rewrite(rewriter, "<p a=0 b=2>x</p>"), seen];
}, [
  '<Q a="1" c="&">x</Q>',
  [
    "q",
    [
      ["a", "1"],
      ["c", "&"],
    ],
    false,
  ],
]);
test("a handler's `this` is its object", async () => {
  class Counter {
    count = 0;
    element() {
      this.count++;
    }
  }
  const counter = new Counter();
  await rewrite(new HTMLRewriter().on("p", counter), "<p><p>");
  return counter.count;
}, 2);
test(
  "content from a stream",
  async () => {
    const stream = () => ReadableStream.from([utf8("a<"), utf8("b")]);
    const rewriter = new HTMLRewriter().on("p", { element: (element) => element.append(stream()).after("c") });
    return rewrite(rewriter, "<p>x</p>");
  },
  "<p>xa&lt;b</p>c",
);
test("bounds", async () => {
  const many = new HTMLRewriter();
  for (let i = 0; i < 300; i++) many.on("p", {});
  return all(
    () => new HTMLRewriter().on(`p${":not(a)".repeat(1000)}`, {}),
    () => many.transform(new Response("x")),
    () => rewrite(new HTMLRewriter().on("p", { element() {} }), `<p title="${"x".repeat(4 << 20)}">`),
    () => new HTMLRewriter().transform(new Response("x", { headers: { "content-type": "text/html; charset=utf-16" } })),
  );
}, ["TypeError", "TypeError", "TypeError", "TypeError"]);
test(
  "documents that nobody reads are freed",
  async () => {
    for (let i = 0; i < 60; i++) new HTMLRewriter().transform(new Response("x")).body.cancel();
    return (await Promise.all(Array.from({ length: 3 }, () => rewrite(new HTMLRewriter(), "<p>")))).join();
  },
  "<p>,<p>,<p>",
);
test("an error of a handler reaches the reader, and cancels the source", async () => {
  let cancelled;
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue(utf8("<p>")),
    cancel: (reason) => {
      cancelled = reason.message;
    },
  });
  const rewriter = new HTMLRewriter().on("p", {
    element: () => {
      throw new RangeError("no");
    },
  });
  return [await thrown(() => rewriter.transform(new Response(source)).text()), cancelled];
}, ["RangeError", "no"]);
test("replaced methods are not called", async () => {
  const push = Array.prototype.push;
  const then = Promise.prototype.then;
  let calls = 0;
  Array.prototype.push = Promise.prototype.then = () => calls++;
  Object.prototype.ends = Object.prototype.error = "poison";
  try {
    const rewriter = new HTMLRewriter().on("p", { element: (element) => void element.setAttribute("a", "b") });
    const text = await rewrite(rewriter, "<p>x</p>");
    return [text, calls];
  } finally {
    Array.prototype.push = push;
    Promise.prototype.then = then;
    delete Object.prototype.ends;
    delete Object.prototype.error;
  }
}, ['<p a="b">x</p>', 0]);
test(
  "documents that are given up make room for others",
  async () => {
    const never = { element: () => new Promise(() => {}) };
    for (let i = 0; i < 150; i++) {
      new HTMLRewriter().transform(new Response("<p>"));
      const text = new HTMLRewriter().on("p", never).transform(new Response("<p>")).text();
      await Promise.race([text, later(0)]);
    }
    return rewrite(new HTMLRewriter(), "<p>");
  },
  "<p>",
);
test(
  "64 documents at once",
  async () => {
    const open = [];
    for (let i = 0; i < 64; i++) open.push(new HTMLRewriter().transform(new Response("<p>")));
    const refused = await thrown(() => new HTMLRewriter().transform(new Response("<p>")));
    const texts = await Promise.all(open.map((response) => response.text()));
    return [refused, texts.every((text) => text === "<p>"), await rewrite(new HTMLRewriter(), "again")];
  },
  ["TypeError", true, "again"],
);
test(
  "a handler of an end tag runs once, after the content",
  async () => {
    const seen = [];
    const rewriter = new HTMLRewriter()
      .on("p", {
        element(element) {
          seen.push("start");
          element.onEndTag((tag) => {
            seen.push(tag.name);
          });
        },
      })
      .on("p", { text: (chunk) => seen.push(chunk.text) });
    await rewrite(rewriter, "<p>a</p>b<p>c</p>");
    return seen.filter((each) => each !== "");
  },
  ["start", "a", "p", "start", "c", "p"],
);
