//! One value of a body against the part of the schema that is meant for it: types, constants, forms of text.

use super::super::Compiler;
use super::super::schema_words::{self, Sub};
use super::meant::{self, Mend};
use super::{Target, constant, type_of};
use crate::diagnostic::{Code, Diagnostic, On, Place, suggest};
use crate::pack::Body;
use crate::path::Step;
use crate::schema::Schema;
use crate::template::Template;
use crate::types::{Case, Form, Kinds, Type};
use crate::value::Value;

/// A part of an operation's schema.
pub(super) struct Part<'a> {
    pub schema: &'a Value,
    /// The whole schema, which a `$ref` points into.
    pub root: &'a Value,
    pub target: &'a Target<'a>,
    /// Where the whole body is written.
    pub top: &'a Place,
}

impl<'a> Part<'a> {
    pub(super) fn of(&self, schema: &'a Value) -> Part<'a> {
        Part { schema, root: self.root, target: self.target, top: self.top }
    }

    fn sub(&self) -> Sub<'a> {
        Sub { schema: self.schema, root: self.root }
    }
}

impl Compiler<'_> {
    pub(super) fn check_part(&mut self, body: &Body, part: &Part<'_>, at: &Place, defaults: &[&str]) {
        if self.blanks.contains(at) {
            return;
        }
        let before = self.problems.len();
        let ty = type_of(body, part.target.reach);
        let allowed = part.sub().allowed();
        match body {
            _ if self.wrong_types(body, &ty, allowed, part, at) => {}
            Body::Object(fields) => self.check_object(fields, part, at, defaults),
            Body::Array(items) => self.check_items(items, part, at),
            Body::Value(_) => {}
            Body::Template { template, .. } => self.check_cases(template, &ty, part, at),
        }
        // What only the whole of a value can tell: its words, its length, its pattern.
        let is_whole = !self.blanks.iter().any(|blank| blank.file == at.file && blank.path.is_within(&at.path));
        if is_whole && self.problems.len() == before && defaults.is_empty() && part.sub().says_more() {
            let compiled = constant(body).and_then(|value| Some((value, self.memo.schema(&part.sub())?)));
            compiled.iter().for_each(|(value, compiled)| self.check_constant(value, compiled, at));
        }
    }

    fn check_items(&mut self, items: &[Body], part: &Part<'_>, at: &Place) {
        let conjuncts = part.sub().conjuncts();
        for (index, item) in items.iter().enumerate() {
            for conjunct in &conjuncts {
                let prefix = conjunct.get("prefixItems").and_then(|prefix| prefix.at(index));
                let rest = || conjunct.get("items").filter(|_| conjunct.get("prefixItems").is_none());
                if let Some(inner) = prefix.or_else(rest).filter(|inner| inner.as_object().is_some()) {
                    self.check_part(item, &part.of(inner), &at.index(index), &[]);
                }
            }
        }
    }

    /// Reports the JSON types that a value may have and the schema does not take.
    fn wrong_types(&mut self, body: &Body, ty: &Type, allowed: Kinds, part: &Part<'_>, at: &Place) -> bool {
        let of_form = ty.open && ty.is_never(allowed) && !allowed.is_empty();
        let texts = Type::text(Form::Any).cases;
        let cases = if of_form { &texts } else { &ty.cases };
        let Some(case) = cases.iter().find(|case| !(case.kinds - allowed).is_empty()) else { return false };
        let always = ty.is_never(allowed);
        let found = case.kinds - allowed;
        let name = name(at);
        let wanted = allowed.words();
        if found == Kinds::NULL {
            let diagnostic = Diagnostic::new(Code::InvalidBody, at.clone(), format!("{name} has no value"));
            let help = part.sub().description().filter(|_| part.sub().says_more()).map(str::to_owned);
            self.report(diagnostic.help(help.unwrap_or_else(|| format!("write {wanted} after the colon"))));
            return true;
        }
        let verb = if always { "is" } else { "may be" };
        let message = format!("{name} must be {wanted}, but {verb} {}", found.words());
        let diagnostic = Diagnostic::new(Code::InvalidBody, at.clone(), message);
        let help = match body {
            Body::Template { template, .. } => made_fit(template, case, found, allowed).or_else(|| fields_help(part)),
            _ => fields_help(part),
        };
        let node = self.documents.0.get(&at.file).and_then(|document| document.node(&at.path));
        let meant = meant::meant(&bare_name(at), body, constant(body).as_ref(), node, allowed);
        let help = meant.as_ref().map(|meant| meant.help.clone()).or(help);
        let diagnostic = match (meant.and_then(|meant| meant.fix), node) {
            (Some(Mend::Text(text)), _) => diagnostic.fix(Place { on: On::Value, ..at.clone() }, text),
            (Some(Mend::Word(word)), Some(node)) => {
                diagnostic.fix(Place::bytes(at.file.clone(), node.span.clone()), word)
            }
            _ => diagnostic,
        };
        let diagnostic = match (body, &case.place) {
            (Body::Template { .. }, Some(place)) => diagnostic.also(place.clone(), "it becomes this here"),
            _ => diagnostic,
        };
        self.report(diagnostic.help_opt(help.or_else(|| part.sub().description().map(str::to_owned))));
        true
    }

    /// What a template can make, against all that the schema says of a single value.
    fn check_cases(&mut self, template: &Template, ty: &Type, part: &Part<'_>, at: &Place) {
        if template.constant().is_some() {
            return;
        }
        let mut compiled: Option<Option<Schema>> = None;
        let before = self.problems.len();
        for case in &ty.cases {
            // Of what a filter makes of several words one is enough: they have no lines of their own.
            if case.place.is_none() && self.problems.len() > before {
                break;
            }
            let needs = case.value.is_some() || !case.form.samples().is_empty();
            if needs && part.sub().says_more() {
                let schema = compiled.get_or_insert_with(|| self.memo.schema(&part.sub()));
                schema.iter().for_each(|schema| self.check_case(case, schema, template, part, at));
            }
            self.check_length(case, part, at);
            if let (Some(items), Some(inner)) = (&case.items, part.sub().items()) {
                self.check_item_types(items, &part.of(inner), at);
            }
        }
    }

    fn check_case(&mut self, case: &Case, schema: &Schema, template: &Template, part: &Part<'_>, at: &Place) {
        if let Some(value) = &case.value {
            let Some(place) = &case.place else { return self.check_constant(value, schema, at) };
            for violation in schema.violations(value).into_iter().take(1) {
                let message = format!("{} {}", name(at), violation.message);
                let diagnostic = Diagnostic::new(Code::InvalidBody, place.clone(), message);
                let help = help_for(schema, &violation.schema_path, Some(value));
                self.report(diagnostic.also(at.clone(), "it is sent here").help_opt(help));
            }
            return;
        }
        let samples = case.form.samples();
        if samples.iter().any(|sample| schema.is_valid(&Value::from(*sample))) {
            return;
        }
        let Some(violation) = samples.first().and_then(|s| schema.violations(&Value::from(*s)).into_iter().next())
        else {
            return;
        };
        let wants_plus = case.form == Form::Digits && schema.is_valid(&Value::from("+5511999990000"));
        let wanted = match wants_plus {
            true => "must be a phone number with its plus",
            false => &violation.message,
        };
        let message = format!("{} {wanted}, but is {}", name(at), case.form.words());
        let help = match case.form {
            Form::Digits if wants_plus => without_digits(template, part).or_else(|| Some(with_plus(template))),
            Form::Phone if schema.is_valid(&Value::from("5511999990000")) => {
                let name = template.text().trim().trim_start_matches("{{").trim_end_matches("}}").trim();
                let is_plain = template.is_one_operand() && !name.contains(['{', '}', '|']);
                let name = if is_plain { name } else { "…" };
                Some(format!("send its digits alone: `{{{{ {name} | digits }}}}`"))
            }
            _ => help_for(schema, &violation.schema_path, None),
        };
        self.report(Diagnostic::new(Code::InvalidBody, at.clone(), message).help_opt(help));
    }

    /// A text that is longer than the schema allows, whatever the event brings.
    fn check_length(&mut self, case: &Case, part: &Part<'_>, at: &Place) {
        let longest = part.sub().number("maxLength").filter(|longest| case.shortest as u64 > *longest);
        if let Some(longest) = longest.filter(|_| case.value.is_none()) {
            let message =
                format!("{} may have {longest} characters, and has {} without its values", name(at), case.shortest);
            self.report(Diagnostic::new(Code::InvalidBody, at.clone(), message).help("write a shorter text"));
        }
    }

    fn check_item_types(&mut self, items: &Type, part: &Part<'_>, at: &Place) {
        let allowed = part.sub().allowed();
        let Some(case) = items.cases.iter().find(|case| !(case.kinds - allowed).is_empty()) else { return };
        let (wanted, found) = (allowed.words(), (case.kinds - allowed).words());
        let message = format!("the items of {} must be {wanted}, but are {found}", name(at));
        self.report(Diagnostic::new(Code::InvalidBody, at.clone(), message));
    }

    pub(in crate::compile) fn check_constant(&mut self, value: &Value, schema: &Schema, at: &Place) {
        for violation in schema.violations(value) {
            let place = violation.path.iter().fold(at.clone(), |place, step| match step {
                Step::Key(key) => place.key(key.clone()),
                Step::Index(index) => place.index(*index),
            });
            let found = violation.path.iter().try_fold(value, |value, step| match step {
                Step::Key(key) => value.get(key),
                Step::Index(index) => value.at(*index),
            });
            let message = match found {
                Some(Value::Null) => format!("{} has no value", name(&place)),
                _ => format!("{} {}", name(&place), violation.message),
            };
            let help = help_for(schema, &violation.schema_path, found);
            let part = schema_words::at(schema.document(), &violation.schema_path);
            let words = part.map(|part| schema_words::texts(part.get("enum"))).unwrap_or_default();
            let near = found.and_then(Value::as_str).and_then(|text| suggest::certain(text, words.iter().copied()));
            let diagnostic = Diagnostic::new(Code::InvalidBody, place.clone(), message).help_opt(help);
            self.report(diagnostic.fix_opt(place, near));
        }
    }
}

