// Web APIs on demand.
//
// Every object in the snapshot is created again in every fresh isolate. These APIs alone took 0.4
// ms of the 1.4 ms that an isolate and its context took, and most scripts use none or one of them.
// So the files from here on are only text, in the program, until a script, or the host, asks for
// something that they define. V8 then compiles them as it compiles any function that is called for
// the first time.
//
// By then the script may have replaced whatever it can reach, so loading relies on
// `isolet.primordials` as much as calling does. They are taken outside of the function that is
// loaded: an object without references is not in the snapshot.

const {
  ObjectDefineProperty,
  ObjectPrototypeHasOwnProperty,
  ObjectSetPrototypeOf,
  Proxy,
  ReflectGetOwnPropertyDescriptor,
} = isolet.primordials;

// The internals of the files that are loaded. `host.streams?.is(value)`: if streams were never
// loaded, no value is one.
const host = { __proto__: null };

// Reading an internal of `isolet` that is missing loads it. One proxy as its prototype does this
// for all names.
const loaders = { __proto__: null };
ObjectSetPrototypeOf(
  isolet,
  new Proxy(
    { __proto__: null },
    {
      __proto__: null,
      get(_, name) {
        const load = loaders[name];
        if (load === undefined) return undefined;
        load();
        return host[name];
      },
    },
  ),
);

function data(object, name, value, enumerable) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, configurable: true, enumerable });
}

// `load(host)` runs once, when one of `globals` (of globalThis) or `internals` (of isolet) is first
// read. It returns the globals and puts the internals on `host`.
isolet.lazy = (globals, internals, load) => {
  let loaded = false;
  let made;
  const getters = { __proto__: null };

  function ensure() {
    if (loaded) return;
    loaded = true;
    try {
      made = load(host);
    } catch (error) {
      // Out of stack, most likely: the next one who asks may have more.
      loaded = false;
      throw error;
    }
    for (let i = 0; i < internals.length; i++) data(isolet, internals[i], host[internals[i]], true);
    for (let i = 0; i < globals.length; i++) {
      const name = globals[i];
      const present = ReflectGetOwnPropertyDescriptor(globalThis, name);
      // Not over what the script put there itself. In a frozen global object the getter stays.
      const isGetter =
        present?.configurable && ObjectPrototypeHasOwnProperty(present, "get") && present.get === getters[name];
      if (isGetter) data(globalThis, name, made[name], false);
    }
  }

  for (let i = 0; i < internals.length; i++) loaders[internals[i]] = ensure;
  for (let i = 0; i < globals.length; i++) {
    const name = globals[i];
    const { get, set } = {
      get() {
        ensure();
        return made[name];
      },
      /** @this {any} */
      set(value) {
        data(this, name, value, this !== globalThis);
      },
    };
    getters[name] = get;
    ObjectDefineProperty(globalThis, name, { __proto__: null, get, set, configurable: true, enumerable: false });
  }
};

isolet.expose({ self: globalThis, origin: "null" });
