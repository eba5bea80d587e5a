// Observables with timers, events and streams of the platform.
import { bufferCount, concatMap, debounceTime, firstValueFrom, from, fromEvent, interval, lastValueFrom, map, of, retry, scan, Subject, switchMap, take, takeUntil, throwError, timeout, timer, toArray } from 'rxjs';

const pages: Record<string, () => Promise<unknown>> = {
  '/timers': () => lastValueFrom(interval(3).pipe(take(5), scan((sum, n) => sum + n, 0), toArray())),
  '/events': async () => {
    const target = new EventTarget();
    const stop = new Subject<void>();
    const seen = lastValueFrom(fromEvent<CustomEvent>(target, 'tick').pipe(takeUntil(stop), map((event) => event.detail), toArray()));
    for (const detail of [1, 2, 3]) target.dispatchEvent(new CustomEvent('tick', { detail }));
    stop.next();
    return seen;
  },
  '/stream': () => {
    const stream = new Blob(['a,b,c']).stream().pipeThrough(new TextDecoderStream());
    return lastValueFrom(from(stream as unknown as AsyncIterable<string>).pipe(concatMap((text) => text.split(',')), bufferCount(2), toArray()));
  },
  '/timeout': () => firstValueFrom(timer(500).pipe(timeout(10))).catch((error) => error.name),
  '/retry': async () => {
    let tries = 0;
    const work = of(0).pipe(switchMap(() => (++tries < 3 ? throwError(() => new Error('again')) : of(tries))), retry(5));
    return firstValueFrom(work);
  },
  '/debounce': () => lastValueFrom(from([1, 2, 3]).pipe(debounceTime(5))),
};

export default { fetch: async (request: Request) => Response.json((await pages[new URL(request.url).pathname]?.()) ?? null) };
