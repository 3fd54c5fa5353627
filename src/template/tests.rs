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
}

#[test]
fn what_is_absent_does_not_hold_in_a_comparison() {
    let cases = [
        ("payload.x == 'y'", "no"),
        ("'y' == payload.x", "no"),
        ("payload.x != 'y'", "yes"),
        ("payload.a.b.c == 1", "no"),
        ("payload.a.b.c != 1", "yes"),
        ("phone == 'y'", "no"),
        ("phone in ['a', 'b']", "no"),
        ("phone not in ['a', 'b']", "yes"),
        ("'x' in payload.tags", "no"),
        ("'x' in payload.a.tags", "no"),
        ("'x' not in payload.a.tags", "yes"),
        ("'x' in payload.n", "no"),
        ("payload.x in 'nonempty, undefined'", "no"),
        ("payload.n in 'nonempty'", "no"),
        ("'An' in name", "yes"),
        ("1 in payload.list", "yes"),
        ("'a' in payload.o", "yes"),
        ("3 in 'a 3'", "yes"),
        ("payload.n == 'y'", "no"),
        ("payload.n == none", "yes"),
        ("payload.x == none", "yes"),
        ("payload.x == payload.y", "no"),
        ("payload.x != payload.y", "no"),
        ("payload.n == payload.x", "no"),
        ("payload.x == payload.n", "no"),
        ("payload.x | lower == phone | lower", "no"),
        ("not (payload.x == payload.y)", "yes"),
        ("none == payload.x", "yes"),
        ("name == payload.name", "yes"),
        ("payload.list == payload.list and payload.o == payload.o", "yes"),
        ("payload.x != name and name != payload.x", "yes"),
        ("payload.x == name", "no"),
        ("payload.x == ''", "yes"),
        ("payload.x != ''", "no"),
        ("payload.a.b != ''", "no"),
        ("payload.n != ''", "no"),
        ("name != ''", "yes"),
        ("payload.x not in ['', 'test']", "no"),
        ("name not in ['', 'test']", "yes"),
        ("(payload.x | lower) == 'y'", "no"),
        ("payload.a.b.c | lower == 'y'", "no"),
        ("phone | digits != '1'", "yes"),
        ("(phone or payload.x) == 'y'", "no"),
        ("((phone) or (payload.x)) == 'y'", "no"),
        ("(payload.x if name == 'Ana' else 'y') == 'y'", "no"),
        ("(payload.x == 'y') == false", "yes"),
        ("not (payload.x == 'y' or phone)", "yes"),
        ("not payload.a.b", "yes"),
        ("name and not payload.x", "yes"),
        ("payload.x == phone == 'y'", "no"),
        ("'(' == payload.x or name == ')' or (name) == ('Ana')", "yes"),
        ("phone is defined and phone > 18", "no"),
        ("payload.x is startingwith 'u'", "no"),
        ("payload.a.b is endingwith 'd'", "no"),
        ("payload.n is startingwith 'n'", "no"),
        ("phone is not startingwith '+55'", "yes"),
        ("name is startingwith 'An' and name is endingwith 'a'", "yes"),
        ("name is startingwith phone", "no"),
        ("payload.x > 18", "0..9 this has no value in this event"),
        ("payload.a.b < 18", "0..11 this has no value in this event"),
        ("payload.x == 'y' or phone > 18", "20..25 this has no value in this event"),
        ("(payload.x | int) >= 1", "1..10 this has no value in this event"),
        ("1 < payload.x", "4..13 this has no value in this event"),
        ("name ~ payload.x == 'y'", "7..16 this has no value in this event"),
        ("payload.x + 1 == 2", "0..9 this has no value in this event"),
        ("name + 1 == 2", "0..8 a value here is of a type that this operation does not take"),
        ("'x' in count", "0..12 a value here is of a type that this operation does not take"),
    ];
    for (text, wanted) in cases {
        let braces = format!("{{{{ {text} }}}}");
        for written in [text, &braces] {
            let shift = written.find(text).unwrap_or_default();
            let found = match Template::condition(written).unwrap().holds(&scope()) {
                Ok(true) => "yes".to_owned(),
                Ok(false) => "no".to_owned(),
                Err(error) => {
                    let range = error.range.start - shift..error.range.end - shift;
                    format!("{range:?} {}", error.message)
                }
            };
            assert_eq!(found, wanted, "{written}");
        }
    }
}

#[test]
fn a_comparison_in_a_text_or_a_choice_is_the_same_as_in_a_condition() {
    let cases = [
        ("{% if payload.x == 'y' %}a{% else %}b{% endif %}", "\"b\""),
        ("{% if payload.a.b != 'y' %}a{% endif %} {{ phone == 'y' }}", "\"a false\""),
        ("{{ 'a' if payload.a.b.c in ['x'] else 'b' }}", "\"b\""),
        ("{{ phone == 'y' }}", "false"),
        (
            "{% if phone == 'a' %}{% endif %}{{ payload.o.b.c }}",
            "template-failed 44..48: this has no value in this event",
        ),
        ("{% for n in payload.list if n != phone %}{{ n }}{% endfor %}", "\"1true\""),
    ];
    for (template, wanted) in cases {
        assert_eq!(render(template), wanted, "{template}");
    }
}

