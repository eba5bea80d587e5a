// The rest of the platform: URLs, patterns, encodings, events, timers, clones, messages.
const told = async (run: () => unknown) => {
  try {
    return await run();
  } catch (error) {
    return [(error as Error).name, error instanceof DOMException ? error.code : null];
  }
};
const hex = (data: ArrayBuffer | Uint8Array) => [...new Uint8Array(data as ArrayBuffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const pages: Record<string, () => unknown> = {
  '/url': async () => [
    ...['https://EXAMPLE.com:443/a/../b?x=ä#é', 'http://[::1]:8080/', 'https://user:p%40ss@münchen.example/', 'mailto:a@b', 'blob:https://a.example/id', 'file:///C:/a', 'data:text/plain,x y', 'web+x:/.//p'].map((text) => {
      const { href, origin, host, username, password, port, pathname, search, hash } = new URL(text);
      return [href, origin, host, username, password, port, pathname, search, hash];
    }),
    URL.canParse('//x', 'https://a.example'), await told(() => new URL('/x')),
  ],
  '/url/set': () => {
    const url = new URL('https://a.example/x');
    url.port = '8080';
    url.search = 'a b';
    url.searchParams.append('c', 'ü');
    url.hash = '#h';
    url.username = 'me:';
    url.host = 'b.example:99999';
    url.protocol = 'http';
    url.pathname = 'p q';
    return [url.href, [...url.searchParams], url.searchParams.size];
  },
  '/params': () => {
    const params = new URLSearchParams([['b', '2'], ['a', '1'], ['b', '3']]);
    params.sort();
    params.delete('b', '2');
    return [params.toString(), params.has('b', '3'), params.getAll('a'), String(new URLSearchParams('?a=%zz&b=%F0%9F%98%80&c')), Object.fromEntries(new URLSearchParams({ x: 'y' }))];
  },
  '/pattern': () => {
    const pattern = new URLPattern({ pathname: '/:kind(a|b)/:id?/*' });
    return [pattern.exec('https://x.example/a/12/rest')?.pathname.groups.id, pattern.test({ pathname: '/c/1/' }), new URLPattern('https://*.example/x').test('https://a.example/x'), pattern.pathname];
  },
  '/encoding': async () => [
    hex(new TextEncoder().encode('a\ud800é😀')), new TextEncoder().encodeInto('é😀', new Uint8Array(5)),
    ...['utf-8', 'utf-16le', 'windows-1252', 'shift_jis', 'gbk', 'iso-8859-2'].map((label) => new TextDecoder(label).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x41, 0xe4, 0x20]))),
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf])).length, await told(() => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))), await told(() => new TextDecoder('nothing')),
    ((decoder) => decoder.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }) + decoder.decode(new Uint8Array([0x98, 0x80])))(new TextDecoder()),
    atob(' aGk= '), btoa('\xff'), await told(() => atob('a')), await told(() => btoa('é€')),
  ],
  '/events': () => {
    const seen: unknown[] = [];
    const target = new EventTarget();
    const controller = new AbortController();
    target.addEventListener('x', () => seen.push('once'), { once: true });
    target.addEventListener('x', { handleEvent: (event: Event) => void seen.push(event.type) } as never, { signal: controller.signal } as never);
    target.addEventListener('x', (event) => event.preventDefault());
    const event = () => new CustomEvent('x', { detail: 1, cancelable: true });
    seen.push(target.dispatchEvent(event()), target.dispatchEvent(event()));
    controller.abort();
    seen.push(target.dispatchEvent(event()), new Event('x').cancelable);
    return seen;
  },
  '/abort': async () => {
    const timed = AbortSignal.timeout(5);
    const any = AbortSignal.any([new AbortController().signal, timed]);
    const reason: any = await new Promise((done) => any.addEventListener('abort', () => done(any.reason)));
    return [reason.name, AbortSignal.abort().reason.name, await told(() => AbortSignal.abort('x').throwIfAborted()), timed.aborted];
  },
  '/timers': async () => {
    const order: string[] = [];
    await new Promise<void>((done) => {
      setTimeout((name: string) => { order.push(name); done(); }, 5, 'late');
      setTimeout(() => order.push('timer'), 0);
      queueMicrotask(() => order.push('microtask'));
      Promise.resolve().then(() => order.push('promise'));
      const cancelled = setTimeout(() => order.push('never'), 1);
      clearTimeout(cancelled);
      let ticks = 0;
      const every = setInterval(() => { order.push('tick'); if (++ticks === 1) clearInterval(every); }, 1);
      order.push('now');
    });
    await scheduler.wait(1);
    return order;
  },
  '/clone': async () => {
    const value: any = { at: new Date(0), map: new Map([[1, { a: 1 }]]), set: new Set(['x']), re: /a/gi, bytes: new Uint8Array([1, 2]).subarray(1), big: 1n, error: new RangeError('r', { cause: 1 }), hole: [, 1], none: undefined };
    value.self = value;
    const copy = structuredClone(value);
    const buffer = new ArrayBuffer(4);
    const moved = structuredClone(buffer, { transfer: [buffer] });
    return [copy.at.getTime(), copy.map.get(1), [...copy.set], String(copy.re), copy.bytes[0], String(copy.big), copy.error instanceof RangeError, copy.error.message, 0 in copy.hole, copy.self === copy, 'none' in copy, buffer.byteLength, moved.byteLength, await told(() => structuredClone(() => 1)), await told(() => structuredClone(Symbol()))];
  },
  '/messages': async () => {
    const { port1, port2 } = new MessageChannel();
    const got = new Promise((done) => (port2.onmessage = (event: MessageEvent) => done(event.data)));
    port1.postMessage({ a: [1] });
    return await got;
  },
  '/digest': async () => [
    ...(await Promise.all(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'MD5'].map(async (name) => hex(await crypto.subtle.digest(name, new TextEncoder().encode('x')))))),
    await told(() => crypto.subtle.digest('SHA-3', new Uint8Array())), crypto.randomUUID().length, await told(() => crypto.getRandomValues(new Uint8Array(65537))), await told(() => crypto.getRandomValues(new Float32Array(1) as never)),
  ],
  '/subtle': async () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, i) => i);
    const aes = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', true, ['encrypt', 'decrypt']);
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: bytes.slice(0, 12), additionalData: bytes.slice(0, 3) }, aes, bytes.slice(0, 5));
    const password = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveBits', 'deriveKey']);
    const hmac = await crypto.subtle.deriveKey({ name: 'PBKDF2', salt: bytes, iterations: 10, hash: 'SHA-256' }, password, { name: 'HMAC', hash: 'SHA-1', length: 160 }, true, ['sign', 'verify']);
    const hkdf = await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveBits']);
    const bits = await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-512', salt: bytes, info: bytes }, hkdf, 128);
    const rsa = (await crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify'])) as CryptoKeyPair;
    const signature = await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, rsa.privateKey, bytes);
    return [
      hex(sealed), hex((await crypto.subtle.exportKey('raw', hmac)) as ArrayBuffer), hex(bits), ((await crypto.subtle.exportKey('jwk', aes)) as JsonWebKey).k, aes.algorithm, aes.usages,
      await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 32 }, rsa.publicKey, signature, bytes), ((await crypto.subtle.exportKey('jwk', rsa.publicKey)) as JsonWebKey).e,
      await told(() => crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(0) }, aes, bytes)), await told(() => crypto.subtle.importKey('raw', bytes.slice(1), 'AES-GCM', true, ['encrypt'])),
      crypto.subtle.timingSafeEqual(bytes, bytes),
    ];
  },
  '/globals': () => [typeof self, self === globalThis, typeof navigator.userAgent, typeof performance.now(), typeof WebSocket, typeof process, typeof Buffer, typeof XMLHttpRequest, typeof document, typeof window, typeof BroadcastChannel, typeof Worker, typeof WebAssembly, typeof reportError, typeof setImmediate, Date.now() > 1.7e12],
  '/eval': async () => [await told(() => new Function('return 1')()), await told(() => (0, eval)('1'))],
};

export default { fetch: async (request: Request) => Response.json((await pages[new URL(request.url).pathname]?.()) ?? null) };
