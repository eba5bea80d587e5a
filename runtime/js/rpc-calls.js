// The calls that a Worker makes to others.

const { Error, JSONStringify, ObjectDefineProperty, Promise } = isolet.primordials;

isolet.lazy([], ["rpcCalls"], (host) => {
  const { natives, rpcStubs, rpcValues, workers } = isolet;

  // The calls that have not ended, by number.
  const live = { __proto__: null };

  // The path as JSON text. By hand: JSON.stringify would call a toJSON that a script put on
  // Array.prototype.
  function pathText(path) {
    let text = "[";
    for (let i = 0; i < path.length; i++) text += `${i === 0 ? "" : ","}${JSONStringify(path[i])}`;
    return `${text}]`;
  }

  // Calls what a path leads to from a callee, or reads it if there are no arguments.
  /** @type {RpcCalls["send"]} */
  function send(callee, target, path, args) {
    const site = isolet.callSite();
    const r = workers.current();
    if (r === undefined)
      return rpcStubs.failed(new Error("Other Workers can be called only while a request is served."));
    const context = r.context ?? r;
    if (context.ended) return rpcStubs.failed(new Error("The request has ended: it can call no other Worker."));
    let call;
    try {
      if (args === undefined) {
        call = natives.callMethod(r.id, context.id, callee, target, pathText(path), undefined, undefined, "[]");
      } else {
        const { value, items, references } = rpcValues.encode(args);
        const objects = rpcValues.objectsText(references, context);
        call = natives.callMethod(r.id, context.id, callee, target, pathText(path), value, items, objects);
        if (typeof call === "number") rpcValues.sent(references);
        else rpcValues.unsent(objects, references);
      }
      if (typeof call !== "number") throw new Error(call);
    } catch (thrown) {
      return rpcStubs.failed(thrown);
    }
    /** @type {any} */
    const c = { __proto__: null, call, context, settle: undefined, hasEnded: false, promise: undefined, site };
    live[call] = c;
    const end = new Promise((resolve) => {
      c.settle = resolve;
    });
    c.promise = outcome(c, end);
    return { __proto__: null, promise: c.promise, invoke: (next, nextArgs) => pipelined(c, next, nextArgs) };
  }

  // A call of the result of a call. While that is on its way, its isolate makes the call.
  function pipelined(c, path, args) {
    rpcStubs.handled(c.promise);
    if (c.hasEnded || c.context.ended) return isolet.rpcServer.direct(c.promise, path, args);
    return send(RpcCallee.Result, c.call, path, args);
  }

  // Async on purpose: V8 then names the awaiting line of the script in the stack of what is thrown
  // here.
  async function outcome(c, end) {
    const { event, value, items, stubs } = await end;
    if (event === RpcEvent.Failed) throw isolet.placed(new Error(value), c.site);
    const given = rpcValues.decode(value, items, rpcValues.referencesOf(stubs, c.context));
    if (event === RpcEvent.Returned) return rpcValues.result(given);
    given.release();
    throw remote(given.value, c.site);
  }

  // What another Worker threw: an error has the stack of the one who called.
  /** @type {RpcCalls["remote"]} */
  function remote(thrown, site) {
    if (!isolet.idl.isObject(thrown)) return thrown;
    ObjectDefineProperty(thrown, "remote", {
      __proto__: null,
      value: true,
      writable: true,
      configurable: true,
      enumerable: true,
    });
    if (natives.kind(thrown) !== ValueKind.Error) return thrown;
    // A call that is not made by code directly, such as that of a property, has the place that
    // awaits it.
    isolet.captureStackTrace(thrown);
    return isolet.placed(thrown, site);
  }

  host.rpcCalls = {
    __proto__: null,
    remote,
    send,
    event(event, call, value, items, stubs) {
      const c = live[call];
      if (c === undefined) return;
      delete live[call];
      c.hasEnded = true;
      natives.releaseCall(call);
      c.settle({ __proto__: null, event, value, items, stubs });
    },
    end(context) {
      for (const call in live) if (live[call].context === context) delete live[call];
    },
  };
});
