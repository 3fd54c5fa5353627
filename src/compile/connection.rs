//! Connections: settings proved against what their packs ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::pack::{KnownPack, Packs, is_secret};
use super::{Compiler, Secrets};
use crate::backoff::Backoff;
use crate::config::Named;
use crate::config::connection::{Connection as Written, Retry, Setting};
use crate::config::pack::RateLimit;
use crate::config::scalar::Text;
use crate::config::settings::Settings;
use crate::diagnostic::{Code, Diagnostic, Place, Severity, suggest};
use crate::document::reference;
use crate::pack::{Connection, OAuth2};
use crate::secret::Secret;
use crate::value::Value;

/// How long an attempt may take unless a connection says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What holds for every connection that does not say otherwise.
struct Common<'a> {
    retry: Option<&'a Retry>,
    proxy: Option<Secret>,
}

impl Compiler<'_> {
    pub(super) fn connections(&mut self, settings: &Settings, packs: &Packs) -> BTreeMap<Arc<str>, Arc<Connection>> {
        let mut connections = BTreeMap::new();
        settings.retry.iter().for_each(|retry| self.check_retry(retry));
        let common =
            Common { retry: settings.retry.as_ref(), proxy: settings.proxy.as_ref().and_then(|p| self.proxy(p)) };
        for named in settings.connections.iter() {
            let name = &named.name.value;
            named.value.retry.iter().for_each(|retry| self.check_retry(retry));
            if name.contains('.') {
                let message = format!("`{name}` can't name a connection: a dot separates it from the operation");
                let help = format!("write `{}`", name.replace('.', "_"));
                self.report(Diagnostic::new(Code::InvalidValue, named.name.place.clone(), message).help(help));
                continue;
            }
            if let Some(connection) = self.connection(name, &named.value, &common, packs) {
                connections.insert(name.clone(), Arc::new(connection));
            }
        }
        self.check_names_of_variables(settings);
        connections
    }

    /// A variable that is called after the provider of another connection, and that none of that provider has: most likely
    /// two have been swapped.
    fn check_names_of_variables(&mut self, settings: &Settings) {
        let uses: Vec<Variable<'_>> = settings.connections.iter().flat_map(variables).collect();
        for one in &uses {
            let is_shared = |other: &Variable<'_>| other.name == one.name && one.name.contains(&other.provider);
            let is_named = |other: &&Variable<'_>| {
                other.provider != one.provider
                    && other.provider.len() >= LONG_NAME
                    && one.name.contains(&other.provider)
                    && !uses.iter().any(is_shared)
            };
            let named = uses.iter().find(is_named).filter(|_| !one.name.contains(&one.connection));
            if let Some(other) = named {
                let message = format!(
                    "this variable is called after `{}`, and the account is one of another provider",
                    other.provider
                );
                let mut diagnostic = Diagnostic::new(Code::InvalidReference, one.text.place.clone(), message);
                diagnostic.severity = Severity::Warning;
                let help = "see that it is the right one, and not swapped with that of another connection";
                self.report(diagnostic.help(help));
            }
        }
    }

    fn connection(
        &mut self,
        name: &Arc<str>,
        written: &Written,
        common: &Common<'_>,
        packs: &Packs,
    ) -> Option<Connection> {
        let provider = written.provider.get()?;
        if self.is_broken(provider, "") {
            return None;
        }
        let found = packs.get(provider);
        let Some(pack) = found.filter(|pack| !pack.written.operations.is_empty()) else {
            let file = format!("schemas/{}/pack.yaml", provider.value);
            if self.is_unread(&Place::file(file), "operations")
                || found.is_some_and(|p| !p.written.operations.unread.is_empty())
            {
                return None;
            }
            let message = match found {
                Some(pack) => format!("{} only sends; its pack has no operations", pack.compiled.title),
                None => format!("there is no pack `{}`", provider.value),
            };
            let providers = packs.takers();
            let providers = providers.iter().map(|name| &**name);
            let help = suggest::did_you_mean(provider, providers.clone());
            let diagnostic = Diagnostic::new(Code::UnknownPack, provider.place.clone(), message).help_opt(help);
            let near = suggest::certain(provider, providers);
            self.report(diagnostic.fix_opt(provider.place.clone(), near));
            return None;
        };
        let (settings, secrets) = self.connection_settings(name, written, pack);
        // Without an address its routes are still looked at; with a problem nothing goes live.
        let base_url = self.base_url(name, written, pack).unwrap_or_default();
        let link = self.link(written, common.proxy.as_ref());
        self.check_private(&base_url, written, &link);
        Some(Connection {
            name: name.clone(),
            pack: pack.compiled.clone(),
            base_url,
            timeout: written.timeout.as_ref().map_or(TIMEOUT, |timeout| timeout.value),
            link: Arc::new(link),
            traceparent: written.traceparent.as_ref().is_some_and(|wanted| wanted.value),
            backoff: backoff(written.retry.as_ref(), common.retry),
            oauth2: oauth2(pack, &settings, &secrets),
            rate_limits: pack.written.rate_limit.iter().flat_map(|limits| &limits.0).filter_map(shared_limit).collect(),
            settings,
            secrets,
        })
    }

    fn connection_settings(
        &mut self,
        connection: &Arc<str>,
        written: &Written,
        pack: &KnownPack,
    ) -> (Value, BTreeMap<Arc<str>, Secret>) {
        let (mut settings, mut secrets) = (Vec::new(), BTreeMap::new());
        let described = &pack.written.settings;
        for given in written.settings.iter() {
            if described.get(&given.name).is_none() {
                let meant = self.unknown_setting(&given.name.value, &given.name.place, written, pack);
                self.unset.extend(meant.map(|meant| (connection.clone(), meant.into())));
            } else if is_secret(&pack.written, &given.name) {
                secrets.insert(given.name.value.clone(), self.secret_setting(&given.name, &given.value));
            } else if let Some(value) = self.plain_setting(&given.value) {
                let described = described.get(&given.name).map(|described| &described.value);
                self.check_spelling(&given.name, &given.value, &value);
                let is_fit = |described| self.check_setting(described, &given.name, &given.value, &value);
                match described.is_none_or(is_fit) {
                    true => settings.push((given.name.value.clone(), value)),
                    false => _ = self.unset.insert((connection.clone(), given.name.value.clone())),
                }
            }
        }
        for unread in &written.settings.unread {
            self.unset.insert((connection.clone(), unread.clone()));
        }
        for setting in described.iter().filter(|setting| written.settings.get(&setting.name).is_none()) {
            let name = &setting.name.value;
            match &setting.value.default {
                Some(default) => settings.push((name.clone(), Value::from(default.value.clone()))),
                None if self.unset.contains(&(connection.clone(), name.clone())) => {}
                None if is_supplied(name, written, pack) => {}
                None if setting.value.required.as_ref().is_some_and(|required| required.value) => {
                    self.unset.insert((connection.clone(), name.clone()));
                    let what = setting.value.description.as_ref().map(|text| format!(" ({})", text.value));
                    let message = format!("the connection needs `{name}`{}", what.unwrap_or_default());
                    let help = match is_secret(&pack.written, name) {
                        true => {
                            format!("add `{name}: ${{env:NAME}}`, and set that variable where Jackfield is started")
                        }
                        false => format!("add `{name}: …`"),
                    };
                    self.report(Diagnostic::new(Code::MissingSetting, written.place.on_key(), message).help(help));
                }
                None => {}
            }
        }
        (Value::Object(Arc::new(settings.into_iter().collect())), secrets)
    }

    /// A word of letters and digits that YAML takes for a number, `5e1`: it is sent as another text.
    fn check_spelling(&mut self, name: &str, setting: &Setting, value: &Value) {
        let written = &*setting.text.value;
        if value.as_number().is_none() || !written.contains(['e', 'E']) {
            return;
        }
        let number = written.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
        let sent = number.map(|number| format!(" {number}")).unwrap_or_default();
        let message = format!("`{written}` is read as the number{sent}, and not as a text");
        let mut diagnostic = Diagnostic::new(Code::InvalidValue, setting.text.place.clone(), message);
        diagnostic.severity = Severity::Warning;
        self.report(diagnostic.help(format!("if it is text, put it in quotes: `{name}: \"{written}\"`")));
    }

    /// Returns the setting that was meant, when one is near enough.
    fn unknown_setting<'p>(
        &mut self,
        name: &str,
        place: &Place,
        written: &Written,
        pack: &'p KnownPack,
    ) -> Option<&'p str> {
        let own = ["base_url", "environment", "timeout", "retry"].into_iter().chain(super::link::KEYS.iter().copied());
        let free = |setting: &&str| written.settings.get(setting).is_none();
        let known: Vec<&str> = pack.written.settings.names().filter(free).chain(own).collect();
        let message = format!("a connection to {} has no setting `{name}`", pack.compiled.title);
        let diagnostic = Diagnostic::new(Code::UnknownKey, place.clone(), message);
        let near = suggest::key(name, &known).or_else(|| only_secret(name, &known, &pack.written)).or_else(|| {
            let alone =
                written.settings.iter().filter(|given| pack.written.settings.get(&given.name).is_none()).count() == 1;
            alone.then(|| only_missing(written, pack)).flatten()
        });
        let list = || suggest::one_of(&known).map(|all| format!("its other settings are {all}"));
        let diagnostic = diagnostic.help_opt(near.map(|near| format!("did you mean `{near}`?")).or_else(list));
        self.report(diagnostic.fix_opt(place.clone(), suggest::certain(name, known.iter().copied())));
        near
    }

    fn plain_setting(&mut self, setting: &Setting) -> Option<Value> {
        match reference::is_in(&setting.text) {
            true => self.resolved(&setting.text).map(Value::from).or_else(|| self.stand_in()),
            false => {
                self.check_open(&setting.text);
                Some(setting.node.to_value())
            }
        }
    }

    /// A value that can't be had is a made-up one where no request goes out, so that one warning stays one.
    fn stand_in(&self) -> Option<Value> {
        (self.input.secrets == Secrets::Optional).then(|| Value::from(super::setting::STAND_IN))
    }

    fn base_url(&mut self, name: &Arc<str>, written: &Written, pack: &KnownPack) -> Option<Arc<str>> {
        if let Some(sandbox) = &self.input.sandbox {
            return Some(format!("{sandbox}/{}", pack.compiled.name).into());
        }
        let given = match (&written.base_url, &written.environment) {
            (Some(url), _) => return self.checked_url(url, pack),
            (None, Some(environment)) => {
                let found = pack.written.environments.get(environment);
                if found.is_none() {
                    let message = format!("{} has no environment `{}`", pack.compiled.title, environment.value);
                    let names: Vec<&str> = pack.written.environments.names().collect();
                    let near = suggest::nearest(environment, names.iter().copied());
                    let help = near.map(|near| format!("did you mean `{near}`?")).or_else(|| {
                        let all = suggest::one_of(&names)?;
                        let own =
                            pack.written.base_url.as_ref().map(|_| "remove the line for the provider's own address");
                        own.map(|own| format!("{own}, or write {all}"))
                    });
                    let help = help.or_else(|| suggest::did_you_mean(environment, names.iter().copied()));
                    let diagnostic = Diagnostic::new(Code::InvalidValue, environment.place.clone(), message);
                    let near = suggest::certain(environment, pack.written.environments.names());
                    self.report(diagnostic.help_opt(help).fix_opt(environment.place.clone(), near));
                }
                found.map(|named| &named.value)?
            }
            (None, None) => {
                if let Some(url) = &pack.written.base_url {
                    url
                } else if self.unset.contains(&(name.clone(), "base_url".into())) {
                    return None;
                } else {
                    let message = format!(
                        "the connection needs `base_url`: {} gives each account its own address",
                        pack.compiled.title
                    );
                    let diagnostic = Diagnostic::new(Code::MissingSetting, written.place.on_key(), message);
                    self.report(diagnostic.help("add `base_url: https://…`"));
                    return None;
                }
            }
        };
        Some(given.trim_end_matches('/').into())
    }

    fn checked_url(&mut self, text: &Text, pack: &KnownPack) -> Option<Arc<str>> {
        let url = self.resolved(text)?;
        let Some(rest) = web_address(&url) else {
            let message = "this is not the address of an API";
            let help = address_help(&url, "https://api.example.com/v1");
            self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
            return None;
        };
        let path = rest.trim_end_matches('/').split_once('/').map_or("", |(_, path)| path);
        if let Some(repeated) = pack.written.operations.iter().find_map(|op| repeated(path, op.value.path.as_ref()?)) {
            let message = format!("the operations of {} add `/{repeated}` themselves", pack.compiled.title);
            let url = url.trim_end_matches('/');
            let help = format!("write `{}`", url.strip_suffix(&repeated).unwrap_or(url).trim_end_matches('/'));
            self.report(Diagnostic::new(Code::InvalidAddress, text.place.clone(), message).help(help));
        }
        Some(url.trim_end_matches('/').into())
    }

    /// Numbers with which nothing would be tried, or tried otherwise than written.
    fn check_retry(&mut self, retry: &Retry) {
        if let Some(attempts) = retry.attempts.as_ref().filter(|attempts| attempts.value == 0) {
            let diagnostic = Diagnostic::new(Code::InvalidValue, attempts.place.clone(), "a delivery needs an attempt");
            self.report(diagnostic.help("write at least 1: `attempts: 1` tries once, and not again"));
        }
        if let (Some(first), Some(longest)) = (&retry.first, &retry.longest)
            && first.value > longest.value
        {
            let message = "the first wait is longer than the longest";
            let diagnostic = Diagnostic::new(Code::ConflictingKeys, first.place.clone(), message);
            self.report(
                diagnostic.also(longest.place.clone(), "the longest").help("make `first` the shorter of the two"),
            );
        }
    }
}

