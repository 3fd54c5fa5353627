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
        if zones.is_empty() { template } else { template.zoned(&zones) }
    }
}
