// The object `isolet`, which every file receives: what the files of this folder give each other.
//
// The internals stand under the file that provides them, in the order of `order.txt`. Reading
// `isolet.name` loads the file. Reading `host.name`, in a function of `isolet.lazy`, does not, so
// that it may be undefined. Larger ones have an interface in another file:
//
// | file | contents |
// |---|---|
// | `language.d.ts`, `primordials.d.ts` | additions to the language, copies of it |
// | `natives.d.ts` | functions and numbers of Rust |
// | `web-idl.d.ts` | `isolet.idl`, and what the console shows |
// | `web-classes.d.ts` | classes of Web APIs, with what the host does with their instances |
// | `streams.d.ts` | streams and their states |
// | `fetch.d.ts` | bodies, headers, requests and responses |
// | `html.d.ts` | the tokens of HTMLRewriter |
// | `rpc.d.ts` | calls between Workers |

declare const isolet: Internals & LazyInternals;

/** The internals that a context has from the start. */
interface Internals {
  // The build
  natives: Natives;

  // primordials.js
  /** Copies of the language's functions. drive.js, the last file, drops them. */
  get primordials(): Primordials;
  set primordials(value: Primordials | undefined);
  /** Adds globals as browsers do: writable, configurable, not enumerable. */
  expose(globals: Record<string, any>): void;

  // errors.js
  /** Describes a thrown value for Rust. Code of the script may run; what it throws is caught. */
  describe(thrown: ScriptValue): ErrorDescription;
  /** The key of an error's hint, which is in the report and not visible to the script. */
  hint: symbol;
  /** The key of the place of the call that an error is about. */
  site: symbol;
  /** The key of the tool that an error is about: server and tool, on two lines. */
  about: symbol;
  /** Gives an error a hint, and returns it. */
  withHint<Kind extends Error>(error: Kind, hint: string | undefined): Kind;
  /** Defines a property that is not enumerable. */
  hide(object: object, name: PropertyKey, value: any): void;
  /** Keeps the stack of the present call, for an error that comes in a later turn. */
  callSite(): CallSite;
  /** Gives an error the stack of the call that it is about, and returns it. */
  placed<Kind extends Error>(error: Kind, site: CallSite): Kind;
  ToolError: new (server: string, tool: string, message: string, result?: any, rpc?: any) => ToolError;
  OutputLimitError: ErrorClass;
  UnknownNameError: ErrorClass;

  // json.js
  /** The length in characters at which the making of a text stops. Rust sets it for each run. */
  maxTextLength: number;
  /**
   * Returns JSON text of a value, or undefined for undefined. Throws a TypeError if JSON cannot
   * carry the value. `what` names it in errors; `TooLong` is the class of the error about its
   * length.
   */
  toJSONText(value: ScriptValue, what: string, TooLong?: ErrorClass): string | undefined;
  /** `true` while `toJSONText` runs. */
  carrying: boolean;

  // env.js
  env: object;
  /** Settles a call with its answer. Called by Rust. */
  deliver(id: number, ok: boolean, text: string): void;
  /** Notes the calls that were not awaited, when the script has failed. */
  noteUnawaited(): void;
  /** Drops calls that were cancelled. */
  forgetCalls(ids: number[]): void;
  /** Returns `true` for `env` and its servers. */
  isEnvironment(value: ScriptValue): boolean;
  /** `true` in a Worker, `false` in a script. */
  isWorker: boolean;
  /** Puts a value into `env`. */
  bind(name: string, value: any): void;
  /** The variables of a run, as JSON text. */
  varsText: string | undefined;
  /** Sets the variables of a run, as JSON text, and whether unknown names throw. */
  setEnvironment(varsText: string | undefined, strict: boolean): void;

  // random.js
  /** Throws while libraries are evaluated. `what` is the name of what is not available then. */
  onlyInRuns(what: string): void;
  /** Calls `then` when the evaluation of libraries ends, if they are being evaluated. */
  whenLibrariesEnd(then: () => void): void;
  /** Begins or ends the evaluation of libraries. Called by Rust. */
  libraries(begins: boolean): void;

