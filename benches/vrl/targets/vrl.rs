//! The same three mappings in VRL, compiled once. Its programs prove no body against a schema.

use std::path::Path;

use divan::{Bencher, black_box};
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, Program, TargetValue, TimeZone, compile};
use vrl::value::{Secrets, Value};

const SIZES: [&str; 3] = ["small", "middle", "large"];

struct Job {
    program: Program,
    bytes: Vec<u8>,
    expected: serde_json::Value,
}

impl Job {
    fn of(size: &str) -> Job {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (capture, source) = match size {
            "small" => ("webflow-form-submission", include_str!("small.vrl")),
            "middle" => ("typeform-form-response", include_str!("middle.vrl")),
            _ => ("freeswitch-json-cdr", include_str!("large.vrl")),
        };
        let request = std::fs::read(root.join(format!("tests/payloads/{capture}.http"))).expect("a capture");
        let text = String::from_utf8(request).expect("text");
        let (_, body) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).expect("a body");
        let expected = std::fs::read(root.join(format!("benches/expected/{size}.json"))).expect("what is expected");
        let program = compile(source, &vrl::stdlib::all()).unwrap_or_else(|error| panic!("{size}: {error:?}")).program;
        Job { program, bytes: body.into(), expected: serde_json::from_slice(&expected).expect("JSON") }
    }

    fn mapped(&self) -> Vec<u8> {
        let value: Value = serde_json::from_slice(black_box(&self.bytes)).expect("JSON");
        let mut target = TargetValue { value, metadata: Value::Object(Default::default()), secrets: Secrets::default() };
        let (mut state, zone) = (RuntimeState::default(), TimeZone::default());
        let mut context = Context::new(&mut target, &mut state, &zone);
        self.program.resolve(&mut context).expect("a body");
        serde_json::to_vec(&target.value).expect("JSON")
    }
}

fn main() {
    for size in SIZES {
        let job = Job::of(size);
        let mapped: serde_json::Value = serde_json::from_slice(&job.mapped()).expect("JSON");
        assert_eq!(mapped, job.expected, "{size}");
    }
    divan::main();
}

/// Bytes in, bytes out.
#[divan::bench(args = SIZES)]
fn whole(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    bencher.bench_local(|| job.mapped());
}
