//! A verification by another secret, to try the one that a captured request says it was signed with.

use super::Verify;
use super::jwt::{Jwt, JwtProof};
use super::key::{decoded_secret, secret_of_digits};
use super::signature::{Key, Proof, Signature};
use super::token::Token;
use crate::secret::Secret;

/// How a secret is read as a key.
type Reading = fn(&str) -> Option<Vec<u8>>;

impl Verify {
    /// The same, by this secret alone; nothing where it is not known how it would be read, or no secret is asked for.
    pub fn by(&self, secret: &Secret) -> Option<Verify> {
        match self {
            Verify::Open => None,
            Verify::Signature(signature) => Some(Verify::Signature(Box::new(signature.by(secret)?))),
            Verify::Token(token) => {
                Some(Verify::Token(Box::new(Token { secrets: vec![secret.clone()], ..Token::clone(token) })))
            }
            Verify::Basic(_) => Some(Verify::Basic(vec![secret.clone()])),
            Verify::Jwt(jwt) => match &jwt.proof {
                JwtProof::Keyed(hash, _) => {
                    let proof = JwtProof::Keyed(*hash, vec![secret.clone()]);
                    Some(Verify::Jwt(Box::new(Jwt { proof, ..Jwt::clone(jwt) })))
                }
                JwtProof::Public(..) => None,
            },
            Verify::AnyOf(ways) => {
                let ways: Vec<Verify> = ways.iter().filter_map(|way| way.by(secret)).collect();
                (!ways.is_empty()).then_some(Verify::AnyOf(ways))
            }
        }
    }
}

impl Signature {
    fn by(&self, secret: &Secret) -> Option<Signature> {
        let key = |keys: &[Key]| keys.iter().find_map(|known| like(known, secret)).map(|key| vec![key]);
        let proof = match &self.proof {
            Proof::Keyed(hash, keys) => Proof::Keyed(*hash, key(keys)?),
            Proof::Plain(hash, keys) => Proof::Plain(*hash, key(keys)?),
            Proof::Public(_) | Proof::Unknown => return None,
        };
        Some(Signature { proof, ..self.clone() })
    }
}

/// A secret read as a known one is: as text, base64 or hexadecimal digits, whole or behind its prefix.
fn like(known: &Key, secret: &Secret) -> Option<Key> {
    let readings: [Reading; 3] = [|text| Some(text.as_bytes().to_vec()), decoded_secret, secret_of_digits];
    let whole: fn(&str) -> &str = |text| text;
    let bare: fn(&str) -> &str = |text| text.rsplit_once('_').map_or(text, |(_, bare)| bare);
    let all = [whole, bare].into_iter().flat_map(|cut| readings.into_iter().map(move |read| (cut, read)));
    let (cut, read) =
        all.into_iter().find(|(cut, read)| read(cut(known.secret.expose())).as_deref() == Some(&known.bytes))?;
    Some(Key { bytes: read(cut(secret.expose()))?, secret: secret.clone() })
}
