use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use hwptop_agent::{CommandStream, SubmittedCommands};
use hwptop_driver::{CaptureWriter, CapturedCommand, Vendor};

use crate::command::beside::Beside;

/// A capture per instance.
pub(super) struct Files {
    output: PathBuf,
    vendor: Vendor,
    /// Whether the instance's name is part of its file's.
    is_named: bool,
    each: Vec<InstanceFile>,
    /// By the stream's number of an instance: which of `each` is its.
    by_number: Vec<usize>,
}

/// The capture of one instance.
pub(super) struct InstanceFile {
    instance: String,
    path: PathBuf,
    file: Beside,
    writer: CaptureWriter<BufWriter<File>>,
    /// When its first submission was.
    first_ns: Option<u64>,
    /// Bytes of the file up to the last flush: a capture in itself.
    whole: u64,
    /// Commands beyond the most that a capture may have.
    left_out: u64,
}

impl Files {
    /// Makes a file for each of the instances that are known to be there, so that a wrong
    /// name shows before anything is recorded. What has their names stays until there is
    /// something to put in its place.
    pub(super) fn create(
        output: &Path,
        vendor: Vendor,
        instances: &[String],
    ) -> anyhow::Result<Self> {
        let mut files = Self {
            output: output.to_owned(),
            vendor,
            is_named: instances.len() != 1,
            each: Vec::new(),
            by_number: Vec::new(),
        };
        for instance in instances {
            files.add(instance)?;
        }
        Ok(files)
    }

    /// Appends submissions, oldest first.
    pub(super) fn write(
        &mut self,
        stream: &CommandStream,
        submissions: &[SubmittedCommands],
    ) -> anyhow::Result<()> {
        for (name, _) in stream.instances().skip(self.by_number.len()) {
            let file = self.file_of(name)?;
            self.by_number.push(file);
        }
        for submission in submissions {
            let file = &mut self.each[self.by_number[submission.instance]];
            file.write(submission)?;
        }
        Ok(())
    }

    /// Puts everything until now into the files.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.each.iter_mut().try_for_each(InstanceFile::flush)
    }

    /// The files, whose names follow from their instances'.
    pub(super) fn iter(&self) -> impl Iterator<Item = &InstanceFile> {
        self.each.iter()
    }

    fn file_of(&mut self, instance: &str) -> anyhow::Result<usize> {
        let found = self.each.iter().position(|file| file.instance == instance);
        if let Some(found) = found {
            return Ok(found);
        }
        // One more than there were when the recording began.
        self.is_named = true;
        self.add(instance)?;
        Ok(self.each.len() - 1)
    }

    fn add(&mut self, instance: &str) -> anyhow::Result<()> {
        let path = if self.is_named {
            with_instance(&self.output, instance)
        } else {
            self.output.clone()
        };
        let file = InstanceFile::create(instance, &path, self.vendor)
            .with_context(|| path.display().to_string())?;
        self.each.push(file);
        Ok(())
    }
}

impl InstanceFile {
    fn create(instance: &str, path: &Path, vendor: Vendor) -> io::Result<Self> {
        let file = Beside::create(path)?;
        let compressed = path.extension().is_some_and(|extension| extension == "gz");
        let out = BufWriter::new(file.file().try_clone()?);
        let writer = CaptureWriter::new(out, vendor, compressed)?;
        let mut created = Self {
            instance: instance.to_owned(),
            path: path.to_owned(),
            file,
            writer,
            first_ns: None,
            whole: 0,
            left_out: 0,
        };
        created.put()?;
        Ok(created)
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn write(&mut self, submission: &SubmittedCommands) -> anyhow::Result<()> {
        let first_ns = *self.first_ns.get_or_insert(submission.time_ns);
        // A submission that came too late for the order may be before the first.
        let at_us = submission.time_ns.saturating_sub(first_ns) / 1000;
        for &words in &submission.words {
            let written = self.writer.write(CapturedCommand { at_us, words });
            if !written.map_err(|error| self.failed(error))? {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.put().map_err(|error| self.failed(error))
    }

    fn put(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.whole = self.file.file().metadata()?.len();
        if self.writer.commands() > 0 {
            self.file.put_in_place()?;
        }
        Ok(())
    }

    /// Leaves the file as it was after the last flush.
    fn failed(&self, error: io::Error) -> anyhow::Error {
        // A device has no length.
        let _ = self.file.file().set_len(self.whole);
        let left = if self.file.is_in_place() {
            "ends with the second before, the rest could not be written"
        } else {
            "nothing could be written"
        };
        anyhow::Error::new(error).context(format!("{}: {left}", self.path.display()))
    }
}

/// `FILE` with the instance's name before its extension, which `.csv.gz` is as a whole.
fn with_instance(output: &Path, instance: &str) -> PathBuf {
    let name = output.file_name().unwrap_or_default();
    let text = name.to_string_lossy();
    let extensions = [".csv.gz", ".csv", ".gz"];
    let extension = extensions
        .into_iter()
        .find(|extension| text.len() > extension.len() && text.ends_with(extension))
        .unwrap_or_default();
    let mut named = match text.strip_suffix(extension) {
        // Bytes that are no text stay what they are.
        Some(stem) if !extension.is_empty() && !text.contains('\u{fffd}') => OsString::from(stem),
        _ => name.to_owned(),
    };
    named.push(".");
    named.push(instance);
    if !text.contains('\u{fffd}') {
        named.push(extension);
    }
    output.with_file_name(named)
}

#[cfg(test)]
mod tests;
