#!/usr/bin/env bash
# A result that is only structured content reaches the model as an empty one, through two of the common adapters.
#
# Version:  @ai-sdk/mcp 2.0.99 (Vercel AI SDK) and @langchain/mcp-adapters 1.1.4 (LangChain), @modelcontextprotocol/server 2.4.0, zod 4.6.7 (npm)
# Input:    a tool with an `outputSchema` that answers `{ content: [], structuredContent: { total: 5 } }`. The specification says that such a
#           tool SHOULD also send the JSON as text, so that sending none is allowed
# Expected: what the adapter gives for the model holds the 5, since nothing else of the answer does
# Seen:     AI SDK: `toModelOutput` makes `{ type: "content", value: [] }`. LangChain: the message's content is `[]`, and the value is in `artifact`,
#           which no model is sent. Neither warns. With one text beside it LangChain merges the value into the text, AI SDK sends the text alone.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @ai-sdk/mcp@2.0.99 @langchain/mcp-adapters@1.1.4 @modelcontextprotocol/server@2.4.0 zod@4.6.7 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
serveStdio(() => {
  const server = new McpServer({ name: "sums", version: "1" });
  const kind = { inputSchema: z.object({}), outputSchema: z.object({ total: z.number() }) };
  const structuredContent = { total: 5 };
  server.registerTool("only", kind, async () => ({ content: [], structuredContent }));
  server.registerTool("beside", kind, async () => ({ content: [{ type: "text", text: "the sum" }], structuredContent }));
  return server;
});
JS
cat > ai.mjs <<'JS'
import { createMCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
const client = await createMCPClient({ transport: new StdioMCPTransport({ command: "node", args: ["server.mjs"] }) });
const tools = await client.tools();
for (const name of ["only", "beside"]) {
  const output = await tools[name].execute({}, { toolCallId: "1", messages: [] });
  console.log("ai", name, JSON.stringify(await tools[name].toModelOutput({ output, toolCallId: "1", input: {} })));
}
await client.close();
JS
cat > lc.mjs <<'JS'
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
const client = new MultiServerMCPClient({ mcpServers: { sums: { transport: "stdio", command: "node", args: ["server.mjs"] } } });
for (const tool of await client.getTools()) {
  const message = await tool.invoke({ type: "tool_call", id: "1", name: tool.name, args: {} });
  console.log("langchain", tool.name, JSON.stringify(message.content), JSON.stringify(message.artifact));
}
await client.close();
JS
seen=$(timeout 60 node ai.mjs && timeout 60 node lc.mjs) || exit 2
echo "$seen"
[ "$seen" = 'ai only {"type":"content","value":[]}
ai beside {"type":"content","value":[{"type":"text","text":"the sum"}]}
langchain only [] [{"type":"mcp_structured_content","data":{"total":5}}]
langchain beside "{\"type\":\"text\",\"text\":\"the sum\",\"structuredContent\":{\"total\":5}}" [{"type":"mcp_structured_content","data":{"total":5}}]' ] || { echo "changed"; exit 1; }
