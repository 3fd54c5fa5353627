//! What is compiled after an edit, with what is known from before, is what a compilation from the beginning makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::Folder;
use super::{Options, compile_again, compile_files};
use crate::compile::{Compiled, Kept};
use crate::diagnostic::{Code, Diagnostic};

/// A workspace on disk, which goes with the test.
struct Workspace(PathBuf);

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => _ = fs::copy(entry.path(), to.join(entry.file_name())).unwrap(),
        }
    }
}

impl Workspace {
    /// The examples of the repository.
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("jackfield-again-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let workspace = Workspace(root);
        workspace.restore();
        workspace
    }

    /// All as it is in the repository.
    fn restore(&self) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["routes", "samples"] {
            let _ = fs::remove_dir_all(self.0.join(folder));
            copy(&own.join(folder), &self.0.join(folder));
        }
        for file in ["jackfield.yaml", "sandbox.env"] {
            fs::copy(own.join(file), self.0.join(file)).unwrap();
        }
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        if let Ok(text) = fs::read_to_string(self.0.join(file)) {
            fs::write(self.0.join(file), change(text)).unwrap();
        }
    }
}

/// A reload as the server does it: what served before counts, where nothing but routes has changed.
struct Reloading {
    folder: Folder,
    served: Option<(Arc<Kept>, Option<u64>)>,
}

impl Reloading {
    /// The workspace compiled again, which must be as if it were compiled anew. Whether anything was taken over.
    fn again(&mut self, what: &str) -> (Compiled, bool) {
        let (look, options) = (self.folder.look(), Options::offline());
        let before = self.served.as_ref().filter(|(_, known)| known.is_some() && *known == look.beside);
        let before = before.map(|(kept, _)| &**kept);
        let again = compile_again(self.folder.root(), look.files.clone(), &options, before);
        let anew = compile_files(self.folder.root(), super::read(self.folder.root()), &options);
        assert_eq!(shown(&again), shown(&anew), "{what}");
        let taken_over = before.is_some();
        if again.is_good() {
            self.served = again.kept.clone().map(|kept| (kept, look.beside));
        }
        (again, taken_over)
    }
}

/// All that is made of a workspace.
fn shown(compiled: &Compiled) -> Vec<String> {
    let set = &compiled.set;
    let head = [format!("{} {} {:?}", set.revision, compiled.webhook_tests, compiled.settings)];
    let problems = compiled.diagnostics.iter().map(|problem| format!("{problem:?}"));
    let sources = set.sources.iter().map(|source| format!("{source:?}"));
    let routes = set.routes.iter().map(|routes| format!("{routes:?}"));
    let named = set.all_routes().map(|route| format!("{:?}", set.route(&route.name)));
    let tests = compiled.tests.iter().map(|test| format!("{test:?}"));
    let documents = compiled.documents.0.iter().map(|(file, document)| format!("{file} {document:?}"));
    let rest = [format!("{:?} {:?} {:?}", set.connections, set.packs.keys(), set.vars)];
    let all = problems.chain(sources).chain(routes).chain(named).chain(tests).chain(documents);
    head.into_iter().chain(all).chain(rest).collect()
}

const ROUTES: [&str; 5] = [
    "routes/crm/kommo-lead-to-cloudchat.yaml",
    "routes/forms/elementor-to-chat2desk.yaml",
    "routes/forms/typeform-to-cloudchat.yaml",
    "routes/telephony/call-record-to-omnivibe.yaml",
    "routes/telephony/missed-call-to-chat2desk.yaml",
];

/// What people do to a file: a text, and what they write for it.
const EDITS: [(&str, &str); 22] = [
    ("description: ", "description: another "),
    ("path: /", "path: /other-"),
    ("path: /", "path: /{name}/"),
    ("path: /other-", "path: /typeform # "),
    ("secret: ${env:", "secret: ${env:TYPEFORM_SECRET} # ${env:"),
    ("secret: ${env:", "secret: ${env:NOT_"),
    ("match: ", "fallback: true\n# match: "),
    ("match: ", "# match: "),
    ("fallback: true\n# match: ", "match: "),
    ("samples/", "samples/not-"),
    ("samples/not-", "samples/"),
    ("name: ", "nome: "),
    ("nome: ", "name: "),
    ("email", "e_mail"),
    ("e_mail", "email"),
    ("send:", "send: ["),
    ("send: [", "send:"),
    ("request: samples/typeform-response.http", "request: samples/typeform-response-other-city.http"),
    ("to: chat2desk.", "to: cloudchat."),
    ("to: ", "to: not-"),
    ("lane: ", "identity: "),
    ("from: ", "from: zadarma.call_end # "),
];

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// One edit of any kind, and what it was.
fn edited(workspace: &Workspace, dice: &mut Dice) -> String {
    let (root, file) = (&workspace.0, ROUTES[dice.below(ROUTES.len())]);
    let copied = ["routes/forms/copy.yaml", "routes/a.yaml", "routes/telephony/z.yaml"][dice.below(3)];
    match dice.below(14) {
        0 => {
            let _ = fs::copy(root.join(file), root.join(copied));
            format!("{file} copied to {copied}")
        }
        1 => {
            let _ = fs::rename(root.join(file), root.join(copied));
            format!("{file} renamed to {copied}")
        }
        2 => {
            let _ = fs::remove_file(root.join(copied));
            format!("{copied} deleted")
        }
        3 => {
            workspace.edit("sandbox.env", |text| text.replacen("TYPEFORM_SECRET=", "TYPEFORM_SECRET=x", 1));
            "sandbox.env".to_owned()
        }
        4 => {
            workspace.edit("samples/typeform-response.http", |text| text.replacen("Ana", "Eva", 1) + " ");
            "a sample".to_owned()
        }
        5 => {
            workspace.edit("jackfield.yaml", |text| match text.contains("\nvars: ") {
                true => text.replacen("\nvars: { team: sales }", "", 1),
                false => text + "\nvars: { team: sales }\n",
            });
            "the settings".to_owned()
        }
        _ => {
            let (from, to) = EDITS[dice.below(EDITS.len())];
            workspace.edit(file, |text| text.replacen(from, to, 1));
            format!("{file}: {from:?} becomes {to:?}")
        }
    }
}

