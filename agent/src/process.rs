//! Another process that embeds the driver.

use std::{
    collections::BTreeMap,
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use crate::static_probe::{PROVIDER, StaticProbe, StaticProbeError};

/// A process with the driver's static probes in it.
#[derive(Clone, Debug)]
pub struct TargetProcess {
    /// Its process id.
    pub pid: NonZeroU32,
    /// The program or library that holds the probes, as this process reaches it.
    pub program: PathBuf,
    /// The probes in it.
    pub probes: Vec<StaticProbe>,
}

/// Why a process cannot be observed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No process has this id.
    #[error("process {pid} does not exist")]
    Absent {
        /// The process id.
        pid: u32,
    },
    /// It has ended, or did while it was looked at.
    #[error("process {pid} has ended")]
    Ended {
        /// The process id.
        pid: u32,
    },
    /// The id is that of a thread.
    #[error("{pid} is a thread of process {process}: take pid:{process}")]
    Thread {
        /// The thread id.
        pid: u32,
        /// Its process.
        process: u32,
    },
    /// The process may not be looked at.
    #[error("process {pid}: {path}: {source}; looking at it takes its owner's rights or root's")]
    Denied {
        /// The process id.
        pid: u32,
        /// What could not be read.
        path: String,
        /// The reason.
        source: io::Error,
    },
    /// Nothing in it has the driver's static probes.
    #[error(
        "process {pid} ({name}) does not embed hwptop-driver: no static probes of provider \
         `{PROVIDER}` in its program or libraries"
    )]
    NoDriver {
        /// The process id.
        pid: u32,
        /// Its command name.
        name: String,
    },
}

impl TargetProcess {
    /// This process.
    ///
    /// # Errors
    /// [`StaticProbeError`] where its own program cannot be read.
    pub fn current() -> Result<Self, StaticProbeError> {
        let program = PathBuf::from("/proc/self/exe");
        let probes = StaticProbe::list(&program, PROVIDER)?;
        let pid = NonZeroU32::new(std::process::id()).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            pid,
            program,
            probes,
        })
    }

    /// Looks for the driver in the program of process `pid`, then in its libraries.
    ///
    /// # Errors
    /// [`ProcessError`], saying which of the reasons it is.
    pub fn find(pid: u32) -> Result<Self, ProcessError> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let Some(id) = NonZeroU32::new(pid).filter(|_| proc.is_dir()) else {
            return Err(ProcessError::Absent { pid });
        };
        let status = fs::read_to_string(proc.join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()
        };
        // A zombie's memory, and with it its driver, is gone.
        if matches!(field("State:"), None | Some("Z" | "X")) {
            return Err(ProcessError::Ended { pid });
        }
        if let Some(process) = field("Tgid:").and_then(|process| process.parse().ok())
            && process != pid
        {
            return Err(ProcessError::Thread { pid, process });
        }
        for program in programs(pid, &proc)? {
            match StaticProbe::list(&program, PROVIDER) {
                Ok(probes) if !probes.is_empty() => {
                    let pid = id;
                    return Ok(Self {
                        pid,
                        program,
                        probes,
                    });
                }
                Err(StaticProbeError::Io { path, source })
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    return Err(ProcessError::Denied { pid, path, source });
                }
                // Any other file that cannot be read or is no program holds no probes.
                Ok(_) | Err(_) => {}
            }
        }
        let name = field("Name:").unwrap_or("unnamed").to_owned();
        Err(ProcessError::NoDriver { pid, name })
    }

    /// Whether the process has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        !matches!(state, Some(state) if state != 'Z' && state != 'X')
    }
}

/// The files that process `pid` executes, its program first: where it is allowed through
/// the kernel's own links to what is mapped, not by names that may have changed.
fn programs(pid: u32, proc: &Path) -> Result<Vec<PathBuf>, ProcessError> {
    let path = proc.join("maps");
    let maps = fs::read_to_string(&path).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => ProcessError::Denied {
            pid,
            path: path.display().to_string(),
            source,
        },
        _ => ProcessError::Ended { pid },
    })?;
    let mut programs = vec![proc.join("exe")];
    for (file, range) in executable_mappings(&maps) {
        let link = proc.join("map_files").join(range);
        // Following these links takes more rights than the owner has; then the name
        // must do.
        programs.push(if link.metadata().is_ok() {
            link
        } else {
            proc.join("root").join(file.trim_start_matches('/'))
        });
    }
    Ok(programs)
}

/// By file, the address range of one executable mapping in a `/proc/PID/maps` text.
fn executable_mappings(maps: &str) -> BTreeMap<&str, &str> {
    maps.lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let mode = rest.split_whitespace().next()?;
            let file = &line[line.find('/')?..];
            mode.contains('x').then_some((file, range))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_executable_mapping_of_each_file_is_searched() {
        let maps = "55d0-55d1 r--p 00000000 00:1b 1 /bin/vmm\n\
                    55d1-55d2 r-xp 00001000 00:1b 1 /bin/vmm\n\
                    7f00-7f01 r-xp 00000000 00:1b 2 /lib/with space.so\n\
                    7f01-7f02 r-xp 00000000 00:00 0 [vdso]\n";
        let found: Vec<_> = executable_mappings(maps).into_iter().collect();
        assert_eq!(
            found,
            [
                ("/bin/vmm", "55d1-55d2"),
                ("/lib/with space.so", "7f00-7f01")
            ]
        );
    }

    #[test]
    fn a_thread_is_told_from_its_process() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let own = fs::read_link("/proc/thread-self").expect("a thread has a folder");
            let id = own.file_name().and_then(|name| name.to_str()?.parse().ok());
            sender
                .send(id.expect("the folder is a number"))
                .expect("somebody listens");
            std::thread::park();
        });
        let id: u32 = receiver.recv().expect("the thread tells its id");
        let error = TargetProcess::find(id).expect_err("a thread is no process");
        assert!(
            matches!(error, ProcessError::Thread { process, .. } if process == std::process::id()),
            "{error}"
        );
        thread.thread().unpark();
        thread.join().expect("the thread ends");
    }

    #[test]
    fn a_process_id_that_nobody_has_is_absent() {
        let error = TargetProcess::find(u32::MAX - 1).expect_err("no such process");
        assert_eq!(error.to_string(), "process 4294967294 does not exist");
        assert!(matches!(
            TargetProcess::find(0),
            Err(ProcessError::Absent { pid: 0 })
        ));
    }

    #[test]
    fn a_process_without_the_driver_is_told_apart_from_no_process() {
        let error = TargetProcess::find(std::process::id()).expect_err("no driver in this test");
        assert!(matches!(error, ProcessError::NoDriver { .. }), "{error}");
        assert!(
            error.to_string().contains("does not embed hwptop-driver"),
            "{error}"
        );
    }
}
