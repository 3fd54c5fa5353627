//! Settings of a connection without which the calls of a chain could never be made.

use std::sync::Arc;

use super::schema_words::{self, Sub};
use super::{Compiler, SETTINGS};
use crate::config::route::Send as WrittenSend;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::document::{Document, Node};
use crate::pack::{Body, Connection, Operation, Step};
use crate::pipeline;
use crate::schema::Schema;
use crate::template::{Scope, Template};
use crate::value::Value;

/// A chain as one account calls it.
struct Called<'a> {
    connection: &'a Connection,
    /// The names that the route gives as `params`.
    given: Vec<&'a str>,
    scope: Scope,
}

/// A setting that a call of a chain takes, and that the account lacks.
struct Lacking {
    setting: Arc<str>,
    /// The call, and the field of it that the setting makes.
    call: Arc<str>,
    field: Arc<str>,
}

impl Compiler<'_> {
    /// Reports what the calls of a chain take from the connection, and the connection does not give.
    pub(super) fn check_chain_settings(&mut self, written: &WrittenSend, account: &Connection, operation: &Operation) {
        let Some(to) = written.to.get() else { return };
        let called = Called::new(account, written.params.names().collect());
        for lacking in operation.chain.iter().flat_map(|step| called.lacking(step)) {
            if self.is_misnamed(&lacking, &account.pack.name) {
                continue;
            }
            if self.unset.insert((account.name.clone(), lacking.setting.clone())) {
                let diagnostic = self.lacking_setting(&lacking, account);
                let sent = format!("its call `{}` needs it, as `{}`", lacking.call, lacking.field);
                self.report(diagnostic.also(to.place.clone(), sent));
            }
        }
    }

    /// Whether the pack gives its call a parameter of a wrong name: the one that is lacking may be meant.
    fn is_misnamed(&self, lacking: &Lacking, pack: &str) -> bool {
        let file = format!("schemas/{pack}/pack.yaml");
        let begin = format!("the address of `{}` has no `{{", lacking.call);
        self.problems.iter().any(|problem| {
            problem.code == Code::InvalidParameter
                && problem.message.starts_with(&begin)
                && problem.place().is_some_and(|at| *at.file == *file)
        })
    }

    fn lacking_setting(&self, lacking: &Lacking, account: &Connection) -> Diagnostic {
        let (name, pack) = (&lacking.setting, &account.pack);
        let place = Place::file(format!("schemas/{}/pack.yaml", pack.name)).key("settings").key(name.clone());
        let node = self.documents.0.get(&place.file).and_then(|pack| described(pack, &place));
        let what = node.map(|text| format!(" ({text})")).unwrap_or_default();
        let help = match pack.secrets.contains(name) {
            true => format!("add `{name}: ${{env:NAME}}`, and set that variable where Jackfield is started"),
            false => format!("add `{name}: …`"),
        };
        let at = Place::file(SETTINGS).key("connections").key(account.name.clone()).on_key();
        Diagnostic::new(Code::MissingSetting, at, format!("the connection needs `{name}`{what}")).help(help)
    }
}

/// What a pack says of a setting.
fn described<'d>(pack: &'d Document, place: &Place) -> Option<&'d str> {
    Some(pack.node(&place.path)?.get("description").and_then(Node::as_scalar)?.text.as_ref())
}

impl<'a> Called<'a> {
    fn new(connection: &'a Connection, given: Vec<&'a str>) -> Self {
        let scope = Scope::new().with("connection", connection.settings.clone());
        let scope = scope.with("params", connection.settings.clone());
        Called { connection, given, scope }
    }

    fn lacking(&self, step: &Step) -> Vec<Lacking> {
        let found = match self.may_be_made(step) {
            true => [self.of_path(step), self.of_query(step), self.of_body(step)].concat(),
            false => Vec::new(),
        };
        let call = &step.operation.name;
        found.into_iter().map(|(setting, field)| Lacking { setting, call: call.clone(), field }).collect()
    }

    /// Whether the conditions of a call leave it to be made, as far as the account decides on it.
    fn may_be_made(&self, step: &Step) -> bool {
        [(&step.when, true), (&step.unless, false)].into_iter().all(|(placed, wanted)| {
            let known = placed.as_ref().filter(|placed| self.is_of_account(&placed.template));
            known.is_none_or(|placed| placed.template.holds(&self.scope).unwrap_or(wanted) == wanted)
        })
    }

    /// Whether a template takes from the account alone.
    fn is_of_account(&self, template: &Template) -> bool {
        let field = |used: &crate::template::Use| used.fields.first().cloned();
        template.uses().iter().all(|used| match &*used.name {
            "connection" => true,
            "params" => field(used).is_some_and(|field| !self.given.contains(&&*field)),
            _ => false,
        })
    }

    /// The setting that a value consists of, where there is none of that name.
    fn missing(&self, body: &Body) -> Option<Arc<str>> {
        let Body::Template { template, .. } = body else { return None };
        let is_nothing = || matches!(pipeline::render(body, &self.scope), Ok(None | Some(Value::Null)) | Err(_));
        let used = template.uses().first().filter(|_| self.is_of_account(template) && is_nothing())?;
        let setting = used.fields.first()?.clone();
        self.connection.settings.get(&setting).is_none().then_some(setting)
    }

    fn of_path(&self, step: &Step) -> Vec<(Arc<str>, Arc<str>)> {
        let names = step.operation.params().filter_map(|name| {
            let given = step.draft.params.iter().find(|(known, _)| known == name);
            let setting = match given {
                Some((_, body)) => self.missing(body),
                None => self.connection.piece(name).is_none().then(|| name.clone()),
            };
            Some((setting?, name.clone()))
        });
        names.collect()
    }

    fn of_query(&self, step: &Step) -> Vec<(Arc<str>, Arc<str>)> {
        let asked = step.operation.query.iter().filter(|asked| asked.required);
        let given = |name: &Arc<str>| step.draft.query.iter().find(|(known, _)| known == name);
        asked.filter_map(|asked| Some((self.missing(&given(&asked.name)?.1)?, asked.name.clone()))).collect()
    }

    fn of_body(&self, step: &Step) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(schema) = step.operation.schema.as_ref().map(Schema::document) else { return Vec::new() };
        let conjuncts = Sub { schema, root: schema }.conjuncts();
        let required = conjuncts.iter().flat_map(|part| schema_words::texts(part.get("required")));
        let own = match &step.draft.body {
            Some(Body::Object(fields)) => fields.as_slice(),
            _ => &[],
        };
        let given = |name: &str| own.iter().chain(&step.operation.defaults).find(|(known, _)| **known == *name);
        required.filter_map(|name| Some((self.missing(&given(name)?.1)?, name.into()))).collect()
    }
}
