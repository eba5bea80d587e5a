import { zValidator } from '@hono/zod-validator';
import { Hono } from 'hono';
import { z } from 'zod';

const order = z.object({ item: z.string().min(2), count: z.number().int().positive(), note: z.string().optional() });
const app = new Hono();
app.post('/order', zValidator('json', order), (c) => c.json({ ok: c.req.valid('json') }));
app.get('/schema', (c) => c.json(z.toJSONSchema(order)));
app.get('/parse', (c) => c.json({ issues: order.safeParse({ item: 'x', count: 1.5 }).error?.issues.length }));

export default app;
