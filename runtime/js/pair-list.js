// Ordered lists of { key, value }, of which URLSearchParams, Headers and FormData are made.

const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  SymbolIterator,
  TypeError,
} = isolet.primordials;

const prototypeOf = Object.getPrototypeOf;
const IteratorPrototype = prototypeOf(prototypeOf([][Symbol.iterator]()));

isolet.lazy([], ["pairs"], (host) => {
  const { alias, bare, define, list, need } = isolet.idl;

  const Pair = bare(
    class {
      constructor(key, value) {
        this.key = key;
        this.value = value;
      }
    },
  );

  /** @type {Pairs["add"]} */
  function add(pairs, key, value) {
    ArrayPrototypePush(pairs, new Pair(key, value));
  }

  // The first value of a key, or undefined.
  /** @type {Pairs["first"]} */
  function first(pairs, key) {
    for (let i = 0; i < pairs.length; i++) if (pairs[i].key === key) return pairs[i].value;
    return undefined;
  }

  // All values of a key, as an array for the script.
  /** @type {Pairs["all"]} */
  function all(pairs, key) {
    const values = [];
    for (let i = 0; i < pairs.length; i++) if (pairs[i].key === key) ArrayPrototypePush(values, pairs[i].value);
    return values;
  }

  // Returns whether a pair has the key, and the value if one is given.
  /** @type {(pair: Pair, key: string, value: any) => boolean} */
  const matches = (pair, key, value) => pair.key === key && (value === undefined || pair.value === value);

  /** @type {Pairs["has"]} */
  function has(pairs, key, value) {
    for (let i = 0; i < pairs.length; i++) if (matches(pairs[i], key, value)) return true;
    return false;
  }

  // A new list without the pairs that match.
  /** @type {Pairs["without"]} */
  function without(pairs, key, value) {
    const kept = list();
    for (let i = 0; i < pairs.length; i++) if (!matches(pairs[i], key, value)) ArrayPrototypePush(kept, pairs[i]);
    return kept;
  }

  // A new list with one pair of the key: in the place of the first one, or at the end.
  /** @type {Pairs["replaced"]} */
  function replaced(pairs, key, value) {
    let found = false;
    const kept = list();
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i].key !== key) {
        ArrayPrototypePush(kept, pairs[i]);
      } else if (!found) {
        found = true;
        add(kept, key, value);
      }
    }
    if (!found) add(kept, key, value);
    return kept;
  }

  // Sorts by key, stable, by UTF-16 units as `<` compares. Returns the list.
  /** @type {Pairs["sort"]} */
  const sort = (pairs) => ArrayPrototypeSort(pairs, (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

  // The names and values as the fields of an object, for console.log. Values of one name are joined
  // if `join` is true; else the last one counts.
  /** @type {Pairs["fields"]} */
  function fields(pairs, join) {
    const shown = { __proto__: null };
    for (let i = 0; i < pairs.length; i++) {
      const { key, value } = pairs[i];
      shown[key] = join && shown[key] !== undefined ? `${shown[key]}, ${value}` : value;
    }
    return { __proto__: null, fields: shown };
  }

  // The iterator of one collection class. It reads the list at each step, so that changes while
  // iterating are seen as the standards say.
  function iteratorOf(tag) {
    class PairIterator {
      #pairs;
      #part;
      #index = 0;
      constructor(pairs, part) {
        this.#pairs = pairs;
        this.#part = part;
      }
      next() {
        const pair = this.#pairs()[this.#index];
        if (pair === undefined) return { value: undefined, done: true };
        this.#index++;
        const value = this.#part === "key" ? pair.key : this.#part === "value" ? pair.value : [pair.key, pair.value];
        return { value, done: false };
      }
    }
    ObjectSetPrototypeOf(PairIterator.prototype, IteratorPrototype);
    define(PairIterator, `${tag} Iterator`);
    delete (/** @type {any} */ (PairIterator.prototype).constructor);
    return PairIterator;
  }

  // Gives a class keys, values, entries, forEach and [Symbol.iterator]. `pairsOf(self)` returns the
  // list of the moment, and throws if `self` is not of the class.
  /** @type {Pairs["iterable"]} */
  function iterable(Class, pairsOf) {
    // Read now: a script can change the property.
    const tag = Class.name;
    const PairIterator = iteratorOf(tag);
    const iterate = (self, part) => {
      pairsOf(self);
      return new PairIterator(() => pairsOf(self), part);
    };
    const methods = {
      __proto__: null,
      forEach(callback, self = undefined) {
        need(arguments.length, 1, `${tag}.forEach`);
        if (typeof callback !== "function") throw new TypeError(`${tag}.forEach takes a function.`);
        for (let i = 0; i < pairsOf(this).length; i++) {
          const { key, value } = pairsOf(this)[i];
          FunctionPrototypeCall(callback, self, value, key, this);
        }
      },
      keys() {
        return iterate(this, "key");
      },
      values() {
        return iterate(this, "value");
      },
      entries() {
        return iterate(this, "pair");
      },
    };
    for (const name in methods) {
      ObjectDefineProperty(Class.prototype, name, {
        __proto__: null,
        value: methods[name],
        writable: true,
        configurable: true,
        enumerable: true,
      });
    }
    alias(Class, SymbolIterator, "entries");
  }

  host.pairs = { __proto__: null, add, all, fields, first, has, iterable, replaced, sort, without };
});
