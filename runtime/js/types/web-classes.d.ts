// Classes of Web APIs: what files here read of instances, and the operations that the file of each
// class offers the others. Operations see private fields, and cannot be replaced by a script.
//
// `is(value)` returns `true` for an instance. On `host`, where the file may not be loaded, it is
// called as `host.blobs?.is(value)`: a class that was never loaded has no instances.

/** The instances of classes that have operations. `Provided` knows them. */
type WebInstance =
  | AbortSignal
  | Blob
  | CryptoKey
  | Event
  | File
  | FormData
  | Headers
  | ReadableStream
  | Request
  | Response
  | URL
  | URLSearchParams
  | WebSocket
  | WritableStream;

interface DOMException extends Error {
  readonly code: number;
}

interface Event {
  readonly type: string;
  readonly bubbles: boolean;
}
interface EventTarget {
  addEventListener(type: string, callback: ScriptValue, options?: ScriptValue): void;
  removeEventListener(type: string, callback: ScriptValue, options?: ScriptValue): void;
  dispatchEvent(event: ScriptValue): boolean;
}
type EventTargetClass = new (...args: any[]) => EventTarget;

interface EventOperations extends Bare {
  is(value: ScriptValue): value is Event;
  /** Ends the dispatch of an event: the other listeners are not called. */
  stop(event: Event): void;
  /** Calls the listeners. Returns `false` if one of them prevented the default. */
  dispatch(event: Event, target: EventTarget, listeners: EventListener[], failed?: (error: any) => void): boolean;
}
interface EventTargetOperations extends Bare {
  hasListeners(target: EventTarget, type: string): boolean;
  /**
   * Calls the listeners of a target, and `failed` with what they throw. Returns `false` if there
   * are none.
   */
  fire(target: EventTarget, event: Event, failed?: (error: any) => void): boolean;
}

/** A listener of an EventTarget. */
interface EventListener extends Bare {
  type: string;
  callback: ScriptValue;
  capture: boolean;
  once: boolean;
  passive: boolean;
  removed: boolean;
  remove(): void;
}

/** A WebSocket or one end of a pair, and its peer or wire; see web-socket-state.js. */
interface WebSocket extends EventTarget {
  readonly readyState: number;
}
interface SocketState extends Bare {
  socket: WebSocket;
  phase: number;
  peer: SocketState | undefined;
  wire: SocketWire | undefined;
  /** The fetch that was answered with it; see fetchers.js. */
  offer: any;
  request: number;
  inbox: SocketItem[];
  isScheduled: boolean;
  isHalfOpen: boolean;
  cancel: (() => void) | undefined;
  closedIn: boolean;
  closedOut: boolean;
  aborted: boolean;
  failed: boolean;
}
/** A message or a close: `clean` is false if the connection was lost. */
interface SocketItem extends Bare {
  data?: string | ArrayBuffer;
  code?: number;
  reason?: string;
  clean?: boolean;
  /** Set for a message from the network. */
  wire?: SocketWire;
}
/** The other end of a socket in the network; see socket-wires.js. */
interface SocketWire extends Bare {
  key: number;
  state: SocketState;
  window: number;
  queue: SocketItem[];
  rest: Bytes | undefined;
  isPumping: boolean;
  closedIn: boolean;
  closedOut: boolean;
  lost: boolean;
  done: () => void;
}
/** The network behind WebSockets (socket-wires.js). */
interface SocketWires extends Bare {
  /** Joins a socket of a response to the client of a request. `done` is called at the end. */
  couple(state: SocketState, id: number, done: () => void): SocketWire;
  /** Accepts the socket that a fetch was answered with. `done` is called at the end. */
  connect(state: SocketState, call: number, done: () => void): SocketWire;
  send(wire: SocketWire, item: SocketItem): void;
  /** Confirms that the oldest message was taken. */
  took(wire: SocketWire): void;
  event(event: SocketEvent, key: number, value: any): void;
  /** Ends what is left when the request ends. */
  end(wire: SocketWire): void;
}
/** The states of WebSockets (web-socket-state.js). */
interface SocketStates extends Bare {
  /** Makes the state of a WebSocket that has not been accepted. */
  make(socket: WebSocket, isHalfOpen: boolean): SocketState;
  /** Makes the state of a WebSocket that connects. */
  connecting(socket: WebSocket, isHalfOpen: boolean, cancel: () => void): SocketState;
  /** Opens a WebSocket that connects, with the fetch that was answered. */
  connected(state: SocketState, offer: any): void;
  /** Ends a WebSocket that cannot connect. */
  refused(state: SocketState, error: any): void;
  /** Makes two states the ends of a pair. */
  join(first: SocketState, second: SocketState): void;
  accept(state: SocketState, isHalfOpen: boolean | undefined): void;
  send(state: SocketState, data: string | ArrayBuffer): void;
  close(state: SocketState, code: number, reason: string): void;
  readyState(state: SocketState): number;
  /** Takes what comes from the other end. */
  arrive(state: SocketState, item: SocketItem): void;
  /** Ends a socket whose listener has thrown. */
  fail(state: SocketState, error: any): void;
  /** Takes a socket that is returned in a response, or throws. */
  release(state: SocketState): SocketState;
}

interface AbortSignal extends EventTarget {
  readonly aborted: boolean;
  readonly reason: any;
}
interface SignalOperations extends Bare {
  is(value: ScriptValue): value is AbortSignal;
  make(): AbortSignal;
  abort(signal: AbortSignal, reason: any): void;
  aborted(signal: AbortSignal): boolean;
  reason(signal: AbortSignal): any;
  /** Calls `then` when the signal aborts. Returns a function that ends this. */
  follow(signal: AbortSignal, then: () => void): () => void;
}

