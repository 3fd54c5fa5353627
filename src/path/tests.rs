use std::time::{Duration, Instant};

use super::*;
use crate::template::{Scope, Template};
use crate::value::json::{Limits, parse};

mod standard;

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits { depth: 200, nodes: 1_000_000 }).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn found(text: &str, root: &Value) -> String {
    path(text).all(root, usize::MAX).into_iter().cloned().collect::<Value>().to_json()
}

fn refused(text: &str) -> PathError {
    match Path::parse(text) {
        Ok(_) => panic!("{text} was accepted"),
        Err(error) => {
            assert!(text.get(error.range.clone()).is_some(), "{text}: {:?} is no part of it", error.range);
            error
        }
    }
}

#[test]
fn locations() {
    let root = json(r#"{"a":[{"odd key":1,"it's":2,"é":3,"1a":4}]}"#);
    let shown: Vec<String> =
        path("$..*").select(&root, 9).iter().map(|(location, value)| format!("{location} {}", value.kind())).collect();
    assert_eq!(
        shown,
        [
            "$.a list",
            "$.a[0] object",
            "$.a[0]['odd key'] number",
            "$.a[0]['it\\'s'] number",
            "$.a[0]['é'] number",
            "$.a[0]['1a'] number"
        ]
    );
    for (location, value) in path("$..*").select(&root, 99) {
        assert_eq!(path(&location.to_string()).first(&root), Some(value), "{location} leads back");
    }
}

#[test]
fn limits_and_first() {
    let root = json("[1,2,3]");
    assert_eq!(path("$[*]").all(&root, 2).len(), 2);
    assert!(path("$[*]").all(&root, 0).is_empty());
    assert_eq!(path("$[?@>1]").first(&root), root.at(1));
    assert_eq!(path("$[-1]").first(&root), root.at(2));
    assert!(path("$.a['b'][0]").is_singular());
    assert!(path("$").is_singular());
    for text in ["$.*", "$..a", "$[0,1]", "$[0:1]", "$[?@]"] {
        assert!(!path(text).is_singular(), "{text}");
    }
}

#[test]
fn exact_numbers() {
    let root = json("[9007199254740993,9007199254740992.0,1.0,123456789012345678901234567890]");
    assert_eq!(found("$[?@==1]", &root), "[1.0]");
    assert_eq!(
        found("$[?@>9007199254740991]", &root),
        "[9007199254740993,9007199254740992.0,123456789012345678901234567890]"
    );
    assert_eq!(found("$[?@<=$[0] && @>1]", &root), "[9007199254740993,9007199254740992.0]");
}

#[test]
fn mistakes_are_explained() {
    use PathErrorKind::*;
    let cases: &[(&str, PathErrorKind, &str, &str)] = &[
        ("message.text", MissingRoot, "a path starts with `$`, the whole payload", "write `$.message.text`"),
        ("first name.x", MissingRoot, "a path starts with `$`, the whole payload", "write `$['first name'].x`"),
        ("", MissingRoot, "a path cannot be empty", "for example `$.message.text`"),
        (" $.a", MissingRoot, "a path starts with `$`, with no space before it", "write `$.a`"),
        ("$.a[?@.b='x']", SingleEquals, "two values are compared with `==`", "write `$.a[?@.b=='x']`"),
        ("$.a[?@.b==='x']", SingleEquals, "two values are compared with `==`", "write `$.a[?@.b=='x']`"),
        ("$.a[?@.b=='x' and @.c]", WordOperator, "`and` is written `&&` in a path", "write `$.a[?@.b=='x' && @.c]`"),
        ("$.a[?@.b OR @.c]", WordOperator, "`OR` is written `||` in a path", "write `$.a[?@.b || @.c]`"),
        ("$.a[?not @.b]", WordOperator, "`not` is written `!` in a path", "write `$.a[?! @.b]`"),
        (
            "$.a[?@.b in ['x']]",
            WordOperator,
            "there is no operator `in`",
            "compare with each value: `@.a == 'x' || @.a == 'y'`",
        ),
        ("$.a[?@.b & @.c]", Syntax, "`and` is written `&&`", "write `$.a[?@.b && @.c]`"),
        (
            "$.a[?@.type==email].x",
            UnquotedText,
            "the text `email` must be in quotes",
            "write `$.a[?@.type=='email'].x`",
        ),
        (
            "$.a[?@.type == a-b c]",
            UnquotedText,
            "the text `a-b c` must be in quotes",
            "write `$.a[?@.type == 'a-b c']`",
        ),
        ("$.a[?@.x==True]", UnquotedText, "`True` is written `true` in a path", "write `$.a[?@.x==true]`"),
        ("$.a[?@.x==None]", UnquotedText, "`None` is written `null` in a path", "write `$.a[?@.x==null]`"),
        ("$[name]", UnquotedText, "the name `name` must be in quotes between brackets", "write `$['name']`"),
        (
            "$.a[first-name].b",
            UnquotedText,
            "the name `first-name` must be in quotes between brackets",
            "write `$.a['first-name'].b`",
        ),
        (
            "$.first-name",
            NameNeedsBrackets,
            "a name with a `-` in it is written in brackets and quotes",
            "write `$['first-name']`",
        ),
        (
            "$..x-y.z",
            NameNeedsBrackets,
            "a name with a `-` in it is written in brackets and quotes",
            "write `$..['x-y'].z`",
        ),
        ("$.a b", NameNeedsBrackets, "a name with a space in it is written in brackets and quotes", "write `$['a b']`"),
        (
            "$.x[?@.field ref=='x']",
            NameNeedsBrackets,
            "a name with a space in it is written in brackets and quotes",
            "write `$.x[?@['field ref']=='x']`",
        ),
        (
            "$.x[?@.field-ref=='x']",
            NameNeedsBrackets,
            "a name with a `-` in it is written in brackets and quotes",
            "write `$.x[?@['field-ref']=='x']`",
        ),
        (
            "$.@type",
            NameNeedsBrackets,
            "a name with such a sign in it is written in brackets and quotes",
            "write `$['@type']`",
        ),
        ("$.items.0.id", NameNeedsBrackets, "a position in a list is written in brackets", "write `$.items[0].id`"),
        ("$.2fa", NameNeedsBrackets, "a name which starts with a digit is written in brackets", "write `$['2fa']`"),
        ("$.a[0", UnclosedBracket, "this `[` is never closed", "write `$.a[0]`"),
        ("$.a[?(@.b]", Syntax, "this `]` closes nothing", ""),
        ("$.a[?length(@.b > 1", UnclosedBracket, "this `(` is never closed", "add `)` where it ends"),
        ("$['a", UnclosedQuote, "this quote `'` is never closed", "write `$['a']`"),
        ("$.b['a]", UnclosedQuote, "this quote `'` is never closed", "write `$.b['a']`"),
        (
            "$[?upper(@.a)=='X']",
            UnknownFunction,
            "there is no function `upper`",
            "the functions are `length`, `count`, `value`, `match` and `search`",
        ),
        (
            "$[?in(@.a,$.b)]",
            UnknownFunction,
            "there is no function `in`",
            "the functions are `length`, `count`, `value`, `match` and `search`",
        ),
        (
            "$[?subset_of(@.a,$.b)]",
            UnknownFunction,
            "there is no function `subset_of`",
            "the functions are `length`, `count`, `value`, `match` and `search`",
        ),
        (
            "$[?length(@.a)]",
            FunctionUse,
            "`length` gives a value, which must be compared with another",
            "for example `length(@.items) > 0`",
        ),
        (
            "$[?match(@.a,'x')==true]",
            FunctionUse,
            "`match` is not used correctly here",
            "for example `[?match(@.type, 'em.*')]`",
        ),
        (
            "$[?length(@.*)>1]",
            FunctionUse,
            "`length` needs a path that names one value, this one can find several",
            "use a path without `*`, `..`, `:` and filters, or `value(…)`",
        ),
        (
            "$.a.length()",
            FunctionUse,
            "`length` is used inside a filter, with a path in its brackets",
            "for example `[?length(@.items) > 0]`",
        ),
        (
            "$[?match(@.a,'(')]",
            BadPattern,
            "'(' is not a regular expression `match` can use, or too large a one",
            "look-around and back-references are not available; a backslash is written twice: '\\\\d+'",
        ),
        ("$.a[@.b==1]", Syntax, "a filter starts with `[?`", "write `$.a[?@.b==1]`"),
        ("$.a[(@.b==1)]", Syntax, "a filter starts with `[?`", "write `$.a[?(@.b==1)]`"),
        (
            "$.a.",
            Syntax,
            "a name is missing after this dot",
            "write the name behind it; or, if `$.a` is all of the path, remove the dot",
        ),
        ("$.a,b", Syntax, "a dot stands between names, and not a comma", "write `$.a.b`"),
        ("$.a ", Syntax, "a path cannot end with a space", "remove the space"),
        (
            "$.a[]",
            Syntax,
            "nothing stands between these brackets",
            "write `[0]` for the first item, `[*]` for every item",
        ),
        ("$...a", Syntax, "too many dots", "write `.` or `..`"),
        (
            "$..a..b..c",
            TooManyDescents,
            "a path may have at most 2 `..`, each one searches the whole payload",
            "write the steps in between by name",
        ),
        ("$.a[?@.b==- 1]", Syntax, "a space cannot stand here", "remove the space"),
        ("$.a[?@.b==1 .5]", Syntax, "a space cannot stand here", "remove the space"),
        (
            "$.a[?@.id==9007199254740993]",
            Syntax,
            "a whole number in a path can be at most 9007199254740991",
            "compare a longer id as text, where the payload sends it as text",
        ),
        ("$.a[1;2]", Syntax, "`;` cannot stand here", ""),
        ("$.a[?@.b==]", Syntax, "`]` cannot stand here", ""),
    ];
    for (text, kind, message, help) in cases {
        let error = refused(text);
        let seen = (error.kind, error.message.as_str(), error.help.as_deref().unwrap_or_default());
        assert_eq!(seen, (*kind, *message, *help), "{text}");
    }
    assert_eq!(refused(&format!("$.{}", "a".repeat(5000))).kind, TooLong);
    assert_eq!(refused("$.abc.first-name").range, 6..16);
    assert_eq!(refused("$.é[?@.b=1]").range, 9..10);
}

#[test]
fn suggestions_can_be_used() {
    let samples = [
        "message.text",
        "$.a[?@.b='x']",
        "$.first-name",
        "$..x-y.z",
        "$.a b",
        "$.items.0.id",
        "$[name]",
        "$.2fa",
        "$.a[?@.type==email].x",
        "$.a[@.b==1]",
        "$.x[?@.field ref=='x']",
        "$.a[?@.b and @.c]",
    ];
    for sample in samples {
        let help = refused(sample).help.unwrap_or_default();
        let mended = help.split('`').nth(1).unwrap_or_default();
        assert!(Path::parse(mended).is_ok(), "{sample}: {help}");
    }
}

#[test]
fn paths_of_other_tools_are_translated() {
    let cases = [
        ("$json[\"answers\"][\"name\"]", "$[\"answers\"][\"name\"]"),
        ("$answers.name", "$.answers.name"),
        ("$$.answers.name", "$.answers.name"),
        ("${answers.name}", "$.answers.name"),
        ("$:answers:name", "$.answers.name"),
        ("=$.answers.name", "$.answers.name"),
        ("payload.answers.name", "$.answers.name"),
        ("request.body.answers[0]", "$.answers[0]"),
        ("body.answers.name", "$.body.answers.name"),
        ("answers/name", "$.answers.name"),
        ("//answers/first name", "$.answers['first name']"),
        ("$.answers->name", "$.answers.name"),
        ("$.answers.'name'", "$.answers['name']"),
        ("$.answers.[name]", "$.answers['name']"),
        ("$.a.[?@.b == 'x'].c", "$.a[?@.b == 'x'].c"),
        ("$.fields[name][value]", "$.fields['name']['value']"),
        ("$.tags(0)", "$.tags[0]"),
        ("$.tags[(@.length-1)]", "$.tags[-1]"),
        ("$.a[?@.b == ‘x’]", "$.a[?@.b == 'x']"),
        ("$.a[?@.b =~ /em.*/].c", "$.a[?search(@.b, 'em.*')].c"),
        ("$.a,", "$.a"),
        ("$.a, $.b", "{ first_of: [$.a, $.b] }"),
        ("$.for or $.order", "{ first_of: [$.for, $.order] }"),
        ("$.a[0] ?? $.b", "{ first_of: [\"$.a[0]\", $.b] }"),
        ("$.a | upper", "$.a"),
        ("other", "$.other"),
    ];
    for (written, meant) in cases {
        let help = refused(written).help.unwrap_or_default();
        assert_eq!(help.split('`').nth(1), Some(meant), "{written}");
    }
}

#[test]
fn hostile_paths_and_payloads_cost_little() {
    let started = Instant::now();
    let deep = json(&format!("{}{}", "[".repeat(120), "]".repeat(120)));
    assert!(!path("$..*..*").all(&deep, usize::MAX).is_empty());
    let wide =
        json(&format!("[{}0]", "{\"a\":[1,2,3],\"b\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"},".repeat(20_000)));
    for text in [
        "$..[?@..*]",
        "$..[?count(@..*)>3]",
        "$[?$..a == @.a]",
        "$[?search(@.b,'(a{1,20}){1,20}$')]",
        "$[?$[?@.a==$[0].a]]",
        "$[?match(@.b,$[0].b)]",
        "$..*..*",
        "$[::-1][::-1]",
        "$[?length(@.b)>3]",
    ] {
        if let Ok(path) = Path::parse(text) {
            let one = Instant::now();
            let _ = path.all(&wide, usize::MAX);
            assert!(one.elapsed() < Duration::from_secs(8), "{text}: {:?}", one.elapsed());
        }
    }
    let long: [String; 8] = [
        format!("$[?{}", "(".repeat(4000)),
        format!("$[?{}@{}]", "(".repeat(100), ")".repeat(100)),
        format!("$[?{}@]", "!".repeat(4000)),
        format!("$[?{}@{}]", "@[?".repeat(60), "]".repeat(60)),
        format!("$[?{}@.a{}==1]", "length(".repeat(100), ")".repeat(100)),
        format!("${}", "[0]".repeat(1300)),
        format!("$[?{}@]", "@||".repeat(1300)),
        format!("$[{}0]", "0,".repeat(2000)),
    ];
    for text in &long {
        let one = Instant::now();
        let _ = Path::parse(text);
        assert!(one.elapsed() < Duration::from_secs(4), "{text}: {:?}", one.elapsed());
    }
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
}

#[test]
fn nearby_paths() {
    let root = json(
        r#"{"form":{"email":"a@b.c","Phone Number":"1","answers":[{"text":"x"},{"text":"y"}]},"data":{"contact":{"id":7}},"n":null}"#,
    );
    let cases: &[(&str, &[&str])] = &[
        ("$.form.emial", &["$.form.email (text)"]),
        ("$.from.email", &["$.form.email (text)"]),
        ("$.form.phone_number", &["$.form['Phone Number'] (text)"]),
        ("$.form.phone", &["$.form['Phone Number'] (text)"]),
        ("$.form.answers.text", &["$.form.answers[0].text (text)", "$.form.answers[1].text (text)"]),
        ("$.form.answers[5].text", &["$.form.answers[1].text (text)", "$.form.answers[0].text (text)"]),
        ("$.contact.id", &["$.data.contact.id (number)"]),
        ("$.form.answers[?@.kind=='q'].text", &["$.form.answers[0].text (text)", "$.form.answers[1].text (text)"]),
        ("$.nothing.like.it", &[]),
        ("$.N", &["$.n (null)"]),
    ];
    for (text, expected) in cases {
        assert_eq!(nearby(&root, &path(text)), *expected, "{text}");
    }
}

#[test]
fn what_stands_where_a_filter_compares() {
    let root = json(
        r#"{"f":[{"label":"Name","n":1,"value":"x"},{"label":"E-mail","n":2},{"label":"it's"},{"o":{"k":true}}],
        "many":["a","b","c","d","e","f","g","h","i"],"long":[{"t":"0123456789012345678901234567890123456789+"}],"one":[{"t":"a"}]}"#,
    );
    let cases = [
        ("$.f[?@.label == 'name'].value", "`label` is 'Name', 'E-mail' or 'it\\'s' there; did you mean 'Name'?"),
        ("$.f[?'Email' == @.label].value", "`label` is 'Name', 'E-mail' or 'it\\'s' there; did you mean 'E-mail'?"),
        ("$.f[?(@.label == 'Nome')]", "`label` is 'Name', 'E-mail' or 'it\\'s' there; did you mean 'Name'?"),
        ("$.f[?@.label == 'City'].value", "`label` is 'Name', 'E-mail' or 'it\\'s' there"),
        ("$.f[?@.n == '1'].value", "`n` is 1 or 2 there; did you mean 1?"),
        ("$.f[?@.n == 3].value", "`n` is 1 or 2 there"),
        ("$.f[?@.label == 'Name' && @.n == 7]", "`n` is 1 or 2 there"),
        ("$.f[?@.o.k == 'True']", "`o.k` is true there; did you mean true?"),
        ("$.many[?@ == 'x']", "`@` is 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' or others there"),
        ("$.long[?@.t == 'x']", "`t` is '0123456789012345678901234567890123456789…' there"),
        ("$.one[?@['t'] == 'b'].x", "`t` is 'a' there"),
        ("$.f[?@.label == 'Name'].nothing", ""),
        ("$.f[?@.lable == 'Name'].value", ""),
        ("$.f[?@.label == 'a' || @.label == 'b']", ""),
        ("$.nothing[?@.label == 'a']", ""),
        ("$.f[0]", ""),
    ];
    for (text, expected) in cases {
        let words = compared(&[&root], &path(text)).map(|compared| compared.words());
        assert_eq!(words.unwrap_or_default(), expected, "{text}");
    }
}

#[test]
fn what_was_meant_is_never_the_path_itself() {
    let root = json(r#"{"a":null,"b":{"name":""},"nome":1}"#);
    for text in ["$.a", "$['a']", "$.b.name", "$.b['name']"] {
        assert_eq!(meant(&root, &path(text)), None, "{text}");
    }
    assert_eq!(meant(&root, &path("$.nmoe")).as_deref(), Some("$.nome"));
}

/// Keys that senders really have, each with a slip that somebody makes in writing it.
const HOSTILE: &[(&str, &str)] = &[
    ("1.3", "1.4"),
    ("$version", "$verison"),
    ("First Name", "First Nmae"),
    ("Qual é o seu nome?", "Qual e o seu nome?"),
    ("\n                Owner Name* ", "Owner Name*"),
    ("it's", "its"),
    ("\"quoted\"", "quoted"),
    ("back\\slash", "backslash"),
    ("[TRACK] utm_source", "TRACK utm_source"),
    ("tab\there", "tabhere"),
    ("@type", "@tpye"),
    ("sf:Phone", "sf:Phon"),
    ("#text", "#txet"),
    ("a.b[0]", "a.b[O]"),
    ("7 days", "7days"),
    ("*", "**"),
    ("Имя клиента", "Имя клиенты"),
    ("\u{1}\u{7f}control", "control"),
    ("👋 emoji", "emoji"),
    ("", " "),
];

#[test]
fn hostile_keys_are_found_by_the_path_that_is_shown_for_them() {
    for (key, slip) in HOSTILE {
        let root = Value::object([("form", Value::object([(*key, Value::from("x"))]))]);
        let location = Location(vec![Step::Key("form".into()), Step::Key((*key).into())]);
        let shown = location.to_string();
        assert_eq!(path(&shown).select(&root, 2), [(location, &Value::from("x"))], "{shown}");
        assert!(!shown.chars().any(|c| c < ' '), "{shown:?} would break the line");
        let template = Template::compile(&format!("{{{{ {} }}}}", shown.replacen('$', "payload", 1)));
        let found = template.unwrap().evaluate(&Scope::new().with("payload", root.clone()));
        assert_eq!(found.ok().flatten(), Some(Value::from("x")), "{shown} in a template");
        let wrong = Location(vec![Step::Key("form".into()), Step::Key((*slip).into())]).to_string();
        let near = nearby(&root, &path(&wrong));
        assert!(near.is_empty() || near == [format!("{shown} (text)")], "{wrong}: {near:?}");
        let is_far = key.is_empty() || matches!(*key, "*" | "\"quoted\"");
        assert!(is_far || !near.is_empty(), "{wrong} has nothing near {shown}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[\\$@.\\[\\]'\"a-c 0-2?*:,()=!&|<>é-]{0,24}") {
        let root = json(r#"{"a":[{"b":1,"c":[0,1,2]}],"b":{"a":"c"}}"#);
        for text in [text.clone(), format!("${text}"), format!("$[?@.a{text}]")] {
            match Path::parse(&text) {
                Ok(path) => {
                    for (location, value) in path.select(&root, 100) {
                        proptest::prop_assert_eq!(Path::parse(&location.to_string()).ok().and_then(|path| path.first(&root)), Some(value));
                    }
                    let _ = nearby(&root, &path);
                }
                Err(error) => proptest::prop_assert!(text.get(error.range.clone()).is_some(), "{} {:?}", text, error),
            }
        }
    }
}
