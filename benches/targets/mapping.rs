//! Each stage of a mapping, and all of them together, on one core; with what JSON alone costs beside them.

use divan::{Bencher, black_box};
use jackfield::pipeline;
use jackfield_benches::{Job, SIZES};

#[cfg(feature = "allocations")]
#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    SIZES.iter().for_each(|size| Job::of(size).prove());
    divan::main();
}

/// The bytes of a body to the payload.
#[divan::bench(args = SIZES)]
fn decode(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    bencher.bench_local(|| job.payload());
}

/// The names of the route from the payload.
#[divan::bench(args = SIZES)]
fn extract(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    let payload = job.payload();
    bencher.bench_local(|| {
        job.route.extracts.iter().map(|extract| extract.run(&payload).expect("found")).for_each(|found| {
            black_box(found);
        });
    });
}

/// The longest text of the body alone.
#[divan::bench(args = SIZES)]
fn template(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    let (scope, content) = (job.scope(), job.content());
    bencher.bench_local(|| pipeline::render(content, &scope).expect("text"));
}

/// The whole body from the names.
#[divan::bench(args = SIZES)]
fn body(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    let (scope, body) = (job.scope(), job.body());
    bencher.bench_local(|| pipeline::render(body, &scope).expect("a body"));
}

/// The body against the schema of the operation.
#[divan::bench(args = SIZES)]
fn validate(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    let schema = job.send().operation.schema.as_ref().expect("a schema");
    let body = job.finished();
    assert!(schema.is_valid(&body));
    bencher.bench_local(|| schema.is_valid(black_box(&body)));
}

/// Bytes in, the proved body as bytes out.
#[divan::bench(args = SIZES)]
fn whole(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    bencher.bench_local(|| job.mapped());
}

/// What reading the same JSON and writing the same body takes by itself.
#[divan::bench(args = SIZES)]
fn floor(bencher: Bencher<'_, '_>, size: &str) {
    let job = Job::of(size);
    let body = jackfield::value::json::to_serde(&job.finished());
    bencher.bench_local(|| {
        let payload: serde_json::Value = serde_json::from_slice(black_box(&job.raw.body)).expect("JSON");
        (payload, serde_json::to_vec(&body).expect("JSON"))
    });
}
