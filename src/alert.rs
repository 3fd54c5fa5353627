//! What the server has to tell people: when a route begins to fail, a connection goes down, a change is refused or the store
//! is in trouble; each once, until it is over. Pure: it is given what is so, and says what is new.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::event::RawRequest;
use crate::figures::Summary;

/// A route is looked at for so many minutes back.
pub const MINUTES: u32 = 15;
/// It fails when so many were given up, and more than were delivered.
const LEAST: u32 = 3;

/// What is so at a moment.
#[derive(Clone, Debug)]
pub struct Sight {
    pub now: Timestamp,
    /// Each route with what became of it lately.
    pub routes: Vec<(Arc<str>, Summary)>,
    pub connections: Vec<(Arc<str>, Stand)>,
    /// The last change of the files is refused: how many problems it has, and the first.
    pub refused: Option<(u64, String)>,
    /// What is wrong with the store.
    pub trouble: Option<String>,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// Nothing goes out, since then; and whether that is because the account is refused.
    pub shut: Option<(Timestamp, bool)>,
    /// How many calls it has answered well enough since the start.
    pub answered: u64,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub kind: &'static str,
    pub body: Value,
}

impl Alert {
    fn new(kind: &'static str, about: Option<&str>, now: Timestamp, text: String, more: Value) -> Self {
        let mut body = Map::new();
        body.insert("type".to_owned(), kind.into());
        body.insert("at".to_owned(), now.to_string().into());
        body.insert("about".to_owned(), about.into());
        body.insert("text".to_owned(), text.into());
        if let Value::Object(more) = more {
            body.extend(more);
        }
        Alert { kind, body: body.into() }
    }

    /// The request that brings it to the routes.
    pub fn request(&self) -> RawRequest {
        RawRequest {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: self.body.to_string().into_bytes(),
        }
    }
}

/// What was told and is not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<Matter, Since>);

/// What it is about: the kind and the name.
type Matter = (&'static str, Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since {
    at: Timestamp,
    /// What a connection had answered by then.
    answered: u64,
}

const ROUTE: &str = "route";
const CONNECTION: &str = "connection";
const RELOAD: &str = "reload";
const STORE: &str = "store";

impl Told {
    /// What is new. Whatever is gone from the workspace is forgotten without a word.
    pub fn look(&mut self, sight: &Sight) -> Vec<Alert> {
        let is_there = |kind: &str, name: &Arc<str>| match kind {
            ROUTE => sight.routes.iter().any(|(known, _)| known == name),
            CONNECTION => sight.connections.iter().any(|(known, _)| known == name),
            _ => true,
        };
        self.0.retain(|(kind, name), _| is_there(kind, name));
        let mut alerts: Vec<Alert> = Vec::new();
        alerts.extend(sight.routes.iter().filter_map(|(name, lately)| self.route(name, lately, sight.now)));
        alerts.extend(sight.connections.iter().filter_map(|(name, stand)| self.connection(name, *stand, sight.now)));
        alerts.extend(self.reload(sight));
        alerts.extend(self.store(sight));
        alerts
    }

    fn route(&mut self, name: &Arc<str>, lately: &Summary, now: Timestamp) -> Option<Alert> {
        let given_up = lately.counts.dead.saturating_add(lately.counts.failed);
        let delivered = lately.counts.delivered;
        match self.since(ROUTE, name) {
            None if given_up >= LEAST && given_up > delivered => {
                self.tell(ROUTE, name, now, 0);
                let all = given_up.saturating_add(delivered);
                let text =
                    format!("The route {name} fails: {given_up} of the last {all} in {MINUTES} minutes were given up.");
                let more = json!({ "given_up": given_up, "delivered": delivered, "minutes": MINUTES });
                Some(Alert::new("route.failing", Some(name), now, text, more))
            }
            // Where nothing comes any more, nobody knows.
            Some(since) if delivered > given_up => {
                self.over(ROUTE, name);
                let text = format!("The route {name} delivers again.");
                Some(Alert::new("route.recovered", Some(name), now, text, since_at(since)))
            }
            _ => None,
        }
    }

    fn connection(&mut self, name: &Arc<str>, stand: Stand, now: Timestamp) -> Option<Alert> {
        match (self.since(CONNECTION, name), stand.shut) {
            (None, Some((at, refused))) => {
                self.0.insert((CONNECTION, name.clone()), Since { at, answered: stand.answered });
                let (reason, text) = match refused {
                    true => ("refused", "refuses the account: what goes there waits until its secret is mended."),
                    false => ("down", "is down: what goes there waits, and goes out when it is back."),
                };
                let more = json!({ "reason": reason, "since": at.to_string() });
                Some(Alert::new("connection.down", Some(name), now, format!("The connection {name} {text}"), more))
            }
            // A start has forgotten why nothing went out: it is over when something has.
            (Some(since), None) if stand.answered > since.answered => {
                self.over(CONNECTION, name);
                let text = format!("The connection {name} works again: what waited goes out.");
                Some(Alert::new("connection.up", Some(name), now, text, since_at(since)))
            }
            _ => None,
        }
    }

