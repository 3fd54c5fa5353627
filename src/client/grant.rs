//! OAuth 2: what a token service is asked, and what its answer says.

use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::target::{Unsendable, target};
use crate::clock::Timestamp;
use crate::delivery::Trouble;
use crate::pack::link::Private;
use crate::pack::outcome::Answer;
use crate::pack::{Connection, HeaderPart, OAuth2, TokenAddress};
use crate::request::encode;
use crate::secret::Secret;
use crate::store::StoredToken;
use crate::template::Scope;
use crate::value::{Value, json};

/// How long a token is used whose service does not say.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How long before its end a token is not used any more; less for one that does not live long.
const EARLY: Duration = Duration::from_secs(60);
/// No token is taken to live longer.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What OAuth 2 calls its errors. Only these words of an answer are ever shown.
const ERRORS: &[&str] = &[
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
];

/// What a connection has to show for a token.
pub(super) struct Grant {
    pub(super) url: url::Url,
    /// The fields of the form, without the refresh token.
    fields: Vec<(Arc<str>, Secret)>,
    /// The refresh token of the settings; without one the client's own credentials are enough.
    refresh: Option<Secret>,
    /// Of all this: other settings, other tokens.
    pub(super) fingerprint: String,
}

impl Grant {
    /// The grant of a connection; a trouble when a setting is not there or can't be sent.
    pub(super) fn of(connection: &Connection, oauth2: &OAuth2) -> Result<Grant, Trouble> {
        let url = match (&oauth2.address, connection.link.private) {
            (TokenAddress::Path(path), _) => target(&connection.base_url, path),
            // The sandbox stands in for this service as well.
            (address, Private::Only(_)) => target(&connection.base_url, &address.path()),
            (TokenAddress::Url(url), _) => target(url, ""),
        };
        let url = url.map_err(|_: Unsendable| Trouble::Unsendable)?;
        let refresh = match &oauth2.refresh_token {
            Some(name) => Some(connection.secrets.get(name).cloned().ok_or(Trouble::NoConnection)?),
            None => None,
        };
        let kind = if refresh.is_some() { "refresh_token" } else { "client_credentials" };
        let mut fields: Vec<(Arc<str>, Secret)> = vec![("grant_type".into(), Secret::new(kind))];
        let own = [("client_id".into(), &oauth2.client_id), ("client_secret".into(), &oauth2.client_secret)];
        for (name, parts) in own.into_iter().chain(oauth2.fields.iter().map(|(name, parts)| (name.clone(), parts))) {
            let value = text(parts, connection).ok_or(Trouble::NoConnection)?;
            fields.retain(|(known, _)| *known != name);
            fields.push((name, value));
        }
        let fingerprint = fingerprint(url.as_str(), &fields, refresh.as_ref());
        Ok(Grant { url, fields, refresh, fingerprint })
    }

    /// The form that asks for a token, with the refresh token that was given last.
    pub(super) fn form(&self, last: Option<&StoredToken>) -> String {
        let refresh = last.and_then(|last| last.refresh.as_ref()).or(self.refresh.as_ref());
        let refresh = refresh.filter(|_| self.refresh.is_some()).map(|token| ("refresh_token", token));
        let fields = self.fields.iter().map(|(name, value)| (&**name, value)).chain(refresh);
        let pairs = fields.map(|(name, value)| format!("{}={}", encode(name), encode(value.expose())));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// A refresh token that came without an access token: nothing but for asking with it.
    pub(super) fn rotated(&self, refresh: Secret, asked_at: Timestamp) -> StoredToken {
        let fingerprint = self.fingerprint.clone();
        StoredToken { access: Secret::new(""), refresh: Some(refresh), expires_at: Some(asked_at), fingerprint }
    }

    /// The token that an answer gives. One that gives no other refresh token leaves the last one good.
    pub(super) fn token(
        &self,
        answer: &Answer,
        last: Option<&StoredToken>,
        asked_at: Timestamp,
    ) -> Result<StoredToken, Refused> {
        let body = json::parse(&answer.body, &json::Limits::default()).unwrap_or_default();
        let word = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let error = word("error");
        let is_refused = match answer.status {
            408 | 425 | 429 | 500..=599 => return Err(Refused::for_now()),
            // Some services refuse with 200.
            200..=299 => error.is_some(),
            400 | 401 => true,
            // What does not speak OAuth comes of something before the service, and may be over in a moment.
            _ if error.and_then(known).is_none() => return Err(Refused::for_now()),
            _ => true,
        };
        if is_refused {
            return Err(Refused { word: error.and_then(known), ..Refused::because(Trouble::TokenRefused) });
        }
        let given = word("refresh_token").map(Secret::new);
        let Some(access) = word("access_token").filter(|token| is_sendable(token)) else {
            return Err(Refused { rotated: given, ..Refused::for_now() });
        };
        Ok(StoredToken {
            access: Secret::new(access),
            refresh: given.or_else(|| last.and_then(|last| last.refresh.clone())),
            expires_at: Some(asked_at.plus(useful(lifetime(body.get("expires_in"))))),
            fingerprint: self.fingerprint.clone(),
        })
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) trouble: Trouble,
    /// One of OAuth's own words.
    pub(super) word: Option<&'static str>,
    /// The refresh token that was given all the same: the one before it may be worth nothing any more.
    pub(super) rotated: Option<Secret>,
}

impl Refused {
    pub(super) fn because(trouble: Trouble) -> Self {
        Refused { trouble, word: None, rotated: None }
    }

