//! The kernel's functions by the names they have in `/proc/kallsyms`.

use std::collections::BTreeMap;

use super::host::Host;

/// A function as the kernel names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name with what the compiler appended, e.g. `iommu_completion_wait.isra.0`.
    pub name: String,
    /// The module it is in; `None` is the kernel itself.
    pub module: Option<String>,
    /// How many functions have just this name; with several, none can be chosen by name.
    pub copies: u32,
}

/// The functions that were looked for and are there.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    found: BTreeMap<&'static str, Symbol>,
    readable: bool,
    addresses_hidden: bool,
}

impl Symbols {
    /// Looks for functions in `/proc/kallsyms`. Its names are there for everybody; only
    /// the addresses can be hidden, and nothing here needs them.
    pub(crate) fn read(host: &Host, wanted: &[&'static str]) -> Self {
        let mut symbols = Self::default();
        let bytes = host.bytes("proc/kallsyms").unwrap_or_default();
        symbols.readable = !bytes.is_empty();
        symbols.addresses_hidden = symbols.readable;
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some((address, name, module)) = std::str::from_utf8(line).ok().and_then(function)
            else {
                continue;
            };
            symbols.addresses_hidden &= address.bytes().all(|digit| digit == b'0');
            let stem = name.split('.').next().unwrap_or(name);
            if let Some(wanted) = wanted.iter().find(|wanted| **wanted == stem)
                && stands_for(wanted, name)
            {
                symbols.add(wanted, name, module);
            }
        }
        symbols
    }

    /// The symbol that stands for a function, if the kernel has one.
    #[must_use]
    pub fn find(&self, function: &str) -> Option<&Symbol> {
        self.found.get(function)
    }

    /// Whether `/proc/kallsyms` could be read at all.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether it keeps the addresses to itself (`kernel.kptr_restrict`, `CAP_SYSLOG`).
    #[must_use]
    pub fn addresses_hidden(&self) -> bool {
        self.addresses_hidden
    }

    fn add(&mut self, wanted: &'static str, name: &str, module: Option<&str>) {
        let new = Symbol {
            name: name.to_owned(),
            module: module.map(str::to_owned),
            copies: 1,
        };
        match self.found.get_mut(wanted) {
            Some(known) if known.name == name => known.copies += 1,
            // The plain name is the function as it was written.
            Some(known) if name == wanted => *known = new,
            Some(_) => {}
            None => {
                self.found.insert(wanted, new);
            }
        }
    }
}

/// Address, name and module of a line, if it is a function's.
pub(super) fn function(line: &str) -> Option<(&str, &str, Option<&str>)> {
    let mut words = line.split_ascii_whitespace();
    let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
    let module = words
        .next()
        .and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
    matches!(kind, "t" | "T" | "w" | "W").then_some((address, name, module))
}

/// Whether a name is the whole function's: the compiler renames one whose arguments it
/// changed (`.isra`), that it made for one constant (`.constprop`), or that link-time
/// optimisation made unique (`.llvm`). A `.part` is what was not put into the callers, a
/// `.cold` what is rarely run: neither sees every call.
fn stands_for(function: &str, name: &str) -> bool {
    let Some(suffixes) = name.strip_prefix(function) else {
        return false;
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphabetic());
    suffixes
        .split('.')
        .filter(|part| word(part))
        .all(|part| matches!(part, "isra" | "constprop" | "llvm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_whole_function_stand_for_it() {
        for (name, stands) in [
            ("f", true),
            ("f.isra.0", true),
            ("f.constprop.0", true),
            ("f.constprop.0.isra.0", true),
            ("f.llvm.1234", true),
            ("f.cold", false),
            ("f.isra.0.cold", false),
            ("f.part.0", false),
            ("f.part.0.isra.0", false),
        ] {
            assert_eq!(stands_for("f", name), stands, "{name}");
        }
    }

    #[test]
    fn lines_of_data_and_garbage_are_no_functions() {
        let line = "ffffffffc0a01230 t iommufd_hwpt_invalidate\t[iommufd]";
        assert_eq!(
            function(line),
            Some((
                "ffffffffc0a01230",
                "iommufd_hwpt_invalidate",
                Some("iommufd")
            ))
        );
        for line in ["", "0", "0 d f", "0 T", "0 T f["] {
            assert!(
                function(line).is_none_or(|(_, name, _)| name == "f["),
                "{line}"
            );
        }
    }
}
