// An agent on the Vercel AI SDK. It speaks MCP, so isolet needs no glue.
import { createMCPClient } from "@ai-sdk/mcp";
import { openai } from "@ai-sdk/openai";
import { generateText, stepCountIs } from "ai";

const { ISOLET_URL = "http://127.0.0.1:8787", ISOLET_TOKEN, MODEL = "gpt-5" } = process.env;
const isolet = await createMCPClient({
  transport: { type: "http", url: `${ISOLET_URL}/mcp`, headers: { Authorization: `Bearer ${ISOLET_TOKEN}` } },
});
try {
  const { text } = await generateText({
    model: openai(MODEL),
    tools: await isolet.tools(),
    stopWhen: stepCountIs(20),
    prompt: process.argv[2],
  });
  console.log(text);
} finally {
  await isolet.close();
}
