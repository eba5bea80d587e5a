// `isolet.natives`, and the numbers that JavaScript and Rust share.
//
// The names are those of `runtime/src/js_interface_tables.rs`, in its order, which `.ci/run lint`
// compares. The functions are documented in full in `runtime/src/natives`.

/** The functions that are written in Rust. They never run code of the script. */
interface Natives {
  /** Starts a call. Returns its number, or JSON text about why it cannot be made. */
  call(kind: CallKind, server: string, name: string, argumentsText: string): number | string;
  /** Returns the exact name of a server, or undefined if there is none. */
  server(name: string): string | undefined;
  /** Returns JSON text: the names of a server's tools, or of all servers for `""`. */
  names(server: string): string;
  /** Returns `true` if the server is known to have the tool. */
  lists(server: string, tool: string): boolean;
  /** Returns JSON text `{ message, hint }` about a server that does not exist. */
  unknown(server: string): string;
  /** Notes a call if its promise is not awaited. `call` is 0 for the call with the last answer. */
  unawaited(promise: Promise<any>, call: number): void;

  /** Sets the result of the run: JSON text, or undefined. */
  finish(json: string | undefined, completion: boolean): void;
  /** Sets the error of the run. */
  fail(...thrown: DescribedError): void;
  /**
   * Begins the answer to a request. `headers` are names and values in turn. `content` is true for a
   * body that comes in pieces, null for a WebSocket, and a number, that of the fetch, for the
   * WebSocket that a fetch was answered with.
   */
  respond(
    id: number,
    status: number,
    statusText: string,
    headers: string[],
    encoded: boolean,
    content: string | Bytes | true | null | number | undefined,
  ): void;
  /** Answers a request to a Worker with an error. */
  failFetch(id: number, ...thrown: DescribedError): void;
  /** Sends the first `length` bytes. Returns the number that was sent: another one with gzip. */
  sendBody(id: number, bytes: Bytes, length: number): number;
  /** Ends a response's body, with a text if it broke off. */
  endBody(id: number, error: string | undefined): void;
  /** Confirms that bytes of a request's body were read. */
  confirmBody(id: number, bytes: number): void;
  /** Declares that no more of a request's body is read. */
  refuseBody(id: number): void;
  /** Declares that a response is complete and that promises given to `waitUntil` are not. */
  respondedTo(id: number): void;
  /** Ends a request. Returns JSON text: the numbers of its calls; or "". */
  endRequest(id: number): string;
  /** Accepts the WebSocket that a fetch was answered with. */
  acceptSocket(call: number): void;
  /**
   * Sends a piece of a message of a WebSocket: a text, or the first `length` bytes. `key` is the
   * number of its request, or that of its fetch below zero.
   */
  sendSocket(key: number, content: string | Bytes, length: number, isText: boolean, isLast: boolean): void;
  /** Declares that the oldest message of a WebSocket was taken. */
  tookMessage(key: number): void;
  /** Closes a WebSocket. 1005 stands for no code, 1006 cuts the connection. */
  closeSocket(key: number, code: number, reason: string): void;
  /** Starts a fetch through a binding. Returns its number, or the text of an error. */
  fetch(
    targetText: string,
    method: string,
    url: string,
    headersText: string,
    content: string | Bytes | true | undefined,
    cfText: string,
  ): number | string;
  /** Sends the first `length` bytes of a fetch's body. Returns `false` if they cannot be sent. */
  sendFetchBody(call: number, bytes: Bytes, length: number): boolean;
  /** Completes the body of a fetch. */
  endFetchBody(call: number): void;
  /** Announces a Worker to load. Returns its number, or the text of an error. */
  beginLoad(endsWithRequest: boolean): number | string;
  /** Gives a Worker its code. Returns the text of an error if it cannot be sent. */
  sendCode(worker: number, headText: string, contents: (string | Bytes)[]): string | undefined;
  /** Declares that a Worker will have no code. */
  failCode(worker: number, name: string, message: string): void;
  /** Forgets a Worker. It ends with its last request. */
  unload(worker: number): void;
  /** Confirms that bytes of a fetched body were read. */
  confirmFetch(call: number, bytes: number): void;
  /** Declares that nobody waits for a fetch any more. */
  endFetch(call: number): void;
  /** Throws while a Worker's modules are evaluated. */
  refuseAtStart(): void;
  /**
   * Sends a call for a request, that ends with the request `context`. `target` is as of
   * `fetch`, or the number of a stub or a call. `value` has the arguments; without it a property is
   * read. Returns the number of the call, or the text of an error.
   */
  callMethod(
    request: number,
    context: number,
    callee: RpcCallee,
    target: string | number,
    pathText: string,
    value: ArrayBuffer | undefined,
    items: ArrayBuffer | undefined,
    objectsText: string,
  ): number | string;
  /** Answers a call with the value that it returned or threw. */
  returnValue(
    id: number,
    threw: boolean,
    value: ArrayBuffer,
    items: ArrayBuffer | undefined,
    objectsText: string,
  ): void;
  /** Declares that nobody waits for a call any more, or that its end has come. */
  releaseCall(call: number): void;
  /** Drops a stub. */
  releaseStub(stub: number): void;
  /** Declares that others have stubs of a request's objects, or that nobody has any more. */
  holdRequest(id: number, isHeld: boolean): void;
  /** Returns an object that `writeValue` writes as a number. */
  placeholder(number: number): object;
  /** Returns the bytes of a plain value, or undefined if V8 cannot write it. */
  writeValue(value: any): ArrayBuffer | undefined;
  /**
   * Returns an array with the value of bytes as its only element, or undefined if they are not
   * those of a value. `objects` stand where placeholders were.
   */
  readValue(buffer: ArrayBuffer, objects: object[]): [any] | undefined;
  /** Returns the request that the code runs for: 0 if there is none, -1 if it has ended. */
  request(): number;
  /** Makes the code that follows run for a request. */
  enterRequest(id: number): void;

