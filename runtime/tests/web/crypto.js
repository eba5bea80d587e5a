// crypto.subtle: vectors of RFCs and NIST, and values that Node's webcrypto has made.
const { subtle } = crypto;
const unhex = (text) => bytes(...(text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
const key = (algorithm, usages, data, format = "raw") => subtle.importKey(format, data, algorithm, true, usages);
const secret = (name, text, ...usages) => key(name, usages, unhex(text));
test(
  "AES-GCM: test cases 4, 5 and 6 of McGrew and Viega",
  async () => {
    const k = await secret("AES-GCM", "feffe9928665731c6d6a8f9467308308", "encrypt", "decrypt");
    const additionalData = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const plain = unhex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    const seen = [];
    for (const iv of [
      "cafebabefacedbaddecaf888",
      "cafebabefacedbad",
      "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
    ]) {
      const algorithm = { name: "AES-GCM", iv: unhex(iv), additionalData };
      const sealed = await subtle.encrypt(algorithm, k, plain);
      seen.push(hex(sealed.slice(-16)), hex(await subtle.decrypt(algorithm, k, sealed)) === hex(plain));
    }
    return seen;
  },
  [
    "5bc94fbc3221a5db94fae95ae7121a47",
    true,
    "3612d2e79e3b0785561be14aaca2fccb",
    true,
    "619cc5aefffe0bfa462af43c1699d050",
    true,
  ],
);
test(
  "AES-GCM: short tags, and what is damaged",
  async () => {
    const k = await secret("AES-GCM", "00".repeat(32), "encrypt", "decrypt");
    const iv = bytes(1, 2, 3);
    const sealed = await subtle.encrypt({ name: "AES-GCM", iv, tagLength: 96 }, k, utf8("text"));
    return [
      sealed.byteLength,
      hex(await subtle.decrypt({ name: "AES-GCM", iv, tagLength: 96 }, k, sealed)),
      await all(
        () => subtle.decrypt({ name: "AES-GCM", iv }, k, sealed),
        () => subtle.decrypt({ name: "AES-GCM", iv: bytes(9), tagLength: 96 }, k, sealed),
        () => subtle.encrypt({ name: "AES-GCM", iv, tagLength: 95 }, k, sealed),
        () => subtle.encrypt({ name: "AES-GCM", iv: bytes() }, k, sealed),
        () => subtle.encrypt({ name: "AES-GCM" }, k, sealed),
      ),
    ];
  },
  [16, "74657874", ["OperationError", "OperationError", "OperationError", "OperationError", "TypeError"]],
);
test(
  "AES-CBC: NIST SP 800-38A F.2.1, and its padding",
  async () => {
    const k = await secret("AES-CBC", "2b7e151628aed2a6abf7158809cf4f3c", "encrypt", "decrypt");
    const algorithm = { name: "AES-CBC", iv: unhex("000102030405060708090a0b0c0d0e0f") };
    const out = await subtle.encrypt(algorithm, k, unhex("6bc1bee22e409f96e93d7e117393172a"));
    return [
      hex(out.slice(0, 16)),
      out.byteLength,
      hex(await subtle.decrypt(algorithm, k, out)),
      await all(
        () => subtle.decrypt(algorithm, k, out.slice(0, 31)),
        () => subtle.encrypt({ name: "AES-CBC", iv: bytes(1) }, k, out),
      ),
    ];
  },
  ["7649abac8119b246cee98e9b12e9197d", 32, "6bc1bee22e409f96e93d7e117393172a", ["OperationError", "OperationError"]],
);
test(
  "AES-CTR: NIST SP 800-38A F.5.1; the counter begins again",
  async () => {
    const k = await secret("AES-CTR", "2b7e151628aed2a6abf7158809cf4f3c", "encrypt", "decrypt");
    const run = async (counter, length, data) =>
      hex(await subtle.encrypt({ name: "AES-CTR", counter, length }, k, data));
    const block = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    const zeros = new Uint8Array(48);
    const wrapped = await run(block, 4, zeros.subarray(0, 32));
    const first = await run(unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfef0"), 4, zeros.subarray(0, 16));
    return [
      await run(block, 128, unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")),
      wrapped.slice(32) === first,
      await all(
        () => run(block, 1, zeros),
        () => run(block, 0, zeros),
        () => run(block, 129, zeros),
        () => run(bytes(1), 64, zeros),
      ),
    ];
  },
  ["874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff", true, Array(4).fill("OperationError")],
);
test(
  "AES-KW: RFC 3394, 4.1 and 4.6",
  async () => {
    const run = async (kek, data) => {
      const wrapping = await secret("AES-KW", kek, "wrapKey", "unwrapKey");
      const wrapped = await subtle.wrapKey("raw", await secret("AES-CTR", data, "encrypt"), wrapping, "AES-KW");
      const back = await subtle.unwrapKey("raw", wrapped, wrapping, "AES-KW", "AES-CTR", true, ["encrypt"]);
      return [hex(wrapped), hex(await subtle.exportKey("raw", back)) === data];
    };
    return [
      await run("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff"),
      await run(
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
      ),
    ];
  },
  [
    ["1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", true],
    ["28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21", true],
  ],
);
test(
  "HKDF: RFC 5869, A.1; PBKDF2: RFC 6070 and RFC 7914",
  async () => {
    const hkdf = await subtle.importKey("raw", unhex("0b".repeat(22)), "HKDF", false, ["deriveBits"]);
    const info = unhex("f0f1f2f3f4f5f6f7f8f9");
    const salt = unhex("000102030405060708090a0b0c");
    const password = async (text) => subtle.importKey("raw", utf8(text), "PBKDF2", false, ["deriveBits"]);
    const pbkdf2 = async (text, hash, salt, iterations, bits) =>
      hex(await subtle.deriveBits({ name: "PBKDF2", hash, salt: utf8(salt), iterations }, await password(text), bits));
    return [
      hex(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, hkdf, 336)),
      await pbkdf2("password", "SHA-1", "salt", 2, 160),
      await pbkdf2("passwd", "SHA-256", "salt", 1, 512),
      await all(
        () => pbkdf2("a", "SHA-1", "b", 0, 160),
        () => pbkdf2("a", "SHA-1", "b", 1, 9),
        () => pbkdf2("a", "SHA-1", "b", 1e7, 160),
        () => subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, hkdf, 8 * 255 * 32 + 8),
        // The sizes count too: a salt is read for each block of the output, `info` as well.
        () => pbkdf2("a", "SHA-1", "b".repeat(2 ** 20), 1, 160 * 200),
        () => pbkdf2("a", "SHA-1", "b", 1, 160 * 2_000_001),
        () =>
          subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info: new Uint8Array(2 ** 20) }, hkdf, 8 * 255 * 32),
      ),
    ];
  },
  [
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957",
    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
    [
      "OperationError",
      "OperationError",
      "NotSupportedError",
      "OperationError",
      "NotSupportedError",
      "NotSupportedError",
      "NotSupportedError",
    ],
  ],
);
test(
  "digests",
  async () => {
    const d = async (n, x) => hex(await crypto.subtle.digest(n, x));
    return [
      await d("SHA-1", utf8("abc")),
      await d({ name: "sha-256" }, utf8("")),
      (await d("SHA-384", utf8("abc"))).slice(0, 16),
      (await d("SHA-512", utf8("abc").buffer)).slice(0, 16),
    ];
  },
  [
    "a9993e364706816aba3e25717850c26c9cd0d89d",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cb00753f45a35e8b",
    "ddaf35a193617aba",
  ],
);
test(
  "HMAC, RFC 4231 case 2",
  async () => {
    const out = [];
    for (const hash of ["SHA-256", "SHA-384", "SHA-512"]) {
      const key = await crypto.subtle.importKey("raw", utf8("Jefe"), { name: "HMAC", hash }, true, ["sign", "verify"]);
      const mac = await crypto.subtle.sign("HMAC", key, utf8("what do ya want for nothing?"));
      out.push(
        hex(mac).slice(0, 16),
        await crypto.subtle.verify("HMAC", key, mac, utf8("what do ya want for nothing?")),
        await crypto.subtle.verify("HMAC", key, mac, utf8("other")),
        hex(await crypto.subtle.exportKey("raw", key)),
      );
    }
    return out;
  },
  [
    "5bdcc146bf60754e",
    true,
    false,
    "4a656665",
    "af45d2e376484031",
    true,
    false,
    "4a656665",
    "164b7a7bfcf819e2",
    true,
    false,
    "4a656665",
  ],
);
test(
  "digests: MD5, and a DigestStream",
  async () => {
    const stream = new crypto.DigestStream("SHA-256");
    const writer = stream.getWriter();
    await writer.write(utf8("a"));
    await writer.write("bc");
    await writer.close();
    const broken = new crypto.DigestStream({ name: "MD5" });
    await broken.abort(new RangeError("why"));
    return [
      hex(await crypto.subtle.digest("md5", utf8("abc"))),
      hex(await stream.digest).slice(0, 16),
      `${stream.bytesWritten}`,
      stream instanceof WritableStream,
      await all(
        () => broken.digest,
        () => new crypto.DigestStream("nonsense"),
      ),
    ];
  },
  ["900150983cd24fb0d6963f7d28e17f72", "ba7816bf8f01cfea", "3", true, ["RangeError", "NotSupportedError"]],
);
test(
  "timingSafeEqual",
  async () => [
    crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 2)),
    crypto.subtle.timingSafeEqual(bytes(1, 2), bytes(1, 3)),
    await thrown(() => crypto.subtle.timingSafeEqual(bytes(1), bytes(1, 2))),
  ],
  [true, false, "TypeError"],
);
