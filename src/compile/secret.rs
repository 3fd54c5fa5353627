//! Secrets: references that are misspelt, and secrets that stand in a file.

use super::{Compiler, Secrets};
use crate::config::connection::Setting;
use crate::config::scalar::Text;
use crate::diagnostic::{Code, Diagnostic, Severity, suggest};
use crate::document::reference;
use crate::secret::Secret;

/// How other tools write a variable of the environment, before its name.
const PREFIXES: &[&str] = &[
    "process.env.",
    "process.env[",
    "os.environ.",
    "os.environ[",
    "os.getenv(",
    "getenv(",
    "secrets.",
    "secret.",
    "secret:",
    "environment.",
    "env.",
    "env:",
    "env[",
    "env(",
    "vars.",
    "var.",
    "file:",
];

/// What stands around a variable's name or a placeholder.
const AROUND: &[char] = &['$', '{', '}', '(', ')', '[', ']', '<', '>', '%', '@', '\'', '"', ' '];

/// Words of placeholders.
const PLACEHOLDERS: &[&str] = &[
    "your",
    "here",
    "change",
    "changeme",
    "changeit",
    "replace",
    "insert",
    "placeholder",
    "example",
    "todo",
    "fixme",
    "dummy",
    "sample",
    "fill",
    "xxx",
];

impl Compiler<'_> {
    /// A secret that can't be had is a made-up one where no request goes out.
    pub(super) fn secret_setting(&mut self, name: &str, setting: &Setting) -> Secret {
        if setting.text.trim().is_empty() {
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, setting.text.place.clone(), format!("`{name}` is empty"));
            self.report(diagnostic.help("write `${env:NAME}`, and set that variable where Jackfield is started"));
        } else {
            self.check_secret(&setting.text);
        }
        Secret::new(self.resolved(&setting.text).unwrap_or_else(|| "unknown".to_owned()))
    }

    /// A secret of a source; none when it can't be had.
    pub(super) fn source_secret(&mut self, text: &Text) -> Option<Secret> {
        self.check_secret(text);
        let secret = self.resolved(text).filter(|secret| self.is_given(secret, text)).map(Secret::new);
        if secret.is_none() && self.input.secrets == Secrets::Required {
            return Some(Secret::new(""));
        }
        secret
    }

    /// What people sign in to the page with; empty when it can't be had, which lets nobody in.
    pub(super) fn page_token(&mut self, text: &Text) -> Secret {
        self.check_secret(text);
        let token = self.resolved(text);
        if token.as_ref().is_some_and(|token| token.trim().is_empty()) {
            let help = "write `${env:NAME}`, and set that variable where Jackfield is started";
            let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), "the token is empty");
            self.report(diagnostic.found("nobody could sign in with this").help(help));
        }
        Secret::new(token.unwrap_or_default().trim())
    }

    /// A variable that bears the name of another sender of this workspace.
    pub(super) fn check_sender(&mut self, text: &Text, from: &str) {
        let name = text.trim().strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name else { return };
        let own = from.split('.').next().unwrap_or(from);
        let bears = |name: &str, sender: &str| name.to_lowercase().split('_').any(|word| word == sender);
        let lower = name.to_lowercase();
        if lower.contains(own) {
            return;
        }
        let mentions = self.mentions();
        let times = |name: &str| mentions.variables.get(name).copied().unwrap_or_default();
        let is_other = |word: &&str| !word.is_empty() && *word != own && mentions.senders.contains(*word);
        let other = lower.split('_').find(is_other);
        let mut known = self.input.environment.variables.keys().filter(|known| bears(known, own));
        let meant = known.next().filter(|_| known.next().is_none());
        // Where nothing takes this sender's own, and another source has the one that is written.
        let is_left = |meant: &&String| times(meant) == 0 && times(name) > 1;
        let message = match (other, meant.filter(is_left)) {
            (Some(other), _) => format!("`{name}` bears the name of `{other}`, and this source is of `{own}`"),
            (None, Some(meant)) => format!("`{name}` is the secret of another source, and `{meant}` of none"),
            (None, None) => return,
        };
        let help = match meant {
            Some(meant) => format!("did you mean `${{env:{meant}}}`?"),
            None => "each sender has a secret of its own: name the variable that holds it".to_owned(),
        };
        let mut problem = Diagnostic::new(Code::InvalidReference, text.place.clone(), message).help(help);
        problem.severity = Severity::Warning;
        self.report(problem);
    }

    /// An empty secret would let anyone in.
    fn is_given(&mut self, secret: &str, text: &Text) -> bool {
        if secret.trim().is_empty() {
            let help = "write `${env:NAME}`, and set that variable where Jackfield is started";
            let diagnostic = Diagnostic::new(Code::InvalidValue, text.place.clone(), "the secret is empty");
            self.report(diagnostic.found("anyone could send with this").help(help));
            return false;
        }
        true
    }

    /// What is written for a secret; it is shown only where it can't be one.
    fn check_secret(&mut self, text: &Text) {
        if reference::is_in(text) {
            if text.trim() != &*text.value {
                let message = "a space stands beside the reference, and would be part of the secret";
                let help = format!("write `{}`", text.trim());
                self.report(Diagnostic::new(Code::InvalidReference, text.place.clone(), message).help(help));
            }
        } else if text.contains("{{") {
            self.check_no_template(text);
        } else if self.may_be_secret(text) || !self.check_reference(text) {
            self.secret_as_text(text);
        }
    }

    /// A text that looks like a secret itself is never shown, whatever else it resembles.
    fn may_be_secret(&self, text: &Text) -> bool {
        let is_marked = text.contains(['$', '%', '<', '{', '(']) || has_prefix(text);
        text.trim().is_empty()
            || (looks_made(text) && !is_marked && !self.input.environment.variables.contains_key(text.trim()))
    }

    /// A variable of the environment as other tools write it is only text here.
    pub(super) fn check_plain(&mut self, text: &Text) {
        let marked = text.starts_with(['$', '%', '{']) || PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if marked {
            self.check_reference(text);
        }
    }

    /// Whether a text is a variable of the environment as other tools write it, which is reported then.
    pub(super) fn check_reference(&mut self, text: &Text) -> bool {
        let Some(name) = variable(text, |name| self.input.environment.variables.contains_key(name)) else {
            return false;
        };
        let message = format!("`{}` is taken as text, and not as an environment variable", text.value);
        let known = self.own_variables();
        let known = known.iter().map(String::as_str);
        let name = match self.input.environment.variables.contains_key(name) {
            true => name,
            false => suggest::nearest(name, known).unwrap_or(name),
        };
        let kind = if text.trim_start_matches(AROUND).starts_with("file:") { "file" } else { "env" };
        let reference = format!("${{{kind}:{name}}}");
        let is_shell = text.strip_prefix('$').is_some_and(|bare| bare == name);
        let diagnostic = Diagnostic::new(Code::InvalidReference, text.place.clone(), message);
        let diagnostic = diagnostic.help(format!("write `{reference}`"));
        self.report(diagnostic.fix_opt(text.place.clone(), is_shell.then_some(reference)));
        true
    }

    fn secret_as_text(&mut self, text: &Text) {
        if text.trim().is_empty() {
            return;
        }
        let (message, help) = match is_placeholder(text) {
            true => (
                "this is no secret but a placeholder for one",
                "write `${env:NAME}`, and set that variable where Jackfield is started",
            ),
            false if !is_mixed(text, TRIAL) => return,
            false => (
                "the secret itself stands in this file",
                "keep it out of the file: write `${env:NAME}`, and set that variable where Jackfield is started",
            ),
        };
        self.report(Diagnostic::new(Code::SecretAsText, text.place.clone(), message).help(help));
    }
}

