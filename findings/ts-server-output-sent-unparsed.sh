#!/usr/bin/env bash
# A tool's result passes the check of the server that sends it and fails the check of the client that asked, both from one SDK.
#
# Version:  @modelcontextprotocol/server and client 2.4.0, zod 4.6.7 (npm, the official TypeScript SDK); mcp 2.3.0 (PyPI) as second client
# Input:    tools with an `outputSchema` of zod: `z.object({ a: z.number() })` answering { a: 1, b: 2 }, one with `.default(5)` answering {},
#           one with `z.coerce.number()` answering { a: "12" }
# Expected: a server that validates structured content against the schema that it announces sends what that schema allows
# Seen:     the server parses the value with zod, which drops `b`, fills the default and converts the string, finds it valid, and then sends
#           the value as the tool returned it. The schema in `tools/list` is made for what zod puts out: `additionalProperties: false`, `a`
#           required, a number. So the client refuses each of the three after the tool has run, and its effects stand. The official Python client refuses likewise.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @modelcontextprotocol/server@2.4.0 @modelcontextprotocol/client@2.4.0 zod@4.6.7 || exit 2
python3 -m venv py && py/bin/pip -q install mcp==2.3.0 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
serveStdio(() => {
  const server = new McpServer({ name: "figures", version: "1" });
  const tool = (name, a, value) =>
    server.registerTool(name, { inputSchema: z.object({}), outputSchema: z.object({ a }) }, async () => ({
      content: [{ type: "text", text: JSON.stringify(value) }],
      structuredContent: value,
    }));
  tool("exact", z.number(), { a: 1 });
  tool("extra", z.number(), { a: 1, b: 2 });
  tool("filled", z.number().default(5), {});
  tool("converted", z.coerce.number(), { a: "12" });
  return server;
});
JS
cat > client.mjs <<'JS'
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
const client = new Client({ name: "reader", version: "1" });
await client.connect(new StdioClientTransport({ command: "node", args: ["server.mjs"] }));
for (const { name } of (await client.listTools()).tools) {
  try {
    const { structuredContent, isError } = await client.callTool({ name, arguments: {} });
    console.log(name, isError ? "error" : JSON.stringify(structuredContent));
  } catch (error) {
    console.log(name, "refused:", error.message.split(": ").pop());
  }
}
await client.close();
JS
cat > client.py <<'PY'
import asyncio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
async def main():
    async with Client(stdio_client(StdioServerParameters(command="node", args=["server.mjs"]))) as client:
        for tool in (await client.list_tools()).tools:
            try:
                print(tool.name, (await client.call_tool(tool.name, {})).structured_content)
            except RuntimeError:
                print(tool.name, "refused")
asyncio.run(main())
PY
timeout 60 node client.mjs | tee js.txt || exit 2
timeout 60 py/bin/python client.py 2>/dev/null | tee py.txt || exit 2
diff js.txt - <<'T' || exit 1
exact {"a":1}
extra refused: data must NOT have additional properties
filled refused: data must have required property 'a'
converted refused: data/a must be number
T
diff py.txt - <<'T' || exit 1
exact {'a': 1}
extra refused
filled refused
converted refused
T
