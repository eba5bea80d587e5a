import crypto, { createCipheriv, createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify, hkdfSync, pbkdf2Sync, randomBytes, randomInt, randomUUID, scryptSync, timingSafeEqual } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import keys from "./keys.json";

const thrown = (run) => {
  try {
    return run();
  } catch (error) {
    return [error.name, error.code ?? null];
  }
};

const message = "a message to be signed";

export const probes = {
  hashes: () =>
    ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "SHA256"].map((name) => [
      name,
      createHash(name).update("abc").update(Buffer.from("def")).digest("hex"),
    ]),
  hashForms: () => [
    createHash("sha256").update("\u00e9", "latin1").digest("base64"),
    createHash("sha256").update("ff", "hex").digest("base64url"),
    createHash("sha1").update("a").digest(),
    createHash("sha256").digest("hex"),
    crypto.hash?.("sha1", "a"),
    crypto.getHashes().includes("sha256"),
  ],
  hashCopy: () => {
    const hash = createHash("sha256").update("a");
    const copy = hash.copy();
    return [hash.update("b").digest("hex"), copy.update("b").digest("hex")];
  },
  hashStream: async () => {
    const hash = createHash("sha256");
    await pipeline(async function* () {
      yield "a";
      yield Buffer.from("b");
    }, hash);
    return hash.read();
  },
  hmacs: () => [
    createHmac("sha256", "key").update("data").digest("hex"),
    createHmac("sha512", Buffer.from("key")).update("da").update("ta").digest("base64"),
    createHmac("sha1", createSecretKey(Buffer.from("key"))).update("data").digest("hex"),
    createHmac("md5", "").update("").digest("hex"),
  ],
  failures: () => [
    thrown(() => createHash("sha256").update(5)),
    thrown(() => createHash(5)),
    thrown(() => createHmac("sha256")),
    thrown(() => {
      const hash = createHash("sha256");
      hash.digest();
      hash.update("a");
    }),
    thrown(() => randomBytes(-1)),
    thrown(() => randomBytes("a")),
    thrown(() => randomInt(5, 1)),
    thrown(() => randomInt("a")),
    thrown(() => pbkdf2Sync("a", "b", 0, 8, "sha1")),
    thrown(() => pbkdf2Sync("a", "b", 1, 8)),
  ],
  random: async () => [
    randomBytes(16).length,
    Buffer.isBuffer(randomBytes(1)),
    (await promisify(randomBytes)(4)).length,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(randomUUID()),
    Array.from({ length: 100 }, () => randomInt(3, 7)).every((value) => value >= 3 && value < 7),
    randomInt(1),
    await new Promise((resolve) => crypto.randomFill(new Uint8Array(8), (error, filled) => resolve([error, filled.length]))),
  ],
  derivation: async () => [
    pbkdf2Sync("password", "salt", 1000, 32, "sha256"),
    await promisify(crypto.pbkdf2)("password", "salt", 10, 20, "sha1"),
    scryptSync("password", "salt", 32, { N: 1024, r: 8, p: 1 }),
    await new Promise((resolve) => crypto.scrypt("p", "s", 16, (error, key) => resolve([error, key]))),
    new Uint8Array(hkdfSync("sha256", "key", "salt", "info", 42)),
  ],
  equality: () => [timingSafeEqual(Buffer.from("abc"), new Uint8Array([97, 98, 99])), timingSafeEqual(Buffer.from("abc"), Buffer.from("abd"))],
  webcrypto: async () => [
    typeof crypto.webcrypto.subtle.digest,
    crypto.subtle === globalThis.crypto.subtle,
    new Uint8Array(await crypto.subtle.digest("SHA-1", Buffer.from("a"))),
    crypto.getRandomValues(new Uint8Array(3)).length,
  ],
  keys: () =>
    Object.entries(keys).map(([name, pem]) => {
      const key = name.endsWith("Public") ? createPublicKey(pem) : createPrivateKey(pem);
      return [name, key.type, key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve ?? null];
    }),
  keyForms: () => {
    const rsa = createPrivateKey(keys.rsa);
    const ec = createPrivateKey(keys.ec);
    return [
      rsa.export({ type: "pkcs8", format: "pem" }) === keys.rsa,
      rsa.export({ type: "pkcs1", format: "pem" }) === keys.rsaPkcs1,
      createPublicKey(rsa).export({ type: "spki", format: "pem" }) === keys.rsaPublic,
      createPublicKey(keys.ec).export({ type: "spki", format: "pem" }) === keys.ecPublic,
      createPrivateKey({ key: rsa.export({ type: "pkcs8", format: "der" }), format: "der", type: "pkcs8" }).equals(rsa),
      createPublicKey({ key: createPublicKey(ec).export({ format: "jwk" }), format: "jwk" }).equals(createPublicKey(ec)),
    ];
  },
  secretKey: () => {
    const key = createSecretKey("secret", "utf8");
    return [key.type, key.symmetricKeySize, key.export(), key.equals(createSecretKey(Buffer.from("secret")))];
  },
  signatures: () =>
    [
      ["sha256", keys.rsa, keys.rsaPublic],
      ["sha512", keys.rsa, keys.rsaPublic],
      ["sha256", keys.ec, keys.ecPublic],
      [null, keys.ed, keys.edPublic],
      ["sha256", { key: keys.rsa, padding: 6, saltLength: 32 }, { key: keys.rsaPublic, padding: 6, saltLength: 32 }],
      ["sha256", { key: keys.ec, dsaEncoding: "ieee-p1363" }, { key: keys.ecPublic, dsaEncoding: "ieee-p1363" }],
    ].map(([algorithm, privateKey, publicKey]) => {
      const data = Buffer.from(message);
      const signature = crypto.sign(algorithm, data, privateKey);
      return [crypto.verify(algorithm, data, publicKey, signature), crypto.verify(algorithm, Buffer.from("other"), publicKey, signature)];
    }),
  deterministic: () => [
    createSign("RSA-SHA256").update("a").update("b").sign(keys.rsa, "base64"),
    crypto.sign(null, Buffer.from(message), keys.ed).toString("hex"),
    createVerify("sha256").update("ab").verify(keys.rsaPublic, createSign("sha256").update("ab").sign(keys.rsa)),
  ],
  ciphers: () =>
    ["aes-128-cbc", "aes-256-cbc", "aes-256-ctr", "aes-128-gcm", "aes-256-gcm"].map((name) => {
      const key = Buffer.alloc(name.includes("128") ? 16 : 32, 7);
      const iv = Buffer.alloc(name.endsWith("gcm") ? 12 : 16, 9);
      const cipher = createCipheriv(name, key, iv);
      if (name.endsWith("gcm")) cipher.setAAD(Buffer.from("about"));
      const encrypted = Buffer.concat([cipher.update("some text, longer than a block", "utf8"), cipher.final()]);
      const decipher = createDecipheriv(name, key, iv);
      let tag = null;
      if (name.endsWith("gcm")) {
        tag = cipher.getAuthTag();
        decipher.setAAD(Buffer.from("about"));
        decipher.setAuthTag(tag);
      }
      return [name, encrypted, tag, decipher.update(encrypted, undefined, "utf8") + decipher.final("utf8")];
    }),
  tampered: () => {
    const decipher = createDecipheriv("aes-256-gcm", Buffer.alloc(32), Buffer.alloc(12));
    decipher.setAuthTag(Buffer.alloc(16));
    return thrown(() => Buffer.concat([decipher.update(Buffer.from("text")), decipher.final()]))[0];
  },
  cipherErrors: () => [
    thrown(() => createCipheriv("nothing", Buffer.alloc(32), Buffer.alloc(3)))[0],
  ],
  generation: async () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    const data = Buffer.from(message);
    return [
      crypto.verify("sha256", data, publicKey, crypto.sign("sha256", data, privateKey)),
      crypto.generateKeySync("hmac", { length: 128 }).symmetricKeySize,
    ];
  },
};
