//! The regular expressions of `match` and `search`: I-Regexp (RFC 9485), in linear time and bounded space.

use regex::{Regex, RegexBuilder};

/// The most memory one compiled pattern may take.
const SIZE: usize = 256 * 1024;
/// The same for a pattern which comes from the payload.
const FOREIGN_SIZE: usize = 16 * 1024;
/// The longest pattern taken from a payload, in bytes.
const FOREIGN_LENGTH: usize = 256;

/// Compiles a pattern written in the path itself.
pub fn compile(pattern: &str, whole: bool) -> Option<Regex> {
    build(pattern, whole, SIZE)
}

/// Compiles a pattern found in a payload, which gets far less room.
pub fn compile_foreign(pattern: &str, whole: bool) -> Option<Regex> {
    (pattern.len() <= FOREIGN_LENGTH).then(|| build(pattern, whole, FOREIGN_SIZE))?
}

fn build(pattern: &str, whole: bool, size: usize) -> Option<Regex> {
    let inner = translate(pattern);
    let pattern = if whole { format!(r"\A(?:{inner})\z") } else { inner };
    RegexBuilder::new(&pattern).size_limit(size).dfa_size_limit(size).nest_limit(50).build().ok()
}

/// Where I-Regexp differs from the `regex` crate: a dot stops at `\r` too, and classes have no operators.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            '.' if !class => out.push_str(r"[^\n\r]"),
            '[' if !class => {
                class = true;
                out.push(c);
            }
            ']' if class => {
                class = false;
                out.push(c);
            }
            '[' | '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
