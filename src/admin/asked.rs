//! Which deliveries and events somebody means, as asked over HTTP: in a query, or as JSON.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::clock::Timestamp;
use crate::delivery::State;
use crate::id::{DeliveryId, EventId};
use crate::payload::form;
use crate::store::{Became, EventFilter, Filter, ReplayEvents};
use crate::value::{Value, json};

/// So many are listed unless more are asked for.
const USUAL: usize = 20;
/// No list is longer, and no more are sent again at once.
pub(super) const MOST: usize = 10_000;

/// Says that events are meant which a route took and could make nothing of.
pub(super) const UNMADE: &str = "unmade";

/// Which are meant: those of which all holds that is said.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub deliveries: Option<Vec<DeliveryId>>,
    pub events: Option<Vec<EventId>>,
    pub states: Vec<State>,
    /// What became of events, where these are asked for.
    pub became: Vec<Became>,
    pub route: Option<Arc<str>>,
    pub connection: Option<Arc<str>>,
    pub source: Option<Arc<str>>,
    pub identity: Option<String>,
    pub lane: Option<String>,
    /// A number, an address or words that are in what was sent.
    pub value: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub before: Option<i64>,
    pub last: usize,
    /// What else was said.
    pub rest: Value,
}

/// What can't be understood, in words.
pub(super) type Refused = String;

/// Told to whoever asked.
pub(super) fn refused(problem: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response()
}

/// What was sent as JSON; or why not.
pub(super) fn posted(headers: &HeaderMap, body: &[u8], known: &[&str]) -> Result<Asked, Response> {
    // A page of somebody else can't send this type without asking first.
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON, as application/json\n").into_response());
    }
    Asked::from_json(body, known).map_err(|problem| refused(&problem))
}

impl Asked {
    pub(super) fn from_query(query: &str, known: &[&str]) -> Result<Asked, Refused> {
        let value = form::decode_lenient(query);
        fit(&value, known)?;
        Asked::from_value(value, USUAL, false)
    }

    /// The same of events: what became of them is a state, too.
    pub(super) fn of_events(query: &str, known: &[&str]) -> Result<Asked, Refused> {
        let value = form::decode_lenient(query);
        fit(&value, known)?;
        Asked::from_value(value, USUAL, true)
    }

    pub(super) fn from_json(body: &[u8], known: &[&str]) -> Result<Asked, Refused> {
        let value =
            json::parse(body, &json::Limits::default()).map_err(|error| format!("the body is no JSON: {error}"))?;
        fit(&value, known)?;
        Asked::from_value(value, MOST, false)
    }

    fn from_value(value: Value, usual: usize, of_events: bool) -> Result<Asked, Refused> {
        let text = |key: &str| value.get(key).map(|value| crate::convert::text(value).unwrap_or_default());
        let name = |key: &str| text(key).filter(|text| !text.is_empty()).map(Arc::<str>::from);
        let number = |key: &str| match text(key).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => text.parse::<i64>().map(Some).map_err(|_| format!("`{key}` is a number")),
        };
        let words = text("state").unwrap_or_default();
        let mut asked = Asked {
            states: if of_events { Vec::new() } else { states(&words)? },
            became: if of_events { became(&words)? } else { Vec::new() },
            identity: text("identity").filter(|text| !text.is_empty()),
            lane: text("lane").filter(|text| !text.is_empty()),
            value: text("value").filter(|text| !text.trim().is_empty()),
            route: name("route"),
            connection: name("connection"),
            source: name("source"),
            since: moment("since", text("since"))?,
            until: moment("until", text("until"))?,
            before: if is_event(text("before")) { None } else { number("before")? },
            last: number("last")?.map_or(usual, |last| usize::try_from(last).unwrap_or(0)).min(MOST),
            ..Asked::default()
        };
        if let Some(ids) = value.get("ids") {
            asked.take_ids(ids)?;
        }
        asked.rest = value;
        Ok(asked)
    }

    fn take_ids(&mut self, ids: &Value) -> Result<(), Refused> {
        let ids = ids.as_array().ok_or("`ids` is a list")?;
        for id in ids.iter() {
            let id = id.as_str().unwrap_or_default();
            match (id.parse::<DeliveryId>(), id.parse::<EventId>()) {
                (Ok(id), _) => self.deliveries.get_or_insert_default().push(id),
                (_, Ok(id)) => self.events.get_or_insert_default().push(id),
                _ => return Err(no_id(id)),
            }
        }
        Ok(())
    }

    pub(super) fn filter(&self) -> Filter {
        Filter {
            ids: self.deliveries.clone(),
            states: self.states.clone(),
            route: self.route.clone(),
            connection: self.connection.clone(),
            source: self.source.clone(),
            since: self.since,
            until: self.until,
            before_seq: self.before,
            ..Filter::default()
        }
    }

    /// Of which event older ones are asked for, where it is named by its id.
    pub(super) fn before_event(&self) -> Option<EventId> {
        self.rest.get("before").and_then(Value::as_str)?.parse().ok()
    }

    pub(super) fn event_filter(&self) -> EventFilter {
        EventFilter {
            source: self.source.clone(),
            route: self.route.clone(),
            connection: self.connection.clone(),
            identity: self.identity.clone(),
            lane: self.lane.clone(),
            value: self.value.clone(),
            became: self.became.clone(),
            since: self.since,
            until: self.until,
            before: self.before,
        }
    }

    /// Whether something is asked for that is known of events alone.
    pub(super) fn is_of_contents(&self) -> bool {
        self.value.is_some() || self.identity.is_some() || self.lane.is_some()
    }

    pub(super) fn events(&self) -> ReplayEvents {
        ReplayEvents {
            ids: self.events.clone(),
            source: self.source.clone(),
            route: self.route.clone(),
            since: self.since,
            until: self.until,
            limit: self.last,
            ..ReplayEvents::default()
        }
    }

    pub(super) fn says(&self, key: &str) -> bool {
        self.rest.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A line of text among what else was said.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        const LONGEST: usize = 200;
        let text = self.rest.get(key).and_then(Value::as_str)?;
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
        Some(line.trim().to_owned()).filter(|line| !line.is_empty())
    }

    /// Whether anything was said of which are meant.
    pub(super) fn is_narrow(&self) -> bool {
        let names = [&self.route, &self.connection, &self.source];
        self.deliveries.is_some()
            || self.events.is_some()
            || names.into_iter().any(Option::is_some)
            || !self.states.is_empty()
            || self.is_of_contents()
            || self.since.is_some()
            || self.until.is_some()
    }
}

