//! Runs the binary in a folder of its own, with a clean environment, and talks to it over sockets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A provider without a rate limit, whose operation knows a repetition by its key.
pub const ACME: &[(&str, &str)] = &[
    (
        "schemas/acme/pack.yaml",
        "
title: Acme
base_url: https://api.acme.example
settings: { token: { secret: true, required: true } }
headers: { Authorization: \"Bearer {{ connection.token }}\" }
operations:
  note:
    path: /notes
    request: { json: note.json }
    response: [{ delivered: \"{{ status == 200 and body.id }}\" }]
    idempotency: { field: key }
    sandbox: { reply: { status: 200, body: { id: \"{{ sequence }}\" } } }
",
    ),
    (
        "schemas/acme/note.json",
        "{\"type\":\"object\",\"required\":[\"key\",\"text\"],\"additionalProperties\":false,
          \"properties\":{\"key\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"}}}",
    ),
    (
        "jackfield.yaml",
        "connections:\n  acme: { provider: acme, token: t0ken, retry: { first: 100ms, longest: 500ms } }\n",
    ),
];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jackfield-{}-{name}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A copy of the repository's own workspace.
    pub fn of_repository(name: &str) -> Self {
        let folder = Folder::new(name);
        for part in ["jackfield.yaml", "sandbox.env", "routes", "samples"] {
            copy(&root().join(part), &folder.path().join(part));
        }
        folder
    }

    /// A workspace with the given files.
    pub fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = Folder::new(name);
        for (file, text) in files {
            folder.write(file, text);
        }
        folder
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Copies what a folder holds over what is there.
pub fn overlay(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            overlay(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, by its path in it.
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found
                .extend(files_below(&entry.path()).into_iter().map(|(file, text)| (format!("{name}/{file}"), text))),
            false => {
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Asks each of the folders on all cores, and puts together what they say is wrong.
pub fn in_parts(cases: &[PathBuf], wrong: fn(&Path) -> Option<String>) -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts = cases.chunks(cases.len().div_ceil(threads));
        let running: Vec<_> =
            parts.map(|part| scope.spawn(|| part.iter().filter_map(|case| wrong(case)).collect())).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<String>>().concat()
    })
}

/// The command, with nothing of the machine's environment that could matter.
pub fn jackfield(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
    command.args(args).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

pub fn run(folder: &Path, args: &[&str]) -> Output {
    jackfield(folder, args).stdin(Stdio::null()).output().unwrap()
}

/// Standard output, standard error and the exit code as one text.
pub fn transcript(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.stderr.is_empty() {
        text.push_str("--- standard error\n");
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    text.push_str(&format!("--- exit {}\n", output.status.code().unwrap_or(-1)));
    text
}

/// A running `serve`.
pub struct Server {
    child: Child,
    pub listen: String,
    pub admin: String,
    /// Empty where there is no page.
    pub page: String,
    pub sandbox: Option<String>,
}

impl Server {
    /// Starts on free ports and waits until it receives.
    pub fn start(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Server {
        Server::try_start(folder, args, env).expect("the server starts")
    }

    /// The same, within what the shell's `ulimit` says.
    pub fn start_limited(folder: &Path, args: &[&str], ulimit: &str) -> Server {
        let start = |all: &[&str]| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit {ulimit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_jackfield")]);
            shell.args(all).current_dir(folder);
            shell
        };
        Server::start_by(folder, args, start).expect("the server starts")
    }

    pub fn try_start(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Server, String> {
        Server::start_by(folder, args, |all| {
            let mut command = jackfield(folder, all);
            command.envs(env.iter().copied());
            command
        })
    }

    fn start_by(folder: &Path, args: &[&str], command: impl Fn(&[&str]) -> Command) -> Result<Server, String> {
        let mut all = vec!["serve", "--admin", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"];
        if !args.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        // A free port, where a test does not say who may open the page.
        if !args.contains(&"--page") {
            all.extend(["--page", "127.0.0.1:0"]);
        }
        all.extend(args);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("serve.log")).unwrap();
        let mut command = command(&all);
        command.stderr(log);
        Server::of(command, folder, args.contains(&"--sandbox"))
    }

    /// Starts by a command, and waits until it receives.
    pub fn of(mut command: Command, folder: &Path, wants_sandbox: bool) -> Result<Server, String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server =
            Server { child, listen: String::new(), admin: String::new(), page: String::new(), sandbox: None };
        while server.listen.is_empty()
            || server.admin.is_empty()
            || server.page.is_empty()
            || (wants_sandbox && server.sandbox.is_none())
        {
            let Some(Ok(line)) = lines.next() else {
                let _ = server.child.wait();
                return Err(std::fs::read_to_string(folder.join("serve.log")).unwrap_or_default());
            };
            let address =
                || line.split("http://").nth(1).unwrap_or_default().split(['/', ' ']).next().unwrap().to_owned();
            match line.as_str() {
                line if line.starts_with("receiving on") => server.listen = address(),
                line if line.starts_with("state on") => server.admin = address(),
                line if line.starts_with("page on") => server.page = address(),
                line if line.starts_with("sandbox on") => server.sandbox = Some(address()),
                _ => {}
            }
        }
        // The pipe is read to its end, so that the server never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// SIGKILL: no last words.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub fn terminate(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn status(&self) -> Value {
        serde_json::from_slice(&get(&self.admin, "/status").body).unwrap()
    }

    /// Waits until the state is as wanted.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.status()).filter(|status| wanted(status)))
    }

    pub fn sandbox(&self) -> &str {
        self.sandbox.as_deref().expect("the server has a sandbox")
    }

    /// What the sandbox has received.
    pub fn received(&self) -> Vec<Value> {
        serde_json::from_slice(&get(self.sandbox(), "/_sandbox/requests").body).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process is gone.
    pub fn has_ended(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        state.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `jackfield sandbox`, in a process of its own.
pub struct StandIn {
    pub address: String,
    child: Child,
}

impl StandIn {
    pub fn start(folder: &Folder, args: &[&str]) -> Self {
        let all = [&["sandbox", "--listen", "127.0.0.1:0"], args].concat();
        let mut child = jackfield(folder.path(), &all).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        StandIn { address: first.split("http://").nth(1).unwrap().to_owned(), child }
    }

    pub fn received(&self) -> Vec<Value> {
        serde_json::from_slice(&get(&self.address, "/_sandbox/requests").body).unwrap()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer; a test that waits for what never comes says what it was.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    }
}

/// Sends bytes as they are, and reads the answer to its end.
pub fn exchange(address: &str, request: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request)?;
    read_answer(&mut BufReader::new(stream))
}

/// Reads one answer from a connection that may carry more.
pub fn read_answer(stream: &mut impl BufRead) -> std::io::Result<Answer> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if stream.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if head[before..].trim().is_empty() {
            break;
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => {
            answer.body = vec![0; length];
            stream.read_exact(&mut answer.body)?;
        }
        None if answer.header("transfer-encoding").is_some() => read_chunks(stream, &mut answer.body)?,
        None => {}
    }
    Ok(answer)
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(());
        }
    }
}

pub fn get(address: &str, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, request.as_bytes()).unwrap()
}

pub fn post(address: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
    exchange(address, &post_bytes(path, content_type, body)).unwrap()
}

pub fn post_bytes(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
