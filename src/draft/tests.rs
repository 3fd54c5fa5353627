use super::concept::{Concept, words};
use super::leaf::leaves;
use crate::value::{Value, json};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

#[test]
fn names_are_words_however_they_are_written() {
    for name in ["fullName", "full_name", "FULL-NAME", "Full name", "full.name"] {
        assert_eq!(words(name), ["full", "name"], "{name}");
    }
    assert_eq!(words("Prénom"), ["prenom"]);
    assert_eq!(words("número_de_telefone"), ["numero", "de", "telefone"]);
}

#[test]
fn names_in_four_languages_are_understood() {
    let cases = [
        ("Telefone celular", Concept::Phone),
        ("numéro de téléphone", Concept::Phone),
        ("caller_id", Concept::Phone),
        ("correo", Concept::Email),
        ("Prénom", Concept::FirstName),
        ("sobrenome", Concept::LastName),
        ("nome", Concept::Name),
        ("Mensagem", Concept::Message),
        ("Observações", Concept::Message),
        ("empresa", Concept::Company),
        ("ville", Concept::City),
        ("assunto", Concept::Subject),
    ];
    for (name, wanted) in cases {
        assert_eq!(Concept::of_words(&words(name)), Some(wanted), "{name}");
    }
}

#[test]
fn each_leaf_is_found_again_by_its_path() {
    let payload = value(
        r#"{"contact":{"First Name":"Ana","tel":"+5511999990000"},"items":[{"a":1},{"a":2}],"empty":"",
            "answers":[{"field":{"ref":"mail"},"email":"a@b.co","type":"email"},{"field":{"ref":"it's"},"text":"hi","type":"text"}]}"#,
    );
    let found = leaves(&payload);
    let told: Vec<&str> = found.iter().map(|leaf| leaf.path.as_str()).collect();
    assert_eq!(
        told,
        [
            "$.contact['First Name']",
            "$.contact.tel",
            "$.items[0].a",
            "$.answers[?@.field.ref == 'mail'].email",
            r"$.answers[?@.field.ref == 'it\'s'].text",
        ]
    );
    for leaf in &found {
        let path = crate::path::Path::parse(&leaf.path).unwrap();
        assert_eq!(path.all(&payload, 10), [leaf.value], "{}", leaf.path);
    }
}
