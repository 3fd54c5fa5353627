//! Well-formed YAML that is laid out otherwise than meant, so that its keys belong to something else.

use std::ops::Range;
use std::sync::Arc;

use super::indent::spaces;
use super::item::BEGINNINGS;
use super::line::Line;
use super::line::is_name;
use super::quote::shown;
use super::{Entry, Kind, Node, Style};
use crate::diagnostic::{Code, Diagnostic, Place, Segment};

/// What stands under a key and never beside it.
const CHILDREN: [(&str, &[&str]); 4] = [
    ("source", &["path", "methods", "from", "format", "split", "verify", "secret", "reply"]),
    ("verify", &["token", "hmac", "basic", "sha256", "ed25519", "rsa", "jwt"]),
    ("hmac", &["header", "algorithm", "encoding", "prefix", "signs", "timestamp", "tolerance"]),
    ("token", &["header", "prefix", "query", "field"]),
];

/// What an extract can say about its value.
const EXTRACT: [&str; 7] = ["else", "as", "region", "timezone", "format", "default", "pattern"];

/// Lists whose items are mappings, with a key that every item has.
const LISTS: [(&str, &str); 3] = [("send", "to"), ("expect", "to"), ("tests", "request")];

/// Keys of the route itself, whose values are no paths.
const OF_ROUTE: [&str; 8] = ["match", "identity", "lane", "send", "tests", "lookup", "fallback", "retention"];

/// Keys of jackfield.yaml, which name no connection and no source.
const OF_SETTINGS: [&str; 6] = ["connections", "sources", "vars", "limits", "retry", "retention"];

/// Sections of things that have names, with the keys by which one of them is known; a word says what one is.
const SECTIONS: [(&str, &str, &[&str]); 2] =
    [("connections", "a connection", &["provider"]), ("sources", "a source", &["path", "from"])];

/// What is laid out otherwise than meant.
pub(super) fn check(file: &Arc<str>, text: &str, root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let checker = Checker { file, text };
    checker.node(root, &mut found);
    found
}

struct Checker<'a> {
    file: &'a Arc<str>,
    text: &'a str,
}

