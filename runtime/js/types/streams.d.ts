// Streams. A stream's state is one record that the stream, its controller and its reader or writer
// share. The operations work on records, and have the names of the standard where those fit.

interface ReadableStream {
  readonly locked: boolean;
  cancel(reason?: any): Promise<any>;
  tee(): ReadableStream[];
}
interface WritableStream {
  readonly locked: boolean;
  abort(reason?: any): Promise<any>;
  getWriter(): object;
}

/** Parts that all streams have in common (stream-queue.js). */
interface Streaming extends Bare {
  nothing(): void;
  /** Makes a promise. `handled`: its rejection does not count as unhandled. */
  deferred(handled?: boolean): Deferred;
  /** Calls a function; what it throws is a rejection. */
  promised(call: () => any): Promise<any>;
  promiseResolve(value: any): Promise<any>;
  promiseReject(reason: any): Promise<never>;

  queue(): Queue;
  push(queue: Queue, value: any, size: number): void;
  /** Takes the first value of a queue, which must have one. */
  shift(queue: Queue): any;
  clear(queue: Queue): void;

  /** Returns the size of a chunk by the function of a strategy; 1 without one. */
  sizeOf(size: SizeFunction, chunk: any): number;
  /** Reads a strategy argument. `fallback` is the mark if it has none. */
  strategy(value: ScriptValue, fallback: number, what: string): { highWaterMark: number; size: SizeFunction } & Bare;
  /** Returns a method of the script's source, sink or transformer, or undefined. */
  method(object: ScriptValue, name: string, what: string): ((a?: any, b?: any) => any) | undefined;
}

/** `size` of a strategy. */
type SizeFunction = Function | undefined;

/** The room in a queue: a number, or null if the stream is errored. `null > 0` is false. */
type DesiredSize = any;

/** A promise with its resolve and reject. */
interface Deferred extends Bare {
  promise: Promise<any>;
  resolve(value: any): void;
  reject(reason: any): void;
  settled: boolean;
}

/** First in, first out, as a linked list. `size` is the sum of the sizes, `length` their number. */
interface Queue extends Bare {
  first: QueueItem | undefined;
  last: QueueItem | undefined;
  size: number;
  length: number;
}
interface QueueItem extends Bare {
  value: any;
  size: number;
  next: QueueItem | undefined;
}

/** The state of a readable stream. */
interface ReadableState extends Bare {
  state: "readable" | "closed" | "errored";
  error: any;
  /** `true` once it was read or cancelled. */
  disturbed: boolean;
  reader: Reader | undefined;
  queue: Queue;
  highWaterMark: number;
  size: SizeFunction;
  pull(): any;
  cancel(reason: any): any;
  /** `true` for a byte stream. */
  bytes: boolean;
  started: boolean;
  pulling: boolean;
  pullAgain: boolean;
  closeRequested: boolean;
  /** The views to be filled (pull-into.js): `PullInto`s, undefined before the first. */
  intos: Queue | undefined;
  /** The request that the script has for the first of them. */
  byobRequest: object | undefined;
  /** The size of the views that a default reader brings, by `autoAllocateChunkSize`. */
  allocateBytes: number | undefined;
  /** The number of all its bytes, if it is known: a fetch or response with it declares it. */
  knownLength: number | undefined;
}

/** A view that a byte stream fills. */
interface PullInto extends Bare {
  /** The memory, which the script cannot reach. */
  buffer: any;
  bufferBytes: number;
  offset: number;
  bytes: number;
  filled: number;
  /** The number of bytes at which it is handed over. */
  least: number;
  elementBytes: number;
  /** The class of the view. */
  Class: any;
  /** The kind of the reader that waits for it; "none" if that was released. */
  owner: "default" | "byob" | "none";
}

/** byte-stream.js */
interface ByteStreams extends Bare {
  controller(state: ReadableState): object;
  enqueue(state: ReadableState, chunk: Bytes): void;
  /** Closes the stream once its queue is empty. Views that wait are still to be responded to. */
  close(state: ReadableState): void;
}

/** byob.js */
interface Byob extends Bare {
  reader(stream: ReadableStream): object;
  /** Returns the request for the first view, or undefined if there is none. */
  request(state: ReadableState): object | undefined;
  /** Returns the view of a request. */
  viewOf(request: object): any;
  /** Takes the view away from a request. */
  invalidate(request: object): void;
}