/// The pack's way to a token, where the connection gives all that it takes.
fn oauth2(pack: &KnownPack, settings: &Value, secrets: &BTreeMap<Arc<str>, Secret>) -> Option<Arc<OAuth2>> {
    let oauth2 = pack.compiled.oauth2.clone()?;
    let is_given = |name: &Arc<str>| settings.get(name).is_some() || secrets.contains_key(name);
    oauth2.needs.iter().all(is_given).then_some(oauth2)
}

/// A token that the connection can get, since it gives all that this takes.
fn is_supplied(name: &str, written: &Written, pack: &KnownPack) -> bool {
    let has_default = |need: &str| pack.written.settings.get(need).is_some_and(|s| s.value.default.is_some());
    let is_given = |need: &Arc<str>| written.settings.get(need).is_some() || has_default(need);
    pack.compiled.oauth2.as_ref().is_some_and(|oauth2| *oauth2.token == *name && oauth2.needs.iter().all(is_given))
}

/// A limit that all calls of a connection share.
fn shared_limit(limit: &RateLimit) -> Option<(u64, Duration)> {
    limit.key.is_none().then_some((limit.requests.value, limit.per.value))
}

/// A shorter name of a provider may be part of another word.
const LONG_NAME: usize = 5;

/// A variable of the environment, and the connection that has it; names in letters and digits alone.
struct Variable<'w> {
    name: String,
    connection: String,
    provider: String,
    text: &'w Text,
}

