// The MCP server behind isolet in the official conformance suite, with the tools, prompts and
// resources that the suite requires. It speaks revision 2026-07-28 on standard input and output, so
// answers in older revisions are isolet's translation. The suite's descriptions explain each
// scenario.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
const META = "io.modelcontextprotocol/";

/** True once a tool was added. */
let changed = false;
/** Open requests that listen for changes. */
const listening = new Set();

const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const text = (words) => ({ content: [{ type: "text", text: words }] });
const ask = (inputRequests, requestState) => ({ resultType: "input_required", inputRequests, requestState });
const elicit = (message, properties, required) =>
  ({ method: "elicitation/create", params: { mode: "form", message, requestedSchema: { type: "object", properties, required } } });
const sample = (words, maxTokens = 100) =>
  ({ method: "sampling/createMessage", params: { messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens } });
const roots = { method: "roots/list", params: {} };
const name = { name: { type: "string" } };
const fail = (code, message, data) => { throw Object.assign(new Error(message), { code, data }); };

const seal = (state) => `${state}.${createHmac("sha256", "conformance").update(state).digest("hex")}`;
const unseal = (sealed) => {
  const state = String(sealed).split(".")[0];
  return sealed === seal(state) ? state : fail(-32602, "requestState has been changed");
};
const levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const log = (meta, level, data) => {
  const least = levels.indexOf(meta[`${META}logLevel`]);
  if (least >= 0 && levels.indexOf(level) >= least) send({ method: "notifications/message", params: { level, data } });
};
const said = (answer) => [answer?.content].flat().map((block) => block?.text).find((words) => words) ?? "";
const outcome = ({ action, content }) => `action=${action}, content=${JSON.stringify(content ?? {})}`;

/** Asks one question; calls `then` with the answer. */
const once = (key, request, then) => ({ answers }) => (answers[key] ? text(then(answers[key])) : ask({ [key]: request }));

