// The client under test in the official conformance suite: a script in isolet, which reaches the
// suite's server as env.suite. The suite starts this with the server's URL as the last argument;
// ISOLET is the binary.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const url = process.argv.at(-1);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const folder = mkdtempSync(join(tmpdir(), "isolet-conformance-"));

/** The calls of the script: those of the suite, else one of every tool. */
const script = `
const attempt = async (what, work) => {
  try { return await work(); } catch (error) { console.error(what + ": " + error.message); }
};
const names = await env.suite.$tools();
const known = { add_numbers: { a: 5, b: 3 } };
const calls = input.toolCalls ?? names.map((name) => ({ name, arguments: known[name] ?? {} }));
await Promise.all(calls.map((call) => attempt(call.name, () => env.suite[call.name](call.arguments))));
for (const resource of await attempt("resources", () => env.suite.$resources()) ?? []) {
  await attempt(resource.uri, () => env.suite.$readResource(resource.uri));
}
for (const prompt of await attempt("prompts", () => env.suite.$prompts()) ?? []) {
  await attempt(prompt.name, () => env.suite.$getPrompt(prompt.name, {}));
}
return names;
`;

/** The login of the scenario. */
function oauth() {
  const { client_id: clientId, client_secret: clientSecret } = context;
  if (scenario === "auth/client-credentials-basic") return { grant: "client_credentials", clientId, clientSecret };
  // The address that the suite expects; it is not fetched.
  const clientMetadataUrl = "https://conformance-test.local/client-metadata.json";
  if (scenario === "auth/basic-cimd") return { clientMetadataUrl };
  return clientId ? { clientId, clientSecret } : true;
}

/** The standard error of isolet. */
let complaints = "";

/** Runs isolet; `said` receives its standard output. Resolves to the exit code. */
function isolet(args, said = (text) => process.stdout.write(text)) {
  const child = spawn(process.env.ISOLET, [...args, "--mcp-config", "mcp.json"], {
    cwd: folder,
    env: { ...process.env, XDG_STATE_HOME: folder, HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    complaints += text;
    process.stderr.write(text);
  });
  child.stdout.setEncoding("utf8").on("data", said);
  return new Promise((resolve) => child.on("close", resolve));
}

/** Logs in as a person would, whose browser follows every redirect without a question. */
async function login() {
  let text = "";
  let visited = false;
  return isolet(["auth", "login", "suite", "--wait", "10s"], (more) => {
    text += more;
    const address = /^https?:\S+$/m.exec(text)?.[0];
    if (!address || visited || !text.includes("\n", text.indexOf(address))) return;
    visited = true;
    fetch(address).catch((error) => console.error(`the browser: ${error}`));
  });
}

const auth = scenario.startsWith("auth/");
const entry = { type: "http", url, ...(auth && { oauth: oauth() }) };
// The operator trusts the suite's server to have good defaults.
if (scenario.startsWith("elicitation-")) entry.elicitation = "defaults";
writeFileSync(join(folder, "mcp.json"), JSON.stringify({ mcpServers: { suite: entry } }));
writeFileSync(join(folder, "script.ts"), script);
const run = () => isolet(["run", "script.ts", "--input", JSON.stringify(context), "--timeout", "15s"]);
const byUser = auth && entry.oauth.grant === undefined;
if (byUser) await login();
process.exitCode = await run();
// As a person would.
if (byUser && complaints.includes("isolet auth login")) {
  await login();
  process.exitCode = await run();
}
rmSync(folder, { recursive: true });
