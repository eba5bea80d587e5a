// Code from texts, which a Worker may make while it starts: schemas, templates, messages.
import Ajv from "ajv";
import ejs from "ejs";
import Handlebars from "handlebars";
import { compile } from "./dots.cjs";
import page from "./page.hbs";

const validate = new Ajv({ allErrors: true }).compile({ type: "object", required: ["a"], properties: { a: { type: "integer" }, b: { enum: [1, 2] } } });
const template = Handlebars.compile(page);
template({});
const list = ejs.compile("<% for (const item of items) { %><i><%= item %></i><% } %>");
const double = compile("x * 2");
const early = await Promise.resolve().then(() => new Function("return 'awaited'")());

const pages = {
  "/ajv": () => [validate({ a: 1 }), validate({ b: 3 }), validate.errors?.map((error) => error.message)],
  "/handlebars": () => template({ name: "<x>", items: [1, 2] }),
  "/ejs": () => list({ items: ["a", "<b>"] }),
  "/function": () => [double(21), early],
  "/late": () => {
    try {
      return new Function("return 1")();
    } catch (error) {
      return error.message;
    }
  },
};
export default { fetch: (request) => Response.json(pages[new URL(request.url).pathname]?.() ?? null) };
