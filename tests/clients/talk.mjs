// The same conversations for both generations of the official TypeScript SDK; prints the results
// as JSON. `client` is connected; the differences between the generations are passed in.

/** Runs the conversation that CONVERSATION in the environment names. */
export const talk = { pass, list }[process.env.CONVERSATION] ?? all;

/** All tools, page by page. The newer SDK asks for further pages by itself. */
async function allTools(client) {
  const tools = [];
  let page = await client.listTools();
  tools.push(...page.tools);
  while (page.nextCursor) {
    page = await client.listTools({ cursor: page.nextCursor });
    tools.push(...page.tools);
  }
  return tools.map((tool) => tool.name);
}

async function list(client) {
  const tools = await allTools(client);
  await client.close();
  console.log(JSON.stringify({ tools }));
}

/** Uses tools, resources and prompts of a server that is exposed as a whole, with plain names. */
async function pass(client, callTool) {
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const sum = await callTool({ name: "add", arguments: { a: 1, b: 2 } });
  const echoed = await callTool({ name: "echo", arguments: { text: "as it is" } });
  const failed = await callTool({ name: "fail", arguments: { message: "as asked" } });
  const [{ uri }] = (await client.listResources()).resources;
  const [content] = (await client.readResource({ uri })).contents;
  const [prompt] = (await client.listPrompts()).prompts;
  const filled = await client.getPrompt({ name: prompt.name, arguments: { id: uri.replace("document:", "") } });
  await client.close();
  console.log(JSON.stringify({
    tools,
    sum: sum.structuredContent,
    echoed: echoed.content,
    failed: { isError: failed.isError, content: failed.content },
    read: content.text.length,
    prompt: prompt.name,
    messages: filled.messages.length,
  }));
}

async function all(client, callTool) {
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

/** The target of the connection, from the arguments: a URL, or a command. */
export const [target, ...words] = process.argv.slice(2);
