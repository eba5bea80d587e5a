// RpcTarget, RpcStub, RpcPromise and RpcProperty: the classes of `cloudflare:workers` for calls
// between Workers.
//
// A stub stands for an object, a promise for the result of a call, and a property for what is found
// there by names. All are proxies of a function: any name is a property, and all can be called.
// What is not awaited is not asked for, so that `env.SERVICE.method().name()` is two calls and one
// round trip.

const {
  ArrayPrototypePush,
  Error,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  Proxy,
  RegExpPrototypeExec,
  StringPrototypeToWellFormed,
  SymbolDispose,
  TypeError,
  WeakMap,
  WeakMapPrototypeGet,
  WeakMapPrototypeSet,
} = isolet.primordials;

isolet.lazy([], ["rpcStubs", "RpcTarget", "RpcStub", "RpcPromise", "RpcProperty"], (host) => {
  const { rpcObjects } = isolet;
  const { define, isObject, list, promiseReject } = isolet.idl;

  // The bounds on a path. `MAX_PATH` and `MAX_PATH_BYTES` in src/worker/rpc.rs belong to them.
  const MAX_PATH = 64;
  const MAX_PATH_TEXT = 8192;

  const token = {};
  const index = /^(?:0|[1-9][0-9]{0,9})$/;

  // The states of stubs, promises and properties, by their proxies. `invoke` calls what the path
  // leads to, or reads it if there are no arguments.
  const states = new WeakMap();
  const stateOf = (value) => (isObject(value) ? WeakMapPrototypeGet(states, value) : undefined);
  function known(value, what) {
    const state = stateOf(value);
    if (state === undefined) throw new TypeError(`Illegal invocation: this is not an ${what}.`);
    return state;
  }
  const illegal = () => new TypeError("Illegal constructor");

  class RpcTarget {}
  define(RpcTarget, "JsRpcTarget");

  class RpcStub {
    constructor(target) {
      if (!isObject(target))
        throw new TypeError("Failed to construct 'RpcStub': constructor parameter 1 is not of type 'JsObject'.");
      if (!isolet.rpcServer.isTarget(target))
        throw new TypeError("RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.");
      return make(rpcObjects.ofTarget(target));
    }
    // Another stub of the same object, which is to be disposed of by itself.
    dup() {
      const { reference, isDisposed } = known(this, "RpcStub");
      if (!isDisposed) reference.count++;
      return make(reference, isDisposed);
    }
    [SymbolDispose]() {
      dispose(this);
    }
  }
  define(RpcStub, "JsRpcStub");

  class RpcProperty {
    constructor(key) {
      if (key !== token) throw illegal();
    }
    then(fulfilled = undefined, rejected = undefined) {
      return thenOf(promiseOf(known(this, "RpcProperty")), fulfilled, rejected);
    }
    catch(rejected = undefined) {
      return thenOf(promiseOf(known(this, "RpcProperty")), undefined, rejected);
    }
    finally(callback = undefined) {
      return finallyOf(promiseOf(known(this, "RpcProperty")), callback);
    }
  }
  define(RpcProperty, "JsRpcProperty");

  class RpcPromise {
    constructor(key) {
      if (key !== token) throw illegal();
    }
    then(fulfilled = undefined, rejected = undefined) {
      return thenOf(promiseOf(known(this, "RpcPromise")), fulfilled, rejected);
    }
    catch(rejected = undefined) {
      return thenOf(promiseOf(known(this, "RpcPromise")), undefined, rejected);
    }
    finally(callback = undefined) {
      return finallyOf(promiseOf(known(this, "RpcPromise")), callback);
    }
    // What the call returns is still given to those who await it.
    [SymbolDispose]() {
      known(this, "RpcPromise");
    }
  }
  define(RpcPromise, "JsRpcPromise");

  // The language's own `then` of a promise asks the script for a class.
  async function thenOf(promise, fulfilled, rejected) {
    let value;
    try {
      value = await promise;
    } catch (thrown) {
      if (typeof rejected !== "function") throw thrown;
      return rejected(thrown);
    }
    return typeof fulfilled === "function" ? fulfilled(value) : value;
  }
  async function finallyOf(promise, callback) {
    try {
      return await promise;
    } finally {
      if (typeof callback === "function") await callback();
    }
  }

  // The promise of a property is its value, asked for once.
  const promiseOf = (state) => (state.promise ??= invoke(state, undefined).promise);

  // What proxies of a class have in common: a function without properties of its own.
  function base(Class) {
    const { call } = { call() {} };
    // @ts-expect-error These two can be deleted.
    delete call.length;
    // @ts-expect-error
    delete call.name;
    ObjectSetPrototypeOf(call, Class.prototype);
    return call;
  }
  const bases = { __proto__: null, stub: base(RpcStub), promise: base(RpcPromise), property: base(RpcProperty) };

  class Traps {
    constructor(state) {
      this.state = state;
    }
    get(of, name) {
      if (typeof name === "symbol" || name in of || RegExpPrototypeExec(index, name) !== null) return of[name];
      const { state } = this;
      if (name === "then" && state.kind === "stub") return undefined;
      return propertyOf(state.invoke, state.path, name);
    }
    apply(_of, _self, args) {
      const { promise, invoke: next } = invoke(this.state, args);
      return proxy("promise", next, list(), promise);
    }
    has(of, name) {
      return typeof name === "string" || name in of;
    }
    set() {
      return false;
    }
    defineProperty() {
      return false;
    }
    deleteProperty() {
      return true;
    }
    getOwnPropertyDescriptor() {
      return undefined;
    }
    ownKeys() {
      return [];
    }
    setPrototypeOf() {
      return false;
    }
    preventExtensions() {
      return false;
    }
  }
  // V8 looks up other traps too, which a script must not provide.
  ObjectSetPrototypeOf(Traps.prototype, null);

  /** @type {(kind: string, invoke: RpcInvoke, path: string[], promise?: Promise<any>) => any} */
  function proxy(kind, invokePath, path, promise = undefined) {
    /** @type {any} */
    const state = { __proto__: null, kind, invoke: invokePath, path, promise, reference: undefined, isDisposed: false };
    const made = new Proxy(bases[kind], new Traps(state));
    WeakMapPrototypeSet(states, made, state);
    return made;
  }

  // The host has no lone surrogates.
  function propertyOf(invokePath, path, name) {
    const longer = list();
    for (let i = 0; i < path.length; i++) ArrayPrototypePush(longer, path[i]);
    ArrayPrototypePush(longer, StringPrototypeToWellFormed(name));
    return proxy("property", invokePath, longer);
  }

  const invoke = (state, args) => invokePath(state.invoke, state.path, args);
  const disposed = () => new Error("RPC stub used after being disposed.");

  /** @type {(invoke: RpcInvoke, path: string[], args: any[] | undefined) => RpcCall} */
  function invokePath(invoke, path, args) {
    let length = 0;
    for (let i = 0; i < path.length; i++) length += path[i].length;
    if (path.length > MAX_PATH || length > MAX_PATH_TEXT)
      return failed(
        new TypeError(
          `A path of RPC has at most ${MAX_PATH} names and ${MAX_PATH_TEXT} characters: await a part of it.`,
        ),
      );
    return invoke(path, args);
  }

  // A call that failed before it was made.
  /** @type {RpcStubs["failed"]} */
  function failed(error) {
    const promise = promiseReject(error);
    return {
      __proto__: null,
      promise,
      invoke() {
        handled(promise);
        return failed(error);
      },
    };
  }
  const ignore = () => {};
  const handled = (promise) => void PromisePrototypeThen(promise, undefined, ignore);

  // Takes one count of the reference.
  /** @type {RpcStubs["make"]} */
  function make(reference, isDisposed = false) {
    // Properties of the stub call it too, also after it was disposed of.
    const stub = proxy(
      "stub",
      (path, args) => (state.isDisposed ? failed(disposed()) : invokeReference(reference, path, args)),
      list(),
    );
    const state = WeakMapPrototypeGet(states, stub);
    state.reference = reference;
    state.isDisposed = isDisposed;
    return stub;
  }

  /** @type {RpcStubs["invokeReference"]} */
  function invokeReference(reference, path, args) {
    if (reference.count === 0) return failed(disposed());
    if (reference.stub === 0) return isolet.rpcServer.local(reference.target, path, args);
    if (reference.context.ended)
      return failed(new Error("The request that this RPC stub was given to has ended, and the stub with it."));
    return isolet.rpcCalls.send(RpcCallee.Stub, reference.stub, path, args);
  }

  /** @type {RpcStubs["dispose"]} */
  function dispose(stub) {
    const state = known(stub, "RpcStub");
    if (state.isDisposed) return;
    state.isDisposed = true;
    rpcObjects.release(state.reference);
  }

  host.rpcStubs = {
    __proto__: null,
    failed,
    handled,
    invokeReference,
    make,
    dispose,
    is: (value) => stateOf(value) !== undefined,
    referenceOf(value) {
      const state = stateOf(value);
      if (state?.kind !== "stub") return undefined;
      if (state.isDisposed) throw disposed();
      return state.reference;
    },
    // How to call a stub, a promise, a property or a service, or undefined for other values.
    invokerOf(value) {
      const state = stateOf(value);
      if (state === undefined) return host.services?.invokerOf(value);
      return (path, args) => {
        const whole = list();
        for (let i = 0; i < state.path.length; i++) ArrayPrototypePush(whole, state.path[i]);
        for (let i = 0; i < path.length; i++) ArrayPrototypePush(whole, path[i]);
        return invokePath(state.invoke, whole, args);
      };
    },
    // A member of a service binding.
    member: (invokeService, name) =>
      name === "then" || RegExpPrototypeExec(index, name) !== null
        ? undefined
        : propertyOf(invokeService, list(), name),
  };
  host.RpcTarget = RpcTarget;
  host.RpcStub = RpcStub;
  host.RpcPromise = RpcPromise;
  host.RpcProperty = RpcProperty;
});
