use ratatui::crossterm::event::{KeyEvent, KeyEventKind, KeyModifiers};

use super::{Action, Binding, Key, TABLE, name};

/// More than so many slips away, a name is another one.
const SLIPS_MAX: usize = 3;

/// Which key does what, as the user has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// In the order of the table.
    chosen: Vec<Vec<Key>>,
}

/// Why keys cannot be had as the user wants them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Nothing is called so.
    #[error("no action is called {name:?}{}", nearest.map_or_else(String::new, |one| format!("; did you mean {one}?")))]
    Action {
        /// As it was written.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// No key is called so.
    #[error("{key:?} is no key; {}", name::EXAMPLES)]
    Key {
        /// What it was for.
        action: String,
        /// As it was written.
        key: String,
    },
    /// It would do two things.
    #[error(
        "{key} is a key of {other} too; give it to one of the two, and the other another key or none: []"
    )]
    Twice {
        /// The later one of those that the user gave keys.
        action: String,
        /// As it is written.
        key: String,
        /// What else it does.
        other: &'static str,
    },
    /// Nobody could leave.
    #[error("there must be a key to quit with")]
    NoWayOut {
        /// The name of that action.
        action: String,
    },
}

impl KeysError {
    /// Which of the names that were given it is about.
    #[must_use]
    pub fn action(&self) -> &str {
        match self {
            Self::Action { name: action, .. }
            | Self::Key { action, .. }
            | Self::Twice { action, .. }
            | Self::NoWayOut { action } => action,
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            chosen: TABLE.iter().map(|one| one.keys.to_vec()).collect(),
        }
    }
}

impl Keys {
    /// Those of the table, but for the actions in `given`: they have the keys that are there by their names.
    ///
    /// # Errors
    /// [`KeysError`] where a name is not known, or a key would do two things.
    pub fn with(given: &[(String, Vec<String>)]) -> Result<Self, KeysError> {
        let mut keys = Self::default();
        for (action, names) in given {
            let at = position(action)?;
            let key = |key: &String| {
                name::key(key).ok_or_else(|| KeysError::Key {
                    action: action.clone(),
                    key: key.clone(),
                })
            };
            keys.chosen[at] = names.iter().map(key).collect::<Result<_, _>>()?;
            if TABLE[at].action == Action::Quit && names.is_empty() {
                return Err(KeysError::NoWayOut {
                    action: action.clone(),
                });
            }
        }
        for (action, _) in given.iter().rev() {
            keys.check(action, position(action)?)?;
        }
        Ok(keys)
    }

    /// Whether each key of the one at `at` does nothing else.
    fn check(&self, action: &str, at: usize) -> Result<(), KeysError> {
        for (index, key) in self.chosen[at].iter().enumerate() {
            let mut others = TABLE.iter().zip(&self.chosen).enumerate();
            let twice = self.chosen[at][..index].contains(key).then_some(&TABLE[at]);
            let other = others.find(|(other, (_, keys))| *other != at && keys.contains(key));
            if let Some(other) = twice.or(other.map(|(_, (binding, _))| binding)) {
                return Err(KeysError::Twice {
                    action: action.to_owned(),
                    key: name::written(*key),
                    other: other.name,
                });
            }
        }
        Ok(())
    }

    /// All actions: name, what it does, and its keys by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'static str, Vec<String>)> {
        let named = |keys: &Vec<Key>| keys.iter().map(|key| name::written(*key)).collect();
        let each = TABLE.iter().zip(&self.chosen);
        each.map(move |(binding, keys)| (binding.name, binding.does, named(keys)))
    }

    /// What `event` asks for, if anything.
    pub(crate) fn action_of(&self, event: KeyEvent) -> Option<Action> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        // Some terminals report the shift that `?` and `G` need.
        let key = (event.code, event.modifiers - KeyModifiers::SHIFT);
        let mut each = TABLE.iter().zip(&self.chosen);
        each.find(|(_, keys)| keys.contains(&key))
            .map(|(binding, _)| binding.action)
    }

    /// The keys of `binding` as the help shows them.
    pub(crate) fn label(&self, binding: &Binding) -> String {
        let names: Vec<String> = self.of(binding.action).map(name::shown).collect();
        names.join("  ")
    }

    /// The first of the keys with the word for it, e.g. `q quit`.
    pub(crate) fn hint(&self, binding: &Binding) -> Option<String> {
        let first = self.of(binding.action).next()?;
        Some(format!("{} {}", name::shown(first), binding.hint?))
    }

    fn of(&self, action: Action) -> impl Iterator<Item = Key> {
        let mut each = TABLE.iter().zip(&self.chosen);
        let keys = each.find(|(binding, _)| binding.action == action);
        keys.into_iter().flat_map(|(_, keys)| keys.iter().copied())
    }
}

/// Where in the table the action called `name` is.
fn position(name: &str) -> Result<usize, KeysError> {
    let found = TABLE.iter().position(|binding| binding.name == name);
    found.ok_or_else(|| KeysError::Action {
        name: name.to_owned(),
        nearest: nearest(name, TABLE.iter().map(|binding| binding.name)),
    })
}

/// The name that `written` may be meant for.
fn nearest(written: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let slips = |name: &str| strsim::osa_distance(written, name);
    let near = names.filter(|name| slips(name) <= SLIPS_MAX.min(name.len() / 2));
    near.min_by_key(|name| slips(name))
}
