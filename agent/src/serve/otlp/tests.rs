//! Pushes to collectors that do as they like, over real connections.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Mutex, mpsc},
};

use super::*;
use crate::serve::tests::{snapshot, until};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const OFTEN: Duration = Duration::from_millis(20);

/// Something that takes requests and answers as it is told.
struct Collector {
    address: SocketAddr,
    bodies: Receiver<Vec<u8>>,
    answer: Arc<Mutex<String>>,
}

impl Collector {
    fn at(address: &str, answer: &str) -> Self {
        let listener = TcpListener::bind(address).expect("it is free");
        let address = listener.local_addr().expect("it is bound");
        let answer = Arc::new(Mutex::new(answer.to_owned()));
        let (tell, bodies) = mpsc::channel();
        let says = Arc::clone(&answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (head, body, mut stream) = request(stream);
                assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
                assert!(
                    head.contains("application/x-protobuf") && head.contains("hwptop/"),
                    "{head}"
                );
                let answer = says.lock().expect("nobody panicked").clone();
                // The other side may not want all of it.
                let _ = stream.write_all(answer.as_bytes());
                if tell.send(body).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            bodies,
            answer,
        }
    }

    fn start(answer: &str) -> Self {
        Self::at("127.0.0.1:0", answer)
    }

    fn now_says(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().expect("nobody panicked"));
    }

    fn next(&self) -> Vec<u8> {
        let body = self.bodies.recv_timeout(Duration::from_secs(20));
        body.expect("something is pushed")
    }
}

fn request(mut stream: TcpStream) -> (String, Vec<u8>, TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).expect("it sends");
        bytes.extend(&buffer[..read]);
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        let length: usize = length.expect("it says how long it is");
        if bytes.len() >= end + 4 + length {
            return (head, bytes.split_off(end + 4), stream);
        }
    }
}

struct Pushing {
    latest: Arc<Latest>,
    pusher: OtlpPusher,
    said: Receiver<String>,
}

impl Pushing {
    fn to(address: &SocketAddr, interval: Duration) -> Self {
        let latest = Arc::new(Latest::new(OFTEN));
        let (tell, said) = mpsc::channel();
        let options = OtlpOptions {
            endpoint: format!("http://{address}").parse().expect("it is a URL"),
            interval,
            histograms: OtlpHistograms::default(),
        };
        let tell = move |line: &str| tell.send(line.to_owned()).expect("the test listens");
        let pusher = OtlpPusher::start(&options, Arc::clone(&latest), tell);
        Self {
            latest,
            pusher: pusher.expect("it starts"),
            said,
        }
    }

    fn count(&self, of: fn(&Pushes) -> &AtomicU64) -> u64 {
        of(self.latest.otlp.get().expect("it pushes")).load(Ordering::Relaxed)
    }

    fn next_said(&self) -> String {
        let said = self.said.recv_timeout(Duration::from_secs(20));
        said.expect("something is said")
    }
}

#[test]
fn the_newest_is_pushed_once_and_the_last_at_the_end() {
    let collector = Collector::start(OK);
    let pushing = Pushing::to(&collector.address, OFTEN);
    pushing.latest.publish(snapshot(1));
    let first = collector.next();
    assert!(!first.is_empty());
    thread::sleep(OFTEN * 5);
    assert!(collector.bodies.try_recv().is_err(), "it is pushed twice");
    pushing.latest.publish(snapshot(2));
    collector.next();
    until("it is counted", || pushing.count(|one| &one.pushed) == 2);
    let idle = Pushing::to(&collector.address, Duration::from_hours(1));
    idle.latest.publish(snapshot(1));
    idle.latest.publish(snapshot(2));
    assert!(idle.pusher.finish());
    collector.next();
    assert!(collector.bodies.try_recv().is_err(), "an old one is pushed");
    assert!(pushing.pusher.finish());
    assert_eq!(pushing.said.try_iter().count(), 0, "nothing is wrong");
}