  /** Adds a line to the log, or stops the run if its logs pass the limit. */
  log(level: ConsoleLevel, text: string): void;
  /** Adds a warning about the script's current line. */
  warn(warning: ScriptWarning, message: string): void;

  /** Returns the whole milliseconds since the run started. */
  now(): number;
  /** Asks for a call of `tick` at this time of `now()`; a negative time asks for none. */
  wake(at: number): void;

  /** Returns the kind of a value by its internal slots. */
  kind(value: ScriptValue): ValueKind;

  /** Returns `href` and gives the positions in it, or returns undefined for an invalid URL. */
  parseUrl(url: string, base?: string, positions?: ArrayBuffer): string | undefined;
  /** Sets a component and gives what `parseUrl` does; undefined if the URL would be too long. */
  setUrl(href: string, part: UrlPart, value: string, positions: ArrayBuffer): string | undefined;
  /** Returns JSON text of the components of a pattern, or of `{ error }`. */
  parseUrlPattern(inputText: string, base: string | undefined, ignoreCase: boolean): string;
  /** Returns JSON text of the components to match, or undefined for an invalid URL; see Rust. */
  matchUrlPattern(inputText: string, base: string | undefined): string | undefined | null;
  /** Encodes a name or value as application/x-www-form-urlencoded. */
  formEncode(text: string): string;
  /** Decodes a name or value of application/x-www-form-urlencoded. */
  formDecode(text: string): string;

  /** Returns the name of an encoding in lower case, or undefined for an unknown label. */
  encodingName(label: string): string | undefined;
  /**
   * Returns the text of bytes: 0 if they are invalid and `fatal` is true, undefined if it is too
   * long for a string. With `stream` a digit at its end counts the bytes that were left out.
   */
  decode(encoding: string, bytes: Bytes, fatal: false, stream: boolean): string | undefined;
  decode(encoding: string, bytes: Bytes, fatal: boolean, stream: boolean): string | 0 | undefined;
  /**
   * Decodes UTF-8 in a buffer of the script: 0 if it is invalid and `fatal` is true, undefined if
   * the value is not a buffer or the text is too long for a string.
   */
  decodeUtf8(buffer: ScriptValue, fatal: boolean, ignoreBOM: boolean): string | 0 | undefined;
  /** Returns the length of a text as UTF-8. */
  utf8Length(text: string): number;
  /** Returns a text as UTF-8, or undefined if the memory limit has no room for it. */
  utf8Bytes(text: string): Uint8Array<ArrayBuffer> | undefined;
  /** Fills a buffer with a text as UTF-8. Returns the number of UTF-16 units that were read. */
  encodeUtf8(text: string, buffer: ArrayBuffer): number;
  /** Returns the text, or undefined if it is too long for a string. */
  encodeBase64(bytes: Bytes): string | undefined;
  /** Encodes characters that stand for bytes: 0 if one of them is above U+00FF. */
  encodeBase64Text(text: string): string | 0 | undefined;
  /** Returns bytes as characters below U+0100, or undefined if the text is not valid base64. */
  decodeBase64(text: string): string | undefined;

