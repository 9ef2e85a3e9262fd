//! The lab's kernels: built once per version, configuration and compiler, and kept.

use anyhow::{Context as _, Result, bail};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::architecture::Architecture;
use super::cache::{self, Cache};
use super::profile::Profile;
use super::source::Source;
use super::voice::{Progress, Voice};
use crate::process;
use crate::setup::{self, Install, Need};

/// The image of the profile's kernel; the cache has its configuration and symbols beside it.
///
/// # Errors
/// Where something is missing and may not be installed, or the kernel does not build, with the place of the log.
pub(super) fn image(
    cache: &Cache,
    folder: &Path,
    profile: &Profile,
    install: Install,
    voice: Voice,
) -> Result<PathBuf> {
    let architecture = profile.architecture;
    let config = profile.config(folder)?;
    setup::ensure(&setup::missing(Need::Kernel), install)?;
    if !architecture.is_native() {
        setup::ensure(&cross_packages(architecture)?, install)?;
    }
    let compiler = compiler(architecture)?;

    let lock = cache.lock(voice)?;
    let source = Source::get(cache, &lock, install, voice)?;
    let key = format!(
        "{}-{}-{}",
        architecture.name(),
        source.version,
        cache::key(&[&source.version, &config, architecture.name(), &compiler])
    );
    let made = cache.folder(&lock, "kernel", &key, |aside| {
        let what = format!(
            "building the {} kernel {} (about 7 minutes on 2 cores, once)",
            architecture.name(),
            source.version
        );
        let log = cache.path(&format!("build-{}.log", architecture.name()));
        let mut build = Build {
            architecture,
            log: &log,
            progress: Progress::begin(voice, what),
        };
        build.run(&source, &config, aside)?;
        build.progress.end();
        Ok(())
    })?;
    Ok(made.join("image"))
}

/// What cross-compiling for `architecture` needs and this machine does not have.
///
/// # Errors
/// Where no way is known.
pub(super) fn cross_packages(architecture: Architecture) -> Result<Vec<&'static setup::Package>> {
    if architecture == Architecture::X86_64 {
        bail!("building for x86_64 on another processor is not known to the lab");
    }
    Ok(setup::missing(Need::Arm64))
}

/// What the compiler says about itself.
fn compiler(architecture: Architecture) -> Result<String> {
    let mut query = Command::new(format!("{}gcc", architecture.prefix()));
    let answer = process::output(query.arg("--version"), "reinstall the compiler")?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// One build.
struct Build<'a> {
    architecture: Architecture,
    /// What the tools say.
    log: &'a Path,
    progress: Progress,
}

impl Build<'_> {
    /// Builds in `folder` and leaves only image, configuration and symbols there.
    fn run(&mut self, source: &Source, config: &str, folder: &Path) -> Result<()> {
        File::create(self.log).with_context(|| format!("cannot create {}", self.log.display()))?;
        self.progress.show("unpacking the source");
        let tree = source.unpack(folder)?;
        let out = folder.join("out");
        fs::create_dir(&out).context("cannot create the build's folder")?;
        self.make(&tree, &out, &["tinyconfig"])?;
        let file = out.join(".config");
        let tiny = fs::read_to_string(&file).context("tinyconfig left no .config")?;
        fs::write(&file, tiny + config).context("cannot write .config")?;
        self.make(&tree, &out, &["olddefconfig"])?;
        let chosen = fs::read_to_string(&file).context("olddefconfig left no .config")?;
        let lacking = lacking(config, &chosen);
        if !lacking.is_empty() {
            bail!("this kernel has no {}", lacking.join(", "));
        }

        let jobs = thread::available_parallelism().map_or(1, |count| count.get() + 1);
        let image = self.architecture.image();
        self.make(&tree, &out, &[&format!("-j{jobs}"), image])?;
        let built = format!("arch/{}/boot/{image}", self.architecture.kernel());
        for (from, to) in [
            (built.as_str(), "image"),
            (".config", "config"),
            ("System.map", "System.map"),
        ] {
            fs::rename(out.join(from), folder.join(to))
                .with_context(|| format!("the build left no {from}"))?;
        }
        crate::apt::remove(&out)?;
        crate::apt::remove(&tree)
    }

    fn make(&mut self, tree: &Path, out: &Path, targets: &[&str]) -> Result<()> {
        let append = || File::options().append(true).open(self.log);
        let streams = append().and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = streams.context("cannot open the build's log")?;
        let mut child = Command::new("make")
            .arg("-C")
            .arg(tree)
            .arg(format!("O={}", out.display()))
            .arg(format!("ARCH={}", self.architecture.kernel()))
            .arg(format!("CROSS_COMPILE={}", self.architecture.prefix()))
            .args(targets)
            // A make that started this program would hand down its own jobs.
            .env_remove("MAKEFLAGS")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .context("cannot start make")?;
        let status = self.watch(&mut child)?;
        if !status.success() {
            bail!(
                "`make {}` ended with {status}; what it said is in {}",
                targets.join(" "),
                self.log.display()
            );
        }
        Ok(())
    }

    fn watch(&mut self, child: &mut Child) -> Result<std::process::ExitStatus> {
        let mut log = File::open(self.log).context("cannot read the build's log")?;
        let mut text = Vec::new();
        let mut objects = 0;
        loop {
            let status = child.try_wait().context("cannot wait for make")?;
            log.read_to_end(&mut text)
                .context("cannot read the build's log")?;
            let whole = text
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            objects += objects_in(&text[..whole]);
            text.drain(..whole);
            if let Some(status) = status {
                return Ok(status);
            }
            self.progress.show(&format!("{objects} files compiled"));
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// How many files make says that it compiles.
fn objects_in(log: &[u8]) -> usize {
    let lines = log.split(|&byte| byte == b'\n');
    lines
        .filter(|line| line.starts_with(b"  CC ") || line.starts_with(b"  AS "))
        .count()
}

/// What the fragments ask for and the finished configuration has otherwise.
fn lacking<'a>(wanted: &'a str, chosen: &str) -> Vec<&'a str> {
    let is_met = |line: &str| match line.split_once('=') {
        Some((name, "n")) => !chosen.lines().any(|other| {
            other
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('='))
        }),
        _ => chosen.lines().any(|other| other == line),
    };
    wanted
        .lines()
        .filter(|line| line.starts_with("CONFIG_") && !is_met(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_finished_configuration_does_not_have_is_named() {
        let wanted = "# c\nCONFIG_A=y\nCONFIG_B=n\nCONFIG_C=y\nCONFIG_D=n\nCONFIG_N=4\n";
        let chosen =
            "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\nCONFIG_D=y\nCONFIG_N=4\nCONFIG_BB=y\n";
        assert_eq!(lacking(wanted, chosen), ["CONFIG_C=y", "CONFIG_D=n"]);
    }

    #[test]
    fn files_are_counted_as_make_names_them() {
        let log =
            b"make[1]: Entering\n  CC      a.o\n  AS      b.o\n  LD      c.o\n  CC [M]  d.o\n";
        assert_eq!(objects_in(log), 3);
    }
}
