//! Deliveries: the operation that each is for, its address, its headers and its body.

use std::sync::Arc;

use super::Compiler;
use super::body::{Target, type_of};
use super::extract::{bare, flat};
use super::pack::fields;
use super::template::{Kind, Reach};
use crate::config::route::Send as WrittenSend;
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::config::{Named, NamedList};
use crate::diagnostic::{Code, Diagnostic, KeyPath, Place, Segment, suggest};
use crate::document::Node;
use crate::pack::{Body, Connection, Draft, Operation, Pack};
use crate::route::{RouteSet, Send};
use crate::template::Template;
use crate::types::{Kinds, Presence};

/// What is written of a call.
pub(super) struct Parts<'w> {
    /// The operation; nothing where it is missing.
    pub to: Option<&'w Text>,
    pub params: &'w NamedList<Node>,
    pub query: &'w NamedList<Node>,
    pub headers: &'w NamedList<Node>,
    pub body: Option<&'w Node>,
    pub place: &'w Place,
}

impl Compiler<'_> {
    pub(super) fn send(
        &mut self,
        written: &WrittenSend,
        route_reach: &Reach,
        used: &mut Reach,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<Send> {
        let target = written.to.get().and_then(|to| self.target(to, set, settings));
        let mut reach = route_reach.clone();
        let begun = self.problems.len();
        let early = self.early_names(written);
        reach.make_certain(&early);
        let steps = self.route_steps(&written.steps, &mut reach, set, settings);
        reach.enter(target.as_ref().map(|(connection, _)| &**connection));
        let when = written.when.as_ref().map(|when| self.placed(when, Kind::Condition, &mut reach));
        match (&when, &written.when) {
            (Some(Some(when)), _) => reach.hold(&when.template),
            // What a condition with a problem of its own asks for may be there once it is mended.
            (Some(None), Some(text)) => reach.make_certain(&words(text)),
            _ => {}
        }
        let parts = Parts {
            to: written.to.get(),
            params: &written.params,
            query: &written.query,
            headers: &written.headers,
            body: written.body.as_ref(),
            place: &written.place,
        };
        // What only asks is told so, and nothing of what it would take.
        let delivers = target.as_ref().filter(|(_, operation)| !operation.only_asks());
        let before = self.problems.len();
        let draft = self.draft(&parts, delivers.map(|(c, o)| (&**c, &**o)), &mut reach);
        if let (Some(to), Some(draft)) = (written.to.get(), &draft) {
            self.check_account(before, to, draft, &reach, set);
        }
        self.blame_turned(&written.steps, begun);
        self.blame_misnamed(&written.steps, begun, &reach);
        self.unused_saved(&written.steps, &reach);
        used.used.append(&mut reach.used);
        if let (Some(to), Some((_, operation))) = (written.to.get(), &target) {
            self.check_delivers(to, operation);
        }
        let (connection, operation) = target?;
        self.check_chain_settings(written, &connection, &operation);
        Some(Send {
            to: written.to.get()?.value.clone(),
            when: flat(when)?,
            steps: steps.into_iter().collect::<Option<_>>()?,
            draft: draft?,
            connection,
            operation,
        })
    }

    /// The names that are there wherever a delivery's `when` holds, where that is known before its own steps.
    fn early_names(&self, written: &WrittenSend) -> Vec<String> {
        let Some(when) = written.when.as_ref().filter(|_| !written.steps.is_empty()) else { return Vec::new() };
        let Ok(template) = Template::condition(when) else { return Vec::new() };
        let own = |name: &str| written.steps.iter().any(|step| step.save.iter().any(|saved| bare(&saved.name) == name));
        match template.uses().iter().any(|used| own(&used.name)) {
            true => Vec::new(),
            false => template.demanded(),
        }
    }

    /// What a call is given, as templates, and what of it can never be right.
    pub(super) fn draft(
        &mut self,
        parts: &Parts<'_>,
        target: Option<(&Connection, &Operation)>,
        reach: &mut Reach,
    ) -> Option<Draft> {
        let (first, before) = (self.literals.len(), self.problems.len());
        let draft = self.drafted(parts, target, reach);
        self.check_literals(first, before, reach);
        draft
    }

    fn drafted(
        &mut self,
        parts: &Parts<'_>,
        target: Option<(&Connection, &Operation)>,
        reach: &mut Reach,
    ) -> Option<Draft> {
        let params = fields(parts.params, |node| self.body(node, reach));
        let query = fields(parts.query, |node| self.body(node, reach));
        self.check_sent_headers(parts.headers);
        let headers = fields(parts.headers, |node| self.body(node, reach));
        let blanks = self.blanks.len();
        let body = parts.body.map(|node| self.tree(node, reach));
        let whole = self.blanks.len() == blanks;
        let (connection, operation) = target?;
        let to = parts.to?;
        self.check_params(parts, to, connection, operation);
        self.check_query(parts, to, operation);
        self.check_bodyless(parts, to, operation);
        for (list, key) in [(&params, "params"), (&query, "query"), (&headers, "headers")] {
            let needed = key == "params" && !operation.is_chain();
            for (name, body) in list.iter().flatten() {
                self.check_single(name, body, &parts.place.key(key), needed, reach);
            }
        }
        self.check_headers(parts, operation);
        if operation.is_chain() {
            self.check_chain_call(parts, to);
        }
        let target = Target { to, connection, operation, reach };
        let body_place = parts.body.map_or_else(|| parts.place.clone(), |body| body.place.clone());
        let at = if body.is_some() { body_place.clone() } else { to.place.clone() };
        // A key that is misspelled may be the body.
        if body.is_some() || !self.has_unknown_key(parts.place) {
            self.check_body(body.as_ref(), &target, &at);
        }
        if !whole {
            return None;
        }
        Some(Draft { params: params?, query: query?, headers: headers?, body, body_place, place: parts.place.clone() })
    }

    /// A chain takes a body and parameters; what goes into an address or a header is said by its own calls.
    fn check_chain_call(&mut self, parts: &Parts<'_>, to: &Text) {
        for (list, key) in [(parts.query, "query"), (parts.headers, "headers")] {
            if !list.is_empty() {
                let message = format!("`{}` is a chain of several calls, and takes no `{key}`", to.value);
                let help = format!("remove `{key}`, or write the calls of the chain as `steps` here");
                let place = parts.place.key(key).on_key();
                let diagnostic = Diagnostic::new(Code::ConflictingKeys, place, message);
                self.report(diagnostic.found("for which of them is not known").help(help));
            }
        }
    }

    /// A header with which the pack proves the account is not given by a route.
    fn check_headers(&mut self, parts: &Parts<'_>, operation: &Operation) {
        self.check_content_type(parts, operation);
        let is_secret = |part: &crate::pack::HeaderPart| matches!(part, crate::pack::HeaderPart::Secret(_));
        for given in parts.headers.iter() {
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
            let help = "make the name required (without `?`), or add a `when:` that holds where it is there";
            self.report(Diagnostic::new(Code::OptionalName, place, message).help(help));
        }
    }

    pub(super) fn target(
        &mut self,
        to: &Text,
        set: &RouteSet,
        settings: Option<&Settings>,
    ) -> Option<(Arc<Connection>, Arc<Operation>)> {
        let Some((connection, operation)) = to.split_once('.') else {
            let message = format!("`{}` does not name an operation", to.value);
            let meant = with_dot(to, set);
            let help = meant.as_ref().map_or_else(|| example_of(to, set), |meant| format!("write `{meant}`"));
            let diagnostic = Diagnostic::new(Code::UnknownOperation, to.place.clone(), message).help(help);
            self.report(diagnostic.fix_opt(to.place.clone(), meant));
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
                    .or_else(|| with_operation(operation, set))
                    .unwrap_or_else(|| format!("add it under `connections:`: `{connection}: {{ provider: … }}`"));
                // What is told of a delivery need not be told of each test that expects it.
                let is_told = |known: &Diagnostic| {
                    known.code == Code::UnknownConnection
                        && known.message == message
                        && known.place().is_some_and(|at| at.file == to.place.file)
                };
                let of_test = to
                    .place
                    .path
                    .segments()
                    .first()
                    .is_some_and(|step| matches!(step, Segment::Key(key) if &**key == "tests"));
                if of_test && self.problems.iter().any(is_told) {
                    return None;
                }
                let near = suggest::certain(connection, declared);
                let diagnostic = Diagnostic::new(Code::UnknownConnection, place.clone(), message).help(help);
                self.report(diagnostic.fix_opt(place, near));
            }
            return None;
        };
        let known = found.pack.operations.get(operation);
        if known.is_none() && !self.is_broken(&found.pack.name, operation) {
            let message = format!("{} has no operation `{operation}`", found.pack.title);
            let own = || found.pack.operations.keys().map(|name| &**name);
            let elsewhere = having(operation, set);
            let help = match elsewhere.is_empty() {
                true => near_operation(operation, &found.pack, to),
                false => Some(of_elsewhere(&elsewhere, fitting(&found.pack, to), &found.pack.title)),
            };
            let place = to.place.part(connection.len() + 1..to.len());
            let near = suggest::certain(operation, own()).filter(|_| elsewhere.is_empty());
            let diagnostic = Diagnostic::new(Code::UnknownOperation, place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(place, near));
        }
        Some((found.clone(), known?.clone()))
    }

    fn check_params(&mut self, parts: &Parts<'_>, to: &Text, connection: &Connection, operation: &Operation) {
        let of_path: Vec<&str> = operation.params().map(|name| &**name).collect();
        let names: Vec<&str> =
            of_path.iter().copied().chain(operation.chain_params.iter().map(|name| &**name)).collect();
        for given in parts.params.iter().filter(|given| !names.contains(&&*given.name.value)) {
            let message = match operation.is_chain() {
                true => format!("`{}` has no parameter `{}`", to.value, given.name.value),
                false => format!("the address of `{}` has no `{{{}}}`", to.value, given.name.value),
            };
            let in_query = operation.query.iter().any(|asked| asked.name == given.name.value);
            let help = match in_query {
                true => Some(format!("it belongs to the query: write `query: {{ {}: … }}`", given.name.value)),
                false => suggest::did_you_mean(&given.name.value, names.iter().copied()),
            };
            let near = suggest::certain(&given.name.value, names.iter().copied());
            let diagnostic = Diagnostic::new(Code::InvalidParameter, given.name.place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(given.name.place.clone(), near));
        }
        for name in of_path {
            let known = connection.settings.get(name).is_some() || connection.secrets.contains_key(name);
            let unset = self.unset.contains(&(connection.name.clone(), name.into()));
            let misspelled = |given: &Named<Node>| suggest::nearest(&given.name.value, [name]).is_some();
            let in_body = parts.body.is_some_and(|body| body.get(name).is_some());
            let tried = in_body || self.was_tried(parts.place, "params");
            if !known && !unset && !tried && !parts.params.iter().any(misspelled) {
                if let Some(problem) = self.misnamed_in_pack(name, connection, operation) {
                    if !self.problems.iter().any(|known| known.place() == problem.place()) {
                        self.report(problem);
                    }
                    continue;
                }
                let message = format!("`{}` needs `{name}` in its address", to.value);
                let help = format!("add `params: {{ {name}: … }}` here, or `{name}: …` to the connection");
                self.report(Diagnostic::new(Code::InvalidParameter, to.place.clone(), message).help(help));
            }
        }
    }
}

