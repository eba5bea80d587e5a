// Runs the script of each request with the executor of @cloudflare/codemode. Its tools are
// functions of this Worker.
import { DynamicWorkerExecutor } from "@cloudflare/codemode";

const tools = {
  add: async ({ a, b }) => ({ sum: a + b }),
  wait: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, { waited: ms })),
  text: async ({ bytes }) => "x".repeat(bytes),
};

export default {
  async fetch(request, env) {
    if (request.method === "GET") return new Response("ok");
    const { code } = await request.json();
    const executor = new DynamicWorkerExecutor({ loader: env.LOADER });
    const script = `async () => { const env = { demo: codemode }; ${code}\n}`;
    const { result, error } = await executor.execute(script, tools);
    return Response.json(error === undefined ? { ok: true, result } : { ok: false, error });
  },
};
