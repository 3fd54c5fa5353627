//! Compressed bodies: `gzip` and `deflate`, one over another, never more than a limit.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::error::DecodeError;

/// No body is compressed more often than this.
const MOST_CODINGS: usize = 3;

/// No gzip is put together from more pieces: each costs much work, even where it holds nothing.
const MOST_MEMBERS: usize = 1000;

/// The bytes of a body as they were before its `codings` (the header `Content-Encoding`) were applied.
pub(super) fn inflate<'b>(bytes: &'b [u8], codings: &str, limit: usize) -> Result<Cow<'b, [u8]>, DecodeError> {
    let applied = applied(codings);
    if applied.len() > MOST_CODINGS {
        return Err(DecodeError::unsupported("compressed so often"));
    }
    let is_silent = applied.is_empty() && is_gzip(bytes);
    let mut body = Cow::Borrowed(bytes);
    for coding in applied.into_iter().rev() {
        body = Cow::Owned(undo(&body, &coding, limit)?);
    }
    if is_silent {
        body = Cow::Owned(undo(&body, "gzip", limit)?);
    }
    Ok(body)
}

/// Whether `inflate` has anything to undo.
pub(super) fn is_compressed(bytes: &[u8], codings: &str) -> bool {
    !applied(codings).is_empty() || is_gzip(bytes)
}

/// As much as may come of so many bytes, and no more than the limit.
pub(super) fn most_bytes(length: usize, codings: &str, limit: usize) -> usize {
    /// DEFLATE makes no more than this of one byte.
    const MOST: usize = 1032;
    let codings = applied(codings).len().clamp(1, MOST_CODINGS);
    (0..codings).fold(length, |bytes, _| bytes.saturating_mul(MOST)).min(limit)
}

fn applied(codings: &str) -> Vec<String> {
    let codings = codings.split(',').map(|coding| coding.trim().to_ascii_lowercase());
    codings.filter(|coding| !matches!(coding.as_str(), "" | "identity")).collect()
}

/// No body that is text begins so; some senders compress and don't say it.
fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b\x08")
}

fn undo(bytes: &[u8], coding: &str, limit: usize) -> Result<Vec<u8>, DecodeError> {
    match coding {
        "gzip" | "x-gzip" => read(Members { decoder: GzDecoder::new(bytes), left: MOST_MEMBERS - 1 }, "gzip", limit),
        "deflate" if is_zlib(bytes) => read(ZlibDecoder::new(bytes), "deflate", limit),
        // Some senders leave the frame out.
        "deflate" => read(DeflateDecoder::new(bytes), "deflate", limit),
        "br" => Err(DecodeError::unsupported("compressed by Brotli")),
        "zstd" => Err(DecodeError::unsupported("compressed by Zstandard")),
        _ => Err(DecodeError::unsupported("compressed in a way that is not known")),
    }
}

/// One gzip behind another, as long as there are more and not too many.
struct Members<'b> {
    decoder: GzDecoder<&'b [u8]>,
    left: usize,
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            let rest = *self.decoder.get_ref();
            if read > 0 || buffer.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::InvalidData)?;
            self.decoder = GzDecoder::new(rest);
        }
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

fn read(decoder: impl Read, coding: &str, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut inflated = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut inflated).map_err(|_| {
        DecodeError::malformed(format!("the body is not {coding}, as its `Content-Encoding` says"), broken(&inflated))
    })?;
    if inflated.len() > limit {
        return Err(DecodeError::too_large(format!(
            "the body is compressed, and larger than {limit} bytes without that"
        )));
    }
    Ok(inflated)
}

fn broken(inflated: &[u8]) -> String {
    match inflated.len() {
        0 => String::new(),
        length => format!("it breaks off, or is damaged, after {length} bytes of content"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::super::error::Fault;
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflated(bytes: &[u8], codings: &str) -> Result<Vec<u8>, Fault> {
        inflate(bytes, codings, 1000).map(Cow::into_owned).map_err(|error| error.fault)
    }

    #[test]
    fn codings_are_undone_last_first() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"abc").unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(b"abc").unwrap();
        let twice = [gzip(b"ab"), gzip(b"c")].concat();
        for (bytes, codings) in [
            (b"abc".to_vec(), ""),
            (b"abc".to_vec(), "identity"),
            (gzip(b"abc"), "gzip"),
            (gzip(b"abc"), "X-GZIP, identity"),
            (gzip(b"abc"), ""),
            (twice, "gzip"),
            (zlib.clone(), "deflate"),
            (raw.finish().unwrap(), "deflate"),
            (gzip(&zlib), "deflate, gzip"),
        ] {
            assert_eq!(inflated(&bytes, codings), Ok(b"abc".to_vec()), "{codings}");
        }
    }

    #[test]
    fn no_more_comes_of_a_body_than_is_counted_on() {
        let bomb = gzip(&vec![0; 50_000_000]);
        assert!(most_bytes(bomb.len(), "gzip", usize::MAX) >= 50_000_000);
        assert!(most_bytes(gzip(&bomb).len(), "gzip, gzip", usize::MAX) >= 50_000_000);
        assert_eq!(most_bytes(bomb.len(), "", 1000), 1000);
        assert_eq!(most_bytes(1, "gzip", usize::MAX), 1032);
    }

    #[test]
    fn what_is_broken_or_grows_too_large_is_refused() {
        let bomb = gzip(&vec![0; 50_000_000]);
        let cut = gzip(b"abc");
        assert_eq!(inflated(&bomb, "gzip"), Err(Fault::TooLarge));
        assert_eq!(inflated(&gzip(&gzip(&bomb)), "gzip, gzip, gzip"), Err(Fault::TooLarge));
        assert_eq!(inflated(&cut[..cut.len() - 6], "gzip"), Err(Fault::Malformed));
        assert_eq!(inflated(b"abc", "gzip"), Err(Fault::Malformed));
        assert_eq!(inflated(b"abc", "deflate"), Err(Fault::Malformed));
        assert_eq!(inflated(b"abc", "br"), Err(Fault::Unsupported));
        assert_eq!(inflated(b"abc", "gzip,gzip,gzip,gzip"), Err(Fault::Unsupported));
        assert_eq!(inflated(&[gzip(b"abc"), b"more".to_vec()].concat(), "gzip"), Err(Fault::Malformed));
    }

    #[test]
    fn a_gzip_of_very_many_is_refused() {
        let many = |count: usize| gzip(b"").repeat(count - 1).into_iter().chain(gzip(b"abc")).collect::<Vec<u8>>();
        assert_eq!(inflated(&many(1000), "gzip"), Ok(b"abc".to_vec()));
        assert_eq!(inflated(&many(50_000), "gzip"), Err(Fault::Malformed));
    }
}
