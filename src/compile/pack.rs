//! Packs: the vendors' operations and webhooks.

mod answer;
mod call;
mod chain;
mod proof;
mod webhook_test;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::Compiler;
use super::template::{Kind as TemplateKind, Known, Reach};
use crate::config::pack as written;
use crate::config::scalar::Text;
use crate::config::{At, Named, NamedList};
use crate::diagnostic::{Code, Diagnostic, Place, suggest};
use crate::document::{Document, Node};
use crate::pack::outcome::{Outcome, Outcomes};
use crate::pack::{Asked, Body, HeaderPart, Operation, Pack, PathPart, SandboxReply};
use crate::schema::Schema;
use crate::template::Template;
use crate::value::json;
use chain::Within;

/// The packs of a workspace, as written and compiled.
#[derive(Default)]
pub(super) struct Packs {
    pub known: BTreeMap<Arc<str>, KnownPack>,
    /// The text of the built-in packs that the workspace does not name: of them only the names are ever asked for.
    unnamed: BTreeMap<Arc<str>, Arc<str>>,
}

pub(super) struct KnownPack {
    pub written: written::Pack,
    pub compiled: Arc<Pack>,
}

impl Packs {
    pub(super) fn providers(&self) -> BTreeMap<Arc<str>, Arc<Pack>> {
        self.known.iter().map(|(name, pack)| (name.clone(), pack.compiled.clone())).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&KnownPack> {
        self.known.get(name)
    }

    /// Those that take calls.
    pub(super) fn takers(&self) -> Vec<Arc<str>> {
        self.with("operations", |pack| !pack.compiled.operations.is_empty())
    }

    /// Those that send webhooks.
    pub(super) fn senders(&self) -> Vec<Arc<str>> {
        self.with("webhooks", |pack| !pack.written.webhooks.is_empty())
    }

    fn with(&self, section: &str, has: impl Fn(&KnownPack) -> bool) -> Vec<Arc<str>> {
        let known = self.known.iter().filter(|(_, pack)| has(pack)).map(|(name, _)| name);
        let is_there = |text: &str| Document::parse("pack.yaml", text).0.root.is_some_and(|r| r.get(section).is_some());
        let unnamed = self.unnamed.iter().filter(|(_, text)| is_there(text)).map(|(name, _)| name);
        let mut names: Vec<Arc<str>> = known.chain(unnamed).cloned().collect();
        names.sort();
        names
    }
}

static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{\s*connection\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}").ok());

impl Compiler<'_> {
    /// The packs of the workspace, and the built-in ones that `is_wanted` names.
    pub(super) fn packs(&mut self, is_wanted: impl Fn(&str) -> bool) -> Packs {
        let files: Vec<(Arc<str>, Arc<str>)> =
            self.input.files.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
        let mut packs = Packs::default();
        for (file, text) in files {
            let Some(name) = file.strip_prefix("schemas/").and_then(|rest| rest.strip_suffix("/pack.yaml")) else {
                continue;
            };
            if !is_wanted(name) && !self.is_own(&file) {
                packs.unnamed.insert(name.into(), text);
                continue;
            }
            let Some(written) = self.decode::<written::Pack>(&file) else {
                self.broken.insert((name.into(), "".into()));
                continue;
            };
            let compiled = Arc::new(self.pack(name, &written));
            packs.known.insert(name.into(), KnownPack { written, compiled });
        }
        packs
    }

    /// Whether a pack lies in the workspace. Such a one is proved, whether a file names it or not.
    pub(super) fn is_own(&self, file: &str) -> bool {
        (self.input.read)(file).is_some()
    }

