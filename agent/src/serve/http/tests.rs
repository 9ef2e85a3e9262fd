use std::{
    io::{Read as _, Write as _},
    sync::atomic::Ordering,
};

use super::*;

fn server() -> (HttpServer, Arc<Latest>) {
    let latest = Arc::new(Latest::new(Duration::from_hours(1)));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let server = HttpServer::start(listener, Arc::clone(&latest)).expect("it starts");
    (server, latest)
}

/// What comes back for `request`.
fn ask(server: &HttpServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn metrics_and_health_are_served_and_nothing_else() {
    let (server, latest) = server();
    let metrics = ask(&server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"),
        "{metrics}"
    );
    assert!(metrics.contains("\nhwptop_build_info{"), "{metrics}");
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let request = "GET /metrics HTTP/1.1\r\nAccept: application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut protobuf = Vec::new();
    stream.read_to_end(&mut protobuf).expect("it answers");
    let kind = b"\r\nContent-Type: application/vnd.google.protobuf; \
        proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n";
    assert!(protobuf.windows(kind.len()).any(|part| part == kind));
    // The first family, behind its length.
    let family = b"\x0a\x11hwptop_build_info\x12";
    assert!(protobuf.windows(family.len()).any(|part| part == family));
    let head = ask(&server, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let health = ask(&server, "GET /healthz HTTP/1.1\r\n\r\n");
    assert!(
        health.ends_with("\r\n\r\n{\"status\":\"ok\"}\n"),
        "{health}"
    );
    latest.fail("reading EVENTS: gone".to_owned());
    let health = ask(&server, "GET /healthz HTTP/1.1\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 503 "), "{health}");
    assert!(health.contains("reading EVENTS: gone"), "{health}");
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /metrics/../etc HTTP/1.1\r\n\r\n", "404"),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405",
        ),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = ask(&server, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    let endless = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(16 << 10));
    let answer = ask(&server, &endless);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn those_who_say_nothing_keep_others_out_for_a_bounded_time_only() {
    let (server, latest) = server();
    let silent: Vec<TcpStream> = (0..MOST_CONNECTIONS + 4)
        .map(|_| TcpStream::connect(server.address()).expect("it listens"))
        .collect();
    let refused = || latest.refused.load(Ordering::Relaxed);
    let start = Instant::now();
    while refused() < 4 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(refused(), 4);
    drop(silent);
    // Their threads see the end at once.
    let answered = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(20));
        let mut stream = TcpStream::connect(server.address()).expect("it listens");
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    });
    assert!(answered);
}
