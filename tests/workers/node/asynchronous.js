import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import timers, { setImmediate as immediately, setTimeout as later } from "node:timers";
import { scheduler, setImmediate as soon, setInterval as every, setTimeout as wait } from "node:timers/promises";

const storage = new AsyncLocalStorage();

export const probes = {
  storage: async () => {
    const seen = [storage.getStore()];
    await storage.run("outer", async () => {
      seen.push(storage.getStore());
      await null;
      seen.push(storage.getStore());
      storage.run("inner", () => seen.push(storage.getStore()));
      seen.push(storage.getStore());
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(storage.getStore());
      await new Promise((resolve) => queueMicrotask(() => (seen.push(storage.getStore()), resolve())));
      storage.exit(() => seen.push(storage.getStore()));
      await Promise.all([storage.run("a", async () => (await wait(2), seen.push(storage.getStore()))), storage.run("b", async () => (await wait(1), seen.push(storage.getStore())))]);
    });
    seen.push(storage.getStore());
    return seen;
  },
  two: () => {
    const other = new AsyncLocalStorage();
    return storage.run(1, () => other.run(2, () => [storage.getStore(), other.getStore(), storage.run(3, () => [storage.getStore(), other.getStore()])]));
  },
  throwing: () => {
    try {
      storage.run("x", () => {
        throw new Error("y");
      });
    } catch (error) {
      return [error.message, storage.getStore()];
    }
  },
  bound: () => {
    const [bound, snapshot, resource] = storage.run("then", () => [
      AsyncLocalStorage.bind((value) => [value, storage.getStore()]),
      AsyncLocalStorage.snapshot(),
      new AsyncResource("Kind"),
    ]);
    return storage.run("now", () => [
      bound(1),
      snapshot((value) => [value, storage.getStore()], 2),
      resource.runInAsyncScope(function (value) {
        return [this.a, value, storage.getStore()];
      }, { a: 1 }, 3),
      resource.bind(() => storage.getStore())(),
      AsyncResource.bind(() => storage.getStore())(),
    ]);
  },
  thenables: () =>
    storage.run("in", async () => {
      const { promise, resolve } = Promise.withResolvers();
      storage.run("elsewhere", () => setTimeout(resolve, 1));
      await promise;
      return storage.getStore();
    }),
  timers: async () => {
    const log = [];
    const timeout = later((...args) => log.push(["timeout", args]), 1, 1, 2);
    const interval = timers.setInterval(() => log.push("never"), 1000);
    const immediate = immediately((value) => log.push(["immediate", value]), 3);
    const cleared = immediately(() => log.push("never"));
    timers.clearImmediate(cleared);
    const shape = [typeof timeout, timeout.hasRef(), timeout.unref() === timeout, timeout.ref() === timeout, typeof timeout.refresh, typeof timeout.close, typeof immediate];
    clearInterval(interval);
    await wait(10);
    return [shape, log];
  },
  timersByNumber: async () => {
    let ran = false;
    const timeout = later(() => (ran = true), 1);
    clearTimeout(+timeout);
    await wait(5);
    return [ran, typeof +timeout];
  },
  promises: async () => {
    const controller = new AbortController();
    const waiting = wait(1000, "never", { signal: controller.signal });
    controller.abort();
    const values = [];
    for await (const value of every(1, "tick")) if (values.push(value) === 3) break;
    return [
      await wait(1, "value"),
      await soon("immediate"),
      await scheduler.wait(1),
      await waiting.catch((error) => [error.name, error.code, error.message]),
      values,
    ];
  },
  nextTick: async () => {
    const log = [];
    process.nextTick((value) => log.push(value), "tick");
    log.push("now");
    await wait(1);
    return log;
  },
  timerErrors: () => {
    const failures = [];
    for (const run of [() => later("text"), () => timers.setInterval()]) {
      try {
        run();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  },
  channel: () => {
    const channel = diagnostics.channel("isolet-test");
    const seen = [];
    const subscriber = (message, name) => seen.push([message, name]);
    channel.subscribe(subscriber);
    channel.publish({ a: 1 });
    seen.push(diagnostics.hasSubscribers("isolet-test"));
    channel.unsubscribe(subscriber);
    channel.publish("nobody");
    channel.bindStore(storage, (data) => `${data}!`);
    seen.push(channel.runStores("data", () => storage.getStore()));
    return seen;
  },
  tracing: async () => {
    const tracing = diagnostics.tracingChannel("isolet");
    const log = [];
    const handlers = Object.fromEntries(["start", "end", "asyncStart", "asyncEnd", "error"].map((name) => [name, (context) => log.push([name, context.result ?? null])]));
    tracing.subscribe(handlers);
    log.push(tracing.traceSync((value) => value + 1, {}, null, 1));
    log.push(await tracing.tracePromise(async (value) => value + 1, {}, null, 2));
    tracing.unsubscribe(handlers);
    return log;
  },
};
