// MessageChannel and MessagePort, within one context.

const { FunctionPrototypeCall, SymbolIterator, TypeError } = isolet.primordials;

isolet.lazy(["MessageChannel", "MessagePort"], [], () => {
  const { EventTarget, eventTargets, MessageEvent, setTimeout } = isolet;
  const { define, dictionary, isObject, list, need } = isolet.idl;
  const { clear, push, queue, shift } = isolet.streaming;

  const token = {};
  let entangle;

  class MessagePort extends EventTarget {
    /** @type {MessagePort | undefined} */
    #other;
    #waiting = queue();
    #started = false;
    #closed = false;
    #scheduled = false;
    /** @param {ScriptValue} key */
    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor: use a MessageChannel.");
      super();
    }

    /** @param {ScriptValue} message @param {ScriptValue} [options] */
    postMessage(message, options = undefined) {
      need(arguments.length, 1, "postMessage");
      const isList = isObject(options) && options[SymbolIterator] !== undefined;
      const { transfer } = isList ? { transfer: options } : dictionary(options, "The options");
      const data = isolet.structuredClone(message, { __proto__: null, transfer });
      const other = this.#other;
      if (other === undefined || other.#closed) return;
      push(other.#waiting, data, 0);
      other.#schedule();
    }
    start() {
      this.#started = true;
      this.#schedule();
    }
    close() {
      if (this.#closed) return;
      this.#closed = true;
      clear(this.#waiting);
      const other = this.#other;
      this.#other = undefined;
      if (other === undefined) return;
      other.#other = undefined;
      setTimeout(() => eventTargets.fire(other, new isolet.Event("close")), 0);
    }

    // Each message in a task of its own.
    #schedule() {
      if (this.#scheduled || !this.#started || this.#waiting.length === 0) return;
      this.#scheduled = true;
      setTimeout(() => {
        this.#scheduled = false;
        if (this.#closed) return;
        const data = shift(this.#waiting);
        this.#schedule();
        eventTargets.fire(this, new MessageEvent("message", { __proto__: null, data, ports: list() }));
      }, 0);
    }

    static {
      entangle = (first, second) => {
        first.#other = second;
        second.#other = first;
      };
    }
  }
  define(MessagePort);
  const { start } = MessagePort.prototype;
  isolet.handler(MessagePort, "close");
  isolet.handler(MessagePort, "messageerror");
  // Setting `onmessage` starts a port, as HTML says.
  isolet.handler(MessagePort, "message", (port) => FunctionPrototypeCall(start, port));

  class MessageChannel {
    #first = new MessagePort(token);
    #second = new MessagePort(token);
    constructor() {
      entangle(this.#first, this.#second);
    }
    get port1() {
      return this.#first;
    }
    get port2() {
      return this.#second;
    }
  }
  define(MessageChannel);

  return { MessageChannel, MessagePort };
});
