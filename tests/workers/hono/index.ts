import { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { html } from 'hono/html';
import { sign, verify } from 'hono/jwt';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import type { Context } from 'hono';
import { Bindings, greet } from './greeting';

const app = new Hono<{ Bindings: Bindings }>();
const named = (c: Context) => c.text(greet(c.req.param('name') ?? 'nobody', c.env.MARK));
app.use('/open/*', cors({ origin: 'https://shop.example' }));
app.get('/', (c) => c.json({ routes: app.routes.length > 5, mark: c.env.MARK }));
app.get('/open/:name', named);
app.get('/cookie', (c) => {
  setCookie(c, 'seen', 'yes', { path: '/' });
  return c.json(getCookie(c));
});
app.post('/form', async (c) => c.json(await c.req.parseBody({ all: true })));
app.get('/html', (c) => c.html(html`<p>${c.req.query('q')}</p>`));
app.get('/jwt', async (c) => {
  const token = await sign({ sub: 'halden' }, 'secret', 'HS256');
  return c.json({ token, payload: await verify(token, 'secret', 'HS256') });
});
app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for (let id = 0; id < 3; id++) await stream.writeSSE({ event: 'tick', data: `n${id}`, id: String(id) });
  }),
);
app.get('/safe', secureHeaders(), (c) => c.text('safe'));
app.get('/throw', () => {
  throw new Error('on purpose');
});
app.onError((error, c) => c.text(`caught ${error.message}`, 500));

export default app;