#[test]
fn a_condition_demands_the_names_without_which_it_does_not_hold() {
    let cases = [
        ("nm", "nm"),
        ("nm == 'x'", "nm"),
        ("'x' == nm", "nm"),
        ("nm == ''", ""),
        ("nm == none", ""),
        ("nm != 'x'", ""),
        ("nm != ''", "nm"),
        ("nm != none", "nm"),
        ("not (nm == '')", "nm"),
        ("(nm | default('')) != ''", "nm"),
        ("nm | default('') | trim != ''", "nm"),
        ("nm | default('-') != ''", ""),
        ("nm | default('-') == 'x'", "nm"),
        ("nm | default('x') == 'x'", ""),
        ("nm | default('X') | lower == 'x'", ""),
        ("nm | default('')", "nm"),
        ("nm | default('x')", ""),
        ("nm | default(other)", ""),
        ("nm | digits == '55'", "nm"),
        ("nm in ['a', 'b']", "nm"),
        ("nm in ['', 'b']", ""),
        ("nm in [other]", ""),
        ("nm > 18", "nm"),
        ("not nm > 18", "nm"),
        ("nm or other", ""),
        ("nm == 'a' or nm == 'b'", "nm"),
        ("nm is defined and other is not none", "nm other"),
        ("nm is not defined", ""),
    ];
    for (text, wanted) in cases {
        assert_eq!(Template::condition(text).unwrap().demanded().join(" "), wanted, "{text}");
    }
    let mut demanded = Template::condition("nm == 'a' or nm == 'b'").unwrap().demanded();
    demanded.dedup();
    assert_eq!(demanded, ["nm"]);
}

