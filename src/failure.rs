use std::{fmt, io, process::ExitCode};

use hwptop_agent::full_message;

/// Why the command ended early, by what the user can do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It ran, and what it checked is not so: exit code 1.
    Refuted(anyhow::Error),
    /// An argument or a file is wrong: exit code 2.
    Input(anyhow::Error),
    /// This machine cannot do it, or not now: exit code 3.
    Cannot(anyhow::Error),
    /// A signal ended it before it was done: exit code 130, as a shell has it for
    /// Ctrl-C.
    Interrupted(anyhow::Error),
}

impl Failure {
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }

    pub(crate) fn cannot(error: impl Into<anyhow::Error>) -> Self {
        Self::Cannot(error.into())
    }

    fn error(&self) -> &anyhow::Error {
        match self {
            Self::Refuted(error)
            | Self::Input(error)
            | Self::Cannot(error)
            | Self::Interrupted(error) => error,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refuted(_) => ExitCode::from(1),
            Self::Input(_) => ExitCode::from(2),
            Self::Cannot(_) => ExitCode::from(3),
            Self::Interrupted(_) => ExitCode::from(130),
        }
    }

    /// Whether the reader of the output went away, as `head` does: no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error()
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&full_message(self.error().as_ref()))
    }
}

/// Only writing the output fails with a bare I/O error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::cannot(error)
    }
}
