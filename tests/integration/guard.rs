//! What comes at once, comes slowly or comes too large does not keep the others waiting.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{ACME, Folder, Server, exchange, post_bytes, read_answer, wait_for};

const IN: &str = "source: { path: /in, verify: { token: { header: X-Key } }, secret: k3y }
extract: { id: $.id }
send:
  - to: acme.note
    body: { key: \"{{ id }}\", text: hi }
";

/// A workspace with these limits in its settings.
fn started(name: &str, limits: &str, files: &[(&str, &str)]) -> (Folder, Server) {
    let folder = Folder::with(name, ACME);
    folder.write("jackfield.yaml", &format!("{}limits: {limits}\n", folder.read("jackfield.yaml")));
    folder.write("routes/in.yaml", IN);
    files.iter().for_each(|(file, text)| folder.write(file, text));
    let server = Server::start(folder.path(), &["--sandbox"], &[]);
    (folder, server)
}

fn good(id: u32) -> Vec<u8> {
    with_headers("X-Key: k3y\r\n", &format!("{{\"id\":\"{id}\"}}"))
}

fn with_headers(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /hooks/in HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.listen).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// How much memory a process has, in kB.
#[cfg(target_os = "linux")]
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_slow_bodies_hold_nobody_up() {
    const ATTACKERS: usize = 1000;
    let (_folder, server) = started("slow", "{ connections: 1100 }", &[]);
    assert_eq!(exchange(&server.listen, &good(0)).unwrap().status, 202);
    let before = memory(&server);
    // The process that attacks and the one that is attacked need a socket for each.
    let head = b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 100000\r\n\r\n{";
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        let stream = TcpStream::connect(&server.listen);
        let mut stream = stream.expect("this test needs 1,000 sockets: raise `ulimit -n` to 4096");
        stream.write_all(head).unwrap();
        attackers.push(stream);
    }
    let started = Instant::now();
    for id in 1..=20 {
        assert_eq!(exchange(&server.listen, &good(id)).unwrap().status, 202);
        attackers.iter_mut().for_each(|stream| drop(stream.write_all(b" ")));
    }
    assert!(started.elapsed() < Duration::from_secs(20), "20 good requests took {:?}", started.elapsed());
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "a thousand slow bodies took {grown} kB");
    // All are let go long before the time that a body may take.
    for stream in attackers {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let answer = read_answer(&mut BufReader::new(stream)).unwrap();
        assert_eq!((answer.status, answer.header("retry-after").as_deref()), (408, Some("5")));
    }
    let status = server.status();
    assert_eq!(status["requests"]["refused"]["body-too-slow"], ATTACKERS);
}

#[test]
fn an_answer_is_there_in_time_under_full_load() {
    let (_folder, server) = started("load", "{}", &[]);
    let send = |sender: u32| -> Vec<Duration> {
        let mut stream = connect(&server);
        let answer = |id: u32| {
            let started = Instant::now();
            stream.write_all(&good(sender * 100 + id)).unwrap();
            let status = read_answer(&mut BufReader::new(&stream)).unwrap().status;
            assert!(matches!(status, 202 | 503), "{status}");
            started.elapsed()
        };
        (0..25).map(answer).collect()
    };
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..32).map(|sender| scope.spawn(move || send(sender))).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    took.sort_unstable();
    // The machine may be busy with other tests: the slowest few are its own doing.
    let most = took[took.len() * 95 / 100];
    assert!(most < Duration::from_secs(2), "of 100 answers 5 took longer than {most:?}");
}

