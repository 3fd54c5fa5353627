//! "Did you mean": the nearest of the names that exist.

mod words;

/// Where a key belongs that stands in the wrong mapping.
pub fn home(what: &str, key: &str) -> Option<&'static str> {
    let of_source = [
        "path",
        "methods",
        "from",
        "format",
        "decode",
        "split",
        "verify",
        "secret",
        "handshake",
        "reply",
        "limits",
        "capture",
        "settings",
    ];
    let of_delivery = ["to", "when", "body", "params", "query", "headers", "steps"];
    let of_route = ["match", "extract", "send", "lane", "tests", "fallback", "lookup"];
    let of_settings = ["connections", "sources", "vars", "listen", "public_url"];
    match what {
        "a route" if of_source.contains(&key) => Some("under `source:`, indented"),
        "a route" if of_delivery.contains(&key) => Some("under `send:`, in the item that begins with `- to:`"),
        "a route" if of_settings.contains(&key) => Some("in jackfield.yaml"),
        "a route" if key == "retry" || key == "timeout" => Some("to the connection, in jackfield.yaml"),
        "a delivery" if key == "retry" || key == "timeout" => Some("to the connection, in jackfield.yaml"),
        "a test" if ["to", "body", "path", "headers", "exact"].contains(&key) => {
            Some("under `expect:`, in the item that begins with `- to:`")
        }
        "a source" | "a delivery" | "an extract" | "a test" if of_route.contains(&key) => {
            Some("to the route itself, at the start of the line")
        }
        "limits" if ["connections", "requests", "bodies", "headers", "header_bytes"].contains(&key) => {
            Some("under `limits:` in jackfield.yaml: it is for all sources together")
        }
        "limits" if key == "rate" => Some("under `limits:` of a source"),
        "a source" if key == "rate" => Some("under `limits:`, indented"),
        "a timestamp" if ["tolerance", "algorithm", "encoding", "signs"].contains(&key) => {
            Some("beside `timestamp:`, not in it")
        }
        "a source" if key == "overload" => Some("under `reply:`, indented"),
        "jackfield.yaml" if of_route.contains(&key) || key == "source" => Some("in a file of its own under `routes/`"),
        _ => None,
    }
}

/// The name most like `wrong` among `names`, when it is near enough to have been meant.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong_folded = fold(wrong);
    let names: Vec<&str> = names.into_iter().collect();
    let other = words::WORDS.iter().filter(|(other, _)| *other == wrong_folded);
    if let Some(name) = other.filter_map(|(_, ours)| names.iter().find(|name| *name == ours)).next() {
        return Some(name);
    }
    let scored = names.into_iter().filter_map(|name| {
        let folded = fold(name);
        let distance = strsim::damerau_levenshtein(&wrong_folded, &folded);
        let longest = wrong_folded.chars().count().max(folded.chars().count());
        let begins = is_extension(&wrong_folded, &folded);
        // A name that begins with the other is nearer than one of other letters, but for a slip of the fingers.
        let score = if begins { distance.min(2) } else { distance };
        (begins || distance * 3 <= longest).then_some((score, distance, name))
    });
    scored.min().map(|(_, _, name)| name)
}

/// The name that `wrong` is a slip of the fingers for; nothing when another could have been meant as well.
pub fn certain<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = fold(wrong);
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&wrong, &fold(name)), name);
    let mut scored: Vec<(usize, &str)> = names.into_iter().map(distance).collect();
    scored.sort_unstable();
    scored.dedup();
    let (distance, name) = *scored.first()?;
    let alone = scored.get(1).is_none_or(|(second, _)| *second > distance);
    let near = distance * 4 <= wrong.chars().count().max(fold(name).chars().count());
    (near && alone).then_some(name)
}

/// Whether a text of the payload is another, but for capital letters, spaces or a slip of the fingers. Numbers in it, and
/// letters before it, make another text of it: `step 2`, `unpaid`.
pub fn is_slip(written: &str, right: &str) -> bool {
    let (written, right) = (fold(written), fold(right));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let longest = written.chars().count().max(right.chars().count());
    let distance = strsim::damerau_levenshtein(&written, &right);
    let is_near = distance == 0 || (distance <= 2 && distance * 4 <= longest);
    is_near && !right.is_empty() && written.chars().next() == right.chars().next() && digits(&written) == digits(&right)
}

