// A hand-written MCP server that misbehaves in chosen ways.
// node fake_server.mjs FOLDER [WAY…]; it appends every received message to FOLDER/seen.jsonl.
// The ways:
//   exits      ends at once, with a line on standard error
//   mute       never answers
//   garbage    prints text on standard output that is not a message, before and between answers
//   child      starts a process in a session of its own that never ends
//   big        has a tool `big` that reports progress and answers with numbers that JavaScript
//              cannot hold
//   defined    lists the tools in FOLDER/tools.json, answers each call with name and arguments, and
//              announces changes; its prompts, resources and templates are in prompts.json,
//              resources.json and templates.json, if these exist
//   halves     has a tool `half` that answers with half of a surrogate pair, and with an absent
//              field as null
//   grows      has a tool `grow` that adds a tool and announces it
//   logs       has a tool `log` that logs `says` before it answers
//   watched    has a resource odd://page that can be subscribed to, and a tool `touch` that
//              announces a change of a resource
//   unlisted   answers tools/list with an error
//   stubborn   ignores SIGTERM and the end of its input
//   poisoned   has the text in FOLDER/poison in every field, and prints it on standard error; with
//              "unlisted" and "exits" in the message there
//   unwelcome  answers the handshake with an error that has this text
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, watchFile } from "node:fs";
import { createInterface } from "node:readline";

const [folder, ...ways] = process.argv.slice(2);
const is = (way) => ways.includes(way);

const poison = is("poisoned") || is("unwelcome") ? readFileSync(`${folder}/poison`, "utf8") : "";
if (poison) console.error(poison);
if (is("exits")) {
  console.error(poison || "cannot open the ledger");
  process.exit(7);
}
if (is("child")) {
  const forever = ["-e", "setInterval(() => {}, 1000000)", "grandchild", folder];
  spawn(process.execPath, forever, { detached: true, stdio: "ignore" }).unref();
}
if (is("stubborn")) {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
  setInterval(() => {}, 1000000);
}
const garbage = () => is("garbage") && console.log("Loading \u001b[31m{{{ not JSON\n\n[1, 2\n{\"jsonrpc\": 7}");
garbage();

const tool = (name, description) => ({ name, description, inputSchema: { type: "object" } });
const tools = [
  tool("pid", "Answers with its process id and how many calls it has seen."),
  tool("die", "Ends the process in the middle of the call."),
  tool("hang", "Never answers."),
  tool("late", "Answers after `ms` milliseconds."),
  tool("refuse", "Answers with a JSON-RPC error."),
  tool("isError", "Answers with a result that says it failed."),
  tool("give", "Answers with the result in its argument `result`, whatever that is."),
];
if (is("logs")) tools.push(tool("log", "Logs `says` at the level `level`, then answers."));
if (is("watched")) tools.push(tool("touch", "Says that the resource `uri` has changed."));
if (is("big")) tools.push(tool("big", "Answers with large numbers."));
if (is("halves")) tools.push(tool("half", "Answers with a text that was cut in the middle of an emoji."));
if (is("grows")) tools.push(tool("grow", "Adds a tool to the list and says that the list has changed."));
if (is("poisoned")) {
  const schema = { type: "object", title: poison, description: poison, properties: { [poison]: { type: "string", title: poison, description: poison, enum: [poison], default: poison } }, required: [poison] };
  const annotations = { title: poison };
  tools.push({ name: "poisoned", title: poison, description: poison, inputSchema: schema, outputSchema: schema, annotations });
  tools.push({ ...tool(poison, poison), title: poison }, { ...tool("no_schema", poison), inputSchema: poison }, { name: 7, description: poison });
}
let calls = 0;
const text = (value) => ({ content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }] });
const send = (message) => {
  garbage();
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
};

