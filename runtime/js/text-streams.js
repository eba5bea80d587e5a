// TextEncoderStream and TextDecoderStream.

const { StringPrototypeCharCodeAt, StringPrototypeSlice } = isolet.primordials;

isolet.lazy(["TextEncoderStream", "TextDecoderStream"], [], () => {
  const { decodeWith, TextDecoder, transforms, utf8 } = isolet;
  const { checkBrand, define, string } = isolet.idl;

  class TextEncoderStream {
    #pair;
    constructor() {
      // A surrogate at the end of a chunk waits for its other half in the next.
      let half = "";
      this.#pair = transforms.make(
        (chunk, enqueue) => {
          let text = half + string(chunk);
          half = "";
          const last = StringPrototypeCharCodeAt(text, text.length - 1);
          if (last >= 0xd800 && last < 0xdc00) {
            half = text[text.length - 1];
            text = StringPrototypeSlice(text, 0, text.length - 1);
          }
          if (text !== "") enqueue(utf8.encode(text));
        },
        (enqueue) => {
          if (half !== "") enqueue(utf8.encode(half));
        },
      );
    }
    get encoding() {
      checkBrand(this.#pair);
      return "utf-8";
    }
    get readable() {
      return this.#pair.readable;
    }
    get writable() {
      return this.#pair.writable;
    }
  }
  define(TextEncoderStream);

  const more = { __proto__: null, stream: true };

  class TextDecoderStream {
    #pair;
    #decoder;
    constructor(label = "utf-8", options = undefined) {
      const decoder = new TextDecoder(label, options);
      this.#decoder = decoder;
      this.#pair = transforms.make(
        (chunk, enqueue) => {
          const text = decodeWith(decoder, chunk, more);
          if (text !== "") enqueue(text);
        },
        (enqueue) => {
          const text = decodeWith(decoder);
          if (text !== "") enqueue(text);
        },
      );
    }
    get encoding() {
      return this.#decoder.encoding;
    }
    get fatal() {
      return this.#decoder.fatal;
    }
    get ignoreBOM() {
      return this.#decoder.ignoreBOM;
    }
    get readable() {
      return this.#pair.readable;
    }
    get writable() {
      return this.#pair.writable;
    }
  }
  define(TextDecoderStream);

  return { TextEncoderStream, TextDecoderStream };
});
