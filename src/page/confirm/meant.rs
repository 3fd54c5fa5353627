//! What an address or a form means, as it is asked of whoever does it.

use serde_json::{Value as Json, json};

use crate::admin::Deed;
use crate::page::{Fields, back, events};

/// The fields that say which are meant.
const NARROWING: [&str; 9] =
    ["through_routes", "ids", "state", "route", "connection", "source", "since", "until", "unmatched"];

/// Which are meant.
#[derive(Debug, PartialEq)]
pub(super) enum Meant {
    /// Nothing says which.
    Nothing,
    /// What can't be understood, in words.
    Wrong(String),
    These(Json),
    /// The events of these deliveries, through the routes as they are now.
    EventsOf(Json),
}

impl Meant {
    pub fn of(what: Deed, fields: &Fields) -> Self {
        let says = |key: &str| fields.all(key).any(|value| value == "on");
        let mut body = json!({});
        let ids: Vec<&str> = fields.all("ids").filter(|id| !id.is_empty()).collect();
        if !ids.is_empty() {
            body["ids"] = json!(ids);
        }
        for key in ["route", "connection", "source"] {
            if let Some(text) = fields.get(key) {
                body[key] = text.into();
            }
        }
        for key in ["since", "until"] {
            match events::moment(fields, key) {
                Ok(Some(at)) => body[key] = at.to_string().into(),
                Ok(None) => {}
                Err(problem) => return Meant::Wrong(problem),
            }
        }
        match fields.get("state") {
            Some("failed") => body["unmade"] = true.into(),
            Some(state) => body["state"] = state.into(),
            None => {}
        }
        if says("unmatched") {
            body["unmatched"] = true.into();
        }
        if body == json!({}) {
            return Meant::Nothing;
        }
        match what {
            Deed::Replay if says("through_routes") => by_routes(body),
            Deed::Release if body.get("ids").is_none() && body.get("state").is_none() => {
                body["state"] = "held".into();
                Meant::These(body)
            }
            _ => Meant::These(body),
        }
    }
}

/// An event goes through its routes whole: where deliveries are meant by what they are of, they come first.
fn by_routes(mut body: Json) -> Meant {
    if body.get("connection").is_some() || body.get("state").is_some() {
        return Meant::EventsOf(body);
    }
    let is_event = |id: &Json| id.as_str().is_some_and(|id| id.starts_with("evt_"));
    if !body["ids"].as_array().is_some_and(|ids| ids.iter().all(is_event)) {
        body["routes"] = true.into();
    }
    Meant::These(body)
}

/// The fields that say which are meant, for the form that confirms it.
pub(super) fn fields(fields: &Fields) -> Vec<[String; 2]> {
    let of = |key: &&str| {
        fields
            .all(key)
            .filter(|value| !value.is_empty())
            .map(|value| [key.to_string(), value.to_owned()])
            .collect::<Vec<_>>()
    };
    NARROWING.iter().flat_map(of).collect()
}

/// Where to go afterwards: what was said, the page that led here, or the list that it is of.
pub(super) fn back(fields: &Fields, from: Option<&str>, host: Option<&str>) -> String {
    let path = |from: &str| {
        let (_, rest) = from.split_once("://")?;
        let (name, _) = rest.split_once('/')?;
        rest.get(name.len()..).filter(|_| Some(name) == host).map(str::to_owned)
    };
    let is_elsewhere = |path: &String| !["/replay", "/release", "/dismiss"].iter().any(|own| path.starts_with(own));
    let said = fields.get("back").map(str::to_owned).or_else(|| from.and_then(path).filter(is_elsewhere));
    let usual = || match (fields.get("state"), fields.get("ids")) {
        (Some(state @ ("held" | "failed")), _) => format!("/dead-letters?kind={state}"),
        (_, Some(id)) if id.starts_with("evt_") => format!("/events/{id}"),
        _ if fields.get("unmatched").is_some() => "/unmatched".to_owned(),
        _ => "/dead-letters".to_owned(),
    };
    back::safe(&said.unwrap_or_else(usual)).to_owned()
}

/// What the words of the command line say stands elsewhere on the page.
const IN_PLACE_OF: [(&str, &str); 6] = [
    ("; to send it once more, add --again", ""),
    ("; to send it all the same, add --again", ""),
    ("; to try it once more, add --again", ""),
    ("; mend the route, then add --through-routes", "; mend the route, then send its event through the routes"),
    (": name it by its id, with --again", ""),
    ("add --through-routes (over HTTP, routes)", "choose that"),
];

/// A problem in words that lead on from the page.
pub(super) fn for_page(problem: &str) -> String {
    IN_PLACE_OF.iter().fold(problem.to_owned(), |text, (words, instead)| text.replace(words, instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Fields {
        Fields::of(text.as_bytes())
    }

    #[test]
    fn an_address_says_which_are_meant() {
        let cases = [
            (Deed::Replay, "", Meant::Nothing),
            (Deed::Replay, "state=dead", Meant::These(json!({ "state": "dead" }))),
            (Deed::Replay, "state=dead&through_routes=on", Meant::EventsOf(json!({ "state": "dead" }))),
            (Deed::Replay, "state=failed&through_routes=on", Meant::These(json!({ "unmade": true, "routes": true }))),
            (Deed::Replay, "ids=evt_1&through_routes=on", Meant::These(json!({ "ids": ["evt_1"] }))),
            (Deed::Replay, "ids=dlv_1&ids=dlv_2", Meant::These(json!({ "ids": ["dlv_1", "dlv_2"] }))),
            (Deed::Replay, "unmatched=on&source=a", Meant::These(json!({ "unmatched": true, "source": "a" }))),
            (Deed::Release, "route=a", Meant::These(json!({ "route": "a", "state": "held" }))),
            (Deed::Dismiss, "until=2026-11-21T09:30", Meant::These(json!({ "until": "2026-11-21T09:30:00.000Z" }))),
        ];
        for (what, text, wanted) in cases {
            assert_eq!(Meant::of(what, &of(text)), wanted, "{text}");
        }
        assert!(matches!(Meant::of(Deed::Dismiss, &of("since=soon")), Meant::Wrong(_)));
    }

    #[test]
    fn it_goes_back_to_where_it_came_from() {
        let host = Some("127.0.0.1:8082");
        let from = |from| back(&of("state=dead"), Some(from), host);
        assert_eq!(from("http://127.0.0.1:8082/dead-letters?route=a"), "/dead-letters?route=a");
        assert_eq!(from("http://evil.example/dead-letters?route=a"), "/dead-letters");
        assert_eq!(from("http://127.0.0.1:8082/replay?ids=x"), "/dead-letters");
        assert_eq!(back(&of("state=held"), None, host), "/dead-letters?kind=held");
        assert_eq!(back(&of("ids=evt_1"), None, host), "/events/evt_1");
        assert_eq!(back(&of("back=//evil.example"), None, host), "/");
    }
}
