//! Time zones that are put into a template because its names have them: what is told of it is told of the text without them.

use std::sync::Arc;

use super::compared::Added;
use super::lint::Use;
use super::{Template, TemplateError};

impl Template {
    /// The same with a time zone behind the format of each moment that is known to be in one; `zones` are what
    /// [`super::Inferred`] says.
    pub fn zoned(self, zones: &[(usize, String)]) -> Template {
        let (mut text, mut added, mut done) = (String::new(), Vec::new(), 0);
        for (at, zone) in zones {
            let before = self.text.get(done..*at).unwrap_or_default();
            let Some(quote) = before.chars().next_back().filter(|c| matches!(c, '\'' | '"')) else { continue };
            let argument = format!(", {quote}{zone}{quote}");
            text.push_str(before);
            added.push(text.len()..text.len() + argument.len());
            text.push_str(&argument);
            done = *at;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        let zones = Added::of(added);
        match Template::compile(&text) {
            Ok(zoned) => {
                let written = |used: &Use| Use { range: zones.written(&used.range), ..used.clone() };
                Template { uses: zoned.inner.iter().map(written).collect(), zones: Arc::new(zones), ..zoned }
            }
            Err(_) => self,
        }
    }

    /// An error at its place in the text without the zones.
    pub(super) fn unzoned(&self, error: TemplateError) -> TemplateError {
        TemplateError { range: self.zones.written(&error.range), ..error }
    }
}
