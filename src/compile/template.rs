//! Templates of a route: compiled, with every name checked against what is in reach.

mod absent;
mod base;
mod besides;
mod doubt;
mod unknown;
mod unsaved;
mod zone;

use std::sync::Arc;

use super::Compiler;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::reference;
use crate::pack::Connection;
use crate::path::{Location, Path};
use crate::pipeline::{self, BASE_NAMES};
use crate::route::Placed;
use crate::template::{Misfit, Template, TemplateError, Use};
use crate::types::{Form, Kinds, Presence, Type};
use crate::value::Value;
pub(super) use absent::names_one;
use absent::{optional_beside_sign, optional_in_text};
use unknown::{is_path, unknown_field, unknown_help};
pub(super) use unsaved::Unsaved;

/// The names that a template may use.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// Extracted names.
    pub names: Vec<Known>,
    /// Names that are extracted only after this, each with its path.
    pub later: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// This is before `extract`, whose names are not there yet.
    pub early: bool,
    /// What was written for a name and can't be one: what uses it has no problem of its own.
    pub broken: Vec<Arc<str>>,
    /// It could not be read which names are extracted, so that no name is known to be missing.
    pub unread: bool,
    /// Names with fields that are known: `connection.inbox_id`.
    pub fields: Vec<(&'static str, Vec<Arc<str>>)>,
    /// What is the same in every event: `vars`, and in a delivery `connection`.
    pub constants: Vec<(&'static str, Value)>,
    /// The payload is a form or a query.
    pub form: bool,
    /// The HTTP methods of the source, when they are known.
    pub methods: Vec<Arc<str>>,
    /// The `{names}` in the path of the source, when it is known.
    pub segments: Option<Vec<Arc<str>>>,
    /// Conditions that hold here.
    pub held: Vec<Template>,
    /// The path of the source, when it is known and the same in every request.
    pub path: Option<Arc<str>>,
    /// The extracted names that some template has used.
    pub used: Vec<Arc<str>>,
    /// The settings that are secret, to say so.
    pub secrets: Vec<Arc<str>>,
    /// A secret may stand here, alone in its braces.
    pub open_secrets: bool,
    /// Names that are in reach elsewhere and not here: before there is an event.
    pub without: &'static [&'static str],
    /// The place in a pack that lacks them.
    pub within: Option<&'static str>,
    /// The names that `extract` gives; those that steps save are beside them in `names`.
    pub extracted: Vec<Arc<str>>,
    /// The JSONPaths by which `extract` finds them, each with its name.
    pub paths: Vec<(Arc<str>, Arc<str>)>,
    /// The schema of the body that a chain is given, by its file.
    pub body_file: Option<Arc<str>>,
    /// Names that some step saves, and not in time.
    pub unsaved: Vec<(Arc<str>, Unsaved)>,
}

/// A name that a template may use.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub name: Arc<str>,
    pub ty: Type,
}

impl Known {
    pub(super) fn new(name: &str) -> Self {
        Known { name: name.into(), ty: Type::unknown() }
    }
}

impl Reach {
    /// `vars`: nothing when they can't be known.
    pub(super) fn of_route(vars: Option<&Value>) -> Self {
        let names = |vars: &Value| vars.as_object().map(|vars| vars.keys().cloned().collect()).unwrap_or_default();
        Reach {
            fields: vars.iter().map(|vars| ("vars", names(vars))).collect(),
            constants: vars.iter().map(|vars| ("vars", (*vars).clone())).collect(),
            ..Reach::default()
        }
    }

    /// What a call to this connection sees of it; what is not known of it can't be wrong.
    pub(super) fn enter(&mut self, connection: Option<&Connection>) {
        self.leave();
        let Some(connection) = connection else { return self.names.push(Known::new("connection")) };
        let known = connection.settings.as_object().map(|settings| settings.keys().cloned().collect());
        self.fields.push(("connection", known.unwrap_or_default()));
        // In a pack, what an account gives is not known.
        if self.within.is_none() {
            self.constants.push(("connection", connection.settings.clone()));
        }
        self.secrets = connection.secrets.keys().cloned().collect();
    }

    fn leave(&mut self) {
        self.names.retain(|known| &*known.name != "connection");
        self.fields.retain(|(name, _)| *name != "connection");
        self.constants.retain(|(name, _)| *name != "connection");
    }

    /// Whether `extract` gives a name.
    pub(super) fn is_extracted(&self, name: &str) -> bool {
        self.extracted.iter().any(|known| **known == *name)
    }

    fn known(&self, name: &str) -> Option<&Known> {
        self.names.iter().find(|known| &*known.name == name)
    }

    /// Whether an extracted name may be absent; nothing for a name that is none.
    pub(super) fn optional(&self, name: &str) -> Option<bool> {
        self.known(name).map(|known| known.ty.presence == Presence::Possible)
    }

