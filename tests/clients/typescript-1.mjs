// The official TypeScript SDK 1, which speaks revisions up to 2025-11-25.
import { createRequire } from "node:module";
import { talk, target, words } from "./talk.mjs";

const require = createRequire(`${process.env.MODULES}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");

const transport = target.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(target))
  : new StdioClientTransport({ command: target, args: words });
const client = new Client({ name: "test", version: "1" });
await client.connect(transport);
await talk(client, (call, options) => client.callTool(call, undefined, options));
