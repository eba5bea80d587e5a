//! Keys that have a public part.

use std::os::raw::c_int;
use std::ptr::{null, null_mut};

use aws_lc_sys as c;

use super::{Failed, Owned, Result, check, failed, hash};
use crate::shared_enums::{HashFunction, KeyKind, SignatureScheme};

/// The longest DER of a key that is written: an RSA key of 16,384 bits has less.
const MAX_DER_BYTES: usize = 16 << 10;

/// A key for two parties: an RSA key, or a point of a curve.
pub(crate) struct Key(Owned<c::EVP_PKEY>);

fn id(kind: KeyKind) -> c_int {
    match kind {
        KeyKind::Rsa => c::EVP_PKEY_RSA,
        KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => c::EVP_PKEY_EC,
        KeyKind::Ed25519 => c::EVP_PKEY_ED25519,
        KeyKind::X25519 => c::EVP_PKEY_X25519,
    }
}

fn curve(kind: KeyKind) -> Option<c_int> {
    match kind {
        KeyKind::P256 => Some(c::NID_X9_62_prime256v1),
        KeyKind::P384 => Some(c::NID_secp384r1),
        KeyKind::P521 => Some(c::NID_secp521r1),
        KeyKind::Rsa | KeyKind::Ed25519 | KeyKind::X25519 => None,
    }
}

impl Key {
    /// Reads a key. The library checks that the numbers fit each other.
    pub(crate) fn read(kind: KeyKind, private: bool, der: &[u8]) -> Result<Self> {
        let parse = if private { c::EVP_parse_private_key } else { c::EVP_parse_public_key };
        let mut rest = std::mem::MaybeUninit::<c::CBS>::uninit();
        // SAFETY: `CBS_init` fills the reader, which reads within `der`.
        let (key, left) = unsafe {
            c::CBS_init(rest.as_mut_ptr(), der.as_ptr(), der.len());
            let key = parse(rest.as_mut_ptr());
            (key, c::CBS_len(rest.as_ptr()))
        };
        let key = Self(Owned::new(key, c::EVP_PKEY_free)?);
        if left == 0 && key.is(kind) { Ok(key) } else { Err(Failed) }
    }

    fn is(&self, kind: KeyKind) -> bool {
        // SAFETY: the pointers are those of a living key. Only keys of curves have an EC key.
        unsafe {
            if c::EVP_PKEY_id(self.0.get()) != id(kind) {
                return false;
            }
            let Some(curve) = curve(kind) else { return true };
            let key = c::EVP_PKEY_get0_EC_KEY(self.0.get());
            !key.is_null() && c::EC_GROUP_get_curve_name(c::EC_KEY_get0_group(key)) == curve
        }
    }

