//! Words of other template languages, of spreadsheets and of programs, with what is written here instead.
//!
//! In what is to be written, `{x}` stands for the value that the word is applied to, `{a}` and `{b}` for its arguments,
//! `{format}` for the first one where that is the format of a date.

use super::filter;

/// A word as a filter, a function or a method: all three are met, and mean the same.
type Word = (&'static [&'static str], &'static str);

/// Words for which one expression is right. They are folded: small letters, without `_`.
const CHANGES: &[Word] = &[
    (&["upcase", "uppercase", "toupper", "touppercase", "strtoupper", "ucase", "maiuscula"], "{x} | upper"),
    (&["downcase", "lowercase", "tolower", "tolowercase", "strtolower", "lcase", "minuscula"], "{x} | lower"),
    (&["strip", "lstrip", "rstrip", "ltrim", "rtrim", "trimmed", "stripnewlines", "squish"], "{x} | trim"),
    (&["size", "len", "strlen", "lengthof", "counta"], "{x} | length"),
    (&["ucfirst", "capitalise", "capital", "upperfirst"], "{x} | capitalize"),
    (&["titlecase", "titleize", "ucwords", "proper"], "{x} | title"),
    (
        &[
            "date",
            "strftime",
            "dateformat",
            "formatdate",
            "todate",
            "time",
            "timestampcustom",
            "strptime",
            "asdatetime",
        ],
        "{x} | datetime({format})",
    ),
    (&["tojson", "jsonencode", "jsonify", "stringify", "dump", "jsonstringify"], "{x} | json"),
    (&["number", "tonumber", "toint", "integer", "parseint", "intval", "tointeger", "num"], "{x} | int"),
    (&["tofloat", "parsefloat", "decimal", "todecimal", "floatval", "double"], "{x} | float"),
    (&["str", "tostring", "text", "totext"], "{x} | string"),
    (&["boolean", "tobool", "toboolean"], "{x} | bool"),
    (&["concat", "concatenate", "append", "joinwith"], "{x} ~ {a}"),
    (&["prepend"], "{a} ~ {x}"),
    (&["plus", "add"], "{x} + {a}"),
    (&["minus", "subtract"], "{x} - {a}"),
    (&["times", "multiply", "multipliedby"], "{x} | float * {a}"),
    (&["dividedby", "divide"], "{x} / {a}"),
    (&["substring", "substr", "slice", "mid", "sub"], "{x}[{a}:{b}]"),
    (&["left"], "{x}[:{a}]"),
    (&["right"], "{x}[-{a}:]"),
    (&["limit", "ellipsis", "truncatewords", "excerpt", "shorten"], "{x} | truncate(100)"),
    (&["contains", "includes", "has", "contain", "include", "instr", "search", "indexof"], "{a} in {x}"),
    (&["startswith", "beginswith", "startwith", "hasprefix"], "{x} is startingwith {a}"),
    (&["endswith", "endwith", "hassuffix"], "{x} is endingwith {a}"),
    (&["gsub", "regexreplace", "pregreplace", "replaceall", "replaceregex"], "{x} | regex_replace({a}, {b})"),
    (&["substitute", "replacefirst", "replacelast", "strreplace"], "{x} | replace({a}, {b})"),
    (&["remove", "removefirst", "delete", "cut"], "{x} | replace({a}, '')"),
    (&["urlencode", "encodeuri", "encodeuricomponent", "urlescape", "cgiescape", "encodeurl"], "{x} | urlencode"),
    (&["base64encode", "b64encode", "btoa", "tobase64"], "{x} | base64"),
    (&["md5", "sha1", "hash", "sha512"], "{x} | sha256"),
    (&["hmacsha256", "hmacsha1"], "{x} | hmac({a})"),
    (&["striptags", "removehtml", "plaintext", "htmltotext"], "{x} | strip_html"),
    (&["parameterize", "handleize", "handle", "slugify", "dasherize", "kebabcase"], "{x} | slug"),
    (&["ceil", "floor", "rounded"], "{x} | round"),
    (&["tofixed", "numberformat", "formatnumber", "numberwithdelimiter"], "{x} | round(2)"),
    (
        &["ifempty", "coalesce", "fallback", "otherwise", "nvl", "isnull", "ifnull", "defaultifnone", "else", "or"],
        "{x} | default({a})",
    ),
    (&["e164", "tel", "telephone", "phonenumber", "formatphone", "toe164", "normalizephone"], "{x} | phone('BR')"),
    (&["onlydigits", "digitsonly", "numbers", "onlynumbers", "extractnumbers", "keepdigits"], "{x} | digits"),
    (&["uniq", "distinct"], "{x} | unique"),
    (&["sortby", "orderby"], "{x} | sort(attribute={a})"),
    (&["where", "filterby"], "{x} | selectattr({a}, 'eq', {b})"),
    (&["pluck", "collect", "mapby"], "{x} | map(attribute={a})"),
    (&["implode", "joinlist"], "{x} | join(', ')"),
    (&["explode", "tolist", "splitby"], "{x} | split({a})"),
    (&["keys", "values", "entries"], "{x} | items"),
    (&["jmespath", "jsonquery", "jsonextract", "get", "dig"], "{x} | jsonpath('$.name')"),
    (&["if", "iif", "iff", "cond", "se", "ternary"], "{a} if {x} else {b}"),
    (&["and", "all"], "{x} and {a}"),
    (&["not", "negate"], "not {x}"),
    (&["isset", "exists", "defined", "isdefined", "ispresent"], "{x} is defined"),
    (&["isempty", "isblank", "empty", "blank"], "not {x}"),
    (&["eq", "equals", "equal", "exact"], "{x} == {a}"),
];

