//! Captured requests: `.http` files with a request line, headers, a blank line and the body, or a bare JSON body.

use super::RawRequest;

/// What is wrong with a captured request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCapture(pub String);

/// Reads a captured request. A file that begins with `{` or `[` is taken for a JSON body sent by POST.
pub fn parse(bytes: &[u8]) -> Result<RawRequest, InvalidCapture> {
    let start = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    if matches!(start, Some(b'{' | b'[')) {
        return Ok(RawRequest {
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: bytes.to_vec(),
        });
    }
    let (head, body) = split_head(bytes);
    let head = std::str::from_utf8(head).map_err(|_| InvalidCapture("the headers are not UTF-8".to_owned()))?;
    let mut lines = head.lines();
    let (method, target) = request_line(lines.next().unwrap_or(""))?;
    let headers = lines.map(header).collect::<Result<Vec<_>, _>>()?;
    let mut raw = RawRequest { method, target, headers, body: body.to_vec() };
    cut_last_line_break(&mut raw);
    Ok(raw)
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

fn request_line(line: &str) -> Result<(String, String), InvalidCapture> {
    let wanted = "a captured request begins with a line like `POST /hooks/form HTTP/1.1`";
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(InvalidCapture(wanted.to_owned()));
    };
    let method_ok = method.chars().all(|c| c.is_ascii_uppercase());
    // A full address keeps its path and query: the host is the server's own business.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    match method_ok && target.starts_with('/') {
        true => Ok((method.to_owned(), target.to_owned())),
        false => Err(InvalidCapture(wanted.to_owned())),
    }
}

fn header(line: &str) -> Result<(String, String), InvalidCapture> {
    let (name, value) =
        line.split_once(':').ok_or_else(|| InvalidCapture("a header is written `Name: value`".to_owned()))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
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
    fn bare_json_is_a_post() {
        assert_eq!(parse(b" [1]").unwrap().body, b" [1]");
        assert!(parse(b"hello").is_err());
    }
}
