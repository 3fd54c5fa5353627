//! What programs and the script ask the page for beside its views, as one table: the page routes by it, and an OpenAPI document
//! is made of it.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use serde_json::Value as Json;

use super::routes::answers;
use super::{Page, became, confirm, events, stream};
use crate::admin::api::{About, Answer, As, Maybe, Operation, Word, Words, asks, document_of, does, operation, puts};
use crate::admin::{self, Story};
use crate::clock::Timestamp;
use crate::delivery::State as DeliveryState;
use crate::id::{DeliveryId, EventId};

shape! {
    /// Which events are listed: those of which all holds that is said.
    pub(super) struct ListAsked {
        /// In which this was sent: a phone number however it is written, or its last four digits or more; an e-mail address; or
        /// words, all of which are in it.
        value: Maybe<String>,
        /// Of this source.
        source: Maybe<String>,
        /// That this route took.
        route: Maybe<String>,
        /// With a delivery to this connection.
        connection: Maybe<String>,
        /// Where the event stands as a whole.
        state: Maybe<Word<Stands>>,
        /// Of this identity.
        identity: Maybe<String>,
        /// Of this lane.
        lane: Maybe<String>,
        /// Received at this moment or later; without a zone it is in UTC.
        since: Maybe<String>,
        /// Received before this moment.
        until: Maybe<String>,
        /// A place in the list, as `pages` has it.
        before: Maybe<String>,
    }
}

shape! {
    /// Events, the newest first.
    pub(super) struct EventList {
        events: Vec<ListedEvent>,
        /// How many there are in all; null where counting would take long.
        total: Option<u64>,
        pages: Pages,
        /// So many of those that are left were not prepared for the search yet.
        not_searched: u64,
    }
}

shape! {
    /// Where the list goes on.
    pub(super) struct Pages {
        /// The page with newer ones, as a path of the page; null on the first.
        newer: Option<String>,
        /// The page with older ones; null on the last.
        older: Option<String>,
    }
}

shape! {
    /// An event as it stands in a list, without anything of its contents.
    pub(super) struct ListedEvent {
        id: EventId,
        received_at: Timestamp,
        source: String,
        /// Which part of its request, from 0.
        part: u32,
        /// Of how many.
        parts: u32,
        /// Where it stands as a whole.
        state: Word<Stands>,
        /// What the last call that failed met, in a word.
        trouble: Option<String>,
        /// Why it stands there, where it failed.
        reason: Option<String>,
        routes: Vec<ListedRoute>,
        deliveries: Vec<ListedDelivery>,
    }
}

shape! {
    /// What a route made of an event.
    pub(super) struct ListedRoute {
        route: String,
        /// `taken`, `failed`, `dismissed`, `duplicate`.
        result: String,
    }
}

shape! {
    /// A delivery of an event.
    pub(super) struct ListedDelivery {
        id: DeliveryId,
        /// The connection and the operation.
        to: String,
        state: Word<DeliveryState>,
    }
}

shape! {
    /// A file of the workspace as somebody would have it.
    pub(super) struct DraftAsked {
        /// `routes/forms/contact.yaml` or `jackfield.yaml`; it need not be there yet.
        file: String,
        /// The whole text that would stand in it.
        draft: String,
    }
}

shape! {
    /// A draft, and a request to try it on.
    pub(super) struct TrialAsked {
        /// `routes/forms/contact.yaml` or `jackfield.yaml`; it need not be there yet.
        file: String,
        /// The whole text that would stand in it.
        draft: String,
        /// A captured request: a file of the workspace, or an event (`evt_…`).
        sample: Maybe<Option<String>>,
        /// The text of a request, which goes before `sample`.
        request: Maybe<String>,
    }
}

shape! {
    /// A draft, and with how many events it is compared.
    pub(super) struct CompareAsked {
        /// `routes/forms/contact.yaml` or `jackfield.yaml`; it need not be there yet.
        file: String,
        /// The whole text that would stand in it.
        draft: String,
        /// The newest so many: 1000 unless given.
        last: Maybe<u64>,
    }
}

