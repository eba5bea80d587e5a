// The AI SDK with a model that answers by itself: text, streams to a browser, tools, objects.
import { createUIMessageStreamResponse, generateText, Output, simulateReadableStream, stepCountIs, streamText, tool } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';

const usage = { inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 2, text: 2, reasoning: 0 } };
const stop = { unified: 'stop' as const, raw: 'stop' };
const saying = (text: string) =>
  new MockLanguageModelV3({
    doGenerate: async () => ({ content: [{ type: 'text', text }], finishReason: stop, usage, warnings: [] }),
    doStream: async () => ({
      stream: simulateReadableStream({
        initialDelayInMs: null,
        chunkDelayInMs: null,
        chunks: [
          { type: 'stream-start', warnings: [] },
          { type: 'text-start', id: '1' },
          ...text.split(' ').map((delta) => ({ type: 'text-delta' as const, id: '1', delta: `${delta} ` })),
          { type: 'text-end', id: '1' },
          { type: 'finish', finishReason: stop, usage },
        ],
      }),
    }),
  });

const pages: Record<string, () => unknown> = {
  '/text': async () => {
    const { text, finishReason, totalUsage } = await generateText({ model: saying('Hello there'), prompt: 'hi' });
    return Response.json([text, finishReason, totalUsage.totalTokens]);
  },
  '/stream': () => streamText({ model: saying('one two three'), prompt: 'count' }).toTextStreamResponse(),
  '/ui': () => createUIMessageStreamResponse({ stream: streamText({ model: saying('one two'), prompt: 'count' }).toUIMessageStream({ sendStart: false }) }),
  '/object': async () => {
    const { output } = await generateText({ model: saying('{"city":"Bern","population":134000}'), prompt: 'x', output: Output.object({ schema: z.object({ city: z.string(), population: z.number() }) }) });
    return Response.json(output);
  },
  '/tool': async () => {
    let step = 0;
    const model = new MockLanguageModelV3({
      doGenerate: async ({ prompt }) => {
        const call = { type: 'tool-call' as const, toolCallId: 'c1', toolName: 'add', input: '{"a":1,"b":2}' };
        const last = JSON.stringify(prompt.at(-1)?.content);
        return step++ === 0
          ? { content: [call], finishReason: { unified: 'tool-calls', raw: 'tool-calls' }, usage, warnings: [] }
          : { content: [{ type: 'text', text: last }], finishReason: stop, usage, warnings: [] };
      },
    });
    const add = tool({ inputSchema: z.object({ a: z.number(), b: z.number() }), execute: async ({ a, b }) => a + b });
    const { text, steps } = await generateText({ model, prompt: 'add', tools: { add }, stopWhen: stepCountIs(3) });
    return Response.json([text, steps.length]);
  },
};

export default {
  fetch: (request: Request) => pages[new URL(request.url).pathname]?.() ?? new Response('none', { status: 404 }),
};