    /// What follows stands where a condition holds.
    pub(super) fn hold(&mut self, condition: &Template) {
        self.make_certain(&condition.demanded());
        self.held.push(condition.clone());
    }

    /// Names that are there wherever the condition holds that demands them.
    pub(super) fn make_certain(&mut self, names: &[String]) {
        for known in self.names.iter_mut().filter(|known| names.iter().any(|name| **name == *known.name)) {
            known.ty.presence = Presence::Certain;
        }
    }

    /// The type of a name, or of what stands under it.
    pub(super) fn type_of(&self, name: &str, fields: &[Arc<str>]) -> Type {
        if let Some(known) = self.known(name) {
            return if fields.is_empty() { known.ty.clone() } else { Type::unknown() };
        }
        match (name, fields.first().map(|field| &**field), fields.len()) {
            ("payload" | "envelope", Some(_), _) if self.form => Type::of_form(),
            ("event", Some("id"), 1) => Type::text(Form::Id),
            ("request", Some("method"), 1) if !self.methods.is_empty() => {
                let each = self.methods.iter().map(|method| Type::constant(&Value::from(&**method), None));
                each.reduce(Type::union).map_or_else(Type::unknown, |ty| ty.with_presence(Presence::Certain))
            }
            ("request", Some("path"), 1) => self.path.as_deref().map_or_else(|| Type::text(Form::Any), address),
            ("event", Some("source"), 1) | ("request", Some("method"), 1) => Type::text(Form::Any),
            ("request", Some("received_at"), 1) => Type::text(Form::Datetime),
            ("request", Some("params"), 2) => Type::text_of(1),
            ("request", Some("params" | "query" | "headers"), 1) | ("request" | "event", None, _) => {
                Type::certain(Kinds::OBJECT)
            }
            _ => self.constant(name, fields).unwrap_or_else(Type::unknown),
        }
    }

    /// A value of `vars` or of `connection`, which is the same in every event.
    fn constant(&self, name: &str, fields: &[Arc<str>]) -> Option<Type> {
        let (_, value) = self.constants.iter().find(|(known, _)| *known == name)?;
        let value = fields.iter().try_fold(value, |value, field| value.get(field));
        Some(value.map_or_else(Type::absent, |value| Type::constant(value, None)))
    }

    fn base(&self) -> impl Iterator<Item = &'static str> {
        BASE_NAMES.iter().copied().filter(|name| !self.without.contains(name))
    }

    /// A name that is in reach everywhere, or one with known fields.
    fn is_base(&self, name: &str) -> bool {
        self.base().any(|base| base == name) || self.fields.iter().any(|(known, _)| *known == name)
    }

    /// Whether a text could name something in a template: an extracted name, or a field of what is always there.
    pub(super) fn could_be(&self, text: &str) -> bool {
        let (root, rest) = text.split_once('.').map_or((text, None), |(root, rest)| (root, Some(rest)));
        let is_path = |rest: &str| rest.chars().all(|c| is_path(c) || matches!(c, '[' | ']'));
        match rest {
            None => self.known(root).is_some(),
            Some(rest) => (self.known(root).is_some() || self.is_base(root)) && !rest.is_empty() && is_path(rest),
        }
    }

    fn all(&self) -> Vec<&str> {
        let fields = self.fields.iter().map(|(name, _)| *name);
        let base = self.base().map(|name| -> &str { name });
        self.names.iter().map(|known| &*known.name).chain(base).chain(fields).collect()
    }

    /// Whether a name is, or is a word of, what was written for a name and can't be one.
    fn is_broken(&self, name: &str) -> bool {
        let words = |broken: &str| broken.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
        self.unread || self.broken.iter().any(|broken| words(broken) || suggest::nearest(name, [&**broken]).is_some())
    }
}

/// The path of a request, with the `/` at its end or without.
fn address(path: &str) -> Type {
    let path = format!("/hooks{}", path.trim_end_matches('/'));
    let either = [path.clone(), path + "/"].map(|path| Type::constant(&Value::from(path), None));
    either.into_iter().reduce(Type::union).unwrap_or_else(Type::unknown)
}

/// How a template is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Value,
    Condition,
    /// A condition in which a field of what is missing is missing, too.
    Lenient,
}

