// Validators: valibot, parts of zod, and Ajv, which makes code of schemas.
import Ajv from 'ajv';
import * as v from 'valibot';
import { z } from 'zod';
import * as mini from 'zod/mini';

const Login = v.object({
  email: v.pipe(v.string(), v.email()),
  password: v.pipe(v.string(), v.minLength(8, 'too short')),
  tags: v.optional(v.array(v.picklist(['a', 'b'])), []),
});
type Tree = { name: string; children: Tree[] };
const Tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(Tree) }));
const Event = z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), at: z.coerce.date() }), z.object({ kind: z.literal('b'), id: z.uuid() })]);

const told = (run: () => unknown) => {
  try {
    return run();
  } catch (error) {
    return [(error as Error).constructor.name, (error as Error).message];
  }
};
const pages: Record<string, (input: any) => unknown> = {
  '/valibot': (input) => {
    const found = v.safeParse(Login, input);
    return found.success ? found.output : v.flatten(found.issues);
  },
  '/valibot/async': (input) => v.parseAsync(v.pipeAsync(v.string(), v.transformAsync(async (text) => text.length)), input.text),
  '/tree': (input) => Tree.parse(input),
  '/event': (input) => z.prettifyError(Event.safeParse(input).error ?? new z.ZodError([])),
  '/mini': (input) => mini.safeParse(mini.object({ n: mini.number().check(mini.gte(5)) }), input).error?.issues ?? 'fine',
  '/ajv': (input) => told(() => new Ajv().compile({ type: 'object', required: ['a'] })(input)),
};

export default {
  async fetch(request: Request) {
    try {
      return Response.json(await pages[new URL(request.url).pathname](await request.json()));
    } catch (error) {
      return Response.json({ error: (error as Error).message }, { status: 400 });
    }
  },
};
