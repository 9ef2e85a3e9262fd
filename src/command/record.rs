use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use hwptop_agent::CommandStream;

use super::signals::stop_flag;
use crate::{cli::RecordArgs, failure::Failure, output::remark};

mod files;
mod from_agent;
mod hindsight;
mod kept;
mod latencies;
mod progress;
mod summary;
mod workload;

use files::Files;
pub(super) use kept::Kept;
use progress::Line;
use workload::Workload;

/// How often the kernel's ring buffer is emptied.
const LOOK: Duration = Duration::from_millis(20);

/// How often what was recorded is put into the files.
const FLUSH: Duration = Duration::from_secs(1);

pub(crate) fn record(args: &RecordArgs) -> Result<ExitCode, Failure> {
    if !args.commands {
        return latencies::record(args);
    }
    let stop = stop_flag()?;
    let mut stream = CommandStream::attach(args.ring).map_err(Failure::cannot)?;
    let mut files =
        Files::create(&args.captures(), stream.vendor(), stream.names()).map_err(Failure::input)?;
    let mut end = End::new(args, &stop).map_err(Failure::input)?;
    let recorded = run(&mut stream, &mut files, &mut end);
    if let Err(error) = recorded {
        // Nothing more is recorded, but what is recorded is not this command's to end.
        drop(stream);
        if end.is_running() {
            remark(&format!(
                "the recording has ended, the command it was made of goes on: {error}"
            ));
        }
        end.wait();
        return Err(Failure::cannot(error));
    }
    for line in summary::lines(&stream, &files) {
        remark(&line);
    }
    Ok(end.exit_code())
}

/// Records until the end.
fn run(stream: &mut CommandStream, files: &mut Files, end: &mut End) -> anyhow::Result<()> {
    let line = Line::new(end.workload.is_none() && io::stderr().is_terminal());
    let mut flushed = Instant::now();
    while !end.is_reached() {
        let submissions = stream.read()?;
        files.write(stream, &submissions)?;
        if flushed.elapsed() >= FLUSH {
            flushed = Instant::now();
            files.flush()?;
            stream.count()?;
            line.show(&progress(stream, end.started.elapsed()));
        }
        thread::sleep(LOOK);
    }
    line.clear();
    let submissions = stream.finish()?;
    files.write(stream, &submissions)?;
    files.flush()
}

fn progress(stream: &CommandStream, since: Duration) -> String {
    let (mut recorded, mut lost) = (0, 0);
    for (_, counts) in stream.instances() {
        recorded += counts.recorded_commands;
        lost += counts.lost_commands;
    }
    let seconds = since.as_secs();
    format!("{recorded} commands recorded, {lost} lost, {seconds} s; Ctrl-C ends it")
}

/// What a recording lasts for.
struct End<'a> {
    stop: &'a AtomicBool,
    started: Instant,
    time: Option<Duration>,
    workload: Option<Workload>,
}

impl<'a> End<'a> {
    /// Starts the program that is to be recorded, if there is one.
    fn new(args: &RecordArgs, stop: &'a AtomicBool) -> anyhow::Result<Self> {
        let workload = match args.program.split_first() {
            Some((program, arguments)) => Some(Workload::start(program, arguments)?),
            None => None,
        };
        Ok(Self {
            stop,
            started: Instant::now(),
            time: args.time,
            workload,
        })
    }

    /// Whether there is nothing more to record. A program is told to end by a signal and
    /// then waited for.
    fn is_reached(&mut self) -> bool {
        let is_stopped = self.stop.load(Ordering::Relaxed);
        match &mut self.workload {
            Some(workload) => {
                if is_stopped {
                    workload.tell_to_end();
                }
                workload.has_ended()
            }
            None => is_stopped || self.time.is_some_and(|time| self.started.elapsed() >= time),
        }
    }

    fn is_running(&mut self) -> bool {
        self.workload
            .as_mut()
            .is_some_and(|workload| !workload.has_ended())
    }

    /// Waits for the program, if there is one.
    fn wait(&mut self) {
        while self.workload.is_some() && !self.is_reached() {
            thread::sleep(LOOK);
        }
    }

    fn exit_code(&self) -> ExitCode {
        self.workload
            .as_ref()
            .map_or(ExitCode::SUCCESS, Workload::exit_code)
    }
}
