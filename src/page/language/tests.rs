use std::sync::LazyLock;

use super::*;
use crate::clock::Timestamp;

static RULES: LazyLock<Environment<'static>> = LazyLock::new(Environment::new);

fn language(tag: &str) -> Language {
    all(&RULES).into_iter().find(|language| &*language.tag == tag).unwrap()
}

#[test]
fn every_file_is_a_language_with_the_same_texts() {
    let languages = all(&RULES);
    assert_eq!(languages.len(), FILES.files().count());
    let keys = |language: &Language| {
        let mut keys: Vec<String> = language.all.iter().map(|(key, _)| key.clone()).collect();
        keys.retain(|key| !key.starts_with("plurals."));
        keys.sort();
        keys
    };
    for other in &languages {
        assert_eq!(keys(other), keys(&languages[0]), "{}", other.tag);
        assert_eq!(other.months.len(), 12, "{}", other.tag);
    }
}

#[test]
fn numbers_are_written_as_the_language_does() {
    let (en, pt) = (language("en"), language("pt-BR"));
    let cases = [
        (Value::from(0), "0", "0"),
        (Value::from(1214), "1,214", "1.214"),
        (Value::from(-1_000_000), "-1,000,000", "-1.000.000"),
        (Value::from(0.6), "0.6", "0,6"),
        (Value::from(1234.0), "1,234", "1.234"),
    ];
    for (n, english, portuguese) in cases {
        assert_eq!((en.number(&n).as_str(), pt.number(&n).as_str()), (english, portuguese));
    }
    assert_eq!(en.percent(0.9915), "99.1%");
    assert_eq!(en.percent(0.9999), "99.9%");
    assert_eq!(pt.percent(1.0), "100%");
}

#[test]
fn times_and_sizes_are_told_in_the_unit_that_says_most() {
    let en = language("en");
    let now = Timestamp(1_795_000_000_000);
    let ago = |seconds: i64| en.ago(&Timestamp(now.0 - seconds * 1000).to_string(), now).unwrap();
    let told = [0, 5, 60, 7200, 86_400 * 3, -12].map(ago);
    assert_eq!(told, ["just now", "5 seconds ago", "1 minute ago", "2 hours ago", "3 days ago", "in 12 seconds"]);
    assert_eq!([640.0, 2310.0, 90_000.0].map(|ms| en.took(ms).unwrap()), ["640 ms", "2.3 s", "1.5 min"]);
    assert_eq!([12.0, 2_500_000.0].map(|size| en.size(size).unwrap()), ["12 bytes", "2.4 MB"]);
    assert_eq!(en.moment("2026-11-21T18:45:00.000Z").unwrap(), "21 Nov 2026, 18:45:00 UTC");
}

#[test]
fn a_text_takes_the_form_of_its_number() {
    let en = language("en");
    let n = |n: i64| [("n", Value::from(n))];
    assert_eq!(en.text("notice.released", &n(1)).unwrap(), "1 delivery goes on.");
    assert_eq!(en.text("notice.released", &n(1200)).unwrap(), "1,200 deliveries go on.");
    assert_eq!(en.text("nowhere.at_all", &[]), None);
}

#[test]
fn code_is_marked_and_all_else_is_escaped() {
    let coded = |text: &str| format::coded(&Value::from(text)).to_string();
    assert_eq!(coded("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
    assert_eq!(coded("one ` alone <"), "one ` alone <");
}

#[test]
fn a_browser_gets_the_language_that_it_wants_most() {
    let known: Vec<Arc<str>> = ["en", "pt-BR"].map(Arc::from).into();
    let cases = [
        ("", "en"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("de,pt;q=0.5,en;q=0.7", "en"),
        ("de", "en"),
        ("en;q=0, pt", "pt-BR"),
    ];
    for (header, tag) in cases {
        assert_eq!(&*wanted(header, known.iter()).unwrap(), tag, "{header}");
    }
}
