// The modules of Node.js: their sources are in the folder `node` beside this one, and Rust compiles
// them one by one.

const { ObjectDefineProperty, ReflectGetOwnPropertyDescriptor } = isolet.primordials;

isolet.lazy([], ["node", "openNode", "plainTimers"], (host) => {
  const { natives } = isolet;

  const modules = { __proto__: null };

  const { clearTimeout, setInterval, setTimeout } = /** @type {any} */ (globalThis);
  host.plainTimers = { __proto__: null, clearTimeout, setInterval, setTimeout };

  /** @type {LazyInternals["node"]} */
  const load = (name) => {
    const known = modules[name];
    if (known !== undefined) return known.exports;
    const run = natives.nodeModule(name);
    const module = { __proto__: null, exports: {} };
    modules[name] = module;
    try {
      if (run === undefined) module.exports = load("internal/unavailable")(name);
      else run(module.exports, load, module, isolet);
    } catch (error) {
      // Out of stack, most likely: the next one who asks may have more.
      delete modules[name];
      throw error;
    }
    return module.exports;
  };
  host.node = load;

  // Defines a global that is made when it is first read.
  function define(name, make) {
    const set = (value) => {
      ObjectDefineProperty(globalThis, name, {
        __proto__: null,
        value,
        writable: true,
        configurable: true,
        enumerable: false,
      });
    };
    ObjectDefineProperty(globalThis, name, {
      __proto__: null,
      get() {
        const value = make();
        // In a frozen global object the getter stays.
        if (ReflectGetOwnPropertyDescriptor(globalThis, name)?.configurable) set(value);
        return value;
      },
      set,
      configurable: true,
      enumerable: false,
    });
  }

  // Those of Node.js give objects with unref().
  const defineTimer = (name) => define(name, () => load("timers")[name]);

  host.openNode = () => {
    isolet.expose({ global: globalThis });
    define("Buffer", () => load("buffer").Buffer);
    define("process", () => load("process"));
    defineTimer("setTimeout");
    defineTimer("setInterval");
    defineTimer("setImmediate");
    defineTimer("clearTimeout");
    defineTimer("clearInterval");
    defineTimer("clearImmediate");
  };
});
