//! Any text as a JSONPath, in the first line, over usual payloads and the one that the other lines are.

#![no_main]

use jackfield::path::{Path, nearby};
use jackfield::value::{Value, json};
use jackfield_fuzz::PAYLOADS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    jackfield_fuzz::deep(move || {
        let (path, payload) = jackfield_fuzz::first_line(&text);
        match Path::parse(path) {
            Err(error) => {
                assert!(path.get(error.range.clone()).is_some(), "{:?} is no part of {path:?}", error.range);
                assert!(!error.message.is_empty());
            }
            Ok(path) => {
                let own = json::parse(payload.as_bytes(), &json::Limits::default()).ok();
                PAYLOADS.iter().chain(&own).for_each(|payload| search(&path, payload));
            }
        }
    });
});

fn search(path: &Path, payload: &Value) {
    let found = path.select(payload, 50);
    assert_eq!(found.first().map(|(_, value)| *value), path.first(payload));
    assert!(!path.is_singular() || found.len() <= 1);
    for (location, value) in found {
        // A location is shown as the path that finds this and nothing else.
        let Ok(exact) = Path::parse(&location.to_string()) else {
            assert!(location.to_string().len() > 4000, "{location} is no path");
            continue;
        };
        assert!(exact.all(payload, 2).iter().all(|same| std::ptr::eq(*same, value)), "{location} finds another");
        assert!(exact.first(payload).is_some(), "{location} finds nothing");
    }
    let _ = nearby(payload, path);
}
