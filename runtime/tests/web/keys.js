// Keys of crypto.subtle: their formats, their usages, and what is done with pairs.
const { subtle } = crypto;
const unhex = (text) => bytes(...(text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
const key = (algorithm, usages, data, format = "raw") => subtle.importKey(format, data, algorithm, true, usages);
const secret = (name, text, ...usages) => key(name, usages, unhex(text));
// Made by Node.js.
const made = {
  rsa: {
    kty: "RSA",
    n: "0UDpYPa90azf_9zz63-uSPJHZcBIYl7miTefrlHZ-JWF1nCK5Z-1Vh4CRrAJiQbnKS8FvYngYK3FZ0Bsfbj16BM1L624KNc-UfvXjDrQ_QxeSAScD6JLoAV4EI-9U4O8PVjkRuR5rn-lwl-o95wMKnPRD-7ptb-uuaXDbNfX-uVdCPuBE5ShLVEg-iawOQyxZJkevY_nVaExqvukgaRYxD-6B0yG0qgpHN2X13UXNfNa1Tiflg6nnKsAkoj_GDTPyUoqjx4Fn8X3p5pkDGshlXqoGGgwIM4rwM6Yiwh0y-BSOOsvBla3BoOO5wHT_altwWgw4NMXOP-hRaL4jDdYGQ",
    e: "AQAB",
    d: "E5q9QrRbPFWx9srAn4Oq1HK-da36Gh1CBAEOGMraXQvFKj4JBVJdLuBI3k6H1iqrZZReOU-9kdE1-WJzx6OYhlGmXf0sj8b6s7ugiibIhayu-JhV9rEB3NAmW4bb-gMRk73MRUgKjmqvIPLNZcVc7m1DXPbJNpnqyMHa-UuPlJXVLBML5y4Bm7cJZiGNIrlXgwNdSO_-zu1pmKS4yczNOE4w1P4Ed13P_qO9FYG7arHHSMC96peg5E23m3y4eI4jAuyELlDvPO68eAdrAsISVjnXpE0U-F89jXApMbH9v0RXZyUYa9VoDuk9txf97r89Xl-Ms8RXaJj8iPa_nSoKAQ",
    p: "7QO9qVxmq2Stf7WGR90D9ez1YSQfMnUr8ojS3g7bweXjzG0dDysZq42TCiYTi5XkOLNha1bxjarEN3laLBo2D3-C0rJs4q17JJvBw9SPtJwhfERLuPeqZGRsLGqtVwcdKz6sntgNr4SudrX0cAIluByj23VbUXxxe2y6fKpbb6k",
    q: "4gPl8_l5-gxSspBi5e4Go0UnUFlYXjLV9FUYic3Gy7Cv73iLd24XRdaD74m85lVLQbbFFMD3mTKAY6YYJP4NnLiJgcV2s0vErb13b5iKqSrfg6E27gLFzdY5yUa_iclYTgY7Puwqg5MfczynyBmm5PDHNRgJZs1iEmuIkGY1qvE",
    dp: "Ih8mv-ogkc41uCwO_-uOtWn-zZRgtWfvAsS17ugetSR-jiCrTVK8KFmCcLSYncDfkVYp0UU8E1QhWYcr9yty2vpVgDXVvTCSiOuvkpzYb30GyRgf-qoVKszWUfKtr9jDV0V3noqmNb2ZTFfXsARvH7ln0aFsmyeaQtWdZ3MzJLk",
    dq: "z-1OLDmjYcrcebIjieyE5sfD90N67I5QD0wKGxzYeqO9980qYWFCv9kt370Tr8NgTMBcZ09vedzgCMzRAZdH5ppOxrhnD2PxOPVJX70yM5dhsbMq2aRrXYZr-yO_Kn-1YXKSJr0WD53WHSn8ITaYN57bZZkLbSwdwVx0coPVc8E",
    qi: "DQo1TssS8hcM4AVRZyFN4hCvztxXADWll0QJZ7njNL6UP1qGIRondYy84DA0eZDBgar_HmM4XPaf4RlqT352CJMJ_LNcEhkhxE34LcPdmnpQbY8NDEMBeFkfAbt_VqYIykTQbJJ2reRBuf6dmweZlPCJ3uNU7xc2VzCB-H6PagI",
  },
  rsaPkcs8:
    "308204bd020100300d06092a864886f70d0101010500048204a7308204a30201000282010100d140e960f6bdd1acdfffdcf3eb7fae48f24765c048625ee689379fae51d9f89585d6708ae59fb5561e0246b0098906e7292f05bd89e060adc567406c7db8f5e813352fadb828d73e51fbd78c3ad0fd0c5e48049c0fa24ba00578108fbd5383bc3d58e446e479ae7fa5c25fa8f79c0c2a73d10feee9b5bfaeb9a5c36cd7d7fae55d08fb811394a12d5120fa26b0390cb164991ebd8fe755a131aafba481a458c43fba074c86d2a8291cdd97d7751735f35ad5389f960ea79cab009288ff1834cfc94a2a8f1e059fc5f7a79a640c6b21957aa818683020ce2bc0ce988b0874cbe05238eb2f0656b706838ee701d3fda96dc16830e0d31738ffa145a2f88c375819020301000102820100139abd42b45b3c55b1f6cac09f83aad472be75adfa1a1d4204010e18cada5d0bc52a3e0905525d2ee048de4e87d62aab65945e394fbd91d135f96273c7a3988651a65dfd2c8fc6fab3bba08a26c885acaef89855f6b101dcd0265b86dbfa031193bdcc45480a8e6aaf20f2cd65c55cee6d435cf6c93699eac8c1daf94b8f9495d52c130be72e019bb70966218d22b95783035d48effeceed6998a4b8c9cccd384e30d4fe04775dcffea3bd1581bb6ab1c748c0bdea97a0e44db79b7cb8788e2302ec842e50ef3ceebc78076b02c2125639d7a44d14f85f3d8d702931b1fdbf44576725186bd5680ee93db717fdeebf3d5e5f8cb3c4576898fc88f6bf9d2a0a0102818100ed03bda95c66ab64ad7fb58647dd03f5ecf561241f32752bf288d2de0edbc1e5e3cc6d1d0f2b19ab8d930a26138b95e438b3616b56f18daac437795a2c1a360f7f82d2b26ce2ad7b249bc1c3d48fb49c217c444bb8f7aa64646c2c6aad57071d2b3eac9ed80daf84ae76b5f4700225b81ca3db755b517c717b6cba7caa5b6fa902818100e203e5f3f979fa0c52b29062e5ee06a345275059585e32d5f4551889cdc6cbb0afef788b776e1745d683ef89bce6554b41b6c514c0f799328063a61824fe0d9cb88981c576b34bc4adbd776f988aa92adf83a136ee02c5cdd639c946bf89c9584e063b3eec2a83931f733ca7c819a6e4f0c735180966cd62126b88906635aaf1028180221f26bfea2091ce35b82c0effeb8eb569fecd9460b567ef02c4b5eee81eb5247e8e20ab4d52bc28598270b4989dc0df915629d1453c13542159872bf72b72dafa558035d5bd309288ebaf929cd86f7d06c9181ffaaa152accd651f2adafd8c35745779e8aa635bd994c57d7b0046f1fb967d1a16c9b279a42d59d67733324b902818100cfed4e2c39a361cadc79b22389ec84e6c7c3f7437aec8e500f4c0a1b1cd87aa3bdf7cd2a616142bfd92ddfbd13afc3604cc05c674f6f79dce008ccd1019747e69a4ec6b8670f63f138f5495fbd32339761b1b32ad9a46b5d866bfb23bf2a7fb561729226bd160f9dd61d29fc213698379edb65990b6d2c1dc15c747283d573c10281800d0a354ecb12f2170ce0055167214de210afcedc570035a597440967b9e334be943f5a86211a27758cbce030347990c181aaff1e63385cf69fe1196a4f7e76089309fcb35c121921c44df82dc3dd9a7a506d8f0d0c430178591f01bb7f56a608ca44d06c9276ade441b9fe9d9b079994f089dee354ef1736573081f87e8f6a02",
  rsaSpki:
    "30820122300d06092a864886f70d01010105000382010f003082010a0282010100d140e960f6bdd1acdfffdcf3eb7fae48f24765c048625ee689379fae51d9f89585d6708ae59fb5561e0246b0098906e7292f05bd89e060adc567406c7db8f5e813352fadb828d73e51fbd78c3ad0fd0c5e48049c0fa24ba00578108fbd5383bc3d58e446e479ae7fa5c25fa8f79c0c2a73d10feee9b5bfaeb9a5c36cd7d7fae55d08fb811394a12d5120fa26b0390cb164991ebd8fe755a131aafba481a458c43fba074c86d2a8291cdd97d7751735f35ad5389f960ea79cab009288ff1834cfc94a2a8f1e059fc5f7a79a640c6b21957aa818683020ce2bc0ce988b0874cbe05238eb2f0656b706838ee701d3fda96dc16830e0d31738ffa145a2f88c3758190203010001",
  oaep: "6bb3d27a3227f28d08ef2cc228cf3355e5e076bff11f95908388a4fed6d6b7ef398cd61cbc5765e7ab1e28ceeb4531be8c3504f95851f9d07a3d0dfb8dd239fb89a8194949d61676a8d3225e8b1f8a29e0f6e804cf66140bf82dc9c8ac8bbaceb74ad25cef4a50ad6d7f3980d52a77d336ad47346b487834490aaa0b0e87eb6921ab8751aa0dcdfb72e2bfe36e6bb55943b363d3684545c0dabd32ec02b092f849269d3fb719d2002fee0a562452f4a80eaa044eb728177825418258bafc3eb24b2f33307a8378b55dd2f96acf83b5f7c664780667430254286bfb713d498552e255392e349a445da7d0b75f48f440aa865bf1bd14781dd7dfb54f0fd65b5548",
  pss: "a677193d9079f61acc662d0db3826b8efa0622d5050ca7251a7fbb479e07049f1c180c922480aba4fe3d8c1fb07e58b3083625002a12cf95b74a01974b5b34d50d291cca413349ee8850063b8115a50a52ce0465eec6d9a2065dd4b72dcd41997f72d4f521d9094ccd2432ac3dc42a9577b968d6041aa054b638de19b14a28929e8cae4c32a36550e4b225875365d1ae24616a6eda294cf4054f7c9bfa6c47e44e4f6f7bc58ad6ac30d5eccef32db25c6e0dec7107c28af54e075f886dda90cb45934b48e4df09577680089e68df8e4654e35cbcec5b9e4f8df780e118aa7b4008c2d9f73d6006454dbe4c10b5963bbf70b84938fcbc1a3465add25430022707",
  pkcs1:
    "84667c98538fa3c8efede0ca4e903dc72d6da6e8c557ed308394f9b647017a41605ded5262d1293dfc3e5c4d0601c9d08b395f83ff53d03a4a42ae7274d7770d31d76da6fdea8f252775eee15aa638219c4b81e0024d29f029db29351cb6854a3f7d53d21dfa9a5e42ee5adcbabf26e82436e84fd2489309b4dbc89b6ded1a4668736a5de1905e502aed712f6abe75e65c2ceb1770ffede89ab44c9ee870d2867611e1442927aaeb22bc1ba044045af2806601820ad20053b54d15764f6ccef1934951ad7d6acc3b82475adf00572d4b9a0505b5c3d0e20f800e01fcb9720cb262645a4081c5993dc15f84446c4fb1007c104891f18e5272814ecf0b3a9db8a3",
  p521: {
    kty: "EC",
    x: "AEz3qqXwclHZoGhBtp8M4-7Ek26HL_LxjA8NCxW3ZBHAEhiy7LNwmSbNJtYq-jkruRYqkK8kQMw-9A-Gw5OSBczI",
    y: "Ab9EhKDAX_37wbmsjBD9d3g697ogRkhPx-180zIWlZsgafaj4KYoIDOthtFWAfjPP-MNvEHnq5HvzDCxql76bezj",
    crv: "P-521",
    d: "AQv1hbRAPl_bVcnV5faHlYeM1UtHb7NrYbcieDvVZoeqNM6UKLpOr2ZLdUu7pps37ZThiVkWRWlCcs8UutMZeacl",
  },
  p521Pkcs8:
    "3081ee020100301006072a8648ce3d020106052b810400230481d63081d30201010442010bf585b4403e5fdb55c9d5e5f68795878cd54b476fb36b61b722783bd56687aa34ce9428ba4eaf664b754bbba69b37ed94e189591645694272cf14bad31979a725a181890381860004004cf7aaa5f07251d9a06841b69f0ce3eec4936e872ff2f18c0f0d0b15b76411c01218b2ecb3709926cd26d62afa392bb9162a90af2440cc3ef40f86c3939205ccc801bf4484a0c05ffdfbc1b9ac8c10fd77783af7ba2046484fc7ed7cd33216959b2069f6a3e0a6282033ad86d15601f8cf3fe30dbc41e7ab91efcc30b1aa5efa6dece3",
  p521Spki:
    "30819b301006072a8648ce3d020106052b810400230381860004004cf7aaa5f07251d9a06841b69f0ce3eec4936e872ff2f18c0f0d0b15b76411c01218b2ecb3709926cd26d62afa392bb9162a90af2440cc3ef40f86c3939205ccc801bf4484a0c05ffdfbc1b9ac8c10fd77783af7ba2046484fc7ed7cd33216959b2069f6a3e0a6282033ad86d15601f8cf3fe30dbc41e7ab91efcc30b1aa5efa6dece3",
  ecdsa:
    "00bde1b97775f4293628fbed5ffd26d481b5e7235d441e4879fe4c5404bc0f9c6d3f02c62d64dbd8c01265a33cbb388f5aa8c723d965fdc1c6feb9d41cffe6e3da90012b32056961a27878f1303722338a41a89e37d1e46c35bdccbb75c229dbb818f265c899d4999947f0edfed7c0ce81a619a8c06cead50787bdb1d93ff90c172d0b41",
  x25519: {
    crv: "X25519",
    d: "WB7R_DCIMCkcaG1RMh6ueX6kLKAZK2OcR0JqWl2lq34",
    x: "epK4SF_L3UK_iDv5IU3J3cQH_kNhfbqHQL8RsQ_U9S8",
    kty: "OKP",
  },
  x25519Pkcs8: "302e020100300506032b656e04220420581ed1fc308830291c686d51321eae797ea42ca0192b639c47426a5a5da5ab7e",
  x25519Peer: "38d9b815f6ebc84802dbd353e47f7d33500006b597908d04379265a37080977f",
  x25519Secret: "40bb7becbba6e94989d25e16a87983e5ef3b96fdab6ad254ad280dfd3f9a0949",
  p384: {
    kty: "EC",
    x: "HGdYR2QJwMNDlf-WvRN2iIMhN5c1j5XBjCYQL_c6O8dV7AfnLWUsSD2Ou_Ul_esY",
    y: "qxAuTsWwq5-jzv1M8e4MGg5J62GETw8kP25NDjdoOcenmniLCZuvCcqEe5D-VyZ9",
    crv: "P-384",
    d: "uW979YSFb4LCFP8qr8SKUFN8XzrZp3sWo9wCYl03jlGDGwB1yBAGtSjoxRn2ErSE",
  },
  p384Peer:
    "0452d55ca7b4817ae7210404426ad72f6ef53cca6be942a768facbc6dd944cf492e1de7dc2263088b19829b8b15094d73dd6c4c9bc5f03a183684fb55bdde9e2567bb20dd40e20d539958a0a8a0dc161a5cf26525ff98a7501acb0f5f5041eb452",
  p384Secret: "ae20f4dd4fdad821c7a6b495459904b4579fe1c280c62de18b816eb8e72a12ab2cdd835cfc82d5a637d53d890cd59ef0",
};
const same = (jwk, other) => Object.keys(other).every((name) => jwk[name] === other[name]);
const publicOf = ({ kty, crv, x, y, n, e }) => ({ kty, crv, x, y, n, e });
test(
  "Ed25519: RFC 8032, test 2",
  async () => {
    const jwk = {
      kty: "OKP",
      crv: "Ed25519",
      d: "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs",
      x: "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    };
    const priv = await key("Ed25519", ["sign"], jwk, "jwk");
    const pub = await secret("Ed25519", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "verify");
    const signature = await subtle.sign("Ed25519", priv, bytes(0x72));
    return [
      hex(signature),
      await subtle.verify("Ed25519", pub, signature, bytes(0x72)),
      await subtle.verify("Ed25519", pub, signature, bytes(0x73)),
      await subtle.verify("Ed25519", pub, bytes(1), bytes(0x72)),
      same(await subtle.exportKey("jwk", priv), jwk),
      (await subtle.exportKey("pkcs8", priv)).byteLength,
      hex(await subtle.exportKey("spki", pub)).slice(0, 24),
      await thrown(() => key("Ed25519", ["sign"], { ...jwk, x: jwk.d }, "jwk")),
    ];
  },
  [
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    true,
    false,
    false,
    true,
    48,
    "302a300506032b6570032100",
    "DataError",
  ],
);
test(
  "keys that Node has made are read, and written as they were",
  async () => {
    const seen = [];
    for (const [algorithm, jwk, pkcs8, privateUse] of [
      [{ name: "RSA-PSS", hash: "SHA-256" }, made.rsa, made.rsaPkcs8, "sign"],
      [{ name: "ECDSA", namedCurve: "P-521" }, made.p521, made.p521Pkcs8, "sign"],
      [{ name: "X25519" }, made.x25519, made.x25519Pkcs8, "deriveBits"],
    ]) {
      const fromJwk = await key(algorithm, [privateUse], jwk, "jwk");
      const fromDer = await key(algorithm, [privateUse], unhex(pkcs8), "pkcs8");
      seen.push(hex(await subtle.exportKey("pkcs8", fromJwk)) === hex(await subtle.exportKey("pkcs8", fromDer)));
      seen.push(same(await subtle.exportKey("jwk", fromDer), jwk), fromJwk.type);
    }
    for (const [algorithm, jwk, spki] of [
      [{ name: "RSA-PSS", hash: "SHA-256" }, made.rsa, made.rsaSpki],
      [{ name: "ECDSA", namedCurve: "P-521" }, made.p521, made.p521Spki],
    ]) {
      const fromJwk = await key(algorithm, ["verify"], JSON.parse(JSON.stringify(publicOf(jwk))), "jwk");
      const fromDer = await key(algorithm, ["verify"], unhex(spki), "spki");
      seen.push(
        hex(await subtle.exportKey("spki", fromJwk)) === spki,
        hex(await subtle.exportKey("spki", fromDer)) === spki,
      );
      seen.push(fromDer.type);
    }
    return seen;
  },
  [true, true, "private", true, true, "private", true, true, "private", true, true, "public", true, true, "public"],
);
test(
  "signatures and texts that Node has made",
  async () => {
    const rsa = (name, hash, use) => key({ name, hash }, [use], unhex(made.rsaSpki), "spki");
    const oaep = await key({ name: "RSA-OAEP", hash: "SHA-256" }, ["decrypt"], unhex(made.rsaPkcs8), "pkcs8");
    const p521 = await key({ name: "ECDSA", namedCurve: "P-521" }, ["verify"], unhex(made.p521Spki), "spki");
    const pss = { name: "RSA-PSS", saltLength: 20 };
    return [
      await subtle.verify(pss, await rsa("RSA-PSS", "SHA-512", "verify"), unhex(made.pss), utf8("text")),
      await subtle.verify(
        { ...pss, saltLength: 21 },
        await rsa("RSA-PSS", "SHA-512", "verify"),
        unhex(made.pss),
        utf8("text"),
      ),
      await subtle.verify(
        "RSASSA-PKCS1-v1_5",
        await rsa("RSASSA-PKCS1-v1_5", "SHA-1", "verify"),
        unhex(made.pkcs1),
        utf8("text"),
      ),
      await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, p521, unhex(made.ecdsa), utf8("text")),
      await subtle.verify({ name: "ECDSA", hash: "SHA-384" }, p521, unhex(made.ecdsa), utf8("text")),
      new TextDecoder().decode(
        await subtle.decrypt({ name: "RSA-OAEP", label: utf8("label") }, oaep, unhex(made.oaep)),
      ),
      await thrown(() => subtle.decrypt({ name: "RSA-OAEP" }, oaep, unhex(made.oaep))),
    ];
  },
  [true, false, true, true, false, "secret", "OperationError"],
);
test(
  "secrets in common",
  async () => {
    const x = await key("X25519", ["deriveBits"], made.x25519, "jwk");
    const xPeer = await secret("X25519", made.x25519Peer);
    const p = await key({ name: "ECDH", namedCurve: "P-384" }, ["deriveBits"], made.p384, "jwk");
    const pPeer = await secret({ name: "ECDH", namedCurve: "P-384" }, made.p384Peer);
    const p256 = (await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"])).publicKey;
    return [
      hex(await subtle.deriveBits({ name: "X25519", public: xPeer }, x, 256)) === made.x25519Secret,
      hex(await subtle.deriveBits({ name: "ECDH", public: pPeer }, p, null)) === made.p384Secret,
      hex(await subtle.deriveBits({ name: "ECDH", public: pPeer }, p, 16)) === made.p384Secret.slice(0, 4),
      (await subtle.exportKey("raw", p256)).byteLength,
      await all(
        () => subtle.deriveBits({ name: "ECDH", public: pPeer }, p, 392),
        () => subtle.deriveBits({ name: "ECDH", public: p256 }, p, 8),
        () => subtle.deriveBits({ name: "ECDH", public: p }, p, 8),
        () => subtle.deriveBits({ name: "ECDH" }, p, 8),
        () => secret({ name: "ECDH", namedCurve: "P-384" }, "00".repeat(97)),
        () => secret({ name: "ECDH", namedCurve: "P-384" }, "04".repeat(97)),
      ),
    ];
  },
  [
    true,
    true,
    true,
    65,
    ["OperationError", "InvalidAccessError", "InvalidAccessError", "TypeError", "DataError", "DataError"],
  ],
);
test(
  "generated keys sign, encrypt and agree",
  async () => {
    const seen = [];
    const data = utf8("data");
    for (const algorithm of [
      { name: "ECDSA", namedCurve: "P-256", hash: "SHA-512" },
      { name: "ECDSA", namedCurve: "P-384", hash: "SHA-1" },
      { name: "Ed25519" },
      {
        name: "RSA-PSS",
        hash: "SHA-256",
        saltLength: 32,
        modulusLength: 1024,
        publicExponent: bytes(1, 0, 1),
      },
      { name: "HMAC", hash: "SHA-384" },
    ]) {
      const pair = await subtle.generateKey(algorithm, false, ["sign", "verify"]);
      const signature = await subtle.sign(algorithm, pair.privateKey ?? pair, data);
      seen.push(signature.byteLength);
      seen.push(await subtle.verify(algorithm, pair.publicKey ?? pair, signature, data));
      seen.push(await subtle.verify(algorithm, pair.publicKey ?? pair, signature, utf8("Data")));
    }
    const oaep = { name: "RSA-OAEP", hash: "SHA-1" };
    const privateKey = await key(oaep, ["decrypt"], unhex(made.rsaPkcs8), "pkcs8");
    const publicKey = await key(oaep, ["encrypt"], unhex(made.rsaSpki), "spki");
    seen.push(hex(await subtle.decrypt(oaep, privateKey, await subtle.encrypt(oaep, publicKey, data))));
    seen.push(publicKey.algorithm.modulusLength, [...publicKey.algorithm.publicExponent], publicKey.usages);
    return seen;
  },
  [
    64,
    true,
    false,
    96,
    true,
    false,
    64,
    true,
    false,
    128,
    true,
    false,
    48,
    true,
    false,
    "64617461",
    2048,
    [1, 0, 1],
    ["encrypt"],
  ],
);
test(
  "wrapKey and unwrapKey, with a JSON Web Key",
  async () => {
    const wrapping = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
    const algorithm = { name: "AES-GCM", iv: bytes(1) };
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const wrapped = await subtle.wrapKey("jwk", await secret(hmac, "0102", "sign"), wrapping, algorithm);
    const back = await subtle.unwrapKey("jwk", wrapped, wrapping, algorithm, hmac, true, ["sign"]);
    return [
      hex(await subtle.exportKey("raw", back)),
      back.usages,
      await all(
        () => subtle.unwrapKey("jwk", wrapped, wrapping, algorithm, hmac, true, ["verify"]),
        () => subtle.unwrapKey("jwk", bytes(1), wrapping, algorithm, hmac, true, ["sign"]),
        () => subtle.encrypt(algorithm, wrapping, bytes(1)),
        () => subtle.exportKey("raw", wrapping),
      ),
    ];
  },
  ["0102", ["sign"], ["DataError", "OperationError", "InvalidAccessError", "InvalidAccessError"]],
);
test(
  "deriveKey",
  async () => {
    const base = await subtle.importKey("raw", utf8("password"), "PBKDF2", false, ["deriveKey"]);
    const pbkdf2 = { name: "PBKDF2", hash: "SHA-256", salt: utf8("salt"), iterations: 1000 };
    const derived = await subtle.deriveKey(pbkdf2, base, { name: "AES-CBC", length: 256 }, true, ["encrypt"]);
    const mac = await subtle.deriveKey(pbkdf2, base, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]);
    return [hex(await subtle.exportKey("raw", derived)), mac.algorithm];
  },
  [
    "632c2812e46d4604102ba7618e9d6d7d2f8128f6266b4a03264d2a0460b7dcb3",
    { name: "HMAC", hash: { name: "SHA-1" }, length: 512 },
  ],
);
test(
  "JSON Web Keys of secrets",
  async () => {
    const k = await secret("AES-KW", "fbff".repeat(8), "wrapKey");
    const jwk = await subtle.exportKey("jwk", k);
    const mac = await subtle.exportKey("jwk", await secret({ name: "HMAC", hash: "SHA-512" }, "01", "sign"));
    return [
      [jwk.kty, jwk.alg, jwk.k, jwk.key_ops, jwk.ext, mac.alg],
      await all(
        () => key("AES-GCM", ["encrypt"], jwk, "jwk"),
        () => key("AES-KW", ["unwrapKey"], jwk, "jwk"),
        () => key("AES-KW", ["wrapKey"], { ...jwk, kty: "RSA" }, "jwk"),
        () => key("AES-KW", ["wrapKey"], { ...jwk, k: "a+b=" }, "jwk"),
        () => key("AES-KW", ["wrapKey"], { ...jwk, ext: false }, "jwk"),
        () => key("AES-KW", ["wrapKey"], { ...jwk, use: "sig" }, "jwk"),
      ),
    ];
  },
  [["oct", "A128KW", "-__7__v_-__7__v_-__7_w", ["wrapKey"], true, "HS512"], Array(6).fill("DataError")],
);
test(
  "what is refused, by the names of the standard",
  async () => {
    const aes = await secret("AES-CBC", "00".repeat(16), "encrypt");
    const ec = { name: "ECDSA", namedCurve: "P-256" };
    return all(
      () => key("AES-CBC", ["sign"], bytes(1), "raw"),
      () => key("AES-CBC", [], new Uint8Array(16)),
      () => key("AES-CBC", ["nonsense"], new Uint8Array(16)),
      () => key("AES-CBC", ["encrypt"], bytes(1)),
      () => key("AES-CBC", ["encrypt"], bytes(1), "spki"),
      () => key("PBKDF2", ["deriveBits"], bytes(1)),
      () => key("nonsense", [], bytes(1)),
      () => key(ec, ["sign"], bytes(4), "raw"),
      () => key({ ...ec, namedCurve: "P-1" }, ["verify"], bytes(4)),
      () => key(ec, ["verify"], unhex(made.p521Spki), "spki"),
      () => key(ec, ["sign"], bytes(1, 2), "pkcs8"),
      () => subtle.encrypt({ name: "AES-GCM", iv: bytes(1) }, aes, bytes(1)),
      () => subtle.decrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, aes, bytes(1)),
      () => subtle.exportKey("pkcs8", aes),
      () => subtle.exportKey("nonsense", aes),
      () => subtle.generateKey({ name: "AES-CBC", length: 100 }, true, ["encrypt"]),
      () => subtle.generateKey(ec, true, ["verify"]),
      () => subtle.generateKey("PBKDF2", true, ["deriveBits"]),
      () => subtle.sign("HMAC", {}, bytes(1)),
      () => subtle.digest("nonsense", bytes(1)),
    );
  },
  [
    "SyntaxError",
    "SyntaxError",
    "TypeError",
    "DataError",
    "NotSupportedError",
    "SyntaxError",
    "NotSupportedError",
    "SyntaxError",
    "NotSupportedError",
    "DataError",
    "DataError",
    "InvalidAccessError",
    "InvalidAccessError",
    "InvalidAccessError",
    "TypeError",
    "OperationError",
    "SyntaxError",
    "NotSupportedError",
    "TypeError",
    "NotSupportedError",
  ],
);
test(
  "keys: refused",
  async () => {
    const h = { name: "HMAC", hash: "SHA-1" };
    const key = await crypto.subtle.importKey("raw", bytes(1), h, false, ["sign"]);
    return all(
      () => crypto.subtle.exportKey("raw", key),
      () => crypto.subtle.verify("HMAC", key, bytes(1), bytes(1)),
      () => crypto.subtle.importKey("raw", bytes(), h, false, ["sign"]),
      () => crypto.subtle.importKey("raw", bytes(1), h, false, []),
      () => crypto.subtle.importKey("raw", bytes(1), h, false, ["encrypt"]),
      () => crypto.subtle.importKey("jwk", {}, h, false, ["sign"]),
      () => crypto.subtle.encrypt(),
      () => crypto.subtle.digest("SHA-1"),
      () => crypto.subtle.sign("HMAC", {}, bytes()),
    );
  },
  [
    "InvalidAccessError",
    "InvalidAccessError",
    "DataError",
    "SyntaxError",
    "SyntaxError",
    "DataError",
    "TypeError",
    "TypeError",
    "TypeError",
  ],
);