#[test]
fn bodies_in_memory_are_bounded_together() {
    let (_folder, server) = started("bodies", "{ bodies: 1MB, body: 1MB, time: 30s }", &[]);
    let large = "x".repeat(700_000);
    let head = "POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 800000\r\n\r\n";
    // Whichever of the two is read last finds no room: the first one is given time to be read.
    let (half, answer) = wait_for("the refusal", || {
        let mut half = connect(&server);
        half.write_all(head.as_bytes()).unwrap();
        half.write_all(large.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let answer = exchange(&server.listen, &with_headers("X-Key: k3y\r\n", &large)).unwrap();
        (answer.status == 503).then_some((half, answer))
    });
    assert!(answer.text().contains("overloaded") && answer.header("retry-after").is_some(), "{}", answer.text());
    assert_eq!(exchange(&server.listen, &good(1)).unwrap().status, 202);
    // What is far too large is answered, too, while it is still being sent.
    let answer = exchange(&server.listen, &with_headers("X-Key: k3y\r\n", &"x".repeat(8_000_000))).unwrap();
    assert_eq!(answer.status, 413, "{}", answer.text());
    drop(half);
    wait_for("the memory to be free again", || {
        let answer = exchange(&server.listen, &with_headers("X-Key: k3y\r\n", &large)).ok()?;
        (answer.status == 202).then_some(())
    });
}

#[test]
fn a_compressed_body_counts_as_what_may_come_of_it() {
    let (_folder, server) = started("compressed", "{ bodies: 1MB, body: 1MB, time: 30s }", &[]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(format!("{{\"id\":\"7\",\"text\":\"{}\"}}", "x".repeat(900_000)).as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let mut compressed = with_headers("X-Key: k3y\r\nContent-Encoding: gzip\r\n", &"x".repeat(body.len()));
    let start = compressed.len() - body.len();
    compressed.splice(start.., body);
    assert_eq!(exchange(&server.listen, &compressed).unwrap().status, 202);

    let mut half = connect(&server);
    let head = "POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 800000\r\n\r\n";
    half.write_all(head.as_bytes()).unwrap();
    half.write_all("x".repeat(700_000).as_bytes()).unwrap();
    // Until it is there; a body that comes while another is looked at might be the one that is refused.
    std::thread::sleep(Duration::from_secs(1));
    wait_for("the refusal", || (exchange(&server.listen, &compressed).ok()?.status == 503).then_some(()));
    assert_eq!(exchange(&server.listen, &good(1)).unwrap().status, 202);
    drop(half);
    wait_for("the memory to be free again", || {
        (exchange(&server.listen, &compressed).ok()?.status == 202).then_some(())
    });
}

#[test]
fn a_flood_on_one_source_leaves_the_others_alone() {
    let flooded = IN.replace("path: /in,", "path: /flooded, limits: { rate: { requests: 5, per: 1h } },");
    let unsubscribing = IN.replace(
        "path: /in,",
        "path: /patient, reply: { overload: { status: 503, retry_after: 90s } }, limits: { rate: { requests: 1, per: 1m } },",
    );
    let files = [("routes/flooded.yaml", &*flooded), ("routes/patient.yaml", &*unsubscribing)];
    let (folder, server) = started("flood", "{}", &files);
    let to = |path: &str, id: u32| {
        let request = String::from_utf8(good(id)).unwrap().replace("/hooks/in", path);
        exchange(&server.listen, request.as_bytes()).unwrap()
    };
    let answers: Vec<_> = (0..200).map(|id| to("/hooks/flooded", id)).collect();
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!(taken.len(), 5);
    assert!(refused.iter().all(|answer| answer.status == 429 && answer.text().contains("too-many-requests")));
    let wait: u64 = refused[0].header("retry-after").unwrap().parse().unwrap();
    assert!((600..=720).contains(&wait), "a fifth of an hour, not {wait} s");
    assert!((0..20).all(|id| to("/hooks/in", id).status == 202));

    assert_eq!(to("/hooks/patient", 1).status, 202);
    let refused = to("/hooks/patient", 2);
    assert_eq!((refused.status, refused.header("retry-after").as_deref()), (503, Some("90")));

    assert_eq!(server.status()["requests"]["refused"]["too-many-requests"], 196);
    let told = folder.read("serve.log").matches("too-many-requests").count();
    assert!((1..60).contains(&told), "a flood is no flood in the log: {told} lines");
}

#[test]
fn strangers_do_not_use_up_what_the_sender_may_send() {
    let slow = IN.replace("path: /in,", "path: /in, limits: { rate: { requests: 3, per: 1h } },");
    let (folder, server) = started("strangers", "{}", &[("routes/in.yaml", &slow)]);
    let forged = with_headers("X-Key: no\r\n", "{}");
    assert!((0..20).all(|_| exchange(&server.listen, &forged).unwrap().status == 401));
    assert_eq!([1, 2].map(|id| exchange(&server.listen, &good(id)).unwrap().status), [202, 202]);
    // A reload does not begin again.
    folder.write("routes/in.yaml", &slow.replace("text: hi", "text: hello"));
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    assert_eq!([3, 4].map(|id| exchange(&server.listen, &good(id)).unwrap().status), [202, 429]);
}

/// An answer to a request from this address of the machine's own.
fn exchange_from(from: &str, server: &Server, request: &[u8]) -> u16 {
    let (from, to) = (format!("{from}:0").parse().unwrap(), server.listen.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(from).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    connected.set_nonblocking(false).unwrap();
    (&connected).write_all(request).unwrap();
    read_answer(&mut BufReader::new(connected)).unwrap().status
}

#[test]
fn a_wrong_key_is_told_from_the_right_one_however_many_come() {
    let slow = IN.replace("path: /in,", "path: /in, limits: { rate: { requests: 3, per: 1h } },");
    let (_folder, server) = started("cheap", "{}", &[("routes/in.yaml", &slow)]);
    let forged = with_headers("X-Key: no\r\n", "{}");
    assert!((0..100).all(|_| exchange(&server.listen, &forged).unwrap().status == 401));
    assert_eq!([1, 2, 3, 4].map(|id| exchange(&server.listen, &good(id)).unwrap().status), [202, 202, 202, 429]);
    // What is not taken is not asked for.
    let waiting = b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n";
    assert_eq!(exchange(&server.listen, waiting).unwrap().status, 401);
}

#[test]
#[cfg(target_os = "linux")]
fn a_stranger_that_signs_wrongly_uses_up_its_own_share_alone() {
    let signed = IN.replace(
        "path: /in, verify: { token: { header: X-Key } }",
        "path: /in, limits: { rate: { requests: 3, per: 1h } }, verify: { hmac: { header: X-Sig } }",
    );
    let (_folder, server) = started("shares", "{}", &[("routes/in.yaml", &signed)]);
    let forged = with_headers(&format!("X-Sig: {}\r\n", "0".repeat(64)), "{}");
    let answers: Vec<u16> = (0..40).map(|_| exchange_from("127.0.0.2", &server, &forged)).collect();
    assert_eq!((answers.first(), answers.last()), (Some(&401), Some(&429)));
    // echo -n '{"id":"1"}' | openssl dgst -sha256 -hmac k3y
    let good =
        with_headers("X-Sig: f801c8989259628ab10a80ad8192b510ecfbec8211bcc98619490185c4ddc4e1\r\n", "{\"id\":\"1\"}");
    assert_eq!(exchange_from("127.0.0.3", &server, &good), 202);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let (_folder, server) = started("head", "{ headers: 20, header_bytes: 2KB }", &[]);
    let long = format!("X-Key: k3y\r\nX-Long: {}\r\n", "a".repeat(3000));
    let many: String = (0..30).map(|number| format!("X-{number}: a\r\n")).collect();
    for headers in [long, many] {
        let answer = exchange(&server.listen, &with_headers(&headers, "{}")).unwrap();
        assert_eq!(answer.status, 431);
        assert!(answer.text().contains("headers-too-large"), "{}", answer.text());
    }
    // What is far beyond is not read to its end.
    let answer = exchange(&server.listen, &with_headers(&format!("X-Long: {}\r\n", "a".repeat(9000)), "")).unwrap();
    assert_eq!(answer.status, 431);
    let long = format!("POST /hooks/in?{} HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", "a".repeat(60_000));
    assert_eq!(exchange(&server.listen, long.as_bytes()).unwrap().status, 431);
    assert_eq!(exchange(&server.listen, &good(1)).unwrap().status, 202);
    assert_eq!(server.status()["requests"]["refused"]["headers-too-large"], 4);
}

#[test]
fn what_is_no_request_is_refused_counted_and_logged() {
    let (folder, server) = started("malformed", "{}", &[]);
    let cases = ["GARBAGE\r\n\r\n", "POST /hooks/in HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n"];
    for case in cases {
        let answer = exchange(&server.listen, case.as_bytes()).unwrap();
        assert_eq!((answer.status, &*answer.text()), (400, ""), "{case}");
    }
    let answer = exchange(&server.listen, &with_headers("Host: u\r\nX-Key: k3y\r\n", "{}")).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("malformed-request") && answer.text().contains("`Host`"), "{}", answer.text());
    assert_eq!(server.status()["requests"]["refused"]["malformed-request"], 3);
    assert!(folder.read("serve.log").contains("malformed-request"), "{}", folder.read("serve.log"));
}

#[test]
fn a_connection_too_many_takes_the_place_of_one_that_rests() {
    let (folder, server) = started("connections", "{ connections: 8 }", &[]);
    // A connection of which an answer was read has its place.
    let mut held: Vec<TcpStream> = (0..8)
        .map(|id| {
            let mut stream = connect(&server);
            stream.write_all(&good(id)).unwrap();
            assert_eq!(read_answer(&mut BufReader::new(&stream)).unwrap().status, 202);
            stream
        })
        .collect();
    assert_eq!(exchange(&server.listen, &good(9)).unwrap().status, 202);
    assert!(!folder.read("serve.log").contains("too many connections"), "nobody was in the middle of anything");
    // The one that rested longest is closed without a word, and the others go on.
    let mut rest = Vec::new();
    held[0].read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    let last = &mut held[7];
    last.write_all(&good(10)).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&*last)).unwrap().status, 202);
}

