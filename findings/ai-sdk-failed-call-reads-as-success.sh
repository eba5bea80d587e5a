#!/usr/bin/env bash
# A call that an MCP tool reports as failed reaches the model as a call that went well.
#
# Version:  @ai-sdk/mcp 2.0.99 and ai 7.0.173 (npm, Vercel AI SDK), @modelcontextprotocol/server 2.4.0, zod 4.6.7
# Input:    a tool that answers `{ content: [{ type: "text", text: "3 rows" }], isError: true }`, called by `generateText` with the SDK's own
#           MockLanguageModelV4 as model
# Expected: the model's next prompt says that the call failed. The SDK has the form for it: a tool of its own that throws gives
#           `{ type: "error-text" }`
# Seen:     the prompt holds `{ type: "content", value: [{ type: "text", text: "3 rows" }] }`, the same as for a call without `isError`; the step has
#           a `tool-result`, not a `tool-error`. Only the raw output that the program sees still has the flag. Where the text does not itself
#           say that something failed, the model cannot know.
# Exit:     0 still so, 1 changed, 2 could not run
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @ai-sdk/mcp@2.0.99 ai@7.0.173 @modelcontextprotocol/server@2.4.0 zod@4.6.7 || exit 2
cat > server.mjs <<'JS'
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
serveStdio(() => {
  const server = new McpServer({ name: "rows", version: "1" });
  const content = [{ type: "text", text: "3 rows" }];
  server.registerTool("failed", { inputSchema: z.object({}) }, async () => ({ content, isError: true }));
  server.registerTool("went_well", { inputSchema: z.object({}) }, async () => ({ content }));
  return server;
});
JS
cat > client.mjs <<'JS'
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { createMCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { z } from "zod";
const client = await createMCPClient({ transport: new StdioMCPTransport({ command: "node", args: ["server.mjs"] }) });
const throws = tool({ inputSchema: z.object({}), execute: async () => { throw new Error("3 rows"); } });
const tools = { ...(await client.tools()), throws };
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const answer = (content, unified) => ({ content: [content], finishReason: { unified, raw: undefined }, usage, warnings: [] });
for (const toolName of ["went_well", "failed", "throws"]) {
  let turn = 0;
  const model = new MockLanguageModelV4({
    doGenerate: async () => turn++ === 0
      ? answer({ type: "tool-call", toolCallId: "1", toolName, input: "{}" }, "tool-calls")
      : answer({ type: "text", text: "done" }, "stop"),
  });
  const { steps } = await generateText({ model, tools, prompt: "go", stopWhen: isStepCount(2) });
  const part = steps[0].content.find(({ type }) => type !== "tool-call");
  console.log(toolName, part.type, JSON.stringify(model.doGenerateCalls[1].prompt.at(-1).content[0].output));
}
await client.close();
JS
seen=$(timeout 60 node client.mjs) || exit 2
echo "$seen"
[ "$seen" = 'went_well tool-result {"type":"content","value":[{"type":"text","text":"3 rows"}]}
failed tool-result {"type":"content","value":[{"type":"text","text":"3 rows"}]}
throws tool-error {"type":"error-text","value":"Error: 3 rows"}' ] || { echo "changed"; exit 1; }
