//! The fields of an object: unknown ones, missing ones, those that exclude each other.

use std::sync::Arc;

use super::super::Compiler;
use super::super::schema_words::{self, Group, Part as GroupPart, Sub};
use super::super::template::names_one;
use super::choice::{Given, State, both_possible, one_possible, two_possible};
use super::part::Part;
use super::{Target, presence};
use crate::diagnostic::{Code, Diagnostic, Place, Segment, Severity, suggest};
use crate::pack::Body;
use crate::types::Presence;
use crate::value::Value;

/// Keys of a delivery or a step, which are no fields of its body.
const BESIDE_BODY: &[&str] =
    &["when", "unless", "params", "query", "headers", "steps", "save", "remember", "body", "to"];

impl Compiler<'_> {
    pub(super) fn check_object(&mut self, fields: &[(Arc<str>, Body)], part: &Part<'_>, at: &Place, defaults: &[&str]) {
        let is_optional = |(name, body): &&(Arc<str>, Body)| {
            presence(body, part.target.reach) == Presence::Possible && !self.blanks.contains(&at.key(name.clone()))
        };
        let optional = fields.iter().filter(is_optional).map(|(name, _)| &**name).collect();
        let given = Given { fields, defaults, optional };
        let sub = Sub { schema: part.schema, root: part.root };
        let conjuncts = sub.conjuncts();
        let properties = |name: &str| {
            conjuncts.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect::<Vec<&Value>>()
        };
        let required: Vec<&str> =
            conjuncts.iter().flat_map(|schema| schema_words::texts(schema.get("required"))).collect();
        let mut missing: Vec<&str> = required.iter().copied().filter(|name| !given.has(name)).collect();
        missing.dedup();
        let known: Vec<&str> = conjuncts.iter().flat_map(|schema| schema_words::names(schema)).collect();
        // The field with a field of this name, under which it may have been meant to stand.
        let home = |name: &str| {
            known.iter().copied().find(|key| {
                let inner = properties(key).into_iter().map(|schema| Sub { schema, root: part.root });
                inner.flat_map(|sub| sub.conjuncts()).any(|schema| schema_words::names(schema).contains(&name))
            })
        };
        for (name, _) in fields.iter().filter(|(name, _)| schema_words::refuses(&conjuncts, name)) {
            self.moved.extend(home(name).map(|home| at.key(home).key(name.clone())));
        }
        let mut unknown = false;
        let mut homes: Vec<&str> = Vec::new();
        let alone = fields.iter().filter(|(name, _)| schema_words::refuses(&conjuncts, name)).count() == 1;
        for (name, field) in fields {
            let place = at.key(name.clone());
            if schema_words::refuses(&conjuncts, name) {
                unknown = true;
                let free: Vec<&str> = known.iter().copied().filter(|key| !given.has(key)).collect();
                if let Body::Object(inner) = field
                    && !inner.is_empty()
                    && inner.iter().all(|(name, _)| free.contains(&&**name))
                {
                    missing.retain(|name| !inner.iter().any(|(known, _)| **known == **name));
                    self.level_too_deep(name, part.target.to, &place);
                    continue;
                }
                let within = home(name);
                if within.is_some_and(|home| homes.contains(&home)) {
                    continue;
                }
                let outer = self.outer(name, part, at);
                let unknown = Unknown { name, free: &free, within, missing: &missing, alone, outer };
                let meant = self.unknown_field(&unknown, part.target, &place);
                homes.extend(meant.filter(|meant| within == Some(meant)));
                missing.retain(|name| Some(*name) != meant);
                continue;
            }
            if required.contains(&&**name) && !defaults.contains(&&**name) {
                let is_key = is_key(name, properties(name).first().copied());
                self.check_required(name, field, part.target, &place, is_key);
            }
            for inner in properties(name) {
                self.check_part(field, &part.of(inner), &place, &[]);
            }
            if let Body::Object(own) = field {
                let taken = |key: &str| properties(name).into_iter().any(|inner| has_field(inner, part.root, key));
                let beside = own.iter().filter(|(key, _)| known.contains(&&**key) && !given.has(key) && !taken(key));
                for (key, value) in beside {
                    let words: Vec<&str> = properties(key)
                        .into_iter()
                        .flat_map(|schema| schema_words::texts(schema.get("enum")))
                        .collect();
                    self.check_own_value((name, key, value), &words, part.target, &place);
                }
            }
        }
        for name in missing {
            self.missing_field(name, properties(name).first().copied(), part.target, at);
        }
        for schema in &conjuncts {
            for group in schema_words::groups(schema) {
                self.check_group(&group, &given, part.target, at, unknown);
            }
            self.check_dependent(schema, &given, part.target, at);
        }
        for branch in
            sub.meant_branches(&|name| fields.iter().find(|(known, _)| &**known == name).map(|(_, body)| body))
        {
            self.check_object(fields, &part.of(branch), at, defaults);
        }
    }

    /// A word that the operation knows for one of its fields, in a mapping of values of one's own.
    fn check_own_value(
        &mut self,
        (name, key, value): (&str, &Arc<str>, &Body),
        words: &[&str],
        target: &Target<'_>,
        place: &Place,
    ) {
        let Body::Value(Value::String(text)) = value else { return };
        if words.contains(&&**text) {
            let message =
                format!("`{key}` is a field of `{}`, and here only a value of your own in `{name}`", target.to);
            let mut problem = Diagnostic::new(Code::InvalidBody, place.key(key.clone()).on_key(), message);
            problem.severity = Severity::Warning;
            self.report(problem.help(format!("to set it, write `{key}: {text}` beside `{name}:`, not in it")));
        }
    }

    /// A required field whose value may be absent would be left out.
    fn check_required(&mut self, field: &str, body: &Body, target: &Target<'_>, place: &Place, is_key: bool) {
        let Body::Template { template, .. } = body else { return };
        let found = presence(body, target.reach);
        if self.blanks.contains(place) || !matches!(found, Presence::Possible | Presence::Never) {
            return;
        }
        let optional = |used: &&crate::template::Use| target.reach.optional(&used.name) == Some(true);
        let used = template.uses().iter().find(optional);
        let message = match used {
            Some(used) => format!("`{}` needs `{field}`, and `{}` may be absent", target.to, used.name),
            None => format!("`{}` needs `{field}`, and this may be absent", target.to),
        };
        let expression = template.text().trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let other = if expression.contains(" if ") { " else 'unknown'" } else { " | default('unknown')" };
        let instead = || format!("say what to send instead: `{{{{ {expression}{other} }}}}`");
        let help = match used {
            Some(used) if is_key => format!(
                "make the name required, `{name}:` without `?` under `extract:`; or send only where it is there: \
                 `when: \"{{{{ {name} is defined }}}}\"`",
                name = used.name
            ),
            Some(used) => {
                format!(
                    "{}, or send only where it is there: `when: \"{{{{ {name} is defined }}}}\"`, or make the name required: \
                     `{name}:` without `?` under `extract:`",
                    instead(),
                    name = used.name
                )
            }
            None if is_key => "send only where it is there: add a `when:`".to_owned(),
            None => instead(),
        };
        let place = used.map_or_else(|| place.clone(), |used| place.part(used.range.clone()));
        self.report(Diagnostic::new(Code::OptionalName, place, message).help(help));
    }

    /// Reports a field that the schema does not have; returns the one that was meant.
    fn unknown_field<'n>(&mut self, unknown: &Unknown<'_, 'n>, target: &Target<'_>, place: &Place) -> Option<&'n str> {
        let Unknown { name, free, within, missing, alone, ref outer } = *unknown;
        let message = format!("`{}` has no field `{name}`", target.to);
        let diagnostic = Diagnostic::new(Code::InvalidBody, place.on_key(), message);
        if target.operation.params().any(|param| **param == *name) {
            let help = format!("`{name}` belongs to the address: write `params: {{ {name}: … }}` beside `to`");
            self.report(diagnostic.help(help));
            return None;
        }
        if let Some(outer) = outer.as_ref().filter(|_| within.is_none()) {
            let help = format!("`{name}` stands beside `{outer}:`, not in it: indent it as far as `{outer}:`");
            self.report(diagnostic.help(help));
            return None;
        }
        let near = suggest::key(name, missing).or_else(|| suggest::nearest(name, free.iter().copied()));
        let near = near.or_else(|| suggest::key(name, free).filter(|_| within.is_none()));
        let (meant, help) = match (near, within, missing) {
            (Some(near), _, _) => (Some(near), Some(format!("did you mean `{near}`?"))),
            (None, Some(home), _) => (Some(home), Some(format!("`{name}` belongs under `{home}:`, indented"))),
            (None, None, _) if BESIDE_BODY.contains(&name) => {
                (None, Some(format!("`{name}` stands beside `body:`, not in it: indent it as far as `body:`")))
            }
            (None, None, [only]) if alone => {
                (Some(*only), Some(format!("did you mean `{only}`? it must be given here")))
            }
            (None, None, _) => (None, suggest::one_of(free).map(|all| format!("its other fields are {all}"))),
        };
        self.report(diagnostic.help_opt(help).fix_opt(place.on_key(), suggest::certain(name, free.iter().copied())));
        meant
    }

    /// The key under which a field stands that the mapping around that key takes, and has not.
    fn outer(&self, name: &str, part: &Part<'_>, at: &Place) -> Option<Arc<str>> {
        let (steps, above) = (at.path.segments(), part.top.path.segments());
        let own = steps.get(above.len()..).filter(|_| at.path.is_within(&part.top.path))?;
        let (mut schema, mut place, mut found) = (part.root, part.top.clone(), None);
        for step in own {
            let Segment::Key(key) = step else { return None };
            let conjuncts = Sub { schema, root: part.root }.conjuncts();
            let takes = conjuncts.iter().any(|schema| schema_words::names(schema).contains(&name));
            let node = self.documents.0.get(&place.file)?.node(&place.path)?;
            if takes && node.get(name).is_none() {
                found = Some(key.clone());
            }
            schema = conjuncts.iter().find_map(|schema| schema.get("properties")?.get(key))?;
            place = place.key(key.clone());
        }
        found
    }

    /// A mapping around fields that stand in the body itself.
    fn level_too_deep(&mut self, name: &str, to: &str, place: &Place) {
        let message = format!("`{to}` has no field `{name}`");
        let help = format!("remove the line `{name}:`, and indent what stands under it as `{name}` was");
        self.report(Diagnostic::new(Code::InvalidBody, place.on_key(), message).help(help));
    }

    fn missing_field(&mut self, name: &str, schema: Option<&Value>, target: &Target<'_>, at: &Place) {
        let message = format!("`{}` needs the field `{name}`", target.to);
        if self.moved.contains(&at.key(name)) {
            return;
        }
        let default = target.operation.defaults.iter().find(|(default, _)| &**default == name);
        if default.is_some_and(|(_, body)| self.is_unset(body, target)) {
            return;
        }
        let setting = default.and_then(|(_, body)| settings_of(body).next());
        let help = match (default.is_some(), setting, schema.and_then(schema_words::description)) {
            (true, setting, _) => {
                let own = setting.filter(|own| *own != name).map(|own| format!("`{own}: …` ")).unwrap_or_default();
                format!(
                    "add `{name}: …` here, or {own}to the connection `{}` in jackfield.yaml",
                    target.connection.name
                )
            }
            (false, _, Some(text)) => format!("add `{name}: …`: {text}"),
            (false, _, None) => format!("add `{name}: …`"),
        };
        self.report(Diagnostic::new(Code::InvalidBody, at.on_key(), message).found("it is missing here").help(help));
    }

    /// Whether a default comes of a setting of the connection that is missing or misspelled, which is reported there.
    fn is_unset(&self, default: &Body, target: &Target<'_>) -> bool {
        let name = &target.connection.name;
        settings_of(default).any(|setting| self.unset.contains(&(name.clone(), setting.into())))
    }

    fn check_group(&mut self, group: &Group<'_>, given: &Given<'_>, target: &Target<'_>, at: &Place, unknown: bool) {
        let state = |part: &GroupPart<'_>| {
            let states = part.keys.iter().map(|key| match given.fields.iter().find(|(known, _)| &**known == *key) {
                Some(_) if self.blanks.contains(&at.key(*key)) => State::Possible,
                Some((_, body)) => match presence(body, target.reach) {
                    Presence::Certain => State::Certain,
                    Presence::Never => State::Absent,
                    Presence::Possible | Presence::Unknown => State::Possible,
                },
                None if given.defaults.contains(key) => State::Possible,
                None => State::Absent,
            });
            states.min().unwrap_or(State::Possible)
        };
        let states: Vec<(&GroupPart<'_>, State)> = group.parts.iter().map(|part| (part, state(part))).collect();
        let all = group.words();
        let certain: Vec<&GroupPart<'_>> =
            states.iter().filter(|(_, state)| *state == State::Certain).map(|(part, _)| *part).collect();
        let mut written: Vec<Arc<str>> = certain.iter().map(|part| part.first()).collect();
        written.sort_by_key(|name| given.fields.iter().position(|(known, _)| known == name));
        if let ([first, second, ..], true) = (written.as_slice(), group.exactly) {
            let message = format!("`{}` takes exactly one of {all}", target.to);
            let (first, second) = (at.key(first.clone()).on_key(), at.key(second.clone()).on_key());
            let diagnostic = Diagnostic::new(Code::InvalidBody, second, message).found("this is the second one");
            self.report(
                diagnostic.also(first, "this is the first one").help("keep one of them, and remove the others"),
            );
        } else if let Some((first, second)) = both_possible(&states, &certain, group, given) {
            let message = format!("`{}` takes exactly one of {all}, and here both may be given", target.to);
            let diagnostic = Diagnostic::new(Code::InvalidBody, at.key(second.clone()).on_key(), message);
            let help = format!("send it only where `{first}` is absent, or remove one of the two");
            self.report(diagnostic.also(at.key(first).on_key(), "this is always given").help(help));
        } else if let Some(pair) = two_possible(&states, given, target.reach, group.exactly).filter(|_| !unknown) {
            self.either_possible(&pair, group, target, at);
        } else if let Some(only) = one_possible(&states, given).filter(|_| !unknown) {
            let message = format!("`{}` needs one of {all}, and `{only}` may be absent", target.to);
            let diagnostic = Diagnostic::new(Code::OptionalName, at.key(only.clone()), message);
            let help = "add another of them for such events, make the name required (without `?`), or add a `when:`";
            self.report(diagnostic.help(help));
        } else if !unknown && states.iter().all(|(_, state)| *state == State::Absent) {
            let count = if group.exactly { "exactly one" } else { "at least one" };
            let message = format!("`{}` needs {count} of {all}", target.to);
            let diagnostic = Diagnostic::new(Code::InvalidBody, at.on_key(), message).found("none of them is given");
            self.report(diagnostic.help(format!("add `{}: …`, or another of them", group.example())));
        }
    }

    /// Fields that are needed where another is given.
    fn check_dependent(&mut self, schema: &Value, given: &Given<'_>, target: &Target<'_>, at: &Place) {
        let dependent = schema.get("dependentRequired").and_then(Value::as_object);
        for (name, needed) in dependent.into_iter().flat_map(|object| object.iter()) {
            let is_there = given
                .fields
                .iter()
                .any(|(known, body)| known == name && presence(body, target.reach) == Presence::Certain);
            for missing in schema_words::texts(Some(needed)).into_iter().filter(|key| is_there && !given.has(key)) {
                let message = format!("`{}` needs the field `{missing}` where `{name}` is given", target.to);
                let diagnostic = Diagnostic::new(Code::InvalidBody, at.key(name.clone()).on_key(), message);
                self.report(diagnostic.help(format!("add `{missing}: …`")));
            }
        }
    }
}