    fn pack(&mut self, name: &str, pack: &written::Pack) -> Pack {
        self.check_addresses(pack);
        self.check_secret_settings(pack);
        self.check_sent_headers(&pack.headers);
        let errors = pack.sandbox.as_ref().map(|sandbox| self.replies(&sandbox.errors)).unwrap_or_default();
        let (chains, calls): (Vec<_>, Vec<_>) = pack.operations.iter().partition(|named| !named.value.steps.is_empty());
        let mut operations = BTreeMap::new();
        for named in calls {
            match self.operation(name, pack, &named.name, &named.value) {
                Some(operation) => _ = operations.insert(named.name.value.clone(), Arc::new(operation)),
                None => _ = self.broken.insert((name.into(), named.name.value.clone())),
            }
        }
        let within = Within { name, pack, calls: &operations };
        let chains: Vec<_> = chains.into_iter().map(|named| (named, self.chain(&within, named))).collect();
        for (named, chain) in chains {
            match chain {
                Some(chain) => _ = operations.insert(named.name.value.clone(), Arc::new(chain)),
                None => _ = self.broken.insert((name.into(), named.name.value.clone())),
            }
        }
        let unread = pack.operations.unread.iter().map(|operation| (name.into(), operation.clone()));
        self.broken.extend(unread);
        let secrets = pack.settings.names().filter(|setting| is_secret(pack, setting)).map(Arc::from).collect();
        Pack {
            name: name.into(),
            title: pack.title.get().map_or_else(|| name.into(), |title| title.value.clone()),
            secrets,
            operations,
            oauth2: pack.auth.as_ref().and_then(|auth| self.oauth2(auth, pack)),
            sandbox_errors: errors,
        }
    }

    fn operation(
        &mut self,
        pack_name: &str,
        pack: &written::Pack,
        At { value: name, place: name_place }: &At<Arc<str>>,
        operation: &written::Operation,
    ) -> Option<Operation> {
        self.check_sent_headers(&operation.headers);
        let own = |name: &str| operation.headers.names().any(|known| known.eq_ignore_ascii_case(name));
        let headers = pack.headers.iter().filter(|header| !own(&header.name)).chain(operation.headers.iter());
        let headers: Vec<_> = headers.map(|h| (h.name.value.clone(), self.header(&h.value, pack))).collect();
        let schema = match &operation.request {
            Some(shape) => Some(self.schema(pack_name, &shape.file)?),
            None => None,
        };
        let mut reach = pack_reach(pack);
        let defaults: Vec<_> = operation
            .defaults
            .iter()
            .filter(|default| !proof::is_refused(schema.as_ref(), &default.name.value))
            .filter_map(|d| Some((d.name.value.clone(), self.body(&d.value, &mut reach)?)))
            .collect();
        if operation.path.is_none() {
            let place = name_place.on_key();
            let diagnostic = Diagnostic::new(Code::MissingKey, place, format!("`path` is missing in `{name}`"));
            self.report_missing(&operation.place, "path", diagnostic.help("add a line `path: …`"));
        }
        let path_text = operation.path.as_ref().filter(|text| self.check_path(text));
        self.check_method(name_place, name, operation);
        // With one name in two spellings it is not known which of them routes are to give.
        if !self.check_call(operation) {
            return None;
        }
        let compiled = Operation {
            name: name.clone(),
            method: operation.method.as_ref().map_or_else(|| "POST".into(), |method| method.value.clone()),
            path: path(path_text?),
            headers,
            defaults,
            outcomes: self.outcomes(operation.response.iter().chain(&pack.response)),
            idempotency: self.idempotency(operation),
            encoding: call::encoding(operation),
            limits: self.budgets(pack, operation),
            query: operation.query.iter().map(asked).collect(),
            chain: Vec::new(),
            chain_params: Vec::new(),
            sandbox_reply: self.sandbox_reply(operation),
            example: example(operation),
            sandbox_errors: operation.sandbox.as_ref().map(|sandbox| self.replies(&sandbox.errors)).unwrap_or_default(),
            schema,
        };
        self.check_fields(&compiled, operation);
        self.check_example(&compiled, operation);
        self.check_own_answer(&compiled, operation);
        Some(compiled)
    }

