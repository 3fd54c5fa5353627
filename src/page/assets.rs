//! The files that a browser fetches beside the views: styles, script, editor, icon.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web/assets");

struct Asset {
    bytes: &'static [u8],
    kind: &'static str,
    /// In quotes, as the header has it.
    tag: String,
}

/// Each file by its name, with what tells one version from another.
static ASSETS: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let asset = |file: &'static include_dir::File<'static>| {
        let name = file.path().to_str()?;
        let tag = crate::template::filter::hex(&Sha256::digest(file.contents()));
        let tag = format!("\"{}\"", tag.get(..16)?);
        Some((name, Asset { bytes: file.contents(), kind: kind(name), tag }))
    };
    FILES.files().filter_map(asset).collect()
});

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

/// One file. A browser asks each time whether it has changed, so that none is old after an update.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.get(name.as_str()) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let about = [(header::ETAG, asset.tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or("");
    match known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.tag) {
        true => (StatusCode::NOT_MODIFIED, about).into_response(),
        false => (about, [(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response(),
    }
}
