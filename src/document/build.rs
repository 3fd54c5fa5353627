//! Builds the tree from the parser's events.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::line::Line;
use super::syntax::{self, Mending, Trouble};
use super::{Entry, Key, Kind, Node, Scalar, Style};
use super::{block, comment, dash, indent, layout, unquoted};
use crate::diagnostic::{Code, Diagnostic, Place};

const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 20_000;
const MAX_PROBLEMS: usize = 100;

/// A list or mapping whose end has not been read.
struct Frame {
    place: Place,
    start: usize,
    flow: bool,
    contents: Contents,
}

enum Contents {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, pending: Pending, seen: HashMap<Arc<str>, Range<usize>>, template: bool, dashless: bool },
}

/// Which half of an entry a mapping waits for.
enum Pending {
    Key,
    Value(Key),
    /// The value of a key that has been refused.
    Ignored,
}

pub(super) struct Builder<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    mending: &'a Mending,
    stack: Vec<Frame>,
    pub root: Option<Node>,
    pub diagnostics: Vec<Diagnostic>,
    nodes: usize,
    documents: usize,
    pub complete: bool,
    /// A text was taken out of the middle of another one, which is not what was written.
    pub lost: bool,
    /// Where the last event ended.
    reached: usize,
    last_scalar: Option<Range<usize>>,
}

impl<'a> Builder<'a> {
    pub fn new(file: &'a Arc<str>, text: &'a str, mending: &'a Mending) -> Self {
        Builder {
            file,
            text,
            mending,
            stack: Vec::new(),
            root: None,
            diagnostics: Vec::new(),
            nodes: 0,
            documents: 0,
            complete: false,
            lost: false,
            reached: 0,
            last_scalar: None,
        }
    }

    pub fn run(&mut self, patched: &str) -> Option<ScanError> {
        let options = granit_parser::options! {
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            disallow_directives: true,
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH * 2,
            block_nesting_limit: MAX_DEPTH * 2,
        };
        for next in Parser::new_from_str_with_options(patched, options) {
            match next {
                Err(error) => return Some(error),
                Ok((event, span)) => {
                    if !self.event(event, &span) {
                        return None;
                    }
                }
            }
        }
        self.complete = true;
        None
    }

    pub fn trouble<'t>(&'t self, error: &'t ScanError) -> Trouble<'t> {
        Trouble {
            file: self.file,
            text: self.text,
            kind: error.kind(),
            at: error.marker().byte_offset().unwrap_or(self.reached),
            reached: self.reached,
            flow: self.stack.iter().find(|frame| frame.flow).map(|frame| frame.start),
            last_scalar: self.last_scalar.clone(),
        }
    }

    /// Takes one event; false ends the reading.
    fn event(&mut self, event: Event<'_>, span: &Span) -> bool {
        let range = span.byte_range().unwrap_or(self.reached..self.reached);
        let kept = self.documents <= 1;
        let go_on = match event {
            Event::DocumentStart(..) => return self.document(range),
            Event::Anchor(_, name) if kept => {
                self.diagnostics.push(unquoted::anchor(self.file, self.text, range, &name));
                return true;
            }
            Event::Scalar(text, style, _, tag) if kept => {
                self.tag(tag.is_some(), span);
                self.scalar(&text, style, range.clone())
            }
            Event::UnresolvedAlias(_) | Event::Alias(_) if kept => self.alias(range.clone()),
            Event::SequenceStart(style, _, tag) if kept => {
                self.tag(tag.is_some(), span);
                self.open(Contents::List(Vec::new()), style, range.start)
            }
            Event::MappingStart(style, _, tag) if kept => {
                self.tag(tag.is_some(), span);
                let contents = Contents::Map {
                    entries: Vec::new(),
                    pending: Pending::Key,
                    seen: HashMap::new(),
                    template: false,
                    dashless: false,
                };
                self.open(contents, style, range.start)
            }
            Event::SequenceEnd | Event::MappingEnd if kept => self.close(range.end),
            _ => return true,
        };
        self.reached = self.reached.max(range.end);
        go_on && self.diagnostics.len() < MAX_PROBLEMS
    }