    pub(super) fn for_now() -> Self {
        Refused::because(Trouble::NoToken)
    }
}

fn known(word: &str) -> Option<&'static str> {
    ERRORS.iter().copied().find(|known| *known == word)
}

/// A token is one word of visible characters: it stands in a header.
fn is_sendable(token: &str) -> bool {
    token.len() <= 16 * 1024 && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `expires_in`, as number or text.
fn lifetime(given: Option<&Value>) -> Duration {
    let text = given.and_then(|value| crate::convert::text(value).ok());
    let seconds = text.and_then(|text| text.trim().parse::<f64>().ok()).filter(|seconds| *seconds > 0.0);
    seconds.map_or(LIFETIME, |seconds| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

/// For how much of its life a token is used.
fn useful(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(EARLY.min(lifetime / 10))
}

fn text(parts: &[HeaderPart], connection: &Connection) -> Option<Secret> {
    let scope = Scope::new().with("connection", connection.settings.clone());
    let part = |part: &HeaderPart| match part {
        HeaderPart::Text(text) => Some(text.to_string()),
        HeaderPart::Secret(name) => Some(connection.secrets.get(name)?.expose().to_owned()),
        HeaderPart::Template(template) => template.evaluate_text(&scope).ok()?,
    };
    parts.iter().map(part).collect::<Option<String>>().map(Secret::new)
}

/// A hash of everything with which a token is asked for. Each part is led by its length, so that none runs into the next.
fn fingerprint(url: &str, fields: &[(Arc<str>, Secret)], refresh: Option<&Secret>) -> String {
    let fields = fields.iter().flat_map(|(name, value)| [&**name, value.expose()]);
    let parts = [url].into_iter().chain(fields).chain(refresh.map(Secret::expose));
    let text: String = parts.map(|part| format!("{}:{part}", part.len())).collect();
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let url = url::Url::parse("https://api.example.com/oauth/token").unwrap();
        let fields =
            vec![("grant_type".into(), Secret::new("refresh_token")), ("client_secret".into(), Secret::new("a&b=c"))];
        Grant { url, fields, refresh: Some(Secret::new("first")), fingerprint: "f".to_owned() }
    }

    fn answered(status: u16, body: &str) -> Result<StoredToken, Refused> {
        let answer = Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        grant().token(&answer, None, Timestamp(0))
    }

    #[test]
    fn every_answer_is_a_token_or_says_who_is_to_act() {
        let refused = |word| Refused { word, ..Refused::because(Trouble::TokenRefused) };
        let rotated = Refused { rotated: Some(Secret::new("r1")), ..Refused::for_now() };
        let cases = [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"user@example.com"}"#,
                refused(Some("invalid_grant")),
            ),
            (401, r#"{"error":"invalid_client"}"#, refused(Some("invalid_client"))),
            (401, r#"{"error":"user@example.com"}"#, refused(None)),
            (400, "", refused(None)),
            (403, r#"{"error":"access_denied"}"#, refused(Some("access_denied"))),
            (403, "<html>", Refused::for_now()),
            (403, r#"{"error":"blocked by the firewall"}"#, Refused::for_now()),
            (404, "<html>", Refused::for_now()),
            (302, "", Refused::for_now()),
            (200, r#"{"refresh_token":"r1"}"#, rotated.clone()),
            (200, r#"{"access_token":"a b","refresh_token":"r1"}"#, rotated),
            (200, r#"{"error":"invalid_grant"}"#, refused(Some("invalid_grant"))),
            (200, "<html>", Refused::for_now()),
            (200, r#"{"access_token":""}"#, Refused::for_now()),
            (200, r#"{"access_token":"a\r\nHost: b"}"#, Refused::for_now()),
            (429, r#"{"error":"invalid_grant"}"#, Refused::for_now()),
            (503, "", Refused::for_now()),
        ];
        for (status, body, expected) in cases {
            assert_eq!(answered(status, body), Err(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_token_is_not_used_to_its_end() {
        let until = |body: &str| answered(200, body).unwrap().expires_at.unwrap().0;
        assert_eq!(until(r#"{"access_token":"a","expires_in":86400}"#), 86_340_000);
        assert_eq!(until(r#"{"access_token":"a","expires_in":"100"}"#), 90_000);
        assert_eq!(until(r#"{"access_token":"a"}"#), 3_540_000);
        assert_eq!(until(r#"{"access_token":"a","expires_in":-1}"#), 3_540_000);
        assert_eq!(until(r#"{"access_token":"a","expires_in":1e300}"#), 315_359_940_000);
    }

    #[test]
    fn a_rotated_token_takes_the_place_of_the_first() {
        let rotated = answered(200, r#"{"access_token":"a","refresh_token":"second"}"#).unwrap();
        assert_eq!(grant().form(None), "grant_type=refresh_token&client_secret=a%26b%3Dc&refresh_token=first");
        assert!(grant().form(Some(&rotated)).ends_with("&refresh_token=second"));
        let answer = Answer { status: 200, headers: Vec::new(), body: br#"{"access_token":"b"}"#.to_vec() };
        let kept = grant().token(&answer, Some(&rotated), Timestamp(0)).unwrap();
        assert_eq!(kept.refresh, Some(Secret::new("second")), "what is not replaced stays good");
    }

    #[test]
    fn parts_of_a_fingerprint_do_not_run_into_each_other() {
        let one = fingerprint("u", &[("ab".into(), Secret::new("c"))], None);
        assert_ne!(one, fingerprint("u", &[("a".into(), Secret::new("bc"))], None));
        assert_ne!(one, fingerprint("u", &[("ab".into(), Secret::new("c"))], Some(&Secret::new(""))));
    }
}