    /// Makes a key pair. `bits` is the length of an RSA modulus, `exponent` its public exponent.
    pub(crate) fn generate(kind: KeyKind, bits: u32, exponent: u32) -> Result<Self> {
        // SAFETY: each call gets living objects. The context takes the exponent if the call
        // succeeds, and only then it is forgotten here.
        unsafe {
            let context = Owned::new(c::EVP_PKEY_CTX_new_id(id(kind), null_mut()), c::EVP_PKEY_CTX_free)?;
            check(c::EVP_PKEY_keygen_init(context.get()))?;
            if let Some(curve) = curve(kind) {
                check(c::EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), curve))?;
            }
            if kind == KeyKind::Rsa {
                check(c::EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits as c_int))?;
                let number = Owned::new(c::BN_new(), c::BN_free)?;
                check(c::BN_set_word(number.get(), exponent.into()))?;
                check(c::EVP_PKEY_CTX_set_rsa_keygen_pubexp(context.get(), number.get()))?;
                std::mem::forget(number);
            }
            let mut key = null_mut();
            check(c::EVP_PKEY_keygen(context.get(), &mut key))?;
            Ok(Self(Owned::new(key, c::EVP_PKEY_free)?))
        }
    }

    /// Returns the key as DER: the whole of it, or its public part.
    pub(crate) fn write(&self, private: bool) -> Result<Vec<u8>> {
        let marshal = if private { c::EVP_marshal_private_key } else { c::EVP_marshal_public_key };
        let mut out = vec![0; MAX_DER_BYTES];
        let mut builder = std::mem::MaybeUninit::<c::CBB>::uninit();
        let mut length = 0;
        // SAFETY: the builder is filled by its first call, writes within `out`, and owns nothing.
        unsafe {
            check(c::CBB_init_fixed(builder.as_mut_ptr(), out.as_mut_ptr(), out.len()))?;
            check(marshal(builder.as_mut_ptr(), self.0.get()))?;
            check(c::CBB_finish(builder.as_mut_ptr(), null_mut(), &mut length))?;
        }
        out.truncate(length);
        Ok(out)
    }

    fn signing(
        &self,
        sign: bool,
        scheme: SignatureScheme,
        function: HashFunction,
        salt_bytes: u32,
    ) -> Result<Owned<c::EVP_MD_CTX>> {
        let start = if sign { c::EVP_DigestSignInit } else { c::EVP_DigestVerifyInit };
        let function = if scheme == SignatureScheme::Ed25519 { null() } else { hash(function) };
        // SAFETY: the objects are alive; `parameters` belongs to `context`, which outlives its use.
        unsafe {
            let context = Owned::new(c::EVP_MD_CTX_new(), c::EVP_MD_CTX_free)?;
            let mut parameters = null_mut();
            check(start(context.get(), &mut parameters, function, null_mut(), self.0.get()))?;
            if scheme == SignatureScheme::RsaPss {
                check(c::EVP_PKEY_CTX_set_rsa_padding(parameters, c::RSA_PKCS1_PSS_PADDING))?;
                check(c::EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt_bytes as c_int))?;
            }
            Ok(context)
        }
    }

    /// Signs `data`. A signature of ECDSA is DER.
    pub(crate) fn sign(
        &self,
        scheme: SignatureScheme,
        function: HashFunction,
        salt_bytes: u32,
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let context = self.signing(true, scheme, function, salt_bytes)?;
        let mut length = 0;
        // SAFETY: with a null pointer the function tells the most that it writes; then it has as
        // much room.
        unsafe {
            check(c::EVP_DigestSign(context.get(), null_mut(), &mut length, data.as_ptr(), data.len()))?;
            let mut out = vec![0; length];
            check(c::EVP_DigestSign(
                context.get(),
                out.as_mut_ptr(),
                &mut length,
                data.as_ptr(),
                data.len(),
            ))?;
            out.truncate(length);
            Ok(out)
        }
    }

    /// Returns `Ok` if the signature of `data` is valid.
    pub(crate) fn verify(
        &self,
        scheme: SignatureScheme,
        function: HashFunction,
        salt_bytes: u32,
        signature: &[u8],
        data: &[u8],
    ) -> Result<()> {
        let context = self.signing(false, scheme, function, salt_bytes)?;
        // SAFETY: the slices are read within their lengths.
        check(unsafe {
            c::EVP_DigestVerify(context.get(), signature.as_ptr(), signature.len(), data.as_ptr(), data.len())
        })
    }

    fn context(&self) -> Result<Owned<c::EVP_PKEY_CTX>> {
        // SAFETY: the key is alive; the context holds a reference of its own to it.
        Owned::new(unsafe { c::EVP_PKEY_CTX_new(self.0.get(), null_mut()) }, c::EVP_PKEY_CTX_free)
    }

    /// Encrypts or decrypts with RSA-OAEP.
    pub(crate) fn oaep(
        &self,
        encrypt: bool,
        function: HashFunction,
        label: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>> {
        let context = self.context()?;
        // SAFETY: the objects are alive. The context takes the copy of the label if the call
        // succeeds, and it is freed here if not. With a null pointer the functions tell the most
        // that they write; then they have as much room.
        unsafe {
            let (start, run) = if encrypt {
                (c::EVP_PKEY_encrypt_init as unsafe extern "C" fn(_) -> _, c::EVP_PKEY_encrypt as Crypt)
            } else {
                (c::EVP_PKEY_decrypt_init as unsafe extern "C" fn(_) -> _, c::EVP_PKEY_decrypt as Crypt)
            };
            check(start(context.get()))?;
            check(c::EVP_PKEY_CTX_set_rsa_padding(context.get(), c::RSA_PKCS1_OAEP_PADDING))?;
            check(c::EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash(function)))?;
            check(c::EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash(function)))?;
            if !label.is_empty() {
                let copy = c::OPENSSL_malloc(label.len()).cast::<u8>();
                if copy.is_null() {
                    return Err(failed());
                }
                copy.copy_from_nonoverlapping(label.as_ptr(), label.len());
                if c::EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), copy, label.len()) != 1 {
                    c::OPENSSL_free(copy.cast());
                    return Err(failed());
                }
            }
            let mut length = 0;
            check(run(context.get(), null_mut(), &mut length, data.as_ptr(), data.len()))?;
            let mut out = vec![0; length];
            check(run(context.get(), out.as_mut_ptr(), &mut length, data.as_ptr(), data.len()))?;
            out.truncate(length);
            Ok(out)
        }
    }

    /// Returns the secret that this private key has in common with the public key of a peer.
    pub(crate) fn agree(&self, peer: &Self) -> Result<Vec<u8>> {
        let context = self.context()?;
        // SAFETY: the objects are alive; with a null pointer the function tells the length that it
        // writes, and then has as much room.
        unsafe {
            check(c::EVP_PKEY_derive_init(context.get()))?;
            check(c::EVP_PKEY_derive_set_peer(context.get(), peer.0.get()))?;
            let mut length = 0;
            check(c::EVP_PKEY_derive(context.get(), null_mut(), &mut length))?;
            let mut out = vec![0; length];
            check(c::EVP_PKEY_derive(context.get(), out.as_mut_ptr(), &mut length))?;
            out.truncate(length);
            Ok(out)
        }
    }
}

/// `EVP_PKEY_encrypt` and `EVP_PKEY_decrypt`.
type Crypt = unsafe extern "C" fn(*mut c::EVP_PKEY_CTX, *mut u8, *mut usize, *const u8, usize) -> c_int;
