//! What the compiler lets pass by its types never breaks the schema at run time by a type.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Compiled, Input, Secrets, compile, with_stack};
use crate::clock::Timestamp;
use crate::document::reference::Environment;
use crate::event::capture;
use crate::pipeline::{self, Prepared, RouteResult};
use crate::test_case;

/// One extract: its name, whether it is optional, and the rest of its line.
const EXTRACTS: &[&str] = &[
    "{ path: $.NAME, as: string }",
    "{ path: $.NAME, as: integer }",
    "{ path: $.NAME, as: number }",
    "{ path: $.NAME, as: boolean }",
    "{ path: $.NAME, as: digits }",
    "{ path: $.NAME, as: phone, region: BR }",
    "{ path: $.NAME, as: email }",
    "{ path: $.NAME, as: datetime }",
    "{ path: $.NAME, as: object }",
    "{ path: \"$.NAME[*]\", as: integer, all: true }",
    "{ path: \"$.NAME[*]\", as: string, all: true }",
    "{ path: $.NAME, map: { a: one, b: two }, else: three }",
    "{ path: $.NAME, map: { a: 1, b: 2 }, else: 3.5 }",
    "{ path: $.NAME, map: { a: true, b: word } , else: 7 }",
    "{ path: $.NAME, as: integer, default: 0 }",
    "{ path: $.NAME, as: integer, default: none }",
    "{ path: $.NAME, as: string, default: \"\" }",
    "{ path: $.NAME, as: boolean, default: unknown }",
];

/// Expressions over two names, `A` and `B`.
const EXPRESSIONS: &[&str] = &[
    "{{ A }}",
    "{{ A }} and more",
    "{{ A | default('x') }} {{ B | default(1) }}",
    "{{ A | default('x') }}",
    "{{ A | default(5) }}",
    "{{ A | default(B) }}",
    "{{ A or B }}",
    "{{ A or 'x' }}",
    "{{ A and B }}",
    "{{ A if B else 3 }}",
    "{{ A if B }}",
    "{{ A if A is defined else B }}",
    "{{ A ~ B }}",
    "{{ A + 1 }}",
    "{{ A - 1 }}",
    "{{ A / 2 }}",
    "{{ A == B }}",
    "{{ not A }}",
    "{{ A is defined }}",
    "{{ A | string }}",
    "{{ A | int }}",
    "{{ A | float }}",
    "{{ A | length }}",
    "{{ A | upper }}",
    "{{ A | digits }}",
    "{{ A | join(', ') }}",
    "{{ A | list }}",
    "{{ A | first }}",
    "{{ A | json }}",
    "{{ A | bool }}",
    "{{ A | sha256 }}",
    "{{ A | trim }}",
    "{{ A | sort }}",
    "{{ A | split(',') }}",
    "{{ A | abs }}",
    "{{ A | round }}",
    "{{ A | sum }}",
    "{{ [A, B] }}",
    "{{ {'a': A} }}",
    "{{ -A }}",
    "{{ A in [1, 'x'] }}",
    "word",
    "7",
];

/// Schemas of one field; those with words are told only where the value is known.
const SCHEMAS: &[&str] = &[
    r#"{"type":"string"}"#,
    r#"{"type":"integer"}"#,
    r#"{"type":"number"}"#,
    r#"{"type":"boolean"}"#,
    r#"{"type":["string","null"]}"#,
    r#"{"type":["string","integer"]}"#,
    r#"{"type":"array","items":{"type":"string"}}"#,
    r#"{"type":"array"}"#,
    r#"{"type":"object"}"#,
    r#"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#,
    r##"{"$ref":"#/$defs/text"}"##,
    r##"{"allOf":[{"$ref":"#/$defs/single"},{"type":["integer","array","string"]}]}"##,
    r#"{"not":{"type":"object"},"type":["string","number","object"]}"#,
];

const VALUES: &[&str] = &[
    "null",
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\"17\"",
    "\"1.5\"",
    "\"x y\"",
    "\"11 99999-0000\"",
    "\"ana@example.com\"",
    "true",
    "false",
    "0",
    "3",
    "-4",
    "2.5",
    "1e3",
    "[]",
    "[1,2]",
    "[\"a\",\"7\"]",
    "{}",
    "{\"a\":1}",
    "\"true\"",
    "\"2026-01-31T12:00:00Z\"",
];

