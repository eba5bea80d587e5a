// A GraphQL server: queries, mutations, errors, a subscription over SSE and a file in a form.
import { GraphQLError } from 'graphql';
import { createSchema, createYoga } from 'graphql-yoga';

const yoga = createYoga<{ SECRET: string }>({
  graphiql: false,
  maskedErrors: { isDev: false },
  logging: false,
  schema: createSchema({
    typeDefs: /* GraphQL */ `
      scalar File
      type Query { hello(name: String = "you"): String! secret: String! list(count: Int!): [Int!]! fails: String broken: String }
      type Mutation { size(file: File!): String! }
      type Subscription { count(to: Int!): Int! }
    `,
    resolvers: {
      Query: {
        hello: (_, { name }) => `Hello ${name}`,
        secret: (_, __, context) => context.SECRET,
        list: (_, { count }) => Array.from({ length: count }, (_, i) => i),
        fails: () => {
          throw new GraphQLError('told', { extensions: { code: 'TOLD' } });
        },
        broken: () => {
          throw new Error('hidden');
        },
      },
      Mutation: { size: async (_, { file }: { file: File }) => `${file.name} ${file.type} ${(await file.text()).length}` },
      Subscription: {
        count: {
          async *subscribe(_: unknown, { to }: { to: number }) {
            for (let count = 1; count <= to; count++) yield { count };
          },
        },
      },
    },
  }),
});

export default { fetch: yoga.fetch };
