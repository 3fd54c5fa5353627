//! Handshakes: the challenges that senders make before they trust an address. They are answered, and make no event.

use std::sync::Arc;

use super::reply::{Answer, Reply};
use super::{Settings, Source};
use crate::diagnostic::Diagnostic;
use crate::path::{Location, Step};
use crate::payload::{self, Format};
use crate::route::Placed;
use crate::secret::Secret;
use crate::template::Scope;
use crate::value::Value;
use crate::verify::{Context, Verify, VerifyError};

/// A challenge and its answer.
#[derive(Debug)]
pub struct Handshake {
    /// As people call it, for the log.
    pub name: Arc<str>,
    pub methods: Vec<Arc<str>>,
    pub when: Placed,
    /// Whether the source's `verify` must pass first.
    pub verified: bool,
    /// A further proof.
    pub token: Option<Verify>,
    pub reply: Reply,
    /// The source's secret, for the `hmac` of the answer.
    pub secret: Option<Secret>,
    /// What the answer sends back of the request.
    pub echoes: Vec<Echo>,
    /// Whether it has to be seen in the payload.
    pub reads_payload: bool,
}

/// A value of the request that is part of an answer: a name, and the fields after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    pub name: Arc<str>,
    pub fields: Vec<Arc<str>>,
    /// Whether the answer says what to write where it is missing.
    pub guarded: bool,
}

/// Why a handshake is not answered.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error("{0}")]
    Token(VerifyError),
    #[error(
        "what the handshake sends to be sent back is longer than {LONGEST} characters, or holds others than `A-Z a-z 0-9 . _ ~ + / = : -` and spaces"
    )]
    Unfit,
    #[error("`{0}`, which is to be sent back, is absent from the request")]
    Absent(String),
    #[error(
        "the handshake's request lacks what its answer is made of, or what is to be hashed is no token of 1 to 200 characters `A-Z a-z 0-9 _ -`"
    )]
    Unanswerable(Box<Diagnostic>),
}

/// Nothing longer is sent back.
const LONGEST: usize = 1000;

impl Source {
    /// Whether requests of this method become events.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|known| **known == *method)
    }

    /// The methods of its events and of its handshakes.
    pub fn all_methods(&self) -> Vec<&Arc<str>> {
        let all = self.methods.iter().chain(self.handshakes.iter().flat_map(|handshake| &handshake.methods));
        let mut methods: Vec<_> = all.collect();
        methods.sort();
        methods.dedup();
        methods
    }

    /// The handshake that a request is, among those that want the source's verification first or those that do not.
    pub fn handshake(&self, method: &str, verified: bool, scope: &Scope) -> Option<&Handshake> {
        self.candidates(method, verified).find(|handshake| handshake.when.template.holds(scope).unwrap_or(false))
    }

    fn candidates<'s, 'm>(
        &'s self,
        method: &'m str,
        verified: bool,
    ) -> impl Iterator<Item = &'s Handshake> + use<'s, 'm> {
        let could_be = move |handshake: &&Handshake| {
            handshake.verified == verified && handshake.methods.iter().any(|known| **known == *method)
        };
        self.handshakes.iter().filter(could_be)
    }

    /// Whether a request of this method may be a handshake, of those that want the source's verification first or of the
    /// others.
    pub fn may_shake(&self, method: &str, verified: bool) -> bool {
        self.candidates(method, verified).next().is_some()
    }

    /// What the conditions of handshakes see of a request; nothing when there are none to ask.
    pub fn handshake_scope(&self, context: &Context<'_>, verified: bool) -> Option<Scope> {
        let mut candidates = self.candidates(&context.raw.method, verified).peekable();
        candidates.peek()?;
        let payload = match candidates.any(|handshake| handshake.reads_payload) {
            // What can't be read is none of them; if it was to be an event, that is said when it becomes one.
            true if verified => context.payload().ok().cloned().unwrap_or_default(),
            true => self.challenge(context),
            false => Value::Null,
        };
        let scope =
            Scope::new().with("request", context.raw.to_value(context.params, context.now)).with("payload", payload);
        Some(scope.with("settings", self.settings.values.clone()))
    }
}

impl Source {
    /// The payload of what is not verified yet; a challenge may stand in a query that nobody signs.
    fn challenge(&self, context: &Context<'_>) -> Value {
        match self.format == Format::AutoOfBody && context.raw.body.is_empty() {
            true => payload::decode(context.raw, Format::Query).unwrap_or_default(),
            false => context.payload().ok().cloned().unwrap_or_default(),
        }
    }
}

impl Handshake {
    /// The answer, once its token is right and what it sends back can do no harm.
    pub fn answer(&self, context: &Context<'_>, scope: &Scope, settings: &Settings) -> Result<Answer, HandshakeError> {
        if let Some(token) = &self.token {
            token.verify(context).map_err(HandshakeError::Token)?;
        }
        if let Some(absent) = self.echoes.iter().find(|echo| !echo.guarded && echo.find(scope).is_none()) {
            return Err(HandshakeError::Absent(absent.written()));
        }
        if !self.echoes.iter().all(|echo| echo.is_fit(scope)) {
            return Err(HandshakeError::Unfit);
        }
        let scope = self.with_secrets(scope.clone(), settings);
        let mut answer =
            self.reply.render(&scope).map_err(|problem| HandshakeError::Unanswerable(Box::new(problem)))?;
        // Whatever is sent back, no browser takes it for a page.
        answer.headers.push(("x-content-type-options".into(), "nosniff".to_owned()));
        Ok(answer)
    }

    /// The compiler has proved that a secret stands in `hmac(…)` only.
    fn with_secrets(&self, scope: Scope, settings: &Settings) -> Scope {
        let open = settings.values.as_object().into_iter().flat_map(|values| values.iter());
        let open = open.map(|(name, value)| (name.clone(), value.clone()));
        let secret = settings.secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose())));
        let all = Value::Object(Arc::new(open.chain(secret).collect()));
        let mut scope = scope.with("settings", all).hashing_tokens_only();
        scope.set("secret", self.secret.as_ref().map(|secret| Value::from(secret.expose())));
        scope
    }
}

impl Echo {
    /// The value, unless it is nothing.
    fn find(&self, scope: &Scope) -> Option<Value> {
        let below = |value: &Value, field: &str| value.get(field).or_else(|| value.at(field.parse().ok()?)).cloned();
        let whole = scope.get(&self.name).flatten().cloned();
        let found = self.fields.iter().fold(whole, |value, field| below(&value?, field));
        found.filter(|value| !matches!(value, Value::Null))
    }

    /// As it stands in a template: `request.query['hub.challenge']`.
    fn written(&self) -> String {
        let path = Location(self.fields.iter().cloned().map(Step::Key).collect()).to_string();
        path.replacen('$', &self.name, 1)
    }

    /// Whether the value is one that can be sent back.
    fn is_fit(&self, scope: &Scope) -> bool {
        match self.find(scope) {
            Some(Value::String(text)) => is_plain(&text),
            Some(Value::Number(_) | Value::Bool(_)) => true,
            Some(Value::Array(_) | Value::Object(_)) => false,
            None | Some(Value::Null) => self.guarded,
        }
    }
}

/// Letters, digits and what else stands in a token or a sentence, and nothing that a browser would read as more.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._~+/=:- ".contains(c);
    text.len() <= LONGEST && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_could_run_is_not_sent_back() {
        assert!(is_plain("a1B2_c3-D4") && is_plain("Validation: Testing Request-Id: 522a8e7e"));
        for text in ["<script>", "a\nb", "a;b", "\"", "é", "a&b", &"a".repeat(1001)] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
