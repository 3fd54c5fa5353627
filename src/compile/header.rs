//! The names of headers that go out with a request.

use super::Compiler;
use crate::config::NamedList;
use crate::diagnostic::{Code, Diagnostic};
use crate::request::is_carrying;

impl Compiler<'_> {
    /// What can't be a header, and headers that belong to how a request is carried: a value of an event there would reach
    /// another host, or a second request.
    pub(super) fn check_sent_headers<T>(&mut self, headers: &NamedList<T>) {
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