/// The settings of the connection that a default is made of.
fn settings_of(default: &Body) -> impl Iterator<Item = &str> {
    let template = match default {
        Body::Template { template, .. } => Some(template),
        _ => None,
    };
    let used = template.into_iter().flat_map(|template| template.uses());
    used.filter(|used| &*used.name == "connection").filter_map(|used| used.fields.first()).map(|field| &**field)
}

/// Whether a part of a schema has a field of this name itself.
fn has_field(schema: &Value, root: &Value, name: &str) -> bool {
    Sub { schema, root }.conjuncts().iter().any(|schema| schema_words::names(schema).contains(&name))
}

/// Whether a field names one person or thing, so that no other text can stand for it.
fn is_key(name: &str, schema: Option<&Value>) -> bool {
    let has = |keyword: &str| schema.is_some_and(|schema| schema.get(keyword).is_some());
    has("format") || has("pattern") || names_one(name)
}

/// A field that the schema does not have.
struct Unknown<'u, 'n> {
    name: &'u str,
    /// Fields that the schema has and that are not written.
    free: &'u [&'n str],
    /// The one of them that has a field of this name.
    within: Option<&'n str>,
    /// Those of them that must be given.
    missing: &'u [&'n str],
    /// It is the only one of its object.
    alone: bool,
    /// The key that it stands under, where it belongs beside it.
    outer: Option<Arc<str>>,
}
