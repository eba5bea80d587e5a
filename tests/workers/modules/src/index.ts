import page from './assets/page.html';
import notes from './assets/notes.md';
import bytes from './assets/three.bin';
import add from './assets/add.wasm?module';
import settings, { limits } from '../settings.json';
import { compiled, Plain, whole } from '@/interop';
import { Level, Point, Shape } from '@/types';
import { cycle } from 'short';

interface Env {
  PLACE: string;
  SECRET: string;
}

const pages: Record<string, (env: Env) => unknown> = {
  '/text': () => [page.trim(), notes.trim(), new Uint8Array(bytes)],
  '/wasm': () => {
    const instance = new WebAssembly.Instance(add);
    return [(instance.exports.add as CallableFunction)(20, 22), WebAssembly.Module.exports(add).length];
  },
  '/compile': () => {
    try {
      return new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])) && 'compiled';
    } catch (error) {
      return (error as Error).name;
    }
  },
  '/json': () => [settings.name, limits, Object.keys(settings)],
  '/interop': () => ({ compiled, whole, plain: Plain }),
  '/types': () => [new Point(1, 2).sum(), Level.High, Level[0], Shape.round],
  '/cycle': () => cycle(),
  '/dynamic': async () => {
    const { lazy } = await import('./lib/lazy');
    const name = ['./lib', 'computed'].join('/');
    const computed = await import(name).catch((error: Error) => error.name.endsWith('Error'));
    return [lazy, computed];
  },
  '/define': () => [VERSION, process.env.NODE_ENV],
  '/env': (env) => [env.PLACE, env.SECRET],
};
declare const VERSION: string;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const page = pages[new URL(request.url).pathname];
    return page ? Response.json(await page(env)) : new Response('none', { status: 404 });
  },
} satisfies ExportedHandler<Env>;