  // timers.js
  /** Runs the first timer that is due. Called by Rust. */
  tick(): void;
  /** Draws a new seed for Math.random. Called by Rust in a copy of an evaluated Worker. */
  reseed(): void;
  /** Removes the timers of a request. */
  dropTimers(request: number): void;

  // lazy.js
  /**
   * Has `load` run when one of the globals or internals is first read. It returns the globals and
   * puts the internals on `host`.
   */
  lazy(globals: string[], internals: (keyof LazyInternals)[], load: (host: Host) => Record<string, any> | void): void;

  // webidl.js
  idl: WebIdl;
  /** The classes of the host that the console knows how to show. */
  shown: ShownClass[];
  /** Adds a class to `shown`. */
  inspectable(is: ShownClass["is"], show: ShownClass["show"]): void;
  /** Returns `true` for an instance of one of the classes of `shown`. */
  isOfHost(value: object): boolean;
  /** Runs a callback in a turn of its own, before timers, outside of requests. */
  soon(callback: () => void): void;
  setTimeout(callback: () => void, delay?: number): number;
  clearTimeout(timer: number): void;
  captureStackTrace(object: object): void;
  /** The classes of typed arrays by their names. */
  typedArrays: Record<string, any>;

  // drive.js
  /** Sets what a run begins with. Called by Rust once per run, before the script. */
  prepare(varsText: string | undefined, inputText: string | undefined, strict: boolean, maxTextLength: number): void;
  /**
   * Runs the script. Called by Rust. `main` is the promise of the evaluation for
   * `EntryKind.Module`, and the wrapped function for the other kinds.
   */
  start(kind: EntryKind, main: any, namespace: any): void;
  /** Reports an exception that no script code can catch. Called by Rust. */
  uncaught(thrown: ScriptValue): void;
  /**
   * Gives a Worker the globals and bindings that scripts do not have: those of Node.js too, if
   * `node` is set. Called by Rust.
   */
  open(
    bindingsText: string,
    node: boolean,
    processEnv: boolean,
    isServiceWorker: boolean,
    hasExports: boolean,
    blobs: boolean,
    reasonLimit: boolean,
    automaticClose: boolean,
  ): void;
  /** `true` if `process.env` has the variables of `env`. */
  hasProcessEnv: boolean;
  /** `true` if `ctx.exports` has the Worker's entrypoints. */
  hasExports: boolean;
  /** `true` in a Worker: fetch makes requests. */
  hasNetwork: boolean;
  /** `true` if the Worker was loaded with `globalOutbound: null`. */
  isClosed: boolean;
  /** `true` in a Worker that has caches. */
  hasCaches: boolean;
  /** Takes the main module of a Worker. Called by Rust. */
  worker(namespace: any): void;
  /**
   * Gives a request to an entrypoint of the Worker: the default one has the empty name. Called by
   * Rust.
   */
  fetch(
    id: number,
    method: string,
    url: string,
    headersText: string,
    content: string | ArrayBuffer | true | undefined,
    cfText: string,
    entrypoint: string,
    propsText: string,
  ): void;
  /** Gives the time of a cron trigger to the Worker. Called by Rust. */
  scheduled(id: number, cron: string, time: number): void;
  /** Tells the Worker's code what happened to a request after its arrival. Called by Rust. */
  progress(event: RequestEvent, id: number, value: any): void;
  /**
   * Gives a call of another Worker to the Worker. `value` has the arguments; without it a property
   * is read. Called by Rust.
   */
  called(
    id: number,
    receiver: RpcReceiver,
    target: any,
    propsText: string,
    path: string,
    value: ArrayBuffer | undefined,
    items: ArrayBuffer | undefined,
    stubs: string | undefined,
  ): void;
  /** Tells the Worker's code what happened to a call or to an object. Called by Rust. */
  notified(
    event: RpcEvent,
    number: number,
    value: any,
    items: ArrayBuffer | undefined,
    stubs: string | undefined,
  ): void;
  /** Tells the Worker's code what happened to one of its fetches. Called by Rust. */
  fetched(event: FetchEvent, call: number, value: any, text: string | undefined): void;
  socket(event: SocketEvent, key: number, value: any): void;
  /** Runs a Worker once: `input` is its request, and the response is the result. */
  fetchOnce(entry: { fetch: Function }, env: object, input: any): Promise<ResponseValue>;
  /** Returns the third argument of `fetch`. */
  executionContext(
    wait?: (promise: any) => void,
    propsText?: string,
  ): {
    waitUntil(promise: any): void;
    passThroughOnException(): void;
    props: object;
  };
  /** Returns an export of a built-in module. Called by Rust. */
  exported(name: string): any;
  /** Finishes a new context with what a snapshot cannot hold. Called by Rust before any run. */
  settle(): void;
  /** The globals that `settle` deletes. */
  removed: string[];
}