    fn reload(&mut self, sight: &Sight) -> Option<Alert> {
        let (name, now) = (Arc::from(""), sight.now);
        match (self.since(RELOAD, &name), &sight.refused) {
            (None, Some((problems, first))) => {
                self.tell(RELOAD, &name, now, 0);
                let text = format!("A change of the files is refused, and the routes from before go on: {first}");
                Some(Alert::new("reload.refused", None, now, text, json!({ "problems": problems })))
            }
            (Some(since), None) => {
                self.over(RELOAD, &name);
                let text = "The files are mended, and serve.".to_owned();
                Some(Alert::new("reload.mended", None, now, text, since_at(since)))
            }
            _ => None,
        }
    }

    fn store(&mut self, sight: &Sight) -> Option<Alert> {
        let (name, now) = (Arc::from(""), sight.now);
        match (self.since(STORE, &name), &sight.trouble) {
            (None, Some(problem)) => {
                self.tell(STORE, &name, now, 0);
                let text = format!("The store is in trouble, and senders are told to try again: {problem}");
                Some(Alert::new("store.trouble", None, now, text, json!({ "problem": problem })))
            }
            (Some(since), None) => {
                self.over(STORE, &name);
                let text = "The store takes events again.".to_owned();
                Some(Alert::new("store.recovered", None, now, text, since_at(since)))
            }
            _ => None,
        }
    }

    fn since(&self, kind: &'static str, name: &Arc<str>) -> Option<Since> {
        self.0.get(&(kind, name.clone())).copied()
    }

    fn tell(&mut self, kind: &'static str, name: &Arc<str>, at: Timestamp, answered: u64) {
        self.0.insert((kind, name.clone()), Since { at, answered });
    }

    fn over(&mut self, kind: &'static str, name: &Arc<str>) {
        self.0.remove(&(kind, name.clone()));
    }

    /// As it outlives a restart.
    pub fn to_json(&self) -> Value {
        self.0.iter().map(|((kind, name), since)| json!([kind, &**name, since.at.0])).collect()
    }

    /// What an earlier life told. What it knows of answers was of its own.
    pub fn from_json(value: &Value) -> Self {
        let kind = |word: &str| [ROUTE, CONNECTION, RELOAD, STORE].into_iter().find(|kind| *kind == word);
        let one = |one: &Value| {
            let at = Timestamp(one.get(2)?.as_i64()?);
            Some(((kind(one.get(0)?.as_str()?)?, Arc::from(one.get(1)?.as_str()?)), Since { at, answered: 0 }))
        };
        Told(value.as_array().into_iter().flatten().filter_map(one).collect())
    }
}

fn since_at(since: Since) -> Value {
    json!({ "since": since.at.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Counts;

    const NOW: Timestamp = Timestamp(1_795_262_400_000);

    fn sight() -> Sight {
        Sight { now: NOW, routes: Vec::new(), connections: Vec::new(), refused: None, trouble: None }
    }

    fn route(delivered: u32, dead: u32, failed: u32) -> Sight {
        let counts = Counts { delivered, dead, failed, ..Counts::default() };
        Sight { routes: vec![("a".into(), Summary { counts, ..Summary::default() })], ..sight() }
    }

    fn connection(shut: Option<bool>, answered: u64) -> Sight {
        let stand = Stand { shut: shut.map(|refused| (NOW, refused)), answered };
        Sight { connections: vec![("acme".into(), stand)], ..sight() }
    }

    fn said(told: &mut Told, sight: &Sight) -> Vec<&'static str> {
        told.look(sight).into_iter().map(|alert| alert.kind).collect()
    }

    #[test]
    fn a_route_fails_once_until_it_delivers() {
        let mut told = Told::default();
        let none: [&str; 0] = [];
        assert_eq!(said(&mut told, &route(0, 2, 0)), none, "too few");
        assert_eq!(said(&mut told, &route(3, 2, 1)), none, "not most");
        assert_eq!(said(&mut told, &route(2, 2, 1)), ["route.failing"]);
        assert_eq!(said(&mut told, &route(0, 9, 0)), none, "told already");
        let mut after = Told::from_json(&told.to_json());
        assert_eq!(said(&mut after, &route(0, 9, 0)), none, "by an earlier life");
        assert_eq!(said(&mut after, &route(0, 0, 0)), none, "nobody knows");
        assert_eq!(said(&mut after, &route(1, 0, 0)), ["route.recovered"]);
        assert_eq!(said(&mut told, &sight()), none, "the route is gone");
        assert_eq!(told, Told::default());
    }

    #[test]
    fn a_connection_is_down_until_it_answers() {
        let mut told = Told::default();
        let none: [&str; 0] = [];
        assert_eq!(said(&mut told, &connection(Some(false), 7)), ["connection.down"]);
        assert_eq!(said(&mut told, &connection(Some(false), 7)), none);
        assert_eq!(said(&mut told, &connection(None, 7)), none, "a start knows of no breaker");
        assert_eq!(said(&mut told, &connection(None, 8)), ["connection.up"]);
        let alerts = told.look(&connection(Some(true), 8));
        assert_eq!(alerts.first().and_then(|alert| alert.body.get("reason")), Some(&"refused".into()));
    }

    #[test]
    fn files_and_store_are_told_of() {
        let mut told = Told::default();
        let bad = Sight { refused: Some((2, "x".into())), trouble: Some("full".into()), ..sight() };
        assert_eq!(said(&mut told, &bad), ["reload.refused", "store.trouble"]);
        assert_eq!(said(&mut told, &bad).len(), 0);
        assert_eq!(said(&mut told, &sight()), ["reload.mended", "store.recovered"]);
    }
}