function call(id, { name, arguments: given = {}, _meta: meta = {} }) {
  calls += 1;
  const reply = (result) => send({ id, result });
  if (is("defined")) return reply(text({ called: name, with: given }));
  switch (name) {
    case "pid": return reply(text({ pid: process.pid, calls }));
    case "die": console.error("the ledger is on fire"); return process.exit(3);
    case "hang": return;
    case "half": return reply({ content: [{ type: "text", text: "x\ud83d" }], structuredContent: null });
    case "late": return setTimeout(() => reply(text("late")), given.ms);
    case "refuse":
      return send({ id, error: { code: -32602, message: "`when` must be a date, not a mood", data: { field: "when" } } });
    case "isError": return reply({ ...text("the ledger is closed on Sundays"), isError: true });
    case "grow":
      tools.push(tool(`grown_${calls}`, "Was not there before."));
      send({ method: "notifications/tools/list_changed" });
      return reply(text("done"));
    case "log":
      for (const data of given.says) send({ method: "notifications/message", params: { level: given.level, logger: "odd", data } });
      return reply(text("logged"));
    case "touch":
      send({ method: "notifications/resources/updated", params: { uri: given.uri } });
      return reply(text("touched"));
    case "poisoned": {
      const { progressToken } = meta;
      if (progressToken !== undefined) send({ method: "notifications/progress", params: { progressToken, progress: 1, message: poison } });
      send({ method: "notifications/message", params: { level: "error", logger: poison, data: poison } });
      console.error(poison);
      switch (given.how) {
        case "error": return send({ id, error: { code: -32000, message: poison, data: { [poison]: poison } } });
        case "isError": return reply({ ...text(poison), isError: true });
        case "kind": return reply({ content: [{ type: poison, [poison]: poison }] });
        case "malformed": return reply(poison);
        case "exit": return process.exit(3);
        default: return reply({ ...text(poison), structuredContent: { [poison]: poison } });
      }
    }
    case "big": {
      const { progressToken } = meta;
      if (progressToken !== undefined) send({ method: "notifications/progress", params: { progressToken, progress: 1 } });
      const numbers = '{"n":[123456789012345678901234567890,-1e999,0.1]}';
      return process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":${numbers}}}\n`);
    }
    case "give": return reply(given.result);
    default: return reply({ ...text(`there is no tool ${name}`), isError: true });
  }
}

const defined = () => JSON.parse(readFileSync(`${folder}/tools.json`, "utf8"));
const beside = (what) => (existsSync(`${folder}/${what}.json`) ? JSON.parse(readFileSync(`${folder}/${what}.json`, "utf8")) : []);
if (is("defined")) {
  watchFile(`${folder}/tools.json`, { interval: 50 }, () => send({ method: "notifications/tools/list_changed" }));
}

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  appendFileSync(`${folder}/seen.jsonl`, line + "\n");
  if (is("mute")) return;
  const { id, method, params } = JSON.parse(line);
  if (is("defined")) {
    switch (method) {
      case "prompts/list": return send({ id, result: { prompts: beside("prompts") } });
      case "prompts/get": return send({ id, result: { messages: [{ role: "user", content: { type: "text", text: params.name } }] } });
      case "resources/list": return send({ id, result: { resources: beside("resources") } });
      case "resources/templates/list": return send({ id, result: { resourceTemplates: beside("templates") } });
    }
  }
  switch (method) {
    case "initialize":
      if (is("unwelcome")) return send({ id, error: { code: -32000, message: poison, data: poison } });
      if (is("poisoned")) {
        const serverInfo = { name: poison, title: poison, version: poison, description: poison, websiteUrl: poison };
        return send({ id, result: { protocolVersion: "2025-06-18", capabilities: { tools: {}, resources: {}, prompts: {}, logging: {} }, serverInfo, instructions: poison } });
      }
      return send({
        id,
        result: { protocolVersion: "2025-06-18", capabilities: is("defined") ? { tools: { listChanged: true }, prompts: {}, resources: {} } : { tools: { listChanged: is("grows") }, ...(is("logs") && { logging: {} }), ...(is("watched") && { resources: { subscribe: true } }) }, serverInfo: { name: "odd", version: "1.0" } },
      });
    case "tools/list":
      if (is("unlisted")) return send({ id, error: { code: -32000, message: poison || "no list today" } });
      return send({ id, result: { tools: is("defined") ? defined() : tools } });
    case "resources/read": return send({ id, result: { contents: [{ uri: params.uri, text: "content" }] } });
    case "prompts/list": return send({ id, result: { prompts: [{ name: poison, title: poison, description: poison, arguments: [{ name: poison, description: poison }] }] } });
    case "resources/templates/list": return send({ id, result: { resourceTemplates: [{ uriTemplate: `${poison}{x}`, name: poison, description: poison }] } });
    case "resources/list":
      if (is("poisoned")) return send({ id, result: { resources: [{ uri: `odd://${poison}`, name: poison, title: poison, description: poison, mimeType: poison }] } });
      return send({ id, result: { resources: is("watched") ? [{ uri: "odd://page", name: "page" }] : [] } });
    case "resources/subscribe":
      if (params.uri !== "odd://page") return send({ id, error: { code: -32002, message: "there is no such page" } });
      return send({ id, result: {} });
    case "resources/unsubscribe": return send({ id, result: {} });
    case "tools/call": return call(id, params);
    case "logging/setLevel": return send({ id, result: {} });
    case "ping": return send({ id, result: {} });
    default: if (id !== undefined) send({ id, error: { code: -32601, message: `no method ${method}` } });
  }
});
input.on("close", () => is("stubborn") || process.exit(0));
