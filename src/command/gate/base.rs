use std::path::{Path, PathBuf};

use anyhow::anyhow;
use hwptop_bench::{
    gate::unfit,
    run_file::{Difference, RunFile},
    store::{Name, Newest, Store},
};

use crate::{
    cli::GateArgs,
    command::{compare::comparable, store},
    failure::Failure,
    output::remark,
};

/// How many of a store's runs are told that cannot be the base.
const TOLD: usize = 3;

/// What a change is held against.
pub(super) enum Base {
    /// Another binary.
    Binary,
    /// A run file.
    File(Box<RunFile>),
    /// The newest run of a store's branch that can be compared.
    Store(Box<Stored>),
}

pub(super) struct Stored {
    directory: PathBuf,
    branch: Name,
    /// The newest run that could be a base, of whatever was measured.
    newest: RunFile,
    path: PathBuf,
}

impl Base {
    /// What the arguments name, found to have enough runs.
    pub(super) fn open(args: &GateArgs, suite: &str) -> Result<Self, Failure> {
        let Some(path) = &args.base else {
            return Ok(Self::Binary);
        };
        if path.is_dir() {
            let branch = args.branch.clone();
            let branch = branch.map_or_else(|| Name::new("main"), Ok);
            return Self::stored(path, branch.map_err(Failure::input)?, suite);
        }
        if args.branch.is_some() {
            let path = path.display();
            return Err(Failure::input(anyhow!(
                "--branch: {path} is no store's directory"
            )));
        }
        let base = RunFile::read(path).map_err(Failure::input)?;
        if let Some(why) = unfit(&base) {
            let path = path.display();
            return Err(Failure::input(anyhow!(
                "{path}: {why} (hwptop bench {} --runs 20 -o {path})",
                base.suite
            )));
        }
        Ok(Self::File(Box::new(base)))
    }

    fn stored(path: &Path, branch: Name, suite: &str) -> Result<Self, Failure> {
        let name = Name::new(suite).map_err(Failure::input)?;
        let newest = Store::at(path).newest(&branch, &name, unfit);
        let mut found = newest.map_err(Failure::input)?;
        let Some((stored, newest)) = found.found.take() else {
            store::say(&found.unread);
            return Err(none(&found, path, &branch, suite));
        };
        Ok(Self::Store(Box::new(Stored {
            directory: path.to_owned(),
            branch,
            newest,
            path: stored.path,
        })))
    }

    /// The run whose options hold where none are given.
    pub(super) fn like(&self) -> Option<&RunFile> {
        match self {
            Self::Binary => None,
            Self::File(base) => Some(base),
            Self::Store(stored) => Some(&stored.newest),
        }
    }

    /// The runs that `own` is held against, and how they differ from it; none where that is
    /// another binary.
    pub(super) fn of(
        self,
        own: &RunFile,
        force: bool,
    ) -> Result<Option<(RunFile, Vec<Difference>)>, Failure> {
        let base = match self {
            Self::Binary => return Ok(None),
            Self::File(base) => *base,
            Self::Store(stored) => stored.comparable(own, force)?,
        };
        let differences = comparable(&base, own, force)?;
        Ok(Some((base, differences)))
    }
}

impl Stored {
    fn comparable(self, own: &RunFile, force: bool) -> Result<RunFile, Failure> {
        let newest = Store::at(&self.directory).newest_comparable(&self.branch, own, unfit);
        let mut newest = newest.map_err(Failure::input)?;
        store::say(&newest.unread);
        let (path, base) = match newest.found.take() {
            Some((stored, base)) => (stored.path, base),
            None if force => (self.path, self.newest),
            None => return Err(none(&newest, &self.directory, &self.branch, &own.suite)),
        };
        remark(&format!("the base is {}", path.display()));
        Ok(base)
    }
}

/// That nothing in the store can be the base, and why.
fn none(newest: &Newest, directory: &Path, branch: &Name, suite: &str) -> Failure {
    let told = newest.refused.iter().take(TOLD).map(|of| {
        let name = of.path.file_name().unwrap_or(of.path.as_os_str());
        format!("; {}: {}", name.display(), of.why)
    });
    let told: String = told.collect();
    let more = match newest.refused.len().saturating_sub(TOLD) + newest.unread.left_out {
        0 => String::new(),
        more => format!("; and {more} older ones"),
    };
    let directory = directory.display();
    Failure::input(anyhow!(
        "{directory}: no run of {suite} of the branch {branch} can be the base{told}{more}; `hwptop \
         bench {suite} --runs 20 -o RUN.json` with what is to be compared with, and `hwptop baseline \
         add RUN.json --store {directory} --branch {branch}`"
    ))
}
