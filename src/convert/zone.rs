//! Time zones as people write them: `Lisbon`, `America/SaoPaulo`.

use crate::diagnostic::suggest;

/// The zone of a city, or the one whose name is nearly what was written.
pub fn meant(written: &str) -> Option<String> {
    let plain = |name: &str| name.trim().to_lowercase().replace([' ', '-', '_'], "");
    let all: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let named = || all.iter().map(String::as_str).filter(|zone| !zone.starts_with("Etc/"));
    let wanted = plain(written);
    let is_city =
        |zone: &&str| plain(zone) == wanted || zone.rsplit('/').next().is_some_and(|city| plain(city) == wanted);
    let city = named().find(|zone| is_city(zone) && zone.contains('/')).or_else(|| named().find(is_city));
    let near = || suggest::nearest(written, named()).filter(|_| written.contains('/'));
    city.or_else(near).map(str::to_owned)
}
