//! `page:` as written: an address, `off`, or a mapping.

use super::scalar::Text;
use super::shape::keywords::described;
use super::shape::{Shape, Shapes};
use super::{Decode, Problems};
use crate::document::{Kind, Node};
use crate::value::Value;

record! {
    /// Where the page in the browser listens, and who may open it.
    pub struct Page ("`page`") {
        /// An IP address and a port: `127.0.0.1:8082` unless given, which only this machine reaches. Another one needs
        /// `token` or `proxy_header`.
        listen: Option<Text>,
        /// What people sign in with, from the environment: `${env:JACKFIELD_PAGE_TOKEN}`.
        token: Option<Text>,
        /// The header in which a proxy says who it let in: `X-Forwarded-User`. The proxy has to set it itself, whatever
        /// it was sent, and nobody else may reach this address.
        proxy_header: Option<Text>,
        /// Names by which the page is asked for, beside IP addresses and `localhost`: `[jackfield.example.com]`.
        hosts: Option<Vec<Text>>,
    }
}

/// An address or `off`, or both written out.
#[derive(Clone, Debug)]
pub enum PageOrAddress {
    Address(Text),
    Page(Page),
}

impl Decode for PageOrAddress {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => Text::decode(node, problems).map(PageOrAddress::Address),
            _ => Page::decode(node, problems).map(PageOrAddress::Page),
        }
    }
}

impl Shape for PageOrAddress {
    fn shape(shapes: &mut Shapes) -> Value {
        let docs = "Where the page listens, an IP address and a port; or `off`, for none.";
        let address = described(&[docs], &Text::shape(shapes));
        Value::object([("anyOf", Value::array([Page::shape(shapes), address]))])
    }
}
