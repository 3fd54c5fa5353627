//! Any text as a template and as a condition, evaluated against values of every kind.

#![no_main]

use jackfield::template::{Template, TemplateError};
use jackfield_fuzz::PAYLOADS;
use libfuzzer_sys::fuzz_target;

/// What a template that makes text may make, and what any value that it makes may be as text.
const LARGEST_TEXT: usize = 256 * 1024;
const LARGEST_VALUE: usize = 64 * 1024 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    jackfield_fuzz::deep(move || {
        for compile in [Template::compile, Template::condition, Template::lenient_condition] {
            match compile(&text) {
                Ok(template) => run(&template, &text),
                Err(errors) => {
                    assert!(!errors.is_empty());
                    errors.iter().for_each(|error| is_placed(error, &text));
                }
            }
        }
    });
});

fn run(template: &Template, text: &str) {
    for used in template.uses() {
        assert!(text.get(used.range.clone()).is_some(), "{:?} is no part of {text:?}", used.range);
    }
    for payload in PAYLOADS.iter() {
        let scope = jackfield_fuzz::scope(payload);
        match template.evaluate(&scope) {
            Err(error) => is_placed(&error, text),
            Ok(Some(value)) => {
                let limit = if template.is_whole() { LARGEST_VALUE } else { LARGEST_TEXT };
                assert!(value.to_json().len() <= limit * 6, "{text:?} makes too much");
            }
            Ok(None) => {}
        }
        if let Err(error) = template.holds(&scope) {
            is_placed(&error, text);
        }
    }
}

fn is_placed(error: &TemplateError, text: &str) {
    assert!(!error.message.is_empty());
    assert!(text.get(error.range.clone()).is_some(), "{:?} is no part of {text:?}", error.range);
}
