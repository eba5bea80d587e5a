#!/usr/bin/env bash
# A tool that takes any names as arguments is shown to the model as a tool that takes none.
#
# Version:  @ai-sdk/mcp 2.0.99 (npm, the MCP client of the Vercel AI SDK), @modelcontextprotocol/server 2.4.0, zod 4.6.7
# Input:    two tools of a stdio server: `set_prices` with the input `z.record(z.string(), z.number())`, which the server announces as
#           `{ type: object, additionalProperties: { type: number } }`, and `note` with `z.looseObject({ a: z.string() })`, announced with
#           `additionalProperties: {}`
# Expected: the schema of a tool in `client.tools()` allows what the server announces
# Seen:     `additionalProperties` of the top level is overwritten with `false`, whatever the server wrote, and `properties: {}` is added where
#           there are none. So `set_prices` has only `{}` as valid arguments, and a model that follows the schema cannot use the tool;
#           `execute` itself checks nothing and passes the real arguments. A map one level deeper keeps its `additionalProperties`.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @ai-sdk/mcp@2.0.99 @modelcontextprotocol/server@2.4.0 zod@4.6.7 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
serveStdio(() => {
  const server = new McpServer({ name: "shop", version: "1" });
  const echo = async (input) => ({ content: [{ type: "text", text: JSON.stringify(input) }] });
  server.registerTool("set_prices", { inputSchema: z.record(z.string(), z.number()) }, echo);
  server.registerTool("note", { inputSchema: z.looseObject({ a: z.string() }) }, echo);
  server.registerTool("label", { inputSchema: z.object({ labels: z.record(z.string(), z.string()) }) }, echo);
  return server;
});
JS
cat > client.mjs <<'JS'
import { createMCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
const client = await createMCPClient({ transport: new StdioMCPTransport({ command: "node", args: ["server.mjs"] }) });
const announced = Object.fromEntries((await client.listTools()).tools.map((tool) => [tool.name, tool.inputSchema]));
const tools = await client.tools();
for (const name of ["set_prices", "note", "label"]) {
  const shown = await tools[name].inputSchema.jsonSchema;
  console.log(name, JSON.stringify(announced[name].additionalProperties), "->", JSON.stringify(shown.additionalProperties));
}
console.log("inner", JSON.stringify((await tools.label.inputSchema.jsonSchema).properties.labels.additionalProperties));
const { content } = await tools.set_prices.execute({ tea: 3 }, { toolCallId: "1", messages: [] });
console.log("execute", content[0].text);
await client.close();
JS
seen=$(timeout 60 node client.mjs) || exit 2
echo "$seen"
[ "$seen" = 'set_prices {"type":"number"} -> false
note {} -> false
label undefined -> false
inner {"type":"string"}
execute {"tea":3}' ] || { echo "changed"; exit 1; }
