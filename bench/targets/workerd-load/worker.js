// Runs the script of each request in a Worker that is loaded for that request alone, without
// network, and with the tools as an RPC binding in `env`, as Cloudflare's documentation of Dynamic
// Workers recommends for code that runs once.
import { WorkerEntrypoint } from "cloudflare:workers";

// isolet's tools are in an MCP server of another process; these are answered here, in the loading
// Worker.
export class Demo extends WorkerEntrypoint {
  add({ a, b }) {
    return { sum: a + b };
  }
  wait({ ms }) {
    return new Promise((resolve) => setTimeout(resolve, ms, { waited: ms }));
  }
  text({ bytes }) {
    return "x".repeat(bytes);
  }
}

const around = (code) => `
export default {
  async fetch(request, env) {
    try {
      const result = await (async () => { ${code}
      })();
      return Response.json({ ok: true, result });
    } catch (error) {
      return Response.json({ ok: false, error: String(error) });
    }
  },
};`;

export default {
  async fetch(request, env, ctx) {
    // For the readiness check: loads nothing.
    if (request.method === "GET") return new Response("ok");
    const { code } = await request.json();
    const worker = {
      compatibilityDate: "2026-11-01",
      mainModule: "script.js",
      modules: { "script.js": around(code) },
      env: { demo: ctx.exports.Demo({}) },
      globalOutbound: null,
    };
    const loaded = new URL(request.url).pathname === "/get"
      ? env.LOADER.get(crypto.randomUUID(), () => worker)
      : env.LOADER.load(worker);
    return loaded.getEntrypoint().fetch("http://script/");
  },
};
