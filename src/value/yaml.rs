//! Values as YAML that can be pasted.

use super::Value;

/// A value below a key: on its line, or on those after it, indented by so many spaces.
pub fn entry(key: &str, value: &Value, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let key = scalar(&Value::from(key));
    match value {
        Value::Object(object) if !object.is_empty() => {
            let inner = object.iter().flat_map(|(key, value)| entry(key, value, indent + 2));
            std::iter::once(format!("{margin}{key}:")).chain(inner).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            let inner = items.iter().flat_map(|value| item(value, indent + 2));
            std::iter::once(format!("{margin}{key}:")).chain(inner).collect()
        }
        value => vec![format!("{margin}{key}: {}", scalar(value))],
    }
}

fn item(value: &Value, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(object) if !object.is_empty() => {
            let mut lines: Vec<String> = object.iter().flat_map(|(key, value)| entry(key, value, indent + 2)).collect();
            lines.iter_mut().take(1).for_each(|line| *line = format!("{margin}- {}", line.trim_start()));
            lines
        }
        value => vec![format!("{margin}- {}", scalar(value))],
    }
}

/// One value; a text in quotes where it would else be read as something else.
pub fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) if is_plain(text) => text.to_owned(),
        _ => value.to_json(),
    }
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let holds = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '@' | '?'));
    let is_word = matches!(text.to_lowercase().as_str(), "true" | "false" | "null");
    begins && holds && !is_word && !text.ends_with(' ')
}
