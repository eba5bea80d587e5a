// Compiles snippets with TypeScript's own compiler: a JSON list of texts on standard input, a JSON
// list of results on standard output. The first argument is the path of the compiler. Run by
// tests/typescript.rs.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const ts = (await import(pathToFileURL(process.argv[2]).href)).default;
const AsyncFunction = (async () => {}).constructor;
const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, useDefineForClassFields: true };

async function value(text) {
  const js = ts.transpileModule(text, { compilerOptions: options }).outputText;
  if (!/^export /m.test(text)) return new AsyncFunction("env", "input", js)();
  const module = await import("data:text/javascript," + encodeURIComponent(js));
  return typeof module.default === "function" ? module.default() : module.default;
}

const results = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    results.push({ value: JSON.parse(JSON.stringify((await value(text)) ?? null)) });
  } catch (error) {
    results.push({ threw: error.name });
  }
}
console.log(JSON.stringify(results));
