//! What a value means to people, by the words of its name and by its shape.

use crate::convert;
use crate::value::Value;

/// What a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concept {
    Phone,
    Email,
    FirstName,
    LastName,
    Name,
    Company,
    City,
    Subject,
    Message,
    Time,
    Link,
    Status,
    Id,
}

/// The words of each concept in English, Portuguese, French and Spanish, without accents. The first that fits counts, so
/// what says more comes first.
const WORDS: &[(Concept, &[&str])] = &[
    (
        Concept::Phone,
        &[
            "phone",
            "telephone",
            "telefone",
            "telefono",
            "tel",
            "fone",
            "celular",
            "cell",
            "cellphone",
            "mobile",
            "movil",
            "portable",
            "whatsapp",
            "msisdn",
            "caller",
            "caller id",
            "ani",
            "cli",
            "wa id",
            "phone number",
            "contact number",
            "numero de telephone",
            "numero de telefone",
            "numero de telefono",
            "fixe",
            "ddd",
            "telemovel",
            "gsm",
            "handset",
            "zap",
            "wpp",
            "whats",
            "tlf",
            "tlfn",
            "fono",
            "contato",
            "contacto",
            "phonenumber",
            "telephones",
            "telefones",
            "telefonos",
            "celulares",
            "numero de celular",
            "numero de whatsapp",
            "numero whatsapp",
            "numero de contato",
            "numero de contacto",
        ],
    ),
    (
        Concept::Email,
        &[
            "email",
            "e mail",
            "mail",
            "correo",
            "courriel",
            "correio",
            "emails",
            "mails",
            "correos",
            "courriels",
            "endereco eletronico",
            "adresse electronique",
            "direccion electronica",
        ],
    ),
    (
        Concept::FirstName,
        &[
            "first name",
            "firstname",
            "fname",
            "given name",
            "prenom",
            "primeiro nome",
            "primer nombre",
            "forename",
            "nome proprio",
            "nombre de pila",
            "givenname",
            "prenoms",
            "nombres",
        ],
    ),
    (
        Concept::LastName,
        &[
            "last name",
            "lastname",
            "lname",
            "surname",
            "family name",
            "sobrenome",
            "apellido",
            "apellidos",
            "nom de famille",
            "ultimo nome",
            "familyname",
            "surnames",
            "nom famille",
            "primer apellido",
            "segundo apellido",
            "sobrenomes",
        ],
    ),
    (
        Concept::Company,
        &[
            "company",
            "empresa",
            "entreprise",
            "societe",
            "organization",
            "organisation",
            "compania",
            "razao social",
            "raison sociale",
            "razon social",
            "organizacao",
            "organizacion",
            "negocio",
            "employer",
            "empresas",
        ],
    ),
    (
        Concept::Name,
        &[
            "full name",
            "fullname",
            "name",
            "nome",
            "nom",
            "nombre",
            "nome completo",
            "nombre completo",
            "nom complet",
            "contact name",
            "nickname",
            "cliente",
            "customer name",
            "display name",
            "pessoa",
            "pushname",
            "push name",
            "displayname",
            "nome cliente",
            "nombre cliente",
            "solicitante",
            "remetente",
            "remitente",
            "expediteur",
        ],
    ),
    (
        Concept::City,
        &["city", "cidade", "ville", "ciudad", "town", "municipio", "localidade", "localidad", "commune", "poblacion"],
    ),
    (
        Concept::Subject,
        &[
            "subject",
            "assunto",
            "asunto",
            "sujet",
            "objet",
            "topic",
            "title",
            "titulo",
            "titre",
            "motivo",
            "motif",
            "tema",
            "topico",
            "sujeto",
            "titulo da mensagem",
        ],
    ),
    (
        Concept::Message,
        &[
            "message",
            "mensagem",
            "mensaje",
            "text",
            "texto",
            "texte",
            "body",
            "content",
            "conteudo",
            "contenu",
            "contenido",
            "comment",
            "comments",
            "comentario",
            "comentarios",
            "commentaire",
            "note",
            "notes",
            "nota",
            "observacao",
            "observacoes",
            "description",
            "descricao",
            "descripcion",
            "question",
            "duvida",
            "pergunta",
            "recado",
            "recados",
            "msg",
            "msgs",
            "mensagens",
            "messages",
            "mensajes",
            "obs",
            "observation",
            "observations",
            "observacion",
            "observaciones",
            "anotacao",
            "anotacoes",
            "anotacion",
            "notas",
            "remark",
            "remarks",
            "remarque",
            "remarques",
            "detail",
            "details",
            "detalhe",
            "detalhes",
            "detalle",
            "detalles",
            "demande",
            "solicitacao",
            "solicitud",
            "consulta",
            "inquiry",
            "enquiry",
            "questions",
            "perguntas",
            "pregunta",
            "preguntas",
            "duvidas",
            "dudas",
            "duda",
            "feedback",
            "relato",
            "transcript",
            "transcription",
            "transcricao",
            "transcripcion",
            "caption",
            "summary",
            "resumo",
            "resumen",
            "commentaires",
            "descriptions",
            "conteudos",
        ],
    ),
    (
        Concept::Time,
        &[
            "created at",
            "created",
            "submitted at",
            "received at",
            "updated at",
            "timestamp",
            "date",
            "time",
            "datetime",
            "data",
            "fecha",
            "heure",
            "hora",
            "call start",
            "start time",
            "occurred at",
        ],
    ),
    (Concept::Link, &["url", "link", "recording", "gravacao", "enregistrement", "grabacion", "page", "website"]),
    (Concept::Status, &["status", "state", "estado", "etat", "disposition", "outcome", "result", "resultado"]),
    (
        Concept::Id,
        &["id", "uuid", "guid", "sid", "token", "key", "code", "codigo", "reference", "ref", "number", "numero"],
    ),
];

