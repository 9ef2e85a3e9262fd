//! The dashboard's settings: where they are, what they say, and the theme put back into them.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use hwptop_tui::{Keys, Theme};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    cli::LookArgs,
    command::beside::Beside,
    failure::Failure,
    toml_file::{self, Wrong},
};

/// What holds for this run.
pub(in crate::command) struct Settings {
    pub(super) theme: Theme,
    pub(super) keys: Keys,
    pub(super) file: SettingsFile,
}

impl Settings {
    /// From the command line, the file and the environment, in this order.
    pub(in crate::command) fn of(args: &LookArgs) -> Result<Self, Failure> {
        let file = SettingsFile::of_this_user();
        let said = file.read().map_err(Failure::Input)?;
        Ok(Self {
            theme: args.theme.or(said.theme).unwrap_or_else(of_the_terminal),
            keys: said.keys,
            file,
        })
    }
}

/// As its environment tells it.
fn of_the_terminal() -> Theme {
    let [no_color, term, colorterm] = ["NO_COLOR", "TERM", "COLORTERM"].map(env::var_os);
    Theme::for_terminal(no_color.as_deref(), term.as_deref(), colorterm.as_deref())
}

/// What a file says.
#[derive(Debug, Default, PartialEq)]
struct Said {
    theme: Option<Theme>,
    keys: Keys,
}

/// As it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    theme: Option<Spanned<String>>,
    keys: BTreeMap<Spanned<String>, Vec<String>>,
}

/// Where the settings are, if they have a place; they need not be there.
pub(super) struct SettingsFile(Option<PathBuf>);

impl SettingsFile {
    fn of_this_user() -> Self {
        let absolute = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = || Some(absolute("HOME")?.join(".config"));
        let directory = absolute("XDG_CONFIG_HOME").or_else(home);
        Self(directory.map(|directory| directory.join("hwptop/top.toml")))
    }

    /// What it says; nothing where it is not there.
    fn read(&self) -> anyhow::Result<Said> {
        let Some((path, bytes)) = self.0.as_deref().zip(self.bytes()?) else {
            return Ok(Said::default());
        };
        said(&bytes).map_err(|wrong| anyhow!("{}:{wrong}", path.display()))
    }

    fn bytes(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.0 else { return Ok(None) };
        // Nobody asked for it by name, so that nobody is there to write into it either.
        if fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo()) {
            bail!("{}: it is a FIFO, and not a file", path.display());
        }
        match toml_file::bytes(path) {
            Err(error) if is_absent(&error) => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Puts the theme into it and leaves the rest as it is; answers where it is.
    pub(super) fn save(&self, theme: Theme) -> anyhow::Result<&Path> {
        let path = self.0.as_deref().ok_or_else(|| {
            anyhow!("neither XDG_CONFIG_HOME nor HOME says where settings are kept")
        })?;
        let before = self.bytes()?.unwrap_or_default();
        let after = with_theme(&before, theme);
        let after = after.map_err(|wrong| anyhow!("{}:{wrong}", path.display()))?;
        written(path, &after).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What `bytes` say, or where they go wrong and how.
fn said(bytes: &[u8]) -> Result<Said, Wrong> {
    let Written { theme, keys } = toml_file::parse(bytes)?;
    let theme = theme.map(|name| {
        let at = name.span().start.min(bytes.len());
        name.get_ref()
            .parse::<Theme>()
            .map_err(|error| Wrong::at(&bytes[..at], error.to_string()))
    });
    let mut places: Vec<(usize, (String, Vec<String>))> = keys
        .into_iter()
        .map(|(name, keys)| {
            (
                name.span().start.min(bytes.len()),
                (name.into_inner(), keys),
            )
        })
        .collect();
    // As in the file: of two that want the same key, the later one is wrong.
    places.sort();
    let (places, given): (Vec<usize>, Vec<_>) = places.into_iter().unzip();
    let keys = Keys::with(&given).map_err(|error| {
        let which = given.iter().position(|(name, _)| name == error.action());
        let at = which.map_or(0, |which| places[which]);
        Wrong::at(&bytes[..at], error.to_string())
    })?;
    Ok(Said {
        theme: theme.transpose()?,
        keys,
    })
}

/// `bytes` with another theme.
fn with_theme(bytes: &[u8], theme: Theme) -> Result<Vec<u8>, Wrong> {
    let Written { theme: before, .. } = toml_file::parse(bytes)?;
    let place = before
        .map(|name| name.span())
        .filter(|place| place.end <= bytes.len());
    let value = format!("\"{}\"", theme.name());
    Ok(match place {
        Some(place) => [&bytes[..place.start], value.as_bytes(), &bytes[place.end..]].concat(),
        // Before any table.
        None => [format!("theme = {value}\n").as_bytes(), bytes].concat(),
    })
}

/// All at once or not at all.
fn written(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mode = fs::metadata(path).map_or(0o644, |file| file.permissions().mode());
    let mut file = Beside::with_mode(path, mode & 0o777)?;
    file.file().write_all(bytes)?;
    file.file().sync_all()?;
    file.put_in_place()
}

/// A file with every setting.
pub(super) fn template() -> String {
    let themes = Theme::ALL.map(Theme::name).join(", ");
    let theme = Theme::ALL[0].name();
    let mut text = format!(
        "# hwptop top, hwptop replay: the settings of the dashboard, as\n\
         # $XDG_CONFIG_HOME/hwptop/top.toml or ~/.config/hwptop/top.toml has them. What is left\n\
         # out is as it is here.\n\n\
         # Colours: {themes}. --theme comes before this, and this before\n\
         # NO_COLOR. The key for it changes this line.\n\
         #theme = \"{theme}\"\n\n\
         # Keys of every action, none with []. A character, Ctrl-X, Alt-X, F1 to F12, Enter, Esc,\n\
         # Space, Tab, Backspace, Insert, Delete, Up, Down, Left, Right, PageUp, PageDown, Home,\n\
         # End.\n[keys]\n"
    );
    for (name, does, keys) in Keys::default().iter() {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        // A `String` takes what is written to it.
        let _ = writeln!(text, "{name} = [{}] # {does}", keys.join(", "));
    }
    text
}

#[cfg(test)]
mod tests;
