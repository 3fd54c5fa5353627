//! The view of one file: its text, what is wrong with it, what it would change, and the playground.

use serde_json::{Value as Json, json};

use super::compare;
use super::draft::{self, Checked};
use super::samples::{self, Samples};
use super::save::{self, Saved};
use super::standing;
use super::target::{Target, typed};
use super::told;
use super::trial;
use crate::document::{Kind, Typed};
use crate::page::{Fields, Inner, Page};

/// The fewest and the most lines that the text is shown in.
const LINES: std::ops::RangeInclusive<usize> = 12..=40;

/// What is in the form, and what is to be done with it.
#[derive(Debug, Default)]
pub(in crate::page) struct Form {
    pub draft: String,
    pub base: String,
    /// The event that a new draft is made of.
    pub from: String,
    /// What was chosen to be tried; nothing when nobody has chosen yet.
    pub sample: Option<String>,
    pub request: String,
    pub action: Action,
}

/// What somebody wants of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::page) enum Action {
    Save,
    Check,
    Try,
    /// Another request is to be tried.
    #[default]
    Choose,
    Diff,
}

impl Form {
    /// The file as it is on disk; nothing where there is none.
    pub(in crate::page) fn of_disk(page: &Inner, target: &Target) -> Option<Self> {
        let there = target.read(&page.workspace.root)?;
        Some(Form { base: there.base(), draft: there.text, ..Form::default() })
    }

    pub(in crate::page) fn sent(fields: &Fields) -> Self {
        let text = |name: &str| typed(fields.text(name).unwrap_or_default());
        let action = match fields.text("do") {
            Some("save") => Action::Save,
            Some("diff") => Action::Diff,
            Some("try") => Action::Try,
            Some("choose") => Action::Choose,
            _ => Action::Check,
        };
        let sample = fields.text("sample").map(str::to_owned);
        Form { draft: text("draft"), base: text("base"), from: text("from"), sample, request: text("request"), action }
    }
}

/// Does what is wanted, and says what `route.html` shows then. Called where waiting is allowed.
pub(in crate::page) fn view(page: &Page, target: &Target, mut form: Form) -> Json {
    let saved = (form.action == Action::Save).then(|| saved(page, target, &form));
    if let Some(base) = saved.as_ref().and_then(|saved| saved.base.clone()) {
        (form.base, form.from) = (base, String::new());
    }
    let checked = draft::check(page, target, &form.draft);
    let diff = (form.action == Action::Diff && checked.compiled.is_good())
        .then(|| compare::run(page, &checked.compiled, target, compare::LAST));
    let diff =
        diff.and_then(|found| found.inspect_err(|error| tracing::error!(%error, "the store does not compare")).ok());
    let play = target.route.as_deref().map(|route| play(page, target, route, &checked, &form));
    let errors = checked.problems.iter().any(|problem| problem.is_error);
    json!({
        "route": head(page, target, &form, &checked),
        "draft": form.draft,
        "lines": form.draft.lines().count().clamp(*LINES.start(), *LINES.end()),
        "problems": told::shown(&checked.problems),
        "tone": if errors { "bad" } else { "warn" },
        "saved": saved.as_ref().map(Saved::to_view),
        "diff": diff.map(|found| found.diff),
        "tests": checked.is_good().then_some(checked.passed),
        "play": play,
    })
}

fn saved(page: &Inner, target: &Target, form: &Form) -> Saved {
    save::save(page, &save::Wanted { target, draft: &form.draft, base: &form.base, from: &form.from })
}

/// What stands above the text.
fn head(page: &Page, target: &Target, form: &Form, checked: &Checked) -> Json {
    let figures = target.route.as_deref().map(|name| standing::figures(page, name));
    let own = |is_error: bool| checked.problems.iter().any(|problem| problem.is_error == is_error);
    let state = match () {
        () if form.base.is_empty() => "new",
        () if own(true) => "problems",
        () if own(false) => "warnings",
        () => figures.map_or("live", |figures| figures.state()),
    };
    json!({
        "name": target.name(),
        "file": target.file,
        "description": description(checked, target),
        "state": state,
        "base": form.base,
        "dead": target.route.as_deref().and_then(|name| standing::dead(page).get(name).copied()).unwrap_or(0),
        "address": target.address(),
        "from": Some(&form.from).filter(|from| !from.is_empty()),
    })
}

fn description(checked: &Checked, target: &Target) -> Option<String> {
    target.route.as_ref()?;
    standing::description(&checked.compiled.documents, &target.file)
}

/// The playground: what can be tried, what is tried, and what came of it.
fn play(page: &Inner, target: &Target, name: &str, checked: &Checked, form: &Form) -> Json {
    let compiled = &checked.compiled;
    let route = compiled.set.route(name).map(|route| &**route);
    let samples = Samples::of(page, compiled, route, name, Some(form.from.as_str()).filter(|from| !from.is_empty()));
    let sample = match &form.sample {
        Some(sample) => sample.clone(),
        None => samples.first().unwrap_or_default().to_owned(),
    };
    let request = match form.action {
        Action::Choose if !sample.is_empty() => {
            samples::bytes(page, &sample).and_then(|bytes| samples::shown(page, &sample, &bytes)).unwrap_or_default()
        }
        _ => form.request.clone(),
    };
    let is_there = !sample.is_empty() || !request.trim().is_empty();
    let wanted = trial::Wanted { target, sample: &sample, request: &request };
    let trial = is_there.then(|| trial::run(page, compiled, &wanted)).flatten();
    let format = if request.trim_start().starts_with(['{', '[']) { "json" } else { "text" };
    json!({
        "samples": samples.to_json(),
        "sample": sample,
        "request": request,
        "request_format": format,
        "blocked": trial.is_none() && draft::route(compiled, target).is_none(),
        "trace": trial.map(|trial| trial.trace),
    })
}

/// A text that a file has at its top; nothing where there is none.
pub(in crate::page) fn text_of(node: &crate::document::Node, key: &str) -> Option<String> {
    match &node.get(key)?.kind {
        Kind::Scalar(scalar) => match scalar.typed() {
            Typed::Text(text) => Some(text.to_owned()),
            _ => None,
        },
        _ => None,
    }
}
