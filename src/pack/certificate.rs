//! Certificates and private keys as people have them, proved before anything is sent with them.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use webpki::anchor_from_trusted_cert;

/// Why a text is of no use where certificates or a key are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("this is no certificate")]
    NoCertificate,
    #[error("a certificate in this text can't be read")]
    Unreadable,
    #[error("this is a private key, and not a certificate")]
    KeyForCertificate,
    #[error("this is no private key")]
    NoKey,
    #[error("this is a certificate, and not its private key")]
    CertificateForKey,
    #[error("this private key is locked with a password")]
    LockedKey,
    #[error("this private key is of a kind that can't be used")]
    OtherKey,
    #[error("the private key is not that of the certificate")]
    NotThePair,
}

/// Proves a text with one certificate or more.
pub fn check_certificates(text: &str) -> Result<(), PemError> {
    certificates(text).map(drop)
}

/// Proves a certificate, what stands behind it, and the private key that belongs to it.
pub fn check_pair(certificate: &str, key: &str) -> Result<(), PemError> {
    let chain = certificates(certificate)?;
    let public = public_key(key)?;
    let first = chain.first().ok_or(PemError::NoCertificate)?;
    let proved = anchor_from_trusted_cert(first).map_err(|_| PemError::Unreadable)?;
    match proved.subject_public_key_info.as_ref().windows(public.len()).any(|part| part == public) {
        true => Ok(()),
        false => Err(PemError::NotThePair),
    }
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|_| PemError::Unreadable)?;
    if found.is_empty() {
        let is_key = PrivateKeyDer::from_pem_slice(text.as_bytes()).is_ok() || text.contains("PRIVATE KEY-----");
        return Err(if is_key { PemError::KeyForCertificate } else { PemError::NoCertificate });
    }
    match found.iter().all(|certificate| anchor_from_trusted_cert(certificate).is_ok()) {
        true => Ok(found),
        false => Err(PemError::Unreadable),
    }
}

/// The public half of a private key, as it stands in a certificate.
fn public_key(text: &str) -> Result<Vec<u8>, PemError> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(PemError::LockedKey);
    }
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()).filter_map(Result::ok);
        match sections.any(|(kind, _)| kind == SectionKind::Certificate) {
            true => PemError::CertificateForKey,
            false => PemError::NoKey,
        }
    })?;
    match &key {
        PrivateKeyDer::Pkcs8(key) => of_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).ok().map(|key| bytes(&key)),
        PrivateKeyDer::Sec1(key) => of_sec1(key.secret_sec1_der()),
        _ => None,
    }
    .ok_or(PemError::OtherKey)
}

fn bytes(key: &impl KeyPair) -> Vec<u8> {
    key.public_key().as_ref().to_vec()
}

fn of_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    let random = ring::rand::SystemRandom::new();
    let ecdsa = [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING];
    let ecdsa = || ecdsa.into_iter().find_map(|kind| EcdsaKeyPair::from_pkcs8(kind, der, &random).ok());
    let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(|key| bytes(&key));
    let rsa = RsaKeyPair::from_pkcs8(der).ok().map(|key| bytes(&key));
    rsa.or_else(|| ecdsa().map(|key| bytes(&key))).or_else(ed25519)
}

/// A key as `openssl ecparam -genkey` writes it: the same numbers without the wrapping of PKCS #8. TLS takes it so too.
fn of_sec1(der: &[u8]) -> Option<Vec<u8>> {
    // The public point stands at its end: a BIT STRING of 65 or 97 bytes that begins with 4.
    [65, 97].into_iter().find_map(|length| {
        let point = der.get(der.len().checked_sub(length)?..)?;
        let before = der.get(..der.len() - length)?;
        (point.first() == Some(&4) && before.ends_with(&[0x03, u8::try_from(length + 1).ok()?, 0]))
            .then(|| point.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! file {
        ($name:literal) => {
            include_str!(concat!("../../tests/certificates/", $name))
        };
    }

    #[test]
    fn a_key_of_every_kind_is_known_by_its_certificate() {
        for (certificate, key) in [
            (file!("client.pem"), file!("client.key")),
            (file!("rsa.pem"), file!("rsa.key")),
            (file!("sec1.pem"), file!("sec1.key")),
            (file!("ed25519.pem"), file!("ed25519.key")),
        ] {
            assert_eq!(check_pair(certificate, key), Ok(()));
        }
        assert_eq!(check_pair(file!("client.pem"), file!("server.key")), Err(PemError::NotThePair));
        assert_eq!(check_pair(file!("client.pem"), file!("rsa.key")), Err(PemError::NotThePair));
    }

    #[test]
    fn what_is_no_certificate_says_what_it_is() {
        assert_eq!(check_certificates(file!("ca.pem")), Ok(()));
        assert_eq!(check_certificates(&format!("{}\n{}", file!("ca.pem"), file!("rsa.pem"))), Ok(()));
        let broken = file!("ca.pem").replace("MII", "AAA");
        assert_eq!(check_certificates(&broken), Err(PemError::Unreadable));
        assert_eq!(check_certificates("-----BEGIN CERTIFICATE-----\nnot base64\n"), Err(PemError::Unreadable));
        assert_eq!(check_certificates("certs/ca.pem"), Err(PemError::NoCertificate));
        assert_eq!(check_certificates(file!("ca.key")), Err(PemError::KeyForCertificate));
        let pair = |key| check_pair(file!("client.pem"), key);
        assert_eq!(pair(file!("client.pem")), Err(PemError::CertificateForKey));
        assert_eq!(pair(file!("locked.key")), Err(PemError::LockedKey));
        assert_eq!(pair("a word"), Err(PemError::NoKey));
    }
}