impl Compiler<'_> {
    /// A text that is a template, at its place.
    pub(super) fn placed(&mut self, text: &Text, kind: Kind, reach: &mut Reach) -> Option<Placed> {
        let template = self.template(text, &text.place, kind, reach)?;
        Some(Placed { template, place: text.place.clone() })
    }

    pub(super) fn template(&mut self, text: &str, place: &Place, kind: Kind, reach: &mut Reach) -> Option<Template> {
        if let Some(range) = reference::beside_templates(text) {
            self.reference_in_text(text, range, place, reach);
            return None;
        }
        match self.memo.template(text, kind) {
            Ok(template) => {
                self.check_lookalikes(text, place, reach);
                let before = self.problems.len();
                self.check_hyphens(&template, place, reach);
                let fits = match self.check_uses(&template, place, kind, reach) {
                    true => self.check_fits(&template, place, kind, reach),
                    false => self.check_fits_besides(&template, place, reach, before),
                };
                fits.then(|| self.zoned(template, kind, reach))
            }
            Err(errors) => {
                self.template_errors(errors, place);
                self.check_names_besides(text, place, kind, reach);
                None
            }
        }
    }

    pub(super) fn template_errors(&mut self, errors: Vec<TemplateError>, place: &Place) {
        for error in errors {
            self.report(pipeline::at(error, place));
        }
    }

    /// What in a template can never work, by the types of its names.
    fn check_fits(&mut self, template: &Template, place: &Place, kind: Kind, reach: &mut Reach) -> bool {
        let names = |name: &str, fields: &[Arc<str>]| reach.type_of(name, fields);
        let inferred = template.infer(&names);
        let is_good = inferred.misfits.is_empty();
        for misfit in inferred.misfits {
            self.misfit(Code::WrongValue, misfit, place);
        }
        inferred.doubts.into_iter().for_each(|doubt| self.doubt(doubt, place));
        // A constant of the workspace may be a switch: what it is today is no mistake.
        let of_event = |name: &str, fields: &[Arc<str>]| match reach.constants.iter().any(|(known, _)| *known == name) {
            true => Type::unknown(),
            false => reach.type_of(name, fields),
        };
        let never = match kind {
            Kind::Condition | Kind::Lenient => template.never_holds(&of_event),
            Kind::Value => template.never_true(&of_event),
        };
        if let Some(misfit) = never.filter(|_| is_good) {
            self.misfit(Code::NeverMatches, misfit, place);
            return false;
        }
        if let Some(misfit) = template.always_holds(&names).filter(|_| is_good && kind != Kind::Value) {
            self.misfit(Code::WrongValue, misfit, place);
            return false;
        }
        if let Some(anyway) = template.holds_anyway(&of_event, kind != Kind::Value).filter(|_| is_good)
            && !self.holds_anyway(anyway, place)
        {
            return false;
        }
        if kind == Kind::Value && template.is_whole() {
            self.check_meant(template, &inferred.ty, place, reach);
        }
        if is_good && kind == Kind::Value && inferred.ty.presence == Presence::Never {
            let message = "this has no value in any event";
            let help = "its key is never sent; remove the line, or name a value";
            self.report(Diagnostic::new(Code::AlwaysAbsent, place.clone(), message).help(help));
            return false;
        }
        is_good
    }

    pub(super) fn misfit(&mut self, code: Code, misfit: Misfit, place: &Place) {
        self.report(Diagnostic::new(code, place.part(misfit.range), misfit.message).help_opt(misfit.help));
    }

    fn check_uses(&mut self, template: &Template, place: &Place, kind: Kind, reach: &mut Reach) -> bool {
        let before = self.problems.len();
        for used in template.uses() {
            match reach.optional(&used.name) {
                Some(optional) => {
                    reach.used.push(used.name.clone());
                    match &used.needed_by {
                        _ if !optional || used.guarded => {}
                        Some(needed) => self.report(optional_beside_sign(used, needed, kind, place)),
                        None if !template.is_whole() => {
                            let problem = optional_in_text(used, place, reach.is_extracted(&used.name));
                            self.report(problem);
                        }
                        None => {}
                    }
                }
                None if !reach.is_base(&used.name) && reach.is_broken(&used.name) => {}
                None => self.check_name(used, template.text(), place, reach),
            }
        }
        let is_good = self.problems.len() == before;
        template.uses().iter().for_each(|used| self.check_list_in_text(used, template, place, reach));
        is_good
    }

    fn check_name(&mut self, used: &Use, text: &str, place: &Place, reach: &Reach) {
        let at = place.part(used.range.clone());
        if let Some((name, fields)) = reach.fields.iter().find(|(name, _)| **name == *used.name) {
            let Some(field) = used.fields.first().filter(|field| !fields.contains(field)) else { return };
            let message = format!("`{name}` has no `{field}`");
            let secrets = reach.secrets.iter().filter(|_| reach.open_secrets);
            let known = fields.iter().chain(secrets).map(|field| &**field);
            let dotted = text.get(behind_dot(used, field)) == Some(&**field);
            let diagnostic = match reach.secrets.contains(field) {
                true => {
                    let help = match *name {
                        "settings" => {
                            "it can stand in `verify`, and of a handshake in `token` and as the key of `hmac` in the reply"
                        }
                        _ => "a secret goes into the pack's headers and address by itself; a route can't use it",
                    };
                    Diagnostic::new(Code::UnknownName, at, format!("`{name}.{field}` is secret")).help(help)
                }
                false => Diagnostic::new(Code::UnknownName, at, message)
                    .help_opt(unknown_field(name, field, known.clone(), reach))
                    .fix_opt(place.part(behind_dot(used, field)), suggest::certain(field, known).filter(|_| dotted)),
            };
            self.report(diagnostic);
            return;
        }
        if reach.without.contains(&&*used.name) {
            let message = format!("`{}` is not in reach of {}", used.name, reach.within.unwrap_or("a handshake"));
            let help = match &*used.name {
                _ if reach.within == Some("a pack") => "it serves all routes: use `connection`; a route gives the rest",
                _ if reach.within.is_some() => "what the route gives is in `body` and `params`",
                "vars" => "write the value itself",
                _ => "a handshake makes no event: what the sender sent is in `payload` and `request`",
            };
            self.report(Diagnostic::new(Code::UnknownName, at, message).help(help));
            return;
        }
        if BASE_NAMES.contains(&&*used.name) {
            self.check_base_field(used, at, reach);
            return;
        }
        if let Some((_, path)) = reach.later.iter().find(|(name, _)| *name == used.name) {
            let message = format!("`{}` is not known yet: `match` comes before `extract`", used.name);
            let help = match path.as_deref().and_then(in_template) {
                Some(path) => format!("write where the value stands in the payload: `{path}`"),
                None => "write where the value stands in the payload, such as `payload.contact.name`".to_owned(),
            };
            self.report(Diagnostic::new(Code::UnknownName, at, message).help(help));
            return;
        }
        if let Some((_, why)) = reach.unsaved.iter().rev().find(|(name, _)| *name == used.name) {
            let (what, help) = why.words();
            let message = format!("`{}` {what}", used.name);
            self.report(Diagnostic::new(Code::UnknownName, at, message).help(help));
            return;
        }
        let message = format!("nothing gives the name `{}`", used.name);
        let help = unknown_help(used, text, reach);
        if self.is_rest_of_name(&help, &at) {
            return;
        }
        let name = used.range.start..used.range.start + used.name.len();
        let near = suggest::certain(&used.name, reach.all())
            .filter(|near| help == format!("did you mean `{near}`?") && text.get(name.clone()) == Some(&*used.name));
        let diagnostic = Diagnostic::new(Code::UnknownName, at, message).help(help);
        self.report(diagnostic.fix_opt(place.part(name), near));
    }
}

