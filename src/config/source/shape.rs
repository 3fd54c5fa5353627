//! What an editor is told of `verify:`.

use super::verify::{Basic, Ed25519, Hmac, Jwt, PlainHash, Rsa, Token, Verify};
use crate::config::shape::keywords::{described, or_nothing};
use crate::config::shape::{Field, Shape, Shapes};
use crate::value::Value;

impl Shape for Verify {
    fn shape(shapes: &mut Shapes) -> Value {
        let none = Value::object([("type", "string"), ("const", "none")]);
        let none = described(&["Anyone who knows the address may send. `check` warns."], &none);
        let docs = "How the sender proves itself, by one of these kinds; or `none`.";
        let kinds = shapes.choice("Verification", &[docs], |shapes| {
            let mut fields = kinds(shapes);
            fields.push(any_of(shapes));
            fields
        });
        Value::object([("anyOf", Value::array([kinds, none]))])
    }
}

fn kinds(shapes: &mut Shapes) -> Vec<Field> {
    vec![
        Field::of::<Option<Hmac>>(
            "hmac",
            &["A keyed hash over the request, in a header: what most senders call a signature."],
            shapes,
        ),
        Field::of::<Option<PlainHash>>("sha256", &["A plain hash over a text that holds the secret."], shapes),
        Field::of::<Option<PlainHash>>("sha1", &["As `sha256`, with SHA-1, which some older vendors use."], shapes),
        Field::of::<Option<PlainHash>>("sha512", &["As `sha256`, with SHA-512."], shapes),
        Field::of::<Option<PlainHash>>("md5", &["As `sha256`, with MD5, which some old systems use."], shapes),
        Field::of::<Option<Token>>(
            "token",
            &["A fixed text in one place: `{ query: key }`, for an address that ends in `?key=…`."],
            shapes,
        ),
        Field::of::<Option<Basic>>(
            "basic",
            &["HTTP Basic authentication: `basic: {}`. The secret is `user:password`."],
            shapes,
        ),
        Field::of::<Option<Ed25519>>(
            "ed25519",
            &["A signature by Ed25519, which the sender's public key proves."],
            shapes,
        ),
        Field::of::<Option<Rsa>>("rsa", &["A signature by RSA, which the sender's public key proves."], shapes),
        Field::of::<Option<Jwt>>("jwt", &["A signed JSON Web Token, in a header or as the whole body."], shapes),
    ]
}

/// One of these holds no further list: it would say the same.
fn any_of(shapes: &mut Shapes) -> Field {
    let docs = "How the sender may prove itself, among other ways.";
    let one = shapes.choice("Proof", &[docs], kinds);
    let list = Value::object([("type", or_nothing("array")), ("items", one)]);
    Field::shaped(
        "any_of",
        &["Several ways of which one is enough, while a sender changes from one to another."],
        &list,
    )
}