fn variables(named: &Named<Written>) -> Vec<Variable<'_>> {
    let Some(provider) = named.value.provider.get() else { return Vec::new() };
    let texts = named.value.settings.iter().map(|given| &given.value.text);
    let variable = texts.filter_map(|text| Some((variable_of(text)?, text)));
    let of = |(name, text)| Variable {
        name: fold(name),
        connection: fold(&named.name.value),
        provider: fold(provider),
        text,
    };
    variable.map(of).collect()
}

/// Letters and digits alone, in small letters.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The variable of a text that is one, `${env:NAME}`.
fn variable_of(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${env:")?.strip_suffix('}')
}

/// What comes after `https://` in an address of the web without query and fragment.
pub(super) fn web_address(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '@' | '_');
    let good = !host.is_empty() && host.chars().all(is_host) && !url.contains(['?', '#', ' ']);
    (good && !matches!(host, "http:" | "https:")).then_some(rest)
}

/// What to write for an address that is none.
pub(super) fn address_help(url: &str, example: &str) -> String {
    let bare = ["https", "http"].iter().fold(url.trim(), |rest, scheme| rest.strip_prefix(scheme).unwrap_or(rest));
    let bare = bare.trim_matches([':', '/', ' ']);
    let plain = bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '/' | '_'));
    match plain && bare.contains('.') {
        true => format!("write `https://{bare}`"),
        false => format!("write it like `{example}`, without `?`, `#` and spaces"),
    }
}

