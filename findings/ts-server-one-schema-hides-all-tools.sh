#!/usr/bin/env bash
# One tool whose schema has no JSON Schema form is registered without an error, and then no tool of the server can be listed.
#
# Version:  @modelcontextprotocol/server and client 2.4.0, zod 4.6.7 (npm, the official TypeScript SDK)
# Input:    a server with the tool `hello` and a second one: an `outputSchema` with `z.string().transform(…)`, or an `inputSchema` with
#           `z.coerce.date()`, `z.int64()` or `z.set(…)`, all of them schemas that zod itself parses with
# Expected: `registerTool` refuses the schema, or `tools/list` leaves that tool or that schema out
# Seen:     `registerTool` returns; each `tools/list` is answered with the JSON-RPC error -32603 "… cannot be represented in JSON Schema", which
#           does not name the tool, so a client has no tool at all. A call of `hello` by its name still works. A transform in an
#           `inputSchema` is fine: there the form before the transform is announced.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @modelcontextprotocol/server@2.4.0 @modelcontextprotocol/client@2.4.0 zod@4.6.7 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
const length = z.object({ a: z.string().transform((text) => text.length) });
const second = {
  none: {},
  "input transform": { inputSchema: length },
  "output transform": { inputSchema: z.object({}), outputSchema: length },
  date: { inputSchema: z.object({ a: z.coerce.date() }) },
  int64: { inputSchema: z.object({ a: z.int64() }) },
  set: { inputSchema: z.object({ a: z.set(z.string()) }) },
}[process.argv[2]];
serveStdio(() => {
  const server = new McpServer({ name: "greeter", version: "1" });
  const text = async () => ({ content: [{ type: "text", text: "hello" }] });
  server.registerTool("hello", { inputSchema: z.object({}) }, text);
  server.registerTool("second", second, text);
  return server;
});
JS
cat > client.mjs <<'JS'
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
for (const kind of ["none", "input transform", "output transform", "date", "int64", "set"]) {
  const client = new Client({ name: "reader", version: "1" });
  await client.connect(new StdioClientTransport({ command: "node", args: ["server.mjs", kind] }));
  const listed = await client.listTools().then(({ tools }) => tools.length + " tools", ({ code, message }) => code + " " + message);
  const called = await client.callTool({ name: "hello", arguments: {} }).then(({ content }) => content[0].text, ({ message }) => message);
  console.log(`${kind}: ${listed}; ${called}`);
  await client.close();
}
JS
timeout 90 node client.mjs | tee seen.txt || exit 2
diff seen.txt - <<'T' || exit 1
none: 2 tools; hello
input transform: 2 tools; hello
output transform: -32603 Transforms cannot be represented in JSON Schema; hello
date: -32603 Date cannot be represented in JSON Schema; hello
int64: -32603 BigInt cannot be represented in JSON Schema; hello
set: -32603 Set cannot be represented in JSON Schema; hello
T
