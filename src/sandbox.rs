//! Stand-ins for every provider that the packs describe, over HTTP, so that Jackfield is usable without an account.
//!
//! A provider's stand-in lives at `/<pack>` and takes the calls of that pack at their own paths below it. What it was
//! sent, and what it shall answer, is asked and said under `/_sandbox`.

mod answer;
mod check;
mod control;
mod find;
mod journal;
mod order;
mod received;
mod serve;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::event::RawRequest;
use crate::pack::outcome::Answer;
use crate::pack::{Operation, Pack};
use crate::secret::MASK;
use crate::value::Value;
use answer::Visit;
use find::Directory;
use journal::Journal;
use order::Fault;

pub use order::{Failure, Unknown};
pub use received::{Content, Received, Verdict};

/// No request's body may be larger than this.
pub const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// The provider of a request to an address that belongs to none.
pub const NOBODY: &str = "-";
/// How many requests a subscriber may lag behind before it misses the oldest.
const BACKLOG: usize = 1024;

/// What a sandbox stands in for.
pub struct Config {
    pub packs: BTreeMap<Arc<str>, Arc<Pack>>,
    /// How many requests are kept to be looked at; all are counted.
    pub remember: usize,
}

/// The stand-ins of all providers. Cloning one copies a pointer.
#[derive(Clone)]
pub struct Sandbox(Arc<State>);

struct State {
    directory: ArcSwap<Directory>,
    journal: Journal,
    orders: order::Orders,
    tokens: token::Tokens,
    numbers: AtomicU64,
    arrivals: broadcast::Sender<Arc<Received>>,
    clock: Clock,
}

/// What is done about a request.
enum Reaction {
    Answer(Answer),
    /// The connection stays open and nothing comes.
    Hang,
    Close,
}

impl Reaction {
    /// What a record says; zero where there is no answer.
    fn status(&self) -> u16 {
        match self {
            Reaction::Answer(answer) => answer.status,
            Reaction::Hang | Reaction::Close => 0,
        }
    }
}

impl Sandbox {
    pub fn new(config: Config) -> Sandbox {
        Sandbox(Arc::new(State {
            directory: ArcSwap::from_pointee(Directory::new(config.packs)),
            journal: Journal::new(config.remember),
            orders: order::Orders::default(),
            tokens: token::Tokens::default(),
            numbers: AtomicU64::new(0),
            arrivals: broadcast::Sender::new(BACKLOG),
            clock: Clock::System,
        }))
    }

    /// Stands in for other packs from now on. What was received, and what was ordered, stays.
    pub fn set_packs(&self, packs: BTreeMap<Arc<str>, Arc<Pack>>) {
        self.0.directory.store(Arc::new(Directory::new(packs)));
    }

