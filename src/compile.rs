//! From the language as written to the compiled core: the only place that sees both. Every pass runs, and all problems
//! of all files are collected.

mod account;
mod address;
mod base;
mod blame;
mod body;
pub mod captured;
mod connection;
mod echo;
mod extract;
mod follow;
mod found;
mod handshake;
mod header;
mod kept;
mod link;
mod literal;
mod lookalike;
mod made;
mod memo;
mod missed;
mod needed;
mod optional;
mod own_source;
mod pack;
mod page;
mod privacy;
mod query;
mod remembered;
mod repeated;
mod reply;
mod retention;
mod route;
mod sample;
mod sampled;
pub(crate) mod schema_words;
mod secret;
mod send;
mod setting;
mod slip;
mod source;
mod spoiled;
mod state;
mod step;
mod template;
mod test_case;
mod tested;
mod trial;
mod trouble;
mod twice;
mod undecoded;
mod unit;
mod variable;
mod verify;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::config::settings::Settings;
use crate::config::{self, Decode};
use crate::diagnostic::{self, Code, Diagnostic, Edit, Fix, Located, Place, Resolve};
use crate::document::reference::{self, Environment, ReferenceError};
use crate::document::{Document, Kind, Node};
use crate::pack::Pack;
use crate::route::{PREFIX, RouteSet};
use crate::test_case::TestCase;
use memo::{Memo, Mentions};
use state::State;

pub use kept::Kept;
pub use page::{Entrance, Way};

/// What a compilation needs.
pub struct Input<'a> {
    /// Every YAML file and schema of the workspace, and those of the packs that are built in, by path.
    pub files: BTreeMap<Arc<str>, Arc<str>>,
    pub environment: Environment,
    /// What a secret that can't be had means: an error where requests go out, a warning where none do.
    pub secrets: Secrets,
    /// Where stand-ins for the providers listen, when they are to be used.
    pub sandbox: Option<Arc<str>>,
    /// Where the server really receives, where that is not what jackfield.yaml says.
    pub listen: Option<SocketAddr>,
    /// The captured requests in `samples/`, whether a test names them or not.
    pub samples: Vec<Arc<str>>,
    /// Reads a captured request of the workspace.
    pub read: &'a (dyn Fn(&str) -> Option<Vec<u8>> + Sync),
    pub now: Timestamp,
    /// Whether the tests that routes carry must pass. A revision that has served once need not prove itself again.
    pub tests: bool,
}

/// Whether secrets must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    Required,
    Optional,
}

/// The outcome of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// All that compiled. With an error among the diagnostics it must not go live.
    pub set: RouteSet,
    pub settings: Option<Settings>,
    /// How the page in the browser is entered; nothing when there is none.
    pub page: Option<Entrance>,
    pub tests: Vec<Arc<TestCase>>,
    /// How many tests of webhooks were run, of the packs that lie in the workspace.
    pub webhook_tests: usize,
    pub diagnostics: Vec<Diagnostic>,
    pub documents: Documents,
    /// For the next compilation of the same workspace; nothing where it has to begin anew.
    pub kept: Option<Arc<Kept>>,
}

impl Compiled {
    /// Nothing at all, with the reason.
    pub fn failed(reason: &str) -> Self {
        Compiled {
            set: RouteSet::new("", ""),
            settings: None,
            page: Some(Entrance::usual()),
            tests: Vec::new(),
            webhook_tests: 0,
            diagnostics: vec![Diagnostic::new(Code::UnreadableFile, Place::bytes(SETTINGS, 0..0), reason)],
            documents: Documents::default(),
            kept: None,
        }
    }

    pub fn is_good(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// The files of one compilation; they stay with its routes, so that an error of today names a line of what runs today.
#[derive(Clone, Debug, Default)]
pub struct Documents(pub BTreeMap<Arc<str>, Arc<Document>>);

impl Resolve for Documents {
    fn resolve(&self, place: &Place) -> Option<Located<'_>> {
        let document = self.0.get(&place.file)?;
        Some(Located { file: &document.file, text: &document.text, range: document.resolve(place) })
    }

    fn edit(&self, fix: &Fix) -> Option<Edit> {
        self.0.get(&fix.place.file)?.edit(fix)
    }
}

/// A compilation under way.
struct Compiler<'a> {
    input: &'a Input<'a>,
    memo: &'a Memo,
    /// Whether it was asked what all files of the workspace name.
    has_looked_around: Cell<bool>,
    state: State,
}

/// The stack of the thread that compiles: the template parser recurses.
const STACK: usize = 32 * 1024 * 1024;

/// Runs `work` on a thread with a stack deep enough for compilation.
pub fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("compile".into()).stack_size(STACK).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| std::io::Error::other("the compiler failed; this is a defect of Jackfield"))
    })
}

/// Compiles a workspace. Never panics, whatever the files hold. To be called within [`with_stack`].
pub fn compile(input: &Input<'_>) -> Compiled {
    compile_after(input, None)
}

