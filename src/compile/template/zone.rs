//! Moments that are written for people: in the time zone of the name that they come from.

use std::sync::Arc;

use super::super::Compiler;
use super::{Kind, Reach};
use crate::template::Template;

impl Compiler<'_> {
    /// The template with the time zones that its names have: `at | datetime('%H:%M')` of a name with `timezone:` says what the
    /// clock there shows.
    pub(super) fn zoned(&self, template: Template, kind: Kind, reach: &Reach) -> Template {
        let text = template.text();
        if kind != Kind::Value || !text.contains("datetime") {
            return template;
        }
        let mut zones = template.infer(&|name: &str, fields: &[Arc<str>]| reach.type_of(name, fields)).zones;
        zones.sort();
        zones.dedup();
        let mut zoned = text.to_owned();
        // From the end, so that the bytes before stay where they are.
        for (at, zone) in zones.iter().rev() {
            let is_behind = text.get(..*at).is_some_and(|before| before.ends_with(['\'', '"']));
            let quote = text.get(at.saturating_sub(1)..*at).unwrap_or("'");
            if is_behind {
                zoned.insert_str(*at, &format!(", {quote}{zone}{quote}"));
            }
        }
        match zoned == text {
            true => template,
            false => Template::compile(&zoned).unwrap_or(template),
        }
    }
}