impl Compiler<'_> {
    /// A name in the address of an operation of an own pack that is nearly one of the pack's settings.
    fn misnamed_in_pack(&self, name: &str, connection: &Connection, operation: &Operation) -> Option<Diagnostic> {
        let file = format!("schemas/{}/pack.yaml", connection.pack.name);
        let path = KeyPath::root().key("operations").key(operation.name.clone()).key("path");
        let node = self.documents.0.get(&*file)?.node(&path).filter(|_| self.is_own(&file))?;
        let settings = connection.settings.as_object().into_iter().flat_map(|all| all.iter()).map(|(key, _)| &**key);
        let secrets = connection.secrets.keys().map(|key| &**key);
        let is_free = |key: &&str| !operation.params().any(|param| **param == **key);
        let near = suggest::nearest(name, settings.chain(secrets).filter(is_free))?;
        let text = &node.as_scalar()?.text;
        let at = text.find(&format!("{{{name}}}"))? + 1;
        let message = format!("nothing gives `{{{name}}}`: the connection has no such setting");
        let place = node.place.part(at..at + name.len());
        let problem = Diagnostic::new(Code::InvalidParameter, place.clone(), message);
        Some(problem.help(format!("did you mean `{{{near}}}`?")).fix(place, near))
    }
}

/// The operation that was meant, or those that can stand here: what only asks delivers nothing, and a chain is no call
/// before another.
fn near_operation(wrong: &str, pack: &Pack, at: &Text) -> Option<String> {
    if let Some(near) = suggest::nearest(wrong, pack.operations.keys().map(|name| &**name)) {
        return Some(format!("did you mean `{near}`?"));
    }
    suggest::one_of(&fitting(pack, at)).map(|all| format!("write {all}"))
}

