// Service bindings: `fetch` and, under any other name, the methods of the Worker behind the
// binding.

const { FunctionPrototypeApply, ObjectSetPrototypeOf, Proxy, WeakMap, WeakMapPrototypeGet, WeakMapPrototypeSet } =
  isolet.primordials;

isolet.lazy([], ["services"], (host) => {
  const { isObject } = isolet.idl;

  // How to call the Workers behind bindings, and their targets, by the proxies that are in `env`.
  const invokers = new WeakMap();
  const targets = new WeakMap();

  class Traps {
    constructor(invoke) {
      this.invoke = invoke;
      this.bound = { __proto__: null };
      this.proxy = undefined;
    }
    get(fetcher, name) {
      if (typeof name !== "symbol" && !(name in fetcher)) return isolet.rpcStubs.member(this.invoke, name);
      const value = fetcher[name];
      if (typeof value !== "function" || typeof name === "symbol" || name === "constructor") return value;
      // Methods read the private fields of the object behind the proxy.
      const { proxy } = this;
      return (this.bound[name] ??= {
        /** @this {any} */
        method(...args) {
          return FunctionPrototypeApply(value, this === proxy ? fetcher : this, args);
        },
      }.method);
    }
    has(fetcher, name) {
      return typeof name === "string" || name in fetcher;
    }
  }
  // V8 looks up other traps too, which a script must not provide.
  ObjectSetPrototypeOf(Traps.prototype, null);

  host.services = {
    __proto__: null,
    // Returns the binding for a target of `natives.fetch`. `fetcher` has its own members.
    wrap(fetcher, target) {
      const invoke = (path, args) => isolet.rpcCalls.send(RpcCallee.Target, target, path, args);
      const traps = new Traps(invoke);
      const made = new Proxy(fetcher, traps);
      traps.proxy = made;
      WeakMapPrototypeSet(invokers, made, invoke);
      WeakMapPrototypeSet(targets, made, target);
      return made;
    },
    targetOf: (value) => (isObject(value) ? WeakMapPrototypeGet(targets, value) : undefined),
    invokerOf: (value) => (isObject(value) ? WeakMapPrototypeGet(invokers, value) : undefined),
  };
});
