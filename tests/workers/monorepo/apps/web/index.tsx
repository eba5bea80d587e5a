// What compilers do for a project: paths, aliases, JSX of its own, enums, namespaces, decorators, constants, dual modules.
import type { Shape } from '@shared/shapes';
import { area, Kind, type Circle } from '@shared/shapes';
import * as shapes from '@shared/shapes';
import logger from 'old-logger';
import data from './data.json' with { type: 'json' };
import notes from './notes.txt';
import bytes from './bytes.bin';
import { h, Fragment } from './h';
import legacy = require('./legacy.cjs');

declare const BUILD: string;
declare const FLAGS: { debug: boolean };

namespace Units {
  export const cm = 10;
  export namespace Deep {
    export const mm = cm / 10;
  }
}
const enum Level {
  Low = 1,
  High = Low << 3,
}
abstract class Base<T extends object> {
  static count = 0;
  #secret = 1;
  declare later: string;
  constructor(protected readonly value: T, public label?: string) {
    Base.count++;
  }
  get secret() {
    return this.#secret;
  }
  abstract name(): string;
}
class Derived extends Base<{ a: number }> {
  override name = () => `${this.label}${this.value.a}`;
}
function logged(_target: object, key: string, descriptor: PropertyDescriptor) {
  const original = descriptor.value;
  descriptor.value = function (...args: unknown[]) {
    return `${key}:${original.apply(this, args)}`;
  };
}
class Service {
  @logged
  greet(name: string) {
    return `hi ${name}`;
  }
}
const circle: Circle = { kind: Kind.Circle, radius: 2 } satisfies Shape;
const page = (
  <main id="m">
    <>{[1, 2].map((n) => <b key={n}>{n}</b>)}</>
    {undefined}
  </main>
);

export default {
  async fetch(request: Request, env: { TITLE: string; NESTED: { a: number[] } }) {
    using _ = { [Symbol.dispose]: () => void 0 };
    const { late } = await import('./late');
    const url = new URL(request.url);
    if (url.pathname === '/env') return Response.json([env, BUILD, FLAGS.debug, process.env.NODE_ENV === 'development']);
    return Response.json([
      area(circle).toFixed(2), Kind[1], Object.keys(shapes).sort(), logger('x'), data.list.at(-1), notes.trim(), new Uint8Array(bytes).length,
      page, legacy.answer, Units.Deep.mm, Level.High, new Derived({ a: 1 }, 'l').name(), Derived.count > 0, new Derived({ a: 2 }).secret, 'later' in new Derived({ a: 3 }),
      new Service().greet('you'), late, (null as string | null)?.length ?? 'none', (<T,>(x: T) => x)('generic'),
    ]);
  },
} satisfies ExportedHandler<{ TITLE: string; NESTED: { a: number[] } }>;
