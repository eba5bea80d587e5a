// Solid on the server: what its compiler makes of components, written by hand.
import { createMemo, createResource, createSignal, For, Show, Suspense } from "solid-js";
import { createComponent, escape, isServer, renderToStream, renderToString, renderToStringAsync, ssr } from "solid-js/web";

const List = (props) => createComponent(For, { get each() { return props.items; }, children: (item) => ssr(["<li>", "</li>"], escape(item)) });
const Page = () => {
  const [count, setCount] = createSignal(1);
  const double = createMemo(() => count() * 2);
  setCount(5);
  return ssr(["<main><ul>", "</ul><b>", "</b>", "</main>"], createComponent(List, { items: ["a", "<b>"] }), escape(double()), createComponent(Show, { when: true, children: "shown" }));
};
const Late = () => {
  const [data] = createResource(async () => "late");
  return createComponent(Suspense, { fallback: "waiting", get children() { return ssr(["<p>", "</p>"], escape(data())); } });
};
const pages = {
  "/": () => new Response(JSON.stringify([isServer, renderToString(Page)])),
  "/late": async () => new Response((await renderToStringAsync(Late)).includes("<p>late</p>")),
  "/stream": () => {
    const { readable, writable } = new TransformStream();
    renderToStream(Page).pipeTo(writable);
    return new Response(readable);
  },
};
export default { fetch: (request) => pages[new URL(request.url).pathname]?.() ?? new Response("none", { status: 404 }) };
