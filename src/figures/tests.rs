//! What is counted, looked at over years in a second.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::PathBuf;

use super::*;

const MINUTE: i64 = 60_000;
/// 2026-11-21T12:00:00Z
const NOON: Timestamp = Timestamp(1_795_262_400_000);

fn after(minutes: i64) -> Timestamp {
    Timestamp(NOON.0 + minutes * MINUTE)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("jackfield-figures-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A minute of traffic: three events, two delivered after 100 ms, one given up.
fn traffic(figures: &Figures, now: Timestamp) {
    let (source, route, connection): (_, Arc<str>, _) = (Arc::from("form"), Arc::from("crm/lead"), Arc::from("acme"));
    figures.accepted(&source, 3, Some(Duration::from_millis(4)), now);
    for state in [State::Delivered, State::Accepted, State::Dead] {
        figures.routed(&[(route.clone(), Fate::Taken(Vec::new()))], now);
        let took = Duration::from_millis(100);
        figures
            .called(Called { connection: &connection, outcome: "delivered", failed: state == State::Dead, took }, now);
        figures.ended(&route, &connection, state, Some(took), now);
    }
}

#[test]
fn each_window_has_what_happened_within_it() {
    let figures = Figures::default();
    [0, 30, 59, 61, 24 * 60].into_iter().for_each(|minute| traffic(&figures, after(minute)));
    let received = |window, now| figures.all(window, now).counts.received;
    let at = after(24 * 60);
    assert_eq!(Window::ALL.map(|window| received(window, at)), [3, 12, 15]);
    assert_eq!(Window::ALL.map(|window| received(window, after(25 * 60))), [0, 6, 15]);
    let hour = figures.route("crm/lead", Window::Hour, at);
    assert_eq!((hour.counts.received, hour.counts.delivered, hour.counts.dead), (3, 2, 1));
    assert_eq!((hour.last_at, hour.latency), (Some(at), None));
    let acme = figures.connection("acme", Window::Hour, at);
    assert_eq!((acme.counts.failed, acme.success()), (1, Some(2.0 / 3.0)));
    assert_eq!(acme.latency.map(|latency| latency.half_ms / 10), Some(10));
    assert_eq!(figures.connection_lately("acme", 10, after(24 * 60 + 9)).counts.failed, 1);
    assert_eq!(figures.connection_lately("acme", 10, after(24 * 60 + 10)).counts.failed, 0);
    assert_eq!(figures.route("other", Window::Week, at), Summary::default());
}

#[test]
fn bars_are_even_and_end_now() {
    let figures = Figures::default();
    [0, 29, 30].into_iter().for_each(|minute| traffic(&figures, after(minute)));
    for (window, count, length) in [(Window::Hour, 60, 1), (Window::Day, 48, 30), (Window::Week, 42, 240)] {
        let bars = figures.bars(window, after(31));
        assert_eq!((bars.len(), bars.iter().map(|bar| bar.received).sum::<u32>()), (count, 9), "{window:?}");
        assert!(bars.windows(2).all(|two| two[1].at.0 - two[0].at.0 == length * MINUTE), "{window:?}");
        assert!(bars.last().unwrap().at <= after(31) && after(31).0 - bars.last().unwrap().at.0 < length * MINUTE);
    }
    let day: Vec<_> =
        figures.bars(Window::Day, after(31)).iter().rev().take(2).map(|bar| (bar.received, bar.failed)).collect();
    assert_eq!(day, [(3, 1), (6, 2)]);
}

#[test]
fn a_clock_that_was_wrong_spoils_nothing() {
    let figures = Figures::default();
    traffic(&figures, after(365 * 24 * 60));
    traffic(&figures, NOON);
    traffic(&figures, Timestamp(-5));
    traffic(&figures, after(1));
    assert_eq!(figures.all(Window::Hour, after(1)).counts.received, 3);
    assert_eq!(figures.all(Window::Week, Timestamp(i64::MAX)).counts.received, 0);
}

#[test]
fn what_is_written_is_read_again() {
    let (figures, folder) = (Figures::default(), folder("again"));
    assert_eq!(Figures::read(&folder).unwrap().all(Window::Week, NOON), Summary::default());
    (0..3000).for_each(|minute| traffic(&figures, after(minute)));
    let now = after(3000);
    figures.write(&folder).unwrap();
    let read = Figures::read(&folder).unwrap();
    for window in Window::ALL {
        assert_eq!(read.all(window, now), figures.all(window, now));
        assert_eq!(read.route("crm/lead", window, now), figures.route("crm/lead", window, now));
        assert_eq!(read.connection("acme", window, now), figures.connection("acme", window, now));
    }
    assert_eq!(read.route_totals("crm/lead"), RouteTotals::default(), "totals are of the process");
    assert_eq!((read.source_last("form"), read.source_last("other")), (Some(after(2999)), None));
    read.forget(after(3000 + 8 * 24 * 60));
    assert!(read.routes.all().is_empty() && read.connections.all().is_empty());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_damaged_file_is_told_of() {
    let (figures, folder) = (Figures::default(), folder("damaged"));
    traffic(&figures, NOON);
    figures.write(&folder).unwrap();
    let file = folder.join("figures.json.gz");
    let good = std::fs::read(&file).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&file, &bytes).unwrap();
        // What stands in the head of the compression says nothing of the figures.
        assert!(at < 10 || Figures::read(&folder).is_err(), "{at}");
    }
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    assert_eq!(Figures::read(&folder).err(), Some(Unread::Damaged));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn totals_know_what_went_where() {
    let figures = Figures::default();
    traffic(&figures, NOON);
    let (route, acme): (Arc<str>, Arc<str>) = ("crm/lead".into(), "acme".into());
    let fates = [Fate::Failed, Fate::Duplicate, Fate::Taken(vec![acme])].map(|fate| (route.clone(), fate));
    figures.routed(&fates, NOON);
    figures.routed(&[], NOON);
    let totals = figures.route_totals("crm/lead");
    assert_eq!((totals.taken, totals.failed, totals.duplicates), (4, 1, 1));
    assert_eq!(totals.deliveries, [("acme".into(), Ends { delivered: 1, accepted: 1, dead: 2, held: 0 })]);
    let connection = figures.connection_totals("acme");
    assert_eq!((connection.calls, connection.delivering.all), (vec![("delivered", 3)], 2));
    assert_eq!((figures.source_total("form"), figures.unmatched_total(), figures.answered().all), (3, 1, 1));
}

/// `cargo test --release --lib figures -- --ignored --nocapture` says what an event costs, and ten thousand routes.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
fn what_it_costs() {
    let figures = Figures::default();
    let began = std::time::Instant::now();
    (0..100_000).for_each(|event| traffic(&figures, Timestamp(NOON.0 + event)));
    println!("{} ns for an event, its route, its call and its delivery", began.elapsed().as_nanos() / 300_000);
    let memory = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() / 256
    };
    let before = memory();
    let names: Vec<Arc<str>> = (0..10_000).map(|number| Arc::from(format!("route-{number}"))).collect();
    for minute in (0..7 * 24 * 60).filter(|minute| minute % 30 == 0 || *minute > 7 * 24 * 60 - 61) {
        names.iter().for_each(|name| figures.routed(&[(name.clone(), Fate::Taken(Vec::new()))], after(minute)));
    }
    println!("{} MB for 10,000 routes with traffic in each minute of a week", memory() - before);
    let folder = folder("cost");
    let began = std::time::Instant::now();
    figures.write(&folder).unwrap();
    let (took, size) = (began.elapsed(), std::fs::metadata(folder.join("figures.json.gz")).unwrap().len());
    println!("{took:?} to write {} KB", size >> 10);
    let began = std::time::Instant::now();
    Figures::read(&folder).unwrap();
    println!("{:?} to read them", began.elapsed());
    std::fs::remove_dir_all(folder).unwrap();
}
