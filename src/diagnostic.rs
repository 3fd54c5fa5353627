//! A diagnostic is data: what is wrong, where, and what to write instead. Drawing it is another module's work.

pub mod code;
mod edit;
pub mod explain;
pub mod github;
pub mod json;
pub mod location;
mod region;
pub mod sarif;
pub mod suggest;
pub mod text;

pub use code::Code;
pub use edit::Edit;
pub use location::{KeyPath, On, Place, Segment};

/// How bad it is. An error keeps a workspace from going live; a warning does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place with what is to be said about it. The first label of a diagnostic is the line to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

/// A replacement for what stands at `place`, given only where it is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    pub place: Place,
    /// For a key, a value or a part of one, the text that it should mean: it is quoted as what stands there is, or as
    /// it must be. For bytes of the file, what is to be written.
    pub replacement: String,
}

/// One problem of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// The one line shown if only one can be: what was found and why it is wrong.
    pub message: String,
    /// At least one; the first is the line to mend.
    pub labels: Vec<Label>,
    /// Lines that show what one sentence can't: what was expected above what was found.
    pub detail: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    pub fix: Option<Fix>,
    /// The help names values of a sample, which a log does not show.
    pub shows_sample: bool,
}

impl Diagnostic {
    /// A diagnostic at `place`, with the severity that its code has by default.
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: vec![Label { place, text: String::new() }],
            detail: None,
            help: None,
            fix: None,
            shows_sample: false,
        }
    }

    /// Says something at the primary place, beside the underline.
    pub fn found(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a second place that explains the first.
    pub fn also(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    pub fn detail(mut self, lines: impl Into<String>) -> Self {
        self.detail = Some(lines.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a help only when there is one to give.
    pub fn help_opt(mut self, text: Option<String>) -> Self {
        self.help = text.or(self.help);
        self
    }

    pub fn shows_sample(mut self) -> Self {
        self.shows_sample = true;
        self
    }

    /// The same without what only its reader at the files may see.
    pub fn for_log(&self) -> Diagnostic {
        let help = self.help.clone().filter(|_| !self.shows_sample);
        Diagnostic { help, ..self.clone() }
    }

    pub fn fix(mut self, place: Place, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { place, replacement: replacement.into() });
        self
    }

    /// Adds a fix only when there is one that is certain.
    pub fn fix_opt(self, place: Place, replacement: Option<impl Into<String>>) -> Self {
        match replacement {
            Some(replacement) => self.fix(place, replacement),
            None => self,
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// All that it says where no line of the file can be drawn: the message, what shows more, and the help.
    pub fn full_text(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("help: {help}"));
        [Some(self.message.clone()), self.detail.clone(), help].into_iter().flatten().collect::<Vec<_>>().join("\n")
    }

    /// The line to mend.
    pub fn place(&self) -> Option<&Place> {
        self.labels.first().map(|label| &label.place)
    }
}

/// Turns symbolic places into texts and byte ranges; whoever holds the files can do it.
pub trait Resolve {
    /// The file's text and the byte range of `place` in it; nothing when the file is not known.
    fn resolve(&self, place: &Place) -> Option<Located<'_>>;

    /// What a fix changes in its file; nothing when the file or the place is not known, or holds something else.
    fn edit(&self, fix: &Fix) -> Option<Edit>;
}

/// Where a place is, concretely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub range: std::ops::Range<usize>,
}

impl Located<'_> {
    /// Line and column of the start, from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let start = self.range.start.min(self.text.len());
        let before = self.text.get(..start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// Sorts by file, then line, then code, and drops exact repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>, files: &dyn Resolve) {
    diagnostics.sort_by_cached_key(|d| {
        let at = d.place().and_then(|place| files.resolve(place));
        let file = d.place().map(|place| place.file.to_string()).unwrap_or_default();
        (file, at.map_or(0, |at| at.range.start), d.code, d.message.clone())
    });
    diagnostics.dedup();
}
