//! Any text as a YAML file: every node knows where it stands, and every problem can be drawn.

#![no_main]

use std::sync::Arc;

use jackfield::compile::Documents;
use jackfield::document::span::OffsetMap;
use jackfield::document::{Document, Kind, Node};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = &*String::from_utf8_lossy(bytes);
    let (document, diagnostics) = Document::parse("routes/a.yaml", text);
    if let Some(root) = &document.root {
        look(&document, root);
    }
    let document = Arc::new(document);
    let files = Documents([(document.file.clone(), document)].into());
    for diagnostic in &diagnostics {
        jackfield_fuzz::is_drawable(diagnostic, &files);
    }
});

fn look(document: &Document, node: &Node) {
    let text = &document.text;
    assert!(text.get(node.span.clone()).is_some(), "{:?} is no part of the text", node.span);
    assert_eq!(document.resolve(&node.place), node.span, "{:?}", node.place);
    match &node.kind {
        Kind::Scalar(scalar) => {
            let map = OffsetMap::new(text, node.span.clone(), scalar);
            for (at, c) in scalar.text.char_indices() {
                let range = map.range(at..at + c.len_utf8());
                assert!(text.get(range.clone()).is_some(), "{range:?} is no part of the text");
                // A block of lines at the end of a file has a line break that the file has not.
                let is_written = !range.is_empty() || range.start == text.len();
                assert!(!map.is_exact() || is_written, "{c:?} is written nowhere");
            }
            let _ = node.to_value();
        }
        Kind::List(items) => items.iter().for_each(|item| look(document, item)),
        Kind::Map(entries) => {
            for entry in entries {
                assert!(text.get(entry.key.span.clone()).is_some(), "{:?} is no part of the text", entry.key.span);
                assert_eq!(document.resolve(&entry.value.place.on_key()), entry.key.span);
                look(document, &entry.value);
            }
        }
    }
}