/// The key that was meant by one that does not exist: by what others call it, by its letters, or by the words of which it
/// is made (`message_id` for `external_message_id`).
pub fn key<'a>(wrong: &str, free: &[&'a str]) -> Option<&'a str> {
    let folded = fold(wrong);
    let of = |meant: &&str| free.iter().copied().find(|key| key == meant);
    let alias = words::KEYS.iter().find(|(other, _)| *other == folded).and_then(|(_, ours)| ours.iter().find_map(of));
    alias.or_else(|| nearest(wrong, free.iter().copied())).or_else(|| by_words(wrong, free))
}

/// Whether a word is one of those that a vendor's secret may be called by.
pub fn is_secret(word: &str) -> bool {
    words::SECRETS.contains(&&*fold(word))
}

/// The only key that has all the words of another, or the other way round.
fn by_words<'a>(wrong: &str, free: &[&'a str]) -> Option<&'a str> {
    let wrong = parts(wrong);
    let within = |a: &[String], b: &[String]| a.iter().all(|word| b.contains(word));
    let long = |words: &[String]| words.iter().any(|word| word.chars().count() >= 4);
    let mut found = free.iter().copied().filter(|key| {
        let key = parts(key);
        (long(&wrong) && within(&wrong, &key)) || (long(&key) && within(&key, &wrong))
    });
    found.next().filter(|_| found.next().is_none())
}

/// The words of a name, however it joins them: `messageId`, `message-id`.
fn parts(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            words.push(String::new());
        }
        words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric())));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `did you mean `x`?`, or a list of what exists where nothing is near.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(wrong, names.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None => one_of(&names).map(|list| format!("write {list}")),
    }
}

/// `a`, `b` or `c`; nothing for an empty list, and no more than sixteen names.
pub fn one_of(names: &[&str]) -> Option<String> {
    const SHOWN: usize = 16;
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let hidden = sorted.len().saturating_sub(SHOWN);
    let quoted: Vec<String> = sorted.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match (quoted.as_slice(), hidden) {
        ([], _) => None,
        ([one], _) => Some(one.clone()),
        ([most @ .., last], 0) => Some(format!("{} or {last}", most.join(", "))),
        (all, more) => Some(format!("{} (and {more} more)", all.join(", "))),
    }
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// One name begins with the other, as `phone` and `phone_number`.
fn is_extension(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short.chars().count() >= 4 && long.starts_with(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("mach", ["match", "send"]), Some("match"));
        assert_eq!(nearest("phone", ["contact", "phone_number"]), Some("phone_number"));
        assert_eq!(nearest("ContactEmail", ["contact_email"]), Some("contact_email"));
        assert_eq!(key("message_id", &["external_message_id", "content"]), Some("external_message_id"));
        assert_eq!(key("token", &["base_url", "api_access_token"]), Some("api_access_token"));
        assert_eq!(key("phone", &["contact_phone_number", "home_phone"]), None);
        assert_eq!(nearest("x-acme-sign", ["x-acme-time", "x-acme-signature"]), Some("x-acme-signature"));
        assert_eq!(nearest("contrct", ["contract", "contrctor_of_the_house"]), Some("contract"));
        assert_eq!(nearest("xyz", ["match", "send"]), None);
    }

    #[test]
    fn only_a_slip_of_the_fingers_is_certain() {
        assert_eq!(certain("pth", ["path", "secret"]), Some("path"));
        assert_eq!(certain("extarct", ["extract", "send"]), Some("extract"));
        assert_eq!(certain("Contact-Email", ["contact_email"]), Some("contact_email"));
        assert_eq!(certain("phone", ["phone_number"]), None);
        assert_eq!(certain("note_1", ["note_2", "note_3"]), None);
        assert_eq!(certain("if", ["when", "in"]), None);
    }
}