/// The word that was meant, or what the schema says of the field.
pub(super) fn help_for(schema: &Schema, schema_path: &str, found: Option<&Value>) -> Option<String> {
    let part = schema_words::at(schema.document(), schema_path);
    let words = part.map(|part| schema_words::texts(part.get("enum"))).unwrap_or_default();
    let near = found.and_then(Value::as_str).and_then(|text| suggest::nearest(text, words.iter().copied()));
    match near {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => part.and_then(schema_words::description).map(str::to_owned),
    }
}

fn fields_help(part: &Part<'_>) -> Option<String> {
    let fields = part.sub().conjuncts().into_iter().find_map(schema_words::fields)?;
    Some(format!("its fields are {fields}; write each as `key: value` below it"))
}

/// `{{ phone | digits }}` where the number is wanted with its plus, which `phone` has.
fn without_digits(template: &Template, part: &Part<'_>) -> Option<String> {
    let inner = template.text().trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = inner.strip_suffix("digits")?.trim_end().strip_suffix('|')?.trim_end();
    let used = template.uses().iter().find(|used| *used.name == *name)?;
    let is_phone =
        type_of_name(part, &used.name).is_some_and(|ty| ty.cases.iter().any(|case| case.form == Form::Phone));
    is_phone.then(|| format!("leave out `| digits`: `{{{{ {name} }}}}` has the plus"))
}

