// Drizzle and Kysely write SQL; a driver of this file answers, in place of a database.
import { and, desc, eq, gt, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { drizzle as drizzlePg } from 'drizzle-orm/pg-proxy';
import { jsonb, pgTable, serial, timestamp } from 'drizzle-orm/pg-core';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql as raw } from 'kysely';

const users = sqliteTable('users', { id: integer('id').primaryKey(), name: text('name').notNull(), at: integer('at', { mode: 'timestamp' }) });
const posts = sqliteTable('posts', { id: integer('id').primaryKey(), by: integer('by').references(() => users.id), title: text('title') });
const userPosts = relations(users, ({ many }) => ({ posts: many(posts) }));
const postUser = relations(posts, ({ one }) => ({ user: one(users, { fields: [posts.by], references: [users.id] }) }));
const events = pgTable('events', { id: serial('id').primaryKey(), data: jsonb('data').$type<{ a: number }>(), at: timestamp('at').defaultNow() });

const asked: unknown[] = [];
const db = drizzle(
  async (query, params, method) => {
    asked.push([query, params, method]);
    return { rows: method === 'get' ? [1, 'Halden', 60] : [[1, 'Halden', 60]] };
  },
  { schema: { users, posts, userPosts, postUser } },
);
const pg = drizzlePg(async () => ({ rows: [] }));

interface Tables {
  person: { id: number; first: string; age: number };
  pet: { owner: number; name: string };
}
const kysely = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (inner) => new SqliteIntrospector(inner),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

const pages: Record<string, () => unknown> = {
  '/drizzle': async () => {
    asked.length = 0;
    const rows = await db.select().from(users).where(and(eq(users.name, 'Halden'), gt(users.id, 0))).orderBy(desc(users.id)).limit(5);
    await db.insert(users).values({ name: 'x', at: new Date(60_000) });
    await db.update(users).set({ name: sql`upper(${users.name})` }).where(eq(users.id, 1));
    return [rows, asked];
  },
  '/drizzle/relations': () => db.query.users.findMany({ with: { posts: { columns: { title: true } } }, where: eq(users.id, 3) }).toSQL(),
  '/drizzle/pg': () => [pg.insert(events).values({ data: { a: 1 } }).returning().toSQL(), pg.select({ count: sql<number>`count(*)` }).from(events).toSQL()],
  '/kysely': async () => {
    const query = kysely
      .selectFrom('person')
      .innerJoin('pet', 'pet.owner', 'person.id')
      .select(({ fn }) => ['first', fn.count('pet.name').as('pets')])
      .where(({ eb, or }) => or([eb('age', '>', 3), eb('first', 'in', ['a', 'b'])]))
      .groupBy('first')
      .compile();
    const update = kysely.updateTable('person').set({ first: raw`lower(first)` }).where('id', '=', 1).compile();
    return [query.sql, query.parameters, update.sql, await kysely.selectFrom('person').selectAll().execute()];
  },
  '/kysely/schema': () => kysely.schema.createTable('person').addColumn('id', 'integer', (c) => c.primaryKey()).addColumn('first', 'varchar(20)').compile().sql,
};

export default {
  fetch: async (request: Request) => Response.json((await pages[new URL(request.url).pathname]?.()) ?? null),
};
