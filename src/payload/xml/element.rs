//! One element of an XML document, on its way to a value.

use std::collections::HashMap;
use std::sync::Arc;

use crate::value::Value;

/// An element that is not closed yet.
pub(super) struct Element {
    name: Arc<str>,
    fields: Vec<(Arc<str>, Vec<Value>)>,
    positions: HashMap<Arc<str>, usize>,
    text: String,
    /// The end of what must stay as it is written, such as a CDATA section.
    exact: Option<(usize, usize)>,
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Element { name: name.into(), fields: Vec::new(), positions: HashMap::new(), text: String::new(), exact: None }
    }

    /// Whether the attribute is a new one.
    pub(super) fn attribute(&mut self, name: &str, value: String) -> bool {
        self.add(format!("@{name}").into(), Value::from(value)) == 1
    }

    pub(super) fn child(&mut self, name: Arc<str>, value: Value) {
        self.add(name, value);
    }

    pub(super) fn text(&mut self, text: &str, exact: bool) {
        let start = self.text.len();
        self.text.push_str(text);
        if exact {
            let first = self.exact.map_or(start, |(first, _)| first);
            self.exact = Some((first, self.text.len()));
        }
    }

    /// How many values of that name there are now.
    fn add(&mut self, name: Arc<str>, value: Value) -> usize {
        match self.positions.get(&name).and_then(|at| self.fields.get_mut(*at)) {
            Some((_, values)) => {
                values.push(value);
                values.len()
            }
            None => {
                self.positions.insert(name.clone(), self.fields.len());
                self.fields.push((name, vec![value]));
                1
            }
        }
    }

    /// Its name and value: the text alone where it has neither attributes nor children.
    pub(super) fn finished(self) -> (Arc<str>, Value) {
        let text = trimmed(&self.text, self.exact).replace("\r\n", "\n");
        let is_nil =
            text.is_empty() && self.fields.iter().all(|(name, values)| is_nil(name, values) || is_namespace(name));
        if self.fields.is_empty() {
            return (self.name, Value::from(text));
        }
        if is_nil && self.fields.iter().any(|(name, _)| !is_namespace(name)) {
            return (self.name, Value::Null);
        }
        let fields = self.fields.into_iter().map(|(name, values)| (name, one_or_list(values)));
        let text = Some((Arc::from("#text"), Value::from(text.as_str()))).filter(|_| !text.is_empty());
        (self.name, Value::object(fields.chain(text).collect::<Vec<_>>()))
    }
}

fn one_or_list(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.pop().unwrap_or_default() } else { Value::array(values) }
}

fn is_namespace(name: &str) -> bool {
    name == "@xmlns" || name.starts_with("@xmlns:")
}

/// `xsi:nil="true"`, which says that there is no value.
fn is_nil(name: &str, values: &[Value]) -> bool {
    let is_true = matches!(values, [Value::String(text)] if matches!(&**text, "true" | "1"));
    is_true && name.starts_with('@') && name.ends_with(":nil")
}

/// White space at the ends is how a document is laid out, unless it is written on purpose.
fn trimmed(text: &str, exact: Option<(usize, usize)>) -> &str {
    let start = text.len() - text.trim_ascii_start().len();
    let end = text.trim_ascii_end().len();
    let (first, last) = exact.unwrap_or((start, end));
    text.get(start.min(first)..end.max(last)).unwrap_or_default()
}
