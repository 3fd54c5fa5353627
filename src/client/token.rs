//! Access tokens that run out: fetched once for all who wait, and on disk before they are used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, RwLock};

use super::answer::answer;
use super::cache::Clients;
use super::grant::{Grant, Refused};
use crate::clock::{Clock, Timestamp};
use crate::delivery::{AttemptResult, Trouble};
use crate::pack::Connection;
use crate::secret::Secret;
use crate::store::{Store, StoredToken};

/// How long a service that refused is left alone, unless the settings change.
const PAUSE: Duration = Duration::from_secs(60);
/// How long one that failed for now is left alone, and how long a new token is not replaced by another.
const SHORT_PAUSE: Duration = Duration::from_secs(2);
/// How long a service may take. A stop waits for it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a stop waits for what is being fetched: it is then on disk, or nothing came.
const LONGEST_STOP: Duration = Duration::from_secs(20);

/// The tokens of all connections.
#[derive(Clone)]
pub struct Tokens {
    clients: Clients,
    store: Arc<dyn Store>,
    clock: Clock,
    slots: Arc<Mutex<Slots>>,
    failures: Arc<Mutex<BTreeMap<Arc<str>, Failed>>>,
    /// Whether none is fetched any more. Whoever fetches one holds it, so that the end waits for that.
    is_over: Arc<RwLock<bool>>,
}

type Slots = BTreeMap<Arc<str>, Arc<tokio::sync::Mutex<Slot>>>;

/// What is known of one connection's token. Whoever has the lock may fetch another; the rest waits for that.
#[derive(Default)]
struct Slot {
    token: Option<StoredToken>,
    /// It was given, and could not be stored yet: it is not used before it is.
    is_unsaved: bool,
    fetched_at: Option<Timestamp>,
}

/// The last failure of a connection, for those settings, and until when it is believed.
#[derive(Clone)]
struct Failed {
    fingerprint: String,
    trouble: Trouble,
    until: Timestamp,
}

type Locked = OwnedMutexGuard<Slot>;

impl Tokens {
    pub fn new(clients: Clients, store: Arc<dyn Store>, clock: Clock) -> Self {
        Tokens { clients, store, clock, slots: Arc::default(), failures: Arc::default(), is_over: Arc::default() }
    }

    /// The token that requests of a connection carry; nothing for one that has none to fetch.
    pub async fn bearer(&self, connection: &Arc<Connection>) -> Result<Option<Secret>, Trouble> {
        self.get(connection, None).await
    }

    /// Another token than the one that the provider did not take.
    pub async fn refresh(&self, connection: &Arc<Connection>, stale: &Secret) -> Result<Option<Secret>, Trouble> {
        self.get(connection, Some(stale)).await
    }

    /// The service is asked again by the next who needs a token, whatever it said before.
    pub fn try_now(&self, connection: &str) {
        self.failures().remove(connection);
    }

    /// Lets what is being fetched come home and onto disk, and fetches nothing more: a refresh token that was given and not
    /// kept is lost.
    pub async fn stop(&self) {
        if let Ok(mut is_over) = tokio::time::timeout(LONGEST_STOP, self.is_over.write()).await {
            *is_over = true;
        }
    }