/// How a number is sent with its plus, where it is sent as digits.
fn with_plus(template: &Template) -> String {
    let bare = template.text().trim().strip_suffix("| digits }}").map(str::trim_end);
    match bare.filter(|bare| !bare.contains(['.', '|'])) {
        Some(bare) => format!("leave `| digits` out: `{bare} }}}}`, of a name with `as: phone`"),
        None => "send it with plus and country: `as: phone` under `extract:`, and no `| digits`".to_owned(),
    }
}

fn type_of_name(part: &Part<'_>, name: &str) -> Option<Type> {
    Some(part.target.reach.type_of(name, &[]))
}

/// The key that stands at a place.
fn bare_name(place: &Place) -> String {
    name(place).trim_matches('`').trim_start_matches("the ").to_owned()
}

/// What to write so that the value has the right type.
fn made_fit(template: &Template, case: &Case, found: Kinds, allowed: Kinds) -> Option<String> {
    if allowed == Kinds::LIST && (Kinds::TEXT | Kinds::NUMBER).meets(found) {
        return Some(format!("write it in brackets: `[\"{}\"]`", template.text().trim()));
    }
    let expression = template.text().trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let number = allowed.meets(Kinds::NUMBER) && !allowed.meets(Kinds::TEXT);
    if let Some(text) = case.value.as_ref().and_then(Value::as_str).filter(|_| number) {
        return Some(match text.parse::<f64>() {
            Ok(_) => format!("write the number without quotes: `{text}`"),
            Err(_) => format!("`'{text}'` is no number: write one in its place"),
        });
    }
    let word = case.value.as_ref().and_then(Value::as_str).filter(|_| allowed == Kinds::BOOLEAN);
    if let (Some(word), Some(_)) = (word, &case.place) {
        return Some(format!("compare it: `{{{{ {expression} == '{word}' }}}}`"));
    }
    let filter = if allowed.meets(Kinds::TEXT) && found == Kinds::LIST {
        "join(', ')"
    } else if allowed.meets(Kinds::TEXT) {
        "string"
    } else if allowed.meets(Kinds::INTEGER) && (Kinds::SINGLE - Kinds::BOOLEAN).meets(found) {
        "int"
    } else if allowed.meets(Kinds::NUMBER) && found == Kinds::TEXT {
        "float"
    } else {
        let conversion = if allowed == Kinds::BOOLEAN { "boolean" } else { return None };
        return Some(format!("convert it where it is extracted: `as: {conversion}`"));
    };
    // The filter would go to the last operand alone, as one that stands there does.
    let expression = match template.is_one_operand() {
        true => expression.to_owned(),
        false => format!(
            "({})",
            expression.strip_suffix(filter).map_or(expression, |rest| rest.trim_end_matches([' ', '|']))
        ),
    };
    Some(format!("write `{{{{ {expression} | {filter} }}}}`"))
}

/// The name of what stands at a place: of its key, or of the list that it is in.
pub(super) fn name(place: &Place) -> String {
    let mut path = &place.path;
    while let Some((parent, segment)) = path.split_last() {
        if let crate::diagnostic::Segment::Key(key) = segment {
            return if &**key == "body" { "the body".to_owned() } else { format!("`{key}`") };
        }
        path = parent;
    }
    "this".to_owned()
}
