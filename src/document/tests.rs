//! The reader held against each slip, hostile files, and random texts.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::span::OffsetMap;
use super::*;
use crate::diagnostic::{Code, Located, Severity};

fn parse(text: &str) -> (Document, Vec<Diagnostic>) {
    Document::parse("routes/a.yaml", text)
}

fn good(text: &str) -> Node {
    let (document, diagnostics) = parse(text);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    document.root.expect("a root")
}

fn at(document: &Document, place: &Place) -> (usize, String) {
    let range = document.resolve(place);
    let located = Located { file: &document.file, text: &document.text, range: range.clone() };
    (located.line_column().0, document.text[range].to_owned())
}

/// One slip, one diagnostic: its code, its message, the line and the text underlined, and its help.
#[track_caller]
fn slip(text: &str, code: Code, message: &str, line: usize, underlined: &str, help: &str) {
    let (document, diagnostics) = parse(text);
    let [one] = diagnostics.as_slice() else { panic!("one diagnostic expected: {diagnostics:#?}") };
    assert_eq!((one.code, one.message.as_str()), (code, message));
    assert_eq!(at(&document, one.place().expect("a place")), (line, underlined.to_owned()));
    assert_eq!(one.help.as_deref(), Some(help));
}

fn codes(text: &str) -> Vec<Code> {
    parse(text).1.into_iter().map(|d| d.code).collect()
}

#[test]
fn a_tree_knows_its_places_and_spans() {
    let text = "name: x\nsend:\n  - to: \"y\"\n    n: 3\n  - [1, 2]\n";
    let (document, diagnostics) = parse(text);
    assert_eq!(diagnostics, []);
    let root = document.root.as_ref().expect("a root");
    let send = root.get("send").expect("send");
    assert_eq!(&text[send.span.clone()], "to: \"y\"\n    n: 3\n  - [1, 2]");
    let to = send.as_list().and_then(|items| items.first()).and_then(|item| item.get("to")).expect("to");
    assert_eq!(to.place.path.to_string(), "send[0].to");
    assert_eq!(at(&document, &to.place), (3, "\"y\"".into()));
    assert_eq!(at(&document, &to.place.on_key()), (3, "to".into()));
    assert_eq!(at(&document, &to.place.part(0..1)), (3, "y".into()));
    assert_eq!(document.node(&to.place.path).map(Node::describe), Some("text".into()));
    assert_eq!(at(&document, &send.place.index(1).index(0)), (5, "1".into()));
    assert_eq!(at(&document, &send.place.index(7).key("x")).0, 3);
}

#[test]
fn scalars_are_typed_by_the_core_schema_and_json_numbers() {
    let typed = |text: &str| match good(&format!("a: {text}\n")).get("a").map(Node::describe) {
        Some(described) => described,
        None => panic!("no value"),
    };
    for number in ["3", "-3", "0", "1.50", "1e400", "123456789012345678901234567890", "0.1E-5"] {
        assert_eq!(typed(number), format!("the number {number}"));
    }
    for text in
        ["no", "yes", "on", "012", "1_000", "0x10", "+5", ".5", "5.", ".inf", "1e", "'3'", "\"true\"", "2024-01-01"]
    {
        assert_eq!(typed(text), "text", "{text}");
    }
    for null in ["", "~", "null"] {
        assert_eq!(typed(null), "nothing");
    }
    assert_eq!((typed("true"), typed("[]"), typed("{}")), ("true".into(), "a list".into(), "a mapping".into()));
}

#[test]
fn a_missing_value_stands_after_its_colon() {
    let root = good("a:\nb: 1\n");
    let a = root.get("a").expect("a");
    assert_eq!((a.span.clone(), a.as_scalar().map(Scalar::typed)), (2..2, Some(Typed::Null)));
}

