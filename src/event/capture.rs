//! Captured requests: `.http` files with a request line, headers, a blank line and the body, or a bare JSON body. Lines
//! before the request line that begin with `#` are for people.

use std::ops::Range;

use super::RawRequest;

/// What is wrong with a captured request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidCapture {
    pub message: &'static str,
    /// What to write instead.
    pub help: Option<&'static str>,
    /// Bytes of the file.
    pub at: Range<usize>,
}

/// A file as some editors begin it, with a mark that is no part of the text.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// What stands before the secret that a sample of a pack was signed with.
const SECRET: &str = "# secret: ";

/// The lines for people at the start of a file, and the rest.
fn comments(text: &[u8]) -> (&[u8], &[u8]) {
    let mut length = 0;
    while let Some(line) = text.get(length..).filter(|rest| rest.starts_with(b"#")) {
        length += line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |end| end + 1);
    }
    text.split_at_checked(length).unwrap_or((&[], text))
}

/// Where the request line stands, in bytes of the file; the first line of a body that stands alone.
pub fn first_line(bytes: &[u8]) -> Range<usize> {
    let text = comments(without_mark(bytes)).1;
    let start = bytes.len() - text.len();
    let length = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    start..start + length
}

/// The secret that a captured request was signed with, where the file says it.
pub fn secret(bytes: &[u8]) -> Option<&str> {
    let lines = std::str::from_utf8(comments(without_mark(bytes)).0).ok()?;
    lines.lines().find_map(|line| line.strip_prefix(SECRET)).map(str::trim)
}

/// A captured request with the secret that it was signed with, as a line for people.
pub fn with_secret(bytes: &[u8], secret: &str) -> Vec<u8> {
    [format!("{SECRET}{secret}\n").as_bytes(), bytes].concat()
}

/// Where the body starts, in bytes of the file.
pub fn body_start(bytes: &[u8]) -> usize {
    let text = comments(without_mark(bytes)).1;
    let body = if is_bare(text) { text } else { split_head(text).1 };
    bytes.len() - body.len()
}

/// Whether the file is the body alone.
fn is_bare(bytes: &[u8]) -> bool {
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(start, Some(b'{' | b'['))
}

/// Reads a captured request. A file that begins with `{` or `[` is taken for a JSON body sent by POST.
pub fn parse(bytes: &[u8]) -> Result<RawRequest, InvalidCapture> {
    let text = comments(without_mark(bytes)).1;
    if is_bare(text) {
        return Ok(RawRequest {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: text.to_vec(),
        });
    }
    let (head, body) = split_head(text);
    let start = bytes.len() - text.len();
    let head = std::str::from_utf8(head).map_err(|_| InvalidCapture {
        message: "the headers are not UTF-8",
        help: None,
        at: start..start,
    })?;
    let mut at = start;
    let mut lines = head.split_inclusive('\n').map(|line| {
        at += line.len();
        (line.trim_end_matches(['\r', '\n']), at - line.len())
    });
    let (first, first_at) = lines.next().unwrap_or(("", start));
    let (method, target) = request_line(first, first_at)?;
    let headers = lines.map(|(line, at)| header(line, at)).collect::<Result<Vec<_>, _>>()?;
    let mut raw = RawRequest { method, target, headers, body: body.to_vec() };
    cut_last_line_break(&mut raw);
    Ok(raw)
}

/// A request as a file that [`parse`] reads: the headers as they came, and the length of the body as it is kept.
pub fn write(raw: &RawRequest) -> Vec<u8> {
    // How the body came over is no part of what is kept, and its length is said in any case.
    let is_kept = |name: &str| !matches!(name, "content-length" | "transfer-encoding");
    let mut text = format!("{} {} HTTP/1.1\r\n", raw.method, raw.target);
    for (name, value) in raw.headers.iter().filter(|(name, _)| is_kept(name)) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", raw.body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&raw.body);
    bytes
}

/// An editor ends a file with a line break that the sender never sent: it goes when the body is longer than the headers
/// say, or when it would become part of a form's last field.
fn cut_last_line_break(raw: &mut RawRequest) {
    let bare = raw.body.strip_suffix(b"\n").map(|body| body.strip_suffix(b"\r").unwrap_or(body).len());
    let Some(bare) = bare else { return };
    let announced = raw.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let is_form = raw.content_type() == "application/x-www-form-urlencoded";
    if announced.map_or(is_form, |announced| announced < raw.body.len()) {
        raw.body.truncate(bare);
    }
}

fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let find = |end: &[u8]| bytes.windows(end.len()).position(|window| window == end).map(|at| (at, at + end.len()));
    let (head, body) = match (find(b"\r\n\r\n"), find(b"\n\n")) {
        (Some(crlf), Some(lf)) if lf.0 < crlf.0 => lf,
        (Some(crlf), _) => crlf,
        (None, Some(lf)) => lf,
        (None, None) => (bytes.len(), bytes.len()),
    };
    (bytes.get(..head).unwrap_or_default(), bytes.get(body..).unwrap_or_default())
}

fn request_line(line: &str, at: usize) -> Result<(String, String), InvalidCapture> {
    let wrong = |message| {
        let help = "its first line is like `POST /hooks/form HTTP/1.1`, with the path that the sender calls; below it stand \
                    the headers, an empty line and the body";
        Err(InvalidCapture { message, help: Some(help), at: at..at + line.len() })
    };
    let mut words = line.split_whitespace();
    let (method, target) = match (words.next(), words.next()) {
        (None, _) => return wrong("it begins with an empty line"),
        (Some("curl"), _) => return wrong("it is a command that sends one"),
        (Some(word), _) if word.ends_with(':') => return wrong("it begins with a header"),
        (Some(method), Some(target)) => (method, target),
        _ => return wrong("its first line is no request line"),
    };
    if !method.chars().all(|c| c.is_ascii_uppercase()) {
        return match method.chars().all(|c| c.is_ascii_alphabetic()) {
            true => wrong("its method is not in capital letters"),
            false => wrong("its first line is no request line"),
        };
    }
    // A full address keeps its path and query: the host is the server's own business.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    match target.starts_with('/') {
        true => Ok((method.to_owned(), target.to_owned())),
        false => wrong("its path does not begin with `/`"),
    }
}

fn header(line: &str, at: usize) -> Result<(String, String), InvalidCapture> {
    let wrong = |message, help| Err(InvalidCapture { message, help: Some(help), at: at..at + line.len() });
    if line.starts_with(['{', '[', '<']) {
        return wrong("its body begins right after the headers", "put an empty line above this one");
    }
    match line.split_once(':') {
        Some((name, value)) => Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned())),
        None => wrong("this line is no header", "write `Name: value`; an empty line ends the headers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_request_keeps_every_byte_of_its_body() {
        let raw = parse(b"POST /hooks/a?b=1 HTTP/1.1\r\nX-Id: 7\r\n\r\n{\"a\":\r\n\r\n1}\n").unwrap();
        assert_eq!((raw.method.as_str(), raw.path(), raw.query()), ("POST", "/hooks/a", "b=1"));
        assert_eq!(raw.header("x-id"), Some("7"));
        assert_eq!(raw.body, b"{\"a\":\r\n\r\n1}\n");
    }

    #[test]
    fn a_line_break_that_an_editor_added_is_not_part_of_the_body() {
        let body = |text: &str| parse(text.as_bytes()).map(|raw| String::from_utf8(raw.body)).unwrap().unwrap();
        assert_eq!(body("POST /a HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\na=1\n"), "a=1");
        assert_eq!(body("POST /a HTTP/1.1\nContent-Length: 3\n\na=1\r\n"), "a=1");
        assert_eq!(body("POST /a HTTP/1.1\nContent-Length: 4\n\na=1\n"), "a=1\n");
        assert_eq!(body("POST /a HTTP/1.1\nContent-Type: text/plain\n\na\n"), "a\n");
    }

    #[test]
    fn a_mark_at_the_start_is_not_part_of_the_request() {
        let bytes = b"\xef\xbb\xbfPOST /a HTTP/1.1\n\n{}";
        let raw = parse(bytes).unwrap();
        assert_eq!((raw.method.as_str(), raw.body.as_slice(), body_start(bytes)), ("POST", b"{}".as_slice(), 21));
        assert_eq!(parse(b"\xef\xbb\xbf[1]").unwrap().body, b"[1]");
    }

    #[test]
    fn lines_for_people_come_before_the_request() {
        let bytes = with_secret(b"POST /a HTTP/1.1\nX-Id: 7\n\n# 1\n", "test_key");
        let raw = parse(&bytes).unwrap();
        assert_eq!((raw.path(), raw.header("x-id"), raw.body.as_slice()), ("/a", Some("7"), b"# 1\n".as_slice()));
        assert_eq!((secret(&bytes), bytes.get(first_line(&bytes))), (Some("test_key"), Some(&b"POST /a HTTP/1.1"[..])));
        assert_eq!(bytes.get(body_start(&bytes)..), Some(&b"# 1\n"[..]));
        assert_eq!(secret(b"POST /a HTTP/1.1\n\n# secret: no"), None);
        assert_eq!(parse(b"# a list\n[1]").unwrap().body, b"[1]");
    }

    #[test]
    fn bare_json_is_a_post() {
        assert_eq!(parse(b" [1]").unwrap().body, b" [1]");
        assert!(parse(b"hello").is_err());
    }
}
