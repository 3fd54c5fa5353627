//! A source of a pack's webhook as YAML, to paste into a route or to begin one with; and its payload as that source reads it.

use crate::config::pack::{Pack, Setting, Webhook};
use crate::config::source::{Layer, Verify};
use crate::config::{At, Named};
use crate::event::RawRequest;
use crate::path::Path;
use crate::payload::nested::{self, Nested};
use crate::payload::{self, DecodeError};
use crate::value::Value;

/// One webhook of a pack.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'p> {
    /// The name of the pack.
    pub vendor: &'p str,
    pub pack: &'p Pack,
    pub name: &'p str,
    pub webhook: &'p Webhook,
}

impl Sender<'_> {
    /// `twilio.sms`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.vendor, self.name)
    }

    /// The path that a source has unless another is wanted.
    pub fn path(&self) -> String {
        format!("/{}-{}", self.vendor, self.name.replace('_', "-"))
    }

    /// The lines below `source:`; `proof` says how the sender proves itself where the pack does not.
    pub fn source(&self, path: &str, proof: &[String]) -> Vec<String> {
        let mut lines = vec![format!("  from: {}", self.full_name()), format!("  path: {path}")];
        match &self.webhook.verify {
            Some(verify) if !needs_secret(verify) => {}
            Some(_) => lines.push(format!("  secret: ${{env:{}}}", self.variable("SECRET", described))),
            None => lines.extend(proof.iter().cloned()),
        }
        lines.extend(self.settings());
        lines
    }

    /// The variable for what a source gives: one for all webhooks of a sender, unless another of them takes another thing.
    fn variable(&self, word: &str, means: impl Fn(&Webhook) -> Option<String>) -> String {
        let mut meant: Vec<String> = self.pack.webhooks.iter().filter_map(|one| means(&one.value)).collect();
        meant.sort();
        meant.dedup();
        match meant.len() {
            0 | 1 => variable(&[self.vendor, word]),
            _ => variable(&[self.vendor, self.name, word]),
        }
    }

    /// The settings that a source must give, and as a comment those that it may give.
    fn settings(&self) -> Vec<String> {
        if self.webhook.settings.is_empty() {
            return Vec::new();
        }
        let one = |setting: &Named<Setting>| {
            let name = &setting.name.value;
            let is = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
            let mark = if is(&setting.value.required) && setting.value.default.is_none() { "" } else { "# " };
            let described = |other: &Webhook| {
                let found = other.settings.iter().find(|setting| setting.name.value == *name);
                found.and_then(|setting| setting.value.description.as_ref()).map(|text| text.value.to_string())
            };
            format!("    {mark}{name}: ${{env:{}}}", self.variable(name, described))
        };
        [String::from("  settings:")].into_iter().chain(self.webhook.settings.iter().map(one)).collect()
    }

    /// What a request to such a source holds, before it is split.
    pub fn whole(&self, raw: &RawRequest) -> Result<Value, DecodeError> {
        let word = self.webhook.format.as_ref().map_or("auto", |format| format.value.word());
        let format = payload::Format::ALL.iter().copied().find(|known| known.word() == word).unwrap_or_default();
        nested::decode(payload::decode(raw, format)?, &self.further(), &payload::Limits::default())
    }

    /// The payload of the first event of a request.
    pub fn payload(&self, raw: &RawRequest) -> Result<Value, DecodeError> {
        Ok(first_part(self.whole(raw)?, self.split().as_ref()))
    }

    /// Whether such a source finds an event in a request.
    pub fn has_events(&self, whole: &Value) -> bool {
        self.split().is_none_or(|split| !split.select(whole, 1).is_empty())
    }

    fn split(&self) -> Option<Path> {
        Path::parse(&self.webhook.split.as_ref()?.value).ok()
    }

    /// The texts within the payload that are read further.
    fn further(&self) -> Vec<Nested> {
        let layer = |written: &At<Layer>| match written.value {
            Layer::Json => nested::Layer::Json,
            Layer::Xml => nested::Layer::Xml,
            Layer::Form => nested::Layer::Form,
            Layer::Base64 => nested::Layer::Base64,
            Layer::Url => nested::Layer::Url,
        };
        let all = self.webhook.decode.iter().flat_map(|layers| layers.iter()).filter_map(|named| {
            let path = Path::parse(&named.name.value).ok()?;
            Some(Nested { path, layers: named.value.0.iter().map(layer).collect() })
        });
        all.collect()
    }
}

/// The first of the events that a payload is split into; the whole where it is not.
pub fn first_part(whole: Value, split: Option<&Path>) -> Value {
    let first = split.and_then(|split| split.select(&whole, 1).into_iter().next().map(|(_, part)| part.clone()));
    first.unwrap_or(whole)
}

/// The name of a variable of the environment: `PARTOO_API_KEY`.
pub fn variable(words: &[&str]) -> String {
    let upper = words.join("_").to_uppercase();
    // No shell takes a digit at the beginning.
    let first = upper.chars().next().filter(char::is_ascii_digit).map(|_| '_');
    first.into_iter().chain(upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })).collect()
}

/// What a secret is, as the pack says it.
fn described(webhook: &Webhook) -> Option<String> {
    webhook.secret.as_ref().map(|secret| secret.description.value.to_string())
}

/// Whether a source gives a secret beside the settings.
fn needs_secret(verify: &Verify) -> bool {
    match verify {
        Verify::None(_) | Verify::Ed25519(_) | Verify::Rsa(_) => false,
        Verify::Hmac(hmac) => hmac.secret.is_none(),
        Verify::Hash(hash, _) => hash.secret.is_none(),
        Verify::Jwt(token) => token.secret.is_none() && token.public_key.is_none(),
        Verify::Token(token) => token.secret.is_none(),
        Verify::Basic(basic) => basic.secret.is_none(),
        Verify::AnyOf(kinds) => kinds.value.iter().any(needs_secret),
    }
}