/** The internals that are loaded when they are first read. */
interface LazyInternals {
  // exception.js
  DOMException: new (
    message?: string,
    name?: string,
  ) => DOMException;

  // quote.js
  /** Returns at most `limit` characters of a text, in quotes. */
  quote(text: string, limit: number): string;
  /** Returns the text of a value that is not an object. */
  primitive(value: any, limit: number): string;

  // inspect.js
  /** Returns the text of any value. With `raw`, a string is as it is. */
  inspect(value: ScriptValue, raw?: boolean): string;
  /** Returns the frames of a stack, from its first line break on, without those of isolet. */
  withoutHostFrames(frames: string): string;

  // table.js
  /** Returns the text of `console.table`. `only` is undefined or the columns to show. */
  tableText(data: ScriptValue, only: ScriptValue): string;

  // pair-list.js
  pairs: Pairs;

  // url-search-params.js
  params: ParamsOperations;

  // url.js
  urls: UrlOperations;

  // encoding.js
  utf8: Utf8;
  /** Returns the text, or throws a RangeError if it is too long for a string. */
  toBase64(bytes: Bytes): string;
  TextDecoder: new (label?: string, options?: object) => TextDecoder;
  /** Calls `decode` of a TextDecoder. */
  decodeWith(decoder: TextDecoder, input?: ScriptValue, options?: object): string;

  // events.js
  events: EventOperations;
  eventTargets: EventTargetOperations;
  /** Defines `onTYPE`: one listener that a script sets and replaces by assignment. */
  handler(Class: EventTargetClass, type: string, changed?: (target: any) => void): void;
  /** Logs an uncaught error that does not end the run. */
  reportError(error: any): void;
  Event: new (type: string, init?: object) => Event;
  ErrorEvent: new (type: string, init?: object) => Event;
  EventTarget: EventTargetClass;
  MessageEvent: new (type: string, init?: object) => Event;

  // abort.js
  signals: SignalOperations;

  // crypto.js
  randomBytes(length: number): Bytes;

  // crypto-keys.js
  cryptoKeys: KeyOperations;

  // crypto-algorithms.js
  /** Tables and checks, for subtle-crypto.js. */
  cryptoAlgorithms: any;
  /** Returns a hash function by its name. Throws a NotSupportedError. */
  hashOf(algorithm: ScriptValue): Hash;

  // subtle-crypto.js
  subtle: object;

  // digest-stream.js
  DigestStream: Function;

  // stream-queue.js, readable-stream.js, writable-stream.js, transform-stream.js, pipes.js
  streaming: Streaming;
  streams: ReadableOperations;

  // pull-into.js, byob.js, byte-stream.js
  byteStreams: ByteStreams;
  byob: Byob;
  pullIntos: PullIntos;

  // byte-tee.js
  /** Returns two byte streams with the bytes of one. */
  teeBytes(state: ReadableState): { first: ReadableState; second: ReadableState } & Bare;
  writables: WritableOperations;
  WritableStream: new (...args: any[]) => object;
  transforms: TransformOperations;
  TransformStream: new (...args: any[]) => object;
  pipes: Pipes;

  // blob.js
  blobs: BlobOperations;
  files: FileOperations;

  // headers.js
  headers: HeadersOperations;
  /** Returns `true` for a token as HTTP defines it: the name of a header or a method. */
  httpToken(text: string): boolean;
  Headers: new (init?: ScriptValue) => Headers;

  // form-data.js
  forms: FormOperations;

  // multipart.js
  multipart: Multipart;

