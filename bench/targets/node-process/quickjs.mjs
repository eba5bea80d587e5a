// A QuickJS runtime in WebAssembly for each run, with 128 MiB of memory and 5 s.
import { getQuickJS } from "quickjs-emscripten";

import { serve } from "./http.mjs";
import { tools } from "./tools.mjs";

const quickjs = await getQuickJS();

serve(async (code) => {
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(128 << 20);
  const deadline = Date.now() + 5000;
  runtime.setInterruptHandler(() => Date.now() > deadline);
  const context = runtime.newContext();
  try {
    const call = context.newFunction("call", (tool, input) => {
      const promise = context.newPromise();
      tools[context.getString(tool)](JSON.parse(context.getString(input))).then((value) => {
        const text = context.newString(JSON.stringify(value));
        promise.resolve(text);
        text.dispose();
        runtime.executePendingJobs();
      });
      return promise.handle;
    });
    context.setProp(context.global, "call", call);
    call.dispose();
    const source = `(async () => {
      const ask = (tool) => async (input) => JSON.parse(await call(tool, JSON.stringify(input)));
      const env = { demo: new Proxy({}, { get: (_, tool) => ask(tool) }) };
      return JSON.stringify((await (async () => { ${code}
      })()) ?? null);
    })()`;
    const promise = context.unwrapResult(context.evalCode(source));
    const settled = context.resolvePromise(promise);
    promise.dispose();
    runtime.executePendingJobs();
    const value = context.unwrapResult(await settled);
    const text = context.getString(value);
    value.dispose();
    return JSON.parse(text);
  } finally {
    context.dispose();
    runtime.dispose();
  }
});
