// A component of Svelte, compiled for the server, and its stores.
import { createRawSnippet } from "svelte";
import { derived, get, writable } from "svelte/store";
import { render } from "svelte/server";
import Card from "./card.js";

const children = createRawSnippet(() => ({ render: () => "<i>child</i>" }));
const pages = {
  "/": () => {
    const { head, body } = render(Card, { props: { title: "A & B", items: ["x", "<y>"], children }, context: new Map([["theme", "dark"]]) });
    return Response.json([head, body]);
  },
  "/empty": () => new Response(render(Card, { props: { title: "none" }, context: new Map() }).body),
  "/stores": () => {
    const count = writable(1);
    const double = derived(count, (n) => n * 2);
    const seen = [];
    const stop = double.subscribe((n) => seen.push(n));
    count.set(4);
    stop();
    count.update((n) => n + 1);
    return Response.json([seen, get(double)]);
  },
};
export default { fetch: (request) => pages[new URL(request.url).pathname]?.() ?? new Response("none", { status: 404 }) };
