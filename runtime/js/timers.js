// setTimeout and its relatives. JavaScript keeps the list; Rust is told only when the next one is
// due.

const { FunctionPrototypeApply, MathMax, Number, ObjectDefineProperty, RangeError, TypeError } = isolet.primordials;
const { natives } = isolet;

// Sorted by due time, ties in order of creation. A sorted list beats a heap here: scripts hold a
// handful of timers.
const timers = [];
let count = 0;
let nextId = 1;
// More timers than this at once is a flood; an honest script holds a few. The error is catchable.
const MOST = 10_000;
// As in browsers: longer delays overflow to 1 ms.
const LONGEST = 2 ** 31 - 1;

function add(callback, delay, args, every) {
  if (typeof callback !== "function") throw new TypeError("The callback of a timer must be a function.");
  isolet.onlyInRuns("A timer");
  natives.refuseAtStart();
  if (count >= MOST) throw new RangeError(`More than ${MOST} timers at once.`);
  let wait = Number(delay);
  if (!(wait >= 0) || wait > LONGEST) wait = wait > LONGEST ? 1 : 0;
  const timer = {
    __proto__: null,
    id: nextId++,
    due: natives.now() + wait,
    every: every ? MathMax(1, wait) : undefined,
    callback,
    args,
    // The request of a Worker that the timer ends with, or 0.
    request: natives.request(),
    // The values of AsyncLocalStorage.
    frame: natives.asyncFrame(),
  };
  // A request that has ended starts nothing more.
  if (timer.request < 0) return timer.id;
  insert(timer);
  return timer.id;
}

function insert(timer) {
  let at = count;
  while (at > 0 && timers[at - 1].due > timer.due) {
    define(at, timers[at - 1]);
    at--;
  }
  define(at, timer);
  count++;
  if (at === 0) natives.wake(timer.due);
}

// Assignment to an index would meet setters that a script put on Array.prototype.
function define(at, timer) {
  ObjectDefineProperty(timers, at, {
    __proto__: null,
    value: timer,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}

function remove(id) {
  for (let i = 0; i < count; i++) {
    if (timers[i].id !== id) continue;
    for (let j = i + 1; j < count; j++) timers[j - 1] = timers[j];
    timers[--count] = undefined;
    if (i === 0) natives.wake(count === 0 ? -1 : timers[0].due);
    return;
  }
}

// Removes the timers of a request.
isolet.dropTimers = (request) => {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    if (timers[i].request !== request) define(kept++, timers[i]);
  }
  if (kept === count) return;
  for (let i = kept; i < count; i++) timers[i] = undefined;
  count = kept;
  natives.wake(count === 0 ? -1 : timers[0].due);
};

// Runs the first timer that is due, one per turn, so that microtasks run between two timers. Called
// by Rust.
isolet.tick = () => {
  if (count === 0 || timers[0].due > natives.now()) {
    natives.wake(count === 0 ? -1 : timers[0].due);
    return;
  }
  const timer = timers[0];
  remove(timer.id);
  if (timer.every !== undefined) {
    timer.due = natives.now() + timer.every;
    insert(timer);
  }
  if (timer.request !== 0) natives.enterRequest(timer.request);
  if (timer.frame !== undefined) natives.setAsyncFrame(timer.frame);
  FunctionPrototypeApply(timer.callback, undefined, timer.args);
};

// A turn of its own before the timers. It belongs to no request, so that no end of one drops it.
isolet.soon = (callback) =>
  insert({
    __proto__: null,
    id: nextId++,
    due: 0,
    every: undefined,
    callback,
    args: [],
    request: 0,
    frame: undefined,
  });

// An exception of the callback ends the run, as one of a timer does; a rejected promise would only
// be a warning.
async function runSoon(callback) {
  await undefined;
  try {
    callback();
  } catch (error) {
    isolet.uncaught(error);
  }
}

const clear = (id) => remove(typeof id === "number" ? id : Number(id));
isolet.expose({
  setTimeout: (callback, delay, ...args) => add(callback, delay, args, false),
  setInterval: (callback, delay, ...args) => add(callback, delay, args, true),
  setImmediate: (callback, ...args) => add(callback, 0, args, false),
  clearTimeout: clear,
  clearInterval: clear,
  clearImmediate: clear,
  queueMicrotask: (callback) => {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask takes a function.");
    runSoon(callback);
  },
});
