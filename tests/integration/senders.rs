//! `docs/senders.md`, made of the packs: who sends webhooks, how they prove themselves, and what is known of them.

use std::fmt::Write as _;

use jackfield::document::{Document, Kind, Node};

use crate::support::root;

const OPENING: &str = "\
# Senders

<!-- Generated from the packs in schemas/ by `UPDATE_DOCS=1 cargo test --test integration -- senders`. -->

The webhooks that the built-in packs describe. A source names one as `from: twilio.sms`, gives it a `path` and what it asks
for, and knows by that how the sender proves itself and how its requests are read; what is written beside it counts more.
Each is proved against captured requests. A sender that is not here needs no pack: see [language.md](language.md#source),
and [packs.md](packs.md) for how to describe one.

| webhook | tells | proves itself by |
| --- | --- | --- |
";

/// A pack with webhooks: its name, and the document.
struct Vendor {
    name: String,
    document: Document,
}

impl Vendor {
    fn root(&self) -> &Node {
        self.document.root.as_ref().unwrap()
    }

    fn title(&self) -> String {
        text(self.root().get("title")).unwrap()
    }

    /// `twilio.sms`, and what the pack says of it.
    fn webhooks(&self) -> Vec<(String, &Node)> {
        let entries = self.root().get("webhooks").and_then(Node::as_map).unwrap_or_default();
        entries.iter().map(|entry| (format!("{}.{}", self.name, entry.key.name), &entry.value)).collect()
    }

    fn section(&self) -> String {
        let mut out = format!("\n## {}\n\n", self.title());
        let docs = text(self.root().get("docs")).map(|docs| format!("[Documentation]({docs})."));
        let about = [text(self.root().get("description")), docs].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "{}", wrapped(&about));
        self.webhooks().iter().for_each(|(name, webhook)| out.push_str(&section(name, webhook)));
        out
    }
}

fn vendors() -> Vec<Vendor> {
    let folders = std::fs::read_dir(root().join("schemas")).unwrap().map(|entry| entry.unwrap());
    let read = |name: String| {
        let file = format!("schemas/{name}/pack.yaml");
        let (document, _) = Document::parse(&file, &std::fs::read_to_string(root().join(&file)).unwrap());
        Vendor { name, document }
    };
    let mut vendors: Vec<_> = folders.map(|folder| read(folder.file_name().into_string().unwrap())).collect();
    vendors.retain(|vendor| !vendor.webhooks().is_empty());
    vendors.sort_by_key(|vendor| vendor.title().to_lowercase());
    vendors
}

fn page() -> String {
    let vendors = vendors();
    let mut page = OPENING.to_owned();
    for vendor in &vendors {
        let _ = writeln!(page, "| **[{}](#{})** | | |", vendor.title(), slug(&vendor.title()));
        for (name, webhook) in vendor.webhooks() {
            let tells = text(webhook.get("description")).map_or_else(String::new, |text| first_sentence(&text));
            let proof = webhook.get("verify").map_or_else(|| OPEN.to_owned(), kinds);
            let _ = writeln!(page, "| [`{name}`](#{}) | {} | {proof} |", slug(&name), cell(&tells));
        }
    }
    vendors.iter().for_each(|vendor| page.push_str(&vendor.section()));
    page
}

/// Where a pack does not say how requests are verified.
const OPEN: &str = "what each source says";

fn section(name: &str, webhook: &Node) -> String {
    let mut out = format!("\n### {name}\n\n");
    if let Some(description) = text(webhook.get("description")) {
        let _ = writeln!(out, "{}\n", wrapped(&description));
    }
    let mut say = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "- **{label}**: {}", value.trim());
        }
    };
    say("docs", text(webhook.get("docs")).map(|docs| format!("<{docs}>")));
    say("methods", webhook.get("methods").map(|methods| code(&flow(methods))));
    say(
        "read as",
        Some(text(webhook.get("format")).map_or_else(|| "what it is seen to be".to_owned(), |word| code(&word))),
    );
    say("decoded", webhook.get("decode").map(|decode| code(&flow(decode))));
    say("one event for each", webhook.get("split").map(|split| code(&flow(split))));
    say("proves itself by", Some(webhook.get("verify").map_or_else(|| OPEN.to_owned(), proof)));
    let described = webhook.get("secret").and_then(|secret| text(secret.get("description")));
    say("`secret`", described.or_else(|| webhook.get("verify").and_then(secret)));
    say("`settings`", webhook.get("settings").map(settings));
    say("handshake", webhook.get("handshake").map(handshakes));
    say(
        "identity",
        Some(
            webhook.get("identity").map_or_else(
                || "none: each request is an event of its own".to_owned(),
                |identity| code(&flow(identity)),
            ),
        ),
    );
    say(
        "answered with",
        Some(webhook.get("reply").map_or_else(|| "202 and the event's id".to_owned(), |reply| code(&flow(reply)))),
    );
    say("comes back from here", text(webhook.get("loop_guard")));
    say("to know", text(webhook.get("notes")));
    out
}

