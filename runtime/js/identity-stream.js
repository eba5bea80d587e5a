// IdentityTransformStream and FixedLengthStream: Workers' own, byte streams that pass bytes on.

const { Number, NumberIsInteger, TypeError, TypedArrayPrototypeGetByteLength } = isolet.primordials;

isolet.lazy(["IdentityTransformStream", "FixedLengthStream"], [], () => {
  const { TransformStream, transforms } = isolet;
  const { copy, define, isBuffer, need } = isolet.idl;
  const { nothing, strategy } = isolet.streaming;

  function passing(queuing, count, flush) {
    const { highWaterMark, size } = strategy(queuing, 1, "The strategy of an IdentityTransformStream");
    const t = transforms.create({
      __proto__: null,
      bytes: true,
      transform(chunk) {
        if (!isBuffer(chunk))
          throw new TypeError(
            "The stream takes ArrayBuffers and views of them. Encode a text: new TextEncoder().encode(text).",
          );
        const bytes = copy(chunk);
        const length = TypedArrayPrototypeGetByteLength(bytes);
        count(length);
        if (length > 0) transforms.enqueue(t, bytes);
      },
      flush,
      cancel: nothing,
      readableMark: 0,
      readableSize: undefined,
      writableMark: highWaterMark,
      writableSize: size,
    });
    transforms.begin(t, undefined);
    return t;
  }

  const { token } = transforms;

  class IdentityTransformStream extends TransformStream {
    /** @param {ScriptValue} [queuing] @param {TransformState} [made] */
    constructor(queuing = undefined, made = undefined) {
      super(token, queuing === token ? made : passing(queuing, nothing, nothing));
    }
  }
  define(IdentityTransformStream);

  class FixedLengthStream extends IdentityTransformStream {
    /** @param {ScriptValue} expectedLength @param {ScriptValue} [queuing] */
    constructor(expectedLength, queuing = undefined) {
      need(arguments.length, 1, "new FixedLengthStream");
      let left = Number(expectedLength);
      if (!NumberIsInteger(left) || left < 0)
        throw new TypeError("The length of a FixedLengthStream must be an integer that is not negative.");
      const count = (bytes) => {
        left -= bytes;
        if (left < 0) throw new TypeError("More bytes were written to the FixedLengthStream than its length.");
      };
      const flush = () => {
        if (left > 0) throw new TypeError(`The FixedLengthStream was closed ${left} bytes before its length.`);
      };
      const length = left;
      const made = passing(queuing, count, flush);
      made.readable.knownLength = length;
      super(token, made);
    }
  }
  define(FixedLengthStream);

  return { IdentityTransformStream, FixedLengthStream };
});
