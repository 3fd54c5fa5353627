//! What the fuzz targets share: a deep stack, payloads, a scope, and how a diagnostic must look.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};

use jackfield::diagnostic::{self, Diagnostic, Resolve};
use jackfield::template::Scope;
use jackfield::value::{Value, json};

type Work = Box<dyn FnOnce() + Send>;

/// More than the program gives to what recurses, since a fuzzed build has larger frames.
const STACK: usize = 256 * 1024 * 1024;

/// Runs `work` on a thread with a deep stack, which is kept for all runs. A panic there ends the program like any other.
pub fn deep(work: impl FnOnce() + Send + 'static) {
    static WORKER: LazyLock<Mutex<(Sender<Work>, Receiver<()>)>> = LazyLock::new(|| {
        let (give, take) = channel::<Work>();
        let (tell, done) = channel();
        let run = move || {
            for work in take {
                work();
                let _ = tell.send(());
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
        Mutex::new((give, done))
    });
    let worker = WORKER.lock().expect("one run at a time");
    worker.0.send(Box::new(work)).expect("the worker lives");
    worker.1.recv().expect("the work is done");
}

/// Payloads of the usual shapes.
pub static PAYLOADS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let texts = [
        r#"{"event_id":"e1","form_response":{"answers":[{"field":{"ref":"name"},"text":"Ana"},
            {"field":{"ref":"email"},"email":"ana@example.com"},{"field":{"ref":"topic"},"choice":{"label":"Vendas"}}]}}"#,
        r#"{"a":1,"b":[1,2.50,9007199254740993123,-0,1e400,"x","é",null,true,{"a":{"b":[[],{}]}}],"a b":"'\"\\","":""}"#,
        r#"[[[[[1],2],3],4],{"leads":{"add":[{"id":"7","name":"","tags":["a","b","a"]}]}}]"#,
        r#""a text alone""#,
        "12.50",
        "null",
    ];
    let small = texts.map(|text| json::parse(text.as_bytes(), &json::Limits::default()).expect("JSON"));
    small.into_iter().chain([list_of(30)]).collect()
});

/// A payload that is larger than most.
pub static LARGE: LazyLock<Value> = LazyLock::new(|| list_of(2000));

fn list_of(length: i64) -> Value {
    let item = |number: i64| {
        let name = ("name", Value::from(format!("item {number}")));
        let inner = Value::object([("id", Value::from(number)), ("text", Value::Null)]);
        Value::object([name, ("tags", Value::array(["a", "b"])), ("inner", inner)])
    };
    let text = "A long text, as a mail is. ".repeat(length.unsigned_abs() as usize);
    Value::object([("list", Value::array((0..length).map(item))), ("text", Value::from(text))])
}

/// The names that a route's templates have in reach, with values of every kind.
pub fn scope(payload: &Value) -> Scope {
    let mut scope = Scope::new();
    scope.set("payload", Some(payload.clone()));
    scope.set("envelope", Some(LARGE.clone()));
    scope.set("list", LARGE.get("list").cloned());
    scope.set("text", LARGE.get("text").cloned());
    scope.set("request", PAYLOADS.get(1).cloned());
    scope.set("connection", Some(Value::object([("inbox_id", "1"), ("team", "")])));
    for (name, value) in [("name", "Ana"), ("email", "ana@example.com"), ("date", "2026-01-15 12:34:56"), ("empty", "")]
    {
        scope.set(name, Some(Value::from(value)));
    }
    scope.set("count", Some(Value::from(3i64)));
    scope.set("status", Some(Value::from(201i64)));
    scope.set("nothing", Some(Value::Null));
    scope.set("phone", None);
    scope
}

/// Every place of a diagnostic lies in its file, and it can be drawn for people and for programs.
pub fn is_drawable(diagnostic: &Diagnostic, files: &dyn Resolve) {
    assert!(!diagnostic.message.is_empty());
    assert!(!diagnostic.labels.is_empty());
    let places = diagnostic.labels.iter().map(|label| &label.place).chain(diagnostic.fix.iter().map(|fix| &fix.place));
    for at in places.filter_map(|place| files.resolve(place)) {
        assert!(at.text.get(at.range.clone()).is_some(), "{:?} is no part of the file: {diagnostic:?}", at.range);
    }
    assert!(!diagnostic::text::render(diagnostic, files, false).is_empty());
    assert!(!diagnostic::text::line(diagnostic, files).is_empty());
    assert!(diagnostic::json::render(diagnostic, files).is_object());
}

/// The input as a first line and the rest.
pub fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