  // body.js
  bodies: Bodies;

  // request.js
  requests: RequestOperations;
  Request: new (input: ScriptValue, init?: ScriptValue) => Request;

  // response.js
  responses: ResponseOperations;
  Response: new (body?: ScriptValue, init?: ScriptValue) => Response;

  // response-parts.js
  /** Returns the fields of what `fetch` returned, or throws. */
  responseFields(response: ScriptValue): ResponseFields;
  /** Returns a Worker's answer as the result of a run. */
  responseValue(response: ScriptValue): Promise<ResponseValue>;
  web: Pick<LazyInternals, "Request" | "Response" | "Headers"> & Bare;

  // compression.js
  codecs: {
    /** Returns a pair of streams that compresses, or decompresses. */
    compress(format: "gzip"): { readable: ReadableStream; writable: WritableStream } & Bare;
    decompress(format: "gzip"): { readable: ReadableStream; writable: WritableStream } & Bare;
  } & Bare;

  // html-tokens.js
  htmlTokens: HtmlTokens;

  // clone.js
  structuredClone(value: ScriptValue, options?: object): any;
  cloner: {
    /** Copies a value. A policy measures its texts, and replaces objects by what it returns. */
    clone(value: ScriptValue, policy: any): any;
    /** The classes of errors that keep their class. */
    errors: Record<string, ErrorConstructor>;
  } & Bare;

  // outgoing-body.js
  outgoing: Outgoing;

  // event-stream.js
  /** Returns a function that takes the text of an event stream in pieces, and updates `state`. */
  eventStream(
    state: { lastEventId: string; retry: number } & Bare,
    dispatch: (type: string, data: string) => void,
  ): (text: string) => void;

  // event-source.js
  EventSource: Function;

  // no-network.js
  /** Returns a class that scripts cannot construct. */
  refusing(name: string): Function;
  /** Returns the error of what needs the network. */
  noNetwork(): Error;

  // caches.js
  workerCaches: { Cache: Function; CacheStorage: Function; caches: object } & Bare;

  // fetchers.js
  fetchers: {
    /** Asks the caches of the Worker. */
    cache(
      method: string,
      url: string,
      pairs: Pair[],
      content: string | Bytes | ReadableStream | undefined,
    ): Promise<Response>;
    /** The global fetch of Workers. */
    fetch(input: ScriptValue, init?: ScriptValue): Promise<Response>;
    /** Opens the WebSocket that a fetch was answered with. */
    accept(fetch: any, state: SocketState): void;
    /** Passes that WebSocket on to a client: `respond` gets the number of the fetch. */
    pass(fetch: any, respond: (call: number) => void): void;
    /** Asks another server for a WebSocket. */
    connect(url: string, protocols: string, signal: AbortSignal): Promise<Response>;
    /** Returns the object in `env` of a binding. */
    make(name: string): object;
    /** Returns the value in `ctx.exports` of an entrypoint. */
    ofExport(name: string): object;
    /** Returns an object that fetches from a `FetchTarget`, given as JSON text. */
    to(target: string, name: string): object;
    /** Returns the JSON text of the target of such an object, or undefined for other values. */
    targetOf(value: ScriptValue): string | undefined;
    event: Internals["fetched"];
    /** Drops the fetches of a request that ends. */
    end(request: number): void;
  } & Bare;

  // loaders.js
  loaders: {
    /** Returns the object in `env` of a Worker loader. */
    make(): object;
    /** Gives up the code that a request that ends was asked for. */
    end(request: number): void;
  } & Bare;

  // web-socket-state.js
  socketStates: SocketStates;

  // socket-wires.js
  socketWires: SocketWires;

  // web-socket.js
  /** Gives a Worker WebSockets. The flags follow from its compatibility date. */
  openWebSockets(blobs: boolean, reasonLimit: boolean, automaticClose: boolean): void;
  webSockets: {
    is(value: ScriptValue): value is WebSocket;
    state(socket: WebSocket): SocketState;
    binaryType(socket: WebSocket): "blob" | "arraybuffer";
    /** Returns the WebSocket that a fetch was answered with. */
    offered(fetch: any): WebSocket;
    /** Calls the listeners of `open`, `message`, `close` or `error`. */
    opened(state: SocketState): void;
    message(state: SocketState, data: string | ArrayBuffer): void;
    closed(state: SocketState, code: number, reason: string, clean: boolean): void;
    error(state: SocketState, error: any): void;
  } & Bare;

