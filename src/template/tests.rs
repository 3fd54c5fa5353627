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
    let odd = Template::compile("{{ name … }}").err().unwrap_or_default();
    assert_eq!(odd.first().map(|error| error.range.clone()), Some(8..11));
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

/// The outcome with a payload as large as hostile senders make them, and how long it took.
fn large(text: &str) -> (String, std::time::Duration) {
    let numbers = Value::array((0..5000).map(Value::from));
    let nulls = Value::Array(vec![Value::Null; 5000].into());
    let fields = Value::object((0..3000).map(|number| (number.to_string(), Value::from(number))));
    let payload = [("text", Value::from("a b ".repeat(25_000))), ("list", numbers), ("nulls", nulls), ("o", fields)];
    let scope = Scope::new().with("payload", Value::object(payload));
    let template = Template::compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let started = std::time::Instant::now();
    let outcome = match template.evaluate(&scope) {
        Ok(value) => value.map_or("absent".to_owned(), |value| format!("{} bytes", value.to_json().len())),
        Err(error) => error.message,
    };
    (outcome, started.elapsed())
}

#[test]
fn what_a_large_payload_would_make_endless_ends_soon() {
    let cases = [
        "{{ payload.text | replace('', payload.text) | length }}",
        "{{ payload.text | regex_replace('', payload.text) | length }}",
        "{{ payload.list | join(payload.text) | length }}",
        "{{ payload.nulls | map('default', payload.text) | join | length }}",
        "{{ payload.list | map('string') | map('replace', '', payload.text) | list | length }}",
        "{% set x %}{% for n in payload.list %}{{ payload.text }}{% endfor %}{% endset %}ok",
        "{% filter length %}{% for n in payload.list %}{{ payload.text }}{% endfor %}{% endfilter %}",
        "{% for n in payload.list %}{% if payload.o == payload.o %}{% endif %}{% endfor %}",
        "{% for n in payload.list %}{% if (payload | json) == 'x' %}{% endif %}{% endfor %}",
        "{% for n in payload.list %}{% if (payload.text | sha256) == 'x' %}{% endif %}{% endfor %}",
        "{% for n in payload.list %}{% if 'zz' in payload.text %}{% endif %}{% endfor %}",
        "{% for n in payload.list %}{% if payload | jsonpath('$..*..zz') %}{% endif %}{% endfor %}",
        "{% for n in payload.list %}{% if 'a' | regex_replace('[a-z]{1,90}' ~ n, 'b') == 'x' %}{% endif %}{% endfor %}",
    ];
    for template in cases {
        let (outcome, took) = large(template);
        assert_eq!(outcome, "the template takes too many steps, or its values are too large", "{template}");
        assert!(took.as_secs() < 15, "{template} took {took:?}");
    }
    assert_eq!(large("{{ payload.text | upper | lower | length }}").0, "6 bytes");
    assert_eq!(large("{% for n in payload.list %}{{ payload.o['7'] }}{% endfor %}").0, "5002 bytes");
}

#[test]
fn what_doubles_with_each_line_is_refused() {
    let doubled = |set: &str| format!("{{% set x = payload.text %}}{}ok", set.repeat(30));
    let cases = [
        "{% set x = x ~ x %}",
        "{% set x = x + x %}",
        "{% set x = [x, x] %}",
        "{% set x = {'a': x, 'b': x} %}",
        "{% set x = x | replace('a', x) %}",
        "{% if x %}{% set x = (x, x) %}{% endif %}",
    ];
    for case in cases {
        let found = render(&doubled(case));
        assert!(found.starts_with("invalid-template: this puts more than 64 values together"), "{case}: {found}");
    }
    let nested = "{% with x = x ~ x %}".repeat(30) + &"{% endwith %}".repeat(30);
    assert!(render(&nested).starts_with("invalid-template"), "{}", render(&nested));
    let many = format!("{{{{ {} }}}}", ["count"; 60].join(" + "));
    assert_eq!(render(&many), "180");
    assert_eq!(render("{% for n in payload.list %}{% set x = n ~ 1 %}{{ x }}{% endfor %}"), "\"11True1\"");
}

#[test]
fn a_slice_only_goes_forwards() {
    let cases = [
        ("{{ ''[::-1] }}", "invalid-template: the step of a slice must be a number that is written out, from 1"),
        ("{{ name[::count] }}", "invalid-template: the step of a slice must be a number that is written out, from 1"),
        ("{{ name[::2] }}", "\"Aa\""),
        ("{{ name[:-1] }}", "\"An\""),
        ("{{ name | reverse }}", "\"anA\""),
        ("{{ '' | reverse }}", "\"\""),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
}

#[test]
fn what_an_event_brings_makes_no_test_or_filter_fail_inside_and_is_not_shown() {
    let cases = [
        ("{{ 4 is divisibleby 0 }}", "false"),
        ("{{ 4 is divisibleby 2 }}", "true"),
        ("{{ 4.5 is divisibleby 1.5 }}", "true"),
        ("{{ (0 - 2147483647) is divisibleby -1 }}", "true"),
        ("{{ name is divisibleby 2 }}", "false"),
        ("{{ [1, 2, 4] | select('divisibleby', 0) | list }}", "[]"),
        ("{{ '1' | phone(name) }}", "template-failed 9..20: there is no such region"),
        ("{{ '1' | datetime('%Y', name) }}", "template-failed 9..29: there is no such time zone"),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
}

#[test]
fn an_error_of_a_bare_condition_is_placed_in_it() {
    for text in ["payload.o.b.c == 1", "{{ payload.o.b.c == 1 }}"] {
        let error = Template::condition(text).unwrap().evaluate(&scope()).unwrap_err();
        assert_eq!(text.get(error.range), Some("payload.o.b.c"), "{text}");
    }
}

#[test]
fn map_reaches_the_filters_of_the_language() {
    assert_eq!(render("{{ ['(1)', '2'] | map('digits') | join('-') }}"), "\"1-2\"");
    assert_eq!(render("{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}"), "[1,2]");
    assert_eq!(render("{{ phone | map('digits') }}"), "absent");
    assert_eq!(render("{{ [{'a': 2}, {'a': 1}] | sort(attribute='a') | first }}"), "{\"a\":1}");
}

#[test]
fn a_filter_after_a_block_is_looked_at_too() {
    assert_eq!(render("{% set x | nofilter %}a{% endset %}"), "unknown-filter: there is no filter `nofilter`");
}

#[test]
fn uses_are_named_with_their_fields_and_places() {
    let template = Template::compile("{{ connection.inbox_id }}-{{ name | default('x') }}").unwrap();
    let uses: Vec<_> =
        template.uses().iter().map(|u| (u.name.to_string(), u.fields.len(), u.range.clone(), u.guarded)).collect();
    assert_eq!(uses, [("connection".to_owned(), 1, 3..22, false), ("name".to_owned(), 0, 29..33, true)]);
}