    fn schema(&mut self, pack: &str, file: &Text) -> Option<Schema> {
        let path = format!("schemas/{pack}/{}", file.value);
        let Some(text) = self.input.files.get(path.as_str()) else {
            let message = format!("there is no file `{path}`");
            let folder = format!("schemas/{pack}/");
            let beside = self.input.files.keys().filter_map(|path| path.strip_prefix(&*folder));
            let near = suggest::certain(&file.value, beside.filter(|name| name.ends_with(".json")));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the schema stands beside pack.yaml".to_owned(),
            };
            let diagnostic = Diagnostic::new(Code::MissingFile, file.place.clone(), message).help(help);
            let diagnostic = diagnostic.fix_opt(file.place.clone(), near);
            self.report(diagnostic);
            return None;
        };
        let text = text.clone();
        // JSON is read as YAML once more: that gives each of its values a place.
        let (document, _) = Document::parse(&path, &text);
        let document = Arc::new(document);
        self.documents.0.insert(document.file.clone(), document.clone());
        let parsed = match json::parse(text.as_bytes(), &json::Limits::default()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let mut at = byte_of(&text, error.line, error.column);
                // A comma that is missing belongs to the end of what stands before.
                let before = text.get(..at).map(str::trim_end).filter(|before| !before.is_empty());
                if let Some(before) = before.filter(|_| error.expected.contains("`,`")) {
                    at = before.len() - before.chars().next_back().map_or(0, char::len_utf8);
                }
                let message = match error.expected.strip_prefix("expected ") {
                    Some(wanted) => format!("this is not JSON: {wanted} is wanted here, and not {}", error.found),
                    None => format!("this can't be read: {}", error.expected),
                };
                let place = Place::bytes(document.file.clone(), at..at + 1);
                let surplus = error.expected.ends_with("after `,`") && matches!(error.found, "`}`" | "`]`");
                let help = surplus.then(|| format!("remove the comma before {}", error.found));
                self.report(Diagnostic::new(Code::InvalidSchema, place, message).help_opt(help));
                return None;
            }
        };
        let is_possible = self.check_bounds(&parsed, &Place::file(document.file.clone()), 0);
        if !self.check_required_names(&parsed, &document) || !is_possible {
            return None;
        }
        Schema::compile(&parsed)
            .map_err(|error| {
                let place = place_of(&document, &error.pointer);
                let key = error.pointer.rsplit('/').next().unwrap_or_default();
                let message = match error.message.starts_with("must ") {
                    true => format!("`{key}` {}", error.message),
                    false => error.message,
                };
                self.report(Diagnostic::new(Code::InvalidSchema, place, message).help_opt(error.help));
            })
            .ok()
    }

    /// A header's value: secrets by name, the rest as a template.
    fn header(&mut self, text: &Text, pack: &written::Pack) -> Vec<HeaderPart> {
        let mut parts = Vec::new();
        let mut from = 0;
        for captures in NAME.iter().flat_map(|name| name.captures_iter(text)) {
            let (Some(whole), Some(name)) = (captures.get(0), captures.get(1)) else { continue };
            if !is_secret(pack, name.as_str()) {
                continue;
            }
            self.header_text(text, from..whole.start(), pack, &mut parts);
            parts.push(HeaderPart::Secret(name.as_str().into()));
            from = whole.end();
        }
        self.header_text(text, from..text.len(), pack, &mut parts);
        parts
    }

    fn header_text(
        &mut self,
        text: &Text,
        range: std::ops::Range<usize>,
        pack: &written::Pack,
        parts: &mut Vec<HeaderPart>,
    ) {
        let piece = text.get(range).unwrap_or_default();
        if piece.contains("{{") {
            let mut reach = Reach { open_secrets: true, ..pack_reach(pack) };
            let template = self.template(piece, &text.place, TemplateKind::Value, &mut reach);
            parts.extend(template.map(HeaderPart::Template));
        } else if !piece.is_empty() {
            parts.push(HeaderPart::Text(piece.into()));
        }
    }

    fn outcomes<'w>(&mut self, conditions: impl Iterator<Item = &'w written::Condition>) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for condition in conditions {
            let Some(outcome) = Outcome::from_word(condition.outcome.value) else { continue };
            match Template::lenient_condition(&condition.when) {
                Ok(when) => {
                    let names = ["status", "headers", "body"];
                    for used in when.uses().iter().filter(|used| !names.contains(&&*used.name)) {
                        let message = format!("an answer has no `{}`", used.name);
                        let place = condition.when.place.part(used.range.clone());
                        let help = suggest::did_you_mean(&used.name, names);
                        self.report(Diagnostic::new(Code::UnknownName, place, message).help_opt(help));
                    }
                    self.check_answer(&when, &condition.when.place);
                    outcomes.conditions.push((outcome, when));
                }
                Err(errors) => self.template_errors(errors, &condition.when.place),
            }
        }
        outcomes
    }

    fn sandbox_reply(&mut self, operation: &written::Operation) -> SandboxReply {
        let written = operation.sandbox.as_ref().and_then(|sandbox| sandbox.reply.as_ref());
        written.map_or(SandboxReply { status: 200, headers: Vec::new(), body: None }, |reply| self.reply(reply))
    }

    fn replies(&mut self, replies: &NamedList<written::SandboxReply>) -> BTreeMap<Arc<str>, SandboxReply> {
        replies.iter().map(|named| (named.name.value.clone(), self.reply(&named.value))).collect()
    }

    fn reply(&mut self, reply: &written::SandboxReply) -> SandboxReply {
        let mut headers = Vec::new();
        for header in reply.headers.iter() {
            match Template::compile(&header.value) {
                Ok(template) => headers.push((header.name.value.clone(), template)),
                Err(errors) => self.template_errors(errors, &header.value.place),
            }
        }
        let mut reach =
            Reach { names: ["request", "sequence", "violations"].map(Known::new).to_vec(), ..Reach::default() };
        let body = reply.body.as_ref().and_then(|body: &Node| self.body(body, &mut reach));
        SandboxReply { status: self.status(&reply.status), headers, body }
    }

    /// An HTTP status that can be sent.
    pub(super) fn status(&mut self, status: &At<u64>) -> u16 {
        match u16::try_from(status.value).ok().filter(|status| (200..600).contains(status)) {
            Some(status) => status,
            None => {
                let message = format!("{} is not an HTTP status", status.value);
                let help = "write a number from 200 to 599";
                self.report(Diagnostic::new(Code::InvalidValue, status.place.clone(), message).help(help));
                200
            }
        }
    }
}

