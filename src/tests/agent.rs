//! The agent as a service: scraped, followed, told to end.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::run::HWPTOP;

mod everything;
mod following;
mod grafana;
mod metrics;
mod otlp;
mod played;
mod prometheus;
pub(crate) mod recording;
mod reference;
mod returning;
mod starting;

/// A wait that never takes so long where things work.
const LONG: Duration = Duration::from_secs(30);

/// A running agent with a port and a socket of its own. Dropping it ends it.
struct Agent {
    child: Child,
    /// What it said at its start.
    said: String,
    stderr: BufReader<ChildStderr>,
    address: String,
    socket: PathBuf,
    /// Holds the socket, where it is this test's own.
    directory: Option<TempDir>,
}

impl Agent {
    /// Starts it with a socket in a directory of its own, and waits until it serves.
    fn start(mut command: Command) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("agent.sock");
        let mut agent = Self::start_at(command.arg("--socket").arg(&socket), &socket);
        agent.directory = Some(directory);
        agent
    }

    /// Starts it with its options, which put its socket at `socket`.
    fn start_at(command: &mut Command, socket: &Path) -> Self {
        Self::start_listening(command, socket, "127.0.0.1:0")
    }

    /// As [`Self::start_at`], with HTTP at `listen`.
    fn start_listening(command: &mut Command, socket: &Path, listen: &str) -> Self {
        let mut child = command
            .args(["--listen", listen])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut said = String::new();
        while !said.contains("agent: ") {
            let read = stderr.read_line(&mut said).expect("it says something");
            assert_ne!(read, 0, "it ended: {said}");
        }
        let url = said.split("http://").nth(1).expect("it says where");
        let address = url.split('/').next().expect("a URL has a host").to_owned();
        Self {
            child,
            said,
            stderr,
            address,
            socket: socket.to_owned(),
            directory: None,
        }
    }

    /// Of the model, with the rights of the test.
    fn of_model(interval: &str, options: &[&str]) -> Self {
        let mut command = Command::new(HWPTOP);
        command.args(["agent", "--target", "model", "--interval", interval]);
        command.args(options);
        Self::start(command)
    }

    /// What `/healthz` says.
    fn health(&self) -> Value {
        serde_json::from_str(&self.get("/healthz").1).expect("it is JSON")
    }

    fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    fn target(&self) -> String {
        format!("agent:{}", self.socket().display())
    }

    /// The status line and the body of an answer.
    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: agent\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.lines().next().unwrap_or_default();
        (status.to_owned(), body.to_owned())
    }

    /// Every sample by its name and labels.
    fn scrape(&self) -> BTreeMap<String, f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, "HTTP/1.1 200 OK");
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                let (sample, value) = line.rsplit_once(' ').expect("a sample and its value");
                (sample.to_owned(), value.parse().expect("a number"))
            })
            .collect()
    }

    /// A scrape after the first snapshot.
    fn first_scrape(&self) -> BTreeMap<String, f64> {
        let start = Instant::now();
        loop {
            let scrape = self.scrape();
            if scrape.contains_key("hwptop_events_seen_total") {
                return scrape;
            }
            assert!(start.elapsed() < LONG, "no snapshot: {}", self.said);
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Its exit code, once it has ended, and what else it said.
    fn ended(mut self) -> (Option<i32>, String, PathBuf) {
        let code = self.child.wait().expect("it can be waited for").code();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("it is text");
        (code, rest, self.socket())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
