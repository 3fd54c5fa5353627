//! Signatures: keyed hashes, plain hashes, and those that a public key proves.

use std::sync::Arc;
use std::time::Duration;

use super::place::Places;
use crate::compile::Compiler;
use crate::compile::setting::Given;
use crate::config::At;
use crate::config::scalar::Text;
use crate::config::source::Source as Written;
use crate::config::source::verify::{
    Algorithm, BodyHash as WrittenBodyHash, Ed25519, Encoding as WrittenEncoding, Hmac, KeyFormat, PlainHash, Rsa,
    SignedAt as WrittenSignedAt, Unit as WrittenUnit,
};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::secret::Secret;
use crate::verify::Verify;
use crate::verify::hash::{Encoding, Hash};
use crate::verify::key::{self, Kind};
use crate::verify::piece::Signed;
use crate::verify::place::Where;
use crate::verify::signature::{BodyHash, Item, Key, Proof, Signature};
use crate::verify::time::{SignedAt, Unit};

/// How far a signature's time may be from now unless said otherwise.
const TOLERANCE: Duration = Duration::from_secs(300);

/// What the kinds of signatures have in common, as written.
pub(super) struct Common<'w> {
    pub kind: &'static str,
    pub place: &'w Place,
    pub places: Places<'w>,
    pub encoding: Encoding,
    pub prefix: Option<&'w Text>,
    pub separator: Option<&'w Text>,
    pub item: Option<&'w Text>,
    pub signs: Option<&'w Text>,
    pub body_hash: Option<&'w WrittenBodyHash>,
    pub timestamp: Option<&'w WrittenSignedAt>,
    pub tolerance: Option<&'w At<Duration>>,
}

