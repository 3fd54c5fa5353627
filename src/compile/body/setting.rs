//! Settings of a connection that its pack puts into fields of a body: each must be what the field takes.

use std::sync::Arc;

use super::super::schema_words::Sub;
use super::super::{Compiler, SETTINGS, Secrets};
use super::meant;
use super::part::help_for;
use super::{Target, presence};
use crate::convert;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::{Node, reference};
use crate::pack::Body;
use crate::pipeline;
use crate::schema::Schema;
use crate::template::{Scope, Template};
use crate::types::Presence;
use crate::value::Value;

impl Compiler<'_> {
    /// The defaults of an operation that this body leaves to the connection.
    pub(super) fn check_defaults(&mut self, body: Option<&Body>, target: &Target<'_>, at: &Place) {
        let fields = match body {
            Some(Body::Object(fields)) => fields.as_slice(),
            Some(_) => return,
            None => &[],
        };
        let is_given = |name: &str| {
            let given = fields.iter().find(|(known, _)| **known == *name).map(|(_, body)| presence(body, target.reach));
            given.is_some_and(|presence| matches!(presence, Presence::Certain | Presence::Unknown))
        };
        for (field, default) in target.operation.defaults.iter().filter(|(field, _)| !is_given(field)) {
            if let Body::Template { template, .. } = default
                && let Some(setting) = self.setting_of(template, target)
            {
                self.check_default_of(&setting, field, default, target, at);
            }
        }
    }

    /// The setting that a default is made of; nothing where it has been reported that there is none.
    fn setting_of(&self, default: &Template, target: &Target<'_>) -> Option<Arc<str>> {
        let used = default.uses().iter().find(|used| &*used.name == "connection")?;
        let setting: Arc<str> = (&**used.fields.first()?).into();
        let is_known = target.connection.settings.get(&setting).is_some();
        (is_known && !self.unset.contains(&(target.connection.name.clone(), setting.clone()))).then_some(setting)
    }

    fn check_default_of(&mut self, setting: &str, field: &str, default: &Body, target: &Target<'_>, at: &Place) {
        let Some(schema) = target.operation.schema.as_ref().map(Schema::document) else { return };
        let parts = Sub { schema, root: schema }.conjuncts();
        let part = parts.into_iter().find_map(|part| part.get("properties")?.get(field));
        let Some(taken) = part.and_then(|part| self.memo.schema(&Sub { schema: part, root: schema })) else { return };
        let scope = Scope::new().with("connection", target.connection.settings.clone());
        let (wrong, of_field) = match pipeline::render(default, &scope) {
            Ok(None) => return,
            Ok(Some(value)) => match taken.violations(&value).into_iter().next() {
                Some(violation) => (violation.message, help_for(&taken, &violation.schema_path, Some(&value))),
                None => return,
            },
            Err(problem) => (format!("does not fit the field `{field}`: {}", problem.message), None),
        };
        let (place, written) = self.place_of_setting(setting, target);
        // Without the variable its value is made up, and tells no more than that it is text.
        let made_up = self.input.secrets == Secrets::Optional && written.is_some_and(is_reference);
        if (made_up && takes_text(&taken)) || self.is_variable_unset(&place) {
            return;
        }
        if self.problems.iter().any(|problem| problem.code == Code::InvalidBody && problem.place() == Some(&place)) {
            return;
        }
        let help = written.and_then(|node| as_it_fits(setting, node, &taken));
        let help = help.or_else(|| self.description_of(setting, target)).or(of_field);
        let diagnostic = Diagnostic::new(Code::InvalidBody, place, format!("`{setting}` {wrong}"));
        let sent = format!("`{}` gets it as `{field}` here", target.to);
        self.report(diagnostic.also(at.on_key(), sent).help_opt(help));
    }

    /// Where the setting is written: in the connection, or as the pack's own default.
    fn place_of_setting(&self, setting: &str, target: &Target<'_>) -> (Place, Option<&Node>) {
        let own = Place::file(SETTINGS).key("connections").key(target.connection.name.clone()).key(setting);
        let written = self.documents.0.get(&own.file).and_then(|document| document.node(&own.path));
        match written {
            Some(node) => (own, Some(node)),
            None => (pack_setting(setting, target).key("default"), None),
        }
    }

    /// What the pack says of a setting.
    fn description_of(&self, setting: &str, target: &Target<'_>) -> Option<String> {
        let place = pack_setting(setting, target).key("description");
        let node = self.documents.0.get(&place.file)?.node(&place.path)?;
        Some(node.as_scalar()?.text.to_string())
    }
}

fn pack_setting(setting: &str, target: &Target<'_>) -> Place {
    Place::file(format!("schemas/{}/pack.yaml", target.connection.pack.name)).key("settings").key(setting)
}

fn is_reference(written: &Node) -> bool {
    written.as_scalar().is_some_and(|scalar| reference::is_in(&scalar.text))
}

fn takes_text(taken: &Schema) -> bool {
    !taken.violations(&Value::from("text")).iter().any(|violation| violation.schema_path.ends_with("/type"))
}

/// What to write where the value would do as another type.
fn as_it_fits(setting: &str, written: &Node, taken: &Schema) -> Option<String> {
    let value = written.to_value();
    if let Some(text) = value.as_str() {
        let number = convert::number(&value).ok().filter(|number| taken.is_valid(number));
        let of_elsewhere = "what the environment or a file gives is text; write the value itself here";
        return match is_reference(written) {
            true => (!takes_text(taken)).then(|| of_elsewhere.to_owned()),
            false => number
                .map(|_| format!("write it without quotes: `{setting}: {}`", text.trim()))
                .or_else(|| meant::zeros(text, taken).map(|digits| meant::without_zeros(text, digits))),
        };
    }
    let text = convert::text(&value).ok()?;
    taken.is_valid(&Value::from(text.as_str())).then(|| format!("write it in quotes: `{setting}: \"{text}\"`"))
}
