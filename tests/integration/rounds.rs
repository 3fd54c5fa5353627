//! A process that dies again and again, at any moment and at each moment that has a name, and a machine that loses its
//! power: what was accepted arrives, and what was not in flight arrives once.
//!
//! A few rounds run with every test; `tests/chaos` runs hundreds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    ACME, Folder, Server, StandIn, copy, exchange, get, post_bytes, read_answer, run, transcript, wait_for,
};

/// Two deliveries of each event: to an operation that knows a repetition by its key, and to one that does not.
const ROUTE: &str = "
source: { path: /in, verify: none }
extract: { id: $.id }
identity: \"{{ id }}\"
lane: \"{{ payload.lane }}\"
send:
  - to: acme.note
    body: { key: \"m{{ id }}\", text: \"event {{ id }}\" }
  - to: plain.line
    body: { key: \"m{{ id }}\", text: \"event {{ id }}\" }
";
const SENDERS: usize = 8;
/// No more attempts of one connection are under way at a time.
const IN_FLIGHT: usize = 64;

/// How many rounds a suite runs here.
fn rounds(few: usize) -> usize {
    std::env::var("JACKFIELD_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Dice(std::env::var("JACKFIELD_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A workspace whose provider outlives every server, and what was accepted so far.
struct World {
    folder: Folder,
    provider: StandIn,
    next: AtomicUsize,
    accepted: BTreeSet<usize>,
    /// The number of the provider's last request when each life ended.
    ends: Vec<u64>,
    /// How many requests were looked at and forgotten.
    forgotten: u64,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = Folder::with(name, ACME);
        let operation = "
  line:
    path: /lines
    request: { json: note.json }
    idempotency: none
    sandbox: { reply: { status: 200, body: { id: \"{{ sequence }}\" } } }
";
        let pack = folder.read("schemas/acme/pack.yaml");
        folder.write("schemas/acme/pack.yaml", &format!("{}{operation}", pack.trim_end_matches('\n')));
        folder.write("routes/in.yaml", ROUTE);
        let provider = StandIn::start(&folder, &["--remember", "1000000"]);
        let connection = |name: &str| {
            let address = format!("base_url: \"http://{}/acme\", allow_private_addresses: true", provider.address);
            format!("  {name}: {{ {address}, provider: acme, token: t, retry: {{ first: 50ms, longest: 200ms }} }}\n")
        };
        folder.write("jackfield.yaml", &format!("connections:\n{}{}", connection("acme"), connection("plain")));
        World { folder, provider, next: AtomicUsize::new(0), accepted: BTreeSet::new(), ends: Vec::new(), forgotten: 0 }
    }

    /// One life: events come in until the process is dead. `die` kills it, or waits for it to die by itself.
    fn life(&mut self, env: &[(&str, &str)], die: impl FnOnce(&Server, &AtomicUsize)) {
        if let Ok(server) = Server::try_start(self.folder.path(), &[], env) {
            let dead = AtomicBool::new(false);
            let count = AtomicUsize::new(0);
            let (dead, count) = (&dead, &count);
            let (next, address) = (&self.next, server.listen.as_str());
            let accepted = std::thread::scope(|scope| {
                let sender = |lane| move || send(address, lane, next, count, dead);
                let senders: Vec<_> = (0..SENDERS).map(|lane| scope.spawn(sender(lane))).collect();
                die(&server, count);
                dead.store(true, Ordering::SeqCst);
                senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
            });
            self.accepted.extend(accepted);
        }
        self.ends.push(self.seen());
    }

    /// What is on the disk is whole. A copy is looked at, so that the next start finds what the last life left; where the
    /// power went while the store was being made, there may be none.
    fn prove(&self) {
        if self.accepted.is_empty() && self.forgotten == 0 {
            return;
        }
        let (data, proved) = (self.folder.path().join("data"), self.folder.path().join("proved"));
        copy(&data, &proved);
        let output = run(self.folder.path(), &["store", "verify", "--data", "proved"]);
        assert!(output.status.success(), "{}", transcript(&output));
        std::fs::remove_dir_all(&proved).unwrap();
    }

    /// The number of the provider's last request, once no more arrive.
    fn seen(&self) -> u64 {
        let count = || {
            let stats: Value = serde_json::from_slice(&get(&self.provider.address, "/_sandbox/stats").body).unwrap();
            stats["requests"].as_u64().unwrap()
        };
        let mut before = count();
        loop {
            std::thread::sleep(Duration::from_millis(10));
            let now = count();
            if now == before {
                return self.forgotten + now;
            }
            before = now;
        }
    }

    /// A last life in which everything arrives; then what the provider saw is looked at, and forgotten.
    fn settle(&mut self) {
        let server = Server::start(self.folder.path(), &[], &[]);
        server.wait_for("an empty backlog", |status| {
            let deliveries = &status["deliveries"];
            let waiting = ["pending", "leased", "retrying"].map(|state| deliveries[state].as_u64().unwrap());
            waiting == [0, 0, 0] && status["events"]["unrouted"] == 0
        });
        assert_eq!(server.status()["deliveries"]["dead"], 0, "{}", server.status());
        server.terminate();
        let received = self.provider.received();
        let of = |operation: &str| -> Vec<(u64, usize, String)> {
            received.iter().filter(|request| request["operation"] == operation).map(seen).collect()
        };
        self.check(&of("note"), "note");
        self.check(&of("line"), "line");
        let stats: Value = serde_json::from_slice(&get(&self.provider.address, "/_sandbox/stats").body).unwrap();
        let notes: BTreeSet<usize> = of("note").into_iter().map(|(_, id, _)| id).collect();
        assert_eq!(stats["idempotency_keys"], notes.len(), "the provider took each event once");
        exchange(&self.provider.address, b"DELETE /_sandbox/requests HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        self.forgotten += stats["requests"].as_u64().unwrap();
        self.accepted.clear();
        self.ends.clear();
    }

    /// What one operation saw, in order: the number of the request and the event's.
    fn check(&self, requests: &[(u64, usize, String)], operation: &str) {
        let arrived: BTreeSet<usize> = requests.iter().map(|(_, id, _)| *id).collect();
        let lost: Vec<_> = self.accepted.difference(&arrived).collect();
        assert!(lost.is_empty(), "{operation}: accepted and lost: {lost:?}");
        let mut last: BTreeMap<usize, u64> = BTreeMap::new();
        let mut lanes: BTreeMap<&str, usize> = BTreeMap::new();
        for (number, id, lane) in requests {
            match last.insert(*id, *number) {
                Some(before) => self.check_repeated(before, *number, requests, operation),
                None => {
                    let highest = lanes.entry(lane).or_insert(*id);
                    assert!(*highest <= *id, "{operation}: {id} came after {highest} of its lane");
                    *highest = *id;
                }
            }
        }
    }

    /// Only what was in flight when a life ended comes again, in another life.
    fn check_repeated(&self, before: u64, again: u64, requests: &[(u64, usize, String)], operation: &str) {
        let end = self.ends.iter().find(|end| before <= **end).copied().unwrap_or(u64::MAX);
        assert!(again > end, "{operation}: repeated within one life");
        let later = requests.iter().filter(|(number, ..)| *number > before && *number <= end).count();
        assert!(later < 2 * IN_FLIGHT, "{operation}: repeated, and {later} requests had come after it");
    }
}

fn seen(request: &Value) -> (u64, usize, String) {
    let id = request["body"]["key"].as_str().and_then(|key| key.strip_prefix('m')?.parse().ok()).unwrap();
    (request["number"].as_u64().unwrap(), id, format!("{}", id % SENDERS))
}

/// Sends events of one lane, one after the other, and says which were accepted.
fn send(address: &str, lane: usize, next: &AtomicUsize, count: &AtomicUsize, dead: &AtomicBool) -> Vec<usize> {
    let mut accepted = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return accepted };
    let Ok(mut answers) = stream.try_clone().map(BufReader::new) else { return accepted };
    while !dead.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst) * SENDERS + lane;
        let body = format!("{{\"id\":{number},\"lane\":\"{lane}\"}}");
        let sent = stream.write_all(&post_bytes("/hooks/in", "application/json", body.as_bytes()));
        match sent.and_then(|()| read_answer(&mut answers)) {
            Ok(answer) if answer.status == 202 => {
                accepted.push(number);
                count.fetch_add(1, Ordering::SeqCst);
            }
            // It dies: what was not answered was not accepted.
            _ => return accepted,
        }
    }
    accepted
}

fn kill(server: &Server) {
    let pid = server.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing() {
    let mut world = World::new("killed");
    let mut dice = Dice::new();
    for round in 1..=rounds(4) {
        let after = Duration::from_millis(dice.below(500));
        world.life(&[], |server, _| {
            std::thread::sleep(after);
            kill(server);
        });
        if round % 10 == 0 {
            world.settle();
        }
    }
    world.settle();
}

/// Between accept, commit, route, send and record.
const POINTS: &[&str] = &[
    "received",
    "begun",
    "written",
    "committed",
    "accepted",
    "to-route",
    "routed",
    "leased",
    "to-send",
    "answered",
    "recorded",
];

#[test]
fn a_process_killed_at_each_named_point_loses_nothing() {
    let mut world = World::new("points");
    let mut dice = Dice::new();
    let (mut lives, mut reached) = (0, 0);
    for round in 0..rounds(1) {
        for point in POINTS {
            let at = format!("{point}:{}", 1 + dice.below(if round == 0 { 30 } else { 200 }));
            world.life(&[("JACKFIELD_DIE_AT", &at)], |server, _| {
                // On a busy machine a moment may come less often than that: then this life ends like any other.
                match ends_within(server, Duration::from_secs(30)) {
                    true => reached += 1,
                    false => kill(server),
                }
                lives += 1;
            });
        }
        world.settle();
    }
    assert!(2 * reached > lives, "of {lives} lives only {reached} ended where they should have");
}

/// Whether a server ends by itself in this time.
fn ends_within(server: &Server, time: Duration) -> bool {
    let began = std::time::Instant::now();
    while !server.has_ended() {
        if began.elapsed() > time {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[test]
fn a_machine_that_loses_its_power_keeps_what_was_accepted() {
    let Some(shim) = shim() else {
        eprintln!("SKIPPED: the power cuts need a C compiler, and there is none");
        return;
    };
    let mut world = World::new("power");
    let mut dice = Dice::new();
    let data = std::fs::canonicalize(world.folder.path()).unwrap().join("data");
    for round in 1..=rounds(5) {
        // The first cuts come while the store is being made.
        let after = (1 + dice.below(if round < 3 { 60 } else { 3000 })).to_string();
        let seed = dice.below(1 << 30).to_string();
        let env = [
            ("LD_PRELOAD", shim.to_str().unwrap()),
            ("POWER_CUT_FOLDER", data.to_str().unwrap()),
            ("POWER_CUT_AFTER", &after),
            ("POWER_CUT_SEED", &seed),
        ];
        world.life(&env, |server, _| {
            wait_for("the power cut", || server.has_ended().then_some(()));
        });
        world.prove();
        if round % 10 == 0 {
            world.settle();
        }
    }
    world.settle();
}

/// The library that takes the power away, built here.
fn shim() -> Option<std::path::PathBuf> {
    let folder = crate::support::root().join("target/tmp");
    std::fs::create_dir_all(&folder).unwrap();
    let library = folder.join(format!("power-cut-{}.so", std::process::id()));
    let source = crate::support::root().join("tests/power-cut/shim.c");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .status();
    built.is_ok_and(|status| status.success()).then_some(library)
}
