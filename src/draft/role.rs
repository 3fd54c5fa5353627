//! Of whom or of what a value tells: who sent, who received, or a thing.

use super::concept::Concept;

/// Who a value is of, as to what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Who called or wrote.
    Sent,
    /// The names don't say.
    Either,
    /// Who was called or written to: the own number, or somebody of the own people.
    Received,
}

const SENT: &[&str] = &[
    "from",
    "caller",
    "sender",
    "author",
    "customer",
    "contact",
    "client",
    "lead",
    "visitor",
    "cliente",
    "contato",
    "contacto",
    "remetente",
    "remitente",
    "expediteur",
    "origem",
    "origen",
];
const RECEIVED: &[&str] = &[
    "to",
    "called",
    "callee",
    "did",
    "recipient",
    "our",
    "dialed",
    "destination",
    "receiver",
    "agent",
    "owner",
    "assignee",
    "operator",
    "destino",
    "destinatario",
    "destinataire",
    "atendente",
    "responsavel",
];

impl Role {
    /// By the words of all names on the way to it; what stands nearest says most.
    pub fn of(around: &[String], own: &[String]) -> Role {
        if own.join(" ").contains("reply to") {
            return Role::Sent;
        }
        let named = around.iter().chain(own).rev().find_map(|word| match word.as_str() {
            word if SENT.contains(&word) => Some(Role::Sent),
            word if RECEIVED.contains(&word) => Some(Role::Received),
            _ => None,
        });
        named.unwrap_or(Role::Either)
    }
}

/// Names of who speaks with whom, under which a number with nothing but its digits is one that can be called.
const PARTIES: &[&str] = &[
    "from",
    "to",
    "de",
    "para",
    "caller",
    "called",
    "callee",
    "msisdn",
    "sender",
    "recipient",
    "src",
    "dst",
    "origem",
    "origen",
    "destino",
    "desde",
    "remetente",
    "remitente",
    "ani",
    "dnis",
    "did",
    "contato",
    "contacto",
];
/// What such a number is called within them: `{ from: { number: … } }`.
const NUMBERS: &[&str] = &["number", "numero", "num", "nummer", "id", "phone", "endpoint", "address"];

/// Whether a name is that of somebody who calls or writes, or is called or written to.
pub(super) fn is_party(around: &[String], own: &[String]) -> bool {
    let is = |words: &[&str], word: Option<&String>| word.is_some_and(|word| words.contains(&word.as_str()));
    let text = own.join(" ");
    match own {
        _ if text == "wa id" => true,
        [only] if PARTIES.contains(&only.as_str()) => true,
        [only] if NUMBERS.contains(&only.as_str()) => is(PARTIES, around.last()),
        [first, last] => PARTIES.contains(&first.as_str()) && NUMBERS.contains(&last.as_str()) && last != "id",
        _ => false,
    }
}

/// Who has an id that stays the same in each request.
const PEOPLE: &[&str] = &[
    "contact",
    "customer",
    "client",
    "user",
    "lead",
    "visitor",
    "sender",
    "person",
    "wa",
    "subscriber",
    "author",
    "contato",
    "contacto",
    "cliente",
    "pessoa",
    "utilisateur",
    "usuario",
    "respondent",
];

/// Whether a name is that of somebody's id.
pub(super) fn is_id_of_person(around: &[String], own: &[String]) -> bool {
    let is = |word: Option<&String>| word.is_some_and(|word| PEOPLE.contains(&word.as_str()));
    match own {
        [only] => only == "id" && is(around.last()),
        [first, last] => IDS.contains(&last.as_str()) && last != "ids" && is(Some(first)),
        _ => false,
    }
}

