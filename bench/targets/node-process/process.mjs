// A process for each run. Its first line of input is the script; then it asks for tools by lines on
// its standard output.
//   node process.mjs PORT COMMAND…     COMMAND runs child.mjs
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import { serve } from "./http.mjs";
import { tools } from "./tools.mjs";

const [program, ...args] = process.argv.slice(3);

serve(
  (code) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
      child.on("error", reject);
      child.on("close", (status) => reject(new Error(`The process ended with ${status}.`)));
      child.stdin.on("error", () => {});
      child.stdin.write(`${JSON.stringify(code)}\n`);
      createInterface({ input: child.stdout }).on("line", async (line) => {
        const message = JSON.parse(line);
        if ("tool" in message) {
          const value = await tools[message.tool](message.input);
          child.stdin.write(`${JSON.stringify({ id: message.id, value })}\n`);
          return;
        }
        child.stdin.end();
        if ("error" in message) reject(new Error(message.error));
        else resolve(message.result);
      });
    }),
);