/// The name of the variable that a text means: written as other tools do, set in the environment, or in capital letters
/// with underscores.
fn variable(text: &str, is_set: impl Fn(&str) -> bool) -> Option<&str> {
    let text = text.trim();
    let bare = text.trim_matches(AROUND);
    let prefix =
        PREFIXES.iter().find(|prefix| bare.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix)));
    let name = bare.get(prefix.map_or(0, |prefix| prefix.len())..)?.trim_matches(AROUND);
    let is_file = prefix == Some(&"file:");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || (is_file && matches!(c, '.' | '/' | '-'));
    if name.is_empty() || !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let wrapped = [("$", ""), ("%", "%"), ("<", ">"), ("{", "}"), ("[", "]"), ("$(", ")")];
    let is_wrapped =
        wrapped.iter().any(|(open, close)| text.starts_with(open) && text.ends_with(close)) && bare != text;
    let is_capital = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let is_constant = is_capital && name.contains('_') && !name.starts_with('_') && !name.ends_with('_');
    let is_meant = prefix.is_some() || is_set(name) || (is_capital && is_wrapped) || is_constant;
    // What stands behind `env:` is a name, however short.
    let is_placeholder = is_placeholder(name) && !(prefix.is_some() && is_one_letter(name));
    (is_meant && !is_placeholder).then_some(name)
}

/// `env:NAME`, `process.env.NAME`
fn has_prefix(text: &str) -> bool {
    let bare = text.trim().trim_matches(AROUND);
    PREFIXES.iter().any(|prefix| bare.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix)))
}

/// Whether a text is as long and mixed as those that vendors hand out.
fn looks_made(text: &str) -> bool {
    const LONG: usize = 12;
    is_mixed(text, LONG)
}

/// A shorter text, or one without a digit, is a word for trials.
const TRIAL: usize = 7;

fn is_mixed(text: &str, long: usize) -> bool {
    let has = |is: fn(&char) -> bool| text.chars().any(|c| is(&c));
    text.chars().count() >= long && has(char::is_ascii_digit) && has(|c| c.is_alphabetic())
}

/// `xxx`
fn is_one_letter(text: &str) -> bool {
    text.chars().next().is_some_and(|first| text.chars().all(|c| c == first && !c.is_ascii_digit()))
}

/// `YOUR_TOKEN_HERE`, `changeme`, `<token>`, `xxx`
fn is_placeholder(text: &str) -> bool {
    let bare = text.trim().trim_matches(AROUND).to_lowercase();
    let mut words = bare.split(|c: char| !c.is_alphanumeric());
    let is_wrapped = text.trim().starts_with('<') && text.trim().ends_with('>');
    is_one_letter(&bare)
        || is_wrapped
        || bare.is_empty()
        || words.any(|word| PLACEHOLDERS.contains(&word))
        || suggest::is_secret(&bare)
}