/// Words at the end of a name that say of what kind a thing is, and not what it says: `content_type`.
const DESCRIBING: &[&str] = &[
    "type",
    "types",
    "kind",
    "format",
    "length",
    "size",
    "encoding",
    "count",
    "language",
    "lang",
    "locale",
    "status",
    "direction",
    "visibility",
    "attributes",
    "template",
    "version",
    "mode",
    "tipo",
    "formato",
    "idioma",
    "langue",
    "taille",
];
/// Words of a state of a country, beside that of a thing.
const STATES: &[&str] = &["state", "estado", "etat"];
/// Whose address has a state.
const WITH_ADDRESS: &[&str] = &[
    "customer",
    "lead",
    "leads",
    "contact",
    "contacts",
    "address",
    "addresses",
    "billing",
    "shipping",
    "endereco",
    "direccion",
    "adresse",
    "cliente",
    "person",
    "pessoa",
    "user",
    "visitor",
    "company",
    "customers",
];

/// Whether it is the state in which somebody lives: `customer_state`, or `SP`.
pub(super) fn is_of_address(around: &[String], own: &[String], value: &str) -> bool {
    let is_state = own.last().is_some_and(|word| STATES.contains(&word.as_str()));
    let short = value.len() == 2 && value.chars().all(|c| c.is_ascii_uppercase());
    let of_whom = own.iter().chain(around.last());
    is_state && (short || of_whom.into_iter().any(|word| WITH_ADDRESS.contains(&word.as_str())))
}

/// Things that have names, and are no people.
const THINGS: &[&str] = &[
    "account",
    "ad",
    "adset",
    "agent",
    "app",
    "application",
    "board",
    "bot",
    "brand",
    "browser",
    "campagne",
    "campaign",
    "campanha",
    "campana",
    "channel",
    "compte",
    "conta",
    "country",
    "cuenta",
    "department",
    "device",
    "domain",
    "evento",
    "event",
    "field",
    "fichier",
    "file",
    "flow",
    "form",
    "formulaire",
    "formulario",
    "funnel",
    "group",
    "host",
    "inbox",
    "item",
    "label",
    "list",
    "loja",
    "object",
    "os",
    "page",
    "pagina",
    "pipeline",
    "plan",
    "plano",
    "product",
    "produit",
    "produto",
    "producto",
    "project",
    "property",
    "queue",
    "region",
    "server",
    "service",
    "site",
    "source",
    "stage",
    "state",
    "step",
    "store",
    "street",
    "subscription",
    "tag",
    "team",
    "template",
    "tienda",
    "type",
    "workflow",
    "workspace",
    "arquivo",
    "archivo",
    "boutique",
    "city",
    "trigger",
];
const FIRMS: &[&str] = &["company", "empresa", "entreprise", "societe", "organization", "organisation", "compania"];
/// Names of nothing but a name.
const BARE: &[&str] = &["name", "nome", "nom", "nombre", "title", "full name", "display name"];
/// Words at the end of a name that say it is an id.
const IDS: &[&str] = &["id", "sid", "uuid", "guid", "ids"];

/// What a name means where other words beside it, or that in which it lies, say of what it is.
pub(super) fn told_apart(concept: Concept, around: &[String], own: &[String]) -> Option<Concept> {
    let is_id = own.last().is_some_and(|word| IDS.contains(&word.as_str()));
    let text = own.join(" ");
    if is_id && !text.ends_with("caller id") && !text.ends_with("wa id") {
        return Some(Concept::Id);
    }
    let describes = own.len() > 1 && own.last().is_some_and(|word| DESCRIBING.contains(&word.as_str()));
    if describes && !matches!(concept, Concept::Status | Concept::Time) {
        return None;
    }
    if concept != Concept::Name {
        return Some(concept);
    }
    let is_bare = BARE.contains(&text.as_str());
    // `form_name`, and `name` in `form`.
    let of: Vec<&String> = if is_bare { around.last().into_iter().collect() } else { own.iter().collect() };
    match () {
        () if of.iter().any(|word| FIRMS.contains(&word.as_str())) => Some(Concept::Company),
        () if of.iter().any(|word| THINGS.contains(&word.as_str())) => None,
        () => Some(concept),
    }
}
