// Values as readable text: for console.log, and for thrown values that are not errors.
//
// Everything is bounded: depth, entries per collection, characters. Getters are shown, not called.
// Code of the script runs only for proxies and for `stack`, within the run's limits, and what it
// throws is caught.

const {
  Array,
  ArrayBufferPrototypeGetByteLength,
  ArrayPrototypeIndexOf,
  ArrayPrototypePop,
  ArrayPrototypePush,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DataViewPrototypeGetByteLength,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  ErrorPrototypeToString,
  FunctionPrototypeToString,
  JSONParse,
  MapPrototypeForEach,
  MapPrototypeGetSize,
  MathMin,
  NumberIsNaN,
  NumberPrototypeValueOf,
  Object,
  ObjectPrototypePropertyIsEnumerable,
  ReflectGetPrototypeOf,
  ReflectOwnKeys,
  RegExpPrototypeExec,
  RegExpPrototypeToString,
  SetPrototypeForEach,
  SetPrototypeGetSize,
  String,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeValueOf,
  SymbolPrototypeToString,
  SymbolPrototypeValueOf,
  SymbolToStringTag,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
} = isolet.primordials;

isolet.lazy([], ["inspect", "withoutHostFrames"], (host) => {
  const { natives, primitive, quote, shown } = isolet;
  const { list, own } = isolet.idl;

  const DEPTH = 4;
  const ENTRIES = 100;
  const CHARACTERS = 16384;
  // A collection that fits into this many characters stays on one line.
  const WIDTH = 76;
  const ObjectPrototype = Object.prototype;
  const ArrayPrototype = Array.prototype;

  const identifier = /^[A-Za-z_$][\w$]*$/;

  // The name of the class, from `constructor.name` as found on the prototypes, without calling
  // getters.
  function className(value) {
    let object = value;
    for (let i = 0; i < 16 && object !== null; i++) {
      const constructor = own(object, "constructor")?.value;
      if (typeof constructor === "function") {
        const name = own(constructor, "name")?.value;
        if (typeof name === "string" && name !== "") return StringPrototypeSlice(name, 0, 200);
      }
      object = ReflectGetPrototypeOf(object);
    }
    return undefined;
  }

  function tagOf(value) {
    let object = value;
    for (let i = 0; i < 16 && object !== null; i++) {
      const descriptor = own(object, SymbolToStringTag);
      if (descriptor !== undefined)
        return typeof descriptor.value === "string" ? StringPrototypeSlice(descriptor.value, 0, 200) : undefined;
      object = ReflectGetPrototypeOf(object);
    }
    return undefined;
  }

  function label(value, fallback, size) {
    const name = className(value);
    const tag = tagOf(value);
    const sized = size === undefined ? "" : `(${size})`;
    let text = name === undefined ? `[${fallback}${sized}: null prototype]` : `${name}${sized}`;
    if (tag !== undefined && tag !== "" && tag !== name) text += ` [${tag}]`;
    return text;
  }

  // One value. `state`: { left: characters that may still be written, path: objects being written
  // }.
  function show(value, state, depth) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) {
      return primitive(value, MathMin(CHARACTERS, state.left > 0 ? state.left : 0));
    }
    try {
      return showObject(value, state, depth);
    } catch {
      // A proxy's trap threw. Stack overflow and termination do not end up as text: they come again
      // at once.
      return "[an object that cannot be shown]";
    }
  }

  function showObject(value, state, depth) {
    if (ArrayPrototypeIndexOf(state.path, value) !== -1) return "[Circular]";
    const kind = natives.kind(value);
    if (kind === ValueKind.Proxy) {
      if (value === isolet.env) return "[env]";
      const tag = value[SymbolToStringTag];
      if (typeof tag === "string" && StringPrototypeStartsWith(tag, "isolet server "))
        return showServer(StringPrototypeSlice(tag, 14));
    }
    const form = formOf(value, kind, state, depth);
    if (typeof form === "string") return form;
    if (depth > DEPTH) return form.open === "[" ? "[Array]" : `[${form.label || "Object"}]`;

    ArrayPrototypePush(state.path, value);
    const entries = list();
    if (form.fill !== undefined) form.fill(entries);
    properties(value, kind, entries, state, depth);
    ArrayPrototypePop(state.path);
    return layOut(form, entries, depth);
  }

  function showServer(server) {
    const tools = JSONParse(natives.names(server));
    let names = "";
    for (let i = 0; i < tools.length && i < ENTRIES; i++) names += `${i === 0 ? "" : ", "}${tools[i]}`;
    if (tools.length > ENTRIES) names += `, … ${tools.length - ENTRIES} more`;
    return `[server ${server}${names === "" ? "" : `: ${names}`}]`;
  }

  // The form of a value of this kind: a finished text, or { label, open, close, fill(entries), bare
  // }.
  function formOf(value, kind, state, depth) {
    const object = (text, fill) => ({ __proto__: null, label: text, open: "{", close: "}", fill });
    switch (kind) {
      case ValueKind.Array: {
        const plain = ReflectGetPrototypeOf(value) === ArrayPrototype;
        const text = plain ? "" : label(value, "Array", value.length);
        return {
          __proto__: null,
          label: text,
          open: "[",
          close: "]",
          fill: (entries) => items(value, entries, state, depth),
        };
      }
      case ValueKind.Function:
        return withProperties(functionText(value));
      case ValueKind.Error:
        return withProperties(errorText(value, state, depth));
      case ValueKind.Map:
        return object(label(value, "Map", MapPrototypeGetSize(value)), (entries) => {
          bounded(entries, state, MapPrototypeGetSize(value), (visit) =>
            MapPrototypeForEach(value, (item, key) =>
              visit(() => `${show(key, state, depth + 1)} => ${show(item, state, depth + 1)}`),
            ),
          );
        });
      case ValueKind.Set:
        return object(label(value, "Set", SetPrototypeGetSize(value)), (entries) => {
          bounded(entries, state, SetPrototypeGetSize(value), (visit) =>
            SetPrototypeForEach(value, (item) => visit(() => show(item, state, depth + 1))),
          );
        });
      case ValueKind.Date:
        return withProperties(
          NumberIsNaN(DatePrototypeGetTime(value)) ? "Invalid Date" : DatePrototypeToISOString(value),
        );
      case ValueKind.RegExp:
        return withProperties(StringPrototypeSlice(RegExpPrototypeToString(value), 0, 1000));
      case ValueKind.Promise:
        return object("Promise");
      case ValueKind.ArrayBuffer:
        return object(label(value, "ArrayBuffer"), (entries) =>
          add(entries, `byteLength: ${ArrayBufferPrototypeGetByteLength(value)}`, state),
        );
      case ValueKind.DataView:
        return object(label(value, "DataView"), (entries) => add(entries, `byteLength: ${viewLength(value)}`, state));
      case ValueKind.TypedArray: {
        const length = TypedArrayPrototypeGetLength(value);
        const text = label(value, TypedArrayPrototypeGetSymbolToStringTag(value), length);
        return {
          __proto__: null,
          label: text,
          open: "[",
          close: "]",
          fill: (entries) => {
            for (let i = 0; i < length && i < ENTRIES; i++) ArrayPrototypePush(entries, primitive(value[i], 100));
            if (length > ENTRIES) ArrayPrototypePush(entries, `… ${length - ENTRIES} more`);
          },
        };
      }
      case ValueKind.Boxed:
      case ValueKind.BoxedBigInt:
      case ValueKind.BoxedSymbol:
        return `[${label(value, "Object")}: ${primitive(unbox(value), 1000)}]`;
      case ValueKind.Weak:
        return `${label(value, "WeakMap")} { <items unknown> }`;
      case ValueKind.Iterator:
        return `Object [${tagOf(value) ?? "Iterator"}] {}`;
      case ValueKind.Proxy:
        return object(label(value, "Proxy"));
      default: {
        const prototype = ReflectGetPrototypeOf(value);
        if (prototype === ObjectPrototype) {
          const tag = tagOf(value);
          return object(tag === undefined ? "" : `Object [${tag}]`);
        }
        if (kind === ValueKind.Object) {
          for (let i = 0; i < shown.length; i++) {
            if (!shown[i].is(value)) continue;
            const { text, fields } = shown[i].show(value, label(value, "Object"));
            if (text !== undefined) return text;
            return object(label(value, "Object"), (entries) =>
              properties(fields, ValueKind.Object, entries, state, depth),
            );
          }
        }
        return object(label(value, "Object"));
      }
    }
  }

  function viewLength(value) {
    try {
      return DataViewPrototypeGetByteLength(value);
    } catch {
      return 0;
    }
  }

  function unbox(value) {
    for (let i = 0; i < unboxers.length; i++) {
      try {
        return unboxers[i](value);
      } catch {
        /* another kind */
      }
    }
    return undefined;
  }
  /** @type {((value: any) => any)[]} */
  const unboxers = [
    NumberPrototypeValueOf,
    StringPrototypeValueOf,
    BooleanPrototypeValueOf,
    BigIntPrototypeValueOf,
    SymbolPrototypeValueOf,
  ];

  // A value whose text stands alone, followed by { … } only if it has properties of its own.
  const withProperties = (text) => ({ __proto__: null, label: text, open: "{", close: "}", bare: true });

  function functionText(value) {
    const given = own(value, "name")?.value;
    const name = typeof given === "string" && given !== "" ? StringPrototypeSlice(given, 0, 200) : undefined;
    const source = FunctionPrototypeToString(value);
    if (StringPrototypeStartsWith(source, "class") && StringPrototypeEndsWith(source, "}")) {
      const parent = ReflectGetPrototypeOf(value);
      const parentName = typeof parent === "function" ? own(parent, "name")?.value : undefined;
      return `[class ${name ?? "(anonymous)"}${typeof parentName === "string" && parentName !== "" ? ` extends ${StringPrototypeSlice(parentName, 0, 200)}` : ""}]`;
    }
    const kind = tagOf(value) ?? "Function";
    return name === undefined ? `[${kind} (anonymous)]` : `[${kind}: ${name}]`;
  }

  // An error's stack, if it has one, without frames of isolet's own JavaScript.
  function errorText(value, state, depth) {
    let stack = value.stack;
    const head = StringPrototypeSlice(ErrorPrototypeToString(value), 0, CHARACTERS);
    if (typeof stack !== "string" || stack === "") return `[${head}]`;
    stack = StringPrototypeSlice(stack, 0, CHARACTERS);
    const frames = StringPrototypeIndexOf(stack, "\n    at ");
    // The stack's head is of the moment when the error was made; its name or message may have
    // changed since.
    const first = frames === -1 ? stack : StringPrototypeSlice(stack, 0, frames);
    const text = StringPrototypeIncludes(first, head) ? first : head;
    return frames === -1 ? text : text + withoutHostFrames(StringPrototypeSlice(stack, frames));
  }

  // `frames` begins with a line break, as each of its lines does.
  /** @type {LazyInternals["withoutHostFrames"]} */
  function withoutHostFrames(frames) {
    let kept = "";
    for (let at = 0; at !== -1; ) {
      const next = StringPrototypeIndexOf(frames, "\n", at + 1);
      const line = next === -1 ? StringPrototypeSlice(frames, at) : StringPrototypeSlice(frames, at, next);
      if (!StringPrototypeIncludes(line, "isolet:")) kept += line;
      at = next;
    }
    return kept;
  }
  host.withoutHostFrames = withoutHostFrames;

  // Adds a text; false when nothing more fits.
  function add(entries, text, state) {
    ArrayPrototypePush(entries, text);
    state.left -= text.length + 2;
    return state.left > 0;
  }

  // Entries of a collection that can only be walked through by a callback.
  function bounded(entries, state, size, walk) {
    let count = 0;
    walk((text) => {
      if (count < ENTRIES && state.left > 0) {
        count++;
        add(entries, text(), state);
      }
    });
    if (size > count) ArrayPrototypePush(entries, `… ${size - count} more`);
  }

  function items(array, entries, state, depth) {
    let holes = 0;
    let count = 0;
    let i = 0;
    for (; i < array.length && count < ENTRIES && state.left > 0; i++) {
      const descriptor = own(array, i);
      if (descriptor === undefined) {
        // A sparse array can be four billion holes long: skip them by the keys that exist.
        const next = nextIndex(array, i);
        holes = next - i;
        i = next - 1;
        add(entries, `<${holes} empty item${holes === 1 ? "" : "s"}>`, state);
      } else {
        add(entries, property(descriptor, state, depth), state);
      }
      count++;
    }
    if (i < array.length) ArrayPrototypePush(entries, `… ${array.length - i} more`);
  }

  function nextIndex(array, from) {
    for (let i = from + 1; i < array.length && i < from + 1000; i++) {
      if (own(array, i) !== undefined) return i;
    }
    if (array.length <= from + 1000) return array.length;
    // Integer keys come first and in order.
    const keys = ReflectOwnKeys(array);
    for (let i = 0; i < keys.length; i++) {
      const index = +String(keys[i]);
      if (index > from) return index;
      if (index !== index) break;
    }
    return array.length;
  }

  function property(descriptor, state, depth) {
    if (descriptor.get !== undefined) return descriptor.set !== undefined ? "[Getter/Setter]" : "[Getter]";
    if (descriptor.set !== undefined) return "[Setter]";
    return show(descriptor.value, state, depth + 1);
  }

  function properties(value, kind, entries, state, depth) {
    const keys = ReflectOwnKeys(value);
    const indexed = kind === ValueKind.Array || kind === ValueKind.TypedArray;
    let count = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (indexed && typeof key === "string" && isIndex(key)) continue;
      const isCause = kind === ValueKind.Error && (key === "cause" || key === "errors");
      if (kind === ValueKind.Error && (key === "stack" || key === "message")) continue;
      // Most properties that are not enumerable are noise (`length`, `prototype`); an error's cause
      // is not.
      if (!isCause && !ObjectPrototypePropertyIsEnumerable(value, key)) continue;
      if (count >= ENTRIES || state.left <= 0) {
        ArrayPrototypePush(entries, `… ${keys.length - i} more`);
        return;
      }
      const descriptor = own(value, key);
      if (descriptor === undefined) continue;
      count++;
      const name = isCause ? `[${key}]` : typeof key === "symbol" ? `[${SymbolPrototypeToString(key)}]` : keyText(key);
      add(entries, `${name}: ${property(descriptor, state, depth)}`, state);
    }
  }

  const isIndex = (key) => key !== "" && `${key >>> 0}` === key;
  const keyText = (key) =>
    RegExpPrototypeExec(identifier, key) !== null ? StringPrototypeSlice(key, 0, 1000) : quote(key, 1000);

  // Joins entries on one line if they fit, else on a line each.
  function layOut(form, entries, depth) {
    const head = form.label === "" ? "" : `${form.label} `;
    if (entries.length === 0) return form.bare ? form.label : `${head}${form.open}${form.close}`;
    let length = head.length + 4;
    let lines = false;
    for (let i = 0; i < entries.length; i++) {
      length += entries[i].length + 2;
      lines ||= StringPrototypeIncludes(entries[i], "\n");
    }
    if (!lines && length <= WIDTH) return `${head}${form.open} ${join(entries, ", ")} ${form.close}`;
    const indent = StringPrototypeRepeat("  ", depth + 1);
    // Numbers and other short entries share lines, so that an array of a hundred numbers does not
    // take a hundred lines.
    return `${head}${form.open}\n${indent}${form.open === "[" && !lines ? packed(entries, indent) : join(entries, `,\n${indent}`)}\n${StringPrototypeRepeat("  ", depth)}${form.close}`;
  }

  function join(entries, separator) {
    let text = "";
    for (let i = 0; i < entries.length; i++) text += i === 0 ? entries[i] : separator + entries[i];
    return text;
  }

  function packed(entries, indent) {
    let text = "";
    let width = 0;
    for (let i = 0; i < entries.length; i++) {
      if (i > 0) {
        text += ",";
        if (width + entries[i].length + 2 > WIDTH) {
          text += `\n${indent}`;
          width = 0;
        } else {
          text += " ";
        }
      }
      text += entries[i];
      width += entries[i].length + 2;
    }
    return text;
  }

  // Text of any value. A string at the top is as it is.
  host.inspect = (value, raw = false) => {
    let text;
    if (raw && typeof value === "string") {
      text = value;
    } else {
      const state = { __proto__: null, left: CHARACTERS, path: list() };
      text = show(value, state, 0);
    }
    if (text.length <= CHARACTERS) return text;
    return `${StringPrototypeSlice(text, 0, CHARACTERS)}… ${text.length - CHARACTERS} more characters`;
  };
});