#[test]
fn a_collector_that_is_away_is_told_once_and_found_when_it_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let pushing = Pushing::to(&address, OFTEN);
    pushing.latest.publish(snapshot(1));
    until("it is tried again", || pushing.count(|one| &one.failed) > 3);
    let said = pushing.next_said();
    assert!(
        said.contains("refused") && said.contains("hwptop_agent_otlp_failed_total"),
        "{said}"
    );
    let collector = Collector::at(&address.to_string(), OK);
    collector.next();
    assert!(pushing.next_said().contains("takes metrics again"));
    assert_eq!(pushing.said.try_iter().count(), 0);
}

#[test]
fn what_a_collector_has_against_a_push_is_told_and_the_push_comes_again() {
    let status = "\u{12}\u{7}not now";
    for (answer, part) in [
        (
            format!("HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n{status}"),
            "answers 500 Internal Server Error: not now",
        ),
        (
            "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
            "answers 400 Bad Request;",
        ),
        (
            "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/v1/metrics\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "redirects are not followed",
        ),
        (
            "HTTP/1.1 302 Go\r\nLocation: /v1/metrics\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "redirects are not followed",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>".to_owned(),
            "none of OTLP's",
        ),
        ("220 mail.example.org ESMTP\r\n".to_owned(), ""),
        (String::new(), ""),
        (
            format!("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{}", "x".repeat(999_999)),
            "its answer",
        ),
        (format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(99_999)), ""),
    ] {
        let collector = Collector::start(&answer);
        let pushing = Pushing::to(&collector.address, OFTEN);
        pushing.latest.publish(snapshot(1));
        let said = pushing.next_said();
        assert!(said.contains(part), "{part}: {said}");
        collector.now_says(OK);
        assert!(pushing.next_said().contains("takes metrics again"), "{part}");
        assert!(pushing.count(|one| &one.failed) > 0);
        assert_eq!(pushing.count(|one| &one.pushed), 1);
    }
}

#[test]
fn a_busy_collector_is_left_alone_for_as_long_as_it_asks() {
    let busy = "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let collector = Collector::start(busy);
    let pushing = Pushing::to(&collector.address, OFTEN);
    pushing.latest.publish(snapshot(1));
    collector.next();
    let start = Instant::now();
    collector.now_says(OK);
    collector.next();
    assert!(start.elapsed() > Duration::from_millis(900));
    assert!(pushing.next_said().contains("429 Too Many Requests"));
    // At the end there is no later.
    collector.now_says("HTTP/1.1 503 Busy\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n");
    pushing.latest.publish(snapshot(2));
    collector.next();
    until("it is counted", || pushing.count(|one| &one.failed) == 2);
    collector.now_says(OK);
    assert!(pushing.pusher.finish());
    collector.next();
}

#[test]
fn points_that_are_rejected_are_counted_and_told_once() {
    // partial_success { rejected_data_points: 3, error_message: "no" }
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\u{a}\u{6}\u{8}\u{3}\u{12}\u{2}no";
    let collector = Collector::start(answer);
    let pushing = Pushing::to(&collector.address, OFTEN);
    for count in 1..4 {
        pushing.latest.publish(snapshot(count));
        collector.next();
        until("it is counted", || {
            pushing.count(|one| &one.rejected_points) == count * 3
        });
    }
    assert_eq!(pushing.count(|one| &one.pushed), 3);
    let said = pushing.next_said();
    assert!(said.contains("3 data points: no;"), "{said}");
    assert_eq!(pushing.said.try_iter().count(), 0);
}

#[test]
fn a_collector_that_hangs_is_not_waited_for_and_the_end_neither() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let pushing = Pushing::to(&address, OFTEN);
    pushing.latest.publish(snapshot(1));
    // Somebody is there and says nothing.
    let _silent = listener.accept().expect("it is pushed to");
    let start = Instant::now();
    pushing.latest.publish(snapshot(2));
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "the collector waits"
    );
    assert!(!pushing.pusher.finish());
    assert!(start.elapsed() < END_PATIENCE + Duration::from_secs(2));
    let said = pushing.said.try_recv().expect("it is told");
    assert!(said.contains("no answer within 5s"), "{said}");
}