#[test]
fn empty_files_have_no_root_and_no_problem() {
    for text in ["", "\n\n", "# only a comment\n", "\u{feff}", "\u{feff}# c\r\n", "---\n"] {
        let (document, diagnostics) = parse(text);
        let described = document.root.map(|root| root.describe());
        assert!(diagnostics.is_empty() && described.is_none(), "{text:?} {described:?} {diagnostics:?}");
    }
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_fine() {
    let text = "\u{feff}a: é\r\nb: |\r\n  x\r\n  yé\r\n";
    let (document, diagnostics) = parse(text);
    assert_eq!(diagnostics, []);
    let place = Place::file("routes/a.yaml");
    assert_eq!(at(&document, &place.key("a")), (1, "é".into()));
    assert_eq!(at(&document, &place.key("b").part(2..5)), (4, "yé".into()));
}

#[test]
fn tabs() {
    let message = "this line is indented with a tab";
    slip("a:\n  b: 1\n\tc: 2\n", Code::YamlTab, message, 3, "\t", "use spaces: `  c: 2`");
    slip("a:\n\tb: 1\n", Code::YamlTab, message, 2, "\t", "use spaces: `  b: 1`");
    let help = "use spaces: `  b: 1`; one more line below has tabs as well";
    slip("a:\n\tb: 1\n\tc: 1\n", Code::YamlTab, message, 2, "\t", help);
    slip("a: |\n\ttext\n", Code::YamlTab, message, 2, "\t", "use spaces: `  text`");
}

#[test]
fn wrong_indentation() {
    let message = "this line is indented differently from the lines above it";
    let help = "start it with 4 spaces, like `b: 1` on line 2; or with no spaces, like `a:` on line 1";
    slip("a:\n    b: 1\n  c: 2\n", Code::YamlIndent, message, 3, "  ", help);
    let help = "start it with 2 spaces, like `b: 1` on line 2; to put it inside `b`, remove the value of `b`";
    slip("a:\n  b: 1\n   c: 2\n", Code::YamlIndent, message, 3, "   ", help);
    let help = "start it with 2 spaces, like `a: 1` on line 1";
    slip("- a: 1\n b: 2\n", Code::YamlIndent, message, 2, " ", help);
}

#[test]
fn list_items() {
    let message = "this line is indented differently from the lines above it";
    slip("a:\n  - x\n - y\n", Code::YamlIndent, message, 3, " ", "start it with 2 spaces, like `- x` on line 2");
    let message = "this list item stands where a key is expected";
    let help = "indent it under the key that it belongs to, or write it as `key: value` like `b` above";
    slip("a:\n  b: y\n  - x\n", Code::YamlIndent, message, 3, "- x", help);
    let message = "this line stands among list items but does not start with `- `";
    let help = "write `- b: y` for a new item; indent it by 2 more spaces if it belongs to the item above it, \
                or by fewer if it does not belong to the list";
    slip("a:\n  - x\n  b: y\n", Code::YamlIndent, message, 3, "b: y", help);
    let message = "a list cannot start on the line of its key";
    let help = "start the list on the next line, indented; if this is text, put it in quotes: `a: \"- b\"`";
    slip("a: - b\n", Code::YamlIndent, message, 1, "- b", help);
}

#[test]
fn a_second_colon() {
    let message = "there is a second `: ` on this line, so the value must be quoted";
    let help = "put it in quotes: `name: \"Typeform: to SMS\"`";
    slip("name: Typeform: to SMS\n", Code::YamlUnquotedValue, message, 1, "Typeform: to SMS", help);
    let help = "put it in quotes: `- a: \"x: y\" # c`";
    slip("- a: x: y # c\n- b: 1\n", Code::YamlUnquotedValue, message, 1, "x: y", help);
}

#[test]
fn unquoted_templates() {
    let message = "a value with {{ }} must be quoted";
    let help = "put it in quotes: `To: \"{{ phone }}\"`";
    slip("body:\n  To: {{ phone }}\n", Code::YamlUnquotedTemplate, message, 2, "{{ phone }}", help);
    let help = "put it in quotes: `To: \"{{ phone }} x\"`";
    slip("body:\n  To: {{ phone }} x\n", Code::YamlUnquotedTemplate, message, 2, "{{ phone }} x", help);
    let help = "put it in quotes: `To: \"{{ x }}.{{ y == 'z' }}\"`";
    let value = "{{ x }}.{{ y == 'z' }}\"";
    slip("body:\n  To: {{ x }}.{{ y == 'z' }}\"\n", Code::YamlUnquotedTemplate, message, 2, value, help);
    let help = "put it in quotes: `a: { b: \"{{ x }} and {{ y }}\", c: 3 }`";
    let value = "{{ x }} and {{ y }}";
    slip("a: { b: {{ x }} and {{ y }}, c: 3 }\n", Code::YamlUnquotedTemplate, message, 1, value, help);
    let help = "put it in quotes: `- [\"x {{ y }}\", 3]`";
    slip("- [x {{ y }}, 3]\n", Code::YamlUnquotedTemplate, message, 1, "x {{ y }}", help);
    let message = "a value with {% %} must be quoted";
    let help = "put it in quotes: `To: \"{% if x %}a{% endif %}\"`";
    slip("To: {% if x %}a{% endif %}\n", Code::YamlUnquotedTemplate, message, 1, "{% if x %}a{% endif %}", help);
}

#[test]
fn what_the_help_says_is_read_on_with() {
    let text = "a: {{ x }} y\nb: @z\nc: {{ u }}\nd: P: q\nd: 1\n";
    let (document, diagnostics) = parse(text);
    let root = document.root.as_ref().expect("a root");
    let value = |key| root.get(key).and_then(Node::as_scalar).map(|scalar| scalar.text.to_string());
    assert_eq!(value("a").as_deref(), Some("{{ x }} y"));
    assert_eq!(value("c").as_deref(), Some("{{ u }}"));
    assert_eq!(value("d").as_deref(), Some("P: q"));
    assert_eq!(at(&document, &Place::file("routes/a.yaml").key("a").part(3..4)), (1, "x".into()));
    assert_eq!(diagnostics.len(), 5);
    let mut fixed = text.to_owned();
    let mut fixes: Vec<_> = diagnostics.into_iter().filter_map(|d| d.fix).collect();
    fixes.sort_by_key(|fix| std::cmp::Reverse(document.resolve(&fix.place).start));
    fixes.iter().for_each(|fix| fixed.replace_range(document.resolve(&fix.place), &fix.replacement));
    assert_eq!(fixed, "a: \"{{ x }} y\"\nb: \"@z\"\nc: \"{{ u }}\"\nd: \"P: q\"\nd: 1\n");
    let (_, diagnostics) = parse("source: path: /x\n");
    assert!(diagnostics.iter().all(|d| d.fix.is_none()), "{diagnostics:?}");
}

#[test]
fn reserved_characters() {
    for c in ['@', '%', ',', ']', '}', '?'] {
        let message = format!("an unquoted value cannot start with `{c}`");
        let help = format!("put it in quotes: `a: \"{c} x\" # c`");
        slip(&format!("a: {c} x # c\n"), Code::YamlUnquotedValue, &message, 1, &format!("{c} x"), &help);
    }
    let message = "an unquoted value cannot start with a backtick";
    slip("a: `x\n", Code::YamlUnquotedValue, message, 1, "`x", "put it in quotes: `a: \"`x\"`");
    let message = "an unquoted key cannot start with `@`";
    slip("@a: x\n", Code::YamlUnquotedValue, message, 1, "@a", "put it in quotes: `\"@a\": x`");
    let message = "text cannot follow `>` on the same line";
    let help = "start the text on the next line, indented, or, if `>` belongs to it, put it in quotes: `a: \"> 5\"`";
    slip("a: > 5\n", Code::YamlUnquotedValue, message, 1, "> 5", help);
}

#[test]
fn unsupported_yaml() {
    let code = Code::YamlUnsupported;
    let help = "if it is text, put it in quotes: `a: \"*name\"`; if not, write the value out here";
    slip("a: *name\n", code, "`*name` is a YAML alias, which is not supported", 1, "*name", help);
    let help = "if it is text, put it in quotes: `a: \"&name x\"`; if not, remove `&name`";
    slip("a: &name x\n", code, "`&name` is a YAML anchor, which is not supported", 1, "&name", help);
    let help = "if it is text, put it in quotes: `a: \"!tag x\"`; if not, remove `!tag`";
    slip("a: !tag x\n", code, "`!tag` is a YAML tag, which is not supported", 1, "!tag", help);
    let message = "`<<` merges another mapping into this one, which is not supported";
    slip("<<: x\n", code, message, 1, "<<", "write the merged keys out here");
    let message = "a line that starts with `%` is a YAML directive, which is not supported";
    slip("%YAML 1.2\n---\na: 1\n", code, message, 1, "%YAML 1.2", "remove this line");
    let message = "a second document starts here, and a file holds only one";
    let help = "remove this line, or move what follows it into a file of its own";
    slip("a: 1\n---\nb: 2\n", code, message, 2, "---", help);
    let message = "a key must be text, not a list or a mapping";
    let help = "write a word before the colon, as in `name: value`";
    slip("? [a]\n: b\n", code, message, 1, "[a]", help);
}

#[test]
fn unclosed_quotes_are_shown_where_they_open() {
    let message = "this quote is never closed";
    let help = "close it at the end of the text: `b: \"open\"`";
    slip("a:\n  b: \"open\n  c: \"x\"\n", Code::YamlUnclosedQuote, message, 2, "\"open", help);
    let help = "close it at the end of the text: `a: 'open'`";
    slip("a: 'open\nb: 1\nc: 2\n", Code::YamlUnclosedQuote, message, 1, "'open", help);
    assert_eq!(codes("a: 'open\nb: {{ x }}'\n"), [Code::YamlUnclosedQuote, Code::YamlUnquotedTemplate]);
    slip("a: 'open", Code::YamlUnclosedQuote, message, 1, "'open", help);
    let help = "a `\\` takes its meaning from the quote after it; use single quotes: `a: 'C:\\'`";
    slip("a: \"C:\\\"\nb: 1\n", Code::YamlUnclosedQuote, message, 1, "\"C:\\\"", help);
}

#[test]
fn quotes_within_quotes() {
    let message = "there is text after the closing quote";
    let help = "to have this quote inside the text, put other quotes around it: `a: \"it's here\"`";
    slip("a: 'it's here'\n", Code::YamlUnclosedQuote, message, 1, "s here'", help);
    let help = "close the quote at the end of the value: `a: \"x y\" # c`";
    slip("a: \"x\" y # c\n", Code::YamlUnclosedQuote, message, 1, "y", help);
}

#[test]
fn escapes() {
    let message = "`\\d` is not an escape that double quotes know";
    let help = "use single quotes, which keep a backslash as it is: `a: '^\\d+$'`";
    slip("a: \"^\\d+$\"\n", Code::YamlBadEscape, message, 1, "\\d", help);
    let say = "write each backslash that is meant as one twice";
    let help = &format!("{say}: `a: \"\\\"\\\\d\"`");
    slip("a: \"\\\"\\d\"\n", Code::YamlBadEscape, message, 1, "\\d", help);
    // A line break may be meant.
    slip("a: \"it's \\d\\n\"\n", Code::YamlBadEscape, message, 1, "\\d", say);
}

#[test]
fn brackets() {
    let code = Code::YamlUnclosedBracket;
    slip("a: [1, 2\nb: 3\n", code, "this `[` is never closed", 1, "[", "close it with `]`: `a: [1, 2]`");
    slip("a: {x: 1\nb: 3\n", code, "this `{` is never closed", 1, "{", "close it with `}`: `a: {x: 1}`");
    slip("a: [1, 2", code, "this `[` is never closed", 1, "[", "close it with `]`: `a: [1, 2]`");
    slip("a: [1, 2}\n", code, "this `[` is closed with `}`", 1, "[", "close it with `]`: `a: [1, 2]`");
    let message = "a comma is missing between two entries";
    slip("a: {\n  x: 1\n  y: 2\n}\n", code, message, 2, "x: 1", "end this line with a comma: `x: 1,`");
}

#[test]
fn more_brackets() {
    let code = Code::YamlUnclosedBracket;
    let help = "close it with `}` after its last entry";
    slip("a:\n  b: {\n    c: 1\n\nd: x\n", code, "this `{` is never closed", 2, "{", help);
    let help = "remove it, or write what it is to close before it; a text that ends with `}` needs quotes";
    slip("a: {b: \"x\"}}\n", code, "this `}` closes nothing", 1, "}", help);
    let help = "remove the dash and separate the entries with commas, or remove the brackets";
    slip("a: [\n  - x\n]\n", code, "a `- ` cannot stand inside `[ ]` or `{ }`", 2, "-", help);
    let message = "a text with `[` in it must be quoted within `[ ]` and `{ }`";
    let help = "put it in quotes: `a: [\"$.a[0]\", $.b]`";
    slip("a: [$.a[0], $.b]\n", Code::YamlUnquotedValue, message, 1, "$.a[0]", help);
    let help = "put it in quotes: `a: { path: \"$.a[0].b[?@.c == ',]'].d\", as: x }`";
    let path = "$.a[0].b[?@.c == ',]'].d";
    slip("a: { path: $.a[0].b[?@.c == ',]'].d, as: x }\n", Code::YamlUnquotedValue, message, 1, path, help);
    let message = "there is text after the closing `]`";
    let help = "remove `x`, or, if all of it is text, put it in quotes: `a: \"[1] x\"`";
    slip("a: [1] x\n", Code::YamlUnquotedValue, message, 1, "x", help);
}

#[test]
fn items_that_yaml_takes_for_text() {
    let message = "this line looks like a list item, but it continues the item above it";
    slip("a:\n- b\n - c\n", Code::YamlIndent, message, 3, "- c", "start it with no spaces, like `- b` on line 2");
    let message = "this line looks like a list item, but it continues the value above it";
    let help = "if it is an item, leave the line of its key without a value; if it is text, put all of it in quotes";
    slip("a: 1\n  - b\n", Code::YamlIndent, message, 2, "- b", help);
    slip("- a: 1\n-b: 2\n", Code::YamlMissingSpace, "a space is missing after the dash", 2, "-", "write `- b: 2`");
    slip("-a: 1\n- b\n", Code::YamlMissingSpace, "a space is missing after the dash", 1, "-", "write `- a: 1`");
}

#[test]
fn two_keys_on_a_line() {
    let help = "write `key:` on a line of its own, indented";
    slip("a: key:\n  b: c\n", Code::YamlIndent, "there are two keys on this line", 1, "key:", help);
}

#[test]
fn colons_and_spaces_missing() {
    let message = "a space is missing after the colon";
    slip("key:{ a: { b: c } }\nb: 1\n", Code::YamlMissingSpace, message, 1, "key:", "write `key: { a: { b: c } }`");
    slip("key:{ a: b, c: d }\nb: 1\n", Code::YamlMissingSpace, message, 1, "key:", "write `key: { a: b, c: d }`");
    slip("key:value\nb: 1\n", Code::YamlMissingSpace, message, 1, "key:value", "write `key: value`");
    slip("a: 1\nkey:value\n", Code::YamlMissingSpace, message, 2, "key:value", "write `key: value`");
    slip("key:value\n", Code::YamlMissingSpace, message, 1, "key:value", "write `key: value`");
    let message = "a colon is missing after `name`";
    let help = "write `name: Typeform`; or indent this line further if it continues the text above";
    slip("a: 1\nname Typeform\n", Code::YamlMissingColon, message, 2, "name Typeform", help);
    slip("a: 1\nname = Typeform\nb: 1\n", Code::YamlMissingColon, message, 2, "name = Typeform", help);
}

#[test]
fn hidden_comments_are_a_warning() {
    let message = "everything after ` #` is a comment and not part of the value";
    let help = "if it belongs to the value, put all of it in quotes: `path: \"$.a #b\"`";
    slip("path: $.a #b\n", Code::YamlHiddenComment, message, 1, "#b", help);
    let help = "if it belongs to the value, put all of it in quotes: `body: \"Lead #1 from {{ name }}\"`";
    slip("body: Lead #1 from {{ name }}\n", Code::YamlHiddenComment, message, 1, "#1 from {{ name }}", help);
    for text in ["b: Lead # {{ n }}\n", "- Lead #{{ n }}\n", "b: Lead  #{{ n }}\n"] {
        let (_, diagnostics) = parse(text);
        assert!(diagnostics.iter().any(|d| d.code == Code::YamlHiddenComment), "{text}: {diagnostics:?}");
    }
    for text in ["b: Lead  # as {{ n }}\n", "b: Lead #1\n", "b: 5 #five\n", "b: 5 # {{ five\n", "b: \"x\" # {{ n }}\n"]
    {
        assert!(parse(text).1.is_empty(), "{text}: {:?}", parse(text).1);
    }
    for text in ["b: 1\n# {{ n }}\nc: 2\n", "b:\n  # {{ n }}\n  c: 2\n", "b: |  # {{ n }}\n  x\n"] {
        assert!(parse(text).1.is_empty(), "{text}: {:?}", parse(text).1);
    }
    let (document, diagnostics) = parse("t: hello {{ x }} #y\nu: x # y\nv: \"$.a\" # z\nw: $.b\n# c\n");
    assert_eq!(diagnostics.iter().map(|d| d.severity).collect::<Vec<_>>(), [Severity::Warning]);
    assert!(document.root.is_some());
}

#[test]
fn duplicate_keys_show_both() {
    let (document, diagnostics) = parse("a: 1\nb: 2\na: 3\n");
    let [one] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!((one.code, one.message.as_str()), (Code::YamlDuplicateKey, "`a` is set twice"));
    let labels: Vec<_> = one.labels.iter().map(|label| (document.resolve(&label.place), label.text.as_str())).collect();
    assert_eq!(labels, [(10..11, "set again here"), (0..1, "first set here")]);
    assert_eq!(document.root.as_ref().and_then(Node::as_map).map(<[Entry]>::len), Some(2));
}

#[test]
fn control_characters_are_named() {
    let rest = "`jackfield check --fix` deletes it; or delete the line and type it again. Such characters come along when \
                text is pasted from another program";
    let help = &format!("it stands unseen before `y`: {rest}");
    slip("a: 1\nb: x\0y\n", Code::YamlBadCharacter, "this line contains a NUL character", 2, "\0", help);
    let message = "this line contains the invisible character U+007F";
    let help = &format!("it stands unseen: {rest}");
    slip(
        "b: \"\u{7f} \"\n",
        Code::YamlBadCharacter,
        message,
        1,
        "\u{7f}",
        &help.replace("unseen", "unseen before `\"`"),
    );
}

#[test]
fn several_slips_are_found_at_once() {
    let text = "a: 'it's here'\nb: @x\nc: \"^\\d+$\"\nd: {{ x }} y\ne: 'open\nf: 1\n";
    let expected = [
        Code::YamlUnclosedQuote,
        Code::YamlUnquotedValue,
        Code::YamlBadEscape,
        Code::YamlUnquotedTemplate,
        Code::YamlUnclosedQuote,
    ];
    assert_eq!(codes(text), expected);
}

/// The text with the fixes of all diagnostics made, the last one first.
fn mended(document: &Document, diagnostics: &[Diagnostic]) -> String {
    let fixes = diagnostics.iter().map(|found| found.fix.as_ref().expect("a fix"));
    let mut fixes: Vec<_> = fixes.map(|fix| (document.resolve(&fix.place), &fix.replacement)).collect();
    fixes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = document.text.to_string();
    fixes.into_iter().for_each(|(range, replacement)| text.replace_range(range, replacement));
    text
}

#[test]
fn a_certain_repair_gives_the_tree_of_the_mended_text() {
    let cases = [
        "lane: {{ email }}\nsend: x\n",
        "body:\n  text: Call at: {{ at }} # why\n  n: 1\n",
        "message:\n  type:incoming\n  to: x\n",
        "lane \"{{ email }}\"\nsend: x\n",
        "a: 1\n// only contacts\nb: {{ c }}\n",
        "a: 1\n-- only contacts\nb: 2\n",
        "<!-- form -->\na: 1\n",
        "lane: \"{{ email }}\",\nsend: 'x';\n",
        "```\na: 1\n",
        "path: @id\nkey: `x`\n",
    ];
    for text in cases {
        let (document, diagnostics) = parse(text);
        let root = document.root.as_ref().unwrap_or_else(|| panic!("{text}: {diagnostics:#?}"));
        check_all(text, root);
        let after = mended(&document, &diagnostics);
        assert_eq!(root.to_value().to_json(), good(&after).to_value().to_json(), "{text} became {after}");
    }
    let (document, _) = parse("message:\n  type:incoming\n  to: x\n");
    let place = Place::file("routes/a.yaml").key("message").key("type");
    assert_eq!(at(&document, &place.on_key()), (2, "type".into()));
    assert_eq!(at(&document, &place.part(2..4)), (2, "co".into()));
}

#[test]
fn limits_are_diagnostics() {
    assert_eq!(codes(&"#".repeat(256 * 1024 + 1)), [Code::YamlTooLarge]);
    assert_eq!(codes(&"- x\n".repeat(20_001)), [Code::YamlTooLarge]);
    assert_eq!(codes(&"- x\n".repeat(19_999)), []);
    assert_eq!(codes(&("[".repeat(32) + &"]".repeat(32))), []);
    assert_eq!(codes(&("[".repeat(33) + &"]".repeat(33))), [Code::YamlTooLarge]);
}

#[test]
fn hostile_files_are_refused_at_once() {
    const SIZE: usize = 200 * 1024;
    let attacks = [
        "[",
        "{",
        "- ",
        "{a: ",
        "? ",
        "a: [",
        "{{ ",
        "\"",
        "'",
        "*a ",
        "&a ",
        "!a ",
        "[*a, ",
        "a: b: ",
        "x ",
        "\t",
        "- \n",
        "\n",
        "\"\\d\" ",
        "a:\n b",
        "{a: b} ",
        "[a]: ",
        "|\n",
        "a: |\n",
        "#",
        "%",
        "---\n",
        "- [\n",
        "\0",
        "x\\",
        "$ #",
        "-\t",
        "?\n",
        ":\n",
        "''",
        "'a' ",
        "a: {{ b }}\n",
        "a: @\n",
        "é",
        "{{ a }}, ",
        "[{{ a }}, ",
        "\r",
        "a\r: ",
    ];
    for attack in attacks {
        for (start, part) in [("", 1), ("a: ", 8), ("[", 8), ("- ", 8)] {
            let text = start.to_owned() + &attack.repeat(SIZE / attack.len() / part);
            let started = Instant::now();
            let (document, diagnostics) = parse(&text);
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(5), "{start}{attack} {taken:?}");
            assert!(diagnostics.len() <= 150, "{attack} {}", diagnostics.len());
            drop(document);
        }
    }
}

