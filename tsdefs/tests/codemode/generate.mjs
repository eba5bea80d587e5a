// Declarations by @cloudflare/codemode: reads [[tool, …], …] from standard input, writes one text for each list.
import { readFileSync } from "node:fs";
import { register } from "node:module";

// The package's entry imports modules of workerd for its executors. The generator needs none of them.
const hooks = `
  export const resolve = (name, context, next) => name.startsWith("cloudflare:")
    ? { url: "data:text/javascript,export class DurableObject {} export class RpcTarget {} export class WorkerEntrypoint {}", shortCircuit: true }
    : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const { generateTypesFromJsonSchema } = await import("@cloudflare/codemode");

const texts = JSON.parse(readFileSync(0, "utf8")).map((tools) => {
  const named = tools.map(({ name, ...rest }) => [name, rest]);
  return generateTypesFromJsonSchema(Object.fromEntries(named));
});
process.stdout.write(JSON.stringify(texts));
