//! `connections:` as written: one account at one vendor.

use std::time::Duration;

use super::scalar::Text;
use super::shape::keywords::{anything, joined};
use super::shape::{Field, Shape, Shapes};
use super::{At, Decode, Fields, NamedList, Problems, Required};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::{Kind, Node};
use crate::value::Value;

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
    /// The proxy that leads to the vendor, or `none`.
    pub proxy: Option<Text>,
    /// Authorities to trust beside those of the machine.
    pub ca: Option<Text>,
    /// How Jackfield proves itself to the vendor.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether the address may be one that is not of the public internet.
    pub allow_private_addresses: Option<At<bool>>,
    /// Whether its calls carry the trace that they belong to.
    pub traceparent: Option<At<bool>>,
    /// What the pack's `settings` describe.
    pub settings: NamedList<Setting>,
}

record! {
    /// How often and how far apart a delivery is tried.
    pub struct Retry ("a retry") {
        /// The attempts in all, the first included: 12 unless given.
        attempts: Option<At<u64>>,
        /// The wait after the first attempt: `2s` unless given; each further wait is three times as long.
        first: Option<At<Duration>>,
        /// No wait is longer: `4h` unless given.
        longest: Option<At<Duration>>,
    }
}

record! {
    /// A certificate for vendors that ask for one (mutual TLS).
    pub struct ClientCertificate ("a client certificate") {
        /// The certificate as PEM, with those between it and its authority below it: `${file:certs/client.pem}`.
        certificate: Required<Text>,
        /// Its private key as PEM, without a password: `${file:certs/client.key}` or `${env:CLIENT_KEY}`.
        key: Required<Text>,
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
        let proxy = fields.take("proxy", problems);
        let ca = fields.take("ca", problems);
        let client_certificate = fields.take("client_certificate", problems);
        let allow_private_addresses = fields.take("allow_private_addresses", problems);
        let traceparent = fields.take("traceparent", problems);
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
            proxy: proxy?,
            ca: ca?,
            client_certificate: client_certificate?,
            allow_private_addresses: allow_private_addresses?,
            traceparent: traceparent?,
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
            let fix = suggest::certain(&name, [near]);
            problems.push(diagnostic.help(format!("did you mean `{near}`?")).fix_opt(place, fix));
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

impl Shape for Connection {
    fn shape(shapes: &mut Shapes) -> Value {
        let docs = "One account at one vendor: its pack, and the settings that the pack asks for.";
        let reference = shapes.record("Connection", &[docs], |shapes| {
            vec![
                Field::of::<Text>("provider", &["The pack that describes the vendor: `cloudchat`."], shapes),
                Field::of::<Option<Text>>(
                    "base_url",
                    &["The address of the API: `https://chat.example.com`. Needed where each account has its own."],
                    shapes,
                ),
                Field::of::<Option<Text>>(
                    "environment",
                    &["One of the other addresses that the pack names, such as the vendor's test system."],
                    shapes,
                ),
                Field::of::<Option<At<Duration>>>(
                    "timeout",
                    &["How long an attempt may take: `30s` unless given."],
                    shapes,
                ),
                Field::of::<Option<Retry>>("retry", &["How deliveries to this account are tried again."], shapes),
                Field::of::<Option<Text>>(
                    "proxy",
                    &[
                        "The proxy that leads to the vendor: `http://proxy.example.com:3128`, also `https://` and `socks5://`.",
                        "With a password it is a secret: `${env:PROXY}`. `none` where the workspace's proxy is not wanted.",
                    ],
                    shapes,
                ),
                Field::of::<Option<Text>>(
                    "ca",
                    &["Authorities to trust beside those of the machine, as PEM: `${file:certs/ca.pem}`."],
                    shapes,
                ),
                Field::of::<Option<ClientCertificate>>(
                    "client_certificate",
                    &["How Jackfield proves itself to a vendor that asks for a certificate (mutual TLS)."],
                    shapes,
                ),
                Field::of::<Option<At<bool>>>(
                    "allow_private_addresses",
                    &["`true` where the vendor's server stands in your own network. Without it such addresses are refused."],
                    shapes,
                ),
                Field::of::<Option<At<bool>>>(
                    "traceparent",
                    &["`true` where each call is to carry the trace that it belongs to, as the header `traceparent`."],
                    shapes,
                ),
            ]
        });
        let setting = Setting::shape(shapes);
        shapes.join("connection", &Value::object([("additionalProperties", setting)]));
        reference
    }
}

impl Shape for Setting {
    fn shape(_: &mut Shapes) -> Value {
        // Not as `type`: an editor would offer `true` and `false` at every setting.
        let message = "A setting is one value: text, a number, `true` or `false`.";
        let more = Value::object([("type", Value::array(["object", "array", "null"]))]);
        let refused = Value::object([("type", "string"), ("errorMessage", message)]);
        joined(&anything(), &Value::object([("if", more), ("then", refused)]))
    }
}