impl Checker<'_> {
    fn node(&self, node: &Node, found: &mut Vec<Diagnostic>) {
        match &node.kind {
            Kind::Scalar(_) => {}
            Kind::List(items) => {
                found.extend(self.second_dash(node, items));
                items.iter().for_each(|item| self.node(item, found));
            }
            Kind::Map(entries) if self.text.get(node.span.start..).is_some_and(|text| text.starts_with('{')) => {
                found.extend(self.glued(node, entries));
                entries.iter().for_each(|entry| self.node(&entry.value, found));
            }
            Kind::Map(entries) => {
                found.extend(entries.iter().filter_map(|entry| self.comment(entry)));
                found.extend(self.without_name(node, entries));
                found.extend(entries.windows(2).find_map(|pair| self.beside_parent(node, pair)));
                found.extend(self.in_extract(node, entries));
                found.extend(self.within_another(node, entries));
                found.extend(self.in_save(node, entries));
                entries.iter().for_each(|entry| self.node(&entry.value, found));
            }
        }
    }

    fn place(&self, range: Range<usize>) -> Place {
        Place::bytes(self.file.clone(), range)
    }

    /// `source:` with nothing, and then `path: /form`, which starts in the same column.
    fn beside_parent(&self, node: &Node, pair: &[Entry]) -> Option<Diagnostic> {
        let [parent, child] = pair else { return None };
        let (name, within) = (&*parent.key.name, node.place.path.split_last());
        let in_connections = matches!(within, Some((_, Segment::Key(key))) if &**key == "connections");
        let is_child = CHILDREN.iter().any(|(of, keys)| *of == name && keys.contains(&&*child.key.name))
            || (in_connections && &*child.key.name == "provider" && !matches!(child.value.kind, Kind::Map(_)));
        if !is_child || !parent.value.is_null() || !parent.value.span.is_empty() {
            return None;
        }
        let line = Line::at(self.text, child.key.span.start);
        let column = child.key.span.start - line.start + 2;
        let message = format!("`{}` belongs under `{name}`, and is not indented further than it", child.key.name);
        let help = format!("start this line, and the others that belong to `{name}`, with {}", spaces(column));
        let diagnostic = Diagnostic::new(Code::YamlIndent, self.place(child.key.span.clone()), message);
        Some(diagnostic.also(self.place(parent.key.span.clone()), "nothing stands under it").help(help))
    }

    /// `name ?: $.name`, and `else: other` beside the name that it belongs to.
    fn in_extract(&self, node: &Node, entries: &[Entry]) -> Option<Diagnostic> {
        let (_, Segment::Key(key)) = node.place.path.split_last()? else { return None };
        if &**key != "extract" {
            return None;
        }
        let spaced = |entry: &&Entry| entry.key.style == Style::Plain && entry.key.name.ends_with(" ?");
        if let Some(entry) = entries.iter().find(spaced) {
            let name = entry.key.name.trim_end_matches('?');
            let place = self.place(entry.key.span.clone());
            let help = format!("write `{}?:`", name.trim_end());
            return Some(Diagnostic::new(Code::YamlSyntax, place, "no space stands before the `?`").help(help));
        }
        if let Some(entry) = entries.iter().find(|entry| is_of_route(entry)) {
            return Some(self.too_deep(entry, "a key of the route"));
        }
        entries.windows(2).find_map(|pair| {
            let [above, entry] = pair else { return None };
            let fixed = entry.value.as_scalar().filter(|value| !value.text.starts_with('$'));
            let is_part = fixed.is_some() && EXTRACT.contains(&&*entry.key.name) && above.value.as_map().is_some();
            let flow = self.text.get(above.value.span.clone())?.starts_with('{');
            if !is_part || flow {
                return None;
            }
            let column = above.value.span.start - Line::at(self.text, above.value.span.start).start;
            let message = format!("`{}` belongs to `{}`, and is not indented like it", entry.key.name, above.key.name);
            let help = format!("start this line with {}, like the others of `{}`", spaces(column), above.key.name);
            Some(Diagnostic::new(Code::YamlIndent, self.place(entry.key.span.clone()), message).help(help))
        })
    }

    /// A connection within the one above it, or a section of the settings within another one.
    fn within_another(&self, node: &Node, entries: &[Entry]) -> Option<Diagnostic> {
        let steps = node.place.path.segments();
        let (section, own) = match steps.as_slice() {
            [Segment::Key(section)] => (section, None),
            [Segment::Key(section), Segment::Key(own)] => (section, Some(own)),
            _ => return None,
        };
        let (_, what, marks) = SECTIONS.iter().find(|(name, ..)| *name == &**section)?;
        let is_one = |entry: &Entry| marks.iter().any(|mark| entry.value.get(mark).is_some());
        let Some(own) = own else {
            let is_section = |entry: &&Entry| OF_SETTINGS.contains(&&*entry.key.name) && !is_one(entry);
            let entry = entries.iter().find(is_section).filter(|_| &**self.file == "jackfield.yaml")?;
            return Some(self.too_deep(entry, "a section of its own"));
        };
        let outer = marks.iter().any(|mark| node.get(mark).is_some());
        let entry = entries.iter().find(|entry| outer && is_one(entry) && entry.value.as_map().is_some())?;
        let above = Line::at(self.text, node.span.start).previous().filter(|above| above.parts().key.is_some());
        let column = above.map_or(2, |above| above.indent());
        let message = format!("`{}` stands within `{own}`, and looks like {what} of its own", entry.key.name);
        let help = format!("start it with {}, like `{own}`, and what belongs to it as far to the left", spaces(column));
        Some(Diagnostic::new(Code::YamlIndent, self.place(entry.key.span.clone()), message).help(help))
    }

    /// `remember:` of a call within its `save:`.
    fn in_save(&self, node: &Node, entries: &[Entry]) -> Option<Diagnostic> {
        const BESIDE: [&str; 5] = ["remember", "params", "query", "body", "headers"];
        let (_, Segment::Key(key)) = node.place.path.split_last()? else { return None };
        let holds = |entry: &Entry| entry.value.as_map().is_some() && entry.value.get("path").is_none();
        let is_beside = |entry: &&Entry| BESIDE.contains(&&*entry.key.name) && holds(entry);
        let entry = entries.iter().find(is_beside).filter(|_| &**key == "save")?;
        let name = &entry.key.name;
        let message = format!("`{name}` belongs to the call, and is no name under `save`");
        let help = format!("`{name}` stands beside `save:`, not in it: indent it as far as `save:`");
        Some(Diagnostic::new(Code::YamlIndent, self.place(entry.key.span.clone()), message).help(help))
    }

    /// A key of the top level that is indented under another one.
    fn too_deep(&self, entry: &Entry, what: &str) -> Diagnostic {
        let name = &entry.key.name;
        let message = format!("`{name}` is {what}, and is indented here");
        let mut help = format!("write `{name}:` at the start of the line");
        if !matches!(entry.value.kind, Kind::Scalar(_)) {
            help.push_str(", and what belongs to it as far to the left");
        }
        Diagnostic::new(Code::YamlIndent, self.place(entry.key.span.clone()), message).help(help)
    }

    /// Settings of a connection right under `connections:`.
    fn without_name(&self, node: &Node, entries: &[Entry]) -> Option<Diagnostic> {
        let (above, Segment::Key(key)) = node.place.path.split_last()? else { return None };
        let provider = entries.first().filter(|entry| &*entry.key.name == "provider")?;
        let written = provider.value.as_scalar().filter(|_| above.is_root() && &**key == "connections")?;
        let line = Line::at(self.text, provider.key.span.start);
        let column = provider.key.span.start - line.start;
        let message = "this connection has no name";
        let help = format!(
            "write its name on the line above, as `{}{}:`, and start its settings with {}",
            " ".repeat(column),
            shown(&written.text),
            spaces(column + 2)
        );
        Some(Diagnostic::new(Code::YamlIndent, self.place(provider.key.span.clone()), message).help(help))
    }

    /// `- to: x` and then `- body:`, which is one item too many.
    fn second_dash(&self, node: &Node, items: &[Node]) -> Option<Diagnostic> {
        let (_, Segment::Key(list)) = node.place.path.split_last()? else { return None };
        let (_, needed) = LISTS.iter().find(|(name, _)| *name == &**list)?;
        items.windows(2).find_map(|pair| {
            let [before, item] = pair else { return None };
            let (above, own) = (before.as_map()?, item.as_map()?);
            let first = own.first()?;
            let apart = own.iter().all(|entry| before.get(&entry.key.name).is_none());
            let halves = before.get(needed).is_some() != item.get(needed).is_some();
            let line = Line::at(self.text, first.key.span.start);
            let dash = line.parts().first;
            if !apart || !halves || above.is_empty() || !line.rest(dash).starts_with("- ") {
                return None;
            }
            let name = &first.key.name;
            let message = format!("this dash starts another item of `{list}`, and `{name}` belongs to the item above");
            let spaces = " ".repeat(dash - line.start + 2);
            let help = format!(
                "write two spaces instead of `- `: `{spaces}{}`",
                shown(line.rest(first.key.span.start).trim())
            );
            Some(Diagnostic::new(Code::YamlIndent, self.place(dash..dash + 1), message).help(help))
        })
    }

    /// `{ path:$.name }`, `{ path = $.name }`
    fn glued(&self, node: &Node, entries: &[Entry]) -> Option<Diagnostic> {
        let mut mended = self.text.get(node.span.clone())?.to_owned();
        let halves: Vec<_> = entries.iter().filter_map(|entry| Some((entry, in_two(entry)?))).collect();
        for (entry, (name, _, value)) in halves.iter().rev() {
            let range = entry.key.span.start - node.span.start..entry.key.span.end - node.span.start;
            mended.get(range.clone())?;
            mended.replace_range(range, &format!("{name}: {value}"));
        }
        let (first, (name, sign, _)) = halves.first()?;
        let place = self.place(first.key.span.clone());
        let diagnostic = match sign {
            ':' => Diagnostic::new(Code::YamlMissingSpace, place, "a space is missing after the colon"),
            _ => Diagnostic::new(Code::YamlMissingColon, place, format!("a colon is missing after `{name}`")),
        };
        Some(diagnostic.help(format!("write `{}`", shown(&mended))))
    }

    /// `// note: text`, whose colon makes it a key.
    fn comment(&self, entry: &Entry) -> Option<Diagnostic> {
        let line = Line::at(self.text, entry.key.span.start);
        let is_plain = entry.key.style == Style::Plain && line.parts().first == entry.key.span.start;
        let slip = || super::outlier::comment(self.file, &line).or_else(|| super::outlier::bullet(self.file, &line));
        // The tree has a key here that was not meant: with a fix it would count as mended.
        let (_, found) = is_plain.then(slip).flatten()?;
        found.map(|found| Diagnostic { fix: None, ..found })
    }
}

