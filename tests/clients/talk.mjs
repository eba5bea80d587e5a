// The same conversation for both generations of the official TypeScript SDK: prints what came of it as JSON.
// `client` is connected; what differs between the generations is passed in.

export async function talk(client, callTool) {
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const search = await callTool({ name: "search", arguments: { query: "add numbers", limit: 1 } });
  const describe = await callTool({ name: "describe", arguments: { tools: ["demo/add"] } });
  const told = [];
  const code = `console.log("adding"); const { sum } = await env.demo.add({ a: input.a, b: 2 });
    await env.demo.wait({ ms: 100 }); return { sum };`;
  const run = await callTool(
    { name: "run", arguments: { code, input: { a: 40 } } },
    { onprogress: ({ message }) => told.push(message) },
  );
  const failed = await callTool({ name: "run", arguments: { code: "await env.demo.fail({ message: 'as asked' })" } });
  const passed = await callTool({ name: "demo__add", arguments: { a: 1, b: 2 } });
  const text = ({ content }) => content.map((block) => block.text).join("\n");
  const talked = {
    tools,
    server: client.getServerVersion()?.name,
    search: text(search),
    describe: text(describe),
    run: run.structuredContent,
    told,
    failed: { isError: failed.isError, text: text(failed), code: failed.structuredContent.error.code },
    passed: passed.structuredContent,
  };
  await client.close();
  console.log(JSON.stringify(talked));
}

/** What to connect to, as the arguments say: a URL, or a command. */
export const [target, ...words] = process.argv.slice(2);
