//! Hashes and keyed hashes, and how they are written.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::template::filter::hex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
    Base64OfHex,
}

impl Hash {
    pub(super) fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Hash::Md5 => Md5::digest(message).to_vec(),
            Hash::Sha1 => Sha1::digest(message).to_vec(),
            Hash::Sha256 => Sha256::digest(message).to_vec(),
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    /// The keyed hash; nothing without a key.
    pub(super) fn keyed(self, key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Hash::Md5 => keyed::<Hmac<Md5>>(key, message),
            Hash::Sha1 => keyed::<Hmac<Sha1>>(key, message),
            Hash::Sha256 => keyed::<Hmac<Sha256>>(key, message),
            Hash::Sha384 => keyed::<Hmac<Sha384>>(key, message),
            Hash::Sha512 => keyed::<Hmac<Sha512>>(key, message),
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

impl Encoding {
    pub(super) fn write(self, digest: &[u8]) -> String {
        match self {
            Encoding::Hex => hex(digest),
            Encoding::Base64 => BASE64_STANDARD.encode(digest),
            Encoding::Base64OfHex => BASE64_STANDARD.encode(hex(digest)),
        }
    }

    /// As it would be written here: some senders write hexadecimal digits in capitals.
    pub(super) fn normal(self, given: &str) -> String {
        match self {
            Encoding::Hex => given.to_ascii_lowercase(),
            Encoding::Base64 | Encoding::Base64OfHex => given.to_owned(),
        }
    }

    /// The bytes that are written.
    pub(super) fn read(self, given: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => from_hex(given),
            Encoding::Base64 => BASE64_STANDARD.decode(given).ok(),
            Encoding::Base64OfHex => from_hex(std::str::from_utf8(&BASE64_STANDARD.decode(given).ok()?).ok()?),
        }
    }
}

/// The bytes of hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}
