// The calls that a Worker gets from others, and calls of its own objects by stubs of its own.
//
// A call is an event with a number, as a request is. The one that makes an object is the context of
// the object: calls of the object belong to it, and it does not end as long as others have stubs.

const { ArrayIsArray, ArrayPrototypePush, FunctionPrototypeApply, JSONParse, ObjectGetPrototypeOf, TypeError } =
  isolet.primordials;

isolet.lazy([], ["rpcServer"], (host) => {
  const { natives, rpcObjects, RpcTarget, rpcStubs, rpcValues, workers, WorkerEntrypoint } = isolet;
  const { isObject, list, own } = isolet.idl;
  const ObjectPrototype = ObjectGetPrototypeOf({});

  // The names that cannot be called of any target, and those that cannot be called of entrypoints.
  const reserved = { __proto__: null, constructor: true, dup: true };
  const reservedOfEntrypoint = {
    __proto__: null,
    fetch: true,
    connect: true,
    alarm: true,
    webSocketMessage: true,
    webSocketClose: true,
    webSocketError: true,
  };

  // More than V8 applies a function to.
  const MAX_ARGUMENTS = 131072;

  const reservedName = (name) => new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
  const missing = (name) => new TypeError(`The RPC receiver does not implement the method "${name}".`);

  /** @type {RpcServer["isTarget"]} */
  function isTarget(value) {
    if (typeof value === "function" || value instanceof RpcTarget) return true;
    const kind = natives.kind(value);
    return (kind === ValueKind.Object || kind === ValueKind.Proxy) && ObjectGetPrototypeOf(value) === ObjectPrototype;
  }

  // A member of an object as others see it: of functions and plain objects the own ones, of other
  // targets those of their class.
  function member(value, name, isEntrypoint) {
    if (!isObject(value)) throw missing(name);
    if (isEntrypoint || value instanceof RpcTarget || value instanceof WorkerEntrypoint) {
      if (reserved[name] || (!(value instanceof RpcTarget) && reservedOfEntrypoint[name])) throw reservedName(name);
      if (own(value, name) !== undefined) throw missing(name);
      for (let of = ObjectGetPrototypeOf(value); of !== null && of !== ObjectPrototype; of = ObjectGetPrototypeOf(of))
        if (own(of, name) !== undefined) return value[name];
      throw missing(name);
    }
    if (typeof value !== "function" && !isTarget(value)) throw missing(name);
    if (own(value, name) === undefined) throw missing(name);
    return value[name];
  }

  // Follows a path from an object, and calls what is there, or reads it if there are no
  // arguments. `handler` is set for an entrypoint that is a plain object: its functions take
  // (value, env, ctx).
  /** @param {any} from @param {string[]} path @param {any[] | undefined} args @param {boolean} [isEntrypoint] @param {any} [handler] */
  async function perform(from, path, args, isEntrypoint = false, handler = undefined) {
    // The arguments may come from a Worker that isolet did not stop from writing anything.
    if (args !== undefined && (!ArrayIsArray(args) || args.length > MAX_ARGUMENTS))
      throw new TypeError(`The arguments of a call must be a list of at most ${MAX_ARGUMENTS}.`);
    if (handler !== undefined) {
      const first = path[0];
      // A stub of the entrypoint would have all of its functions.
      if (first === undefined && args === undefined) throw missing("(this)");
      if (first !== undefined && (reserved[first] || reservedOfEntrypoint[first])) throw reservedName(first);
    }
    let self;
    let value = await from;
    let name = "(this)";
    for (let i = 0; ; i++) {
      const invoke = rpcStubs.invokerOf(value);
      if (invoke !== undefined && (i < path.length || args !== undefined))
        return await invoke(rest(path, i), args).promise;
      if (i === path.length) break;
      if (i > 0 && natives.kind(value) === ValueKind.Promise) value = await value;
      name = path[i];
      self = value;
      value = member(value, name, isEntrypoint && i === 0);
    }
    if (args === undefined) return value;
    if (typeof value !== "function") throw new TypeError(`"${name}" is not a function.`);
    if (handler !== undefined && path.length === 1) args = handlerArguments(value, name, args, handler);
    return FunctionPrototypeApply(value, self, args);
  }

  function rest(path, from) {
    const left = list();
    for (let i = from; i < path.length; i++) ArrayPrototypePush(left, path[i]);
    return left;
  }

  function handlerArguments(value, name, args, { env, ctx }) {
    const { length } = value;
    if (length > 3)
      throw new TypeError(
        `Cannot call handler function "${name}" over RPC because it has the wrong number of arguments. A simple function handler can only be called over RPC if it has exactly the arguments (arg, env, ctx), where only the first argument comes from the client. To support multi-argument RPC functions, use class-based syntax (extending WorkerEntrypoint) instead.`,
      );
    if (args.length !== 1)
      throw new TypeError(
        `Attempted to call RPC function "${name}" with the wrong number of arguments. When calling a top-level handler function that is not declared as part of a class, you must always send exactly one argument. In order to support variable numbers of arguments, the server must use class-based syntax (extending WorkerEntrypoint) instead.`,
      );
    return [args[0], env, ctx];
  }

  // Calls an object of this isolate by a stub of this isolate. What is given and returned is
  // copied, as between two isolates.
  /** @type {RpcServer["local"]} */
  function local(from, path, args) {
    let given;
    try {
      if (args !== undefined) given = copied(rpcValues.encode(args));
    } catch (thrown) {
      return rpcStubs.failed(thrown);
    }
    const result = perform(from, path, given?.value);
    const promise = outcome(result, given, isolet.callSite());
    return {
      __proto__: null,
      promise,
      invoke(next, nextArgs) {
        rpcStubs.handled(promise);
        return local(result, next, nextArgs);
      },
    };
  }

  const copied = ({ value, items, references }) => rpcValues.decode(value, items, references);

  async function outcome(result, given, site) {
    let thrown;
    try {
      return rpcValues.result(copied(rpcValues.encode(await result)));
    } catch (error) {
      thrown = error;
    } finally {
      given?.release();
    }
    throw isolet.rpcCalls.remote(copied(rpcValues.encodeThrown(thrown)).value, site);
  }

  // Calls what is in a value that has come, which nobody else has: nothing is copied.
  /** @type {RpcServer["direct"]} */
  function direct(from, path, args) {
    const promise = perform(from, path, args);
    return {
      __proto__: null,
      promise,
      invoke(next, nextArgs) {
        rpcStubs.handled(promise);
        return direct(promise, next, nextArgs);
      },
    };
  }

  // A call from another Worker begins.
  /** @type {RpcServer["called"]} */
  function called(id, receiver, target, propsText, path, value, items, stubs) {
    const r = workers.arrived(id);
    r.hasCaller = true;
    let object;
    let of;
    if (receiver === RpcReceiver.Object) {
      object = rpcObjects.find(target);
      r.context = object?.context;
    } else if (receiver === RpcReceiver.Result) {
      of = workers.find(target);
      if (of !== undefined) r.context = of.context ?? of;
    }
    if (r.context !== undefined) workers.hold(r.context);
    serve(r, () => {
      const references = rpcValues.referencesOf(stubs, r.context ?? r);
      const given = value === undefined ? undefined : rpcValues.decode(value, items, references);
      r.given = given;
      const names = JSONParse(path);
      const args = given?.value;
      if (receiver === RpcReceiver.Entrypoint) {
        const ctx = workers.executionContext(r, propsText);
        const { env } = isolet;
        const entry = workers.entry(target);
        if (typeof entry === "function") return perform(new entry(ctx, env), names, args, true);
        return perform(entry, names, args, false, { __proto__: null, env, ctx });
      }
      if (receiver === RpcReceiver.Object) {
        if (object === undefined) throw new TypeError("The object of this RPC stub is gone.");
        return perform(object.reference.target, names, args);
      }
      if (of?.result === undefined) throw new TypeError("The result of this RPC call is gone.");
      return perform(of.result, names, args);
    });
  }

  async function serve(r, start) {
    try {
      r.result = start();
      reply(r, false, rpcValues.encode(await r.result));
    } catch (thrown) {
      if (r.result !== undefined) rpcStubs.handled(r.result);
      reply(r, true, rpcValues.encodeThrown(thrown));
    } finally {
      r.given?.release();
    }
  }

  function reply(r, threw, { value, items, references }) {
    if (r.responded || r.ended) {
      rpcValues.releaseAll(references);
      return;
    }
    natives.returnValue(r.id, threw, value, items, rpcValues.objectsText(references, r.context ?? r));
    rpcValues.sent(references);
    // Others may call the result until its caller has it.
    r.isResultHeld = r.hasCaller;
    if (r.isResultHeld) workers.hold(r);
    workers.finish(r);
  }

  host.rpcServer = {
    __proto__: null,
    called,
    direct,
    isTarget,
    local,
    // The caller has the result of a call.
    released(id) {
      const r = workers.find(id);
      if (r === undefined) return;
      r.hasCaller = false;
      if (r.isResultHeld) workers.unhold(r);
      r.isResultHeld = false;
    },
  };
});
