// `isolet.primordials`: copies of the language's functions, under names that primordials.js makes
// by rules. The types follow the same rules, and take parameters and results from TypeScript's own
// declarations of the language. Of a method with overloads the last one counts.

/** `JSON.parse` is `JSONParse`: functions, numbers and symbols of a namespace or class. */
type Statics<Name extends string, Namespace> = {
  [Key in Exclude<keyof Namespace, "prototype"> & string as `${Name}${Capitalize<Key>}`]: Namespace[Key];
};

/** A method as a function that takes `this` as its first argument. */
type Uncurried<This, Method> = Method extends (...args: infer Args) => infer Result
  ? (self: This, ...args: Args) => Result
  : never;

/**
 * `String.prototype.slice` is `StringPrototypeSlice(text, …)`, and the getter `Map.prototype.size`
 * is `MapPrototypeGetSize(map)`.
 */
type Methods<Name extends string, Instance, This = Instance> = {
  [Key in keyof Instance & string as `${Name}Prototype${Instance[Key] extends Function
    ? ""
    : "Get"}${Capitalize<Key>}`]: Instance[Key] extends Function
    ? Uncurried<This, Instance[Key]>
    : (self: This) => Instance[Key];
};

type TypedArray =
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint8ClampedArray<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** Constructors and functions of `globalThis` under their own names. */
type Constructors = Pick<
  typeof globalThis,
  | "AggregateError"
  | "Array"
  | "ArrayBuffer"
  | "BigInt"
  | "Boolean"
  | "DataView"
  | "Date"
  | "Error"
  | "EvalError"
  | "Function"
  | "Map"
  | "Number"
  | "Object"
  | "Promise"
  | "Proxy"
  | "RangeError"
  | "ReferenceError"
  | "RegExp"
  | "Set"
  | "String"
  | "Symbol"
  | "SyntaxError"
  | "TypeError"
  | "URIError"
  | "Uint8Array"
  | "WeakMap"
  | "WeakSet"
  | "isNaN"
  | "parseInt"
  | "parseFloat"
  | "encodeURIComponent"
  | "decodeURIComponent"
>;

/** Those that call what a script can replace: species, iterators, regular expressions. */
type Unsafe =
  | "ArrayFrom"
  | "ArrayFromAsync"
  | "ArrayPrototypeConcat"
  | "ArrayPrototypeFilter"
  | "ArrayPrototypeFlat"
  | "ArrayPrototypeFlatMap"
  | "ArrayPrototypeMap"
  | "ArrayPrototypeSlice"
  | "ArrayPrototypeSplice"
  | "ObjectFromEntries"
  | "ObjectGroupBy"
  | "RegExpPrototypeTest"
  | "StringPrototypeMatch"
  | "StringPrototypeMatchAll"
  | "StringPrototypeReplace"
  | "StringPrototypeReplaceAll"
  | "StringPrototypeSearch"
  | "StringPrototypeSplit"
  | "TypedArrayPrototypeFilter"
  | "TypedArrayPrototypeMap"
  | "TypedArrayPrototypeSlice"
  | "TypedArrayPrototypeSubarray";

interface AllPrimordials
  extends Constructors,
    Statics<"JSON", JSON>,
    Statics<"Math", Math>,
    Statics<"Reflect", typeof Reflect>,
    Statics<"Object", ObjectConstructor>,
    Statics<"Array", ArrayConstructor>,
    Statics<"Number", NumberConstructor>,
    Statics<"String", StringConstructor>,
    Statics<"Symbol", SymbolConstructor>,
    Statics<"Date", DateConstructor>,
    Methods<"Object", Object, any>,
    Methods<"Function", Function>,
    Methods<"Array", any[]>,
    Methods<"String", String, string>,
    Methods<"Number", Number, number>,
    Methods<"Boolean", Boolean, boolean>,
    Methods<"Symbol", Symbol, symbol>,
    Methods<"BigInt", BigInt, bigint>,
    Methods<"Date", Date>,
    Methods<"RegExp", RegExp>,
    Methods<"Map", Map<any, any>>,
    Methods<"Set", Set<any>>,
    Methods<"WeakMap", WeakMap<WeakKey, any>>,
    Methods<"WeakSet", WeakSet<WeakKey>>,
    Methods<"ArrayBuffer", ArrayBuffer>,
    Methods<"DataView", DataView<ArrayBuffer>>,
    Methods<"TypedArray", Uint8Array<ArrayBuffer>, TypedArray> {}

interface Primordials extends Omit<AllPrimordials, Unsafe> {
  /** `uncurryThis(f)(self, ...args)` calls `f` with that `this`. */
  uncurryThis<This, Method>(method: Method): Uncurried<This, Method>;
  ErrorPrototypeToString(self: Error): string;
  RegExpPrototypeToString(self: RegExp): string;
  /** A view of the same memory, made without asking for the species of its class. */
  TypedArrayPrototypeSubarray(self: Uint8Array<ArrayBuffer>, from: number, to?: number): Uint8Array<ArrayBuffer>;
  /** Returns the name of the class, or undefined for other values, which callers have excluded. */
  TypedArrayPrototypeGetSymbolToStringTag(self: any): string;
  ArrayIteratorPrototypeNext(self: Iterator<any>): IteratorResult<any>;
  MapIteratorPrototypeNext(self: Iterator<any>): IteratorResult<any>;
  SetIteratorPrototypeNext(self: Iterator<any>): IteratorResult<any>;
  /** Is made with `await`, which asks no class of the script for its species. */
  PromisePrototypeThen<Value, Result = Value>(
    promise: Promise<Value>,
    fulfilled?: (value: Value) => Result | Promise<Result>,
    rejected?: (reason: any) => any,
  ): Promise<Result>;
}
