//! The names of headers that go out with a request.

use super::Compiler;
use super::send::Parts;
use crate::config::NamedList;
use crate::diagnostic::{Code, Diagnostic};
use crate::pack::Operation;
use crate::request::is_carrying;

impl Compiler<'_> {
    /// What can't be a header, and headers that belong to how a request is carried: a value of an event there would reach
    /// another host, or a second request.
    pub(super) fn check_sent_headers<T>(&mut self, headers: &NamedList<T>) {
        self.check_headers_once(headers);
        for header in headers.iter() {
            self.header_name(&header.name);
            if is_carrying(&header.name) {
                let message = format!("the header `{}` can't be given", header.name.value);
                let help = "remove it: it is made when the request goes out";
                self.report(Diagnostic::new(Code::InvalidValue, header.name.place.clone(), message).help(help));
            }
        }
    }
}

impl Compiler<'_> {
    /// What a body is sent as is the operation's: under another word the provider would read it as something else.
    pub(super) fn check_content_type(&mut self, parts: &Parts<'_>, operation: &Operation) {
        if operation.schema.is_none() {
            return;
        }
        for header in parts.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-type")) {
            let message = format!("the header `{}` can't be given", header.name.value);
            let diagnostic = Diagnostic::new(Code::InvalidValue, header.name.place.clone(), message);
            self.report(diagnostic.found("it says how the body is written").help("remove it: the pack says it"));
        }
    }
}
