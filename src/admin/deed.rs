//! What a person asks to be done, from the page as over the operator's address.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value as Json;

use super::asked::Asked;
use super::held::{self, Decision, Hands};
use super::look::Found;
use super::replay::ReplayAsked;
use super::{Admin, replay};
use crate::store::StoreError;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Replay,
    Release,
    Dismiss,
}

/// What the form of the page says of each.
const OF_THE_FORM: [&str; 4] = ["unknown", "repeat_steps", "by", "note"];

/// Does it, or with `dry_run` says what it would be done to; or why it can't be done, in words.
pub async fn deed(admin: &Admin, deed: Deed, asked: &Json) -> Result<Result<Json, String>, StoreError> {
    let mut known = match deed {
        Deed::Replay => ReplayAsked::KEYS.to_vec(),
        Deed::Release => Decision::Release.known(),
        Deed::Dismiss => Decision::Dismiss.known(),
    };
    known.extend(OF_THE_FORM);
    let asked = match Asked::from_json(asked.to_string().as_bytes(), &known) {
        Ok(asked) => asked,
        Err(problem) => return Ok(Err(problem)),
    };
    let found = match deed {
        Deed::Replay => replay::replayed(&Hands::of(admin), &asked).await?,
        Deed::Release => held::decided_now(admin, Decision::Release, &asked).await?,
        Deed::Dismiss => held::decided_now(admin, Decision::Dismiss, &asked).await?,
    };
    Ok(match found {
        Found::Json(told) => Ok(told),
        Found::Wrong(problem) => Err(problem),
        Found::Bytes(_) | Found::Nothing => Ok(Json::Null),
    })
}

/// The same as it is asked for over HTTP.
pub async fn asked_for(admin: Admin, deed: Deed, headers: HeaderMap, body: Bytes) -> Response {
    match deed {
        Deed::Replay => replay::replay(State(admin), headers, body).await,
        Deed::Release => held::release(State(admin), headers, body).await,
        Deed::Dismiss => held::dismiss(State(admin), headers, body).await,
    }
}
