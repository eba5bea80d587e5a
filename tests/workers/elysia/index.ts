// Elysia without its compiler, which makes functions of texts.
import { Elysia } from 'elysia';

const app = new Elysia({ aot: false })
  .state('version', 1)
  .derive(({ request }) => ({ agent: request.headers.get('x-agent') ?? 'none' }))
  .get('/', ({ store, agent }) => ({ version: store.version, agent }))
  .get('/user/:id', ({ params }) => params.id.toUpperCase())
  .get('/query', ({ query }) => query)
  .post('/echo', ({ body }) => body)
  .get('/header', ({ set }) => {
    set.headers['x-made'] = 'yes';
    set.status = 201;
    return 'made';
  })
  .get('/cookie', ({ cookie: { visit } }) => {
    visit.value = 'one';
    visit.httpOnly = true;
    return visit.value;
  })
  .get('/throw', () => {
    throw new Error('on purpose');
  })
  .group('/api', (api) => api.guard({ beforeHandle: ({ agent, status }) => (agent === 'none' ? status(401, 'who?') : undefined) }, (inner) => inner.get('/in', 'inside')))
  .onError(({ code, error, set }) => {
    if (code === 'NOT_FOUND') return 'nothing here';
    set.status = 500;
    return `caught ${(error as Error).message}`;
  });

export default { fetch: (request: Request) => app.fetch(request) };