/// The end of an address's path with which an operation's path begins again.
fn repeated(path: &str, operation: &str) -> Option<String> {
    let own: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let theirs: Vec<&str> = operation.split('/').filter(|part| !part.is_empty()).collect();
    let same = |(own, theirs): (&&str, &&str)| own == theirs || theirs.starts_with('{');
    let literal = theirs.first().is_some_and(|first| !first.starts_with('{'));
    let ends = (0..own.len()).filter_map(|start| own.get(start..));
    let again = |end: &&[&str]| literal && end.len() <= theirs.len() && end.iter().zip(&theirs).all(same);
    ends.into_iter().find(again).map(|end| end.join("/"))
}

/// The one secret of a pack, for a name that secrets have elsewhere.
fn only_secret<'p>(name: &str, free: &[&'p str], pack: &crate::config::pack::Pack) -> Option<&'p str> {
    let mut secrets = free.iter().copied().filter(|setting| is_secret(pack, setting));
    secrets.next().filter(|_| suggest::is_secret(name) && secrets.next().is_none())
}

/// The one setting that must be given and is not.
fn only_missing<'p>(written: &Written, pack: &'p KnownPack) -> Option<&'p str> {
    let is_missing = |setting: &&crate::config::Named<crate::config::pack::Setting>| {
        let required = setting.value.required.as_ref().is_some_and(|required| required.value);
        required && setting.value.default.is_none() && !written.settings.names().any(|given| *given == **setting.name)
    };
    let mut missing = pack.written.settings.iter().filter(is_missing);
    missing.next().filter(|_| missing.next().is_none()).map(|setting| &**setting.name)
}

fn backoff(own: Option<&Retry>, common: Option<&Retry>) -> Backoff {
    let default = Backoff::default();
    let first_of = |get: fn(&Retry) -> Option<Duration>| own.and_then(get).or_else(|| common.and_then(get));
    let attempts = |retry: &Retry| retry.attempts.as_ref().map(|attempts| attempts.value);
    let attempts = own.and_then(attempts).or_else(|| common.and_then(attempts));
    Backoff {
        attempts: attempts.map_or(default.attempts, |n| u32::try_from(n.max(1)).unwrap_or(u32::MAX)),
        first: first_of(|retry| retry.first.as_ref().map(|d| d.value)).unwrap_or(default.first),
        longest: first_of(|retry| retry.longest.as_ref().map(|d| d.value)).unwrap_or(default.longest),
    }
}