impl Concept {
    /// What the words of a name say.
    pub fn of_words(words: &[String]) -> Option<Concept> {
        Concept::all_of_words(words).next()
    }

    /// All that the words of a name say, what says most first: a `caller_name` may be a number, and is a name.
    pub fn all_of_words(words: &[String]) -> impl Iterator<Item = Concept> {
        let text = format!(" {} ", words.join(" "));
        let says = move |known: &[&str]| known.iter().any(|word| text.contains(&format!(" {word} ")));
        WORDS.iter().filter(move |(_, known)| says(known)).map(|(concept, _)| *concept)
    }

    /// What the shape of a value says for itself.
    pub fn of_value(value: &Value) -> Option<Concept> {
        let text = value.as_str()?.trim();
        let begins = |start: &str| text.starts_with(start);
        if begins("http://") || begins("https://") {
            return Some(Concept::Link);
        }
        if convert::email(value).is_ok() {
            return Some(Concept::Email);
        }
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let others = text.chars().filter(|c| !c.is_ascii_digit() && !" +-().".contains(*c)).count();
        let is_date = text.chars().skip(4).step_by(3).take(2).all(|c| c == '-') && digits >= 8;
        match () {
            () if is_date => Some(Concept::Time),
            () if others == 0 && (10..=15).contains(&digits) && text.starts_with(['+', '(']) => Some(Concept::Phone),
            () => None,
        }
    }

    /// Whether a value can stand for it.
    pub fn fits(self, value: &Value) -> bool {
        let text = || convert::text(value).unwrap_or_default();
        match self {
            Concept::Phone => {
                let digits = text().chars().filter(char::is_ascii_digit).count();
                let letters = text().chars().filter(|c| c.is_alphabetic()).count();
                (8..=15).contains(&digits) && (letters == 0 || text().contains(':'))
            }
            Concept::Email => convert::email(value).is_ok(),
            Concept::Link => text().starts_with("http"),
            Concept::FirstName | Concept::LastName | Concept::Name | Concept::Company | Concept::City => {
                value.as_str().is_some_and(|text| text.chars().any(char::is_alphabetic) && !text.contains('@'))
            }
            Concept::Subject | Concept::Message => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Concept::Time => text().chars().filter(char::is_ascii_digit).count() >= 6,
            Concept::Status | Concept::Id => !text().is_empty(),
        }
    }

    /// The name of what is extracted for it.
    pub fn word(self) -> &'static str {
        match self {
            Concept::Phone => "phone",
            Concept::Email => "email",
            Concept::FirstName => "first_name",
            Concept::LastName => "last_name",
            Concept::Name => "name",
            Concept::Company => "company",
            Concept::City => "city",
            Concept::Subject => "subject",
            Concept::Message => "message",
            Concept::Time => "time",
            Concept::Link => "link",
            Concept::Status => "status",
            Concept::Id => "id",
        }
    }

    /// What `as:` says of it.
    pub fn conversion(self) -> Option<&'static str> {
        match self {
            Concept::Phone => Some("phone"),
            Concept::Email => Some("email"),
            Concept::Link => Some("url"),
            _ => None,
        }
    }
}

/// A name as words in small letters without accents: `fullName`, `FULL_NAME` and `Full name` are all `full name`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in name.chars() {
        let begins = !last.is_alphanumeric() || (last.is_lowercase() && c.is_uppercase());
        if c.is_alphanumeric() {
            if begins {
                words.push(String::new());
            }
            words.iter_mut().last().into_iter().for_each(|word| word.extend(c.to_lowercase().map(plain)));
        }
        last = c;
    }
    words
}

/// A letter without its accent.
fn plain(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        other => other,
    }
}