/// The operations that can stand here.
fn fitting<'p>(pack: &'p Pack, at: &Text) -> Vec<&'p str> {
    let is_call = matches!(at.place.path.split_last(), Some((_, Segment::Key(key))) if &**key == "call");
    let fits = |operation: &&Arc<Operation>| if is_call { !operation.is_chain() } else { !operation.only_asks() };
    pack.operations.values().filter(fits).map(|operation| &*operation.name).collect()
}

/// The words of a condition, of which some are names.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// An operation of other connections under the name of this one's pack.
fn of_elsewhere(elsewhere: &[String], own: Vec<&str>, title: &str) -> String {
    let all: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    let there = suggest::one_of(&all).unwrap_or_default();
    match suggest::one_of(&own) {
        Some(own) => format!("another connection has it: write {there}; or one of those of {title}: {own}"),
        None => format!("another connection has it: write {there}"),
    }
}

/// An operation of this name with each of the connections that have it: `notes.create_message`.
fn having(operation: &str, set: &RouteSet) -> Vec<String> {
    let has = |(name, connection): (&Arc<str>, &Arc<Connection>)| {
        connection.pack.operations.contains_key(operation).then(|| format!("{name}.{operation}"))
    };
    set.connections.iter().filter_map(has).collect()
}

/// The connections that have an operation of this name.
fn with_operation(operation: &str, set: &RouteSet) -> Option<String> {
    let found = having(operation, set);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    match suggest::one_of(&found) {
        Some(all) => Some(format!("write {all}")),
        None if set.connections.is_empty() => None,
        None => Some(format!(
            "add it under `connections:` in jackfield.yaml; no connection that is there has an operation `{operation}`"
        )),
    }
}

