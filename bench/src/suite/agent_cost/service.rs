//! What the agent takes to start, to answer a scrape, and to let go.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hwptop_agent::{Ebpf, TargetProcess, nanos, snapshot::latency_histogram};

use super::{
    AgentCostError, this_process,
    watched::{Doing, fleet},
    watcher::Watcher,
};

/// How long a scrape may take.
const PATIENCE: Duration = Duration::from_secs(10);
const SCRAPES: usize = 100;
const STARTS: usize = 10;
const DETACHES: usize = 5;
/// Static probes that are attached together, at least.
const PROBES: usize = 100;

/// How long something took, again and again.
#[derive(Clone, Debug)]
pub struct Took {
    /// What.
    pub what: &'static str,
    /// With how much: instances, probes.
    pub of: (usize, &'static str),
    /// How long, ns.
    pub ns: Histogram<u64>,
    /// The longest that the median may be.
    pub goal: Duration,
}

impl Took {
    fn new(what: &'static str, of: (usize, &'static str), goal: Duration) -> Self {
        Self {
            what,
            of,
            ns: latency_histogram(),
            goal,
        }
    }

    fn record(&mut self, time: Duration) {
        self.ns.saturating_record(nanos(time));
    }
}

/// From the start of the process to the first snapshot, of an interval of 10 ms.
pub(super) fn start(program: &Path) -> Result<Took, AgentCostError> {
    let goal = Duration::from_millis(500);
    let mut took = Took::new("start to first figures", (1, "instance"), goal);
    let _fleet = fleet(1, Doing::Captured)?;
    for _ in 0..STARTS {
        let agent = Watcher::top(program, &this_process(), "10ms")?;
        agent.wait_for_instances(1)?;
        took.record(agent.age());
    }
    Ok(took)
}

/// From connecting to the last byte of `/metrics`.
pub(super) fn scrape(program: &Path, instances: u16) -> Result<Took, AgentCostError> {
    let goal = Duration::from_millis(5);
    let mut took = Took::new("scrape", (usize::from(instances), "instances"), goal);
    let agent = Watcher::agent(program, &this_process())?;
    let address = agent.wait_for("say where it listens", |line| {
        let (_, rest) = line.split_once("http://")?;
        rest.split('/').next()?.parse::<SocketAddr>().ok()
    })?;
    // Idle, so that nothing but the scrape is timed: histograms are as many.
    let _fleet = fleet(instances, Doing::Nothing)?;
    let needle = format!("iommu=\"model-vtd{}\"", instances.saturating_sub(1));
    let start = Instant::now();
    while !get(address)?.contains(&needle) {
        if start.elapsed() > PATIENCE {
            return Err(AgentCostError::Silent("export all instances"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    for _ in 0..SCRAPES {
        let start = Instant::now();
        get(address)?;
        took.record(start.elapsed());
    }
    Ok(took)
}

fn get(address: SocketAddr) -> Result<String, AgentCostError> {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().map_err(AgentCostError::Scrape)
}

/// From letting go until every probe is off.
pub(super) fn detach() -> Result<Took, AgentCostError> {
    let mut process = TargetProcess::current()?;
    // As a program has them whose compiler copied the driver's code to many places.
    let sites = process.probes.len().max(1);
    let copies = PROBES.div_ceil(sites);
    process.probes = vec![process.probes; copies].concat();
    let goal = Duration::from_millis(100);
    let mut took = Took::new("detach", (process.probes.len(), "probes"), goal);
    for _ in 0..DETACHES {
        let attached = Ebpf::attach(&process, Duration::MAX)?;
        let start = Instant::now();
        drop(attached);
        took.record(start.elapsed());
    }
    Ok(took)
}