    /// Answers requests until `shutdown`, and then for a moment those that are under way.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        serve::serve(self, listener, shutdown).await
    }

    /// The requests that are kept, in the order received.
    pub fn received(&self) -> Vec<Received> {
        self.0.journal.kept().iter().map(|received| Received::clone(received)).collect()
    }

    /// Orders errors for the next requests; nothing when no pack has such a provider, operation or error.
    pub fn fail(&self, order: Failure) -> Result<(), Unknown> {
        self.0.directory.load().check(&order)?;
        self.0.orders.add(order);
        Ok(())
    }

    /// Every request from now on, as it arrives.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Received>> {
        self.0.arrivals.subscribe()
    }

    /// Judges a request, notes it down, and says what to do about it.
    fn handle(&self, request: RawRequest, too_large: bool) -> Reaction {
        if let Some(path) = control::path(request.path()) {
            return Reaction::Answer(self.control(path, &request));
        }
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let directory = self.0.directory.load();
        let content = Content::of(&request);
        let Some((provider, path)) = directory.provider(request.path()) else {
            let reaction = Reaction::Answer(answer::bare(404));
            let note = Note {
                number,
                provider: NOBODY.into(),
                operation: None,
                params: Value::Null,
                secrets: Vec::new(),
                skip: 0,
            };
            self.note(&directory, note, &request, content, Verdict::NotFound, &reaction);
            return reaction;
        };
        if token::is_asked(&provider.pack, path, &request) {
            let (verdict, reaction) = self.asked_for_token(&provider.pack, &request);
            let (name, skip) = (provider.pack.name.clone(), request.path().len() - path.len());
            let operation = Some(token::OPERATION.into());
            let note = Note { number, provider: name, operation, params: Value::Null, secrets: Vec::new(), skip };
            // What it brought is secret, all of it.
            self.note(&directory, note, &request, None, verdict, &reaction);
            return reaction;
        }
        let found = provider.find(&request.method, path, &request.content_type());
        let (operation, params) = found.map_or((None, Value::Null), |found| (Some(found.operation), found.params));
        let skip = request.path().len() - path.len();
        let visit = Visit {
            number,
            directory: &directory,
            pack: &provider.pack,
            path,
            params: &params,
            request: &request,
            content: &content,
        };
        let (verdict, reaction) = match &operation {
            None => (Verdict::NotFound, Reaction::Answer(visit.error(None, "not_found", 404, &[]))),
            Some(operation) => self.judge(&visit, operation, too_large),
        };
        let name = operation.map(|operation| operation.name.clone());
        let (params, secrets) = without_secrets(&params, &provider.pack);
        let note = Note { number, provider: provider.pack.name.clone(), operation: name, params, secrets, skip };
        self.note(&directory, note, &request, content, verdict, &reaction);
        reaction
    }

    fn asked_for_token(&self, pack: &Pack, request: &RawRequest) -> (Verdict, Reaction) {
        if let Some((name, fault)) = self.0.orders.take_for_token(&pack.name) {
            let reaction = match fault {
                Fault::Refusal(status) => Reaction::Answer(token::refusal(status, &name)),
                other => plain(&other),
            };
            return (Verdict::Failed(name), reaction);
        }
        let answer = self.0.tokens.answer(pack, request);
        let verdict = match answer.status {
            200 => Verdict::Good,
            _ => Verdict::Unauthorized("there is no token for this".to_owned()),
        };
        (verdict, Reaction::Answer(answer))
    }

    fn judge(&self, visit: &Visit<'_>, operation: &Operation, too_large: bool) -> (Verdict, Reaction) {
        if let Some((name, fault)) = self.0.orders.take(visit.pack, operation) {
            return (Verdict::Failed(name.clone()), ordered(visit, fault, &name));
        }
        let error = |name: &str, status: u16, violations: &[String]| {
            Reaction::Answer(visit.error(Some(operation), name, status, violations))
        };
        if let Err(reason) = check::headers(operation, visit.request) {
            return (Verdict::Unauthorized(reason), error("unauthorized", 401, &[]));
        }
        if self.0.tokens.has_run_out(visit.pack, operation, visit.request) {
            return (Verdict::Unauthorized("the token has run out".to_owned()), error("unauthorized", 401, &[]));
        }
        if too_large {
            let reasons = vec![format!("the body is larger than {LARGEST_BODY} bytes")];
            let reaction = error("too_large", 413, &reasons);
            return (Verdict::Invalid(reasons), reaction);
        }
        if let Err(reason) = check::content_type(operation, visit.request) {
            let reasons = vec![reason];
            let reaction = error("unsupported_type", 415, &reasons);
            return (Verdict::Invalid(reasons), reaction);
        }
        if let Err(violations) = check::body(operation, visit.request, visit.content) {
            let reaction = error("invalid", 422, &violations);
            return (Verdict::Invalid(violations), reaction);
        }
        let key = check::key(visit, operation);
        let sequence = key.map_or(visit.number, |key| self.0.journal.first(&visit.pack.name, key, visit.number));
        let verdict = if sequence == visit.number { Verdict::Good } else { Verdict::Duplicate };
        match answer::render(&operation.sandbox_reply, &visit.scope(sequence, &[])) {
            Ok(answer) => (verdict, Reaction::Answer(answer)),
            Err(problem) => (Verdict::Failed("reply".into()), Reaction::Answer(answer::unrenderable(&problem))),
        }
    }

    /// Counts a request, and keeps and announces it where anyone wants that.
    fn note(
        &self,
        directory: &Directory,
        note: Note,
        request: &RawRequest,
        content: Option<Content>,
        verdict: Verdict,
        reaction: &Reaction,
    ) {
        self.0.journal.count(&note.provider, &verdict);
        if !self.0.journal.keeps() && self.0.arrivals.receiver_count() == 0 {
            return;
        }
        let received = Arc::new(Received {
            number: note.number,
            at: self.0.clock.now(),
            provider: note.provider,
            operation: note.operation,
            method: request.method.as_str().into(),
            path: masked_path(request.target.get(note.skip..).unwrap_or_default(), &note.secrets).into(),
            headers: directory.masked(&request.headers),
            params: note.params,
            body: content,
            verdict,
            status: reaction.status(),
        });
        self.0.journal.keep(&received);
        // Fails only when nobody listens any more.
        let _ = self.0.arrivals.send(received);
    }
}

/// Parameters of the path with the secret ones hidden, and what they were.
fn without_secrets(params: &Value, pack: &Pack) -> (Value, Vec<Arc<str>>) {
    let fields = || params.as_object().into_iter().flat_map(|object| object.iter());
    let hidden = fields().filter(|(name, _)| pack.secrets.contains(*name));
    let secrets = hidden.filter_map(|(_, value)| value.as_str().map(Arc::from)).collect();
    let shown = |name: &Arc<str>, value: &Value| match pack.secrets.contains(name) {
        true => Value::from(MASK),
        false => value.clone(),
    };
    (Value::object(fields().map(|(name, value)| (name.clone(), shown(name, value))).collect::<Vec<_>>()), secrets)
}

/// A path whose segments don't show a secret.
fn masked_path(target: &str, secrets: &[Arc<str>]) -> String {
    let is_secret = |part: &str| secrets.iter().any(|secret| **secret == *crate::request::decode(part));
    target.split('/').map(|part| if is_secret(part) { MASK } else { part }).collect::<Vec<_>>().join("/")
}

/// What is known of a request besides itself.
struct Note {
    number: u64,
    provider: Arc<str>,
    operation: Option<Arc<str>>,
    params: Value,
    /// The values of the path's parameters that are secret.
    secrets: Vec<Arc<str>>,
    /// So many bytes of the target name the provider.
    skip: usize,
}

fn ordered(visit: &Visit<'_>, fault: Fault<'_>, name: &str) -> Reaction {
    match fault {
        Fault::Reply(reply) => {
            // Errors that list violations shall list something when they are asked for.
            let reasons = [format!("the sandbox was told to answer `{name}`")];
            let rendered = answer::render(reply, &visit.scope(visit.number, &reasons));
            Reaction::Answer(rendered.unwrap_or_else(|problem| answer::unrenderable(&problem)))
        }
        other => plain(&other),
    }
}

/// What is the same at every address.
fn plain(fault: &Fault<'_>) -> Reaction {
    match fault {
        Fault::Status(status) | Fault::Refusal(status) => Reaction::Answer(answer::bare(*status)),
        Fault::Reply(reply) => Reaction::Answer(answer::bare(reply.status)),
        Fault::Garbage => Reaction::Answer(answer::garbage()),
        Fault::Hang => Reaction::Hang,
        Fault::Close => Reaction::Close,
    }
}

#[cfg(test)]
mod tests;
