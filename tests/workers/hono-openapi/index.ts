// An API with a generated OpenAPI document, once by @hono/zod-openapi and once by chanfana.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { fromHono, OpenAPIRoute } from 'chanfana';
import { Hono, type Context } from 'hono';
import * as zod from 'zod';

const User = z.object({ id: z.string().openapi({ example: '12' }), age: z.number().int().min(0) }).openapi('User');
const app = new OpenAPIHono({ defaultHook: (result, c) => (result.success ? undefined : c.json({ bad: result.error.issues.map((issue) => issue.path) }, 422)) });
app.openapi(
  createRoute({
    method: 'get',
    path: '/users/{id}',
    request: { params: z.object({ id: z.string().min(2) }), query: z.object({ age: z.coerce.number().default(30) }) },
    responses: { 200: { description: 'a user', content: { 'application/json': { schema: User } } } },
  }),
  (c) => c.json({ id: c.req.valid('param').id, age: c.req.valid('query').age }, 200),
);
app.doc('/doc', { openapi: '3.0.0', info: { title: 'users', version: '1' } });

class TaskCreate extends OpenAPIRoute {
  schema = {
    request: { body: { content: { 'application/json': { schema: zod.z.object({ name: zod.z.string(), due: zod.z.iso.date().optional() }) } } } },
    responses: { '200': { description: 'the task' } },
  };
  async handle(_c: Context) {
    const { body } = await this.getValidatedData<typeof this.schema>();
    return { success: true, name: body.name };
  }
}
const tasks = fromHono(new Hono(), { docs_url: '/docs' });
tasks.post('/tasks', TaskCreate);
app.mount('/chanfana', tasks.fetch);

export default app;
