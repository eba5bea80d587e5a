#!/usr/bin/env bash
# The text of an embedded resource, which is the whole answer of a tool, is kept from the model.
#
# Version:  @langchain/mcp-adapters 1.1.4, @modelcontextprotocol/server 2.4.0, zod 4.6.7 (npm)
# Input:    a tool that answers with one content block `{ type: "resource", resource: { uri, mimeType: "text/plain", text: "hello" } }`, as servers
#           of files and repositories do, and one that answers with a `resource_link` to the same file
# Expected: the text is in the tool message's content, as a text block of the same length is
# Seen:     the message's content is `[]`; the resource is in `artifact`, which no model is sent. The link, which has no content, is in the
#           message. `outputHandling: { resource: "content" }` brings the text into the message, so the default is what hides it.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/mcp-adapters@1.1.4 @modelcontextprotocol/server@2.4.0 zod@4.6.7 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
serveStdio(() => {
  const server = new McpServer({ name: "files", version: "1" });
  const tool = (name, block) => server.registerTool(name, { inputSchema: z.object({}) }, async () => ({ content: [block] }));
  tool("read", { type: "resource", resource: { uri: "file:///a.txt", mimeType: "text/plain", text: "hello" } });
  tool("find", { type: "resource_link", uri: "file:///a.txt", name: "a" });
  tool("say", { type: "text", text: "hello" });
  return server;
});
JS
cat > client.mjs <<'JS'
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
const mcpServers = { files: { transport: "stdio", command: "node", args: ["server.mjs"] } };
for (const outputHandling of [undefined, { resource: "content" }]) {
  const client = new MultiServerMCPClient({ mcpServers, ...(outputHandling && { outputHandling }) });
  for (const tool of await client.getTools()) {
    const { content } = await tool.invoke({ type: "tool_call", id: "1", name: tool.name, args: {} });
    console.log(outputHandling ? "content" : "default", tool.name, JSON.stringify(content));
  }
  await client.close();
}
JS
seen=$(timeout 60 node client.mjs) || exit 2
echo "$seen"
[ "$seen" = 'default read []
default find [{"type":"file","source_type":"url","url":"file:///a.txt"}]
default say "hello"
content read [{"type":"file","source_type":"text","mime_type":"text/plain","text":"hello","metadata":{"uri":"file:///a.txt"}}]
content find [{"type":"file","source_type":"url","url":"file:///a.txt"}]
content say "hello"' ] || { echo "changed"; exit 1; }
