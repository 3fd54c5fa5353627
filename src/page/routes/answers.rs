//! What the script asks while somebody edits, and what programs may ask as well.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::Value as Text;
use serde_json::{Value as Json, json};

use super::draft::{self, Checked, look, work};
use super::save::{self, Saved};
use super::target::{Target, typed};
use super::told::{self, Problem};
use super::{compare, samples, trial};
use crate::page::{Asked, Page};

/// A body of JSON with texts in it.
struct Sent(Json);

impl Sent {
    fn of(body: &Bytes) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(Json::is_object).map(Sent)
    }

    /// Empty where there is none.
    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_default().to_owned()
    }

    fn draft(&self) -> String {
        typed(&self.text("draft"))
    }
}

fn json_of(status: u16, body: &Json) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body:#}\n")).into_response()
}

fn wrong(message: &str) -> Response {
    json_of(400, &json!({ "error": "wrong", "message": message }))
}

/// The file and the text that a question is about.
fn asked_for(body: &Bytes) -> Result<(Sent, Target), Response> {
    let sent = Sent::of(body).ok_or_else(|| wrong("send an object of JSON with `file` and `draft`"))?;
    let target = Target::of_file(&sent.text("file"));
    let target = target.ok_or_else(|| wrong("`file` is a route, `routes/NAME.yaml`, or `jackfield.yaml`"))?;
    Ok((sent, target))
}

pub(in crate::page) async fn check(State(page): State<Page>, asked: Asked, body: Bytes) -> Response {
    let (sent, target) = match asked_for(&body) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    match work(&page, &asked, move |page| verdict(&draft::check(page, &target, &sent.draft()))).await {
        Some(verdict) => json_of(200, &verdict),
        None => page.unavailable(&asked),
    }
}

/// What is wrong with a draft, and how its tests went.
fn verdict(checked: &Checked) -> Json {
    json!({
        "good": checked.is_good(),
        "tests": { "passed": checked.passed, "failed": checked.failed },
        "problems": told::marked(&checked.problems),
    })
}

/// The answer to what can't be done with a draft for its problems.
fn hindered(problems: &[Problem]) -> Response {
    let none = json!({ "passed": 0, "failed": 0 });
    json_of(422, &json!({ "good": false, "tests": none, "problems": told::marked(problems) }))
}

pub(in crate::page) async fn dry_run(State(page): State<Page>, asked: Asked, body: Bytes) -> Response {
    let (sent, target) = match asked_for(&body) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let tried = move |page: &Page| {
        let compiled = draft::compile(page, &target, &sent.draft(), false);
        let (sample, request) = (sent.text("sample"), sent.text("request"));
        let wanted = trial::Wanted { target: &target, sample: &sample, request: &request };
        trial::run(page, &compiled, &wanted).ok_or_else(|| draft::check(page, &target, &sent.draft()).problems)
    };
    match work(&page, &asked, tried).await {
        Some(Ok(trial)) if asked.wants_html() => {
            page.part("parts/trial-alone.html", &asked, json!({ "trace": trial.trace }))
        }
        Some(Ok(trial)) => ([(header::CONTENT_TYPE, "application/json")], trial.data + "\n").into_response(),
        Some(Err(problems)) => hindered(&problems),
        None => page.unavailable(&asked),
    }
}

pub(in crate::page) async fn diff(State(page): State<Page>, asked: Asked, body: Bytes) -> Response {
    let (sent, target) = match asked_for(&body) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let last = sent.0["last"].as_u64().map_or(compare::LAST, |last| usize::try_from(last).unwrap_or(compare::LAST));
    let compared = move |page: &Page| {
        let compiled = draft::compile(page, &target, &sent.draft(), false);
        let errors = compiled.diagnostics.iter().filter(|found| found.is_error());
        let errors: Vec<Problem> = errors.map(|found| Problem::of(found, &compiled.documents, &target.file)).collect();
        if errors.is_empty() { Ok(compare::run(page, &compiled, &target, last)) } else { Err(errors) }
    };
    match work(&page, &asked, compared).await {
        Some(Ok(Ok(found))) if asked.wants_html() => {
            page.part("parts/diff-alone.html", &asked, json!({ "diff": found.diff }))
        }
        Some(Ok(Ok(found))) => json_of(200, &found.data),
        Some(Err(problems)) => hindered(&problems),
        Some(Ok(Err(error))) => {
            tracing::error!(%error, "the recorded events can't be read");
            page.unavailable(&asked)
        }
        None => page.unavailable(&asked),
    }
}

pub(in crate::page) async fn sample(State(page): State<Page>, asked: Asked) -> Response {
    let of = asked.query().get("of").unwrap_or_default().to_owned();
    let shown = move |page: &Page| samples::bytes(page, &of).map(|bytes| samples::shown(page, &of, &bytes));
    match look(&page, shown).await {
        Some(Some(Some(text))) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Some(Some(None)) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this request is no text, too large, or not to be shown\n")
                .into_response()
        }
        Some(None) => page.refuse(&asked, StatusCode::NOT_FOUND, "not_found"),
        None => page.unavailable(&asked),
    }
}

pub(in crate::page) async fn save(
    State(page): State<Page>,
    Path(name): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Response {
    saved(&page, &asked, Target::route(&name), &body).await
}

pub(in crate::page) async fn save_settings(State(page): State<Page>, asked: Asked, body: Bytes) -> Response {
    saved(&page, &asked, Some(Target::settings()), &body).await
}

async fn saved(page: &Page, asked: &Asked, target: Option<Target>, body: &Bytes) -> Response {
    let Some(target) = target else { return page.refuse(asked, StatusCode::NOT_FOUND, "not_found") };
    let Some(sent) = Sent::of(body).filter(|sent| sent.0["draft"].is_string()) else {
        return wrong("send an object of JSON with `draft`, `base` and `from`");
    };
    let save = move |page: &Page| {
        let (draft, base, from) = (sent.draft(), sent.text("base"), sent.text("from"));
        save::save(page, &save::Wanted { target: &target, draft: &draft, base: &base, from: &from })
    };
    match work(page, asked, save).await {
        Some(saved) => json_of(saved.result.status(), &saved.to_json(&message(page, asked, &saved))),
        None => page.unavailable(asked),
    }
}

/// What is said of it, in the language of whoever has saved.
fn message(page: &Page, asked: &Asked, saved: &Saved) -> String {
    let revision = Text::from(saved.revision.as_deref().unwrap_or_default());
    page.views.text_with(&asked.language, &format!("saved.{}", saved.result.text()), &[("revision", revision)])
}