/// Where a template finds what a path takes, where that is one place of the payload.
fn in_template(path: &str) -> Option<String> {
    let steps = Path::parse(path).ok()?.steps()?;
    Some(Location(steps).to_string().replacen('$', "payload", 1))
}

/// Where the first field of a name stands, when it is written with a dot.
fn behind_dot(used: &Use, field: &str) -> std::ops::Range<usize> {
    let start = used.range.start + used.name.len() + 1;
    start..start + field.len()
}

impl Compiler<'_> {
    /// An `identity` or `lane` without braces is the same for every event, and so not what was meant.
    pub(super) fn check_varies(&mut self, key: &str, text: Option<&Text>, always: bool, reach: &Reach) {
        let Some(text) = text.filter(|text| !text.contains("{{") && !text.contains("{%")) else { return };
        let first = text.split(['.', ' ', '|']).next().unwrap_or_default();
        let is_name = BASE_NAMES.contains(&first) || reach.names.iter().any(|known| &*known.name == first);
        let path = text.strip_prefix("$.").filter(|path| !path.contains(['[', ' ', '*']));
        if !always && !is_name && path.is_none() {
            return;
        }
        let message = format!("`{key}` is the same text for every event");
        let help = match is_name {
            true => format!("write `{key}: \"{{{{ {} }}}}\"`", text.value),
            false if path.is_some() => {
                format!("write `{key}: \"{{{{ payload.{} }}}}\"`", path.unwrap_or_default())
            }
            false => format!("take it from the event: `{key}: \"{{{{ payload.id }}}}\"`"),
        };
        let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), message);
        let fixed = is_name.then(|| format!("{{{{ {} }}}}", text.value));
        let diagnostic = diagnostic.fix_opt(text.place.clone(), fixed);
        // What looks like a template there is said better here.
        let is_same = |problem: &Diagnostic| {
            let place = problem.place().filter(|_| problem.code == Code::LooksLikeTemplate);
            place.is_some_and(|place| place.file == text.place.file && place.path == text.place.path)
        };
        let at = self.problems.iter().position(is_same);
        let told = at.and_then(|at| self.problems.remove(at).help);
        let help = told.filter(|told| path.is_none() || told.starts_with("write")).unwrap_or(help);
        self.report(diagnostic.found("nothing here comes from the event").help(help));
    }
}