#[derive(Clone, Debug)]
struct Case {
    extracts: Vec<(usize, bool)>,
    fields: Vec<(usize, usize, usize, usize, bool)>,
    payloads: Vec<Vec<Option<usize>>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let extract = (0..EXTRACTS.len(), any::<bool>());
    let field = (0..SCHEMAS.len(), 0..EXPRESSIONS.len(), 0..3usize, 0..3usize, any::<bool>());
    let payload = prop::collection::vec(prop::option::weighted(0.8, 0..VALUES.len()), 3);
    (prop::collection::vec(extract, 3), prop::collection::vec(field, 1..3), prop::collection::vec(payload, 12))
        .prop_map(|(extracts, fields, payloads)| Case { extracts, fields, payloads })
}

impl Case {
    fn files(&self) -> BTreeMap<Arc<str>, Arc<str>> {
        let mut route = String::from("source: { path: /a, verify: none }\nextract:\n");
        for (number, (line, optional)) in self.extracts.iter().enumerate() {
            let mark = if *optional { "?" } else { "" };
            let _ = writeln!(route, "  n{number}{mark}: {}", EXTRACTS[*line].replace("NAME", &format!("n{number}")));
        }
        route.push_str("send:\n  - to: acme.take\n    body:\n");
        let (mut properties, mut required) = (Vec::new(), Vec::new());
        for (number, (schema, expression, a, b, needed)) in self.fields.iter().enumerate() {
            let text = replaced(EXPRESSIONS[*expression], *a, *b);
            let _ = writeln!(route, "      f{number}: \"{text}\"");
            properties.push(format!("\"f{number}\":{}", SCHEMAS[*schema]));
            required.extend(needed.then(|| format!("\"f{number}\"")));
        }
        let schema = format!(
            r#"{{"type":"object","additionalProperties":false,"required":[{}],"properties":{{{}}},
               "$defs":{{"text":{{"type":"string"}},"single":{{"type":["string","integer","boolean"]}}}}}}"#,
            required.join(","),
            properties.join(",")
        );
        let pack = "title: Acme\nbase_url: https://acme.example.com\noperations:\n  take: { path: /a, request: { json: take.json } }\n";
        let settings = "connections: { acme: { provider: acme } }\n";
        [
            ("jackfield.yaml", settings),
            ("routes/a.yaml", &route),
            ("schemas/acme/pack.yaml", pack),
            ("schemas/acme/take.json", &schema),
        ]
        .map(|(path, text)| (path.into(), text.into()))
        .into()
    }

    fn compiled(&self) -> Compiled {
        let input = Input {
            files: self.files(),
            environment: Environment::default(),
            secrets: Secrets::Optional,
            sandbox: None,
            listen: None,
            samples: Vec::new(),
            read: &|_| None,
            now: Timestamp(0),
            tests: true,
        };
        with_stack(|| compile(&input)).unwrap()
    }

    /// What the provider's schema refused of a request that was rendered.
    fn refused(&self, compiled: &Compiled, payload: &[Option<usize>]) -> Option<String> {
        let fields: Vec<String> = payload
            .iter()
            .enumerate()
            .filter_map(|(number, value)| value.map(|value| format!("\"n{number}\":{}", VALUES[value])))
            .collect();
        let raw = capture::parse(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap();
        let route = compiled.set.route("a").unwrap();
        let source = compiled.set.sources.get(&route.source).unwrap();
        let event = test_case::events(&compiled.set, source, raw, Timestamp(0)).unwrap().remove(0);
        let RouteResult::Taken(taken) = pipeline::run_one(&compiled.set, route, &event).result else { return None };
        taken.sends.into_iter().find_map(|send| match send {
            Prepared::Failed(problem) if problem.code == crate::diagnostic::Code::InvalidBody => {
                Some(format!("{}: {fields:?}", problem.message))
            }
            _ => None,
        })
    }
}

fn replaced(expression: &str, a: usize, b: usize) -> String {
    let names = expression.replace('A', &format!("n{a}"));
    names.replace('B', &format!("n{b}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_compiles_by_type_breaks_no_schema_by_type(case in cases()) {
        let compiled = case.compiled();
        if compiled.is_good() {
            for payload in &case.payloads {
                let refused = case.refused(&compiled, payload);
                prop_assert!(refused.is_none(), "{refused:?}\n{}", case.files()["routes/a.yaml"]);
            }
        }
    }
}

/// The property above says something: of the same cases many compile, and many don't.
#[test]
fn of_such_cases_many_compile_and_many_do_not() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let good = (0..200).filter(|_| cases().new_tree(&mut runner).unwrap().current().compiled().is_good()).count();
    assert!((10..190).contains(&good), "{good} of 200 compile");
}