/** pull-into.js */
interface PullIntos extends Bare {
  /** Adds a view for a default reader, by `autoAllocateChunkSize`. */
  allocate(state: ReadableState): void;
  /** Hands views over to the requests of the reader. */
  commitAll(state: ReadableState, filled: PullInto[]): void;
  /** Removes the first view. */
  drop(state: ReadableState): PullInto;
  /** Fills as many views as the queue has bytes for, and returns them. */
  fillAll(state: ReadableState): PullInto[];
  /** Hands the views that wait over, if the stream is closed. */
  finish(state: ReadableState): void;
  first(state: ReadableState): PullInto;
  /** Drops all views. */
  forget(state: ReadableState): void;
  has(state: ReadableState): boolean;
  /** Takes the view away from the request that was made of the first one. */
  invalidate(state: ReadableState): void;
  parts(view: ScriptValue, what: string): ViewParts;
  /** Reads into a view, which is taken away from the script. `least`: the number of elements. */
  pullInto(reader: Reader, view: ScriptValue, least: number, request: ReadRequest): void;
  /** Prepares the views for the release of their reader. */
  release(state: ReadableState): void;
  /** Moves the bytes of the first view, whose reader was released, to the queue. */
  requeue(state: ReadableState, into: PullInto): void;
  respond(state: ReadableState, bytes: number): void;
  respondWithView(state: ReadableState, view: ScriptValue): void;
  /** Takes a buffer away from the script, so that it cannot write to what was handed over. */
  transferred(buffer: any): any;
}

/** The parts of a view; `length` counts elements. */
interface ViewParts extends Bare {
  buffer: any;
  offset: number;
  bytes: number;
  length: number;
  elementBytes: number;
  Class: any;
}

/** A lock on a readable stream. `requests` is a queue of `ReadRequest`. */
interface Reader extends Bare {
  /** Is undefined once the reader was released. */
  get stream(): ReadableState;
  set stream(value: ReadableState | undefined);
  /** `true` for a BYOB reader, whose requests have views. */
  byob: boolean;
  requests: Queue;
  closed: Deferred;
}

/** A wait for a chunk: one of the three functions is called, once. */
interface ReadRequest extends Bare {
  chunk(value: any): void;
  /** `view`: for a BYOB reader, its memory. */
  close(view?: any): void;
  error(reason: any): void;
}

/** readable-stream.js */
interface ReadableOperations extends Bare {
  is(value: ScriptValue): value is ReadableStream;
  /** Returns the state of a stream. Throws a TypeError if it is another value. */
  state(stream: ScriptValue): ReadableState;
  wrap(state: ReadableState): ReadableStream;

  create(
    source: {
      pull(): any;
      cancel(reason: any): any;
      highWaterMark: number;
      size: SizeFunction;
      bytes?: boolean;
    } & Bare,
  ): ReadableState;
  /** Begins to pull when `started`, what the source's `start` returned, is done. */
  begin(state: ReadableState, started: any): void;
  canEnqueue(state: ReadableState): boolean;
  enqueue(state: ReadableState, chunk: any): void;
  desiredSize(state: ReadableState): DesiredSize;
  /** Closes the stream once the queue is empty. */
  requestClose(state: ReadableState): void;
  /** Closes the stream at once. */
  close(state: ReadableState): void;
  /** Drops the functions of the source, which are not called again. */
  forget(state: ReadableState): void;
  pullIfNeeded(state: ReadableState): void;
  fail(state: ReadableState, error: any): void;
  cancel(state: ReadableState, reason: any): Promise<any>;

  /** Locks the stream. Throws a TypeError if it is locked. */
  acquire(state: ReadableState, byob?: boolean): Reader;
  read(reader: Reader, request: ReadRequest): void;
  release(reader: Reader): void;
}

/** The state of a writable stream. */
interface WritableState extends Bare {
  state: "writable" | "erroring" | "closed" | "errored";
  error: any;
  writer: Writer | undefined;
  queue: Queue;
  highWaterMark: number;
  size: SizeFunction;
  write(chunk: any): any;
  close(): any;
  abort(reason: any): any;
  /** Is made when it is asked for, or when the stream is aborted. */
  signal: AbortSignal | undefined;
  started: boolean;
  backpressure: boolean;
  /** The `Deferred`s of writes, in order. */
  writes: Queue;
  inFlightWrite: Deferred | undefined;
  inFlightClose: Deferred | undefined;
  closeRequest: Deferred | undefined;
  pendingAbort: ({ done: Deferred; reason: any; wasErroring: boolean } & Bare) | undefined;
}

