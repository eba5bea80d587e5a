//! Algorithms of AWS-LC, as safe functions over its C interface. Keys are DER: PKCS #8 if they are
//! private, SubjectPublicKeyInfo if they are public.

use std::os::raw::{c_int, c_uint};
use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys as c;

use crate::shared_enums::HashFunction;

pub(crate) mod derivation;
mod key;

pub(crate) use key::Key;

/// The reason is not told apart: scripts must not learn it, and the standard does not want it.
#[derive(Debug, PartialEq)]
pub(crate) struct Failed;

type Result<T> = std::result::Result<T, Failed>;

/// The memory of one call of scrypt, which the limit on the heap does not count.
const MAX_SCRYPT_BYTES: usize = 32 << 20;

/// The bytes of the block of AES.
const BLOCK_BYTES: usize = 16;

fn failed() -> Failed {
    // SAFETY: it only empties this thread's list of errors.
    unsafe { c::ERR_clear_error() };
    Failed
}

fn check(code: c_int) -> Result<()> {
    if code == 1 { Ok(()) } else { Err(failed()) }
}

/// An object of the library that is freed with its owner.
struct Owned<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes an object that the library has made; a null pointer means that it could not.
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Result<Self> {
        NonNull::new(pointer).map(|pointer| Self { pointer, free }).ok_or_else(failed)
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the object was made by the library, has no other owner, and `free` is its own.
        unsafe { (self.free)(self.get()) }
    }
}

fn hash(hash: HashFunction) -> *const c::EVP_MD {
    // SAFETY: these return pointers to constants.
    unsafe {
        match hash {
            HashFunction::Md5 => c::EVP_md5(),
            HashFunction::Sha1 => c::EVP_sha1(),
            HashFunction::Sha256 => c::EVP_sha256(),
            HashFunction::Sha384 => c::EVP_sha384(),
            HashFunction::Sha512 => c::EVP_sha512(),
            HashFunction::Sha224 => c::EVP_sha224(),
            HashFunction::Sha512Trunc256 => c::EVP_sha512_256(),
            HashFunction::Ripemd160 => c::EVP_ripemd160(),
        }
    }
}

/// Returns the digest of `data`.
pub(crate) fn digest(function: HashFunction, data: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; c::EVP_MAX_MD_SIZE as usize];
    let mut length: c_uint = 0;
    // SAFETY: `out` has room for the longest digest; `data` is read within its length.
    check(unsafe {
        c::EVP_Digest(
            data.as_ptr().cast(),
            data.len(),
            out.as_mut_ptr(),
            &mut length,
            hash(function),
            null_mut(),
        )
    })?;
    out.truncate(length as usize);
    Ok(out)
}

/// Returns the HMAC of `data`.
pub(crate) fn hmac(function: HashFunction, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; c::EVP_MAX_MD_SIZE as usize];
    let mut length: c_uint = 0;
    // SAFETY: `out` has room for the longest digest; the slices are read within their lengths.
    let made = unsafe {
        c::HMAC(
            hash(function),
            key.as_ptr().cast(),
            key.len(),
            data.as_ptr(),
            data.len(),
            out.as_mut_ptr(),
            &mut length,
        )
    };
    if made.is_null() {
        return Err(failed());
    }
    out.truncate(length as usize);
    Ok(out)
}

/// Fills `out` with bytes that are derived from a password.
pub(crate) fn pbkdf2(
    function: HashFunction,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) -> Result<()> {
    // SAFETY: the slices are read and written within their lengths.
    check(unsafe {
        c::PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            hash(function),
            out.len(),
            out.as_mut_ptr(),
        )
    })
}

/// Fills `out` with bytes that are derived from a password, at a cost in memory (RFC 7914).
pub(crate) fn scrypt(
    password: &[u8],
    salt: &[u8],
    cost: u64,
    block: u64,
    parallel: u64,
    out: &mut [u8],
) -> Result<()> {
    // SAFETY: the slices are read and written within their lengths.
    check(unsafe {
        c::EVP_PBE_scrypt(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            cost,
            block,
            parallel,
            MAX_SCRYPT_BYTES,
            out.as_mut_ptr(),
            out.len(),
        )
    })
}

