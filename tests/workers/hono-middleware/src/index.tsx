// Middlewares of hono, its JSX, and its client, which calls the same app without a network.
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { bearerAuth } from 'hono/bearer-auth';
import { bodyLimit } from 'hono/body-limit';
import { testClient } from 'hono/testing';
import { compress } from 'hono/compress';
import { contextStorage, getContext } from 'hono/context-storage';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { ipRestriction } from 'hono/ip-restriction';
import { languageDetector } from 'hono/language';
import { methodOverride } from 'hono/method-override';
import { prettyJSON } from 'hono/pretty-json';
import { stream, streamText } from 'hono/streaming';
import { timeout } from 'hono/timeout';
import { validator } from 'hono/validator';
import { getSignedCookie, setSignedCookie } from 'hono/cookie';
import { Page } from './page';

type Env = { Bindings: { PASSWORD: string }; Variables: { user: string } };
const app = new Hono<Env>({ strict: true });

app.use('/private/*', (c, next) => basicAuth({ username: 'halden', password: c.env.PASSWORD })(c, next));
app.get('/private/page', (c) => c.text('inside'));
app.use('/token/*', bearerAuth({ token: 'abc' }));
app.get('/token/page', (c) => c.text('with a token'));
app.post('/limited', bodyLimit({ maxSize: 8, onError: (c) => c.text('too large', 413) }), async (c) => c.text(await c.req.text()));
const compressed = new Hono().get('/', compress({ threshold: 1 }), (c) => c.text('a'.repeat(2000)));
app.get('/compressed', async (c) => {
  const answer = await compressed.request('/', { headers: { 'accept-encoding': 'gzip' } });
  const text = await new Response(answer.body!.pipeThrough(new DecompressionStream('gzip'))).text();
  return c.json([answer.headers.get('content-encoding'), answer.headers.get('vary'), text.length]);
});
app.post('/csrf', csrf(), (c) => c.text('posted'));
app.get('/etag', etag(), (c) => c.text('the same'));
app.get('/pretty', prettyJSON(), (c) => c.json({ a: [1, { b: 2 }] }));
app.get('/language', languageDetector({ supportedLanguages: ['en', 'de'], fallbackLanguage: 'en' }), (c) => c.text(c.get('language' as never)));
app.use('/override', methodOverride({ app }));
app.delete('/override', (c) => c.text('deleted'));
app.get('/slow', timeout(20), async (c) => {
  await new Promise((done) => setTimeout(done, 500));
  return c.text('late');
});
app.get('/jsx', (c) => c.html(<Page title={c.req.query('title') ?? 'none'} items={['a', '<b>']} />));
app.get('/signed', async (c) => {
  await setSignedCookie(c, 'name', 'value', 'secret', { httpOnly: true, sameSite: 'Lax', maxAge: 60 });
  return c.json(await getSignedCookie(c, 'secret'));
});
app.get('/stream', (c) =>
  stream(c, async (out) => {
    await out.write(new Uint8Array([0x68, 0x69]));
    await out.pipe(new Response(' there').body!);
  }),
);
app.get('/stream-text', (c) => streamText(c, async (out) => void (await out.writeln('one')) ?? void (await out.write('two'))));
app.post('/valid', validator('form', (value, c) => (value.name ? { name: String(value.name) } : c.text('no name', 400))), (c) => c.json(c.req.valid('form')));
app.use('/context', contextStorage());
app.get('/context', (c) => {
  c.set('user', 'halden');
  return c.text(getContext<Env>().var.user);
});
app.get('/error', () => {
  throw new HTTPException(418, { message: 'short and stout' });
});
app.get('/address', ipRestriction(() => '10.0.0.1', { denyList: [], allowList: ['10.0.0.0/8'] }), (c) => c.text('allowed'));

const api = new Hono().get('/echo/:id', (c) => c.json({ id: c.req.param('id'), all: c.req.queries('tag') ?? [] }));
app.route('/api', api);
app.get('/client', async (c) => {
  const answer = await testClient(api).echo[':id'].$get({ param: { id: '7' }, query: { tag: ['x', 'y'] } } as never);
  return c.json([answer.status, await answer.json()]);
});
app.get('/wild/*', (c) => c.json({ path: c.req.path, url: new URL(c.req.url).search, routed: c.req.routePath, header: c.req.header('x-case') }));
app.get('/user/:id{[0-9]+}/:file{.+\\.txt}', (c) => c.json(c.req.param()));
app.mount('/mounted', (request) => new Response(new URL(request.url).pathname));
app.notFound((c) => c.json({ missing: c.req.path }, 404));
export default app;
