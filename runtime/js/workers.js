// A Worker's requests: each from its arrival to the end of everything that it started.
//
// Rust names a request by its number. While code of a request runs, V8 carries the number along its
// promises (continuation-preserved data), so that timers, calls and log lines know their request.

const {
  ArrayPrototypePush,
  JSONParse,
  Number,
  ObjectDefineProperty,
  Promise,
  PromisePrototypeThen,
  RangeError,
  ReflectOwnKeys,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
} = isolet.primordials;

isolet.lazy([], ["workers"], (host) => {
  const { bodies, headers: Heads, natives } = isolet;
  const { bare, list } = isolet.idl;

  // The bytes that may be on their way to the client, or from it, before the other side reads them.
  // `WINDOW_BYTES` in src/worker/protocol.rs is the same number.
  const WINDOW = 262144;

  // The size of the head of a response, with HEADER_OVERHEAD for each header.
  // `MAX_HEAD_BYTES` in src/worker/protocol.rs is the same number.
  const MAX_HEAD = 131072;
  const HEADER_OVERHEAD = 32;

  // The requests that have not ended, by number.
  const live = { __proto__: null };
  // The exports of the main module by their names: objects, and classes that are made for each
  // request. The default one has the empty name.
  const entries = { __proto__: null };
  let exported;

  const isEntry = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  function take(namespace) {
    const entry = namespace.default;
    // A CommonJS module has a default export, its `exports`, in this syntax too.
    if (typeof entry?.fetch !== "function" && host.serviceWorker?.hasListeners()) {
      entries[""] = isolet.serviceWorker.entry;
      return;
    }
    if (!isEntry(entry)) {
      throw isolet.withHint(
        new TypeError("The main module of a Worker must have a default export with a fetch function."),
        'export default { async fetch(request, env, ctx) { return new Response("Hello"); } }',
      );
    }
    entries[""] = entry;
    const names = ReflectOwnKeys(namespace);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (typeof name === "string" && name !== "default" && isEntry(namespace[name])) entries[name] = namespace[name];
    }
  }

  // What `ctx.exports` is for all requests.
  function exports() {
    if (exported !== undefined) return exported;
    exported = {};
    for (const name in entries) {
      ObjectDefineProperty(exported, name === "" ? "default" : name, {
        __proto__: null,
        value: isolet.fetchers.ofExport(name),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return exported;
  }

  const noEntry = (name) =>
    new TypeError(`The Worker has no entrypoint ${isolet.inspect(name)}: its main module has no such export.`);

  function handle(request, ctx, name) {
    const { env } = isolet;
    const entry = entries[name];
    if (entry === undefined) throw noEntry(name);
    if (typeof entry.fetch === "function") return entry.fetch(request, env, ctx);
    if (typeof entry === "function" && typeof entry.prototype?.fetch === "function")
      return new entry(ctx, env).fetch(request);
    if (name !== "")
      throw new TypeError(`The entrypoint ${isolet.inspect(name)} of the Worker has no function \`fetch\`.`);
    throw isolet.withHint(
      new TypeError("The Worker has no fetch handler: its default export has no function `fetch`."),
      'export default { async fetch(request, env, ctx) { return new Response("Hello"); } }',
    );
  }

  function handleScheduled(controller, ctx) {
    const { env } = isolet;
    const entry = entries[""];
    if (typeof entry.scheduled === "function") return entry.scheduled(controller, env, ctx);
    if (typeof entry === "function" && typeof entry.prototype?.scheduled === "function")
      return new entry(ctx, env).scheduled(controller);
    throw isolet.withHint(
      new TypeError("The Worker has no scheduled handler: its default export has no function `scheduled`."),
      "export default { async scheduled(controller, env, ctx) { … } }",
    );
  }

  // `content`: a text or an ArrayBuffer with the whole body, true if it comes in pieces, undefined
  // if there is none.
  function begin(id, method, url, headersText, content, cfText, entrypoint, propsText) {
    answer(arrived(id), method, url, headersText, content, cfText, entrypoint, propsText);
  }

  // Its answer waits for the promises given to waitUntil, and fails with the first of them.
  async function beginScheduled(id, cron, time) {
    const r = arrived(id);
    r.failures = list();
    const fail = (thrown) => {
      ArrayPrototypePush(r.failures, thrown);
    };
    try {
      await handleScheduled(
        isolet.scheduledController(time, cron),
        isolet.executionContext((promise) => wait(r, promise, fail)),
      );
    } catch (thrown) {
      fail(thrown);
    }
    r.handled = true;
    if (r.waiting === 0) answerScheduled(r);
  }

  function answerScheduled(r) {
    if (r.responded || r.ended) return;
    if (r.failures.length > 0) {
      const { name, message, stack, kind, hint, tool } = isolet.describe(r.failures[0]);
      natives.failFetch(r.id, name, message, stack, kind, hint, tool);
    } else {
      natives.respond(r.id, 200, "", list(), true, undefined);
    }
    finish(r);
  }

  const LiveRequest = bare(
    class {
      // Of the request's body: its stream's state, the bytes that came and those that were
      // confirmed.
      incoming;
      received = 0;
      confirmed = 0;
      // The response's body, if it is sent in pieces.
      outgoing;
      // The promises that were given to waitUntil.
      waiting = 0;
      // The client has gone.
      gone = false;
      signal;
      responded = false;
      ended = false;
      // The headers of the request, and the client's end of a WebSocket.
      headers;
      wire;
      // Of a scheduled event: what was thrown, and whether its handler is done.
      failures;
      handled = false;
      // The number of objects that others have stubs of, of calls of them, and one for a result
      // that was sent and that others may call.
      held = 0;
      // Of a call by another Worker: the request that made the object that is called, what was
      // given, the promise of the result, whether the caller still needs that, and whether it holds
      // the request.
      context;
      given;
      result;
      hasCaller = false;
      isResultHeld = false;
      constructor(id) {
        this.id = id;
      }
    },
  );

  function arrived(id) {
    const r = new LiveRequest(id);
    live[id] = r;
    return r;
  }

  async function answer(r, method, url, headersText, content, cfText, entrypoint, propsText) {
    try {
      let body;
      if (content === true) {
        body = bodies.ofStream(incomingStream(r));
      } else if (content !== undefined) {
        body = bodies.ofContent(typeof content === "string" ? content : new Uint8Array(content));
      }
      const cf = cfText === "" ? undefined : cfText;
      const request = isolet.requests.received(method, url, headersText, body, cf, () => signalOf(r));
      r.headers = isolet.requests.fields(request).headers;
      if (r.incoming !== undefined) {
        const length = Heads.get(r.headers, "content-length");
        if (length !== null) r.incoming.knownLength = Number(length);
      }
      const response = await handle(
        request,
        isolet.executionContext((promise) => wait(r, promise), propsText),
        entrypoint,
      );
      respond(r, response);
    } catch (thrown) {
      if (r.responded || r.ended) return;
      const { name, message, stack, kind, hint, tool } = isolet.describe(thrown);
      natives.failFetch(r.id, name, message, stack, kind, hint, tool);
      finish(r);
    }
  }

  // The signal of a request, made when it is asked for.
  function signalOf(r) {
    if (r.signal === undefined) {
      r.signal = isolet.signals.make();
      if (r.gone) isolet.signals.abort(r.signal, disconnected());
    }
    return r.signal;
  }
  const disconnected = () => new isolet.DOMException("The client has disconnected.", "AbortError");

  // The stream of a body that comes in pieces. What was read is confirmed, so that more may come.
  function incomingStream(r) {
    const { streams } = isolet;
    const confirm = () => {
      const read = r.received - r.incoming.queue.size;
      if (read > r.confirmed) {
        natives.confirmBody(r.id, read - r.confirmed);
        r.confirmed = read;
      }
    };
    r.incoming = streams.create({
      __proto__: null,
      pull: confirm,
      cancel: () => natives.refuseBody(r.id),
      highWaterMark: WINDOW,
      size: undefined,
      bytes: true,
    });
    streams.begin(r.incoming, undefined);
    return streams.wrap(r.incoming);
  }

  function respond(r, response) {
    const { status, statusText, headers, body, encodeBody, webSocket } = isolet.responseFields(response);
    if (r.responded || r.ended) return;
    const pairs = Heads.pairs(headers);
    // Names and values in turn.
    const sent = list();
    let size = statusText.length;
    for (let i = 0; i < pairs.length; i++) {
      const { key, value } = pairs[i];
      // The body tells its length.
      if (key === "content-length") continue;
      ArrayPrototypePush(sent, key, value);
      size += key.length + value.length + HEADER_OVERHEAD;
    }
    if (size > MAX_HEAD) {
      throw isolet.withHint(
        new RangeError(
          `The headers of the response have ${size} bytes with ${HEADER_OVERHEAD} for each: at most ${MAX_HEAD} can be sent.`,
        ),
        "Send large values in the body.",
      );
    }
    if (webSocket !== undefined) {
      upgrade(r, webSocket, statusText, sent);
      return;
    }
    // A body that came compressed and was not read goes on as it came.
    const manual = encodeBody === "manual" || body?.encoding !== undefined;
    let content;
    if (body !== undefined) content = bodies.open(body, "response");
    if (typeof content === "string" && content.length > WINDOW / 4) content = isolet.utf8.encode(content);
    if (content === undefined || typeof content === "string") {
      natives.respond(r.id, status, statusText, sent, manual, content);
      finish(r);
      return;
    }
    const { isBytes } = isolet.outgoing;
    if (isBytes(content) && TypedArrayPrototypeGetByteLength(content) <= WINDOW) {
      natives.respond(r.id, status, statusText, sent, manual, content);
      finish(r);
      return;
    }
    const length = isBytes(content)
      ? TypedArrayPrototypeGetByteLength(content)
      : isolet.streams.state(content).knownLength;
    if (length !== undefined) ArrayPrototypePush(sent, "content-length", `${length}`);
    natives.respond(r.id, status, statusText, sent, manual, true);
    r.outgoing = isolet.outgoing.open(content, "response", {
      __proto__: null,
      send: (bytes, length) => natives.sendBody(r.id, bytes, length),
      close() {
        natives.endBody(r.id, undefined);
        finish(r);
      },
      fail: (reason) => broken(r, reason),
    });
    isolet.outgoing.pump(r.outgoing);
  }

  // The request goes on until both ends have closed the WebSocket, unless it is one that a fetch
  // was answered with: isolet's own process carries its messages.
  function upgrade(r, webSocket, statusText, sent) {
    const asked = Heads.get(r.headers, "upgrade");
    if (asked === null || StringPrototypeToLowerCase(asked) !== "websocket") {
      throw new TypeError(
        'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".',
      );
    }
    const state = isolet.socketStates.release(isolet.webSockets.state(webSocket));
    if (state.offer !== undefined) {
      isolet.fetchers.pass(state.offer, (call) => natives.respond(r.id, 101, statusText, sent, true, call));
      finish(r);
      return;
    }
    natives.respond(r.id, 101, statusText, sent, true, null);
    r.wire = isolet.socketWires.couple(state, r.id, () => finish(r));
  }

  // The body ends in the middle, and the connection with it.
  function broken(r, reason) {
    const { name, message } = isolet.describe(reason);
    natives.endBody(r.id, `${name}: ${message}`);
    finish(r);
  }

  // A promise without which the request does not end. `failed` is called if it is rejected.
  function wait(r, promise, failed = logRejection) {
    if (r.ended) return;
    r.waiting++;
    PromisePrototypeThen(
      new Promise((resolve) => resolve(promise)),
      () => waited(r),
      (thrown) => {
        failed(thrown);
        waited(r);
      },
    );
  }

  function logRejection(thrown) {
    natives.log(ConsoleLevel.Error, `A promise given to waitUntil() was rejected: ${isolet.inspect(thrown)}`);
  }

  function waited(r) {
    r.waiting--;
    if (r.waiting > 0) return;
    if (r.responded) endIfOver(r);
    else if (r.handled) answerScheduled(r);
  }

  // The response is complete, or there will be none.
  function finish(r) {
    r.responded = true;
    if (!endIfOver(r)) natives.respondedTo(r.id);
  }

  // Ends a request that has responded, unless promises or other Workers hold it.
  function endIfOver(r) {
    if (r.waiting > 0 || r.held > 0) return false;
    end(r);
    return true;
  }

  // Others have one thing more of a request, or one less.
  function hold(r) {
    r.held++;
    if (r.held === 1) natives.holdRequest(r.id, true);
  }
  function unhold(r) {
    r.held--;
    if (r.held > 0 || r.ended) return;
    natives.holdRequest(r.id, false);
    if (r.responded) endIfOver(r);
  }

  // Everything that the request has started ends with it.
  function end(r) {
    if (r.ended) return;
    r.ended = true;
    delete live[r.id];
    if (r.incoming !== undefined && r.incoming.state === "readable")
      isolet.streams.fail(r.incoming, new TypeError("The request has ended, and its body with it."));
    if (r.wire !== undefined) isolet.socketWires.end(r.wire);
    isolet.dropTimers(r.id);
    host.fetchers?.end(r.id);
    host.loaders?.end(r.id);
    host.rpcCalls?.end(r);
    const calls = natives.endRequest(r.id);
    if (calls !== "") isolet.forgetCalls(JSONParse(calls));
    if (r.context !== undefined) unhold(r.context);
    if (r.held === 0) return;
    // Its time is over, and others have stubs of its objects.
    for (const id in live) if (live[id].context === r) end(live[id]);
    host.rpcObjects?.end(r);
  }

  // What happens to a request after its arrival.
  const events = {
    __proto__: null,
    [RequestEvent.Chunk](r, bytes) {
      const chunk = new Uint8Array(bytes);
      r.received += TypedArrayPrototypeGetByteLength(chunk);
      if (isolet.streams.canEnqueue(r.incoming)) isolet.streams.enqueue(r.incoming, chunk);
    },
    [RequestEvent.BodyEnd](r) {
      if (isolet.streams.canEnqueue(r.incoming)) isolet.streams.requestClose(r.incoming);
    },
    [RequestEvent.BodyError](r, message) {
      isolet.streams.fail(r.incoming, new TypeError(message));
    },
    [RequestEvent.Credit](r, bytes) {
      if (r.outgoing !== undefined) isolet.outgoing.credit(r.outgoing, bytes);
    },
    [RequestEvent.Cancel](r) {
      r.gone = true;
      if (r.signal !== undefined) isolet.signals.abort(r.signal, disconnected());
      if (r.incoming !== undefined) isolet.streams.fail(r.incoming, disconnected());
      if (!r.responded) {
        r.responded = true;
        const stopped = r.outgoing === undefined ? undefined : isolet.outgoing.stop(r.outgoing, disconnected());
        if (stopped !== undefined) wait(r, stopped);
      }
    },
    // After the microtasks of a Cancel.
    [RequestEvent.Gone](r) {
      finish(r);
    },
    [RequestEvent.Expire](r) {
      end(r);
    },
  };

  host.workers = {
    __proto__: null,
    arrived,
    begin,
    beginScheduled,
    // The request that the present code runs for, or undefined.
    current: () => live[natives.request()],
    entry(name) {
      const entry = entries[name];
      if (entry === undefined) throw noEntry(name);
      return entry;
    },
    executionContext: (r, propsText) => isolet.executionContext((promise) => wait(r, promise), propsText),
    find: (id) => live[id],
    finish,
    hold,
    take,
    exports,
    wait(id, promise) {
      const r = live[id];
      if (r !== undefined) wait(r, promise);
    },
    unhold,
    event(kind, id, value) {
      const r = live[id];
      if (r !== undefined) events[kind](r, value);
    },
  };
});
