// The Fetch API: headers, bodies, requests and responses.

interface Headers {
  get(name: string): string | null;
  getSetCookie(): string[];
}
/** headers.js */
interface HeadersOperations extends Bare {
  is(value: ScriptValue): value is Headers;
  /** Returns the combined value of a name in lower case, or null. */
  get(headers: Headers, key: string): string | null;
  /** Returns the pairs in the order of appending. Keys are in lower case. */
  pairs(headers: Headers): Pair[];
  /** Returns the pairs in the order of names, with combined values, but each set-cookie alone. */
  combined(headers: Headers): Pair[];
  /** Adds a name and a value that need no check. */
  add(headers: Headers, key: string, value: string): void;
  /** Makes headers immutable, and returns them. */
  freeze(headers: Headers): Headers;
  /** Makes headers of `[[name, value], …]` from the wire, with names in any case. */
  received(pairs: [name: string, value: string][]): Headers;
  /** Makes headers of JSON text of such an array, which is parsed when they are first read. */
  unread(text: string): Headers;
}

/** A body. One with a stream has an empty source. */
interface Body extends Bare {
  /** A text, or bytes that are never written to. */
  source: string | Bytes;
  stream: ReadableStream | undefined;
  /** The Content-Type that it brings. */
  type: string | undefined;
  /** The compression in which it came, until it is read. */
  encoding: "gzip" | undefined;
  /** `true` once it was read. */
  used: boolean;
}

/**
 * Bodies of requests and responses (body.js). `what` is "request" or "response", for errors. An
 * operation on a body that was read, or that is locked, throws a TypeError.
 */
interface Bodies extends Bare {
  /** Returns the body that an argument of Request or Response means. */
  extract(value: ScriptValue): Body;
  /** Marks a body as read. Returns what it holds; undefined holds "". */
  take(body: Body | undefined, what: string): string | Bytes | Promise<Bytes>;
  clone(body: Body | undefined, what: string): Body | undefined;
  /** Marks a body as read, to be sent: its text, its bytes or its stream. */
  open(body: Body, what: string): string | Bytes | ReadableStream;
  /** Returns the body of a message from the wire. */
  ofContent(content: string | Bytes): Body;
  ofStream(stream: ReadableStream): Body;
  /**
   * Notes the Content-Encoding of the body of a message from the wire. `open` returns such a body
   * as it came.
   */
  encoded(body: Body | undefined, headers: Headers): void;
  /** Returns the body for another owner. The old one counts as read. */
  move(body: Body | undefined, what: string): Body | undefined;
  /** Returns the stream of a body, without its compression. */
  streamOf(body: Body): ReadableStream;
  /** Returns type/subtype of a Content-Type, in lower case. */
  essence(type: string): string;
  /** Gives a class the properties that read its body. */
  install(Class: Function, of: (self: any) => { body: Body | undefined; headers: Headers }, what: string): void;
}

/** Bodies that are sent (outgoing-body.js). */
interface Outgoing extends Bare {
  isBytes(value: any): value is Bytes;
  /**
   * Takes bytes or a stream, to be sent in pieces. `what` names its message in errors. `send`
   * returns the number of bytes that it took of the window; `close` or `fail` is called once,
   * unless it is stopped.
   */
  open(
    content: Bytes | ReadableStream,
    what: string,
    handlers: { send(bytes: Bytes, length: number): number; close(): void; fail(reason: any): void } & Bare,
  ): OutgoingBody;
  /** Sends what may be sent. */
  pump(body: OutgoingBody): void;
  /** Notes that bytes were read, and sends on. */
  credit(body: OutgoingBody, bytes: number): void;
  /** Sends no more. Returns a promise if it cancels a stream. */
  stop(body: OutgoingBody, reason: any): Promise<any> | undefined;
}
interface OutgoingBody extends Bare {
  done: boolean;
}

/** FormData as multipart/form-data (multipart.js). */
interface Multipart extends Bare {
  /** Returns the bytes of a form and their Content-Type. */
  write(form: FormData): { bytes: Bytes; type: string } & Bare;
  /** Returns the form of bytes, or throws a TypeError. `mark` is the boundary. */
  read(bytes: Bytes, mark: string): FormData;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
}
interface RequestFields extends Bare {
  method: string;
  url: string;
  headers: Headers;
  body: Body | undefined;
  redirect: string;
  /** Made when it is asked for: by `signalOf` for a request from the wire. */
  signal: AbortSignal | undefined;
  signalOf: (() => AbortSignal) | undefined;
  cf: any;
  /** JSON text of `cf` that was not parsed yet. */
  cfText: string | undefined;
  cache: string;
  integrity: string;
  keepalive: boolean;
}
/** request.js */
interface RequestOperations extends Bare {
  is(value: ScriptValue): value is Request;
  /** Makes a request from the wire. Its headers are immutable. They and `cf` are JSON text. */
  received(
    method: string,
    url: string,
    headersText: string,
    body: Body | undefined,
    cfText: string | undefined,
    signalOf: () => AbortSignal,
  ): Request;
  fields(request: Request): RequestFields;
}

interface Response {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
}
interface ResponseFields extends Bare {
  status: number;
  statusText: string;
  headers: Headers;
  body: Body | undefined;
  type: string;
  /** The URL that it came from, without its fragment; else empty. */
  url: string;
  redirected: boolean;
  cf: any;
  /** "manual": the body has its Content-Encoding already. */
  encodeBody: "automatic" | "manual";
  /** Set for a response with status 101. */
  webSocket?: WebSocket;
}
/** response.js */
interface ResponseOperations extends Bare {
  is(value: ScriptValue): value is Response;
  /**
   * Makes a response from the wire. Its headers are immutable. `encoded`: its body has the
   * Content-Encoding that they name.
   */
  received(
    status: number,
    statusText: string,
    pairs: [name: string, value: string][],
    encoded: boolean,
    body: Body | undefined,
    url: string,
    redirected: boolean,
    webSocket?: WebSocket,
  ): Response;
  fields(response: Response): ResponseFields;
}

/** A Worker's answer as the result of a run. */
interface ResponseValue extends Bare {
  status: number;
  /** Values of a repeated header are joined by commas, those of set-cookie are an array. */
  headers: Record<string, any>;
  /** Null, a string, or the parsed value if its type is JSON and it parses. */
  body: any;
  /** The encoding of `body` if its bytes are not valid UTF-8. */
  encoding?: "base64";
}
