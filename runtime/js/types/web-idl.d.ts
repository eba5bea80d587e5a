// `isolet.idl` (webidl.js): conversions of arguments, the shape of classes. And the lists of pairs
// (pair-list.js) from which several classes are made.
//
// `what` names the value in the message of an error: "The second argument of Event".

interface WebIdl extends Bare {
  AsyncIteratorPrototype: object;

  // Conversions of arguments
  /** Converts a value to a string. */
  string(value: ScriptValue): string;
  /** Converts a value to a string without lone surrogates. */
  usv(value: ScriptValue): string;
  /** Converts a value to a string of characters below 256, which stand for bytes. */
  byteString(value: ScriptValue, what: string): string;
  /** Converts a value to an integer within bounds, as [EnforceRange] does. */
  integer(value: ScriptValue, least: number, most: number, what: string): number;
  /** Returns a dictionary argument. Undefined and null are the empty one. */
  dictionary(value: ScriptValue, what: string): any;
  /** Calls `each` with every item of a sequence. */
  iterate(value: ScriptValue, what: string, each: (item: ScriptValue) => void): void;
  /** Returns the bytes of an ArrayBuffer or a view, not copied. A detached one has none. */
  view(value: ScriptValue, what?: string): Bytes;
  /** Returns a copy of such bytes that nothing else refers to. */
  copy(value: ScriptValue, what?: string): Bytes;
  /** Returns what is left of bytes after the first `from`. */
  tail(bytes: Bytes, from: number): Bytes;
  /** Throws a TypeError if a function got fewer arguments than it needs. */
  need(count: number, least: number, what: string): void;

  // Questions about values
  /** Returns `true` for an object and a function. */
  isObject(value: ScriptValue): boolean;
  /** Returns `true` for an ArrayBuffer and a view of one. */
  isBuffer(value: ScriptValue): boolean;

  // The shape of classes
  /** Gives a class what Web IDL wants: enumerable methods and accessors, and a toStringTag. */
  define<Class extends Function>(Class: Class, tag?: string): Class;
  /** Gives a method another name. */
  alias(Class: Function, name: PropertyKey, of: string, enumerable?: boolean): void;
  /** Throws a TypeError if `this` is of another class. Used as `checkBrand(this.#a)`. */
  checkBrand(field: any): void;

  // Values for the host
  /** Returns an array without a prototype, so that a push meets no setter of the script. */
  list(): any[];
  /** Takes the prototype of a class away: its instances are records, as those with `Bare` are. */
  bare(Class: new (...values: any[]) => any): new (...values: any[]) => any;
  /** Returns a property's descriptor, without a prototype. */
  own(object: object, key: PropertyKey): PropertyDescriptor | undefined;
  /** Returns bytes in one piece, which shares memory with nothing. */
  concatenate(parts: Bytes[]): Bytes;
  promiseResolve(value: any): Promise<any>;
  promiseReject(reason: any): Promise<never>;
}

/** A class of the host for the console. */
interface ShownClass extends Bare {
  is(value: object): boolean;
  /** Returns a finished text, or the fields to show. `label` is the name of the class. */
  show(value: any, label: string): Shown;
}
interface Shown extends Bare {
  text?: string;
  fields?: object;
}

/** A name and a value of a list. The value is a string, or a File in a FormData. */
interface Pair extends Bare {
  key: string;
  value: any;
}

/** Ordered lists of names and values: URLSearchParams, Headers and FormData. */
interface Pairs extends Bare {
  add(pairs: Pair[], key: string, value: any): void;
  /** Returns the first value of a key, or undefined. */
  first(pairs: Pair[], key: string): any;
  /** Returns all values of a key, as an array for the script. */
  all(pairs: Pair[], key: string): any[];
  /** Returns `true` if a pair has the key, and the value if one is given. */
  has(pairs: Pair[], key: string, value?: any): boolean;
  /** Returns a new list without the pairs that have the key, and the value if one is given. */
  without(pairs: Pair[], key: string, value?: any): Pair[];
  /** Returns a new list with one pair of the key: in the place of the first one, or at the end. */
  replaced(pairs: Pair[], key: string, value: any): Pair[];
  /** Sorts by key, stable. Returns the list. */
  sort(pairs: Pair[]): Pair[];
  /** Returns a list for the console. Values of one name are joined if `join` is true. */
  fields(pairs: Pair[], join: boolean): Shown;
  /** Gives a class keys, values, entries, forEach and [Symbol.iterator]. */
  iterable(Class: Function, pairsOf: (self: any) => Pair[]): void;
}
