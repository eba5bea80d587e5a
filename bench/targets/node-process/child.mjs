// One run, in Node.js or Deno: see process.mjs.
import { createInterface } from "node:readline";
import process from "node:process";

const lines = createInterface({ input: process.stdin });
const waiting = new Map();
let calls = 0;
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const call = (tool) => (input) =>
  new Promise((resolve) => {
    waiting.set(++calls, resolve);
    say({ id: calls, tool, input });
  });
const env = { demo: new Proxy({}, { get: (_, tool) => call(tool) }) };

async function run(code) {
  const script = Object.getPrototypeOf(async () => {}).constructor("env", code);
  try {
    say({ result: (await script(env)) ?? null });
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
  lines.close();
}

lines.once("line", (line) => {
  lines.on("line", (answer) => {
    const { id, value } = JSON.parse(answer);
    waiting.get(id)?.(value);
    waiting.delete(id);
  });
  run(JSON.parse(line));
});
