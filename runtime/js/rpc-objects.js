// Objects that are passed to another Worker by reference.
//
// A reference counts the stubs of an object. That of an object of this isolate has the object; that
// of an object elsewhere has the number of the stub that this isolate was given, and the request
// that the stub ends with.

const { Promise, PromisePrototypeThen, RangeError, ReflectApply, SymbolDispose } = isolet.primordials;

isolet.lazy([], ["rpcObjects"], (host) => {
  const { natives } = isolet;

  // The objects of this isolate that others have stubs of. `MAX_OBJECTS` in src/worker/rpc.rs is
  // the same number.
  const MAX_OBJECTS = 4096;
  const exposed = { __proto__: null };
  let count = 0;
  let last = 0;

  /** @type {RpcObjects["ofTarget"]} */
  const ofTarget = (target) => ({ __proto__: null, count: 1, target, stub: 0, context: undefined });
  /** @type {RpcObjects["ofStub"]} */
  const ofStub = (stub, context) => ({ __proto__: null, count: 1, target: undefined, stub, context });

  /** @type {RpcObjects["release"]} */
  function release(reference) {
    reference.count--;
    if (reference.count > 0) return;
    if (reference.stub === 0)
      PromisePrototypeThen(new Promise((resolve) => resolve(undefined)), () => dispose(reference.target));
    else if (!reference.context.ended) natives.releaseStub(reference.stub);
  }

  // Nobody has a stub of the object any more.
  function dispose(target) {
    try {
      const method = target[SymbolDispose];
      if (typeof method === "function") ReflectApply(method, target, []);
    } catch (thrown) {
      natives.log(ConsoleLevel.Error, `[Symbol.dispose]() of an object threw: ${isolet.inspect(thrown)}`);
    }
  }

  // Returns the number under which others may call an object until the request `context` ends. The
  // number takes one count of the reference.
  /** @type {RpcObjects["expose"]} */
  function expose(reference, context) {
    if (count >= MAX_OBJECTS) {
      throw isolet.withHint(
        new RangeError(`Other Workers have stubs of ${MAX_OBJECTS} objects of this one, the most at once.`),
        "Dispose of stubs that are not needed: `using stub = await env.SERVICE.method()`.",
      );
    }
    count++;
    last++;
    exposed[last] = { __proto__: null, reference, context };
    isolet.workers.hold(context);
    return last;
  }

  /** @type {RpcObjects["withdraw"]} */
  function withdraw(number) {
    const object = exposed[number];
    if (object === undefined) return;
    count--;
    delete exposed[number];
    natives.enterRequest(object.context.id);
    release(object.reference);
    isolet.workers.unhold(object.context);
  }

  host.rpcObjects = {
    __proto__: null,
    ofTarget,
    ofStub,
    release,
    expose,
    withdraw,
    find: (number) => exposed[number],
    end(context) {
      for (const number in exposed) {
        if (exposed[number].context !== context) continue;
        const { reference } = exposed[number];
        count--;
        delete exposed[number];
        release(reference);
      }
    },
  };
});
