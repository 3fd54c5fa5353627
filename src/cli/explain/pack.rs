//! A pack, for people: what a connection to it needs, what it takes and what it sends.

use super::packs::Known;
use super::{Row, heading, pasted, rows, told, yaml};
use crate::cli::terminal::line;
use crate::config::Named;
use crate::config::pack::Setting;
use crate::load;

pub(super) fn show(known: &Known<'_>) {
    let pack = known.pack;
    super::title(&format!("{}, `{}`", known.title(), known.name), told(&pack.description));
    pack.docs.iter().for_each(|docs| line(format!("\nIts documentation: {}", docs.value)));
    if load::is_own_pack(&known.packs.root, known.name) {
        line(format!("It is the workspace's own pack, schemas/{}/pack.yaml.", known.name));
    }
    if let Some(other) = known.namesake() {
        line(format!("The connection `{}` of this workspace is to `{other}`: jackfield explain {other}", known.name));
    }
    show_addresses(known);
    if !pack.settings.is_empty() {
        heading("What a connection gives, in jackfield.yaml");
        rows(pack.settings.iter().map(setting).collect());
    }
    if !pack.operations.is_empty() {
        heading(&format!("What it takes, for `to:` (jackfield explain {}.NAME tells the fields)", known.name));
        rows(pack.operations.iter().map(|o| Row::new(&o.name.value, "", told(&o.value.description))).collect());
        pasted("A connection, to paste into jackfield.yaml", &connection(known));
    }
    if !pack.webhooks.is_empty() {
        heading(&format!("What it sends, for `from:` (jackfield explain {}.NAME tells the payload)", known.name));
        let from = |name: &str| format!("{}.{name}", known.name);
        let webhooks = pack.webhooks.iter();
        rows(webhooks.map(|w| Row::new(&from(&w.name.value), "", told(&w.value.description))).collect());
    }
}

fn show_addresses(known: &Known<'_>) {
    let pack = known.pack;
    if pack.operations.is_empty() {
        return;
    }
    match &pack.base_url {
        Some(url) => line(format!("Its address: {}", url.value)),
        None => line("Its address: each account has its own, which the connection gives as `base_url`"),
    }
    for environment in pack.environments.iter() {
        let name = &environment.name.value;
        line(format!("With `environment: {name}` in the connection: {}", environment.value.value));
    }
}

pub(super) fn setting(setting: &Named<Setting>) -> Row {
    let written = &setting.value;
    let is = |flag: &Option<crate::config::At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let default = written.default.as_ref().map(|default| format!("`{}` unless given", default.value));
    let words = [
        is(&written.required).then(|| "required".to_owned()),
        is(&written.secret).then(|| "secret".to_owned()),
        default,
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let note = if words.is_empty() { "optional".to_owned() } else { words.join(", ") };
    Row::new(&setting.name.value, &note, told(&written.description))
}

/// A connection with all that it must give; what it may give is there as a comment.
fn connection(known: &Known<'_>) -> Vec<String> {
    let pack = known.pack;
    let mut lines = vec!["connections:".to_owned(), format!("  {}:", known.connection())];
    lines.push(format!("    provider: {}", known.name));
    if pack.base_url.is_none() {
        lines.push("    base_url: https://api.example.com".to_owned());
    }
    for setting in pack.settings.iter() {
        let name = &setting.name.value;
        let is = |flag: &Option<crate::config::At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let value = match is(&setting.value.secret) {
            true => format!("${{env:{}}}", yaml::variable(&[known.connection(), name])),
            false => "…".to_owned(),
        };
        let mark = if is(&setting.value.required) && setting.value.default.is_none() { "" } else { "# " };
        lines.push(format!("    {mark}{name}: {value}"));
    }
    lines
}
