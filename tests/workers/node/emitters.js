import EventEmitter, { EventEmitter as Named, errorMonitor, getEventListeners, on, once } from "node:events";
import events from "events";

const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

export const probes = {
  same: () => [EventEmitter === Named, events === EventEmitter, EventEmitter.EventEmitter === EventEmitter, require("node:events") === EventEmitter],
  order: () => {
    const log = [];
    const emitter = new EventEmitter();
    emitter.on("newListener", (name) => log.push(`new ${String(name)}`));
    emitter.on("removeListener", (name) => log.push(`removed ${String(name)}`));
    const second = () => log.push("second");
    emitter.on("a", second);
    emitter.prependListener("a", () => log.push("first"));
    emitter.once("a", (value) => log.push(`once ${value}`));
    log.push(emitter.emit("a", 1), emitter.emit("a", 2), emitter.emit("none"));
    emitter.off("a", second);
    log.push(emitter.listenerCount("a"), emitter.eventNames().map(String), emitter.rawListeners("a").length);
    emitter.removeAllListeners();
    log.push(emitter.eventNames());
    return log;
  },
  self: () => {
    const emitter = new EventEmitter();
    let found;
    emitter.on("a", function () {
      found = this === emitter;
    });
    emitter.emit("a");
    return found;
  },
  errors: () => [
    thrown(() => new EventEmitter().emit("error", new TypeError("own"))),
    thrown(() => new EventEmitter().emit("error", "text")),
    thrown(() => new EventEmitter().emit("error", { a: 1 })),
    thrown(() => new EventEmitter().emit("error")),
    thrown(() => new EventEmitter().on("a", "text")),
    thrown(() => new EventEmitter().once("a")),
  ],
  monitor: () => {
    const log = [];
    const emitter = new EventEmitter();
    emitter.on(errorMonitor, (error) => log.push(error.message));
    log.push(thrown(() => emitter.emit("error", new Error("seen"))));
    return log;
  },
  inherited: () => {
    class Own extends EventEmitter {}
    function Old() {
      EventEmitter.call(this);
    }
    Object.setPrototypeOf(Old.prototype, EventEmitter.prototype);
    const [own, old] = [new Own(), new Old()];
    const log = [];
    own.on("a", (value) => log.push(value));
    old.on("a", (value) => log.push(value));
    own.emit("a", 1);
    old.emit("a", 2);
    return [log, own instanceof EventEmitter, old instanceof EventEmitter];
  },
  limits: () => [EventEmitter.defaultMaxListeners, new EventEmitter().getMaxListeners(), new EventEmitter().setMaxListeners(3).getMaxListeners()],
  removal: () => {
    const emitter = new EventEmitter();
    const log = [];
    const b = () => log.push("b");
    emitter.on("x", () => {
      log.push("a");
      emitter.off("x", b);
    });
    emitter.on("x", b);
    emitter.emit("x");
    emitter.emit("x");
    return log;
  },
  once: async () => {
    const emitter = new EventEmitter();
    queueMicrotask(() => emitter.emit("ready", 1, 2));
    const first = await once(emitter, "ready");
    queueMicrotask(() => emitter.emit("error", new Error("no")));
    const second = await once(emitter, "ready").catch((error) => error);
    const controller = new AbortController();
    queueMicrotask(() => controller.abort());
    const third = await once(emitter, "ready", { signal: controller.signal }).catch((error) => [error.name, error.code, error.message]);
    const target = new EventTarget();
    queueMicrotask(() => target.dispatchEvent(new Event("go")));
    const [event] = await once(target, "go");
    return [first, second, third, event.type];
  },
  on: async () => {
    const emitter = new EventEmitter();
    queueMicrotask(() => {
      emitter.emit("line", "a");
      emitter.emit("line", "b");
    });
    const lines = [];
    for await (const [line] of on(emitter, "line")) if (lines.push(line) === 2) break;
    return [lines, emitter.listenerCount("line"), emitter.listenerCount("error")];
  },
  rejections: async () => {
    const emitter = new EventEmitter({ captureRejections: true });
    emitter.on("a", async () => {
      throw new Error("async");
    });
    const seen = new Promise((resolve) => emitter.on("error", resolve));
    emitter.emit("a");
    return await seen;
  },
  listeners: () => {
    const emitter = new EventEmitter();
    const listener = () => {};
    emitter.once("a", listener);
    return [getEventListeners(emitter, "a")[0] === listener, emitter.listeners("a")[0] === listener, emitter.rawListeners("a")[0] === listener];
  },
};
