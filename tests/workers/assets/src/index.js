export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/api/")) return Response.json({ worker: url.pathname, method: request.method });
    if (url.pathname.startsWith("/binding/")) {
      const target = new URL(url.pathname.slice("/binding".length) + url.search, url);
      const answer = await env.ASSETS.fetch(new Request(target, request));
      const text = await answer.text();
      return Response.json({ status: answer.status, type: answer.headers.get("content-type"), location: answer.headers.get("location"),
        tag: answer.headers.has("etag"), cache: answer.headers.get("cache-control"), text });
    }
    if (url.pathname.startsWith("/pass/")) return env.ASSETS.fetch(new URL(url.pathname.slice("/pass".length), url));
    if (url.pathname === "/kinds") {
      const { ASSETS } = env;
      const text = (await (await ASSETS.fetch("https://assets.local/hello.txt")).text()).trim();
      return Response.json({ type: typeof ASSETS, fetch: typeof ASSETS.fetch, name: Object.prototype.toString.call(ASSETS), keys: Object.keys(env), text });
    }
    return new Response(`worker: ${request.method} ${url.pathname}`, { status: 404, headers: { "x-worker": "1" } });
  },
};
