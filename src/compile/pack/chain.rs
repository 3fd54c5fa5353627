//! Chains: the calls of a pack that make one delivery, proved against each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{is_secret, pack_reach, proof};
use crate::backoff::Backoff;
use crate::compile::Compiler;
use crate::compile::schema_words::{self, Sub};
use crate::compile::step::saved_by;
use crate::compile::template::{Known, Reach, Unsaved};
use crate::config::Named;
use crate::config::pack as written;
use crate::config::step::Step as WrittenStep;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::pack::outcome::Outcomes;
use crate::pack::{Connection, Idempotency, Operation, Pack, SandboxReply, Step};
use crate::schema::Schema;
use crate::secret::Secret;
use crate::value::Value;

/// What there is for a chain to call.
pub(super) struct Within<'a> {
    pub name: &'a str,
    pub pack: &'a written::Pack,
    pub calls: &'a BTreeMap<Arc<str>, Arc<Operation>>,
}

/// What the route has of its own stays with the route.
const WITHOUT: &[&str] = &["payload", "envelope", "request", "vars"];

impl Compiler<'_> {
    pub(super) fn chain(&mut self, within: &Within<'_>, named: &Named<written::Operation>) -> Option<Operation> {
        let written = &named.value;
        self.check_chain_keys(written);
        let schema = match &written.request {
            Some(shape) => Some(self.schema(within.name, &shape.file)?),
            None => None,
        };
        let mut defaults = Vec::new();
        let mut pack_reach = pack_reach(within.pack);
        for default in
            written.defaults.iter().filter(|default| !proof::is_refused(schema.as_ref(), &default.name.value))
        {
            defaults.push((default.name.value.clone(), self.body(&default.value, &mut pack_reach)?));
        }
        let stand_in = stand_in(within);
        let mut reach = self.chain_reach(within.name, written, schema.as_ref());
        let (mut steps, before) = (Vec::new(), self.problems.len());
        for (index, step) in written.steps.iter().enumerate() {
            let later = written.steps.get(index + 1..).unwrap_or_default();
            reach.unsaved = saved_by(later, Unsaved::LaterStep);
            let target = self.chain_target(step, within, named);
            let is_last = index + 1 == written.steps.len();
            self.check_last(step, is_last);
            steps.push(self.step(step, target.map(|operation| (&stand_in, operation)), &mut reach));
        }
        self.blame_misnamed(&written.steps, before, &reach);
        self.unused_saved(&written.steps, &reach);
        let compiled = Operation {
            name: named.name.value.clone(),
            method: "POST".into(),
            path: Vec::new(),
            headers: Vec::new(),
            schema,
            encoding: super::call::encoding(written),
            defaults,
            outcomes: Outcomes::default(),
            idempotency: Idempotency::None,
            limits: Vec::new(),
            query: Vec::new(),
            chain: steps.into_iter().collect::<Option<Vec<Step>>>()?,
            chain_params: written.params.names().map(Arc::from).collect(),
            sandbox_reply: SandboxReply { status: 200, headers: Vec::new(), body: None },
            example: super::example(written),
            sandbox_errors: BTreeMap::new(),
        };
        self.check_fields(&compiled, written);
        self.check_example(&compiled, written);
        Some(compiled)
    }

    /// Keys that belong to the calls of a chain and not to the chain.
    fn check_chain_keys(&mut self, written: &written::Operation) {
        let place = &written.place;
        let keys = [
            (written.method.is_some(), "method"),
            (written.path.is_some(), "path"),
            (!written.query.is_empty(), "query"),
            (!written.headers.is_empty(), "headers"),
            (!written.response.is_empty(), "response"),
            (written.idempotency.is_some(), "idempotency"),
            (written.rate_limit.is_some(), "rate_limit"),
            (written.sandbox.is_some(), "sandbox"),
        ];
        for (_, key) in keys.into_iter().filter(|(is_there, _)| *is_there) {
            let message = format!("a chain has no `{key}`: each of its calls has its own");
            let help = format!("remove `{key}`, or `steps` where this is one call");
            self.report(Diagnostic::new(Code::ConflictingKeys, place.key(key).on_key(), message).help(help));
        }
    }

    /// The last call is the delivery itself: nothing comes after it that could use what it saves.
    fn check_last(&mut self, step: &WrittenStep, is_last: bool) {
        if !is_last {
            return;
        }
        let keys = [(!step.save.is_empty(), "save"), (step.remember.is_some(), "remember")];
        for (_, key) in keys.into_iter().filter(|(is_there, _)| *is_there) {
            let message = format!("the last call of a chain is the delivery itself, and has no `{key}`");
            let help = format!("remove `{key}`, or add the call that it is for");
            self.report(Diagnostic::new(Code::ConflictingKeys, step.place.key(key).on_key(), message).help(help));
        }
    }

    fn chain_target<'c>(
        &mut self,
        step: &WrittenStep,
        within: &Within<'c>,
        chain: &Named<written::Operation>,
    ) -> Option<&'c Arc<Operation>> {
        let call = step.call.get()?;
        let found = within.calls.get(&call.value);
        if found.is_some() || self.is_broken(within.name, call) {
            return found;
        }
        let is_chain = within.pack.operations.get(call).is_some_and(|other| !other.value.steps.is_empty());
        let (message, help) = match (is_chain, call.split_once('.')) {
            (true, _) => {
                let own = call.value == chain.name.value;
                let what = if own { "itself".to_owned() } else { format!("`{}`, which is a chain, too", call.value) };
                (format!("a chain can't call {what}"), Some("write the calls that it consists of".to_owned()))
            }
            (false, Some((_, operation))) if within.calls.contains_key(operation) => {
                let message =
                    "a chain calls operations of its own pack, which have no connection before them".to_owned();
                (message, Some(format!("write `call: {operation}`")))
            }
            _ => {
                let known = within.calls.keys().map(|name| &**name);
                (format!("the pack has no operation `{}`", call.value), suggest::did_you_mean(call, known))
            }
        };
        let near = suggest::certain(call, within.calls.keys().map(|name| &**name)).filter(|_| !is_chain);
        let diagnostic = Diagnostic::new(Code::UnknownOperation, call.place.clone(), message).help_opt(help);
        self.report(diagnostic.fix_opt(call.place.clone(), near));
        None
    }

    /// The names that the templates of a chain may use.
    fn chain_reach(&self, pack: &str, written: &written::Operation, schema: Option<&Schema>) -> Reach {
        let mut reach = Reach { without: WITHOUT, within: Some("a chain"), ..Reach::default() };
        reach.fields.push(("params", written.params.names().map(Arc::from).collect()));
        reach.body_file = written.request.as_ref().map(|shape| format!("schemas/{pack}/{}", shape.file.value).into());
        match schema.and_then(|schema| known_fields(schema.document())) {
            Some(fields) => reach.fields.push(("body", fields)),
            None => reach.names.push(Known::new("body")),
        }
        reach
    }
}