    async fn get(&self, connection: &Arc<Connection>, stale: Option<&Secret>) -> Result<Option<Secret>, Trouble> {
        let Some(oauth2) = &connection.oauth2 else { return Ok(None) };
        let grant = Grant::of(connection, oauth2)?;
        let slot = self.slot(&connection.name).lock_owned().await;
        if let Some(good) = slot.good(&grant, stale, self.clock.now()) {
            return Ok(Some(good));
        }
        let (tokens, connection, stale) = (self.clone(), connection.clone(), stale.cloned());
        // What was asked for is kept even when nobody waits for it any more: the service may have taken the old one back.
        let renewed = tokio::spawn(async move {
            let is_over = tokens.is_over.read().await;
            match *is_over {
                true => Err(Trouble::NoToken),
                false => tokens.renew(slot, &grant, &connection, stale.as_ref()).await,
            }
        });
        renewed.await.unwrap_or(Err(Trouble::NoToken)).map(Some)
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Failed>> {
        self.failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn slot(&self, connection: &Arc<str>) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        slots.entry(connection.clone()).or_default().clone()
    }

    async fn renew(
        &self,
        mut slot: Locked,
        grant: &Grant,
        connection: &Connection,
        stale: Option<&Secret>,
    ) -> Result<Secret, Trouble> {
        self.take_up(&mut slot, grant, connection).await?;
        let now = self.clock.now();
        if let Some(good) = slot.good(grant, stale, now) {
            return Ok(good);
        }
        let failed = self.failures().get(&connection.name).cloned();
        if let Some(trouble) = slot.known_trouble(failed.as_ref(), grant, now) {
            return Err(trouble);
        }
        match self.fetch(&slot, grant, connection).await {
            Ok(token) => {
                slot.token = Some(token);
                (slot.is_unsaved, slot.fetched_at) = (true, Some(now));
                self.failures().remove(&connection.name);
                self.save(&mut slot, connection).await
            }
            Err(refused) => {
                self.failures().insert(connection.name.clone(), Failed::new(grant, refused.trouble, now));
                tell(connection, &refused);
                if let Some(rotated) = refused.rotated {
                    (slot.token, slot.is_unsaved) = (Some(grant.rotated(rotated, now)), true);
                    let _ = self.save(&mut slot, connection).await;
                }
                Err(refused.trouble)
            }
        }
    }

    /// What the store has, after a start or for other settings; and what it should have, where it failed before.
    async fn take_up(&self, slot: &mut Slot, grant: &Grant, connection: &Connection) -> Result<(), Trouble> {
        if slot.is_unsaved {
            self.save(slot, connection).await?;
        }
        if slot.token.as_ref().is_none_or(|token| token.fingerprint != grant.fingerprint) {
            let stored = self.store.token(&connection.name).await.map_err(|error| {
                tracing::error!(connection = %connection.name, %error, "the store gives no token");
                Trouble::NoToken
            })?;
            slot.token = stored.filter(|token| token.fingerprint == grant.fingerprint);
            slot.fetched_at = None;
        }
        Ok(())
    }

    async fn fetch(&self, slot: &Slot, grant: &Grant, connection: &Connection) -> Result<StoredToken, Refused> {
        if !connection.link.allows(&grant.url) {
            return Err(Refused::because(Trouble::PrivateAddress));
        }
        let client = self.clients.of(&connection.link, TIMEOUT).map_err(|_| Refused::for_now())?;
        let asked_at = self.clock.now();
        let request = client
            .post(grant.url.clone())
            .timeout(TIMEOUT)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Accept", "application/json")
            .body(grant.form(slot.token.as_ref()));
        let answer = answer(request).await.map_err(|result| match result {
            AttemptResult::NotSent(trouble) => Refused::because(trouble),
            AttemptResult::Unknown(_) | AttemptResult::Answered { .. } | AttemptResult::TokenRefused { .. } => {
                Refused::for_now()
            }
        })?;
        let token = grant.token(&answer, slot.token.as_ref(), asked_at);
        crate::death::moment("token-given");
        token
    }

    /// Puts a new token on disk. The refresh token before it may be worth nothing any more.
    async fn save(&self, slot: &mut Slot, connection: &Connection) -> Result<Secret, Trouble> {
        let token = slot.token.clone().ok_or(Trouble::NoToken)?;
        let access = token.access.clone();
        match self.store.save_token(&connection.name, token).await {
            Ok(()) => {
                slot.is_unsaved = false;
                Ok(access)
            }
            Err(error) => {
                tracing::error!(connection = %connection.name, %error, "a new token could not be stored, and is not used");
                Err(Trouble::NoToken)
            }
        }
    }
}

impl Slot {
    /// The token, while it is good and another than the one that was not taken.
    fn good(&self, grant: &Grant, stale: Option<&Secret>, now: Timestamp) -> Option<Secret> {
        let token = self.token.as_ref().filter(|_| !self.is_unsaved)?;
        let is_good = token.fingerprint == grant.fingerprint && token.expires_at.is_none_or(|end| now < end);
        (is_good && stale != Some(&token.access)).then(|| token.access.clone())
    }

    /// Why nobody is asked now: it failed a moment ago, or the newest token is the one that was not taken.
    fn known_trouble(&self, failed: Option<&Failed>, grant: &Grant, now: Timestamp) -> Option<Trouble> {
        // What lies ahead of a clock that was set back is not believed.
        let is_ahead = |failed: &&Failed| now < failed.until && now.until(failed.until) <= PAUSE;
        let failed = failed.filter(|failed| failed.fingerprint == grant.fingerprint).filter(is_ahead);
        let is_new = self.fetched_at.is_some_and(|at| at <= now && now < at.plus(SHORT_PAUSE));
        failed.map(|failed| failed.trouble).or(is_new.then_some(Trouble::NoToken))
    }
}

impl Failed {
    fn new(grant: &Grant, trouble: Trouble, now: Timestamp) -> Self {
        let pause = if trouble.needs_a_person() { PAUSE } else { SHORT_PAUSE };
        Failed { fingerprint: grant.fingerprint.clone(), trouble, until: now.plus(pause) }
    }
}

fn tell(connection: &Connection, refused: &Refused) {
    let (connection, trouble, word) = (&connection.name, refused.trouble.word(), refused.word);
    match refused.trouble {
        Trouble::TokenRefused => tracing::error!(%connection, trouble, word,
            "the provider gives no new token: allow the connection again at the provider, and give it the new refresh token"),
        _ => tracing::warn!(%connection, trouble, "no new token could be fetched; it is tried again later"),
    }
}

#[cfg(test)]
mod tests;