/// The same, where the workspace was compiled before and nothing that `read` gives has changed since: what does not rest on a
/// file that has changed is taken over. What comes of it is the same.
pub fn compile_after(input: &Input<'_>, before: Option<&Kept>) -> Compiled {
    let memo = Memo::default();
    let before = before.and_then(|kept| kept.still(input, &memo));
    let base = before.as_ref().map(|before| before.kept.base.clone());
    let base = base.unwrap_or_else(|| Arc::new(Compiler::new(input, &memo).base()));
    let mut compiler = base.resumed(input, &memo);
    let mut set = base.set.clone();
    set.revision = revision(input).into();
    let (tests, units) = compiler.routes(&base, before.as_ref(), &mut set);
    let before = before.as_ref().zip(units.as_deref());
    let proved = input.tests.then(|| compiler.prove(&base.packs, &set, &tests, before));
    let kept = units.map(|units| Kept::new(input, base.clone(), units, proved));
    let State { documents, problems: mut diagnostics, .. } = compiler.state;
    slip::drop_beside_slips(&mut diagnostics, &documents);
    follow::drop_followers(&mut diagnostics, &documents);
    diagnostic::sort(&mut diagnostics, &documents);
    follow::shorten(&mut diagnostics);
    let kept = kept.map(|kept| Arc::new(kept.with_mentions(memo)));
    let (settings, page) = (base.settings.clone(), base.page.clone());
    let webhook_tests = proved.map_or(0, |proved| proved.webhook_tests);
    Compiled { set, settings, page, tests, webhook_tests, diagnostics, documents, kept }
}

/// Every pack of the workspace and of those that are built in, for what stands in for all providers.
pub fn every_pack(input: &Input<'_>) -> BTreeMap<Arc<str>, Arc<Pack>> {
    Compiler::new(input, &Memo::default()).packs(|_| true).providers()
}