fn asked(named: &Named<written::QueryName>) -> Asked {
    let required = named.value.required.as_ref().is_some_and(|required| required.value);
    Asked { name: named.name.value.clone(), required }
}

/// `/accounts/{account_id}/messages` as its parts.
fn path(text: &Text) -> Vec<PathPart> {
    let mut parts = Vec::new();
    let mut rest: &str = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(PathPart::Text(before.into()));
        }
        parts.push(PathPart::Param(name.into()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(PathPart::Text(rest.into()));
    }
    parts
}

/// The byte of a line and a column, both from 1.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// The place of a JSON Pointer in a document; the last step is a key to mend.
fn place_of(document: &Document, pointer: &str) -> Place {
    let mut place = Place::file(document.file.clone());
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let is_list = document.node(&place.path).is_some_and(|node| node.as_list().is_some());
        place = match step.parse() {
            Ok(index) if is_list => place.index(index),
            _ => place.key(step),
        };
    }
    match place.path.is_root() {
        true => place,
        false => place.on_key(),
    }
}

/// What a route has of its own: a pack is the same for all of them.
const OF_ROUTES: &[&str] = &["payload", "envelope", "request", "vars"];

/// What a pack's own templates may use: the settings that are not secret.
fn pack_reach(pack: &written::Pack) -> Reach {
    let (secrets, open): (Vec<_>, Vec<_>) = pack.settings.iter().partition(|setting| is_secret(pack, &setting.name));
    let names = |list: Vec<&Named<written::Setting>>| list.iter().map(|s| s.name.value.clone()).collect();
    Reach {
        fields: vec![("connection", names(open))],
        secrets: names(secrets),
        without: OF_ROUTES,
        within: Some("a pack"),
        ..Reach::default()
    }
}

pub(super) fn is_secret(pack: &written::Pack, setting: &str) -> bool {
    pack.settings.get(setting).is_some_and(|s| s.value.secret.as_ref().is_some_and(|secret| secret.value))
}

/// A tree that must be an object, for `params`, `query` and `headers`.
pub(super) fn fields(
    list: &NamedList<Node>,
    mut each: impl FnMut(&Node) -> Option<Body>,
) -> Option<Vec<(Arc<str>, Body)>> {
    let fields: Vec<Option<_>> = list.iter().map(|f| Some((f.name.value.clone(), each(&f.value)?))).collect();
    fields.into_iter().collect()
}

/// The example of an operation: the values of its address, and its body.
fn example(operation: &written::Operation) -> (crate::value::Value, Option<crate::value::Value>) {
    let example = operation.example.as_ref();
    let part = |node: Option<&Node>| node.map(Node::to_value);
    (part(example.and_then(|e| e.params.as_ref())).unwrap_or_default(), part(example.and_then(|e| e.body.as_ref())))
}
