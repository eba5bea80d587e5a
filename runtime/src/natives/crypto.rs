//! Random bytes, digests and HMAC.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::*;

/// `random(buffer)`: fills a buffer of the host's own with random bytes; → whether the system had any.
pub(super) fn random(_: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let mut filled = false;
    with_buffer(&arguments, 0, |bytes| filled = getrandom::fill(bytes).is_ok());
    result.set_bool(filled);
}

/// The bytes of a view that may be the script's own: detached, out of bounds or resizable ones count as what they
/// have now.
fn copied(arguments: &Arguments, index: i32) -> Vec<u8> {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(index)) else {
        return Vec::new();
    };
    let mut bytes = vec![0; view.byte_length()];
    let length = view.copy_contents(&mut bytes);
    bytes.truncate(length);
    bytes
}

/// `digest(hash, bytes, out)`: hashes are numbered 0 SHA-1, 1 SHA-256, 2 SHA-384, 3 SHA-512.
pub(super) fn digest(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let data = copied(&arguments, 1);
    let digest = match number(scope, &arguments, 0) as u8 {
        0 => Sha1::digest(data).to_vec(),
        1 => Sha256::digest(data).to_vec(),
        2 => Sha384::digest(data).to_vec(),
        _ => Sha512::digest(data).to_vec(),
    };
    fill(&arguments, 2, &digest);
}

/// `hmac(hash, key, bytes, out)`, hashes as for `digest`.
pub(super) fn hmac(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let (key, data) = (copied(&arguments, 1), copied(&arguments, 2));
    let code = match number(scope, &arguments, 0) as u8 {
        0 => authenticate::<Hmac<Sha1>>(&key, &data),
        1 => authenticate::<Hmac<Sha256>>(&key, &data),
        2 => authenticate::<Hmac<Sha384>>(&key, &data),
        _ => authenticate::<Hmac<Sha512>>(&key, &data),
    };
    fill(&arguments, 3, &code);
}

fn authenticate<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; the error is for other codes behind the same trait.
    <M as KeyInit>::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

fn fill(arguments: &Arguments, index: i32, data: &[u8]) {
    with_buffer(arguments, index, |bytes| {
        let length = bytes.len().min(data.len());
        bytes[..length].copy_from_slice(&data[..length]);
    });
}
