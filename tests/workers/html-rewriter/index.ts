// HTMLRewriter: what handlers see, what they can change, and how errors look.

const page = `<!DOCTYPE html>
<html><head><title>Old &amp; title</title><meta charset="utf-8"></head>
<body><h1 class="big" data-n=1>Head</h1><ul><li>one<li>two</ul><img src="/a.png" alt="A &amp; B">
<p id=first>Some <b>bold</b> text<!-- a note --></p><svg><path d="M0"/></svg><div/>rest</body></html>`;

const html = (text: BodyInit, type = "text/html") => new Response(text, { headers: { "content-type": type } });
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function told(run: () => unknown): Promise<string> {
  try {
    await run();
    return "no error";
  } catch (error) {
    return (error as Error).name;
  }
}

const cases: Record<string, () => Promise<Response> | Response> = {
  "/elements": () =>
    new HTMLRewriter()
      .on("h1", {
        element(element) {
          element.setAttribute("id", 'x"y').removeAttribute("data-n");
          element.tagName = "h2";
          element.before("<hr>", { html: true }).after("<after>").prepend("> ").append("!", { html: true });
        },
      })
      .on("img", { element: (element) => void element.replace(`<picture alt='${element.getAttribute("alt")}'>`, { html: true }) })
      .on("li", { element: (element) => void element.prepend("- ").append("+") })
      .on("b", { element: (element) => void element.removeAndKeepContent() })
      .on("svg", { element: (element) => void element.remove() })
      .on("title", { element: (element) => void element.setInnerContent("New <title>") })
      .transform(html(page)),
  "/read": async () => {
    const seen: unknown[] = [];
    const rewritten = new HTMLRewriter()
      .on("*", {
        element(element) {
          seen.push([element.tagName, element.namespaceURI, [...element.attributes], element.removed]);
        },
      })
      .on("h1", { element: (element) => void seen.push(element.hasAttribute("CLASS"), element.getAttribute("none")) })
      .onDocument({
        doctype: (doctype) => void seen.push([doctype.name, doctype.publicId, doctype.systemId]),
        comments: (comment) => void seen.push(["comment", comment.text, comment.removed]),
        end: () => void seen.push("end"),
      })
      .transform(html(page));
    const same = (await rewritten.text()) === page;
    return Response.json({ same, seen });
  },
  "/text": async () => {
    let text = "";
    const rewritten = new HTMLRewriter()
      .on("p", {
        text(chunk) {
          text += chunk.text;
          if (chunk.lastInTextNode) chunk.after("|");
          else chunk.replace(chunk.text.toUpperCase());
        },
        comments(comment) {
          comment.text = " another ";
          comment.before("(").after(")");
        },
      })
      .transform(html(page));
    return new Response(`${await rewritten.text()}\n${text}`);
  },
  "/document": () =>
    new HTMLRewriter()
      .onDocument({
        comments: (comment) => void comment.remove(),
        end: (end) => void end.append("<!-- end -->", { html: true }).append("<x>"),
      })
      .transform(html(page)),
  "/end-tags": () =>
    new HTMLRewriter()
      .on("p", {
        element(element) {
          element.onEndTag((tag) => void tag.before("1", { html: true }));
          element.onEndTag((tag) => {
            tag.after("<2>");
            tag.name = "q";
          });
        },
      })
      .on("b", { element: (element) => element.onEndTag((tag) => void tag.remove()) })
      .on("li", { element: (element) => element.onEndTag((tag) => void tag.before(`[${tag.name}]`)) })
      .transform(html(page)),
  "/later": () =>
    new HTMLRewriter()
      .on("h1", {
        async element(element) {
          await later(5);
          element.setInnerContent("later");
        },
      })
      .on("h1", { element: (element) => void element.after("second") })
      .on("b", { element: (element) => void element.replace(new Response("<i>from a body</i>"), { html: true }) })
      .transform(html(page)),
  "/pieces": async () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const write = async () => {
      const bytes = new TextEncoder().encode(page.replace("Head", "H€ad"));
      for (let at = 0; at < bytes.length; at += 7) await writer.write(bytes.subarray(at, at + 7));
      await writer.close();
    };
    const written = write();
    const rewritten = new HTMLRewriter()
      .on("h1", { element: (element) => void element.setAttribute("seen", "") })
      .on("img[src^='/']", { element: (element) => void element.setAttribute("src", `https://host${element.getAttribute("src")}`) })
      .transform(html(readable));
    const text = await rewritten.text();
    await written;
    return html(text);
  },
  "/response": async () => {
    const first = new Response("<p>", { status: 201, headers: { "content-type": "text/html", "x-a": "b" } });
    const rewritten = new HTMLRewriter().transform(first);
    const empty = new Response(null, { status: 204 });
    return Response.json([
      rewritten.status,
      rewritten.headers.get("x-a"),
      first.bodyUsed,
      await rewritten.text(),
      new HTMLRewriter().transform(empty).status,
    ]);
  },
  "/errors": async () => {
    const rewriter = new HTMLRewriter();
    let kept: Element | undefined;
    const keeps = { element: (element: Element) => void (kept = element) };
    await new HTMLRewriter().on("h1", keeps).transform(html(page)).text();
    const failing = (handler: (element: Element) => unknown) =>
      told(() =>
        new HTMLRewriter()
          .on("h1", { element: handler as never })
          .transform(html(page))
          .text(),
      );
    return Response.json([
      await told(() => rewriter.on("p + a", {})),
      await told(() => rewriter.on("", {})),
      await told(() => kept?.tagName),
      await failing(() => {
        throw new RangeError("x");
      }),
      await failing(async () => {
        throw new RangeError("x");
      }),
      await failing((element) => (element.tagName = "1")),
      await failing((element) => element.setAttribute("a b", "")),
      await told(() =>
        new HTMLRewriter()
          .on("img", { element: (element) => element.onEndTag(() => {}) })
          .transform(html(page))
          .text(),
      ),
      await told(() => rewriter.transform("text" as never)),
    ]);
  },
  "/latin": async () => {
    const bytes = new Uint8Array([0x3c, 0x70, 0x3e, 0xe9, 0x3c, 0x2f, 0x70, 0x3e]);
    const text: string[] = [];
    const rewritten = new HTMLRewriter()
      .on("p", { text: (chunk) => void text.push(chunk.text), element: (element) => void element.append("ü漢") })
      .transform(html(bytes, "text/html; charset=iso-8859-1"));
    const out = new Uint8Array(await rewritten.arrayBuffer());
    return Response.json([text, [...out]]);
  },
};

export default {
  fetch(request: Request) {
    const run = cases[new URL(request.url).pathname];
    return run === undefined ? new Response("?", { status: 404 }) : run();
  },
};
