//! The work of deriving keys. A derivation runs where nothing can interrupt it, so that what it may
//! read and write is bounded before it starts.

use aws_lc_sys as c;

use super::hash;
use crate::shared_enums::HashFunction;

/// The rounds of one derivation: about half a second of SHA-256. `subtle-crypto.js` has the same
/// number, for its message.
const MAX_ROUNDS: u64 = 2_000_000;

/// The bytes that a round of scrypt mixes.
const SCRYPT_BLOCK_BYTES: u64 = 128;

/// Returns the number of pieces of `size` bytes that cover `bytes`.
fn pieces(bytes: usize, size: usize) -> u64 {
    bytes.div_ceil(size.max(1)) as u64
}

/// Returns the lengths of a hash function's block and digest.
fn sizes(function: HashFunction) -> (usize, usize) {
    // SAFETY: the functions read constants.
    unsafe { (c::EVP_MD_block_size(hash(function)), c::EVP_MD_size(hash(function))) }
}

/// Returns `true` if a derivation by PBKDF2 is within the bound. The salt is read for each digest's
/// length of the output.
pub(crate) fn allows_pbkdf2(
    function: HashFunction,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out_bytes: usize,
) -> bool {
    let (block, digest) = sizes(function);
    let each = u64::from(iterations).saturating_add(pieces(salt.len(), block));
    let rounds = pieces(out_bytes, digest).saturating_mul(each);
    rounds.saturating_add(pieces(password.len(), block)) <= MAX_ROUNDS
}

/// Returns `true` if a derivation by HKDF is within the bound. `info` is read for each digest's
/// length of the output.
pub(crate) fn allows_hkdf(
    function: HashFunction,
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    out_bytes: usize,
) -> bool {
    let (block, digest) = sizes(function);
    let rounds = pieces(out_bytes, digest).saturating_mul(1 + pieces(info.len(), block));
    rounds.saturating_add(pieces(secret.len(), block)).saturating_add(pieces(salt.len(), block)) <= MAX_ROUNDS
}

/// Returns `true` if a derivation by scrypt is within the bound: its mixing, and PBKDF2 before and
/// after it.
pub(crate) fn allows_scrypt(
    password: &[u8],
    salt: &[u8],
    cost: u64,
    block: u64,
    parallel: u64,
    out_bytes: usize,
) -> bool {
    let Some(mixed) = SCRYPT_BLOCK_BYTES.checked_mul(block).and_then(|bytes| bytes.checked_mul(parallel))
    else {
        return false;
    };
    let Ok(mixed) = usize::try_from(mixed) else { return false };
    let (hash_block, digest) = sizes(HashFunction::Sha256);
    let before = pieces(mixed, digest).saturating_mul(1 + pieces(salt.len(), hash_block));
    let after = pieces(out_bytes, digest).saturating_mul(1 + pieces(mixed, hash_block));
    let mixing = cost.saturating_mul(block).saturating_mul(parallel);
    let rounds = mixing.saturating_add(before).saturating_add(after);
    rounds.saturating_add(pieces(password.len(), hash_block)) <= MAX_ROUNDS
}

/// Returns the memory of a derivation by scrypt in bytes.
pub(crate) fn scrypt_bytes(cost: u64, block: u64) -> usize {
    let bytes = SCRYPT_BLOCK_BYTES.saturating_mul(cost).saturating_mul(block);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: HashFunction = HashFunction::Sha256;

    #[test]
    fn iterations_and_all_sizes_count() {
        let megabytes = vec![0; 4 << 20];
        assert!(allows_pbkdf2(SHA, b"p", b"salt", 600_000, 64));
        assert!(!allows_pbkdf2(SHA, b"p", b"salt", 600_000, 256));
        assert!(!allows_pbkdf2(SHA, b"p", b"salt", u32::MAX, 1));
        assert!(!allows_pbkdf2(SHA, b"p", &megabytes, 1, 32 * 100));
        assert!(!allows_pbkdf2(SHA, &vec![0; 129 << 20], b"", 1, 1));
        assert!(allows_hkdf(SHA, &megabytes, &megabytes, b"", 255 * 32));
        assert!(!allows_hkdf(SHA, b"", b"", &megabytes, 255 * 32));
        // The defaults of Node.js, and twice their cost.
        assert!(allows_scrypt(b"p", b"salt", 16_384, 8, 1, 64));
        assert!(allows_scrypt(b"p", b"salt", 32_768, 8, 1, 64));
        assert!(!allows_scrypt(b"p", b"salt", 16_384, 8, 1000, 64));
        assert!(!allows_scrypt(b"p", b"salt", 2, 1, u64::MAX, 64));
        assert!(!allows_scrypt(b"p", &megabytes, 2, 1000, 1, 64));
        assert!(!allows_scrypt(b"p", b"", 2, 1 << 20, 1, 64 << 10));
        assert_eq!(scrypt_bytes(16_384, 8), 16 << 20);
        assert_eq!(scrypt_bytes(u64::MAX, 8), usize::MAX);
    }
}
