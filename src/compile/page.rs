//! Where the page in the browser listens, and who may open it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Compiler;
use crate::config::page::{Page, PageOrAddress};
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::diagnostic::{Code, Diagnostic};
use crate::secret::Secret;

/// Where the page listens, unless said otherwise.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8082);

/// Where the page listens, and who may open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    pub listen: SocketAddr,
    pub way: Way,
    /// Names by which the page is asked for, beside numbers and `localhost`.
    pub hosts: Vec<Arc<str>>,
}

/// How somebody comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Whoever reaches the address.
    Open,
    /// Whoever has the token. Nobody has an empty one.
    Token(Secret),
    /// Whoever the proxy lets in: it says who that is in this header.
    Proxy(Arc<str>),
}

impl Entrance {
    /// What there is unless said otherwise: open to this machine alone.
    pub fn usual() -> Self {
        Entrance { listen: LISTEN.into(), way: Way::Open, hosts: Vec::new() }
    }

    /// Whether it lets in others than those of this machine, without asking who they are.
    pub fn is_too_open(&self) -> bool {
        self.way == Way::Open && !self.listen.ip().is_loopback()
    }
}

impl Compiler<'_> {
    /// How the page is entered; nothing when there is to be none.
    pub(super) fn entrance(&mut self, settings: Option<&Settings>) -> Option<Entrance> {
        let written = settings.and_then(|settings| settings.page.as_ref());
        let (entrance, place) = match written {
            None => return Some(Entrance::usual()),
            Some(PageOrAddress::Address(text)) if &*text.value == "off" => return None,
            Some(PageOrAddress::Address(text)) => {
                (Entrance { listen: self.listen(Some(text)), ..Entrance::usual() }, text.place.clone())
            }
            Some(PageOrAddress::Page(page)) => {
                let place = page.listen.as_ref().map_or(&page.place, |listen| &listen.place);
                (self.written_entrance(page), place.clone())
            }
        };
        if entrance.is_too_open() {
            let message = "everybody who reaches this address could open the page";
            let help = "it shows what people wrote: write `token: ${env:JACKFIELD_PAGE_TOKEN}` beside `listen`, or take \
                        `127.0.0.1:8082`, which only this machine reaches";
            self.report(Diagnostic::new(Code::UnguardedPage, place, message).help(help));
        }
        if let Some(settings) = settings {
            self.check_own_address(settings, entrance.listen, written);
        }
        Some(entrance)
    }

    fn written_entrance(&mut self, page: &Page) -> Entrance {
        let way = match (&page.token, &page.proxy_header) {
            (Some(token), Some(header)) => {
                let message = "`token` and `proxy_header` exclude each other";
                let help = "leave one of them out: either people sign in here, or the proxy says who they are";
                let diagnostic = Diagnostic::new(Code::ConflictingKeys, header.place.clone(), message);
                self.report(diagnostic.also(token.place.clone(), "whoever has this is let in").help(help));
                self.by_token(token)
            }
            (Some(token), None) => self.by_token(token),
            (None, Some(header)) => self.by_proxy(header),
            (None, None) => Way::Open,
        };
        let hosts = page.hosts.iter().flatten().filter_map(|host| self.host(host)).collect();
        Entrance { listen: self.listen(page.listen.as_ref()), way, hosts }
    }

    fn by_token(&mut self, token: &Text) -> Way {
        Way::Token(self.page_token(token))
    }

    fn by_proxy(&mut self, header: &Text) -> Way {
        let is_name = !header.is_empty() && header.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_name {
            let message = format!("`{}` is not the name of a header", header.value);
            let help = "write the header in which the proxy says who it let in: `X-Forwarded-User`";
            self.report(Diagnostic::new(Code::InvalidValue, header.place.clone(), message).help(help));
            return Way::Proxy("x-forwarded-user".into());
        }
        Way::Proxy(header.to_lowercase().into())
    }

    fn host(&mut self, host: &Text) -> Option<Arc<str>> {
        let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !is_name {
            let message = format!("`{}` is not the name of a host", host.value);
            let help = "write the name alone, without `https://` and without a port: `jackfield.example.com`";
            self.report(Diagnostic::new(Code::InvalidValue, host.place.clone(), message).help(help));
        }
        is_name.then(|| host.to_lowercase().into())
    }

    fn listen(&mut self, text: Option<&Text>) -> SocketAddr {
        let Some(text) = text else { return LISTEN.into() };
        self.check_address(text);
        text.value.parse().unwrap_or_else(|_| LISTEN.into())
    }

    /// Webhooks, the operator and the page each need an address of their own.
    fn check_own_address(&mut self, settings: &Settings, listen: SocketAddr, written: Option<&PageOrAddress>) {
        let place = match written {
            Some(PageOrAddress::Address(text)) => &text.place,
            Some(PageOrAddress::Page(Page { listen: Some(text), .. })) => &text.place,
            _ => return,
        };
        for (name, other) in [("listen", &settings.listen), ("admin", &settings.admin)] {
            let Some(other) = other.as_ref().filter(|other| other.value.parse() == Ok(listen)) else { continue };
            let message = format!("`page` and `{name}` can't be the same address");
            let help = "give `page` another port, or leave it out: it is `127.0.0.1:8082` then";
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, place.clone(), message);
            self.report(diagnostic.also(other.place.clone(), "this one is taken").help(help));
        }
    }
}