#[test]
fn what_a_sign_needs_is_told_unless_a_condition_before_it_asks_for_it() {
    let cases = [
        ("age > 18", "> in age > 18"),
        ("18 <= age", "<= in 18 <= age"),
        ("age | int > 18", "> in age | int > 18"),
        ("1 < age < 9", "< in 1 < age < 9"),
        ("name == 'a' and -age == 1", "- in -age"),
        ("age + 1 == 2", "+ in age + 1"),
        ("age > 18 and age < 65", "> in age > 18"),
        ("name or age > 18", "> in age > 18"),
        ("age and age > 18", ""),
        ("age is defined and age > 18", ""),
        ("age is not none and age | int > 18", ""),
        ("not age or age > 18", ""),
        ("age is undefined or age > 18", ""),
        ("age | default(0) > 18", ""),
        ("(age or 0) > 18", ""),
        ("age > 18 if age else name", ""),
        ("age == 18", ""),
    ];
    for (text, wanted) in cases {
        let template = Template::condition(text).unwrap();
        let needed =
            template.uses().iter().filter(|used| &*used.name == "age").filter_map(|used| used.needed_by.as_ref());
        let needed: Vec<_> = needed.map(|needed| format!("{} in {}", needed.sign, needed.part)).collect();
        assert_eq!(needed.join("; "), wanted, "{text}");
    }
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
    for text in ["payload.o.b.c > 1", "{{ payload.o.b.c > 1 }}", "{{ name == 'a' or payload.o.b.c > 1 }}"] {
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

fn of_payload(payload: &str, text: &str) -> String {
    let payload = json::parse(payload.as_bytes(), &json::Limits::default()).unwrap();
    let scope = Scope::new().with("payload", payload);
    match Template::compile(text).unwrap().evaluate(&scope) {
        Ok(Some(value)) => value.to_json(),
        Ok(None) => "absent".to_owned(),
        Err(error) => error.message,
    }
}

#[test]
fn a_number_that_is_handed_on_keeps_every_digit() {
    let payload = r#"{"v":1.10,"b":12345678901234567890.12345,"n":1234567890123456789012345678901234567890123}"#;
    let cases = [
        ("{{ payload.v }}", "1.10"),
        ("costs {{ payload.v }}", "\"costs 1.10\""),
        ("{{ payload.v ~ '' ~ payload.b }}", "\"1.1012345678901234567890.12345\""),
        ("{{ payload.v | default(0) }}", "1.10"),
        ("{{ payload.v | json }}", "\"1.10\""),
        ("{{ payload.v | string }}", "\"1.10\""),
        ("{{ [payload.b, payload.v] }}", "[12345678901234567890.12345,1.10]"),
        ("{{ payload | jsonpath('$.b') }}", "12345678901234567890.12345"),
        ("{% if payload.v %}{{ payload.v }}{% endif %}", "\"1.10\""),
        ("{{ payload.n }}", "1234567890123456789012345678901234567890123"),
        ("{{ payload.v + 1 }}", "2.1"),
        ("{{ payload.v == 1.1 }}", "true"),
    ];
    for (text, wanted) in cases {
        assert_eq!(of_payload(payload, text), wanted, "{text}");
    }
}

#[test]
fn of_two_fractions_that_are_one_to_the_engine_neither_takes_the_place_of_the_other() {
    let payload = r#"{"a":12345678901234567890.12345,"b":12345678901234567890.5,"c":1.1,"d":1.10}"#;
    assert_eq!(of_payload(payload, "{{ [payload.a, payload.b] }}"), "[1.2345678901234567e19,1.2345678901234567e19]");
    assert_eq!(of_payload(payload, "{{ [payload.c, payload.d] }}"), "[1.1,1.1]");
    assert_eq!(
        of_payload(payload, "{{ payload.a }} {{ payload.b }}"),
        "\"12345678901234567890.12345 12345678901234567890.5\""
    );
}

#[test]
fn a_path_in_a_template_finds_one_value_or_none() {
    let payload = r#"{"v":{"a":[1,2],"n":null}}"#;
    let cases = [
        ("{{ payload.v | jsonpath('$.zz') }}", "absent"),
        ("{{ payload.v | jsonpath('$.zz') is defined }}", "false"),
        ("{{ payload.v | jsonpath('$.zz') | default('none') }}", "\"none\""),
        ("{{ payload.v | jsonpath('$.n') }}", "null"),
        ("{{ payload.v | jsonpath('$.a[1]') }}", "2"),
        ("{{ payload.v | jsonpath('$.a') }}", "[1,2]"),
    ];
    for (text, wanted) in cases {
        assert_eq!(of_payload(payload, text), wanted, "{text}");
    }
    let many = of_payload(payload, "{{ payload.v | jsonpath('$.a[*]') }}");
    assert_eq!(many, "the path of `jsonpath` finds more than one value; name the one that is meant, as with `[0]`");
}

#[test]
fn a_comment_and_trimmed_space_change_no_type() {
    for text in ["{{- payload.n -}}", "{# a number #}{{ payload.n }}", " {{- payload.n -}} {# end #}"] {
        assert_eq!(of_payload(r#"{"n":5}"#, text), "5", "{text}");
    }
    assert_eq!(of_payload(r#"{"n":5}"#, "{{- payload.n }} times"), "\"5 times\"");
    assert_eq!(of_payload(r#"{"n":5}"#, "{{ payload.n -}} {{ payload.n }}"), "\"55\"");
}

#[test]
fn what_is_no_number_is_said_so() {
    let message = of_payload(r#"{"s":"x"}"#, "{{ payload.s | int }}");
    assert_eq!(message, "the filter `int` takes a number, or a text that is one");
}

#[test]
fn a_long_text_is_no_long_template() {
    let words = "Hello world. ".repeat(1000);
    assert!(Template::compile(&format!("{words}{{{{ name }}}}")).is_ok());
    let code = "{{ name }}".repeat(500);
    assert!(Template::compile(&code).is_err());
    let hidden = format!("{{{{ '}}}}' ~ {} }}}}", "(".repeat(5000));
    assert!(Template::compile(&hidden).is_err());
}

/// Statements that put templates together are there for the page; a route's template is refused as if the engine had none.
#[test]
fn templates_are_not_put_together() {
    let cases = [
        ("include", "{% include 'a' %}"),
        ("extends", "{% extends 'a' %}"),
        ("block", "a {% block b %}{{ name }}{% endblock %}"),
        ("macro", "{% macro m(x) %}{{ x }}{% endmacro %}{{ name }}"),
        ("import", "{% import 'a' as b %}"),
        ("from", "{{ name }}{%- from 'a' import b -%}"),
        ("call", "{% if name %}{% call m() %}x{% endcall %}{% endif %}"),
        ("include", "{% if name %}{% include 'a' %}"),
    ];
    for (word, template) in cases {
        let unknown = template.replace(word, &"z".repeat(word.len()));
        let told = |text: &str| {
            let errors = Template::compile(text).expect_err(text);
            errors.iter().map(|e| (e.code, e.range.clone(), e.message.clone(), e.help.clone())).collect::<Vec<_>>()
        };
        assert_eq!(told(template), told(&unknown), "{template}");
    }
    for text in ["{{ super() }}", "{{ self.b() }}", "{{ caller() }}"] {
        assert!(render(text).starts_with("unknown-filter: there is no function"), "{}", render(text));
    }
    assert_eq!(render("{% raw %}{% include 'a' %}{% endraw %}"), "\"{% include 'a' %}\"");
}
