// The common parts of all streams: queues with sizes, strategies, promises with their resolve and
// reject.

const { FunctionPrototypeCall, Number, NumberIsNaN, Promise, PromisePrototypeThen, RangeError, TypeError } =
  isolet.primordials;

isolet.lazy(["CountQueuingStrategy", "ByteLengthQueuingStrategy"], ["streaming"], (host) => {
  const { checkBrand, define, dictionary, need, promiseReject, promiseResolve } = isolet.idl;

  const nothing = () => {};

  // A promise with its resolve and reject. `handled`: its rejection does not count as unhandled.
  /** @type {Streaming["deferred"]} */
  function deferred(handled = false) {
    /** @type {any} */
    const made = { __proto__: null, promise: undefined, resolve: undefined, reject: undefined, settled: false };
    made.promise = new Promise((resolve, reject) => {
      made.resolve = (value) => {
        made.settled = true;
        resolve(value);
      };
      made.reject = (reason) => {
        made.settled = true;
        reject(reason);
      };
    });
    if (handled) PromisePrototypeThen(made.promise, undefined, nothing);
    return made;
  }

  // First in, first out, as a linked list: taking from the front of an array would move the rest.
  /** @type {Streaming["queue"]} */
  function queue() {
    return { __proto__: null, first: undefined, last: undefined, size: 0, length: 0 };
  }
  /** @type {Streaming["push"]} */
  function push(queue, value, size) {
    const item = { __proto__: null, value, size, next: undefined };
    if (queue.last === undefined) queue.first = item;
    else queue.last.next = item;
    queue.last = item;
    queue.size += size;
    queue.length++;
  }
  /** @type {Streaming["shift"]} */
  function shift(queue) {
    const item = /** @type {QueueItem} */ (queue.first);
    queue.first = item.next;
    if (queue.first === undefined) queue.last = undefined;
    queue.length--;
    // Sizes are the script's numbers: what is left of rounding must not keep an empty queue from
    // being empty.
    queue.size = queue.length === 0 ? 0 : queue.size - item.size;
    if (queue.size < 0) queue.size = 0;
    return item.value;
  }
  /** @type {Streaming["clear"]} */
  function clear(queue) {
    queue.first = queue.last = undefined;
    queue.size = queue.length = 0;
  }

  // The size of a chunk by the strategy, checked.
  /** @type {Streaming["sizeOf"]} */
  function sizeOf(size, chunk) {
    if (size === undefined) return 1;
    const number = Number(FunctionPrototypeCall(size, undefined, chunk));
    if (NumberIsNaN(number) || number < 0 || number === Infinity)
      throw new RangeError("The size of a chunk must be a finite number that is not negative.");
    return number;
  }

  // { highWaterMark, size } of a strategy argument.
  /** @type {Streaming["strategy"]} */
  function strategy(value, fallback, what) {
    const { highWaterMark, size } = dictionary(value, what);
    if (size !== undefined && typeof size !== "function")
      throw new TypeError(`${what} must have a function as \`size\`.`);
    const mark = highWaterMark === undefined ? fallback : Number(highWaterMark);
    if (NumberIsNaN(mark) || mark < 0)
      throw new RangeError(`${what} must have a \`highWaterMark\` that is not negative.`);
    return { __proto__: null, highWaterMark: mark, size };
  }

  // A method of the script's source, sink or transformer: looked up once, called on its object;
  // undefined if there is none.
  /** @type {Streaming["method"]} */
  function method(object, name, what) {
    const found = object[name];
    if (found === undefined) return undefined;
    if (typeof found !== "function") throw new TypeError(`${what} has a \`${name}\` that is not a function.`);
    return (a, b) => FunctionPrototypeCall(found, object, a, b);
  }

  // Calls it; what it throws is a rejection.
  /** @type {Streaming["promised"]} */
  function promised(call) {
    try {
      return promiseResolve(call());
    } catch (error) {
      return promiseReject(error);
    }
  }

  class CountQueuingStrategy {
    #mark;
    constructor(init) {
      need(arguments.length, 1, "new CountQueuingStrategy");
      this.#mark = markOf(init, "CountQueuingStrategy");
    }
    get highWaterMark() {
      return this.#mark;
    }
    get size() {
      checkBrand(this.#mark);
      return one;
    }
  }
  class ByteLengthQueuingStrategy {
    #mark;
    constructor(init) {
      need(arguments.length, 1, "new ByteLengthQueuingStrategy");
      this.#mark = markOf(init, "ByteLengthQueuingStrategy");
    }
    get highWaterMark() {
      return this.#mark;
    }
    get size() {
      checkBrand(this.#mark);
      return byteLength;
    }
  }
  function markOf(init, what) {
    const { highWaterMark } = dictionary(init, `The argument of ${what}`);
    if (highWaterMark === undefined) throw new TypeError(`The argument of ${what} must have a highWaterMark.`);
    return Number(highWaterMark);
  }
  const { size: one } = {
    size() {
      return 1;
    },
  };
  const { size: byteLength } = {
    size(chunk) {
      return chunk.byteLength;
    },
  };
  define(CountQueuingStrategy);
  define(ByteLengthQueuingStrategy);

  host.streaming = {
    __proto__: null,
    clear,
    deferred,
    method,
    nothing,
    promised,
    promiseReject,
    promiseResolve,
    push,
    queue,
    shift,
    sizeOf,
    strategy,
  };
  return { CountQueuingStrategy, ByteLengthQueuingStrategy };
});