/// An operation to show how one is named: of the same word where a connection has it, or else of the first connection.
fn example_of(operation: &str, set: &RouteSet) -> String {
    if let Some(list) = operations_of(operation.split(SEPARATORS).next().unwrap_or(operation), set) {
        return format!("write the operation after a dot: {list}");
    }
    let named = set.connections.iter().find(|(_, connection)| connection.pack.operations.contains_key(operation));
    if let Some((name, _)) = named {
        return format!("write the connection before it: `{name}.{operation}`");
    }
    let example = set.connections.iter().find_map(|(name, connection)| {
        let operation = connection.pack.operations.values().find(|operation| !operation.only_asks())?;
        Some(format!("{name}.{}", operation.name))
    });
    let example = example.unwrap_or_else(|| "cloudchat.create_conversation".to_owned());
    format!("write the connection and the operation with a dot between: `{example}`")
}

/// What people write for the dot between a connection and its operation.
const SEPARATORS: [char; 5] = ['/', ':', '#', '>', ' '];

/// `desk/ensure_ticket`: the connection and its operation, with the dot between.
fn with_dot(to: &str, set: &RouteSet) -> Option<String> {
    let (connection, operation) = to.split_once(SEPARATORS)?;
    let (connection, operation) = (connection.trim(), operation.trim_start_matches(SEPARATORS).trim());
    set.connections
        .get(connection)?
        .pack
        .operations
        .contains_key(operation)
        .then(|| format!("{connection}.{operation}"))
}

/// `omni.ensure_message` or `omni.create_note`, of a connection named without its operation.
fn operations_of(connection: &str, set: &RouteSet) -> Option<String> {
    let operations = set.connections.get(connection)?.pack.operations.values();
    let delivering = operations.filter(|operation| !operation.only_asks());
    let names: Vec<String> = delivering.map(|operation| format!("{connection}.{}", operation.name)).collect();
    suggest::one_of(&names.iter().map(String::as_str).collect::<Vec<_>>())
}
