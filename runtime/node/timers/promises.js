// node:timers/promises
"use strict";

const { AbortError, check } = require("internal/errors");
const timers = require("timers");

const { Promise } = globalThis;

function options(given) {
  check.object(given, "options");
  check.signal(given.signal, "options.signal");
  if (given.ref !== undefined) check.boolean(given.ref, "options.ref");
  return given.signal;
}

function wait(start, stop, value, given) {
  return new Promise((resolve, reject) => {
    const signal = options(given);
    const cancelled = () => new AbortError(undefined, { cause: signal.reason });
    if (signal?.aborted) {
      reject(cancelled());
      return;
    }
    const abort = () => {
      stop(timer);
      reject(cancelled());
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    });
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function setTimeout(delay, value, given = {}) {
  if (delay !== undefined) {
    try {
      check.number(delay, "delay");
    } catch (error) {
      return Promise.reject(error);
    }
  }
  return wait((run) => timers.setTimeout(run, delay), timers.clearTimeout, value, given);
}
function setImmediate(value, given = {}) {
  return wait((run) => timers.setImmediate(run), timers.clearImmediate, value, given);
}

async function* setInterval(delay, value, given = {}) {
  const signal = options(given);
  if (delay !== undefined) check.number(delay, "delay");
  const cancelled = () => new AbortError(undefined, { cause: signal.reason });
  if (signal?.aborted) throw cancelled();
  let due = 0;
  let wake = () => {};
  const timer = timers.setInterval(() => {
    due++;
    wake();
  }, delay);
  const abort = () => wake();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    while (true) {
      if (signal?.aborted) throw cancelled();
      if (due === 0) await new Promise((resolve) => (wake = resolve));
      for (; due > 0; due--) yield value;
    }
  } finally {
    timers.clearInterval(timer);
    signal?.removeEventListener("abort", abort);
  }
}

const scheduler = {
  wait: (delay, given) => setTimeout(delay, undefined, given),
  yield: () => setImmediate(),
};

module.exports = { scheduler, setImmediate, setInterval, setTimeout };
