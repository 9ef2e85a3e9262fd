//! `/metrics` and `/healthz`: one request per connection, answered by a thread of its own.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    clients::Clients,
    deadline::{read_until, write_until},
    latest::Latest,
};
use crate::export::{PROMETHEUS_PROTOBUF, PROMETHEUS_TEXT, prometheus_protobuf, prometheus_text};
use request::{Head, Refusal, read_head};

mod accept;
mod request;

/// Connections at a time; further ones are closed at once.
const MOST_CONNECTIONS: usize = 16;
/// How long a client may take for its request, and then for reading the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer that refuses is held open for a client that still sends: closing at
/// once would make the kernel take the answer back.
const LINGER: Duration = Duration::from_millis(500);

/// A server of [`Latest`] over HTTP; it runs until the process ends.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
}

impl HttpServer {
    /// Answers on `listener`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(listener: TcpListener, latest: Arc<Latest>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || accept(&listener, &latest))?;
        Ok(Self { address })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn accept(listener: &TcpListener, latest: &Arc<Latest>) {
    let clients = Clients {
        name: "http client",
        most: MOST_CONNECTIONS,
        refused: &latest.refused,
    };
    let latest = Arc::clone(latest);
    clients.serve(
        || listener.accept().map(|(stream, _)| stream),
        |_| true,
        move |stream| answer(stream, &latest),
    )
}

/// What a client gets.
struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

fn answer(mut stream: TcpStream, latest: &Latest) {
    let head = read_head(&mut stream, Instant::now() + PATIENCE);
    let (with_body, answer) = match &head {
        Ok(head) => (head.is_get, answer_to(head, latest)),
        Err(Refusal::Gone) => return,
        Err(Refusal::Status(status)) => (true, Answer::text(status)),
    };
    // A client that does not take its answer is its own concern.
    let _ = send(&mut stream, &answer, with_body);
    if head.is_err() {
        let _ = stream.shutdown(Shutdown::Write);
        let deadline = Instant::now() + LINGER;
        let mut unread = [0; 4096];
        while matches!(read_until(&mut stream, &mut unread, deadline), Ok(1..)) {}
    }
}

fn answer_to(head: &Head, latest: &Latest) -> Answer {
    match head.path.as_str() {
        "/metrics" if head.wants_protobuf => Answer {
            status: "200 OK",
            content_type: PROMETHEUS_PROTOBUF,
            body: latest.scrape(prometheus_protobuf),
        },
        "/metrics" => match latest.scrape(prometheus_text) {
            Ok(body) => Answer {
                status: "200 OK",
                content_type: PROMETHEUS_TEXT,
                body: body.into_bytes(),
            },
            Err(error) => Answer {
                body: format!("{error}\n").into_bytes(),
                ..Answer::text("500 Internal Server Error")
            },
        },
        "/healthz" => {
            let health = latest.health();
            let status = if health.is_ok() {
                "200 OK"
            } else {
                "503 Service Unavailable"
            };
            Answer {
                status,
                content_type: "application/json",
                body: (serde_json::to_string(&health).unwrap_or_default() + "\n").into_bytes(),
            }
        }
        _ => Answer {
            body: b"404 Not Found: there are /metrics and /healthz\n".to_vec(),
            ..Answer::text("404 Not Found")
        },
    }
}

impl Answer {
    fn text(status: &'static str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{status}\n").into_bytes(),
        }
    }
}

fn send(stream: &mut TcpStream, answer: &Answer, with_body: bool) -> io::Result<()> {
    let Answer {
        status,
        content_type,
        body,
    } = answer;
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Allow: GET, HEAD\r\nCache-Control: no-store\r\nVary: Accept\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    if with_body {
        bytes.extend(body);
    }
    write_until(stream, &bytes, Instant::now() + PATIENCE)
}

#[cfg(test)]
mod tests;
