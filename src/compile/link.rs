//! The way to an account: proxies, certificates, and addresses that are not of the public internet.

use std::sync::Arc;

use url::Url;

use super::Compiler;
use crate::config::connection::{ClientCertificate as WrittenCertificate, Connection as Written};
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::reference;
use crate::pack::address;
use crate::pack::certificate::{PemError, check_certificates, check_pair};
use crate::pack::link::{ClientCertificate, Link, Private};
use crate::secret::Secret;

/// The keys of a connection that are read here.
pub(super) const KEYS: &[&str] = &["proxy", "ca", "client_certificate", "allow_private_addresses", "traceparent"];

/// What a connection writes where the workspace's proxy is not wanted.
const NO_PROXY: &str = "none";

impl Compiler<'_> {
    /// How a connection reaches its account. With a problem, which is reported, nothing goes live.
    pub(super) fn link(&mut self, written: &Written, common_proxy: Option<&Secret>) -> Link {
        let proxy = match &written.proxy {
            Some(proxy) => self.proxy(proxy),
            None => common_proxy.cloned(),
        };
        let ca = written.ca.as_ref().and_then(|ca| self.authorities(ca));
        let client_certificate = written.client_certificate.as_ref().and_then(|given| self.client_certificate(given));
        if let Some(sandbox) = &self.input.sandbox {
            return Link::to_sandbox(sandbox.trim_start_matches("http://").parse().ok());
        }
        let allowed = written.allow_private_addresses.as_ref().is_some_and(|allow| allow.value);
        let private = if allowed { Private::Allowed } else { Private::Refused };
        Link { private, proxy, ca, client_certificate }
    }

    /// An address at which every attempt would be refused.
    pub(super) fn check_private(&mut self, base_url: &str, written: &Written, link: &Link) {
        let refused = |url: &Url| link.private == Private::Refused && address::is_plainly_private(url);
        if self.input.sandbox.is_some() || !Url::parse(base_url).is_ok_and(|url| refused(&url)) {
            return;
        }
        let place = written.base_url.as_ref().map_or_else(|| written.place.on_key(), |url| url.place.clone());
        let message = "this address is not of the public internet, and nothing is sent there";
        let help = "where it is meant, add `allow_private_addresses: true` to the connection";
        self.report(Diagnostic::new(Code::PrivateAddress, place, message).help(help));
    }

    /// The address of a proxy; nothing where none is wanted or the environment does not give it.
    pub(super) fn proxy(&mut self, text: &Text) -> Option<Secret> {
        if *text.value == *NO_PROXY {
            return None;
        }
        let resolved = self.resolved(text)?;
        let url = Url::parse(&resolved).ok().filter(is_proxy);
        let Some(url) = url else {
            let diagnostic = Diagnostic::new(Code::InvalidAddress, shown(text), "this is not the address of a proxy");
            self.report(diagnostic.help(proxy_help(&resolved)));
            return None;
        };
        if url.password().is_some() && !reference::is_in(text) {
            let message = "the proxy's password stands in this file";
            let help = "keep it out of the file: write `${env:NAME}` for the whole address, and set that variable where \
                        Jackfield is started";
            self.report(Diagnostic::new(Code::SecretAsText, shown(text), message).help(help));
        }
        Some(Secret::new(resolved))
    }

    fn authorities(&mut self, text: &Text) -> Option<Arc<str>> {
        let resolved = self.resolved(text)?;
        match check_certificates(&resolved) {
            Ok(()) => Some(resolved.into()),
            Err(error) => {
                self.report(unfit(error, text, "certs/ca.pem"));
                None
            }
        }
    }

    fn client_certificate(&mut self, written: &WrittenCertificate) -> Option<ClientCertificate> {
        let (certificate, key) = (written.certificate.get()?, written.key.get()?);
        if !reference::is_in(key) && key.contains("PRIVATE KEY") {
            let message = "the private key stands in this file";
            let help = "keep it in a file of its own, which is not given on: write `${file:certs/client.key}`";
            self.report(Diagnostic::new(Code::SecretAsText, key.place.on_key(), message).help(help));
        }
        let (proved, secret) = (self.resolved(certificate), self.resolved(key));
        let (proved, secret) = (proved?, secret?);
        match check_pair(&proved, &secret) {
            Ok(()) => Some(ClientCertificate { certificate: proved.into(), key: Secret::new(secret) }),
            Err(error) => {
                let (text, file) = match error {
                    PemError::NoCertificate | PemError::KeyForCertificate | PemError::Unreadable => {
                        (certificate, "certs/client.pem")
                    }
                    _ => (key, "certs/client.key"),
                };
                self.report(unfit(error, text, file));
                None
            }
        }
    }
}

fn is_proxy(url: &Url) -> bool {
    let is_known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    is_known && is_bare && url.host_str().is_some_and(|host| !host.is_empty())
}

/// Where a proxy is written: the key alone when a password may stand beside it.
fn shown(text: &Text) -> Place {
    if text.contains('@') && !reference::is_in(text) { text.place.on_key() } else { text.place.clone() }
}

fn proxy_help(address: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match address.chars().all(is_bare) && has_port && !address.starts_with("http:") {
        true => format!("write `http://{address}`"),
        false => {
            "write it like `http://proxy.example.com:3128`, or with `https://` or `socks5://`; or `none`".to_owned()
        }
    }
}

/// What to write for a text that is no certificate, or no key of one.
fn unfit(error: PemError, text: &Text, example: &str) -> Diagnostic {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    let path = text.trim();
    let fix = (!reference::is_in(text) && path.chars().all(is_path) && path.contains('.'))
        .then(|| format!("${{file:{}}}", path.trim_start_matches("./")));
    let help = match (&fix, error) {
        (Some(fix), _) => format!("write `{fix}`, with the path from the folder of jackfield.yaml"),
        (_, PemError::LockedKey) => {
            "unlock it: `openssl pkey -in client.key -out open.key`, and keep the new file where only Jackfield reads it"
                .to_owned()
        }
        (_, PemError::OtherKey) => "take an RSA key, or one on the curve P-256 or P-384".to_owned(),
        (_, PemError::NotThePair) => "write the key that the certificate was made with".to_owned(),
        _ => format!("write `${{file:{example}}}`: a PEM, which begins with `-----BEGIN`"),
    };
    let is_key = matches!(error, PemError::KeyForCertificate) && !reference::is_in(text);
    let place = if is_key { text.place.on_key() } else { text.place.clone() };
    Diagnostic::new(Code::InvalidValue, place.clone(), error.to_string()).help(help).fix_opt(place, fix)
}