/// Every decoded character must have been written where the map says, in order.
fn check_map(source: &str, node: &Node, scalar: &Scalar) {
    let map = OffsetMap::new(source, node.span.clone(), scalar);
    assert!(map.is_exact(), "{source:?} {scalar:?}");
    let mut reached = 0;
    for (offset, c) in scalar.text.char_indices() {
        let range = map.range(offset..offset + c.len_utf8());
        assert!(range.start >= reached && range.end <= source.len(), "{source:?} {scalar:?} at {offset}: {range:?}");
        reached = range.end;
        let written = &source[range];
        let breaks = written.starts_with(['\n', '\r']);
        let right = match (scalar.style, c) {
            (Style::DoubleQuoted, _) if written.starts_with('\\') => true,
            (Style::Literal | Style::Folded, '\n') if written.is_empty() => true,
            (Style::Literal, ' ') => written == " ",
            (_, ' ') => written == " " || breaks,
            (_, '\n') => breaks,
            (Style::SingleQuoted, '\'') => written == "''",
            (_, c) => written.chars().eq([c]),
        };
        assert!(right, "{source:?} {scalar:?} at {offset}: {written:?}");
    }
}

fn check_all(source: &str, node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(scalar) => {
            check_map(source, node, scalar);
            usize::from(!scalar.text.is_empty())
        }
        Kind::List(items) => items.iter().map(|item| check_all(source, item)).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| check_all(source, &entry.value)).sum(),
    }
}

