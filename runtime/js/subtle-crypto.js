// crypto.subtle, by the Web Cryptography standard.
//
// What is checked here is what the standard names: algorithms, usages, lengths, formats. The host
// computes, on bytes. Its functions cannot be interrupted, so there is a bound on what takes long.

const {
  ArrayBuffer,
  ArrayPrototypePush,
  Boolean,
  JSONParse,
  JSONStringify,
  MathCeil,
  ObjectDefineProperty,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = isolet.primordials;

isolet.lazy(["SubtleCrypto"], ["subtle"], (host) => {
  const { cryptoKeys: keys, natives, randomBytes: random, utf8 } = isolet;
  const { copy, define, integer, isObject, iterate, list, need, string, view } = isolet.idl;
  const {
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
  } = isolet.cryptoAlgorithms;

  const token = {};
  // The rounds of PBKDF2 and HKDF, of which each reads a block or two, as in aws_lc/derivation.rs.
  const MAX_ROUNDS = 2_000_000;
  const MAX_RSA_BITS = 4096;

  // Makes a key. `algorithm` is what scripts see of it.
  function make(entry, type, bytes, extractable, usages, { hash, curve }) {
    const algorithm = { name: entry.name };
    const shown = (name, value) =>
      ObjectDefineProperty(algorithm, name, {
        __proto__: null,
        value,
        writable: true,
        configurable: true,
        enumerable: true,
      });
    const kind = curve !== undefined ? curve.kind : entry.group === "rsa" ? KeyKind.Rsa : undefined;
    if (entry.group === "rsa") {
      const { bits, exponent } = keys.rsaSize(type === "private" ? keys.publicPart(kind, bytes) : bytes);
      shown("modulusLength", bits);
      shown("publicExponent", exponent);
    }
    if (entry.group === "ec") shown("namedCurve", curve.crv);
    if (hash !== undefined) shown("hash", { name: hash.name });
    if (entry.group === "aes" || entry.group === "hmac") shown("length", TypedArrayPrototypeGetLength(bytes) * 8);
    return keys.make({
      __proto__: null,
      entry,
      type,
      kind,
      curve: curve?.crv,
      hash,
      bytes,
      algorithm,
      extractable,
      usages,
    });
  }

  // The fields of a key that may be used so.
  function use(key, entry, usage) {
    const k = keys.fields(key);
    if (k.entry !== entry)
      throw error("InvalidAccessError", `The key is one of ${k.entry.name}, not of ${entry.name}.`);
    if (!has(k.usages, usage))
      throw error("InvalidAccessError", `The key was not made to ${usage}: add "${usage}" to its usages.`);
    return k;
  }

  function checkJwk(jwk, usages, extractable, name) {
    if (jwk.use !== undefined && usages.length > 0) {
      const signs = has(usages, "sign") || has(usages, "verify");
      if (jwk.use !== (signs ? "sig" : "enc"))
        throw error("DataError", "`use` of the JSON Web Key is for other usages.");
    }
    if (jwk.key_ops !== undefined) {
      const given = list();
      iterate(jwk.key_ops, "`key_ops` of the JSON Web Key", (usage) => ArrayPrototypePush(given, string(usage)));
      for (let i = 0; i < usages.length; i++)
        if (!has(given, usages[i])) throw error("DataError", `\`key_ops\` of the JSON Web Key has no "${usages[i]}".`);
    }
    if (jwk.ext === false && extractable) throw error("DataError", "`ext` of the JSON Web Key forbids to extract it.");
    if (jwk.alg !== undefined && name !== undefined && jwk.alg !== name)
      throw error("DataError", `\`alg\` of the JSON Web Key must be "${name}".`);
  }
  function jwkName(entry, hash, bytes) {
    if (entry.group === "aes") return `A${TypedArrayPrototypeGetLength(bytes) * 8}${entry.jwk}`;
    return hash === undefined ? undefined : jwkNames[entry.name]?.[hash.name];
  }

  const formats = ["raw", "spki", "pkcs8", "jwk"];
  function formatOf(format) {
    const how = string(format);
    if (!includes(formats, how)) throw new TypeError('The format of a key must be "raw", "spki", "pkcs8" or "jwk".');
    return how;
  }
  function importKey(format, data, algorithm, extractable, value) {
    const entry = algorithmOf(algorithm);
    const hash = needsHash(entry) ? keyHashOf(algorithm) : undefined;
    const curve = isCurve(entry) ? curveOf(entry, algorithm) : undefined;
    const usages = usagesOf(value);
    const how = formatOf(format);
    const what = { __proto__: null, hash, curve };
    if (entry.secret !== undefined) {
      const kept = allowed(entry, usages, entry.secret, true);
      if (entry.group === "kdf" && extractable)
        throw error("SyntaxError", `A key of ${entry.name} must not be extractable.`);
      let bytes;
      if (how === "raw") bytes = copy(data, "A raw key");
      else if (how === "jwk" && entry.group !== "kdf") bytes = keys.readJwk(data, "oct").bytes;
      else throw unsupported(`format "${how}" for keys of ${entry.name}`);
      const length = TypedArrayPrototypeGetLength(bytes);
      if (entry.group === "aes" && length !== 16 && length !== 24 && length !== 32)
        throw error("DataError", "A key of AES has 128, 192 or 256 bits.");
      if (entry.group === "hmac") {
        if (length === 0) throw error("DataError", "An HMAC key must not be empty.");
        if (algorithm.length !== undefined) {
          const bits = integer(algorithm.length, 0, 2 ** 32 - 1, "The length of the key");
          if (bits !== length * 8) throw error("DataError", `The key has ${length * 8} bits, not ${bits}.`);
        }
      }
      if (how === "jwk") checkJwk(data, usages, extractable, jwkName(entry, hash, bytes));
      return make(entry, "secret", bytes, extractable, kept, what);
    }
    const isPrivate = how === "pkcs8" || (how === "jwk" && isObject(data) && data.d !== undefined);
    const kept = allowed(entry, usages, isPrivate ? entry.private : entry.public, isPrivate);
    let bytes;
    const kind = curve === undefined ? KeyKind.Rsa : curve.kind;
    if (how === "jwk") {
      const kty = entry.group === "rsa" ? "RSA" : entry.group === "ec" ? "EC" : "OKP";
      const read = keys.readJwk(data, kty, curve);
      // A getter may have changed its mind.
      if (read.isPrivate !== isPrivate) throw error("DataError", "The JSON Web Key is not valid.");
      bytes = read.bytes;
      checkJwk(data, usages, extractable, jwkName(entry, hash, bytes));
    } else if (how === "raw" && curve !== undefined) {
      bytes = keys.readRaw(curve, copy(data, "A raw key"));
    } else if (how === "pkcs8" || how === "spki") {
      bytes = keys.derOf(kind, isPrivate, copy(data, "A key"));
    } else {
      throw unsupported(`format "${how}" for keys of ${entry.name}`);
    }
    return make(entry, isPrivate ? "private" : "public", bytes, extractable, kept, what);
  }

  // An ArrayBuffer, or a JSON Web Key.
  function exportKey(format, key) {
    const k = keys.fields(key);
    const { entry, type, bytes } = k;
    const how = formatOf(format);
    const wanted = type === "secret" ? "raw" : type === "private" ? "pkcs8" : "spki";
    const isRaw = how === "raw" && type === "public" && k.curve !== undefined;
    if ((how !== "jwk" && how !== wanted && !isRaw) || entry.group === "kdf") {
      if (entry.group === "kdf" || (how === "raw" && entry.group === "rsa"))
        throw unsupported(`format "${how}" for keys of ${entry.name}`);
      throw error("InvalidAccessError", `A ${type} key cannot be exported as "${how}".`);
    }
    if (!k.extractable) throw error("InvalidAccessError", "The key is not extractable.");
    if (isRaw) return TypedArrayPrototypeGetBuffer(copy(keys.rawOf(keys.curves[k.curve], bytes)));
    if (how !== "jwk") return TypedArrayPrototypeGetBuffer(copy(bytes));
    const jwk = keys.jwkOf(k);
    const name = jwkName(entry, k.hash, bytes);
    if (name !== undefined) jwk.alg = name;
    jwk.key_ops = [];
    for (let i = 0; i < k.usages.length; i++) ArrayPrototypePush(jwk.key_ops, k.usages[i]);
    jwk.ext = k.extractable;
    return jwk;
  }

  function generateKey(algorithm, extractable, value) {
    const entry = algorithmOf(algorithm);
    const usages = usagesOf(value);
    if (entry.group === "kdf") throw unsupported(`generateKey of ${entry.name}`);
    const hash = needsHash(entry) ? keyHashOf(algorithm) : undefined;
    const curve = isCurve(entry) ? curveOf(entry, algorithm) : undefined;
    const what = { __proto__: null, hash, curve };
    if (entry.secret !== undefined) {
      const length = lengthOf(entry, algorithm, "OperationError");
      const kept = allowed(entry, usages, entry.secret, true);
      return make(entry, "secret", random(MathCeil(length / 8)), extractable, kept, what);
    }
    const possible = list();
    for (let i = 0; i < entry.private.length; i++) ArrayPrototypePush(possible, entry.private[i]);
    for (let i = 0; i < entry.public.length; i++) ArrayPrototypePush(possible, entry.public[i]);
    for (let i = 0; i < usages.length; i++)
      if (!has(possible, usages[i])) throw error("SyntaxError", `A key of ${entry.name} is not for "${usages[i]}".`);
    const kept = chosen(usages, entry.private);
    if (kept.length === 0) throw error("SyntaxError", "A private key needs at least one usage.");
    let bits = 0;
    let exponent = 0;
    if (entry.group === "rsa") {
      bits = integer(algorithm.modulusLength, 0, 2 ** 32 - 1, "`modulusLength`");
      const given = view(algorithm.publicExponent, "`publicExponent`");
      const length = TypedArrayPrototypeGetLength(given);
      for (let i = 0; i < length && exponent <= 2 ** 32; i++) exponent = exponent * 256 + given[i];
      if (exponent !== 3 && exponent !== 65537) throw error("OperationError", "`publicExponent` must be 3 or 65537.");
      if (bits < 1024 || bits > MAX_RSA_BITS || bits % 128 !== 0)
        throw error("OperationError", `\`modulusLength\` must be from 1024 to ${MAX_RSA_BITS}, in steps of 128.`);
    }
    const kind = curve === undefined ? KeyKind.Rsa : curve.kind;
    const bytes = keys.generate(kind, bits, exponent);
    const privateKey = make(entry, "private", bytes, extractable, kept, what);
    const publicKey = make(entry, "public", keys.publicPart(kind, bytes), true, chosen(usages, entry.public), what);
    return { publicKey, privateKey };
  }

  // The length of a secret key in bits.
  /** @returns {any} */
  function lengthOf(entry, algorithm, name) {
    if (entry.group === "kdf") return null;
    const { length } = algorithm;
    if (entry.group === "hmac" && length === undefined) return keyHashOf(algorithm).block * 8;
    const bits = integer(length, 0, 2 ** 32 - 1, "The length of the key");
    if (entry.group === "aes" && bits !== 128 && bits !== 192 && bits !== 256)
      throw error(name, "A key of AES has 128, 192 or 256 bits.");
    if (entry.group === "hmac" && (bits === 0 || bits % 8 !== 0 || bits > 2 ** 20))
      throw error(name, "A key of HMAC has whole bytes, and up to 2^20 bits.");
    return bits;
  }

  const nothing = new Uint8Array(0);

  // Encrypts or decrypts; `k` may be used so.
  function crypt(encrypt, k, algorithm, data) {
    const bytes = copy(data, "The data");
    const what = encrypt ? "Encryption" : "Decryption";
    const room = TypedArrayPrototypeGetLength(bytes) + 1024;
    if (k.kind === KeyKind.Rsa) {
      if (k.type !== (encrypt ? "public" : "private"))
        throw error("InvalidAccessError", "RSA-OAEP encrypts with a public key, and decrypts with a private one.");
      if (encrypt) isolet.onlyInRuns("Encryption with RSA-OAEP");
      const label = algorithm.label === undefined ? nothing : copy(algorithm.label, "`label`");
      const made = keys.written(room + 2048, (out) => natives.oaep(encrypt, k.hash.id, label, k.bytes, bytes, out));
      if (made === undefined) throw failed(what);
      return made;
    }
    let iv = nothing;
    let count = 0;
    let associated = nothing;
    switch (k.entry.mode) {
      case CipherMode.Gcm: {
        iv = copy(algorithm.iv, "`iv`");
        if (TypedArrayPrototypeGetLength(iv) === 0) throw error("OperationError", "`iv` must not be empty.");
        if (algorithm.additionalData !== undefined) associated = copy(algorithm.additionalData, "`additionalData`");
        const { tagLength } = algorithm;
        const bits = tagLength === undefined ? 128 : integer(tagLength, 0, 255, "`tagLength`");
        if (bits !== 32 && bits !== 64 && !(bits >= 96 && bits <= 128 && bits % 8 === 0))
          throw error("OperationError", "`tagLength` must be 32, 64, 96, 104, 112, 120 or 128.");
        count = bits / 8;
        break;
      }
      case CipherMode.Cbc:
        iv = copy(algorithm.iv, "`iv`");
        if (TypedArrayPrototypeGetLength(iv) !== 16) throw error("OperationError", "`iv` must have 16 bytes.");
        break;
      case CipherMode.Ctr:
        iv = copy(algorithm.counter, "`counter`");
        count = integer(algorithm.length, 0, 255, "`length`");
        if (TypedArrayPrototypeGetLength(iv) !== 16) throw error("OperationError", "`counter` must have 16 bytes.");
        if (count < 1 || count > 128) throw error("OperationError", "`length` must be from 1 to 128.");
        break;
    }
    const made = keys.written(room, (out) =>
      natives.cipher(k.entry.mode, encrypt, k.bytes, iv, associated, count, bytes, out),
    );
    if (made === undefined) throw failed(what);
    return made;
  }

  // The blocks that a hash function reads of some bytes.
  const blocks = (hash, bytes) => MathCeil(TypedArrayPrototypeGetLength(bytes) / hash.block);
  function checkRounds(entry, rounds) {
    if (rounds > MAX_ROUNDS)
      throw error(
        "NotSupportedError",
        `${entry.name} takes up to ${MAX_ROUNDS} rounds, and this would be ${rounds}: ask for fewer iterations, fewer bits or shorter inputs.`,
      );
  }

  function deriveBits(algorithm, baseKey, length, usage) {
    const entry = algorithmOf(algorithm);
    const k = use(baseKey, entry, usage);
    if (entry.group === "ec" || entry.group === "okp") {
      const peer = keys.fields(algorithm.public);
      if (peer.type !== "public" || k.type !== "private" || peer.entry !== entry || peer.curve !== k.curve)
        throw error("InvalidAccessError", "`public` must be a public key of the same curve.");
      const secret = keys.written(128, (out) => natives.agree(k.kind, k.bytes, peer.bytes, out));
      if (secret === undefined) throw failed("The derivation");
      if (length === null) return secret;
      const bytes = MathCeil(length / 8);
      const most = TypedArrayPrototypeGetLength(secret);
      if (bytes > most) throw error("OperationError", `The secret has only ${most * 8} bits.`);
      const part = copy(TypedArrayPrototypeSubarray(secret, 0, bytes));
      if (length % 8 !== 0) part[bytes - 1] &= 0xff << (8 - (length % 8));
      return part;
    }
    if (entry.group !== "kdf") throw unsupported(`derivation with ${entry.name}`);
    const hash = keyHashOf(algorithm);
    const salt = copy(algorithm.salt, "`salt`");
    if (length === null || length % 8 !== 0) throw error("OperationError", "The length must be whole bytes in bits.");
    const pieces = MathCeil(length / 8 / hash.bytes);
    if (entry.name === "HKDF") {
      const info = copy(algorithm.info, "`info`");
      checkRounds(entry, pieces * (1 + blocks(hash, info)) + blocks(hash, salt) + blocks(hash, k.bytes));
      const out = new ArrayBuffer(length / 8);
      if (!natives.hkdf(hash.id, k.bytes, salt, info, out)) throw failed("The derivation");
      return new Uint8Array(out);
    }
    const iterations = integer(algorithm.iterations, 0, 2 ** 32 - 1, "`iterations`");
    if (iterations === 0) throw error("OperationError", "`iterations` must not be 0.");
    checkRounds(entry, pieces * (iterations + blocks(hash, salt)) + blocks(hash, k.bytes));
    const out = new ArrayBuffer(length / 8);
    if (length > 0 && !natives.pbkdf2(hash.id, k.bytes, salt, iterations, out)) throw failed("The derivation");
    return new Uint8Array(out);
  }

  function signature(algorithm, key, usage) {
    const entry = algorithmOf(algorithm);
    const k = use(key, entry, usage);
    const hash = entry.name === "ECDSA" ? keyHashOf(algorithm) : k.hash;
    const salt = entry.name === "RSA-PSS" ? integer(algorithm.saltLength, 0, 1024, "`saltLength`") : 0;
    return { __proto__: null, k, entry, hash, salt, id: hash === undefined ? HashFunction.Sha512 : hash.id };
  }
  function hmac(k, data) {
    const out = new ArrayBuffer(k.hash.bytes);
    natives.hmac(k.hash.id, k.bytes, view(data, "The data"), out);
    return out;
  }

  const lengthArgument = (length) =>
    length === null || length === undefined ? null : integer(length, 0, 2 ** 32 - 1, "The length");

  class SubtleCrypto {
    constructor(key) {
      if (key !== token) throw new TypeError("Illegal constructor.");
    }

    async digest(algorithm, data) {
      need(arguments.length, 2, "crypto.subtle.digest");
      const { id, bytes } = isolet.hashOf(algorithm);
      const out = new ArrayBuffer(bytes);
      natives.digest(id, view(data, "The data of digest"), out);
      return out;
    }

    async importKey(format, data, algorithm, extractable, usages) {
      need(arguments.length, 5, "crypto.subtle.importKey");
      return importKey(format, data, algorithm, Boolean(extractable), usages);
    }

    async generateKey(algorithm, extractable, usages) {
      need(arguments.length, 3, "crypto.subtle.generateKey");
      return generateKey(algorithm, Boolean(extractable), usages);
    }

    async exportKey(format, key) {
      need(arguments.length, 2, "crypto.subtle.exportKey");
      return exportKey(format, key);
    }

    async sign(algorithm, key, data) {
      need(arguments.length, 3, "crypto.subtle.sign");
      const { k, entry, id, salt } = signature(algorithm, key, "sign");
      if (entry.group === "hmac") return hmac(k, data);
      // Ed25519 and RSASSA-PKCS1-v1_5 draw nothing.
      if (entry.name === "ECDSA" || entry.name === "RSA-PSS")
        isolet.onlyInRuns(`crypto.subtle.sign with ${entry.name}`);
      const bytes = copy(data, "The data");
      const made = keys.written(2100, (out) => natives.sign(k.kind, entry.scheme, id, salt, k.bytes, bytes, out));
      if (made === undefined) throw failed("The signature");
      return TypedArrayPrototypeGetBuffer(entry.group === "ec" ? keys.toNumbers(keys.curves[k.curve], made) : made);
    }

    async verify(algorithm, key, given, data) {
      need(arguments.length, 4, "crypto.subtle.verify");
      const { k, entry, id, salt } = signature(algorithm, key, "verify");
      const bytes = copy(given, "The signature");
      if (entry.group === "hmac") return keys.equal(new Uint8Array(hmac(k, data)), bytes);
      const signed = entry.group === "ec" ? keys.fromNumbers(keys.curves[k.curve], bytes) : bytes;
      const content = copy(data, "The data");
      return signed !== undefined && natives.verify(k.kind, entry.scheme, id, salt, k.bytes, signed, content);
    }

    async encrypt(algorithm, key, data) {
      need(arguments.length, 3, "crypto.subtle.encrypt");
      const entry = algorithmOf(algorithm);
      return TypedArrayPrototypeGetBuffer(crypt(true, use(key, entry, "encrypt"), algorithm, data));
    }

    async decrypt(algorithm, key, data) {
      need(arguments.length, 3, "crypto.subtle.decrypt");
      const entry = algorithmOf(algorithm);
      return TypedArrayPrototypeGetBuffer(crypt(false, use(key, entry, "decrypt"), algorithm, data));
    }

    /** @param {ScriptValue} algorithm @param {ScriptValue} baseKey @param {ScriptValue} [length] */
    async deriveBits(algorithm, baseKey, length = null) {
      need(arguments.length, 2, "crypto.subtle.deriveBits");
      return TypedArrayPrototypeGetBuffer(deriveBits(algorithm, baseKey, lengthArgument(length), "deriveBits"));
    }

    async deriveKey(algorithm, baseKey, derived, extractable, usages) {
      need(arguments.length, 5, "crypto.subtle.deriveKey");
      const entry = algorithmOf(derived);
      if (entry.secret === undefined) throw unsupported(`derivation of keys of ${entry.name}`);
      const bits = deriveBits(algorithm, baseKey, lengthOf(entry, derived, "OperationError"), "deriveKey");
      return importKey("raw", bits, derived, Boolean(extractable), usages);
    }

    async wrapKey(format, key, wrappingKey, algorithm) {
      need(arguments.length, 4, "crypto.subtle.wrapKey");
      const k = use(wrappingKey, algorithmOf(algorithm), "wrapKey");
      const exported = exportKey(format, key);
      const bytes = string(format) === "jwk" ? utf8.encode(JSONStringify(exported)) : exported;
      return TypedArrayPrototypeGetBuffer(crypt(true, k, algorithm, bytes));
    }

    async unwrapKey(format, wrapped, unwrappingKey, algorithm, keyAlgorithm, extractable, usages) {
      need(arguments.length, 7, "crypto.subtle.unwrapKey");
      const k = use(unwrappingKey, algorithmOf(algorithm), "unwrapKey");
      const bytes = crypt(false, k, algorithm, wrapped);
      let data = bytes;
      if (string(format) === "jwk") {
        try {
          data = JSONParse(utf8.decode(bytes));
        } catch {
          throw error("DataError", "What was unwrapped is not a JSON Web Key.");
        }
      }
      return importKey(format, data, keyAlgorithm, Boolean(extractable), usages);
    }

    // Workers' own.
    timingSafeEqual(a, b) {
      need(arguments.length, 2, "crypto.subtle.timingSafeEqual");
      const first = copy(a, "The first value");
      const second = copy(b, "The second value");
      if (TypedArrayPrototypeGetLength(first) !== TypedArrayPrototypeGetLength(second))
        throw new TypeError("Both values must have the same length.");
      return keys.equal(first, second);
    }
  }
  define(SubtleCrypto);

  host.subtle = new SubtleCrypto(token);
  return { SubtleCrypto };
});
