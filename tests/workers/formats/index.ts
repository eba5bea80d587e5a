// Text formats: YAML, CSV and JSON with types; and identifiers.
import { mapKeys } from 'lodash';
import Papa from 'papaparse';
import superjson from 'superjson';
import { parse as uuidParse, v3, v4, v5, v7, validate, version } from 'uuid';
import YAML from 'yaml';

const told = (run: () => unknown) => {
  try {
    return run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};
const yaml = 'a: &x [1, 2.5, 0x1f, ~]\nb: *x\n"c d": |\n  two\n  lines\ne: !!set {f, g}\nat: 2026-01-01\n';
class Money {
  constructor(public amount = 0) {}
}
superjson.registerClass(Money, { identifier: 'money' });

const pages: Record<string, () => unknown> = {
  '/yaml': () => [YAML.parse(yaml), YAML.stringify({ list: [{ a: 1 }, 'two: words'], text: 'a\nb' }), YAML.parseAllDocuments('a: 1\n---\nb: 2').length, told(() => YAML.parse('a: [1'))],
  '/csv': () => [Papa.parse('a,b\n1,"x ""y"""\n2,', { header: true, dynamicTyping: true }).data, Papa.unparse([{ a: 1, b: 'x,y' }]), Papa.parse('a;b\n"c', {}).errors],
  '/superjson': () => {
    const value = { at: new Date(0), tags: new Map([['a', new Set([1])]]), big: 5n, none: undefined, money: new Money(3), error: new TypeError('x'), link: new URL('https://a.example/') };
    const text = superjson.stringify(value);
    const back = superjson.parse<typeof value>(text);
    return [text, back.money instanceof Money, back.tags.get('a')!.has(1), back.link.href];
  },
  '/uuid': () => [v5('a.example', v5.DNS), v3('a.example', v3.URL), validate(v4()), version(v7({ msecs: 1000 })), v7({ msecs: 0, seq: 0, random: new Uint8Array(16) }), uuidParse('6ba7b810-9dad-11d1-80b4-00c04fd430c8')[0]],
  '/lodash': () => mapKeys({ a: 1 }, (_, key) => key.toUpperCase()),
};

export default { fetch: (request: Request) => Response.json(pages[new URL(request.url).pathname]?.() ?? null) };
