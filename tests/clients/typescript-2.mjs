// The official TypeScript SDK 2, which detects the server's revision.
import { createRequire } from "node:module";
import { talk, target, words } from "./talk.mjs";

const require = createRequire(`${process.env.MODULES}/`);
const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");

const transport = target.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(target))
  : new StdioClientTransport({ command: target, args: words });
const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
await client.connect(transport);
await talk(client, (call, options) => client.callTool(call, options));
