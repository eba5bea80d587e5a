import buffer, { Buffer, constants, isAscii, isUtf8, kMaxLength, transcode } from "node:buffer";
import { StringDecoder } from "node:string_decoder";

const text = "h\u00e9llo \u20ac \ud83d\ude00 w\u00f6rld";
const view = () => Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]);

export const probes = {
  global: () => [globalThis.Buffer === Buffer, buffer.Buffer === Buffer, require("buffer") === buffer, kMaxLength > 0],
  constants: () => [typeof constants.MAX_LENGTH, constants.MAX_STRING_LENGTH > 0, buffer.INSPECT_MAX_BYTES],
  instance: () => {
    const b = Buffer.from("a");
    return [b instanceof Uint8Array, b instanceof Buffer, b.constructor === Buffer, Buffer.isBuffer(new Uint8Array(1))];
  },
  encodings: () =>
    ["utf8", "utf16le", "ucs2", "latin1", "ascii", "binary", "base64", "base64url", "hex", "UTF-8", "Base64"].map((encoding) => [
      encoding,
      Buffer.from(text, encoding),
      Buffer.from(text).toString(encoding),
      Buffer.byteLength(text, encoding),
    ]),
  lenient: () => [
    Buffer.from("YQ", "base64"),
    Buffer.from("YQ==", "base64"),
    Buffer.from("Y Q\n=", "base64"),
    Buffer.from("-_-_", "base64"),
    Buffer.from("+/+/", "base64url"),
    Buffer.from("YWJj!ZGVm", "base64"),
    Buffer.from("abcxyz", "hex"),
    Buffer.from("abc", "hex"),
    Buffer.from("", "hex"),
  ],
  from: () => [
    Buffer.from([1, 256, -1, 3.7, "5"]),
    Buffer.from(new Uint16Array([1, 2, 300])),
    Buffer.from(new ArrayBuffer(4), 1, 2),
    Buffer.from({ length: 3, 0: 7, 1: 8, 2: 9 }),
    Buffer.from({ type: "Buffer", data: [1, 2] }),
    Buffer.from(new String("boxed")),
    Buffer.from(Buffer.from("copy")),
    Buffer.of(1, 2, 3),
    Buffer.alloc(5, "ab"),
    Buffer.alloc(3, 300),
    Buffer.concat([Buffer.from("a"), Buffer.from("bc")]),
    Buffer.concat([Buffer.from("abc"), Buffer.from("def")], 4),
    Buffer.concat([Buffer.from("a")], 3),
  ],
  shared: () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const b = Buffer.from(bytes.buffer);
    bytes[0] = 9;
    const slice = b.subarray(0, 2);
    slice[1] = 8;
    return [b, slice, b.slice(-2), b.subarray(1, -1), b.subarray(5)];
  },
  errors: async () => {
    const failures = [];
    for (const run of [
      () => Buffer.from("a", "nothing"),
      () => Buffer.alloc("5"),
      () => Buffer.byteLength(5),
      () => Buffer.from("abc").toString("nothing"),
      () => Buffer.from("abc").readUInt8(3),
      () => Buffer.from("abc").readUInt8(1.5),
      () => Buffer.from("abc").readUInt8("1"),
      () => Buffer.from("abc").readUInt32LE(0),
      () => Buffer.from("abc").readUIntBE(0, 7),
      () => Buffer.alloc(4).writeUInt8(256),
      () => Buffer.alloc(4).writeInt16LE(40000),
      () => Buffer.alloc(8).writeUIntBE(2 ** 41, 0, 5),
      () => Buffer.alloc(8).writeBigUInt64LE(-1n),
      () => Buffer.alloc(8).writeInt32BE(2 ** 33),
      () => Buffer.alloc(4).fill("a", 0, 4, "nothing"),
      () => Buffer.alloc(3).swap16(),
      () => Buffer.from("a").indexOf({}),
      () => Buffer.from("a").copy("b"),
    ]) {
      try {
        failures.push(run());
      } catch (error) {
        failures.push([error instanceof Error, error]);
      }
    }
    return failures;
  },
  reading: () => {
    const b = view();
    return [
      b.readUInt8(1),
      b.readUint8(),
      b.readInt8(0),
      b.readUInt16LE(0),
      b.readUInt16BE(0),
      b.readUInt32LE(1),
      b.readInt32BE(4),
      b.readBigUInt64LE(),
      b.readBigInt64BE(0),
      b.readFloatLE(0),
      b.readFloatBE(4),
      b.readDoubleLE(0),
      b.readDoubleBE(0),
      b.readUIntLE(0, 6),
      b.readUIntBE(1, 3),
      Buffer.from([255, 255, 254]).readIntBE(0, 3),
      Buffer.from([254, 255, 255]).readIntLE(0, 3),
    ];
  },
  writing: () => {
    const b = Buffer.alloc(40);
    let at = 0;
    at = b.writeUInt8(200, at);
    at = b.writeInt8(-5, at);
    at = b.writeUInt16BE(513, at);
    at = b.writeInt16LE(-2, at);
    at = b.writeUInt32LE(4000000000, at);
    at = b.writeInt32BE(-7, at);
    at = b.writeFloatBE(1.5, at);
    at = b.writeDoubleLE(-2.25, at);
    at = b.writeBigInt64BE(-3n, at);
    at = b.writeIntBE(-1234567, at, 6);
    return [at, b];
  },
  text: () => {
    const b = Buffer.alloc(8, ".");
    return [b.write("\u20ac\u20ac\u20ac"), b, b.write("xyz", 6), b, b.write("ff00", 1, "hex"), b, b.utf8Slice(0, 3), b.toString("latin1", 2, 5)];
  },
  search: () => {
    const b = Buffer.from("this is a buffer, this is");
    return [
      b.indexOf("this"),
      b.indexOf("this", 1),
      b.lastIndexOf("this"),
      b.indexOf(Buffer.from("is")),
      b.indexOf(98),
      b.indexOf("none"),
      b.indexOf(""),
      b.indexOf("", 5),
      b.indexOf("is", -4),
      b.lastIndexOf("is", -6),
      b.includes("buffer"),
      b.includes("t", 22),
      Buffer.from("abab", "utf16le").indexOf("b", 0, "utf16le"),
    ];
  },
  comparing: () => [
    Buffer.compare(Buffer.from("a"), Buffer.from("b")),
    Buffer.from("abc").compare(Buffer.from("ab")),
    Buffer.from("abc").compare(Buffer.from("xabcx"), 1, 4),
    Buffer.from("a").equals(new Uint8Array([97])),
    [Buffer.from("c"), Buffer.from("a"), Buffer.from("b")].sort(Buffer.compare).map(String),
  ],
  filling: () => [
    Buffer.alloc(5).fill("abc"),
    Buffer.alloc(5).fill(7, 1, 3),
    Buffer.alloc(4).fill(Buffer.from([1, 2])),
    Buffer.alloc(4, "x").fill(""),
    Buffer.alloc(3).fill(true),
  ],
  copying: () => {
    const target = Buffer.alloc(5, "-");
    return [view().copy(target, 2, 1, 6), target, view().copy(target, 9), view().swap16(), view().swap32(), view().swap64()];
  },
  json: () => [JSON.stringify(view()), Buffer.from(JSON.parse(JSON.stringify(view()))), `${Buffer.from("as text")}`],
  iteration: () => [[...Buffer.from("ab")], [...Buffer.from("ab").entries()], [...Buffer.from("ab").keys()]],
  functions: () => [
    isUtf8(Buffer.from(text)),
    isUtf8(Buffer.from([0xc0])),
    isAscii(Buffer.from("abc")),
    isAscii(Buffer.from(text)),
    transcode(Buffer.from("\u00e9"), "utf8", "utf16le"),
    Buffer.isEncoding("HEX"),
    Buffer.isEncoding("nothing"),
    buffer.atob("aGk="),
    buffer.btoa("hi"),
  ],
  species: () => [view().map((byte) => byte * 2), view().filter((byte) => byte > 5) instanceof Buffer, view().toReversed()],
  decoder: () => {
    const pieces = (encoding, size) => {
      const decoder = new StringDecoder(encoding);
      const bytes = Buffer.from(text, encoding === "utf16le" ? "utf16le" : "utf8");
      const found = [];
      for (let at = 0; at < bytes.length; at += size) found.push(decoder.write(bytes.subarray(at, at + size)));
      found.push(decoder.end());
      return found;
    };
    return [pieces("utf8", 1), pieces("utf8", 3), pieces("utf16le", 3), pieces("base64", 2), pieces("hex", 2), pieces("latin1", 5)];
  },
  brokenText: () => {
    const decoder = new StringDecoder();
    return [
      decoder.write(Buffer.from([0xe2, 0x82])),
      decoder.end(),
      decoder.write(Buffer.from([0xf0, 0x9f])),
      decoder.write(Buffer.from([0x41])),
      decoder.end(),
      new StringDecoder("nothing"),
    ];
  },
};
