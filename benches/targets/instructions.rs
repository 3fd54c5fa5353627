//! A fixed number of whole mappings, whose instructions `benches/callgrind` counts.

use jackfield_benches::{Job, SIZES};

/// How often each payload is mapped.
const TIMES: usize = 200;

fn main() {
    let jobs = SIZES.map(Job::of);
    // What is made once for all events is no part of the count.
    jobs.iter().for_each(|job| drop(job.mapped()));
    let bytes: usize = jobs.iter().map(counted).sum();
    println!("{bytes} bytes of {} mappings", TIMES * SIZES.len());
}

/// The only function that is counted.
#[inline(never)]
fn counted(job: &Job) -> usize {
    (0..TIMES).map(|_| job.mapped().len()).sum()
}