/// Words for which there is no expression, with what to do.
const OTHERS: &[Word] = &[
    (
        &["now", "today", "currenttime", "timestamp", "datetimenow", "utcnow", "getdate", "sysdate"],
        "the time at which the request came is `request.received_at`",
    ),
    (
        &["uuid", "guid", "uuid4", "uuidv4", "newid", "random", "rand", "uniqid", "generateuuid"],
        "each event has an id of its own: `event.id`",
    ),
    (
        &["nl2br", "newlinetobr", "simpleformat", "linebreaks", "linebreaksbr"],
        "leave it out: line breaks are sent as they are",
    ),
    (
        &["escape", "e", "h", "escapeonce", "safe", "raw", "htmlescape", "htmlspecialchars", "xmlescape", "escapejs"],
        "leave it out: a template changes no character of a value",
    ),
    (
        &["urldecode", "decodeuri", "decodeuricomponent", "unescape", "htmlentitydecode"],
        "leave it out: what a sender encodes is decoded before a route sees it",
    ),
    (
        &["fromjson", "jsondecode", "parsejson", "loads", "jsonparse", "parse", "json2obj"],
        "text that holds JSON is read under `extract:`, with `as: json`",
    ),
    (
        &["match", "matches", "regex", "regexmatch", "regexsearch", "test", "regexfindall", "regexextract", "extract"],
        "a pattern stands under `extract:`: `name: { path: $.name, pattern: '…' }`; in a condition write `'text' in name`",
    ),
    (
        &["env", "getenv", "secret", "variable"],
        "a route can't use a variable of the environment; a constant stands in jackfield.yaml under `vars:`, and is \
         written `vars.name`",
    ),
    (&["base64decode", "b64decode", "atob", "frombase64"], "there is no filter that decodes base64"),
    (&["format", "sprintf", "printf"], "write the text with the names in it: `{{ name }} <{{ email }}>`"),
    (&["range", "seq"], "a loop goes over a list of the payload: `{% for item in payload.items %}`"),
    (&["firstname"], "the first word of a name is `name | split(' ') | first`"),
];

/// Tests, as in `name is null`.
const TESTS: &[Word] = &[
    (&["null", "nil", "nothing", "nul"], "{x} is none"),
    (&["empty", "blank", "missing", "absent"], "not {x}"),
    (&["present", "exists", "exist", "set", "given", "filled", "notempty", "notnull", "existing"], "{x} is defined"),
    (&["startswith", "startingwith", "beginswith", "startwith", "starting"], "{x} is startingwith {a}"),
    (&["endswith", "endwith", "ending"], "{x} is endingwith {a}"),
    (&["contains", "containing", "includes", "including", "match", "matching", "search"], "{a} in {x}"),
    (&["equal", "equals", "equalto", "sameas", "same"], "{x} == {a}"),
    (&["greater", "greaterthan", "above", "more"], "{x} > {a}"),
    (&["less", "lessthan", "below", "lower than"], "{x} < {a}"),
    (&["array", "list", "arraylist"], "{x} is sequence"),
    (&["object", "dict", "map", "hash"], "{x} is mapping"),
    (&["bool"], "{x} is boolean"),
    (&["text", "str"], "{x} is string"),
    (&["numeric", "num", "digit"], "{x} is number"),
    (&["int", "whole"], "{x} is integer"),
];

/// What to write instead of a filter, a function or a method, given what it is applied to.
pub(super) fn change(word: &str, args: &[&str]) -> Option<String> {
    let own = filter::NAMES.iter().find(|own| fold(own) == fold(word)).filter(|_| args.len() == 1);
    let own = own.map(|own| expression(&format!("{{x}} | {own}"), args));
    let written = own.or_else(|| find(CHANGES, word).map(|form| expression(form, args)));
    written.or_else(|| find(OTHERS, word).map(str::to_owned))
}