/// The fields of a body, where its schema takes no others.
fn known_fields(schema: &Value) -> Option<Vec<Arc<str>>> {
    const NEVER: &str = "a field that no schema has";
    let conjuncts = Sub { schema, root: schema }.conjuncts();
    let names = || conjuncts.iter().flat_map(|schema| schema_words::names(schema)).map(Arc::from).collect();
    schema_words::refuses(&conjuncts, NEVER).then(names)
}

/// An account that has all the pack's settings: which of them an account lacks is seen where it is used.
fn stand_in(within: &Within<'_>) -> Connection {
    let (secret, open): (Vec<_>, Vec<_>) = within.pack.settings.names().partition(|name| is_secret(within.pack, name));
    let pack = Pack {
        name: within.name.into(),
        title: within.name.into(),
        secrets: secret.iter().map(|name| Arc::from(*name)).collect(),
        operations: BTreeMap::new(),
        oauth2: None,
        sandbox_errors: BTreeMap::new(),
    };
    Connection {
        name: within.name.into(),
        pack: Arc::new(pack),
        base_url: "".into(),
        settings: Value::object(open.into_iter().map(|name| (name, Value::from("setting")))),
        secrets: secret.into_iter().map(|name| (name.into(), Secret::new(""))).collect(),
        timeout: Duration::ZERO,
        link: Arc::default(),
        traceparent: false,
        backoff: Backoff::default(),
        rate_limits: Vec::new(),
        oauth2: None,
    }
}
