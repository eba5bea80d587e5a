// Calls between Workers (rpc-*.js).

/**
 * The stubs of an object, counted. `target` is an object of this isolate; else `stub` is the number
 * of a stub that this isolate was given, and `context` the request that it ends with.
 */
interface RpcReference extends Bare {
  count: number;
  target: any;
  stub: number;
  context: any;
}

/** A call. `invoke` calls what a path leads to from its result. */
interface RpcCall extends Bare {
  promise: Promise<any>;
  invoke: RpcInvoke;
}
/** Calls what a path leads to, or reads it if there are no arguments. */
type RpcInvoke = (path: string[], args: any[] | undefined) => RpcCall;

/** rpc-objects.js. `context` is a request of workers.js. */
interface RpcObjects extends Bare {
  ofTarget(target: any): RpcReference;
  ofStub(stub: number, context: any): RpcReference;
  /** Gives up one count. With the last one the object is disposed of, or the stub dropped. */
  release(reference: RpcReference): void;
  /** Returns a number by which others may call the object. It takes one count. */
  expose(reference: RpcReference, context: any): number;
  withdraw(number: number): void;
  find(number: number): { reference: RpcReference; context: any } | undefined;
  /** Withdraws the objects of a request that ends. */
  end(context: any): void;
}

/** A value as bytes. Each reference has one count, which is the value's. */
interface RpcEncoded extends Bare {
  value: ArrayBuffer;
  items: ArrayBuffer | undefined;
  references: RpcReference[];
}
/** A value that came. */
interface RpcGiven {
  value: any;
  /** Disposes of the stubs in the value. */
  release(): void;
}

/** rpc-values.js */
interface RpcValues extends Bare {
  /** Copies a value, or throws. With `plain` nothing is passed by reference. */
  encode(value: ScriptValue, plain?: boolean): RpcEncoded;
  encodeThrown(thrown: ScriptValue): RpcEncoded;
  /** Takes the counts of the references. */
  decode(value: ArrayBuffer, items: ArrayBuffer | undefined, references: (RpcReference | undefined)[]): RpcGiven;
  /** Returns the value of a result. Disposing of it disposes of the stubs in it. */
  result(given: RpcGiven): any;
  referencesOf(stubsText: string | undefined, context: any): RpcReference[];
  objectsText(references: RpcReference[], context: any): string;
  sent(references: RpcReference[]): void;
  unsent(objectsText: string, references: RpcReference[]): void;
  releaseAll(references: RpcReference[]): void;
}

/** rpc-streams.js */
interface RpcStreams extends Bare {
  /** Returns a stream of the bytes that a stream in another isolate gives. */
  receive(reference: RpcReference): ReadableStream;
  /** Returns the object by which others read a stream. */
  source(stream: ReadableStream): object;
}

/** rpc-stubs.js */
interface RpcStubs extends Bare {
  /** Returns a call that failed before it was made. */
  failed(error: any): RpcCall;
  /** Declares that a promise's rejection is seen to elsewhere. */
  handled(promise: Promise<any>): void;
  invokeReference(reference: RpcReference, path: string[], args: any[] | undefined): RpcCall;
  /** Returns a stub, which takes one count. */
  make(reference: RpcReference, isDisposed?: boolean): any;
  dispose(stub: any): void;
  /** Returns `true` for stubs, promises and properties. */
  is(value: ScriptValue): boolean;
  /** Returns the reference of a stub, or undefined for other values. */
  referenceOf(value: ScriptValue): RpcReference | undefined;
  /** Returns how to call a stub, a promise, a property or a service binding. */
  invokerOf(value: ScriptValue): RpcInvoke | undefined;
  /** Returns a member of a service binding. */
  member(invoke: RpcInvoke, name: string): any;
}

/** services.js */
interface ServiceOperations extends Bare {
  /** Returns the binding for a target of `natives.fetch`. `fetcher` has its own members. */
  wrap(fetcher: object, target: string): any;
  /** Returns the target of a binding as JSON text, or undefined for other values. */
  targetOf(value: ScriptValue): string | undefined;
  /** Returns how to call the Worker behind a binding, or undefined for other values. */
  invokerOf(value: ScriptValue): RpcInvoke | undefined;
}

/** rpc-calls.js */
interface RpcCalls extends Bare {
  send(callee: RpcCallee, target: string | number, path: string[], args: any[] | undefined): RpcCall;
  /** Returns what another Worker threw, with the stack of the call. */
  remote(thrown: any, site: CallSite): any;
  event(event: RpcEvent, call: number, value: any, items: ArrayBuffer | undefined, stubs: string | undefined): void;
  /** Drops the calls of a request that ends. */
  end(context: any): void;
}

/** rpc-server.js */
interface RpcServer extends Bare {
  /** Returns `true` for what can be passed by reference. */
  isTarget(value: any): boolean;
  local: (from: any, path: string[], args: any[] | undefined) => RpcCall;
  direct: (from: any, path: string[], args: any[] | undefined) => RpcCall;
  called: Internals["called"];
  released(id: number): void;
}