const tools = {
  test_simple_text: () => text("This is a simple text response for testing."),
  test_image_content: () => ({ content: [{ type: "image", data: PNG, mimeType: "image/png" }] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({
    content: [{
      type: "resource",
      resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." },
    }],
  }),
  test_multiple_content_types: () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource", mimeType: "application/json", text: JSON.stringify({ test: "data", value: 123 }),
        },
      },
    ],
  }),
  test_error_handling: () => ({ ...text("This tool intentionally returns an error for testing"), isError: true }),
  async test_tool_with_logging({ meta }) {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      log(meta, "info", data);
      await sleep(50);
    }
    return text("Done.");
  },
  test_logging_tool({ meta }) {
    log(meta, "info", "Only who asked hears this.");
    return text("Done.");
  },
  test_trigger_tool_change() {
    changed = !changed;
    for (const id of listening) {
      send({ method: "notifications/tools/list_changed", params: { _meta: { [`${META}subscriptionId`]: id } } });
    }
    return text("The list has changed.");
  },
  async test_tool_with_progress({ meta }) {
    for (const progress of [0, 50, 100]) {
      if (meta.progressToken !== undefined) {
        send({ method: "notifications/progress", params: { progressToken: meta.progressToken, progress, total: 100 } });
      }
      await sleep(50);
    }
    return text(String(meta.progressToken));
  },
  test_sampling: ({ given, answers }) =>
    answers.model ? text(`LLM response: ${said(answers.model)}`) : ask({ model: sample(given.prompt) }),
  test_elicitation: ({ given, answers }) =>
    answers.user
      ? text(`User response: ${outcome(answers.user)}`)
      : ask({
        user: elicit(given.message, {
          username: { type: "string", description: "User's response" },
          email: { type: "string", description: "User's email address" },
        }, ["username", "email"]),
      }),
  test_elicitation_sep1034_defaults: once("form", elicit("Please check these defaults", {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  }, []), (answer) => `Elicitation completed: ${outcome(answer)}`),
  test_elicitation_sep1330_enums: once("form", elicit("Please choose", {
    untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
    titledSingle: {
      type: "string",
      oneOf: [{ const: "value1", title: "First Option" }, { const: "value2", title: "Second Option" }, { const: "value3", title: "Third Option" }],
    },
    legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["Option One", "Option Two", "Option Three"] },
    untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
    titledMulti: {
      type: "array",
      items: { anyOf: [{ const: "value1", title: "First Choice" }, { const: "value2", title: "Second Choice" }, { const: "value3", title: "Third Choice" }] },
    },
  }, []), (answer) => `Elicitation completed: ${outcome(answer)}`),
  test_streaming_elicitation: once("user", elicit("Go on?", { ok: { type: "boolean" } }, ["ok"]), outcome),
  test_missing_capability({ capabilities }) {
    if (capabilities.sampling) return text("The client can sample.");
    return fail(-32021, "This tool needs sampling", { requiredCapabilities: { sampling: {} } });
  },
  test_input_required_result_elicitation: ({ answers }) => {
    const { action, content } = answers.user_name ?? {};
    return action === "accept" && typeof content?.name === "string"
      ? text(`Hello, ${content.name}!`)
      : ask({ user_name: elicit("What is your name?", name, ["name"]) });
  },
  test_input_required_result_sampling: once("capital_question", sample("What is the capital of France?"), said),
  test_input_required_result_list_roots: once("client_roots", roots, (answer) =>
    `Roots: ${(answer.roots ?? []).map((root) => root.uri).join(", ")}`),
  test_input_required_result_request_state: ({ answers, state }) =>
    answers.confirm
      ? text(unseal(state) === "confirm" ? "state-ok" : "wrong state")
      : ask({ confirm: elicit("Please confirm", { ok: { type: "boolean" } }, ["ok"]) }, seal("confirm")),
  test_input_required_result_multiple_inputs: ({ answers, state }) =>
    answers.user_name && answers.greeting && answers.client_roots && unseal(state)
      ? text("All answers are here.")
      : ask({
        user_name: elicit("What is your name?", name, ["name"]), greeting: sample("Generate a greeting", 50), client_roots: roots,
      }, seal("several")),
  test_input_required_result_multi_round: ({ answers, state }) => {
    if (answers.step2 && unseal(state) === "round2") return text(`Done: ${outcome(answers.step2)}`);
    if (answers.step1 && unseal(state) === "round1") {
      const color = elicit("Step 2: What is your favorite color?", { color: { type: "string" } }, ["color"]);
      return ask({ step2: color }, seal("round2"));
    }
    return ask({ step1: elicit("Step 1: What is your name?", name, ["name"]) }, seal("round1"));
  },
  test_input_required_result_tampered_state: ({ answers, state }) =>
    answers.confirm
      ? text(`Accepted: ${unseal(state)}`)
      : ask({ confirm: elicit("Please confirm", { ok: { type: "boolean" } }, ["ok"]) }, seal("sealed")),
  test_input_required_result_capabilities: ({ capabilities, answers }) => {
    const wanted = {
      ...(capabilities.elicitation && { user_name: elicit("What is your name?", name, ["name"]) }),
      ...(capabilities.sampling && { greeting: sample("Generate a greeting", 50) }),
      ...(capabilities.roots && { client_roots: roots }),
    };
    return Object.keys(wanted).every((key) => answers[key]) ? text("Done.") : ask(wanted);
  },
  json_schema_2020_12_tool: () => text("Done."),
  test_custom_headers: ({ given }) => text(JSON.stringify(given)),
};

const string = (description) => ({ type: "string", description });
const schemas = {
  test_sampling: { type: "object", properties: { prompt: string("What to ask the model") }, required: ["prompt"] },
  test_elicitation: { type: "object", properties: { message: string("What to ask the user") }, required: ["message"] },
  test_custom_headers: {
    type: "object",
    properties: { region: { ...string("A region"), "x-mcp-header": "Region" }, query: string("A query") },
    required: ["region"],
  },
  json_schema_2020_12_tool: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    $defs: {
      address: { $anchor: "addressDef", type: "object", properties: { street: { type: "string" }, city: { type: "string" } } },
    },
    properties: {
      name: { type: "string" }, address: { $ref: "#/$defs/address" },
      contactMethod: { type: "string", enum: ["phone", "email"] }, phone: { type: "string" }, email: { type: "string" },
    },
    allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
    if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
    then: { required: ["phone"] },
    else: { required: ["email"] },
    additionalProperties: false,
  },
};