/// A scalar of one style in pieces that style allows; what joins into no valid YAML is left out by the test.
fn document() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        "é",
        "🦀",
        " ",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        "\n\n",
        "\r\n",
        "-",
        ":",
        "#",
        "x y",
        "'",
        "\"",
        "\\n",
        "\\x41",
        "\\u00e9",
        "\\ud83e\\udd80",
        "\\U0001F980",
        "\\\n",
        "\\ ",
        "\\\t",
        "\\\"",
        "\\_",
        "{{ z }}",
        "$.a",
        "?",
        ",",
        "]",
        "{",
    ]);
    let prefix =
        prop::sample::select(vec!["k: ", "- ", "a:\n  k: ", "- - ", "- k: ", "# é\nk: ", "\u{feff}k: ", "k:\n   "]);
    let header = prop::sample::select(vec!["", "-", "+", "1", "2", "3", "2-", "+1", "-3"]);
    let pieces = prop::collection::vec((piece, 0usize..3), 0..14);
    (0..5usize, prefix, header, pieces, 2usize..6, any::<bool>(), any::<bool>()).prop_map(
        |(style, prefix, header, pieces, indent, last_break, more)| {
            let mut body = String::new();
            for (piece, extra) in pieces {
                let piece = if style == 1 { piece.replace('\'', "''") } else { piece.to_owned() };
                let piece = if style == 2 { piece.replace("\"", "\\\"").replace("\\\\\"", "\\\"") } else { piece };
                body.push_str(&piece);
                if piece.ends_with('\n') && !(extra == 0 && style != 0) {
                    body.push_str(&" ".repeat(indent + if extra == 2 { 1 } else { 0 }));
                }
            }
            let pad = " ".repeat(indent);
            let value = match style {
                0 => body,
                1 => format!("'{body}'"),
                2 => format!("\"{body}\""),
                3 => format!("|{header}\n{pad}{body}"),
                _ => format!(">{header}\n{pad}{body}"),
            };
            let end = if last_break { "\n" } else { "" };
            let rest = if more && !prefix.contains('-') && last_break { "z: 1\n" } else { "" };
            format!("{prefix}{value}{end}{rest}")
        },
    )
}

