// tRPC's fetch adapter, and its client against the same router, in one process.
import { createTRPCClient, httpBatchLink, httpBatchStreamLink } from '@trpc/client';
import { initTRPC, TRPCError } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import superjson from 'superjson';
import { z } from 'zod';

const t = initTRPC.context<{ user: string | null }>().create({ transformer: superjson, isDev: false });
const known = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === null) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: { user: ctx.user } });
});
const router = t.router({
  greet: t.procedure.input(z.string()).query(({ input }) => `Hello ${input}`),
  dates: t.procedure.query(() => ({ at: new Date(0), tags: new Set(['a']), big: 12n })),
  me: known.query(({ ctx }) => ctx.user),
  late: t.procedure.query(async () => ({ now: 1, later: Promise.resolve(2) })),
  rows: t.procedure.query(async function* () {
    yield 1;
    yield 2;
  }),
});

const handle = (request: Request) =>
  fetchRequestHandler({ endpoint: '/trpc', req: request, router, createContext: () => ({ user: request.headers.get('x-user') }) });

export default {
  async fetch(request: Request) {
    if (new URL(request.url).pathname.startsWith('/trpc')) return handle(request);
    const options = {
      url: 'http://inside/trpc',
      transformer: superjson,
      headers: { 'x-user': 'halden' },
      fetch: (url: unknown, init: unknown) => handle(new Request(url as string, init as RequestInit)),
    };
    const client = createTRPCClient<typeof router>({ links: [httpBatchLink(options)] });
    const [greeting, dates, me] = await Promise.all([client.greet.query('you'), client.dates.query(), client.me.query()]);
    const streaming = createTRPCClient<typeof router>({ links: [httpBatchStreamLink(options)] });
    const late = await streaming.late.query();
    const rows: number[] = [];
    for await (const row of await streaming.rows.query()) rows.push(row);
    const wrong = await client.greet.query(5 as never).catch((error) => error.data.code);
    return Response.json([greeting, dates.at.getTime(), [...dates.tags], String(dates.big), me, await late.later, rows, wrong]);
  },
};
