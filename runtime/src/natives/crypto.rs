//! Random bytes and the algorithms of `crypto.subtle`, through AWS-LC.
//!
//! JavaScript checks names, usages and lengths, and holds the keys as bytes. The functions write
//! into a buffer that JavaScript made, and return the number of bytes, or -1 if they fail.

use super::worker::refuses_at_start;
use super::*;
use crate::aws_lc::{self, Failed, Key, derivation};
use crate::entropy;
use crate::shared_enums::{CipherMode, HashFunction, KeyKind, SignatureScheme};
use crate::stop::ChargedMemory;

/// `random(buffer, length)` fills the beginning of a buffer of isolet's own with random bytes, all
/// of it without a length. Returns `false` if the system has none.
pub(crate) fn random(scope: &mut PinScope, arguments: Arguments, result: ReturnValue) {
    if !refuses_at_start(scope) {
        seed(scope, arguments, result);
    }
}

/// `seed(buffer, length)` does the same while a Worker's modules are evaluated too. Copies of the
/// Worker draw a seed of their own.
pub(crate) fn seed(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let mut filled = false;
    let length = arguments.get(1).is_number().then(|| number(scope, &arguments, 1) as usize);
    with_buffer(&arguments, 0, |bytes| {
        let length = length.unwrap_or(bytes.len()).min(bytes.len());
        filled = entropy::fill(&mut bytes[..length]);
    });
    result.set_bool(filled);
}

/// `randomUuid()` returns a UUID of version 4 (RFC 9562), or undefined if the system has no random
/// bytes.
pub(crate) fn random_uuid(scope: &mut PinScope, _: Arguments, mut result: ReturnValue) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    if refuses_at_start(scope) {
        return;
    }
    let mut bytes = [0; 16];
    if !entropy::fill(&mut bytes) {
        return;
    }
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0x0F)];
        at += 2;
    }
    if let Some(string) = v8::String::new_from_one_byte(scope, &text, v8::NewStringType::Normal) {
        result.set(string.into());
    }
}

/// Writes what was made into the buffer at `index`, and returns its length: -1 for a failure.
fn give(arguments: &Arguments, index: i32, made: Result<Vec<u8>, Failed>, result: &mut ReturnValue) {
    let mut length = -1.0;
    if let Ok(data) = made {
        with_buffer(arguments, index, |bytes| {
            if let Some(room) = bytes.get_mut(..data.len()) {
                room.copy_from_slice(&data);
                length = data.len() as f64;
            }
        });
    }
    result.set_double(length);
}

fn hash_function(scope: &PinScope, arguments: &Arguments, index: i32) -> HashFunction {
    HashFunction::from_number(number(scope, arguments, index)).unwrap_or(HashFunction::Sha512)
}

fn key_kind(scope: &PinScope, arguments: &Arguments, index: i32) -> KeyKind {
    KeyKind::from_number(number(scope, arguments, index)).unwrap_or(KeyKind::Ed25519)
}

/// `digest(hash, bytes, out)` writes a digest by a [`HashFunction`].
pub(crate) fn digest(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let made = aws_lc::digest(hash_function(scope, &arguments, 0), &copied(&arguments, 1));
    give(&arguments, 2, made, &mut result);
}

/// `hmac(hash, key, bytes, out)` writes an HMAC.
pub(crate) fn hmac(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let function = hash_function(scope, &arguments, 0);
    let made = aws_lc::hmac(function, &copied(&arguments, 1), &copied(&arguments, 2));
    give(&arguments, 3, made, &mut result);
}

/// `pbkdf2(hash, password, salt, iterations, out)` fills a buffer. Returns `false` if it fails, or
/// would take too long.
pub(crate) fn pbkdf2(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let function = hash_function(scope, &arguments, 0);
    let (password, salt) = (copied(&arguments, 1), copied(&arguments, 2));
    let iterations = number(scope, &arguments, 3) as u32;
    let mut done = Err(Failed);
    with_buffer(&arguments, 4, |out| {
        if derivation::allows_pbkdf2(function, &password, &salt, iterations, out.len()) {
            done = aws_lc::pbkdf2(function, &password, &salt, iterations, out);
        }
    });
    result.set_bool(done.is_ok());
}

/// `hkdf(hash, secret, salt, info, out)` fills a buffer. Returns `false` if it fails, or would take
/// too long.
pub(crate) fn hkdf(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let function = hash_function(scope, &arguments, 0);
    let [secret, salt, info] = [1, 2, 3].map(|index| copied(&arguments, index));
    let mut done = Err(Failed);
    with_buffer(&arguments, 4, |out| {
        if derivation::allows_hkdf(function, &secret, &salt, &info, out.len()) {
            done = aws_lc::hkdf(function, &secret, &salt, &info, out);
        }
    });
    result.set_bool(done.is_ok());
}

