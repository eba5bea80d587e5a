// Streams of the platform, from a request's body to a response's, with errors and cancellation.
const encoder = new TextEncoder();
const text = (stream: ReadableStream) => new Response(stream).text();
const told = async (run: () => unknown) => {
  try {
    return await run();
  } catch (error) {
    return [(error as Error).name];
  }
};
const count = (to: number) => {
  let n = 0;
  return new ReadableStream<string>({ pull: (controller) => (n === to ? controller.close() : controller.enqueue(`${n++} `)) });
};
const upper = () => new TransformStream<string, string>({ transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()), flush: (controller) => controller.enqueue('!') });

const pages: Record<string, (request: Request) => unknown> = {
  '/echo': (request) => new Response(request.body!.pipeThrough(new TransformStream())),
  '/lines': (request) => {
    let rest = '';
    const lines = new TransformStream<string, string>({
      transform(chunk, controller) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop()!;
        for (const part of parts) controller.enqueue(`<${part}>`);
      },
      flush: (controller) => controller.enqueue(`<${rest}>`),
    });
    return new Response(request.body!.pipeThrough(new TextDecoderStream()).pipeThrough(lines).pipeThrough(new TextEncoderStream()));
  },
  '/slow': () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    (async () => {
      for (const part of ['one ', 'two ', 'three']) {
        await writer.write(encoder.encode(part));
        await new Promise((done) => setTimeout(done, 2));
      }
      await writer.close();
    })();
    return new Response(readable, { headers: { 'content-type': 'text/plain' } });
  },
  '/fixed': () => {
    const { readable, writable } = new FixedLengthStream(5);
    const writer = writable.getWriter();
    writer.write(encoder.encode('12345')).then(() => writer.close());
    return new Response(readable);
  },
  '/identity': async () => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    writer.write(encoder.encode('same')).then(() => writer.close());
    return [await text(readable)];
  },
  '/tee': async () => {
    const [a, b] = count(3).pipeThrough(new TextEncoderStream()).tee();
    return [await text(a), await text(b)];
  },
  '/pipe': async () => [await text(count(3).pipeThrough(upper()).pipeThrough(new TextEncoderStream()))],
  '/byob': async () => {
    const reader = new Response('0123456789').body!.getReader({ mode: 'byob' });
    const sizes: number[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(4));
      if (done) return sizes;
      sizes.push(value!.length);
    }
  },
  '/at-least': async () => {
    const reader = new Response('0123456789').body!.getReader({ mode: 'byob' });
    const { value } = await (reader as any).readAtLeast(6, new Uint8Array(8));
    return [value.length >= 6];
  },
  '/errors': async () => [
    await told(() => text(new ReadableStream({ pull: (controller) => controller.error(new RangeError('x')) }))),
    await told(() => new Response(count(1)).text()),
    await told(() => { const s = count(1); s.getReader(); s.getReader(); }),
    await told(async () => { const r = new Response('x'); await r.text(); await r.text(); }),
    await told(() => new ReadableStream({ type: 'other' as never })),
    await told(() => count(2).pipeTo(new WritableStream({ write: () => { throw new EvalError('w'); } }))),
  ],
  '/cancel': async () => {
    const seen: unknown[] = [];
    const stream = new ReadableStream({ cancel: (reason) => void seen.push(reason), pull: (c) => c.enqueue('x') });
    for await (const chunk of stream) {
      seen.push(chunk);
      break;
    }
    await new ReadableStream({ cancel: (reason) => void seen.push(reason) }).cancel('why');
    return seen;
  },
  '/from': async () => [await text((ReadableStream as any).from(['a', 'b']).pipeThrough(new TextEncoderStream()))],
  '/compress': async () => {
    const packed = new Response('z'.repeat(1000)).body!.pipeThrough(new CompressionStream('deflate-raw'));
    const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
    const back = await text(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')));
    const bad = await told(() => text(new Blob(['nonsense']).stream().pipeThrough(new DecompressionStream('gzip'))));
    return [bytes.length < 30, back.length, bad];
  },
  '/abort': async () => {
    const controller = new AbortController();
    const writing = new WritableStream({ write: () => new Promise((done) => setTimeout(done, 5)) });
    const piping = count(100).pipeTo(writing, { signal: controller.signal }).catch((error) => error);
    controller.abort('enough');
    return [await piping];
  },
  '/strategy': () => [new CountQueuingStrategy({ highWaterMark: 3 }).size(), new ByteLengthQueuingStrategy({ highWaterMark: 3 }).size(new Uint8Array(7)), new TransformStream().writable.getWriter().desiredSize],
};

export default {
  async fetch(request: Request) {
    const answer = await pages[new URL(request.url).pathname]?.(request);
    return answer instanceof Response ? answer : Response.json(answer ?? null);
  },
};