shape! {
    /// What is wrong with a draft, and how the tests of its route went.
    pub(super) struct Checked {
        /// Whether it could go live.
        good: bool,
        tests: Tests,
        /// Those of the draft's file first.
        problems: Vec<MarkedProblem>,
    }
}

shape! {
    /// How tests went.
    pub(super) struct Tests {
        passed: u64,
        failed: u64,
    }
}

shape! {
    /// A problem, and where it is in its file.
    pub(super) struct MarkedProblem {
        /// `error` or `warning`.
        severity: String,
        /// As in docs/errors.md; null for one that has none.
        code: Option<String>,
        message: String,
        label: Option<String>,
        help: Option<String>,
        file: Option<String>,
        from: Spot,
        /// Behind the last character.
        to: Spot,
        /// What would mend it, in the draft's own file.
        fix: Option<As<Fix>>,
    }
}

shape! {
    /// A place in a file, counted from 1 in characters.
    pub(super) struct Spot {
        line: u64,
        column: u64,
    }
}

shape! {
    /// What stands from one place to another is to be this.
    pub(super) struct Fix {
        from: Spot,
        to: Spot,
        replacement: String,
    }
}

shape! {
    /// What of the request of an event, or of a file, is to be shown.
    pub(super) struct SampleAsked {
        /// A file of the workspace, or an event (`evt_…`).
        of: String,
    }
}

shape! {
    /// A draft that is to be saved.
    pub(super) struct SaveAsked {
        /// The whole text.
        draft: String,
        /// The `base` of the file when it was opened; null where there was none.
        base: Maybe<Option<String>>,
        /// The event that a new draft was made from, whose request becomes its sample.
        from: Maybe<Option<String>>,
    }
}

shape! {
    /// What came of saving.
    pub(super) struct Saved {
        result: Word<Results>,
        /// Whether what was saved serves now.
        live: bool,
        message: String,
        /// What the file is now; null where it was not written.
        base: Option<String>,
        /// The revision that serves now, where it is of this file.
        revision: Option<String>,
        problems: Vec<MarkedProblem>,
    }
}

/// Where an event can stand as a whole.
#[derive(Debug)]
enum Stands {}

impl Words for Stands {
    fn words() -> Vec<&'static str> {
        became::WORDS.iter().copied().chain(["unrouted"]).collect()
    }
}

/// What can come of saving.
#[derive(Debug)]
enum Results {}

impl Words for Results {
    fn words() -> Vec<&'static str> {
        vec!["live", "refused", "not_clean", "not_saved", "changed", "failed"]
    }
}

/// Of what is asked, these may be refused.
const OF_A_LOOK: &[u16] = &[401, 403, 503];
const OF_A_DEED: &[u16] = &[400, 401, 403, 413, 415, 503];
const OF_A_DRAFT: &[u16] = &[400, 401, 403, 413, 503];
/// What the page itself refuses, it refuses in JSON under `/api/`.
const OWN: &[u16] = &[400, 403, 404, 503];
/// What is answered as the operator's address does is refused as there, but for who may not ask.
const SHARED: &[u16] = &[403];