/// Whether a key under `extract:` is one of the route: what it holds is no path.
fn is_of_route(entry: &Entry) -> bool {
    let holds = match &entry.value.kind {
        Kind::Scalar(scalar) => !scalar.text.starts_with('$') && scalar.text.contains([' ', '{']),
        Kind::List(_) => true,
        Kind::Map(_) => false,
    };
    OF_ROUTE.contains(&&*entry.key.name) && holds
}

/// A second `to:` in an item that has a body already: the dash before it is missing.
pub(super) fn missing_dash(
    file: &Arc<str>,
    text: &str,
    item: &Place,
    entries: &[Entry],
    name: &str,
    key: &Range<usize>,
) -> Option<Diagnostic> {
    let (above, Segment::Index(_)) = item.path.split_last()? else { return None };
    let (_, Segment::Key(list)) = above.split_last()? else { return None };
    let (list, _) = BEGINNINGS.iter().find(|(of, begins)| *of == &**list && *begins == name)?;
    let since = entries.iter().skip_while(|entry| *entry.key.name != *name);
    let is_whole = since.skip(1).any(|entry| !matches!(entry.value.kind, Kind::Scalar(_)) || name == "name");
    let line = Line::at(text, key.start);
    let column = line.indent().checked_sub(2).filter(|_| key.start == line.start + line.indent())?;
    if !is_whole {
        return None;
    }
    let message = format!("`{name}` is set twice in one item of `{list}`: a dash is missing before the second one");
    let written = shown(line.text.trim());
    let help = format!("for another item, write `{}- {written}`; or keep one of the two", " ".repeat(column));
    let place = Place::bytes(file.clone(), key.clone());
    let diagnostic = Diagnostic::new(Code::YamlDuplicateKey, place, message).found("set again here").help(help);
    let first = entries.iter().find(|entry| *entry.key.name == *name)?;
    Some(diagnostic.also(Place::bytes(file.clone(), first.key.span.clone()), "first set here"))
}

/// A key without a value that is both: the key, the sign that was meant for a colon with a space, and the value.
fn in_two(entry: &Entry) -> Option<(&str, char, &str)> {
    let written = &*entry.key.name;
    let at = written.find([':', '=']).filter(|_| entry.key.style == Style::Plain)?;
    let (name, value) = (written.get(..at)?.trim_end(), written.get(at + 1..)?.trim_start());
    let is_alone = entry.value.is_null() && entry.value.span.is_empty();
    let is_both = is_alone && is_name(name) && !value.starts_with("//");
    is_both.then(|| (name, if written.get(at..=at) == Some(":") { ':' } else { '=' }, value))
}