/// What is true or false; all else is text, a number, or the list of ids.
const YES_OR_NO: [&str; 8] = ["routes", "unmatched", UNMADE, "all", "unknown", "repeat_steps", "again", "dry_run"];

/// Whether all that is said is known and of its kind: what is passed over may have narrowed what is meant.
fn fit(value: &Value, known: &[&str]) -> Result<(), Refused> {
    let said = value.as_object().ok_or("say what is meant as a JSON object")?;
    for (key, value) in said.iter() {
        if !known.contains(&&**key) {
            return Err(format!("`{}` can't be said here; what can be said is {}", shown(key), known.join(", ")));
        }
        let is_text = matches!(value, Value::String(_) | Value::Number(_) | Value::Null);
        match (YES_OR_NO.contains(&&**key), value) {
            (true, Value::Bool(_)) | (_, Value::Null) => {}
            (true, _) => return Err(format!("`{key}` is true or false")),
            (false, _) if is_text || &**key == "ids" => {}
            (false, _) => return Err(format!("`{key}` is text")),
        }
    }
    Ok(())
}

/// What somebody wrote, as it can be repeated.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// Why a text is no id, in words.
fn no_id(text: &str) -> Refused {
    let list = match () {
        () if text.starts_with("dlv_") => "`jackfield deliveries` lists them",
        () if text.starts_with("evt_") => "`jackfield events` lists them",
        () => return "an id begins with `dlv_` or `evt_`".to_owned(),
    };
    let shown = shown(text);
    format!("`{shown}` is no whole id: copy all of it; {list}")
}

fn states(text: &str) -> Result<Vec<State>, Refused> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| State::from_word(word).ok_or_else(|| unknown_state(word))).collect()
}

fn became(text: &str) -> Result<Vec<Became>, Refused> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let unknown =
        |word: &str| format!("there is no state `{word}`: {}", Became::words().collect::<Vec<_>>().join(", "));
    words.map(|word| Became::from_word(word).ok_or_else(|| unknown(word))).collect()
}

fn is_event(text: Option<String>) -> bool {
    text.is_some_and(|text| text.parse::<EventId>().is_ok())
}

fn unknown_state(word: &str) -> Refused {
    let known: Vec<&str> = State::ALL.into_iter().map(State::word).collect();
    format!("there is no state `{word}`: {}", known.join(", "))
}

fn moment(key: &str, text: Option<String>) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment = text.parse::<jiff::Timestamp>().map_err(|_| format!("`{key}` is a moment: 2026-11-21T09:30:00Z"))?;
    Ok(Some(Timestamp(moment.as_millisecond())))
}
