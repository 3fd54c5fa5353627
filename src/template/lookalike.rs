//! Text that looks like a template of another tool, and would be sent as it is written: `{name}`, `%name%`.

use std::ops::Range;

/// A piece of text that was meant as a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookalike {
    /// Bytes of the text.
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
    /// The name that stands in it, if there is one.
    pub name: Option<String>,
}

/// Marks around a name. Of those that begin alike, the longer comes first.
struct Marks {
    open: &'static str,
    close: &'static str,
    /// There may be space between the marks and the name: without it, the marks stand in honest text too.
    spaced: bool,
}

const fn marks(open: &'static str, close: &'static str, spaced: bool) -> Marks {
    Marks { open, close, spaced }
}

const ALL: &[Marks] = &[
    marks("{ {", "} }", true),
    marks("<%=", "%>", true),
    marks("<%", "%>", true),
    marks("<<", ">>", true),
    marks("[[", "]]", true),
    marks("#{", "}", true),
    marks("%{", "}", true),
    marks("@{", "}", true),
    marks("$(", ")", true),
    marks("((", "))", true),
    marks("{", "}", true),
    marks("[", "]", true),
    marks("«", "»", true),
    marks("%", "%", false),
    marks("<", ">", false),
    marks("__", "__", false),
    marks("*|", "|*", true),
    marks("$", "", false),
];

/// What in a text looks like a template. `is_name` says what a template could name.
pub fn find(text: &str, is_name: &dyn Fn(&str) -> bool) -> Vec<Lookalike> {
    let mut found = Vec::new();
    let mut from = 0;
    // Braces of the text itself that are open: those of JSON are not too many.
    let mut open = 0usize;
    if text.starts_with("={{") {
        found.push(Lookalike {
            range: 0..1,
            message: "the `=` before this template is sent as it is".to_owned(),
            help: "leave the `=` out".to_owned(),
            name: None,
        });
    }
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        if let Some(length) = template(rest) {
            from += length;
            if open == 0 && text.get(from..).is_some_and(|after| after.starts_with('}')) {
                found.push(brace_too_many(from));
            }
            continue;
        }
        if let Some(lookalike) = here(rest, from, is_name) {
            from = lookalike.range.end;
            found.push(lookalike);
            continue;
        }
        let first = rest.chars().next().unwrap_or(' ');
        match first {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        from += first.len_utf8();
    }
    found
}

fn brace_too_many(at: usize) -> Lookalike {
    Lookalike {
        range: at..at + 1,
        message: "a `}` too many stands here, and is sent as it is".to_owned(),
        help: "an expression ends with two braces: remove the third".to_owned(),
        name: None,
    }
}

/// The length of a real template at the start of a text.
fn template(text: &str) -> Option<usize> {
    let close = match text.get(..2)? {
        "{{" => "}}",
        "{%" => "%}",
        "{#" => "#}",
        _ => return None,
    };
    Some(text.find(close).map_or(text.len(), |end| end + 2))
}

/// A name in another tool's marks at the start of `rest`, which is `from` bytes into the text.
fn here(rest: &str, from: usize, is_name: &dyn Fn(&str) -> bool) -> Option<Lookalike> {
    let marks = ALL.iter().find(|marks| rest.starts_with(marks.open))?;
    let after = rest.get(marks.open.len()..)?;
    let word_end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
    let inner = match marks.close {
        "" => after.get(..word_end)?,
        close => after.get(..after.find(close)?)?,
    };
    let name = if marks.spaced { inner.trim() } else { inner };
    // A tag of HTML has its end.
    let is_tag = marks.open == "<" && after.contains(&format!("</{name}>"));
    let root = name.split(['|', ' ']).next().unwrap_or_default();
    if root.is_empty() || inner.contains('\n') || is_tag || !is_name(root) {
        return None;
    }
    let end = from + marks.open.len() + inner.len() + marks.close.len();
    let written = rest.get(..end - from)?;
    Some(Lookalike {
        range: from..end,
        message: format!("`{written}` is sent as it is: it looks like a template, and is none"),
        help: format!("write `{{{{ {name} }}}}`"),
        name: root.split(['.', '[']).next().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_marks_of_other_tools_are_found_and_honest_text_is_not() {
        let found = |text: &str| -> Vec<String> {
            let is_name = |name: &str| matches!(name, "name" | "payload.id");
            find(text, &is_name).into_iter().map(|each| text.get(each.range).unwrap_or_default().to_owned()).collect()
        };
        for (text, wanted) in [
            ("Hi {name}!", "{name}"),
            ("Hi { name }!", "{ name }"),
            ("Hi { { name } }!", "{ { name } }"),
            ("Hi <<name>>!", "<<name>>"),
            ("Hi <name>!", "<name>"),
            ("Hi %name%!", "%name%"),
            ("Hi [name]!", "[name]"),
            ("Hi [[payload.id]]!", "[[payload.id]]"),
            ("Hi #{name | upper}!", "#{name | upper}"),
            ("Hi $name!", "$name"),
            ("Hi {{ x }}}!", "}"),
            ("={{ x }}", "="),
        ] {
            assert_eq!(found(text), [wanted], "{text}");
        }
        for text in [
            "Hi {{ name }}!",
            "{\"a\": {{ name }}}",
            "100 % name %",
            "{other}",
            "<name>x</name>",
            "a [link] and $5 and {% if name %}x{% endif %}",
            "a_name_b {nam e}",
            "the name",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
