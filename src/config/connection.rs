//! `connections:` as written: one account at one vendor.

use std::time::Duration;

use super::scalar::Text;
use super::{At, Decode, Fields, NamedList, Problems, Required};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::{Kind, Node};

/// One account at one vendor. Beside the keys here stand the settings that its pack describes.
#[derive(Clone, Debug)]
pub struct Connection {
    pub place: Place,
    /// The pack.
    pub provider: Required<Text>,
    /// The address of the API, when the pack does not give it or another is wanted.
    pub base_url: Option<Text>,
    /// One of the pack's environments.
    pub environment: Option<Text>,
    /// How long an attempt may take.
    pub timeout: Option<At<Duration>>,
    pub retry: Option<Retry>,
    /// What the pack's `settings` describe.
    pub settings: NamedList<Setting>,
}

record! {
    /// How often and how far apart a delivery is tried.
    pub struct Retry ("a retry") {
        /// Attempts in all, the first included: 12 unless given.
        attempts: Option<At<u64>>,
        /// The wait after the first attempt: `2s` unless given; each further wait is three times as long.
        first: Option<At<Duration>>,
        /// No wait is longer: `4h` unless given.
        longest: Option<At<Duration>>,
    }
}

impl Decode for Connection {
    const OWN_KEYS: &'static [&'static str] = &["provider"];

    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut fields = Fields::open(node, &["provider", "base_url", "environment"], problems)?;
        let provider = fields.take("provider", problems);
        let base_url = fields.take("base_url", problems);
        let environment = fields.take("environment", problems);
        let timeout = fields.take("timeout", problems);
        let retry = fields.take("retry", problems);
        let settings = settings(&fields, node, problems);
        misspelled(&mut fields, problems);
        fields.close_open(problems);
        Some(Connection {
            place: node.place.clone(),
            provider: provider?,
            base_url: base_url?,
            environment: environment?,
            timeout: timeout?,
            retry: retry?,
            settings: settings?,
        })
    }
}

/// `provder` is no setting of any pack. Without its provider there is none to ask.
fn misspelled(fields: &mut Fields<'_>, problems: &mut Problems) {
    let rest: Vec<_> = fields.rest().map(|entry| (entry.key.name.clone(), entry.value.place.on_key())).collect();
    for (name, place) in rest {
        if let Some(near) = fields.meant(&name) {
            let message = format!("a connection has no key `{name}`");
            let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), message);
            problems.push(diagnostic.help(format!("did you mean `{near}`?")).fix(place, near));
        }
    }
}

/// The entries that are not keys of every connection.
fn settings(fields: &Fields<'_>, node: &Node, problems: &mut Problems) -> Option<NamedList<Setting>> {
    let entries = fields.rest().cloned().collect();
    NamedList::decode(&Node { kind: Kind::Map(entries), ..node.clone() }, problems)
}

/// One setting: a text, a number or a truth value.
#[derive(Clone, Debug)]
pub struct Setting {
    pub text: Text,
    pub node: Node,
}

impl Decode for Setting {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.as_scalar() {
            Some(scalar) if !node.is_null() => {
                Some(Setting { text: At::new(scalar.text.clone(), node.place.clone()), node: node.clone() })
            }
            _ => {
                let help = match node.is_null() {
                    true => "write its value after the colon",
                    false => "a setting is one value: write it after the colon",
                };
                problems.push(super::wrong_type(node, "text or a number", Some(help)));
                None
            }
        }
    }
}
