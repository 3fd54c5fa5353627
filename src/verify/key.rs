//! Public keys as people have them: PEM, base64 or hexadecimal digits.

use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::hash::{Hash, from_hex};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Base64 with or without its padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
/// Base64 as tokens have it, without padding and with every bit as it must be.
pub(super) const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A key that checks signatures and makes none.
#[derive(Clone)]
pub struct PublicKey {
    kind: Kind,
    bytes: Vec<u8>,
}

/// What a public key checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ed25519,
    /// RSA with PKCS #1 padding, over a hash.
    Rsa(Hash),
}

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("this is not a public key")]
    Unreadable,
    #[error("this is a private key, which only the sender may have")]
    Private,
    #[error("this is a certificate, and not a public key alone")]
    Certificate,
    #[error("this is a public key of another kind")]
    OtherKind,
    #[error("this RSA key is too short to prove anything: it must have 2048 bits or more")]
    TooShort,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes", self.kind, self.bytes.len())
    }
}

impl PublicKey {
    /// Reads a key of a kind.
    pub fn parse(text: &str, kind: Kind) -> Result<PublicKey, KeyError> {
        let bytes = bytes_of(text.trim())?;
        let bytes = match kind {
            Kind::Ed25519 => ed25519(&bytes)?,
            Kind::Rsa(_) => rsa(&bytes)?,
        };
        Ok(PublicKey { kind, bytes })
    }

    /// Whether a signature over a message was made with the private key of this one.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let algorithm: &'static dyn VerificationAlgorithm = match self.kind {
            Kind::Ed25519 => &ED25519,
            Kind::Rsa(Hash::Sha1) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Kind::Rsa(Hash::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            Kind::Rsa(Hash::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
            Kind::Rsa(Hash::Md5 | Hash::Sha384) => return None,
        };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).ok()
    }
}

/// The bytes of a secret that is written in base64.
pub fn decoded_secret(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok().filter(|bytes| !bytes.is_empty())
}

/// The bytes of a secret that is written in hexadecimal digits.
pub fn secret_of_digits(text: &str) -> Option<Vec<u8>> {
    from_hex(text.trim()).filter(|bytes| !bytes.is_empty())
}

/// What a PEM, base64 or hexadecimal digits hold.
fn bytes_of(text: &str) -> Result<Vec<u8>, KeyError> {
    if text.contains("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    if text.contains("BEGIN CERTIFICATE") {
        return Err(KeyError::Certificate);
    }
    // Standard Webhooks marks its keys.
    let text = text.strip_prefix("whpk_").unwrap_or(text);
    // In one line of an environment, line breaks are often written as `\n`.
    let plain = text.replace("\\n", "\n");
    let inner = match plain.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----")) {
        Some((_, rest)) => rest.split_once("-----END ").map(|(inner, _)| inner).ok_or(KeyError::Unreadable)?,
        None => &plain,
    };
    let bare: String = inner.chars().filter(|c| !c.is_whitespace()).collect();
    if bare.len() == 64
        && let Some(bytes) = from_hex(&bare)
    {
        return Ok(bytes);
    }
    BASE64.decode(&bare).ok().filter(|bytes| !bytes.is_empty()).ok_or(KeyError::Unreadable)
}

/// The algorithms' identifiers in DER.
const ED25519_ID: &[u8] = &[0x2b, 0x65, 0x70];
const RSA_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const IDENTIFIER: u8 = 0x06;

fn ed25519(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = match bytes.len() {
        32 => bytes,
        _ => subject(bytes).and_then(|(id, key)| if id == ED25519_ID { Ok(key) } else { Err(KeyError::OtherKind) })?,
    };
    (key.len() == 32).then(|| key.to_vec()).ok_or(KeyError::Unreadable)
}

/// The modulus and exponent in DER, alone or within the frame that names the algorithm.
fn rsa(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = match subject(bytes) {
        Ok((RSA_ID, key)) => key,
        Ok(_) => return Err(KeyError::OtherKind),
        Err(_) if bytes.len() == 32 => return Err(KeyError::OtherKind),
        Err(_) => bytes,
    };
    let read = || {
        let (inner, rest) = element(key, SEQUENCE)?;
        let (modulus, exponent) = element(inner, INTEGER)?;
        let (_, end) = element(exponent, INTEGER)?;
        (rest.is_empty() && end.is_empty()).then_some(modulus)
    };
    let modulus = read().ok_or(KeyError::Unreadable)?;
    let length = modulus.iter().skip_while(|byte| **byte == 0).count();
    // Of the first byte one bit at least is set.
    if length < 256 { Err(KeyError::TooShort) } else { Ok(key.to_vec()) }
}

/// The algorithm and the key of a SubjectPublicKeyInfo.
fn subject(bytes: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    let read = || {
        let (inner, _) = element(bytes, SEQUENCE)?;
        let (algorithm, rest) = element(inner, SEQUENCE)?;
        let (id, _) = element(algorithm, IDENTIFIER)?;
        let (bits, _) = element(rest, BIT_STRING)?;
        // The first byte counts the bits that the last does not use.
        bits.split_first().filter(|(unused, _)| **unused == 0).map(|(_, key)| (id, key))
    };
    read().ok_or(KeyError::Unreadable)
}

/// The content of one element in DER, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}