/// A text in one style, written so that it decodes to itself.
fn written() -> impl Strategy<Value = (String, String)> {
    let lines = prop::collection::vec("[a-zé🦀 '\"\\\\#:]{0,8}", 1..6);
    (lines, 0..4usize).prop_map(|(lines, style)| {
        let text = lines.join("\n");
        let solid: Vec<String> = lines.iter().map(|line| format!("x{}x", line.trim())).collect();
        match style {
            0 => (format!("k: '{}'\n", solid.join("\n\n  ").replace('\'', "''")), solid.join("\n")),
            1 => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n\\\n   ");
                // A continuation drops the blanks that start the next line, so they are escaped.
                (format!("k: \"{}\"\n", escaped.replace("\\\n    ", "\\\n   \\ ")), text)
            }
            2 => (format!("k: |2-\n  x{}x\n", text.replace('\n', "\n  ")), format!("x{text}x")),
            _ => (format!("k: >-\n  {}\n", solid.join("\n\n  ")), solid.join("\n")),
        }
    })
}

fn cases(count: u32) -> ProptestConfig {
    let count = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(count);
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn every_character_is_mapped_to_where_it_was_written(source in document()) {
        let (document, diagnostics) = parse(&source);
        if diagnostics.iter().all(|d| !d.is_error()) && let Some(root) = &document.root {
            check_all(&source, root);
        }
    }

    #[test]
    fn what_was_meant_is_decoded_and_mapped((source, meant) in written()) {
        let root = good(&source);
        let node = root.get("k").expect("k");
        prop_assert_eq!(&*node.as_scalar().expect("a scalar").text, meant.as_str(), "{:?}", source);
        check_all(&source, &root);
    }

    #[test]
    fn any_text_is_read_without_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "a", "é", " ", "  ", "\t", "\n", "\r", "\n  ", ": ", ":", "- ", "-", "? ", "{", "}", "{{ ", " }}", "[", "]", ", ", "\"", "'", "\\",
        "|", ">", "#", " #", "&a", "*a", "!t", "<<: ", "%", "@", "`", "---\n", "...\n", "\0", "\u{feff}", "\u{a0}", "{%", "%}", "$", "\\x", "\\u1",
    ]), 0..24)) {
        let text = pieces.concat();
        let (document, diagnostics) = parse(&text);
        for diagnostic in &diagnostics {
            for label in &diagnostic.labels {
                let range = document.resolve(&label.place);
                prop_assert!(text.get(range.clone()).is_some(), "{:?} {:?}", range, diagnostic);
            }
            prop_assert!(diagnostic.help.is_some(), "{:?}", diagnostic);
            prop_assert!(!diagnostic.message.contains("while parsing"));
        }
        if document.root.is_none() && !text.trim().is_empty() {
            let idle = text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with(['#', '-', '.', '\u{feff}']));
            prop_assert!(!diagnostics.is_empty() || idle, "{:?}", text);
        }
    }
}
