// Bodies: forms, files, JSON, bytes; requests and responses made of others.
const told = async (run: () => unknown) => {
  try {
    return await run();
  } catch (error) {
    return [(error as Error).name];
  }
};
const entries = async (form: FormData) => {
  const found: unknown[] = [];
  for (const [name, value] of form) found.push(typeof value === 'string' ? [name, value] : [name, value.name, value.type, value.size, await value.text()]);
  return found;
};

const pages: Record<string, (request: Request) => unknown> = {
  '/form': async (request) => entries(await request.formData()),
  '/json': (request) => told(() => request.json()),
  '/bytes': async (request) => [(await request.clone().arrayBuffer()).byteLength, (await request.blob()).type],
  '/make': async () => {
    const form = new FormData();
    form.append('a b', 'x\r\ny');
    form.append('file', new File(['é'], 'nämé.txt', { type: 'text/plain', lastModified: 5 }));
    form.append('blob', new Blob(['b']));
    form.set('last', '1');
    form.delete('last');
    const request = new Request('https://a.example', { method: 'POST', body: form });
    const type = request.headers.get('content-type')!;
    const boundary = type.split('boundary=')[1];
    return [type.split(';')[0], (await request.clone().text()).replaceAll(boundary, 'B').trimEnd(), await entries(await request.formData())];
  },
  '/encoded': async () => {
    const request = new Request('https://a.example', { method: 'POST', body: new URLSearchParams({ a: '1 2', 'ü': '&' }) });
    return [request.headers.get('content-type'), await request.text()];
  },
  '/types': async () => {
    const types = [];
    for (const body of ['text', new Blob(['x'], { type: 'Image/PNG' }), new Uint8Array(2), new URLSearchParams('a=1'), new ReadableStream()]) types.push(new Response(body as BodyInit).headers.get('content-type'));
    return types;
  },
  '/response': () => {
    const first = new Response('x', { status: 201, statusText: 'Made', headers: { 'x-a': '1' } });
    const second = new Response(first.body, first);
    second.headers.append('x-a', '2');
    second.headers.append('set-cookie', 'a=1');
    second.headers.append('set-cookie', 'b=2; Path=/');
    return second;
  },
  '/redirect': () => Response.redirect('https://a.example/x y?ü', 307),
  '/json-init': () => Response.json({ a: 'é' }, { status: 202, headers: { 'content-type': 'application/problem+json' } }),
  '/empty': () => new Response(null, { status: 204 }),
  '/not-modified': () => new Response(null, { status: 304, headers: { etag: '"x"' } }),
  '/statuses': async () => [
    await told(() => new Response('x', { status: 204 })),
    await told(() => new Response('', { status: 99 })),
    await told(() => Response.redirect('https://a.example', 200)),
    await told(() => new Request('relative')),
    await told(() => new Request('https://a.example', { method: 'GET', body: 'x' })),
    await told(() => new Headers({ 'bad name': 'x' })),
    await told(() => new Headers([['a', 'x\ny']] as never)),
  ],
  '/request': async (request) => {
    const other = new Request(request.url, { headers: { 'x-new': '1' } });
    const moved = new Request('https://b.example/path', request);
    return [other.method, [...other.headers], moved.url, moved.method, await moved.text(), request.bodyUsed, request.redirect];
  },
  '/headers': (request) => {
    const headers = new Headers([['B', '2'], ['a', ' 1 '], ['b', '3']]);
    headers.append('Set-Cookie', 'x=1');
    headers.append('set-cookie', 'y=2');
    return [[...headers], headers.get('B'), headers.getSetCookie(), request.headers.get('X-Multi'), headers.has('A'), [...headers.keys()]];
  },
  '/file': async () => {
    const file = new File(['abc', new Uint8Array([100])], 'a.txt', { type: 'text/plain', lastModified: 7 });
    const part = file.slice(1, -1, 'x/y');
    return [file.name, file.lastModified, file.size, part instanceof File, part.type, await part.text(), (await file.bytes()).length];
  },
};

export default {
  async fetch(request: Request) {
    const answer = await pages[new URL(request.url).pathname]?.(request);
    return answer instanceof Response ? answer : Response.json(answer ?? null);
  },
};
