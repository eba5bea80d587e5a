// tee() of byte streams: two byte streams with the bytes of one. A view that the reader of one
// branch gives is filled by the source itself, and the other branch gets a copy.

const { PromisePrototypeThen } = isolet.primordials;

isolet.lazy([], ["teeBytes"], (host) => {
  const { byob, byteStreams, pullIntos, streams } = isolet;
  const { copy } = isolet.idl;
  const { deferred, nothing, promiseResolve } = isolet.streaming;

  /** @type {LazyInternals["teeBytes"]} */
  host.teeBytes = (s) => {
    let reader = streams.acquire(s);
    let reading = false;
    const cancelled = deferred();
    const branch = () => ({
      __proto__: null,
      s: /** @type {ReadableState} */ (/** @type {any} */ (undefined)),
      gone: false,
      reason: undefined,
      again: false,
    });
    const first = branch();
    const second = branch();

    const follow = (followed) =>
      PromisePrototypeThen(followed.closed.promise, nothing, (error) => {
        if (followed !== reader) return;
        streams.fail(first.s, error);
        streams.fail(second.s, error);
        if (!first.gone || !second.gone) cancelled.resolve(undefined);
      });

    // A reader of the other kind.
    const swap = (byob) => {
      if (reader.byob === byob) return;
      streams.release(reader);
      reader = streams.acquire(s, byob);
      follow(reader);
    };

    // A copy for the other branch; undefined, and both branches fail, if there is no memory.
    const cloned = (chunk) => {
      try {
        return copy(chunk);
      } catch (error) {
        streams.fail(first.s, error);
        streams.fail(second.s, error);
        cancelled.resolve(streams.cancel(s, error));
        return undefined;
      }
    };

    const add = (branch, chunk) => {
      if (streams.canEnqueue(branch.s)) streams.enqueue(branch.s, chunk);
    };
    const close = (branch) => {
      if (!branch.gone && streams.canEnqueue(branch.s)) byteStreams.close(branch.s);
    };
    const rest = () => {
      reading = false;
      if (first.again) pull(first);
      else if (second.again) pull(second);
    };
    // In a microtask of its own, so that errors of the source come before the chunk.
    const soon = (then) =>
      PromisePrototypeThen(promiseResolve(undefined), () => {
        first.again = second.again = false;
        then();
      });
    const error = () => {
      reading = false;
    };

    const pullChunk = () => {
      swap(false);
      streams.read(reader, {
        __proto__: null,
        error,
        chunk: (chunk) =>
          soon(() => {
            const other = first.gone || second.gone ? chunk : cloned(chunk);
            if (other === undefined) return;
            if (!first.gone) add(first, chunk);
            if (!second.gone) add(second, other);
            rest();
          }),
        close() {
          reading = false;
          close(first);
          close(second);
          pullIntos.finish(first.s);
          pullIntos.finish(second.s);
          if (!first.gone || !second.gone) cancelled.resolve(undefined);
        },
      });
    };

    const pullView = (view, mine, other) => {
      swap(true);
      pullIntos.pullInto(reader, view, 1, {
        __proto__: null,
        error,
        chunk: (chunk) =>
          soon(() => {
            if (!other.gone) {
              const copied = cloned(chunk);
              if (copied === undefined) return;
              if (!mine.gone) pullIntos.respondWithView(mine.s, chunk);
              add(other, copied);
            } else if (!mine.gone) {
              pullIntos.respondWithView(mine.s, chunk);
            }
            rest();
          }),
        close(chunk) {
          reading = false;
          close(mine);
          close(other);
          if (chunk !== undefined) {
            if (!mine.gone) pullIntos.respondWithView(mine.s, chunk);
            if (!other.gone) pullIntos.finish(other.s);
          }
          if (!mine.gone || !other.gone) cancelled.resolve(undefined);
        },
      });
    };

    const pull = (mine) => {
      if (reading) {
        mine.again = true;
        return;
      }
      reading = true;
      const request = byob.request(mine.s);
      if (request === undefined) pullChunk();
      else pullView(byob.viewOf(request), mine, mine === first ? second : first);
    };

    const cancel = (mine, other) => (reason) => {
      mine.gone = true;
      mine.reason = reason;
      if (other.gone) cancelled.resolve(streams.cancel(s, [first.reason, second.reason]));
      return cancelled.promise;
    };
    const make = (mine, other) => {
      mine.s = streams.create({
        __proto__: null,
        pull: () => pull(mine),
        cancel: cancel(mine, other),
        highWaterMark: 0,
        size: undefined,
        bytes: true,
      });
    };
    make(first, second);
    make(second, first);
    streams.begin(first.s, undefined);
    streams.begin(second.s, undefined);
    follow(reader);
    return { __proto__: null, first: first.s, second: second.s };
  };
});
