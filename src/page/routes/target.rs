//! A file of the workspace that the page shows and changes: a route, or the settings. Nothing else can be named.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::compile::SETTINGS;
use crate::load;
use crate::request::encode;

/// No route lies deeper below `routes/`.
const DEEPEST: usize = 7;
/// No name of a route is longer, in bytes.
const LONGEST: usize = 200;

/// The file that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Target {
    /// Relative to the workspace.
    pub file: String,
    /// The name of the route; none for the settings.
    pub route: Option<String>,
}

/// A file as it is on disk.
pub(in crate::page) struct OnDisk {
    pub bytes: Vec<u8>,
    pub text: String,
}

impl Target {
    pub(in crate::page) fn settings() -> Self {
        Target { file: SETTINGS.to_owned(), route: None }
    }

    /// The file of a route; nothing for a name that no route can have.
    pub(in crate::page) fn route(name: &str) -> Option<Self> {
        let is_part = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']) && part == part.trim()
        };
        let is_name = name.len() <= LONGEST
            && !name.contains(char::is_control)
            && name.split('/').count() <= DEEPEST
            && name.split('/').all(is_part);
        is_name.then(|| Target { file: format!("routes/{name}.yaml"), route: Some(name.to_owned()) })
    }

    /// The same by its file.
    pub(in crate::page) fn of_file(file: &str) -> Option<Self> {
        match file.strip_prefix("routes/").and_then(|file| file.strip_suffix(".yaml")) {
            Some(name) => Target::route(name),
            None => (file == SETTINGS).then(Target::settings),
        }
    }

    /// Its address on the page.
    pub(in crate::page) fn address(&self) -> String {
        match &self.route {
            Some(name) => format!("/routes/{}", name.split('/').map(encode).collect::<Vec<_>>().join("/")),
            None => "/settings".to_owned(),
        }
    }

    /// What people call it.
    pub(in crate::page) fn name(&self) -> &str {
        self.route.as_deref().unwrap_or(&self.file)
    }

    /// What is there now; nothing where it is not there, can't be read, or lies outside, wherever links lead.
    pub(in crate::page) fn read(&self, root: &Path) -> Option<OnDisk> {
        let (home, path) = (root.canonicalize().ok()?, root.join(&self.file).canonicalize().ok()?);
        let bytes = load::read_bounded(&path).ok().filter(|_| path.starts_with(home))?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        Some(OnDisk { bytes, text })
    }

    /// Whether something has its name, be it what it may.
    pub(in crate::page) fn is_taken(&self, root: &Path) -> bool {
        root.join(&self.file).symlink_metadata().is_ok()
    }
}

impl OnDisk {
    pub(in crate::page) fn base(&self) -> String {
        base_of(&self.bytes)
    }

    /// A text with the line ends that the file has: what comes from a browser has one kind or the other.
    pub(in crate::page) fn in_its_lines(&self, text: &str) -> String {
        let all = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        let of_two = self.bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
        if of_two * 2 > all { text.replace('\n', "\r\n") } else { text.to_owned() }
    }
}

/// What identifies a file as it was read.
pub(in crate::page) fn base_of(bytes: &[u8]) -> String {
    let hash = crate::template::filter::hex(&Sha256::digest(bytes));
    format!("sha256:{}", hash.get(..32).unwrap_or_default())
}

/// A text as it was typed: forms send two characters for the end of a line.
pub(in crate::page) fn typed(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_routes_and_the_settings_can_be_named() {
        for good in ["a", "crm/lead", "telephony/missed-call_2", "formulários/contato"] {
            assert_eq!(Target::route(good).unwrap().file, format!("routes/{good}.yaml"));
        }
        let deep = ["a"; 9].join("/");
        for bad in [
            "",
            "..",
            "../jackfield",
            "a/../../b",
            "/etc/passwd",
            "a//b",
            "a\\..\\b",
            "a\0b",
            ".hidden",
            "C:x",
            " a",
            &deep,
        ] {
            assert_eq!(Target::route(bad), None, "{bad}");
        }
        assert_eq!(Target::of_file("jackfield.yaml").unwrap().address(), "/settings");
        assert_eq!(Target::of_file("routes/a b/ç.yaml").unwrap().address(), "/routes/a%20b/%C3%A7");
        for bad in
            ["sandbox.env", "routes/a.json", "schemas/x/pack.yaml", "routes/../jackfield.yaml", "./jackfield.yaml"]
        {
            assert_eq!(Target::of_file(bad), None, "{bad}");
        }
    }

    #[test]
    fn line_ends_stay_as_they_were() {
        let on_disk = |text: &str| OnDisk { bytes: text.into(), text: String::new() };
        assert_eq!(on_disk("a\r\nb\r\n").in_its_lines("a\nc\n"), "a\r\nc\r\n");
        assert_eq!(on_disk("a\nb\n").in_its_lines("a\nc\n"), "a\nc\n");
        assert_eq!(typed("a\r\nb"), "a\nb");
    }
}
