//! A dry run of a handshake, for people.

use super::text::{indented, row};
use super::why;
use crate::cli::terminal::{self, DIM, GREEN, RED, line, paint};
use crate::cli::{DryRunFormat, Exit};
use crate::source::{Answer, HandshakeError};
use crate::trace::handshake::Asked;

/// Shows the handshake that a request is.
pub(super) fn show(asked: &Asked<'_>, format: DryRunFormat) -> Exit {
    match format {
        DryRunFormat::Text => show_text(asked),
        DryRunFormat::Json => terminal::line(format!("{:#}", asked.to_json())),
        DryRunFormat::Curl => terminal::error_line("the request is a handshake: it is answered, and sends nothing"),
    }
    if let Err(HandshakeError::Unanswerable(problem)) = &asked.answer {
        terminal::error_diagnostics(std::slice::from_ref(problem), &asked.compiled.documents);
    }
    if asked.is_good() { Exit::Fine } else { Exit::ProblemsFound }
}

fn show_text(asked: &Asked<'_>) {
    row("route", &asked.route.name);
    row(
        "source",
        &format!("{} {}{}", asked.handshake.methods.join(", "), asked.compiled.set.prefix, asked.source.path),
    );
    row("request", &asked.request);
    row("handshake", &format!("{}, which makes no event", asked.handshake.name));
    row("verified", &verified_text(asked));
    why::show("when       ", &asked.handshake.when, &asked.handshake.when.template.explain(&asked.scope));
    match &asked.answer {
        Ok(answer) => show_answer(answer),
        Err(error) => row("answer", &format!("{}: {error}", paint(RED, "refused"))),
    }
}

fn verified_text(asked: &Asked<'_>) -> String {
    match &asked.verified {
        None if asked.handshake.verified => "not asked, or the file holds a body only".to_owned(),
        None => "not asked: this handshake has `verified: false`".to_owned(),
        Some((how, Ok(()))) => format!("{}, {how}", paint(GREEN, "yes")),
        Some((how, Err(error))) => {
            format!("{}, {how}: {error}; `serve` would refuse this request with 401", paint(RED, "no"))
        }
    }
}

fn show_answer(answer: &Answer) {
    let body = if answer.body.is_empty() { ", with no body" } else { "" };
    row("answer", &format!("{}{body}", answer.status));
    let content_type = answer.content_type.iter().map(|value| ("content-type", &**value));
    let headers = answer.headers.iter().map(|(name, value)| (&**name, value.as_str()));
    for (name, value) in content_type.chain(headers) {
        line(format!("  {} {value}", paint(DIM, &format!("{name}:"))));
    }
    if !answer.body.is_empty() {
        line("");
        indented(&answer.body);
    }
}
