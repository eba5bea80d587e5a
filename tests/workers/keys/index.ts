// Cryptography in JavaScript beside crypto.subtle: each checks what the other has made.
import bcrypt from 'bcryptjs';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import * as jose from 'jose';
import nacl from 'tweetnacl';

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (data: ArrayBuffer | Uint8Array) => [...new Uint8Array(data as ArrayBuffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
const message = bytes('a message');

async function made(alg: string, options?: jose.GenerateKeyPairOptions) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true, ...options });
  const jwk = { ...(await jose.exportJWK(publicKey)), alg, kid: alg };
  const token = await new jose.SignJWT({ scope: 'x' }).setProtectedHeader({ alg, kid: alg }).setIssuedAt(1).setAudience('me').sign(privateKey);
  const jwks = jose.createLocalJWKSet({ keys: [jwk] });
  const { payload, protectedHeader } = await jose.jwtVerify(token, jwks, { audience: 'me' });
  const wrong = await jose.jwtVerify(`${token.slice(0, -8)}AAAAAAAA`, jwks).catch((error) => error.code);
  const pem = (await jose.exportPKCS8(privateKey)).split('\n')[0];
  return [payload, protectedHeader, wrong, Object.keys(jwk).sort(), pem];
}

const pages: Record<string, () => unknown> = {
  '/jose/sign': async () => [await made('RS256'), await made('PS384'), await made('ES256'), await made('ES512'), await made('EdDSA', { crv: 'Ed25519' } as never)],
  '/jose/encrypt': async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('RSA-OAEP-256');
    const sealed = await new jose.CompactEncrypt(message).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(publicKey);
    const { plaintext } = await jose.compactDecrypt(sealed, privateKey);
    const direct = await new jose.EncryptJWT({ a: 1 }).setProtectedHeader({ alg: 'dir', enc: 'A128CBC-HS256' }).encrypt(secret);
    const ecdh = await jose.generateKeyPair('ECDH-ES+A128KW');
    const agreed = await new jose.CompactEncrypt(message).setProtectedHeader({ alg: 'ECDH-ES+A128KW', enc: 'A128GCM' }).encrypt(ecdh.publicKey);
    return [hex(plaintext), (await jose.jwtDecrypt(direct, secret)).payload, hex((await jose.compactDecrypt(agreed, ecdh.privateKey)).plaintext), sealed.split('.').length];
  },
  '/bcrypt': async () => [await bcrypt.compare('secret', '$2b$04$abcdefghijklmnopqrstuuHkWp3VrP4Wq0mfEQ5oJW3HqnFbHbHoS'), bcrypt.hashSync('secret', '$2b$04$abcdefghijklmnopqrstuu'), (await bcrypt.hash('x', 4)).length],
  '/ed25519': async () => {
    const publicBytes = ed25519.getPublicKey(secret);
    const key = await crypto.subtle.importKey('raw', publicBytes as BufferSource, 'Ed25519', true, ['verify']);
    const signature = ed25519.sign(message, secret);
    const pair = nacl.sign.keyPair.fromSeed(secret);
    return [
      hex(publicBytes) === hex(pair.publicKey),
      await crypto.subtle.verify('Ed25519', key, signature as BufferSource, message),
      nacl.sign.detached.verify(message, signature, pair.publicKey),
      hex(signature) === hex(nacl.sign.detached(message, pair.secretKey)),
    ];
  },
  '/p256': async () => {
    const key = await crypto.subtle.importKey('raw', p256.getPublicKey(secret, false) as BufferSource, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']);
    const signature = p256.sign(message, secret);
    return [await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature as BufferSource, message), (await crypto.subtle.exportKey('jwk', key)).x];
  },
  '/x25519': async () => {
    const pair = (await crypto.subtle.generateKey({ name: 'X25519' }, true, ['deriveBits'])) as CryptoKeyPair;
    const theirs = (await crypto.subtle.exportKey('raw', pair.publicKey)) as ArrayBuffer;
    const mine = await crypto.subtle.importKey('raw', x25519.getPublicKey(secret) as BufferSource, 'X25519', true, []);
    const bits = await crypto.subtle.deriveBits({ name: 'X25519', public: mine } as never, pair.privateKey, 256);
    return hex(bits) === hex(x25519.getSharedSecret(secret, new Uint8Array(theirs)));
  },
  '/secp256k1': () => [hex(secp256k1.getPublicKey(secret)), hex(secp256k1.sign(message, secret))],
  '/nacl': () => {
    const sealed = nacl.secretbox(message, new Uint8Array(24), secret);
    return [hex(sealed), hex(nacl.secretbox.open(sealed, new Uint8Array(24), secret)!), nacl.randomBytes(8).length, hex(nacl.hash(message)).slice(0, 16)];
  },
};

export default { fetch: async (request: Request) => Response.json((await pages[new URL(request.url).pathname]?.()) ?? null) };
