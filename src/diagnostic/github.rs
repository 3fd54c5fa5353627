//! Diagnostics as workflow commands: GitHub shows each beside the line of a change.

use super::region::{Region, first_line};
use super::{Diagnostic, Resolve};

/// `::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::…`; `path` says where GitHub finds a file.
pub fn render(diagnostic: &Diagnostic, files: &dyn Resolve, path: &dyn Fn(&str) -> String) -> String {
    let mut properties = Vec::new();
    if let Some(place) = diagnostic.place() {
        properties.push(("file", path(&place.file)));
        if let Some(at) = files.resolve(place) {
            let region = Region::of(at.text, first_line(at.text, at.range.clone()));
            properties.push(("line", region.start_line.to_string()));
            properties.push(("endLine", region.end_line.to_string()));
            properties.push(("col", region.start_column.to_string()));
            properties.push(("endColumn", region.end_column.to_string()));
        }
    }
    properties.push(("title", diagnostic.code.word().to_owned()));
    let properties: Vec<String> =
        properties.into_iter().map(|(name, value)| format!("{name}={}", property(&value))).collect();
    format!("::{} {}::{}", diagnostic.severity.word(), properties.join(","), data(&diagnostic.full_text()))
}

/// A text as a command carries it: each command is one line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text among the properties, which end at a colon and at a comma.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_property_or_a_line_is_escaped() {
        assert_eq!(property("100%: a, b\r\nc"), "100%25%3A a%2C b%0D%0Ac");
        assert_eq!(data("100%: a, b\r\nc"), "100%25: a, b%0D%0Ac");
    }
}
