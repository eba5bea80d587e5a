// What V8 has and TypeScript's own declarations of the language do not have.

/** A record without a prototype: a field that a script put on Object.prototype is not found. */
interface Bare {
  __proto__: null;
}

/**
 * A value of the script: of any type, perhaps a proxy or an object with getters. It is declared as
 * `any`, so the compiler checks nothing about it.
 */
type ScriptValue = any;

/** Bytes in memory that is not shared: the compiler knows it to have no other kind of buffer. */
type Bytes = Uint8Array<ArrayBuffer>;

// Descriptors and options have no prototype, so that fields of Object.prototype are not found.
interface PropertyDescriptor extends Partial<Bare> {}
interface ProxyHandler<T extends object> extends Partial<Bare> {}
interface ArrayBufferConstructor {
  new (byteLength: number, options: { maxByteLength: number } & Bare): ArrayBuffer;
}

interface ErrorConstructor {
  captureStackTrace(object: object): void;
}

interface RawJSON {
  readonly rawJSON: string;
}
interface JSON {
  rawJSON(text: string): RawJSON;
  isRawJSON(value: any): value is RawJSON;
}

// Globals of a context that files here define or read.
declare function setTimeout(callback: Function, delay?: number, ...args: any[]): number;
/** The variables and servers that the script sees. */
declare var env: any;
/** The input of the run. */
declare var input: any;
