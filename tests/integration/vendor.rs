//! A vendor on a real socket that answers as the test says at the moment.

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::support::{ACME, Folder};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// The status with more headers, each with its line end, and the body.
pub type Reply = (String, Vec<u8>);

pub fn reply(status: &str, body: &str) -> Reply {
    (format!("{status}\r\n"), body.as_bytes().to_vec())
}

type Behaviour = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Vendor {
    pub address: String,
    received: Arc<Mutex<Vec<Request>>>,
    behaviour: Arc<Mutex<Arc<Behaviour>>>,
}

impl Vendor {
    pub fn start(behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let first: Arc<Behaviour> = Arc::new(behaviour);
        let vendor = Vendor { address, received: Arc::default(), behaviour: Arc::new(Mutex::new(first)) };
        let (received, behaviour) = (vendor.received.clone(), vendor.behaviour.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (received, behaviour) = (received.clone(), behaviour.clone());
                std::thread::spawn(move || {
                    let mut requests = BufReader::new(stream.try_clone().unwrap());
                    let mut answers = stream;
                    while let Some(request) = read(&mut requests) {
                        let behaviour = behaviour.lock().unwrap().clone();
                        let (head, body) = behaviour(&request);
                        received.lock().unwrap().push(request);
                        let head = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n", body.len());
                        if answers.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        vendor
    }

    /// From now on it answers so.
    pub fn answers(&self, behaviour: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    pub fn received(&self) -> Vec<Request> {
        self.received.lock().unwrap().clone()
    }

    /// A workspace with a route that sends to it as `acme`.
    pub fn workspace(&self, name: &str, token: &str, retry: &str) -> Folder {
        let folder = Folder::with(name, ACME);
        folder.write("routes/in.yaml", ROUTE);
        self.connect(&folder, token, retry);
        folder
    }

    /// The connection with another token.
    pub fn connect(&self, folder: &Folder, token: &str, retry: &str) {
        let settings = format!(
            "connections:\n  acme: {{ provider: acme, token: {token}, base_url: \"http://{}\", allow_private_addresses: \
             true, retry: {{ {retry} }} }}\n",
            self.address
        );
        folder.write("jackfield.yaml", &settings);
    }
}

pub const ROUTE: &str = "
source: { path: /in, verify: none }
send:
  - to: acme.note
    body: { key: \"{{ payload.id }}\", text: hello }
";

fn read(stream: &mut BufReader<std::net::TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mut request = Request { head: String::from_utf8(head).unwrap(), body: String::new() };
    let mut body = vec![0; request.header("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}
