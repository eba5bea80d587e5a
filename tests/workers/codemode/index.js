// Code of a model, which is the body of the request, calls functions of this Worker.

import { DynamicWorkerExecutor, generateTypesFromJsonSchema, normalizeCode, sanitizeToolName } from "@cloudflare/codemode";

const orders = { ann: [{ item: "tea", price: 3 }, { item: "cup", price: 7.5 }] };
const calls = [];
const fns = {
  listOrders: async ({ user }) => orders[user] ?? [],
  addOrder: async ({ user, order }) => {
    calls.push(["addOrder", user]);
    (orders[user] ??= []).push(order);
    return { count: orders[user].length };
  },
  fail: async () => {
    throw new Error("the tool refuses");
  },
  echo: async (...values) => values,
  slow: () => new Promise((resolve) => setTimeout(() => resolve("late"), 5000)),
};
const providers = [
  { name: "codemode", fns },
  { name: "math", fns: { add: ({ a, b }) => a + b } },
];

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/types") {
      const schema = { type: "object", properties: { user: { type: "string" } }, required: ["user"] };
      const types = generateTypesFromJsonSchema({ listOrders: { description: "Lists orders", inputSchema: schema } });
      return Response.json([types, sanitizeToolName("my-tool.v2"), normalizeCode("1 + 1")]);
    }
    const timeout = pathname === "/impatient" ? 300 : undefined;
    const modules = { "helpers.js": "export const twice = (n) => 2 * n;" };
    const executor = new DynamicWorkerExecutor({ loader: env.LOADER, timeout, modules });
    const { result, error, logs } = await executor.execute(await request.text(), providers);
    return Response.json({ result: result ?? null, error: error ?? null, logs: logs ?? null });
  },
};
