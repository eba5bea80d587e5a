// The algorithms of crypto.subtle: their names, hash functions, curves and usages.

const { ArrayPrototypeIncludes, ArrayPrototypePush, StringPrototypeToUpperCase, TypeError } = isolet.primordials;

isolet.lazy([], ["cryptoAlgorithms", "hashOf"], (host) => {
  const { cryptoKeys: keys } = isolet;
  const { isObject, iterate, list, string } = isolet.idl;

  const error = (name, message) => new isolet.DOMException(message, name);
  const unsupported = (what) => error("NotSupportedError", `crypto.subtle has no ${what}.`);
  const failed = (what) => error("OperationError", `${what} failed.`);

  // `block` is the length of a generated HMAC key in bytes.
  const hash = (id, name, bytes, block) => ({ __proto__: null, id, name, bytes, block });
  const hashes = {
    __proto__: null,
    MD5: hash(HashFunction.Md5, "MD5", 16, 64),
    "SHA-1": hash(HashFunction.Sha1, "SHA-1", 20, 64),
    "SHA-256": hash(HashFunction.Sha256, "SHA-256", 32, 64),
    "SHA-384": hash(HashFunction.Sha384, "SHA-384", 48, 128),
    "SHA-512": hash(HashFunction.Sha512, "SHA-512", 64, 128),
  };

  const both = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
  const derive = ["deriveKey", "deriveBits"];
  const aes = (name, mode, jwk, usages) => ({ __proto__: null, name, group: "aes", mode, jwk, secret: usages });
  const pair = (name, group, scheme, isPrivate, isPublic) => ({
    __proto__: null,
    name,
    group,
    scheme,
    private: isPrivate,
    public: isPublic,
  });
  const rsaJwk = (sha1, others) => ({
    __proto__: null,
    "SHA-1": sha1,
    "SHA-256": `${others}256`,
    "SHA-384": `${others}384`,
    "SHA-512": `${others}512`,
  });
  // The algorithms of keys: by their names in upper case.
  const algorithms = {
    __proto__: null,
    "AES-GCM": aes("AES-GCM", CipherMode.Gcm, "GCM", both),
    "AES-CBC": aes("AES-CBC", CipherMode.Cbc, "CBC", both),
    "AES-CTR": aes("AES-CTR", CipherMode.Ctr, "CTR", both),
    "AES-KW": aes("AES-KW", CipherMode.Kw, "KW", ["wrapKey", "unwrapKey"]),
    HMAC: { __proto__: null, name: "HMAC", group: "hmac", secret: ["sign", "verify"] },
    PBKDF2: { __proto__: null, name: "PBKDF2", group: "kdf", secret: derive },
    HKDF: { __proto__: null, name: "HKDF", group: "kdf", secret: derive },
    ECDSA: pair("ECDSA", "ec", SignatureScheme.Ecdsa, ["sign"], ["verify"]),
    ECDH: pair("ECDH", "ec", undefined, derive, []),
    ED25519: pair("Ed25519", "okp", SignatureScheme.Ed25519, ["sign"], ["verify"]),
    X25519: pair("X25519", "okp", undefined, derive, []),
    "RSASSA-PKCS1-V1_5": pair("RSASSA-PKCS1-v1_5", "rsa", SignatureScheme.RsaPkcs1, ["sign"], ["verify"]),
    "RSA-PSS": pair("RSA-PSS", "rsa", SignatureScheme.RsaPss, ["sign"], ["verify"]),
    "RSA-OAEP": pair("RSA-OAEP", "rsa", undefined, ["decrypt", "unwrapKey"], ["encrypt", "wrapKey"]),
  };
  const jwkNames = {
    __proto__: null,
    "RSASSA-PKCS1-v1_5": rsaJwk("RS1", "RS"),
    "RSA-PSS": rsaJwk("PS1", "PS"),
    "RSA-OAEP": rsaJwk("RSA-OAEP", "RSA-OAEP-"),
    HMAC: rsaJwk("HS1", "HS"),
  };
  const everyUsage = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];
  const includes = (names, name) => ArrayPrototypeIncludes(names, name);

  // The name of an algorithm: a text, or an object's `name`.
  function nameOf(algorithm) {
    const name = isObject(algorithm) ? algorithm.name : algorithm;
    if (name === undefined) throw new TypeError("An algorithm needs a name.");
    return StringPrototypeToUpperCase(string(name));
  }
  function algorithmOf(algorithm) {
    const name = nameOf(algorithm);
    // Workers' name from before the standard had it.
    const found = algorithms[name === "NODE-ED25519" ? "ED25519" : name];
    if (found === undefined) throw unsupported(`algorithm ${isolet.inspect(name)}`);
    return found;
  }
  function hashOf(algorithm) {
    const name = nameOf(algorithm);
    const found = hashes[name];
    if (found === undefined) throw unsupported(`hash function ${isolet.inspect(name)}`);
    return found;
  }
  // The hash of a key: a digest alone may be MD5.
  function keyHashOf(algorithm) {
    const found = hashOf(algorithm.hash);
    if (found.id === HashFunction.Md5) throw unsupported("keys with MD5");
    return found;
  }
  function curveOf(entry, algorithm) {
    if (entry.group === "okp") return keys.curves[entry.name];
    const name = string(algorithm.namedCurve);
    if (name !== "P-256" && name !== "P-384" && name !== "P-521") throw unsupported(`curve ${isolet.inspect(name)}`);
    return keys.curves[name];
  }

  // The usages of a key in the order of the standard.
  function usagesOf(value) {
    const given = list();
    iterate(value, "The usages of a key", (usage) => {
      const name = string(usage);
      if (!includes(everyUsage, name)) throw new TypeError(`${isolet.inspect(name)} is not a usage of keys.`);
      ArrayPrototypePush(given, name);
    });
    return given;
  }
  const has = (names, name) => {
    for (let i = 0; i < names.length; i++) if (names[i] === name) return true;
    return false;
  };
  function allowed(entry, usages, possible, needsOne) {
    for (let i = 0; i < usages.length; i++) {
      if (!includes(possible, usages[i]))
        throw error("SyntaxError", `Such a key of ${entry.name} is not for "${usages[i]}".`);
    }
    if (needsOne && usages.length === 0) throw error("SyntaxError", "A key needs at least one usage.");
    return chosen(usages, possible);
  }
  function chosen(usages, possible) {
    const kept = list();
    for (let i = 0; i < everyUsage.length; i++)
      if (has(usages, everyUsage[i]) && includes(possible, everyUsage[i])) ArrayPrototypePush(kept, everyUsage[i]);
    return kept;
  }

  const needsHash = (entry) => entry.group === "rsa" || entry.group === "hmac";
  const isCurve = (entry) => entry.group === "ec" || entry.group === "okp";

  host.hashOf = hashOf;
  host.cryptoAlgorithms = {
    __proto__: null,
    algorithmOf,
    allowed,
    chosen,
    curveOf,
    error,
    failed,
    has,
    includes,
    isCurve,
    jwkNames,
    keyHashOf,
    needsHash,
    unsupported,
    usagesOf,
  };
});