impl Compiler<'_> {
    pub(super) fn hmac(&mut self, hmac: &Hmac, source: &Written, given: &Given) -> Option<Verify> {
        let secrets = self.secrets_of(hmac.secret.as_ref(), source, &hmac.place, "the signing key", given)?;
        let common = Common {
            kind: "hmac",
            place: &hmac.place,
            places: Places {
                header: hmac.header.as_ref(),
                query: hmac.query.as_ref(),
                field: hmac.field.as_ref(),
                path: None,
            },
            encoding: encoding(hmac.encoding.as_ref(), Encoding::Hex),
            prefix: hmac.prefix.as_ref(),
            separator: hmac.separator.as_ref(),
            item: hmac.item.as_ref(),
            signs: hmac.signs.as_ref(),
            body_hash: hmac.body_hash.as_ref(),
            timestamp: hmac.timestamp.as_ref(),
            tolerance: hmac.tolerance.as_ref(),
        };
        let keys = self.keys(secrets, hmac);
        let hash = hmac.algorithm.as_ref().map_or(Hash::Sha256, |algorithm| hash(algorithm.value));
        self.signature(&common, Proof::Keyed(hash, keys?), source)
    }

    /// The secrets as keys; a secret that can't be one is reported where it is written.
    fn keys(&mut self, secrets: Vec<(Secret, Place)>, hmac: &Hmac) -> Option<Vec<Key>> {
        let format = hmac.key.as_ref().map_or(KeyFormat::Text, |key| key.value);
        let prefix = hmac.key_prefix.as_ref().map_or("", |prefix| &prefix.value);
        let mut keys = Vec::new();
        let mut is_whole = true;
        for (secret, place) in secrets {
            let text = secret.expose().strip_prefix(prefix).unwrap_or(secret.expose());
            let bytes = match format {
                KeyFormat::Base64 => key::decoded_secret(text),
                KeyFormat::Hex => key::secret_of_digits(text),
                KeyFormat::Text => Some(text.as_bytes().to_vec()),
            };
            match bytes {
                Some(bytes) => keys.push(Key { secret, bytes }),
                // What is missing is reported as that.
                None if secret.expose().is_empty() => keys.push(Key { secret, bytes: Vec::new() }),
                None => {
                    is_whole = false;
                    let word = if format == KeyFormat::Hex { "hexadecimal digits" } else { "base64" };
                    let message = format!("the secret is not {word}, as `key: {}` says", format.word());
                    let form = match format {
                        KeyFormat::Hex => "pairs of `0` to `9` and `a` to `f`",
                        _ => "letters, digits, `+`, `/` and `=`, as of `openssl rand -base64 32`",
                    };
                    let help = match &hmac.key_prefix {
                        Some(prefix) => {
                            format!("copy it whole from the sender: behind `{}` it has {form}", prefix.value)
                        }
                        None => format!(
                            "copy it whole from the sender: it has {form}; what stands before them is named as `key_prefix`"
                        ),
                    };
                    self.report(Diagnostic::new(Code::InvalidValue, place, message).help(help));
                }
            }
        }
        is_whole.then_some(keys)
    }

    pub(super) fn plain_hash(
        &mut self,
        written: &PlainHash,
        algorithm: Algorithm,
        source: &Written,
        given: &Given,
    ) -> Option<Verify> {
        let secrets = self.secrets_of(written.secret.as_ref(), source, &written.place, "the shared secret", given)?;
        let common = Common {
            kind: algorithm.word(),
            place: &written.place,
            places: Places {
                header: written.header.as_ref(),
                query: written.query.as_ref(),
                field: written.field.as_ref(),
                path: None,
            },
            encoding: encoding(written.encoding.as_ref(), Encoding::Hex),
            prefix: written.prefix.as_ref(),
            separator: None,
            item: None,
            signs: Some(&written.signs),
            body_hash: None,
            timestamp: written.timestamp.as_ref(),
            tolerance: written.tolerance.as_ref(),
        };
        let key = |(secret, _): (Secret, Place)| Key { bytes: secret.expose().as_bytes().to_vec(), secret };
        let keys = secrets.into_iter().map(key).collect();
        self.signature(&common, Proof::Plain(hash(algorithm), keys), source)
    }

    pub(super) fn ed25519(&mut self, ed25519: &Ed25519, source: &Written, given: &Given) -> Option<Verify> {
        let common = Common {
            kind: "ed25519",
            place: &ed25519.place,
            places: Places {
                header: ed25519.header.as_ref(),
                query: ed25519.query.as_ref(),
                field: ed25519.field.as_ref(),
                path: None,
            },
            encoding: encoding(ed25519.encoding.as_ref(), Encoding::Base64),
            prefix: ed25519.prefix.as_ref(),
            separator: ed25519.separator.as_ref(),
            item: None,
            signs: ed25519.signs.as_ref(),
            body_hash: None,
            timestamp: ed25519.timestamp.as_ref(),
            tolerance: ed25519.tolerance.as_ref(),
        };
        let key = self.public_key(&ed25519.public_key, Kind::Ed25519, given);
        self.signature(&common, key?.map_or(Proof::Unknown, Proof::Public), source)
    }

    pub(super) fn rsa(&mut self, rsa: &Rsa, source: &Written, given: &Given) -> Option<Verify> {
        let common = Common {
            kind: "rsa",
            place: &rsa.place,
            places: Places {
                header: rsa.header.as_ref(),
                query: rsa.query.as_ref(),
                field: rsa.field.as_ref(),
                path: None,
            },
            encoding: encoding(rsa.encoding.as_ref(), Encoding::Base64),
            prefix: rsa.prefix.as_ref(),
            separator: rsa.separator.as_ref(),
            item: None,
            signs: rsa.signs.as_ref(),
            body_hash: None,
            timestamp: rsa.timestamp.as_ref(),
            tolerance: rsa.tolerance.as_ref(),
        };
        if let Some(md5) = rsa.algorithm.as_ref().filter(|algorithm| algorithm.value == Algorithm::Md5) {
            let message = "a signature by RSA over MD5 proves nothing";
            let help = "write `sha1`, `sha256` or `sha512`, as the sender signs";
            self.report(Diagnostic::new(Code::InvalidValue, md5.place.clone(), message).help(help));
            return None;
        }
        let hash = rsa.algorithm.as_ref().map_or(Hash::Sha256, |algorithm| hash(algorithm.value));
        let key = self.public_key(&rsa.public_key, Kind::Rsa(hash), given);
        self.signature(&common, key?.map_or(Proof::Unknown, Proof::Public), source)
    }

    fn signature(&mut self, common: &Common<'_>, proof: Proof, source: &Written) -> Option<Verify> {
        let at = self.carrier(common, source)?;
        let signs = match common.signs {
            Some(text) => self.signed(text)?,
            None => vec![Signed::Body],
        };
        self.check_secret_is_signed(common, &proof, &signs)?;
        let item = match common.item {
            Some(text) => Some(self.item(text)?),
            None => None,
        };
        let body_hash = match common.body_hash {
            Some(written) => Some(self.body_hash(written, &signs, source)?),
            None => None,
        };
        self.check_content_is_signed(common, &signs, body_hash.is_some())?;
        let signed_at = self.signed_at(common, &signs, source)?;
        Some(Verify::Signature(Box::new(Signature {
            at,
            separator: text(common.separator),
            prefix: text(common.prefix),
            item,
            encoding: common.encoding,
            proof,
            signs,
            body_hash,
            signed_at,
            tolerance: common.tolerance.map_or(TOLERANCE, |tolerance| tolerance.value),
        })))
    }

    /// Where the signature is.
    fn carrier(&mut self, common: &Common<'_>, source: &Written) -> Option<Where> {
        if common.places.is_empty() && !self.has_unknown_key(common.place) {
            let message = format!("`{}` does not say which header carries the signature", common.kind);
            let diagnostic = Diagnostic::new(Code::MissingKey, common.place.on_key(), message);
            let help = "add `header: X-Signature`; or `query` or `field`, where it stands elsewhere";
            self.report_missing(common.place, "header", diagnostic.help(help));
            return None;
        }
        self.place_of(common.places, common.place, "`header`, `query` or `field`", source)
    }

    fn check_secret_is_signed(&mut self, common: &Common<'_>, proof: &Proof, signs: &[Signed]) -> Option<()> {
        let has_secret = signs.iter().any(|piece| matches!(piece, Signed::Secret));
        let Some(place) = common.signs.map(|text| text.place.clone()) else { return Some(()) };
        let (message, help) = match (proof, has_secret) {
            (Proof::Plain(..), false) => {
                ("the hash does not cover the secret, so anyone could make it", "begin with `{{ secret }}`")
            }
            (Proof::Public(_) | Proof::Unknown, true) => {
                ("a signature that a public key proves covers no secret", "remove `{{ secret }}`")
            }
            (Proof::Keyed(..), true) => (
                "the secret of an `hmac` is its key, and no part of what is signed",
                "remove `{{ secret }}`; a plain hash over a text with the secret in it is `sha256`",
            ),
            _ => return Some(()),
        };
        self.report(Diagnostic::new(Code::InvalidValue, place, message).help(help));
        None
    }

    fn body_hash(&mut self, written: &WrittenBodyHash, signs: &[Signed], source: &Written) -> Option<BodyHash> {
        let places = Places { header: written.header.as_ref(), query: written.query.as_ref(), ..Places::default() };
        let at = self.place_of(places, &written.place, "`header` or `query`", source)?;
        if !super::signs::covers(signs, &at) {
            let message = "the signature does not cover the hash of the body, so anyone could change both";
            let help = "as the sender does it, for instance `signs: \"{{ url }}\"`; or remove `body_hash`";
            self.report(Diagnostic::new(Code::InvalidValue, written.place.on_key(), message).help(help));
            return None;
        }
        let is_optional = written.optional.as_ref().is_some_and(|optional| optional.value);
        if let Some(optional) = written.optional.as_ref().filter(|_| is_optional)
            && !signs.iter().any(|piece| matches!(piece, Signed::SortedForm))
        {
            let message = "without a hash of the body nothing would cover the body";
            let help = "remove `optional`; or write `{{ sorted_form }}` in `signs`, where the others are forms";
            self.report(Diagnostic::new(Code::ConflictingKeys, optional.place.clone(), message).help(help));
            return None;
        }
        Some(BodyHash {
            is_optional,
            at,
            prefix: text(written.prefix.as_ref()),
            encoding: encoding(written.encoding.as_ref(), Encoding::Hex),
        })
    }

    /// Where the time of signing is: outer nothing after a problem.
    fn signed_at(&mut self, common: &Common<'_>, signs: &[Signed], source: &Written) -> Option<Option<SignedAt>> {
        let Some(written) = common.timestamp else {
            self.check_time_is_found(common, signs);
            return Some(None);
        };
        let places = Places {
            header: written.header.as_ref(),
            query: written.query.as_ref(),
            field: written.field.as_ref(),
            path: None,
        };
        let at = match places.is_empty() && common.item.is_some() {
            true => None,
            false if places.is_empty() && !self.has_unknown_key(&written.place) => {
                let message = "`timestamp` does not say where the time of signing is";
                let diagnostic = Diagnostic::new(Code::MissingKey, written.place.on_key(), message);
                self.report_missing(&written.place, "header", diagnostic.help("add `header: X-Timestamp`"));
                return None;
            }
            false => Some(self.place_of(places, &written.place, "`header`, `query` or `field`", source)?),
        };
        let is_covered = signs.iter().any(|piece| matches!(piece, Signed::Timestamp))
            || at.as_ref().is_some_and(|at| super::signs::covers(signs, at));
        if !is_covered && !self.was_tried(common.place, "signs") {
            self.uncovered(common);
            return None;
        }
        let unit = match written.unit.as_ref().map(|unit| unit.value) {
            Some(WrittenUnit::Milliseconds) => Unit::Milliseconds,
            Some(WrittenUnit::Iso) => Unit::Iso,
            Some(WrittenUnit::Seconds) | None => Unit::Seconds,
        };
        let (prefix, separator) = (text(written.prefix.as_ref()), text(written.separator.as_ref()));
        Some(Some(SignedAt { at, separator, prefix, unit }))
    }

    fn uncovered(&mut self, common: &Common<'_>) {
        let place = common.signs.map_or_else(|| common.place.on_key(), |signs| signs.place.clone());
        let diagnostic = Diagnostic::new(Code::InvalidValue, place, "the signature does not cover the timestamp");
        let help =
            "as the sender does it, for instance `signs: \"{{ timestamp }}.{{ body }}\"`; or leave `timestamp` out";
        self.report(diagnostic.found("anyone could send an old request with a new time").help(help));
    }

    /// What needs to know when a request was signed, and what does not say it.
    fn check_time_is_found(&mut self, common: &Common<'_>, signs: &[Signed]) {
        if self.was_tried(common.place, "timestamp") {
            return;
        }
        let help = "add `timestamp: { header: X-Timestamp }`, with the header that holds it";
        if let Some(tolerance) = common.tolerance {
            let message = "`tolerance` does nothing without `timestamp`";
            let help = format!("{help}; or remove `tolerance`");
            self.report(Diagnostic::new(Code::ConflictingKeys, tolerance.place.on_key(), message).help(help));
        } else if let Some(text) = common
            .signs
            .filter(|_| common.item.is_none() && signs.iter().any(|piece| matches!(piece, Signed::Timestamp)))
        {
            let message = "`{{ timestamp }}` is signed, and nothing says where it is";
            self.report(Diagnostic::new(Code::ConflictingKeys, text.place.clone(), message).help(help));
        }
    }

    /// `hmac;1;{{ timestamp }};{{ signature }}` as the texts around both.
    fn item(&mut self, text: &Text) -> Option<Item> {
        let names = ["timestamp", "signature"].map(|name| {
            let written = [format!("{{{{ {name} }}}}"), format!("{{{{{name}}}}}")];
            written.iter().find_map(|name| text.find(name.as_str()).map(|at| at..at + name.len()))
        });
        if let [Some(time), Some(signature)] = names {
            let is_time_first = time.start < signature.start;
            let (first, second) = if is_time_first { (time, signature) } else { (signature, time) };
            let part = |range: std::ops::Range<usize>| text.get(range).map(Arc::<str>::from);
            let (before, between) = (part(0..first.start)?, part(first.end..second.start)?);
            let after = part(second.end..text.len())?;
            let has_more = [&before, &between, &after].iter().any(|text| text.contains("{{"));
            if !between.is_empty() && !has_more {
                return Some(Item { before, between, after, is_time_first });
            }
        }
        let message = "`item` needs `{{ timestamp }}` and `{{ signature }}`, with something between them";
        let help = "write it as the sender does: `\"1;{{ timestamp }};{{ signature }}\"`; what stands before a signature \
                    alone is `prefix`";
        self.report(Diagnostic::new(Code::InvalidTemplate, text.place.clone(), message).help(help));
        None
    }
}

pub(super) fn text(written: Option<&Text>) -> Arc<str> {
    written.map_or_else(|| "".into(), |text| text.value.clone())
}

fn hash(algorithm: Algorithm) -> Hash {
    match algorithm {
        Algorithm::Sha1 => Hash::Sha1,
        Algorithm::Sha256 => Hash::Sha256,
        Algorithm::Sha512 => Hash::Sha512,
        Algorithm::Md5 => Hash::Md5,
    }
}

fn encoding(written: Option<&At<WrittenEncoding>>, default: Encoding) -> Encoding {
    match written.map(|encoding| encoding.value) {
        Some(WrittenEncoding::Base64) => Encoding::Base64,
        Some(WrittenEncoding::Base64OfHex) => Encoding::Base64OfHex,
        Some(WrittenEncoding::Hex) => Encoding::Hex,
        None => default,
    }
}
