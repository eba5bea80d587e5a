// Templates as text modules. Mustache interprets them; Handlebars and EJS make code of them.
import ejs from "ejs";
import Handlebars from "handlebars";
import { marked } from "marked";
import MarkdownIt from "markdown-it";
import Mustache from "mustache";
import sanitize from "sanitize-html";
import list from "./list.mustache";
import page from "./views/page.hbs";

const told = (run) => {
  try {
    return run();
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
};
const markdown = "# Title\n\n| a | b |\n|---|---|\n| 1 | **2** |\n\n- [x] done\n- <script>alert(1)</script>\n\n```js\nconst a = '<';\n```\n\nhttps://a.example &copy; \"quoted\"";
const pages = {
  "/mustache": () => Mustache.render(list, { title: "T & U", items: [{ name: "a" }, { name: "<b>" }], empty: [], shout: () => (text, render) => render(text).toUpperCase() }, { item: "[{{name}}]" }),
  "/handlebars/parse": () => JSON.stringify(Handlebars.parse(page).body.map((part) => part.type)),
  "/handlebars": () => told(() => Handlebars.compile(page)({ name: "x" })),
  "/ejs": () => told(() => ejs.render("<%= name %>", { name: "x" })),
  "/marked": () => marked.parse(markdown, { gfm: true }),
  "/markdown-it": () => new MarkdownIt({ html: false, linkify: true, typographer: true }).render(markdown),
  "/sanitize": () => sanitize('<p onclick="x()">a<script>b</script><a href="javascript:c">d</a><img src="https://e.example/f.png"></p>', { allowedTags: ["p", "a", "img"] }),
};

export default {
  fetch: (request) => {
    const run = pages[new URL(request.url).pathname];
    return new Response(run?.() ?? "none", { headers: { "content-type": "text/html" } });
  },
};
