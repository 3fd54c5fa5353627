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
