//! The packs that can be explained: those that are built in, and those of the workspace.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{operation, pack, webhook};
use crate::config::pack::Pack;
use crate::config::settings::Settings;
use crate::config::{Decode, Named};
use crate::diagnostic::suggest;
use crate::document::Document;
use crate::event::capture;
use crate::load;
use crate::value::{Value, json};

/// Every pack, with what a workspace says of it.
pub(super) struct Packs {
    pub root: PathBuf,
    files: BTreeMap<Arc<str>, Arc<str>>,
    /// Each is read when it is asked for: most are not.
    packs: BTreeMap<Arc<str>, OnceCell<Option<Pack>>>,
    /// The connections of the workspace, with their packs.
    connections: Vec<(Arc<str>, Arc<str>)>,
}

/// One pack, by the name of its folder.
pub(super) struct Known<'p> {
    pub name: &'p str,
    pub pack: &'p Pack,
    pub packs: &'p Packs,
}

impl Packs {
    pub(super) fn read(root: &Path) -> Packs {
        Packs::of(root, load::read(root).texts)
    }

    /// The packs that every workspace has.
    pub(super) fn built_in() -> Packs {
        Packs::of(Path::new(""), load::built_in())
    }

    fn of(root: &Path, files: BTreeMap<Arc<str>, Arc<str>>) -> Packs {
        let names = files
            .keys()
            .filter_map(|file| file.strip_prefix("schemas/").and_then(|rest| rest.strip_suffix("/pack.yaml")));
        let packs = names.map(|name| (name.into(), OnceCell::new())).collect();
        let settings = files.get("jackfield.yaml").and_then(|text| decoded::<Settings>("jackfield.yaml", text));
        let written = settings.iter().flat_map(|settings| settings.connections.iter());
        let connections = written.filter_map(|c| Some((c.name.value.clone(), c.value.provider.get()?.value.clone())));
        Packs { root: root.to_owned(), connections: connections.collect(), packs, files }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Known<'_>> {
        self.packs.keys().filter_map(|name| self.known(name))
    }

    fn known(&self, name: &str) -> Option<Known<'_>> {
        let (name, pack) = self.packs.get_key_value(name)?;
        let file = format!("schemas/{name}/pack.yaml");
        let read = || self.files.get(file.as_str()).and_then(|text| decoded::<Pack>(&file, text));
        Some(Known { name, pack: pack.get_or_init(read).as_ref()?, packs: self })
    }

    /// Every name that can be explained: the packs, and what they take and send.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.all().map(|known| [vec![known.name.to_owned()], known.parts().collect()].concat());
        names.flatten().collect()
    }

    /// A pack, also by the name of a connection to it.
    fn find(&self, written: &str) -> Option<Known<'_>> {
        let of_connection = self.connections.iter().find(|(name, _)| **name == *written).map(|(_, pack)| &**pack);
        let folded = written.to_lowercase();
        // A pack is told under its own name, even where a connection to another one has it.
        let names = [Some(written), of_connection, Some(&*folded)].into_iter().flatten();
        names.filter_map(|name| self.known(name)).next()
    }

    /// Shows what is meant by `pack`, `pack.operation` or `pack.webhook`. Nothing when there is no such pack; what to
    /// write instead when it has no such part.
    pub(super) fn show(&self, written: &str) -> Option<Result<(), String>> {
        let (pack, part) = written.split_once('.').map_or((written, None), |(pack, part)| (pack, Some(part)));
        let known = self.find(pack)?;
        let Some(part) = part else {
            pack::show(&known);
            return Some(Ok(()));
        };
        if let Some(found) = named(&known.pack.operations, part) {
            operation::show(&known, found);
        } else if let Some(found) = named(&known.pack.webhooks, part) {
            webhook::show(&known, found);
        } else {
            return Some(Err(known.unknown(part)));
        }
        Some(Ok(()))
    }

    /// The captured request of this number, from 1, of a webhook.
    pub(super) fn sample(&self, written: &str, number: usize) -> Result<Vec<u8>, String> {
        let (pack, part) = written.split_once('.').ok_or("name a webhook: `jackfield explain twilio.sms --sample`")?;
        let known = self.find(pack).ok_or_else(|| format!("there is no pack `{pack}`"))?;
        let webhook = named(&known.pack.webhooks, part).ok_or_else(|| known.unknown(part))?;
        let samples = &webhook.value.samples;
        let file = number.checked_sub(1).and_then(|at| samples.get(at));
        let file = file.ok_or_else(|| match samples.len() {
            0 => format!("no request of `{written}` was at hand"),
            count => format!("`{written}` has the samples 1 to {count}"),
        })?;
        let bytes = load::beside_pack(&self.root, known.name, &file.value);
        let bytes = bytes.ok_or_else(|| format!("`{}` can't be read", file.value))?;
        // Whoever keeps it as a sample needs the secret that it was signed with.
        let test = webhook.value.tests.iter().find(|test| test.request.value == file.value);
        let secret = test.and_then(|test| test.secret.as_ref()).and_then(|secret| secret.as_scalar());
        Ok(match secret.filter(|_| !bytes.starts_with(b"{") && !bytes.starts_with(b"[")) {
            Some(secret) => capture::with_secret(&bytes, &secret.text),
            None => bytes,
        })
    }
}

impl Known<'_> {
    pub(super) fn title(&self) -> &str {
        self.pack.title.get().map_or(self.name, |title| &title.value)
    }

    /// The connection by which a route reaches it; the name of the pack where there is none yet.
    pub(super) fn connection(&self) -> &str {
        let connections = self.packs.connections.iter();
        let own = connections.filter(|(_, pack)| **pack == *self.name).map(|(name, _)| &**name).next();
        own.unwrap_or(self.name)
    }

    /// The pack of a connection that has the name of this one, and is to another.
    pub(super) fn namesake(&self) -> Option<&str> {
        let mut connections = self.packs.connections.iter();
        connections.find(|(name, pack)| **name == *self.name && pack != name).map(|(_, pack)| &**pack)
    }

    /// The JSON Schema of an operation's body.
    pub(super) fn schema(&self, file: &str) -> Option<Value> {
        let text = self.packs.files.get(format!("schemas/{}/{file}", self.name).as_str())?;
        json::parse(text.as_bytes(), &json::Limits::default()).ok()
    }

    /// `partoo.ingest_message`
    fn parts(&self) -> impl Iterator<Item = String> {
        let parts = self.pack.operations.names().chain(self.pack.webhooks.names());
        parts.map(|part| format!("{}.{part}", self.name))
    }

    fn unknown(&self, part: &str) -> String {
        let parts = || self.pack.operations.names().chain(self.pack.webhooks.names());
        let help = suggest::did_you_mean(part, parts()).map(|help| format!("; {help}")).unwrap_or_default();
        format!("{} has no operation or webhook `{part}`{help}", self.title())
    }
}

fn named<'l, T>(list: &'l [Named<T>], name: &str) -> Option<&'l Named<T>> {
    list.iter().find(|named| *named.name.value == *name)
}

fn decoded<T: Decode>(file: &str, text: &str) -> Option<T> {
    Document::parse(file, text).0.root.and_then(|root| T::decode(&root, &mut Vec::new()))
}
