//! How fast the way of a plain event is: `cargo test --lib store::tests::pace -- --ignored --nocapture`. The machine decides
//! over the figures; compare those of one machine.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use futures_util::future::join_all;

use super::*;

const EVENTS: usize = 20_000;
const AT_ONCE: usize = 500;

fn told(what: &str, began: Instant) {
    #[allow(clippy::cast_possible_truncation)]
    let rate = (EVENTS as f64 / began.elapsed().as_secs_f64()) as u64;
    println!("{what:8} {rate} a second");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a while, and says something only next to another run"]
async fn the_way_of_a_plain_event() {
    let folder = Folder::new();
    let store = Embedded::open(&folder.0).unwrap();
    let began = Instant::now();
    for _ in 0..EVENTS / AT_ONCE {
        join_all((0..AT_ONCE).map(|_| store.accept(request(1)))).await;
    }
    told("accept", began);
    let began = Instant::now();
    for batch in 0..EVENTS / AT_ONCE {
        let route = |seq: usize| {
            let seq = i64::try_from(seq).unwrap();
            store.route(routed(seq, vec![taken("a", Some(&seq.to_string()), vec![delivery("crm")])]))
        };
        join_all((batch * AT_ONCE + 1..=(batch + 1) * AT_ONCE).map(route)).await;
    }
    told("route", began);
    let began = Instant::now();
    let (mut upto, mut leased) = (0, 0);
    while leased < EVENTS {
        let batch = store.lease("crm", upto, AT_ONCE, "w").await.unwrap().deliveries;
        leased += batch.len();
        upto = batch.last().unwrap().seq;
    }
    told("lease", began);
    let began = Instant::now();
    for batch in 0..EVENTS / AT_ONCE {
        let record = |seq: usize| store.record(attempt(i64::try_from(seq).unwrap(), 1, State::Delivered));
        join_all((batch * AT_ONCE + 1..=(batch + 1) * AT_ONCE).map(record)).await;
    }
    told("record", began);
    store.close().await.unwrap();
    println!("{:8} {} bytes an event", "size", fs::metadata(folder.file()).unwrap().len() / EVENTS as u64);
}
