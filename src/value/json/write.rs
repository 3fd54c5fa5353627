//! Writes JSON text: no more escapes than needed, anything outside ASCII as it is.

use super::super::Value;

impl Value {
    /// Compact JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(128);
        compact(self, &mut out);
        out
    }

    /// JSON for people: two spaces a level, empty lists and objects on one line.
    pub fn to_json_pretty(&self) -> String {
        let mut out = String::new();
        pretty(self, 0, &mut out);
        out
    }

    /// Appends compact JSON to `out`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let text = self.to_json();
        match out.is_empty() {
            true => *out = text.into_bytes(),
            false => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// Appends `text` as a JSON string, quotes included.
pub fn escape(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0C => "\\f",
            0x00..=0x1F => "",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        if short.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(short);
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

fn compact(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => number.write(out),
        Value::String(text) => escape(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                compact(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (at, (key, field)) in fields.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                escape(key, out);
                out.push(':');
                compact(field, out);
            }
            out.push('}');
        }
    }
}

fn pretty(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                line(at > 0, level + 1, out);
                pretty(item, level + 1, out);
            }
            line(false, level, out);
            out.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            out.push('{');
            for (at, (key, field)) in fields.iter().enumerate() {
                line(at > 0, level + 1, out);
                escape(key, out);
                out.push_str(": ");
                pretty(field, level + 1, out);
            }
            line(false, level, out);
            out.push('}');
        }
        _ => compact(value, out),
    }
}

fn line(comma: bool, level: usize, out: &mut String) {
    if comma {
        out.push(',');
    }
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}
