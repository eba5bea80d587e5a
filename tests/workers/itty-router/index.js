import { AutoRouter, error } from 'itty-router';

const router = AutoRouter();
router
  .get('/hello/:name', ({ name }) => `Hello, ${name}!`)
  .get('/items', ({ query }) => ({ items: query.id }))
  .post('/items', async (request) => ({ received: await request.json() }))
  .get('/missing', () => error(404, 'gone'));

export default { ...router };
