use std::{net::TcpStream, time::Instant};

use super::accept::wants_protobuf;
use crate::serve::deadline::read_until;

/// The longest head of a request.
const MOST_BYTES: usize = 8 << 10;
/// The most header fields.
const MOST_FIELDS: usize = 64;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// GET, or else HEAD.
    pub(super) is_get: bool,
    /// Without the query.
    pub(super) path: String,
    /// Whether the client would rather have Prometheus' protobuf format than text.
    pub(super) wants_protobuf: bool,
}

/// Why nothing is answered, or what instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody waits for an answer, or nothing came in time.
    Gone,
    /// This status.
    Status(&'static str),
}

/// Reads the head of a request. A body is not read: neither method has one.
pub(super) fn read_head(stream: &mut TcpStream, deadline: Instant) -> Result<Head, Refusal> {
    let mut bytes = [0; MOST_BYTES];
    let mut filled = 0;
    while filled < MOST_BYTES {
        match read_until(stream, &mut bytes[filled..], deadline) {
            Ok(0) | Err(_) => return Err(Refusal::Gone),
            Ok(read) => filled += read,
        }
        if let Some(head) = parse(&bytes[..filled])? {
            return Ok(head);
        }
    }
    Err(Refusal::Status("431 Request Header Fields Too Large"))
}

/// The head in `bytes`, if all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::Status("431 Request Header Fields Too Large"));
        }
        Err(_) => return Err(Refusal::Status("400 Bad Request")),
    }
    let is_get = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Err(Refusal::Status("405 Method Not Allowed")),
    };
    let target = request.path.unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let accept = request
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("accept"));
    let accept: Vec<_> = accept
        .filter_map(|field| str::from_utf8(field.value).ok())
        .collect();
    Ok(Some(Head {
        is_get,
        path,
        wants_protobuf: wants_protobuf(&accept.join(",")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), Ok(None), "{cut}");
        }
        let head = |wants_protobuf| Head {
            is_get: true,
            path: "/metrics".to_owned(),
            wants_protobuf,
        };
        assert_eq!(parse(text), Ok(Some(head(false))));
        let text = b"GET /metrics HTTP/1.1\r\naccept: a/b, application/vnd.google.protobuf;\
            proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n\r\n";
        assert_eq!(parse(text), Ok(Some(head(true))));
    }

    #[test]
    fn what_is_no_get_or_head_is_refused() {
        for (text, status) in [
            ("POST / HTTP/1.1\r\n\r\n", "405"),
            ("\u{1}\u{2}\r\n\r\n", "400"),
            ("GET / HTTP/9\r\n\r\n", "400"),
        ] {
            let refusal = parse(text.as_bytes()).expect_err(text);
            assert!(
                matches!(refusal, Refusal::Status(one) if one.starts_with(status)),
                "{text}: {refusal:?}"
            );
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        let refusal = parse(many.as_bytes()).expect_err("too many fields");
        assert!(matches!(refusal, Refusal::Status(one) if one.starts_with("431")));
    }
}