  // node.js
  /** Returns the exports of a module of Node.js, by its name without `node:`. */
  node(name: string): any;
  /** The timers of the global scope as they were. Those of Node.js replace them. */
  plainTimers: any;
  /** Gives a Worker the globals of Node.js. */
  openNode(): void;

  // scheduled.js
  /** Returns the first argument of `scheduled`. */
  scheduledController(scheduledTime: number, cron: string): object;

  // service-worker.js
  serviceWorker: {
    /** Gives the Worker the globals of this syntax. */
    install(): void;
    hasListeners(): boolean;
    /** Stands in place of a default export. */
    entry: Bare & { fetch: Function; scheduled: Function };
  } & Bare;

  // worker-entrypoint.js
  WorkerEntrypoint: new (
    ctx: object,
    env: object,
  ) => { ctx: object; env: object };
  DurableObject: new (ctx: object, env: object) => { ctx: object; env: object };

  // services.js, rpc-objects.js, rpc-values.js, rpc-streams.js, rpc-stubs.js, rpc-calls.js,
  // rpc-server.js
  services: ServiceOperations;
  rpcObjects: RpcObjects;
  rpcValues: RpcValues;
  rpcStreams: RpcStreams;
  rpcStubs: RpcStubs;
  RpcTarget: new () => object;
  RpcStub: new (target: any) => object;
  RpcPromise: new (key: any) => object;
  RpcProperty: new (key: any) => object;
  rpcCalls: RpcCalls;
  rpcServer: RpcServer;

  // workers.js
  workers: {
    /** Notes the arrival of a request, and returns it. */
    arrived(id: number): any;
    /** Returns the request that the present code runs for, or undefined. */
    current(): any;
    /** Returns an export of the main module by its name. */
    entry(name: string): any;
    /** Returns the context of a request's event. */
    executionContext(request: any, propsText: string): object;
    find(id: number): any;
    /** The response is complete. */
    finish(request: any): void;
    /** Notes that others have one thing more of a request, or one less. */
    hold(request: any): void;
    unhold(request: any): void;
    /** Takes the main module of a Worker. */
    take(namespace: any): void;
    begin: Internals["fetch"];
    beginScheduled: Internals["scheduled"];
    /** Returns `ctx.exports`. */
    exports(): object;
    /** Keeps a request from its end until a promise is settled, as `waitUntil` does. */
    wait(request: number, promise: Promise<any>): void;
    event: Internals["progress"];
  } & Bare;
}

/**
 * The internals that have been loaded, for the files that provide them. Reading one does not load
 * it: it is undefined as long as nothing has needed it.
 */
type Host = Bare & { [Name in keyof LazyInternals]?: Provided<LazyInternals[Name]> };

/**
 * An internal as its file provides it. There an instance of a class is `any`, so that its private
 * fields can be read.
 */
type Provided<Internal> = Internal extends abstract new (
  ...args: any
) => any
  ? Internal
  : Internal extends (...args: infer Args) => infer Result
    ? (...args: { [Index in keyof Args]: Args[Index] extends WebInstance ? any : Args[Index] }) => Result
    : Internal extends object
      ? { [Key in keyof Internal]: Provided<Internal[Key]> }
      : Internal;

/** The stack of a call. */
type CallSite = { stack?: any } & Bare;
type ErrorClass = new (message?: string) => Error;

/** The error of a tool that answered with isError, failed, timed out or could not be reached. */
interface ToolError extends Error {
  server?: string;
  tool?: string;
  result?: any;
  /** `code` and `data` of a JSON-RPC error. */
  code?: any;
  data?: any;
}

/** A thrown value, described for `natives.fail`. */
interface ErrorDescription extends Bare {
  name: string;
  message: string;
  stack: string | undefined;
  kind: string;
  hint: string | undefined;
  tool: string | undefined;
}