const message = (content) => ({ role: "user", content });
const prompts = {
  test_simple_prompt: {
    description: "A prompt without arguments.",
    get: () => ({ messages: [message({ type: "text", text: "This is a simple prompt for testing." })] }),
  },
  test_prompt_with_arguments: {
    description: "A prompt with two arguments.",
    arguments: [{ name: "arg1", description: "First", required: true }, { name: "arg2", description: "Second", required: true }],
    get: ({ given }) => ({
      messages: [message({ type: "text", text: `Prompt with arguments: arg1='${given.arg1}', arg2='${given.arg2}'` })],
    }),
  },
  test_prompt_with_embedded_resource: {
    description: "A prompt with a resource.",
    arguments: [{ name: "resourceUri", description: "Address of the resource", required: true }],
    get: ({ given }) => ({
      messages: [
        message({
          type: "resource",
          resource: { uri: given.resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." },
        }),
        message({ type: "text", text: "Please process the embedded resource above." }),
      ],
    }),
  },
  test_prompt_with_image: {
    description: "A prompt with an image.",
    get: () => ({
      messages: [
        message({ type: "image", data: PNG, mimeType: "image/png" }),
        message({ type: "text", text: "Please analyze the image above." }),
      ],
    }),
  },
  test_input_required_result_prompt: {
    description: "A prompt that asks first.",
    get: ({ answers }) =>
      answers.user_context
        ? { messages: [message({ type: "text", text: `Context: ${outcome(answers.user_context)}` })] }
        : ask({ user_context: elicit("What context should the prompt use?", { context: { type: "string" } }, ["context"]) }),
  },
};

const resources = {
  "test://static-text": {
    name: "static-text", mimeType: "text/plain", text: "This is the content of the static text resource.",
  },
  "test://static-binary": { name: "static-binary", mimeType: "image/png", blob: PNG },
  "test://watched-resource": { name: "watched-resource", mimeType: "text/plain", text: "Nothing changes here." },
};

function read(uri) {
  const found = resources[uri];
  if (found) {
    const { name: _, ...content } = found;
    return { contents: [{ uri, ...content }] };
  }
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (!id) fail(-32602, "Resource not found", { uri });
  const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: "application/json", text: data }] };
}

const cache = { ttlMs: 60000, cacheScope: "private" };
const methods = {
  "server/discover": () => ({
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} },
    serverInfo: { name: "conformance-upstream", version: "1" },
    ...cache,
  }),
  "tools/list": () => ({
    tools: [...Object.keys(tools), ...(changed ? ["test_new_tool"] : [])].map((tool) => ({
      name: tool, description: `The suite's ${tool}.`, inputSchema: schemas[tool] ?? { type: "object", properties: {} },
    })),
    ...cache,
  }),
  "tools/call": (params) => (tools[params.name] ?? (() => fail(-32602, `Unknown tool: ${params.name}`)))({
    given: params.arguments ?? {}, answers: params.inputResponses ?? {}, state: params.requestState,
    meta: params._meta ?? {}, capabilities: params._meta?.[`${META}clientCapabilities`] ?? {},
  }),
  "prompts/list": () => ({
    prompts: Object.entries(prompts).map(([prompt, { get: _, ...about }]) => ({ name: prompt, ...about })), ...cache,
  }),
  "prompts/get": (params) => prompts[params.name].get({ given: params.arguments ?? {}, answers: params.inputResponses ?? {} }),
  "resources/list": () => ({
    resources: Object.entries(resources).map(([uri, { name: title, mimeType }]) => ({
      uri, name: title, mimeType, description: `The suite's ${title}.`,
    })),
    ...cache,
  }),
  "resources/templates/list": () => ({
    resourceTemplates: [{
      uriTemplate: "test://template/{id}/data", name: "template", description: "Any id.", mimeType: "application/json",
    }],
    ...cache,
  }),
  "resources/read": ({ uri }) => ({ ...read(uri), ...cache }),
  "completion/complete": ({ argument }) => ({
    completion: { values: ["paris", "park", "party"].filter((word) => word.startsWith(argument.value)), hasMore: false },
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  if (method === "subscriptions/listen") {
    listening.add(id);
    const _meta = { [`${META}subscriptionId`]: id };
    const { toolsListChanged, resourceSubscriptions } = params.notifications;
    const notifications = { toolsListChanged, resourceSubscriptions };
    send({ method: "notifications/subscriptions/acknowledged", params: { notifications, _meta } });
    continue;
  }
  if (id === undefined) {
    if (method === "notifications/cancelled") listening.delete(params.requestId);
    continue;
  }
  Promise.resolve()
    .then(() => (methods[method] ?? (() => fail(-32601, `Method not found: ${method}`)))(params))
    .then((result) => send({ id, result: { resultType: "complete", ...result } }))
    .catch(({ code = -32603, message: words, data }) => send({ id, error: { code, message: words, data } }));
}