/** A lock on a writable stream. */
interface Writer extends Bare {
  /** Is undefined once the writer was released. */
  get stream(): WritableState;
  set stream(value: WritableState | undefined);
  ready: Deferred;
  closed: Deferred;
}

/** writable-stream.js */
interface WritableOperations extends Bare {
  is(value: ScriptValue): value is WritableStream;
  /** Returns the state of a stream. Throws a TypeError if it is another value. */
  state(stream: ScriptValue): WritableState;
  wrap(state: WritableState): WritableStream;

  create(
    sink: {
      write(chunk: any): any;
      close(): any;
      abort(reason: any): any;
      highWaterMark: number;
      size: SizeFunction;
    } & Bare,
  ): WritableState;
  /** Begins to write when `started`, what the sink's `start` returned, is done. */
  begin(state: WritableState, started: any): void;
  desiredSize(state: WritableState): DesiredSize;
  /** Returns `true` while the stream is being closed. */
  isClosing(state: WritableState): boolean;
  fail(state: WritableState, error: any): void;
  abort(state: WritableState, reason: any): Promise<any>;
  close(state: WritableState): Promise<any>;

  /** Locks the stream. Throws a TypeError if it is locked. */
  acquire(state: WritableState): Writer;
  write(writer: Writer, chunk: any): Promise<any>;
  release(writer: Writer): void;

  WRITABLE: "writable";
  ERRORING: "erroring";
  CLOSED: "closed";
  ERRORED: "errored";
}

/** The state of a transform stream. */
interface TransformState extends Bare {
  readable: ReadableState;
  writable: WritableState;
  backpressure: boolean;
  /** Is resolved when `backpressure` changes. */
  changed: Deferred;
  transform(chunk: any): any;
  flush(): any;
  cancel(reason: any): any;
  finished: Deferred | undefined;
}

/** The parts of a transform stream: its functions, and the strategies of both sides. */
interface Transformer extends Bare {
  transform(chunk: any): any;
  flush(): any;
  cancel(reason: any): any;
  readableMark: number;
  readableSize: SizeFunction;
  writableMark: number;
  writableSize: SizeFunction;
  /** `true` if the readable side is a byte stream. */
  bytes?: boolean;
}

/** transform-stream.js */
interface TransformOperations extends Bare {
  create(transformer: Transformer): TransformState;
  /** Starts both sides when `started`, what the transformer's `start` returned, is done. */
  begin(state: TransformState, started: any): void;
  enqueue(state: TransformState, chunk: any): void;
  /** As the first argument of TransformStream, with a state as the second: makes a stream of it. */
  token: object;
  /** Makes a pair of streams for a class of the host that transforms. */
  make(
    transform: (chunk: any, enqueue: (out: any) => void) => void,
    flush: (enqueue: (out: any) => void) => void,
    /** Is called when the pair is cancelled or aborted. */
    cancel?: () => void,
  ): { readable: ReadableStream; writable: WritableStream } & Bare;
}

/** Streams put together (pipes.js). */
interface Pipes extends Bare {
  /** Moves all chunks, minding backpressure. Errors and closing go both ways, by the options. */
  pipe(from: ReadableState, into: WritableState, options: PipeOptions): Promise<any>;
  /** Returns two streams with the chunks of one. `clone`: the second gets copies of bytes. */
  tee(state: ReadableState, clone?: boolean): { first: ReadableState; second: ReadableState } & Bare;
  fromIterable(iterable: ScriptValue): ReadableStream;
  /** Makes a byte stream of bytes that are there already. */
  ofBytes(bytes: Bytes): ReadableStream;
  /** Pipes a stream into another one, and forgets it. Errors go on in both. */
  through(from: ReadableState, into: WritableState): void;
  /** Reads all bytes of a stream of bytes. */
  readAll(stream: ReadableStream): Promise<Bytes>;
}
interface PipeOptions extends Bare {
  preventAbort: boolean;
  preventCancel: boolean;
  preventClose: boolean;
  signal: AbortSignal | undefined;
}
