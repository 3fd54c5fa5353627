//! Why a pattern is no regular expression, and where it breaks.

use regex::Regex;

use super::SchemaError;

/// What is wrong with the pattern at a JSON Pointer.
pub(super) fn error(pattern: Option<&str>, pointer: String) -> SchemaError {
    let (message, help) = pattern.map_or((TOO_LARGE.to_owned(), None), reason);
    SchemaError { pointer, message, help }
}

const TOO_LARGE: &str = "this regular expression is too large, or not one that can be used";

fn reason(pattern: &str) -> (String, Option<String>) {
    let Err(regex::Error::Syntax(told)) = Regex::new(pattern) else { return (TOO_LARGE.to_owned(), None) };
    let why = told.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it can't be read");
    let (at, marked) = marked(&told, pattern);
    let what = |sign: char| match pattern.chars().nth(at) {
        Some(found) if found == sign => format!("the `{sign}` at character {}", at + 1),
        _ => format!("a `{sign}` before character {}", at + 1),
    };
    let here = || format!("this is not a regular expression: `{marked}` at character {}", at + 1);
    match why {
        _ if why.contains("look-around") => (
            "look-ahead and look-behind are not available in a regular expression here".to_owned(),
            Some(format!("remove the group at character {}, and say in `description` what it was for", at + 1)),
        ),
        _ if why.contains("backreferences") => (
            "a regular expression here has no back-references".to_owned(),
            Some("write out what may stand there".to_owned()),
        ),
        _ if why.contains("unclosed character class") => {
            let help = "write `]` where the set of characters ends; a `[` that is meant itself is written `\\\\[`";
            (format!("in this regular expression {} is never closed", what('[')), Some(help.to_owned()))
        }
        _ if why.contains("unclosed group") => {
            let help = "write `)` where the group ends; a `(` that is meant itself is written `\\\\(`";
            (format!("in this regular expression {} is never closed", what('(')), Some(help.to_owned()))
        }
        _ if why.contains("unopened group") => {
            let help = "remove it, or write `\\\\)` if it is meant itself";
            (format!("in this regular expression {} closes nothing", what(')')), Some(help.to_owned()))
        }
        _ if why.contains("invalid repetition count range") => (
            format!("{}: the first number is more than the second", here()),
            swapped(&marked).map(|right| format!("write `{right}`")),
        ),
        _ if why.contains("repetition quantifier") || why.contains("counted repetition") || why.contains("decimal") => {
            let help = "how often is written `{6,14}`, `{6,}` or `{6}`; a `{` that is meant itself is written `\\\\{`";
            let open = pattern.chars().take(at + 1).collect::<Vec<_>>().iter().rposition(|c| *c == '{').unwrap_or(at);
            let message =
                format!("in this regular expression the `{{` at character {} is not closed as it should be", open + 1);
            (message, Some(help.to_owned()))
        }
        _ if why.contains("repetition operator") => {
            let help =
                "write what may be repeated before it, such as `.*`; if it is meant itself, put `\\\\` before it";
            (format!("{} repeats nothing", here()), Some(help.to_owned()))
        }
        _ if why.contains("escape sequence") => {
            let help = "a backslash stands before what is meant itself, as `\\\\.`, or in `\\\\d`, `\\\\w` and `\\\\s`";
            (format!("{} is not known", here()), Some(help.to_owned()))
        }
        _ if why.contains("character class range") => (
            format!("{}: the first character comes after the second", here()),
            Some("write the lower of the two first, as `a-z`; a `-` that is meant itself stands at the end".to_owned()),
        ),
        _ => (format!("{}: {why}", here()), None),
    }
}

/// Which characters the engine marks, from 0, and what stands there.
fn marked(told: &str, pattern: &str) -> (usize, String) {
    let line = told.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
    let carets = line.and_then(|line| line.strip_prefix("    ")).unwrap_or_default();
    let at = carets.find('^').unwrap_or(0);
    let length = carets.trim_start().split(' ').next().map_or(1, str::len).max(1);
    (at, pattern.chars().skip(at).take(length).collect())
}

/// `{14,6}` the right way round.
fn swapped(marked: &str) -> Option<String> {
    let (first, second) = marked.trim_matches(['{', '}']).split_once(',')?;
    Some(format!("{{{},{}}}", second.trim(), first.trim()))
}