#[test]
fn any_edits_compiled_one_after_the_other_make_what_the_files_say() {
    let workspace = Workspace::new("edits");
    let mut reloading = Reloading { folder: Folder::new(&workspace.0), served: None };
    let (mut dice, mut taken_over, mut refused) = (Dice(7), 0, 0);
    let mut done = vec!["the beginning".to_owned()];
    for _ in 0..STEPS {
        let (compiled, was) = reloading.again(&done.join("\n"));
        taken_over += usize::from(was);
        refused += usize::from(!compiled.is_good());
        if !compiled.is_good() && dice.below(3) > 0 {
            workspace.restore();
            done.push("all as it was".to_owned());
            reloading.again(&done.join("\n"));
        }
        done.push(edited(&workspace, &mut dice));
    }
    assert!(taken_over > STEPS / 3 && refused > STEPS / 10 && refused < STEPS * 8 / 10, "{taken_over} {refused}");
}

/// Enough for each kind of edit to come several times.
const STEPS: usize = 60;

/// The codes of the problems of what is made of the files.
fn codes(compiled: &Compiled) -> Vec<Code> {
    compiled.diagnostics.iter().filter(|problem| Diagnostic::is_error(problem)).map(|problem| problem.code).collect()
}

#[test]
fn what_one_file_says_of_others_is_seen_after_an_edit_of_it_alone() {
    let workspace = Workspace::new("others");
    let mut reloading = Reloading { folder: Folder::new(&workspace.0), served: None };
    let (first, _) = reloading.again("the beginning");
    assert!(first.is_good());
    let file = "routes/forms/elementor-to-chat2desk.yaml";

    // The address of another route.
    workspace.edit(file, |text| text.replacen("path: /elementor", "path: /typeform", 1));
    let (compiled, was) = reloading.again("a double address");
    assert!(was && codes(&compiled).contains(&Code::DuplicateSource), "{:?}", compiled.diagnostics);

    // A name in the address of one route, behind which that of another stands.
    workspace.edit(file, |text| text.replacen("path: /typeform", "path: /{any}", 1));
    reloading.again("a name in an address");
    fs::remove_file(workspace.0.join("routes/forms/typeform-to-cloudchat.yaml")).unwrap();
    reloading.again("the route before it is gone");

    // Its test fails.
    workspace.edit(file, |text| text.replacen("path: /{any}", "path: /elementor", 1).replacen("Juan P", "Jean P", 1));
    let (compiled, was) = reloading.again("a failing test");
    assert!(was && codes(&compiled) == [Code::TestFailed], "{:?}", compiled.diagnostics);
    workspace.edit(file, |text| text.replacen("Jean P", "Juan P", 1));
    let (compiled, was) = reloading.again("mended");
    assert!(was && compiled.is_good());
}

#[test]
fn a_file_that_is_written_again_at_once_with_as_many_letters_is_read_again() {
    let workspace = Workspace::new("letters");
    let folder = Folder::new(&workspace.0);
    let file = "routes/forms/elementor-to-chat2desk.yaml";
    let time = fs::metadata(workspace.0.join(file)).unwrap().modified().unwrap();
    for letter in ["a", "b", "c"] {
        workspace.edit(file, |_| format!("# {letter}\n"));
        // Its time is as it was before.
        fs::File::options().write(true).open(workspace.0.join(file)).unwrap().set_modified(time).unwrap();
        let look = folder.look();
        assert_eq!(&*look.files.texts[file], format!("# {letter}\n"));
        assert_eq!(look.fingerprint, Folder::new(&workspace.0).look().fingerprint);
    }
}