#[test]
fn a_connection_in_the_middle_of_a_request_is_told_why_it_is_closed() {
    let (folder, server) = started("middle", "{ connections: 2 }", &[]);
    let mut slow = connect(&server);
    slow.write_all(b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 9\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let _other = connect(&server);
    assert_eq!(exchange(&server.listen, &good(1)).unwrap().status, 202);
    // It goes on sending, and is not cut off before it has read why.
    for _ in 0..3 {
        slow.write_all(b"\"").unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let answer = read_answer(&mut BufReader::new(&slow)).unwrap();
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("5")));
    assert!(answer.text().contains("too-many-connections"), "{}", answer.text());
    assert!(folder.read("serve.log").contains("too many connections"));
    assert_eq!(server.status()["requests"]["refused"]["too-many-connections"], 1);
}

#[test]
fn more_connections_than_there_are_places_lock_nobody_out() {
    let (_folder, server) = started("dripping", "{ connections: 300 }", &[]);
    // Half of them never end their headers, half of them never end a body.
    let heads: [&[u8]; 2] = [
        b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: ",
        b"POST /hooks/in HTTP/1.1\r\nHost: t\r\nX-Key: k3y\r\nContent-Length: 100000\r\n\r\n{",
    ];
    let attack = |number: usize| {
        let mut stream = connect(&server);
        let _ = stream.write_all(heads[number % 2]);
        stream
    };
    let mut attackers: Vec<TcpStream> = (0..400).map(attack).collect();
    let mut slowest = Duration::ZERO;
    for id in 1..=30 {
        let started = Instant::now();
        assert_eq!(exchange(&server.listen, &good(id)).unwrap().status, 202);
        slowest = slowest.max(started.elapsed());
        // Those who were closed come again, and the others drip.
        for (number, stream) in attackers.iter_mut().enumerate() {
            if stream.write_all(b" ").is_err() {
                *stream = attack(number);
            }
        }
    }
    assert!(slowest < Duration::from_secs(2), "a good request took {slowest:?}");
    assert_eq!(server.status()["events"]["accepted"], 30);
}

