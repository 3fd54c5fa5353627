//! Who is signed in, and what proves that a form came from this page.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cookie::{self, Cookie, Kept};
use super::{Asked, Notice};
use crate::clock::{Clock, Timestamp};
use crate::secret::Secret;

/// A session ends when nothing was asked for so long.
const IDLE: Duration = Duration::from_secs(12 * 3600);
/// No more people are signed in at once; whoever was away for longest has to sign in again.
const MOST: usize = 1000;
/// So many wrong tokens in a minute, and for the rest of it none is looked at.
const WRONG: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Sessions and the key that proves what was given out. Both are gone with the process.
pub(super) struct Sessions {
    clock: Clock,
    key: hmac::Key,
    /// Beside others of this machine, whose ports browsers don't tell apart.
    port: u16,
    signed_in: Mutex<HashMap<[u8; 32], Timestamp>>,
    wrong: Mutex<(Timestamp, u32)>,
}

/// What came of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proved {
    Right,
    Wrong,
    TooMany,
}

impl Sessions {
    pub fn new(clock: Clock, port: u16) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>());
        let wrong = Mutex::new((clock.now(), 0));
        Sessions { clock, key, port, signed_in: Mutex::default(), wrong }
    }

    /// The id that a browser brings, or a new one: then it must be told.
    pub fn id(&self, headers: &HeaderMap) -> (String, bool) {
        let is_id = |id: &&str| id.len() == 43 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        match cookie::find(headers, &self.name("")).filter(is_id) {
            Some(id) => (id.to_owned(), false),
            None => (new_id(), true),
        }
    }

    /// The cookie with an id.
    pub fn cookie(&self, id: &str) -> Cookie {
        Cookie { name: self.name(""), value: id.to_owned(), kept: Kept::Session }
    }

    fn name(&self, what: &str) -> String {
        format!("jackfield_{}{what}", self.port)
    }

    /// Whether this id is signed in, which it then goes on to be.
    pub fn is_signed_in(&self, id: &str) -> bool {
        let now = self.clock.now();
        let mut all = self.all();
        let known = all.get_mut(&hashed(id)).filter(|until| **until > now);
        known.map(|until| *until = now.plus(IDLE)).is_some()
    }

    /// A new id, which is signed in.
    pub fn sign_in(&self) -> String {
        let (id, now) = (new_id(), self.clock.now());
        let mut all = self.all();
        all.retain(|_, until| *until > now);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, until)| **until).map(|(id, _)| *id)
        {
            all.remove(&oldest);
        }
        all.insert(hashed(&id), now.plus(IDLE));
        id
    }

    pub fn sign_out(&self, id: &str) {
        self.all().remove(&hashed(id));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], Timestamp>> {
        self.signed_in.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Compares a token with the one that is wanted, in a time that tells nothing of either.
    pub fn prove(&self, token: &str, wanted: &Secret) -> Proved {
        let now = self.clock.now();
        let mut wrong = self.wrong.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if wrong.0.plus(MINUTE) <= now {
            *wrong = (now, 0);
        }
        if wrong.1 >= WRONG {
            return Proved::TooMany;
        }
        if !wanted.expose().is_empty() && bool::from(hashed(token).ct_eq(&hashed(wanted.expose()))) {
            return Proved::Right;
        }
        wrong.1 += 1;
        Proved::Wrong
    }

    /// What forms and script of this browser send back.
    pub fn csrf(&self, id: &str, who: Option<&str>) -> String {
        let proof = self.sign(&["csrf", id, who.unwrap_or("")]);
        proof.get(..32).unwrap_or_default().to_owned()
    }

    /// A cookie that has a notice until it is shown.
    pub fn notice(&self, asked: &Asked, notice: &Notice) -> Cookie {
        let text = json!([notice.tone, notice.text, notice.count, notice.name]).to_string();
        let text = URL_SAFE_NO_PAD.encode(text);
        let value = format!("{text}.{}", self.sign(&["notice", &asked.id, &text]));
        Cookie { name: self.name("_notice"), value, kept: Kept::Seconds(60) }
    }

    pub fn forget_notice(&self) -> Cookie {
        Cookie::gone(self.name("_notice"))
    }

    /// The notice that this browser brings, when it was made here for it.
    pub fn noticed(&self, headers: &HeaderMap, id: &str) -> Option<Notice> {
        let (text, proof) = cookie::find(headers, &self.name("_notice"))?.split_once('.')?;
        let is_ours: bool = self.sign(&["notice", id, text]).as_bytes().ct_eq(proof.as_bytes()).into();
        let known = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| is_ours)?;
        let known: Json = serde_json::from_slice(&known).ok()?;
        let text = |at: usize| known[at].as_str().map(str::to_owned);
        Some(Notice { tone: text(0)?, text: text(1)?, count: known[2].as_u64(), name: text(3) })
    }

    fn sign(&self, parts: &[&str]) -> String {
        let tag = hmac::sign(&self.key, parts.join("\0").as_bytes());
        crate::template::filter::hex(tag.as_ref())
    }
}

fn new_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn hashed(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