/// What to write instead of a test.
pub(super) fn test(word: &str, args: &[&str], negated: bool) -> Option<String> {
    let form = find(TESTS, word)?;
    let form = match (negated, form.strip_prefix("not ")) {
        (false, _) => form.to_owned(),
        (true, Some(opposite)) => opposite.to_owned(),
        (true, None) if form.contains(" is ") => form.replace(" is ", " is not "),
        (true, None) if form.contains(" in ") => form.replace(" in ", " not in "),
        (true, None) => format!("not {form}"),
    };
    Some(expression(&form, args))
}

fn find(words: &[Word], word: &str) -> Option<&'static str> {
    let folded = fold(word);
    words.iter().find(|(names, _)| names.contains(&&*folded)).map(|(_, form)| *form)
}

pub(super) fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn expression(form: &str, args: &[&str]) -> String {
    let standing = [("{x}", "name"), ("{a}", "'text'"), ("{b}", "'other'")];
    let slots = standing.iter().enumerate();
    let filled = slots.fold(form.to_owned(), |text, (index, (slot, usual))| {
        let slice = form.contains('[');
        let usual = if slice { [*usual, "0", "10"].get(index).copied().unwrap_or("10") } else { usual };
        text.replace(slot, args.get(index).copied().unwrap_or(usual))
    });
    let format = args.get(1).filter(|format| format.contains('%')).unwrap_or(&"'%d/%m/%Y'");
    format!("write `{}`", filled.replace("{format}", format))
}

/// Names by which other tools call what stands elsewhere here; `{rest}` stands for the fields after it, `{header}` for
/// the first of them.
const NAMES: &[Word] = &[
    (
        &["body", "data", "json", "input", "inputs", "webhook", "req", "trigger", "triggerdata", "step", "steps"],
        "what the sender sent is `payload`: write `payload{rest}`",
    ),
    (
        &[
            "this", "self", "root", "node", "item", "items", "it", "record", "output", "outputs", "bundle", "form",
            "postdata", "post",
        ],
        "what the sender sent is `payload`: write `payload{rest}`",
    ),
    (
        &["env", "environ", "process", "secrets", "secret", "environment", "envvars"],
        "a route can't use secrets, nor variables of the environment; a constant stands in jackfield.yaml under `vars:`, \
         and is written `vars{rest}`",
    ),
    (&["header", "headers"], "write `request.headers['{header}']`, in small letters"),
    (&["query", "querystring", "querystrings", "args", "searchparams"], "write `request.query{rest}`"),
    (&["params", "param", "urlparams", "pathparams"], "write `request.params{rest}`"),
    (&["method", "httpmethod"], "write `request.method`"),
    (
        &["now", "today", "timestamp", "currenttime", "receivedat", "currentdate", "datetimenow"],
        "the time at which the request came is `request.received_at`",
    ),
    (&["uuid", "guid", "eventid", "requestid"], "each event has an id of its own: `event.id`"),
    (
        &["null", "nil", "undefined", "nothing"],
        "write `none` for it, and ask for it with `name is none` or `name is not none`",
    ),
    (&["conn", "account", "settings", "config"], "settings of the connection are `connection{rest}`"),
    (&["constants", "globals", "const", "variables", "var", "variable"], "constants of the workspace are `vars{rest}`"),
];

/// Names under which other tools put what the sender sent.
const LAYERS: &[&str] = &["trigger", "event", "body", "data", "json", "payload", "output", "params", "item", "all"];

pub(super) fn is_layer(field: &str) -> bool {
    LAYERS.contains(&field)
}

/// What is written here for a name of another tool.
pub fn name(name: &str, fields: &[&str]) -> Option<String> {
    if matches!(name, "TRUE" | "FALSE") {
        return Some(format!("write `{}`", name.to_lowercase()));
    }
    let form = find(NAMES, name)?;
    let is_layer = |field: &&&str| form.contains("payload") && LAYERS.contains(*field);
    let layers = fields.iter().take_while(is_layer).count();
    let rest: String = fields.iter().skip(layers).map(|field| after(field)).collect();
    let rest = if fields.is_empty() && form.contains("vars") { ".name" } else { &rest };
    let header = fields.first().map_or("x-name".to_owned(), |field| field.to_lowercase());
    Some(form.replace("{rest}", rest).replace("{header}", &header))
}

/// A field as it is written after a name.
pub fn after(field: &str) -> String {
    let is_plain = field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match (field.parse::<usize>(), is_plain && !field.starts_with(|c: char| c.is_ascii_digit())) {
        (Ok(index), _) => format!("[{index}]"),
        (_, true) => format!(".{field}"),
        (_, false) => format!("['{field}']"),
    }
}