    fn document(&mut self, range: Range<usize>) -> bool {
        self.documents += 1;
        if self.documents == 2 {
            let place = Place::bytes(self.file.clone(), range);
            let message = "a second document starts here, and a file holds only one";
            let help = "remove this line, or move what follows it into a file of its own";
            self.diagnostics.push(Diagnostic::new(Code::YamlUnsupported, place, message).help(help));
        }
        true
    }

    fn tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            let range = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(self.reached..self.reached);
            self.diagnostics.push(unquoted::tag(self.file, self.text, range));
        }
    }

    /// The place of the node that comes next.
    fn place(&self) -> Place {
        match self.stack.last() {
            None => Place::file(self.file.clone()),
            Some(Frame { place, contents: Contents::List(items), .. }) => place.index(items.len()),
            Some(Frame { place, contents: Contents::Map { pending: Pending::Value(key), .. }, .. }) => {
                place.key(key.name.clone())
            }
            Some(Frame { place, .. }) => place.clone(),
        }
    }

    fn counted(&mut self, start: usize) -> bool {
        self.nodes += 1;
        if self.nodes <= MAX_NODES {
            return true;
        }
        let place = Place::bytes(self.file.clone(), start..start);
        let message = format!("this file has more than {MAX_NODES} values");
        let help = "split it into several files";
        self.diagnostics.push(Diagnostic::new(Code::YamlTooLarge, place, message).help(help));
        false
    }

    fn open(&mut self, contents: Contents, style: StructureStyle, start: usize) -> bool {
        if !self.counted(start) {
            return false;
        }
        if self.stack.len() >= MAX_DEPTH {
            self.diagnostics.push(syntax::too_deep(self.file, self.text, start));
            return false;
        }
        let place = self.place();
        self.reached = self.reached.max(start);
        self.stack.push(Frame { place, start, flow: style == StructureStyle::Flow, contents });
        true
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, range: Range<usize>) -> bool {
        if !self.counted(range.start) {
            return false;
        }
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let mended_key = style == Style::Plain && self.mending.keys.contains(&(range.end + 1));
        let range = if mended_key { range.start..range.end + 1 } else { range };
        let place = self.place();
        let missing = range.is_empty() && style == Style::Plain;
        let span = self.scalar_span(text, style, range.clone());
        if !missing {
            self.last_scalar = Some(span.clone());
        }
        let inside = |one: &Range<usize>| range.start <= one.start && one.end <= range.end && *one != range;
        self.lost |= self.mending.quoted.iter().any(inside);
        let text: Arc<str> = match self.text.get(range.clone()) {
            _ if missing => "".into(),
            Some(raw) if mended_key || (style == Style::Plain && self.mending.quoted.contains(&range)) => raw.into(),
            _ => text.into(),
        };
        if missing {
            self.diagnostics.extend(comment::hidden_value(self.file, self.text, &span));
        } else if !self.mending.quoted.contains(&range) {
            self.diagnostics.extend(comment::hidden(self.file, self.text, &span, style, &place));
            self.diagnostics.extend(self.odd_lines(style, &span, &place));
        }
        self.complete_node(Node { place, span, kind: Kind::Scalar(Scalar { text, style }) });
        true
    }

    /// Lines of a text that look like something else.
    fn odd_lines(&self, style: Style, span: &Range<usize>, place: &Place) -> Option<Diagnostic> {
        match style {
            Style::Plain => block::turned(self.file, self.text, span)
                .or_else(|| indent::swallowed_item(self.file, self.text, span))
                .or_else(|| dash::glued_items(self.file, self.text, span)),
            Style::Literal | Style::Folded => comment::in_block(self.file, self.text, span, place),
            Style::SingleQuoted | Style::DoubleQuoted => None,
        }
    }

    fn scalar_span(&self, text: &str, style: Style, range: Range<usize>) -> Range<usize> {
        let slice = self.text.get(range.clone()).unwrap_or("");
        match style {
            // The parser puts a missing value before the colon of its key.
            Style::Plain if slice.is_empty() && self.text.get(range.start..).is_some_and(|t| t.starts_with(':')) => {
                range.start + 1..range.start + 1
            }
            Style::Literal | Style::Folded if text.trim_matches([' ', '\n']).is_empty() => {
                let between = self.text.get(self.reached..range.start.max(self.reached)).unwrap_or("");
                let header = between.find(['|', '>']).map_or(range.start, |i| self.reached + i);
                header..header + Line::at(self.text, header).rest(header).trim_end().len()
            }
            Style::Literal | Style::Folded => range.start..range.start + slice.trim_end().len(),
            _ => range,
        }
    }

    fn alias(&mut self, range: Range<usize>) -> bool {
        if !self.counted(range.start) {
            return false;
        }
        self.diagnostics.push(unquoted::alias(self.file, self.text, range.clone()));
        let text = self.text.get(range.clone()).unwrap_or("").into();
        let kind = Kind::Scalar(Scalar { text, style: Style::Plain });
        self.complete_node(Node { place: self.place(), span: range, kind });
        true
    }

    fn close(&mut self, end: usize) -> bool {
        let Some(frame) = self.stack.pop() else { return true };
        let bracketed = frame.start..end.max(frame.start);
        let (kind, span) = match frame.contents {
            Contents::Map { template: true, .. } => {
                self.diagnostics.push(unquoted::template(self.file, self.text, bracketed.clone()));
                let text = self.text.get(bracketed.clone()).unwrap_or("").into();
                (Kind::Scalar(Scalar { text, style: Style::Plain }), bracketed)
            }
            Contents::List(items) => {
                let from = items.first().map(|node| node.span.start);
                let to = items.last().map(|node| node.span.end);
                (Kind::List(items), child_span(frame.flow, bracketed, from, to))
            }
            Contents::Map { entries, .. } => {
                let from = entries.first().map(|entry| entry.key.span.start);
                let to = entries.last().map(|entry| entry.value.span.end);
                (Kind::Map(entries), child_span(frame.flow, bracketed, from, to))
            }
        };
        self.complete_node(Node { place: frame.place, span, kind });
        true
    }

    /// Puts a finished node where it belongs.
    fn complete_node(&mut self, node: Node) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = self.root.take().or(Some(node));
            return;
        };
        match &mut frame.contents {
            Contents::List(items) => items.push(node),
            Contents::Map { entries, pending, .. } => match std::mem::replace(pending, Pending::Key) {
                Pending::Value(key) => entries.push(Entry { key, value: node }),
                Pending::Ignored => {}
                Pending::Key => self.key(node),
            },
        }
    }

    fn key(&mut self, node: Node) {
        let Some(Frame { start, flow, place, contents: Contents::Map { pending, seen, template, dashless, entries } }) =
            self.stack.last_mut()
        else {
            return;
        };
        *pending = Pending::Ignored;
        let Kind::Scalar(scalar) = node.kind else {
            // `{{ x }}` reads as a mapping whose key is a mapping.
            if *flow && node.span.start == *start + 1 && entries.is_empty() && matches!(node.kind, Kind::Map(_)) {
                *template = true;
            } else {
                self.diagnostics.push(syntax::odd_key(self.file, node.span));
            }
            return;
        };
        if scalar.style == Style::Plain && &*scalar.text == "<<" {
            self.diagnostics.push(unquoted::merge_key(self.file, node.span));
        } else if let Some(first) = seen.get(&scalar.text) {
            if *dashless {
                return;
            }
            if let Some(problem) = layout::missing_dash(self.file, self.text, place, entries, &scalar.text, &node.span)
            {
                *dashless = true;
                self.diagnostics.push(problem);
                return;
            }
            let first = Place::bytes(self.file.clone(), first.clone());
            let second = Place::bytes(self.file.clone(), node.span);
            let message = format!("`{}` is set twice", scalar.text);
            let help = "keep one of the two";
            let twice = Diagnostic::new(Code::YamlDuplicateKey, second, message).found("set again here");
            self.diagnostics.push(twice.also(first, "first set here").help(help));
        } else {
            seen.insert(scalar.text.clone(), node.span.clone());
            *pending = Pending::Value(Key { name: scalar.text, span: node.span, style: scalar.style });
        }
    }
}

fn child_span(flow: bool, bracketed: Range<usize>, from: Option<usize>, to: Option<usize>) -> Range<usize> {
    match (flow, from, to) {
        (false, Some(from), Some(to)) => from..to.max(from),
        _ => bracketed,
    }
}