/// Fills `out` with bytes that are derived from a secret.
pub(crate) fn hkdf(
    function: HashFunction,
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<()> {
    // SAFETY: the slices are read and written within their lengths.
    check(unsafe {
        c::HKDF(
            out.as_mut_ptr(),
            out.len(),
            hash(function),
            secret.as_ptr(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
        )
    })
}

/// Encrypts and authenticates with AES-GCM, or does the reverse.
pub(crate) fn aes_gcm(
    encrypt: bool,
    key: &[u8],
    nonce: &[u8],
    associated: &[u8],
    tag_bytes: usize,
    data: &[u8],
) -> Result<Vec<u8>> {
    // SAFETY: these return pointers to constants.
    let aead = unsafe {
        match key.len() {
            16 => c::EVP_aead_aes_128_gcm(),
            24 => c::EVP_aead_aes_192_gcm(),
            32 => c::EVP_aead_aes_256_gcm(),
            _ => return Err(Failed),
        }
    };
    // SAFETY: the key has the length of the algorithm.
    let context = Owned::new(
        unsafe { c::EVP_AEAD_CTX_new(aead, key.as_ptr(), key.len(), tag_bytes) },
        c::EVP_AEAD_CTX_free,
    )?;
    let run = if encrypt { c::EVP_AEAD_CTX_seal } else { c::EVP_AEAD_CTX_open };
    let mut out = vec![0; data.len() + if encrypt { tag_bytes } else { 0 }];
    let mut length = 0;
    // SAFETY: the function writes at most `out.len()` bytes; the other slices are read within their
    // lengths, and `out` is none of them.
    check(unsafe {
        run(
            context.get(),
            out.as_mut_ptr(),
            &mut length,
            out.len(),
            nonce.as_ptr(),
            nonce.len(),
            data.as_ptr(),
            data.len(),
            associated.as_ptr(),
            associated.len(),
        )
    })?;
    out.truncate(length);
    Ok(out)
}

/// Encrypts or decrypts with a cipher of whole blocks or of a stream.
fn cipher(
    cipher: *const c::EVP_CIPHER,
    encrypt: bool,
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Result<Vec<u8>> {
    let input = c_int::try_from(data.len()).map_err(|_| Failed)?;
    // SAFETY: it takes no arguments.
    let context = Owned::new(unsafe { c::EVP_CIPHER_CTX_new() }, c::EVP_CIPHER_CTX_free)?;
    let mut out = vec![0; data.len() + BLOCK_BYTES];
    let (mut first, mut last) = (0, 0);
    // SAFETY: callers give a key and an initialisation vector of the cipher's lengths. The two
    // calls write at most one block more than the input has.
    unsafe {
        check(c::EVP_CipherInit_ex(
            context.get(),
            cipher,
            null_mut(),
            key.as_ptr(),
            iv.as_ptr(),
            c_int::from(encrypt),
        ))?;
        check(c::EVP_CipherUpdate(context.get(), out.as_mut_ptr(), &mut first, data.as_ptr(), input))?;
        check(c::EVP_CipherFinal_ex(context.get(), out[first as usize..].as_mut_ptr(), &mut last))?;
    }
    out.truncate((first + last) as usize);
    Ok(out)
}

/// Encrypts or decrypts with AES-CBC and the padding of PKCS #7.
pub(crate) fn aes_cbc(encrypt: bool, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    // SAFETY: these return pointers to constants.
    let algorithm = unsafe {
        match (key.len(), iv.len()) {
            (16, BLOCK_BYTES) => c::EVP_aes_128_cbc(),
            (24, BLOCK_BYTES) => c::EVP_aes_192_cbc(),
            (32, BLOCK_BYTES) => c::EVP_aes_256_cbc(),
            _ => return Err(Failed),
        }
    };
    cipher(algorithm, encrypt, key, iv, data)
}

/// Encrypts or decrypts with AES-CTR. The counter is the last `counter_bits` of `block`, and the
/// data must not be longer than it can count.
pub(crate) fn aes_ctr(key: &[u8], block: &[u8], counter_bits: u32, data: &[u8]) -> Result<Vec<u8>> {
    // SAFETY: these return pointers to constants.
    let algorithm = unsafe {
        match key.len() {
            16 => c::EVP_aes_128_ctr(),
            24 => c::EVP_aes_192_ctr(),
            32 => c::EVP_aes_256_ctr(),
            _ => return Err(Failed),
        }
    };
    let start = u128::from_be_bytes(block.try_into().map_err(|_| Failed)?);
    if !(1..=128).contains(&counter_bits) {
        return Err(Failed);
    }
    let mask = u128::MAX >> (128 - counter_bits);
    let blocks = data.len().div_ceil(BLOCK_BYTES) as u128;
    if blocks > 0 && blocks - 1 > mask {
        return Err(Failed);
    }
    // The library counts with all 128 bits. Here the counter begins again at 0 without a carry.
    let before_wrap = (mask - (start & mask)).saturating_add(1);
    if blocks <= before_wrap {
        return cipher(algorithm, true, key, block, data);
    }
    let (first, rest) = data.split_at(before_wrap as usize * BLOCK_BYTES);
    let mut out = cipher(algorithm, true, key, block, first)?;
    out.extend(cipher(algorithm, true, key, &(start & !mask).to_be_bytes(), rest)?);
    Ok(out)
}

/// Wraps or unwraps a key with AES-KW (RFC 3394).
pub(crate) fn aes_kw(wrap: bool, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    const EXTRA_BYTES: usize = 8;
    let least = if wrap { 16 } else { 24 };
    if !matches!(key.len(), 16 | 24 | 32) || data.len() < least || !data.len().is_multiple_of(8) {
        return Err(Failed);
    }
    let bits = key.len() as c_uint * 8;
    let mut schedule = std::mem::MaybeUninit::<c::AES_KEY>::uninit();
    let mut out = vec![0; data.len() + EXTRA_BYTES];
    // SAFETY: setting a key of a valid length fills the schedule. Wrapping writes 8 bytes more than
    // it reads, unwrapping 8 fewer. A null vector stands for the one of the RFC.
    let length = unsafe {
        let set = if wrap { c::AES_set_encrypt_key } else { c::AES_set_decrypt_key };
        if set(key.as_ptr(), bits, schedule.as_mut_ptr()) != 0 {
            return Err(failed());
        }
        let run = if wrap { c::AES_wrap_key } else { c::AES_unwrap_key };
        run(schedule.as_ptr(), null(), out.as_mut_ptr(), data.as_ptr(), data.len())
    };
    out.truncate(usize::try_from(length).map_err(|_| failed())?);
    Ok(out)
}