/// All that can be asked.
fn operations() -> Vec<Operation<Page>> {
    let shared = [
        operation("/status").map(|of| of.at("/api/status", "status", get(status)).refused(OF_A_LOOK, SHARED)),
        operation("/replay")
            .map(|of| of.at("/api/replay", "replay", post(confirm::api_replay)).refused(OF_A_DEED, SHARED)),
        operation("/release")
            .map(|of| of.at("/api/release", "release", post(confirm::api_release)).refused(OF_A_DEED, SHARED)),
        operation("/dismiss")
            .map(|of| of.at("/api/dismiss", "dismiss", post(confirm::api_dismiss)).refused(OF_A_DEED, SHARED)),
    ];
    const EVENTS: &str = "What was received and where it stands, the newest first.";
    const DRY_RUN: &str = "What a draft makes of a request, as `jackfield dry-run --format json` writes it.";
    const DIFF: &str = "What a draft would change for recorded events, as `jackfield diff --format json` writes it.";
    const ERRORS: &str = "The draft has errors.";
    let own = vec![
        asks("/api/events", "events", EVENTS, get(events::api_list))
            .query(ListAsked::fields)
            .json::<EventList>()
            .refused(&[400, 401, 403, 503], OWN),
        asks("/api/events/{id}", "event", "All of one event.", get(events::api_one))
            .json::<Story>()
            .refused(&[401, 403, 404, 503], OWN),
        does("/api/check", "check", "What is wrong with a draft. Nothing is stored.", post(answers::check))
            .body::<DraftAsked>()
            .json::<Checked>()
            .refused(OF_A_DRAFT, OWN),
        does("/api/dry-run", "dry_run", DRY_RUN, post(answers::dry_run))
            .body::<TrialAsked>()
            .json::<Json>()
            .also::<Checked>(422, ERRORS)
            .refused(OF_A_DRAFT, OWN),
        does("/api/diff", "diff", DIFF, post(answers::diff))
            .body::<CompareAsked>()
            .json::<Json>()
            .also::<Checked>(422, ERRORS)
            .refused(OF_A_DRAFT, OWN),
        asks("/api/sample", "sample", "The text of a captured request.", get(answers::sample))
            .query(SampleAsked::fields)
            .refused(&[401, 403, 404, 415, 503], OWN),
        saves("/api/routes/{*name}", "save_route", "Saves a route, and waits until it is live.", put(answers::save))
            .refused(&[400, 401, 403, 404, 413, 503], OWN),
        saves(
            "/api/settings",
            "save_settings",
            "Saves jackfield.yaml, and waits until it is live.",
            put(answers::save_settings),
        )
        .refused(OF_A_DRAFT, OWN),
        asks("/api/stream", "stream", "Server-sent events: that something has changed.", get(stream::stream))
            .answer(Answer::Text("text/event-stream"))
            .refused(OF_A_LOOK, SHARED),
        asks("/api/openapi.json", "openapi", "This document.", get(openapi))
            .json::<Json>()
            .refused(&[401, 403], SHARED),
    ];
    own.into_iter().chain(shared.into_iter().flatten()).collect()
}

fn saves(path: &'static str, id: &'static str, summary: &'static str, serve: MethodRouter<Page>) -> Operation<Page> {
    puts(path, id, summary, serve)
        .body::<SaveAsked>()
        .json::<Saved>()
        .also::<Saved>(409, "The file is not that of `base` any more. Nothing is written.")
        .also::<Saved>(422, "The draft has errors, or recorded events would fail. Nothing is written.")
        .also::<Saved>(500, "The file could not be written.")
}

pub(super) fn router() -> Router<Page> {
    let route = |router: Router<Page>, operation: Operation<Page>| router.route(operation.path, operation.serve);
    operations().into_iter().fold(Router::new(), route)
}

async fn status(State(page): State<Page>) -> Response {
    admin::status(State(page.admin.clone())).await
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{:#}\n", document())).into_response()
}

/// The OpenAPI document of the page's own address.
fn document() -> Json {
    let about = About {
        title: "Jackfield, the page",
        description: "What the page's script and programs ask at the address of the page: events and their stories, drafts of \
                      routes, and to send again. Each view of the page is JSON, too, for who asks with `Accept: application/json`.",
        url: "http://127.0.0.1:8082",
        address: "`page` of jackfield.yaml.",
        takes_a_token: true,
        refuses: |status| match status {
            401 => Some("Bring the token."),
            403 => Some(
                "Asked by a name that is not known, or as a browser does without what proves that it is from this page.",
            ),
            404 => Some("There is nothing of this name."),
            415 => Some("The body is no `application/json`; or what is asked for is no text, or not to be shown."),
            _ => None,
        },
    };
    document_of(&about, &operations())
}
