// The ways out that there are not: each says so, and names the way there is.

const { JSONParse, Promise, TypeError } = isolet.primordials;

isolet.lazy(
  ["fetch", "WebSocket", "EventSource", "XMLHttpRequest", "Cache", "CacheStorage", "caches"],
  ["connect"],
  (host) => {
    const { natives } = isolet;
    const { define } = isolet.idl;

    // Names that fit into a line.
    const MOST_NAMES = 20;

    function refusal() {
      const servers = JSONParse(natives.names(""));
      let names = "";
      for (let i = 0; i < servers.length && i < MOST_NAMES; i++) names += `${i === 0 ? "" : ", "}${servers[i]}`;
      if (servers.length > MOST_NAMES) names += `, … ${servers.length - MOST_NAMES} more`;
      return new TypeError(
        `This script has no network access. ${names === "" ? "No servers are configured to reach anything through." : `Call a tool on env instead (servers: ${names}).`}`,
      );
    }

    // A class that cannot be constructed, so that `typeof` and `instanceof` work and `new` says why not.
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

    // A method, so that it has no prototype and cannot be constructed; it gives a rejected promise as the real one does.
    const { fetch } = {
      fetch() {
        return new Promise((_, reject) => reject(refusal()));
      },
    };

    class CacheStorage {
      #brand;
      async open() {
        this.#brand;
        throw new isolet.DOMException("isolet has no cache.", "NotSupportedError");
      }
      get default() {
        this.#brand;
        return nothingCached;
      }
    }
    define(CacheStorage);
    // caches.default: code that looks into the cache before it works finds nothing there, and what it puts is dropped.
    class Cache {
      #brand;
      async match() {
        this.#brand;
        return undefined;
      }
      async put() {
        this.#brand;
      }
      async delete() {
        this.#brand;
        return false;
      }
    }
    define(Cache);
    const nothingCached = new Cache();

    host.connect = () => {
      throw refusal();
    };
    return {
      fetch,
      WebSocket: refusing("WebSocket"),
      EventSource: refusing("EventSource"),
      XMLHttpRequest: refusing("XMLHttpRequest"),
      Cache,
      CacheStorage,
      caches: new CacheStorage(),
    };
  },
);