/// A source whose token stands in the body must read it before it knows whose it is.
#[test]
fn bodies_that_have_to_be_read_first_hold_nobody_up_that_is_proved() {
    let reading = IN.replace("path: /in,", "path: /reading,").replace("header: X-Key", "field: $.token");
    let (_folder, server) = started("turns", "{ body: 1MB, time: 30s }", &[("routes/reading.yaml", &reading)]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let values = "[[[1,2,3,4],[5,6,7,8]],{\"a\":\"é\"}],".repeat(3_000);
    encoder
        .write_all(format!("{{\"token\":\"no\",\"values\":[{values}0]{}}}", " ".repeat(8_000_000)).as_bytes())
        .unwrap();
    let body = encoder.finish().unwrap();
    let head = format!(
        "POST /hooks/reading HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let hostile = [head.as_bytes(), &body].concat();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let is_over = || stop.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !is_over() {
                    let _ = exchange(&server.listen, &hostile);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        let large = with_headers("X-Key: k3y\r\n", &format!("{{\"id\":\"1\",\"text\":\"{}\"}}", "x".repeat(700_000)));
        let mut took: Vec<(u16, Duration)> = (0..5)
            .map(|_| {
                let started = Instant::now();
                (exchange(&server.listen, &large).unwrap().status, started.elapsed())
            })
            .collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // Nine threads on few processors: one may be unlucky.
        took.sort_unstable();
        assert!(took[3].0 == 202 && took[2].1 < Duration::from_secs(1), "{took:?}");
    });
}

