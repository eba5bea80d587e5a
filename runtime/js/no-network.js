// The network APIs. Scripts do not have them: each fails with a message that names the servers on
// env, and nothing is in a cache. Workers have fetch (fetchers.js), caches (caches.js)
// and EventSource (event-source.js).

const { JSONParse, Promise, TypeError } = isolet.primordials;

isolet.lazy(["fetch", "WebSocket", "XMLHttpRequest"], ["refusing", "noNetwork"], (host) => {
  const { natives } = isolet;
  const { define, dictionary } = isolet.idl;

  // The number of server names in the message.
  const MOST_NAMES = 20;

  function refusal() {
    if (isolet.isClosed) {
      return new TypeError(
        "This Worker has no network access: it, or the Worker that loads it, was loaded with `globalOutbound: null`. Use a binding in `env` instead.",
      );
    }
    const servers = JSONParse(natives.names(""));
    let names = "";
    for (let i = 0; i < servers.length && i < MOST_NAMES; i++) names += `${i === 0 ? "" : ", "}${servers[i]}`;
    if (servers.length > MOST_NAMES) names += `, … ${servers.length - MOST_NAMES} more`;
    return new TypeError(
      `This script has no network access. ${names === "" ? "No servers are configured to reach anything through." : `Call a tool on env instead (servers: ${names}).`}`,
    );
  }

  // A class that cannot be constructed, so that `typeof` and `instanceof` work and `new` says why
  // not.
  const refusing = (name) =>
    define(
      {
        [name]: class {
          constructor() {
            throw refusal();
          }
        },
      }[name],
    );

  // A method, so that it has no prototype and cannot be constructed; it gives a rejected promise
  // as the real one does.
  const { fetch } = {
    fetch(input, init = undefined) {
      return new Promise((_, reject) => {
        const { signal = host.requests?.is(input) ? host.requests.fields(input).signal : undefined } = dictionary(
          init,
          "The second argument of fetch",
        );
        const aborted = host.signals?.is(signal) && host.signals.aborted(signal);
        reject(aborted ? isolet.signals.reason(signal) : refusal());
      });
    },
  };

  host.refusing = refusing;
  host.noNetwork = refusal;
  return {
    fetch: isolet.hasNetwork ? isolet.fetchers.fetch : fetch,
    WebSocket: refusing("WebSocket"),
    XMLHttpRequest: refusing("XMLHttpRequest"),
  };
});

// By itself: who fetches needs none.
isolet.lazy(["EventSource"], [], () => ({
  EventSource: isolet.hasNetwork ? isolet.EventSource : isolet.refusing("EventSource"),
}));

isolet.lazy(["Cache", "CacheStorage", "caches"], [], () => {
  if (isolet.hasCaches) return isolet.workerCaches;
  const { checkBrand, define } = isolet.idl;

  class CacheStorage {
    #brand;
    async open() {
      checkBrand(this.#brand);
      throw new isolet.DOMException("isolet has no cache.", "NotSupportedError");
    }
    get default() {
      checkBrand(this.#brand);
      return nothingCached;
    }
  }
  define(CacheStorage);
  // caches.default: code that looks into the cache before it works finds nothing there, and what
  // it puts is dropped.
  class Cache {
    #brand;
    async match() {
      checkBrand(this.#brand);
      return undefined;
    }
    async put() {
      checkBrand(this.#brand);
    }
    async delete() {
      checkBrand(this.#brand);
      return false;
    }
  }
  define(Cache);
  const nothingCached = new Cache();

  return { Cache, CacheStorage, caches: new CacheStorage() };
});