  /** Fills a buffer with random bytes. Returns `false` if the system has none. */
  random(buffer: ArrayBuffer, length?: number): boolean;
  /** The same while a Worker's modules are evaluated too, where `random` throws. */
  seed(buffer: ArrayBuffer, length?: number): boolean;
  /** Returns a random UUID, or undefined if the system has no random bytes. */
  randomUuid(): string | undefined;
  // These write into the buffer `out`, and return the number of bytes, or -1 if they fail. Keys are
  // DER: PKCS #8 if they are private, SubjectPublicKeyInfo if they are public.
  digest(hash: HashFunction, bytes: Bytes, out: ArrayBuffer): number;
  hmac(hash: HashFunction, key: Bytes, bytes: Bytes, out: ArrayBuffer): number;
  /** Fills a buffer. Returns `false` if it fails. */
  pbkdf2(hash: HashFunction, password: Bytes, salt: Bytes, iterations: number, out: ArrayBuffer): boolean;
  /** Fills a buffer. Returns `false` if it fails. */
  hkdf(hash: HashFunction, secret: Bytes, salt: Bytes, info: Bytes, out: ArrayBuffer): boolean;
  /** Fills a buffer. Returns `false` if it fails. */
  scrypt(password: Bytes, salt: Bytes, cost: number, block: number, parallel: number, out: ArrayBuffer): boolean;
  /** `count`: the length of the tag in bytes, or of the counter in bits. */
  cipher(
    mode: CipherMode,
    encrypt: boolean,
    key: Bytes,
    iv: Bytes,
    associated: Bytes,
    count: number,
    data: Bytes,
    out: ArrayBuffer,
  ): number;
  generateKey(kind: KeyKind, bits: number, exponent: number, out: ArrayBuffer): number;
  /** Checks a key and writes it, or its public part. */
  readKey(kind: KeyKind, isPrivate: boolean, der: Bytes, wantsPrivate: boolean, out: ArrayBuffer): number;
  sign(
    kind: KeyKind,
    scheme: SignatureScheme,
    hash: HashFunction,
    saltBytes: number,
    key: Bytes,
    data: Bytes,
    out: ArrayBuffer,
  ): number;
  /** Returns `true` for a valid signature. */
  verify(
    kind: KeyKind,
    scheme: SignatureScheme,
    hash: HashFunction,
    saltBytes: number,
    key: Bytes,
    signature: Bytes,
    data: Bytes,
  ): boolean;
  oaep(encrypt: boolean, hash: HashFunction, label: Bytes, key: Bytes, data: Bytes, out: ArrayBuffer): number;
  agree(kind: KeyKind, key: Bytes, peer: Bytes, out: ArrayBuffer): number;

  /**
   * Opens a stream until it is closed or `handle` is collected. With `likeNode` data may go on
   * after their end. Returns 0 if too many are open.
   */
  codecOpen(format: CompressionFormat, decompress: boolean, handle: object, likeNode: boolean): number;
  codecWrite(id: number, bytes: Bytes): void;
  /** Tells a stream that it has all input. */
  codecEnd(id: number): void;
  /** Fills a buffer as far as the input goes. Returns the number of bytes, or why it is invalid. */
  codecRead(id: number, out: ArrayBuffer): number | string;
  codecClose(id: number): void;

  /** Returns why a CSS selector cannot be used. */
  checkSelector(selector: string): string | undefined;
  /**
   * Opens an HTML document until it is closed or `handle` is collected. Returns its number, or the
   * text of an error. `handlers` is JSON text.
   */
  openHtml(handlers: string, encoding: string, handle: object): number | string;
  /** Parses a piece, or the end. Returns JSON text of the tokens, or of the text of an error. */
  findHtml(id: number, bytes: Bytes | undefined): string;
  /** Applies changes, as JSON text. Returns the number of bytes that are ready, or an error. */
  applyHtml(id: number, edits: string): number | string;
  /** Fills a buffer with the bytes that are ready. */
  takeHtml(id: number, out: ArrayBuffer): void;
  closeHtml(id: number): void;
  /** Compiles a file of `runtime/node`: undefined if there is none. */
  nodeModule(name: string): Function | undefined;
  /** Returns the state of a promise (0: pending, 2: rejected) and its result. */
  promiseDetails(value: ScriptValue): [number, any] | undefined;
  /** Returns whether the entries of an iterator are pairs, and the entries. */
  previewEntries(value: ScriptValue): any[] | undefined;
  /** Returns the values of AsyncLocalStorage for the present code. */
  asyncFrame(): object | undefined;
  /** Sets the values of AsyncLocalStorage for the code that follows. */
  setAsyncFrame(frame: object | undefined): void;
}

