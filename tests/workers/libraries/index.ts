import { graphql, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import * as jose from 'jose';
import chunk from 'lodash/chunk';
import _, { camelCase } from 'lodash';
import { customAlphabet, nanoid } from 'nanoid';
import PostalMime from 'postal-mime';

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: { hello: { type: GraphQLString, args: { name: { type: GraphQLString } }, resolve: (_parent, { name }) => `Hello ${name}` } },
  }),
});
const MAIL = [
  'From: =?utf-8?B?SMOkbGRlbg==?= <halden@example.com>',
  'Subject: an order',
  'Content-Type: multipart/mixed; boundary=x',
  '',
  '--x',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'two scanners',
  '--x',
  'Content-Type: application/octet-stream; name=a.bin',
  'Content-Disposition: attachment; filename=a.bin',
  'Content-Transfer-Encoding: base64',
  '',
  'AAEC',
  '--x--',
  '',
].join('\r\n');

const pages: Record<string, (url: URL) => unknown> = {
  '/graphql': (url) => graphql({ schema, source: url.searchParams.get('q') ?? '' }),
  '/jose': async () => {
    const key = new TextEncoder().encode('0123456789abcdef0123456789abcdef');
    const token = await new jose.SignJWT({ a: 1 }).setProtectedHeader({ alg: 'HS256' }).setIssuer('me').sign(key);
    const { payload } = await jose.jwtVerify(token, key, { issuer: 'me' });
    const wrong = await jose.jwtVerify(`${token.slice(0, -4)}AAAA`, key).catch((error) => error.code);
    return { token, payload, wrong, thumbprint: await jose.calculateJwkThumbprint({ kty: 'oct', k: 'AAAA' }) };
  },
  '/lodash': () => [chunk([1, 2, 3], 2), camelCase('two words'), _.VERSION.split('.')[0], _.sum([1, 2])],
  '/nanoid': () => [nanoid().length, nanoid(8).length, /^[ab]{5}$/.test(customAlphabet('ab', 5)())],
  '/mail': async () => {
    const mail = await PostalMime.parse(MAIL);
    return [mail.from, mail.subject, mail.text, mail.attachments.map((a) => [a.filename, new Uint8Array(a.content as ArrayBuffer)[2]])];
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const page = pages[url.pathname];
    return page ? Response.json(await page(url)) : new Response('no such page', { status: 404 });
  },
};