interface URL {
  readonly href: string;
  readonly searchParams: URLSearchParams;
}
interface UrlOperations extends Bare {
  is(value: ScriptValue): value is URL;
  href(url: URL): string;
  origin(url: URL): string;
  protocol(url: URL): string;
  /** Returns a text as a URL, or undefined if it is not a valid one. */
  parsed(text: string, base?: string): URL | undefined;
  /** Returns the `href` of a text, or undefined if it is not a valid URL. */
  resolve(text: string): string | undefined;
}

interface URLSearchParams {
  append(name: string, value: string): void;
  getAll(name: string): any[];
  sort(): void;
}
interface ParamsOperations extends Bare {
  is(value: ScriptValue): value is URLSearchParams;
  /** Makes the searchParams of a URL. `changed` is told the query after each change. */
  attached(query: string, changed: (query: string) => void): URLSearchParams;
  /** Replaces the pairs by those of a query. */
  reset(params: URLSearchParams, query: string): void;
  pairs(params: URLSearchParams): Pair[];
  /** Returns the query: `a=1&b=2`. */
  text(params: URLSearchParams): string;
  /** Returns the pairs of a query. */
  parse(query: string): Pair[];
}

interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ScriptValue, options?: ScriptValue): string;
}

/** Texts and bytes. Decoding throws a RangeError if the text is too long for a string. */
interface Utf8 extends Bare {
  /** Returns the bytes of a text, in a buffer that nothing else refers to. */
  encode(text: string): Bytes;
  /** Returns the text of bytes without a byte order mark; invalid sequences become U+FFFD. */
  decode(bytes: Bytes): string;
}

interface CryptoKey {
  readonly type: string;
  readonly algorithm: object;
  readonly extractable: boolean;
  readonly usages: string[];
}
/** The parts of a key. Secret keys are held as their bytes, others as DER. */
interface KeyFields extends Bare {
  /** The algorithm, as crypto.js has it. */
  entry: any;
  type: "secret" | "private" | "public";
  /** Is undefined for a secret key, as are those that follow where they do not apply. */
  kind: any;
  /** The name of the curve. */
  curve: any;
  hash: Hash | undefined;
  bytes: Bytes;
  /** The object that the script has. Nothing reads it back. */
  algorithm: object;
  extractable: boolean;
  usages: string[];
}
/** A curve: the length of its numbers, and the parts of DER that it decides. */
interface Curve extends Bare {
  kind: KeyKind;
  crv: string;
  size: number;
  before: string;
  identifier: string;
}
/** crypto-keys.js. What is invalid is a DataError. */
interface KeyOperations extends Bare {
  is(value: ScriptValue): value is CryptoKey;
  make(fields: KeyFields): CryptoKey;
  /** Throws a TypeError if the value is not a key. */
  fields(key: ScriptValue): KeyFields;
  /** The curves by their names. */
  curves: any;
  /** Checks DER, and returns the same key as the host writes it. */
  derOf(kind: KeyKind, isPrivate: boolean, der: Bytes): Bytes;
  publicPart(kind: KeyKind, der: Bytes): Bytes;
  generate(kind: KeyKind, bits: number, exponent: number): Bytes;
  /** Returns the raw form of a public key. */
  rawOf(curve: Curve, spki: Bytes): Bytes;
  readRaw(curve: Curve, raw: Bytes): Bytes;
  /** Returns the members of a JSON Web Key that hold the key. */
  jwkOf(fields: KeyFields): any;
  /** `curve`: for the types EC and OKP. */
  readJwk(jwk: ScriptValue, kty: string, curve?: any): { isPrivate: boolean; bytes: Bytes } & Bare;
  rsaSize(spki: Bytes): { bits: number; exponent: Bytes } & Bare;
  /** Returns a signature of ECDSA as two numbers side by side, of DER. */
  toNumbers(curve: Curve, der: Bytes): Bytes;
  /** The reverse, or undefined for a wrong length. */
  fromNumbers(curve: Curve, numbers: Bytes): Bytes | undefined;
  /** Compares in a time that depends on the length only. */
  equal(a: Bytes, b: Bytes): boolean;
  /** Returns what a function of the host writes into a buffer, or undefined if it fails. */
  written(room: number, write: (out: ArrayBuffer) => number): Bytes | undefined;
}
/** A hash function: its name, the length of a digest, and the length of a generated HMAC key. */
interface Hash extends Bare {
  id: HashFunction;
  name: string;
  bytes: number;
  block: number;
}

interface Blob {
  readonly size: number;
  readonly type: string;
  slice(start?: any, end?: any, type?: any): Blob;
}
interface BlobOperations extends Bare {
  is(value: ScriptValue): value is Blob;
  /** Returns the bytes, which must not be written to. */
  bytes(blob: Blob): Bytes;
  type(blob: Blob): string;
  /** Makes a Blob of bytes that must not be written to any more. */
  of(bytes: Bytes, type: string): Blob;
  /** Makes a File of such bytes. */
  fileOf(bytes: Bytes, name: string, type: string, lastModified?: number): File;
  isFile(value: ScriptValue): value is File;
}
interface File extends Blob {
  readonly name: string;
  readonly lastModified: number;
}
interface FileOperations extends Bare {
  is(value: ScriptValue): value is File;
  name(file: File): string;
  modified(file: File): number;
}

interface FormData {
  append(name: string, value: any, filename?: string): void;
  getAll(name: string): any[];
}
interface FormOperations extends Bare {
  is(value: ScriptValue): value is FormData;
  pairs(form: FormData): Pair[];
  /** Adds an entry that needs no conversion. */
  add(form: FormData, key: string, value: string | File): void;
  empty(): FormData;
}
