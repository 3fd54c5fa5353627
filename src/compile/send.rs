//! Deliveries: the operation that each is for, its address, its headers and its body.

use std::sync::Arc;

use super::Compiler;
use super::body::{Target, type_of};
use super::extract::flat;
use super::pack::fields;
use super::template::{Kind, Known, Reach};
use crate::config::Named;
use crate::config::route::Send as WrittenSend;
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::Node;
use crate::pack::Body;
use crate::route::{RouteSet, Send};
use crate::types::{Kinds, Presence};

impl Compiler<'_> {
    pub(super) fn send(
        &mut self,
        written: &WrittenSend,
        route_reach: &Reach,
        used: &mut Reach,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<Send> {
        if let Some(steps) = &written.steps {
            self.not_supported("`steps`", &steps.place.on_key(), "remove it; a delivery is one call");
        }
        let target = written.to.get().and_then(|to| self.target(to, set, settings));
        let mut reach = route_reach.clone();
        match &target {
            Some((connection, _)) => {
                let known = connection.settings.as_object().map(|settings| settings.keys().cloned().collect());
                reach.fields.push(("connection", known.unwrap_or_default()));
                reach.constants.push(("connection", connection.settings.clone()));
                reach.secrets = connection.secrets.keys().cloned().collect();
            }
            // What the connection has is not known, so nothing of it can be wrong.
            None => reach.names.push(Known::new("connection")),
        }
        let when = written.when.as_ref().map(|when| self.placed(when, Kind::Condition, &mut reach));
        if let Some(Some(when)) = &when {
            reach.make_certain(&when.template.demanded());
        }
        let params = fields(&written.params, |node| self.body(node, &mut reach));
        let query = fields(&written.query, |node| self.body(node, &mut reach));
        let headers = fields(&written.headers, |node| self.body(node, &mut reach));
        let blanks = self.blanks.len();
        let body = written.body.as_ref().map(|node| self.tree(node, &mut reach));
        let whole = self.blanks.len() == blanks;
        used.used.append(&mut reach.used);
        let (connection, operation) = target?;
        let to = written.to.get()?;
        self.check_params(written, to, &connection, &operation);
        params
            .iter()
            .flatten()
            .for_each(|(name, body)| self.check_single(name, body, &written.place.key("params"), true, &reach));
        query
            .iter()
            .flatten()
            .for_each(|(name, body)| self.check_single(name, body, &written.place.key("query"), false, &reach));
        headers
            .iter()
            .flatten()
            .for_each(|(name, body)| self.check_single(name, body, &written.place.key("headers"), false, &reach));
        self.check_headers(written, &operation);
        let target = Target { to, connection: &connection, operation: &operation, reach: &reach };
        let body_place = written.body.as_ref().map_or_else(|| written.place.clone(), |body| body.place.clone());
        let at = if body.is_some() { body_place.clone() } else { to.place.clone() };
        // A key that is misspelled may be the body.
        if body.is_some() || !self.has_unknown_key(&written.place) {
            self.check_body(body.as_ref(), &target, &at);
        }
        if !whole {
            return None;
        }
        Some(Send {
            to: to.value.clone(),
            when: flat(when)?,
            params: params?,
            query: query?,
            headers: headers?,
            body,
            body_place,
            place: written.place.clone(),
            connection,
            operation,
        })
    }

    /// A header with which the pack proves the account is not given by a route.
    fn check_headers(&mut self, written: &WrittenSend, operation: &crate::pack::Operation) {
        let is_secret = |part: &crate::pack::HeaderPart| matches!(part, crate::pack::HeaderPart::Secret(_));
        for given in written.headers.iter() {
            let own = operation.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(&given.name.value));
            if own.is_some_and(|(_, parts)| parts.iter().any(is_secret)) {
                let message = format!("`{}` is sent with the secret of the connection already", given.name.value);
                let help = "remove it here; the secret stands in jackfield.yaml, under `connections:`";
                self.report(Diagnostic::new(Code::ConflictingKeys, given.name.place.clone(), message).help(help));
            }
        }
    }

    /// A value of the address or of a header: one value, and in the path one that is there.
    fn check_single(&mut self, name: &Arc<str>, body: &Body, at: &Place, needed: bool, reach: &Reach) {
        let ty = type_of(body, reach);
        let place = at.key(name.clone());
        if ty.is_never(Kinds::SINGLE | Kinds::LIST) || (needed && ty.is_never(Kinds::SINGLE)) {
            let found = ty.kinds().map_or_else(String::new, Kinds::words);
            let message = format!("`{name}` must be one value, but is {found}");
            self.report(
                Diagnostic::new(Code::InvalidParameter, place.clone(), message)
                    .help("name the field of it that is meant"),
            );
        }
        if needed && matches!(ty.presence, Presence::Possible | Presence::Never) {
            let message = format!("the address needs `{name}`, and this may be absent");
            let help =
                "say what to send instead with `| default(…)`, make the name required (without `?`), or add a `when:`";
            self.report(Diagnostic::new(Code::OptionalName, place, message).help(help));
        }
    }

    pub(super) fn target(
        &mut self,
        to: &Text,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<(Arc<crate::pack::Connection>, Arc<crate::pack::Operation>)> {
        let Some((connection, operation)) = to.split_once('.') else {
            let message = format!("`{}` does not name an operation", to.value);
            let help = "write the connection and the operation with a dot between: `cloudchat.create_conversation`";
            self.report(Diagnostic::new(Code::UnknownOperation, to.place.clone(), message).help(help));
            return None;
        };
        let place = to.place.part(0..connection.len());
        let Some(found) = set.connections.get(connection) else {
            let declared = settings.map(|s| s.connections.names().collect::<Vec<_>>()).unwrap_or_default();
            // A connection that is there and has problems of its own says so itself.
            let whole = |name: &&str| to.strip_prefix(*name).is_some_and(|rest| rest.starts_with('.'));
            if !self.is_section_unknown("connections") && !declared.iter().any(whole) {
                let message = format!("jackfield.yaml has no connection `{connection}`");
                let provider = set.packs.get(connection).filter(|pack| !pack.operations.is_empty()).map(|pack| {
                    if let Some((name, _)) = set.connections.iter().find(|(_, other)| other.pack.name == pack.name) {
                        return format!("an account of {} is there as `{name}`: write `{name}.{operation}`", pack.title);
                    }
                    let secrets: Vec<String> =
                        pack.secrets.iter().map(|name| format!(", {name}: \"${{env:NAME}}\"")).collect();
                    format!(
                        "add it under `connections:` in jackfield.yaml: `{connection}: {{ provider: {connection}{} }}`; \
                         `jackfield explain {connection}` says what else it takes",
                        secrets.concat()
                    )
                });
                let near = suggest::nearest(connection, declared.iter().copied());
                let help = near
                    .map(|near| format!("did you mean `{near}`?"))
                    .or(provider)
                    .or_else(|| suggest::did_you_mean(connection, declared.iter().copied()))
                    .unwrap_or_else(|| format!("add it under `connections:`: `{connection}: {{ provider: … }}`"));
                let near = suggest::certain(connection, declared);
                let diagnostic = Diagnostic::new(Code::UnknownConnection, place.clone(), message).help(help);
                self.report(diagnostic.fix_opt(place, near));
            }
            return None;
        };
        let known = found.pack.operations.get(operation);
        if known.is_none() && !self.is_broken(&found.pack.name, operation) {
            let message = format!("{} has no operation `{operation}`", found.pack.title);
            let help = suggest::did_you_mean(operation, found.pack.operations.keys().map(|name| &**name));
            let place = to.place.part(connection.len() + 1..to.len());
            let near = suggest::certain(operation, found.pack.operations.keys().map(|name| &**name));
            let diagnostic = Diagnostic::new(Code::UnknownOperation, place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(place, near));
        }
        Some((found.clone(), known?.clone()))
    }

    fn check_params(
        &mut self,
        written: &WrittenSend,
        to: &Text,
        connection: &crate::pack::Connection,
        operation: &crate::pack::Operation,
    ) {
        let names: Vec<&str> = operation.params().map(|name| &**name).collect();
        for given in written.params.iter().filter(|given| !names.contains(&&*given.name.value)) {
            let message = format!("the address of `{}` has no `{{{}}}`", to.value, given.name.value);
            let help = suggest::did_you_mean(&given.name.value, names.iter().copied());
            let near = suggest::certain(&given.name.value, names.iter().copied());
            let diagnostic = Diagnostic::new(Code::InvalidParameter, given.name.place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(given.name.place.clone(), near));
        }
        for name in names {
            let known = connection.settings.get(name).is_some() || connection.secrets.contains_key(name);
            let unset = self.unset.contains(&(connection.name.clone(), name.into()));
            let misspelled = |given: &Named<Node>| suggest::nearest(&given.name.value, [name]).is_some();
            let in_body = written.body.as_ref().is_some_and(|body| body.get(name).is_some());
            let tried = in_body || self.was_tried(&written.place, "params");
            if !known && !unset && !tried && !written.params.iter().any(misspelled) {
                let message = format!("`{}` needs `{name}` in its address", to.value);
                let help = format!("add `params: {{ {name}: … }}` here, or `{name}: …` to the connection");
                self.report(Diagnostic::new(Code::InvalidParameter, to.place.clone(), message).help(help));
            }
        }
    }
}
