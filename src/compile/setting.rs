//! Settings of a source: what the webhook's pack asks for, and what the source gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Compiler;
use crate::config::NamedList;
use crate::config::connection::Setting;
use crate::config::pack::{Setting as Described, SettingType, Webhook};
use crate::config::scalar::Text;
use crate::config::source::Source as Written;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::reference;
use crate::secret::Secret;
use crate::source::Settings;
use crate::value::Value;

/// What stands for a setting that can't be had where no request goes out.
pub(super) const STAND_IN: &str = "unknown";

/// The settings of a source that is being compiled.
#[derive(Default)]
pub(super) struct Given {
    pub settings: Settings,
    /// Those that the webhook describes and that are not secret.
    pub open: Vec<Arc<str>>,
    /// Those that it describes as secret.
    pub secret: Vec<Arc<str>>,
    /// Where the value of each is written.
    places: BTreeMap<Arc<str>, Place>,
}

/// What stands for a text in which a setting may stand.
pub(super) struct Filled {
    /// Nothing when it can't be had here, which is reported.
    pub text: Option<String>,
    /// Where it is written: the setting's own place.
    pub place: Place,
}

impl Compiler<'_> {
    pub(super) fn source_settings(&mut self, written: &Written, webhook: Option<&Webhook>) -> Given {
        let mut given = Given::default();
        let none = NamedList::default();
        let described = webhook.map_or(&none, |webhook| &webhook.settings);
        for named in described.iter() {
            let names = if is_secret(&named.value) { &mut given.secret } else { &mut given.open };
            names.push(named.name.value.clone());
        }
        let mut values = Vec::new();
        // Of a webhook that is not known, which is reported, it isn't known either what it asks for.
        let is_known = webhook.is_some() || (written.from.is_none() && !self.was_tried(&written.place, "from"));
        for named in written.settings.iter() {
            let name = &named.name.value;
            match described.get(name) {
                None if !is_known => {}
                None => self.unknown_source_setting(name, &named.name.place, written, described),
                Some(known) if is_secret(&known.value) => {
                    given.places.insert(name.clone(), named.value.text.place.clone());
                    let secret = self.source_secret(&named.value.text);
                    given.settings.secrets.extend(secret.map(|secret| (name.clone(), secret)));
                }
                Some(_) => {
                    given.places.insert(name.clone(), named.value.text.place.clone());
                    let value = self.open_setting(&named.value);
                    for (value, known) in value.iter().zip(described.get(name)) {
                        self.check_setting(&known.value, name, &named.value, value);
                    }
                    values.extend(value.map(|value| (name.clone(), value)));
                }
            }
        }
        for named in described.iter().filter(|named| written.settings.get(&named.name).is_none()) {
            match &named.value.default {
                Some(default) => {
                    given.places.insert(named.name.value.clone(), default.place.clone());
                    match is_secret(&named.value) {
                        true => {
                            let secret = Secret::new(default.value.clone());
                            given.settings.secrets.insert(named.name.value.clone(), secret);
                        }
                        false => values.push((named.name.value.clone(), Value::from(default.value.clone()))),
                    }
                }
                None => self.missing_source_setting(&named.name, &named.value, written),
            }
        }
        given.settings.values = Value::Object(Arc::new(values.into_iter().collect()));
        given
    }

    fn open_setting(&mut self, setting: &Setting) -> Option<Value> {
        if reference::is_in(&setting.text) {
            return self.resolved(&setting.text).map(Value::from);
        }
        self.check_open(&setting.text);
        Some(setting.node.to_value())
    }

    /// A setting that is not secret, and is written itself.
    pub(super) fn check_open(&mut self, text: &Text) {
        match is_template(text) {
            true => self.check_no_template(text),
            false => self.check_plain(text),
        }
    }

    /// A setting is there before any event: what stands in `{{ }}` would be taken as it is.
    pub(super) fn check_no_template(&mut self, text: &Text) {
        // `vars` of ours are not the environment's.
        let is_ours = text.contains("vars.");
        if is_template(text) && (is_ours || !self.check_reference(text)) {
            let message = "a setting is no template: it is the same for every event";
            let help = "write the value itself, or take it from the environment: `${env:NAME}`";
            self.report(Diagnostic::new(Code::InvalidTemplate, text.place.clone(), message).help(help));
        }
    }

    /// Whether a value is of the type that its pack says. What the environment holds is not shown.
    pub(super) fn check_setting(
        &mut self,
        described: &Described,
        name: &str,
        written: &Setting,
        value: &Value,
    ) -> bool {
        let is_integer = described.kind.as_ref().is_some_and(|kind| kind.value == SettingType::Integer);
        let is_reference = reference::is_in(&written.text);
        // What can't be had is reported, and another value stands for it.
        let is_unknown = is_reference && value.as_str() == Some(STAND_IN);
        let text = value.as_str().map_or_else(|| value.to_json(), str::to_owned);
        let is_fit = !text.is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit());
        if !is_integer || is_fit || is_unknown {
            return true;
        }
        let found = match is_reference {
            true => format!("what `{}` stands for is none", written.text.value),
            false => format!("is `{}`", written.text.value),
        };
        let joint = if is_reference { "and" } else { "but" };
        let what = described.description.as_ref().map(|text| format!(". {}", text.value)).unwrap_or_default();
        let message = format!("`{name}` must be a whole number, {joint} {found}");
        let diagnostic = Diagnostic::new(Code::InvalidValue, written.text.place.clone(), message);
        self.report(diagnostic.help(format!("write its digits: `{name}: 12`{what}")));
        false
    }

    fn unknown_source_setting(
        &mut self,
        name: &str,
        place: &Place,
        written: &Written,
        described: &NamedList<Described>,
    ) {
        let known: Vec<&str> = described.names().filter(|known| written.settings.get(known).is_none()).collect();
        let message = match &written.from {
            Some(from) => format!("`{}` has no setting `{name}`", from.value),
            None => format!("nothing reads the setting `{name}`"),
        };
        let help = match (&written.from, known.is_empty()) {
            (None, _) => "a source has the settings that its webhook asks for: write `from: vendor.webhook`".to_owned(),
            (Some(_), true) => "remove it: the webhook asks for no more than is written here".to_owned(),
            (Some(_), false) => suggest::did_you_mean(name, known.iter().copied()).unwrap_or_default(),
        };
        let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), message).help(help);
        self.report(diagnostic.fix_opt(place.clone(), suggest::certain(name, known.iter().copied())));
    }

    /// Whether a setting stands beside `settings:`, which has been reported as a key that nothing reads.
    fn move_to_settings(&mut self, name: &str, written: &Written) -> bool {
        let own = written.place.key(name).on_key();
        let is_own = |problem: &&mut Diagnostic| problem.code == Code::UnknownKey && problem.place() == Some(&own);
        let Some(problem) = self.problems.iter_mut().find(is_own) else { return false };
        problem.help = Some(format!("`{name}` belongs under `settings:`, indented"));
        problem.fix = None;
        true
    }

    fn missing_source_setting(&mut self, name: &str, described: &Described, written: &Written) {
        if self.move_to_settings(name, written) {
            return;
        }
        let is_required = described.required.as_ref().is_some_and(|required| required.value);
        let was_tried = written.settings.unread.iter().any(|unread| **unread == *name)
            || self.was_tried(&written.place.key("settings"), name)
            || self.is_unread(&written.place, "settings");
        if !is_required || was_tried {
            return;
        }
        let what = described.description.as_ref().map(|text| format!(" ({})", text.value)).unwrap_or_default();
        let message = format!("the source needs the setting `{name}`{what}");
        let place = match written.settings.is_empty() {
            true => written.place.on_key(),
            false => written.place.key("settings").on_key(),
        };
        let help = match is_secret(described) {
            true => format!(
                "write `settings: {{ {name}: ${{env:NAME}} }}`, and set that variable where Jackfield is started"
            ),
            false => format!("write `settings: {{ {name}: … }}`"),
        };
        self.report(Diagnostic::new(Code::MissingSetting, place, message).help(help));
    }

    /// A text of a source that may be a setting, `{{ settings.name }}`; nothing after a problem.
    pub(super) fn filled(&mut self, text: &Text, given: &Given) -> Option<Filled> {
        if !is_template(text) {
            return Some(Filled { text: self.resolved(text), place: text.place.clone() });
        }
        let name = self.setting_name(text, given)?;
        let value = given.settings.values.get(&name).map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_json(),
        });
        let value = value.or_else(|| given.settings.secrets.get(&*name).map(|secret| secret.expose().to_owned()));
        Some(Filled { text: value, place: given.places.get(&*name).cloned().unwrap_or_else(|| text.place.clone()) })
    }

    /// The secret that stands in a text, or in the setting that it names; nothing after a problem.
    pub(super) fn filled_secret(&mut self, text: &Text, given: &Given) -> Option<Filled> {
        match is_template(text) {
            true => self.filled(text, given),
            false => {
                let text_of = |secret: Secret| secret.expose().to_owned();
                Some(Filled { text: self.source_secret(text).map(text_of), place: text.place.clone() })
            }
        }
    }

    /// The name in `{{ settings.name }}`; it must be all of the text.
    fn setting_name(&mut self, text: &Text, given: &Given) -> Option<String> {
        let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
        let name = inner.and_then(|inner| inner.strip_prefix("settings.")).filter(|name| is_name(name));
        let Some(name) = name else {
            // How other tools write a variable of the environment.
            if !text.contains("settings.") && self.check_reference(text) {
                return None;
            }
            let message = "no other template than a setting can stand here";
            let help = "write it alone, as `\"{{ settings.name }}\"`, or take it from the environment: `${env:NAME}`";
            self.report(Diagnostic::new(Code::InvalidTemplate, text.place.clone(), message).help(help));
            return None;
        };
        let known: Vec<&str> = given.open.iter().chain(&given.secret).map(|name| &**name).collect();
        if !known.contains(&name) {
            let message = format!("there is no setting `{name}`");
            let help = match known.is_empty() {
                true => "settings are what a pack's webhook describes under `settings:`".to_owned(),
                false => suggest::did_you_mean(name, known).unwrap_or_default(),
            };
            self.report(Diagnostic::new(Code::UnknownName, text.place.clone(), message).help(help));
            return None;
        }
        Some(name.to_owned())
    }
}

/// Whether a template is written, and no reference that looks like one.
fn is_template(text: &str) -> bool {
    text.contains("{{") && !reference::is_in(text)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_secret(described: &Described) -> bool {
    described.secret.as_ref().is_some_and(|secret| secret.value)
}