/// The hash of all files, in twelve digits.
fn revision(input: &Input<'_>) -> String {
    let mut hash = Sha256::new();
    for (path, text) in &input.files {
        for part in [path, text] {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    crate::template::filter::hex(&hash.finalize()).chars().take(12).collect()
}

/// The settings' file.
pub const SETTINGS: &str = "jackfield.yaml";

impl<'a> Compiler<'a> {
    fn new(input: &'a Input<'a>, memo: &'a Memo) -> Self {
        let state = State { prefix: PREFIX.into(), ..State::default() };
        Compiler { input, memo, has_looked_around: Cell::new(false), state }
    }

    /// What all files of the workspace name.
    fn mentions(&self) -> &'a Mentions {
        self.has_looked_around.set(true);
        self.memo.mentions(self.input)
    }

    /// Whether a pack, or one operation of it, is there and could not be compiled, which is reported there.
    fn is_broken(&self, pack: &str, operation: &str) -> bool {
        self.broken.contains(&(pack.into(), operation.into())) || self.broken.contains(&(pack.into(), "".into()))
    }

    /// Parses and decodes one file; nothing after a problem.
    fn decode<T: Decode>(&mut self, file: &str) -> Option<T> {
        let text = self.input.files.get(file)?;
        let (document, problems) = Document::parse(file, text);
        let broken = problems.iter().any(|problem| slip::is_hiding(problem, &document));
        self.problems.extend(problems);
        let document = Arc::new(document);
        self.documents.0.insert(document.file.clone(), document.clone());
        let slipped = self
            .problems
            .iter()
            .any(|problem| problem.is_error() && problem.place().is_some_and(|place| *place.file == *file));
        if broken || (slipped && document.root.is_none()) {
            return None;
        }
        match &document.root {
            Some(root) => T::decode(root, &mut self.problems),
            None => {
                let place = Place::bytes(document.file.clone(), 0..0);
                let help = match file {
                    SETTINGS => "it needs `connections:`, which says where events can go",
                    _ if file.starts_with("routes/") => "a route needs `source:` and `send:`; or delete the file",
                    _ => "a pack needs `title:`, and `operations:` or `webhooks:`; or delete the file",
                };
                self.report(Diagnostic::new(Code::MissingKey, place, format!("`{file}` is empty")).help(help));
                None
            }
        }
    }

    fn settings(&mut self) -> Option<Settings> {
        if !self.input.files.contains_key(SETTINGS) {
            let place = Place::bytes(SETTINGS, 0..0);
            let diagnostic = Diagnostic::new(Code::MissingFile, place, "this folder has no `jackfield.yaml`")
                .help("make a workspace with `jackfield init DIR`, or name the folder of one");
            self.report(diagnostic);
            self.unknown_settings = true;
            return None;
        }
        let settings: Option<Settings> = self.decode(SETTINGS);
        self.unknown_settings = settings.is_none();
        settings.iter().for_each(|settings| self.check_settings(settings));
        settings
    }

    fn check_settings(&mut self, settings: &Settings) {
        if let Some(vars) = &settings.vars {
            match vars.kind {
                Kind::Map(_) => self.check_vars(vars),
                _ => {
                    let help = "write each constant below it, indented, as `name: value`";
                    self.report(config::wrong_type(vars, "a mapping", Some(help)));
                }
            }
        }
        settings.retention.iter().for_each(|retention| self.check_retention(retention));
        [&settings.listen, &settings.admin].into_iter().flatten().for_each(|text| self.check_address(text));
        if let (Some(listen), Some(admin)) = (&settings.listen, &settings.admin)
            && listen.value == admin.value
        {
            let message = "`admin` and `listen` can't be the same address";
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, admin.place.clone(), message);
            let help = "give `admin` another port, or leave it out: it is `127.0.0.1:8081` then";
            self.report(diagnostic.also(listen.place.clone(), "webhooks are received here").help(help));
        }
        settings.public_url.iter().for_each(|url| self.check_public_url(url));
    }

    /// An address that the server could not listen on.
    fn check_address(&mut self, text: &config::scalar::Text) {
        if text.value.parse::<std::net::SocketAddr>().is_err() {
            let message = format!("`{}` is not an address to listen on", text.value);
            let port = text.trim_start_matches(':').parse::<u16>().ok();
            let help = format!(
                "write an IP address and a port: `127.0.0.1:{port}`, or `0.0.0.0:{port}` for every network of the machine",
                port = port.unwrap_or(8080)
            );
            self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
        }
    }

    /// What is public in every template can't hold a reference: it might be a secret.
    fn check_vars(&mut self, node: &Node) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.check_vars(item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| self.check_vars(&entry.value)),
            Kind::Scalar(scalar) if reference::is_in(&scalar.text) => {
                let message = "a reference may not stand in `vars`";
                let help = "`${env:…}` and `${file:…}` stand in `connections:` and in a source's `secret`";
                self.report(Diagnostic::new(Code::InvalidReference, node.place.clone(), message).help(help));
            }
            Kind::Scalar(scalar) if scalar.text.contains("{{") => {
                let message = "a constant is not a template, and would be sent as it stands here";
                let diagnostic = Diagnostic::new(Code::InvalidTemplate, node.place.clone(), message);
                self.report(diagnostic.help("write the value itself; templates stand in routes"));
            }
            Kind::Scalar(_) => {}
        }
    }

    fn public_url(&mut self, settings: Option<&Settings>) -> String {
        let Some(settings) = settings else { return String::new() };
        self.has_public_url = settings.public_url.is_some();
        let given = settings.public_url.as_ref().and_then(|url| self.resolved(url));
        let written = settings.listen.as_ref().map_or("127.0.0.1:8080", |listen| &***listen);
        let listen = self.input.listen.map_or_else(|| written.to_owned(), |listen| listen.to_string());
        given.map_or_else(|| format!("http://{listen}"), |url| url.trim_end_matches('/').to_owned())
    }

    /// A text of the settings with its references replaced.
    fn resolved(&mut self, text: &config::scalar::Text) -> Option<String> {
        match reference::resolve(text, &self.input.environment) {
            Ok(text) => Some(text),
            Err(error) => {
                let diagnostic = self.reference_problem(error, text);
                self.report(diagnostic);
                None
            }
        }
    }

    fn reference_problem(&self, error: ReferenceError, text: &config::scalar::Text) -> Diagnostic {
        let place = &text.place;
        let mut diagnostic = match error {
            ReferenceError::MissingVariable { name, range } => {
                let message = format!("the environment variable `{name}` is not set");
                let help = self.unset_help(&name);
                Diagnostic::new(Code::MissingVariable, place.part(range), message).help(help)
            }
            ReferenceError::MissingFile { path, range } => {
                Diagnostic::new(Code::MissingFile, place.part(range), format!("the file `{path}` can't be read"))
                    .help("its path begins at the folder of jackfield.yaml")
            }
            ReferenceError::Invalid { range } => {
                let written = text.get(range.clone()).unwrap_or_default();
                let name = written.trim_start_matches("${").trim_matches(['{', '}', ' ']);
                let name = name.rsplit([':', '.', '=']).next().unwrap_or(name).trim();
                let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let message = match written.ends_with('}') {
                    true => "this reference is neither `env:` nor `file:`",
                    false => "this `${` is never closed with `}`",
                };
                let help = match is_name {
                    true => format!("write `${{env:{name}}}`"),
                    false => "write `${env:NAME}` or `${file:path}`".to_owned(),
                };
                let fixed =
                    (is_name && written.ends_with('}') && !written.contains(':')).then(|| format!("${{env:{name}}}"));
                let place = place.part(range);
                return Diagnostic::new(Code::InvalidReference, place.clone(), message)
                    .help(help)
                    .fix_opt(place, fixed);
            }
        };
        if self.input.secrets == Secrets::Optional {
            diagnostic.severity = diagnostic::Severity::Warning;
        }
        diagnostic
    }
}

#[cfg(test)]
mod tests;
