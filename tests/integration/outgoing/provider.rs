//! A provider and a proxy on real sockets, which remember what came, byte for byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::support::root;

/// What a provider answers.
#[derive(Clone)]
pub enum Answers {
    Good,
    /// These bytes, and the end.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing for ever.
    Hang(Vec<u8>),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub head: String,
    pub head_bytes: Vec<u8>,
    pub body: Vec<u8>,
}

impl Received {
    /// Every value of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The value of a header as bytes, for those that are no text of their own.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let mut lines = self.head_bytes.split(|byte| *byte == b'\n').skip(1);
        let name = format!("{name}:").to_lowercase();
        let line = lines.find(|line| line.to_ascii_lowercase().starts_with(name.as_bytes()))?;
        Some(line[name.len()..].trim_ascii())
    }
}

pub struct Provider {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Provider {
    pub fn start(answers: Answers) -> Provider {
        Provider::serving(answers, None)
    }

    /// With the server's certificate of `tests/certificates`, for `localhost` and 127.0.0.1.
    pub fn with_tls(answers: Answers, asks_for_certificate: bool) -> Provider {
        Provider::serving(answers, Some(tls(asks_for_certificate)))
    }

    fn serving(answers: Answers, tls: Option<Arc<ServerConfig>>) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // On every loopback address, so that a certificate can be met under a name that it is not for.
        let port = listener.local_addr().unwrap().port();
        let second = TcpListener::bind(("127.0.0.2", port)).ok();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        for listener in [Some(listener), second].into_iter().flatten() {
            let (answers, tls, received) = (answers.clone(), tls.clone(), received.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let (answers, tls, received) = (answers.clone(), tls.clone(), received.clone());
                    std::thread::spawn(move || serve(stream.unwrap(), &answers, tls, &received));
                }
            });
        }
        Provider { address, received }
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn tls(asks_for_certificate: bool) -> Arc<ServerConfig> {
    let file = |name: &str| root().join("tests/certificates").join(name);
    let chain = vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider).build().unwrap();
    let builder = match asks_for_certificate {
        true => builder.with_client_cert_verifier(verifier),
        false => builder.with_no_client_auth(),
    };
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

fn serve(stream: TcpStream, answers: &Answers, tls: Option<Arc<ServerConfig>>, received: &Mutex<Vec<Received>>) {
    match tls {
        None => answer(stream, answers, received),
        Some(config) => {
            let mut left = stream.try_clone().unwrap();
            answer(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), answers, received);
            // What is left unread at the end would take the last words from the other side.
            let _ = left.shutdown(Shutdown::Write);
            let _ = left.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = std::io::copy(&mut left, &mut std::io::sink());
        }
    }
}

fn answer(mut stream: impl Read + Write, answers: &Answers, received: &Mutex<Vec<Received>>) {
    let mut buffer = Vec::new();
    while let Some(request) = request(&mut stream, &mut buffer) {
        received.lock().unwrap().push(request);
        let (bytes, hangs) = match answers {
            Answers::Good => (&b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":1}"[..], false),
            Answers::Bytes(bytes) => (&bytes[..], false),
            Answers::Hang(bytes) => (&bytes[..], true),
        };
        if stream.write_all(bytes).and_then(|()| stream.flush()).is_err() {
            return;
        }
        if hangs {
            std::thread::sleep(Duration::from_secs(60));
        }
        if !matches!(answers, Answers::Good) {
            return;
        }
    }
}

/// The next request of a connection. What follows it stays in the buffer, so that one smuggled in would be seen.
fn request(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        match buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(stream, buffer)?,
        }
    };
    let head_bytes = buffer[..head_end].to_vec();
    let head = String::from_utf8_lossy(&head_bytes).into_owned();
    let request = Received { head, head_bytes, body: Vec::new() };
    let length: usize = request.header("content-length").first().map_or(0, |length| length.parse().unwrap());
    while buffer.len() < head_end + length {
        more(stream, buffer)?;
    }
    let body = buffer[head_end..head_end + length].to_vec();
    buffer.drain(..head_end + length);
    Some(Received { body, ..request })
}

fn more(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 16 * 1024];
    let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(&part[..read]);
    Some(())
}

/// What a proxy was asked.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Host and port.
    pub target: String,
    pub credentials: String,
}

/// A small proxy for HTTP, `CONNECT` and SOCKS 5. Whatever it is asked for, it leads to one address.
pub struct Proxy {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Proxy {
    pub fn start(to: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let all = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let all = all.clone();
                std::thread::spawn(move || lead(stream.unwrap(), to, &all));
            }
        });
        Proxy { address, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn lead(mut stream: TcpStream, to: SocketAddr, seen: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut first = [0];
    stream.peek(&mut first).ok()?;
    let mut provider = TcpStream::connect(to).unwrap();
    if first == [5] {
        let asked = socks(&mut stream)?;
        seen.lock().unwrap().push(asked);
    } else {
        let mut buffer = Vec::new();
        let asked = request(&mut stream, &mut buffer)?;
        let target = asked.head.split(' ').nth(1)?.to_owned();
        let basic = asked.header("proxy-authorization").first().and_then(|value| value.strip_prefix("Basic "));
        let credentials =
            basic.map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()).unwrap_or_default();
        if asked.head.starts_with("CONNECT ") {
            seen.lock().unwrap().push(Seen { target, credentials });
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        } else {
            let (host, _) = target.strip_prefix("http://")?.split_once('/')?;
            seen.lock().unwrap().push(Seen { target: format!("{host}:80"), credentials });
            provider.write_all(&asked.head_bytes).ok()?;
            provider.write_all(&asked.body).ok()?;
        }
    }
    let (mut from, mut back) = (provider.try_clone().ok()?, stream.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut back));
    std::io::copy(&mut stream, &mut provider).ok().map(drop)
}

/// The greeting of SOCKS 5 with a name and a password, to a host by its name.
fn socks(stream: &mut TcpStream) -> Option<Seen> {
    let mut take = |length: usize| {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = take(2)?[1];
    take(methods.into())?;
    stream.write_all(&[5, 2]).ok()?;
    let mut text = |before: usize| {
        let mut bytes = vec![0; before + 1];
        stream.read_exact(&mut bytes).ok()?;
        let mut text = vec![0; bytes[before].into()];
        stream.read_exact(&mut text).ok()?;
        String::from_utf8(text).ok()
    };
    let credentials = format!("{}:{}", text(1)?, text(0)?);
    stream.write_all(&[1, 0]).ok()?;
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    assert_eq!(head[..4], [5, 1, 0, 3], "the proxy is asked for a name, and not for an address");
    let mut host = vec![0; usize::from(head[4]) + 2];
    stream.read_exact(&mut host).ok()?;
    let port = host.split_off(host.len() - 2);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    Some(Seen { target: format!("{}:{port}", String::from_utf8(host).ok()?), credentials })
}
