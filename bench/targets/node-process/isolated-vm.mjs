// An isolate of isolated-vm for each run, with 128 MiB of memory and 5 s. All of them share this
// process: a fault of V8 reaches its memory.
import { createRequire } from "node:module";

import { serve } from "./http.mjs";
import { tools } from "./tools.mjs";

const ivm = createRequire(import.meta.url)("isolated-vm");

serve(async (code) => {
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  try {
    const context = await isolate.createContext();
    const call = new ivm.Reference(async (tool, input) => JSON.stringify(await tools[tool](JSON.parse(input))));
    await context.global.set("call", call);
    const source = `(async () => {
      const ask = (tool) => async (input) =>
        JSON.parse(await call.apply(undefined, [tool, JSON.stringify(input)], { result: { promise: true } }));
      const env = { demo: new Proxy({}, { get: (_, tool) => ask(tool) }) };
      return JSON.stringify((await (async () => { ${code}
      })()) ?? null);
    })()`;
    return JSON.parse(await context.eval(source, { promise: true, timeout: 5000 }));
  } finally {
    isolate.dispose();
  }
});