#[test]
fn the_operators_address_waits_for_nobody() {
    let (_folder, server) = started("operator", "{}", &[]);
    let mut dripping: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.admin).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let _ = stream.write_all(b"POST /replay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
            stream
        })
        .collect();
    let started = Instant::now();
    let answer = crate::support::get(&server.admin, "/status");
    assert_eq!(answer.status, 200);
    assert!(started.elapsed() < Duration::from_secs(2), "it took {:?}", started.elapsed());
    let found = ["x-content-type-options", "cache-control"].map(|name| answer.header(name));
    assert_eq!(found, [Some("nosniff".to_owned()), Some("no-store".to_owned())]);
    // The last of them has still its place, and is not waited for.
    let last = read_answer(&mut BufReader::new(&dripping[79])).unwrap();
    assert_eq!(last.status, 408);
    dripping.clear();
    let long = format!("GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "a".repeat(100_000));
    assert_eq!(exchange(&server.admin, long.as_bytes()).unwrap().status, 431);
}

#[test]
#[cfg(unix)]
fn files_that_run_out_keep_nobody_waiting() {
    let folder = Folder::with("files", ACME);
    folder.write("routes/in.yaml", IN);
    // The shell's limit is mended where it may be; where it is final, there are fewer connections.
    for (ulimit, others, status) in [("-S -n 256", 400, 202), ("-n 256", 180, 202)] {
        let server = Server::start_limited(folder.path(), &["--sandbox"], ulimit);
        let held: Vec<TcpStream> = (0..others).map(|_| connect(&server)).collect();
        let started = Instant::now();
        assert_eq!(exchange(&server.listen, &good(1)).unwrap().status, status, "{ulimit}");
        assert!(started.elapsed() < Duration::from_secs(5), "{ulimit}: it took {:?}", started.elapsed());
        drop(held);
    }
    assert!(folder.read("serve.log").contains("there are files for 128 connections only"));
}

#[test]
fn a_sender_that_says_it_is_done_hears_the_answer() {
    let (_folder, server) = started("half-closed", "{}", &[]);
    let mut stream = connect(&server);
    stream.write_all(&good(1)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&stream)).unwrap().status, 202);
    // One that ends in the middle of a body is no request.
    let mut broken = connect(&server);
    broken.write_all(&good(2)[..good(2).len() - 1]).unwrap();
    broken.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_answer(&mut BufReader::new(&broken)).map_or(true, |answer| answer.status == 400));
    server.wait_for("the one event", |status| status["events"]["accepted"] == 1);
}

#[test]
fn a_connection_that_rests_is_closed() {
    let (_folder, server) = started("rest", "{}", &[]);
    let mut used = connect(&server);
    used.write_all(&good(1)).unwrap();
    assert_eq!(read_answer(&mut BufReader::new(&used)).unwrap().status, 202);
    let mut unused = connect(&server);
    let mut dripping = connect(&server);
    dripping.write_all(b"POST /hooks/in HT").unwrap();
    let started = Instant::now();
    for stream in [&mut used, &mut unused, &mut dripping] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(25), "it took {:?}", started.elapsed());
}

#[test]
fn a_change_of_what_is_fixed_at_the_start_is_told() {
    let (folder, server) = started("fixed", "{ connections: 8 }", &[]);
    let settings = folder.read("jackfield.yaml").replace("connections: 8", "connections: 9");
    folder.write("jackfield.yaml", &settings);
    server.wait_for("the reload", |status| status["reloads"]["taken"] == 1);
    assert!(folder.read("serve.log").contains("`limits.connections` in jackfield.yaml takes effect at the next start"));
    let request = post_bytes("/hooks/in", "application/json", b"{}");
    assert_eq!(exchange(&server.listen, &request).unwrap().status, 401);
}
