use super::*;
use crate::value::json;

fn scope() -> Scope {
    let payload = json::parse(
        br#"{"name":"Ana","n":null,"id":9007199254740993123,"big":123456789012345678901234567890,
        "list":[1,true],"open":true,"price":"12.50","o":{"a":1},"items":[{"a":1}]}"#,
        &json::Limits::default(),
    );
    let mut scope = Scope::new();
    scope.set("payload", Some(payload.unwrap()));
    scope.set("name", Some(Value::from("Ana")));
    scope.set("phone", None);
    scope.set("count", Some(Value::from(3i64)));
    scope
}

fn render(text: &str) -> String {
    match Template::compile(text) {
        Err(errors) => errors.iter().map(|e| format!("{}: {}", e.code, e.message)).collect::<Vec<_>>().join("; "),
        Ok(template) => match template.evaluate(&scope()) {
            Ok(Some(value)) => value.to_json(),
            Ok(None) => "absent".to_owned(),
            Err(error) => format!("{} {:?}: {}", error.code, error.range, error.message),
        },
    }
}

#[test]
fn one_expression_keeps_its_type_and_text_is_text() {
    let cases = [
        ("{{ name }}", "\"Ana\""),
        ("{{ phone }}", "absent"),
        ("{{ phone | digits }}", "absent"),
        ("{{ phone | upper }}", "absent"),
        ("{{ phone or name }}", "\"Ana\""),
        ("{{ payload.id }}", "9007199254740993123"),
        ("{{ payload.big }}", "123456789012345678901234567890"),
        ("{{ payload.open }}", "true"),
        ("{{ payload.list }}", "[1,true]"),
        ("{{ payload.o }}", "{\"a\":1}"),
        ("{{ payload.n }}", "null"),
        ("{{ payload.n | default('x') }}", "\"x\""),
        ("{{ '' | default('x') }}", "\"\""),
        ("{{ '' | default('x', true) }}", "\"x\""),
        ("{{ payload.missing }}", "absent"),
        ("{{ count + 1 }}", "4"),
        ("is {{ payload.open }}, {{ payload.list }} {{ payload.id }}", "\"is true, [1,true] 9007199254740993123\""),
        ("Hi {{ phone }}", "template-failed 6..11: `phone` has no value in this event"),
        ("Hi {{ phone | default('you') }}", "\"Hi you\""),
        ("{% if phone %}a{% else %}b {{ name }}{% endif %}", "\"b Ana\""),
        ("plain", "\"plain\""),
        ("{{ {'a': name, 'b': [1]} }}", "{\"a\":\"Ana\",\"b\":[1]}"),
        ("{{ 'Região Sul!' | slug }}", "\"regiao-sul\""),
        ("{{ 'a <b>c</b>&amp;d' | strip_html }}", "\"a c&d\""),
        ("{{ '1456824464' | datetime('%d/%m/%Y', 'America/Sao_Paulo') }}", "\"01/03/2016\""),
        ("{{ '(11) 99999-0000' | phone('BR') | digits }}", "\"5511999990000\""),
        ("{{ payload | jsonpath('$.o.a') }}", "1"),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
}

#[test]
fn what_is_missing_with_all_that_is_over_it_does_no_harm_where_that_is_asked_for() {
    let cases = [
        ("{{ payload.contact.email | default('x') }}", "\"x\""),
        ("{{ payload.o.a | default('x') }}", "1"),
        ("{{ payload.list[0].name | default('x') }}", "\"x\""),
        ("{{ payload.list[5].name | default('x') }}", "\"x\""),
        ("{{ payload.items[-1].a | default('x') }}", "1"),
        ("{{ payload.list[-1] | default('x') }}", "true"),
        ("{{ payload.n.name | default('x') }}", "\"x\""),
        ("{{ phone.country.code | default('x') }}", "\"x\""),
        ("{{ payload['a b'].c.d | default('x') }}", "\"x\""),
        ("{{ payload.contact.email is defined }}", "false"),
        ("{{ payload.contact.email or name }}", "\"Ana\""),
        ("{{ 'a' if payload.contact.email else 'b' }}", "\"b\""),
        ("{% if payload.contact.email %}a{% else %}b{% endif %}", "\"b\""),
        ("to {{ payload.contact.email | default('x') }} {{ payload.o.a }}", "\"to x 1\""),
        ("{{ payload.contact.email }}", "template-failed 3..24: this has no value in this event"),
        ("{{ phone is none }}", "true"),
        ("{{ phone is not none }}", "false"),
        ("{{ payload.n is none }}", "true"),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
    let holds = |text: &str| Template::condition(text).unwrap().holds(&scope());
    assert_eq!(holds("payload.contact.email"), Ok(false));
    assert_eq!(holds("name and not payload.contact.email"), Ok(true));
    assert_eq!(holds("payload.o.a"), Ok(true));
    assert_eq!(holds("payload.contact.email == 'x'").map_err(|error| error.range), Err(0..21));
}

#[test]
fn a_name_is_there_in_a_branch_that_asks_for_it() {
    let guarded = |text: &str| Template::compile(text).unwrap().uses().iter().all(|used| used.guarded);
    let cases = [
        "{% if phone %}{{ phone }}{% endif %}",
        "{% if phone is defined and phone != 'x' %}{{ phone | upper }}{% endif %}",
        "{% if not phone %}no{% else %}{{ phone }}{% endif %}",
        "{% if phone is none %}no{% else %}{{ phone }}{% endif %}",
        "{% if name == 'a' %}{{ name }}{% elif phone %}{{ phone }}{% endif %}",
    ];
    for text in cases {
        assert!(guarded(text), "{text}");
    }
    for text in ["{% if name %}{{ phone }}{% endif %}", "{% if phone %}{% else %}{{ phone }}{% endif %}"] {
        assert!(!guarded(text), "{text}");
    }
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let cases = [
        ("{{ name | uper }}", "unknown-filter: there is no filter `uper`"),
        ("{% if false %}{{ x | nofilter }}{% endif %}", "unknown-filter: there is no filter `nofilter`"),
        ("{{ upper(name) }}", "unknown-filter: there is no function `upper`"),
        ("{{ 'x' * 100000000 }}", "invalid-template: `*` takes two numbers"),
        ("{{ 2 ** 9 }}", "invalid-template: `**` is not part of the language"),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
    assert!(render("{{ name ").starts_with("invalid-template"), "{}", render("{{ name "));
}

#[test]
fn a_filter_that_the_language_does_not_have_is_not_reached_by_its_name() {
    let found = render("{{ ['%100000000d'] | map('format', 1) | list }}");
    assert!(found.starts_with("template-failed") || found.starts_with("unknown-filter"), "{}", found.len());
}

#[test]
fn output_and_steps_are_bounded() {
    let loops = "{% for a in payload.list %}".repeat(20) + "x" + &"{% endfor %}".repeat(20);
    assert!(render(&loops).contains("too many steps"), "{}", render(&loops));
}

#[test]
fn uses_are_named_with_their_fields_and_places() {
    let template = Template::compile("{{ connection.inbox_id }}-{{ name | default('x') }}").unwrap();
    let uses: Vec<_> =
        template.uses().iter().map(|u| (u.name.to_string(), u.fields.len(), u.range.clone(), u.guarded)).collect();
    assert_eq!(uses, [("connection".to_owned(), 1, 3..22, false), ("name".to_owned(), 0, 29..33, true)]);
}