/** An error for Rust, as `isolet.describe` gives it: with its kind, its hint, and its tool. */
type DescribedError = [
  name: string,
  message: string,
  stack: string | undefined,
  kind: string,
  hint: string | undefined,
  tool: string | undefined,
];

/** The events of a Worker's request after its arrival. */
declare const enum RequestEvent {
  Chunk,
  BodyEnd,
  BodyError,
  Credit,
  Cancel,
  Gone,
  Expire,
}

/** The events of a WebSocket. */
declare const enum SocketEvent {
  Text,
  Bytes,
  Credit,
  Closed,
  Lost,
}

/** The events of a fetch through a binding. */
declare const enum FetchEvent {
  Response,
  Chunk,
  End,
  Failed,
  Credit,
  Refused,
}

/** The receivers of calls between Workers, in a call that the Worker makes. */
declare const enum RpcCallee {
  Target,
  Stub,
  Result,
}

/** The receivers of calls between Workers, in a call that the Worker gets. */
declare const enum RpcReceiver {
  Entrypoint,
  Object,
  Result,
}

/** The events of calls between Workers. */
declare const enum RpcEvent {
  Returned,
  Threw,
  Failed,
  ResultReleased,
  ObjectReleased,
}

/** The kind of a module of a loaded Worker. */
declare const enum CodeKind {
  EsModule,
  CommonJs,
  Text,
  Data,
  Json,
  Wasm,
}

/** The kind of a value, by its internal slots. */
declare const enum ValueKind {
  Primitive,
  Object,
  Array,
  Proxy,
  Function,
  Error,
  Map,
  Set,
  Date,
  RegExp,
  Promise,
  ArrayBuffer,
  TypedArray,
  DataView,
  Boxed,
  BoxedBigInt,
  BoxedSymbol,
  Weak,
  Iterator,
  Namespace,
  Shared,
}

/** The components of a URL that can be set, beside `href`. */
declare const enum UrlPart {
  Protocol,
  Username,
  Password,
  Host,
  Hostname,
  Port,
  Pathname,
  Search,
  Hash,
}

/** The positions in a URL that `natives.parseUrl` gives. */
declare const enum UrlPosition {
  ProtocolEnd,
  HostStart,
  HostEnd,
  PortEnd,
  PathStart,
  PathEnd,
  QueryEnd,
}

/** The hash functions of `crypto.subtle`, then those that `node:crypto` has beside them. */
declare const enum HashFunction {
  Md5,
  Sha1,
  Sha256,
  Sha384,
  Sha512,
  Sha224,
  Sha512Trunc256,
  Ripemd160,
}

/** The modes of AES. */
declare const enum CipherMode {
  Gcm,
  Cbc,
  Ctr,
  Kw,
}

/** The kinds of keys that have a public part. */
declare const enum KeyKind {
  Rsa,
  P256,
  P384,
  P521,
  Ed25519,
  X25519,
}

/** The ways to sign. */
declare const enum SignatureScheme {
  Ecdsa,
  Ed25519,
  RsaPkcs1,
  RsaPss,
}

/** The formats of `CompressionStream`. */
declare const enum CompressionFormat {
  Gzip,
  Deflate,
  DeflateRaw,
}

/** The levels of the console's lines. */
declare const enum ConsoleLevel {
  Debug,
  Log,
  Info,
  Warn,
  Error,
}

/** The operations on a server: a tool call, and the `$` methods. */
declare const enum CallKind {
  Call,
  Raw,
  Tools,
  Resources,
  ReadResource,
  Prompts,
  GetPrompt,
  Exact,
}

/** The ways to enter a script. */
declare const enum EntryKind {
  Body,
  Expression,
  Module,
  Completion,
}

/** The warnings that JavaScript gives. */
declare const enum ScriptWarning {
  PromiseAsText,
  ResultDropped,
}
