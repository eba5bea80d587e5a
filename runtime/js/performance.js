// performance and navigator; scheduler, the way to wait in Workers; classes of the global scope.

const {
  ArrayPrototypePush,
  DateNow,
  Number,
  NumberIsFinite,
  ObjectDefineProperty,
  Promise,
  SymbolHasInstance,
  TypeError,
} = isolet.primordials;

// Taken before a script can replace it.
const global = globalThis;

isolet.lazy(
  [
    "Performance",
    "PerformanceEntry",
    "PerformanceMark",
    "PerformanceMeasure",
    "Navigator",
    "Scheduler",
    "WorkerGlobalScope",
    "ServiceWorkerGlobalScope",
    "performance",
    "navigator",
    "scheduler",
  ],
  [],
  () => {
    const { natives } = isolet;
    const { checkBrand, define, dictionary, isObject, list, need, string } = isolet.idl;
    const { clearTimeout, setTimeout } = isolet;

    const token = {};
    let origin;

    class PerformanceEntry {
      #name;
      #start;
      #duration;
      constructor(name, start, duration, key) {
        if (key !== token) throw new TypeError("Illegal constructor: use performance.mark or performance.measure.");
        this.#name = name;
        this.#start = start;
        this.#duration = duration;
      }
      get name() {
        return this.#name;
      }
      get entryType() {
        checkBrand(this.#name);
        return this instanceof PerformanceMark ? "mark" : "measure";
      }
      get startTime() {
        return this.#start;
      }
      get duration() {
        return this.#duration;
      }
      toJSON() {
        const { name, entryType, startTime, duration, detail } = /** @type {any} */ (this);
        return { name, entryType, startTime, duration, detail };
      }
    }

    class PerformanceMark extends PerformanceEntry {
      #detail;
      /** @param {ScriptValue} name @param {ScriptValue} [options] */
      constructor(name, options = undefined) {
        need(arguments.length, 1, "new PerformanceMark");
        const { detail, startTime } = dictionary(options, "The options of a mark");
        const start = startTime === undefined ? natives.now() : time(startTime);
        super(string(name), start, 0, token);
        this.#detail = cloned(detail);
      }
      get detail() {
        return this.#detail;
      }
    }

    class PerformanceMeasure extends PerformanceEntry {
      #detail;
      constructor(name, start, duration, key, detail) {
        super(name, start, duration, key);
        this.#detail = cloned(detail);
      }
      get detail() {
        return this.#detail;
      }
    }
    define(PerformanceEntry);
    define(PerformanceMark);
    define(PerformanceMeasure);
    const cloned = (detail) => (detail === undefined || detail === null ? null : isolet.structuredClone(detail));

    function time(value) {
      const number = Number(value);
      if (!NumberIsFinite(number) || number < 0) throw new TypeError("A time must be a number that is not negative.");
      return number;
    }

    // Marks and measures in the order of their start.
    let entries = list();
    // Those of libraries have times before the run.
    isolet.whenLibrariesEnd(() => {
      origin = undefined;
      entries = list();
    });
    function add(entry) {
      let at = entries.length;
      while (at > 0 && entries[at - 1].startTime > entry.startTime) at--;
      for (let i = entries.length; i > at; i--) entries[i] = entries[i - 1];
      entries[at] = entry;
      return entry;
    }
    function chosen(keep) {
      const found = [];
      for (let i = 0; i < entries.length; i++) if (keep(entries[i])) ArrayPrototypePush(found, entries[i]);
      return found;
    }
    function clear(type, name) {
      const left = list();
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i];
        if (entry.entryType !== type || (name !== undefined && entry.name !== name)) ArrayPrototypePush(left, entry);
      }
      entries = left;
    }
    // The time of a mark by its name, or a time as it is.
    function timeOf(value, fallback) {
      if (value === undefined) return fallback;
      if (typeof value === "number") return time(value);
      const name = string(value);
      for (let i = entries.length - 1; i >= 0; i--)
        if (entries[i].name === name && entries[i].entryType === "mark") return entries[i].startTime;
      throw new isolet.DOMException(`There is no mark ${isolet.inspect(name)}.`, "SyntaxError");
    }

    class Performance {
      #brand;
      // Whole milliseconds: a finer clock could measure caches.
      now() {
        checkBrand(this.#brand);
        return natives.now();
      }
      get timeOrigin() {
        checkBrand(this.#brand);
        return (origin ??= DateNow() - natives.now());
      }
      toJSON() {
        return { timeOrigin: this.timeOrigin };
      }

      /** @param {ScriptValue} name @param {ScriptValue} [options] */
      mark(name, options = undefined) {
        need(arguments.length, 1, "performance.mark");
        checkBrand(this.#brand);
        return add(new PerformanceMark(name, options));
      }
      /** @param {ScriptValue} name @param {ScriptValue} [from] @param {ScriptValue} [to] */
      measure(name, from = undefined, to = undefined) {
        need(arguments.length, 1, "performance.measure");
        checkBrand(this.#brand);
        let detail;
        let duration;
        let given = false;
        if (isObject(from)) {
          if (to !== undefined) throw new TypeError("performance.measure takes options or an end mark, not both.");
          given = from.start !== undefined || from.end !== undefined;
          if (!given && (from.duration !== undefined || from.detail !== undefined))
            throw new TypeError("The options of performance.measure need a `start` or an `end`.");
          if (from.start !== undefined && from.end !== undefined && from.duration !== undefined)
            throw new TypeError(
              "The options of performance.measure have `start`, `end` and `duration`: leave one out.",
            );
          detail = from.detail;
          duration = from.duration === undefined ? undefined : time(from.duration);
          to = from.end;
          from = from.start;
        }
        let end = timeOf(to, undefined);
        let start = timeOf(from, undefined);
        if (end === undefined) end = start !== undefined && duration !== undefined ? start + duration : natives.now();
        if (start === undefined) start = duration === undefined ? 0 : end - duration;
        return add(new PerformanceMeasure(string(name), start, end - start, token, detail));
      }
      clearMarks(name = undefined) {
        checkBrand(this.#brand);
        clear("mark", name === undefined ? undefined : string(name));
      }
      clearMeasures(name = undefined) {
        checkBrand(this.#brand);
        clear("measure", name === undefined ? undefined : string(name));
      }
      getEntries() {
        checkBrand(this.#brand);
        return chosen(() => true);
      }
      getEntriesByType(type) {
        need(arguments.length, 1, "performance.getEntriesByType");
        checkBrand(this.#brand);
        const wanted = string(type);
        return chosen((entry) => entry.entryType === wanted);
      }
      /** @param {ScriptValue} name @param {ScriptValue} [type] */
      getEntriesByName(name, type = undefined) {
        need(arguments.length, 1, "performance.getEntriesByName");
        checkBrand(this.#brand);
        const wanted = string(name);
        const kind = type === undefined ? undefined : string(type);
        return chosen((entry) => entry.name === wanted && (kind === undefined || entry.entryType === kind));
      }
    }
    define(Performance);

    class Navigator {
      #brand;
      get userAgent() {
        checkBrand(this.#brand);
        return isolet.isWorker ? "Cloudflare-Workers" : "isolet";
      }
      get language() {
        checkBrand(this.#brand);
        return "en";
      }
      // Scripts have one thread.
      get hardwareConcurrency() {
        checkBrand(this.#brand);
        return 1;
      }
    }
    define(Navigator);

    class Scheduler {
      #brand;
      /** @param {ScriptValue} milliseconds @param {ScriptValue} [options] */
      async wait(milliseconds, options = undefined) {
        checkBrand(this.#brand);
        const { signal } = dictionary(options, "The options of scheduler.wait");
        if (signal !== undefined && !isolet.signals.is(signal)) throw new TypeError("`signal` must be an AbortSignal.");
        return new Promise((resolve, reject) => {
          if (signal === undefined) {
            setTimeout(() => resolve(undefined), Number(milliseconds));
            return;
          }
          if (isolet.signals.aborted(signal)) {
            reject(isolet.signals.reason(signal));
            return;
          }
          const unfollow = isolet.signals.follow(signal, () => {
            clearTimeout(timer);
            reject(isolet.signals.reason(signal));
          });
          const timer = setTimeout(() => {
            unfollow();
            resolve(undefined);
          }, Number(milliseconds));
        });
      }
    }
    define(Scheduler);

    // Libraries ask `self instanceof WorkerGlobalScope` to learn where they run.
    const scope = (name) => {
      const Class = {
        [name]: class {
          constructor() {
            throw new TypeError("Illegal constructor.");
          }
        },
      }[name];
      ObjectDefineProperty(Class, SymbolHasInstance, { __proto__: null, value: (value) => value === global });
      return define(Class);
    };

    return {
      WorkerGlobalScope: scope("WorkerGlobalScope"),
      ServiceWorkerGlobalScope: scope("ServiceWorkerGlobalScope"),
      Performance,
      PerformanceEntry,
      PerformanceMark,
      PerformanceMeasure,
      Navigator,
      Scheduler,
      performance: new Performance(),
      navigator: new Navigator(),
      scheduler: new Scheduler(),
    };
  },
);