/// `scrypt(password, salt, cost, block, parallel, out)` fills a buffer. Returns `false` if it
/// fails, would take too long, or has no room in memory.
pub(crate) fn scrypt(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (password, salt) = (copied(&arguments, 0), copied(&arguments, 1));
    let [cost, block, parallel] = [2, 3, 4].map(|index| number(scope, &arguments, index) as u64);
    let control = state(scope).map(|state| state.control.clone());
    let mut done = Err(Failed);
    with_buffer(&arguments, 5, |out| {
        if !derivation::allows_scrypt(&password, &salt, cost, block, parallel, out.len()) {
            return;
        }
        let bytes = derivation::scrypt_bytes(cost, block);
        if let Some(_memory) = control.and_then(|control| ChargedMemory::new(&control, bytes)) {
            done = aws_lc::scrypt(&password, &salt, cost, block, parallel, out);
        }
    });
    result.set_bool(done.is_ok());
}

/// `cipher(mode, encrypt, key, iv, associated, number, data, out)` encrypts or decrypts with AES in
/// a [`CipherMode`]. `number` is the length of the tag in bytes, or of the counter in bits.
pub(crate) fn cipher(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let encrypt = arguments.get(1).is_true();
    let [key, iv, associated] = [2, 3, 4].map(|index| copied(&arguments, index));
    let count = number(scope, &arguments, 5) as u32;
    let data = copied(&arguments, 6);
    let made = match CipherMode::from_number(number(scope, &arguments, 0)) {
        Some(CipherMode::Gcm) => aws_lc::aes_gcm(encrypt, &key, &iv, &associated, count as usize, &data),
        Some(CipherMode::Cbc) => aws_lc::aes_cbc(encrypt, &key, &iv, &data),
        Some(CipherMode::Ctr) => aws_lc::aes_ctr(&key, &iv, count, &data),
        Some(CipherMode::Kw) => aws_lc::aes_kw(encrypt, &key, &data),
        None => Err(Failed),
    };
    give(&arguments, 7, made, &mut result);
}

/// `generateKey(kind, bits, exponent, out)` writes a new private key of a [`KeyKind`].
pub(crate) fn generate_key(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if refuses_at_start(scope) {
        return;
    }
    let kind = key_kind(scope, &arguments, 0);
    let (bits, exponent) = (number(scope, &arguments, 1) as u32, number(scope, &arguments, 2) as u32);
    let made = Key::generate(kind, bits, exponent).and_then(|key| key.write(true));
    give(&arguments, 3, made, &mut result);
}

/// `readKey(kind, isPrivate, der, wantsPrivate, out)` reads a key, checks it, and writes it, or its
/// public part.
pub(crate) fn read_key(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let kind = key_kind(scope, &arguments, 0);
    let (private, wanted) = (arguments.get(1).is_true(), arguments.get(3).is_true());
    let made = Key::read(kind, private, &copied(&arguments, 2)).and_then(|key| key.write(private && wanted));
    give(&arguments, 4, made, &mut result);
}

/// Returns the scheme, the hash function and the length of a salt.
fn signing(scope: &PinScope, arguments: &Arguments) -> (SignatureScheme, HashFunction, u32) {
    let scheme = SignatureScheme::from_number(number(scope, arguments, 1));
    (
        scheme.unwrap_or(SignatureScheme::Ed25519),
        hash_function(scope, arguments, 2),
        number(scope, arguments, 3) as u32,
    )
}

/// `sign(kind, scheme, hash, saltBytes, key, data, out)` signs by a [`SignatureScheme`].
pub(crate) fn sign(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if refuses_at_start(scope) {
        return;
    }
    let (scheme, function, salt) = signing(scope, &arguments);
    let made = Key::read(key_kind(scope, &arguments, 0), true, &copied(&arguments, 4))
        .and_then(|key| key.sign(scheme, function, salt, &copied(&arguments, 5)));
    give(&arguments, 6, made, &mut result);
}

/// `verify(kind, scheme, hash, saltBytes, key, signature, data)` returns `true` for a valid
/// signature.
pub(crate) fn verify(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let (scheme, function, salt) = signing(scope, &arguments);
    let (signature, data) = (copied(&arguments, 5), copied(&arguments, 6));
    let valid = Key::read(key_kind(scope, &arguments, 0), false, &copied(&arguments, 4))
        .and_then(|key| key.verify(scheme, function, salt, &signature, &data));
    result.set_bool(valid.is_ok());
}

/// `oaep(encrypt, hash, label, key, data, out)` encrypts or decrypts with RSA-OAEP.
pub(crate) fn oaep(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if refuses_at_start(scope) {
        return;
    }
    let encrypt = arguments.get(0).is_true();
    let function = hash_function(scope, &arguments, 1);
    let (label, data) = (copied(&arguments, 2), copied(&arguments, 4));
    let made = Key::read(KeyKind::Rsa, !encrypt, &copied(&arguments, 3))
        .and_then(|key| key.oaep(encrypt, function, &label, &data));
    give(&arguments, 5, made, &mut result);
}

/// `agree(kind, key, peer, out)` writes the secret that two keys have in common.
pub(crate) fn agree(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let kind = key_kind(scope, &arguments, 0);
    let made = Key::read(kind, true, &copied(&arguments, 1)).and_then(|key| {
        let peer = Key::read(kind, false, &copied(&arguments, 2))?;
        key.agree(&peer)
    });
    give(&arguments, 3, made, &mut result);
}
