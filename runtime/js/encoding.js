// TextEncoder, TextDecoder, atob and btoa.

const {
  ArrayBuffer,
  Boolean,
  FunctionPrototypeCall,
  Number,
  RangeError,
  StringPrototypeSlice,
  TypeError,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(
  ["TextEncoder", "TextDecoder", "atob", "btoa"],
  ["utf8", "toBase64", "TextDecoder", "decodeWith"],
  (host) => {
    const { natives } = isolet;
    const { checkBrand, copy, define, dictionary, need, string, view } = isolet.idl;

    // A text's bytes as UTF-8, in a buffer that nothing else refers to.
    /** @type {Utf8["encode"]} */
    function encode(text) {
      const bytes = natives.utf8Bytes(text);
      if (bytes !== undefined) return bytes;
      // Here a lack of memory is a RangeError.
      const buffer = new ArrayBuffer(natives.utf8Length(text));
      natives.encodeUtf8(text, buffer);
      return new Uint8Array(buffer);
    }

    // UTF-8 bytes to text, without a byte order mark; invalid sequences become U+FFFD.
    /** @type {Utf8["decode"]} */
    function decode(bytes) {
      const text = natives.decodeUtf8(bytes, false, false);
      if (typeof text !== "string") throw tooLong();
      return text;
    }
    /** @type {LazyInternals["toBase64"]} */
    function toBase64(bytes) {
      const text = natives.encodeBase64(bytes);
      if (text === undefined) throw tooLong();
      return text;
    }
    const tooLong = () => new RangeError("The text is longer than a string can be.");

    class TextEncoder {
      #brand;
      get encoding() {
        checkBrand(this.#brand);
        return "utf-8";
      }
      encode(input = "") {
        checkBrand(this.#brand);
        return encode(string(input));
      }
      encodeInto(source, destination) {
        checkBrand(this.#brand);
        need(arguments.length, 2, "TextEncoder.encodeInto");
        const text = string(source);
        if (natives.kind(destination) !== ValueKind.TypedArray || !isUint8Array(destination)) {
          throw new TypeError("The destination of encodeInto must be a Uint8Array.");
        }
        // Into a buffer of the host's own first: the script's may be detached, resizable or on V8's
        // heap.
        const room = TypedArrayPrototypeGetLength(destination);
        const whole = natives.utf8Length(text);
        const buffer = new ArrayBuffer(whole < room ? whole : room);
        const read = natives.encodeUtf8(text, buffer);
        const written = read === text.length ? whole : natives.utf8Length(StringPrototypeSlice(text, 0, read));
        // A detached one has no room, and cannot even be given nothing.
        if (written > 0) TypedArrayPrototypeSet(destination, new Uint8Array(buffer, 0, written));
        return { read, written };
      }
    }
    define(TextEncoder);
    const isUint8Array = (value) => TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";

    class TextDecoder {
      #name;
      #fatal;
      #ignoreBOM;
      // Between two calls with { stream: true }: bytes that begin a character, and whether the
      // start is behind us.
      #held;
      #started = false;
      #isPlain;

      /** @param {ScriptValue} [label] @param {ScriptValue} [options] */
      constructor(label = "utf-8", options = undefined) {
        const { fatal, ignoreBOM } = dictionary(options, "The options of TextDecoder");
        const name = label === "utf-8" ? label : natives.encodingName(string(label));
        if (name === undefined)
          throw new RangeError(`TextDecoder does not know the encoding ${isolet.inspect(string(label))}.`);
        this.#name = name;
        // The host decodes whole texts of this encoding in one step.
        this.#isPlain = name === "utf-8";
        this.#fatal = Boolean(fatal);
        this.#ignoreBOM = Boolean(ignoreBOM);
      }
      get encoding() {
        return this.#name;
      }
      get fatal() {
        return this.#fatal;
      }
      get ignoreBOM() {
        return this.#ignoreBOM;
      }

      decode(input = undefined, options = undefined) {
        const stream = Boolean(dictionary(options, "The options of decode").stream) && this.#name !== undefined;
        if (this.#isPlain && !stream && this.#held === undefined && !this.#started) {
          const text = input === undefined ? "" : natives.decodeUtf8(input, this.#fatal, this.#ignoreBOM);
          if (typeof text === "string") return text;
        }
        let bytes = input === undefined ? new Uint8Array(0) : view(input, "The input of TextDecoder.decode");
        if (this.#held !== undefined) {
          bytes = joined(this.#held, bytes);
          this.#held = undefined;
        }
        // Its escape sequences change the meaning of all that follows, so no chunk can be decoded
        // alone.
        if (stream && this.#name === "iso-2022-jp") {
          this.#held = copy(bytes);
          return "";
        }
        let text = natives.decode(this.#name, bytes, this.#fatal, stream);
        if (text === 0) {
          this.#started = false;
          throw new TypeError(`The bytes are not valid ${this.#name}.`);
        }
        if (text === undefined) throw tooLong();
        if (stream) {
          const held = Number(text[text.length - 1]);
          text = StringPrototypeSlice(text, 0, text.length - 1);
          if (held > 0)
            this.#held = copy(TypedArrayPrototypeSubarray(bytes, TypedArrayPrototypeGetLength(bytes) - held));
        }
        if (!this.#started && !this.#ignoreBOM && isUnicode(this.#name) && text[0] === "\ufeff") {
          text = StringPrototypeSlice(text, 1);
          this.#started = true;
        }
        // A byte order mark counts only at the very start, which may come in several chunks.
        this.#started = stream && (this.#started || text !== "");
        return text;
      }
    }
    define(TextDecoder);
    const isUnicode = (name) => name === "utf-8" || name === "utf-16le" || name === "utf-16be";

    function joined(first, second) {
      const bytes = new Uint8Array(TypedArrayPrototypeGetLength(first) + TypedArrayPrototypeGetLength(second));
      TypedArrayPrototypeSet(bytes, first);
      TypedArrayPrototypeSet(bytes, second, TypedArrayPrototypeGetLength(first));
      return bytes;
    }

    // As methods: functions without a prototype property, as the host functions of browsers are.
    const { btoa, atob } = {
      btoa(data) {
        need(arguments.length, 1, "btoa");
        const text = natives.encodeBase64Text(string(data));
        if (text === 0) {
          throw new isolet.DOMException(
            "btoa takes characters below U+0100 only, one a byte. For any text: btoa(String.fromCharCode(...new TextEncoder().encode(text))).",
            "InvalidCharacterError",
          );
        }
        if (text === undefined) throw tooLong();
        return text;
      },
      atob(data) {
        need(arguments.length, 1, "atob");
        const text = natives.decodeBase64(string(data));
        if (text === undefined)
          throw new isolet.DOMException("The string is not valid base64.", "InvalidCharacterError");
        return text;
      },
    };

    host.utf8 = { __proto__: null, encode, decode };
    host.toBase64 = toBase64;
    host.TextDecoder = TextDecoder;
    const { decode: decodeMethod } = TextDecoder.prototype;
    host.decodeWith = (decoder, input, options) => FunctionPrototypeCall(decodeMethod, decoder, input, options);
    return { TextEncoder, TextDecoder, atob, btoa };
  },
);