/// `hmac`, or both of `any_of`.
fn kinds(verify: &Node) -> String {
    let word = |entry: &jackfield::document::Entry| match (&*entry.key.name, entry.value.as_list()) {
        ("any_of", Some(items)) => several(items.iter().map(kinds).collect()),
        (kind, _) => kind.to_owned(),
    };
    match verify.as_map() {
        Some(entries) => entries.iter().map(word).collect::<Vec<_>>().join(", "),
        None => "nothing".to_owned(),
    }
}

/// Each of them once.
fn several(mut kinds: Vec<String>) -> String {
    kinds.dedup();
    kinds.join(" or ")
}

/// A verification as it is written.
fn proof(verify: &Node) -> String {
    match verify.as_map() {
        Some(_) => code(&flow(verify)),
        None => "nothing: anyone who knows the address can send".to_owned(),
    }
}

/// What a source gives as `secret`, by the kind of proof.
fn secret(verify: &Node) -> Option<String> {
    let [entry, ..] = verify.as_map()? else { return None };
    let is_given = entry.value.get("secret").is_some();
    let means = match &*entry.key.name {
        _ if is_given => return None,
        "hmac" => "the key that the sender signs with",
        "sha256" => "the secret that the sender hashes",
        "token" => match entry.value.get("query") {
            Some(_) => "a long random word, which stands in the address that the sender is given",
            None => "the token that the sender sends",
        },
        "basic" => "`user:password`",
        "jwt" if entry.value.get("public_key").is_none() => "the key that the sender signs with",
        "any_of" => {
            let all = entry.value.as_list()?.iter().filter_map(secret);
            return all.reduce(|all, one| if all.contains(&one) { all } else { format!("{all}; or {one}") });
        }
        _ => return None,
    };
    Some(means.to_owned())
}

/// Each setting, with what it is.
fn settings(node: &Node) -> String {
    let one = |entry: &jackfield::document::Entry| {
        let is = |key: &str| text(entry.value.get(key)).as_deref() == Some("true");
        let words = [is("required").then_some("must be given"), is("secret").then_some("secret")];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        let about = text(entry.value.get("description")).map_or_else(String::new, |text| format!(": {}", text.trim()));
        let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
        format!("`{}`{words}{about}", entry.key.name)
    };
    node.as_map().unwrap_or_default().iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Each challenge, with what it is or when it is one.
fn handshakes(node: &Node) -> String {
    let all = node.as_list().map_or_else(|| vec![node], |items| items.iter().collect());
    let about = |node: &Node| text(node.get("description")).or_else(|| node.get("when").map(|when| code(&flow(when))));
    let all: Vec<String> = all.into_iter().filter_map(about).collect();
    if all.is_empty() { "yes".to_owned() } else { all.join("; ") }
}

/// A scalar's text, on one line.
fn text(node: Option<&Node>) -> Option<String> {
    let scalar = node?.as_scalar()?;
    Some(scalar.text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A value in the short form of YAML, on one line; a secret name or a long key is as it is written.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.text.trim().replace('\n', "\\n"),
        Kind::List(items) => format!("[{}]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let fields = entries.iter().map(|entry| format!("{}: {}", entry.key.name, inner(&entry.value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", ")).replace("{  }", "{}")
        }
    }
}

/// The same within another value: what could be taken for its end stands in quotes.
fn inner(node: &Node) -> String {
    match node.as_scalar() {
        Some(scalar)
            if scalar.text.is_empty()
                || scalar.text.contains(['{', '}', '[', ']', ',', ':', '#', '"'])
                || scalar.text.trim() != &*scalar.text =>
        {
            format!("{:?}", scalar.text)
        }
        _ => flow(node),
    }
}

/// As code, whatever is in it.
fn code(text: &str) -> String {
    match text.contains('`') {
        true => format!("`` {text} ``"),
        false => format!("`{text}`"),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn first_sentence(text: &str) -> String {
    text.find(". ").map_or(text, |end| &text[..=end]).trim_end_matches('.').to_owned()
}

/// The anchor that a heading has on the pages of GitHub and GitLab.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

/// Lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        // A line that begins with such a sign would be a quotation, a list or a heading.
        let is_sign = matches!(word, ">" | "-" | "+" | "*" | "#");
        if !last.is_empty() && !is_sign && last.chars().count() + 1 + word.chars().count() > 120 {
            lines.push(word.to_owned());
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(word);
        }
    }
    lines.join("\n")
}

#[test]
fn the_page_of_senders_is_fresh() {
    let (page, file) = (page(), root().join("docs/senders.md"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page, "docs/senders.md is stale; run with UPDATE_DOCS=1 to write it");
}

#[test]
fn a_source_can_name_every_sender_of_the_page() {
    let page = page();
    for vendor in vendors() {
        for (name, webhook) in vendor.webhooks() {
            assert!(page.contains(&format!("| [`{name}`](#{}) |", slug(&name))), "{name} is not in the table");
            assert!(page.contains(&format!("\n### {name}\n\n")), "{name} has no section");
            assert!(
                vendor.name == "jackfield"
                    || text(webhook.get("docs")).is_some_and(|docs| page.contains(&format!("<{docs}>"))),
                "{name}: no docs"
            );
        }
    }
}
